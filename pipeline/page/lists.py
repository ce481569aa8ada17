"""The lists that a visitor brings or makes, kept in Streamlit's session."""

import re
from typing import NamedTuple

import streamlit as st

from pipeline.errors import UserError
from pipeline.page import cards
from pipeline.recommender import rating_files
from pipeline.recommender.catalogue import caption
from pipeline.recommender.listed import Listed
from pipeline.recommender.newcomers import find
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender

MATCHES = 5  # of a search
PEOPLE = 10  # folded in and kept, of all visitors: one with 5,000 ratings needs 0.1 GB
ICON = re.compile(r":(?=[\w+/-]+:)")  # where a name of an icon begins
FILE = "MyAnimeList's XML export, a CSV file with the columns title and rating, or JSON"
Entries = dict[int, Listed]  # by row of the item table


class Told(NamedTuple):
    """What a visitor tells of one person: all that recommendations depend on.

    Attributes:
        listed: the person's list.
        away: rows of the titles that do not count.
        least: lower ratings do not count; None for all do.
    """

    listed: tuple[Listed, ...]
    away: tuple[int, ...] = ()
    least: float | None = None


def mine() -> Entries:
    """Return the visitor's list."""
    return st.session_state.setdefault("mine", {})


def away() -> set[int]:
    """Return the rows of the titles that the visitor takes out of account."""
    return st.session_state.setdefault("away", set())


def told(recommender: Recommender) -> Told:
    """Return what the visitor tells of themselves."""
    least, lowest = st.session_state.get("least"), recommender.scorer.scale.low
    return Told(tuple(mine().values()), tuple(sorted(away())), None if least == lowest else least)


@st.cache_resource(max_entries=PEOPLE, show_spinner=False)
def person(_recommender: Recommender, told: Told) -> Person:
    """Fold in a person once for each thing they tell."""
    everything = _recommender.newcomer(told.listed)
    if not told.away and told.least is None:
        return everything
    return _recommender.without(everything, told.away, told.least)


def plain(text: str) -> str:
    """Escape Markdown in a text.

    Streamlit looks for its names of icons, such as :smile:, after the escapes are gone: there a
    word joiner, which nobody sees, follows the colon.
    """
    text = ICON.sub(":\u2060", text)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$:~<>|&])", r"\\\1", text)


def kind(entry: Listed) -> str:
    """Say what a title is on a list: dropped, planned, rated or only watched."""
    if entry.status in ("dropped", "planned"):
        return entry.status
    return "watched without a rating" if entry.rating is None else "rated"


def summary(entries: Entries) -> str:
    """Count what is on a list, each title once."""
    kinds = [kind(entry) for entry in entries.values()]
    order = ("rated", "watched without a rating", "dropped", "planned")
    parts = [f"{kinds.count(name)} {name}" for name in order if name in kinds]
    return f"**{len(kinds)} {'title' if len(kinds) == 1 else 'titles'}**: {', '.join(parts)}"


def keep_rating(recommender: Recommender, row: int, rating: float | None) -> None:
    """Put a title on the visitor's list with a rating, or take it off the list."""
    if rating is None or row not in mine():
        away().discard(row)
    if rating is None:
        mine().pop(row, None)
        return
    dropped = row in mine() and mine()[row].status == "dropped"
    title = str(recommender.catalogue.ids.of_row[row])
    mine()[row] = Listed(title, float(rating), "dropped" if dropped else "completed")


def ask_rating(recommender: Recommender, row: int, section: str) -> None:
    """Show buttons to rate a title; choosing the same rating again takes it off the list."""
    key, scale = f"{section}-{row}", recommender.scorer.scale

    def keep() -> None:
        keep_rating(recommender, row, st.session_state[key])
        if section == "search":
            st.session_state.query = ""

    # A label is read aloud as it is, so without escapes; but an image in it would be fetched.
    name = " ".join(recommender.catalogue.name(row).split()).replace("](", "]\u2060(")
    rating = mine()[row].rating if row in mine() else None
    # A title may be rated in two sections; both must show the same rating.
    st.session_state[key] = None if rating is None else scale.values[int(scale.grade(rating))]
    st.pills(
        f"Your rating of {name}", scale.values, key=key,
        format_func="{:g}".format, on_change=keep, label_visibility="collapsed",
    )  # fmt: skip


def bring(recommender: Recommender) -> None:
    """Show an upload of a list, and a search for titles to rate; closed once a list is brought."""
    brought = "file" in st.session_state
    with st.expander("Your list: bring it, or search and rate", not brought):
        new = upload(recommender, "file", f"Drop your list here: {FILE}")
        if new is not None:
            mine().update(new)
            st.rerun()  # what is above depends on it
        search(recommender)
    understood("file")


def search(recommender: Recommender) -> None:
    """Show a search for titles to rate."""
    example = f"for example {recommender.catalogue.name(1)}"
    query = st.text_input("Search for an anime, then press Enter", key="query", placeholder=example)
    with st.container():
        rows = recommender.catalogue.search(query, MATCHES) if query else []
        if query and not rows:
            st.info("No anime has a name like this.")
        for row in rows:
            title = recommender.catalogue.describe(row)
            st.html(cards.line(title, caption(title)))
            ask_rating(recommender, row, "search")


def upload(recommender: Recommender, key: str, label: str) -> Entries | None:
    """Show an upload of a list; returns it once, when it is new, and None otherwise."""
    file = st.file_uploader(label, key=f"{key}-{st.session_state.get('visit', 0)}")
    with st.container():
        if file is not None and st.session_state.get(key) != file.file_id:
            try:
                scale = recommender.scorer.scale[:2]
                brought = rating_files.parse(file.name, file.getvalue(), scale)
                found = find(recommender.catalogue, brought)
            except UserError as error:
                st.error(plain(str(error)))
                return None
            st.session_state[key] = file.file_id
            st.session_state[f"{key}-read"] = found.reading
            return found.entries
    return None


def understood(key: str) -> None:
    """Say what was understood of the file that was brought, if there is one."""
    with st.container():
        if reading := st.session_state.get(f"{key}-read"):
            st.caption("  \n".join(plain(said) for said in reading.sentences()))


def start_over() -> None:
    """Forget everything that the visitor told."""
    visit = st.session_state.get("visit", 0)
    st.session_state.clear()
    st.session_state.visit = visit + 1  # another key: an uploader without a file
