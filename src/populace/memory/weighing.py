"""What a model's predictions are worth, alone and beside the routes: measured on people left out.

Of people who share answers some are asked about again: the routes that did not learn from them, and the
model, are told the same of each. On half of the people the temperature of the model and the weights of the
mixture are chosen, and on the other half scored, and the other way round; what is kept is chosen on all. What
was measured rests on those people and goes with each of them, as any model does.

The model is told shared attributes and answers here, no statements and no neighbours: what it is worth with
them may differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from populace.errors import DataError
from populace.memory.answers import PREFIX
from populace.memory.auditing import note
from populace.memory.calls import Told, asked
from populace.memory.fitted import keep_fit, latest_fit
from populace.memory.fitting import Fitting, fitted, model_held
from populace.memory.predicting.prediction import Calibration
from populace.streams import stream

if TYPE_CHECKING:
    from populace.memory.predicting import ResponsePredictor
    from populace.memory.predicting.briefing import Known
    from populace.memory.predicting.trials import Trial
    from populace.memory.store import Store, Writing
    from populace.models.protocol import Provider
    from populace.run import Budget

__all__ = ["Weighed", "weigh", "weighed_before"]

_SHARP = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0)
_LEAST = 20
"""Answers of a model below which nothing can be said of it."""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is worth in predicting people of whom so much is known."""

    model: str
    known: int | None
    tokens: int
    asked: int
    """Questions that it was asked, each in both orders."""
    answered: int
    """Of these, those with an answer that could be read."""
    route: str
    """The best route without it."""
    sharp: float
    """Exponent of the model's own probabilities."""
    weights: tuple[float, float]
    """Of the model and of the route, in the mixture."""
    mixed: float
    """Exponent of the mixture."""
    alone: Calibration
    """Of the model; its gain is over the population."""
    blend: Calibration
    """Of the mixture; its gain is over the best route."""

    def temper(self, p: np.ndarray) -> np.ndarray:
        """Make a model's probabilities as sure as they may be."""
        return _tempered(p, self.sharp)

    def mix(self, model: np.ndarray, route: np.ndarray) -> np.ndarray:
        """Mix the model's tempered probabilities with the route's."""
        mine, theirs = self.weights
        return _tempered(mine * model + theirs * route, self.mixed)


class _Chosen(NamedTuple):
    sharp: float
    weights: tuple[float, float]
    mixed: float


def _tempered(p: np.ndarray, sharp: float) -> np.ndarray:
    found = np.maximum(p, 1e-12) ** sharp * (p > 0)
    return found / found.sum(axis=-1, keepdims=True)


def _kind(model: str, known: int | None, tokens: int, same_question: bool) -> str:
    told = f"{model} {tokens} {same_question}"
    return f"weighed {blake2b(told.encode(), digest_size=8).hexdigest()} {known}"


def weighed_before(
    store: Store, model: str, known: int | None, tokens: int, *, purpose: str, same_question: bool
) -> Weighed | None:
    """Give what `weigh` measured; None where it did not, or somebody who was in it is gone."""
    with store.read() as connection:
        found = latest_fit(connection, _kind(model, known, tokens, same_question), purpose)
    return None if found is None else msgspec.json.decode(found.data, type=Weighed)


def weigh(
    store: Store,
    provider: Provider,
    how: Fitting,
    *,
    cells: int = 100,
    tokens: int = 400,
    progress: Told | None = None,
    budget: Budget | None = None,
) -> Weighed:
    """Ask a model about answers that are known, and hold it beside the routes.

    Parameters
    ----------
    how
        What it is weighed for.
    cells
        Answers that are asked for, each in both orders of its options.
    tokens
        What the model is told of a person at most.
    budget
        The most that the calls may cost, over all tries of the same work.

    Raises
    ------
    TooFewError
        If fewer than 20 people share answers.
    DataError
        If fewer than 20 answers of the model can be read, or somebody it was weighed on went meanwhile.
    """
    from populace.memory.predicting.lm import ModelRoute

    predictor = fitted(store, how)
    model = model_held(store, how)
    trial = _some(predictor, cells, how.seed)
    items = predictor.responses.opinions.items
    route = ModelRoute(provider.model, tokens=tokens, seed=how.seed)
    questions = [items[column] for column in trial.columns.tolist()]
    requests = route.requests(_known(predictor, trial), questions)
    ids = predictor.responses.opinions.people["person_id"]
    counts = Counter(int(ids[row]) for row in trial.rows.tolist())
    with store.write() as writing:
        _check_fit(writing, model, store.name)
        note(writing, "weigh by model", how.purpose, sorted(counts.items()), actor=how.actor)
    work = f"weigh {how.kind} {how.purpose} {provider.model} {tokens} {cells}"
    with asked(store, work, requests, provider, stage="weigh", progress=progress, budget=budget) as results:
        read = route.read(results, questions)
        p = np.full((len(read), trial.p[predictor.best].shape[1]), np.nan)
        p[:, : read.shape[1]] = read
        found = _measured(predictor, trial, p, provider.model, how, tokens)
        kind = _kind(provider.model, how.known, tokens, how.same_question)
        data = msgspec.json.encode(found)
        with store.write() as writing:
            _check_fit(writing, model, store.name)
            keep_fit(
                writing,
                kind,
                how.purpose,
                [int(who) for who in ids],
                data,
                items=len(trial.truth),
                actor=how.actor,
            )
    return found


