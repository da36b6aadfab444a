"""What a portfolio costs each group: mean regret with its interval, for one portfolio or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult
    from populace.portfolio.service import Served

__all__ = ["group_regret", "group_regret_of_run"]


def group_regret(
    served: Served | Mapping[str, Served],
    width: int = 680,
    *,
    title: str = "What each group loses",
    lines: Sequence[str] = (),
) -> Any:
    """Draw mean regret by group, worst first, and of everybody.

    Parameters
    ----------
    served
        Of one portfolio, or of up to five by name; groups are ordered by the first.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If there are no groups, or more than five portfolios.

    Examples
    --------
    >>> from populace.report.figures.demonstration_portfolio import served_groups
    >>> group_regret(served_groups()).to_dict()["title"]["text"]
    ['What each group loses']
    """
    named = dict(served) if isinstance(served, Mapping) else {"": served}
    if not named or len(named) > len(parts.LOOKS):
        raise DataError(f"{len(named)} portfolios cannot be drawn", fix=f"give one to {len(parts.LOOKS)}")
    first = next(iter(named.values()))
    if not first.groups:
        raise DataError("people have no groups", fix="say which: People.of(..., groups=...)")
    order = [each.group for each in sorted(first.groups, key=lambda each: -each.regret.value)]
    rows = []
    for name, found in named.items():
        by = {each.group: each for each in found.groups}
        for group in order:
            if group in by:
                each = by[group]
                rows.append(_row(group, name, each.regret, f"{each.n:,}"))
        rows.append(_row("everybody", name, found.regret, f"{found.people:,}"))
    table = pl.DataFrame(rows).with_columns(parts.few())
    level = first.regret.level * 100
    said = [f"Mean regret, {level:g} % intervals; {first.personas:,} personas", *lines]
    if (table["clusters"] < parts.FEW).any():
        said.append(f"† fewer than {parts.FEW} personas")
    return parts.titled(_dots(table, list(named), width), title, said, width)


def group_regret_of_run(result: TaskResult, width: int = 680) -> Any:
    """Draw the groups of a run of `portfolio`.

    Raises
    ------
    DataError
        If the result is of another task, or has no groups.
    """
    table = parts.need(result, "portfolio")
    rows = table.filter(pl.col("measure") == "regret", pl.col("group") != "")
    if rows.is_empty():
        raise DataError("this run has no groups", fix="name them: --group 'young: age < 30'")
    table = rows.sort("value", descending=True).with_columns(
        label=pl.col("group"), series=pl.lit(""), people=parts.whole("clusters")
    )
    told = parts.counted(rows, "answers")
    lines = [f"{result.target}; {told}", "Best arms in hindsight: too high by noise"]
    return parts.titled(
        _dots(table.with_columns(parts.few()), [""], width), "What each group loses", lines, width
    )


def _row(label: str, series: str, found: Any, people: str) -> dict[str, Any]:
    ends = {name: getattr(found, name) for name in ("value", "low", "high", "clusters")}
    return {"label": label, "series": series, "people": people, **ends}


def _dots(table: pl.DataFrame, series: list[str], width: int) -> Any:
    axis = parts.Axis("regret", parts.reach(table, (0.0, 0.01)), percent=False)
    return parts.dots(table, width, _Plain(*axis), series=series, column="people", step=26)


class _Plain(parts.Axis):
    """Numbers without a sign: a regret is never below 0."""

    @property
    def labels(self) -> str:
        return "format(datum.value, '.2~f')" if self.domain[1] >= 0.05 else "format(datum.value, '.3~f')"
