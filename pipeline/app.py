"""A page to rate a few anime and see what to watch next: ``make app``.

Streamlit runs this file from top to bottom on every interaction; ratings are kept in its session.
"""

import re

import numpy as np
import pandas as pd
import streamlit as st

from pipeline.errors import UserError
from pipeline.paths import MODEL, ROOT
from pipeline.recommender import rating_files
from pipeline.recommender.catalogue import caption
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Order
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.taste_profile import by_decade, by_genre, difference

MATCHES, RECOMMENDATIONS = 5, 20
NO_REASON = "no single reason stands out"
FIRST_YEAR = 1960  # of the slider: most catalogues have few older titles


@st.cache_resource(show_spinner="Loading the model")
def load() -> Recommender:
    """Load the model once for all sessions."""
    return Recommender(ROOT / MODEL)


def plain(text: str) -> str:
    """Escape Markdown in a text."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$:~<>|&])", r"\\\1", text)


def rate(recommender: Recommender, row: int, section: str) -> None:
    """Show a title with buttons to rate it; choosing the same rating again removes it."""
    title, key = recommender.catalogue.describe(row), f"{section}-{row}"

    def keep() -> None:
        value = st.session_state[key]
        if value is None:
            st.session_state.rated.pop(row, None)
        else:
            st.session_state.rated[row] = value
        if section == "search":
            st.session_state.query = ""

    st.markdown(f"**{plain(title['title'])}**  \n{plain(caption(title))}")
    low, high = recommender.scorer.scale
    # A title may be rated in two sections; both must show the same rating.
    st.session_state[key] = st.session_state.rated.get(row)
    st.pills(
        f"Your rating of {title['title']}", list(range(low, high + 1)), key=key, on_change=keep,
        label_visibility="collapsed",
    )  # fmt: skip


def search(recommender: Recommender) -> None:
    """Show a search for titles to rate, and an upload of ratings."""
    example = f"for example {recommender.catalogue.name(1)}"
    query = st.text_input("Search for an anime, then press Enter", key="query", placeholder=example)
    with st.container():
        rows = recommender.catalogue.search(query, MATCHES) if query else []
        if query and not rows:
            st.info("No anime has a name like this.")
        for row in rows:
            rate(recommender, row, "search")
    with st.expander("Or upload your ratings"):
        file = st.file_uploader(
            "MyAnimeList's XML export, or a CSV file with the columns title and rating"
        )
        if file is not None and st.session_state.get("file") != file.file_id:
            try:
                ratings = rating_files.parse(file.name, file.getvalue(), recommender.scorer.scale)
                person = recommender.newcomer(ratings)
            except UserError as error:
                st.error(plain(str(error)))
            else:
                st.session_state.file = file.file_id
                pairs = zip(person.item.tolist(), person.rating.tolist(), strict=True)
                st.session_state.rated |= {row: round(rating) for row, rating in pairs}


def ask_filters(recommender: Recommender) -> tuple[Filters, Order]:
    """Show the filters; returns the chosen ones and the diversity."""
    catalogue = recommender.catalogue
    genres, types = list(catalogue.by_genre), list(catalogue.by_type)
    last_year = int(np.nanmax(catalogue.years, initial=FIRST_YEAR + 1))
    with st.expander("Filters"):
        required = st.multiselect("Only anime with all of these genres", genres)
        excluded = st.multiselect("No anime with any of these genres", genres)
        chosen_types = st.multiselect("Only these types", types)
        first, last = st.slider("Began between", FIRST_YEAR, last_year, (FIRST_YEAR, last_year))
        sequels = st.toggle("Sequels of anime I have not rated", value=True)
        diversity = st.slider(
            "Variety", 0.0, 1.0, 0.0, 0.1,
            help="At 0 you see the anime you should like most. Higher values mix in others that "
            "differ more from each other.",
        )  # fmt: skip
    # The ends of the slider stand for any year, so that titles of unknown year are listed too.
    years = (first if first > FIRST_YEAR else None, last if last < last_year else None)
    filters = Filters(required, excluded, chosen_types, years, sequels)
    return filters, Order(diversity=diversity)


def recommended(recommender: Recommender, person: Person) -> None:
    """List recommended titles with their predictions and reasons."""
    try:
        titles = recommender.recommend(person, RECOMMENDATIONS, *ask_filters(recommender))
    except UserError as error:
        st.warning(plain(str(error)))
        return
    st.caption(
        "The number after each name is the rating you will probably give. Below are the main "
        "reasons and how many points each adds."
    )
    for rank, title in enumerate(titles, start=1):
        with st.container(border=True):
            name, points = plain(title["title"]), title["prediction"]
            st.markdown(f"{rank}\\. **{name}**: {points:.1f}  \n{plain(caption(title))}")
            reasons = [f"{plain(part['what'])} +{part['points']:.2f}" for part in title["why"]]
            st.caption(f"because of {'; '.join(reasons)}" if reasons else NO_REASON)


def profile(recommender: Recommender, person: Person) -> None:
    """Show the taste profile as bar charts."""
    catalogue, compared = recommender.catalogue, difference(recommender, person)
    for name, mean_by in (("genre", by_genre), ("decade", by_decade)):
        points = mean_by(catalogue, compared)
        if points:
            frame = pd.DataFrame({name: list(points), "points": list(points.values())})
            st.bar_chart(frame, x=name, y="points", horizontal=name == "genre", sort=False)
    st.caption(
        "How many points more (or less, if negative) you will probably rate such anime than other "
        "people do, compared with how you rate anime in general."
    )


def main() -> None:
    """Show the page.

    Elements that come and go are wrapped in containers. Streamlit identifies an element by its
    position: without them, tabs and expanders below would move, close and forget their choices.
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
        st.info("Rate a few anime you have seen; five are enough to start.")
        return
    for_you, yours, taste = st.tabs(
        [f"{RECOMMENDATIONS} for you", f"Your ratings ({len(rated)})", "Your taste"]
    )
    with yours:
        for row in list(rated):
            rate(recommender, row, "yours")
    ids = recommender.catalogue.ids.of_row
    person = recommender.newcomer([Listed(str(ids[row]), value) for row, value in rated.items()])
    with for_you:
        recommended(recommender, person)
    with taste:
        profile(recommender, person)


main()
