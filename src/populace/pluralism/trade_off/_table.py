"""Values of outcomes by steering functions, and the sums that scores are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from populace.pluralism.multi_objective.points import Floats

__all__ = ["ROUNDING", "Table"]

ROUNDING = 1e-12
"""Difference of two values that is rounding and no difference."""


class Table(NamedTuple):
    """Values of outcomes by functions, shape (draws, functions, outcomes)."""

    values: Floats
    own: npt.NDArray[np.int64]
    """Which outcome is that of each function."""

    @property
    def mine(self) -> Floats:
        """f(M_f), shape (draws, functions)."""
        return self.values[:, np.arange(len(self.own)), self.own]

    @property
    def best(self) -> Floats:
        """The most that any outcome has, shape (draws, functions)."""
        return self.values.max(axis=2)

    @property
    def steered(self) -> Floats:
        """Values of steered models only, shape (draws, functions, functions)."""
        return self.values[:, :, self.own]

    @property
    def shuffled(self) -> Floats:
        """Expected total where outcomes are dealt to functions: each has each alike."""
        return self.steered.mean(axis=2).sum(axis=1)

    @property
    def constants(self) -> Floats:
        """Total of each outcome as the one for all, shape (draws, outcomes)."""
        return self.values.sum(axis=1)

    @property
    def rank(self) -> Floats:
        """Share of the other steered models that are beaten, shape (draws, functions)."""
        lead = self.mine[:, :, None] - self.steered
        ahead: Floats = (lead > ROUNDING).sum(axis=2).astype(np.float64)
        ties: Floats = (np.abs(lead) <= ROUNDING).sum(axis=2).astype(np.float64)
        others = len(self.own) - 1
        return (ahead + (ties - 1) / 2) / others if others else np.full(ahead.shape, np.nan)

    @property
    def attained(self) -> Floats:
        """How far from the shuffled total to the oracle's; nan where the two are one."""
        room: Floats = np.asarray(self.best.sum(axis=1) - self.shuffled)
        ahead = self.mine.sum(axis=1) - self.shuffled
        found: Floats = np.full(len(room), np.nan)
        np.divide(ahead, room, out=found, where=room > ROUNDING)
        return found
