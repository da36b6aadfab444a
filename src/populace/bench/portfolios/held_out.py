"""What a portfolio is worth on questions that it was not chosen by.

Questions fall into two halves. On one, members are chosen and every person is sent to one of them; on the
other it is measured what that gave. Then the halves change places, and every question is measured once. An
arm's outcome is its mean on the half; what a person gets is that, by their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np
import polars as pl

from populace.bench.portfolios.candidates import scores_in
from populace.bench.portfolios.weighing import Weighed, weighed
from populace.bench.task import Counting
from populace.portfolio.certificate import worst_regret
from populace.portfolio.comparing import best_at, even_weights, kmeans
from populace.portfolio.minimum import spread_weights
from populace.portfolio.sizes import best_of_size
from populace.stats import Estimate, PairedTest
from populace.stats.bootstrap import doubted, expanded_estimate
from populace.stats.crossed import crossed_mean, crossed_test
from populace.streams import stream

__all__ = [
    "AVERAGE",
    "CEILING",
    "LENGTH",
    "ONE",
    "OURS",
    "RANDOM",
    "SHUFFLED",
    "WAYS",
    "Fold",
    "HeldOut",
    "held_out",
]

OURS, AVERAGE, RANDOM, UNIFORM, KMEANS = "portfolio", "average", "random", "uniform", "k-means"
WAYS = (OURS, AVERAGE, KMEANS, UNIFORM, RANDOM)
"""Ways to choose members, at every size."""
ONE, SHUFFLED, LENGTH, CEILING = "one model", "shuffled weights", "by length", "one model a user"
_LOTS, _GRID, _DRAWS = 20, 300, 300
_ROUNDING = 1e-12


@dataclass
class Fold:
    """Members chosen on one half, measured on the other."""

    plan: np.ndarray
    """Shape (arms, traits), mean scores of the half that members are chosen by."""
    scores: np.ndarray
    """Shape (arms, questions, traits), of the other half."""
    words: np.ndarray
    """Shape (arms,), mean length on the first half."""
    routed: np.ndarray
    """Shape (people, traits), weights that people are sent by."""
    own: np.ndarray
    """Shape (people, traits), weights that tell what it was worth to them."""
    seed: int
    _members: dict[tuple[str, int], list[list[int]]] = field(default_factory=dict)

    def members(self, way: str, size: int) -> list[list[int]]:
        """Choose members; several times where it is by lot."""
        key = (way, size)
        if key not in self._members:
            self._members[key] = self._chosen(way, size)
        return self._members[key]

    def _chosen(self, way: str, size: int) -> list[list[int]]:
        if way == LENGTH:
            return [sorted({int(np.argmin(self.words)), int(np.argmax(self.words))})]
        if way in (OURS, AVERAGE):
            return [self._by_search(way, size)]
        traits = self.plan.shape[1]
        rng = stream(self.seed, f"bench.portfolio.{way}", size)
        if way == RANDOM:
            return [best_at(self.plan, rng.dirichlet(np.ones(traits), size)) for _ in range(_LOTS)]
        if way == UNIFORM:
            return [best_at(self.plan, even_weights(traits, size))]
        if way == KMEANS:
            return [best_at(self.plan, kmeans(self.routed, np.ones(len(self.routed)), size, rng)[0])]
        return [best_at(self.plan, self.routed)]

    def _by_search(self, way: str, size: int) -> list[int]:
        varied = np.ptp(self.plan, axis=0) > 0
        if varied.sum() < 2:
            # With one trait that tells arms apart there is one best arm, and with none any.
            return [int(np.argmax(self.plan.sum(axis=1)))]
        if way == OURS:
            return list(best_of_size(self.plan[:, varied], size, seconds=10).members)
        return self._on_average(size)

    def _on_average(self, size: int) -> list[int]:
        """Choose members for these people, exactly: arms are few."""
        from itertools import combinations

        values = self.routed @ self.plan.T
        sets = combinations(range(len(self.plan)), size)
        return list(max(sets, key=lambda each: float(values[:, list(each)].max(axis=1).mean())))

    def sent(self, members: list[int], weights: np.ndarray) -> np.ndarray:
        """Send each person to the member that promises most: arms, shape (people,)."""
        rows = np.array(members)
        return rows[(weights @ self.plan[rows].T).argmax(axis=1)]

    def got(self, arms: np.ndarray) -> np.ndarray:
        """Give what people got, shape (people, questions)."""
        return np.einsum("pt,pqt->pq", self.own, self.scores[arms])

    def best(self) -> np.ndarray:
        """Give the best arm of each person on the very half that is measured: hindsight."""
        return (self.own @ self.scores.mean(axis=1).T).argmax(axis=1)


@dataclass
class HeldOut:
    """Both folds of a run, and its estimates."""

    folds: list[Fold]
    people: Weighed
    questions: list[str]
    order: list[np.ndarray]
    """Places of the questions of each fold's measured half."""
    arms: list[str]
    traits: list[str]
    counting: Counting

    @property
    def sizes(self) -> range:
        """Sizes of the curves."""
        return range(1, min(len(self.arms), 6) + 1)

    def table(self, of: Callable[[Fold], np.ndarray]) -> np.ndarray:
        """Lay out what a function gives for both folds, shape (people, questions)."""
        found = np.empty((len(self.people.names), len(self.questions)))
        for fold, places in zip(self.folds, self.order, strict=True):
            found[:, places] = of(fold)
        return found

    def values(self, way: str, size: int = 1, *, shuffled: bool = False) -> np.ndarray:
        """Give what people got from the members of a way; of ways by lot, the mean over lots."""

        def of(fold: Fold) -> np.ndarray:
            # One step on: everybody is sent by the weights of another.
            weights = np.roll(fold.routed, 1, axis=0) if shuffled else fold.routed
            sets = fold.members(way, size)
            return np.mean([fold.got(fold.sent(each, weights)) for each in sets], axis=0)

        return self.table(of)

    def lost(self, way: str, size: int) -> np.ndarray:
        """Give what people lost to the best arm in hindsight, shape (people, questions)."""
        found = self.table(lambda fold: fold.got(fold.best())) - self.values(way, size)
        return np.where(np.abs(found) < _ROUNDING, 0.0, found)

    def mean(self, values: np.ndarray, who: np.ndarray | None = None, *, signed: bool = False) -> Estimate:
        """Estimate a mean over people and questions; weights spread evenly are no sample of people."""
        rows = np.arange(len(values)) if who is None else np.flatnonzero(who)
        first, second = self._shared(rows)
        within = (-1.0, 1.0) if signed else (0.0, 1.0)
        flat = np.clip(values[rows].ravel(), *within)
        return crossed_mean(flat, first, second, within=within, level=self.counting.level)

    def ahead(self, ours: np.ndarray, theirs: np.ndarray) -> PairedTest:
        """Test a difference of values, paired by person and question."""
        rows = np.arange(len(ours))
        first, second = self._shared(rows)
        one, other = (np.clip(each, 0, 1).ravel() for each in (ours, theirs))
        return crossed_test(one, other, first, second, seed=self.counting.seed, level=self.counting.level)

    def _shared(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        asked = np.tile(np.arange(len(self.questions)), len(rows))
        return (np.repeat(rows, len(self.questions)), asked) if self.people.sampled else (asked, None)

    def worst(self, way: str, size: int) -> Estimate:
        """Estimate the worst regret over all weights on the measured half, mean of both folds.

        The value is exact (linear programmes). Its interval resamples questions, over a fine grid of weights.
        """
        values, drawn = [], []
        for fold, (outcomes, grid) in zip(self.folds, self._resampled(), strict=True):
            best = outcomes.max(axis=1)
            sets = fold.members(way, size)
            means = fold.scores.mean(axis=1)
            exact = np.mean([_worst(means, each) for each in sets])
            at = [(best - outcomes[:, each].max(axis=1)).max(axis=1) for each in sets]
            on_grid = np.mean([_on_grid(means, each, grid) for each in sets])
            values.append(exact)
            drawn.append(np.mean(at, axis=0) + (exact - on_grid))
        found = expanded_estimate(
            float(np.mean(values)),
            np.maximum(np.mean(drawn, axis=0), 0),
            n=len(self.questions),
            clusters=len(self.questions),
            draws=len(drawn[0]),
            seed=self.counting.seed,
            level=self.counting.level,
            unit="question",
        )
        # The worst is sought in every resample anew, which makes resamples too high: the value lies inside.
        ends = {"low": min(found.low, found.value), "high": max(found.high, found.value)}
        return doubted(msgspec.structs.replace(found, **ends), 0.0, 1.0)

    def _resampled(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Resample the measured questions: values of arms on a grid of weights, (draws, arms, weights)."""
        if not hasattr(self, "_held"):
            draws = min(self.counting.draws, _DRAWS)
            grid, self._held = spread_weights(len(self.traits), _GRID), []
            for number, fold in enumerate(self.folds):
                rng = stream(self.counting.seed, "bench.portfolio.worst", number)
                count = fold.scores.shape[1]
                shares = rng.multinomial(count, np.full(count, 1 / count), size=draws) / count
                means = np.einsum("bq,aqt->bat", shares, fold.scores)
                self._held.append((means @ grid.T, grid))
        return self._held

    _held: list[tuple[np.ndarray, np.ndarray]] = field(init=False, repr=False)


def held_out(items: pl.DataFrame, counting: Counting) -> HeldOut | None:
    """Split the questions of items, weigh the people on either half; None where nothing can be measured."""
    scores, arms, questions, traits = scores_in(items)
    if len(questions) < 2:
        return None
    half = _halves(len(questions), counting.seed)
    people = weighed(items, scores, arms, questions, half)
    if people is None:
        return None
    words = _words(items, arms, questions)
    folds, order = [], []
    for plan in (0, 1):
        first, second = np.flatnonzero(half == plan), np.flatnonzero(half != plan)
        folds.append(
            Fold(
                plan=scores[:, first].mean(axis=1),
                scores=scores[:, second],
                words=words[:, first].mean(axis=1),
                routed=people.halves[plan],
                own=people.halves[1 - plan],
                seed=counting.seed,
            )
        )
        order.append(second)
    return HeldOut(folds, people, questions, order, arms, traits, counting)


def _halves(questions: int, seed: int) -> np.ndarray:
    found = np.zeros(questions, dtype=np.int64)
    found[stream(seed, "bench.portfolio").permutation(questions)[: questions // 2]] = 1
    return found


def _words(items: pl.DataFrame, arms: list[str], questions: list[str]) -> np.ndarray:
    """Count the words of answers, shape (arms, questions)."""
    rows = items.filter(pl.col("part") == "answer", pl.col("prompt_id").is_in(questions))
    counts = rows.with_columns(
        pl.col("answer").fill_null("").str.count_matches(r"\S+").cast(pl.Float64).alias("words")
    )
    return np.stack(
        [counts.filter(pl.col("arm") == arm).sort("prompt_id")["words"].to_numpy() for arm in arms]
    )


def _worst(points: np.ndarray, members: list[int]) -> float:
    """Give the exact worst regret; a trait in which all arms are alike costs nobody anything."""
    varied = np.ptp(points, axis=0) > 0
    if varied.sum() < 2:
        return float((points[:, varied].max(axis=0) - points[members][:, varied].max(axis=0)).sum())
    return worst_regret(points[:, varied], members).value


def _on_grid(points: np.ndarray, members: list[int], grid: np.ndarray) -> float:
    values = points @ grid.T
    return float((values.max(axis=0) - values[members].max(axis=0)).max())
