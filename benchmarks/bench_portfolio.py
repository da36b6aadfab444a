"""Portfolios: calls to a certified gap, and worst regret at equal size, beside what others do.

    python benchmarks/bench_portfolio.py [--data DIR] [--alpaca FILE] [--peer PYTHON] [--deep]

First: the synthetic KL problems of the design. How many calls of the oracle until the gap between what is
known and the best possible is at most epsilon over the whole simplex? Ours (planned, corners, cells), the
linear support of morl-baselines (`--peer`: a Python that has it; its gap is computed by our certificate after
each of its calls), the coarsest uniform lattice that would have done, known afterwards only, and the size of
PALM's grid. The ratios are to `planned`, the default.

Then: tables of existing models (WildBench: five kinds of tasks and brevity; AlpacaEval 2, `--alpaca` the
leaderboard's CSV of the package alpaca-eval: win rate and brevity), the fronts of MO-Gymnasium (by the same
`--peer`) and a front made up. Portfolios of k members by ours, greedily, at random (mean of 20), from evenly
spread weights and from k-means of 2,000 users: the exact worst regret of each. Traits are scaled to [0, 1]
over the rows of the table.

Last: times. `--deep` adds the problems that take minutes.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from populace import portfolio as pf
from populace.portfolio.minimum import spread_weights
from populace.portfolio.palm import grid_size
from populace.streams import stream

PROBLEMS = [(2, 0.02, 0.01), (2, 0.1, 0.01), (2, 0.1, 0.002), (3, 0.1, 0.01), (3, 0.5, 0.01), (3, 0.02, 0.01)]
DEEP = [(3, 0.1, 0.002), (4, 0.1, 0.01)]


def synthetic(traits: int) -> tuple[np.ndarray, np.ndarray]:
    """Rewards (100, 16, traits) and a reference, by the generator that the published counts were made
    with.
    """
    rng = np.random.default_rng(0)
    rewards = 1 / (1 + np.exp(-1.5 * rng.normal(size=(100, 16, traits))))
    return rewards, rng.dirichlet(3 * np.ones(16), size=100)


def ours(oracle: pf.Oracle, traits: int, epsilon: float, method: str) -> tuple[int, float]:
    search = pf.Refinement(traits=traits, regret=epsilon, share=0.9999999, method=method)  # type: ignore[arg-type]
    while weights := search.ask():
        search.tell(weights[0], oracle(weights[0]))
    return len(search.known.weights), search.gap


def gap_of(oracle: pf.Oracle, weights: np.ndarray, epsilon: float) -> float:
    """Certify the gap that weights leave, the corners among them."""
    search = pf.Refinement(traits=weights.shape[1], regret=epsilon, method="corners")
    for each in weights:
        search.tell(each / each.sum(), oracle(each / each.sum()))
    search.ask()
    return search.gap


def calls_of(oracle: pf.Oracle, asked: np.ndarray, epsilon: float) -> int | None:
    """Count the calls after which an order of weights has the gap; the corners come first in any of them."""
    corners = np.eye(asked.shape[1])
    rest = asked[[not any(np.allclose(each, corner) for corner in corners) for each in asked]]
    low, high = 0, len(rest)
    if gap_of(oracle, np.vstack([corners, rest]), epsilon) > epsilon:
        return None
    while low < high:  # the gap never grows with more weights
        middle = (low + high) // 2
        if gap_of(oracle, np.vstack([corners, rest[:middle]]), epsilon) <= epsilon:
            high = middle
        else:
            low = middle + 1
    return len(corners) + low


def lattice(oracle: pf.Oracle, traits: int, epsilon: float, most: int) -> int | None:
    """Count the weights of the coarsest uniform lattice whose gap is small enough."""
    steps = 1
    while math.comb(steps + traits - 1, traits - 1) <= most:
        count = math.comb(steps + traits - 1, traits - 1)
        if gap_of(oracle, spread_weights(traits, count), epsilon) <= epsilon:
            return count
        steps += 1
    return None


def peer(python: str, traits: int, beta: float, epsilon: float, most: int) -> np.ndarray | None:
    rewards, reference = synthetic(traits)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pool.npz"
        np.savez(file, rewards=rewards, reference=reference)
        script = Path(__file__).parent / "peers" / "linear_support.py"
        command = [python, str(script), str(file), str(beta), str(epsilon / 10), str(most)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print("   peer failed:", done.stderr.strip().splitlines()[-1:])
        return None
    return np.array(json.loads(done.stdout.strip().splitlines()[-1]))


def calls(args: argparse.Namespace) -> None:
    print("calls of the oracle until the certified gap is at most epsilon")
    print("d  beta  epsilon   planned  corners  cells  linear support  ratio  lattice  ratio  PALM's grid")
    for traits, beta, epsilon in PROBLEMS + (DEEP if args.deep else []):
        oracle = pf.Pool(*synthetic(traits)).oracle(beta)
        best, _ = ours(oracle, traits, epsilon, "auto")
        corners, _ = ours(oracle, traits, epsilon, "corners")
        cells, _ = ours(oracle, traits, epsilon, "simplicial")
        # It asks about as often as our corners; the problems of `--deep` would take it hours.
        asks = args.peer and corners < 100
        told = peer(args.peer, traits, beta, epsilon, corners + corners // 4 + 2) if asks else None
        other = None if told is None else calls_of(oracle, told, epsilon)
        even = lattice(oracle, traits, epsilon, 600)
        ratio = f"{other / best:.2f}" if other else "-"
        spread = f"{even / best:.2f}" if even else "-"
        size = f"{grid_size(traits, epsilon, epsilon):,}"
        print(
            f"{traits}  {beta:<5} {epsilon:<8} {best:>7} {corners:>8} {cells:>6} "
            f"{other or '-':>15} {ratio:>6} {even or '> 600':>8} {spread:>6} {size:>12}",
            flush=True,
        )


def scaled(table: np.ndarray) -> np.ndarray:
    return (table - table.min(axis=0)) / np.ptp(table, axis=0)


def tables(args: argparse.Namespace) -> dict[str, np.ndarray]:
    found = {"front made up, 60 x 3": front(60, 3)}
    board = args.data / "wildbench/score.json"
    if board.exists():
        rows = [
            [*row["task_categorized_scores"].values(), -row["avg_len"]]
            for row in json.loads(board.read_text()).values()
            if len(row["task_categorized_scores"]) == 5 and row["avg_len"]
        ]
        found["WildBench"] = scaled(np.array(rows, dtype=np.float64))
    else:
        print(f"WildBench skipped: no {board}")
    if args.alpaca and args.alpaca.exists():
        with args.alpaca.open() as handle:
            rows = [row for row in csv.DictReader(handle) if "NullModel" not in row[""]]
        values = [[float(row["win_rate"]), -float(row["avg_length"])] for row in rows]
        found["AlpacaEval 2"] = scaled(np.array(values))
    else:
        print("AlpacaEval 2 skipped: give its CSV with --alpaca")
    if args.peer:
        script = Path(__file__).parent / "peers" / "fronts.py"
        done = subprocess.run([args.peer, str(script)], capture_output=True, text=True, check=False)
        if done.returncode:
            print("fronts of MO-Gymnasium failed:", done.stderr.strip().splitlines()[-1:])
        else:
            told = json.loads(done.stdout.strip().splitlines()[-1])
            found |= {name: scaled(np.array(rows)) for name, rows in told.items()}
    else:
        print("MO-Gymnasium skipped: give a Python that has it with --peer")
    return found


def front(count: int, traits: int) -> np.ndarray:
    rows = np.abs(stream(0, "bench.portfolio.front").normal(size=(count, traits)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best_at(table: np.ndarray, weights: np.ndarray) -> list[int]:
    return sorted({int(np.argmax(table @ each)) for each in weights})


def greedily(table: np.ndarray, size: int) -> list[int]:
    members = [int(np.argmax(table.mean(axis=1)))]
    while len(members) < size:
        worst = pf.worst_regret(table, members)
        if worst.value <= 0:
            break
        members.append(worst.candidate)
    return members


def by_users(table: np.ndarray, size: int) -> list[int]:
    from sklearn.cluster import KMeans

    users = stream(0, "bench.portfolio.users").dirichlet(np.ones(table.shape[1]), 2000)
    return best_at(table, KMeans(size, n_init=5, random_state=0).fit(users).cluster_centers_)


def evenly(table: np.ndarray, size: int) -> list[int]:
    weights = spread_weights(table.shape[1], 4000)
    found = [np.full(table.shape[1], 1 / table.shape[1])]
    while len(found) < size:  # the point furthest from those there are
        apart = np.abs(weights[:, None] - np.array(found)).sum(axis=2).min(axis=1)
        found.append(weights[int(np.argmax(apart))])
    return best_at(table, np.array(found))


def sizes(args: argparse.Namespace) -> None:
    print("\nexact worst regret at equal size (traits scaled to [0, 1])")
    print("table                      k   ours     at least  greedy   even     k-means  random   others/ours")
    for name, table in tables(args).items():
        rng = stream(0, "bench.portfolio.random")
        for size in (2, 3, 5):
            mine = pf.best_of_size(table, size, seconds=args.seconds)
            others = [
                pf.worst_regret(table, members).value
                for members in (greedily(table, size), evenly(table, size), by_users(table, size))
            ]
            drawn = [
                pf.worst_regret(table, rng.choice(len(table), size, replace=False)).value for _ in range(20)
            ]
            ratio = min(*others, np.mean(drawn)) / mine.value if mine.value > 0 else math.nan
            told = "".join(f"{each:<9.4f}" for each in [*others, float(np.mean(drawn))])
            print(
                f"{name:<26} {size:<3} {mine.value:<8.4f} {mine.lower_bound:<9.4f} {told}{ratio:.2f}",
                flush=True,
            )


def times() -> None:
    print("\ntimes, seconds")
    rng = stream(0, "bench.portfolio.times")
    table = rng.random((1000, 6))
    members = rng.choice(1000, 12, replace=False)
    for kind in ("additive", "ratio"):
        begun = time.perf_counter()
        pf.worst_regret(table, members, kind)  # type: ignore[arg-type]
        print(f"worst regret, 1,000 x 6, {kind:<28} {time.perf_counter() - begun:8.3f}  (asked: 2)")
    for name, rows in (("uniform", rng.random((200, 4))), ("on the sphere", front(200, 4))):
        begun = time.perf_counter()
        found = pf.minimum(rows, 0.02)
        took = time.perf_counter() - begun
        proved = "proved" if found.optimal else f"at least {found.lower_bound:.0f}"
        print(f"minimum at 0.02, 200 x 4, {name:<14} {len(found):>3} {proved:<12} {took:8.2f}  (asked: 60)")
    pool = pf.Pool(rng.random((1000, 64, 4)))
    oracle = pool.oracle(0.1)
    drawn = rng.dirichlet(np.ones(4), 50)
    begun = time.perf_counter()
    for each in drawn:
        oracle(each)
    print(f"pool oracle, 1,000 x 64 x 4, a call {(time.perf_counter() - begun) / 50:26.5f}  (asked: 0.005)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--alpaca", type=Path)
    parser.add_argument("--peer", help="a Python with morl-baselines and mo-gymnasium")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each portfolio of a fixed size")
    parser.add_argument("--deep", action="store_true")
    args = parser.parse_args()
    calls(args)
    sizes(args)
    times()


if __name__ == "__main__":
    main()
