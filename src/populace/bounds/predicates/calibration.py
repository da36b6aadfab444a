"""From what a predicate says to a score that means a share: of the texts scored s, s in 100 have it.

Two maps, fitted to labelled texts: isotonic (pool adjacent violators; no shape assumed, needs many texts) and
logistic (Platt 1999, two numbers, needs few). A map has an id: how, and on what it was fitted. A score
that was only scaled has the id "none", and a threshold on it means nothing but its rank.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.bounds.policy.tables import read_toml
from populace.bounds.predicates.verdict import NONE
from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["Calibration", "fit_calibration", "read_calibrations"]

LEAST = 10
"""Texts with the hazard, and without it, that a map is fitted to at the least."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map from raw scores to probabilities, linear between its points and flat beyond them.

    Examples
    --------
    >>> Calibration.none().score(0.504)
    50
    """

    id: str
    raw: tuple[float, ...] = (0.0, 1.0)
    """Increasing."""
    probability: tuple[float, ...] = (0.0, 1.0)
    """Never decreasing, 0 to 1."""

    def __post_init__(self) -> None:
        raw, probability = np.array(self.raw), np.array(self.probability)
        if len(raw) < 1 or raw.shape != probability.shape:
            raise DataError(f"the calibration {self.id!r} has not one probability for each raw score")
        right = (np.diff(raw) > 0).all() and (np.diff(probability) >= 0).all() and np.isfinite(raw).all()
        if not (right and probability.min() >= 0 and probability.max() <= 1):
            raise DataError(
                f"the calibration {self.id!r} does not rise", fix="fit it again by fit_calibration"
            )

    @staticmethod
    def none() -> Calibration:
        """Give the map that only scales 0 to 1 to 0 to 100."""
        return Calibration(NONE)

    def score(self, raw: float) -> int:
        """Give the score of a raw one.

        Rounded to the nearest whole point, halves up.

        Raises
        ------
        DataError
            If the raw score is not a number.
        """
        if not math.isfinite(raw):
            raise DataError(f"a predicate gave {raw} and no number")
        return int(np.interp(raw, self.raw, self.probability) * 100 + 0.5)


def fit_calibration(
    raw: npt.ArrayLike,
    has_it: npt.ArrayLike,
    *,
    source: str,
    method: Literal["isotonic", "logistic"] = "isotonic",
) -> Calibration:
    """Fit a map to labelled texts.

    Parameters
    ----------
    raw
        Raw scores, shape (texts,).
    has_it
        Whether each text has the hazard, shape (texts,).
    source
        Words for what it was fitted on, for the id.
    method
        `isotonic` joins neighbours until shares rise (the least squares fit under that order); `logistic`
        fits a and b of 1 / (1 + exp(a raw + b)) to labels drawn in by Platt's prior, so that it stays finite.

    Raises
    ------
    DataError
        If lengths differ, a score is no number, or fewer than 10 texts have the hazard or have it not.

    Examples
    --------
    >>> found = fit_calibration([0] * 10 + [1] * 20, [0] * 10 + [1] * 15 + [0] * 5, source="a sketch")
    >>> found.id.split(" on ")[1], found.score(0), found.score(0.5), found.score(1)
    ('30 texts of a sketch', 0, 38, 75)
    """
    x, y = np.asarray(raw, dtype=float), np.asarray(has_it, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise DataError(f"there are {x.size} scores and {y.size} labels")
    if not np.isfinite(x).all() or not np.isin(y, (0, 1)).all():
        raise DataError("a score is no number, or a label neither 0 nor 1")
    if min(y.sum(), (1 - y).sum()) < LEAST:
        fix = "give more of both kinds"
        raise DataError(f"{int(y.sum())} texts have it and {int((1 - y).sum())} do not", fix=fix)
    points, shares = _isotonic(x, y) if method == "isotonic" else _logistic(x, y)
    told = content_hash([method, points.tolist(), shares.tolist()], size=3)
    return Calibration(
        f"{method} {told} on {len(x)} texts of {source}", tuple(points.tolist()), tuple(shares.tolist())
    )


def read_calibrations(path: str | Path) -> dict[str, Calibration]:
    """Read maps by hazard: a TOML file with a table of `id`, `raw`, `probability` for each hazard.

    Raises
    ------
    DataError
        If it cannot be read, or a map is none.
    """
    return read_toml(Path(path), dict[str, Calibration])


def _isotonic(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[np.ndarray, np.ndarray]:
    """Pool adjacent violators, over the distinct scores."""
    points, place = np.unique(x, return_inverse=True)
    count = np.bincount(place).astype(float)
    blocks: list[list[float]] = []  # mean, weight, number of points
    for mean, weight in zip(np.bincount(place, y) / count, count, strict=True):
        blocks.append([mean, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean_b, weight_b, n_b = blocks.pop()
            mean_a, weight_a, n_a = blocks[-1]
            joint = weight_a + weight_b
            blocks[-1] = [(mean_a * weight_a + mean_b * weight_b) / joint, joint, n_a + n_b]
    shares = np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
    return points, np.clip(shares, 0, 1)


def _logistic(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[np.ndarray, np.ndarray]:
    """Platt's fit by Newton's method, as 101 points."""
    has, has_not = y.sum(), (1 - y).sum()
    target = np.where(y == 1, (has + 1) / (has + 2), 1 / (has_not + 2))
    middle, spread = x.mean(), x.std() or 1.0
    design = np.stack([(x - middle) / spread, np.ones_like(x)], axis=1)
    beta = np.array([0.0, math.log((has + 1) / (has_not + 1))])
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ beta))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - p))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    # A predicate that is worse than chance is no reason to turn it round: then every score is the share.
    slope = max(float(beta[0]), 0.0)
    low, high = float(x.min()), float(x.max())
    points = np.linspace(low, high if high > low else low + 1, 101)
    if slope == 0.0:
        return points, np.full(101, has / len(y))
    return points, 1 / (1 + np.exp(-(slope * (points - middle) / spread + beta[1])))
