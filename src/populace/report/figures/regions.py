"""Who serves whom: the triangle of weights of three traits, cut into the parts that each member serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

__all__ = ["region_corners", "regions", "regions_of_run"]

_SHADES = (theme.SCALE[1], theme.SCALE[3], theme.SCALE[0], theme.SCALE[2], theme.SCALE[4])
"""Neighbours in the order of members differ clearly, in grey too."""
_DARK = (theme.SCALE[3], theme.SCALE[4])
_HIGH = np.sqrt(3) / 2
_LEAST = 0.004
"""Share of the triangle below which a part is not named in its place."""


def regions(
    points: npt.ArrayLike,
    names: Sequence[str],
    traits: Sequence[str],
    people: npt.ArrayLike | None = None,
    sizes: npt.ArrayLike | None = None,
    width: int = 680,
    *,
    title: str = "Who serves whom",
    lines: Sequence[str] = (),
) -> Any:
    """Draw the parts of the triangle, exactly: each is a convex polygon.

    Near a corner its trait weighs most; in the middle all weigh alike. A person is a point.

    Parameters
    ----------
    points
        Shape (members, 3), expected rewards of the members, costs included.
    names
        Of the members.
    traits
        Three names, of the corners: left, right, top.
    people, sizes
        Shape (people, 3), their weights, and how many each stands for.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If there are not three traits, or lengths differ.

    Examples
    --------
    >>> regions(np.eye(3), ["a", "b", "c"], ["brief", "kind", "plain"]).to_dict()["title"]["text"]
    ['Who serves whom']
    """
    import altair as alt

    table = np.asarray(points, dtype=np.float64)
    if len(traits) != 3 or table.ndim != 2 or table.shape[1] != 3:
        raise DataError("a triangle has three corners", fix="choose three traits")
    if len(names) != len(table):
        raise DataError(f"there are {len(table)} members and {len(names)} names")
    side = min(width - 40, 440)
    corners, labels = _cells(table, names, side)
    placed = {
        "x": alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.02, 1.02], nice=False)),
        "y": alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.08, 0.95], nice=False)),
    }
    shown = sorted(set(corners["member"].to_list()))
    colour = alt.Fill("member:O", legend=None).scale(
        domain=shown, range=[_SHADES[place % len(_SHADES)] for place in range(len(shown))]
    )
    layers = [
        alt.Chart(corners)
        .mark_line(filled=True, stroke=theme.PAPER, strokeWidth=2.5, strokeJoin="round")
        .encode(**placed, fill=colour, detail="member:N", order="at:Q"),
        *_grid(placed),
    ]
    if people is not None:
        layers += _people(np.asarray(people, dtype=np.float64), sizes, placed, side)
    layers += [*_named(labels, shown, placed), *_corners(traits, placed)]
    chart = alt.layer(*layers).properties(width=side, height=round(side * 1.03 * 0.93))
    told = [*lines]
    if people is not None:
        told.append("Points: people" + (", larger for who stands for more" if sizes is not None else ""))
    keys = [f"{row['said']}: {row['key']}" for row in labels.iter_rows(named=True) if row["key"]]
    told.append("; ".join(keys))
    hidden = [name for place, name in enumerate(names) if place not in shown]
    if hidden:
        told.append(f"Best for nobody: {', '.join(hidden)}")
    return parts.titled(chart, title, told, width)


def region_corners(points: np.ndarray, member: int) -> np.ndarray:
    """Give the corners of the weights that a member serves best, shape (corners, 3); none if it is nowhere.

    The triangle is cut by each other member in turn (Sutherland and Hodgman 1974); of equal members the first
    has the part.

    Examples
    --------
    >>> region_corners(np.eye(3)[:2], 0).round(2).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    found = np.eye(3)
    for other in range(len(points)):
        if other == member or not len(found):
            continue
        lead = points[member] - points[other]
        if np.abs(lead).max() < 1e-12:
            if other < member:
                return np.empty((0, 3))
            continue
        found = _cut(found, lead)
    return found


def regions_of_run(items: pl.DataFrame, size: int | None = None, width: int = 680) -> Any:
    """Draw the portfolio of a run of `portfolio` with its people, on all questions together.

    Raises
    ------
    DataError
        If the run has other than three traits, or nothing was measured.

    Examples
    --------
    >>> from populace.report.figures.demonstration_portfolio import portfolio_items
    >>> regions_of_run(portfolio_items()).to_dict()["title"]["text"]
    ['Which way of answering serves whom']
    """
    from populace.bench.portfolios.held_out import OURS, held_out
    from populace.bench.task import Counting

    if "part" not in items.columns:
        raise DataError("these are no items of `portfolio`", fix="run `populace bench run portfolio`")
    found = held_out(items, Counting())
    if found is None:
        raise DataError("nothing was measured in this run", fix="run it to its end, with answers")
    if len(found.traits) != 3:
        raise DataError(f"the run has {len(found.traits)} traits, and a triangle three corners")
    size = size or int(items["size"].drop_nulls()[0])
    # Both halves together: what would be served with all that is known.
    means = np.mean([fold.plan for fold in found.folds], axis=0)
    members = sorted({arm for fold in found.folds for arm in fold.members(OURS, size)[0]})
    weights = sum(found.people.halves) / 2 if found.people.sampled else None
    who = f"{len(found.people.names)} people; " if found.people.sampled else ""
    told = f"{who}chosen on {len(found.questions) // 2} questions, twice"
    if len(members) > size:
        told += f": the {len(members)} members of both times, at most {size} each"
    names = [found.arms[arm] for arm in members]
    return regions(
        means[members],
        names,
        found.traits,
        weights,
        width=width,
        title="Which way of answering serves whom",
        lines=[told],
    )


