"""Which items of other people may be told: what their consent shares, of as many as a neighbourhood needs.

Only numbers are read here, and the texts of the few items that are told later, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from populace.memory.asking import ask_of
from populace.memory.comparing import COLUMNS, rows_of

if TYPE_CHECKING:
    from populace.memory.store import Writing

__all__ = ["enough", "read_shared"]


def read_shared(
    writing: Writing,
    people: Sequence[int],
    purpose: str,
    *,
    but_text: int | None = None,
    choices: bool = True,
) -> npt.NDArray[np.int64]:
    """Find items of people that may be used for predictions of others. The caller writes down whose it tells.

    Parameters
    ----------
    writing
        The transaction.
    people
        Numbers of people.
    purpose
        What for.
    but_text
        The number of a text whose responses are left out.
    choices
        Whether only responses to questions with options are taken.

    Returns
    -------
    Shape (n, 5), the `comparing.COLUMNS`, by person.
    """
    only = " AND scale <> 0" if choices else ""
    rows = ask_of(
        writing.connection,
        f"SELECT {COLUMNS} FROM memory_items WHERE person IN ({{}}){only} AND consent IN "
        "(SELECT p.consent FROM memory_purposes p JOIN memory_consents c "
        "ON c.consent = p.consent AND c.share WHERE p.purpose = ?) ORDER BY person, item",
        set(people),
        [purpose],
    )
    table = rows_of(rows)
    return table if but_text is None else table[table[:, 2] != but_text]


def enough(writing: Writing, table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the items back where they are of enough people; else none."""
    return table if len(np.unique(table[:, 0])) >= writing.least_people else table[:0]
