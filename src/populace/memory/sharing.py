"""Which items of other people may be told: their consent, the least neighbourhood, the lines of the audit.

Only numbers are read here, and the texts of the few items that are told later, in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from populace.memory.asking import ask_of
from populace.memory.auditing import note
from populace.memory.comparing import COLUMNS, rows_of

if TYPE_CHECKING:
    from populace.memory.store import Writing

__all__ = ["read_shared"]


def read_shared(
    writing: Writing,
    people: Sequence[int],
    purpose: str,
    *,
    reader: int,
    actor: str = "",
    but_text: int | None = None,
    choices: bool = True,
) -> tuple[npt.NDArray[np.int64], set[int]]:
    """Find items of other people that may be used, and write down that they were read.

    Parameters
    ----------
    writing
        The transaction.
    people
        Numbers of people; the reader is left out.
    purpose, reader, actor
        As in `auditing.note`.
    but_text
        The number of a text whose responses are left out.
    choices
        Whether only responses to questions with options are taken.

    Returns
    -------
    Shape (n, 5), the `comparing.COLUMNS`, by person; the people who share anything for this purpose. Nothing
    and nobody where they are fewer than the store's `least_people`: then no line is written.
    """
    rows = ask_of(
        writing.connection,
        f"SELECT {COLUMNS} FROM memory_items WHERE person IN ({{}}) AND consent IN "
        "(SELECT p.consent FROM memory_purposes p JOIN memory_consents c "
        "ON c.consent = p.consent AND c.share WHERE p.purpose = ?) ORDER BY person, item",
        set(people) - {reader},
        [purpose],
    )
    table = rows_of(rows)
    if but_text is not None:
        table = table[table[:, 2] != but_text]
    counts = Counter(table[:, 0].tolist())
    if len(counts) < writing.least_people:
        return rows_of([]), set()
    note(writing, "retrieve", purpose, sorted(counts.items()), actor=actor, reader=reader)
    return table[table[:, 4] != 0] if choices else table, set(counts)
