r"""Several routes as one: their predictions mixed, by weights that cross-fitting chose.

.. math:: p = \operatorname{softmax}\bigl(\tau \log \textstyle\sum_r w_r p_r\bigr), \quad \sum_r w_r = 1.

The weights have the best log score on training people whom the routes did not learn from (a concave problem;
EM finds its one maximum), a weak prior keeps them apart from 0; then one temperature scales the mixture.
Stacking: Wolpert (1992), doi:10.1016/S0893-6080(05)80023-1; of distributions: Yao et al. (2018),
doi:10.1214/17-BA1091.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from populace.errors import DataError
from populace.memory.predicting.route import Cells, FittedRoute, Route
from populace.memory.predicting.trials import Trial, tried
from populace.opinions import Inputs, Opinions

__all__ = ["Blend", "Blended", "mixed", "weighed"]

_ROUNDS = 300
_PRIOR = 2.0
"""Answers that each route is given beforehand."""
_SHARP = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)


@dataclass(frozen=True)
class Blend:
    """A stack of routes.

    Parameters
    ----------
    routes
        At least two, of different names.
    folds, most, seed
        See `populace.memory.predicting.trials.tried`.
    """

    routes: tuple[Route, ...]
    folds: int = 2
    most: int = 300
    seed: int = 0
    name: str = field(default="blend")

    def fit(self, train: Opinions, inputs: Inputs) -> Blended:
        """Weigh the routes on people left out, then fit each to all.

        Raises
        ------
        DataError
            If there are fewer than two routes, or two of one name.
        """
        names = [route.name for route in self.routes]
        if len(names) < 2 or len(set(names)) < len(names):
            raise DataError(f"a blend is of different routes, and these are {', '.join(names)}")
        trial = tried(train, inputs, self.routes, folds=self.folds, most=self.most, seed=self.seed)
        weights, sharp = weighed(trial, names)
        fitted = tuple(route.fit(train, inputs) for route in self.routes)
        return Blended(tuple(names), fitted, weights, sharp, trial)


@dataclass(frozen=True)
class Blended:
    """Routes, and what each counts."""

    names: tuple[str, ...]
    fitted: tuple[FittedRoute, ...]
    weights: np.ndarray
    sharp: float
    trial: Trial

    def predict(self, cells: Cells) -> np.ndarray:
        """Mix what the routes say; a route that counts next to nothing is not asked."""
        kept = [place for place, weight in enumerate(self.weights) if weight > 1e-3]
        parts = np.stack([self.fitted[place].predict(cells) for place in kept])
        weights = self.weights[kept] / self.weights[kept].sum()
        return mixed(parts, weights, self.sharp)


def mixed(parts: np.ndarray, weights: np.ndarray, sharp: float) -> np.ndarray:
    """Mix predictions, shape (routes, C, widest).

    Examples
    --------
    >>> one, other = [[0.8, 0.2]], [[0.4, 0.6]]
    >>> mixed(np.array([one, other]), np.array([0.5, 0.5]), 1.0).round(6).tolist()
    [[0.6, 0.4]]
    """
    p = np.tensordot(weights, parts, axes=1) ** sharp
    return p / p.sum(axis=1, keepdims=True)


def weighed(trial: Trial, names: list[str]) -> tuple[np.ndarray, float]:
    """Give the weights of routes, shape (routes,), and the temperature's inverse."""
    given = np.exp(np.stack([trial.logs(trial.p[name]) for name in names]))
    weights = np.full(len(names), 1 / len(names))
    if given.shape[1]:
        heavy = trial.weights / trial.weights.mean()
        for _ in range(_ROUNDS):
            shares = weights[:, None] * given
            counts = (shares / shares.sum(axis=0)) @ heavy + _PRIOR
            before, weights = weights, counts / counts.sum()
            if np.abs(weights - before).max() < 1e-7:
                break
    p = mixed(np.stack([trial.p[name] for name in names]), weights, 1.0)
    at = np.arange(len(trial.truth))

    def score(sharp: float) -> float:
        scaled = p**sharp
        scaled /= scaled.sum(axis=1, keepdims=True)
        return float(trial.weights @ np.log(np.maximum(scaled[at, trial.truth], 1e-6)))

    return weights, max(_SHARP, key=score)
