r"""A portfolio on prompts that had no part in choosing it, and on prompts that were never seen.

For weights w and a member j, trained for weights v, what a prompt x loses is

.. math:: D_x(w, j) = \beta \ln Z_x(w) - \bigl(w \cdot R_x(\pi_j) - \beta KL_x(\pi_j)\bigr)
          = \beta KL(\pi_j \| \pi_w \mid x),

from 0 to :math:`c = \min(\|u\|_1, \|u\|_1^2 / 8 \beta)` with u = w - v: V is convex, and its second
derivative along u is at most :math:`\|u\|_1^2 / 4 \beta` (Popoviciu), prompt by prompt, for rewards from 0
to 1. The mean of D is convex in w. So the simplex is cut into small cells, each is given one member, on the
plan's own prompts, and the regret of all weights is at most the largest mean of D over pairs of a cell's
vertex and its member: finitely many means, all fixed before the held-out prompts are looked at.

For N prompts drawn independently, the mean of D / c is at most the largest p with

.. math:: kl(\hat D / c, p) \le \ln(K / \alpha) / N

for all K pairs at once, with probability 1 - alpha (Hoeffding 1963, theorem 1). The largest bound is the
certificate. The policies are those on pools of as many sampled responses.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from populace.portfolio.plans import HeldOut
from populace.portfolio.pool import Pool
from populace.portfolio.refine import Refinement

__all__ = ["ROUNDING", "hold_out", "lattice_cells", "most_lost", "upper_means"]

ROUNDING = 1e-12
"""The optima are exact up to this."""
_VERTICES = 400
"""Most weights of the lattice that cells are cut from."""
_MOST = 10**8


def hold_out(
    planned: Pool,
    held: Pool,
    weights: Sequence[Sequence[float]],
    members: Sequence[int],
    beta: float,
    *,
    regret: float,
    confidence: float = 0.95,
    given: tuple[str, ...] = (),
) -> HeldOut:
    """Measure a portfolio on other prompts.

    Parameters
    ----------
    planned, held
        Pools of the plan's prompts and of the held-out ones.
    weights
        All that were solved for the plan, the corners of the simplex among them.
    members
        Which of them are the portfolio.
    beta, regret
        Of the plan.
    confidence
        Of the certificate for prompts like these.
    given
        Traits whose range is of the scores themselves: that others lie within it is taken for given.

    Raises
    ------
    ValueError
        If `confidence` is no probability.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence} and must be between 0 and 1")
    own = np.array([weights[row] for row in members])
    lattice, cells = lattice_cells(held.traits, _resolution(held.traits))
    pairs = _pairs(cells, _losses(planned, lattice, own, beta))
    lost = _losses(held, lattice, own, beta)[pairs[:, 0], pairs[:, 1]]
    most = most_lost(lattice[pairs[:, 0]] - own[pairs[:, 1]], beta)
    prompts = len(held.rewards)

    def certificate(count: int) -> float:
        return float(upper_means(lost, most, math.log(len(pairs) / (1 - confidence)) / count).max())

    measured = min(_chords(held, weights, members, beta, regret), float(lost.max()))
    low, high = 1, _MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if certificate(middle) <= lost.max() + regret else (middle + 1, high)
    oracle = held.oracle(beta)
    return HeldOut(
        prompts=prompts,
        regret=measured,
        slack=max(certificate(prompts) - measured, 0.0),
        confidence=confidence,
        rewards=tuple(oracle(each).rewards for each in own),
        needed=low,
        given=given,
    )


def most_lost(differences: np.ndarray, beta: float) -> np.ndarray:
    """Bound what a prompt can lose where weights differ so, shape (n, traits): shape (n,).

    Examples
    --------
    >>> most_lost(np.array([[0.1, -0.1], [0.5, -0.5]]), beta=0.1).round(3).tolist()
    [0.05, 1.0]
    """
    size = np.abs(differences).sum(axis=1)
    return np.minimum(size, size**2 / (8 * beta)) if beta > 0 else size


