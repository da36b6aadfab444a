"""Age and sex: the population as bars, the reference as a line at the end of each bar."""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.report.figures import theme
from populace.report.people_tables import BAND, GROUPS, OLDEST

__all__ = ["band_names", "pyramid", "pyramids", "weight_histogram"]

_BANDS = OLDEST // BAND + 1
_SIDES = (("men", -1), ("women", 1))


def band_names() -> list[str]:
    """Name the bands of age, the youngest first."""
    return [f"{BAND * band}–{BAND * band + BAND - 1}" for band in range(_BANDS - 1)] + [f"{OLDEST}+"]


def pyramid(ours: pl.DataFrame, theirs: pl.DataFrame | None, width: int = 680) -> Any:
    """Draw one pyramid: men to the left, women to the right, a dark line where the reference ends."""
    reach = _reach([ours, theirs])
    chart = _chart(ours, theirs, min(width - 60, 520), 15 if width >= 500 else 13, reach, every=1)
    return theme.finish(chart)


def pyramids(ours: pl.DataFrame, theirs: pl.DataFrame | None, width: int = 680) -> Any:
    """Draw one small pyramid a group, each out of its own people."""
    import altair as alt

    columns = 3 if width >= 500 else 2
    panel = (width - 20 * (columns - 1)) // columns - 44
    present = [name for name in GROUPS if name in set(ours["group"])]
    reach = _reach([ours, theirs])
    panels = []
    for name in present:
        own = ours.filter(pl.col("group") == name)
        other = None if theirs is None else theirs.filter(pl.col("group") == name)
        carried = f"{100 * own['carries'][0]:.1f} %"
        if other is not None and other.height:
            carried += f" (reference {100 * other['carries'][0]:.1f} %)"
        title = {"text": name[0].upper() + name[1:], "subtitle": carried}
        panels.append(_chart(own, other, panel, 8, reach, every=3).properties(title=title))
    return theme.finish(alt.concat(*panels, columns=columns, spacing=20))


def _reach(tables: list[pl.DataFrame | None]) -> float:
    return max(
        (float(table["share"].to_numpy().max()) for table in tables if table is not None and table.height),
        default=0.01,
    )


def _chart(
    ours: pl.DataFrame, theirs: pl.DataFrame | None, width: int, step: int, reach: float, *, every: int
) -> Any:
    import altair as alt

    sign = pl.col("sex").replace_strict(dict(_SIDES), return_dtype=pl.Int64)
    # The oldest on top; a band nobody is in stays a row.
    row = _BANDS - 1 - pl.col("band")
    names = band_names()
    top_down = list(reversed(names))
    axis = alt.Axis(
        labelExpr=f"{top_down}[datum.value]",
        values=[r for r in range(_BANDS) if (_BANDS - 1 - r) % every == 0],
        labelFontSize=11, labelLimit=0, labelOverlap=False, grid=False, title=None,
    )  # fmt: skip
    y = alt.Y("row:O", axis=axis, scale=alt.Scale(domain=list(range(_BANDS)), paddingInner=0.12))
    x = alt.X("share:Q", title=None).scale(domain=[-1.04 * reach, 1.04 * reach], nice=False)
    x = x.axis(labelExpr="format(abs(datum.value), '~%')", tickCount=5 if every == 1 else 3)
    said = pl.format(
        "{}, {}: {} %",
        "sex",
        pl.col("band").replace_strict(dict(enumerate(names)), return_dtype=pl.String),
        (100 * pl.col("share")).round(2),
    )
    bars = alt.Chart(ours.select(row=row, share=pl.col("share") * sign, said=said)).mark_bar(
        color=theme.MORE[0], aria=True
    )
    layers = [bars.encode(y=y, x=x, x2=alt.datum(0), description="said:N")]
    if theirs is not None and theirs.height:
        ends = alt.Chart(theirs.select(row=row, share=pl.col("share") * sign))
        layers.append(ends.mark_tick(color=theme.INK, thickness=2, size=step, opacity=1).encode(y=y, x=x))
    if every == 1:
        heads = pl.DataFrame({"at": [-0.98 * reach, 0.98 * reach], "text": ["men", "women"]})
        for place in (0, 1):
            layers.append(
                alt.Chart(heads[place : place + 1])
                .mark_text(align="right" if place else "left", y=8, color=theme.MUTED, fontSize=12)
                .encode(x=alt.X("at:Q"), text="text:N")
            )
    return alt.layer(*layers).properties(width=width, height=alt.Step(step))


def weight_histogram(bars: pl.DataFrame, width: int = 680) -> Any:
    """Draw how many people have which weight, as a multiple of the mean weight."""
    import altair as alt

    x = alt.X("low:Q", title="weight, mean = 1").bin("binned").axis(grid=False, tickCount=6)
    marks = (
        alt.Chart(bars)
        .mark_bar(color=theme.BLUE, binSpacing=1)
        .encode(x=x, x2="high:Q", y=alt.Y("people:Q", title="people").axis(tickMinStep=1, tickCount=4))
    )
    mark = alt.Chart(pl.DataFrame({"x": [1.0], "label": ["mean"]})).encode(x="x:Q")
    return theme.finish(
        alt.layer(
            marks,
            mark.mark_rule(color=theme.INK, strokeDash=[4, 3]),
            mark.mark_text(color=theme.INK, align="left", dx=5, y=6, baseline="top").encode(text="label:N"),
        ).properties(width=width - 70, height=180)
    )
