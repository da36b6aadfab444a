"""Small programmes behind the certificates: matrix games, mixtures that cover, bounds by mixtures of weights.

Each gives shares from which its bound is recomputed elsewhere: nothing rests on a solver's tolerance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from populace.errors import PopulaceError

__all__ = ["Mixture", "bound_of", "covering", "game", "solve_programme", "tied"]

_TIED, _SUPPORT = 1e-10, 1e-12


def tied(
    point: np.ndarray, own: np.ndarray, weights: np.ndarray, *, ratio: bool = False
) -> np.ndarray | None:
    """Mix the members that tie for the best at weights so that they match a point in its weighted traits.

    Where the weights are the worst for that point, this mixture proves it (complementary slackness): no
    programme has to be solved.

    Returns
    -------
    Shares of the members, or None where the tied do not match.
    """
    from scipy.optimize import nnls

    values = own @ weights
    close = _TIED * max(float(np.ptp(own)), float(np.abs(values).max()))
    best = np.flatnonzero(values >= values.max() - close)
    traits = np.flatnonzero(weights > _SUPPORT)
    if ratio:
        table, meant = own[best][:, traits].T, point[traits]
    else:
        # Differences to the first weighted trait are matched, and shares sum to 1.
        table = np.vstack([(own[best][:, traits[1:]] - own[best][:, traits[:1]]).T, np.ones(len(best))])
        meant = np.r_[point[traits[1:]] - point[traits[0]], 1.0]
    try:
        shares, _ = nnls(table, meant)
    except RuntimeError:  # pragma: no cover - its limit of steps
        return None
    total = shares.sum()
    if not total > 0:
        return None
    found = np.zeros(len(own))
    found[best] = shares / total
    return found


def game(point: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve min over mixtures of max over traits of point - mixture: shares and weights, both sum to 1.

    Solved on values from 0 to 1, since a solver's tolerance is absolute: as shares sum to 1, what is taken
    from all values of a trait changes nothing.
    """
    size, traits = own.shape
    low = np.minimum(own.min(axis=0), point)
    scale = float((np.maximum(own.max(axis=0), point) - low).max())
    if scale == 0:
        return np.full(size, 1 / size), np.full(traits, 1 / traits)
    # Variables: shares of the members, and the value v.
    result = solve_programme(
        np.r_[np.zeros(size), 1.0],
        A_ub=np.hstack([-((own - low) / scale).T, -np.ones((traits, 1))]),
        b_ub=-(point - low) / scale,
        A_eq=np.r_[np.ones(size), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * size + [(None, None)],
    )
    return _shares(result.x[:size]), _shares(-result.ineqlin.marginals)


def covering(point: np.ndarray, own: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Solve min of the sum of shares with shares . own >= point; no shares where a trait has nobody.

    Each trait is measured by what the point has of it; what a member has beyond a million times that is left
    out, which makes the mixture no worse.
    """
    asked = np.flatnonzero(point > 0)
    weights = np.zeros(len(point))
    nobody = asked[own[:, asked].max(axis=0) <= 0]
    if nobody.size or not asked.size:
        weights[nobody[0] if nobody.size else 0] = 1.0
        return (None if nobody.size else np.eye(len(own))[0]), weights
    with np.errstate(over="ignore"):
        quotient = np.minimum(own[:, asked] / point[asked], 1e6)
    result = solve_programme(
        np.ones(len(own)), A_ub=-quotient.T, b_ub=-np.ones(len(asked)), bounds=[(0, None)] * len(own)
    )
    prices = np.maximum(-result.ineqlin.marginals, 0)
    # The prices are of traits in units of the point: undone, on a scale that cannot overflow.
    weights[asked] = prices * (point[asked].min() / point[asked])
    return _shares(result.x), _shares(weights)


class Mixture(NamedTuple):
    """A mixture of weights asked before, as a bound at others."""

    value: float
    """What the mixture of the bounds is."""
    missed: float
    """l1 distance between the mixture of the weights and the weights that are meant."""


def bound_of(asked: np.ndarray, ceilings: np.ndarray, weights: np.ndarray) -> Mixture:
    """Solve min of shares . ceilings over mixtures of weights asked that give these weights.

    Parameters
    ----------
    asked, ceilings
        Shapes (n, traits) and (n,), the corners of the simplex among them.
    weights
        Shape (traits,).
    """
    low, scale = float(ceilings.min()), float(np.ptp(ceilings)) or 1.0
    result = solve_programme(
        (ceilings - low) / scale, A_eq=asked.T, b_eq=weights, bounds=[(0, None)] * len(asked)
    )
    shares = _shares(result.x)
    return Mixture(float(shares @ ceilings), float(np.abs(shares @ asked - weights).sum()))


def solve_programme(costs: np.ndarray, **programme: Any) -> Any:
    """Solve a linear programme; where one method gives up, another is asked.

    Raises
    ------
    PopulaceError
        If none solves it.
    """
    from scipy.optimize import linprog

    result = None
    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    for method, options in (("highs-ds", exact), ("highs-ds", {}), ("highs-ipm", {})):
        result = linprog(costs, method=method, options=options, **programme)
        if result.status == 0:
            return result
    raise PopulaceError(f"a linear programme of a portfolio was not solved ({result and result.message})")


def _shares(found: np.ndarray) -> np.ndarray:
    """Make what a solver gives a distribution."""
    clipped = np.maximum(found, 0)
    total = clipped.sum()
    return clipped / total if total > 0 else np.full(len(found), 1 / len(found))
