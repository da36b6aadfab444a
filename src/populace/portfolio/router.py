"""Which member serves a user: by weights, or by weights inferred from what the user preferred.

Weights are inferred by the model of `populace.portfolio.taste`. A user goes to the member with the largest
expected value; what that loses on average for not knowing the weights is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.asking import Goal, told_by
from populace.portfolio.prior import Prior
from populace.portfolio.taste import Belief, Feedback, believe, differences

__all__ = ["Route", "Router", "Taste"]


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
    sharpness: float
    """How surely the user picks the better one: stated, or the geometric mean of what fits the answers."""


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
        if points.ndim != 2 or not points.size or points.shape[1] < 2 or not np.isfinite(points).all():
            raise DataError("points must be finite, of the shape (members, traits), two traits or more")
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
        feedback: Feedback,
        *,
        sharpness: float | None = 4.0,
        level: float = 0.95,
        prior: Prior | None = None,
        lapse: float = 0.0,
    ) -> Taste:
        """Infer a user's weights from pairs.

        Parameters
        ----------
        feedback
            Scores, shape (traits,) each, of the response that was preferred and of the one that was not.
        sharpness
            How surely a user picks the better one: the odds of a lead of 1. None: estimated too.
        level
            Coverage of the intervals.
        prior
            What is known of users before (`population_prior`, `Prior.of`); uniform by default.
        lapse
            Chance that an answer is a coin's.

        Raises
        ------
        DataError
            If scores are not finite or of other traits.
        ValueError
            If a setting is out of range.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level} and must lie between 0 and 1")
        belief = self._belief(feedback, sharpness, prior, lapse)
        low, high = belief.quantiles(level)
        values = belief.points @ self._points.T
        best = int(np.argmax(belief.shares @ values))
        top = values.max(axis=1)
        return Taste(
            mean=tuple((belief.shares @ belief.points).tolist()),
            low=low,
            high=high,
            level=level,
            member=self._members[best],
            sure=float(belief.shares[values[:, best] >= top - 1e-12].sum()),
            expected_regret=float(belief.shares @ (top - values[:, best])),
            n=len(feedback),
            sharpness=belief.sharpness,
        )

    def ask_next(
        self,
        feedback: Feedback,
        pairs: npt.ArrayLike,
        *,
        sharpness: float | None = 4.0,
        prior: Prior | None = None,
        lapse: float = 0.0,
        goal: Goal = "weights",
    ) -> int:
        """Choose the pair whose answer tells most: the largest mutual information.

        Parameters
        ----------
        pairs
            Shape (n, 2, traits), scores of the two responses of each pair that could be shown.
        goal
            Of what: the `weights`, or which `member` is best, which is less to know.

        Returns
        -------
        Row of `pairs`; of equal ones the first.

        Raises
        ------
        DataError
            If pairs or feedback are broken.
        ValueError
            If there is no such goal.
        """
        if goal not in ("weights", "member"):
            raise ValueError(f"goal is {goal!r} and must be 'weights' or 'member'")
        table = np.asarray(pairs, dtype=np.float64)
        if table.ndim != 3 or table.shape[1:] != (2, self._points.shape[1]) or not len(table):
            raise DataError(f"pairs must have the shape (n, 2, {self._points.shape[1]})")
        bad = ~np.isfinite(table).all(axis=(1, 2))
        if bad.any():
            raise DataError("a score is missing or infinite", row=int(np.flatnonzero(bad)[0]) + 1)
        belief = self._belief(feedback, sharpness, prior, lapse)
        lead = belief.sharpness * (belief.points @ (table[:, 0] - table[:, 1]).T)
        best = np.argmax(belief.points @ self._points.T, axis=1) if goal == "member" else None
        return int(np.argmax(told_by(belief.shares[None], lead, lapse, best)[0]))

    def _belief(
        self, feedback: Feedback, sharpness: float | None, prior: Prior | None, lapse: float
    ) -> Belief:
        traits = self._points.shape[1]
        known = Prior.even(traits) if prior is None else prior
        if len(known.concentration) != traits:
            raise DataError(f"the prior is of {len(known.concentration)} traits, and members have {traits}")
        return believe(differences(feedback, traits), known, sharpness=sharpness, lapse=lapse)

    def _weights(self, weights: npt.ArrayLike) -> np.ndarray:
        found = np.asarray(weights, dtype=np.float64)
        if found.shape != (self._points.shape[1],) or not np.isfinite(found).all() or (found < 0).any():
            raise DataError(f"weights must be {self._points.shape[1]} numbers of at least 0, and finite")
        if not found.sum() > 0:
            raise DataError("all weights are 0: nothing is wanted", fix="give one above 0")
        return found

    @property
    def _points(self) -> np.ndarray:
        return np.asarray(self.points)

    @property
    def _members(self) -> tuple[int, ...]:
        return tuple(self.members or ())
