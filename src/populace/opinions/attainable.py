"""The share of the achievable range: how far a model gets from a guess to the person's own other answer.

    (model - best baseline without a person) / (ceiling - the same baseline)

All three are scored on the same cells. The baseline is the best of several, and what is best by chance
would be too good: respondents are dealt into folds, and in each the baseline is the one that is best in the
others.

The interval is Fieller's (1954): the ratios that a t test would not refuse, from the covariance of both
differences over respondents, and over items too where they are few. It is unequal on both sides, as that of
a ratio is. Where the range itself is not told from 0, no ratio is: then the share is undefined, and
`method` says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from populace.errors import DataError
from populace.opinions.ceiling import CarriedOver
from populace.opinions.cells import Cells, Handling, scored
from populace.opinions.intervals import reach
from populace.opinions.measures import MEASURES
from populace.opinions.scores import FEW_ITEMS
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.stats.estimate import Estimate
from populace.streams import stream

__all__ = ["Attained", "attained"]

_FOLDS = 5


class Attained(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model stands between a guess and the person's own other answer."""

    model: str
    measure: str
    share: Estimate
    """0 is the baseline, 1 the ceiling; it may lie beyond either."""
    scores: dict[str, float]
    """Of `model`, `baseline` and `ceiling`, on the same cells."""
    gain: Estimate
    """Model less baseline, in the measure's own unit; above 0 is better, whatever the measure."""
    range: Estimate
    """Ceiling less baseline, likewise."""
    baseline: dict[str, float]
    """Baseline -> share of the respondents for whom it was the best among the others."""
    carried_over: bool
    """Whether the ceiling was not measured on these items but carried over from a panel's."""


def attained(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    *,
    model: str,
    baselines: Sequence[str],
    ceiling: str | CarriedOver,
    measure: str = "accuracy",
    cells: np.ndarray | None = None,
    refusals: Handling = "raise",
    seed: int = 0,
    level: float = 0.95,
) -> Attained:
    """Estimate which share of the achievable range a model attains.

    Parameters
    ----------
    opinions, split
        What was answered, and what of it was asked.
    tables
        Name -> shape (tests, K), nan where nothing was predicted.
    model, baselines
        Names of tables; the baselines know nothing of the person.
    ceiling
        Name of a table (for accuracy that of `repeated`, else that of `Retest`), or agreement carried over
        from a panel, for accuracy only; its error is then in the interval.
    measure
        `accuracy`, `log score`, `Brier score` or `ranked probability score`.
    cells, refusals
        See `populace.opinions.cells.scored`; by default what all tables named here predict.
    seed
        Of the folds.
    level
        Coverage aimed at.

    Raises
    ------
    DataError
        If a name is no table, the measure is no mean over cells, or tables do not fit.
    """
    named = [model, *baselines, *([ceiling] if isinstance(ceiling, str) else [])]
    missing = [name for name in named if name not in tables]
    if missing or not baselines:
        raise DataError(f"no table is named {missing[0]}" if missing else "there is no baseline")
    score = getattr(MEASURES.get(measure), "score", None)
    if score is None or (isinstance(ceiling, CarriedOver) and measure != "accuracy"):
        raise DataError(
            f"no share of a range can be told of {measure!r}", fix="take accuracy or the log score"
        )
    of = scored(opinions, split, {name: tables[name] for name in named}, cells, refusals)
    sign = 1.0 if MEASURES[measure].higher else -1.0
    found = {name: sign * score(p, of.cells.truth, sizes=of.cells.sizes) for name, p in of.padded.items()}
    kept = of.cells.ordinal if MEASURES[measure].ordinal else np.ones(len(of.cells), dtype=bool)
    if not kept.any():
        raise DataError(f"no ordinal item is scored, and {measure} needs one")
    chosen = Cells(*(getattr(of.cells, part)[kept] for part in Cells.__dataclass_fields__))
    found = {name: part[kept] for name, part in found.items()}
    base, picked = _best(chosen, [found[name] for name in baselines], seed)
    top, beside = _ceiling(opinions, chosen, ceiling, found)
    weights = chosen.weights / chosen.weights.sum()
    spread = _Pair(chosen, weights * (found[model] - base), weights * (top - base), weights, beside)
    parts = {"model": found[model], "baseline": base, "ceiling": top}
    return Attained(
        model=model,
        measure=measure,
        share=spread.ratio(level),
        scores={name: sign * float(weights @ part) for name, part in parts.items()},
        gain=spread.one(0, level),
        range=spread.one(1, level),
        baseline={name: float((picked == place).mean()) for place, name in enumerate(baselines)},
        carried_over=isinstance(ceiling, CarriedOver),
    )


