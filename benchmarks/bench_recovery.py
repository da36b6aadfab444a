"""How often a task's interval holds the value that was planted: coverage over seeded repetitions.

    python benchmarks/bench_recovery.py [TASK ...] [--repeats 200] [--first 0] [--processes 2]

A task that is `populace.bench.recovery.Recoverable` plays itself once with planted people and yields, for
some of its scores, a label, the planted value and the estimate with its 95 % interval. Repetitions take the
seeds 0, 1, 2, and so on (or from another first), so that the table is the same on any machine, but for the
times. Each coverage stands beside its own exact interval (Clopper and Pearson 1934), and the mean estimate
and width beside the planted value, since an interval can cover by being wide. Ends with 1 where a score is
covered in fewer than 93 % of the repetitions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

# Each process has one core; threads of the libraries would stand in the way of the other process.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import polars as pl
from scipy.stats import beta

from populace.bench import TASKS, open_task
from populace.bench.recovery import Recoverable

AIM = 0.93
"""Coverage below which a 95 % interval is called wrong."""


def repetition(asked: tuple[str, int]) -> tuple[list[dict[str, Any]], float]:
    """Play a task once: a row for each score, and processor seconds."""
    task, seed = asked
    playing = open_task(task)
    assert isinstance(playing, Recoverable)
    start = time.process_time()
    rows = [
        {
            "score": label,
            "planted": float(truth),
            "value": estimate.value,
            "width": estimate.high - estimate.low,
            "held": bool(estimate.low <= truth <= estimate.high),
        }
        for label, truth, estimate in playing.recover(seed)
    ]
    return rows, time.process_time() - start


def exact(held: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Give the interval of Clopper and Pearson for `held` successes out of `of`."""
    tail = (1 - level) / 2
    low = beta.ppf(tail, held, of - held + 1) if held else 0.0
    high = beta.ppf(1 - tail, held + 1, of - held) if held < of else 1.0
    return float(low), float(high)


def measured(task: str, seeds: range, pool: Any) -> tuple[pl.DataFrame, float]:
    """Count, by score, how often the planted value was held; add up processor seconds."""
    done = list(pool.imap(repetition, ((task, seed) for seed in seeds)))
    rows = [row for part, _ in done for row in part]
    # The planted value of a score may differ by seed; its mean is shown.
    table = (
        pl.DataFrame(rows)
        .group_by("score", maintain_order=True)
        .agg(
            pl.col("planted", "value", "width").mean(),
            pl.col("held").sum(),
            pl.len().alias("repeats"),
        )
    )
    return table, sum(busy for _, busy in done)


def show(task: str, table: pl.DataFrame, seconds: float, busy: float) -> bool:
    """Print the table of a task; tell whether all its scores are covered."""
    width = max(*map(len, table["score"]), 5)
    print(f"\n{task}: {seconds:.0f} s, {busy:.0f} s of the processor")
    print(f"{'score':{width}}  planted    mean   width  coverage  its 95 % interval")
    fine = True
    for row in table.iter_rows(named=True):
        share = row["held"] / row["repeats"]
        low, high = exact(row["held"], row["repeats"])
        fine &= share >= AIM
        mark = "" if share >= AIM else "  TOO LOW"
        print(
            f"{row['score']:{width}}  {row['planted']:7.3f} {row['value']:7.3f} {row['width']:7.3f} "
            f"{share:9.3f}  [{low:.3f}, {high:.3f}]{mark}"
        )
    return fine


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="all that can be measured, if left out")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first repetition")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    fine = True
    # A fresh process: polars' threads do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        for task in asked.tasks or TASKS:
            if not isinstance(open_task(task), Recoverable):
                print(f"\n{task}: offers no recover(seed), and is not measured")
                fine = False
                continue
            start = time.perf_counter()
            table, busy = measured(task, range(asked.first, asked.first + asked.repeats), pool)
            fine &= show(task, table, time.perf_counter() - start, busy)
            sys.stdout.flush()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
