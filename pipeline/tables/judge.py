"""Why a row of the raw files is not kept: each function adds a column ``reason``, null to keep it.

A rating off the scale that is exactly 0 or -1 is MyAnimeList's way to say that a user has a title
on their list and gave no score. Such rows are kept apart from the ratings, as titles watched.
"""

import ibis
from ibis import _

from pipeline.settings.sections import Dataset
from pipeline.tables.engine import Engine

IN_TEST = "also in the test set"
RATED = "rated in another row"
NOT_DIRT = (IN_TEST, RATED)  # reasons that do not count towards clean.max_rejected
IDS = ["user_id", "item_id"]
NO_ID = dict.fromkeys(IDS, "id is not a whole number")  # why a row without this id is not kept
PAIR = [*IDS, "is_test"]


def on_scale(rows: ibis.Table, dataset: Dataset) -> ibis.Value:
    """Whether a rating is on the scale; null where there is none."""
    ends = dataset.min_rating, dataset.max_rating  # rounded as the ratings are
    low, high = (ibis.literal(float(end)).cast("float32") for end in ends)
    return rows.rating.between(low, high)


def usable(rows: ibis.Table, dataset: Dataset) -> ibis.Value:
    """Whether a row is valid by itself: it has both ids, and a rating on the scale."""
    return _has_ids(rows) & on_scale(rows, dataset).fill_null(False)


def unrated(rows: ibis.Table, dataset: Dataset) -> ibis.Value:
    """Whether a row says that a user watched a title without a rating: 0 or -1, below the scale.

    In the test set it says nothing: there is no error to measure.
    """
    below = rows.rating.isin([0, -1]) & (rows.rating < dataset.min_rating)
    return _has_ids(rows) & below.fill_null(False) & ~rows.is_test


def repeated(rows: ibis.Table, dataset: Dataset, engine: Engine) -> ibis.Table:
    """Find the pairs of user and title that occur more than once in a file.

    Args:
        rows: as ``ratings`` has them.
        dataset: the rating scale.
        engine: computes it.

    Returns:
        user_id, item_id, is_test; ``rated``: the number of the pair's last rating in that file, if
        it has one; and ``last``: that of its last row.
    """
    # Sorting the titles of each user takes a third of the time of grouping all pairs.
    before = _.item_id.lag().over(group_by="user_id", order_by="item_id")
    twice = rows.select(*IDS, before=before).filter(_.item_id == _.before).select(IDS).distinct()
    candidates = rows.semi_join(engine.keep(twice), IDS)
    candidates = candidates.mutate(usable=usable(candidates, dataset))
    pairs = candidates.filter(_.usable | unrated(candidates, dataset)).group_by(PAIR)
    return pairs.having(_.count() > 1).agg(rated=_.row.max(where=_.usable), last=_.row.max())


def ratings(
    rows: ibis.Table,
    repeats: ibis.Table,
    tested: ibis.Table | None,
    dataset: Dataset,
    no_id: dict[str, str] = NO_ID,
) -> ibis.Table:
    """Add ``reason`` to the ratings and the titles watched: null for a row to keep.

    Of several ratings of a title by a user, the last in the file is kept, as the user's latest
    opinion. A pair in the test set is rejected from the other file, so it is never trained on. A
    title is kept as watched only if no row of either file rates it.

    Args:
        rows: user_id, item_id, rating (float32, nullable), is_test, file and row.
        repeats: what ``repeated`` returns for them.
        tested: user_id, item_id of the usable rows of the test set, if there is one.
        dataset: the rating scale.
        no_id: by id column, the reason of a row without this id.
    """
    low, high = dataset.min_rating, dataset.max_rating
    judged = rows.left_join(repeats, PAIR)
    watched, in_test = unrated(rows, dataset), ibis.literal(False)
    if tested is not None:
        pairs = tested.distinct().mutate(is_test=ibis.literal(False), tested=True)
        judged = judged.left_join(pairs, PAIR, rname="{name}_tested")
        in_test = judged.tested.notnull()
    off_scale = ~usable(rows, dataset) & ~watched
    reason = ibis.cases(
        *((rows[key].isnull(), reason) for key, reason in no_id.items()),
        (rows.rating.isnull(), "rating is not a number"),
        (off_scale & rows.rating.isin([0, -1]), "not rated: 0 or -1"),
        (off_scale, f"rating not in {low:g} to {high:g}"),
        (watched & (in_test | judged.rated.notnull()), RATED),
        (in_test, IN_TEST),
        (judged.row < judged.rated, "rated again further down"),
        (watched & (judged.row < judged.last), "watched again further down"),
    )
    return judged.select(*rows.columns, reason=reason)


def entities(rows: ibis.Table, no_id: dict[str, str] = NO_ID) -> ibis.Table:
    """Add ``reason`` to titles or users: no id, or the id of an earlier row; null to keep it."""
    key = rows.columns[0]
    rows = rows.mutate(first=_.row.min().over(group_by=key))
    reason = ibis.cases((_[key].isnull(), no_id[key]), (_.row > _.first, "id stands further up"))
    return rows.mutate(reason=reason).drop("first")


def _has_ids(rows: ibis.Table) -> ibis.Value:
    return rows.user_id.notnull() & rows.item_id.notnull()
