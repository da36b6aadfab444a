"""A front of measured models: how sure it is who is on it, and what it is worth.

Questions are resampled, all models on the same ones, and the front is found anew each time. A model that is
on the measured front in half of the resamples is on it by luck as much as by merit.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.fronts import front
from populace.pluralism.multi_objective.points import Directions, Floats, evened, oriented
from populace.pluralism.multi_objective.volume import hypervolume
from populace.stats import Estimate, bootstrap_replicates
from populace.stats.bootstrap import estimate_from_replicates
from populace.stats.crossed import crossed_mean

__all__ = ["FrontEstimate", "ModelOnFront", "estimate_front"]


class ModelOnFront(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a measured front."""

    name: str
    scores: tuple[Estimate, ...]
    """Its mean on each objective, as given (not turned)."""
    on_front: bool
    """Whether no other model's means dominate its own."""
    often: float
    """Share of resamples in which it is on the front."""


class FrontEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Models, who of them is on the front, and how sure that is."""

    models: tuple[ModelOnFront, ...]
    objectives: tuple[str, ...]
    volume: Estimate | None
    """Hypervolume of the means above the reference; None without a reference."""
    size: Estimate
    """How many models are on the front."""
    method: str

    @property
    def front(self) -> tuple[str, ...]:
        """Name those on the front."""
        return tuple(model.name for model in self.models if model.on_front)


def estimate_front(
    values: npt.ArrayLike,
    models: Sequence[str] | None = None,
    objectives: Sequence[str] | None = None,
    *,
    clusters: npt.ArrayLike | None = None,
    directions: Directions = "max",
    reference: npt.ArrayLike | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> FrontEstimate:
    """Estimate the front of models that were scored on the same questions.

    Parameters
    ----------
    values
        Shape (models, questions, objectives), without gaps (`Scores.shared`).
    models, objectives
        Their names; numbers from 1 if left out.
    clusters
        What questions share (a topic, a person), one entry a question; each is its own if left out.
    directions
        `max` or `min`, for all objectives or one each.
    reference
        Of the hypervolume; without one it is not found.
    draws, level, seed
        Of the resamples and the intervals.

    Notes
    -----
    The best of noisy means is too good: hypervolume and size of the front are biased upwards, the more so the
    fewer questions and the more models there are. Resampling shows the spread, not that bias.

    Means that differ by rounding alone are equal (`points.evened`): models that tie on an objective do so
    also where the order of their scores would decide the last digit.

    Raises
    ------
    DataError
        If anything is malformed, or a number of names does not fit.
    ValueError
        If `draws` or `level` is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> true = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> found = estimate_front(true[:, None] + rng.normal(size=(3, 50, 2)), ["a", "b", "c"])
    >>> found.front, [model.often for model in found.models]
    (('a', 'b'), [1.0, 1.0, 0.0])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 3:
        raise DataError(f"`values` has the shape {array.shape}", fix="give (models, questions, objectives)")
    oriented(array, directions, name="values")
    names = _names("model", models, array.shape[0])
    aims = _names("objective", objectives, array.shape[2])
    code = _codes(clusters, array.shape[1])
    counts = np.zeros((int(code.max()) + 1, array.shape[0] * array.shape[2] + 1))
    np.add.at(counts[:, :-1], code, array.transpose(1, 0, 2).reshape(array.shape[1], -1))
    np.add.at(counts[:, -1], code, 1.0)

    size = np.abs(array).max(axis=(0, 1))

    def means(total: Floats) -> Floats:
        found = (total[:, :-1] / total[:, -1:]).reshape(-1, array.shape[0], array.shape[2])
        return evened(found, size)

    resampled = bootstrap_replicates(counts, means, draws=draws, seed=seed)
    whole = means(counts.sum(axis=0)[None])[0]
    masks, now = front(resampled, directions), front(whole, directions)

    def estimate(value: float, replicates: Floats) -> Estimate:
        kind = {"draws": draws, "seed": seed, "level": level, "unit": "question"}
        return estimate_from_replicates(value, replicates, n=array.shape[1], clusters=len(counts), **kind)  # pyright: ignore[reportArgumentType]

    volume = None
    if reference is not None:
        volume = estimate(
            hypervolume(whole, reference, directions),
            np.array([hypervolume(each, reference, directions) for each in resampled]),
        )
    return FrontEstimate(
        models=tuple(
            ModelOnFront(
                name=name,
                scores=tuple(crossed_mean(column, code, within=None, level=level) for column in array[row].T),
                on_front=bool(now[row]),
                often=float(masks[:, row].mean()),
            )
            for row, name in enumerate(names)
        ),
        objectives=aims,
        volume=volume,
        size=estimate(float(now.sum()), masks.sum(axis=1).astype(np.float64)),
        method=f"{draws} resamples of {len(counts)} questions, all models on the same ones",
    )


def _names(what: str, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    names = tuple(f"{what} {place + 1}" for place in range(count)) if given is None else tuple(given)
    if len(names) != count or len(set(names)) != count:
        raise DataError(f"there are {count} {what}s and {len(set(names))} names", fix="name each once")
    return names


def _codes(clusters: npt.ArrayLike | None, questions: int) -> npt.NDArray[np.int64]:
    if questions < 1:
        raise DataError("there are no questions", fix="score the models on at least one")
    given = np.arange(questions) if clusters is None else np.asarray(clusters)
    if given.shape != (questions,):
        raise DataError(f"`clusters` has the shape {given.shape} and needs ({questions},)")
    return np.unique(given, return_inverse=True)[1].astype(np.int64)
