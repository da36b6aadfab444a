"""Learned places of people: where factors of people and questions put them (`opinions.predictors`).

They are fitted on answers to questions with options that others may use, and kept as one model; it goes with
each of the people it was fitted on.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.answers import drop_models, shared_answers
from populace.memory.spaces import unit
from populace.memory.words import put_blobs

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
        If fewer than 20 people share answers to questions that others answered too.
    """
    from populace.memory.auditing import note
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
    data = people[order].astype("<i8").tobytes() + points[order].astype("<f4").tobytes()
    counts = Counter(frame["person"].to_list())
    with store.write() as writing:
        here = {row[0] for row in writing.fetch("SELECT person FROM memory_people")}
        if not here.issuperset(counts):
            raise DataError("somebody was deleted meanwhile", file=store.name, fix="learn again")
        drop_models(writing, KIND, purpose)
        model = writing.numbers("model", 1)
        blob = put_blobs(writing, [data])[0]
        row = (model, KIND, purpose, blob, time.time())
        writing.insert(t.models, ("model", "kind", "purpose", "blob", "made"), [row])
        writing.insert(t.model_people, ("person", "model"), [(each, model) for each in sorted(counts)])
        note(writing, "fit", purpose, sorted(counts.items()), actor=actor, model=model)
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
