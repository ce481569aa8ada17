"""Rows of a table, found by id."""

import numpy as np

from pipeline.arrays import Array

DIGITS = 19  # of the largest id


class Ids:
    """The ids of a table.

    Attributes:
        of_row: int64 [n], that of each row; row 0 stands for any that is not known.
    """

    def __init__(self, ids: Array) -> None:
        self.of_row = ids.astype(np.int64)
        self._order = np.argsort(self.of_row)

    def rows(self, asked: Array) -> Array:
        """Return the row of each id, integers [n]; 0 where it is not known."""
        place = np.searchsorted(self.of_row, asked, sorter=self._order)
        row = self._order[np.minimum(place, len(self.of_row) - 1)]
        return np.where(self.of_row[row] == asked, row, 0)

    def row(self, asked: int) -> int:
        """Return the row of an id, 0 where it is not known."""
        return int(self.rows(np.array([asked]))[0]) if 0 <= asked < 2**63 else 0

    def find(self, asked: str) -> int:
        """Return the row of an id in digits, 0 where it is not known, or no id."""
        return self.row(int(asked)) if asked.isdecimal() and len(asked) <= DIGITS else 0
