"""Groups of people, said in words: crossings of attributes, and named expressions over them.

    sex,ideology                                        every combination of values is a cell
    young women: age < 30 and sex == 'Female'           one named cell
    not in work: not (employment_status in ['Civilian employed, at work', 'Armed forces, at work'])

A crossing has each person in one cell at most; named groups may overlap. Expressions are those of
`populace.bench.expressions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from populace.bench.expressions import expression, no_attribute
from populace.errors import StudyError
from populace.feedback.groups import GROUPS
from populace.personas.schema import COLUMNS, attribute

__all__ = ["CROSSED", "NAMED", "Cells", "cells_of", "read_groups", "with_cells"]

CROSSED = "cells:"
"""Prefix of a column of items that holds the cell of a crossing."""
NAMED = "in:"
"""Prefix of a column of items that says whether the person is in a named group."""
_COARSE = "coarse "


class Cells(NamedTuple):
    """One entry of `groups`."""

    name: str
    """`sex,ideology`, or the name before the colon."""
    column: str
    """Of the items."""
    expr: pl.Expr
    """Over the personas: the label of a cell (crossing), or whether the person is in it (named)."""


def read_groups(given: Iterable[str]) -> list[Cells]:
    """Read the groups of a run.

    A crossing takes attributes with a list of values, `age` in bands, and the coarse groups of the report:
    `race or origin`, `party`, `coarse education`, `coarse ideology`.

    Raises
    ------
    StudyError
        If an attribute, a value or the form is wrong, or a group comes twice.

    Examples
    --------
    >>> [group.name for group in read_groups(["sex, ideology", "young: age < 30"])]
    ['sex,ideology', 'young']
    >>> read_groups(["young: aeg < 30"])
    Traceback (most recent call last):
    populace.errors.StudyError: group 'young': there is no attribute 'aeg'. To mend it: write 'age'.
    """
    found: list[Cells] = []
    for text in given:
        name, colon, rest = text.partition(":")
        cells = _named(name.strip(), rest, text) if colon else _crossed(text)
        if cells.name in (each.name for each in found):
            raise StudyError(f"the group {cells.name!r} is given twice", fix="give it once")
        found.append(cells)
    return found


def with_cells(items: pl.DataFrame, personas: pl.DataFrame, groups: Iterable[Cells]) -> pl.DataFrame:
    """Join, to items, one column a group, by `persona_id`.

    Raises
    ------
    StudyError
        If the personas lack an attribute that a group needs.
    """
    columns: list[pl.Expr] = []
    for group in groups:
        missing = [name for name in group.expr.meta.root_names() if name not in personas.columns]
        if missing:
            raise StudyError(f"group {group.name!r}: these personas have no column {missing[0]!r}")
        columns.append(group.expr.alias(group.column))
    return items.join(personas.select("persona_id", *columns), on="persona_id", maintain_order="left")


def cells_of(items: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Name the columns of crossings, and those of named groups, that items have."""
    crossed = [name for name in items.columns if name.startswith(CROSSED)]
    return crossed, [name for name in items.columns if name.startswith(NAMED)]


def _crossed(text: str) -> Cells:
    names = [" ".join(part.split()) for part in text.split(",")]
    if "" in names or len(set(names)) < len(names):
        raise StudyError(
            f"group {text!r}: a name is empty or comes twice", fix="write attributes with commas between"
        )
    name = ",".join(names)
    labels = [pl.format(f"{each}={{}}", _labels(each, text)) for each in names]
    return Cells(name, CROSSED + name, pl.concat_str(labels, separator=", "))


def _labels(name: str, group: str) -> pl.Expr:
    """Give the values of one attribute of a crossing."""
    coarse = name.removeprefix(_COARSE)
    if name == "age" or name != coarse or name not in COLUMNS:
        if coarse in GROUPS:
            return GROUPS[coarse]
        if name != coarse or name not in COLUMNS:
            no_attribute(name, group, (*COLUMNS, *GROUPS, *(_COARSE + each for each in GROUPS)))
    found = attribute(name)
    if found.kind in ("integer", "dollars", "text"):
        what = "free text" if found.kind == "text" else "a number"
        fix = "cross attributes that have few values"
        if found.kind != "text":
            fix = f"name a group instead, as in 'low: {name} < 30000'"
        raise StudyError(f"group {group!r}: {name} is {what}, and has too many values to cross", fix=fix)
    return pl.col(name)


def _named(name: str, text: str, whole: str) -> Cells:
    if not name or not text.strip():
        raise StudyError(
            f"group {whole!r} has no name or no expression",
            fix="write 'young women: age < 30'",
        )
    return Cells(name, NAMED + name, expression(text, name=name))
