"""The memory's store at size: rows in, one more item, a person out, and what it takes on disk and in memory.

People have 200 items each: questions of a survey of 2,000 (four of five with options, one of five answered in
their own words, each such answer unlike all others). Rows go in as a table, 1,000 people a transaction. Then
single items are added, people are forgotten, and every byte of the database's files is searched for the words
of those who are gone. The script fails where one is found, or a limit is not kept.

    python benchmarks/bench_memory_store.py [--people 5000] [--folder FOLDER] [--peer PYTHON]

`--peer` names a Python that has mem0ai or langmem: both then add the same items one by one, with an embedding
that costs nothing (a fixed vector), so that what is measured is their store. Ours embeds when it is asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from populace.memory import Consent, Item, PersonaDB
from populace.memory import tables as t
from populace.memory.store import Writing
from populace.memory.words import keyed_hash, scale_of

_QUESTIONS = 2000
_BATCH = 1000
_OPTIONS = ["Strongly agree", "Agree", "Neither agree nor disagree", "Disagree", "Strongly disagree"]
_WORDS = """
people work school money taxes health care family church police trade climate energy science news vote party
leader country city village street neighbour child parent teacher doctor nurse soldier farmer worker price
wage rent water road train border war peace law court right duty trust fear hope future
""".split()  # noqa: SIM905


def questions(count: int) -> list[str]:
    """Make up questions of about 80 characters."""
    chance = random.Random(1)
    return [f"How much do you agree: {n} {' '.join(chance.choices(_WORDS, k=9))}?" for n in range(count)]


def mark(person: int) -> str:
    """A word that stands in what one person said in their own words, and nowhere else."""
    return hashlib.blake2b(f"person {person}".encode(), digest_size=6).hexdigest()


def rows_of(person: int, items: int, asked: list[str]) -> list[tuple[object, ...]]:
    """Give the items of a person."""
    chance, tag = random.Random(person), mark(person)
    rows = []
    for number, question in enumerate(chance.sample(range(len(asked)), items)):
        free = number % 5 == 0
        said = f"{' '.join(chance.choices(_WORDS, k=9))} {tag}" if free else chance.choice(_OPTIONS)
        topic, when = f"topic {question % 40}", 1.5e9 + 86400.0 * chance.randrange(3000)
        rows.append(
            (
                f"respondent-{tag}",
                asked[question],
                said,
                None if free else _OPTIONS,
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
    for first in range(0, people, _BATCH):
        table = frame(range(first, min(first + _BATCH, people)), items, asked)
        raw += words(table)
        start, busy = time.perf_counter(), time.process_time()
        assert db.add(None, table).new == table.height
        clock, processor = clock + time.perf_counter() - start, processor + time.process_time() - busy
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(
                f"  {first + _BATCH:,} people, {(first + _BATCH) * items / clock:,.0f} items a second",
                flush=True,
            )
    return raw, clock, processor


class Straight:
    """Writes the rows that `add` would write straight into the tables, for stores of many millions."""

    def __init__(self, db: PersonaDB, items: int, asked: list[str]) -> None:
        self.db, self.items, self.free = db, items, items // 5
        self.rng, self.chance = np.random.default_rng(4), random.Random(5)
        scale = scale_of(_OPTIONS, False)
        self.shared = [*asked, *_OPTIONS, *(f"topic {n}" for n in range(40)), "survey 2024", scale]
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
        names = [f"respondent-{mark(person)}" for person in people]
        said = [
            f"{' '.join(self.chance.choices(_WORDS, k=9))} {name[11:]}"
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
        answer = self.rng.integers(self.asked + 1, self.asked + 1 + len(_OPTIONS), shape)
        own = np.arange(self.items) % 5 == 0
        answer[:, own] = first_said + np.arange(len(people) * self.free).reshape(-1, self.free)
        scale = np.where(own, 0, self.scale) + np.zeros(shape, dtype=np.int64)
        topic = self.asked + len(_OPTIONS) + 1 + (question - 1) % 40
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
    for first in range(0, people, 2 * _BATCH):
        filling.write(range(first, min(first + 2 * _BATCH, people)))
        if first % (10 * _BATCH) == 0:
            print(f"  {first:,} people", flush=True)
    return filling.finish()


def timed(what: str, calls: list[Callable[[], object]]) -> list[float]:
    """Print and give the milliseconds of each call, sorted."""
    taken, busy = [], time.process_time()
    for call in calls:
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    busy = 1000 * (time.process_time() - busy) / len(calls)
    taken.sort()
    print(f"{what}: {spread(taken)}; {busy:.2f} ms of processor", flush=True)
    return taken


def singles(people: int, count: int, asked: list[str]) -> list[tuple[str, Item]]:
    """Give items to add one by one, to people at random."""
    chance = random.Random(2)
    return [
        (
            f"respondent-{mark(chance.randrange(people))}",
            Item(
                text=chance.choice(asked),
                response=f"{' '.join(chance.choices(_WORDS, k=9))} {n}",
                time=1.7e9 + n,
            ),
        )
        for n in range(count)
    ]


def left(folder: Path, tags: list[str]) -> list[str]:
    """Search every byte of every file for the words of people."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.stat().st_size == 0:
            continue
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found += [f"{tag} in {path.name}" for tag in tags if data.find(tag.encode()) >= 0]
    return found


