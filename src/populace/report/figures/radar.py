"""Kinds of pluralism side by side: a spoke a kind, a polygon a model, an interval on every spoke."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.stats import Estimate

__all__ = ["radar"]

_RINGS = (0.25, 0.5, 0.75, 1.0)
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4])
_LOOKS = (
    parts.LOOKS[0],
    parts.Look("diamond", theme.PAPER, theme.INK),
    parts.Look("square", theme.MORE[0], theme.MORE[2]),
    parts.Look("triangle-up", theme.INK, theme.INK),
    parts.Look("cross", theme.PAPER, theme.MUTED),
)
"""Model -> its marks: told by shape, filling and dash, colour only helps."""
_APART = 0.028
"""How far the intervals of two models stand from each other across a spoke, the radius being 1."""
_NOTE = (
    "Each spoke has a scale of its own: compare models along a spoke, never spokes with each other; "
    "shape and area mean nothing."
)


def radar(scores: Mapping[str, Mapping[str, Estimate]], width: int = 680, title: str | None = None) -> Any:
    """Draw the scores of models in several kinds of pluralism, each from 0 in the middle to 1 at the rim.

    Radar charts mislead: the area grows with the square of the scores, and with the order of spokes, which
    is nobody's. So no area is filled, the heading says that spokes are not comparable, and every score has
    its interval, set beside those of other models. A kind that a model lacks leaves a gap in its line: it
    is not 0.

    Parameters
    ----------
    scores
        Model -> kind -> estimate, from 0 to 1, higher being better: Overton coverage, accuracy when steered,
        1 less a distance of distributions, a jury's share. Kinds stand clockwise from the top, in the order
        in which they first occur; at least three. At most five models.
    width
        Of the whole figure, in pixels.
    title
        Heading; a general one if None.

    Raises
    ------
    DataError
        If there are fewer than three kinds, no model or more than five, or a score lies outside 0 to 1.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_steerable import kinds
    >>> radar(kinds()).to_dict()["title"]["text"]
    ['Kinds of pluralism']
    """
    import altair as alt

    kinds = _checked(scores)
    models = list(scores)
    looks = _LOOKS[: len(models)]
    rows = pl.DataFrame(
        [
            _row(models, model, kinds, kind, estimate)
            for model, found in scores.items()
            for kind, estimate in found.items()
            if estimate.defined
        ]
    )
    narrow = width < 500
    reach = 1.42 if narrow else 1.62
    ends = [_at(place, len(kinds), 1.0)[1] for place in range(len(kinds))]
    room = 0.36 if narrow else 0.2
    low, high = min(ends) - room, max(ends) + room
    scale_x = alt.Scale(domain=[-reach, reach], nice=False, zero=False)
    scale_y = alt.Scale(domain=[low, high], nice=False, zero=False)

    def x(field: str) -> Any:
        return alt.X(field, axis=None, scale=scale_x)

    def y(field: str) -> Any:
        return alt.Y(field, axis=None, scale=scale_y)

    layers = [*_ground(kinds, x, y, narrow=narrow)]
    legend = alt.Legend(title=None, symbolSize=70, labelLimit=0, columns=2 if narrow else len(models))
    for number, model in enumerate(models):
        look, own = looks[number], rows.filter(model=model)
        lines = _lines(own, len(kinds))
        layers += [
            alt.Chart(lines)
            .mark_line(strokeWidth=1.5, strokeDash=_DASHES[number], color=look.stroke)
            .encode(x=x("x:Q"), y=y("y:Q"), detail="part:N", order="order:Q"),
            alt.Chart(own.drop_nulls(["low_x"]))
            .mark_rule(strokeWidth=2.5, color=look.stroke, opacity=0.75)
            .encode(x=x("low_x:Q"), y=y("low_y:Q"), x2="high_x:Q", y2="high_y:Q"),
        ]
    channels = _channels(models, legend)
    points = alt.Chart(rows).mark_point(size=64, strokeWidth=1.6, opacity=1)
    layers.append(points.encode(x=x("x:Q"), y=y("y:Q"), **channels))
    plot = width - 12
    chart = alt.layer(*layers).properties(width=plot, height=round(plot * (high - low) / (2 * reach)))
    levels = {estimate.level for found in scores.values() for estimate in found.values()}
    told = f"{100 * min(levels):g} % intervals along the spokes. " if len(levels) == 1 else ""
    return parts.titled(chart, title or "Kinds of pluralism", [told + _NOTE], width)


def _channels(models: list[str], legend: Any) -> dict[str, Any]:
    """Tell models by shape and filling; colour only helps."""
    import altair as alt

    return {
        name: kind("model:N", legend=legend).scale(
            domain=models, range=[getattr(look, name) for look in _LOOKS[: len(models)]]
        )
        for name, kind in (("shape", alt.Shape), ("fill", alt.Fill), ("stroke", alt.Stroke))
    }


def _checked(scores: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """Give the kinds in the order in which they first occur."""
    kinds = list(dict.fromkeys(kind for found in scores.values() for kind in found))
    if not 1 <= len(scores) <= len(_LOOKS):
        raise DataError(f"there are {len(scores)} models", fix=f"draw one to {len(_LOOKS)} at a time")
    if len(kinds) < 3:
        raise DataError(f"{len(kinds)} kinds make no radar", fix="draw three or more, or a forest of dots")
    for model, found in scores.items():
        for kind, estimate in found.items():
            if estimate.defined and not 0 <= estimate.value <= 1:
                raise DataError(
                    f"{kind} of {model} is {estimate.value:.3g}, which lies outside 0 to 1",
                    fix="turn it into a score from 0 to 1, higher being better",
                )
    return kinds


def _row(models: list[str], model: str, kinds: list[str], kind: str, estimate: Estimate) -> dict[str, Any]:
    """Place a score and its interval; those of several models stand side by side."""
    place = kinds.index(kind)
    aside = _APART * (models.index(model) - (len(models) - 1) / 2)
    row: dict[str, Any] = {"model": model, "place": place}
    row["x"], row["y"] = _at(place, len(kinds), estimate.value, aside)
    bounded = not (math.isnan(estimate.low) or math.isnan(estimate.high))
    for end in ("low", "high"):
        radius = min(1.0, max(0.0, getattr(estimate, end))) if bounded else None
        spot = (None, None) if radius is None else _at(place, len(kinds), radius, aside)
        row[f"{end}_x"], row[f"{end}_y"] = spot
    return row


def _at(place: int, count: int, radius: float, aside: float = 0.0) -> tuple[float, float]:
    """Give the point of a spoke, clockwise from the top, a little aside."""
    angle = math.pi / 2 - 2 * math.pi * place / count
    x, y = math.cos(angle), math.sin(angle)
    return radius * x + aside * y, radius * y - aside * x


def _lines(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Join neighbours among the spokes: each pair is a part of its own, so that a gap stays one."""
    at = {row["place"]: (row["x"], row["y"]) for row in rows.iter_rows(named=True)}
    found = [
        {"part": place, "order": order, "x": spot[0], "y": spot[1]}
        for place in range(count)
        if place in at and (place + 1) % count in at
        for order, spot in enumerate((at[place], at[(place + 1) % count]))
    ]
    return pl.DataFrame(found, schema={"part": pl.Int64, "order": pl.Int64, "x": pl.Float64, "y": pl.Float64})


