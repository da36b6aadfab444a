"""Audits at the size of PERSONA: seconds, memory, and how often each audit is right.

Size: 317,200 planted pairs of 1,586 personas (200 each), each judged by nobody, its author and two strangers
(1,268,800 judgements), and once more as three judges (3,806,400). There is no peer that runs these audits;
what a naive loop over couples would take for the near duplicates alone is timed on a sample and scaled up.

Rates: planted sets of 240 pairs (60 authors, 3 strangers a pair), one cheat each; how often each audit
fails, and how often an audit at its limit passes.

    python benchmarks/bench_audits.py [--people 1586] [--judges 3] [--rates 0] [--power 0]
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import platform
import resource
import time

import polars as pl

from populace.feedback.shortcuts import (
    AUDITS,
    CHEATS,
    Finding,
    Limits,
    Planted,
    audit_findings,
    failed,
    plant,
)
from populace.feedback.shortcuts.length import length_only
from populace.feedback.shortcuts.nobody import no_persona
from populace.feedback.shortcuts.running import seated
from populace.feedback.shortcuts.verdicts import Draws

BUDGET_SECONDS = 60.0


def memory() -> float:
    """Largest resident set so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def size(people: int, judges: int) -> None:
    start = time.perf_counter()
    one = plant("honest", people=people, pairs_each=200, strangers=2, prompts=3_868, seed=1)
    print(f"planting took {time.perf_counter() - start:.0f} s, {memory():.2f} GB so far")
    for several in sorted({1, judges}):
        judged = pl.concat(
            [one.judgements.with_columns(pl.lit(f"judge {at}").alias("judge")) for at in range(several)]
        )
        start, busy = time.perf_counter(), time.process_time()
        found = audit_findings(one.pairs, judged, one.personas, one.profiles)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        print(
            f"{one.pairs.height:,} pairs, {judged.height:,} judgements of {several} judge(s):"
            f" {seconds:.1f} s of {BUDGET_SECONDS:.0f} ({busy:.1f} s of processor, load"
            f" {os.getloadavg()[0]:.0f}), peak {memory():.2f} GB, {len(failed(found))} failed"
        )
    naive(one.pairs["revision"].head(1_000).to_list(), one.pairs.height)


def naive(texts: list[str], whole: int) -> None:
    """Time near duplicates as usually written: sets of runs, every couple."""
    start = time.perf_counter()
    words = [text.lower().split() for text in texts]
    sets = [set(zip(each, each[1:], each[2:], strict=False)) for each in words]
    for a, b in itertools.combinations(sets, 2):
        len(a & b) / max(len(a | b), 1) >= 0.8  # noqa: B015
    seconds = time.perf_counter() - start
    couples = len(texts) * (len(texts) - 1)
    hours = seconds * whole * (whole - 1) / couples / 3600
    print(f"every couple of revisions in a loop: {seconds:.1f} s for {len(texts):,}, {hours:,.0f} h for all")


def rates(repeats: int) -> None:
    print(f"\nshare of {repeats} planted sets of 240 pairs that fail each audit (and that it was not run on)")
    print("| cheat | " + " | ".join(AUDITS) + " |")
    for cheat in CHEATS:
        counts = collections.Counter()
        for seed in range(repeats):
            one = plant(cheat, seed=seed)
            for each in audit_findings(one.pairs, one.judgements, one.personas, one.profiles, draws=500):
                counts[each.name, each.passed] += 1
        cells = []
        for name in AUDITS:
            lost = counts[name, None]
            not_run = f" ({lost / repeats:.2f})" if lost else ""
            cells.append(f"{counts[name, False] / repeats:.2f}{not_run}")
        print(f"| {cheat} | " + " | ".join(cells) + " |", flush=True)


def one_audit(audit: str, one: Planted) -> Finding:
    """Run one audit of verdicts alone."""
    seats, nobody = seated(one)
    if audit == "length-only":
        return length_only(one.pairs, seats, Draws(draws=500), Limits().rule)
    return no_persona(seats, nobody, Draws(draws=500), Limits().reader)


def power(repeats: int) -> None:
    print(f"\nhow often an audit passes, by the share of judgements that cheat ({repeats} sets of each size)")
    cases = (("longer", "length-only", (0.2, 0.3, 0.4, 0.47, 0.6)),)
    cases += (("nobody", "no-persona", (0.4, 0.6, 0.7, 0.8, 0.9)),)
    for cheat, audit, strengths in cases:
        for strength in strengths:
            big = one_audit(audit, plant(cheat, strength=strength, people=1_500, prompts=6_000, seed=9_999))
            true = big.tested.value if big.tested else float("nan")
            line = []
            for people in (15, 60):
                sets = (plant(cheat, strength=strength, people=people, seed=seed) for seed in range(repeats))
                passed = sum(one_audit(audit, one).passed is True for one in sets)
                line.append(f"{people * 4} pairs {passed / repeats:.3f}")
            print(f"{audit:<12} cheating {strength:.2f}, true {true:.3f}: {', '.join(line)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the audits, and count how often they are right.")
    parser.add_argument("--people", type=int, default=1_586)
    parser.add_argument("--judges", type=int, default=3)
    parser.add_argument("--rates", type=int, default=0, metavar="SETS")
    parser.add_argument("--power", type=int, default=0, metavar="SETS")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, polars {pl.__version__}")
    if arguments.people:
        size(arguments.people, arguments.judges)
    if arguments.rates:
        rates(arguments.rates)
    if arguments.power:
        power(arguments.power)


if __name__ == "__main__":
    main()
