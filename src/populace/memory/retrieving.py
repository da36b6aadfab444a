"""Retrieval: own items and those of people alike, under a budget of tokens, each with its provenance.

In this order: the always-on profile (at most half of the budget), own items by likeness to the query, joined
items likewise in the share that is theirs. All that is told counts. What does not fit is left out and
counted, never cut.

What may be told of others at all, `candidates` says: only where their consent shares it for this purpose,
from at least as many people as the store's `least_people`, and each of them gets a line in the audit, in the
transaction of the retrieval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from populace.errors import DataError
from populace.memory.candidates import Asked, joined_hits, own_hits, profile_hits
from populace.memory.hits import Hit, Retrieved, Telling, estimated_tokens
from populace.memory.item import checked_text
from populace.memory.joining import WAYS, Near, Way, checked_way, keep_placed, nearest
from populace.memory.layers import statements_of
from populace.memory.spaces import HASHED, Space

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["PAPER", "Hit", "Retrieved", "estimated_tokens", "retrieve"]

PAPER: dict[str, Any] = {"items": 40, "share": 0.25, "neighbours": 3, "way": "cache"}
"""r = 40 items, x = 25 % of them joined, K = 3 neighbours (the released code's) by the cache; K is raised to
the store's `least_people`."""


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
    checked_text(query, "query")
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
        point = space.points([query])[0]
        asked = Asked(
            store,
            writing,
            person,
            query,
            text,
            point,
            purpose,
            actor,
            space,
            words,
            same_question,
            items,
            tokens,
        )
        chosen = settled(writing, purpose, _known(asked), share, neighbours, way)
        said = statements_of(writing.connection, [person], purpose)[person]
        own = own_hits(asked, said)
        told = Telling(tokens, items, count)
        if profile:
            told.profile(profile_hits(asked, said))
        if not chosen.share:
            told.tell(own, [], 0.0)
            return told.done(0.0, 0, "", chosen.notes)
        size = max(chosen.neighbours, writing.least_people)
        near, how = _near(asked, chosen.way, size)
        # Where own items are plenty, joined ones get their share of the room and no more.
        plenty = len(own) >= asked.most(tokens)
        theirs, people, notes = joined_hits(asked, near, tokens * (chosen.share if plenty else 1.0))
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


def _known(asked: Asked) -> int:
    """Count a person's items."""
    return asked.writing.fetch("SELECT count(*) FROM memory_items WHERE person = ?", [asked.person])[0][0]


def _near(asked: Asked, way: str, size: int) -> tuple[list[Near], str]:
    """Find neighbours by the first way that places the person."""
    ways: list[Way] = [each for each in WAYS if each != "learned"]
    if way != "auto":
        ways = [checked_way(way)]
    but = None if asked.same_question else asked.text
    for each in ways:
        found = nearest(
            asked.store,
            asked.writing,
            asked.person,
            each,
            size,
            asked.purpose,
            asked.space,
            but_text=but,
        )
        if found:
            return found, each
    return [], ""
