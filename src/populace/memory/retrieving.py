"""Retrieval: own items and those of people alike, under a budget of tokens, each with its provenance.

In this order: the always-on profile (at most half of the budget), own items by likeness to the query, joined
items likewise in the share that is theirs. All that is told counts. What does not fit is left out and
counted, never cut.

What a JOIN may tell of others: responses to questions with options, and statements about issues and
entities; their own words only with `words=True`. Only where their consent shares it for this purpose, from at
least as many people as the store's `least_people`, and each of them gets a line in the audit, in the
transaction of the retrieval. They appear under a pseudonym that holds for one reader. What they said to the
very question, and what was derived from it, is left out unless `same_question=True`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from populace.errors import DataError
from populace.memory.asking import ask_of, marks, texts_of
from populace.memory.codes import item_codes
from populace.memory.hits import Hit, Retrieved, Telling, estimated_tokens
from populace.memory.joining import WAYS, Near, Way, checked_way, keep_placed, nearest
from populace.memory.layers import PROFILE, SHARED, Statement, statements_of
from populace.memory.sharing import read_shared
from populace.memory.spaces import HASHED, Space
from populace.memory.vectors import likeness

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["PAPER", "Hit", "Retrieved", "estimated_tokens", "retrieve"]

PAPER: dict[str, Any] = {"items": 40, "share": 0.25, "neighbours": 3, "way": "cache"}
"""r = 40 items, x = 25 % of them joined, K = 3 neighbours (the released code's) by the cache; K is raised to
the store's `least_people`."""
_SHORT = 8
"""Tokens of a short hit: of each side's items as many are looked at closer as would fit if all were short."""
_SPACE = re.compile(r"[\W_]+")


class _Asked(msgspec.Struct, frozen=True):
    """A retrieval."""

    person: int
    query: str
    text: int | None
    """The number of the query among the texts, if it is there."""
    purpose: str
    actor: str
    space: Space
    words: bool
    same_question: bool


def retrieve(
    store: Store,
    person_id: str,
    query: str,
    *,
    purpose: str,
    actor: str = "",
    tokens: int = 400,
    items: int | None = None,
    share: float | Literal["auto"] = "auto",
    neighbours: int | Literal["auto"] = "auto",
    way: Way | Literal["auto"] = "auto",
    same_question: bool = False,
    words: bool = False,
    profile: bool = True,
    space: Space = HASHED,
    count: Callable[[str], int] = estimated_tokens,
) -> Retrieved:
    """Gather what may be told of a person when something is asked.

    Parameters
    ----------
    store
        Where people are.
    person_id, query
        Who is asked what.
    purpose, actor
        What for, and who runs it.
    tokens
        Budget of all hits together.
    items
        r, items at most beside the profile; None: as many as fit.
    share
        x, of the items (without `items`: of the tokens left beside the profile) for neighbours.
        `auto`: what `choose` found by cross-validation; 0 where it was not asked, or nothing helped.
    neighbours
        K; raised to the store's `least_people`.
    way
        How neighbours are found; `auto`: by answers, else the cache, else attributes.
    same_question
        Whether a neighbour's response to the very question may be told, and whether a person's own counts
        where neighbours are looked for.
    words
        Whether neighbours' own words may be told.
    profile
        Whether attributes and descriptive statements are told whatever is asked.
    space
        Where texts are compared.
    count
        Counts the tokens of a line.

    Raises
    ------
    DataError
        If there is nobody of this name, or a setting is out of range.
    """
    _check(tokens, items, share, neighbours)
    if way != "auto":
        checked_way(way)
    from populace.memory.choosing import settled

    placed = True
    if share:
        placed = way == "learned" or keep_placed(store, purpose, space)
    with store.write() as writing:
        numbers = writing.words.find([person_id, query])
        person = _person(store, writing, numbers.get(person_id), person_id)
        text = numbers.get(query) or None
        asked = _Asked(person, query, text, purpose, actor, space, words, same_question)
        chosen = settled(writing, purpose, _known(writing, asked), share, neighbours, way)
        point = space.points([query])[0]
        said = statements_of(writing.connection, [person], purpose)[person]
        most = items if items is not None else 16 + tokens // _SHORT
        own = _own(writing, asked, point, said, most)
        told = Telling(tokens, items, count)
        if profile:
            told.profile(_profile(writing, asked, said))
        if not chosen.share:
            told.tell(own, [], 0.0)
            return told.done(0.0, 0, "", chosen.notes)
        size = max(chosen.neighbours, writing.least_people)
        near, how = _near(store, writing, asked, chosen.way, size)
        theirs, people, notes = _joined(writing, asked, near, point, most)
    if not placed and not near:
        notes = (*notes, "nobody is placed yet: call place()")
    told.tell(own, theirs, chosen.share if theirs else 0.0)
    return told.done(chosen.share if theirs else 0.0, people, how, (*chosen.notes, *notes))


def _check(tokens: int, items: int | None, share: Any, neighbours: Any) -> None:
    if tokens < 1:
        raise DataError(f"a budget of {tokens} tokens holds nothing", fix="give at least 1")
    if items is not None and items < 0:
        raise DataError(f"{items} items cannot be told", fix="give 0 or more, or None")
    if share != "auto" and not (isinstance(share, (int, float)) and 0 <= share <= 1):
        raise DataError(f"{share!r} is no share", fix="give a number from 0 to 1, or `auto`")
    if neighbours != "auto" and not (isinstance(neighbours, int) and neighbours >= 1):
        raise DataError(f"{neighbours!r} neighbours cannot be found", fix="give 1 or more, or `auto`")


def _person(store: Store, writing: Writing, name: int | None, person_id: str) -> int:
    rows = writing.fetch("SELECT person FROM memory_people WHERE name = ?", [name or -1])
    if not rows:
        raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
    return rows[0][0]


def _known(writing: Writing, asked: _Asked) -> int:
    """Count a person's items."""
    return writing.fetch("SELECT count(*) FROM memory_items WHERE person = ?", [asked.person])[0][0]


_DESCRIBING = (*PROFILE, "analysis")


def _profile(writing: Writing, asked: _Asked, said: Sequence[Statement]) -> list[Hit]:
    """Give the person's attributes, and the statements that describe them."""
    rows = ask_of(
        writing.connection,
        "SELECT name, value FROM memory_attributes WHERE person IN ({}) "
        "AND consent IN (SELECT consent FROM memory_purposes WHERE purpose = ?)",
        [asked.person],
        [asked.purpose],
    )
    texts = texts_of(writing.connection, {number for row in rows for number in row})
    hits = [
        Hit(text=f"{name}: {value}", whose="own", layer="attribute", score=1.0, tokens=0, field=name)
        for name, value in sorted((texts[name], texts[value]) for name, value in rows)
    ]
    order = {field: place for place, field in enumerate(_DESCRIBING)}
    told = sorted(
        (each for each in said if each.field in order),
        key=lambda each: (each.layer, order[each.field], -(each.confidence or 0.0), each.statement),
    )
    return hits + [_stated(each, 1.0) for each in told]


def _stated(each: Statement, score: float, whose: str = "own", near: float | None = None) -> Hit:
    return Hit(
        text=f"{each.field}: {each.text}",
        whose=whose,
        layer=each.layer,
        score=score,
        tokens=0,
        items=each.items if near is None else (),
        field=each.field,
        model=each.model,
        confidence=each.confidence,
        near=near,
    )


def _own(
    writing: Writing, asked: _Asked, point: np.ndarray, said: Sequence[Statement], most: int
) -> list[Hit]:
    """Give own items and beliefs, the most like the query first, of equals the later."""
    mine = _table(
        writing.fetch(
            "SELECT person, item FROM memory_items WHERE person = ? "
            "AND consent IN (SELECT consent FROM memory_purposes WHERE purpose = ?) ORDER BY item",
            [asked.person, asked.purpose],
        )
    )
    scores = likeness(point, item_codes(writing, mine, asked.space))
    order = np.lexsort((-mine[:, 1], -scores))[:most]
    hits = _history(writing, mine[order], scores[order])
    beliefs = [each for each in said if each.field in SHARED]
    return sorted(hits + _scored(beliefs, asked, point), key=lambda hit: -hit.score)


def _scored(said: Sequence[Statement], asked: _Asked, point: np.ndarray) -> list[Hit]:
    if not said:
        return []
    scores = asked.space.points([each.text for each in said]) @ point
    return [_stated(each, float(score)) for each, score in zip(said, scores, strict=True)]


def _table(rows: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _history(
    writing: Writing,
    items: np.ndarray,
    scores: np.ndarray,
    near: dict[int, tuple[str, float]] | None = None,
    but: str = "",
) -> list[Hit]:
    """Give items (person, number) as hits; without those that answer `but`, however it is written."""
    asked = ask_of(
        writing.connection,
        "SELECT person, item, text, response, topic, source, time FROM memory_items "
        f"WHERE person IN ({marks(near or [0])}) AND item IN ({{}})",
        items[:, 1].tolist(),
        first=list(near) if near else [int(items[0, 0]) if len(items) else 0],
    )
    found = {row[1]: row for row in asked}
    rows = [found[item] for item in items[:, 1].tolist()]
    texts = texts_of(writing.connection, {each for row in rows for each in row[2:6]})
    hits = []
    for (person, item, text, response, topic, source, time), score in zip(rows, scores.tolist(), strict=True):
        if but and _plain(texts[text]) == but:
            continue
        whose, alike = ("own", None) if near is None else near[person]
        hits.append(
            Hit(
                text=" -> ".join(part for part in (texts[text], texts[response]) if part),
                whose=whose,
                layer="history",
                score=score,
                tokens=0,
                items=(item,) if near is None else (),
                topic=texts[topic],
                source=texts[source],
                time=time,
                near=alike,
            )
        )
    return hits


def _near(store: Store, writing: Writing, asked: _Asked, way: str, size: int) -> tuple[list[Near], str]:
    """Find neighbours by the first way that places the person."""
    ways: list[Way] = [each for each in WAYS if each != "learned"]
    if way != "auto":
        ways = [checked_way(way)]
    but = None if asked.same_question else asked.text
    for each in ways:
        found = nearest(store, writing, asked.person, each, size, asked.purpose, asked.space, but_text=but)
        if found:
            return found, each
    return [], ""


def _joined(
    writing: Writing, asked: _Asked, near: Sequence[Near], point: np.ndarray, most: int
) -> tuple[list[Hit], int, tuple[str, ...]]:
    """Read what neighbours share, and write down that it was read."""
    if not near:
        return [], 0, ("nobody is like this person",)
    but = None if asked.same_question else asked.text
    items, people = read_shared(
        writing,
        [each.person for each in near],
        asked.purpose,
        reader=asked.person,
        actor=asked.actor,
        but_text=but,
        choices=not asked.words,
    )
    if not people:
        return [], 0, (f"fewer than {writing.least_people} people alike share anything",)
    key = writing.fetch("SELECT key FROM memory_settings")[0][0]
    names = {
        each.person: (_pseudonym(bytes(key), asked.person, each.person), each.score)
        for each in near
        if each.person in people
    }
    scores = likeness(point, item_codes(writing, items, asked.space))
    order = np.lexsort((items[:, 1], -scores))[:most]
    same = "" if asked.same_question else _plain(asked.query)
    hits = _history(writing, items[order], scores[order], names, but=same)
    said = statements_of(
        writing.connection, sorted(people), asked.purpose, fields=SHARED, by_others=True, but_text=but
    )
    for person, statements in said.items():
        whose, alike = names[person]
        for hit in _scored([each for each in statements if _plain(each.about) != same], asked, point):
            hits.append(msgspec.structs.replace(hit, whose=whose, near=alike, items=()))
    return sorted(hits, key=lambda hit: -hit.score), len(people), ()


def _pseudonym(key: bytes, reader: int, subject: int) -> str:
    """Name a neighbour for one reader: two readers' names of one person cannot be matched."""
    told = f"neighbour of {reader}: {subject}".encode()
    return f"neighbour-{blake2b(told, digest_size=4, key=key).hexdigest()}"


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.casefold()).strip()
