"""Predictions of what a person will answer, from what the store holds and others share.

Routes are fitted on answers that others share for the purpose (`answers.shared_answers`), and held in this
process. That they were fitted, and on whom, stands in the store: where one of these people goes, or a
consent changes, the line goes, and what is held is fitted anew before it is used again. The person's own
items are read at each prediction, so what was added since counts. Attributes are not used yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec

from populace.errors import DataError
from populace.memory.answers import checked_same, shared_answers
from populace.memory.finding import items_of, person_of
from populace.memory.fitted import keep_fit

if TYPE_CHECKING:
    import polars as pl

    from populace.memory.item import Kept
    from populace.memory.predicting import Prediction, Query, ResponsePredictor
    from populace.memory.predicting.predictor import Method
    from populace.memory.store import Store, Writing

__all__ = ["foretell"]

_PEOPLE, _QUESTIONS, _LEAST = 5_000, 500, 20
_HELD: WeakKeyDictionary[Store, dict[str, tuple[int, ResponsePredictor]]] = WeakKeyDictionary()
"""Store -> kind and purpose -> number of the model in the store, and the routes."""


def foretell(
    store: Store,
    person_id: str,
    query: Query,
    *,
    purpose: str,
    actor: str = "",
    method: Method = "auto",
    same_question: bool = False,
    evidence: int = 5,
    seed: int = 0,
) -> Prediction:
    """Predict one answer; see `PersonaDB.predict`.

    Raises
    ------
    DataError
        If there is nobody of this name, fewer than 20 people share answers, or answers changed meanwhile.
    """
    with store.read() as connection:
        number = person_of(connection, person_id)
        if number is None:
            raise DataError(f"there is nobody named {person_id!r}", file=store.name)
        own = items_of(connection, number, purpose)
    predictor = _fitted(store, purpose, actor, same_question, seed)
    who = str(number)
    before = predictor.told.pop(who, None)
    try:
        if (known := _answered(own, who)) is not None:
            predictor.add(known)
        found = predictor.predict(who, query, method=method, evidence=evidence)
    finally:
        predictor.told.pop(who, None)
        if before is not None:
            predictor.told[who] = before
    return msgspec.structs.replace(found, person_id=person_id)


def _fitted(store: Store, purpose: str, actor: str, same_question: bool, seed: int) -> ResponsePredictor:
    """Give the routes held, where nobody they were fitted on is gone; else fit them."""
    from populace.memory.predicting import ResponsePredictor

    kind = f"responses, same question {same_question}, seed {seed}"
    held = _HELD.setdefault(store, {})
    model, predictor = held.get(f"{kind}, {purpose}", (None, None))
    if predictor is not None:
        with store.write() as writing:
            if writing.fetch("SELECT 1 FROM memory_models WHERE model = ?", [model]):
                return predictor
        del held[f"{kind}, {purpose}"]

    def read(writing: Writing) -> pl.DataFrame:
        return shared_answers(writing, purpose, people=_PEOPLE, questions=_QUESTIONS, least=_LEAST, seed=seed)

    with store.write() as writing:
        frame = read(writing)
    predictor = ResponsePredictor.fit(frame.drop("person", "item"), same_question=same_question, seed=seed)
    with store.write() as writing:
        checked_same(frame, read(writing), store.name)
        people = frame["person"].unique().to_list()
        # Only that it was fitted is kept: the routes themselves stay in this process.
        model = keep_fit(writing, kind, purpose, people, b"\0", items=frame.height, actor=actor)
    held[f"{kind}, {purpose}"] = (model, predictor)
    return predictor


def _answered(own: list[Kept], who: str) -> pl.DataFrame | None:
    """Lay out a person's answers to questions with options; None where there are none."""
    import polars as pl

    rows = [each.item for each in own if each.item.options]
    if not rows:
        return None
    return pl.DataFrame(
        {
            "person_id": [who] * len(rows),
            "text": [item.text for item in rows],
            "response": [item.response for item in rows],
            "options": [list(item.options) for item in rows],
            "ordinal": [item.ordinal for item in rows],
        },
        schema_overrides={"options": pl.List(pl.String)},
    )
