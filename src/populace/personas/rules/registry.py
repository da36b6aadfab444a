"""What a rule is, and the register of all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
import polars as pl

from populace.errors import DataError
from populace.personas.schema import ATTRIBUTES, WRITTEN
from populace.population.codebook import load_codebook

__all__ = ["RULES", "Kind", "Rule", "among", "labels_of_group", "rule", "rule_named", "text"]

Kind = Literal["hard", "soft"]


class Rule(msgspec.Struct, frozen=True):
    """A named contradiction between attributes of one person."""

    name: str
    description: str
    kind: Kind
    """`hard`: impossible by definition or by the questionnaire's routing, removed. `soft`: so rare among real
    people that it is worth a look; reported, flagged or weighted down on request, never removed."""
    attributes: tuple[str, ...]
    """Attributes the rule reads, in the schema's order."""
    expression: pl.Expr
    """True where the rule is broken, never null."""
    group: str
    """Group of rules it belongs to: `census`, `drawn` or `soft`."""


RULES: dict[str, Rule] = {}
"""Every rule by name, in the order in which removals are attributed."""


def rule(kind: Kind) -> Callable[[Callable[[], pl.Expr]], Callable[[], pl.Expr]]:
    """Register a rule: the function's name is its name, the docstring's first line its description."""

    def register(function: Callable[[], pl.Expr]) -> Callable[[], pl.Expr]:
        name = function.__name__.replace("_", "-")
        description = (function.__doc__ or "").strip().splitlines()[0]
        expression = function()
        group = function.__module__.rpartition(".")[2]
        read = set(expression.meta.root_names())
        attributes = tuple(each.name for each in ATTRIBUTES if each.name in read)
        RULES[name] = Rule(name, description, kind, attributes, expression.fill_null(False), group)
        return function

    return register


def rule_named(name: str) -> Rule:
    """Look a rule up.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in RULES:
        raise DataError(f"there is no rule '{name}'", fix=f"use one of {', '.join(RULES)}")
    return RULES[name]


def among(column: str, values: Iterable[str]) -> pl.Expr:
    """Whether a column holds one of some values; null stays null."""
    return pl.col(column).is_in(list(values))


def labels_of_group(variable: str, *codes: str) -> tuple[str, ...]:
    """Labels of every occupation (`OCCP`) or industry (`INDP`) in some major groups, and of the groups.

    Microdata carry the detailed labels, drawn people those of the groups.
    """
    book = load_codebook("acs_pums").variables[variable]
    groups = tuple(group.label for group in book.groups if group.code in codes)
    members = ((label, book.group_of(code)) for code, label in book.labels.items())
    return groups + tuple(label for label, group in members if group is not None and group.code in codes)


def text(pattern: str, columns: Iterable[str] = WRITTEN) -> pl.Expr:
    """Whether any written text contains a pattern (case ignored); a missing text does not."""
    insensitive = f"(?i){pattern}"
    return pl.any_horizontal(
        pl.col(name).map_batches(
            lambda texts: _contains(texts, insensitive), return_dtype=pl.Boolean, is_elementwise=True
        )
        for name in columns
    )


def _contains(texts: pl.Series, pattern: str) -> pl.Series:
    # A million texts are a few hundred different ones: search those, then compare.
    different = texts.unique().drop_nulls().cast(pl.String)
    found = different.filter(different.str.contains(pattern))
    if found.is_empty():
        return pl.Series(texts.name, [False], dtype=pl.Boolean).new_from_index(0, len(texts))
    return texts.is_in(found.to_list()).fill_null(False)