def _check_fit(writing: Writing, model: int, name: str) -> None:
    """Refuse to go on with routes of which somebody went, or which were fitted anew."""
    if not writing.fetch("SELECT 1 FROM memory_models WHERE model = ?", [model]):
        raise DataError(
            "somebody who was weighed on went meanwhile, or shares no more", file=name, fix="call it again"
        )


def _some(predictor: ResponsePredictor, cells: int, seed: int) -> Trial:
    """Draw cells of the trial."""
    trial = predictor.trial
    assert trial is not None  # `fitted` fits nothing on fewer people than a trial needs
    if cells < _LEAST:
        raise DataError(f"of {cells} answers nothing can be said", fix=f"ask for {_LEAST} or more")
    at = np.sort(stream(seed, "memory.weighing").permutation(len(trial.truth))[:cells])
    return _taken(trial, at)


def _taken(trial: Trial, at: np.ndarray) -> Trial:
    return replace(
        trial,
        rows=trial.rows[at],
        columns=trial.columns[at],
        truth=trial.truth[at],
        weights=trial.weights[at],
        p={name: rows[at] for name, rows in trial.p.items()},
    )


def _known(predictor: ResponsePredictor, trial: Trial) -> list[Known]:
    """Lay out what the routes were told of each person: attributes, and answers by likeness."""
    from populace.memory.predicting.briefing import Known
    from populace.opinions import NONE

    items, people = predictor.responses.opinions.items, predictor.responses.opinions.people
    points = predictor.folded.words.questions.points([item.question for item in items])
    names = [name for name in people.columns if name.startswith(PREFIX)]
    assert trial.told is not None
    found = []
    for row, column in zip(trial.rows.tolist(), trial.columns.tolist(), strict=True):
        codes = trial.told[row]
        there = [place for place in np.flatnonzero(codes != NONE).tolist() if place != column]
        facts = ((name.removeprefix(PREFIX), people[name][row]) for name in names)
        found.append(
            Known(
                distilled=tuple(f"{name}: {value}" for name, value in facts if value is not None),
                own=tuple((items[each].question, items[each].options[codes[each]]) for each in there),
                near=tuple(float(points[each] @ points[column]) for each in there),
            )
        )
    return found


def _measured(
    predictor: ResponsePredictor, trial: Trial, p: np.ndarray, model: str, how: Fitting, tokens: int
) -> Weighed:
    """Choose on one half of the people, score on the other."""
    from populace.memory.predicting.trials import calibrated
    from populace.stats.crossed import crossed_mean

    there = np.flatnonzero(~np.isnan(p).any(axis=1))
    if len(there) < _LEAST:
        raise DataError(
            f"of {len(p)} answers of {model} {len(there)} could be read",
            fix="take another model, or ask for more",
        )
    kept, p = _taken(trial, there), p[there]
    base, people = kept.p[predictor.best], np.unique(kept.rows)
    second = np.isin(kept.rows, stream(how.seed, "memory.weighing.halves").permutation(people)[::2])
    alone, blend = np.zeros_like(base), np.zeros_like(base)
    for held in (second, ~second):
        chosen = _chosen(kept, p, base, ~held if (~held).any() else held)
        alone[held] = _tempered(p[held], chosen.sharp)
        mine, theirs = chosen.weights
        blend[held] = _tempered(mine * alone[held] + theirs * base[held], chosen.mixed)
    whole = _chosen(kept, p, base, np.ones(len(p), dtype=bool))

    def gain(ours: np.ndarray, other: np.ndarray) -> Any:
        return crossed_mean(kept.logs(ours) - kept.logs(other), kept.rows, kept.columns, within=None)

    return Weighed(
        model=model,
        known=how.known,
        tokens=tokens,
        asked=len(trial.truth),
        answered=len(there),
        route=predictor.best,
        sharp=whole.sharp,
        weights=whole.weights,
        mixed=whole.mixed,
        alone=calibrated(kept, "model", gain(alone, kept.p["mode"]), how.known, how.seed, p=alone),
        blend=calibrated(kept, "blend with model", gain(blend, base), how.known, how.seed, p=blend),
    )


def _chosen(trial: Trial, p: np.ndarray, base: np.ndarray, at: np.ndarray) -> _Chosen:
    """Choose temperature and weights on some cells."""
    from populace.memory.predicting.blending import weighed

    some = _taken(trial, np.flatnonzero(at))
    model, route = p[at], base[at]

    def score(sharp: float) -> float:
        return float(some.weights @ some.logs(_tempered(model, sharp)))

    sharp = max(_SHARP, key=score)
    both: Sequence[str] = ("model", "route")
    parts = replace(some, p={"model": _tempered(model, sharp), "route": route})
    weights, mixed = weighed(parts, list(both))
    return _Chosen(sharp, (float(weights[0]), float(weights[1])), mixed)