def upper_means(means: np.ndarray, most: np.ndarray, radius: float) -> np.ndarray:
    """Bound true means by measured ones, of variables from 0 to `most`.

    The largest p with kl(mean / most, p) <= radius, by halving.

    Examples
    --------
    >>> upper_means(np.array([0.0, 0.5]), np.array([1.0, 1.0]), 0.1).round(4).tolist()  # 1 - e^-0.1, 0.7129
    [0.0952, 0.7129]
    """
    share = np.clip(np.divide(means, most, out=np.zeros_like(means), where=most > 0), 0.0, 1.0)
    low, high = share.copy(), np.ones_like(share)
    for _ in range(60):
        middle = (low + high) / 2
        inside = _divergence(share, middle) <= radius
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high * most


def _divergence(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give kl of two coins, by their chances; `other` from `one` to 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(one > 0, one * np.log(one / other), 0.0)
        second = np.where(one < 1, (1 - one) * np.log((1 - one) / (1 - other)), 0.0)
    return first + second


def lattice_cells(traits: int, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the simplex into cells between the weights k / resolution (Freudenthal 1942, Kuhn 1960).

    Returns
    -------
    Weights, shape (n, traits), and cells, shape (resolution^(traits - 1), traits), rows of the weights.

    Examples
    --------
    >>> weights, cells = lattice_cells(2, 2)
    >>> weights.tolist(), cells.tolist()
    ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], [[0, 1], [1, 2]])
    """
    steps = traits - 1
    # Sums of the first k weights are a chain 0 <= x_1 <= ... <= resolution; cells of the cube's grid keep it.
    base = np.array(list(itertools.combinations_with_replacement(range(resolution + 1), steps)))
    places = {tuple(row): place for place, row in enumerate(base.tolist())}
    cells = []
    for order in itertools.permutations(range(steps)):
        corner = base.copy()
        walk = [corner]
        for axis in order:
            corner = corner.copy()
            corner[:, axis] += 1
            walk.append(corner)
        path = np.stack(walk, axis=1)
        whole = (path[:, :, -1] <= resolution).all(axis=1) & (np.diff(path, axis=2) >= 0).all(axis=(1, 2))
        cells += [[places[tuple(vertex)] for vertex in each] for each in path[whole].tolist()]
    ends = np.hstack([np.zeros((len(base), 1)), base, np.full((len(base), 1), resolution)])
    return np.diff(ends, axis=1) / resolution, np.array(sorted(cells))


def _resolution(traits: int) -> int:
    """Give the finest lattice that has no more weights than are looked at."""
    found = 1
    while math.comb(found + traits, traits - 1) <= _VERTICES:
        found += 1
    return found


def _losses(pool: Pool, lattice: np.ndarray, own: np.ndarray, beta: float) -> np.ndarray:
    """Give the mean of D, shape (weights, members)."""
    oracle = pool.oracle(beta)
    best = np.array([oracle(each).value for each in lattice])
    solved = [oracle(each) for each in own]
    points = np.array([np.array(each.rewards) - beta * each.kl for each in solved])
    return np.maximum(best[:, None] - lattice @ points.T, 0.0)


def _pairs(cells: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Give each cell the member that loses least at its worst vertex: the pairs of vertex and member."""
    member = lost[cells].max(axis=1).argmin(axis=1)
    pairs = np.stack([cells.ravel(), np.repeat(member, cells.shape[1])], axis=1)
    return np.unique(pairs, axis=0)


def _chords(
    pool: Pool, weights: Sequence[Sequence[float]], members: Sequence[int], beta: float, regret: float
) -> float:
    """Bound the regret on these prompts alone, by the weights that were solved."""
    oracle = pool.oracle(beta)
    search = Refinement(traits=pool.traits, regret=regret, eta=ROUNDING)
    for each in weights:
        search.tell(each, oracle(np.asarray(each)))
    return search.search.gap_of(np.asarray(members, dtype=np.int64))
