r"""PALM as published: a geometric grid of weights, lazily solved, then pruned (arXiv 2604.04144,
reconstructed).

The paper's body was not at hand: this follows its abstracts and a proof of our own. For rewards from 0 to 1
and no cost, the grid :math:`\{1, \rho^{-1}, \dots, \rho^{-(K-1)}, \eta\}^d` with largest coordinate 1,
:math:`\rho = 1/(1-\epsilon)`, :math:`\eta = \delta/(d-1)`, gives for every w a g with :math:`J_w(\pi_g) \ge
(1-\epsilon)(V(w) - \delta)`, from :math:`(K+1)^d - K^d` policies. `lazy` solves a weight only where the
policies so far are not yet known to be good enough: V is convex, monotone and homogeneous, so weights solved
before bound it.

With a cost V may be near 0, and no share of it can be promised. The grid then rounds *down*, :math:`g \le w
\le \rho g + \eta`, is solved as it is (not scaled to sum 1) with the same price of KL, and :math:`V(w) -
J_w(\pi_g) \le \epsilon\, w \cdot R(\pi_w) + (\eta/\rho) \sum_i R_i(\pi_w)`: an additive promise, for rewards
of at most a maximum.
"""

from __future__ import annotations

import msgspec
import numpy as np

from populace.errors import DataError, PopulaceError
from populace.portfolio.certificate import Game
from populace.portfolio.covering import cover, minimal_rows
from populace.portfolio.grids import grid, grid_down, grid_size
from populace.portfolio.pool import Oracle, Solved
from populace.portfolio.programmes import solve_programme
from populace.portfolio.records import Certificate

__all__ = ["Palm", "grid", "grid_down", "grid_size", "palm"]

_LIES = 1e-9


class Palm(msgspec.Struct, frozen=True, kw_only=True):
    """What PALM's search gave, beside what was promised before it."""

    members: tuple[int, ...]
    """Rows of `weights` and `solved`."""
    weights: tuple[tuple[float, ...], ...]
    """Weights that were solved: largest coordinate 1, or with costs a sum of at most 1."""
    solved: tuple[Solved, ...]
    calls: int
    size_bound: int
    """Size of the grid: the bound of the number of policies that holds before anything is solved."""
    epsilon: float
    delta: float
    promised: str
    """What holds for every weights, after skipping and pruning."""
    certificate: Certificate
    """Regret of the members against all policies solved, over the whole simplex: `ratio`, or with costs
    `additive`."""

    def __len__(self) -> int:
        """Number of members."""
        return len(self.members)


def palm(
    oracle: Oracle,
    traits: int,
    epsilon: float = 0.05,
    delta: float = 0.05,
    lazy: bool = True,
    *,
    skip: float | None = None,
    costs: bool = False,
    most: float = 1.0,
) -> Palm:
    """Search as PALM does: for rewards from 0 to `most`, such as those of best-of-n (`Pool.oracle(beta=0)`).

    Parameters
    ----------
    oracle
        Maps weights that need not sum to 1 to a best policy.
    traits
        Number of rewards.
    epsilon, delta
        Relative and absolute tolerance of the grid, each between 0 and 1.
    lazy
        Skip weights that what is known already serves within `skip`; otherwise the whole grid is solved.
    skip
        Share that may be lost by skipping, and again by pruning; epsilon by default. With costs it is a share
        of `most`.
    costs
        Answers have a KL cost: the grid rounds down, and what is promised is additive.
    most
        Largest reward that there is; delta is a share of it.

    Raises
    ------
    ValueError
        If a tolerance is out of range.
    DataError
        If the oracle gives rewards or a cost where the guarantee does not hold, or an answer that another
        policy proves wrong; or the grid is too large.

    Examples
    --------
    >>> from populace.portfolio import Pool
    >>> pool = Pool(np.random.default_rng(0).random((30, 8, 2)))
    >>> found = palm(pool.oracle(beta=0), traits=2)
    >>> found.calls < found.size_bound, len(found) <= found.calls
    (True, True)
    >>> palm(pool.oracle(beta=0.1), traits=2, costs=True).promised
    'at most 0.2000 below V(w) for every w'
    """
    allowed = epsilon if skip is None else skip
    if not (0 < epsilon < 1 and 0 < delta < 1 and 0 <= allowed < 1 and most > 0):
        raise ValueError("epsilon and delta must lie between 0 and 1, skip from 0 to 1, most above 0")
    weights = (grid_down if costs else grid)(traits, epsilon, delta)
    search = _Search(weights, costs, allowed * most if costs else allowed, most)
    for row, each in enumerate(weights):
        if not (lazy and search.served(row)):
            search.tell(each, oracle(each))
    members = search.pruned()
    times = 2 if lazy else 1
    if costs:
        promised = f"at most {most * (epsilon + delta + times * allowed):.4f} below V(w) for every w"
    else:
        kept = (1 - epsilon) * (1 - allowed) ** times
        promised = f"at least {kept:.4f} V(w) - {(1 - epsilon) * delta * most:.4f} for every w"
    return Palm(
        members=members,
        weights=tuple(tuple(each.tolist()) for each in search.asked),
        solved=tuple(search.solved),
        calls=len(search.asked),
        size_bound=len(weights),
        epsilon=epsilon,
        delta=delta,
        promised=promised,
        certificate=search.certificate(members),
    )


