"""A Polis conversation mapped, and slates of it chosen: ours against red-dwarf, scikit-learn and abcvoting.

    python benchmarks/bench_pluralism_polis.py [--people 2000] [--statements 900] [--peer PYTHON]

Votes are made up: two camps, one vote in eight cast. Ours maps (plane, 2 to 5 groups, silhouettes) without
the checks, then with 50 resamples and 50 maps of each null. The peer is red-dwarf's own pipeline in the
Python given by --peer (`pip install red-dwarf scikit-learn`), which runs in a process of its own, imports not
counted; and what scikit-learn does here: mean imputation, PCA, k-means and silhouettes. Then slates of 5 by
each rule, beside abcvoting's where it is installed. Target: mapped in 3 s at most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from populace.pluralism import bridging, slate

TARGET = 3.0
RULES = ("cc", "pav", "mes", "phragmen", "monroe", "bjr")
PEER = """
import json, sys, time
import numpy as np
from reddwarf.implementations.polis import run_pipeline
votes = np.load(sys.argv[1])
rows, columns = np.nonzero(~np.isnan(votes))
long = [
    {"participant_id": int(r), "statement_id": int(c), "vote": int(votes[r, c]), "modified": n}
    for n, (r, c) in enumerate(zip(rows, columns))
]
start, before = time.perf_counter(), time.process_time()
found = run_pipeline(votes=long, random_state=0, max_group_count=5)
wall, cpu = time.perf_counter() - start, time.process_time() - before
labels = found.participants_df["cluster_id"].astype("float").fillna(-1).astype(int).tolist()
print(json.dumps({"wall": wall, "cpu": cpu, "labels": labels}))
"""


def main() -> None:
    """Time everything, and print the ratios."""
    given = _arguments()
    votes = _votes(given.people, given.statements)
    bridging.opinion_map(votes[:60, :20], resamples=0, nulls=0, least=1)  # imports
    print(f"{given.people:,} people x {given.statements:,} statements, {(~np.isnan(votes)).mean():.0%} voted")
    ours, found = _best(lambda: bridging.opinion_map(votes, resamples=0, nulls=0), given.repeats)
    print(f"ours, mapped         {ours}; target {TARGET:g} s: {'met' if ours.wall <= TARGET else 'missed'}")
    inside = found.cast >= 7
    theirs, labels = _best(lambda: _scikit(votes), given.repeats)
    same = bridging.adjusted_rand(found.groups[inside], labels[inside])
    print(
        f"scikit-learn         {theirs}, {theirs.cpu / ours.cpu:.1f} times ours; groups agree at {same:.3f}"
    )
    if given.peer:
        theirs, labels = _reddwarf(votes, given.peer)
        same = bridging.adjusted_rand(found.groups[inside], labels[inside])
        print(f"red-dwarf            {theirs}, {theirs.cpu / ours.cpu:.1f} times ours; agree at {same:.3f}")
    checked, _ = _best(lambda: bridging.opinion_map(votes), 1)
    print(f"ours, with checks    {checked}: 50 resamples, 50 maps of each null")
    fit, _ = _best(lambda: bridging.intercepts(votes), 1)
    print(f"note intercepts      {fit}")
    for rule in RULES:
        took, chosen = _best(lambda rule=rule: slate.choose(votes, 5, rule, threshold=1), 1)
        check, answer = _best(lambda held=chosen: slate.check(votes, held, "EJR+", threshold=1), 1)
        print(f"slate of 5, {rule:8} {took}; EJR+ {answer.holds} in {check}")
    _abcvoting(votes)


class Took(NamedTuple):
    """Seconds by the clock and of the processor; the second hardly depends on who else runs."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:7.3f} s ({self.cpu:.3f} s of processor)"


def _votes(people: int, statements: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    camp = np.repeat([1.0, -1.0], [people * 3 // 5, people - people * 3 // 5])[:, None]
    lean = rng.normal(0, 1, statements)
    agree = 1 / (1 + np.exp(-(camp * lean + rng.normal(0.4, 0.8, statements))))
    drawn = rng.random((people, statements))
    votes = np.where(drawn < 0.8 * agree, 1.0, np.where(drawn < 0.8, -1.0, 0.0))
    votes[rng.random(votes.shape) > 1 / 8] = np.nan
    return votes


def _best(call, repeats: int):
    took, found = [], None
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        found = call()
        took.append(Took(time.perf_counter() - wall, time.process_time() - cpu))
    return min(took), found


def _scikit(votes: np.ndarray) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.metrics import silhouette_score

    cast = (~np.isnan(votes)).sum(axis=1)
    places = PCA(2, random_state=0).fit_transform(SimpleImputer().fit_transform(votes))
    places *= np.sqrt(votes.shape[1] / np.maximum(cast, 1))[:, None]
    inside = places[cast >= 7]
    runs = [KMeans(k, n_init=10, random_state=0).fit(inside).labels_ for k in (2, 3, 4, 5)]
    best = max(runs, key=lambda labels: silhouette_score(inside, labels))
    labels = np.full(len(votes), -1)
    labels[cast >= 7] = best
    return labels


def _reddwarf(votes: np.ndarray, python: str) -> tuple[Took, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.npy"
        np.save(path, votes)
        run = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.strip().splitlines()[-1])
    return Took(found["wall"], found["cpu"]), np.array(found["labels"])


def _abcvoting(votes: np.ndarray) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    try:
        from tests.oracles import oracle

        rules, preferences = oracle("abcvoting.abcrules"), oracle("abcvoting.preferences")
    except BaseException as error:
        print(f"abcvoting is not here ({type(error).__name__})")
        return
    profile = preferences.Profile(votes.shape[1])
    profile.add_voters([set(np.flatnonzero(row == 1)) for row in votes])
    for ours, theirs in {
        "cc": "seqcc",
        "pav": "seqpav",
        "phragmen": "seqphragmen",
        "mes": "equal-shares",
    }.items():
        kind = "float-fractions" if theirs in ("seqphragmen", "equal-shares") else None
        more = {"algorithm": kind} if kind else {}
        took, found = _best(lambda n=theirs, m=more: rules.compute(n, profile, 5, resolute=True, **m), 1)
        mine_took, mine = _best(lambda rule=ours: slate.choose(votes, 5, rule, threshold=1), 1)
        same = set(found[0]) == set(mine.members)
        ratio = took.cpu / mine_took.cpu
        print(f"abcvoting, {theirs:12} {took}, {ratio:.0f} times ours; same slate: {same}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--statements", type=int, default=900)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer", default="", help="a Python that has red-dwarf")
    return parser.parse_args()


if __name__ == "__main__":
    main()
