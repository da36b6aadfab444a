"""How well a response is predicted from little history: over what is known, and what each part adds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["prediction_curves", "prediction_pairs"]

_SERIES = {
    "lm": "the model",
    "collaborative": "factors",
    "own": "own items",
    "join": "own and joined items",
    "person": "the person's replies",
    "person and headline": "person and headline",
}
"""Arms that are drawn over what is known, in the order of `parts.LOOKS`; a run has five of them at most."""
_BUDGET = re.compile(r"lm, (\d+) tokens, all")
_ABOVE = "accuracy, above "
_JOIN = "accuracy, effect of JOIN"
_DISCORDANT = re.compile(r"discordant (\d+) : (\d+)")
_JOINED = {"join": "own items", "collaborative + join": "factors", "join, strict": "own items, strict"}
_LESS = {
    "lm, no join": "model with JOIN, over without",
    "lm, no induced": "with what is induced, over without",
    "lm, no distilled": "with what is distilled, over without",
    "lm, recency": "model over the latest items",
    "lm, retrieval only": "over the nearest items alone",
    "lm, full history": "over the full history",
    "lm, summary": "over a summary",
    "lm, nobody": "over itself told of nobody",
    "lm, stranger": "over itself told of a stranger",
    "mode": "model over the commonest answer",
}


def prediction_curves(result: TaskResult, width: int = 680) -> Any:
    """Draw accuracy over how much of the person is known, and over the tokens that the model is told.

    The dashed line is the commonest answer of each question; the band is how often people, asked again, say
    the same (surveys that asked twice).

    Parameters
    ----------
    result
        Of the task `response-prediction`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task.
    """
    import altair as alt

    found = parts.need(result, "response-prediction").filter(pl.col("group") == "")
    right = found.filter(measure="accuracy")
    known, told = _known(right), _told(found)
    side = (width - 90) // 2 if width >= 500 and len(told) > 1 else width - 70
    domain = parts.reach(pl.concat([each.select("value", "low", "high") for each in (known, told)]), None)
    marks = _Marks(right, domain)
    drawn = [_over_known(known, side, marks)]
    if len(told) > 1:
        drawn.append(_over_tokens(told, side, marks))
    lines = [
        f"{result.target.partition('@')[0]} beside statistics that know the same",
        parts.counted(right, "responses"),
        "Dashed: the commonest answer." + (" Shaded: the person asked again." if marks.again.height else ""),
    ]
    return parts.titled(
        alt.concat(*drawn, columns=len(drawn) if width >= 500 else 1), "Responses predicted", lines, width
    )


def _known(right: pl.DataFrame) -> pl.DataFrame:
    """Give the arms of each design, in the order of designs."""
    rows = right.with_columns(
        name=pl.col("arm").str.replace(r", [^,]+$", ""), known=pl.col("arm").str.extract(r", ([^,]+)$")
    ).filter(pl.col("name").is_in(list(_SERIES)))
    some = [name for name in _SERIES if name in rows["name"]][: len(parts.LOOKS)]
    counts = sorted({each for each in rows["known"] if each != "all"}, key=int)
    place = {name: at for at, name in enumerate([*counts, "all"])}
    return rows.filter(pl.col("name").is_in(some)).with_columns(
        series=pl.col("name").replace_strict(_SERIES),
        place=pl.col("known").replace_strict(place, return_dtype=pl.Int64),
    )


def _told(found: pl.DataFrame) -> pl.DataFrame:
    """Give the model's arms that differ in their budget, with the tokens that they were told on average."""
    budgets = [arm for arm in found["arm"].unique() if _BUDGET.fullmatch(arm) or arm == "lm, all"]
    tokens = found.filter((pl.col("measure") == "tokens told") & pl.col("arm").is_in(budgets))
    rows = found.filter((pl.col("measure") == "accuracy") & pl.col("arm").is_in(budgets))
    return rows.join(tokens.select("arm", tokens="value"), on="arm").sort("tokens")


class _Marks:
    """The line and the band behind the curves."""

    def __init__(self, right: pl.DataFrame, domain: tuple[float, float]) -> None:
        self.mode = right.filter(arm="mode, all")
        self.again = right.filter((pl.col("arm") == "same again, all") & pl.col("low").is_not_null())
        held = pl.concat([self.mode, self.again])
        self.domain = (min([domain[0], *held["value"]]), max([domain[1], *held["high"].drop_nulls()]))

    def layers(self) -> list[Any]:
        """Give both."""
        import altair as alt

        return [
            alt.Chart(self.again.head(1))
            .mark_rect(color=parts.SHADE, opacity=0.5)
            .encode(y="low:Q", y2="high:Q"),
            alt.Chart(self.mode.head(1)).mark_rule(color=theme.MUTED, strokeDash=[4, 3]).encode(y="value:Q"),
        ]

    def y(self) -> Any:
        """Give the channel of accuracy."""
        import altair as alt

        return (
            alt.Y("value:Q", title="share predicted")
            .scale(domain=list(self.domain), nice=False, zero=False)
            .axis(format=".0%", tickCount=5)
        )