class _Search:
    """What is known about each weight of the grid: a policy's value below, a bound of V above."""

    def __init__(self, weights: np.ndarray, costs: bool, allowed: float, most: float) -> None:
        self.weights, self.costs, self.allowed, self.most = weights, costs, allowed, most
        self.asked: list[np.ndarray] = []
        self.solved: list[Solved] = []
        self.lower = np.full(len(weights), -np.inf)
        self.upper = np.full(len(weights), np.inf)

    def served(self, row: int) -> bool:
        """Say whether what is known serves a weight well enough; a programme is solved where that is open."""
        if not self.asked:
            return False
        if not self._enough(row):
            self._bound(row)
        return self._enough(row)

    def tell(self, weights: np.ndarray, answer: Solved) -> None:
        """Note an answer, unless it breaks what the guarantee needs."""
        self._check(weights, answer)
        self.asked.append(weights)
        self.solved.append(answer)
        rewards = np.array(answer.rewards)
        np.maximum(self.lower, self.weights @ rewards + self._cost(-1), out=self.lower)
        table = np.array(self.asked) @ np.array([one.rewards for one in self.solved]).T
        table += [self._cost(place) for place in range(len(self.solved))]
        short = table.max(axis=1) - [one.value for one in self.solved]
        place = int(np.argmax(short))
        if short[place] > _LIES * max(1.0, float(np.abs(table).max())):
            told = ", ".join(f"{share:.4f}" for share in self.asked[place])
            raise DataError(
                f"the oracle's answer for the weights ({told}) is {short[place]:.3g} worse than another "
                "policy, so it is not the best one",
                fix="train it further, or use `certified` with eta, which allows for it",
            )

    def pruned(self) -> tuple[int, ...]:
        """Keep the fewest policies that serve the grid nearly as well as all."""
        points = np.array([one.rewards for one in self.solved])
        costs = np.array([self._cost(place) for place in range(len(self.solved))])
        parts = []
        for part in np.array_split(self.weights, 1 + len(self.weights) * len(points) // 4_000_000):
            values = part @ points.T + costs
            best = values.max(axis=1, keepdims=True)
            limit = best - self.allowed if self.costs else (1 - self.allowed) * best
            serves = values >= limit - 1e-12 * self.most
            parts.append(serves[minimal_rows(serves)])
        serves = np.vstack(parts)
        found, _ = cover(serves[minimal_rows(serves)], 60.0)
        return tuple(sorted(found))

    def certificate(self, members: tuple[int, ...]) -> Certificate:
        """Certify the members against all that was solved."""
        points = np.array([one.rewards for one in self.solved])
        if self.costs:
            points = points + np.array([[self._cost(place)] for place in range(len(points))])
        return Game(points, points[list(members)], "additive" if self.costs else "ratio").solve()

    def _cost(self, place: int) -> float:
        one = self.solved[place]
        return min(0.0, one.value - float(self.asked[place] @ np.array(one.rewards))) if self.costs else 0.0

    def _enough(self, row: int) -> bool:
        if self.costs:
            return bool(self.lower[row] >= self.upper[row] - self.allowed)
        return bool(self.lower[row] >= (1 - self.allowed) * self.upper[row])

    def _bound(self, row: int) -> None:
        """Bound V at a weight by what covers it: min of shares . values, shares . asked >= weight.

        The mixture bounds V wherever it covers, so at other weights too. With a cost V is not homogeneous:
        shares sum to at most 1, since at no weights at all nothing is worth more than 0.
        """
        asked, values = np.array(self.asked), np.array([one.value for one in self.solved])
        table, limits = -asked.T, -self.weights[row]
        if self.costs:
            if (asked.max(axis=0) < self.weights[row]).any():
                return
            table, limits = np.vstack([table, np.ones(len(asked))]), np.r_[limits, 1.0]
        try:
            found = solve_programme(values, A_ub=table, b_ub=limits, bounds=[(0, None)] * len(asked))
        except PopulaceError:
            if self.costs:  # nothing covers it
                return
            raise
        shares = np.maximum(found.x, 0)
        shares /= max(1.0, float(shares.sum())) if self.costs else 1.0
        worth, reach = float(shares @ values), shares @ asked
        if self.costs:
            # What rounding leaves uncovered is worth at most that much of the largest reward.
            open_parts = np.maximum(self.weights - reach, 0).sum(axis=1)
            bound = np.where(open_parts <= 1e-9, worth + open_parts * self.most, np.inf)
        else:
            # Scaled up until every trait is covered exactly.
            with np.errstate(divide="ignore"):
                bound = worth * (self.weights / reach).max(axis=1)
        np.minimum(self.upper, bound, out=self.upper)

    def _check(self, weights: np.ndarray, answer: Solved) -> None:
        rewards = np.array(answer.rewards, dtype=np.float64)
        if rewards.shape != weights.shape or not np.isfinite([*rewards, answer.kl, answer.value]).all():
            raise DataError(f"the oracle must give {len(weights)} finite rewards, a KL and a value")
        if rewards.min() < 0 or (answer.kl and not self.costs):
            raise DataError(
                "PALM's guarantee needs rewards of at least 0 and no cost",
                fix="shift and scale the rewards; with a KL cost say costs=True, or use `certified`",
            )
        if rewards.max() > self.most * (1 + 1e-9):
            raise DataError(f"a reward is {rewards.max():g}, above {self.most:g}", fix="say most=")
        worth = float(weights @ rewards)
        off = answer.value - worth if self.costs else abs(answer.value - worth)
        if off > 1e-9 * max(1.0, abs(worth)):
            raise DataError("the oracle's value is not that of its rewards for the weights")
