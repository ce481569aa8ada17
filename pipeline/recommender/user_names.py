"""Finds a user of the data by what somebody typed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UserError
from pipeline.recommender.ids import Ids


def user_row(ids: Ids, names: pa.ChunkedArray, query: str) -> int:
    """Return the row of the user with an id or a name, 0 for none.

    Args:
        ids: of the users.
        names: of the users by row: text or null.
        query: an id or a name, or ``id:86`` or ``name:86``. If no name is exactly so, capital
            letters do not count.

    Raises:
        UserError: it is the id of one user and the name of another, or the name of several.
    """
    query = query.strip()
    kind, _, rest = query.partition(":")
    by_id, by_name = ids.find(query), _named(names, query)
    if by_id and by_name and by_name != by_id:
        raise UserError(
            f"{query!r} is the name of a user and the id of another; write name:{query} or "
            f"id:{query}."
        )
    if row := by_id or by_name:
        return row
    if kind == "id" and (row := ids.find(rest)):
        return row
    if kind == "name" and (row := _named(names, rest)):
        return row
    lower = pc.equal(pc.utf8_lower(names), query.lower()).fill_null(False)
    same = np.flatnonzero(lower.to_numpy())
    if len(same) > 1:
        several = ", ".join(names[int(row)].as_py() for row in same[:9])
        raise UserError(f"several users are called {query!r}: {several}; write it as one of them.")
    return int(same[0]) if len(same) else 0


def _named(names: pa.ChunkedArray, name: str) -> int:
    """Return the row of the user with exactly this name, 0 for none."""
    return max(pc.index(names, name).as_py(), 0)
