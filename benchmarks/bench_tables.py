"""Compaction of a journal into `calls.parquet`, beside the ways that hold the table whole.

    python benchmarks/bench_tables.py [--rows N] [--characters N] [--repeats N]

- `ours` reads the journal in the order of the table and streams it (`write_calls`).
- `one piece` makes the same table in memory, sorts it and writes it, as we did before.
- `JSON lines` is what a harness without a journal of its own would do: Polars reads a file of JSON records,
  one a line, sorts them and writes them. It checks no sum, and knows of no record that replaces another.

A third of the records are answers of the given length, the rest choices between two options, as in PERSONA's
set. Each way runs in a process of its own, after its journal or file is open; memory is the growth of the
process's peak over that moment. Medians.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import polars as pl

from populace.models.records import Choice, Completion, Usage
from populace.run import Journal, Record, calls_frame, write_calls

WAYS = {"ours": "ours", "one piece": "one_piece", "JSON lines": "json_lines"}


def records(rows: int, characters: int) -> Iterator[Record]:
    """One finished call a row; no two are equal."""
    for i in range(rows):
        key = hashlib.blake2b(str(i).encode(), digest_size=16).hexdigest()
        if i % 3:
            scores = (-1.0 - i % 1000 / 500, -0.5 - i % 777 / 400)
            result = Choice(key=key, log_likelihoods=scores, tokens=(1, 1), exact=False, usage=Usage(900, 1))
        else:
            text = (key + " ") * (characters // 33 + 1)
            result = Completion(key=key, text=text[:characters], usage=Usage(900, 90, 700))
        yield Record(stage="judgements" if i % 3 else "revisions", result=result, seconds=0.5, at=1.0)


def fill(folder: Path, rows: int, characters: int) -> None:
    encode = msgspec.json.Encoder().encode
    with Journal(folder) as journal, (folder / "records.jsonl").open("wb") as lines:
        for record in records(rows, characters):
            journal.append([record])
            lines.write(encode(record) + b"\n")


def ours(folder: Path) -> tuple[float, float, float]:
    with Journal(folder) as journal:
        return measured(lambda: write_calls(journal, folder / "ours.parquet"))


def one_piece(folder: Path) -> tuple[float, float, float]:
    with Journal(folder) as journal:
        target = folder / "one_piece.parquet"
        return measured(lambda: calls_frame(journal).rechunk().write_parquet(target, compression="zstd"))


def json_lines(folder: Path) -> tuple[float, float, float]:
    usage = pl.Struct({"prompt_tokens": pl.Int64, "completion_tokens": pl.Int64})
    result = {
        **{"kind": pl.String, "key": pl.String, "text": pl.String, "finish": pl.String, "usage": usage},
        **{"log_likelihoods": pl.List(pl.Float64), "tokens": pl.List(pl.Int64), "exact": pl.Boolean},
    }

    def compact() -> None:
        lines = pl.scan_ndjson(
            folder / "records.jsonl", schema={"stage": pl.String, "result": pl.Struct(result)}
        )
        table = lines.unnest("result").unnest("usage").sort("stage", "key")
        table.sink_parquet(folder / "json_lines.parquet", compression="zstd")

    return measured(compact)


def measured(work: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds, processor seconds, and the growth of peak memory in MB."""
    before, start, cpu = peak(), time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - cpu, peak() - before


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=317_200)
    parser.add_argument("--characters", type=int, default=400, help="length of an answer")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way == "fill":
        fill(arguments.folder, arguments.rows, arguments.characters)
    elif arguments.way:
        print(json.dumps(globals()[arguments.way](arguments.folder)))
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}, Polars {pl.__version__}")
    print(f"{arguments.rows:,} rows, answers of {arguments.characters} characters", end=", ")
    print(f"median of {arguments.repeats}")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--folder", folder, "--rows", str(arguments.rows)]
        command += ["--characters", str(arguments.characters), "--way"]
        subprocess.run([*command, "fill"], check=True)
        runs: dict[str, list[list[float]]] = {name: [] for name in WAYS}
        for _ in range(arguments.repeats):
            for name, way in WAYS.items():
                done = subprocess.run([*command, way], check=True, capture_output=True)
                runs[name].append(json.loads(done.stdout))
        print(f"{'':12}{'seconds':>9}{'CPU-s':>8}{'us/row':>8}{'MB':>7}{'file MB':>9}")
        for name, figures in runs.items():
            seconds, cpu, memory = (statistics.median(column) for column in zip(*figures, strict=True))
            size = (Path(folder) / f"{WAYS[name]}.parquet").stat().st_size / 1e6
            each = cpu / arguments.rows * 1e6
            print(f"{name:12}{seconds:9.2f}{cpu:8.2f}{each:8.1f}{memory:7.0f}{size:9.1f}")


if __name__ == "__main__":
    main()
