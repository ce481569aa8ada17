"""Maps outside ids, whole numbers or text, to rows of the user table or the item table."""

import re

import numpy as np
import pyarrow as pa

from pipeline.arrays import Array

WHOLE = re.compile(r"([+-]?\d{1,30})(?:\.0*)?")  # 12.0 is how some programs write 12


class Ids:
    """Maps between the ids and the rows of one table; row 0, any unknown user or title, has no id.

    Attributes:
        are_text: whether ids are text; whole numbers otherwise.
        of_row: id of each row, int64 or str [rows]; in row 0 there is no id, but 0 or "".

    Args:
        ids: the column of ids, integers or text; the first is null.
    """

    def __init__(self, ids: pa.ChunkedArray) -> None:
        self.are_text = not pa.types.is_integer(ids.type)
        if self.are_text:
            self.of_row = np.array(ids.fill_null("").to_pylist(), object)
            self._rows = {id_: row for row, id_ in enumerate(self.of_row) if row}
            return
        self.of_row = ids.cast(pa.int64()).fill_null(0).to_numpy()
        self._order = np.argsort(self.of_row[1:], kind="stable") + 1
        self._sorted = self.of_row[self._order]

    def rows(self, ids: Array) -> Array:
        """Return the row of each id, int64 [n]; 0 for an unknown id.

        Args:
            ids: integers, or where ``are_text``, str; white space around text does not count [n].
        """
        if self.are_text:
            return np.array([self._rows.get(str(id_).strip(), 0) for id_ in ids], np.int64)
        if not len(self._sorted):
            return np.zeros(len(ids), np.int64)
        position = np.searchsorted(self._sorted, ids).clip(max=len(self._sorted) - 1)
        return np.where(self._sorted[position] == ids, self._order[position], 0)

    def row(self, id_: int | str) -> int:
        """Return the row of an id, 0 if it is unknown."""
        if self.are_text != isinstance(id_, str) or (not self.are_text and abs(int(id_)) >= 2**63):
            return 0
        return int(self.rows(np.array([id_], object if self.are_text else np.int64))[0])

    def find(self, text: str) -> int:
        """Return the row of an id as text, such as '12', ' 12 ' or '12.0'; 0 if it is unknown."""
        if self.are_text:
            return self._rows.get(text.strip(), 0)
        number = WHOLE.fullmatch(text.strip())
        return self.row(int(number[1])) if number else 0

    def outside(self, row: int) -> int | str:
        """Return the id of a row."""
        return self.of_row[row] if self.are_text else int(self.of_row[row])
