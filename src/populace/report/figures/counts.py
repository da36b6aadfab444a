"""Figures that count: prompts by topic, lengths, and how personas split."""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.feedback.wording import wording
from populace.report.figures import theme
from populace.report.tables import length_ratios, topic_counts, verdict_splits

__all__ = ["lengths", "prompts", "splits"]


def prompts(prompts: pl.DataFrame, width: int = 680) -> Any:
    """Draw how many prompts each topic has, shaded by how controversial they are."""
    import altair as alt

    counts = topic_counts(prompts)
    topics = counts["topic"].unique(maintain_order=True).to_list()
    grades = [grade for grade in theme.SEQUENCE if grade in set(counts["controversy"])]
    counts = counts.with_columns(
        row=pl.col("topic").replace_strict({topic: row for row, topic in enumerate(topics)}),
        shade=pl.col("controversy").replace_strict({grade: i for i, grade in enumerate(grades)}),
    )
    y, step = theme.rows(topics, width)
    return theme.finish(
        alt.Chart(counts)
        .mark_bar(height={"band": 0.72})
        .encode(
            y=y,
            x=alt.X("prompts:Q", title="prompts").axis(tickMinStep=1, tickCount=6, format="d"),
            color=alt.Color("controversy:N", title=None)
            .scale(domain=grades, range=[theme.SEQUENCE[grade] for grade in grades])
            .legend(columns=0 if width >= 500 else 2),
            order=alt.Order("shade:O"),
        )
        .properties(width=width - theme.label_room(width) - 16, height=alt.Step(step - 2))
    )


def lengths(pairs: pl.DataFrame, width: int = 680) -> Any:
    """Draw how long second answers are against the first; the rule marks equal length."""
    import altair as alt

    words = wording(pairs)
    x = alt.X("low:Q", title=f"words of {words.second}, {words.first} = 100%").bin("binned")
    x = x.scale(domain=[0, 2.1]).axis(format="%", grid=False, values=[0, 0.5, 1, 1.5, 2])
    bars = (
        alt.Chart(length_ratios(pairs))
        .mark_bar(color=theme.BLUE, binSpacing=1)
        .encode(x=x, x2="high:Q", y=alt.Y("pairs:Q", title="pairs").axis(tickMinStep=1, format="d"))
    )
    mark = {"x": [1.0], "label": ["equal length"]}
    equal = alt.Chart(pl.DataFrame(mark)).encode(x="x:Q")
    return theme.finish(
        alt.layer(
            bars,
            equal.mark_rule(color=theme.INK, strokeDash=[4, 3]),
            equal.mark_text(color=theme.INK, align="left", dx=5, y=6, baseline="top").encode(text="label:N"),
        ).properties(width=width - 60, height=200)
    )


def splits(judgements: pl.DataFrame, width: int = 680) -> Any:
    """Draw how many pairs the personas agreed on, and how many they split over."""
    import altair as alt

    counts = verdict_splits(judgements).with_row_index("row")
    y, step = theme.rows(counts["split"].to_list(), width)
    base = alt.Chart(counts).encode(
        y=y, x=alt.X("pairs:Q", title="pairs").axis(tickMinStep=1, tickCount=6, format="d")
    )
    return theme.finish(
        alt.layer(
            base.mark_bar(color=theme.BLUE, height={"band": 0.66}),
            base.mark_text(align="left", dx=5, color=theme.INK).encode(text="pairs:Q"),
        ).properties(width=width - theme.label_room(width) - 34, height=alt.Step(step))
    )
