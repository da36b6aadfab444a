"""Agreement of judges, and of people: by group, against people, and every two judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["human_agreement", "kappa_by_group", "kappa_matrix"]

_TIMES = " × "
_PEOPLE = "people"
_KAPPA = "Cohen’s κ"
_AC1 = "Gwet’s AC1"
_CEILING = "one person × the others"
"""Arm of the kappa that one person reaches with most of the others."""
_COLOURS = ((0.2, 0), (0.4, 1), (0.6, 2), (0.8, 3), (9.0, 4))
"""Below which value a cell has which of the five shades."""


def kappa_by_group(result: TaskResult, pair: str | None = None, width: int = 680) -> Any:
    """Draw the agreement of two judges in every group, a panel an attribute.

    It stands for PERSONA's figures of kappa by attribute (arXiv 2407.17387, Figures 4 to 9). What they do not
    show: intervals clustered by persona; Gwet's AC1 beside kappa, which does not fall where nearly all
    verdicts are of one kind; the agreement of all as a line; how many people a group has.

    Parameters
    ----------
    result
        Of the task `agreement`.
    pair
        Two judges, as the result names them (`a × b`); the first pair if None.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or has no such pair.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_result
    >>> kappa_by_group(agreement_result()).to_dict()["title"]["text"]
    ['Agreement of judge A and judge B, by group']
    """
    import altair as alt

    table = parts.need(result, "agreement")
    pair = _pair(table, pair)
    table = table.filter(arm=pair)
    overall = table.filter(measure="kappa", group="")["value"].to_list()
    names = {"kappa": _KAPPA, "ac1": _AC1}
    rows = table.filter(pl.col("measure").is_in(list(names)), pl.col("group") != "").with_columns(
        pl.col("group").str.split_exact(" = ", 1).struct.rename_fields(["attribute", "label"]).alias("split"),
        series=pl.col("measure").replace_strict(names),
        people=parts.whole("clusters"),
    )
    rows = rows.unnest("split").with_columns(parts.few())
    axis = parts.Axis("agreement beyond chance", parts.reach(rows, (0.0, 1.0)), percent=False)
    columns = 2 if width >= 500 else 1
    panel = (width - 24 * (columns - 1)) // columns
    marks = {overall[0]: ""} if overall and overall[0] is not None else {}
    panels = [
        parts.dots(part, panel, axis, series=list(names.values()), marks=marks, column="people", step=30)
        .properties(title=str(attribute))
        for (attribute,), part in rows.group_by("attribute", maintain_order=True)
    ]  # fmt: skip
    lines = [parts.counted(rows), "Dashed: κ of all. " + _dagger(rows)]
    title = f"Agreement of {' and '.join(pair.split(_TIMES))}, by group"
    return parts.titled(alt.concat(*panels, columns=columns), title, lines, width)


def _dagger(table: pl.DataFrame) -> str:
    return f"† fewer than {parts.FEW} people" if (table["clusters"] < parts.FEW).any() else ""


def _pairs(table: pl.DataFrame) -> list[str]:
    """List the pairs of judges: baselines and ceilings have a kappa, and no AC1."""
    return table.filter(measure="ac1")["arm"].unique(maintain_order=True).to_list()


def _pair(table: pl.DataFrame, pair: str | None) -> str:
    pairs = _pairs(table)
    if not pairs or (pair is not None and pair not in pairs):
        fix = f"use one of {', '.join(pairs)}" if pairs else "run the task with two judges"
        raise DataError(
            f"there is no pair of judges {pair!r}" if pair else "there is no pair of judges", fix=fix
        )
    return pair or pairs[0]


def human_agreement(result: TaskResult, width: int = 680) -> Any:
    """Draw how far people agree among themselves, and how far each judge agrees with most of them.

    It stands for PERSONA's human-human and model-human kappas (arXiv 2407.17387), of which the former has no
    number in the text. What they do not show: intervals; the kappa that one person reaches with most of the
    others, as the height that a judge can be held to; Krippendorff's alpha of all people, who differ from
    pair to pair.

    Parameters
    ----------
    result
        Of the task `agreement`, with people's verdicts.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or nobody judged.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_result
    >>> human_agreement(agreement_result()).to_dict()["title"]["text"]
    ['Agreement with people, and of people among themselves']
    """
    table = parts.need(result, "agreement").filter(group="")
    kinds = {"alpha": _ALPHA, "kappa": _KAPPA}
    people = table.filter(
        (pl.col("measure") == "alpha") & (pl.col("arm") == _PEOPLE) | (pl.col("arm") == _CEILING)
    ).with_columns(label=pl.lit("people"), series=pl.col("measure").replace_strict(kinds, default=None))
    if people.is_empty():
        raise DataError("this run has no verdicts of people", fix="give them: --option people=FILE.parquet")
    names = {"kappa": _KAPPA, "ac1": _AC1}
    judges = table.filter(
        pl.col("measure").is_in(list(names)), pl.col("arm").str.ends_with(_TIMES + _PEOPLE)
    ).with_columns(
        label=pl.col("arm").str.strip_suffix(_TIMES + _PEOPLE), series=pl.col("measure").replace_strict(names)
    )
    first = judges.filter(measure="kappa").select("label", order="value")
    judges = judges.join(first, on="label", maintain_order="left").sort(
        "order", descending=True, nulls_last=True, maintain_order=True
    )
    rows = pl.concat([people, judges.drop("order")]).with_columns(parts.few(), items=parts.whole("n"))
    axis = parts.Axis("agreement beyond chance", parts.reach(rows, (0.0, 1.0)), percent=False)
    # The kappa of one person is what a judge's kappa can be held to; alpha is on another scale.
    top = people.sort(pl.col("measure") != "kappa").row(0, named=True)
    band = (top["low"], top["high"]) if top["low"] is not None else None
    series = [_KAPPA, _AC1, _ALPHA]
    chart = parts.dots(rows, width, axis, series=series, band=band, column="items", step=36)
    lines = [
        parts.counted(rows),
        "Each judge, and one person (κ), beside what most people said; α: all people among themselves. "
        "Shaded: the interval of people, which a judge need not surpass",
    ]
    return parts.titled(chart, "Agreement with people, and of people among themselves", lines, width)


_ALPHA = "Krippendorff’s α"


def kappa_matrix(result: TaskResult, width: int = 680) -> Any:
    """Draw the agreement of every two judges: kappa below the diagonal, AC1 above it.

    It stands for PERSONA's matrices of kappa between models (arXiv 2407.17387, Figures 4 to 9). What they do
    not show: the interval, printed in every cell, and a partner that is steady where one verdict prevails.

    Parameters
    ----------
    result
        Of the task `agreement`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or has no two judges.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_result
    >>> kappa_matrix(agreement_result()).to_dict()["title"]["text"]
    ['Agreement of every two judges']
    """
    table = parts.need(result, "agreement").filter(group="")
    _pair(table, None)
    table = table.filter(pl.col("arm").is_in(_pairs(table)), pl.col("measure").is_in(["kappa", "ac1"]))
    names = list(dict.fromkeys(name for arm in table["arm"] for name in arm.split(_TIMES)))
    cells = [_cell(row, names) for row in table.iter_rows(named=True)]
    lines = [
        "Below the diagonal Cohen’s κ, above it Gwet’s AC1; in each cell the interval",
        parts.counted(table),
    ]
    return parts.titled(
        _squares(pl.DataFrame(cells), names, width), "Agreement of every two judges", lines, width
    )


def _cell(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    one, other = sorted(names.index(name) for name in row["arm"].split(_TIMES))
    below = row["measure"] == "kappa"
    value = row["value"]
    shade = next(at for top, at in _COLOURS if (-1.0 if value is None else value) < top)
    return {
        "row": other if below else one,
        "column": one if below else other,
        "shade": shade,
        "value": "–" if value is None else _two(value),
        "interval": ""
        if value is None or row["low"] is None
        else f"{_two(row['low'])} to {_two(row['high'])}",
        "dark": shade >= 3,
    }


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _squares(cells: pl.DataFrame, names: list[str], width: int) -> Any:
    import altair as alt

    y, _ = theme.rows(names, width)
    plot = width - theme.label_room(width) - 20
    side = min(plot // len(names), 96)
    small = side < 62
    # Long names are written under each other, and never cut.
    words = [name.replace("-", " ").split() for name in names]
    lines = max(map(len, words))
    # The drawing library writes lines downwards from the axis outwards: short names start lower.
    heads = [[""] * (lines - len(each)) + each for each in words]
    axis = alt.Axis(orient="top", labelExpr=f"{heads}[datum.value]", labelLimit=0, labelOverlap=False,
                    labelAngle=0, grid=False, title=None, labelFontSize=10 if small else 12,
                    labelPadding=6 + (12 if small else 14) * (lines - 1))  # fmt: skip
    x = alt.X("column:O", axis=axis, scale=alt.Scale(domain=list(range(len(names)))))
    base = alt.Chart(cells).encode(x=x, y=y)
    colour = alt.Color("shade:O", legend=None).scale(domain=list(range(5)), range=list(theme.SCALE))
    ink = alt.condition("datum.dark", alt.value(theme.PAPER), alt.value(theme.INK))
    return alt.layer(
        base.mark_rect(stroke=theme.PAPER, strokeWidth=2).encode(color=colour),
        base.mark_text(dy=0 if small else -7, fontSize=11 if small else 14).encode(text="value:N", color=ink),
        *([] if small else [base.mark_text(dy=10, fontSize=10).encode(text="interval:N", color=ink)]),
    ).properties(width=side * len(names), height=max(34, side * 2 // 3) * len(names))
