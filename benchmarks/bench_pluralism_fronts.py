"""Fronts: ours against moocore, the same points in the same run, and what populace adds on top.

Points lie on a sphere, so that all are on the front: the worst case. moocore is C, ours is numpy and Python;
no budget says that we must be faster, and the ratio says what it costs to need no compiler. Every value is
compared with the peer's. `served`, `estimate_front` and `trade_off.score` have no peer that does the same.

    python benchmarks/bench_pluralism_fronts.py
"""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import moocore
import numpy as np
import numpy.typing as npt

from populace.pluralism import multi_objective as mo
from populace.pluralism import trade_off as to

SIZES = ((2, 100), (2, 10_000), (3, 100), (3, 1_000), (4, 61), (4, 200), (5, 61), (5, 100), (6, 61), (7, 61))
TIMES = 3
Points = npt.NDArray[np.float64]


def sphere(rng: np.random.Generator, count: int, objectives: int) -> Points:
    """Draw points on the part of a sphere where all objectives are positive."""
    points = np.abs(rng.normal(size=(count, objectives)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run a few times; give the result and the least seconds."""
    best = np.inf
    for _ in range(TIMES):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return result, best


def line(what: str, ours: Callable[[], Any], peer: Callable[[], Any]) -> None:
    """Time both, check that they agree, print a row."""
    (one, mine), (other, theirs) = timed(ours), timed(peer)
    if not np.allclose(one, other, rtol=1e-9):
        raise SystemExit(f"{what}: the two disagree, {one} and {other}")
    print(f"{what:<46} {1e3 * mine:>11.2f} {1e3 * theirs:>11.3f} {mine / theirs:>9.1f}")


def alone(what: str, work: Callable[[], Any]) -> None:
    """Time what has no peer."""
    print(f"{what:<46} {1e3 * timed(work)[1]:>11.2f}")


def main() -> None:
    rng = np.random.default_rng(0)
    print(
        f"{datetime.date.today()}: {platform.machine()}, {os.cpu_count()} CPUs, "
        f"load {os.getloadavg()[0]:.1f}; numpy {np.__version__}, moocore {moocore.__version__}; "
        f"least of {TIMES}"
    )
    print(f"\n{'':<46} {'ours, ms':>11} {'moocore, ms':>11} {'slower, x':>9}")
    for objectives, count in SIZES:
        points, zero = sphere(rng, count, objectives), np.zeros(objectives)
        line(
            f"hypervolume, {objectives} objectives, {count:,} points",
            lambda points=points, zero=zero: mo.hypervolume(points, zero),
            lambda points=points, zero=zero: moocore.hypervolume(points, ref=zero, maximise=True),
        )
    for objectives, count in ((2, 10_000), (5, 1_000), (5, 10_000)):
        points = rng.random((count, objectives))
        line(
            f"front, {objectives} objectives, {count:,} random points",
            lambda points=points: mo.front(points),
            lambda points=points: moocore.is_nondominated(points, maximise=True, keep_weakly=True),
        )
    points, wanted = sphere(rng, 300, 5), sphere(rng, 300, 5)
    for name, ours, peer in (
        ("epsilon, additive", mo.epsilon, moocore.epsilon_additive),
        ("IGD+", mo.igd_plus, moocore.igd_plus),
    ):
        line(
            f"{name}, 5 objectives, 300 against 300",
            lambda ours=ours: ours(points, wanted),
            lambda peer=peer: peer(points, ref=wanted, maximise=True),
        )
    flat = sphere(rng, 1_000, 2)
    line(
        "R2 over all weights, 2 objectives, 1,000",
        lambda: mo.r2(flat, [1, 1]),
        lambda: moocore.r2_exact(flat, ref=[1, 1], maximise=True),
    )
    print("\nwithout a peer")
    for objectives in (3, 5):
        board = sphere(rng, 61, objectives)
        alone(
            f"served weights, exact, {objectives} objectives, 61 points", lambda board=board: mo.served(board)
        )
    values = sphere(rng, 61, 5)[:, None] + rng.normal(0, 0.2, (61, 500, 5))
    alone("front of 61 models, 500 questions, 2,000 draws", lambda: mo.estimate_front(values))
    functions = {f"f{place}": to.Linear(w) for place, w in enumerate(to.grid(3, 4))}
    outcomes = {name: rng.random((300, 3)) for name in functions}
    alone("15 steered models, 300 questions, 2,000 draws", lambda: to.score(outcomes, functions))


if __name__ == "__main__":
    main()
