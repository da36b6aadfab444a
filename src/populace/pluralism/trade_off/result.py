"""What `score` gives: frozen records of estimates."""

from __future__ import annotations

import msgspec

from populace.pluralism.trade_off.monotone import Monotonicity
from populace.stats import Estimate

__all__ = ["Constant", "SideEffect", "Steered", "TradeOff"]


class Steered(msgspec.Struct, frozen=True, kw_only=True):
    """One steering function, and the model that was steered by it."""

    function: str
    weights: tuple[float, ...]
    outcome: tuple[Estimate, ...]
    """Mean of each objective, on the scale."""
    value: Estimate
    """f(M_f)."""
    best: Estimate
    """The most that any outcome at hand has by f: the oracle's."""
    best_by: tuple[str, ...]
    """Whose that is; several where they tie."""
    regret: Estimate
    """The oracle's less M_f's: 0 or more."""
    rank: Estimate
    """Share of the other steered models that M_f beats by f, ties half: one half for who ignores f."""


class Constant(msgspec.Struct, frozen=True, kw_only=True):
    """One model for every function."""

    name: str
    outcome: tuple[Estimate, ...]
    """Mean of each objective, on the scale."""
    total: Estimate
    """Sum over f of f(M)."""
    ahead: Estimate
    """The steered models' total less this one's."""


class SideEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An objective that a function did not ask for, and what became of it."""

    function: str
    objective: str
    change: Estimate
    """M_f less the unsteered model, on the scale."""


class TradeOff(msgspec.Struct, frozen=True, kw_only=True):
    """How well models follow steering functions."""

    objectives: tuple[str, ...]
    scale: str
    """Where the scale is from: `as given`, `declared` or `observed`."""
    functions: tuple[Steered, ...]
    total: Estimate
    """Sum over f of f(M_f): the Roadmap's score."""
    mean: Estimate
    """The same as a mean over f."""
    regret: Estimate
    """Sum over f of the regret. Never negative, and too high by noise: the oracle picks with hindsight."""
    regret_held_out: Estimate
    """The same where the oracle picks on one half of the questions and both are scored on the other: too low
    on average, since that oracle errs, and may be negative. The true one lies between this and `regret`, on
    average. Undefined with fewer than four clusters."""
    attained: Estimate
    """(total - shuffled) / (oracle - shuffled): 0 for who ignores the functions, 1 for the oracle."""
    own_best: Estimate
    """Share of functions by which no other steered model beats their own."""
    rank: Estimate
    """Mean of `Steered.rank`: steering consistency. One half for a model that ignores the functions."""
    shuffled: Estimate
    """Total that is expected where steered models are dealt to functions at random."""
    ahead_of_shuffled: Estimate
    best_constant: tuple[str, ...]
    """Of all models at hand, which has the largest total as the one model for all; several where they tie."""
    constant: Estimate
    """That total: what the best model that nobody steers would get."""
    ahead_of_constant: Estimate
    constants: tuple[Constant, ...]
    """Each model at hand that was not steered by a function."""
    monotonicity: tuple[Monotonicity, ...]
    between: Estimate
    """How far between the ends the outcomes of mixed weights lie, on average: their distance from the nearest
    outcome of a single aim, over half the least distance of two of those, at most 1. 0 for who only ever does
    the one or the other; undefined without mixed weights, or two ends that can be told apart."""
    side_effects: tuple[SideEffect, ...]
    """Empty without an unsteered model, or where every function asks for everything."""
    side_effect: Estimate
    """Mean size of the changes: never negative, and noise adds to it."""
    method: str
