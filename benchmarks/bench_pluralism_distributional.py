"""Jensen-Shannon distances of 1,500 questions x 60 groups with 10,000 bootstraps: ours, and scipy's.

    python benchmarks/bench_pluralism_distributional.py [--questions 1500] [--groups 60] [--draws 10000]

Ours scores all groups, their mean and their worst from one resampling of questions, by a product of matrices.
The peer is what people write: `scipy.spatial.distance.jensenshannon` on all rows, then
`scipy.stats.bootstrap` of the mean, a group at a time (vectorised, percentile, in batches). Both run in this
process, on the same numbers, one thread each; the distances and the ends of the intervals are held against
each other. Target: 5 s at most.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import bootstrap

from populace.pluralism import distributional

OPTIONS = 5
TARGET = 5.0


def main() -> None:
    """Time both, and print their ratio."""
    given = _arguments()
    rng = np.random.default_rng(0)
    people = rng.dirichlet(np.ones(OPTIONS), (given.questions, given.groups))
    model = rng.dirichlet(np.ones(OPTIONS), (given.questions, given.groups))
    distributional.score_groups(model[:50], people[:50], "js_distance", draws=10)  # imports
    walls, found = [], None
    for _ in range(given.repeats):
        start = time.perf_counter()
        found = distributional.score_groups(model, people, "js_distance", draws=given.draws)
        walls.append(time.perf_counter() - start)
    ours = min(walls)
    assert found is not None
    start = time.perf_counter()
    values = jensenshannon(people, model, base=2, axis=-1)  # pyright: ignore[reportCallIssue]
    ends = [
        bootstrap(
            (values[:, group],), np.mean, n_resamples=given.draws, batch=200, method="percentile", rng=group
        ).confidence_interval
        for group in range(given.groups)
    ]
    theirs = time.perf_counter() - start
    apart = max(abs(one.value - mean) for one, mean in zip(found.scores, values.mean(axis=0), strict=True))
    width = np.mean([end.high - end.low for end in ends])
    off = max(abs(one.low - end.low) / width for one, end in zip(found.scores, ends, strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{given.questions:,} questions x {given.groups} groups, {given.draws:,} bootstraps, one thread each"
    )
    print(f"ours   {ours:6.2f} s (best of {len(walls)}: {', '.join(f'{each:.2f}' for each in walls)})")
    print(f"scipy  {theirs:6.2f} s, {theirs / ours:.1f} times ours")
    print(f"means differ by {apart:.1e}; ends of intervals by {off:.1%} of their width at most (other draws)")
    print(
        f"most memory of both {memory:.2f} GiB; target {TARGET:g} s: {'met' if ours <= TARGET else 'missed'}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--groups", type=int, default=60)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
