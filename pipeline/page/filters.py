"""Widgets that ask which titles to list, and how to order them."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.filters import Filters
from pipeline.recommender.lists import Order

FIRST_YEAR = 1960  # of the slider: most catalogues have few older titles
RATERS = (0, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
ORDERS = {"best": "Best for you", "rating": "Highest rating", "sure": "Surest"}


class Asked(NamedTuple):
    """What a visitor asks for.

    Attributes:
        filters: which titles may be listed, in all tabs.
        order: how the first tab orders them.
    """

    filters: Filters
    order: Order


def ask(catalogue: Catalogue) -> Asked:
    """Show all filters, and how lists can be ordered; returns what is chosen."""
    with st.expander("Filters and order"):
        return Asked(ask_filters(catalogue), ask_order())


def ask_filters(catalogue: Catalogue) -> Filters:
    """Show the filters; returns the chosen ones."""
    genres, types = list(catalogue.by_genre), list(catalogue.by_type)
    last_year = int(np.nanmax(catalogue.years, initial=FIRST_YEAR + 1))
    left, right = st.columns(2, gap="medium")
    required = left.multiselect(
        "With all of these genres", genres, help="Only anime that have every genre you choose."
    )
    excluded = right.multiselect(
        "Without these genres", genres, help="No anime that has any genre you choose."
    )
    chosen_types = left.multiselect(
        "Types", types, help="Only anime of these types. Choose none to see all."
    )
    min_raters = right.select_slider(
        "Rated by at least",
        [n for n in RATERS if n <= catalogue.raters.max()],
        format_func=lambda number: f"{number:,} people" if number else "anyone",
        help="Leaves out anime that fewer people of the data have rated.",
    )
    first, last = st.slider(
        "Began between",
        FIRST_YEAR,
        last_year,
        (FIRST_YEAR, last_year),
        help=f"The ends stand for any year: at {FIRST_YEAR}, older anime are listed too.",
    )
    first_only = left.toggle(
        "One title per series",
        value=True,
        help="Of each series only the first part that you have not seen.",
    )
    sequels = right.toggle(
        "Sequels of what you have not seen",
        value=True,
        help="Off: a second season is listed only if you have seen the first.",
    )
    dropped_sequels = left.toggle(
        "Sequels of what you dropped", help="Whether to go on with series that you gave up."
    )
    # The ends of the slider stand for any year, so that titles of unknown year are listed too.
    years = (first if first > FIRST_YEAR else None, last if last < last_year else None)
    filters = Filters(required, excluded, chosen_types, years, sequels, min_raters)
    return filters._replace(one_per_franchise=first_only, dropped_sequels=dropped_sequels)


def ask_order() -> Order:
    """Show how the first tab can be ordered; returns the chosen order."""
    left, right = st.columns([3, 2], gap="medium")
    by = left.segmented_control(
        "Order of “What to watch next”",
        list(ORDERS),
        default="best",
        required=True,
        format_func=ORDERS.__getitem__,
        help="Best for you: what you would come across, and like. Highest rating: whether you "
        "would come across it or not. Surest: what you would rate high even if the prediction is "
        "somewhat wrong.",
    )
    diversity = right.slider(
        "Variety",
        0.0,
        1.0,
        0.0,
        0.1,
        help="At 0 you see the best anime. Higher values mix in others that differ more from each "
        "other.",
    )
    return Order(by, diversity=diversity)


def ask_niche() -> Order:
    """Show a slider from familiar to niche titles; returns the order."""
    niche = st.slider(
        "Familiar ↔ niche",
        -1.0,
        1.0,
        0.5,
        0.1,
        key="niche",
        persist_state="session",
        help="To the left what many people know, to the right what few people know.",
    )
    return Order(niche=niche)
