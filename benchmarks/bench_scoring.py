"""Scoring at the size of PERSONA: reports of kappa, matrices of ten models, and a leaderboard.

317,200 judged pairs of 1,586 personas (200 each). The report: four judges, all six pairs, kappa, AC1 and
percent agreement, over all rows and by an attribute of five values, each with an interval from 10,000 cluster
draws. The matrix: the same for all 45 pairs of ten models, and their leaderboard with 45 paired tests. The
peer is scikit-learn's `cohen_kappa_score` in the loop by which a cluster bootstrap is usually written, kappa
alone; its few timed draws are scaled up. Ratings are synthetic.

    python benchmarks/bench_scoring.py [--naive-draws 5]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics import cohen_kappa_score

from populace.stats import agreement_matrix, rank_models

PERSONAS, ROWS_EACH, DRAWS, GROUPS = 1_586, 200, 10_000, 5
REPORT_SECONDS, MODELS_SECONDS, REPORT_GIB, RATIO = 5.0, 60.0, 1.0, 100.0
"""What the project's budgets allow, and how many times faster than the loop it must be."""

Codes = npt.NDArray[np.int64]


def ratings(raters: int, rng: np.random.Generator) -> tuple[Codes, Codes, Codes]:
    """Return ratings (rows, raters), personas and groups of rows in random order."""
    rows = PERSONAS * ROWS_EACH
    truth = rng.random(rows) < 0.7
    noise = np.linspace(0.08, 0.3, raters)
    seen = np.stack([np.where(rng.random(rows) < error, ~truth, truth) for error in noise], axis=1)
    order = rng.permutation(rows)
    personas = np.repeat(np.arange(PERSONAS), ROWS_EACH)[order]
    return seen.astype(np.int64)[order], personas, rng.integers(GROUPS, size=PERSONAS)[personas]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def naive_seconds(seen: Codes, personas: Codes, draws: int) -> float:
    """Time the usual loop, for one pair of raters: gather the rows of the personas drawn, and score them."""
    rng = np.random.default_rng(0)
    rows_of = np.split(np.argsort(personas, kind="stable"), PERSONAS)
    start = time.perf_counter()
    for _ in range(draws):
        rows = np.concatenate([rows_of[i] for i in rng.integers(PERSONAS, size=PERSONAS)])
        cohen_kappa_score(seen[rows, 0], seen[rows, 1])
    return time.perf_counter() - start


def gib() -> float:
    """Return the most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def line(what: str, ours: float, peer: float) -> None:
    print(f"{what:<58} {ours:>10.2f} {peer:>14,.0f} {peer / ours:>10,.0f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time scoring at the size of PERSONA.")
    parser.add_argument("--naive-draws", type=int, default=5, help="draws timed in the naive loop")
    draws = parser.parse_args().naive_draws
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    print(f"{datetime.date.today()}: {machine}; numpy {np.__version__}, scikit-learn {sklearn.__version__}")
    print(f"{PERSONAS * ROWS_EACH:,} rows, {PERSONAS:,} personas, {DRAWS:,} draws; wall seconds, one run")

    seen, personas, groups = ratings(4, np.random.default_rng(0))
    everything, whole = timed(lambda: agreement_matrix(seen, personas, draws=DRAWS))
    by_group, grouped = timed(lambda: agreement_matrix(seen, personas, groups=groups, draws=DRAWS))
    memory = gib()
    for pair in everything.pairs:
        a, b = int(pair.a), int(pair.b)
        if not np.isclose(pair.kappa.value, cohen_kappa_score(seen[:, a], seen[:, b])):
            raise SystemExit(f"the two disagree on the kappa of {a} and {b}")
    one = naive_seconds(seen, personas, draws) * DRAWS / draws
    print(f"\n{'':<58} {'populace':>10} {'scikit-learn':>14} {'ratio':>11}")
    line("report: 4 judges, 6 pairs, 3 measures, all rows", whole, 6 * one)
    line(f"the same by an attribute of {GROUPS} values", grouped, 6 * one)

    seen, personas, _ = ratings(10, np.random.default_rng(1))
    matrix, pairs = timed(lambda: agreement_matrix(seen, personas, draws=DRAWS))
    line("matrix: 10 models, 45 pairs, 3 measures, all rows", pairs, 45 * one)
    board, ranked = timed(lambda: rank_models(seen, personas, draws=DRAWS))
    print(f"{'leaderboard: 10 models, 45 paired tests, 9,999 flips':<58} {ranked:>10.2f}")
    print(f"\n(peer: kappa of one pair, {draws} draws timed once and scaled up to {DRAWS:,} and all pairs)")
    print(f"first pair: kappa {matrix.pairs[0].kappa}; groups {[''.join(g) for g in board.groups]}")
    print(f"memory at its highest: {memory:.2f} GiB after the report, {gib():.2f} GiB in all, input included")
    assert len(by_group.pairs) == 6 * GROUPS
    assert len(list(combinations(range(10), 2))) == len(matrix.pairs)
    kept = {
        f"report within {REPORT_SECONDS:g} s": whole + grouped <= REPORT_SECONDS,
        f"report within {REPORT_GIB:g} GiB": memory <= REPORT_GIB,
        f"ten models within {MODELS_SECONDS:g} s": pairs + ranked <= MODELS_SECONDS,
        f"ratio at least {RATIO:g}": 6 * one / max(whole, grouped) >= RATIO,
    }
    for what, held in kept.items():
        print(f"{'within' if held else 'OVER  '} budget: {what}")


if __name__ == "__main__":
    main()
