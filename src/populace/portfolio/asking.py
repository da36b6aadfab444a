"""Which pair to show a user next, and a rehearsal with simulated users: what an answer is worth, and whether
credible sets hold what they say.

The next pair is the one whose answer has the largest mutual information with the weights (Lindley 1956), or
with which member is best. A rehearsal plays the same simulated users through both rules and through pairs by
lot, before anybody real is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.prior import Prior
from populace.portfolio.taste import intervals_of, lattice
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean
from populace.streams import stream

__all__ = ["Asked", "Goal", "Rehearsal", "rehearse", "told_by"]

Goal: TypeAlias = Literal["weights", "member"]
_POLICIES = ("weights", "member", "random")
_LATTICE = 1200


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Simulated users after so many answers, by how pairs were chosen."""

    policy: str
    """`weights` or `member`, for the goal of `Router.ask_next`; or `random`."""
    asked: int
    regret: Estimate
    """What routing by expected value loses for not knowing the weights."""
    error: Estimate
    """Half the l1 distance of the expected weights from the true ones, 0 to 1."""
    right: Estimate
    """Share of users who went to their best member."""
    interval: Estimate
    """Share of true weights, of all traits, that their interval holds."""
    region: Estimate
    """Share of users whose true weights lie in the smallest region of that level."""
    ahead: Estimate | None
    """Regret by lot less this one's, for the same users; None for pairs by lot and before any answer."""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What a number of answers is worth."""

    rows: tuple[Asked, ...]
    people: int
    level: float
    sharpness: float

    def at(self, policy: str, asked: int) -> Asked:
        """Give one row."""
        return next(row for row in self.rows if row.policy == policy and row.asked == asked)


def told_by(
    shares: np.ndarray, lead: np.ndarray, lapse: float = 0.0, best: np.ndarray | None = None
) -> np.ndarray:
    """Give the mutual information of each pair's answer, in nats: shape (users, pairs).

    Parameters
    ----------
    shares
        Shape (users, points), posteriors.
    lead
        Shape (points, pairs), log-odds of the first response.
    best
        Shape (points,), the best member; None where the weights themselves are asked about.

    Examples
    --------
    >>> lead = np.array([[5.0, 0.0], [-5.0, 0.0]])
    >>> told_by(np.array([[0.5, 0.5]]), lead).round(2).tolist()  # the second pair tells nothing
    [[0.65, 0.0]]
    """
    chance = lapse / 2 + (1 - lapse) / (1 + np.exp(-lead))
    told = _entropy(shares @ chance)
    if best is None:
        return told - shares @ _entropy(chance)
    for member in np.unique(best):
        part = shares * (best == member)
        mass = part.sum(axis=1, keepdims=True)
        within = np.divide(part @ chance, mass, out=np.full(told.shape, 0.5), where=mass > 0)
        told = told - mass * _entropy(within)
    return told


def rehearse(
    points: npt.ArrayLike,
    pairs: npt.ArrayLike,
    *,
    people: int = 200,
    questions: int = 12,
    sharpness: float = 6.0,
    users: Prior | None = None,
    prior: Prior | None = None,
    lapse: float = 0.0,
    policies: Sequence[str] = _POLICIES,
    level: float = 0.9,
    seed: int = 0,
) -> Rehearsal:
    """Play simulated users: they are asked one pair after another, and routed after each answer.

    Parameters
    ----------
    points
        Shape (members, traits), expected rewards of the members.
    pairs
        Shape (n, 2, traits), scores of pairs that can be shown; each is shown once to a user.
    people, questions
        Simulated users, and answers of each.
    sharpness, lapse
        Of the users, and known to who infers.
    users
        What their weights are drawn from; evenly by default.
    prior
        What who infers believes before; the users' own distribution by default.
    level
        Of credible intervals and regions.

    Raises
    ------
    DataError
        If members or pairs are broken, or there are fewer pairs than questions.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = rehearse(np.eye(3), rng.random((40, 2, 3)), people=60, questions=6)
    >>> found.at("weights", 6).error.value < found.at("random", 0).error.value
    True
    """
    members = np.asarray(points, dtype=np.float64)
    table = np.asarray(pairs, dtype=np.float64)
    for name in policies:
        if name not in _POLICIES:
            raise ValueError(f"there is no policy {name!r}: use some of {', '.join(_POLICIES)}")
    if people < 2 or questions < 1 or not sharpness > 0:
        raise ValueError("a rehearsal needs two people, a question, and a sharpness above 0")
    if members.ndim != 2 or table.ndim != 3 or table.shape[1:] != (2, members.shape[1]):
        raise DataError("members must have the shape (members, traits), pairs the shape (n, 2, traits)")
    if not np.isfinite(members).all() or not np.isfinite(table).all():
        raise DataError("a score is missing or infinite")
    if len(table) < questions:
        raise DataError(
            f"{len(table)} pairs are too few for {questions} questions", fix="ask fewer, or add pairs"
        )
    traits = members.shape[1]
    users = users or Prior.even(traits)
    truth = stream(seed, "portfolio.rehearse").dirichlet(users.concentration, people)
    play = _Play(
        members, table[:, 0] - table[:, 1], truth, sharpness, lapse, prior or users, questions, level, seed
    )
    played = {name: play.run(name) for name in dict.fromkeys((*policies, "random"))}
    rows = []
    for name in policies:
        for asked in range(questions + 1):
            rows.append(_row(name, asked, played[name][asked], played["random"][asked]))
    return Rehearsal(rows=tuple(rows), people=people, level=level, sharpness=sharpness)


class _Play:
    """One set of simulated users; each rule asks them anew, and a user's answer to a pair is the same."""

    def __init__(
        self,
        members: np.ndarray,
        leads: np.ndarray,
        truth: np.ndarray,
        sharpness: float,
        lapse: float,
        prior: Prior,
        questions: int,
        level: float,
        seed: int,
    ) -> None:
        self.members, self.truth, self.questions, self.level = members, truth, questions, level
        self.where = lattice(members.shape[1], _LATTICE)
        self.odds = sharpness * (self.where @ leads.T)
        self.lapse, self.seed = lapse, seed
        self.start = np.log(self.where) @ (np.array(prior.concentration) - 1)
        self.at_truth = np.log(np.maximum(truth, 1e-9)) @ (np.array(prior.concentration) - 1)
        self.true_odds = sharpness * (truth @ leads.T)
        luck = stream(seed, "portfolio.rehearse", 1).random(self.true_odds.shape)
        self.says = luck < self._chance(self.true_odds)
        values = self.where @ members.T
        self.best, self.values = values.argmax(axis=1), values

    def _chance(self, odds: np.ndarray) -> np.ndarray:
        return self.lapse / 2 + (1 - self.lapse) / (1 + np.exp(-odds))

    def run(self, policy: str) -> list[dict[str, np.ndarray]]:
        people, pairs = self.says.shape
        logs, at_truth = np.tile(self.start, (people, 1)), self.at_truth.copy()
        shown = np.zeros((people, pairs), dtype=bool)
        lot = stream(self.seed, "portfolio.rehearse", 2).permuted(
            np.tile(np.arange(pairs), (people, 1)), axis=1
        )
        everyone = np.arange(people)
        found = []
        for asked in range(self.questions + 1):
            shares = np.exp(logs - logs.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            found.append(self._measured(shares, logs, at_truth))
            if asked == self.questions:
                break
            if policy == "random":
                pick = lot[:, asked]
            else:
                told = told_by(shares, self.odds, self.lapse, self.best if policy == "member" else None)
                pick = np.where(shown, -np.inf, told).argmax(axis=1)
            shown[everyone, pick] = True
            sign = np.where(self.says[everyone, pick], 1.0, -1.0)
            logs += np.log(self._chance(sign[:, None] * self.odds[:, pick].T))
            at_truth += np.log(self._chance(sign * self.true_odds[everyone, pick]))
        return found

    def _measured(self, shares: np.ndarray, logs: np.ndarray, at_truth: np.ndarray) -> dict[str, np.ndarray]:
        route = (shares @ self.values).argmax(axis=1)
        own = self.truth @ self.members.T
        got = own[np.arange(len(own)), route]
        mean = shares @ self.where
        order = np.argsort(-logs, axis=1, kind="stable")
        reached = np.cumsum(np.take_along_axis(shares, order, axis=1), axis=1)
        place = (reached < self.level).sum(axis=1).clip(max=logs.shape[1] - 1)
        limit = np.take_along_axis(logs, order, axis=1)[np.arange(len(logs)), place]
        return {
            "regret": own.max(axis=1) - got,
            "error": np.abs(mean - self.truth).sum(axis=1) / 2,
            "right": (got >= own.max(axis=1) - 1e-12).astype(float),
            "interval": self._held(shares),
            "region": (at_truth >= limit - 1e-9).astype(float),
        }

    def _held(self, shares: np.ndarray) -> np.ndarray:
        """Share of traits whose interval, as `Router.infer` gives it, holds the truth, by user."""
        low, high = intervals_of(self.where, shares, self.level)
        return ((low <= self.truth) & (self.truth <= high)).mean(axis=1)


def _row(policy: str, asked: int, own: dict[str, np.ndarray], by_lot: dict[str, np.ndarray]) -> Asked:
    who = np.arange(len(own["regret"]))

    def mean(values: np.ndarray, within: Any) -> Estimate:
        return crossed_mean(values, who, within=within)

    told = {name: mean(values, None if name == "regret" else (0.0, 1.0)) for name, values in own.items()}
    ahead = None if policy == "random" or not asked else mean(by_lot["regret"] - own["regret"], None)
    return Asked(policy=policy, asked=asked, ahead=ahead, **told)


def _entropy(chance: np.ndarray) -> np.ndarray:
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    return -(inside * np.log(inside) + (1 - inside) * np.log1p(-inside))
