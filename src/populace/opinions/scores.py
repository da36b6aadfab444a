"""How well tables of predictions meet what single people answered.

A table is a row of probabilities for all options of all items (`Opinions.starts`) for each tested person; a
model fills the cells that it was asked and leaves nan elsewhere. All tables are scored on the same cells,
weighted by the survey, and beside each stands its paired difference to named baselines.

Intervals resample respondents, all tables at once, on sums by respondent, so that 10,000 draws are one matrix
product. Where fewer than 100 items are scored, they too are a sample: then the interval is that of two-way
clusters (`populace.stats.crossed`), from what each cell moves a score by.

Measures: `accuracy`, `log score` (nats, 0 is best), `Brier score` (0 to 2, 0 is best), `ranked probability
score` (ordinal items only), `calibration error` of the likeliest option (ten bins of equal width) and `rank
correlation` (ordinal items only): where the answer lies among those of training respondents against where the
prediction does, within each item, pooled over items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.cells import Cells, Handling, scored
from populace.opinions.intervals import around
from populace.opinions.measures import MEASURES, Measure
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.stats.bootstrap import bootstrap_replicates, estimate_from_replicates
from populace.stats.crossed import crossed_estimate
from populace.stats.estimate import Estimate

__all__ = ["FEW_ITEMS", "individual_scores"]

FEW_ITEMS = 100
"""Items below which they count as a sample, as respondents do."""


def individual_scores(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    *,
    against: Sequence[str] = (),
    cells: np.ndarray | None = None,
    refusals: Handling = "raise",
    measures: Sequence[str] = tuple(MEASURES),
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Score predictions of single people's answers.

    Parameters
    ----------
    opinions, split
        What was answered, and what of it was asked.
    tables
        Name -> shape (tests, K), nan where nothing was predicted.
    against
        Tables that all others are compared with, on the same cells and in pairs.
    cells
        Shape (tests, M), what is scored; by default what is asked and predicted by all tables.
    refusals
        What is done where a table is nan in a cell of `cells`: `raise`, score it as `uniform`, or `leave out`
        the cell from all tables.
    measures
        Of `MEASURES`.
    draws, seed, level
        Of the bootstrap; the draws and the seed are not used where items are few.

    Returns
    -------
    A row a table and measure, and a row more for each table of `against`: `predictor`, `against` (null for
    the score itself), `measure`, `better` (`higher` or `lower`), the fields of `Estimate`, `baseline` (what
    `against` scores on these cells), `refused` (cells of this table that are refusals).

    Raises
    ------
    DataError
        If tables do not fit, a row is no distribution, or there are refusals and `refusals` is `raise`.
    """
    unknown = [name for name in against if name not in tables] + [m for m in measures if m not in MEASURES]
    if unknown:
        raise DataError(f"{unknown[0]} is no table or measure", fix=f"take {', '.join([*tables, *MEASURES])}")
    of = scored(opinions, split, tables, cells, refusals)
    chosen = of.cells
    kinds = [MEASURES[name] for name in measures]
    parts = {name: [kind.rows(p, chosen) for kind in kinds] for name, p in of.padded.items()}
    maker = _Maker(chosen, kinds, parts, draws, seed, level)
    found: list[dict[str, object]] = []
    for place, measure in enumerate(measures):
        for name in tables:
            for other in (None, *(base for base in against if base != name)):
                estimate = maker.estimate(place, name, other)
                found.append(
                    {
                        "predictor": name,
                        "against": other,
                        "measure": measure,
                        "better": "higher" if kinds[place].higher else "lower",
                        **msgspec.structs.asdict(estimate),
                        "baseline": None if other is None else maker.value(place, other),
                        "refused": of.refusals[name],
                    }
                )
    return pl.DataFrame(found, schema=SCHEMA)


