"""Do ceiling and share of the range come back? How often intervals hold what was planted, over seeded worlds.

    python benchmarks/bench_grounded_truth.py [--repeats 200] [--processes 2]

Each repetition plants a world of items and people whose answers repeat themselves with a known noise, and a
model of known quality, and estimates as a study does (`populace.opinions.recovery`). Two designs count: 120
items, intervals over respondents; 40 items, intervals over respondents and items, where the truth is that
of all 200 worlds. A third, with 100 respondents tested, is printed to show what small studies may trust.
Repetitions take the seeds 0, 1, 2, and so on, so that the table is the same on any machine, but for the
times. Each coverage stands beside its own exact interval (Clopper and Pearson 1934). Ends with 1 where a
quantity of the two designs is held in fewer than 93 % of the repetitions.
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

from populace.opinions.recovery import Recovered, recover
from populace.stats.forced_choice import clustered_proportion

AIM = 0.93
"""Coverage below which a 95 % interval is called wrong."""
DESIGNS = {
    "120 items, 300 of 900 respondents tested": {"items": 120},
    "40 items, 300 of 900 respondents tested": {"items": 40},
    "120 items, 100 of 500 respondents tested": {"items": 120, "people": 500, "tested": 100},
}
SMALL = "120 items, 100 of 500 respondents tested"
"""Shown, and not counted."""


def repetition(asked: tuple[dict[str, int], int]) -> list[Recovered]:
    """Play one round."""
    settings, seed = asked
    return list(recover(seed, **settings))


def show(design: str, rounds: list[list[Recovered]], seconds: float) -> bool:
    """Print the table of a design; tell whether all its quantities are held."""
    print(f"\n{design}: {len(rounds)} worlds, {seconds:.0f} s")
    print(f"{'quantity':24}  planted    mean   width  undefined  held   its 95 % interval")
    fine = True
    for place, first in enumerate(rounds[0]):
        found = [part[place] for part in rounds]
        overall = sum(one.top for one in found) / sum(one.bottom for one in found)
        truths = [overall if one.of_items else one.truth for one in found]
        there = [
            (truth, one.estimate) for truth, one in zip(truths, found, strict=True) if one.estimate.defined
        ]
        held = [estimate.low <= truth <= estimate.high for truth, estimate in there]
        share = clustered_proportion(held)
        fine &= share.value >= AIM
        mean = sum(estimate.value for _, estimate in there) / len(there)
        width = sum(estimate.high - estimate.low for _, estimate in there) / len(there)
        mark = "" if share.value >= AIM else "  TOO LOW"
        print(
            f"{first.label:24}  {overall:7.3f} {mean:7.3f} {width:7.3f} {len(found) - len(there):10d} "
            f"{share.value:5.3f}  [{share.low:.3f}, {share.high:.3f}]{mark}"
        )
    return fine


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    fine = True
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        for design, settings in DESIGNS.items():
            start = time.perf_counter()
            rounds: list[Any] = list(
                pool.imap(repetition, ((settings, seed) for seed in range(asked.repeats)))
            )
            held = show(design, rounds, time.perf_counter() - start)
            fine &= held or design == SMALL
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
