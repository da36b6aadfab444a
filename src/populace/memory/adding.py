"""Write items down: all of a call, or none.

An item that is here already, word for word with its time and source, is not written a second time (so a
command that was stopped can be run again). What it may be used for then stays as it is, unless the call or
the row says it: the same import, run every night, does not undo what somebody withdrew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.consent import Consent, consents
from populace.memory.item import Item
from populace.memory.reading import Row
from populace.memory.redacting import redacted
from populace.memory.words import blocks, scale_of

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["Added", "add", "people_for", "people_named"]

_CHUNK = 20_000
"""Items that are held in memory at a time."""
_NAMES = ("person", "item", "text", "response", "scale", "topic", "source", "time", "consent")
_Key = tuple[int, str, str, str, str, str, float | None]
"""Person, text, response, scale, topic, source, time: what makes two items the same."""
_END = 1 << 62


class Added(NamedTuple):
    """What a call added."""

    ids: tuple[int, ...]
    """A number an item, in the order given; of those that were here before, the old one."""
    new: int
    """How many were not here before."""
    given: int
    """How many were given."""


def add(
    store: Store,
    rows: Iterable[Row],
    consent: Consent,
    *,
    said: bool = True,
    person_id: str | None = None,
    redact: Callable[[str], str] | None = None,
) -> Added:
    """Add items in one transaction.

    Parameters
    ----------
    rows
        Read one by one; the first malformed one undoes the whole call.
    consent
        Of rows that say nothing of it.
    said
        Whether the caller said this consent; where not, items that are here already keep theirs.
    person_id
        Whose they are; None where each row says it.
    redact
        What takes out of all texts of an item what says who somebody is; the id stays as it is given.
    """
    ids: list[int] = []
    new = given = 0
    with store.write() as writing:
        adding = _Adding(writing, consent, said)
        for chunk in blocks(_named(rows, person_id, redact), _CHUNK):
            chunk_ids, chunk_new = adding.write(chunk)
            new += chunk_new
            given += len(chunk)
            ids += chunk_ids
    return Added(tuple(ids), new, given)


def _named(rows: Iterable[Row], person_id: str | None, redact: Callable[[str], str] | None) -> Iterator[Row]:
    """Say whose each row is, and take out what says who they are."""
    if redact is not None:
        redact = lru_cache(4096)(redact)  # questions, options and sources are the same of many items
    for number, row in enumerate(rows, 1):
        name = row.person_id if person_id is None else person_id
        if name is None:
            raise DataError("nothing says whose item it is", row=number, column="person_id", fix="name them")
        if row.person_id not in (None, name):
            raise DataError(
                f"the item of {row.person_id} is added to {name}",
                row=number,
                column="person_id",
                fix="leave the column out, or add a table of several people without naming one",
            )
        item = row.item
        if redact is not None:
            item = redacted(item, redact)
        yield row._replace(person_id=name, item=item)


class _Adding:
    """The items of one call, chunk by chunk."""

    def __init__(self, writing: Writing, consent: Consent, said: bool) -> None:
        self._writing = writing
        self._default = consent
        self._said = said
        self._numbered: dict[int, Consent] = {}
        self._scales: dict[tuple[tuple[str, ...], bool], str] = {}

    def write(self, rows: list[Row]) -> tuple[list[int], int]:
        """Write a chunk; give the numbers of its items, and how many are new."""
        writing = self._writing
        names = list(dict.fromkeys(str(row.person_id) for row in rows))
        scales = [self._scale(row.item) for row in rows]
        words = [
            (item.text, item.response, scale, item.topic, item.source)
            for item, scale in zip((row.item for row in rows), scales, strict=True)
        ]
        writing.words.look(chain(names, chain.from_iterable(words)))
        before = people_named(writing, names)
        people = before | _new_people(writing, [name for name in names if name not in before])
        keys = [
            (people[str(row.person_id)], *word, row.item.time) for row, word in zip(rows, words, strict=True)
        ]
        known = _known(writing, keys, set(before.values()))
        new = dict.fromkeys(key for key in keys if key not in known)
        first = writing.numbers("item", len(new)) if new else 0
        numbered = dict(zip(new, range(first, first + len(new)), strict=True))
        numbers = writing.words.use(Counter(chain.from_iterable(key[1:6] for key in new)))
        latest = self._consents(rows, keys, known)
        stored = [
            (key[0], item, *(numbers[word] for word in key[1:6]), key[6], latest[key])
            for key, item in numbered.items()
        ]
        writing.insert(t.items, _NAMES, sorted(stored))
        changed = {key: number for key, number in latest.items() if key in known and number != known[key][1]}
        _agree(writing, [(number, key[0], known[key][0]) for key, number in changed.items()])
        found = numbered | {key: item for key, (item, _) in known.items()}
        return [found[key] for key in keys], len(new)

    def _consents(
        self, rows: list[Row], keys: list[_Key], known: dict[_Key, tuple[int, int]]
    ) -> dict[_Key, int]:
        """Give the consent that holds from now on; what is not said stays as it is, of known items."""
        writing = self._writing
        latest: dict[_Key, int] = {}
        for row, key in zip(rows, keys, strict=True):
            now = latest.get(key, known[key][1] if key in known else None)
            told = row.consent or self._default
            if now is not None and not self._said:
                if row.consent is None:
                    latest[key] = now
                    continue
                told = self._filled(told, row.lacks, now)
            latest[key] = writing.consent_number(told)
        return latest

    def _filled(self, told: Consent, lacks: str, number: int) -> Consent:
        """Take the part that a row does not say from the consent of that number."""
        if not lacks:
            return told
        if number not in self._numbered:
            self._numbered = consents(self._writing.connection)
        now = self._numbered[number]
        return Consent(now.purposes, told.share) if lacks == "purposes" else Consent(told.purposes, now.share)

    def _scale(self, item: Item) -> str:
        if not item.options:
            return ""
        known = self._scales.get((item.options, item.ordinal))
        if known is None:
            known = self._scales[item.options, item.ordinal] = scale_of(item.options, item.ordinal)
        return known


def people_for(writing: Writing, names: Iterable[str]) -> dict[str, int]:
    """Give the numbers of people, writing down who is new."""
    names = list(names)
    known = people_named(writing, names)
    return known | _new_people(writing, [name for name in names if name not in known])


def people_named(writing: Writing, names: Iterable[str]) -> dict[str, int]:
    """Give the numbers of those people who are here, inside a transaction that writes."""
    numbers = {text: name for name, text in writing.words.find(names).items()}
    found = {}
    for block in blocks(numbers):
        marks = ", ".join("?" * len(block))
        rows = writing.fetch(f"SELECT name, person FROM memory_people WHERE name IN ({marks})", block)
        found.update((numbers[text], person) for text, person in rows)
    return found


def _new_people(writing: Writing, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    texts = writing.words.use(Counter(names))
    people = dict(zip(names, range(writing.numbers("person", len(names)), _END), strict=False))
    rows = [(person, texts[name]) for name, person in people.items()]
    writing.insert(t.people, ("person", "name"), rows)
    return people


def _known(writing: Writing, keys: list[_Key], before: set[int]) -> dict[_Key, tuple[int, int]]:
    """Give number and consent of items that are here already, of people who were here before."""
    asked = [key for key in keys if key[0] in before]
    numbers = writing.words.find({word for key in asked for word in key[1:6]})
    wanted: dict[tuple[int, int], list[_Key]] = {}
    for key in asked:
        if all(word in numbers for word in key[1:6]):
            wanted.setdefault((key[0], numbers[key[1]]), []).append(key)
    columns = "person, text, response, scale, topic, source, time, item, consent"
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for block in blocks(wanted, 200):
        pairs = ", ".join(["(?, ?)"] * len(block))
        query = f"SELECT {columns} FROM memory_items WHERE (person, text) IN (VALUES {pairs})"
        found.update((row[:-2], row[-2:]) for row in writing.fetch(query, [*chain.from_iterable(block)]))
    stored = {
        key: (key[0], *(numbers[word] for word in key[1:6]), key[6])
        for each in wanted.values()
        for key in each
    }
    return {key: (found[row][0], found[row][1]) for key, row in stored.items() if row in found}


def _agree(writing: Writing, rows: list[tuple[int, int, int]]) -> None:
    """Set what items may be used for; what rests on them was made under the old consent, and goes."""
    if not rows:
        return
    from populace.memory.forgetting import drop_derived, owe

    uses: Counter[int] = Counter()
    for person in sorted({person for _, person, _ in rows}):
        uses += drop_derived(writing, person, [item for _, whose, item in rows if whose == person]).uses
    writing.words.release(uses)
    owe(writing)
    writing.run("UPDATE memory_items SET consent = ? WHERE person = ? AND item = ?", rows)
