"""How far apart answers to the same questions are: between people, within groups, between them, asked again.

Distances are taken question by question over all arms together, so that a rare word weighs alike in all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import t as student

from populace.bench.dyads import dyadic_estimate
from populace.bench.wording import ALIKE, clusters_of, distances
from populace.stats import Estimate
from populace.stats.bootstrap import doubted
from populace.streams import stream

__all__ = ["Pairs", "Spread", "evenness", "permuted", "relative", "spread_of", "told_by"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_HELD = 1 << 23
"""Numbers of a product held at once (64 MB)."""


class Pairs(NamedTuple):
    """Pairs of answers to the same question, one a row."""

    first: Ints
    """Number of the one who was answered; numbers are those of `Spread.people`."""
    second: Ints
    apart: dict[str, Floats]
    """Kind of distance -> distance; `differ` is 1 where the two are no near-duplicates."""


class Spread(NamedTuple):
    """Everything that is measured of a table of answers."""

    people: list[str]
    arms: dict[str, Pairs]
    """Arm -> all its pairs of different people; `again` -> pairs of a person's two answers."""
    alike: dict[str, list[Ints]]
    """Arm -> for each question, the cluster of near-duplicates of each answer."""
    owners: dict[str, list[Ints]]
    """Arm -> for each question, whose answer each is."""


def spread_of(items: pl.DataFrame) -> Spread:
    """Measure answers.

    Parameters
    ----------
    items
        `persona_id`, `prompt_id`, `arm`, `answer`, and `embedding` (lists of numbers) where there is one.
        Rows without an answer are left out.
    """
    rows = items.drop_nulls("answer")
    people = rows["persona_id"].unique(maintain_order=True).to_list()
    number = {persona: code for code, persona in enumerate(people)}
    parts: dict[str, list[Pairs]] = {}
    alike: dict[str, list[Ints]] = {}
    owners: dict[str, list[Ints]] = {}
    for _, same in rows.group_by("prompt_id", maintain_order=True):
        apart = _apart(same)
        who = np.array([number[each] for each in same["persona_id"]], dtype=np.int64)
        arms = same["arm"].to_numpy()
        for arm in dict.fromkeys(arms.tolist()):
            own = np.flatnonzero(arms == arm)
            alike.setdefault(arm, []).append(clusters_of(apart["shingles"][np.ix_(own, own)]))
            owners.setdefault(arm, []).append(who[own])
            one, other = np.triu_indices(len(own), 1)
            if arm != "again":
                parts.setdefault(arm, []).append(_pairs(apart, who, own[one], own[other]))
        asked = {int(who[row]): int(row) for row in np.flatnonzero(arms == "persona")}
        twice = [
            (asked[int(who[row])], int(row)) for row in np.flatnonzero(arms == "again") if who[row] in asked
        ]
        if twice:
            one, other = np.array(twice, dtype=np.int64).T
            parts.setdefault("again", []).append(_pairs(apart, who, one, other))
    return Spread(people, {arm: _joined(each) for arm, each in parts.items()}, alike, owners)


def told_by(pairs: Pairs, group: Ints, kind: str, level: float) -> Estimate:
    """Estimate 1 - W / B, with W and B the mean distances within groups and between them.

    Parameters
    ----------
    group
        Group of each of `Spread.people`, from 0; below 0 is in none.
    """
    (same, other), value = _sides(pairs, group), pairs.apart[kind]
    if not (same.any() and other.any()) or not value[other].mean():
        return dyadic_estimate(np.nan, np.zeros(0), pairs.first[:0], pairs.second[:0], level=level)
    within, between = value[same].mean(), value[other].mean()
    moved = np.zeros(len(value))
    moved[same] = -(value[same] - within) / same.sum() / between
    moved[other] = within * (value[other] - between) / other.sum() / between**2
    kept = same | other
    return dyadic_estimate(
        float(1 - within / between), moved[kept], pairs.first[kept], pairs.second[kept], level=level
    )


def relative(pairs: Pairs, base: Pairs, kind: str, level: float, group: Ints | None = None) -> Estimate:
    """Estimate the ratio of mean distances of two sets of pairs; of those within groups, if given."""
    value, under = pairs.apart[kind], base.apart[kind]
    same = np.ones(len(value), bool) if group is None else _sides(pairs, group)[0]
    if not same.any() or not len(under) or not under.mean():
        return dyadic_estimate(np.nan, np.zeros(0), pairs.first[:0], pairs.second[:0], level=level)
    top, bottom = value[same].mean(), under.mean()
    moved = np.concatenate(
        [
            (value[same] - top) / same.sum() / bottom,
            -top * (under - bottom) / len(under) / bottom**2,
        ]
    )
    first, second = (
        np.concatenate([ours[same], theirs])
        for ours, theirs in ((pairs.first, base.first), (pairs.second, base.second))
    )
    return dyadic_estimate(float(top / bottom), moved, first, second, level=level)


