"""Juries at size: every rule of a jury of 2,000 x 1,000, a maximal lottery of 1,000 options; the peer at the
size it can do.

The peer is pref_voting, whose rules are written for teaching and small profiles: it is given a jury of 100
jurors and 12 options, and ours is timed on the same. Ratings are random: a jury without agreement, whose
Smith set is everybody, the hardest case for rules that read cycles.

    python benchmarks/bench_pluralism_jury.py [--jurors 2000] [--options 1000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from populace.pluralism.jury import Jury

ALL_BUDGET, LOTTERY_BUDGET = 2.0, 5.0
"""Seconds, as the project's budgets say."""
CLOCK: list[Callable[[], float]] = [time.perf_counter]
PEER = {
    "copeland": "copeland", "minimax": "minimax", "schulze": "beat_path", "split_cycle": "split_cycle",
    "ranked_pairs": "ranked_pairs_zt", "borda": "borda", "plurality": "plurality",
}  # fmt: skip


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least time of `repeats` runs: of the clock, or `--cpu` of the process, on a busy machine."""
    times: list[float] = []
    for _ in range(repeats):
        start = CLOCK[0]()
        work()
        times.append(CLOCK[0]() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jurors", type=int, default=2000)
    parser.add_argument("--options", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="count the time of the process, all threads")
    told = parser.parse_args()
    if told.cpu:
        CLOCK[0] = time.process_time
    clock = "time of the process" if told.cpu else "time of the clock"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{datetime.date.today()}, {machine}, {clock}")
    rng = np.random.default_rng(0)
    table = rng.random((told.jurors, told.options)) + 0.01
    settings = {"approval": {"threshold": 0.5}, "sav": {"threshold": 0.5}, "p_mean": {"p": -2.0}}
    settings |= {"atkinson": {"epsilon": 0.5}, "owa": {"by_rank": list(range(10, 0, -1))}}

    def every() -> Jury:
        jury = Jury(table, zero=0)
        jury.winners(**settings)
        return jury

    whole = seconds(every, told.repeats)
    names = Jury(table, zero=0).rules(settings)
    print(
        f"\nEvery rule ({len(names)}, without Kemeny's) of {told.jurors:,} jurors x {told.options:,} options:"
    )
    print(f"  {whole:.2f} s (budget {ALL_BUDGET:g} s: {'held' if whole <= ALL_BUDGET else 'MISSED'})")
    jury = every()
    for name in names:
        one = seconds(lambda name=name: jury.winner(name, draws=0, **settings.get(name, {})), told.repeats)
        print(f"    {name:22} {one * 1000:8.1f} ms (pairs known)")
    lottery = seconds(jury.maximal_lottery, told.repeats)
    found = jury.maximal_lottery()
    print(
        f"\nMaximal lottery of {told.options:,} options: {lottery:.2f} s (budget {LOTTERY_BUDGET:g} s: ",
        end="",
    )
    print(
        f"{'held' if lottery <= LOTTERY_BUDGET else 'MISSED'}), {len(found.chances)} options in it, ", end=""
    )
    print(f"exploitability {found.exploitability:.1e}")
    upper = np.triu(rng.normal(size=(told.options, told.options)), 1)
    from populace.pluralism.jury.lottery import maximal

    noise = seconds(lambda: maximal(upper - upper.T), 1)
    solved = maximal(upper - upper.T)
    print(f"  of {told.options:,} options with margins of noise: {noise:.2f} s, ", end="")
    print(f"{int((solved.chances > 0).sum())} options in it, exploitability {solved.exploitability:.1e}")
    against_highs(upper - upper.T, solved.exploitability, noise)
    profile = seconds(lambda: Jury(table[:, :200], zero=0).profile(), 1)
    print(f"\nWelfare profile of {told.jurors:,} x 200, every flip proved: {profile:.2f} s")
    against_peer(rng, told.repeats)


def against_highs(margins: np.ndarray, ours: float, taken: float) -> None:
    """Solve the same game as a linear program by HiGHS, at a fifth of the options, and say what both take."""
    from scipy.optimize import linprog

    from populace.pluralism.jury.lottery import maximal

    few = len(margins) // 2
    game = margins[:few, :few]
    start = CLOCK[0]()
    solved = linprog(
        np.zeros(few), A_ub=game, b_ub=np.zeros(few), A_eq=np.ones((1, few)), b_eq=[1.0], method="highs"
    )
    theirs = CLOCK[0]() - start
    own = seconds(lambda: maximal(game), 1)
    print(f"  of {few} options: ours {own:.2f} s, linear program by HiGHS {theirs:.2f} s ", end="")
    print(f"({theirs / own:.1f} times; its exploitability {float((game @ solved.x).max()):.1e})")


def against_peer(rng: np.random.Generator, repeats: int) -> None:
    """Time each rule beside pref_voting's on 100 jurors x 12 options."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from oracles import oracle

    methods, profiles = oracle("pref_voting.voting_methods"), oracle("pref_voting.profiles")
    orders = [rng.permutation(12).tolist() for _ in range(100)]
    small = np.array([[-order.index(option) for option in range(12)] for order in orders], dtype=np.float64)
    print(
        "\n100 jurors x 12 options, from ballots to winners (ours; pref_voting; their ratio; same winners):"
    )
    for name, theirs in PEER.items():
        method = getattr(methods, theirs)
        method(profiles.Profile(orders))  # compiled, where it is
        one = seconds(lambda name=name: Jury(small, kind="ordinal").winner(name, draws=0), repeats)
        other = seconds(lambda method=method: method(profiles.Profile(orders)), repeats)
        ours = {int(each) for each in Jury(small, kind="ordinal").winner(name, draws=0).winners}
        same = ours == {int(each) for each in method(profiles.Profile(orders))}
        print(f"  {name:14} {one * 1000:8.2f} ms {other * 1000:8.2f} ms {other / one:8.1f} {same}")


if __name__ == "__main__":
    main()