def _cut(polygon: np.ndarray, lead: np.ndarray) -> np.ndarray:
    values = polygon @ lead
    kept: list[np.ndarray] = []
    for place, (corner, value) in enumerate(zip(polygon, values, strict=True)):
        after = (place + 1) % len(polygon)
        if value >= 0:
            kept.append(corner)
        if value * values[after] < 0:
            share = value / (value - values[after])
            kept.append(corner + share * (polygon[after] - corner))
    return np.array(kept).reshape(-1, 3)


def _flat(weights: np.ndarray) -> np.ndarray:
    """Place weights in the plane: left, right and top corner."""
    return np.stack([weights[:, 1] + weights[:, 2] / 2, weights[:, 2] * _HIGH], axis=1)


def _cells(points: np.ndarray, names: Sequence[str], side: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the corners of the parts, and where each is named; a number where the name does not fit."""
    rows, labels, numbered = [], [], 0
    for member, name in enumerate(names):
        polygon = region_corners(points, member)
        if len(polygon) < 3:
            continue
        flat = _flat(polygon)
        x, y = flat.T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        area = float(cross.sum()) / 2
        if abs(area) < 1e-9:
            continue
        middle = [float(((each + np.roll(each, -1)) * cross).sum() / (6 * area)) for each in (x, y)]
        rows += [{"member": member, "x": a, "y": b, "at": at} for at, (a, b) in enumerate([*flat, flat[0]])]
        share = abs(area) / (_HIGH / 2)
        said, key = f"{name}, {share:.0%}" if share >= 0.005 else f"{name}, < 1%", ""
        if 7.5 * len(said) > _across(flat, middle[1]) * side / 1.04:
            numbered += 1
            said, key = str(numbered), said
        labels.append(
            {"member": member, "x": middle[0], "y": middle[1], "said": said, "key": key, "share": share}
        )
    return pl.DataFrame(rows), pl.DataFrame(labels)


def _across(corners: np.ndarray, height: float) -> float:
    """Give how wide a convex polygon is at a height."""
    ends = []
    for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (one[1] - height) * (other[1] - height) <= 0 and one[1] != other[1]:
            share = (height - one[1]) / (other[1] - one[1])
            ends.append(one[0] + share * (other[0] - one[0]))
    return max(ends) - min(ends) if ends else 0.0


def _grid(placed: dict[str, Any]) -> list[Any]:
    """Draw the lines where two weights are equal, thin: the middle is where they meet."""
    import altair as alt

    ends = []
    for corner in range(3):
        middle = np.full(3, 0.5)
        middle[corner] = 0
        for at, place in enumerate(_flat(np.stack([np.eye(3)[corner], middle]))):
            ends.append({"line": corner, "x": place[0], "y": place[1], "at": at})
    lines = alt.Chart(pl.DataFrame(ends)).mark_line(color=theme.MUTED, strokeWidth=0.7, strokeDash=[1, 4])
    return [lines.encode(**placed, detail="line:N", order="at:Q")]


def _people(weights: np.ndarray, sizes: npt.ArrayLike | None, placed: dict[str, Any], side: int) -> list[Any]:
    import altair as alt

    x, y = _flat(weights).T
    stand = np.ones(len(weights)) if sizes is None else np.asarray(sizes, dtype=np.float64)
    frame = pl.DataFrame({"x": x, "y": y, "stands": stand / stand.max()})
    usual = (26 if len(weights) > 150 else 40) * side / 440
    size = alt.Size("stands:Q", legend=None).scale(
        domain=[0, 1], range=[4, usual if sizes is None else 90 * side / 440]
    )
    marks = alt.Chart(frame).mark_circle(
        fill=theme.INK, stroke=theme.PAPER, strokeWidth=1, opacity=1 if len(weights) < 200 else 0.8
    )
    return [marks.encode(**placed, size=size)]


def _named(labels: pl.DataFrame, shown: list[int], placed: dict[str, Any]) -> list[Any]:
    """Name the parts, on a plate of the part's own colour: no point runs through a letter."""
    import altair as alt

    layers = []
    for row in labels.iter_rows(named=True):
        if row["share"] < _LEAST:
            continue
        shade = _SHADES[shown.index(row["member"]) % len(_SHADES)]
        text = alt.Chart(pl.DataFrame([row])).encode(**placed, text="said:N")
        look: dict[str, Any] = {"fontSize": 12, "fontWeight": 600}
        layers.append(text.mark_text(**look, stroke=shade, strokeWidth=5, strokeJoin="round", fill=shade))
        layers.append(text.mark_text(**look, fill=theme.PAPER if shade in _DARK else theme.INK))
    return layers


def _corners(traits: Sequence[str], placed: dict[str, Any]) -> list[Any]:
    import altair as alt

    layers = []
    for weight, name, align, dx, dy in zip(
        np.eye(3), traits, ("left", "right", "center"), (0, 0, 0), (18, 18, -12), strict=True
    ):
        x, y = _flat(weight[None])[0]
        frame = pl.DataFrame({"x": [x], "y": [y], "said": [f"only {name}"]})
        layers.append(
            alt.Chart(frame)
            .mark_text(align=align, dx=dx, dy=dy, fontSize=12, color=theme.MUTED)
            .encode(**placed, text="said:N")
        )
    return layers
