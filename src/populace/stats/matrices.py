"""Agreement of many raters: every pair of them, in every group, from tables that are counted once.

The rows of a cluster are counted into one table for each pair of raters; a bootstrap then sums tables of
clusters, for all pairs at once, with the same draws. 317,200 rows and 10,000 draws cost a few seconds
for dozens of pairs. Values are those of `cohen_kappa`, `gwet_ac1` and `percent_agreement`; intervals differ
from theirs by the luck of the draws at most.

Kappa alone misleads where nearly all rows are of one category, so each pair also carries Gwet's AC1, the
plain share of agreement, and the share of the category used most. Groups are separate analyses: each draws
its own clusters from the same seed, so that a group's numbers do not depend on which others were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints, as_labels, codes, codes_of_clusters, divide
from populace.stats.agreement import Weights, agreement_from_table, gwet_from_table, kappa_from_table
from populace.stats.bootstrap import bootstrap_replicates, doubted, estimate_from_replicates, unit_of
from populace.stats.estimate import Estimate

__all__ = ["AgreementReport", "Measure", "PairAgreement", "agreement_matrix"]

Measure = Literal["kappa", "gwet", "percent"]

_LEAST = (-1.0, -1.0, 0.0)
"""What kappa, AC1 and the share of agreement are never below."""
_HELD = 1 << 24
"""Numbers of tables held at once (128 MB)."""


class PairAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two raters in one group."""

    a: str
    """First rater."""
    b: str
    """Second rater."""
    group: Any
    """Label of the group; None for all rows."""
    kappa: Estimate
    """Cohen's kappa, weighted where asked."""
    gwet: Estimate
    """Gwet's AC1, or AC2 where weighted: steady where one category prevails."""
    percent: Estimate
    """Share of rows (0 to 1) on which they agree, weighted where asked."""
    prevalence: float
    """Share, over both raters, of the category used most; nan without rows."""


class AgreementReport(msgspec.Struct, frozen=True, kw_only=True):
    """Agreement of every pair of raters in every group."""

    raters: tuple[str, ...]
    """In the order of the columns given."""
    groups: tuple[Any, ...]
    """Labels, sorted; (None,) where there is one group."""
    categories: tuple[Any, ...]
    """Labels that ratings take."""
    pairs: tuple[PairAgreement, ...]
    """Group by group, and in each the pairs in the order of the raters."""

    def matrix(self, measure: Measure = "kappa", group: Any = None) -> Floats:
        """Return the values of a measure in a group, shape (raters, raters): symmetric, 1 on the diagonal."""
        if group not in self.groups:
            raise DataError(f"there is no group {group!r} among {list(self.groups)!r}")
        table = np.eye(len(self.raters))
        place = {rater: index for index, rater in enumerate(self.raters)}
        for pair in self.pairs:
            if pair.group == group:
                i, j = place[pair.a], place[pair.b]
                table[i, j] = table[j, i] = getattr(pair, measure).value
        return table


