"""A memory at size: one more item, a person out, a retrieval, and what it takes on disk and in memory.

People have 200 items each (`made_memories.py`). They are placed among each other by their answers; people at
random are retrieved for, each for the first time and again, with items of five neighbours; single items are
added; people are forgotten, and every byte of the database's files is searched for the words of those who are
gone. The script fails where one is found, or a limit is not kept.

    OMP_NUM_THREADS=1 python benchmarks/bench_memory_store.py [--people 5000] [--store DIR] [--peers PYTHON]

`--people 100000 --straight` is the size that the limits are meant for: 1.7 GB. With `--store` the memory is
kept, and used again. Retrievals are held against the processor's time of one thread, a deletion against the
clock too; the clock stands beside each, with the load, and is the truth on an idle machine alone.

`--peers` names a Python that has mem0ai and langmem: both add items of the same kind one by one and search
them, with an embedding of hashed words (no model, no key), so that what is measured is their store. They hold
so few items, ours all.
"""

from __future__ import annotations

import argparse
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
from made_memories import BATCH, QUESTIONS, WORDS, fill, fill_straight, name_of, questions

from populace.memory import Item, PersonaDB
from populace.memory.joining import place

_RETRIEVALS = 1000
_WARM = 20
"""Retrievals before those that count: the points of questions are read once a process."""


def timed(what: str, calls: list[Callable[[], object]]) -> tuple[np.ndarray, np.ndarray]:
    """Print and give milliseconds of each call, by the clock and of the thread's processor."""
    wall, busy = [], []
    for call in calls:
        start, used = time.perf_counter(), time.thread_time()
        call()
        busy.append(1000 * (time.thread_time() - used))
        wall.append(1000 * (time.perf_counter() - start))
    clock, processor = np.array(wall), np.array(busy)
    print(f"{what}: {spread(processor)} of processor; clock {spread(clock)}", flush=True)
    return clock, processor


def spread(taken: np.ndarray) -> str:
    """Say median and 99th percentile."""
    return f"median {np.median(taken):.2f} ms, p99 {np.quantile(taken, 0.99):.2f}"


