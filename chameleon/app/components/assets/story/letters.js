// The letter box: what Python answers reaches the Story without its payload being sent again. A second
// component, whose data alone changes; it raises an event of the page, because each component has a
// module instance of its own. The last letter stays on the window for a Story that mounts later.
const EVENT = "chameleon-letter", PLACE = "chameleonLetter";

export default function post({ data }) {
  window[PLACE] = JSON.parse(data.letter);
  window.dispatchEvent(new CustomEvent(EVENT));
}

// Calls `read` with the last letter, if there is one, and with every later one; returns how to end it.
export function readLetters(read) {
  const listener = () => read(window[PLACE]);
  if (window[PLACE]) listener();
  window.addEventListener(EVENT, listener);
  return () => window.removeEventListener(EVENT, listener);
}
