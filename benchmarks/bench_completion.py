"""How well do predictors tell what people answer, without any model of language? A soft-impute beside them.

    python benchmarks/bench_completion.py [--data DIR] [--only gss ...] [--people 300] [--boosted 0]

Test respondents are drawn at random, a fifth of the answers of each are asked, and a predictor is told
attributes, 3 or 10 other answers, or all of them. Printed for each survey and input: accuracy and mean log
score, each with a 95 % interval clustered by respondent, and processor seconds of the fit. The peer is
soft-impute of rank 8 on one-hot answers, written here from its description (Mazumder, Hastie, Tibshirani
2010): it is told answers only, its test rows stand among the training rows, and its shrinkage is the best
of three by log score ON THE ASKED ANSWERS, an advantage that ours does not have.
After each design without attributes: what ours and the peer gain over the item's mode, and the ratio.

GSS holds the items that at least 500 members of the panel answered in 2020. Last, time and memory of a
table of the size of the whole panel (5,000 people, 1,400 items), made up, and of folding one person in.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from populace.opinions import NONE, Inputs, Item, Opinions, Predictor, Split, inputs_of, read_opinions, split
from populace.opinions.polis import read_polis
from populace.opinions.predictors import Population, baselines
from populace.opinions.predictors.factors import learn, scores
from populace.stats import Estimate, mean
from populace.streams import stream

RANK = 8
SHRINKAGES = (2.0, 5.0, 10.0)
SWEEPS = 60
FEWEST = 500
DRAWS = 500


def gss(data: Path) -> Opinions:
    found = read_opinions(data / "gss/gss_panel20.rda", "gss", later=True, unworded=True)
    many = found.answered.sum(axis=0) >= FEWEST
    found = found.only([item.name for item, there in zip(found.items, many, strict=True) if there])
    return found.take(found.answered.any(axis=1))


def nonvoters(data: Path) -> Opinions:
    file = data / "fivethirtyeight/nonvoters_data.csv"
    return read_opinions(file, "fivethirtyeight_nonvoters", unworded=True)


def anes(data: Path) -> Opinions:
    return read_opinions(data / "anes_pilot_2022/anes_pilot_2022.parquet", "anes_pilot_2022", unworded=True)


def bowling_green(data: Path) -> Opinions:
    return read_polis(data / "polis/american-assembly.bowling-green")


SURVEYS: dict[str, Callable[[Path], Opinions]] = {
    "gss": gss,
    "nonvoters": nonvoters,
    "anes": anes,
    "bowling-green": bowling_green,
}


def designs(opinions: Opinions) -> Iterator[Inputs]:
    """What is told: attributes where there are any, then answers alone."""
    told = inputs_of(opinions.people)
    if told.attributes:
        yield inputs_of(opinions.people, political=False)
        yield told
        yield inputs_of(opinions.people, known=3)
    for known in (3, 10, None):
        yield Inputs((), known)


def scored(opinions: Opinions, parts: Split, table: np.ndarray) -> tuple[Estimate, Estimate]:
    """Accuracy and mean log score of the asked answers."""
    rows, columns = np.nonzero(parts.asked)
    codes = opinions.answers[parts.test][rows, columns]
    cells = opinions.gather(rows, columns, table)
    right = (cells.argmax(axis=1) == codes).astype(float)
    logs = np.log(np.maximum(cells[np.arange(len(codes)), codes], 1e-12))
    return mean(right, rows, draws=DRAWS), mean(logs, rows, draws=DRAWS)


def soft_impute(opinions: Opinions, parts: Split, known: np.ndarray, shrinkage: float) -> np.ndarray:
    """Soft-impute: fill in, decompose, shrink, again; then clip and scale to probabilities."""
    codes = np.concatenate([opinions.answers[parts.train], known])
    hot, there = opinions.one_hot(codes), np.repeat(codes != NONE, opinions.sizes, axis=1)
    average = opinions.take(parts.train).shares(prior=1.0)
    target, low = hot - average, np.zeros_like(hot)
    basis = stream(0, "bench.completion").normal(size=(hot.shape[1], RANK + 4))
    for _ in range(SWEEPS):
        filled = np.where(there, target, low)
        basis = np.linalg.qr(filled.T @ (filled @ basis))[0]
        left, values, right = np.linalg.svd(filled @ basis, full_matrices=False)
        kept = np.maximum(values[:RANK] - shrinkage, 0.0)
        low = (left[:, :RANK] * kept) @ (right[:RANK] @ basis.T)
    table = np.clip(average + low[-len(known) :], 1e-2, 1.0)
    return table / np.repeat(np.add.reduceat(table, opinions.starts[:-1], axis=1), opinions.sizes, axis=1)


def show(name: str, accuracy: Estimate, log: Estimate, seconds: float) -> None:
    print(
        f"    {name:16} {accuracy.value:.4f} [{accuracy.low:.4f}, {accuracy.high:.4f}]"
        f"  {log.value:.4f} [{log.low:.4f}, {log.high:.4f}]  {seconds:6.1f} s",
        flush=True,
    )


def compare(name: str, opinions: Opinions, people: int, boosted: int) -> None:
    """Print the table of one survey."""
    parts = split(opinions, test=people, asked=0.2, least=10)
    train, tested = opinions.take(parts.train), opinions.people[parts.test]
    given = opinions.answered.sum(axis=1).mean()
    print(f"{name}: {len(opinions)} people, {len(opinions.items)} items, {given:.0f} answers each")

    def one(predictor: Predictor, inputs: Inputs) -> tuple[Estimate, Estimate]:
        start = time.process_time()
        fitted = predictor.fit(train, inputs)
        seconds = time.process_time() - start
        found = scored(opinions, parts, fitted.predict(tested, parts.known(opinions, inputs.known)))
        show(predictor.name, *found, seconds)
        return found

    print("  nothing")
    nothing = one(Population(), Inputs())
    for inputs in designs(opinions):
        print(f"  {inputs.name}")
        names = tuple(item.name for item in opinions.items[:boosted])
        found = [(each.name, one(each, inputs)) for each in baselines(inputs, boosted=names)]
        if inputs.attributes:
            continue
        start = time.process_time()
        known = parts.known(opinions, inputs.known)
        tried = [scored(opinions, parts, soft_impute(opinions, parts, known, each)) for each in SHRINKAGES]
        peer = max(tried, key=lambda pair: pair[1].value)
        show("soft-impute", *peer, time.process_time() - start)
        ours = dict(found)["completion"]
        gains = [100 * (each[0].value - nothing[0].value) for each in (ours, peer)]
        losses = [nothing[1].value - each[1].value for each in (ours, peer)]
        print(
            f"    over the mode: ours {gains[0]:+.2f} points, soft-impute {gains[1]:+.2f}, "
            f"ratio {gains[0] / gains[1]:.2f}; log score {-losses[0]:+.4f} and {-losses[1]:+.4f}"
        )


def large() -> None:
    """Print what a table of the size of a whole panel takes."""
    people, items, options = 5000, 1400, 3
    rng = stream(0, "bench.completion.large")
    answers = rng.integers(0, options, size=(people, items)).astype(np.int16)
    answers[rng.random(answers.shape) > 0.3] = NONE
    frame = pl.DataFrame({"person_id": [str(i) for i in range(people)]}).with_columns(weight=pl.lit(1.0))
    named = tuple(Item(name=f"q{i}", options=("a", "b", "c")) for i in range(items))
    opinions = Opinions(frame, named, answers)
    start, wall = time.process_time(), time.perf_counter()
    factors = learn(scores(opinions, np.ones((people, 1)), 32, rng), 32, 30.0, 6)
    used, wall = time.process_time() - start, time.perf_counter() - wall
    times = []
    for row in range(200):
        start = time.perf_counter()
        factors.fold(opinions.answers[row : row + 1])
        times.append(time.perf_counter() - start)
    told = opinions.answered[:200].sum(axis=1).mean()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{people} people, {items} items, rank 32: {used:.1f} s of processor, {wall:.1f} s, {memory:.2f} GiB"
    )
    print(
        f"one person of {told:.0f} answers folded in: {1000 * float(np.median(times)):.2f} ms (median of 200)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare predictors of answers.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", nargs="*", choices=[*SURVEYS, "large"], default=[*SURVEYS, "large"])
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--boosted", type=int, default=0, help="items that gradient boosting learns")
    arguments = parser.parse_args()
    for name in arguments.only:
        if name == "large":
            large()
        else:
            compare(name, SURVEYS[name](arguments.data), arguments.people, arguments.boosted)


if __name__ == "__main__":
    main()
