"""What the Ray route costs beside the local engine: the same calls, the same scripted model, one machine.

The model takes no time, so that all that is seen is ours and Ray's. CPU time is that of every process:
the driver, the workers, and Ray's own, read while they live.

    python benchmarks/bench_distributed.py [--calls N] [--workers N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from populace.canonical import file_hash
from populace.models import open_model
from populace.models.records import GenerateRequest, Message
from populace.run import Journal, execute, write_calls
from populace.run.distributed import distribute, joined

SPEC = {"provider": "scripted"}


def plan(calls: int) -> Iterator[GenerateRequest]:
    """A thousand characters of persona, forty questions each."""
    for i in range(calls):
        persona = f"You are person {i // 40}. " + "A trait of theirs. " * 52
        messages = (Message("system", persona), Message("user", f"question {i}"))
        yield GenerateRequest(model="scripted@1/exact", messages=messages, max_tokens=16)


def used() -> tuple[float, float]:
    """CPU seconds and resident MB of this process and all it has started."""
    mine = psutil.Process()
    cpu = memory = 0.0
    for process in (mine, *mine.children(recursive=True)):
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_info().rss / 1e6
        except psutil.NoSuchProcess:
            continue
    return cpu, memory


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    model = open_model(SPEC)
    with tempfile.TemporaryDirectory() as name:
        folders = Path(name, "local"), Path(name, "ray")
        with Journal(folders[0]) as journal:
            wall, before = time.monotonic(), used()
            asyncio.run(execute(plan(given.calls), model, journal, stage="s"))
            local = used()[0] - before[0]
            wall = time.monotonic() - wall
            write_calls(journal, folders[0] / "calls.parquet")
        print(f"local: {wall:.1f} s wall, {local:.2f} CPU-s, {local / given.calls * 1e6:.0f} µs a call")

        start, before = time.monotonic(), used()
        with joined(workers=given.workers):
            after = used()
            print(
                f"cluster: {time.monotonic() - start:.1f} s wall, {after[0] - before[0]:.1f} CPU-s to start"
            )
            for label, calls in (("first stage (starts the workers)", 64), ("whole", given.calls)):
                with Journal(folders[1]) as journal:
                    wall, before = time.monotonic(), used()
                    asyncio.run(
                        distribute(plan(calls), SPEC, model, journal, stage="s", workers=given.workers)
                    )
                    now = used()
                    wall = time.monotonic() - wall
                    write_calls(journal, folders[1] / "calls.parquet")
                print(f"{label}: {wall:.1f} s wall, {now[0] - before[0]:.2f} CPU-s, {now[1]:.0f} MB resident")
            cpu = now[0] - before[0]
            print(f"ray: {cpu / given.calls * 1e6:.0f} µs a call, {cpu / local:.1f} times the local engine")
        same = len({file_hash(folder / "calls.parquet") for folder in folders}) == 1
        print(f"calls.parquet {'is the same' if same else 'DIFFERS'}")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
