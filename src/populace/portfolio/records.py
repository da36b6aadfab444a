"""What a portfolio is: its members, and a certificate of how far it is from the best for any weights."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec
import numpy as np

__all__ = ["Certificate", "Kind", "Portfolio", "upward"]

Kind: TypeAlias = Literal["additive", "ratio", "mixed"]
"""With V the best value and L the portfolio's: `additive` is V - L, `ratio` 1 - L / V, `mixed`
(1 - epsilon) V - L."""


def upward(bound: float, digits: int = 4) -> str:
    """Write a bound from above so that it holds as it is written: rounded up, but for floating point.

    Examples
    --------
    >>> upward(0.00002), upward(0.05), upward(0.1 + 0.2, 2)
    ('0.0001', '0.0500', '0.30')
    """
    if not math.isfinite(bound):
        return f"{bound:g}"
    scale = 10**digits
    return f"{math.ceil(bound * scale - 1e-6) / scale:.{digits}f}"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The largest regret over the whole simplex of weights, from above and from below.

    Examples
    --------
    >>> from populace import portfolio as pf
    >>> found = pf.worst_regret([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]], members=[0, 1])
    >>> round(found.value, 6), found.candidate, [round(share, 6) for share in found.weight]
    (0.1, 2, [0.5, 0.5])
    """

    value: float
    """No weights have a larger regret: a bound by weak duality, computed from mixtures of members."""
    attained: float
    """Regret at `weight`: no portfolio of these members has a smaller worst regret."""
    weight: tuple[float, ...]
    """Shape (traits,), the weights at which it is attained."""
    candidate: int
    """The candidate that is best there."""
    kind: Kind = "additive"
    epsilon: float = 0.0
    """The share of V that is forgiven, where `kind` is `mixed`."""

    def __str__(self) -> str:
        told = ", ".join(f"{share:.3f}" for share in self.weight)
        return f"{self.kind} regret <= {self.value:.6g}, attained {self.attained:.6g} at ({told})"


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """Some candidates, and what is known about how good and how few they are."""

    members: tuple[int, ...]
    """Rows of the candidates, increasing."""
    certificate: Certificate
    objective: str
    """What was made small: `size` within a regret, or the `worst` or `average` regret of a fixed size."""
    value: float
    """What was reached."""
    lower_bound: float
    """No portfolio does with less."""
    optimal: bool
    """Whether value and bound meet."""
    method: str = ""

    def __len__(self) -> int:
        """Number of members."""
        return len(self.members)

    def mask(self, candidates: int) -> np.ndarray:
        """Give the members as a mask, shape (candidates,)."""
        found = np.zeros(candidates, dtype=bool)
        found[list(self.members)] = True
        return found
