"""Shares by cell: small cells shrunk and marked, the worst of them, and the gap, each with its interval.

Cells of a crossing do not overlap, and are shrunk together by `stats.shrunken_rates`; rows of one persona
resemble each other, so counts are divided by the design effect that the items themselves show. Three
questions follow, and each has its own answer:

- *do cells differ at all?* A permutation test: personas, with all their rows, are dealt to the cells anew.
- *how far apart are best and worst?* The posterior of the largest difference of true rates. The raw range
  would grow with the number of cells, however alike they are.
- *which is worst?* The cell that has the lowest rate in most posterior draws, and the share of draws in which
  it has; the estimate beside it is the posterior of the lowest rate, whichever cell has it.

The posterior of a cell is taken as the beta distribution of the same mean and the same width, and cells as
independent given the data; that they share their mean makes the gap's interval a little too wide.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from populace.bench.result import Score
from populace.bench.scoring import scored
from populace.bench.task import Counting
from populace.stats import Estimate
from populace.stats.multiple import holm
from populace.stats.power import design_effect, intraclass_correlation
from populace.stats.shrinkage import ShrunkenRate, shrunken_rates
from populace.streams import stream

__all__ = ["FEWEST", "Counts", "adjusted", "cell_scores", "counted", "differ", "spread"]

FEWEST = 10
"""A cell worth fewer independent items than this is marked."""
_DEALS = 1999
_DRAWS = 4000


class Counts(NamedTuple):
    """What is known of the cells of a crossing."""

    names: list[str]
    points: np.ndarray
    """Half points (a satisfied item has two, a tie one), shape (cells,)."""
    items: np.ndarray
    """Decided items, shape (cells,)."""
    people: np.ndarray
    """Personas, shape (cells,)."""
    effect: np.ndarray
    """Items that are worth one independent item, shape (cells,)."""
    table: pl.DataFrame
    """A row a persona: `cell` (its place), `points`, `items`."""


def counted(items: pl.DataFrame, column: str, verdict: str) -> Counts:
    """Count the items of every cell; an item whose persona has no cell, or without a verdict, is left out."""
    rows = items.with_columns(pl.col(column).alias("cell"), scored(items, verdict).alias("value"))
    rows = rows.select("persona_id", "cell", "value").drop_nulls()
    names = sorted(rows["cell"].unique().to_list())
    place = {name: index for index, name in enumerate(names)}
    table = (
        rows.group_by("persona_id", "cell", maintain_order=True)
        .agg(points=(2 * pl.col("value").sum()).round().cast(pl.Int64), items=pl.len())
        .with_columns(pl.col("cell").replace_strict(place, return_dtype=pl.Int64))
    )
    by_cell = table.group_by("cell").agg(
        pl.col("points", "items").sum(), people=pl.len(), sizes=pl.col("items")
    )
    by_cell = by_cell.sort("cell")
    # What cells differ by is no likeness of one persona's rows: it is taken out first.
    within = rows.select(pl.col("value") - pl.col("value").mean().over("cell"))["value"]
    icc = intraclass_correlation(within, rows["persona_id"], draws=1).value if rows.height else 0.0
    # A negative correlation is noise here: people do not balance out their own verdicts.
    icc = 0.0 if math.isnan(icc) else min(max(icc, 0.0), 1.0)
    effect = [design_effect(sizes, icc) for sizes in by_cell["sizes"].to_list()]
    return Counts(
        names,
        by_cell["points"].to_numpy(),
        by_cell["items"].to_numpy(),
        by_cell["people"].to_numpy(),
        np.array(effect, dtype=np.float64),
        table,
    )


def cell_scores(counts: Counts, family: str, counting: Counting) -> list[Score]:
    """Score every cell, shrunk; what is raw, and how far it was pulled, is in the note."""
    if not counts.names:
        return []
    return [
        Score(
            measure="satisfied",
            arm=family,
            group=cell.name,
            estimate=cell.estimate,
            raw=cell.raw,
            note=_note(cell),
        )
        for cell in _shrunk(counts, counting)
    ]


def spread(counts: Counts, family: str, counting: Counting) -> list[Score]:
    """Score the worst cell and the gap, with the p-value of the test whether cells differ at all."""
    if len(counts.names) < 2:
        return []
    cells = _shrunk(counts, counting)
    rng = stream(counting.seed, "bench.cells.posterior")
    draws = np.stack([_posterior(cell.estimate, rng) for cell in cells], axis=1)
    lowest, highest = draws.min(axis=1), draws.max(axis=1)
    wins = np.bincount(draws.argmin(axis=1), minlength=len(cells)) / _DRAWS
    worst = int(wins.argmax())
    tail = (1 - counting.level) / 2

    def estimate(values: np.ndarray) -> Estimate:
        low, high = np.quantile(values, [tail, 1 - tail])
        return Estimate(
            value=float(values.mean()),
            low=float(low),
            high=float(high),
            level=counting.level,
            n=int(counts.items.sum()),
            clusters=int(counts.people.sum()),
            method=f"posterior of shrunken rates, {_DRAWS} draws",
            seed=counting.seed,
        )

    chance = f"the lowest rate in {wins[worst]:.0%} of posterior draws"
    deals = f"p: cells differ at all, {_DEALS} deals of personas to cells"
    return [
        Score(measure="worst", arm=family, group=counts.names[worst], estimate=estimate(lowest), note=chance),
        Score(
            measure="gap",
            arm=family,
            estimate=estimate(highest - lowest),
            p_value=differ(counts.table, counting.seed),
            note=f"best less worst cell, never 0; {deals}",
        ),
    ]


def adjusted(scores: list[Score], measure: str) -> list[Score]:
    """Adjust the p-values of a measure by Holm, where there are several."""
    places = [i for i, score in enumerate(scores) if score.measure == measure and score.p_value is not None]
    if len(places) < 2:
        return scores
    found = list(scores)
    for place, p in zip(places, holm([scores[i].p_value or 0.0 for i in places]), strict=True):
        note = f"{scores[place].note}; p by Holm over {len(places)}"
        found[place] = msgspec.structs.replace(scores[place], p_value=float(p), note=note)
    return found


def _shrunk(counts: Counts, counting: Counting) -> list[ShrunkenRate]:
    # A tie is half a success: in half points every count is whole, and two of them are one item.
    found = shrunken_rates(
        counts.points,
        2 * counts.items,
        names=counts.names,
        clusters=counts.people,
        design_effect=2 * counts.effect,
        fewest=FEWEST,
        level=counting.level,
    )
    halved = [msgspec.structs.replace(cell.estimate, n=cell.estimate.n // 2) for cell in found.cells]
    return [
        msgspec.structs.replace(cell, estimate=estimate)
        for cell, estimate in zip(found.cells, halved, strict=True)
    ]


def _note(cell: ShrunkenRate) -> str:
    told = f"raw {cell.raw:.3f}, shrunk: {cell.own:.0%} its own"
    return f"small cell; {told}" if cell.few else told


def _posterior(estimate: Estimate, rng: np.random.Generator) -> np.ndarray:
    """Draw from the beta distribution of an estimate's mean and width."""
    tail = NormalDist().inv_cdf((1 + estimate.level) / 2)
    mean = min(max(estimate.value, 1e-6), 1 - 1e-6)
    sd = max((estimate.high - estimate.low) / (2 * tail), 1e-6)
    size = max(mean * (1 - mean) / sd**2 - 1, 1e-3)
    return rng.beta(mean * size, (1 - mean) * size, _DRAWS)


def differ(table: pl.DataFrame, seed: int) -> float:
    """Test whether cells have one rate, by dealing personas to cells of the same sizes.

    Parameters
    ----------
    table
        A row a persona: `cell` (a number from 0), `points` and `items`.

    Examples
    --------
    >>> differ(pl.DataFrame({"cell": [0, 0, 1, 1], "points": [4, 4, 4, 4], "items": [2, 2, 2, 2]}), seed=0)
    1.0
    """
    cell, points, items = (table[name].to_numpy() for name in ("cell", "points", "items"))
    size = int(cell.max()) + 1
    residual = points - points.sum() / items.sum() * items

    def unlike(cells: np.ndarray) -> float:
        n = np.bincount(cells, weights=items, minlength=size)
        off = np.bincount(cells, weights=residual, minlength=size)
        return float((off**2 / np.maximum(n, 1)).sum())

    rng = stream(seed, "bench.cells.deals")
    # Equal sums added in another order may differ in the last bits.
    observed = unlike(cell) * (1 - 1e-9)
    hits = sum(unlike(rng.permutation(cell)) >= observed for _ in range(_DEALS))
    return (1 + hits) / (1 + _DEALS)
