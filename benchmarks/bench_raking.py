"""Raking 200,000 people to 10 margins: ours beside `ipfn` and `weightipy`, same people, same weights.

    python benchmarks/bench_raking.py [--peers DIR] [--people 200000] [--repeats 7] [--json FILE]

People come from the embedded census source (seed 1), all of weight 1, because weightipy knows no other start.
Margins are ten attributes of theirs under weights that favour some groups, so they can be met exactly, and
they resemble one another (age, schooling, marriage, employment, household), which makes plain sweeps slow.

Ours starts from the labels, as a user has them, and its time is that of the whole call: coding, checks,
fitting, report. The peers get integer codes, and their time is that of their own call alone, without imports
or reading. Each peer is installed from PyPI into an environment of its own below DIR (made where missing).
Settings: ipfn stops at a relative misfit of 1e-9 (`convergence_rate`, `rate_tolerance=0`); weightipy takes no
such setting and stops where a sweep gains less than a hundredth.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from peers.environments import Peer, interpreter

from populace.population import build, margins_of, rake
from populace.population.targets import with_readings

COLUMNS = (
    "sex", "race", "education", "marital_status", "employment_status", "household_type", "citizenship",
    "disability", "age_band", "health_insurance",
)  # fmt: skip
BUDGET_SECONDS, SAME = 0.15, 1e-6
PEERS = (
    Peer("ipfn 1.4.4", "ipfn", ("ipfn==1.4.4",), "rake_peer.py"),
    Peer("weightipy 0.4.2", "weightipy", ("weightipy==0.4.2",), "rake_peer.py"),
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    seconds: float
    misfit: float
    """Largest relative misfit of any cell."""
    difference: float
    """Largest relative difference of a weight from ours."""
    times: float
    """Its time over ours."""


def problem(people: int) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    drawn = build("us-2024", size=people, seed=1).frame
    frame = with_readings(drawn, COLUMNS).with_columns(weight=pl.lit(1.0))
    rng = np.random.default_rng(0)
    tilt = rng.gamma(2.0, size=people) * np.where(frame["sex"] == "Male", 2.0, 1.0)
    tilt *= np.where(frame["race"] == "White alone", 1.5, 1.0)
    tilt *= people / tilt.sum()
    return frame, margins_of(frame.with_columns(weight=tilt), COLUMNS)


def coded(frame: pl.DataFrame, margins: list[pl.DataFrame]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Codes of every person, shape (people, margins), from 0 in the order of each margin's cells."""
    codes = [
        frame.select(name)
        .join(margin.select(name).with_row_index("code"), on=name, nulls_equal=True, maintain_order="left")
        .get_column("code")
        .to_numpy()
        for name, margin in zip(COLUMNS, margins, strict=True)
    ]
    return np.stack(codes, axis=1).astype(np.int64), [margin["target"].to_numpy() for margin in margins]


def misfit(weights: np.ndarray, codes: np.ndarray, targets: list[np.ndarray]) -> float:
    return max(
        float(np.abs(np.bincount(code, weights, len(target)) / target - 1).max())
        for code, target in zip(codes.T, targets, strict=True)
    )


def ask(peer: Peer, folder: Path, problem_file: Path, repeats: int) -> tuple[float, np.ndarray]:
    """Run a peer in a process of its own; give the best time of its call, and its weights."""
    driver = Path(__file__).parent / "peers" / peer.driver
    result = problem_file.with_name(f"{peer.name}.npy")
    command = [interpreter(peer, folder), driver, peer.name, problem_file, result, str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer.title}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.strip().splitlines()[-1]), np.load(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, help="folder for the peers' environments")
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    frame, margins = problem(options.people)
    codes, targets = coded(frame, margins)
    found, times, processor = rake(frame, margins), [], []
    for _ in range(options.repeats):
        start, busy = time.perf_counter(), time.process_time()
        rake(frame, margins)
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    ours, best, middle = found.weights, min(times), float(np.median(times))
    rows = [Row("populace", best, misfit(ours, codes, targets), 0.0, 1.0)]
    print(found.text(), file=sys.stderr)
    if options.peers:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "problem.npz"
            np.savez(
                file, allow_pickle=False, codes=codes, **{f"target{k}": t for k, t in enumerate(targets)}
            )
            for peer in PEERS:
                seconds, weights = ask(peer, options.peers, file, 1)
                off = float(np.abs(weights / ours - 1).max())
                rows.append(Row(peer.title, seconds, misfit(weights, codes, targets), off, seconds / best))
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {load}")
    print(f"{options.people:,} people, {len(COLUMNS)} margins, {sum(map(len, targets))} cells")
    print(f"{'':<18}{'seconds':>10}{'times ours':>12}{'misfit':>10}{'weights differ':>16}")
    for row in rows:
        print(
            f"{row.name:<18}{row.seconds:>10.3f}{row.times:>12.0f}{row.misfit:>10.1e}{row.difference:>16.1e}"
        )
    held = "held" if best <= BUDGET_SECONDS else "NOT held"
    print(
        f"ours: best {best:.3f} s, median {middle:.3f} s of {options.repeats}; aim {BUDGET_SECONDS} s: {held}"
    )
    print(f"ours, processor time of all threads: {min(processor):.3f} s")
    if options.peers:
        same = all(row.difference <= SAME for row in rows)
        print(f"same weights to {SAME:g}: {'yes' if same else 'NO'}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
