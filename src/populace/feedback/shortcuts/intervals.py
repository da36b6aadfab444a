"""How sure the figures of an audit are: intervals that know who judged, whose pairs, and which prompt.

Judgements of one persona resemble each other, and so do those of pairs written for one author, and those of
answers to one prompt. A gate is about other personas, authors and prompts drawn as these were, so an interval
has to know all three. It knows two at a time (`stats.crossed`: the variance over clusters of the one kind,
plus that over the other, less what both share): the persona with the author, and with the prompt; the wider
interval of the two stands. A figure that is no mean is linearised in the sums that it is made of. Where
nobody judges (audits of texts) only authors are left, and the interval is a bootstrap over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from populace import stats
from populace.stats import Estimate
from populace.stats.crossed import crossed_estimate

__all__ = ["Clusters", "Draws", "Floats", "Ints", "by_couples", "share", "signed_mean", "statistic"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Formula = Callable[[Floats], Floats]
"""From sums, shape (draws, columns), to values; larger is worse."""
SHARE, SIGNED = (0.0, 1.0), (-1.0, 1.0)
_STEP = 1e-6
"""Of a sum, by which it is moved to see what moves the figure."""


class Draws(msgspec.Struct, frozen=True, kw_only=True):
    """Of the bootstrap, and of what is permuted; the level is that of every interval."""

    draws: int = 2000
    level: float = 0.95
    seed: int = 0


class Clusters(NamedTuple):
    """Small codes by row; -1 for nobody. A kind with one code for all rows does not count."""

    author: Ints
    prompt: Ints
    judge: Ints

    def take(self, rows: np.ndarray) -> Clusters:
        """Give those of some rows."""
        return Clusters(*(kind[rows] for kind in self))

    def couples(self) -> list[tuple[Ints, Ints | None]]:
        """List the two kinds that an interval knows: the judge with each other, else author and prompt."""
        several = [kind for kind in self if len(kind) and (kind != kind[0]).any()]
        if not len(self.judge) or not several:
            return [(self.author, None)]
        if several[-1] is not self.judge:
            return [(several[0], several[1] if len(several) > 1 else None)]
        others = [kind for kind in several[:-1] if not np.array_equal(kind, self.judge)]
        return [(self.judge, kind) for kind in others] or [(self.judge, None)]


def share(values: Floats, clusters: Clusters | Ints, settings: Draws) -> Estimate:
    """Mean of shares over rows; exactly bounded where all are 0 or all are 1."""
    if isinstance(clusters, Clusters):
        return _mean(values, clusters, settings, SHARE)
    if len(values) and values[0] in (0.0, 1.0) and (values == values[0]).all():
        return stats.proportion(
            values, clusters, draws=settings.draws, seed=settings.seed, level=settings.level
        )
    return _mean(values, clusters, settings, SHARE)


def signed_mean(values: Floats, clusters: Clusters | Ints, settings: Draws) -> Estimate:
    """Mean of numbers from -1 to 1 over rows."""
    return _mean(values, clusters, settings, SIGNED)


def _mean(
    values: Floats, clusters: Clusters | Ints, settings: Draws, within: tuple[float, float]
) -> Estimate:
    columns = [values, np.ones(len(values))]
    formula = _first_by_second
    return statistic(columns, clusters, formula, settings, n=len(values), within=within)


def _first_by_second(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # no rows: the mean of nothing is the nan that is meant
        return sums[:, 0] / sums[:, 1]


def statistic(
    columns: list[Floats],
    clusters: Clusters | Ints,
    formula: Formula,
    settings: Draws,
    *,
    n: int,
    within: tuple[float, float] = SIGNED,
) -> Estimate:
    """Estimate a formula of sums over rows.

    Parameters
    ----------
    columns
        What is summed, shape (rows,) each.
    clusters
        Of each row; codes of authors alone (-1 for none) where nobody judged.
    formula
        Does not change where all sums are multiplied by one number.
    within
        What it lies between.
    """
    if not isinstance(clusters, Clusters):
        return _bootstrapped(columns, clusters, formula, settings, n)
    rows = np.stack(columns, axis=1)
    value, moved = _linear(rows.sum(axis=0), formula, rows)
    found: list[Estimate] = []
    for first, second in clusters.couples():
        each = crossed_estimate(value, moved, first, second, within=within, level=settings.level)
        found.append(_scarce(each, n, first, second))
    return _wider(found)


def by_couples(
    pairs: Floats,
    votes: Floats,
    of_pairs: Clusters,
    of_votes: Clusters,
    formula: Formula,
    settings: Draws,
    n: int,
) -> Estimate:
    """Estimate a formula of sums over couples of judges, whose pairs and judges are both drawn.

    A pair holds each of its couples once, and each of the two judges holds it too. So pairs are summed by
    author (or prompt), votes by judge, and the votes of one judge before one author's pairs taken off once.

    Parameters
    ----------
    pairs, votes
        What is summed, shape (pairs, columns), and what of the sums would be gone without a vote, shape
        (votes, columns).
    """
    value, by_pair = _linear(pairs.sum(axis=0), formula, pairs)
    _, by_vote = _linear(pairs.sum(axis=0), formula, votes)
    found: list[Estimate] = []
    for whole, part in ((of_pairs.author, of_votes.author), (of_pairs.prompt, of_votes.prompt)):
        cell = part * (int(of_votes.judge.max(initial=0)) + 2) + of_votes.judge + 1
        beside = _variance(by_pair, whole) - _variance(by_vote, np.unique(cell, return_inverse=True)[1])
        each = crossed_estimate(
            value, by_vote, of_votes.judge, within=SIGNED, beside=max(beside, 0.0), level=settings.level
        )
        found.append(_scarce(each, n, of_votes.judge, whole))
    return _wider(found)


def _linear(total: Floats, formula: Formula, rows: Floats) -> tuple[float, Floats]:
    """Give the value at some sums, and what rows move it by: the gradient, by central differences."""
    step = np.diag(_STEP * np.maximum(np.abs(total), 1.0))
    values = formula(np.concatenate([total[None], total + step, total - step]))
    ahead, behind = np.split(values[1:], 2)
    return float(values[0]), rows @ ((ahead - behind) / (2 * step.diagonal()))


def _variance(moved: Floats, code: Ints) -> float:
    codes = code + 1
    count = int((np.bincount(codes) > 0).sum()) if len(codes) else 0
    sums = np.bincount(codes, weights=moved)
    return count / (count - 1) * float(sums @ sums) if count > 1 else 0.0


def _scarce(found: Estimate, n: int, first: Ints, second: Ints | None) -> Estimate:
    """Let an estimate say how many clusters there are of the scarcer kind: a gate asks for enough."""
    kinds = [first] if second is None else [first, second]
    fewest = min(int((np.bincount(kind + 1) > 0).sum()) if len(kind) else 0 for kind in kinds)
    return msgspec.structs.replace(found, n=n, clusters=fewest)


def _wider(found: list[Estimate]) -> Estimate:
    return max(found, key=lambda each: each.high - each.low if each.low <= each.high else 0.0)


def _bootstrapped(
    columns: list[Floats], clusters: Ints, formula: Formula, settings: Draws, n: int
) -> Estimate:
    # Clusters are small codes (-1 for none): counting beats sorting them.
    codes = clusters + 1
    present = np.bincount(codes) > 0
    sums = np.stack([np.bincount(codes, weights=column)[present] for column in columns], axis=1)
    return stats.cluster_bootstrap(
        sums, formula, n=n, draws=settings.draws, seed=settings.seed, level=settings.level
    )
