"""The gap of representation: those who gave feedback, beside those whom the model is to serve.

Shares of the people who took part stand beside shares of a target population, by default adults of the 2024
American census (`populace.population`). Every share has an interval. Cells of few people are left out, and
with them others, as far as those could be worked out from the rest (`gap_cells`); a gap of groups that nobody
counted is not there, and is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from populace.bounds.documents.gap_cells import FEW, Cell, cells_of
from populace.bounds.documents.pages import Document, Page, Part, Table, day_of
from populace.bounds.documents.raters import read_feedback
from populace.errors import DataError

__all__ = ["Cell", "Gap", "read_target", "representation_gap"]

_AGES = (
    (18, "18–24"),
    (25, "25–34"),
    (35, "35–44"),
    (45, "45–54"),
    (55, "55–64"),
    (65, "65–74"),
    (75, "75 and over"),
)


class Gap(Document, frozen=True, kw_only=True):
    """Who gave feedback, beside the target."""

    document: ClassVar[str] = "representation gap"

    title: str
    date: str
    people: int
    target: str
    few: int
    cells: tuple[Cell, ...]
    distances: dict[str, float | None]
    """Attribute -> total variation distance from the target, over all its groups; None where groups are not
    shown."""
    unknown: dict[str, int]
    """Attribute -> people of whom it is not known."""
    unmatched: dict[str, tuple[str, ...]]
    """Attribute -> words of the table that the target does not have, and that not only few people said."""
    unasked: tuple[str, ...]
    """Attributes of the target that the table does not hold: of these nothing is known."""

    def under(self) -> tuple[Cell, ...]:
        """Give the groups that took part less than their share."""
        return tuple(cell for cell in self.cells if cell.verdict == "under")

    def page(self) -> Page:
        """Lay it out for people."""
        parts = []
        for attribute in dict.fromkeys(cell.attribute for cell in self.cells):
            rows = [cell for cell in self.cells if cell.attribute == attribute]
            distance = self.distances[attribute]
            told = (
                "not shown, for a cell of few"
                if distance is None
                else f"{distance:.1%} would have to be others"
            )
            facts = [("Distance", told), ("Not known of", f"{self.unknown[attribute]:,} people")]
            if self.unmatched[attribute]:
                facts.append(("In no word of the target", ", ".join(self.unmatched[attribute])))
            parts.append(
                Part(
                    title=attribute.replace("_", " ").capitalize(), facts=tuple(facts), tables=(_table(rows),)
                )
            )
        names = ", ".join(f"{cell.label} ({cell.attribute.replace('_', ' ')})" for cell in self.under())
        head = Part(
            title="Who is missing",
            words=(
                f"Under-represented, as far as {self.people:,} people can say: {names or 'no group'}.",
                f"A group of fewer than {self.few} people is not shown, and with it the next smallest, until "
                f"those hidden are {self.few} or more together: that number follows from the rest.",
            ),
            facts=(
                ("Target", self.target),
                ("Never asked", ", ".join(self.unasked).replace("_", " ") or "nothing"),
            ),
        )
        return Page(
            kind="Gap of representation",
            title=self.title,
            lead=f"{self.people:,} people gave feedback: here beside the people whom it is to speak for.",
            parts=(head, *parts),
        )


def representation_gap(
    people: pl.DataFrame,
    *,
    target: pl.DataFrame | Mapping[str, Mapping[str, float]] | None = None,
    named: str = "adults of the United States (2024 ACS PUMS)",
    few: int = FEW,
    level: float = 0.95,
    title: str = "Whose feedback is this?",
    date: str | None = None,
) -> Gap:
    """Hold who took part against a target.

    Parameters
    ----------
    people
        One row a person, with attributes as `populace` names them (`age` in years or bands, `sex`, `race`,
        ...). A column `person_id`, `rater_id` or `persona_id` makes rows of one person one.
    target
        `attribute`, `label`, `share`; or attribute -> label -> share. The census if left out.
    few
        Cells of fewer people are not shown.

    Raises
    ------
    DataError
        If there is nobody, no attribute that the target has, an attribute that holds lists, or two rows of
        one person that differ.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["Female"] * 90 + ["Male"] * 30})
    >>> gap = representation_gap(people)
    >>> [(cell.label, round(cell.observed.value, 2), cell.verdict) for cell in gap.cells]
    [('Female', 0.75, 'over'), ('Male', 0.25, 'under')]
    """
    shares = _target(target)
    rows = _one_row_each(people)
    there = [name for name in shares if name in rows.columns]
    if not there:
        raise DataError("no column is an attribute of the target", fix=f"name columns {', '.join(shares)}")
    cells: list[Cell] = []
    distances, unknown, unmatched = {}, {}, {}
    for name in there:
        if rows[name].dtype.is_nested():
            fix = "give one word a person, or leave it out"
            raise DataError("this column holds lists", column=name, fix=fix)
        values = _banded(rows[name]) if name == "age" else rows[name].cast(pl.String)
        found, distances[name] = cells_of(name, values.drop_nulls(), shares[name], few, level)
        cells += found
        unknown[name] = values.null_count()
        said = values.drop_nulls().value_counts().filter(pl.col("count") >= few)[values.name].to_list()
        unmatched[name] = tuple(sorted(set(said) - set(shares[name])))
    return Gap(
        title=title,
        date=day_of(date),
        people=rows.height,
        target=named,
        few=few,
        cells=tuple(cells),
        distances=distances,
        unknown=unknown,
        unmatched=unmatched,
        unasked=tuple(name for name in shares if name not in there),
    )


def read_target(path: str | Path) -> pl.DataFrame:
    """Read shares of a target population: `attribute`, `label`, `share`.

    Raises
    ------
    DataError
        If it cannot be read, or a column is missing.
    """
    table = read_feedback(path)
    lacking = {"attribute", "label", "share"} - set(table.columns)
    if lacking:
        raise DataError(
            f"there is no column {min(lacking)}", file=path, fix="give attribute, label and share"
        )
    return table.with_columns(pl.col("share").cast(pl.Float64, strict=False))


def _target(given: pl.DataFrame | Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    if isinstance(given, Mapping):
        found = {name: dict(labels) for name, labels in given.items()}
    else:
        if given is None:
            from populace.population.margins import census_margins

            given = census_margins(adults=True)
        found: dict[str, dict[str, float]] = {}
        for attribute, label, share in (
            given.drop_nulls("label").select("attribute", "label", "share").iter_rows()
        ):
            found.setdefault(attribute, {})[label] = share
    for name, labels in found.items():
        if any(share is None or share < 0 for share in labels.values()) or not sum(labels.values()) > 0:
            raise DataError("shares of the target are not from 0 up", column=name)
        total = sum(labels.values())
        # Of those to whom the question applies, as the people who are counted.
        found[name] = {label: share / total for label, share in labels.items()}
    return found


def _one_row_each(people: pl.DataFrame) -> pl.DataFrame:
    key = next((name for name in ("person_id", "rater_id", "persona_id") if name in people.columns), None)
    rows = people if key is None else people.unique(maintain_order=True)
    if key is not None and rows[key].n_unique() != rows.height:
        raise DataError(
            "rows of one person differ", column=key, fix="give a row a person, with attributes alone"
        )
    if rows.is_empty():
        raise DataError("there is nobody in it")
    return rows


def _banded(ages: pl.Series) -> pl.Series:
    if not ages.dtype.is_numeric():
        return ages.cast(pl.String)
    if ages.drop_nulls().is_between(18, 130).not_().any():
        raise DataError(
            "an age is not from 18 to 130", column="age", fix="leave out minors, or give bands and a target"
        )
    places = np.searchsorted([start for start, _ in _AGES], ages.to_numpy(), side="right") - 1
    known = ages.is_not_null().to_list()
    return pl.Series(
        "age",
        [_AGES[int(place)][1] if there else None for place, there in zip(places, known, strict=True)],
        dtype=pl.String,
    )


_SAID = {
    "under": "under-represented",
    "over": "over-represented",
    "as": "about as many",
    "unclear": "too few to say",
    "not shown": "not shown",
}


def _table(rows: Sequence[Cell]) -> Table:
    def told(cell: Cell) -> tuple[str, ...]:
        seen = cell.observed
        observed = "not shown" if seen is None else f"{seen.value:.1%} ({seen.low:.1%} to {seen.high:.1%})"
        people = "few" if cell.people is None else f"{cell.people:,}"
        return (cell.label, people, observed, f"{cell.target:.1%}", _SAID[cell.verdict])

    return Table(
        caption="Observed share with its 95 % interval, beside the target's",
        columns=("Group", "People", "Observed", "Target", "Represented"),
        rows=tuple(map(told, rows)),
        numbers=frozenset({1, 2, 3}),
    )
