"""A leaderboard in which tied models are tied together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.compare import Board

__all__ = ["leaderboard"]

_LINE = 16
"""Pixels between the lines of two groups."""


def leaderboard(board: Board, width: int = 680) -> Any:
    """Draw the score of every model, best first; a line at the right joins models that were not told apart.

    It stands for the bars by model of PERSONA (arXiv 2407.17387) and of leaderboards at large. What they do
    not show: intervals; which models the data tell apart, by paired tests with Holm's adjustment; the range
    of ranks that is consistent with them.

    Parameters
    ----------
    board
        Of `populace.bench.compare.compare`.
    width
        Of the whole figure, in pixels.

    Examples
    --------
    >>> from populace.report.figures.demonstration import board
    >>> leaderboard(board()).to_dict()["title"]["text"]
    ['main: satisfied (demographic summary)']
    """
    import altair as alt

    models = board.ranking.models
    table = pl.DataFrame(
        [
            {
                "label": model.name,
                **{
                    name: getattr(model.score, name)
                    for name in ("value", "low", "high", "level", "n", "clusters")
                },
                "rank": _rank(model.rank),
            }
            for model in models
        ]
    ).with_columns(pl.col("value", "low", "high").fill_nan(None), row=pl.int_range(pl.len()))
    groups = [group for group in board.ranking.groups if len(group) > 1]
    y, step = theme.rows(table["label"].to_list(), width, lines=4)
    step = max(step, 26)
    room = parts.column_room(table["rank"].to_list(), "rank")
    plot = width - theme.label_room(width) - 20 - room - _LINE * max(len(groups), 1)
    shares = bool(
        table.select((pl.col("low").fill_null(0) >= 0) & (pl.col("high").fill_null(1) <= 1)).to_series().all()
    )
    # A phone has no room for the whole scale: there the axis is as long as the intervals need.
    least = (0.0, 1.0) if shares and width >= 500 else None
    axis = parts.Axis(board.measure.replace("_", " "), parts.reach(table, least), percent=shares)
    base, size = alt.Chart(table).encode(y=y), 62 if width >= 500 else 36
    head = alt.Chart(pl.DataFrame({"said": ["rank"]}))
    said: dict[str, Any] = {"align": "left", "fontSize": 11, "color": theme.MUTED}
    known = base.transform_filter("isValid(datum.value)")
    layers = [
        known.mark_rule(color=theme.BLUE, strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q"),
        known.mark_point(shape="circle", fill=theme.BLUE, stroke=theme.BLUE, size=size, opacity=1)
        .encode(x=axis.channel("value:Q", width)),
        base.mark_text(**said).encode(x=alt.value(plot + 12), text="rank:N"),
        head.mark_text(**said, y=-8).encode(x=alt.value(plot + 12), text="said:N"),
        *_tied(groups, table["label"].to_list(), plot + room, y),
    ]  # fmt: skip
    arm = f" ({board.arm.replace('_', ' ')})" if board.arm else ""
    lines = [
        f"judged by {board.judge or 'nobody'}; {'higher' if board.higher_is_better else 'lower'} is better",
        parts.counted(table),
        "A line joins models that paired tests (Holm) did not tell apart; that is not to say they are equal"
        if groups
        else "Paired tests (Holm) told every two models apart",
    ]
    chart = alt.layer(*layers).properties(width=plot, height=alt.Step(step))
    return parts.titled(chart, f"{board.task}: {board.measure.replace('_', ' ')}{arm}", lines, width)


def _tied(groups: list[tuple[str, ...]], names: list[str], start: float, y: Any) -> list[Any]:
    """Draw a line a group, with a dot at each of its models: a group need not be a run of rows."""
    import altair as alt

    layers = []
    for place, group in enumerate(groups):
        rows = pl.DataFrame({"row": sorted(names.index(name) for name in group)})
        at = alt.value(start + _LINE * place)
        base = alt.Chart(rows).encode(x=at, y=y)
        layers += [
            base.mark_line(color=theme.INK, strokeWidth=2),
            base.mark_point(shape="circle", size=22, fill=theme.INK, stroke=theme.INK, opacity=1),
        ]
    return layers


def _rank(rank: Any) -> str:
    if not rank.defined:
        return "–"
    return f"{rank.low:.0f}" if rank.low == rank.high else f"{rank.low:.0f} to {rank.high:.0f}"
