"""Other juries of the same people: how often each option would have won, and the median jury's rating.

Jury learning (Gordon et al. 2022, arXiv 2202.02950) draws juries and reports the median of their ratings;
here juries are drawn with replacement from the jurors there are, of the same size or of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.jury import welfare
from populace.pluralism.jury.pairwise import Pairwise, pairwise, pairwise_of_draws
from populace.pluralism.jury.rules import RULES, rule_of, settled
from populace.pluralism.jury.scoring import drawn_weights, measured, wins_of
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.streams import stream

if TYPE_CHECKING:
    from populace.pluralism.jury.jurors import Jury

__all__ = ["Resampled", "resampled"]

_CELLS = 30_000_000
"""Draws by pairs of options that are held at once."""


class Resampled(msgspec.Struct, frozen=True, kw_only=True):
    """What other juries would have said."""

    wins: dict[str, dict[str, float]]
    """Rule -> option -> share of juries in which it wins; a tie is shared evenly."""
    medians: dict[str, Estimate]
    """Option -> the median over juries of their mean rating, and between which juries' means most lie;
    cardinal ballots only."""
    draws: int
    size: int
    seed: int

    def frame(self) -> pl.DataFrame:
        """Give shares as a table: `rule`, `option`, `wins`."""
        rows = [
            (rule, option, share) for rule, shares in self.wins.items() for option, share in shares.items()
        ]
        return pl.DataFrame(rows, schema=["rule", "option", "wins"], orient="row")

    def agreed(self, rule: str) -> float:
        """Give the share of juries in which the option that wins most often wins."""
        return max(self.wins[rule].values())


def resampled(
    jury: Jury,
    *,
    draws: int = 1000,
    seed: int = 0,
    rules: Iterable[str] | None = None,
    size: int | None = None,
    level: float = 0.95,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Resampled:
    """Draw juries.

    Parameters
    ----------
    draws, seed
        Juries, and the seed of their generator.
    rules
        Names; by default all that the ballots carry and that need no setting.
    size
        Jurors of each; by default as many as there are.
    level
        Share of juries that the ends of the medians hold.
    settings
        Rule -> its settings.

    Examples
    --------
    >>> from populace.pluralism.jury import Jury
    >>> found = Jury([[3, 1], [3, 1], [1, 2]], ["a", "b"]).resample(200, rules=["utilitarian"])
    >>> 0.7 < found.wins["utilitarian"]["a"] < 1
    True
    """
    given = settings or {}
    names = list(rules) if rules is not None else jury.rules(given)
    ballots = jury.ballots
    if draws < 1 or (size is not None and size < 1):
        raise DataError("draws and size must be at least 1")
    told = {name: settled(rule_of(name), ballots, given.get(name, {})) for name in names}
    weights = drawn_weights(ballots.weights, draws, stream(seed, "pluralism.jury.resample"), size)
    won = {name: np.zeros(len(jury.options)) for name in names}
    block = max(1, min(draws, _CELLS // len(jury.options) ** 2))
    for start in range(0, draws, block):
        some = weights[start : start + block]
        pairs = _pairs(ballots.utilities, some) if any(RULES[name].read is None for name in names) else None
        for name in names:
            rule = RULES[name]
            won[name] += wins_of(measured(ballots, rule), some, rule, told[name], pairs).sum(axis=0)
    return Resampled(
        wins={
            name: dict(zip(jury.options, (each / draws).tolist(), strict=True)) for name, each in won.items()
        },
        medians=_medians(jury, weights, draws, seed, level) if ballots.kind == "cardinal" else {},
        draws=draws,
        size=size or len(ballots.weights),
        seed=seed,
    )


def _pairs(utilities: Floats, weights: Floats) -> Pairwise:
    if utilities.shape[1] <= 64:
        return pairwise_of_draws(utilities, weights)
    each = [pairwise(utilities, weight) for weight in weights]
    return Pairwise(np.stack([one.wins for one in each]), np.stack([one.ties for one in each]))


def _medians(jury: Jury, weights: Floats, draws: int, seed: int, level: float) -> dict[str, Estimate]:
    means = welfare.average(jury.ballots.utilities, weights)
    ends = [(1 - level) / 2, 0.5, (1 + level) / 2]
    found: dict[str, Estimate] = {}
    for option, column in zip(jury.options, means.T, strict=True):
        low, middle, high = np.nanquantile(column, ends).tolist()
        found[option] = Estimate(
            value=middle,
            low=low,
            high=high,
            level=level,
            n=len(jury.ballots.weights),
            clusters=len(jury.ballots.weights),
            method=f"median of {draws} resampled juries, percentile",
            seed=seed,
        )
    return found
