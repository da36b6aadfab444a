"""Who is served by whom: people with weights, and what a portfolio loses for each of them and their groups.

A person goes to the member that is best for their weights; the regret is what the best candidate of all would
have given beyond that. The certificate of a portfolio holds for all weights, whoever has them; here it is
counted what it comes to for people there are, each with a survey weight, and for the groups they belong to.
Intervals resample personas: rows of one persona stay together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.portfolio.certificate import worst_regret
from populace.portfolio.people import People, regrets_of, same_traits
from populace.portfolio.records import Certificate, Kind
from populace.portfolio.tables import check_kind, chosen, points_of
from populace.stats import Estimate
from populace.stats.bootstrap import bootstrap_replicates, doubted, expanded_estimate

__all__ = ["GroupServed", "MemberServes", "Served", "serve"]

_ROUNDING = 1e-12


class MemberServes(msgspec.Struct, frozen=True, kw_only=True):
    """One member, and how many it is the best for."""

    member: int
    """Row of the candidates."""
    share: Estimate
    """Of people, by their survey weights; who is served alike by several counts for each in part."""


class GroupServed(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio comes to for a group."""

    group: str
    n: int
    personas: int
    share: Estimate
    """Of its people within the limit of their best."""
    regret: Estimate
    """Mean."""
    largest: float
    """Regret of the person of this sample who loses most."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio comes to for people."""

    members: tuple[int, ...]
    within: float
    share: Estimate
    """Of people whose regret is at most `within`."""
    regret: Estimate
    """Mean, by survey weights."""
    largest: float
    """Of this sample."""
    certificate: Certificate
    """Over all weights, whoever has them."""
    serves: tuple[MemberServes, ...]
    diversity: Estimate
    """Perplexity of the shares served: so many members, used alike, would be as many."""
    groups: tuple[GroupServed, ...]
    worst_group: str
    """The group with the largest mean regret; empty without groups."""
    worst: Estimate | None
    """Its regret. Its interval knows that it is the largest of several (Bonferroni)."""
    people: int
    personas: int
    effective: float
    """People of equal survey weight who would be worth as much (Kish)."""

    def __str__(self) -> str:
        told = (
            f"{100 * self.share.value:.0f} % of {self.people:,} people within {self.within:g} of their best"
        )
        return told + (f"; worst off: {self.worst_group}, {self.worst.value:.3f}" if self.worst else "")


