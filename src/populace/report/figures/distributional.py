"""How near a model's distributions are to people's, in every way to get them, beside who knows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["distributional"]

_WAYS = {
    "logprobs": "likelihood of each option",
    "verbalised": "distribution in words",
    "sequences": "people simulated in one text",
    "repeated": "one person, again and again",
}
_BASELINES = {
    "uniform": "every answer alike",
    "majority": "all on the commonest answer",
    "sampling alone": "the truth, to so many people",
    "people, half by half": "people: half against half",
}


def distributional(result: TaskResult, width: int = 680) -> Any:
    """Draw the total variation from people of every way to ask, and of what knows nothing, or everything.

    Ways are filled dots, and the model's own answers put to other questions are crosses; baselines are open.
    The dashed line is the distribution that gives every answer alike: right of it a model does harm. The band
    is what random halves of the people are from each other.

    Parameters
    ----------
    result
        Of the task `distributional`, with people's answers.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or nobody was asked.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_distributional import distributional_result
    >>> distributional(distributional_result()).to_dict()["title"]["text"]
    ['How far from people? (total variation)']
    """
    found = parts.need(result, "distributional").filter(measure="tv").drop_nulls("value")
    rows = list(_rows(found["arm"].to_list()))
    if not rows:
        raise DataError("nobody was asked in this run", fix="give people's answers: --option survey=FILE")
    table = pl.DataFrame(rows, schema=["arm", "label", "series"], orient="row")
    table = table.join(found.select(pl.exclude("group")), on="arm", how="inner", maintain_order="left")
    table = table.with_columns(row=pl.int_range(pl.len()))
    gap = next((score.estimate for score in result.scores if score.measure == "gap"), None)
    lines = [
        f"{result.target.partition('@')[0]}; left is nearer",
        "Dashed: every answer alike. Crosses: the model's answers to other questions",
        parts.counted(table.filter(series="way"), "cells").replace("people", "questions"),
    ]
    if gap is not None and gap.defined:
        ends = f"[{100 * gap.low:.0f}, {100 * gap.high:.0f}]"
        lines.append(
            f"People simulated in one text are further off than words by {100 * gap.value:.0f} % {ends}"
        )
    return parts.titled(_drawn(table, width), "How far from people? (total variation)", lines, width)


def _rows(arms: list[str]) -> list[tuple[str, str, str]]:
    """List arm, label and series, in the order of the figure."""
    found: list[tuple[str, str, str]] = []
    for way, label in _WAYS.items():
        if way in arms:
            found.append((way, label, "way"))
            found.append((f"{way}, shuffled", "… of other questions", "shuffled"))
    answers = [arm for arm in arms if arm.endswith("answers of people's own")]
    named = [(arm, label, "baseline") for arm, label in _BASELINES.items() if arm in arms]
    return found + named + [(arm, f"the truth in {arm.split()[0]} answers", "baseline") for arm in answers]


def _drawn(table: pl.DataFrame, width: int) -> Any:
    import altair as alt

    y, step = theme.rows(table["label"].to_list(), width)
    top = min(1.0, float(table.select(pl.max_horizontal("value", "high").max()).item()) * 1.05)
    axis = parts.Axis("total variation", (0.0, max(top, 0.1)), percent=False)
    halves, even = table.filter(arm="people, half by half"), table.filter(arm="uniform")
    layers = [
        alt.Chart(halves.head(1))
        .mark_rect(color=parts.SHADE, opacity=0.5)
        .encode(x=axis.channel("low:Q", width), x2="high:Q"),
        alt.Chart(even).mark_rule(color=theme.MUTED, strokeDash=[4, 3]).encode(x="value:Q"),
    ]
    for series, look in (("way", parts.LOOKS[0]), ("shuffled", parts.LOOKS[4]), ("baseline", parts.LOOKS[1])):
        base = alt.Chart(table.filter(series=series)).encode(y=y)
        layers += [
            base.transform_filter("isValid(datum.low)")
            .mark_rule(strokeWidth=1.6, color=look.stroke)
            .encode(x=axis.channel("low:Q", width), x2="high:Q"),
            base.mark_point(
                size=56, strokeWidth=1.5, opacity=1, shape=look.shape, fill=look.fill, stroke=look.stroke
            ).encode(x=axis.channel("value:Q", width)),
        ]
    room = width - theme.label_room(width) - 20
    return alt.layer(*layers).properties(width=room, height=alt.Step(step))
