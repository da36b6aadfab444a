"""Points of several objectives: who is dominated, where the front runs, and where a model is steered to.

Better is always to the right and up: of an objective of which less is better, the axis is turned.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.multi_objective import front as on_front
from populace.pluralism.multi_objective.points import Directions, evened, signs
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.pluralism.multi_objective import FrontEstimate

__all__ = ["front", "front_of_models"]

_NAMED = 14
"""Points up to which each is named in a figure of two objectives; beyond, those on the front are."""
_FUNCTIONS = "steered"


def front(
    table: pl.DataFrame,
    width: int = 680,
    *,
    directions: Directions = "max",
    title: str = "What is not dominated",
    lines: Sequence[str] = (),
) -> Any:
    """Draw points with the front of each two objectives; steered ones joined in the order of their weights.

    Filled: not dominated on all objectives together; hollow: dominated. Dashed: the front of two objectives,
    beyond which nothing at hand reaches. With more than two objectives there is a panel for each two, and a
    point may be on the front though it lies behind the dashed line of every panel.

    Parameters
    ----------
    table
        `label`, `objective`, `value`; `low` and `high` where there are intervals; `steered`, the place of a
        steered point on its path, null for others.
    width
        Of the whole figure, in pixels.
    directions
        `max` or `min`, for all objectives or one each, in the order in which the table has them.
    title, lines
        What stands above.

    Raises
    ------
    DataError
        If there are fewer than two objectives, or a point lacks one.

    Examples
    --------
    >>> rows = [("a", "brief", 0.9), ("a", "kind", 0.1), ("b", "brief", 0.2), ("b", "kind", 0.8)]
    >>> table = pl.DataFrame(rows, schema=["label", "objective", "value"], orient="row")
    >>> front(table).to_dict()["title"]["text"]
    ['What is not dominated']
    """
    import altair as alt

    for name in ("low", "high", _FUNCTIONS):
        if name not in table.columns:
            table = table.with_columns(pl.lit(None, dtype=pl.Float64).alias(name))
    objectives = table["objective"].unique(maintain_order=True).to_list()
    if len(objectives) < 2:
        raise DataError("a front needs two objectives", fix="score one more")
    wide = _wide(table, objectives)
    points = evened(wide.select(f"value {name}" for name in objectives).to_numpy())
    sign = signs(directions, len(objectives))
    wide = wide.with_columns(kept=pl.Series(on_front(points, directions)))
    pairs = list(itertools.combinations(range(len(objectives)), 2))
    columns = 1 if len(pairs) == 1 else min(len(pairs), 3 if width >= 600 else 2)
    side = (width - 70 * columns) // columns
    names, key = _labels(wide, len(pairs))
    wide = wide.with_columns(said=pl.Series(names))
    panels = [_panel(wide, (objectives[i], objectives[j]), sign[[i, j]], side) for i, j in pairs]
    chart = panels[0] if len(panels) == 1 else alt.concat(*panels, columns=columns)
    told = "Filled: not dominated on all objectives together. Dashed: the front of the two that are shown"
    return parts.titled(chart, title, [told, *lines, key], width)


def front_of_models(found: FrontEstimate, width: int = 680, directions: Directions = "max") -> Any:
    """Draw the front of measured models, with how often each is on it where that is not certain.

    Examples
    --------
    >>> from populace.pluralism.multi_objective import estimate_front
    >>> values = np.random.default_rng(0).random((3, 20, 2))
    >>> front_of_models(estimate_front(values, list("abc"), ["x", "y"])).to_dict()["title"]["text"]
    ['Models on several objectives']
    """
    rows = [
        _row(model.name, objective, score.value, score.low, score.high)
        for model in found.models
        for objective, score in zip(found.objectives, model.scores, strict=True)
    ]
    doubtful = [f"{model.name} {model.often:.0%}" for model in found.models if 0.01 < model.often < 0.99]
    often = f"On the front in so many resamples of the questions: {', '.join(doubtful)}" if doubtful else ""
    first = found.models[0].scores[0]
    known = f"{first.level * 100:g} % intervals; n = {first.n:,} questions"
    lines = [known if first.clusters > 1 else "Means alone: nothing is known of their error", often]
    table = pl.DataFrame(rows)
    return front(table, width, directions=directions, title="Models on several objectives", lines=lines)


def _row(label: str, objective: str, value: float, low: float, high: float) -> dict[str, Any]:
    return {"label": label, "objective": objective, "value": value, "low": low, "high": high}


def _wide(table: pl.DataFrame, objectives: Sequence[str]) -> pl.DataFrame:
    """Lay points out one a row, with value, low and high of each objective."""
    keep = [name for name in (_FUNCTIONS, "family") if name in table.columns]
    wide = table.unique("label", maintain_order=True).select("label", *keep)
    if "family" not in wide.columns:
        wide = wide.with_columns(family=pl.lit(""))
    for name in objectives:
        part = table.filter(pl.col("objective") == name).select(
            "label",
            *(pl.col(each).fill_nan(None).alias(f"{each} {name}") for each in ("value", "low", "high")),
        )
        wide = wide.join(part, on="label", how="left", maintain_order="left")
        if wide[f"value {name}"].null_count():
            label = wide.filter(pl.col(f"value {name}").is_null())["label"][0]
            raise DataError(f"{label} has no {name}", fix="leave it out, or score it")
    return wide


def _labels(wide: pl.DataFrame, panels: int) -> tuple[list[str], str]:
    """Name points in the figure where there is room; number them where there are several panels."""
    labels = wide["label"].to_list()
    if panels == 1:
        few = len(labels) <= _NAMED
        kept = wide["kept"].to_list()
        # Of a steered path the ends are told by name: between them the order is that of the line.
        return [name if few or on else "" for name, on in zip(labels, kept, strict=True)], ""
    shown = [place for place, on in enumerate(wide["kept"]) if on or len(labels) <= _NAMED]
    number = {place: str(at) for at, place in enumerate(shown, start=1)}
    key = ", ".join(f"{number[place]} {labels[place]}" for place in shown)
    return [number.get(place, "") for place in range(len(labels))], key


def _panel(wide: pl.DataFrame, names: tuple[str, str], sign: Any, side: int) -> Any:
    import altair as alt

    rows = wide.select(
        "label", "said", "kept", _FUNCTIONS, "family",
        *(pl.col(f"{each} {name}").alias(f"{axis}{end}")
          for axis, name in zip("xy", names, strict=True)
          for each, end in (("value", ""), ("low", "_low"), ("high", "_high"))),
    )  # fmt: skip
    spans: dict[str, list[float]] = {}
    for axis, way in zip("xy", sign, strict=True):
        ends = pl.concat([rows[axis], rows[f"{axis}_low"], rows[f"{axis}_high"]]).drop_nulls()
        room = 0.06 * (float(ends.max()) - float(ends.min()) or 1.0)  # pyright: ignore[reportArgumentType]
        low, high = float(ends.min()) - room, float(ends.max()) + room  # pyright: ignore[reportArgumentType]
        spans[axis] = [low, high] if way > 0 else [high, low]
    channels: list[Any] = [
        kind(f"{axis}:Q", title=name).scale(domain=spans[axis], nice=False, zero=False).axis(tickCount=4)
        for kind, axis, name in zip((alt.X, alt.Y), "xy", names, strict=True)
    ]
    x, y = channels
    stairs = alt.Chart(_stairs(rows, sign, spans))
    base = alt.Chart(rows)
    known = base.encode(x=x, y=y)
    layers = [
        known.transform_filter("isValid(datum.x_low)")
        .mark_rule(strokeWidth=1.6, color=parts.SHADE)
        .encode(x=alt.X("x_low:Q"), x2="x_high:Q"),
        known.transform_filter("isValid(datum.y_low)")
        .mark_rule(strokeWidth=1.6, color=parts.SHADE)
        .encode(y=alt.Y("y_low:Q"), y2="y_high:Q"),
        stairs.mark_line(color=theme.MUTED, strokeDash=[4, 3], strokeWidth=1, clip=True).encode(
            x=x, y=y, order="at:Q"
        ),
        known.transform_filter(f"isValid(datum.{_FUNCTIONS})")
        .mark_line(strokeWidth=1.6, color=theme.BLUE)
        .encode(order=f"{_FUNCTIONS}:Q", detail="family:N"),
        known.mark_point(size=56, strokeWidth=1.5, opacity=1).encode(
            fill=alt.condition("datum.kept", alt.value(theme.BLUE), alt.value(theme.PAPER)),
            stroke=alt.value(theme.BLUE),
        ),
        *_texts(known, rows, spans, sign),
    ]
    return alt.layer(*layers).properties(width=side, height=min(side, 360))


def _texts(known: Any, rows: pl.DataFrame, spans: Mapping[str, Sequence[float]], sign: Any) -> list[Any]:
    """Write names beside points: to the left of those in the right half, so that none leaves the panel."""
    middle = sum(spans["x"]) / 2
    right = "datum.x > " if sign[0] > 0 else "datum.x < "
    texts = []
    # A front falls: below on the left of a point, and above on its right, there is no line.
    places = ((f"{right}{middle}", "right", -8, 12), (f"!({right}{middle})", "left", 8, -9))
    for where, align, dx, dy in places:
        mark = known.transform_filter(where).mark_text(
            align=align, dx=dx, dy=dy, fontSize=11, color=theme.INK
        )
        texts.append(mark.encode(text="said:N"))
    return texts


def _stairs(rows: pl.DataFrame, sign: Any, spans: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """Give the corners of the front of two objectives, from the left edge to the lower."""
    points = rows.select("x", "y").to_numpy() * sign
    points = np.unique(points[on_front(points)], axis=0)
    corners = [(spans["x"][0] * sign[0], points[0, 1])]
    for place, (x, y) in enumerate(points):
        below = points[place + 1, 1] if place + 1 < len(points) else spans["y"][0] * sign[1]
        corners += [(x, y), (x, below)]
    found = np.array(corners) * sign
    return pl.DataFrame({"x": found[:, 0], "y": found[:, 1], "at": np.arange(len(found))})