def serve(
    rewards: Any,
    members: Sequence[int],
    people: People,
    *,
    within: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Served:
    """Count who is served by whom, and how well.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    members
        Rows of the portfolio.
    within
        Regret up to which a person counts as served.
    kind, cost
        As `worst_regret` takes them, without `mixed`.

    Raises
    ------
    DataError
        If the table, members or people are broken, or have other traits.
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> people = People.of([[1.0, 0.0], [0.8, 0.2], [0.2, 0.8]], groups=["a", "a", "b"])
    >>> found = serve([[1, 0], [0, 1], [0.6, 0.6]], [0], people, within=0.1)
    >>> str(found)
    '67 % of 3 people within 0.1 of their best; worst off: b, 0.600'
    """
    if kind == "mixed":
        raise ValueError("people are counted by the additive regret or the ratio")
    if not within >= 0 or draws < 1 or not 0 < level < 1:
        raise ValueError("within must be at least 0, draws at least 1, level between 0 and 1")
    check_kind(kind, 0.0)
    points = points_of(rewards, cost, kind=kind)
    same_traits(points, people)
    rows = chosen(members, len(points))
    every = regrets_of(points, people, kind)
    counted = _Counted(people, every[:, rows], within, draws, level, seed, most=float(every.max()))
    everybody = np.ones(len(people), dtype=bool)
    groups = tuple(counted.group(name) for name in sorted(set(people.groups)))
    worst = max(groups, key=lambda each: each.regret.value, default=None)
    return Served(
        members=tuple(rows.tolist()),
        within=within,
        share=counted.mean(counted.served, everybody, (0.0, 1.0)),
        regret=counted.mean(counted.least, everybody, None),
        largest=float(counted.least.max()),
        certificate=worst_regret(points, rows.tolist(), kind),
        serves=tuple(
            MemberServes(member=int(row), share=counted.mean(part, everybody, (0.0, 1.0)))
            for row, part in zip(rows, counted.parts.T, strict=True)
        ),
        diversity=counted.perplexity(),
        groups=groups,
        worst_group=worst.group if worst else "",
        worst=counted.worst(groups),
        people=len(people),
        personas=int(people.personas.max()) + 1,
        effective=float(people.survey.sum() ** 2 / np.square(people.survey).sum()),
    )


class _Counted:
    """Sums by persona, and their resamples."""

    def __init__(
        self,
        people: People,
        lost: np.ndarray,
        within: float,
        draws: int,
        level: float,
        seed: int,
        most: float,
    ) -> None:
        self.most = max(most, _ROUNDING)
        self.people, self.draws, self.level, self.seed = people, draws, level, seed
        self.least = lost.min(axis=1)
        self.served = (self.least <= within + _ROUNDING).astype(np.float64)
        best = lost <= self.least[:, None] + _ROUNDING
        self.parts = best / best.sum(axis=1, keepdims=True)

    def mean(
        self,
        values: np.ndarray,
        which: np.ndarray,
        within: tuple[float, float] | None,
        level: float | None = None,
    ) -> Estimate:
        """Average by survey weights, over the personas of some people."""
        rows = np.flatnonzero(which & (self.people.survey > 0))
        level = self.level if level is None else level
        if not len(rows):
            return _undefined(int(which.sum()), level)
        stand = self.people.survey[rows]
        _, codes = np.unique(self.people.personas[rows], return_inverse=True)
        sums = np.stack([np.bincount(codes, stand * values[rows]), np.bincount(codes, stand)], axis=1)
        value = float(sums[:, 0].sum() / sums[:, 1].sum())
        drawn = np.empty(0)
        if len(sums) > 1:
            drawn = bootstrap_replicates(sums, _ratio, draws=self.draws, seed=self.seed)
        found = expanded_estimate(
            value,
            drawn,
            n=len(rows),
            clusters=len(sums),
            draws=self.draws,
            seed=self.seed,
            level=level,
            unit="persona",
        )
        ends = (0.0, self.most) if within is None else within
        return doubted(found, *ends)

    def group(self, name: str) -> GroupServed:
        """Count the people of a group."""
        which = np.array(self.people.groups) == name
        return GroupServed(
            group=name,
            n=int(which.sum()),
            personas=len(np.unique(self.people.personas[which])),
            share=self.mean(self.served, which, (0.0, 1.0)),
            regret=self.mean(self.least, which, None),
            largest=float(self.least[which].max()),
        )

    def worst(self, groups: Sequence[GroupServed]) -> Estimate | None:
        """Give the largest of the groups' regrets an interval that holds for all of them at once."""
        known = [each for each in groups if each.regret.defined]
        if not known:
            return None
        each_at = 1 - (1 - self.level) / len(known)
        names = np.array(self.people.groups)
        ends = [self.mean(self.least, names == each.group, None, each_at) for each in known]
        top = max(known, key=lambda each: each.regret.value)
        # A group of one persona has no interval, so that nothing bounds the largest from above.
        unsure = any(math.isnan(each.high) for each in ends)
        return msgspec.structs.replace(
            top.regret,
            low=math.nan if unsure else max(each.low for each in ends),
            high=math.nan if unsure else max(each.high for each in ends),
            method=f"{top.regret.method}; largest of {len(known)} groups, Bonferroni",
        )

    def perplexity(self) -> Estimate:
        """Give exp of the entropy of the shares served."""
        stand = self.people.survey
        codes, size = self.people.personas, int(self.people.personas.max()) + 1
        sums = np.stack([np.bincount(codes, stand * part, size) for part in self.parts.T], axis=1)
        drawn = bootstrap_replicates(sums, _perplexity, draws=self.draws, seed=self.seed)
        value = float(_perplexity(sums.sum(axis=0)[None])[0])
        found = expanded_estimate(
            value,
            drawn if size > 1 else np.empty(0),
            n=len(self.people),
            clusters=size,
            draws=self.draws,
            seed=self.seed,
            level=self.level,
            unit="persona",
        )
        return doubted(found, 1.0, float(sums.shape[1]))


def _ratio(total: np.ndarray) -> np.ndarray:
    return np.divide(total[:, 0], total[:, 1], out=np.full(len(total), np.nan), where=total[:, 1] > 0)


def _perplexity(total: np.ndarray) -> np.ndarray:
    whole = total.sum(axis=1, keepdims=True)
    shares = np.divide(total, whole, out=np.full(total.shape, np.nan), where=whole > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.exp(-(shares * logs).sum(axis=1))


def _undefined(n: int, level: float) -> Estimate:
    nan = math.nan
    return Estimate(value=nan, low=nan, high=nan, level=level, n=n, clusters=0, method="nobody of weight")
