"""What a set of points is worth beside a reference: R2, epsilon, IGD+ and sparsity.

Conventions differ between papers; here they are these, for every function:

- more is better, or as `directions` says; all indicators but `hypervolume` are *lower is better*;
- R2 is that of weighted Chebyshev distances from an ideal point that no point beats, averaged over weights
  (Hansen and Jaszkiewicz 1998). With two objectives and no weights the mean is over all of them, exactly;
- epsilon and IGD+ ask how far the set falls short of a reference set, and gain nothing by surpassing it.
"""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.fronts import front
from populace.pluralism.multi_objective.points import Bools, Directions, Floats, oriented, signs

__all__ = ["epsilon", "igd_plus", "r2", "simplex_lattice", "sparsity"]

_BLOCK = 1 << 22
"""Numbers held by one block of comparisons."""


def r2(
    points: npt.ArrayLike,
    ideal: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    directions: Directions = "max",
) -> float:
    """Return the mean, over weights, of the least weighted Chebyshev distance from the ideal point.

    R2(A) = mean over w of min over a in A of max over j of w_j |z_j - a_j|. Lower is better. Distances are in
    the units of the objectives: put points on a `Scale` where these differ.

    Parameters
    ----------
    points
        Shape (points, objectives).
    ideal
        A point z that is at least as good as every point on every objective.
    weights
        Shape (weights, objectives), each row not negative and with sum 1. None takes all weights (w, 1 - w)
        alike, in closed form, for two objectives (Schäpermeier and Kerschke 2025). For more there is no
        closed form here: give weights, such as `simplex_lattice(objectives, divisions)`.
    directions
        `max` or `min`, for all objectives or one each.

    Raises
    ------
    DataError
        If a point beats the ideal, there are no points, weights are no weights, or none are given for more
        than two objectives.

    References
    ----------
    Hansen, Jaszkiewicz (1998), "Evaluating the quality of approximations to the non-dominated set", IMM
    report 1998-7, Technical University of Denmark.

    Examples
    --------
    By hand: one point at distance (1, 1): max(w, 1 - w) has the mean 3/4.

    >>> r2([[0, 0]], ideal=[1, 1]), r2([[0, 0]], ideal=[1, 1], weights=[[0.5, 0.5]])
    (0.75, 0.5)
    """
    best = oriented(ideal, directions, name="ideal")[0]
    array = _some(oriented(points, directions, objectives=len(best)), "points")
    short = best - array
    if (short < 0).any():
        row, column = (int(each[0]) for each in np.nonzero(short < 0))
        fix = "give an ideal that no point beats, such as the top of the scale"
        raise DataError("this point beats the ideal", row=row + 1, column=str(column + 1), fix=fix)
    if weights is not None:
        return float(_chebyshev(short, _weights(weights, len(best))).mean())
    if len(best) != 2:
        fix = "give weights, such as simplex_lattice(objectives, divisions)"
        raise DataError(f"R2 over all weights is known here for two objectives, not {len(best)}", fix=fix)
    return _all_weights_of_two(short)


def simplex_lattice(objectives: int, divisions: int) -> Floats:
    """Return all weights whose parts are multiples of 1 / divisions (Das and Dennis 1998).

    There are C(divisions + objectives - 1, objectives - 1) of them.

    Raises
    ------
    ValueError
        If either number is below 1.

    Examples
    --------
    >>> simplex_lattice(2, 2).tolist(), len(simplex_lattice(3, 10))
    ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], 66)
    """
    if objectives < 1 or divisions < 1:
        raise ValueError(f"{objectives} objectives and {divisions} divisions: both must be at least 1")
    bars = itertools.combinations(range(divisions + objectives - 1), objectives - 1)
    ends = np.array([(-1, *each, divisions + objectives - 1) for each in bars], dtype=np.float64)
    return (np.diff(ends, axis=1) - 1) / divisions


def epsilon(
    points: npt.ArrayLike,
    reference_set: npt.ArrayLike,
    kind: Literal["additive", "multiplicative"] = "additive",
    directions: Directions = "max",
) -> float:
    """Return by how much points must be improved, on every objective, to be as good as a reference set.

    Additive: max over z of min over a of max over j of (z_j - a_j). Multiplicative: of z_j / a_j (of
    a_j / z_j where less is better). Lower is better; 0, or 1, or less, where every
    reference is weakly dominated.

    Parameters
    ----------
    points, reference_set
        Shape (points, objectives).
    kind
        `multiplicative` needs positive numbers.
    directions
        `max` or `min`, for all objectives or one each.

    Raises
    ------
    DataError
        If either set is empty or malformed, or a number is not positive where it must be.

    References
    ----------
    Zitzler, Thiele, Laumanns, Fonseca, Grunert da Fonseca (2003), "Performance assessment of multiobjective
    optimizers: an analysis and review", IEEE Transactions on Evolutionary Computation 7(2).

    Examples
    --------
    By hand: (2, 2) is missed by (3, 1) by 1 on the second, by (1, 3) by 1 on the first.

    >>> epsilon([[3, 1], [1, 3]], [[2, 2]]), epsilon([[3, 1], [1, 3]], [[2, 2]], kind="multiplicative")
    (1.0, 2.0)
    """
    array, wanted = _both(points, reference_set, directions)
    if kind not in ("additive", "multiplicative"):
        raise ValueError(f"kind is {kind!r} and must be 'additive' or 'multiplicative'")
    if kind == "multiplicative":
        sign = signs(directions, array.shape[1])
        if (array * sign <= 0).any() or (wanted * sign <= 0).any():
            fix = "use the additive one, or a scale on which all are positive"
            raise DataError("the multiplicative epsilon needs positive numbers", fix=fix)
        # The log of a ratio is a difference; where less is better, of 1 / a over 1 / z.
        logs = sign * np.log(array * sign), sign * np.log(wanted * sign)
        return float(np.exp(_farthest(*logs)))
    return _farthest(array, wanted)


