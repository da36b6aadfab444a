"""How personas and pairs come about: every step, how many pass it, and what is lost on the way."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from populace.report.figures import parts, theme
from populace.report.measures import PAPER_REMOVED

__all__ = ["Step", "construction", "construction_steps", "feedback_flow", "feedback_steps"]

_GAP, _PAD = 26, 10
_RULES = 4
"""Rules that are named; what the others removed is one number."""


class Step(NamedTuple):
    """One step of a flow."""

    name: str
    detail: str
    """What happens, in a sentence."""
    people: int | None = None
    """How many come out; None where nothing is counted."""
    unit: str = ""
    lost: tuple[str, ...] = ()
    """What does not pass, a line each; written beside the arrow to the next step."""


def construction_steps(
    *, source: str, records: int | None, drawn: int, removed: Mapping[str, int], kept: int, attributes: int
) -> list[Step]:
    """Tell how personas came about, from what a study keeps.

    Parameters
    ----------
    source
        Of the people, with its year.
    records
        People in it, None where a model of it was drawn from.
    drawn
        People drawn.
    removed
        Rule -> people it removed, each counted once.
    kept
        Personas in the end.
    attributes
        That a persona has.

    Examples
    --------
    >>> steps = construction_steps(source="census", records=None, drawn=100, removed={"a": 8, "b": 0},
    ...     kept=92, attributes=36)
    >>> steps[2].lost
    ('8 of 100 removed (8.0 %; PERSONA: 8.5 %)', 'a: 8')
    """
    total = sum(removed.values())
    share = f"{100 * total / drawn:.1f} %" if drawn else "–"
    found = sorted(
        ((count, name) for name, count in removed.items() if count), key=lambda one: (-one[0], one[1])
    )
    lost = [f"{total:,} of {drawn:,} removed ({share}; PERSONA: {100 * PAPER_REMOVED:g} %)"]
    lost += [f"{name.replace('_', ' ')}: {count:,}" for count, name in found[:_RULES]]
    if rest := found[_RULES:]:
        lost.append(f"{len(rest)} other rules: {sum(count for count, _ in rest):,}")
    return [
        Step("Records", source, records, "people"),
        Step("Draw", "People drawn by their survey weights", drawn, "people"),
        Step("Enrich and check", "Traits, values and views by published conditional norms; "
             f"{len(removed)} consistency rules, each with a name", None, "", tuple(lost)),
        Step("Personas", f"{attributes} attributes, an id that is a hash of the content", kept, "personas"),
    ]  # fmt: skip


def construction(steps: Sequence[Step], width: int = 680) -> Any:
    """Draw steps as boxes from top to bottom, what comes out of each at its right.

    It stands for PERSONA's figure of how personas are made (arXiv 2407.17387). What that does not show: how
    many people pass each step, and how many each consistency rule removed beside the 8.5 % that the paper
    reports. Counts are of one finite draw, so they have no interval.

    Parameters
    ----------
    steps
        Of `construction_steps`, or any others.
    width
        Of the whole figure, in pixels.

    Examples
    --------
    >>> construction([Step("Draw", "people", 9, "people")]).to_dict()["title"]["text"]
    ['How personas come about']
    """
    return parts.titled(
        _boxes(steps, width), "How personas come about", ["Counts of one draw, its seed recorded"], width
    )


def _boxes(steps: Sequence[Step], width: int) -> Any:
    import altair as alt

    plot = width - 16
    room = max(14, int((plot - 150) / 6.4))
    boxes, texts, arrows, top = [], [], [], 0.0
    for place, step in enumerate(steps):
        # Where nothing is counted the text has the whole box.
        lines = textwrap.wrap(step.detail, room if step.people is not None else room + 20)
        height = 2 * _PAD + 17 + 15 * len(lines)
        boxes.append({"x": 0.0, "x2": float(plot), "y": top, "y2": top + height})
        texts.append({"x": 12.0, "y": top + _PAD + 8, "said": step.name, "kind": "name"})
        for row, line in enumerate(lines):
            texts.append({"x": 12.0, "y": top + _PAD + 25 + 15 * row, "said": line, "kind": "detail"})
        if step.people is not None:
            middle = top + height / 2
            texts.append({"x": plot - 12.0, "y": middle - 5, "said": f"{step.people:,}", "kind": "count"})
            texts.append({"x": plot - 12.0, "y": middle + 13, "said": step.unit, "kind": "unit"})
        top += height
        if place + 1 < len(steps):
            lost = [line for each in step.lost for line in textwrap.wrap(each, int((plot - 60) / 6.6))]
            gap = max(_GAP, 15 * len(lost) + 12)
            arrows.append({"x": 40.0, "y": top + 2, "y2": top + gap - 8})
            for row, line in enumerate(lost):
                texts.append({"x": 58.0, "y": top + 13 + 15 * row, "said": line, "kind": "lost"})
            top += gap
    scales: dict[str, Any] = {
        "x": alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, plot], nice=False)),
        "y": alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[top, 0], nice=False)),
    }
    box = alt.Chart(pl.DataFrame(boxes)).mark_rect(
        fill=theme.WITHIN, stroke=theme.MUTED, strokeWidth=1, opacity=1
    )
    layers = [box.encode(**scales, x2="x2:Q", y2="y2:Q"), *_written(texts, scales)]
    if arrows:
        frame = pl.DataFrame(arrows)
        head = frame.select("x", y="y2")
        tip = alt.Chart(head).mark_point(
            shape="triangle-down", fill=theme.INK, stroke=theme.INK, size=60, opacity=1
        )
        shaft = alt.Chart(frame).mark_rule(color=theme.INK, strokeWidth=1.5)
        layers += [shaft.encode(**scales, y2="y2:Q"), tip.encode(**scales)]
    return alt.layer(*layers).properties(width=plot, height=top)


_KINDS: dict[str, dict[str, Any]] = {
    "name": {"fontSize": 13, "fontWeight": 600, "align": "left", "color": theme.INK},
    "detail": {"fontSize": 12, "align": "left", "color": theme.INK},
    "lost": {"fontSize": 12, "align": "left", "color": theme.MUTED},
    "count": {"fontSize": 17, "fontWeight": 600, "align": "right", "color": theme.INK},
    "unit": {"fontSize": 11, "align": "right", "color": theme.MUTED},
}


def _written(texts: list[dict[str, Any]], scales: Mapping[str, Any]) -> list[Any]:
    import altair as alt

    frame = pl.DataFrame(texts)
    return [
        alt.Chart(frame.filter(kind=kind))
        .mark_text(baseline="middle", **look)
        .encode(**scales, text="said:N")
        for kind, look in _KINDS.items()
        if kind in frame["kind"]
    ]


def feedback_steps(pairs: pl.DataFrame, judgements: pl.DataFrame) -> pl.DataFrame:
    """Count how many pairs are left at each step towards feedback of one mind.

    Parameters
    ----------
    pairs, judgements
        Tables of a study, as in `docs/design/main-job.md`; verdicts of the author's role by choice count.

    Returns
    -------
    polars.DataFrame
        `step`, `pairs` (left), `lost` (why the others are not).

    Examples
    --------
    >>> from populace.report.figures.demonstration import feedback
    >>> feedback_steps(*feedback())["pairs"].is_sorted(descending=True)
    True
    """
    author = judgements.filter(role="author", way="choice")
    table = pairs.select("pair_id", "identical").join(author, on="pair_id", how="left", maintain_order="left")
    table = table.unique("pair_id", keep="first", maintain_order=True)
    answered = pl.col("verdict").is_not_null() & (pl.col("verdict") != "failed")
    decided = pl.col("verdict").is_in(["revision", "original"]).fill_null(False)
    orders = (pl.col("p_original_first") > 0.5) == (pl.col("p_revision_first") > 0.5)
    steps = [
        ("pairs written", pl.lit(True), ""),
        ("answers differ", ~pl.col("identical").fill_null(False), "the revision changed nothing"),
        ("judged by the author", answered, "no answer to the call"),
        ("decided", decided, "a tie, or a refusal"),
        ("alike in both orders", orders.fill_null(False), "the verdict turns with the order"),
        ("revision preferred", pl.col("verdict") == "revision", "the original is preferred"),
    ]  # fmt: skip
    rows, left = [], pl.lit(True)
    for name, passes, lost in steps:
        left = left & passes
        rows.append(
            {
                "step": name,
                "pairs": int(table.select(left.fill_null(False).sum()).item() or 0)
                if name != steps[0][0]
                else table.height,
                "lost": lost,
            }
        )
    return pl.DataFrame(rows)


def feedback_flow(pairs: pl.DataFrame, judgements: pl.DataFrame, width: int = 680) -> Any:
    """Draw how many pairs are left at each step, and why the others are not.

    It stands for PERSONA's figure of the way from prompt to pair (arXiv 2407.17387), where every rewrite is
    taken as preferred. What that does not show: how many pairs would be left if the label had to be earned.
    Counts are of one finite set, so they have no interval; the share preferred has one in the report.

    Parameters
    ----------
    pairs, judgements
        As for `feedback_steps`.
    width
        Of the whole figure, in pixels.

    Examples
    --------
    >>> from populace.report.figures.demonstration import feedback
    >>> feedback_flow(*feedback()).to_dict()["title"]["text"]
    ['From pairs to preferences']
    """
    import altair as alt

    table = feedback_steps(pairs, judgements).with_row_index("row")
    total = max(int(table["pairs"][0]), 1)
    before = pl.col("pairs").shift(1)
    table = table.with_columns(
        before=before.fill_null(pl.col("pairs")),
        said=pl.col("pairs").map_elements(lambda one: f"{one:,} ({100 * one / total:.0f} %)", pl.String),
        gone=before - pl.col("pairs"),
    ).with_columns(
        why=pl.when(pl.col("gone") > 0).then(
            pl.format("−{}: {}", parts.whole("gone"), "lost")).otherwise(pl.lit("")),
    )  # fmt: skip
    y, _ = theme.rows(table["step"].to_list(), width)
    plot = width - theme.label_room(width) - 100
    x = alt.X("pairs:Q", axis=None).scale(domain=[0, total], nice=False)
    base = alt.Chart(table).encode(y=y)
    bars: dict[str, Any] = {"height": 15}
    layers = [
        base.mark_bar(fill=theme.PAPER, stroke=theme.MUTED, strokeDash=[2, 2], strokeWidth=1, **bars)
        .encode(x=x, x2="before:Q"),
        base.mark_bar(color=theme.BLUE, **bars).encode(x=x),
        base.mark_text(align="left", fontSize=12, color=theme.INK, dx=7)
        .encode(x=alt.X("before:Q"), text="said:N"),
        base.mark_text(align="left", fontSize=11, color=theme.MUTED, dy=16)
        .encode(x=alt.value(0), text="why:N"),
    ]  # fmt: skip
    lines = [
        "Share of all pairs written. The author judges by choice, in both orders; dashed: lost at the step"
    ]
    chart = alt.layer(*layers).properties(width=plot, height=alt.Step(44))
    return parts.titled(chart, "From pairs to preferences", lines, width)