def _ground(kinds: list[str], x: Any, y: Any, *, narrow: bool) -> list[Any]:
    """Draw rings, spokes, the numbers of the rings and the names of the kinds."""
    import altair as alt

    count = len(kinds)
    rings = [
        {"ring": ring, "order": place, "x": spot[0], "y": spot[1]}
        for ring in _RINGS
        for place in range(count + 1)
        for spot in [_at(place, count, ring)]
    ]
    spokes = [
        {"x": spot[0], "y": spot[1], "x0": 0.0, "y0": 0.0}
        for spot in (_at(p, count, 1.0) for p in range(count))
    ]
    # Between the first two spokes, where no interval is.
    numbers = [
        {"x": spot[0], "y": spot[1], "said": f"{ring:g}".replace("0.", ".")}
        for ring in _RINGS
        for spot in [_half(count, ring)]
    ]
    names = [_name(kind, place, count, narrow=narrow) for place, kind in enumerate(kinds)]
    found = [
        alt.Chart(pl.DataFrame(rings))
        .mark_line(color=theme.GRID, strokeWidth=1)
        .encode(x=x("x:Q"), y=y("y:Q"), detail="ring:N", order="order:Q"),
        alt.Chart(pl.DataFrame(spokes))
        .mark_rule(color=theme.GRID, strokeWidth=1)
        .encode(x=x("x0:Q"), y=y("y0:Q"), x2="x:Q", y2="y:Q"),
        alt.Chart(pl.DataFrame(numbers))
        .mark_text(color=theme.MUTED, fontSize=10)
        .encode(x=x("x:Q"), y=y("y:Q"), text="said:N"),
    ]
    for side in ("left", "center", "right"):
        some = [each for each in names if each["side"] == side]
        if some:
            text = alt.Chart(alt.Data(values=some)).mark_text(
                color=theme.INK, fontSize=12, align=side, baseline="middle", lineHeight=14
            )
            found.append(text.encode(x=x("x:Q"), y=y("y:Q"), text="said:N"))
    return found


def _half(count: int, ring: float) -> tuple[float, float]:
    """Give the middle of a ring's first side."""
    one, other = _at(0, count, ring), _at(1, count, ring)
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _name(kind: str, place: int, count: int, *, narrow: bool) -> dict[str, Any]:
    """Set a name beside the end of its spoke; above or below the rim several lines need more room."""
    lines = textwrap.wrap(kind, 13 if narrow else 22, break_long_words=False) or [""]
    x, y = _at(place, count, 1.1)
    if abs(x) < 0.2:
        x, y = _at(place, count, 1.1 + (len(lines) - 1) * (0.08 if narrow else 0.04))
    return {"x": x, "y": y, "said": lines, "side": _side(x)}


def _side(x: float) -> str:
    return "center" if abs(x) < 0.2 else "left" if x > 0 else "right"
