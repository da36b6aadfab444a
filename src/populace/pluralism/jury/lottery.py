"""Lotteries over options that no option beats: maximal lotteries, and robust ones.

A maximal lottery (Fishburn 1984, doi:10.2307/2297786) is a strategy of the symmetric zero-sum game of
majority margins that does not lose to any option. It is unique where margins are odd numbers of jurors; else
there may be many, and what is given here is the most mixed of them, in the interior: equal options get equal
chances.

The game has value 0 and is skew-symmetric, so that chances x and leads s = theta - (margins of the lottery)
lie on a path x * s = theta / n as theta falls to 0: Newton's method follows it, a system of n equations a
step. Then the options that carry chances are known, and the exact lottery solves a linear system over them.
Whatever was done on the way, `exploitability`, the most that any single option wins against the lottery,
certifies it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from populace.errors import DataError
from populace.pluralism.jury._solvers import opened
from populace.pluralism.jury.majority import smith_set
from populace.stats._arrays import Floats

__all__ = ["Solved", "maximal", "robust"]

_CERTAIN = 1e-9
"""Exploitability below which a lottery is maximal."""
_MOST = 200_000
"""Jurors (or groups) by options of a robust lottery: entries of its program."""


class Solved(NamedTuple):
    """A lottery and its certificate."""

    chances: Floats
    exploitability: float
    """The greatest margin that an option has over the lottery; 0 if it is maximal."""


def maximal(margins: Floats) -> Solved:
    """Find a maximal lottery.

    Parameters
    ----------
    margins
        Shape (options, options), shares of the jury.

    Examples
    --------
    Of a cycle, each option gets what the majority between the others is worth.

    >>> found = maximal(np.array([[0, 0.5, -0.1], [-0.5, 0, 0.3], [0.1, -0.3, 0]]))
    >>> found.chances.round(4).tolist()
    [0.3333, 0.1111, 0.5556]
    """
    inside = smith_set(margins)
    game = margins[np.ix_(inside, inside)]
    chances = np.zeros(len(margins))
    chances[inside] = _solved(game) if len(inside) > 1 else 1.0
    return Solved(chances, max(float((margins @ chances).max()), 0.0))


def _solved(game: Floats) -> Floats:
    size = float(np.abs(game).max())
    if size == 0:
        return np.full(len(game), 1 / len(game))
    game = game / size
    x, theta = _followed(game)
    lead = theta - game @ x
    best, worth = x, float((game @ x).max())
    # With strict complementarity either chance or lead is far from 0; cuts near their meeting are tried.
    ratio = np.log(np.maximum(x, 1e-300)) - np.log(np.maximum(lead, 1e-300))
    for cut in (0.0, 4.0, -4.0, 8.0, -8.0):
        tried = _polished(game, x, ratio > cut)
        if tried is not None and (found := float((game @ tried).max())) < worth:
            best, worth = tried, found
        if worth <= _CERTAIN * 1e-3:
            break
    return best


def _followed(game: Floats) -> tuple[Floats, float]:
    """Follow the path x * (theta - game x) = theta / n down to a theta of 1e-11."""
    count = len(game)
    x = np.full(count, 1 / count)
    # At so large a theta the even lottery is nearly on the path.
    theta = 2.0 * max(float(np.abs(game @ x).max()), 1e-3)
    while theta > 1e-11:
        aim = 0.15 * theta
        x, theta = _stepped(game, x, theta, aim)
    return x, theta


def _stepped(game: Floats, x: Floats, theta: float, aim: float) -> tuple[Floats, float]:
    """Take Newton steps towards a point of the path; shorten those that would leave the interior."""
    count = len(x)
    for _ in range(30):
        lead = theta - game @ x
        off = aim / count - x * lead
        change = aim - theta
        # (x + dx) * (lead + change - game dx) = aim / n, to first order.
        jacobian = -x[:, None] * game
        jacobian[np.arange(count), np.arange(count)] += lead
        dx = np.linalg.solve(jacobian, off - x * change)
        dlead = change - game @ dx
        step = 1.0
        for value, move in ((x, dx), (lead, dlead)):
            falls = move < 0
            if falls.any():
                step = min(step, 0.95 * float((-value[falls] / move[falls]).min()))
        x = x + step * dx
        theta = theta + step * change
        x = x / x.sum()
        if step > 0.5:
            break
    return x, theta


def _polished(game: Floats, x: Floats, held: Any) -> Floats | None:
    """Solve for the chances of the options that carry any, nearest to those found."""
    if not held.any():
        return None
    rows = np.concatenate([game[np.ix_(held, held)], np.ones((1, int(held.sum())))])
    off = np.concatenate([-game[np.ix_(held, held)] @ x[held], [1 - x[held].sum()]])
    try:
        change = np.linalg.lstsq(rows, off, rcond=1e-10)[0]
    except np.linalg.LinAlgError:  # pragma: no cover - the method did not converge
        return None
    chances = np.zeros(len(game))
    chances[held] = x[held] + change
    if (chances < -1e-12).any():
        return None
    chances = np.maximum(chances, 0.0)
    return chances / chances.sum()


def robust(preferences: Floats, weights: Floats, radius: float) -> Solved:
    """Find the lottery whose worst margin over all juries near this one is greatest.

    Juries within a total variation of `radius` are near: up to that share of the weight is moved between
    units (jurors, or groups). Of each option, the worst jury gives the moved weight to the unit that likes
    the lottery least, and takes it from those that like it most; by duality that is a linear program.

    Parameters
    ----------
    preferences
        Mean preference of each unit, shape (units, options, options): 1 where the row is preferred, -1 where
        the column is.
    weights
        Of units, shape (units,), summing to 1.
    radius
        From 0, the maximal lottery, to 1, any jury.

    Returns
    -------
    Solved
        `exploitability` is the greatest margin that an option has over the lottery in a jury within the
        radius: it is not 0 in general, and falls with no radius.

    Raises
    ------
    DataError
        If the radius is not between 0 and 1, the program is too large, or has no solution.
    """
    sparse = opened("sparse")
    csr_array, eye_array, kron = sparse.csr_array, sparse.eye_array, sparse.kron
    units, options, _ = preferences.shape
    if not 0 <= radius <= 1:
        raise DataError(f"the radius is {radius:g}", fix="give a share of the jury, from 0 to 1")
    if units * options > _MOST or units * options**2 > 20 * _MOST:
        raise DataError(
            f"a robust lottery of {units} units and {options} options is too large",
            fix="pass groups, whose shares shift, or fewer options",
        )
    # Variables: chances p, the value v, and for each option b a level t_b, a floor z_b and shortfalls y_bi.
    # g_bi = sum_a p_a preferences[i, a, b]; v <= radius z_b + (1 - radius) t_b - sum_i w_i y_bi,
    # z_b <= g_bi, y_bi >= t_b - g_bi.
    told = csr_array(preferences.transpose(2, 0, 1).reshape(options * units, options))
    each = kron(eye_array(options), np.ones((units, 1)), format="csr")
    none = None
    rows = sparse.block_array(
        [
            [-told, none, none, each, none],
            [-told, none, each, none, -eye_array(options * units)],
            [
                none,
                np.ones((options, 1)),
                -(1 - radius) * eye_array(options),
                -radius * eye_array(options),
                kron(eye_array(options), weights[None, :]),
            ],
        ],
        format="csr",
    )
    height, width = (int(each) for each in rows.shape)
    objective = np.zeros(width)
    objective[options] = -1.0
    sums = csr_array((np.ones(options), (np.zeros(options, dtype=np.int64), np.arange(options))), (1, width))
    free = [(0, None)] * options + [(None, None)] * (1 + 2 * options) + [(0, None)] * (options * units)
    solved = opened("optimize").linprog(
        objective, A_ub=rows, b_ub=np.zeros(height), A_eq=sums, b_eq=[1.0], bounds=free, method="highs"
    )
    if solved.status != 0:  # pragma: no cover - the program has a solution, and is bounded
        raise DataError(f"the robust lottery was not found ({solved.message})")
    chances = np.maximum(solved.x[:options], 0.0)
    return Solved(chances / chances.sum(), max(-float(solved.x[options]), 0.0))
