"""Kappa persona by persona, beside what it would be if personas did not differ.

With ten items a persona, as PERSONA's raters had (arXiv 2407.17387), one kappa has a standard error of about
a quarter: kappas sorted by size rise steeply even where all personas are alike. So the sorted kappas
stand in the band of kappas that are drawn from one table of verdicts, the table of all personas together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from populace import stats
from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.streams import stream

__all__ = ["kappa_by_persona", "kappa_histogram", "persona_kappas"]

_DECIDED = ("first", "second")
_DRAWS = 400
_STEP = 0.1


def persona_kappas(items: pl.DataFrame, a: str, b: str, *, seed: int = 0, draws: int = 1000) -> pl.DataFrame:
    """Estimate the kappa of two judges for every persona, and what kappas one table for all would give.

    Parameters
    ----------
    items
        Of a run of `agreement`.
    a, b
        Two of its judges; `people` for what most people said.
    seed, draws
        Of the bootstrap over a persona's items.

    Returns
    -------
    polars.DataFrame
        Sorted by kappa, a row a persona: `persona_id`, `kappa`, `low`, `high` (null where every verdict is
        alike, or resampling changes nothing), `n`, and of the kappa of this rank, were all personas alike:
        `alike_low`, `alike`, `alike_high`. Personas whose kappa is not defined are left out.

    Raises
    ------
    DataError
        If there is no such judge.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_items
    >>> table = persona_kappas(agreement_items(), "judge A", "judge B", draws=100)
    >>> table["kappa"].is_sorted(descending=True), table.height <= 90
    (True, True)
    """
    both = _both(items, a, b)
    tables = stats.confusion_tables(both["a"], both["b"], both["persona_id"], categories=_DECIDED)
    kappas, sizes = stats.kappa_from_table(tables.counts), tables.counts.sum(axis=(1, 2)).astype(int)
    known = ~np.isnan(kappas)
    rng = stream(seed, "figures.kappas")
    low, high = _resampled(tables.counts, sizes, rng, draws)
    found = pl.DataFrame(
        {
            "persona_id": np.asarray(tables.clusters, dtype=str)[known].tolist(),
            "kappa": kappas[known],
            "low": low[known],
            "high": high[known],
            "n": sizes[known],
        }
    )
    certain = pl.col("low") == pl.col("high")
    found = found.with_columns(
        pl.when(certain).then(None).otherwise(pl.col(end).fill_nan(None)).alias(end)
        for end in ("low", "high")
    ).sort(["kappa", "persona_id"], descending=[True, False])
    alike = _alike(tables.counts.sum(axis=0), sizes, int(known.sum()), rng)
    return found.with_columns(
        pl.Series(name, values, dtype=pl.Float64)
        for name, values in zip(("alike_low", "alike", "alike_high"), alike, strict=True)
    )


def _both(items: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    for name in (a, b):
        if f"by:{name}" not in items.columns:
            names = [
                each[3:] for each in items.columns if each.startswith("by:") and f"{each}_p" in items.columns
            ]
            raise DataError(
                f"there is no judge {name!r}", fix=f"use {', '.join(names) or 'items of `agreement`'}"
            )
    both = items.select("persona_id", a=f"by:{a}", b=f"by:{b}")
    return both.filter(pl.col("a").is_in(_DECIDED), pl.col("b").is_in(_DECIDED))


def _resampled(
    counts: np.ndarray, sizes: np.ndarray, rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap the items of every persona: percentiles of kappa, nan where it is never defined."""
    ends = np.full((2, len(sizes)), np.nan)
    for place, (table, size) in enumerate(zip(counts, sizes, strict=True)):
        drawn = rng.multinomial(size, table.reshape(-1) / size, draws).reshape(draws, 2, 2) if size else None
        kappas = stats.kappa_from_table(drawn) if drawn is not None else np.array([])
        kappas = kappas[~np.isnan(kappas)]
        if len(kappas):
            ends[:, place] = np.quantile(kappas, [0.025, 0.975])
    return ends[0], ends[1]


