"""A page on which one rates a few titles and sees what one would like: ``make app``.

Streamlit runs this file from top to bottom at each click; what was rated is in its session.
"""

import re

import numpy as np
import pandas as pd
import streamlit as st

from pipeline.errors import UserError
from pipeline.paths import MODEL, ROOT
from pipeline.recommender import rating_files
from pipeline.recommender.catalogue import Rated, Wanted, about
from pipeline.recommender.recommender import Person, Recommender
from pipeline.recommender.taste_profile import by_decade, by_genre, difference

MATCHES, LISTED = 5, 20
NO_REASON = "nothing of what you rated speaks for it"
OLDEST = 1960  # most catalogues have little that is older


@st.cache_resource(show_spinner="Reading the model")
def load() -> Recommender:
    """Read the model once for everybody."""
    return Recommender(ROOT / MODEL)


def plain(text: str) -> str:
    """Keep Streamlit from reading a title as Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$:~<>|&])", r"\\\1", text)


def rate(recommender: Recommender, row: int, place: str) -> None:
    """Show a title with buttons to rate it; a rating that is chosen again is taken back."""
    title, key = recommender.described(row), f"{place}-{row}"

    def keep() -> None:
        value = st.session_state[key]
        if value is None:
            st.session_state.rated.pop(row, None)
        else:
            st.session_state.rated[row] = value
        if place == "found":
            st.session_state.typed = ""

    st.markdown(f"**{plain(title['title'])}**  \n{plain(about(title))}")
    low, high = recommender.scorer.scale
    st.session_state[key] = st.session_state.rated.get(row)  # as it was chosen elsewhere
    st.pills(
        f"Your rating of {title['title']}", list(range(low, high + 1)), key=key, on_change=keep,
        label_visibility="collapsed",
    )  # fmt: skip


def search(recommender: Recommender) -> None:
    """Let titles be found and rated, or brought in a file."""
    example = f"such as {recommender.catalogue.name(1)}"
    typed = st.text_input("Search a title, then Enter", key="typed", placeholder=example)
    with st.container():
        rows = recommender.catalogue.search(typed, MATCHES) if typed else []
        if typed and not rows:
            st.info("No title is called like that.")
        for row in rows:
            rate(recommender, row, "found")
    with st.expander("Or bring a list"):
        file = st.file_uploader("CSV with title and rating, or MyAnimeList's XML export")
        if file is not None and st.session_state.get("file") != file.file_id:
            try:
                found = rating_files.parse(file.name, file.getvalue(), recommender.scorer.scale)
                person = recommender.newcomer(found)
            except UserError as error:
                st.error(plain(str(error)))
            else:
                st.session_state.file = file.file_id
                ratings = zip(person.item.tolist(), person.rating.tolist(), strict=True)
                st.session_state.rated |= {row: round(rating) for row, rating in ratings}


def wanted(recommender: Recommender) -> tuple[Wanted, float]:
    """Ask what the titles must be, and how unlike each other."""
    titles = recommender.catalogue
    genres, types = list(titles.by_genre), list(titles.by_type)
    last = int(np.nanmax(titles.years, initial=OLDEST + 1))
    with st.expander("Narrow it down"):
        have = st.multiselect("Genres it must have", genres)
        lack = st.multiselect("Genres it may not have", genres)
        kinds = st.multiselect("Types", types)
        first, until = st.slider("Began", OLDEST, last, (OLDEST, last))
        sequels = st.toggle("Sequels of titles I have not rated", value=True)
        diversity = st.slider("Variety", 0.0, 1.0, 0.0, 0.1, help="0: the highest predictions")
    years = (first if first > OLDEST else None, until if until < last else None)
    return Wanted(have, lack, kinds, years, sequels), diversity


def recommended(recommender: Recommender, person: Person) -> None:
    """List titles with what drove each."""
    try:
        found = recommender.recommend(person, LISTED, *wanted(recommender))
    except UserError as error:
        st.warning(plain(str(error)))
        return
    st.caption(
        "Each with the rating that you are predicted to give, and with what adds most to it."
    )
    for rank, title in enumerate(found, start=1):
        with st.container(border=True):
            name, points = plain(title["title"]), title["prediction"]
            st.markdown(f"{rank}\\. **{name}**: {points:.1f}  \n{plain(about(title))}")
            reasons = [f"{plain(one['what'])} +{one['points']:.2f}" for one in title["why"]]
            why = f"because of {'; '.join(reasons)}" if reasons else NO_REASON
            st.caption(why)


def profile(recommender: Recommender, person: Person) -> None:
    """Draw how far predictions for this person are above those for somebody unknown."""
    titles, more = recommender.catalogue, difference(recommender, person)
    for name, column in (("genre", by_genre), ("decade", by_decade)):
        points = column(titles, more)
        if points:
            frame = pd.DataFrame({name: list(points), "points": list(points.values())})
            st.bar_chart(frame, x=name, y="points", horizontal=name == "genre", sort=False)
    st.caption(
        "Points by which you are predicted to rate such titles above your average, beside others."
    )


def main() -> None:
    """Show the page.

    What comes and goes is in containers: Streamlit knows an element by its place, so a tab or an
    expander that moved down would be drawn anew, closed and with its choice forgotten.
    """
    st.set_page_config("What to watch next", layout="centered")
    st.title("What to watch next")
    try:
        recommender = load()
    except UserError as error:
        st.error(plain(str(error)))
        return
    rated = st.session_state.setdefault("rated", {})
    with st.container():
        search(recommender)
    if not rated:
        st.info("Rate a few titles; five are enough to begin with.")
        return
    ours, yours, taste = st.tabs(
        [f"{LISTED} for you", f"Your ratings ({len(rated)})", "Your taste"]
    )
    with yours:
        for row in list(rated):
            rate(recommender, row, "yours")
    ids = recommender.catalogue.ids.of_row
    ratings = [Rated(str(ids[row]), value) for row, value in rated.items()]
    person = recommender.newcomer(ratings)
    with ours:
        recommended(recommender, person)
    with taste:
        profile(recommender, person)


main()
