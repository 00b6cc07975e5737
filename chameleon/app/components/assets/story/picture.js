// The Story as a picture for slides: the elements themselves inside an SVG, and a PNG drawn from it.
const SVG = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
const PNG_SCALE = 2;
const NOT_PICTURED = ".save, .live, .tip, .river-hit";

export async function savePicture(root, name, type) {
  const svg = await svgText(root);
  const address = type === "svg" ? svgAddress(svg) : await pngAddress(svg, root);
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.${type}`;
  link.click();
}

const svgAddress = (text) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;

async function svgText(root) {
  const { width, height } = root.getBoundingClientRect(), copy = pictured(root);
  const style = document.createElementNS(XHTML, "style");
  style.textContent = `${await fontFaces(root)}\n${styles(root)}\n* { scrollbar-width: none !important; }`;
  const box = document.createElementNS(XHTML, "div");
  box.style.cssText = `width:${width}px;height:${height}px;--st-font:${getComputedStyle(root).fontFamily}`;
  box.append(style, copy);
  const frame = document.createElementNS(SVG, "foreignObject");
  const svg = document.createElementNS(SVG, "svg");
  for (const node of [frame, svg]) {
    node.setAttribute("width", width);
    node.setAttribute("height", height);
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  frame.append(box);
  svg.append(frame);
  return new XMLSerializer().serializeToString(svg);
}

// A copy that looks the same without scripts: canvases as images, lists where they are scrolled to.
function pictured(root) {
  const copy = root.cloneNode(true), originals = [...root.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((node, i) => {
    const original = originals[i];
    if (original.scrollTop) for (const child of node.children) child.style.marginTop = `${-original.scrollTop}px`;
    if (original instanceof HTMLCanvasElement) node.replaceWith(asImage(original));
  });
  for (const node of copy.querySelectorAll(NOT_PICTURED)) node.remove();
  return copy;
}

function asImage(canvas) {
  const image = document.createElement("img");
  image.src = canvas.toDataURL();
  image.className = canvas.className;
  image.style.cssText = canvas.style.cssText;
  const { display, imageRendering, borderRadius, boxShadow } = getComputedStyle(canvas);
  const size = { width: `${canvas.clientWidth}px`, height: `${canvas.clientHeight}px` };
  Object.assign(image.style, { display, imageRendering, borderRadius, boxShadow, ...size });
  return image;
}

function styles(root) {
  const rules = (sheet) => [...sheet.cssRules].flatMap(textOf);
  const textOf = (rule) => (rule.styleSheet ? rules(rule.styleSheet) : [rule.cssText]);
  const links = [...root.getRootNode().querySelectorAll("link[rel=stylesheet]")];
  return links.filter((link) => link.sheet).flatMap((link) => rules(link.sheet)).join("\n");
}

// An SVG loads nothing, so the fonts of the page travel inside it.
async function fontFaces(root) {
  const bare = (text) => text.replaceAll(/["']/g, "").trim();
  const family = bare(getComputedStyle(root).fontFamily.split(",")[0]);
  const isUsed = ({ style }) => bare(style.getPropertyValue("font-family")) === family &&
    style.getPropertyValue("font-style") !== "italic";
  const faces = [...document.styleSheets].flatMap(faceRules).filter(isUsed);
  return (await Promise.all(faces.map(embeddedFace))).join("\n");
}

function faceRules(sheet) {
  try {
    return [...sheet.cssRules].filter((rule) => rule instanceof CSSFontFaceRule);
  } catch {
    return [];  // of another host: not ours to read
  }
}

async function embeddedFace(rule) {
  const [, address] = rule.style.getPropertyValue("src").match(/url\(["']?([^"')]+)/) ?? [];
  if (!address) return "";
  const blob = await (await fetch(new URL(address, rule.parentStyleSheet.href ?? document.baseURI))).blob();
  const data = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
  return rule.cssText.replace(/url\([^)]*\)/, `url("${data}")`);
}

async function pngAddress(svg, root) {
  const image = new Image();
  image.src = svgAddress(svg);
  await image.decode();
  const { width, height } = root.getBoundingClientRect(), canvas = document.createElement("canvas");
  canvas.width = Math.round(width * PNG_SCALE);
  canvas.height = Math.round(height * PNG_SCALE);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
