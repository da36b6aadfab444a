"""What missing ratings could change: who could win, and who must, whatever they are.

For rules that value an option by its own ratings alone, and never less for a higher one, this is exact: an
option is at its best where all its missing ratings are at the top of the scale and everybody else's at the
foot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.rules import rule_of, settled
from populace.pluralism.jury.scoring import measured, scores_of
from populace.pluralism.jury.ties import slack

__all__ = ["Filled", "filled_of"]


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds over all ways to fill in what is missing."""

    rule: str
    must: tuple[str, ...]
    """Options that win whatever the missing ratings are."""
    could: tuple[str, ...]
    """Options that win for some."""
    low: dict[str, float]
    """Score of each option with its missing ratings at the foot of the scale."""
    high: dict[str, float]
    """And at its top."""
    missing: str

    @property
    def settled(self) -> bool:
        """Whether what is missing cannot change who wins."""
        return set(self.must) == set(self.could)


def filled_of(ballots: Ballots, name: str, given: Mapping[str, Any]) -> Filled:
    """Bound the winners of a rule.

    Raises
    ------
    DataError
        If the rule looks at several options at once, or the scale is not known.

    Examples
    --------
    >>> from populace.pluralism.jury import Jury
    >>> jury = Jury([[4, 3], [5, 2], [np.nan, 3]], ["a", "b"], scale=(1, 5))
    >>> found = jury.missing_sensitivity("utilitarian")
    >>> found.must, found.could, round(found.low["a"], 3)
    (('a',), ('a',), 3.333)
    """
    rule = rule_of(name)
    setting = settled(rule, ballots, given)
    if rule.read is None or not rule.separable:
        fix = (
            "use utilitarian, a p-mean, maximin, quantile, cvar, gini or approval; or compare filled() juries"
        )
        raise DataError(f"no bound is known for {name}, which looks at several options at once", fix=fix)
    table, weights = measured(ballots, rule), ballots.weights[None]
    shift = ballots.zero or 0.0 if rule.needs == "ratio" else 0.0
    ends = ballots.bounds()
    low, high = (
        scores_of(np.where(ballots.rated, table, end - shift), weights, rule, setting)[0] for end in ends
    )
    near = float(slack(np.concatenate([low, high]))[0])
    must: list[str] = []
    could: list[str] = []
    for place, option in enumerate(ballots.options):
        others = np.arange(len(low)) != place
        if low[place] >= high[others].max(initial=-np.inf) - near:
            must.append(option)
        if high[place] >= low[others].max(initial=-np.inf) - near:
            could.append(option)
    names = ballots.options
    return Filled(
        rule=name,
        must=tuple(must),
        could=tuple(could),
        low=dict(zip(names, low.tolist(), strict=True)),
        high=dict(zip(names, high.tolist(), strict=True)),
        missing=ballots.missing,
    )