def spread(taken: list[float]) -> str:
    """Say mean, median, 99th percentile and largest."""
    at = taken[min(len(taken) - 1, int(0.99 * len(taken)))]
    mean, median = sum(taken) / len(taken), taken[len(taken) // 2]
    return f"mean {mean:.2f} ms, median {median:.2f}, 99 % {at:.2f}, largest {taken[-1]:.1f}"


def ours(
    folder: Path, people: int, items: int, forgotten: int, straight: bool
) -> tuple[list[str], list[float]]:
    """Measure; give which limits were not kept, and the milliseconds of single adds."""
    asked = questions(_QUESTIONS)
    with PersonaDB.open(folder / "people.db") as db:
        if straight:
            raw = fill_straight(db, people, items, asked)
        else:
            raw, clock, processor = fill(db, people, items, asked)
            rate, busy = people * items / clock, people * items / processor
            print(f"rows in: {rate:,.0f} items a second ({busy:,.0f} a second of processor)")
        if people <= _BATCH:
            assert db.check() == []
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"on disk: {size / 1e6:,.0f} MB for {raw / 1e6:,.0f} MB of texts, {size / raw:.2f} times")
        adds = timed("one more item", [lambda one=one: db.add(*one) for one in singles(people, 3000, asked)])
        gone = random.Random(3).sample(range(people), forgotten)
        tags = [mark(person) for person in gone]
        assert len(left(folder, tags[:3])) >= 3, "or the search could not fail"
        forgets = timed(
            "a person out, bytes overwritten",
            [lambda tag=tag: db.forget(f"respondent-{tag}") for tag in tags],
        )
        still = left(folder, tags)
        print(f"searched {size / 1e6:,.0f} MB for {len(tags)} people who are gone: {len(still)} found")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {memory:,.0f} MB at most")
    kept = {
        "an item is added in 1 ms (median)": adds[len(adds) // 2] <= 1,
        "a person is forgotten in 100 ms (median)": forgets[len(forgets) // 2] <= 100,
        "nothing is left of them": not still,
        "the store is at most three times the text": size <= 3 * raw,
        "disk below 3 GB": size < 3e9,
        "memory below 3 GB": memory < 3000,
    }
    return [what for what, is_kept in kept.items() if not is_kept], adds


def synced(folder: Path | None) -> float:
    """Give the median milliseconds of writing and syncing a page: a deletion waits for three or so."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as handle:
        for _ in range(31):
            handle.write(bytes(4096))
            handle.flush()
            start = time.perf_counter()
            os.fsync(handle.fileno())
            taken.append(1000 * (time.perf_counter() - start))
    return sorted(taken)[15]


def peers(python: str, count: int, people: int) -> dict[str, list[float]]:
    """Have the peers add the same items."""
    asked = questions(_QUESTIONS)
    rows = [(who, f"{item.text} {item.response}") for who, item in singles(people, count, asked)]
    script = Path(__file__).with_name("peers") / "add_memories.py"
    done = subprocess.run(
        [python, str(script)], input=json.dumps(rows), capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"the peers failed: {done.stderr.strip().splitlines()[-1:]}")
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--forget", type=int, default=20)
    parser.add_argument(
        "--straight", action="store_true", help="fill the tables without `add`, for stores of many millions"
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--peer", help="a Python that has mem0ai or langmem")
    parser.add_argument("--peer-items", type=int, default=300)
    options = parser.parse_args()
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", end="; ")
    print(f"the disk syncs in {synced(options.folder):.1f} ms (median)", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        failed, adds = ours(Path(folder), options.people, options.items, options.forget, options.straight)
    if options.peer:
        median = adds[len(adds) // 2]
        for name, told in peers(options.peer, options.peer_items, options.people).items():
            if isinstance(told, str):
                print(f"{name}: {told}")
            else:
                theirs = sorted(told)[len(told) // 2]
                print(
                    f"{name}: {spread(sorted(told))}; ours {median:.2f} (median), ratio {theirs / median:.1f}"
                )
    for what in failed:
        print(f"NOT KEPT: {what}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
