"""Maps ids to rows of the user table or the item table."""

import re

import numpy as np

from pipeline.arrays import Array

WHOLE = re.compile(r"\.0+$")  # 12.0 is how some programs write 12
MAX_DIGITS = 19  # int64 holds no longer id


class Ids:
    """Maps between the ids and the rows of one table.

    Attributes:
        of_row: id of each row: int64 [rows]. Row 0 stands for any unknown id.
    """

    def __init__(self, ids: Array) -> None:
        self.of_row = ids.astype(np.int64)
        self._order = np.argsort(self.of_row)

    def rows(self, ids: Array) -> Array:
        """Return the row of each id, int64 [n]; 0 for an unknown id."""
        position = np.searchsorted(self.of_row, ids, sorter=self._order)
        row = self._order[np.minimum(position, len(self.of_row) - 1)]
        return np.where(self.of_row[row] == ids, row, 0)

    def row(self, id_: int) -> int:
        """Return the row of an id, 0 if it is unknown."""
        return int(self.rows(np.array([id_]))[0]) if 0 <= id_ < 2**63 else 0

    def find(self, text: str) -> int:
        """Return the row of an id as text, 12, 12.0 or `` 12 ``; 0 if it is unknown or no id."""
        text = WHOLE.sub("", text.strip())
        return self.row(int(text)) if text.isdecimal() and len(text) <= MAX_DIGITS else 0
