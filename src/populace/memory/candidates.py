"""What a retrieval may tell: the profile, own items, and those that neighbours share, as hits by likeness.

What a JOIN may tell of others: responses to questions with options, and statements about issues and
entities that as many of them share as a neighbourhood needs; their own words only with `words=True`. They
appear under a pseudonym that holds for one reader.
What they said to the very question, and what was derived from it, is left out unless `same_question=True`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from populace.memory.asking import ask_of, marks, texts_of
from populace.memory.auditing import note
from populace.memory.comparing import COLUMNS, alike, rows_of
from populace.memory.hits import Hit
from populace.memory.item import plain
from populace.memory.joining import Near
from populace.memory.layers import PROFILE, SHARED, Statement, statements_of
from populace.memory.sharing import enough, read_shared
from populace.memory.spaces import Space

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["Asked", "joined_hits", "own_hits", "profile_hits"]

_DESCRIBING = (*PROFILE, "analysis")
_SHORT = 8
"""Tokens of a short hit: of each side's items as many are looked at closer as would fit if all were short."""
_LEAST = 16


@dataclass(frozen=True)
class Asked:
    """A retrieval.

    Attributes
    ----------
    store, writing
        Where, and the transaction.
    person
        Who is asked.
    query, text, point
        What is asked; the number of this text if it is there; its place.
    purpose, actor
        What for, and who runs it.
    space
        Where texts are compared.
    words, same_question
        As in `retrieve`.
    items, tokens
        Budget: of items beside the profile if there is one, of tokens.
    """

    store: Store
    writing: Writing
    person: int
    query: str
    text: int | None
    point: np.ndarray
    purpose: str
    actor: str
    space: Space
    words: bool
    same_question: bool
    items: int | None
    tokens: int

    def most(self, tokens: float) -> int:
        """Say how many items are looked at closer where so many tokens are for them."""
        return self.items if self.items is not None else _LEAST + int(tokens) // _SHORT


def profile_hits(asked: Asked, said: Sequence[Statement]) -> list[Hit]:
    """Give the person's attributes, and the statements that describe them."""
    connection = asked.writing.connection
    rows = ask_of(
        connection,
        "SELECT name, value FROM memory_attributes WHERE person IN ({}) "
        "AND consent IN (SELECT consent FROM memory_purposes WHERE purpose = ?)",
        [asked.person],
        [asked.purpose],
    )
    texts = texts_of(connection, {number for row in rows for number in row})
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


def own_hits(asked: Asked, said: Sequence[Statement]) -> list[Hit]:
    """Give own items and beliefs, the most like the query first, of equals the later."""
    mine = rows_of(
        asked.writing.fetch(
            f"SELECT {COLUMNS} FROM memory_items WHERE person = ? "
            "AND consent IN (SELECT consent FROM memory_purposes WHERE purpose = ?) ORDER BY item",
            [asked.person, asked.purpose],
        )
    )
    scores = alike(asked.store, asked.writing, mine, asked.point, asked.space)
    order = np.lexsort((-mine[:, 1], -scores))[: asked.most(asked.tokens)]
    hits = _history(asked.writing, mine[order], scores[order])
    beliefs = [each for each in said if each.field in SHARED]
    return sorted(hits + _scored(asked, beliefs), key=lambda hit: -hit.score)


def _scored(asked: Asked, said: Sequence[Statement]) -> list[Hit]:
    if not said:
        return []
    scores = asked.space.points([each.text for each in said]) @ asked.point
    return [_stated(each, float(score)) for each, score in zip(said, scores, strict=True)]


def _history(
    writing: Writing,
    items: np.ndarray,
    scores: np.ndarray,
    near: dict[int, tuple[str, float]] | None = None,
) -> list[Hit]:
    """Give items (person, number) as hits; of neighbours under the names that `near` gives them."""
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
        whose, alike = ("own", None) if near is None else near[person]
        hits.append(
            Hit(
                text=" -> ".join(part for part in (texts[text], texts[response]) if part),
                whose=whose,
                layer="history",
                score=score,
                tokens=0,
                items=(item,) if near is None else (),
                topic=texts[topic] if near is None else "",  # where and when somebody said it tells who it is
                source=texts[source] if near is None else "",
                time=time if near is None else None,
                near=alike,
            )
        )
    return hits


