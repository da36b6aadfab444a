"""Figures that count: prompts by topic, lengths, and how personas split."""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.report.figures import theme
from populace.report.tables import length_ratios, topic_counts, verdict_splits

__all__ = ["lengths", "prompts", "splits"]


def prompts(prompts: pl.DataFrame, width: int = 680) -> Any:
    """Draw how many prompts each topic has, shaded by how controversial they are."""
    import altair as alt

    counts = topic_counts(prompts)
    grades = [grade for grade in theme.SEQUENCE if grade in set(counts["controversy"])]
    order = counts["topic"].unique(maintain_order=True).to_list()
    labels = theme.axis_labels(width)
    return theme.finish(
        alt.Chart(counts.with_columns(rank=pl.col("grade").fill_null(len(theme.SEQUENCE))))
        .mark_bar(height={"band": 0.72})
        .encode(
            y=alt.Y("topic:N", sort=order, title=None).axis(
                minExtent=labels, maxExtent=labels, labelLimit=labels - 8, grid=False
            ),
            x=alt.X("prompts:Q", title="prompts").axis(tickMinStep=1, format="d"),
            color=alt.Color("controversy:N", sort=grades, title="controversy")
            .scale(domain=grades, range=[theme.SEQUENCE[grade] for grade in grades])
            .legend(columns=0 if width >= 500 else 3, titleOrient="left" if width >= 500 else "top"),
            order=alt.Order("rank:Q"),
        )
        .properties(width=width - labels - 16, height=alt.Step(21))
    )


def lengths(pairs: pl.DataFrame, width: int = 680) -> Any:
    """Draw how long revisions are against the answers they replace; the rule marks equal length."""
    import altair as alt

    x = alt.X("low:Q", title="length of the revision, as a share of the original’s words").bin("binned")
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

    counts = verdict_splits(judgements)
    labels = theme.axis_labels(width)
    base = alt.Chart(counts).encode(
        y=alt.Y("split:N", sort=counts["split"].to_list(), title=None).axis(
            minExtent=labels, maxExtent=labels, labelLimit=labels - 8, grid=False
        ),
        x=alt.X("pairs:Q", title="pairs").axis(tickMinStep=1, format="d"),
    )
    return theme.finish(
        alt.layer(
            base.mark_bar(color=theme.BLUE, height={"band": 0.66}),
            base.mark_text(align="left", dx=5, color=theme.INK).encode(text="pairs:Q"),
        ).properties(width=width - labels - 34, height=alt.Step(26))
    )
