"""A peer rakes the people of a file; prints the best wall time of its call, and saves its weights.

python rake_peer.py NAME PROBLEM.npz WEIGHTS.npy REPEATS
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


def with_ipfn(people: pd.DataFrame, targets: list[np.ndarray]) -> Callable[[], np.ndarray]:
    from ipfn import ipfn

    columns = list(people.columns)
    totals = [pd.Series(target, index=pd.RangeIndex(len(target))) for target in targets]
    whole = people.assign(total=1.0, row=np.arange(len(people)))

    def run() -> np.ndarray:
        margins = [[column] for column in columns]
        until = {"convergence_rate": 1e-9, "max_iteration": 1000, "rate_tolerance": 0}
        fit = ipfn.ipfn(whole.copy(), totals, margins, **until)
        # It changes the order of the rows.
        return fit.iteration().sort_values("row")["total"].to_numpy()

    return run


def with_weightipy(people: pd.DataFrame, targets: list[np.ndarray]) -> Callable[[], np.ndarray]:
    import weightipy

    size = len(people)
    shares = {
        column: {code: 100 * value / size for code, value in enumerate(target)}
        for column, target in zip(people.columns, targets, strict=True)
    }
    scheme = weightipy.scheme_from_dict(shares, name="margins")
    return lambda: weightipy.weight(people, scheme).to_numpy()


def main() -> None:
    name, problem, weights, repeats = sys.argv[1:]
    data = np.load(problem)
    codes = data["codes"]
    people = pd.DataFrame(codes, columns=[f"m{k}" for k in range(codes.shape[1])])
    targets = [data[f"target{k}"] for k in range(codes.shape[1])]
    run = {"ipfn": with_ipfn, "weightipy": with_weightipy}[name](people, targets)
    times, found = [], np.empty(0)
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(int(repeats)):
            start = time.perf_counter()
            found = run()
            times.append(time.perf_counter() - start)
    np.save(Path(weights), found)
    print(min(times))


if __name__ == "__main__":
    main()
