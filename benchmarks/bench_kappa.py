"""Cohen's kappa with cluster intervals at the size of PERSONA: ours, the peer's, and the ratio.

317,200 judged pairs of 1,586 personas (200 each). The peer is scikit-learn's `cohen_kappa_score`: once, in a
loop over personas, and in the naive loop of a cluster bootstrap, whose few timed draws are scaled up.
Ratings are synthetic: two raters who agree on 85 % of rows, 70 % of them of one kind.

    python benchmarks/bench_kappa.py [--naive-draws 20]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics import cohen_kappa_score

from populace.stats import cohen_kappa, confusion_tables, kappa_from_table

PERSONAS, ROWS_EACH, DRAWS = 1_586, 200, 10_000
BUDGET_SECONDS = 5.0
"""What a kappa report of this size may take, as the project's budgets say."""

Codes = npt.NDArray[np.int64]


def ratings(rng: np.random.Generator) -> tuple[Codes, Codes, Codes]:
    rows = PERSONAS * ROWS_EACH
    a = (rng.random(rows) < 0.7).astype(np.int64)
    b = np.where(rng.random(rows) < 0.85, a, 1 - a)
    personas = np.repeat(np.arange(PERSONAS), ROWS_EACH)
    order = rng.permutation(rows)
    return a[order], b[order], personas[order]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the best wall time of `repeats` runs."""
    times: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def rows_by_persona(personas: Codes) -> list[Codes]:
    return np.split(np.argsort(personas, kind="stable"), PERSONAS)  # 200 rows each


def naive_per_persona(a: Codes, b: Codes, personas: Codes) -> npt.NDArray[np.float64]:
    return np.array([cohen_kappa_score(a[rows], b[rows]) for rows in rows_by_persona(personas)])


def naive_bootstrap(a: Codes, b: Codes, personas: Codes, draws: int) -> npt.NDArray[np.float64]:
    """Bootstrap as usually written: gather the rows of the personas drawn, and score them."""
    rng = np.random.default_rng(0)
    rows_of = rows_by_persona(personas)
    kappas: list[float] = []
    for _ in range(draws):
        rows = np.concatenate([rows_of[i] for i in rng.integers(PERSONAS, size=PERSONAS)])
        kappas.append(cohen_kappa_score(a[rows], b[rows]))
    return np.array(kappas)


def table_per_persona(a: Codes, b: Codes, personas: Codes) -> npt.NDArray[np.float64]:
    return kappa_from_table(confusion_tables(a, b, personas).counts)


def report(what: str, ours: float, peer: float, note: str = "") -> None:
    print(f"{what:<44} {ours * 1e3:>12,.1f} {peer * 1e3:>14,.1f} {peer / ours:>9,.1f}x  {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time Cohen's kappa at the size of PERSONA.")
    parser.add_argument("--naive-draws", type=int, default=20, help="draws timed in the naive loop")
    timed = parser.parse_args().naive_draws
    a, b, personas = ratings(np.random.default_rng(0))
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    versions = (
        f"Python {platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    )
    print(f"{datetime.date.today()}: {machine}; {versions}")
    print(f"{PERSONAS * ROWS_EACH:,} rows, {PERSONAS:,} personas; wall ms, best of 3\n")
    print(f"{'':<44} {'populace':>12} {'scikit-learn':>14} {'ratio':>10}")

    ours, theirs = table_per_persona(a, b, personas), naive_per_persona(a, b, personas)
    if not np.allclose(ours, theirs):
        raise SystemExit("the two disagree on the kappa of some persona")
    everybody = np.zeros_like(personas)
    report(
        "kappa of all rows (labels to value)",
        seconds(lambda: kappa_from_table(confusion_tables(a, b, everybody).counts), 3),
        seconds(lambda: cohen_kappa_score(a, b), 3),
    )
    report(
        f"kappa of each of {PERSONAS:,} personas",
        seconds(lambda: table_per_persona(a, b, personas), 3),
        seconds(lambda: naive_per_persona(a, b, personas), 3),
    )
    bootstrap = seconds(lambda: cohen_kappa(a, b, personas, draws=DRAWS), 3)
    report(
        f"kappa, interval from {DRAWS:,} cluster draws",
        bootstrap,
        seconds(lambda: naive_bootstrap(a, b, personas, timed), 1) * DRAWS / timed,
        f"(peer: {timed} draws timed once, scaled up)",
    )
    names = np.array([f"{persona:032x}" for persona in range(PERSONAS)], dtype=object)[personas]
    named = seconds(lambda: cohen_kappa(a, b, names, draws=DRAWS), 3)
    print(f"\n{cohen_kappa(a, b, personas, draws=DRAWS)}")
    print(f"with persona ids as text: {named * 1e3:,.1f} ms")
    verdict = "within" if max(bootstrap, named) <= BUDGET_SECONDS else "OVER"
    print(f"{verdict} the budget of {BUDGET_SECONDS:g} s for a kappa report of this size")


if __name__ == "__main__":
    main()
