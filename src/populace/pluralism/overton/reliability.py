"""How far people agree with people: the ceiling of any score that is read off their ratings.

A group's mean rating rests on those of its members who happened to be asked. With other members of the same
group the same answer may fall on the other side of the threshold. `split_half` deals the members of every
group into two halves and scores each. `agreement` holds two sets of verdicts on the same sentences against
each other: two people, or a matcher and a person.
"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.overton.cells import cells_of, joined, reaches
from populace.pluralism.overton.matches import Scores, above, as_questions, coverage_from_matches
from populace.pluralism.overton.rules import Rule, matched
from populace.stats import Estimate
from populace.stats._arrays import Floats, Ints
from populace.stats.agreement import kappa_from_table
from populace.stats.bootstrap import Statistic, cluster_bootstrap, doubted
from populace.streams import stream

__all__ = ["Agreement", "SplitHalf", "agreement", "split_half"]


class SplitHalf(msgspec.Struct, frozen=True, kw_only=True):
    """What two halves of the same people say of the same answers."""

    same: Estimate
    """Share of groups and answers that both halves call covered, or both not."""
    kappa: Estimate
    """The same beyond chance (Cohen's kappa of covered and not)."""
    correlation: float
    """Of the halves' coverages by model (Pearson), mean over splits; nan for fewer than three models."""
    reliability: float
    """Of the whole, by Spearman and Brown: 2 r / (1 + r)."""
    cells: int
    """Groups and answers with two ratings or more, of `total`."""
    total: int
    splits: int


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What two sets of verdicts say of the same answers."""

    one: Estimate
    """Coverage by the first."""
    other: Estimate
    """Coverage by the second."""
    difference: Estimate
    same: Estimate
    """Share of perspectives that both call expressed, or both not."""
    kappa: Estimate


def split_half(
    ratings: pl.DataFrame,
    clusters: pl.DataFrame,
    threshold: float = 4.0,
    *,
    splits: int = 100,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> SplitHalf:
    """Deal the raters of every group into halves, and score an answer by each.

    Parameters
    ----------
    ratings, clusters, threshold
        As for `coverage`.
    splits
        How often people are dealt; shares and kappas are of all splits together.
    draws, seed, level
        Bootstrap over questions, seed of deals and draws, level of the intervals.

    Raises
    ------
    DataError
        As `coverage`; also if no group has two ratings of any answer.

    Notes
    -----
    A half has half the ratings, so `same` and `kappa` are of means that are noisier than those which are
    scored: they are a lower bound of what two full samples of people would agree on.

    Examples
    --------
    >>> rows = [(f"{g}{r}", q, m, 5 if m == "a" else 1)
    ...         for g in "xy" for r in range(4) for q in "pqr" for m in "ab"]
    >>> told = pl.DataFrame(rows, schema=["rater", "question", "model", "rating"], orient="row")
    >>> groups = told.select("rater", cluster=pl.col("rater").str.slice(0, 1)).unique()
    >>> split_half(told, groups, splits=5).same.value
    1.0
    """
    rated = joined(ratings, clusters)
    keys = ["question", "cluster", "model"]
    total = cells_of(rated, clusters, threshold).height
    rng = stream(seed, "overton.split_half")
    people = (
        rated.select("question", "cluster", "rater")
        .unique(maintain_order=True)
        .sort("question", "cluster", "rater")
    )
    tables: list[pl.DataFrame] = []
    correlations: list[float] = []
    for _ in range(splits):
        # By chance within each group of each question, so that both halves have someone of it.
        dealt = people.with_columns(luck=pl.Series(rng.random(people.height))).with_columns(
            half=pl.col("luck").rank("ordinal").over("question", "cluster") % 2
        )
        halves = rated.join(dealt.drop("luck"), on=["question", "cluster", "rater"])
        means = halves.group_by(*keys, "half", maintain_order=True).agg(pl.col("rating").mean())
        one, other = (means.filter(pl.col("half") == side).drop("half") for side in (0, 1))
        both = one.join(other, on=keys, suffix="_other").with_columns(
            a=reaches("rating", threshold), b=reaches("rating_other", threshold)
        )
        tables.append(both.select(*keys, "a", "b"))
        correlations.append(_correlation(both))
    # Joins and groups keep no order, and the bootstrap draws questions by their place.
    every = pl.concat(tables).sort(*keys)
    if every.is_empty():
        raise DataError("no group has two ratings of any answer", fix="ask more people")
    known = [each for each in correlations if not np.isnan(each)]
    r = float(np.mean(known)) if known else float("nan")
    counts = _tables_by(every, splits)
    cells = every.select(keys).unique().height
    same, kappa = _agreed(counts, cells, draws=draws, seed=seed, level=level)
    return SplitHalf(
        same=same,
        kappa=kappa,
        correlation=r,
        reliability=2 * r / (1 + r) if r > -1 else float("nan"),
        cells=cells,
        total=total,
        splits=splits,
    )


def agreement(
    one: Scores,
    other: Scores,
    rule: Rule = "max",
    *,
    thresholds: tuple[float, float] = (0.5, 0.5),
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Agreement:
    """Hold two sets of verdicts on the same sentences against each other.

    Parameters
    ----------
    one, other
        Scores of the same perspectives and sentences, question by question; verdicts of people are 1 and 0.
    rule, thresholds
        What is a match, by the first and by the second.
    draws, seed, level
        Bootstrap over questions of the shares and kappas.

    Raises
    ------
    DataError
        If they are not of the same shapes.

    Examples
    --------
    >>> found = agreement([[[1, 0], [0, 0]]] * 3, [[[0.8, 0.1], [0.9, 0.2]]] * 3)
    >>> found.same.value, found.difference.value
    (0.5, -0.5)
    """
    first, second = as_questions(one), as_questions(other)
    if [each.shape for each in first] != [each.shape for each in second]:
        raise DataError("the verdicts are of other sentences", fix="give both in one order")
    ours = coverage_from_matches(first, rule, threshold=thresholds[0], level=level)
    theirs = coverage_from_matches(second, rule, threshold=thresholds[1], level=level)
    counts = np.stack(
        [
            _table(
                matched(a, rule, thresholds[0]).covered.astype(np.int64),
                matched(b, rule, thresholds[1]).covered.astype(np.int64),
            )
            for a, b in zip(first, second, strict=True)
        ]
    )
    same, kappa = _agreed(counts, int(counts.sum()), draws=draws, seed=seed, level=level)
    return Agreement(
        one=ours.coverage,
        other=theirs.coverage,
        difference=above(ours, theirs),
        same=same,
        kappa=kappa,
    )


def _agreed(counts: Floats, n: int, *, draws: int, seed: int, level: float) -> tuple[Estimate, Estimate]:
    """Estimate the share on the diagonal of tables that add up over questions, and kappa."""

    def diagonal(total: Floats) -> Floats:
        return np.trace(total, axis1=1, axis2=2) / total.sum(axis=(1, 2))

    def made(statistic: Statistic, least: float) -> Estimate:
        found = cluster_bootstrap(
            counts, statistic, n=n, draws=draws, seed=seed, level=level, unit="question"
        )
        return doubted(found, least, 1.0) if found.clusters > 1 and found.defined else found

    return made(diagonal, 0.0), made(kappa_from_table, -1.0)


def _tables_by(every: pl.DataFrame, splits: int) -> Floats:
    """Count a table of covered by covered for each question, in cells (not in cells times splits)."""
    found: list[Floats] = []
    for _, part in every.group_by("question", maintain_order=True):
        a, b = (part[name].cast(pl.Int64).to_numpy() for name in ("a", "b"))
        found.append(_table(a, b) / splits)
    return np.stack(found)


def _table(a: Ints, b: Ints) -> Floats:
    return np.bincount(2 * a + b, minlength=4).reshape(2, 2).astype(np.float64)


def _correlation(both: pl.DataFrame) -> float:
    by = both.group_by("model").agg(pl.col("a").mean(), pl.col("b").mean()).sort("model")
    one, other = by["a"].to_numpy(), by["b"].to_numpy()
    if len(by) < 3 or not one.std() or not other.std():
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