def permuted(
    pairs: Pairs, group: Ints, kind: str, *, seed: int, level: float, draws: int = 999
) -> tuple[Estimate, float]:
    """Shuffle people among the groups: what 1 - W / B is by chance, and how often it is as large as observed.

    Returns
    -------
    Mean over shuffles with the range of `level` of them, and the one-sided p-value, of which the observed
    labels are one shuffle (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585); nan without two groups.
    """
    people = np.flatnonzero(group >= 0)
    known = np.isin(pairs.first, people) & np.isin(pairs.second, people)
    size = len(group)
    cell = pairs.first[known] * size + pairs.second[known]
    total = np.bincount(cell, weights=pairs.apart[kind][known], minlength=size * size).reshape(size, size)
    count = np.bincount(cell, weights=np.ones(len(cell)), minlength=size * size).reshape(size, size)
    corner = np.ix_(people, people)
    total, count = total[corner].astype(np.float64), count[corner].astype(np.float64)
    labels = group[people]
    nothing = Estimate(
        value=np.nan, low=np.nan, high=np.nan, level=level, n=0, clusters=0, method="undefined"
    )
    if len(np.unique(labels)) < 2:
        return nothing, float("nan")
    rng = stream(seed, "bench.spread")
    shuffled = np.stack([labels, *(rng.permutation(labels) for _ in range(draws))])
    observed, *found = _told(total, count, shuffled).tolist()
    defined = np.array([each for each in found if not np.isnan(each)])
    if np.isnan(observed) or not len(defined):
        return nothing, float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    estimate = Estimate(
        value=float(defined.mean()),
        low=float(low),
        high=float(high),
        level=level,
        n=int(known.sum()),
        clusters=len(people),
        method=f"{draws} shuffles of people among groups, percentile",
        seed=seed,
    )
    return estimate, float((1 + (defined >= observed - 1e-12).sum()) / (1 + len(defined)))


def evenness(alike: list[Ints], owners: list[Ints], level: float) -> Estimate:
    """Estimate how evenly answers spread over clusters of near-duplicates, averaged over questions.

    The entropy of the clusters' shares over that of as many different answers: 0 where all are one, 1 where
    each is of its own. The interval is from leaving out one person at a time (jackknife, Student's t).

    Parameters
    ----------
    alike, owners
        For each question, the cluster of each answer, and whose it is.

    Examples
    --------
    >>> halves = [np.array([0, 0, 1, 1])]  # one bit, where four answers could have two
    >>> round(evenness(halves, [np.arange(4)], 0.95).value, 3)
    0.5
    """
    people = np.unique(np.concatenate(owners))
    rows, size = sum(map(len, owners)), len(people)

    def mean(without: int | None) -> float:
        found = [
            _even(each if without is None else each[who != without])
            for each, who in zip(alike, owners, strict=True)
        ]
        known = [each for each in found if not np.isnan(each)]
        return sum(known) / len(known) if known else float("nan")

    value = mean(None)
    left = np.array([mean(int(each)) for each in people]) if size > 2 else np.full(size, np.nan)
    spread = float(np.sqrt((size - 1) / size * ((left - left.mean()) ** 2).sum()))
    reach = float(student.ppf((1 + level) / 2, max(size - 1, 1))) * spread
    found = Estimate(
        value=value,
        low=max(value - reach, 0.0),
        high=min(value + reach, 1.0),
        level=level,
        n=rows,
        clusters=size,
        method="jackknife over persons, Student's t",
    )
    return doubted(found, 0.0, 1.0)


def _even(clusters: Ints) -> float:
    if len(clusters) < 2:
        return float("nan")
    share = np.bincount(clusters) / len(clusters)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum() / np.log(len(clusters)))


def _told(total: Floats, count: Floats, labels: Ints) -> Floats:
    """Give 1 - W / B of each assignment of labels, shape (assignments, people); nan where one is missing."""
    names, size = np.unique(labels), len(total)
    step = max(1, _HELD // (size * len(names)))
    within = np.empty((2, len(labels)))
    both = count + count.T
    apart = both[~np.eye(size, dtype=bool)]
    # Where every two people share as many questions, so do those within groups, however people are dealt.
    even = apart.min() == apart.max() and not both.diagonal().any()
    for start in range(0, len(labels), step):
        part = labels[start : start + step]
        # One product for all groups of all assignments: people times (assignments, groups).
        flags = (part.T[:, :, None] == names).astype(np.float64).reshape(size, -1)
        held = flags.sum(axis=0).reshape(len(part), -1)
        for place, each in enumerate((total, count)):
            if even and place:
                within[1, start : start + len(part)] = apart[0] * (held * (held - 1)).sum(axis=1) / 2
                continue
            sums = np.einsum("ij,ij->j", flags, each @ flags).reshape(len(part), -1)
            within[place, start : start + len(part)] = sums.sum(axis=1)
    (near, rows), (far, others) = within, (total.sum() - within[0], count.sum() - within[1])
    known = (rows > 0) & (others > 0) & (far > 0)
    ratio = np.divide(near * others, rows * far, out=np.full(len(labels), np.nan), where=known)
    return 1 - ratio


def _sides(pairs: Pairs, group: Ints) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    one, other = group[pairs.first], group[pairs.second]
    known = (one >= 0) & (other >= 0)
    return known & (one == other), known & (one != other)


def _apart(same: pl.DataFrame) -> dict[str, Floats]:
    texts = same["answer"].to_list()
    apart = {kind: measure(texts) for kind, measure in distances.items()}
    apart["differ"] = (apart["shingles"] > ALIKE).astype(np.float64)
    if "embedding" in same.columns:
        vectors = np.array(same["embedding"].to_list(), dtype=np.float64)
        length = np.linalg.norm(vectors, axis=1)
        cosine = vectors @ vectors.T / np.outer(length, length)
        apart["meaning"] = np.clip(1 - cosine, 0.0, 2.0)
    return apart


def _pairs(apart: dict[str, Floats], who: Ints, one: Ints, other: Ints) -> Pairs:
    return Pairs(who[one], who[other], {kind: each[one, other] for kind, each in apart.items()})


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([each.first for each in parts]),
        np.concatenate([each.second for each in parts]),
        {kind: np.concatenate([each.apart[kind] for each in parts]) for kind in parts[0].apart},
    )
