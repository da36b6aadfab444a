"""Retrieval from a memory: how long one takes, and how much of what is nearest the codes find.

People answer a survey (five options, two camps) and write now and then; some of them have long histories, and
the queries are theirs, so that their neighbours have long ones too. Measured in one thread: wall clock and
processor time of each retrieval with own and joined items, first and again (the first makes the codes of the
items), then the recall of the search by codes against the points themselves, and of HNSW against all codes.

    OMP_NUM_THREADS=1 python benchmarks/bench_memory_retrieval.py [--people 100000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from populace.memory import PersonaDB
from populace.memory.codes import cached, kind_of
from populace.memory.joining import found_points, place
from populace.memory.retrieving import retrieve
from populace.memory.spaces import BITS, HASHED, unit
from populace.memory.vectors import CODE, Codes, codes_of, unpacked

_OPTIONS = ["Strongly agree", "Agree", "Neither", "Disagree", "Strongly disagree"]
_WORDS = """
people work school money taxes health care family church police trade climate energy science news vote party
leader country city village street neighbour child parent teacher doctor nurse soldier farmer worker price
wage rent water road train border war peace law court right duty trust fear hope future
""".split()  # noqa: SIM905
_LIMIT = 10.0


def build(db: PersonaDB, people: int, items: int, heavy: int, heavy_items: int) -> int:
    """Add people; the first `heavy` have long histories. Gives the number of items."""
    chance = random.Random(1)
    asked = [f"How much do you agree: {n} {' '.join(chance.choices(_WORDS, k=7))}?" for n in range(1000)]
    total = 0
    for start in range(0, people, 1000):
        rows = []
        for person in range(start, min(start + 1000, people)):
            own, camp = random.Random(person), person % 2
            for n, question in enumerate(own.sample(range(1000), heavy_items if person < heavy else items)):
                if n % 10 == 9:
                    rows.append((f"p{person}", "", " ".join(own.choices(_WORDS, k=12)) + f" {person}", None))
                    continue
                at = min(max(round(own.gauss(1 + 2 * (camp ^ question % 2), 1.2)), 0), 4)
                rows.append((f"p{person}", asked[question], _OPTIONS[at], _OPTIONS))
        schema = {"person_id": pl.String, "text": pl.String, "response": pl.String}
        frame = pl.DataFrame(rows, {**schema, "options": pl.List(pl.String)}, orient="row")
        total += db.add(None, frame).given
    return total


def timed(db: PersonaDB, names: list[str]) -> tuple[np.ndarray, np.ndarray, int]:
    """Give milliseconds by the clock and of the processor, and how many hits were joined."""
    chance = random.Random(3)
    wall, cpu, joined = [], [], 0
    for name in names:
        query = f"How do you see {' '.join(chance.choices(_WORDS, k=5))}?"
        began, used = time.perf_counter(), time.thread_time()
        found = retrieve(db.store, name, query, purpose="research", share=0.25, neighbours=5, way="answers")
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.thread_time() - used))
        joined += len(found.joined)
    return np.array(wall), np.array(cpu), joined


def recall(db: PersonaDB, heavy: int) -> tuple[float, float, float]:
    """Compare the 20 nearest that are found with the true ones: the same share, mean cosine of each."""
    from populace.memory.joining import nearest

    kind = kind_of("answers", HASHED, "research")
    same, mine, best = [], [], []
    with db.store.write() as writing:
        people = [row[0] for row in writing.fetch("SELECT person FROM memory_people ORDER BY person")]
        numbers = np.array(people)
        kept = cached(writing, people, kind)
        points = unpacked(kept[person][1][: CODE + BITS] for person in people)
        for person in random.Random(5).sample(people[:heavy], 50):
            own, _ = found_points(writing.connection, [person], "answers", "research", shared=False)
            alike = points @ own[person]
            alike[np.searchsorted(numbers, person)] = -2
            true = np.argsort(-alike)[:20]
            found = nearest(db.store, writing, person, "answers", 20, "research") or []
            same.append(len(set(numbers[true].tolist()) & {each.person for each in found}) / 20)
            mine.append(np.mean([each.score for each in found]))
            best.append(alike[true].mean())
    return float(np.mean(same)), float(np.mean(mine)), float(np.mean(best))


def graph_recall(count: int) -> tuple[float, float, float]:
    """Build HNSW over codes of made-up clusters: seconds, recall of the nearest 20, milliseconds a search."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((200, BITS)).astype(np.float32)
    points = centres[rng.integers(200, size=count)]
    points += rng.standard_normal((count, BITS), dtype=np.float32)
    codes, people = codes_of(points), np.arange(count)
    all_codes, began = Codes(people, codes, exact=count), time.perf_counter()
    graph = Codes(people, codes, exact=0)
    built = time.perf_counter() - began
    queries = unit(points[:100] + 0.3 * rng.standard_normal((100, BITS)).astype(np.float32))
    began = time.thread_time()
    found = [set(graph.nearest(query, 20).tolist()) for query in queries]
    took = 10 * (time.thread_time() - began)
    true = [set(all_codes.nearest(query, 20).tolist()) for query in queries]
    return built, float(np.mean([len(a & b) / 20 for a, b in zip(found, true, strict=True)])), took


def main() -> None:
    """Measure, print, and fail where the processor's time is over the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=5)
    parser.add_argument("--heavy", type=int, default=2000)
    parser.add_argument("--heavy-items", type=int, default=200)
    parser.add_argument("--retrievals", type=int, default=1000)
    parser.add_argument("--graph", type=int, default=50_000)
    parser.add_argument("--folder")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=told.folder) as folder:
        path = Path(folder) / "people.db"
        with PersonaDB.open(path) as db:
            began = time.perf_counter()
            items = build(db, told.people, told.items, told.heavy, told.heavy_items)
            print(f"{told.people:,} people, {items:,} items: added in {time.perf_counter() - began:.0f} s")
            began = time.perf_counter()
            places = place(db.store, "research", ways=["answers"])
            took, size = time.perf_counter() - began, path.stat().st_size / 1e6
            print(f"{places:,} places in {took:.0f} s; {size:.0f} MB")
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
            slow = 0.0
            everybody = [f"p{n}" for n in range(told.heavy)]
            again = random.Random(4).choices(everybody, k=told.retrievals)
            for label, names in (("first", everybody), ("again", again)):
                wall, cpu, joined = timed(db, names)
                for name, each in (("clock", wall), ("processor", cpu)):
                    middle, high = np.quantile(each, [0.5, 0.99])
                    print(f"retrieve, {label}, {name}: median {middle:.2f} ms, p99 {high:.2f} ms")
                print(f"  {joined / len(names):.1f} joined hits each")
                slow = float(np.quantile(cpu, 0.99))
            same, mine, best = recall(db, told.heavy)
            print(f"the 20 nearest: {same:.3f} the true ones; mean cosine {mine:.3f} of {best:.3f}")
        if told.graph:
            built, share, took = graph_recall(told.graph)
            print(f"HNSW of {told.graph:,} codes: {built:.0f} s, recall {share:.3f}, {took:.2f} ms a search")
    if slow > _LIMIT:
        raise SystemExit(f"p99 {slow:.1f} ms is over {_LIMIT} ms of the processor")


if __name__ == "__main__":
    main()