def _alike(
    table: np.ndarray, sizes: np.ndarray, kept: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw every persona from one table, sort, and give each rank's 2.5 %, middle and 97.5 %."""
    if not kept:
        return np.array([]), np.array([]), np.array([])
    drawn = _drawn(table, sizes, rng)
    ranks = np.empty((_DRAWS, kept))
    at = (np.arange(kept) + 0.5) / kept
    for place, kappas in enumerate(drawn):
        defined = kappas[~np.isnan(kappas)]
        # As many ranks as were seen, though another number of kappas may be defined.
        ranks[place] = np.quantile(defined, 1 - at) if len(defined) else np.nan
    low, middle, high = np.nanquantile(ranks, [0.025, 0.5, 0.975], axis=0)
    return low, middle, high


def _drawn(table: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw kappas of personas of these sizes from one table, shape (draws, personas)."""
    share = table.reshape(-1) / table.sum()
    tables = rng.multinomial(np.broadcast_to(sizes, (_DRAWS, len(sizes))), share)
    return stats.kappa_from_table(tables.reshape(-1, 2, 2)).reshape(_DRAWS, len(sizes))


def kappa_by_persona(items: pl.DataFrame, a: str, b: str, width: int = 680, seed: int = 0) -> Any:
    """Draw every persona's kappa with its interval, sorted, in the band of personas that are alike.

    It stands for PERSONA's figures of kappa by persona (arXiv 2407.17387, Figures 4 to 9). What they do not
    show: intervals, which are wide; and the band that sorted kappas of equal personas would fill. A hollow
    mark has no interval: all of its items say the same.

    Parameters
    ----------
    items, a, b, seed
        As for `persona_kappas`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If there is no such judge.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_items
    >>> kappa_by_persona(agreement_items(), "judge A", "judge B").to_dict()["title"]["text"]
    ['κ of judge A and judge B, persona by persona']
    """
    import altair as alt

    table = persona_kappas(items, a, b, seed=seed).with_row_index("rank", offset=1)
    low, _ = parts.reach(table.rename({"kappa": "value"}), (-0.2, 1.0))
    x = alt.X("rank:Q", title="personas, sorted by κ").scale(domain=[0, table.height + 1], nice=False)
    x = x.axis(grid=False, format="d", tickMinStep=1, tickCount=6, labelFlush=False)
    y = (
        alt.Y("kappa:Q", title="Cohen’s κ")
        .scale(domain=[low, 1.04], nice=False)
        .axis(format=".1f", tickCount=6)
    )
    base = alt.Chart(table).encode(x=x)
    size = max(6, min(30, 5000 // max(table.height, 1)))
    sure = pl.col("low").is_not_null()
    layers = [
        base.mark_area(color=parts.SHADE, opacity=0.6).encode(y=alt.Y("alike_low:Q"), y2="alike_high:Q"),
        base.mark_line(color=theme.MUTED, strokeDash=[4, 3], strokeWidth=1.2).encode(y=alt.Y("alike:Q")),
        alt.Chart(table.filter(sure)).mark_rule(color=theme.MORE[0], strokeWidth=1)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        alt.Chart(table.filter(sure)).mark_circle(color=theme.BLUE, size=size, opacity=1).encode(x=x, y=y),
        alt.Chart(table.filter(~sure))
        .mark_point(stroke=theme.INK, fill=theme.PAPER, size=size, strokeWidth=1.1, opacity=1)
        .encode(x=x, y=y),
    ]  # fmt: skip
    outside = table.filter((pl.col("kappa") < pl.col("alike_low")) | (pl.col("kappa") > pl.col("alike_high")))
    lines = [
        f"{table.height:,} personas, {_span(table['n'])} items each; bars are 95 % intervals over a "
        "persona’s items; hollow: no interval",
        f"Shaded: the same ranks if all personas had one κ; {outside.height:,} of "
        f"{table.height:,} are outside",
    ]
    chart = alt.layer(*layers).properties(width=width - 60, height=260)
    return parts.titled(chart, f"κ of {a} and {b}, persona by persona", lines, width)


def _span(sizes: pl.Series) -> str:
    if sizes.is_empty():
        return "no"
    ends = sorted({int(sizes.min()), int(sizes.max())})  # type: ignore[arg-type]
    return f"{ends[0]:,}" if len(ends) == 1 else f"{ends[0]:,} to {ends[1]:,}"


def kappa_histogram(items: pl.DataFrame, a: str, b: str, width: int = 680, seed: int = 0) -> Any:
    """Draw how many personas have which kappa, beside how many would if personas were alike.

    It stands for PERSONA's histograms of kappa (arXiv 2407.17387), from which it reads that kappas gather
    between 0.6 and 0.8. What they do not show: how far kappas of so few items spread by themselves: the steps
    are the mean of draws from one table, their bars the middle 95 % of draws.

    Parameters
    ----------
    items, a, b, seed
        As for `persona_kappas`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If there is no such judge.

    Examples
    --------
    >>> from populace.report.figures.demonstration import agreement_items
    >>> kappa_histogram(agreement_items(), "judge A", "judge B").to_dict()["title"]["text"]
    ['Personas by κ of judge A and judge B']
    """
    import altair as alt

    bars, undefined = _bars(items, a, b, seed)
    x = (
        alt.X("low:Q", title="Cohen’s κ")
        .bin("binned")
        .axis(grid=False, tickCount=8, format=".1f", labelFlush=False)
    )
    y = alt.Y("personas:Q", title="personas").axis(tickMinStep=1, tickCount=5, format="d")
    base = alt.Chart(bars)
    middle = alt.X("middle:Q")
    layers = [
        base.mark_bar(color=theme.MORE[0], binSpacing=1).encode(x=x, x2="high:Q", y=y),
        base.mark_rule(color=theme.INK, strokeWidth=1.2).encode(x=middle, y="alike_low:Q", y2="alike_high:Q"),
        base.mark_point(shape="diamond", stroke=theme.INK, fill=theme.PAPER, size=44, opacity=1)
        .encode(x=middle, y=alt.Y("alike:Q")),
    ]  # fmt: skip
    lines = [
        "Bars: personas. Diamonds: expected if all personas had one κ, with what 95 % of draws give",
        f"{int(bars['personas'].sum()):,} personas"
        + (f"; of {undefined:,} more κ is not defined" if undefined else ""),
    ]
    chart = alt.layer(*layers).properties(width=width - 60, height=220)
    return parts.titled(chart, f"Personas by κ of {a} and {b}", lines, width)


def _bars(items: pl.DataFrame, a: str, b: str, seed: int) -> tuple[pl.DataFrame, int]:
    both = _both(items, a, b)
    tables = stats.confusion_tables(both["a"], both["b"], both["persona_id"], categories=_DECIDED)
    kappas, sizes = stats.kappa_from_table(tables.counts), tables.counts.sum(axis=(1, 2)).astype(int)
    drawn = _drawn(tables.counts.sum(axis=0), sizes, stream(seed, "figures.kappa histogram"))
    lowest = min(0.0, float(np.nanmin(kappas)), float(np.nanquantile(drawn, 0.01)))
    first, last = int(np.floor(lowest / _STEP)), round(1 / _STEP)

    def counts(values: np.ndarray) -> np.ndarray:
        # A kappa of 1 belongs to the last step, and rounding must move none below its own.
        place = np.clip(np.floor(values / _STEP + 1e-9), first, last - 1)
        return np.array([(place == step).sum(axis=-1) for step in range(first, last)])

    alike = counts(drawn)
    steps = np.arange(first, last)
    low, high = np.quantile(alike, [0.025, 0.975], axis=1)
    bars = pl.DataFrame(
        {
            "low": (steps * _STEP).round(6),
            "high": ((steps + 1) * _STEP).round(6),
            "middle": ((steps + 0.5) * _STEP).round(6),
            "personas": counts(kappas),
            "alike": alike.mean(axis=1),
            "alike_low": low,
            "alike_high": high,
        }
    )
    return bars, int(np.isnan(kappas).sum())
