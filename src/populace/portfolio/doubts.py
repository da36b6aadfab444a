"""What is doubtful in a plan: too small a pool, too few held-out prompts, traits that are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from populace.portfolio.correlating import HIGH, Correlated
from populace.portfolio.plans import HeldOut, Training
from populace.portfolio.pool import Pool
from populace.portfolio.refine import Refined
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Scale

__all__ = ["doubts", "growth_of"]

_FEW = 3.0
"""Responses that carry a policy, below which it is warned of."""
_GROWTH = 0.02


def growth_of(pool: Pool, beta: float) -> float | None:
    """Compare the best value at equal weights with that on every other response; None where these are few."""
    if pool.rewards.shape[1] < 4:
        return None
    weights = np.full(pool.traits, 1 / pool.traits)
    half = np.where(pool.there[:, :, None], pool.rewards, np.nan)[:, ::2]
    there = ~np.isnan(half[:, :, 0]).all(axis=1)
    return pool.oracle(beta)(weights).value - Pool(half[there]).oracle(beta)(weights).value


def doubts(
    rewards: Rewards,
    scale: Scale,
    found: Refined,
    members: Sequence[Training],
    held: HeldOut | None,
    related: Iterable[Correlated],
    growth: float | None,
    regret: float,
) -> Iterable[str]:
    """Say what is doubtful in a plan, a sentence each."""
    yield from scale.warnings()
    if rewards.partial:
        yield f"{rewards.partial:,} responses lack a score and were left out"
    if not found.reached and found.certificate > regret:
        yield f"{regret:g} was not reached in {found.calls} solved weights: raise max_calls or the regret"
    for each in members:
        if each.effective < _FEW or each.thin > 0.2:
            yield (
                f"{each.name} rests on few responses (median {each.effective:.1f}; fewer than two at "
                f"{each.thin:.0%} of the prompts): sample more, or raise beta"
            )
    if growth is not None and growth > _GROWTH:
        yield (
            f"twice the responses were worth {growth:.3f} more: the pool is too small to show what training "
            "can reach"
        )
    if held is None:
        yield "no prompt was held out: the plan was not checked on others"
    elif held.slack > regret:
        yield (
            f"{held.prompts:,} held-out prompts certify {held.certificate:.3f} only; a slack of {regret:g} "
            f"takes {held.needed:,}"
        )
    for each in related:
        if each.correlation.value >= HIGH:
            alike = f"correlation {each.correlation.value:.2f}"
            yield f"{each.one} and {each.other} are nearly one trait ({alike})"
