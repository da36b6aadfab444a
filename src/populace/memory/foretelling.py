"""Predictions of what a person will answer, from what the store holds, what others share, and a model.

The person's own items are read at each prediction, so what was added since counts; attributes too, and such
as the caller tells. Routes are fitted on what others share (`fitting`). A model reads what a retrieval gives
(`modelling`); what it is worth, alone and beside the routes, `weigh` measures (`weighing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.answers import PREFIX, TooFewError
from populace.memory.consent import usable
from populace.memory.finding import attributes_of, items_of, person_of, text_numbers
from populace.memory.fitting import Fitting, fitted, size_of
from populace.memory.item import checked_text, order_said, plain
from populace.memory.words import read_scale, read_texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.item import Kept
    from populace.memory.predicting import Prediction, Query, ResponsePredictor
    from populace.memory.predicting.prediction import Method
    from populace.memory.store import Store

__all__ = ["Asked", "foretell", "known_answers", "nothing_known", "whom"]


class Asked(NamedTuple):
    """Who is asked what."""

    person_id: str
    """Empty: somebody of whom only attributes are told."""
    number: int | None
    query: Query
    own: tuple[Kept, ...]
    attributes: dict[str, str]
    """Of the store, and what the caller tells beside it, or instead."""
    given: frozenset[str]
    """Names of those that the caller tells."""

    @property
    def same(self) -> frozenset[int]:
        """Own items that answer the very question, however it is written."""
        asked = plain(self.query.text)
        return frozenset(each.item_id for each in self.own if plain(each.item.text) == asked)


def foretell(
    store: Store,
    asked: Asked,
    *,
    purpose: str,
    actor: str = "",
    method: Method = "auto",
    same_question: bool = False,
    words: bool = False,
    evidence: int = 5,
    seed: int = 0,
) -> Prediction:
    """Predict one answer without a model; see `PersonaDB.predict`.

    Raises
    ------
    TooFewError
        If fewer than 20 people share answers, and a method is asked for.
    DataError
        If the method is unknown, a free text is asked without `words`, or answers changed meanwhile.
    """
    from populace.memory.predicting.prediction import METHODS

    query, who = asked.query, str(asked.number)
    if method not in METHODS:
        raise DataError(f"no method is {method!r}", fix=f"take one of {', '.join(METHODS)}")
    if not query.options and not words:
        raise DataError(
            "without options a prediction is made of others' own words",
            fix="give options, or allow it by words=True",
        )
    how = Fitting(purpose, actor, size_of(known_answers(asked, words=words)), same_question, words, seed)
    try:
        predictor = fitted(store, how)
    except TooFewError as few:
        if method != "auto" or not query.options:
            raise
        return nothing_known(asked, same_question, f"{few.what}: every option alike")
    codes = _codes(predictor, asked.own, who)
    from populace.memory.predicting.people import described

    columns = {f"{PREFIX}{name}": value for name, value in asked.attributes.items()}
    person = described(predictor.people, columns, who)
    found = predictor.foretold(codes, person, query, method=method, evidence=evidence)
    used = tuple(name for name in asked.attributes if f"{PREFIX}{name}" in predictor.people.columns)
    left = sorted(set(asked.attributes) - set(used))
    notes = (f"too few others share the attributes {', '.join(left)}",) if left else ()
    return msgspec.structs.replace(
        found,
        person_id=asked.person_id,
        attributes=used,
        notes=notes,
        evidence=_numbered(found, asked.own),
    )


def known_answers(asked: Asked, *, words: bool) -> int:
    """Count own answers to other questions; own words only where others' are used too."""
    return sum(bool(each.item.options) or words for each in asked.own if each.item_id not in asked.same)


def nothing_known(asked: Asked, same_question: bool, why: str) -> Prediction:
    """Say that every option is as likely."""
    from populace.memory.predicting import Prediction

    options = asked.query.options
    alike = tuple([1 / len(options)] * len(options))
    return Prediction(
        person_id=asked.person_id,
        text=asked.query.text,
        options=options,
        probabilities=alike,
        method="population",
        population=alike,
        abstained=True,
        why=why,
        known=len(asked.own) - len(asked.same),
        same_question=same_question,
        ordinal=asked.query.ordinal,
    )


