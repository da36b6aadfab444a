"""Learned places of people: where factors of people and questions put them (`opinions.predictors`).

They are fitted on answers to questions with options that others may use, and kept as one model; it goes with
each of the people it was fitted on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from populace.memory.answers import checked_there, shared_answers
from populace.memory.fitted import keep_fit
from populace.memory.spaces import unit

if TYPE_CHECKING:
    from populace.memory.joining import Near
    from populace.memory.store import Store, Writing

__all__ = ["learn", "learned_nearest"]

KIND = "points"
_RANK = 16
_PEOPLE = 20_000
_QUESTIONS = 500
_LEAST = 20
"""People below whom nothing is learned."""
_HELD: WeakKeyDictionary[Store, tuple[int, np.ndarray, np.ndarray]] = WeakKeyDictionary()
"""Store -> model, people, points."""


def learn(store: Store, purpose: str, *, actor: str = "", seed: int = 0) -> int:
    """Fit the places of people who share answers; at most 20,000 people and 500 questions.

    Returns
    -------
    How many people have a place.

    Raises
    ------
    DataError
        If fewer than 20 people share answers to questions that others answered too, or one of these went
        meanwhile.
    """
    from populace.memory.predicting import read_responses
    from populace.opinions import Inputs
    from populace.opinions.predictors import Completion

    with store.write() as writing:
        frame = shared_answers(
            writing, purpose, people=_PEOPLE, questions=_QUESTIONS, least=_LEAST, seed=seed
        )
    opinions = read_responses(frame.drop("person", "item")).opinions
    fitted = Completion((_RANK,), (30.0,), 4, seed).fit(opinions, Inputs(known=None))
    points = unit(fitted.factors.fold(opinions.answers, fitted.prior(opinions.people)).astype(np.float32))
    people = np.array([int(name) for name in opinions.people["person_id"].to_list()], dtype=np.int64)
    order = np.argsort(people)
    # Few questions have fewer factors: noughts beside them change no product of two points.
    points = np.pad(points[order], ((0, 0), (0, _RANK - points.shape[1])))
    data = people[order].astype("<i8").tobytes() + points.astype("<f4").tobytes()
    with store.write() as writing:
        checked_there(writing, purpose, store.name, frame)
        keep_fit(writing, KIND, purpose, people.tolist(), data, items=len(frame), actor=actor)
    return len(people)


def learned_nearest(
    store: Store, writing: Writing, person: int, count: int, purpose: str
) -> list[Near] | None:
    """Find the people whose learned places are nearest; None if the person has none."""
    from populace.memory.joining import Near

    held = _held(store, writing, purpose)
    if held is None:
        return None
    people, points = held
    row = int(np.searchsorted(people, person))
    if row == len(people) or people[row] != person:
        return None
    alike = points @ points[row]
    alike[row] = -np.inf
    order = np.lexsort((people, -alike))[: min(count, len(people) - 1)]
    return [Near(int(people[place]), float(alike[place])) for place in order]


def _held(store: Store, writing: Writing, purpose: str) -> tuple[Any, Any] | None:
    rows = writing.fetch(
        "SELECT model, blob FROM memory_models WHERE kind = ? AND purpose = ? ORDER BY model DESC LIMIT 1",
        [KIND, purpose],
    )
    if not rows:
        _HELD.pop(store, None)
        return None
    model, blob = rows[0]
    held = _HELD.get(store)
    if held is None or held[0] != model:
        data = bytes(writing.fetch("SELECT data FROM memory_blobs WHERE blob = ?", [blob])[0][0])
        size = len(data) // (8 + 4 * _RANK)
        people = np.frombuffer(data, dtype="<i8", count=size).astype(np.int64)
        points = np.frombuffer(data, dtype="<f4", offset=8 * size).reshape(size, _RANK)
        held = _HELD[store] = (model, people, points)
    return held[1], held[2]
