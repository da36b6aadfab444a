"""What routes are worth, measured on training people who are told as much as the tested will be.

People are cut into parts; each part is predicted by routes that learned from the others. Of these
predictions a blend takes its weights, and abstention its bound: where a route has not shown that it beats the
population it says what the population says, and that it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from populace.errors import DataError
from populace.memory.predicting.collaborative import Collaborative, Folded
from populace.memory.predicting.prediction import Calibration, Method
from populace.memory.predicting.route import Cells, FittedRoute, Route
from populace.opinions import NONE, Inputs, Opinions
from populace.opinions.predictors.masks import masked
from populace.stats import Estimate
from populace.stats.calibration import calibration_error
from populace.stats.crossed import crossed_mean
from populace.streams import stream

__all__ = ["FEWEST", "Abstaining", "Gains", "Trial", "calibrated", "fitted", "gains", "settled", "tried"]

_FLOOR = 1e-6
FEWEST = 20
"""People that a trial of routes needs; of fewer nobody can say whether a route beats the population."""


@dataclass(frozen=True)
class Trial:
    """Predictions of cells whose answers are known, by routes that did not see them.

    Attributes
    ----------
    rows, columns, truth, weights
        Shape (C,): person, question, answer and the person's weight.
    p
        Route -> shape (C, widest).
    """

    opinions: Opinions
    rows: np.ndarray
    columns: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    p: dict[str, np.ndarray]
    told: np.ndarray | None = None
    """Shape (N, M), what the routes were told of each of the people; `NONE` for who was not asked."""

    def logs(self, p: np.ndarray) -> np.ndarray:
        """Log probability of each answer: shape (C,)."""
        return np.log(np.maximum(p[np.arange(len(self.truth)), self.truth], _FLOOR))


def tried(
    train: Opinions,
    inputs: Inputs,
    routes: Sequence[Route],
    *,
    folds: int = 2,
    most: int = 300,
    seed: int = 0,
) -> Trial:
    """Cross-fit routes.

    Parameters
    ----------
    folds
        Parts; each route is fitted as often.
    most
        People that are asked, over all parts.

    Raises
    ------
    DataError
        If there are fewer than two people a part.
    """
    rng = stream(seed, "memory.trials")
    if folds < 2 or len(train) < 2 * folds:
        raise DataError(f"{len(train)} people cannot be cut into {folds} parts", fix="give more people")
    part = rng.permutation(len(train)) % folds
    found: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]] = []
    told = np.full(train.answers.shape, NONE, dtype=train.answers.dtype)
    for fold in range(folds):
        outer = np.flatnonzero(part == fold)[: max(most // folds, 1)]
        known, asked = masked(train.take(outer), inputs.known, rng)
        rows, columns = np.nonzero(asked)
        cells = Cells(train.people[outer], known, rows, columns)
        told[outer] = known
        inner = train.take(part != fold)
        p = {name: each.predict(cells) for name, each in fitted(routes, inner, inputs).items()}
        found.append((outer[rows], columns, p))
    rows = np.concatenate([each[0] for each in found])
    columns = np.concatenate([each[1] for each in found])
    names = [route.name for route in routes]
    p = {name: np.concatenate([each[2][name] for each in found]) for name in names}
    truth = train.answers[rows, columns].astype(np.int64)
    return Trial(train.take([]), rows, columns, truth, train.weights[rows], p, told)


def fitted(routes: Sequence[Route], train: Opinions, inputs: Inputs) -> dict[str, FittedRoute]:
    """Fit routes, by name; those that are the same factors, with and without the person, share their fits."""
    found: dict[str, FittedRoute] = {}
    shared: dict[Collaborative, Folded] = {}
    for route in routes:
        if not isinstance(route, Collaborative):
            found[route.name] = route.fit(train, inputs)
            continue
        key = replace(route, personal=True, label="")
        if key not in shared:
            shared[key] = key.fit(train, inputs)
        found[route.name] = replace(shared[key], route=route)
    return found


@dataclass(frozen=True)
class Gains:
    """By how much a route's log score is above the population's.

    Attributes
    ----------
    overall
        Mean gain, nats an answer, over people and questions.
    items
        Shape (M,), of each question, shrunk to the overall one; nan where nothing was measured.
    """

    overall: Estimate
    items: np.ndarray

    def abstains(self, columns: np.ndarray) -> np.ndarray:
        """Tell where the population is as good: everywhere, unless the gain is above 0 for sure."""
        if not self.overall.low > 0:
            return np.ones(len(columns), dtype=bool)
        gain = self.items[columns]
        return ~np.isnan(gain) & (gain <= 0)


def gains(trial: Trial, ours: str, base: str) -> Gains:
    """Hold one route of a trial against another.

    The gain of a question is drawn to the overall one by how much questions differ beyond chance (method of
    moments). Intervals know people and questions (`populace.stats.crossed`).
    """
    each = trial.logs(trial.p[ours]) - trial.logs(trial.p[base])
    overall = crossed_mean(each, trial.rows, trial.columns, within=None)
    count = len(trial.opinions.items)
    n = np.bincount(trial.columns, minlength=count).astype(np.float64)
    mean = np.divide(np.bincount(trial.columns, each, minlength=count), n, out=np.zeros(count), where=n > 0)
    noise = float(((each - mean[trial.columns]) ** 2).sum()) / max(len(each) - (n > 0).sum(), 1)
    there = n > 0
    error = noise / np.maximum(n, 1)
    spread = (
        max(float(((mean[there] - overall.value) ** 2 - error[there]).mean()), 0.0) if there.any() else 0.0
    )
    pull = spread / (spread + error) if spread else np.zeros(count)
    items = np.where(there, overall.value + pull * (mean - overall.value), np.nan)
    return Gains(overall, items)


def without(trial: Trial, column: int) -> Trial:
    """Leave out a question."""
    at = trial.columns != column
    return replace(
        trial,
        rows=trial.rows[at],
        columns=trial.columns[at],
        truth=trial.truth[at],
        weights=trial.weights[at],
        p={name: rows[at] for name, rows in trial.p.items()},
    )


def calibrated(
    trial: Trial, route: str, gain: Estimate, known: int | None, seed: int, *, p: np.ndarray | None = None
) -> Calibration:
    """Say what a route of a trial was worth; `p` where its predictions are not in the trial."""
    rows = trial.p[route] if p is None else p
    likeliest = rows.argmax(axis=1)
    right = (likeliest == trial.truth).astype(np.float64)
    sure = np.clip(rows[np.arange(len(rows)), likeliest], 0.0, 1.0)
    return Calibration(
        route=route,
        known=known,
        accuracy=crossed_mean(right, trial.rows, trial.columns),
        gain=gain,
        error=calibration_error(sure, right, trial.rows, draws=500, seed=seed),
    )


def settled(
    method: Method, best: str, gained: Mapping[str, Gains], columns: np.ndarray
) -> tuple[str, str, bool]:
    """Settle which route predicts a question: its name, why, and whether the population stands for it."""
    if method not in ("auto", "blend"):
        return method, "the caller chose it", False
    if not gained:
        why = f"fewer than {FEWEST} people: nothing shows that a route beats the population"
        return "mode", why, True
    name = best if method == "auto" else "blend"
    found = gained[name]
    why = f"log score above the population's by {found.overall} nats an answer, on people left out"
    if method == "blend" or not found.abstains(columns)[0]:
        return name, why, False
    doubt = "not for sure" if not found.overall.low > 0 else "not where this question is asked"
    return name, f"{why}: {doubt}", True


@dataclass(frozen=True)
class Abstaining:
    """A route that says what the population says where it has not shown to be better."""

    fitted: FittedRoute
    base: FittedRoute
    gains: Gains

    def predict(self, cells: Cells) -> np.ndarray:
        """Predict, and fall back."""
        silent = self.gains.abstains(cells.columns)[:, None]
        return np.where(silent, self.base.predict(cells), self.fitted.predict(cells))