def singles(people: int, count: int, asked: list[str]) -> list[tuple[str, Item]]:
    """Give items to add one by one, to people at random."""
    chance = random.Random(time.time_ns())
    return [
        (
            name_of(chance.randrange(people)),
            Item(
                text=chance.choice(asked),
                response=f"{' '.join(chance.choices(WORDS, k=9))} {n}",
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


def filled(db: PersonaDB, folder: Path, people: int, items: int, straight: bool) -> int:
    """Add everybody who is not here yet; give the bytes of their texts."""
    note = folder / "texts.json"
    if note.is_file():
        kept = json.loads(note.read_text())
        assert kept["people"] == people and kept["items"] == items, f"{folder} holds another memory"
        return kept["bytes"]
    asked = questions(QUESTIONS)
    if straight:
        raw = fill_straight(db, people, items, asked)
    else:
        raw, clock, processor = fill(db, people, items, asked)
        rate, busy = people * items / clock, people * items / processor
        print(f"rows in: {rate:,.0f} items a second ({busy:,.0f} a second of processor)")
    if people <= BATCH:
        assert db.check() == []
    note.write_text(json.dumps({"people": people, "items": items, "bytes": raw}))
    return raw


def retrievals(db: PersonaDB, names: list[str]) -> dict[str, np.ndarray]:
    """Retrieve for people, first and again; give the processor's milliseconds."""
    chance = random.Random(3)
    queries = [f"How do you see {' '.join(chance.choices(WORDS, k=5))}?" for _ in names]

    def call(place: int) -> Callable[[], object]:
        return lambda: db.retrieve(names[place], queries[place], share=0.25, neighbours=5, way="answers")

    calls = [call(n) for n in range(len(names))]
    for each in calls[:_WARM]:
        each()
    what = "retrieve, own and joined items of 5 neighbours"
    return {
        "first": timed(f"{what}, first", calls[_WARM:])[1],
        "again": timed(f"{what}, again", calls[_WARM:])[1],
    }


def ours(
    folder: Path, people: int, items: int, forgotten: int, straight: bool
) -> tuple[list[str], dict[str, float]]:
    """Measure; give which limits were not kept, and medians by the clock of an add and a search."""
    asked = questions(QUESTIONS)
    with PersonaDB.open(folder / "people.db") as db:
        raw = filled(db, folder, people, items, straight)
        start = time.process_time()
        placed = place(db.store, "research", ways=["answers"])
        if placed:
            print(f"{placed:,} people placed in {time.process_time() - start:.0f} s of processor")
        size = sum(path.stat().st_size for path in folder.glob("people.db*"))
        print(f"on disk: {size / 1e6:,.0f} MB for {raw / 1e6:,.0f} MB of texts, {size / raw:.2f} times")
        here = db.people()
        chance = random.Random(time.time_ns())
        names = chance.sample(here, min(_RETRIEVALS + _WARM, len(here)))
        took = retrievals(db, names)
        alone = [lambda one=one: db.retrieve(one, "taxes and rent", share=0.0) for one in names[:500]]
        search = timed("retrieve, own items alone", alone)[0]
        adds = timed("one more item", [lambda one=one: db.add(*one) for one in singles(people, 3000, asked)])
        gone = [each for each in chance.sample(here, forgotten + 3) if each.startswith("respondent-")][
            :forgotten
        ]
        tags = [each.removeprefix("respondent-") for each in gone]
        assert len(left(folder, tags[:3])) >= 3, "or the search could not fail"
        forgets = timed("a person out, bytes overwritten", [lambda one=one: db.forget(one) for one in gone])
        after = [
            lambda one=one: db.retrieve(one, "taxes and rent", share=0.25, neighbours=5)
            for one in names[:60]
            if one not in gone
        ]
        timed("retrieve after deletions", after)
        still = left(folder, tags)
        print(f"searched {size / 1e6:,.0f} MB for {len(tags)} people who are gone: {len(still)} found")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {memory:,.0f} MB at most")
    kept = {
        "a retrieval takes 10 ms (p99, again, processor)": np.quantile(took["again"], 0.99) <= 10,
        "a first retrieval takes 10 ms (p99, processor)": np.quantile(took["first"], 0.99) <= 10,
        "an item is added in 1 ms (median)": np.median(adds[0]) <= 1,
        "a person is forgotten in 100 ms (p99, processor)": np.quantile(forgets[1], 0.99) <= 100,
        "a person is forgotten in 100 ms (median, clock)": np.median(forgets[0]) <= 100,
        "nothing is left of them": not still,
        "the store is at most three times the text": size <= 3 * raw,
        "memory below 3 GB": memory < 3000,
    }
    medians = {"add": float(np.median(adds[0])), "search": float(np.median(search))}
    return [what for what, is_kept in kept.items() if not is_kept], medians


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


def peers(python: str, count: int, medians: dict[str, float]) -> None:
    """Have the peers add and search items of the same kind, and print their times beside ours."""
    rows = [(who, f"{item.text} {item.response}") for who, item in singles(20, count, questions(QUESTIONS))]
    script = Path(__file__).with_name("peers") / "add_memories.py"
    done = subprocess.run(
        [python, str(script)], input=json.dumps(rows), capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"the peers failed: {done.stderr.strip().splitlines()[-1:]}")
        return
    for name, told in json.loads(done.stdout.splitlines()[-1]).items():
        if isinstance(told, str):
            print(f"{name}: {told}")
            continue
        for action, taken in told.items():
            theirs, mine = float(np.median(taken)), medians[action]
            print(
                f"{name}, {action} among {count}: {spread(np.array(taken))}; ours {mine:.2f} (median, "
                f"clock), theirs / ours {theirs / mine:.2f}"
            )


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
    parser.add_argument("--store", type=Path, help="folder in which the memory is kept and used again")
    parser.add_argument("--folder", type=Path, help="folder for one that is not kept")
    parser.add_argument("--peers", help="a Python that has mem0ai and langmem")
    parser.add_argument("--peer-items", type=int, default=300)
    options = parser.parse_args()
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", end="; ")
    print(f"the disk syncs in {synced(options.store or options.folder):.1f} ms (median)", flush=True)
    told = (options.people, options.items, options.forget, options.straight)
    if options.store:
        options.store.mkdir(parents=True, exist_ok=True)
        failed, medians = ours(options.store, *told)
    else:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            failed, medians = ours(Path(folder), *told)
    if options.peers:
        peers(options.peers, options.peer_items, medians)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    for what in failed:
        print(f"NOT KEPT: {what}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
