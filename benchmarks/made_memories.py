"""Memories of made-up people, for the benchmarks of the memory's store and of retrieval.

People have many items each: questions of a survey of 2,000 (four of five with options, one of five answered
in their own words, each such answer unlike all others). Rows go in as tables, 1,000 people a transaction, or
straight into the tables where they are many millions.
"""

from __future__ import annotations

import hashlib
import random
import time

import numpy as np
import polars as pl

from populace.memory import Consent, PersonaDB
from populace.memory import tables as t
from populace.memory.store import Writing
from populace.memory.words import keyed_hash, scale_of

__all__ = ["BATCH", "QUESTIONS", "WORDS", "fill", "fill_straight", "mark", "name_of", "questions"]

QUESTIONS = 2000
BATCH = 1000
OPTIONS = ["Strongly agree", "Agree", "Neither agree nor disagree", "Disagree", "Strongly disagree"]
WORDS = """
people work school money taxes health care family church police trade climate energy science news vote party
leader country city village street neighbour child parent teacher doctor nurse soldier farmer worker price
wage rent water road train border war peace law court right duty trust fear hope future
""".split()  # noqa: SIM905


def questions(count: int) -> list[str]:
    """Make up questions of about 80 characters."""
    chance = random.Random(1)
    return [f"How much do you agree: {n} {' '.join(chance.choices(WORDS, k=9))}?" for n in range(count)]


def mark(person: int) -> str:
    """A word that stands in what one person said in their own words, and nowhere else."""
    return hashlib.blake2b(f"person {person}".encode(), digest_size=6).hexdigest()


def name_of(person: int) -> str:
    """The id of a person."""
    return f"respondent-{mark(person)}"


def rows_of(person: int, items: int, asked: list[str]) -> list[tuple[object, ...]]:
    """Give the items of a person."""
    chance, tag = random.Random(person), mark(person)
    rows = []
    for number, question in enumerate(chance.sample(range(len(asked)), items)):
        free = number % 5 == 0
        said = f"{' '.join(chance.choices(WORDS, k=9))} {tag}" if free else chance.choice(OPTIONS)
        topic, when = f"topic {question % 40}", 1.5e9 + 86400.0 * chance.randrange(3000)
        rows.append(
            (
                name_of(person),
                asked[question],
                said,
                None if free else OPTIONS,
                topic,
                when,
                "survey 2024",
            )
        )
    return rows


def frame(people: range, items: int, asked: list[str]) -> pl.DataFrame:
    """Give a table of several people's items."""
    columns = dict.fromkeys(("person_id", "text", "response"), pl.String)
    columns |= {"options": pl.List(pl.String), "topic": pl.String, "time": pl.Float64, "source": pl.String}
    return pl.DataFrame([row for one in people for row in rows_of(one, items, asked)], columns, orient="row")


def words(table: pl.DataFrame) -> int:
    """Count the bytes of all texts as they came; options are not counted."""
    texts = table.select(pl.col("person_id", "text", "response", "topic", "source").str.len_bytes().sum())
    return sum(texts.row(0))


def fill(db: PersonaDB, people: int, items: int, asked: list[str]) -> tuple[int, float, float]:
    """Add everybody; give the bytes of text, and the seconds on the clock and of the processor."""
    raw, clock, processor, told = 0, 0.0, 0.0, time.monotonic()
    for first in range(0, people, BATCH):
        table = frame(range(first, min(first + BATCH, people)), items, asked)
        raw += words(table)
        start, busy = time.perf_counter(), time.process_time()
        assert db.add(None, table).new == table.height
        clock, processor = clock + time.perf_counter() - start, processor + time.process_time() - busy
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(
                f"  {first + BATCH:,} people, {(first + BATCH) * items / clock:,.0f} items a second",
                flush=True,
            )
    return raw, clock, processor