SCHEMA = {
    "predictor": pl.String,
    "against": pl.String,
    "measure": pl.String,
    "better": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "clusters": pl.Int64,
    "method": pl.String,
    "seed": pl.Int64,
    "baseline": pl.Float64,
    "refused": pl.Int64,
}


class _Maker:
    """Makes estimates of all tables from the same draws."""

    def __init__(
        self,
        cells: Cells,
        kinds: list[Measure],
        parts: dict[str, list[np.ndarray]],
        draws: int,
        seed: int,
        level: float,
    ) -> None:
        self.cells, self.kinds, self.parts = cells, kinds, parts
        self.draws, self.seed, self.level = draws, seed, level
        self.crossed = np.unique(cells.columns).size < FEW_ITEMS
        people, code = np.unique(cells.rows, return_inverse=True)
        self.clusters = people.size
        self.replicates: dict[tuple[int, str], np.ndarray] = {}
        if not self.crossed and self.clusters > 1:
            self._draw(code)

    def _draw(self, code: np.ndarray) -> None:
        """Sum by respondent and resample: one product for everything."""
        order = [(place, name) for name in self.parts for place in range(len(self.kinds))]
        rows = np.concatenate([self.parts[name][place] for place, name in order], axis=1)
        starts = np.flatnonzero(np.concatenate([[True], np.diff(code) > 0]))
        sums = np.add.reduceat(rows, starts, axis=0)
        ends = np.cumsum([self.parts[name][place].shape[1] for place, name in order])[:-1]

        def statistic(totals: np.ndarray) -> np.ndarray:
            parts = np.split(totals, ends, axis=1)
            values = [self.kinds[place].value(part) for (place, _), part in zip(order, parts, strict=True)]
            return np.stack(values, axis=1)

        drawn = bootstrap_replicates(sums, statistic, draws=self.draws, seed=self.seed)
        self.replicates = {key: drawn[:, column] for column, key in enumerate(order)}

    def value(self, place: int, name: str) -> float:
        return float(self.kinds[place].value(self.parts[name][place].sum(axis=0)[None])[0])

    def estimate(self, place: int, name: str, other: str | None) -> Estimate:
        kind, n = self.kinds[place], self._counted(place)
        value = self.value(place, name) - (0.0 if other is None else self.value(place, other))
        if self.crossed:
            return self._crossed(value, place, name, other, items=True)
        replicates = self.replicates.get((place, name), np.empty(0))
        if other is not None and replicates.size:
            replicates = replicates - self.replicates[place, other]
        if kind.within is not None and replicates.size and np.ptp(replicates) == 0:
            return self._crossed(value, place, name, other, items=False)  # which knows that all rows agree
        clusters = np.unique(self.cells.rows[self._there(place)]).size
        settings = {"draws": self.draws, "seed": self.seed, "level": self.level, "unit": "respondent"}
        if kind.biased:
            least = 0.0 if other is None else -1.0
            return around(value, replicates, n=n, clusters=clusters, within=(least, 1.0), **settings)
        return estimate_from_replicates(value, replicates, n=n, clusters=clusters, **settings)

    def _crossed(self, value: float, place: int, name: str, other: str | None, *, items: bool) -> Estimate:
        """Take the interval from what each cell moves the score by."""
        kind, there = self.kinds[place], self._there(place)
        moved, bounds = kind.influence(self.parts[name][place]), kind.within
        if other is not None:
            moved = moved - kind.influence(self.parts[other][place])
            bounds = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
        second = self.cells.columns[there] if items else None
        first = self.cells.rows[there]
        found = crossed_estimate(value, moved[there], first, second, within=bounds, level=self.level)
        unit = "respondents x items" if items else "respondents"
        return msgspec.structs.replace(found, method=f"{unit}, {found.method}")

    def _there(self, place: int) -> np.ndarray:
        return self.cells.ordinal if self.kinds[place].ordinal else np.ones(len(self.cells), dtype=bool)

    def _counted(self, place: int) -> int:
        return int(self._there(place).sum())
