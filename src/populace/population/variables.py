"""The parts of a codebook: variables, the cases they are read by, vintages."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Between", "Case", "Code", "Group", "Variable", "Vintage"]

Code = int | str


class Group(msgspec.Struct, frozen=True):
    """A major group of codes, for example management occupations."""

    first: int
    last: int
    code: str
    label: str


class Between(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Condition that a number lies within limits, both included."""

    min: float | None = None
    max: float | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a reading from several columns: where every condition holds, this is the answer."""

    when: dict[str, list[Code] | Between]
    """Column -> codes, or limits of a number."""
    label: str | None = None
    choices: tuple[str, ...] = ()
    """Labels to draw one of, each as likely, where the survey says no more."""


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of one column."""

    record: Literal["person", "household"] = "person"
    column: str | None = None
    """Column it is read from, where that is not the variable's own name."""
    labels: dict[int, str] = {}
    range: tuple[int, int] | None = None
    """Smallest and largest value of a number; None for codes."""
    groups: tuple[Group, ...] = ()
    missing: tuple[int, ...] = ()
    """Codes by which the file says that nothing is known: they have no label."""
    adjust: str | None = None
    """Column of a factor with six implied decimals that turns amounts into one year's dollars."""
    labels_file: str | list[str] | None = None
    groups_file: str | None = None

    # What follows is for surveys.
    texts: dict[str, str] = {}
    """Labels of answers that the file spells out; capitals do not matter."""
    missing_texts: tuple[str, ...] = ()
    verbatim: bool = False
    """The answer is its own label."""
    bands: dict[str, tuple[int, int]] = {}
    """Code -> smallest and largest number it stands for: one is drawn, each as likely."""
    choices: dict[str, list[str]] = {}
    """Code -> labels it may stand for: one is drawn, each as likely."""
    cases: tuple[Case, ...] = ()
    """Readings from several columns; the first that holds wins, and where none does nothing is known."""
    born: bool = False
    """The number is a year of birth; the age is the survey's year less it."""
    pattern: str | None = None
    """Regular expression whose first group is the code."""
    question: str = ""
    """What was asked."""
    wordings: tuple[str, ...] = ()
    """The same question in other words, as a model may be asked it."""
    ordinal: bool = False
    """Whether the order of the labels means something."""
    same_as: tuple[str, ...] = ()
    """Attributes that tell the answer, though they are read from other columns."""
    twins: tuple[str, ...] = ()
    """Other items of the codebook that say nearly the same: one never tells of the other."""
    retest: bool = True
    """Whether the question, where it was asked again, has the same codes."""

    @property
    def is_number(self) -> bool:
        """Whether values are numbers, not labels."""
        return self.range is not None or bool(self.bands)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing tells what a value means."""
        readings = (self.labels, self.texts, self.choices, self.cases, self.groups, self.verbatim)
        return not (self.is_number or any(readings))

    def group_of(self, code: int) -> Group | None:
        """Look up the major group of a code."""
        return next((group for group in self.groups if group.first <= code <= group.last), None)

    def label_of(self, code: int) -> str | None:
        """Label a code: its own, else its group's."""
        group = self.group_of(code)
        return self.labels.get(code) or (group.label if group else None)


class Vintage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is different in the files of some years."""

    first: int
    last: int
    """Last year of the files' period: 2022 for the 2018-2022 file."""
    span: int | None = None
    """Years a file covers; None for any."""
    labels: dict[str, dict[int, str]] = {}
    """Labels of variables beside, or instead of, those of the codebook."""
    labels_files: dict[str, str] = {}
    missing: dict[str, tuple[int, ...]] = {}
    note: str | None = None
    """Left in the provenance."""