def agreement_matrix(
    ratings: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    raters: Sequence[str] | None = None,
    groups: npt.ArrayLike | None = None,
    weights: Weights | None = None,
    categories: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> AgreementReport:
    """Estimate kappa, AC1 and percent agreement of every pair of raters, in every group.

    Parameters
    ----------
    ratings
        Labels, shape (rows, raters). A pair is scored on the rows that both have rated.
    clusters
        Cluster of each row, usually the persona; None resamples rows.
    raters
        Name of each column; None numbers them from 0.
    groups
        Group of each row (a value of an attribute, say); None makes one group of all. A missing one (None,
        nan) leaves its row out.
    weights, categories, draws, seed, level
        As for `cohen_kappa`; categories that are not named are those found in any group.

    Raises
    ------
    DataError
        If lengths differ, there are fewer than two raters, a name comes twice, a label is not among
        `categories`, or the order of labels is unknown.
    ValueError
        If `level` is not between 0 and 1 or `draws` below 1.

    Examples
    --------
    >>> ratings = [["y", "y", "n"], ["n", "y", "n"], ["n", "n", "n"], ["y", "y", "y"]]
    >>> report = agreement_matrix(ratings, ["ann", "ann", "bo", "bo"], raters=["x", "y", "z"])
    >>> report.matrix("percent").tolist()
    [[1.0, 0.75, 0.75], [0.75, 1.0, 0.5], [0.75, 0.5, 1.0]]
    >>> print(report.pairs[0].percent)
    0.750 [0.500, 1.000] (95 %, n=4, 2 clusters)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    labels = as_labels("ratings", ratings, ndim=2)
    names = _names(raters, labels.shape[1])
    (code,), found = codes(labels, categories=categories, ordered=weights is not None)
    group_code, group_names = _groups(groups, len(code))
    pairs: list[PairAgreement] = []
    for index, group in enumerate(group_names):
        keep = group_code == index
        cluster, cluster_names = codes_of_clusters(clusters, keep)
        rated = code[keep]
        for part in _parts(len(names), len(cluster_names), len(found)):
            tables = _tables(rated, cluster, len(cluster_names), part, len(found))
            scores = _scores(tables, weights, draws, seed, level, unit_of(clusters))
            shares = _prevalence(tables)
            for (i, j), (kappa, gwet, percent), prevalence in zip(part, scores, shares, strict=True):
                pairs.append(
                    PairAgreement(
                        a=names[i],
                        b=names[j],
                        group=group,
                        kappa=kappa,
                        gwet=gwet,
                        percent=percent,
                        prevalence=prevalence,
                    )
                )
    return AgreementReport(
        raters=tuple(names), groups=tuple(group_names), categories=tuple(found), pairs=tuple(pairs)
    )


def _parts(raters: int, clusters: int, size: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the pairs of raters, as many at once as memory is meant for."""
    pairs = list(combinations(range(raters), 2))
    step = max(1, _HELD // max(1, clusters * size**2))
    for start in range(0, len(pairs), step):
        yield pairs[start : start + step]


def _tables(code: Ints, cluster: Ints, clusters: int, pairs: list[tuple[int, int]], size: int) -> Floats:
    """Count tables, shape (clusters, pairs, size, size); a missing rating counts for no category."""
    wide = size + 1
    shifted = np.ascontiguousarray(code.T + 1)
    base = cluster * wide**2
    tables = np.empty((clusters, len(pairs), size, size))
    for place, (i, j) in enumerate(pairs):
        cells = base + shifted[i] * wide
        cells += shifted[j]
        counts = np.bincount(cells, minlength=clusters * wide**2).reshape(clusters, wide, wide)
        tables[:, place] = counts[:, 1:, 1:]
    return tables


def _scores(
    tables: Floats, weights: Weights | None, draws: int, seed: int, level: float, unit: str
) -> list[list[Estimate]]:
    """Return kappa, AC1 and percent agreement of each pair."""

    def statistic(totals: Floats) -> Floats:
        measures = (kappa_from_table, gwet_from_table, agreement_from_table)
        return np.stack([measure(totals, weights) for measure in measures], axis=-1)

    clusters = len(tables)
    value = statistic(tables.sum(axis=0))
    replicates = np.full((draws, *value.shape), np.nan)
    if clusters > 1:
        replicates = bootstrap_replicates(tables, statistic, draws=draws, seed=seed)
    rows = tables.sum(axis=(0, -2, -1))
    there = (tables.sum(axis=(-2, -1)) > 0).sum(axis=0)

    def estimate(pair: int, measure: int) -> Estimate:
        found = estimate_from_replicates(
            float(value[pair, measure]),
            replicates[:, pair, measure],
            n=int(rows[pair]),
            clusters=int(there[pair]),
            draws=draws,
            seed=seed,
            level=level,
            unit=unit,
        )
        return doubted(found, _LEAST[measure], 1.0)

    return [[estimate(pair, measure) for measure in range(value.shape[1])] for pair in range(len(value))]


def _prevalence(tables: Floats) -> list[float]:
    totals = tables.sum(axis=0)
    used = totals.sum(axis=-1) + totals.sum(axis=-2)
    if not used.shape[-1]:
        return [float("nan")] * len(used)
    return [float(share) for share in divide(used.max(axis=-1), used.sum(axis=-1))]


def _names(raters: Sequence[str] | None, width: int) -> list[str]:
    names = [str(rater) for rater in range(width)] if raters is None else list(raters)
    if len(names) != width:
        raise DataError(f"`raters` has {len(names)} names for {width} columns of ratings")
    if width < 2:
        raise DataError(f"agreement needs two raters, and there are {width}")
    if len(set(names)) < width:
        raise DataError("`raters` names one of them twice")
    return names


def _groups(groups: npt.ArrayLike | None, length: int) -> tuple[Ints, list[Any]]:
    if groups is None:
        return np.zeros(length, dtype=np.int64), [None]
    (code,), names = codes(as_labels("groups", groups, length), categories=None)
    return code, names
