"""Which member serves a user: by weights, or by weights inferred from what the user preferred.

A user prefers one response to another with the probability sigmoid(s w . (r - r')), for scores r and weights
w on the simplex (Bradley and Terry 1952). The prior of w is uniform; the posterior is kept on a lattice of
the simplex, so that it is exact up to the lattice for the few traits that people weigh, and nothing has to
converge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.minimum import spread_weights

__all__ = ["Route", "Router", "Taste"]

_LATTICE = 4000


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves, and how much better than the next."""

    member: int
    """Row of the candidates."""
    value: float
    lead: float
    """Over the next best member; 0 where there is none."""


class Taste(msgspec.Struct, frozen=True, kw_only=True):
    """What feedback tells about a user's weights."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    """Lower ends of the weights' intervals, each at `level`."""
    high: tuple[float, ...]
    level: float
    member: int
    """The member with the largest expected value."""
    sure: float
    """Probability that this member is the best one for the user."""
    expected_regret: float
    """What is lost on average for not knowing the weights."""
    n: int
    """Comparisons."""


@dataclass(frozen=True)
class Router:
    """Send users to members of a portfolio.

    Parameters
    ----------
    points
        Shape (members, traits), expected rewards of the members, costs included.
    members
        Their rows among the candidates; 0, 1, ... by default.

    Examples
    --------
    >>> router = Router([[1.0, 0.0], [0.0, 1.0]], members=(4, 9))
    >>> router.route([0.8, 0.2]).member
    4
    >>> likes_the_second = [((0.2, 0.9), (0.8, 0.1))] * 8  # scores of what was preferred, and of what was not
    >>> found = router.infer(likes_the_second, sharpness=4.0)
    >>> found.member, found.mean[1] > 0.6
    (9, True)
    """

    points: npt.ArrayLike
    members: Sequence[int] | None = None

    def __post_init__(self) -> None:
        """Check that every member has its rewards."""
        points = np.asarray(self.points, dtype=np.float64)
        if points.ndim != 2 or not points.size or not np.isfinite(points).all():
            raise DataError("points must be finite, of the shape (members, traits)")
        members = tuple(range(len(points))) if self.members is None else tuple(self.members)
        if len(members) != len(points):
            raise DataError(f"there are {len(points)} rows of rewards and {len(members)} members")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "members", members)

    def route(self, weights: npt.ArrayLike) -> Route:
        """Give the member that is best for weights, shape (traits,); of equal ones the first."""
        values = self._points @ self._weights(weights)
        order = np.argsort(-values, kind="stable")
        lead = float(values[order[0]] - values[order[1]]) if len(values) > 1 else 0.0
        return Route(member=self._members[order[0]], value=float(values[order[0]]), lead=lead)

    def infer(
        self,
        feedback: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
        *,
        sharpness: float = 4.0,
        level: float = 0.95,
    ) -> Taste:
        """Infer a user's weights from pairs.

        Parameters
        ----------
        feedback
            Scores, shape (traits,) each, of the response that was preferred and of the one that was not.
        sharpness
            How surely a user picks the better one: the odds of a lead of 1.
        level
            Coverage of the intervals.

        Raises
        ------
        DataError
            If scores are not finite or of other traits.
        """
        lattice, odds = self._posterior(feedback, sharpness)
        shares = np.exp(odds - odds.max())
        shares /= shares.sum()
        tail = (1 - level) / 2
        low, high = zip(*(_quantiles(column, shares, (tail, 1 - tail)) for column in lattice.T), strict=True)
        values = lattice @ self._points.T
        best = int(np.argmax(shares @ values))
        top = values.max(axis=1)
        return Taste(
            mean=tuple((shares @ lattice).tolist()),
            low=low,
            high=high,
            level=level,
            member=self._members[best],
            sure=float(shares[values[:, best] >= top - 1e-12].sum()),
            expected_regret=float(shares @ (top - values[:, best])),
            n=len(feedback),
        )

    def ask_next(
        self,
        feedback: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
        pairs: npt.ArrayLike,
        *,
        sharpness: float = 4.0,
    ) -> int:
        """Choose the pair whose answer tells most about the weights: the largest mutual information.

        Parameters
        ----------
        pairs
            Shape (n, 2, traits), scores of the two responses of each pair that could be shown.

        Returns
        -------
        Row of `pairs`; of equal ones the first.
        """
        table = np.asarray(pairs, dtype=np.float64)
        if table.ndim != 3 or table.shape[1:] != (2, self._points.shape[1]) or not len(table):
            raise DataError(f"pairs must have the shape (n, 2, {self._points.shape[1]})")
        lattice, odds = self._posterior(feedback, sharpness)
        shares = np.exp(odds - odds.max())
        shares /= shares.sum()
        chance = 1 / (1 + np.exp(-sharpness * (lattice @ (table[:, 0] - table[:, 1]).T)))
        told = _entropy(shares @ chance) - shares @ _entropy(chance)
        return int(np.argmax(told))

    def _posterior(
        self, feedback: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], sharpness: float
    ) -> tuple[np.ndarray, np.ndarray]:
        if not sharpness > 0:
            raise ValueError(f"sharpness is {sharpness} and must be above 0")
        traits = self._points.shape[1]
        lattice = spread_weights(traits, _LATTICE)
        if not len(feedback):
            return lattice, np.zeros(len(lattice))
        try:
            table = np.asarray([[one, other] for one, other in feedback], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError("feedback must be pairs of scores, the preferred one first") from error
        if table.ndim != 3 or table.shape[1:] != (2, traits):
            raise DataError(f"feedback must be pairs of {traits} scores, the preferred one first")
        bad = ~np.isfinite(table).all(axis=(1, 2))
        if bad.any():
            raise DataError("a score is missing or infinite", row=int(np.flatnonzero(bad)[0]) + 1)
        leads = sharpness * (lattice @ (table[:, 0] - table[:, 1]).T)
        return lattice, -np.logaddexp(0, -leads).sum(axis=1)

    def _weights(self, weights: npt.ArrayLike) -> np.ndarray:
        found = np.asarray(weights, dtype=np.float64)
        if found.shape != (self._points.shape[1],) or not np.isfinite(found).all() or (found < 0).any():
            raise DataError(f"weights must be {self._points.shape[1]} numbers of at least 0")
        return found

    @property
    def _points(self) -> np.ndarray:
        return np.asarray(self.points)

    @property
    def _members(self) -> tuple[int, ...]:
        return tuple(self.members or ())


def _quantiles(values: np.ndarray, shares: np.ndarray, at: tuple[float, float]) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(shares[order])
    places = np.searchsorted(reached, at).clip(max=len(values) - 1)
    return float(values[order][places[0]]), float(values[order][places[1]])


def _entropy(chance: np.ndarray) -> np.ndarray:
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    return -(inside * np.log(inside) + (1 - inside) * np.log1p(-inside))
