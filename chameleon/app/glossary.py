"""What the words, the colours and the halves of the histograms mean, where somebody needs it."""

from __future__ import annotations

import streamlit as st

from chameleon.app import state, touring
from chameleon.app.view import View

_SEEN = "chameleon.first-look-seen"

WORDS = {
    "version": "one state of the dataset; the timeline has a box for each, old to new.",
    "primary, blue": "the version you look at: the blue arrowhead above its box.",
    "secondary, pink": "the version it is compared with: the pink arrowhead below. What both have "
    "in common reads purple.",
    "instance": "one thing in the data, known by its id in every version.",
    "row": "one content of an instance; an edited instance has several rows.",
    "correct, incorrect": "whether the version's own model predicts the instance's label. Unknown: "
    "there is no label or no prediction; it is never counted as incorrect.",
    "above and below the axis": "bars above count correct instances, bars below incorrect ones. "
    "The halves are not the labels.",
    "train and test accuracy": "the share of a version's own train or test rows that its own model "
    "gets right.",
    "flip": "an outcome that differs between the two versions: negative from correct to incorrect, "
    "positive the other way.",
    "sensitivity": "how often an instance's outcome changed over the versions. Flickering: it "
    "changed more than once.",
    "cell": "one square of the embedding: instances with similar features. Large: many; blue: "
    "mostly correct; red: mostly incorrect.",
    "data iteration": "the step between two versions: what was added, removed, relabelled, edited.",
    "model iteration, entangled": "a step with the same data and another model; entangled: data "
    "and model changed at once, so that neither can be named as the cause.",
    "drift": "how far a feature's distribution moved between two versions, beside what chance "
    "alone would do.",
    "lift": "how much more frequent something is in one group than in another: 2 is twice as "
    "often.",
    "golden test set": "test rows in a file of their own, held by no version, about which every "
    "version's model is asked.",
    "suspicion": "what speaks against an instance's label: models that never saw it give the "
    "label little probability.",
    "exclusion list": "instances to leave out, each with a reason. It deletes nothing. A rule on "
    "it names instances by filters instead of one by one.",
    "labelling rule, label probability": "in weak labelling, rules vote for a class or abstain; "
    "the probability of each class is told from their votes.",
    "filters": "what narrows the instances shown. A click on nearly any mark sets one; the chips "
    "under the timeline take them off.",
}
"""What the app's words mean, in the order in which somebody meets them."""


def draw() -> None:
    """All words behind a button."""
    with st.popover("Words and colours", icon=":material/menu_book:", width="stretch"):
        st.markdown("\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS.items()))


def meet(*, linked: bool) -> None:
    """Note how the visitor came, once a session.

    Parameters
    ----------
    linked
        Whether by a link that asks for something already: it needs no introduction.
    """
    st.session_state.setdefault(_SEEN, linked)


def first_look(view: View) -> None:
    """Three sentences for somebody who has just come, until they are put away."""
    if st.session_state.get(_SEEN, True) or state.tour_step() is not None:
        return
    with st.container(border=True, key="hello"):
        left, right = st.columns([7, 3], vertical_alignment="center")
        left.markdown(
            "**New here?** Every box above is a version of the dataset, with a model trained on "
            "it. **Blue** is the version you look at, **pink** the one it is compared with. In "
            "the histograms, bars **above** the axis are instances the model gets right, bars "
            "**below** those it gets wrong. Click any mark to see its instances in all views."
        )
        with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
            touring.offer(view, key="hello-tour")
            st.button("Got it", key="hello-seen", on_click=_put_away)


def _put_away() -> None:
    st.session_state[_SEEN] = True
