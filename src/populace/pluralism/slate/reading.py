"""A jury from a file: votes on statements, or ratings of options.

A table (CSV, Parquet or JSONL) has a row a person: a column `person`, optionally `weight`, and a column an
option, named by it, with numbers, or blank where the person did not rate it. Or it has a row a rating:
`juror` (or `person`), `option` (or `statement`) and `rating` (or `vote`), as `populace pluralism jury` reads
it. A folder is a Polis export, whose votes are 1, -1 and 0.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from populace.pluralism.bridging._people import read_people
from populace.pluralism.bridging.reading import read_conversation
from populace.stats._arrays import Floats

__all__ = ["Ratings", "read_ratings"]


class Ratings(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A table of ratings; `choose` and `check` take it as a jury."""

    utilities: Floats
    """Shape (people, options), nan where an option was not rated."""
    options: tuple[str, ...]
    """Names."""
    weights: Floats | None
    """Of people; None where all weigh the same."""
    notes: tuple[str, ...] = ()
    """What of the file is not used, and who may be cited."""


def read_ratings(path: str | Path) -> Ratings:
    r"""Read ratings.

    Raises
    ------
    DataError
        If the file is missing or broken, a cell is no number, or somebody has no name or rates twice.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ratings.csv"
    >>> _ = path.write_text("person,plain,kind\nann,5,2\nbo,,4\n")
    >>> read_ratings(path).utilities.tolist()
    [[5.0, 2.0], [nan, 4.0]]
    """
    path = Path(path)
    if path.is_dir():
        talk = read_conversation(path)
        return Ratings(utilities=talk.votes, options=talk.statements, weights=None, notes=talk.notes)
    found = read_people(path, np.isfinite, "number", "ratings")
    notes = () if found.groups is None else ("the column `group` is not used: a slate is of everybody",)
    return Ratings(utilities=found.values, options=found.options, weights=found.weights, notes=notes)
