"""A page for people with a list of anime who want to know what to watch next: ``make app``.

Streamlit runs this file from top to bottom on every interaction. What a visitor tells is kept in
its session (``pipeline.page.lists``); what is computed from it is cached, so that only what an
interaction changes is computed again.
"""

import streamlit as st

from pipeline.errors import UserError
from pipeline.page import cards, lists, views
from pipeline.page.filters import ask
from pipeline.paths import MODEL, ROOT
from pipeline.recommender.recommender import Recommender

TABS = {
    "What to watch next": views.best,
    "Next in your series": views.next_in_series,
    "Niche": views.niche,
    "Your plan": views.plan,
    "For two": views.two,
    "Your taste": views.taste,
    "Your list": views.yours,
}
INTRODUCTION = (
    "Bring your list, or rate a few anime you have seen; five are enough to start. You get what "
    "you would watch and like, the rating you will probably give it, how sure that is, and why. "
    "Nothing leaves this machine."
)
FEW = 5  # titles that are enough to start


@st.cache_resource(show_spinner="Loading the model")
def load() -> Recommender:
    """Load the model once for all sessions."""
    return Recommender(ROOT / MODEL)


def main() -> None:
    """Show the page.

    Elements that come and go are wrapped in containers. Streamlit identifies an element by its
    position: without them, tabs and expanders below would move, close and forget their choices.
    """
    st.set_page_config("What to watch next", layout="centered")
    st.html(cards.STYLE)
    st.title("What to watch next")
    try:
        recommender = load()
    except UserError as error:
        st.error(lists.plain(str(error)))
        return
    with st.container():
        if not lists.mine():
            st.markdown(INTRODUCTION)
    with st.container():
        lists.bring(recommender)
    with st.container():
        known(recommender)
    if not lists.mine():
        return
    told = lists.told(recommender)
    with st.container():
        asked = ask(recommender.catalogue)
    planned = any(entry.status == "planned" for entry in lists.mine().values())
    names = [name for name in TABS if planned or name != "Your plan"]
    for name, tab in zip(names, st.tabs(names, key="tab", on_change="rerun"), strict=True):
        if tab.open:
            with tab:
                TABS[name](recommender, told, asked)


def known(recommender: Recommender) -> None:
    """Say what is known of the visitor so far."""
    entries = lists.mine()
    if not entries:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        more = " Rate a few more, and the list gets better." if len(entries) < FEW else ""
        hidden = f" {len(lists.away())} out of account." if lists.away() else ""
        st.markdown(f"{lists.summary(entries)}.{hidden}{more}")
        st.button("Start over", on_click=lists.start_over, type="tertiary")


main()
