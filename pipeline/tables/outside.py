"""Outside ids in place of the numbers that ``pipeline.tables.ids`` gave them."""

import ibis
from ibis import _

from pipeline.tables.engine import count


def outside(rows: ibis.Table, ids: ibis.Table, key: str) -> ibis.Table:
    """Replace the numbers in the column ``key`` by outside ids.

    Returns:
        The rows as they are where ids are their own numbers. Otherwise outside ids are int64 if all
        are whole numbers of that size, and text if not.
    """
    known = ids.filter(_.kind == key.removesuffix("_id")).select(number=_.id, outside=_.outside)
    as_number = known.outside.try_cast("int64")
    same = (as_number.cast("string") == known.outside).fill_null(False)
    if not count(known):
        return rows
    if not count(known.filter(~same)):
        known = known.mutate(outside=as_number)
    joined = rows.left_join(known, rows[key] == known.number)
    return joined.select(
        **{name: joined["outside" if name == key else name] for name in rows.columns}
    )
