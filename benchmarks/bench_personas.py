"""A million personas built and written, beside the way of one record a row.

    python benchmarks/bench_personas.py [--people N] [--sample N] [--seed N]

Everything that `populace population build` and `populace personas build` do, one after the other in one
process: people are drawn from the embedded tables, checked, enriched (opinions, traits, values, job, texts),
held against the rules, named by the hash of what they say, and written to Parquet. Adults are drawn, so that
every person becomes a persona; `--minors` draws and keeps people of all ages.

The peer is ours of the first release: a record and a hash a row (`Persona.from_row(row).persona_id`). It
runs on a sample, and its time for all rows is the sample's times their ratio, labelled so; no package draws
such personas, so there is none to install.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import polars as pl

from populace.personas import Persona
from populace.personas.enrich import ADULT_AGE, enrich
from populace.personas.frames import Personas, build, complete, named
from populace.personas.naming import persona_ids
from populace.personas.rules import apply_rules
from populace.personas.validation import validate
from populace.population import Population
from populace.population import build as build_population

Result = TypeVar("Result")
ROWS: list[tuple[str, int, float, float, float]] = []


def step(name: str, rows: int, work: Callable[[], Result]) -> Result:
    """Run one step and print what it took: seconds, processor seconds, rows a second, peak memory."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, processor = time.perf_counter() - start, time.process_time() - cpu
    ROWS.append((name, rows, seconds, processor, peak()))
    print(f"{name:28}{seconds:9.2f}{processor:9.2f}{rows / seconds:13,.0f}{peak():9.2f}", flush=True)
    return result


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=20_000, help="rows of the naive way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minors", action="store_true", help="people of all ages")
    parser.add_argument("--steps", action="store_true", help="time the parts of build one by one, too")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}, Polars {pl.__version__}")
    print(f"load when started: {os.getloadavg()[0]:.1f}; seed {arguments.seed}")
    print(f"{'':28}{'seconds':>9}{'CPU-s':>9}{'rows/s':>13}{'peak GB':>9}")
    people = arguments.people
    population = step(
        "people drawn",
        people,
        lambda: build_population("us-2024", people, arguments.seed, adults=not arguments.minors),
    )
    built = step(
        "personas built",
        people,
        lambda: build(population, seed=arguments.seed, adults=not arguments.minors),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "personas.parquet"
        step("personas written", len(built), lambda: built.save(file))
        size = file.stat().st_size / 1e6
    total = sum(seconds for _, _, seconds, _, _ in ROWS)
    print(f"{people:,} people, {len(built):,} personas, {size:,.0f} MB, built and written: {total:.1f} s")
    hashing(built.frame, arguments.sample)
    if arguments.steps:
        steps(population, arguments.seed, minors=arguments.minors)


def hashing(frame: pl.DataFrame, sample: int) -> None:
    """Names alone: a frame at once beside a record a row."""
    few = frame.head(sample)
    start = time.perf_counter()
    naive = [Persona.from_row(row).persona_id for row in few.iter_rows(named=True)]
    slow = (time.perf_counter() - start) / len(naive)
    start = time.perf_counter()
    ours = persona_ids(frame)
    fast = (time.perf_counter() - start) / frame.height
    if ours.head(len(naive)).to_list() != naive:
        raise SystemExit("the names differ")
    print(
        f"naming {frame.height:,} personas: ours {fast * frame.height:.1f} s; a record a row "
        f"{slow * frame.height:.1f} s (scaled from {len(naive):,}); ratio {slow / fast:.1f}"
    )


def steps(population: Population, seed: int, *, minors: bool) -> None:
    """Show where the time of build goes."""
    rows = len(population)
    people = step("  checked", rows, lambda: complete(validate(population.frame)))
    grown = people if minors else people.filter(pl.col("age") >= ADULT_AGE)
    enriched = step("  enriched", grown.height, lambda: enrich(grown, seed))
    kept = step("  held against the rules", grown.height, lambda: apply_rules(enriched)[0])
    frame = step("  named", kept.height, lambda: named(kept))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "p.parquet"
        step("  written", frame.height, lambda: Personas(frame, {}).save(file))


if __name__ == "__main__":
    main()
