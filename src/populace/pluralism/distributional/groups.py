"""Scores of many groups, with their mean and their worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from populace.pluralism.distributional.conventions import Convention
from populace.stats import Estimate
from populace.stats._special import t_quantile

__all__ = ["Groups", "worst_of"]


@dataclass(frozen=True)
class Groups:
    """Scores of many groups.

    Attributes
    ----------
    names
        Of the groups.
    scores
        One a group.
    mean
        Over the groups, all alike.
    worst
        Of the groups that is worst off, whichever that is: see `worst_of`.
    convention
        Of the numbers.
    """

    names: tuple[str, ...]
    scores: tuple[Estimate, ...]
    mean: Estimate
    worst: Estimate
    convention: Convention

    def frame(self) -> pl.DataFrame:
        """Give all scores, a row each; the mean and the worst come first."""
        fields = ("value", "low", "high", "level", "n", "clusters", "method", "seed")
        rows = (
            ("mean of groups", self.mean),
            ("worst group", self.worst),
            *zip(self.names, self.scores, strict=True),
        )
        return pl.DataFrame(
            [
                {"group": name, "metric": self.convention.name}
                | {field: getattr(one, field) for field in fields}
                for name, one in rows
            ]
        )


def worst_of(scores: Sequence[Estimate], mean: Estimate, how: Convention) -> Estimate:
    """Give the worst of the scores, with an interval for the score of whichever group is truly worst off.

    The largest of many noisy distances lies too far off, since noise helped to choose it, and the largest of
    each resample once more: percentiles of that hold the truth of 20 groups all alike hardly ever. But no
    group is worse off than the worst one, so its distance is below the largest of the groups' upper ends
    wherever its own upper end holds; and it is above all lower ends at once wherever each is lowered to
    (1 - level) / 2 shared among the groups (Bonferroni), of which the largest then says most. The value is
    the plain largest: for groups that hardly differ, look at the interval.

    Parameters
    ----------
    scores
        Of the groups; those that are not defined count for nothing.
    mean
        Of the groups: whose numbers of cells and questions the worst shares.
    how
        Says which direction is worse.

    Returns
    -------
    The worst; without an interval where a group that may be worst has none.

    Examples
    --------
    >>> from populace.pluralism.distributional.conventions import convention
    >>> some = {"n": 40, "clusters": 40, "method": "bootstrap"}
    >>> old, young = (Estimate(value=v, low=v - 0.05, high=v + 0.05, **some) for v in (0.2, 0.22))
    >>> found = worst_of([old, young], old, convention("tv"))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.22, 0.162, 0.27)
    """
    known = [each for each in scores if each.defined]
    sign = -1.0 if how.higher_is_better else 1.0  # as distances, of which the largest is worst
    value = sign * max(sign * each.value for each in known)
    made = msgspec.structs.replace(mean, value=value, low=math.nan, high=math.nan)
    bare = sum(math.isnan(each.low) for each in known)
    if bare:
        method = f"no interval: {bare} of {len(known)} groups {'has' if bare == 1 else 'have'} none"
        return msgspec.structs.replace(made, method=method)
    near = sign * max(sign * _shared(each, how, len(known)) for each in known)
    far = sign * max(sign * (each.low if how.higher_is_better else each.high) for each in known)
    method = f"{mean.method}, a group at a time; the near end shared among {len(known)} groups"
    return msgspec.structs.replace(made, low=min(near, far), high=max(near, far), method=method)


def _shared(score: Estimate, how: Convention, many: int) -> float:
    """Give the better end of a score's interval, moved out to what it misses shared among so many."""
    tail, freedom = (1 - score.level) / 2, max(score.clusters - 1, 1)
    further = t_quantile(1 - tail / many, freedom) / t_quantile(1 - tail, freedom)
    end = score.high if how.higher_is_better else score.low
    return min(max(score.value + further * (end - score.value), how.low), how.high)
