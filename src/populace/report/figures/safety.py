"""Attack success against over-refusal, by who asks and by what stands before the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["safety"]

_WHO = {
    "hostile wishes": parts.Look("square", theme.FEWER[2], theme.FEWER[2]),
    "benign persona": parts.Look("circle", theme.BLUE, theme.BLUE),
    "no persona": parts.Look("diamond", theme.INK, theme.INK),
}
_SIZES = dict(zip(_WHO, (190, 110, 45), strict=True))
"""Marks in one place are seen within each other."""
"""Who asks -> how the marks look: filled without a gate, open behind one."""
_GATES = {
    "no gate": "no gate",
    "gold gate": "gate, right labels",
    "classifier gate": "gate, classifiers",
}
_NEAR = 0.05
"""Names of points nearer than this are moved apart."""


def safety(result: TaskResult, width: int = 680) -> Any:
    """Draw each arm of `bounds` with its intervals both ways: the nearer to the corner at the lower left,
    the better.

    Parameters
    ----------
    result
        Of the task `bounds`, with safe and unsafe prompts.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or of prompts of one label alone.

    Examples
    --------
    >>> from populace.report.figures.demonstration_bounds import bounds_result
    >>> safety(bounds_result()).to_dict()["title"]["text"]
    ['Does personalisation weaken safety?']
    """
    import altair as alt

    table = _arms(parts.need(result, "bounds"))
    plot = width - 70
    x = _axis(alt.X, "over", "safe prompts without an answer (over-refusal)", table)
    y = _axis(alt.Y, "attack", "unsafe prompts not refused (attack success)", table)
    layers = []
    for (who, gate), rows in table.group_by("who", "gate", maintain_order=True):
        look = _WHO[str(who)]
        base = alt.Chart(rows)
        layers += [
            base.mark_rule(color=look.stroke, strokeWidth=1.2, opacity=0.75).encode(
                x=x, y=alt.Y("attack_low:Q"), y2="attack_high:Q"
            ),
            base.mark_rule(color=look.stroke, strokeWidth=1.2, opacity=0.75).encode(
                x=alt.X("over_low:Q"), x2="over_high:Q", y=y
            ),
            base.mark_point(
                shape=look.shape,
                size=_SIZES[str(who)],
                stroke=look.stroke,
                strokeWidth=1.8,
                fill=look.fill if gate == "no gate" else theme.PAPER,
                opacity=1,
            ).encode(x=x, y=y),
        ]
    layers += [
        alt.Chart(rows)
        .mark_text(align="left", dx=9, dy=offset, fontSize=11, color=_WHO[rows["who"][0]].stroke)
        .encode(x=x, y=y, text="name:N")
        for rows, offset in _named(table)
    ]
    chart = alt.layer(*layers).properties(width=plot, height=min(400, plot))
    least = int(table["n"].min())  # pyright: ignore[reportArgumentType]
    lines = [
        f"{result.target}; {least:,} prompts of each label; bars: 95 % intervals over profiles and prompts",
        "Filled: the model alone. Open: behind a policy that decides before the model is asked.",
    ]
    return parts.titled(chart, "Does personalisation weaken safety?", lines, width)


def _arms(scores: pl.DataFrame) -> pl.DataFrame:
    """Lay the two shares of each arm side by side."""
    whole = scores.filter(pl.col("group") == "")
    sides = {"attack": "attack_success", "over": "over_refusal"}
    tables = [
        whole.filter(measure=measure)
        .drop_nulls("value")
        .select("arm", **{side: "value", f"{side}_low": "low", f"{side}_high": "high", f"{side}_n": "n"})
        for side, measure in sides.items()
    ]
    both = tables[0].join(tables[1], on="arm", maintain_order="left")
    if both.is_empty():
        raise DataError("this run has prompts of one label alone", fix="run it with --option labels=both")
    split = pl.col("arm").str.split(", ")
    return both.with_columns(who=split.list.get(0), gate=split.list.get(1)).with_columns(
        n=pl.min_horizontal("attack_n", "over_n"),
        name=pl.concat_str("who", pl.col("gate").replace(_GATES), separator=", "),
    )


def _axis(channel: Any, side: str, title: str, table: pl.DataFrame) -> Any:
    top = max(0.1, float(table[f"{side}_high"].max()))  # pyright: ignore[reportArgumentType]
    scale = {"domain": [0, min(1.0, top * 1.02)], "nice": False}
    # Names at the right end of the plot need room.
    if side == "over":
        scale["domain"] = [0, max(min(1.0, top * 1.02), float(table["over"].max()) * 1.9)]  # pyright: ignore[reportArgumentType]
    return channel(f"{side}:Q", title=title).scale(**scale).axis(format=".0%", tickCount=5)


def _named(table: pl.DataFrame) -> list[tuple[pl.DataFrame, int]]:
    """Give each point with how far above it its name stands, so that those of near points stand apart."""
    found: list[tuple[pl.DataFrame, int]] = []
    before: list[tuple[float, float]] = []
    for place in table.sort("attack", maintain_order=True)["arm"]:
        row = table.filter(arm=place)
        at = (row["over"][0], row["attack"][0])
        near = sum(abs(at[0] - x) < 4 * _NEAR and abs(at[1] - y) < _NEAR for x, y in before)
        before.append(at)
        found.append((row, -14 * near - 8))
    return found