class Straight:
    """Writes the rows that `add` would write straight into the tables, for stores of many millions."""

    def __init__(self, db: PersonaDB, items: int, asked: list[str]) -> None:
        self.db, self.items, self.free = db, items, items // 5
        self.rng, self.chance = np.random.default_rng(4), random.Random(5)
        scale = scale_of(OPTIONS, False)
        self.shared = [*asked, *OPTIONS, *(f"topic {n}" for n in range(40)), "survey 2024", scale]
        self.asked, self.source, self.scale = len(asked), len(self.shared) - 1, len(self.shared)
        self.uses = np.zeros(len(self.shared) + 1, dtype=np.int64)
        self.raw = 0
        with db.store.write() as writing:
            self.consent = writing.consent_number(Consent(("research",)))
            self.key = bytes(writing.fetch("SELECT key FROM memory_settings")[0][0])
            writing.numbers("text", len(self.shared))
            writing.insert(t.texts, ("text", "body"), list(enumerate(self.shared, 1)))

    def write(self, people: range) -> None:
        """Write several people with all they said."""
        count = len(people)
        names = [name_of(person) for person in people]
        said = [
            f"{' '.join(self.chance.choices(WORDS, k=9))} {name[11:]}"
            for name in names
            for _ in range(self.free)
        ]
        with self.db.store.write() as writing:
            first_name = writing.numbers("text", count)
            first_said = writing.numbers("text", len(said))
            new = [*zip(range(first_name, first_said + len(said)), [*names, *said], strict=True)]
            writing.insert(t.texts, ("text", "body"), new)
            index = sorted((keyed_hash(self.key, body), text, 1) for text, body in new)
            writing.insert(t.text_index, ("hash", "text", "uses"), index)
            person = writing.numbers("person", count)
            writing.insert(t.people, ("person", "name"), [(person + n, first_name + n) for n in range(count)])
            first_item = writing.numbers("item", count * self.items)
            self._items(writing, np.arange(person, person + count), first_item, first_said)
        self.raw += sum(map(len, names)) * self.items + sum(map(len, said))

    def _items(self, writing: Writing, people: np.ndarray, first_item: int, first_said: int) -> None:
        shape = (len(people), self.items)
        question = np.argsort(self.rng.random((len(people), self.asked)), axis=1)[:, : self.items] + 1
        answer = self.rng.integers(self.asked + 1, self.asked + 1 + len(OPTIONS), shape)
        own = np.arange(self.items) % 5 == 0
        answer[:, own] = first_said + np.arange(len(people) * self.free).reshape(-1, self.free)
        scale = np.where(own, 0, self.scale) + np.zeros(shape, dtype=np.int64)
        topic = self.asked + len(OPTIONS) + 1 + (question - 1) % 40
        source, consent = np.full(shape, self.source), np.full(shape, self.consent)
        when = 1.5e9 + 86400.0 * self.rng.integers(3000, size=shape)
        whose = np.broadcast_to(people[:, None], shape)
        item = first_item + np.arange(question.size).reshape(shape)
        columns = (whose, item, question, answer, scale, topic, source, when, consent)
        rows = [*zip(*(column.ravel().tolist() for column in columns), strict=True)]
        fields = ("person", "item", "text", "response", "scale", "topic", "source", "time", "consent")
        writing.insert(t.items, fields, rows)
        told = [each.ravel() for each in (question, answer[:, ~own], scale, topic, source)]
        self.uses += np.bincount(np.concatenate(told), minlength=len(self.uses))

    def finish(self) -> int:
        """Count what was used; give the bytes of the texts."""
        with self.db.store.write() as writing:
            told = enumerate(self.shared, 1)
            index = sorted(
                (keyed_hash(self.key, text), n, int(self.uses[n])) for n, text in told if self.uses[n]
            )
            writing.insert(t.text_index, ("hash", "text", "uses"), index)
        long = np.array([0, *map(len, self.shared)])
        long[self.scale] = 0
        return self.raw + int((self.uses * long).sum())


def fill_straight(db: PersonaDB, people: int, items: int, asked: list[str]) -> int:
    """Add everybody without `add`; give the bytes of text."""
    filling = Straight(db, items, asked)
    for first in range(0, people, 2 * BATCH):
        filling.write(range(first, min(first + 2 * BATCH, people)))
        if first % (10 * BATCH) == 0:
            print(f"  {first:,} people", flush=True)
    return filling.finish()