def joined_hits(asked: Asked, near: Sequence[Near], tokens: float) -> tuple[list[Hit], int, tuple[str, ...]]:
    """Read what neighbours share, and write down that it was read.

    Parameters
    ----------
    asked, near
        The retrieval, and the neighbours.
    tokens
        What they may take at most.

    Returns
    -------
    Hits by likeness; of how many people; what there is to note.
    """
    writing = asked.writing
    if not near:
        return [], 0, ("nobody is like this person",)
    others = [each.person for each in near if each.person != asked.person]
    items, scores = _shared_items(asked, others, tokens)
    said = _shared_statements(asked, others)
    counts = Counter(items[:, 0].tolist())
    for person, statements in said.items():
        counts[person] += len({item for each in statements for item in each.items})
    if not counts:
        return [], 0, (f"fewer than {writing.least_people} people alike share anything",)
    note(writing, "retrieve", asked.purpose, sorted(counts.items()), actor=asked.actor, reader=asked.person)
    key = writing.fetch("SELECT key FROM memory_settings")[0][0]
    names = {
        each.person: (_pseudonym(bytes(key), asked.person, each.person), each.score)
        for each in near
        if each.person in counts
    }
    order = np.lexsort((items[:, 1], -scores))[: asked.most(tokens)]
    hits = _history(writing, items[order], scores[order], names)
    for person, statements in said.items():
        whose, alike_by = names[person]
        for hit in _scored(asked, statements):
            hits.append(msgspec.structs.replace(hit, whose=whose, near=alike_by, items=()))
    return sorted(hits, key=lambda hit: -hit.score), len(counts), ()


def _shared_items(asked: Asked, others: Sequence[int], tokens: float) -> tuple[np.ndarray, np.ndarray]:
    """Give items that may be told, of enough people or none, and how like the query they are."""
    writing = asked.writing
    but = None if asked.same_question else asked.text
    items = read_shared(writing, others, asked.purpose, but_text=but, choices=not asked.words)
    items = enough(writing, items)
    scores = alike(asked.store, writing, items, asked.point, asked.space)
    if asked.same_question or not len(items):
        return items, scores
    # The very question in other words' case, signs or Unicode form is among what is most like it.
    best = items[np.lexsort((items[:, 1], -scores))[: asked.most(tokens)], 2]
    same = plain(asked.query)
    bodies = texts_of(writing.connection, best.tolist())
    very = [text for text, body in bodies.items() if text and plain(body) == same]
    kept = ~np.isin(items[:, 2], very)
    left = enough(writing, items[kept])
    return left, scores[kept] if len(left) else scores[:0]


def _shared_statements(asked: Asked, others: Sequence[int]) -> dict[int, list[Statement]]:
    """Give statements about issues and entities that may be told, of enough people or none.

    A statement can be somebody's own words. Without `words` one is told only where enough people say it.
    """
    writing = asked.writing
    said = statements_of(
        writing.connection,
        sorted(others),
        asked.purpose,
        fields=SHARED,
        by_others=True,
        but_text=None if asked.same_question else asked.text,
    )
    if not asked.same_question:
        same = plain(asked.query)
        said = {one: [each for each in some if plain(each.about) != same] for one, some in said.items()}
    if not asked.words:
        told = Counter(key for some in said.values() for key in {(each.field, each.text) for each in some})
        least = writing.least_people
        said = {
            one: [each for each in some if told[each.field, each.text] >= least] for one, some in said.items()
        }
    said = {one: some for one, some in said.items() if some}
    return said if len(said) >= writing.least_people else {}


def _pseudonym(key: bytes, reader: int, subject: int) -> str:
    """Name a neighbour for one reader: two readers' names of one person cannot be matched."""
    told = f"neighbour of {reader}: {subject}".encode()
    return f"neighbour-{blake2b(told, digest_size=4, key=key).hexdigest()}"
