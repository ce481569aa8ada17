"""What each tab of the page shows."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pipeline.errors import UserError
from pipeline.page import cards, lists
from pipeline.page.filters import Asked, ask_niche
from pipeline.page.lists import Told, plain
from pipeline.recommender.catalogue import caption
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Order
from pipeline.recommender.pair import recommend_both
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.taste_profile import by_decade, by_genre, difference

PAGE, KEPT = 20, 100  # titles shown at a time; lists kept, of all visitors
BAR, AXIS = 28, 70  # pixels of a chart
Rows = list[cards.Title]


@st.cache_data(max_entries=KEPT, show_spinner=False)
def found(
    _recommender: Recommender, told: Told, number: int, filters: Filters, order: Order
) -> Rows:
    """Recommend, once for each thing that is told and asked."""
    return _recommender.recommend(lists.person(_recommender, told), number, filters, order)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def found_for_two(
    _recommender: Recommender, both: tuple[Told, Told], number: int, filters: Filters
) -> Rows:
    """Recommend to two people, once for each thing that is told and asked."""
    first, second = (lists.person(_recommender, told) for told in both)
    return recommend_both(_recommender, (first, second), number, filters)


def best(recommender: Recommender, told: Told, asked: Asked) -> None:
    """List titles that the visitor would watch, and like."""
    st.caption(
        "The big number is the rating you will probably give. The bars show how likely each rating "
        "is; 8 times in 10 it is one of the coloured ones."
    )
    listing(recommender, "best", lambda n: found(recommender, told, n, *asked))


def next_in_series(recommender: Recommender, told: Told, asked: Asked) -> None:
    """List what comes next in series that the visitor has begun."""
    st.caption("What comes next in series that you have begun, the most promising first.")
    filters = asked.filters._replace(next_in_series=True, one_per_franchise=False)
    listing(recommender, "series", lambda n: found(recommender, told, n, filters, Order()))


def niche(recommender: Recommender, told: Told, asked: Asked) -> None:
    """List titles that few or many people know."""
    st.caption("What you would like although few people know it.")
    order, catalogue = ask_niche(), recommender.catalogue

    def card(rank: int, title: cards.Title) -> str:
        raters = catalogue.raters[catalogue.ids.find(str(title["anime_id"]))]
        return cards.card(rank, title, recommender.scorer.scale, f"rated by {raters:,} people")

    listing(recommender, "niche", lambda n: found(recommender, told, n, asked.filters, order), card)


def plan(recommender: Recommender, told: Told, asked: Asked) -> None:
    """List what the visitor plans to watch."""
    st.caption("What you plan to watch, in the order in which you will probably like it.")
    filters = asked.filters._replace(planned="only", one_per_franchise=False, dropped_sequels=True)
    listing(recommender, "plan", lambda n: found(recommender, told, n, filters, Order("rating")))


def two(recommender: Recommender, told: Told, asked: Asked) -> None:
    """List titles for the visitor and another person, who brings a list."""
    st.caption(
        "Watching together? Bring the other one's list. You get what neither of you has seen, "
        "chosen so that the less happy of you is as happy as possible."
    )
    new = lists.upload(recommender, "other", f"The other one's list: {lists.FILE}")
    lists.understood("other")
    if new is not None:
        st.session_state.second = new
    entries = st.session_state.get("second")
    if not entries:
        return
    st.markdown(f"The other one's list: {lists.summary(entries)}.")
    both = told, Told(tuple(entries.values()))
    scale = recommender.scorer.scale
    listing(
        recommender,
        "two",
        lambda n: found_for_two(recommender, both, n, asked.filters),
        lambda rank, title: cards.card_for_two(rank, title, scale),
    )


def listing(
    recommender: Recommender,
    section: str,
    find: Callable[[int], Rows],
    card: Callable[[int, cards.Title], str] | None = None,
) -> None:
    """Show a list of titles as cards, with a button for more.

    Args:
        recommender: the model.
        section: name of the list, for keys.
        find: returns this many titles.
        card: draws a title at a rank.
    """
    number = st.session_state.setdefault(f"{section}-number", PAGE)
    try:
        titles = find(number)
    except UserError as error:
        st.warning(plain(str(error)))
        return
    draw = card or (lambda rank, title: cards.card(rank, title, recommender.scorer.scale))
    for rank, title in enumerate(titles, start=1):
        with st.container(border=True, gap=None):
            st.html(draw(rank, title))
            judge(recommender, recommender.catalogue.ids.find(str(title["anime_id"])), section)

    def more() -> None:
        st.session_state[f"{section}-number"] = number + PAGE

    if len(titles) == number:
        st.button("Show more", on_click=more, key=f"{section}-more")


def judge(recommender: Recommender, row: int, section: str) -> None:
    """Let the visitor rate a listed title, or hide it."""
    ids = recommender.catalogue.ids.of_row

    def seen() -> None:
        lists.mine()[row] = Listed(str(ids[row]))

    popover = st.popover(
        "Seen it, or not for you?", type="tertiary", key=f"{section}-judge-{row}", on_change="rerun"
    )
    with popover:
        if popover.open:
            st.caption("You have seen it? Rate it, and the list gets better.")
            lists.ask_rating(recommender, row, section)
            with st.container(horizontal=True):
                st.button("Seen, no rating", on_click=seen, key=f"{section}-seen-{row}")
                st.button(
                    "Do not show it again", on_click=lists.away().add, args=(row,),
                    key=f"{section}-hide-{row}",
                )  # fmt: skip


def yours(recommender: Recommender, _: Told, __: Asked) -> None:
    """Show the visitor's list: ratings, and what counts."""
    mine, away = lists.mine(), lists.away()
    st.caption(
        "Change a rating, or choose it again to take the title off your list. What does not count "
        "says nothing of your taste, and is not recommended either."
    )
    left, right = st.columns(2, gap="medium", vertical_alignment="bottom")
    query = left.text_input("Find a title on your list", key="find", persist_state="session")
    right.select_slider(
        "Ratings count from", recommender.scorer.scale.values, key="least",
        format_func="{:g}".format, persist_state="session",
        help="Titles that you rated lower are taken out of account.",
    )  # fmt: skip
    names = {row: recommender.catalogue.name(row).lower() for row in [*mine, *away]}
    rows = sorted((row for row in names if query.lower() in names[row]), key=names.__getitem__)
    pages = max(1, -(-len(rows) // PAGE))
    with st.container():
        page = st.pagination(pages, key="page", persist_state="session") if pages > 1 else 1
    for row in rows[(page - 1) * PAGE : page * PAGE]:
        with st.container(border=True):
            entry(recommender, row)


def entry(recommender: Recommender, row: int) -> None:
    """Show a title of the visitor's list, or one that the visitor has hidden."""
    title, listed, key = recommender.catalogue.describe(row), lists.mine().get(row), f"counts-{row}"
    status = "not for you" if listed is None else lists.kind(listed)

    def change() -> None:
        (lists.away().discard if st.session_state[key] else lists.away().add)(row)

    with st.container(horizontal=True, horizontal_alignment="distribute"):
        what = " · ".join(part for part in (status, caption(title)) if part)
        st.html(cards.line(title, what), width="content")
        st.session_state[key] = row not in lists.away()
        st.toggle("counts", key=key, on_change=change)
    lists.ask_rating(recommender, row, "yours")


def taste(recommender: Recommender, told: Told, _: Asked) -> None:
    """Show the taste profile as bar charts."""
    catalogue = recommender.catalogue
    compared = difference(recommender, lists.person(recommender, told))
    st.caption(
        "How many points more (or less, if negative) you will probably rate such anime than other "
        "people do, compared with how you rate anime in general."
    )
    for name, mean_by in (("genre", by_genre), ("decade", by_decade)):
        points = mean_by(catalogue, compared)
        if points:
            frame = pd.DataFrame({name: list(points), "points": list(points.values())})
            st.bar_chart(
                frame, x=name, y="points", x_label="", y_label="points", color=cards.ACCENT,
                horizontal=True, sort=False, height=BAR * len(frame) + AXIS,
            )  # fmt: skip