def _over_known(rows: pl.DataFrame, side: int, marks: _Marks) -> Any:
    import altair as alt

    names = [each for each in _SERIES.values() if each in rows["series"]]
    labels = rows.sort("place")["known"].unique(maintain_order=True).to_list()
    step = side / max(len(labels), 1)
    legend = alt.Legend(title=None, symbolSize=70, labelLimit=0, columns=1 if side < 400 else 2, orient="top")
    looks = parts.LOOKS[: len(names)]
    channels: dict[str, Any] = {
        kind: channel("series:N", legend=legend).scale(
            domain=names, range=[getattr(look, kind) for look in looks]
        )
        for kind, channel in (("shape", alt.Shape), ("fill", alt.Fill), ("stroke", alt.Stroke))
    }
    x = (
        alt.X("place:Q", title="own answers that are known")
        .scale(domain=[-0.5, len(labels) - 0.5], nice=False)
        .axis(values=list(range(len(labels))), labelExpr=f"{labels}[datum.value]", grid=False)
    )
    layers = marks.layers()
    for number, name in enumerate(names):
        shift = min(10.0, step / (len(names) + 1)) * (number - (len(names) - 1) / 2)
        look = looks[number]
        base = alt.Chart(rows.filter(series=name)).encode(x=x)
        layers += [
            base.mark_line(color=look.stroke, strokeWidth=1, opacity=0.6, xOffset=shift).encode(y=marks.y()),
            base.mark_rule(color=look.stroke, strokeWidth=1.4, xOffset=shift).encode(y="low:Q", y2="high:Q"),
            base.mark_point(size=52, strokeWidth=1.5, opacity=1, xOffset=shift).encode(
                y=marks.y(), **channels
            ),
        ]
    return alt.layer(*layers).properties(width=side, height=260)


def _over_tokens(rows: pl.DataFrame, side: int, marks: _Marks) -> Any:
    import altair as alt

    look, most = parts.LOOKS[0], float(rows["tokens"].max() or 1.0)  # type: ignore[arg-type]
    x = (
        alt.X("tokens:Q", title="tokens told, all answers known")
        .scale(domain=[0, 1.1 * most], nice=False)
        .axis(tickCount=4, grid=False)
    )
    base = alt.Chart(rows).encode(x=x)
    return alt.layer(
        *marks.layers(),
        base.mark_line(color=look.stroke, strokeWidth=1, opacity=0.6).encode(y=marks.y()),
        base.mark_rule(color=look.stroke, strokeWidth=1.4).encode(y="low:Q", y2="high:Q"),
        base.mark_point(size=52, strokeWidth=1.5, opacity=1, fill=look.fill, stroke=look.stroke).encode(
            y=marks.y()
        ),
    ).properties(width=side, height=260)


def prediction_pairs(result: TaskResult, width: int = 680) -> Any:
    """Draw differences in accuracy on the same responses, with the discordant ones at the right.

    Parameters
    ----------
    result
        Of the task `response-prediction`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or nothing was compared in it.
    """
    rows = _pairs(parts.need(result, "response-prediction").filter(pl.col("group") == ""))
    if rows.is_empty():
        raise DataError("nothing was compared in this result", fix="run the task with recipes or routes")
    axis = parts.Axis("points", parts.reach(rows, (-0.05, 0.05)), signed=True)
    lines = [
        f"{result.target.partition('@')[0]}; accuracy on the same responses, in pairs",
        parts.counted(rows, "responses") + "; at the right: right here and wrong there, and the reverse",
    ]
    drawn = parts.dots(rows, width, axis, marks={0.0: ""}, column="alone right")
    return parts.titled(drawn, "What each part adds", lines, width)


def _pairs(found: pl.DataFrame) -> pl.DataFrame:
    """Name the comparisons: the model's, JOIN's by route and design, and statistics over the mode."""
    rows = []
    for row in found.iter_rows(named=True):
        name, known = row["arm"].rpartition(", ")[::2]
        label = ""
        if row["measure"] == _JOIN and name != "lm":
            label = f"{_JOINED.get(name, name)} with JOIN, {known} known"
        elif row["measure"].startswith(_ABOVE):
            other = row["measure"].removeprefix(_ABOVE).rpartition(", ")[0]
            if name == "lm":
                label = _LESS.get(other, "")
            elif other == "mode" and name in ("collaborative", "own", "person and headline"):
                label = f"{_SERIES[name]} over commonest, {known} known"
        if label:
            said = _DISCORDANT.search(row["note"] or "")
            rows.append(row | {"label": label, "alone right": f"{said[1]} : {said[2]}" if said else None})
    schema = {**found.schema, "label": pl.String(), "alone right": pl.String()}
    return pl.DataFrame(rows, schema=schema)