def _best(cells: Cells, scores: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give each cell the score of the baseline that is best among other people, and each person's choice."""
    people, code = np.unique(cells.rows, return_inverse=True)
    fold = stream(seed, "opinions.attainable").permutation(people.size) % min(_FOLDS, people.size)
    weighted = np.stack([np.bincount(code, weights=cells.weights * part) for part in scores])
    total = np.bincount(code, weights=cells.weights)
    picked = np.zeros(people.size, dtype=np.int64)
    for number in range(fold.max() + 1):
        others = fold != number if fold.max() else np.ones(people.size, dtype=bool)
        picked[fold == number] = np.argmax(weighted[:, others].sum(axis=1) / total[others].sum())
    return np.stack(scores)[picked[code], np.arange(len(cells))], picked


def _ceiling(
    opinions: Opinions, cells: Cells, ceiling: str | CarriedOver, found: dict[str, np.ndarray]
) -> tuple[np.ndarray, float]:
    """Give each cell its ceiling, and the variance that its mean has of its own."""
    if isinstance(ceiling, str):
        return found[ceiling], 0.0
    shares = np.bincount(cells.columns, weights=cells.weights, minlength=len(opinions.items))
    by_item = ceiling.of_items(opinions)["value"].to_numpy()
    return by_item[cells.columns], ceiling.variance(opinions, shares / shares.sum())


class _Pair:
    """Two weighted means over the same cells, with their covariance."""

    def __init__(
        self, cells: Cells, first: np.ndarray, second: np.ndarray, weights: np.ndarray, beside: float
    ) -> None:
        sums = np.stack([first, second], axis=1)
        self.means = sums.sum(axis=0)
        moved = sums - weights[:, None] * self.means
        people, items = np.unique(cells.rows).size, np.unique(cells.columns).size
        self.n, self.people = len(cells), people
        covariance, count = _over(moved, weights, cells.rows), people
        self.unit = "respondents"
        if 1 < items < FEW_ITEMS:
            # What respondents and items share is counted once; nothing may make the variance less than that
            # over respondents.
            both = cells.rows * (cells.columns.max() + 1) + cells.columns
            more = _over(moved, weights, cells.columns) - _over(moved, weights, both)
            sizes, axes = np.linalg.eigh(more)
            covariance = covariance + (axes * np.maximum(sizes, 0)) @ axes.T
            count, self.unit = min(people, items), "respondents x items"
        self.covariance = covariance + np.array([[0.0, 0.0], [0.0, beside]])
        self.degrees = count - 1

    def one(self, place: int, level: float) -> Estimate:
        """Estimate one of the means."""
        value = float(self.means[place])
        if self.degrees < 1:
            return self._made(value, math.nan, math.nan, level, "no interval: only one respondent")
        half = reach(level, self.degrees) * math.sqrt(self.covariance[place, place])
        method = f"{self.unit}, Student's t, {self.degrees} degrees"
        return self._made(value, value - half, value + half, level, method)

    def ratio(self, level: float) -> Estimate:
        """Estimate the first by the second."""
        top, bottom = (float(mean) for mean in self.means)
        if self.degrees < 1:
            return self._made(math.nan, math.nan, math.nan, level, "undefined: only one respondent")
        square = reach(level, self.degrees) ** 2
        a = bottom**2 - square * self.covariance[1, 1]
        if a <= 0:
            why = "undefined: the range from baseline to ceiling is not told from 0"
            return self._made(math.nan, math.nan, math.nan, level, why)
        if bottom < 0:
            why = "undefined: the ceiling lies below the baseline"
            return self._made(math.nan, math.nan, math.nan, level, why)
        b = top * bottom - square * self.covariance[0, 1]
        c = top**2 - square * self.covariance[0, 0]
        root = math.sqrt(max(b * b - a * c, 0.0))
        method = f"{self.unit}, Fieller's interval with t, {self.degrees} degrees"
        return self._made(top / bottom, (b - root) / a, (b + root) / a, level, method)

    def _made(self, value: float, low: float, high: float, level: float, method: str) -> Estimate:
        value, low, high = float(value), float(low), float(high)  # numbers of numpy would be no JSON
        return Estimate(
            value=value, low=low, high=high, level=level, n=self.n, clusters=self.people, method=method
        )


def _over(moved: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give the covariance of means over clusters, shape (2, 2), from leaving each of them out (jackknife)."""
    distinct, code = np.unique(labels, return_inverse=True)
    count = distinct.size
    if count < 2:
        return np.zeros((2, 2))
    # Leaving out a cluster of a share h of the weight moves a mean by its sum of influences over 1 - h: who
    # weighs much draws the mean near, and would otherwise seem nearer to it than is true.
    left = np.maximum(1 - np.bincount(code, weights=weights), 1e-12)
    sums = np.stack([np.bincount(code, weights=part) for part in moved.T]) / left
    return sums @ sums.T * (count - 1) / count