def igd_plus(points: npt.ArrayLike, reference_set: npt.ArrayLike, directions: Directions = "max") -> float:
    """Return the mean distance of a reference set from what points dominate (IGD+).

    IGD+(A) = mean over z of min over a of the length of max(z - a, 0). Lower is better. Unlike IGD it is
    weakly Pareto-compliant: a set that dominates another never scores worse.

    Parameters and errors are those of `epsilon`; distances are in the units of the objectives.

    References
    ----------
    Ishibuchi, Masuda, Tanigaki, Nojima (2015), "Modified distance calculation in generational distance and
    inverted generational distance", EMO 2015, doi:10.1007/978-3-319-15892-1_8.

    Examples
    --------
    By hand: (2, 2) is missed by 1 on one objective alone; (0, 5) by (1, 5) not at all.

    >>> igd_plus([[3, 1], [1, 5]], [[2, 2], [0, 5]])
    0.5
    """
    array, wanted = _both(points, reference_set, directions)
    near = [
        np.sqrt((np.maximum(part[:, None, :] - array[None], 0.0) ** 2).sum(axis=-1)).min(axis=1)
        for part in _parts(wanted, array.size)
    ]
    return float(np.concatenate(near).mean())


def sparsity(points: npt.ArrayLike, directions: Directions = "max") -> float:
    """Return how far apart the neighbours on the front lie: lower is denser.

    The sum over objectives of squared steps between points sorted by it, over one less than the distinct
    points of the front (Xu et al. 2020, PGMORL). A front of one point has none: nan. A dense front is no
    good front: read it beside the hypervolume.

    References
    ----------
    Xu, Tian, Ma, Rus, Sueda, Matusik (2020), "Prediction-guided multi-objective reinforcement learning for
    continuous robot control", ICML 2020, PMLR 119.

    Examples
    --------
    By hand: three points, steps of 1 and 2 on either objective, (1 + 4 + 4 + 1) / 2.

    >>> sparsity([[0, 3], [1, 1], [3, 0], [0, 0]])
    5.0
    """
    array = _some(oriented(points, directions), "points")
    array = np.unique(array[front(array)], axis=0)
    if len(array) < 2:
        return float("nan")
    return float((np.diff(np.sort(array, axis=0), axis=0) ** 2).sum() / (len(array) - 1))


def _all_weights_of_two(short: Floats) -> float:
    """Integrate the lower envelope of max(w d1, (1 - w) d2) over w from 0 to 1."""
    mask: Bools = front(short, "min")
    kept = np.unique(short[mask], axis=0)
    first, second = kept[::-1].T  # from the best second, which serves small w, to the best first
    if (first + second == 0).any():
        return 0.0
    # Each point falls with (1 - w) d2 to its knee, then rises with w d1 until the next one's fall meets it.
    knee = second / (first + second)
    meet = np.concatenate([[0.0], second[1:] / (first[:-1] + second[1:]), [1.0]])
    falls = second * ((1 - meet[:-1]) ** 2 - (1 - knee) ** 2) / 2
    rises = first * (meet[1:] ** 2 - knee**2) / 2
    return float(falls.sum() + rises.sum())


def _chebyshev(short: Floats, weights: Floats) -> Floats:
    parts = _parts(weights, short.size)
    return np.concatenate([(part[:, None, :] * short[None]).max(axis=-1).min(axis=1) for part in parts])


def _farthest(array: Floats, wanted: Floats) -> float:
    parts = _parts(wanted, array.size)
    return max(float((part[:, None, :] - array[None]).max(axis=-1).min(axis=1).max()) for part in parts)


def _parts(array: Floats, size: int) -> list[Floats]:
    return np.array_split(array, max(1, min(len(array), len(array) * size // _BLOCK)))


def _both(points: npt.ArrayLike, wanted: npt.ArrayLike, directions: Directions) -> tuple[Floats, Floats]:
    array = _some(oriented(points, directions), "points")
    others = oriented(wanted, directions, name="reference_set", objectives=array.shape[1])
    return array, _some(others, "reference_set")


def _some(array: Floats, name: str) -> Floats:
    if array.ndim != 2 or not len(array):
        raise DataError(f"`{name}` has the shape {array.shape}", fix="give at least one point in one set")
    return array


def _weights(weights: npt.ArrayLike, objectives: int) -> Floats:
    found = oriented(weights, name="weights", objectives=objectives)
    wrong = (found < 0).any(axis=1) | (np.abs(found.sum(axis=1) - 1) > 1e-9)
    if wrong.any():
        fix = "give weights from 0 up, with sum 1 in each row"
        raise DataError("these are no weights", row=int(np.flatnonzero(wrong)[0]) + 1, fix=fix)
    return found
