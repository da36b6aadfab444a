"""Typed errors: what was wrong, where, and what to do about it.

Every failure a user can cause ends in one of these. The command line prints the message on one
line and leaves with exit code 2; a library caller catches `PopulaceError` or a subclass.
"""

from __future__ import annotations

__all__ = [
    "BudgetError",
    "CodebookError",
    "DataError",
    "JournalError",
    "ModelError",
    "PopulaceError",
    "StudyError",
]


class PopulaceError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    what
        What was wrong, in one sentence without the place.
    file, row, column
        Where it was. `row` counts data rows from 1, as a spreadsheet user would.
    fix
        What to do about it.

    Examples
    --------
    >>> print(DataError("weight is below zero", file="p.csv", row=7, column="PWGTP", fix="remove the row"))
    p.csv, row 7, column PWGTP: weight is below zero. To mend it: remove the row.
    """

    def __init__(
        self,
        what: str,
        *,
        file: object | None = None,
        row: int | None = None,
        column: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what = what.rstrip(".")
        self.file = None if file is None else str(file)
        self.row = row
        self.column = column
        self.fix = None if fix is None else fix.rstrip(".")
        super().__init__(self._render())

    def _render(self) -> str:
        places = [
            self.file,
            None if self.row is None else f"row {self.row}",
            None if self.column is None else f"column {self.column}",
        ]
        where = ", ".join(place for place in places if place)
        text = f"{where}: {self.what}." if where else f"{self.what}."
        return f"{text} To mend it: {self.fix}." if self.fix else text


class DataError(PopulaceError):
    """A data file (microdata, prompts, personas) is missing, broken or out of range."""


class CodebookError(PopulaceError):
    """A codebook does not describe the file it is used on, or is itself malformed."""


class StudyError(PopulaceError):
    """A study file is malformed, or asks for something that does not exist."""


class ModelError(PopulaceError):
    """A model could not be reached or loaded, or answered with something unusable."""


class JournalError(PopulaceError):
    """The journal of a run cannot be used: held by another process, damaged, or the disk is full."""


class BudgetError(PopulaceError):
    """A run would cost, or has cost, more than its budget allows."""