def whom(
    store: Store,
    person_id: str | None,
    question: str,
    options: Sequence[str] | None,
    *,
    ordinal: bool,
    attributes: Mapping[str, str] | None,
    purpose: str,
) -> Asked:
    """Read what is known of a person, and what the question's options are.

    Options that are not given are those under which the question was asked: of the person, else of others who
    share their answers, of the store's `least_people` at least; none where it was asked without.

    Raises
    ------
    DataError
        If there is nobody of this name, or question, options or attributes are none.
    """
    from populace.memory.predicting import Query

    if not checked_text(question, "question").strip():
        raise DataError("nothing is asked", column="question", fix="give a question")
    if options is not None:
        options = _checked(options)
    told = {
        checked_text(name, "attributes"): checked_text(value, name)
        for name, value in (attributes or {}).items()
    }
    least = store.setting("least_people") if options is None else 0
    with store.read() as connection:
        number, own, known = None, [], {}
        if person_id is not None:
            number = person_of(connection, person_id)
            if number is None:
                raise DataError(f"there is nobody named {person_id!r}", file=store.name, column="person_id")
            own, known = items_of(connection, number, purpose), attributes_of(connection, number, purpose)
        if options is None:
            options, ordinal = _options(connection, question, own, purpose, least)
    query = Query(question, tuple(options), ordinal)
    return Asked(person_id or "", number, query, tuple(own), {**known, **told}, frozenset(told))


def _checked(options: Sequence[str]) -> tuple[str, ...]:
    """Give options back if they are some, each a text, all different."""
    if not isinstance(options, str) and isinstance(options, Iterable):
        found = tuple(checked_text(each, "options") for each in options)
        if all(found) and len(set(found)) == len(found) > 1:
            return found
    raise DataError(f"{options!r} are no options", column="options", fix="give at least two, all different")


def _options(
    connection: Connection, question: str, own: Sequence[Kept], purpose: str, least: int
) -> tuple[tuple[str, ...], bool]:
    from sqlalchemy import func, select

    for each in reversed(own):
        if each.item.text == question and each.item.options:
            return each.item.options, each.item.ordinal
    text, c = text_numbers(connection, [question]).get(question, -1), t.items.c
    wanted = select(c.scale).where(c.text == text, c.scale != 0, usable(c.consent, purpose, by_others=True))
    wanted = wanted.group_by(c.scale).having(func.count(c.person.distinct()) >= least)
    wanted = wanted.order_by(func.count().desc(), c.scale).limit(1)
    scale = connection.execute(wanted).scalar() or 0
    return read_scale(read_texts(connection, [scale])[scale])


def _codes(predictor: ResponsePredictor, own: Sequence[Kept], who: str) -> np.ndarray:
    """Give own answers as codes of the questions that the routes know."""
    import polars as pl

    rows = [each.item for each in _by_time(own) if each.item.text and each.item.response.strip()]
    if not rows:
        return predictor.nothing
    frame = pl.DataFrame(
        {
            "person_id": [who] * len(rows),
            "text": [item.text for item in rows],
            "response": [item.response for item in rows],
            "options": [list(item.options) or None for item in rows],
            "ordinal": [item.ordinal for item in rows],
        },
        schema_overrides={"options": pl.List(pl.String)},
    )
    return predictor.responses.codes(frame)[1][0]


def _by_time(own: Sequence[Kept]) -> list[Kept]:
    """Order own items as they were said: the last answer to a question is the one that counts."""
    return sorted(own, key=lambda each: order_said(each.item.time, each.item_id))


def _numbered(found: Prediction, own: Sequence[Kept]) -> tuple[Any, ...]:
    """Say which items the evidence is: of one question the latest."""
    numbers = {each.item.text: each.item_id for each in _by_time(own)}
    return tuple(msgspec.structs.replace(each, item=numbers.get(each.text)) for each in found.evidence)
