"""The journal against SQLite (WAL): append, resume and replay of 317,200 calls, the size of PERSONA.

Each step runs in a process of its own, so that its peak memory is its own. Both sides store the same
records, appended one call at a time and forced to the disk every 256. A kill costs SQLite the calls
since its last commit, and the journal none.

    python benchmarks/bench_journal.py [--rows N] [--characters N] [--repeats N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from populace.models.records import Completion, GenerateRequest, Message, Usage
from populace.models.scripted import Scripted
from populace.run import Journal, Record, run, write_calls

SYNC_EVERY = 256


def records(rows: int, characters: int) -> Iterator[Record]:
    """One answer a call; no two texts are equal."""
    for i in range(rows):
        key = hashlib.blake2b(str(i).encode(), digest_size=16).hexdigest()
        text = (key + " ") * (characters // 33 + 1)
        yield Record(
            stage="judge",
            result=Completion(key=key, text=text[:characters], usage=Usage(900, 90, 700)),
            seconds=0.5,
            at=1.0,
        )


def our_append(folder: Path, rows: int, characters: int) -> float:
    with Journal(folder, sync_records=SYNC_EVERY, sync_seconds=1e9) as journal:
        return timed(lambda: [journal.append([record]) for record in records(rows, characters)])


def our_resume(folder: Path, rows: int, characters: int) -> float:
    """Open, verify every checksum, and ask of every key whether it was answered."""

    def resume() -> None:
        with Journal(folder) as journal:
            assert all(record.result.key in journal for record in records(rows, 0))

    return timed(resume)


def our_replay(folder: Path, rows: int, characters: int) -> float:
    with Journal(folder) as journal:

        def replay() -> None:
            for record in records(rows, 0):
                result = journal.get(record.result.key)
                assert isinstance(result, Completion)
                assert len(result.text) == characters

        return timed(replay)


def our_compact(folder: Path, rows: int, characters: int) -> float:
    with Journal(folder) as journal:
        return timed(lambda: write_calls(journal, folder / "calls.parquet"))


def connect(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "peer.sqlite")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS calls (key BLOB PRIMARY KEY, record BLOB)")
    return connection


def peer_append(folder: Path, rows: int, characters: int) -> float:
    connection, encode = connect(folder), msgspec.json.Encoder().encode

    def append() -> None:
        for i, record in enumerate(records(rows, characters), start=1):
            row = bytes.fromhex(record.result.key), encode(record)
            connection.execute("INSERT OR REPLACE INTO calls VALUES (?, ?)", row)
            if i % SYNC_EVERY == 0:
                connection.commit()
        connection.commit()

    return timed(append)


def peer_resume(folder: Path, rows: int, characters: int) -> float:
    """Check the database as the journal checks its lines, and ask for every key."""

    def resume() -> None:
        connection = connect(folder)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        ask = "SELECT 1 FROM calls WHERE key = ?"
        keys = (bytes.fromhex(record.result.key) for record in records(rows, 0))
        assert all(connection.execute(ask, (key,)).fetchone() for key in keys)

    return timed(resume)


def peer_replay(folder: Path, rows: int, characters: int) -> float:
    connection, decode = connect(folder), msgspec.json.Decoder(Record).decode

    def replay() -> None:
        for record in records(rows, 0):
            key = bytes.fromhex(record.result.key)
            row = connection.execute("SELECT record FROM calls WHERE key = ?", (key,)).fetchone()
            result = decode(row[0]).result
            assert isinstance(result, Completion)
            assert len(result.text) == characters

    return timed(replay)


def plan(model: Scripted, rows: int, characters: int) -> Iterator[GenerateRequest]:
    persona = "You are a person of 44 years. " * (characters // 30)
    for i in range(rows):
        messages = (Message("system", persona), Message("user", f"Question {i}?"))
        yield GenerateRequest(model=model.model, messages=messages, max_tokens=9)


def engine_run(folder: Path, rows: int, characters: int) -> float:
    """Run the whole plan against a model that takes no time: what the engine itself costs."""
    model = Scripted(text=lambda request: "yes")
    with Journal(folder / "engine") as journal:
        return timed(lambda: run(plan(model, rows, characters), model, journal, stage="s"))


def engine_resume(folder: Path, rows: int, characters: int) -> float:
    """Resume through the engine: open, expand the plan, hash every request, skip what is answered."""
    model = Scripted()

    def resume() -> None:
        with Journal(folder / "engine") as journal:
            assert run(plan(model, rows, characters), model, journal, stage="s").reused == rows

    return timed(resume)


STEPS: dict[str, tuple[str, str | None]] = {
    "append": ("our_append", "peer_append"),
    "resume": ("our_resume", "peer_resume"),
    "replay": ("our_replay", "peer_replay"),
    "compact to Parquet": ("our_compact", None),
    "run by the engine": ("engine_run", None),
    "resume by the engine": ("engine_resume", None),
}
"""Step: our function and the peer's, where it has one."""


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(name: str, folder: Path, arguments: argparse.Namespace) -> tuple[float, float]:
    """Seconds, and the growth of peak memory over the imports in MB, of one step in a fresh process."""
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder)]
    command += ["--rows", str(arguments.rows), "--characters", str(arguments.characters)]
    done = subprocess.run(command, capture_output=True, check=True)
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def step(arguments: argparse.Namespace) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = globals()[arguments.step](arguments.folder, arguments.rows, arguments.characters)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([seconds, grown / 1024]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=317_200)
    parser.add_argument("--characters", type=int, default=400, help="length of an answer")
    parser.add_argument("--repeats", type=int, default=3, help="the median is reported")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments)
        return
    runs: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for name in (name for pair in STEPS.values() for name in pair if name):
                runs.setdefault(name, []).append(measure(name, Path(folder), arguments))
    print(
        f"{arguments.rows:,} records of {arguments.characters} characters, median of {arguments.repeats};",
        end=" ",
    )
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", end=", ")
    print(f"SQLite {sqlite3.sqlite_version}")
    print(f"{'step':22}{'ours':>9}{'us/row':>8}{'MB':>7}{'SQLite':>10}{'us/row':>8}{'MB':>7}{'ratio':>8}")
    for title, (ours, peer) in STEPS.items():
        line, seconds = cells(runs[ours], arguments.rows)
        if peer:
            other, theirs = cells(runs[peer], arguments.rows)
            line += f" {other}{theirs / seconds:>7.1f}x"
        print(f"{title:22}{line}")


def cells(measured: list[tuple[float, float]], rows: int) -> tuple[str, float]:
    seconds, megabytes = (statistics.median(column) for column in zip(*measured, strict=True))
    return f"{seconds:>7.2f} s{seconds / rows * 1e6:>8.2f}{megabytes:>7.0f}", seconds


if __name__ == "__main__":
    main()
