"""Which option serves a jury best, at every price of inequality."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.pluralism.jury import Profile

__all__ = ["welfare_profile"]

_TICKS = {
    -math.inf: "−∞", -4.0: "−4", -1.0: "−1", 0.0: "0", 0.5: "½", 1.0: "1",
}  # fmt: skip
_DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3], [5, 2])
_COLOURS = (theme.BLUE, theme.INK, theme.MUTED, theme.MORE[0], theme.INK)
_MOST = len(_DASHES)


def welfare_profile(profile: Profile, width: int = 680, *, title: str = "Which answer serves best") -> Any:
    """Draw the p-mean of every option over p, who is best below, and where that changes.

    The axis is 1 / (2 - p), so that p from -inf to 1 has a place: the mean stands at the right, the geometric
    mean in the middle, the worst-off at the left.

    Parameters
    ----------
    profile
        Of `Jury.profile`. Five options are drawn at most, those that are best somewhere first, and the figure
        says of how many; the strip names all who are best.
    width
        Of the whole figure, in pixels.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_jury import jury
    >>> welfare_profile(jury().profile()).to_dict()["title"]["text"]
    ['Which answer serves best']
    """
    import altair as alt

    ever = [name for each in profile.stretches for name in each.winners]
    named = list(dict.fromkeys([*reversed(ever), *profile.welfare]))[:_MOST]
    rows = [
        {"at": _place(p), "option": name, "welfare": value}
        for name in named
        for p, value in zip(profile.p, profile.welfare[name], strict=True)
    ]
    plot = width - 60
    x = alt.X(
        "at:Q",
        title="p: 1 the mean, 0 the geometric mean, −∞ the worst-off",
        scale=alt.Scale(domain=[-0.01, 1.01], nice=False),
        axis=alt.Axis(
            values=[_place(p) for p in _TICKS],
            labelExpr=_labels(),
            grid=False,
            labelFlush=True,
            labelOverlap=False,
        ),
    )
    scales: dict[str, Any] = {"domain": named}
    legend = alt.Legend(
        title=None, labelLimit=0, symbolStrokeWidth=2, symbolSize=400, columns=1 if width < 500 else 3
    )
    lines = (
        alt.Chart(pl.DataFrame(rows))
        .mark_line(strokeWidth=2, interpolate="monotone")
        .encode(
            x=x,
            y=alt.Y("welfare:Q", title="welfare (p-mean)", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "option:N", scale=alt.Scale(range=list(_COLOURS[: len(named)]), **scales), legend=legend
            ),
            strokeDash=alt.StrokeDash(
                "option:N", scale=alt.Scale(range=list(_DASHES[: len(named)]), **scales), legend=legend
            ),
        )
    )
    flips = pl.DataFrame(
        {
            "at": [_place(each.at) for each in profile.flips],
            "said": [f"p = {each.at:.2f}".replace("-", "−") for each in profile.flips],
        },
        schema={"at": pl.Float64, "said": pl.String},
    )
    marks = alt.Chart(flips).encode(x=x)
    top = alt.layer(
        marks.mark_rule(color=theme.MUTED, strokeDash=[4, 3]),
        marks.mark_text(color=theme.MUTED, y=-8, fontSize=11).encode(text="said:N"),
        lines,
    ).properties(width=plot, height=220 if width >= 500 else 180)
    chart = alt.vconcat(top, _best(profile, plot), spacing=14)
    shown = "" if len(named) == len(profile.welfare) else f"; {len(named)} of {len(profile.welfare)} drawn"
    told = [
        f"best by the mean: {', '.join(profile.mean)}; for the worst-off: {', '.join(profile.worst_off)}",
        f"utilities measured from {profile.zero:g}; {profile.missing}{shown}",
        "flips are exact"
        if profile.proved
        else "flips were found, but it is not proved that there are no others",
    ]
    return parts.titled(chart, title, told, width)


def _best(profile: Profile, plot: int) -> Any:
    """Draw who is best as a strip."""
    import altair as alt

    rows = [
        {"at": _place(each.low), "end": _place(each.high), "said": ", ".join(each.winners), "shade": n % 2}
        for n, each in enumerate(profile.stretches)
    ]
    # A name stands where there is room for it.
    table = pl.DataFrame(rows).with_columns(
        middle=(pl.col("at") + pl.col("end")) / 2,
        told=pl.when((pl.col("end") - pl.col("at")) * plot > 7 * pl.col("said").str.len_chars() + 8)
        .then(pl.col("said"))
        .otherwise(pl.lit("")),
    )
    base = alt.Chart(table)
    bare = alt.X("at:Q", axis=None, scale=alt.Scale(domain=[-0.01, 1.01], nice=False))
    shade = alt.Color(
        "shade:N",
        scale=alt.Scale(domain=[0, 1], range=[theme.SEQUENCE["not graded"], theme.PAPER]),
        legend=None,
    )
    bars = base.mark_rect(stroke=theme.MUTED, strokeWidth=0.6).encode(x=bare, x2="end:Q", color=shade)
    names = base.mark_text(color=theme.INK, fontSize=11).encode(x=alt.X("middle:Q"), text="told:N")
    return alt.layer(bars, names).resolve_scale(color="independent").properties(width=plot, height=24)


def _place(p: float) -> float:
    return 0.0 if p == -math.inf else 1 / (2 - p)


def _labels() -> str:
    said = [f"abs(datum.value - {_place(p)}) < 1e-6 ? '{name}'" for p, name in _TICKS.items()]
    return " : ".join(said) + " : ''"
