"""A map of opinions: people in two directions of difference, what sets their groups apart, what all agree on.

Groups are told by shape and filling; whoever voted too little to be in one is a small grey dot. Beside the
map stand the statements that most set each group apart, below it those that all groups agree on. The lines
below the title say how far the groups are to be believed, since k-means draws groups in anything.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism import bridging
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    import numpy.typing as npt

    from populace.pluralism.bridging import OpinionMap

__all__ = ["opinion_map"]

_LINE = 15
"""Pixels a line of type."""
_LINES = 3
"""Lines that a statement takes at most."""
_FEWEST = 5
"""Votes that a statement needs from every group to be listed."""
_VOTES = {1: "agree", -1: "disagree"}


def opinion_map(
    found: OpinionMap,
    votes: npt.ArrayLike,
    statements: Sequence[str],
    width: int = 680,
    *,
    most: int = 3,
    consensus: int = 6,
    title: str = "Where people stand, by their votes",
) -> Any:
    """Draw a map, the statements that set its groups apart, and those that all groups agree on.

    Parameters
    ----------
    found
        Of `bridging.opinion_map`.
    votes
        What it was made from, shape (people, statements).
    statements
        Their texts.
    width
        Of the whole figure, in pixels; below 500 the lists stand below the map.
    most
        Statements listed for each group; fewer where there are more than two groups.
    consensus
        Statements listed that all agree on; 0 leaves that panel out.
    title
        Heading.

    Raises
    ------
    DataError
        If votes, statements and map are not of the same people and statements, or there are more groups than
        there are looks to tell them by.
    """
    import altair as alt

    table = np.asarray(votes, dtype=np.float64)
    if table.shape != (len(found.groups), len(statements)):
        raise DataError(
            f"votes have shape {table.shape}; the map is of {len(found.groups):,} people and there are "
            f"{len(statements):,} statements",
            fix="give the votes that the map was made from",
        )
    if found.k > len(parts.LOOKS):
        fix = f"map with up to {len(parts.LOOKS)} groups"
        raise DataError(f"a picture cannot tell {found.k} groups apart", fix=fix)
    narrow = width < 500
    side = width - 20 if narrow else round(0.5 * width)
    room = width - 10 if narrow else width - side - 40
    head = _map(found, side, legend=True)
    # Many groups beside one map: fewer statements each.
    most = max(1, min(most, 7 // found.k))
    lists = _lists(found, table, statements, most, room)
    upper = (alt.vconcat if narrow else alt.hconcat)(head, lists, spacing=16)
    parts_below = [_consensus(found, table, statements, consensus, width)] if consensus else []
    chart = alt.vconcat(upper, *parts_below, spacing=26)
    return parts.titled(chart, title, _said(found), width)


def _said(found: OpinionMap) -> list[str]:
    """Say what the map stands on, and how far to believe its groups."""
    inside = int((found.groups >= 0).sum())
    first, second = found.plane.explained
    lines = [
        f"{inside:,} people with {found.settings['least']:g} votes or more, in {found.k} groups; grey: "
        f"{int((found.groups < 0).sum()):,} with fewer. The two directions hold {first:.0%} and "
        f"{second:.0%} of all differences."
    ]
    steady = found.stability
    if steady.defined:
        lines.append(
            f"Groups of people drawn anew agree with these at {steady.value:.2f} "
            f"({steady.low:.2f} to {steady.high:.2f}; 1 is entirely, 0 as by chance). Silhouette "
            f"{found.silhouettes[found.k]:.2f}."
        )
    if found.shuffled:
        lines.append(
            f"Groups as clear come from {found.chance('shuffled'):.0%} of shuffled tables and from "
            f"{found.chance('cloud'):.0%} of single clouds of this width."
        )
    doubts = "; ".join(line.partition(":")[0] for line in found.warnings)
    return [*lines, f"Doubtful: {doubts}." if doubts else ""]


def _name(group: int) -> str:
    return "ABCDEFGHIJ"[group] if group < 10 else str(group)


def _looks(k: int) -> list[parts.Look]:
    return list(parts.LOOKS[:k])


def _map(found: OpinionMap, side: int, *, legend: bool) -> Any:
    import altair as alt

    sizes = np.bincount(found.groups[found.groups >= 0], minlength=found.k)
    names = [f"{_name(group)} ({size:,})" for group, size in enumerate(sizes)]
    where = pl.DataFrame({"x": found.places[:, 0], "y": found.places[:, 1], "g": found.groups})
    where = where.filter(pl.col("x").is_not_nan())
    inside = where.filter(pl.col("g") >= 0).with_columns(
        group=pl.col("g").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    )
    # As long as groups need, one unit as long in both directions.
    reach = max(_far(inside[name]) for name in ("x", "y"))
    ends = {name: 1.06 * max(0.6 * reach, _far(inside[name])) for name in ("x", "y")}
    within = (pl.col("x").abs() <= ends["x"]) & (pl.col("y").abs() <= ends["y"])
    far, where = where.filter(~within).height, where.filter(within)
    scale, scale_y = (alt.Scale(domain=[-ends[name], ends[name]], nice=False) for name in ("x", "y"))
    title = f"first direction{f' ({far:,} grey dots lie outside)' if far else ''}"
    axis: dict[str, Any] = {"labels": False, "grid": False, "values": [0]}
    x = alt.X("x:Q", scale=scale, title=title, axis=alt.Axis(**axis))
    y = alt.Y("y:Q", scale=scale_y, title="second direction", axis=alt.Axis(**axis))
    looks = _looks(found.k)
    channels: dict[str, Any] = {
        name: kind("group:N", legend=alt.Legend(title=None, columns=3) if legend else None).scale(
            domain=names, range=[getattr(look, name) for look in looks]
        )
        for name, kind in (("shape", alt.Shape), ("fill", alt.Fill), ("stroke", alt.Stroke))
    }
    size = 46 if inside.height < 300 else 26 if inside.height < 900 else 14
    marks: dict[str, Any] = {
        "opacity": 1.0 if inside.height < 300 else 0.75,
        "size": size,
        "strokeWidth": 0.9,
    }
    zero = pl.DataFrame({"at": [0.0]})
    outside = where.filter(pl.col("g") < 0)
    return alt.layer(
        alt.Chart(zero).mark_rule(color=theme.GRID).encode(x=alt.X("at:Q", scale=scale)),
        alt.Chart(zero).mark_rule(color=theme.GRID).encode(y=alt.Y("at:Q", scale=scale_y)),
        alt.Chart(outside)
        .mark_circle(size=14, color=theme.SEQUENCE["not graded"], opacity=1)
        .encode(x=x, y=y),
        # In the order of people, so that no group lies on top of another.
        alt.Chart(inside.select("x", "y", "group")).mark_point(**marks).encode(x=x, y=y, **channels),
        view=alt.ViewConfig(stroke=theme.GRID),
    ).properties(width=side - 30, height=round((side - 30) * ends["y"] / ends["x"]))


def _far(values: pl.Series) -> float:
    return float(np.abs(values.to_numpy()).max(initial=0.0)) or 1.0


def _lists(
    found: OpinionMap,
    votes: npt.NDArray[np.float64],
    statements: Sequence[str],
    most: int,
    room: int,
) -> Any:
    """List what sets each group apart, as lines of type."""
    import altair as alt

    table = bridging.representative(votes, found.groups, most=most, least=_FEWEST)
    lines: list[tuple[str, str]] = []
    for group in range(found.k):
        lines.append((f"What sets {_name(group)} apart", "head"))
        for row in table.filter(group=group).iter_rows(named=True):
            said = f"{_VOTES[row['vote']]} {row['share']:.0%}, others {row['elsewhere']:.0%}"
            lines.append((said if row["clear"] else f"{said} (not clear)", "share"))
            lines += [(line, "text") for line in _wrapped(str(statements[row["statement"]]), room, _LINES)]
        lines.append(("", "text"))
    frame = pl.DataFrame(
        {"line": [line for line, _ in lines], "kind": [kind for _, kind in lines]}
    ).with_row_index("row")
    tall = _LINE * len(lines)
    y = alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[0, tall / _LINE], reverse=True, nice=False))
    layers = [
        alt.Chart(frame.filter(kind=kind).drop("kind"))
        .mark_text(align="left", baseline="top", fontSize=size, color=color, fontWeight=weight, limit=room)  # pyright: ignore[reportArgumentType]
        .encode(x=alt.value(0), y=y, text="line:N")
        for kind, size, color, weight in (
            ("head", 12, theme.INK, "bold"),
            ("share", 11, theme.BLUE, "normal"),
            ("text", 11, theme.INK, "normal"),
        )
    ]
    return alt.layer(*layers).properties(width=room, height=tall)


def _consensus(
    found: OpinionMap, votes: npt.NDArray[np.float64], statements: Sequence[str], most: int, width: int
) -> Any:
    """Draw the statements of highest group-informed consensus: its root, and the share of each group."""
    import altair as alt

    result = bridging.group_informed_consensus(votes, found.groups, combine="geometric_mean")
    table = result.top(most, fewest=_FEWEST)
    texts = [statements[place] for place in table["statement"]]
    plot = width - 20 if width < 500 else round(0.4 * width)
    room = width if width < 500 else width - plot - 40
    wrapped = [_wrapped(str(text), room, _LINES) for text in texts]
    step = max([len(lines) for lines in wrapped], default=1) * _LINE + (30 if width < 500 else 8)
    rows = pl.DataFrame({"row": np.arange(table.height)}).with_columns(table)
    scale = alt.Scale(domain=[0, table.height], reverse=True, nice=False)
    y = alt.Y("at:Q", axis=None, scale=scale)
    lift = 0.75 if width < 500 else 0.5
    base = rows.with_columns(at=pl.col("row") + lift)
    x = alt.X("value:Q", title="agreement").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    layers: list[Any] = []
    for group, look in enumerate(_looks(found.k)):
        own = base.select("at", value=pl.col(f"group {group}"))
        layers.append(
            alt.Chart(own)
            .mark_point(
                size=34, opacity=1, strokeWidth=1.2, shape=look.shape, fill=look.fill, stroke=look.stroke
            )
            .encode(x=x, y=y)
        )
    spans = alt.Chart(base.select("at", "low", "high")).mark_rule(
        color=theme.MUTED, strokeWidth=5, opacity=0.4
    )
    dots = alt.layer(spans.encode(x=alt.X("low:Q", title="agreement"), x2="high:Q", y=y), *layers)
    lines = [
        {
            "at": row + (0.08 if width < 500 else 0.5 - len(said) * _LINE / step / 2) + n * _LINE / step,
            "line": line,
        }
        for row, said in enumerate(wrapped)
        for n, line in enumerate(said)
    ]
    text = (
        alt.Chart(pl.DataFrame(lines, schema={"at": pl.Float64, "line": pl.String}))
        .mark_text(align="left", baseline="top", fontSize=11, color=theme.INK, limit=room)
        .encode(x=alt.value(0), y=y, text="line:N")
    )
    tall = step * max(1, table.height)
    title = "What all groups agree on (each group, and 95 % of their geometric mean)"
    if width < 500:
        return alt.layer(dots, text).properties(width=plot, height=tall, title=_title(title, width))
    together = alt.hconcat(text.properties(width=room, height=tall), dots.properties(width=plot, height=tall))
    return together.properties(title=_title(title, width))


def _title(text: str, width: int) -> Any:
    import altair as alt

    return alt.TitleParams(
        text=_wrapped(text, width, 3), fontSize=12, anchor="start", frame="bounds", offset=6
    )


def _wrapped(text: str, room: int, most: int) -> list[str]:
    """Break a text into lines that fit; East Asian characters are twice as wide, and break anywhere."""
    width = max(10, math.floor(room / 5.9))
    lines, line, used = [""], 0, 0
    for token in _tokens(" ".join(text.split())):
        size = sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in token)
        if used and used + size > width and token.strip():
            lines, line, used = [*lines, ""], line + 1, 0
        if used or token.strip():
            lines[line] += token
            used += size
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: width - 2].rstrip() + " \u2026"]
    return [each.rstrip() for each in lines]


def _tokens(text: str) -> list[str]:
    """Cut a text where it may be broken."""
    found: list[str] = [""]
    for letter in text:
        if letter == " " or unicodedata.east_asian_width(letter) in "WF":
            found += [letter, ""]
        else:
            found[-1] += letter
    return [token for token in found if token]
