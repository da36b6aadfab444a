"""How well is a response predicted without a model of language, and does JOIN help? A soft-impute beside it.

    python benchmarks/bench_memory_prediction.py [--gss FILE] [--nonvoters FILE] [--polis FOLDER] [--leak off]

People are drawn at random, a fifth of the answers of each are asked, and each way is told 80 % of them (all
others), 10 or 3. Items that say nearly the same are dropped first (`opinions.curated`, on training people).
Printed for each survey and design: accuracy and mean log score of each way, and its difference to the item's
mode in pairs, with the discordant cells (right here and wrong there, and the other way round); for each route
what JOIN changes. Intervals know people and questions (`stats.crossed`), all unweighted, as the reference is.

Two settings of the leak switch. With `same question` others' answers to the very question may be used, as the
item's mode does. Without, nobody's are: each question is predicted as if it had never been asked, and what
the mode is then is borrowed from questions worded alike; this takes eight fits more.

The peer is the soft-impute of `bench_completion.py`, with its shrinkage chosen on the asked answers. The
reference's headroom (soft-impute of rank 8, one seed): GSS .541 to .634 at 80 %, .581 at 10, .558 at 3;
Bowling Green .539 to .695, .597 at 10; non-voters .645 to .729, .674 at 10. Where people were asked before
(the GSS panel), their earlier answer is a reference too, and no bound: years lie between.

Last (`--only large`), the fit of a made-up table of the size of the whole GSS panel.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bench_completion as peer
import numpy as np
import polars as pl

from populace.memory.predicting import (
    Blend,
    Cells,
    Collaborative,
    Embed,
    Join,
    Remembering,
    Route,
    Tabled,
    hashed,
)
from populace.memory.predicting.joining_in import JoinedIn
from populace.opinions import NONE, Inputs, Item, Opinions, Split, curated, inputs_of, load, split
from populace.opinions.predictors import Group, Population
from populace.opinions.saving import is_saved
from populace.stats.crossed import crossed_mean, crossed_test
from populace.stats.proper import hits, log_scores
from populace.streams import stream

HEADROOM = {
    ("gss", None): 0.634 - 0.541,
    ("gss", 10): 0.581 - 0.541,
    ("gss", 3): 0.558 - 0.541,
    ("bowling-green", None): 0.695 - 0.539,
    ("bowling-green", 10): 0.597 - 0.539,
    ("nonvoters", None): 0.729 - 0.645,
    ("nonvoters", 10): 0.674 - 0.645,
}
"""What the reference gains over the item's mode."""


def opened(name: str, path: Path) -> Opinions:
    """Read a survey, or opinions that were saved."""
    if path.is_file() and is_saved(path):
        return load(path)
    if name == "bowling-green":
        from populace.opinions import read_polis

        return read_polis(path)
    from populace.opinions import read_opinions

    books = {"gss": "gss", "nonvoters": "fivethirtyeight_nonvoters"}
    found = read_opinions(path, books[name], later=name == "gss", unworded=True)
    many = found.answered.sum(axis=0) >= (peer.FEWEST if name == "gss" else 1)
    found = found.only([item.name for item, there in zip(found.items, many, strict=True) if there])
    return found.take(found.answered.any(axis=1))


def routes(inputs: Inputs, embed: Embed, *, same: bool, blend: bool) -> Iterator[Route]:
    """List the ways that are compared, the population first."""
    factors = Collaborative(same_question=same, embed=embed)
    join = Join(same_question=same, embed=embed)
    own = replace(join, share=0.0)
    yield Tabled(Population(), "mode") if same else replace(factors, personal=False)
    if inputs.attributes and same:
        yield Tabled(Group(), "own group")
    yield own
    yield join
    yield replace(join, by="learned", label="join, learned")
    yield factors
    yield JoinedIn(factors, join)
    if blend:
        yield Blend((own, join, factors))


class Shared:
    """Fits a route once: `collaborative` is fitted for itself and for its JOIN."""

    def __init__(self, train: Opinions, inputs: Inputs) -> None:
        self.train, self.inputs = train, inputs
        self.done: dict[str, object] = {}

    def fit(self, route: Route) -> Any:
        """Fit a route, or give what was fitted."""
        if isinstance(route, JoinedIn):
            from populace.memory.predicting.joining_in import _Told

            return _Told.of(self.fit(route.route), self.train, self.inputs, route.join)
        if route.name not in self.done:
            self.done[route.name] = route.fit(self.train, self.inputs)
        return self.done[route.name]


def compare(
    name: str, opinions: Opinions, parts: Split, inputs: Inputs, embed: Embed, same: bool, blend: bool
):
    """Print the table of one design."""
    train, people = opinions.take(parts.train), opinions.people[parts.test]
    known = parts.known(opinions, inputs.known)
    rows, columns = np.nonzero(parts.asked)
    cells = Cells(people, known, rows, columns)
    truth, sizes = opinions.answers[parts.test][rows, columns], opinions.sizes[columns]
    right: dict[str, np.ndarray] = {}
    logs: dict[str, np.ndarray] = {}
    shared = Shared(train, inputs)

    def show(label: str, p: np.ndarray, seconds: float) -> None:
        right[label], logs[label] = hits(p, truth, sizes=sizes), log_scores(p, truth, sizes=sizes)
        accuracy = crossed_mean(right[label], rows, columns)
        log = crossed_mean(logs[label], rows, columns, within=None)
        line = f"  {label:22} {accuracy.value:.4f} [{accuracy.low:.4f}, {accuracy.high:.4f}]"
        line += f"  log {log.value:.4f}"
        if label != "mode":
            line += "  over the mode " + difference(label, "mode")
        print(f"{line}  {seconds:.1f} s", flush=True)

    def difference(one: str, other: str) -> str:
        test = crossed_test(right[one], right[other], rows, columns)
        won, lost = int((right[one] > right[other]).sum()), int((right[one] < right[other]).sum())
        found = test.estimate
        return (
            f"{100 * found.value:+.2f} points [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"
            f" ({won} : {lost} discordant, p {test.p_value:.2g})"
        )

    what = "same question" if same else "strict: no answer of others to the very question"
    print(f" {inputs.name}; {what}; {len(rows)} cells of {len(people)} people", flush=True)
    for route in routes(inputs, embed, same=same, blend=blend):
        start = time.process_time()
        p = shared.fit(route).predict(cells)
        show(route.name, p, time.process_time() - start)
    if same and not inputs.attributes:
        start = time.process_time()
        tried = [peer.soft_impute(opinions, parts, known, each) for each in peer.SHRINKAGES]
        padded = [opinions.gather(rows, columns, table) for table in tried]
        best = max(padded, key=lambda p: log_scores(p, truth, sizes=sizes).mean())
        show("soft-impute", best, time.process_time() - start)
        ours = right["collaborative"].mean() - right["mode"].mean()
        theirs = right["soft-impute"].mean() - right["mode"].mean()
        head = HEADROOM.get((name, inputs.known))
        print(
            f"    gain over the mode: ours {100 * ours:+.2f}, soft-impute {100 * theirs:+.2f}, ratio "
            f"{ours / theirs:.2f}; ours over soft-impute {difference('collaborative', 'soft-impute')}"
            + (
                ""
                if head is None
                else f"; the reference's {100 * head:+.2f}: {'met' if ours >= head else 'MISSED'}"
            )
        )
    again(opinions, parts, right, rows, columns)
    for base, more in (("own", "join"), ("own", "join, learned"), ("collaborative", "collaborative + join")):
        change = crossed_mean(logs[more] - logs[base], rows, columns, within=None)
        print(
            f"    JOIN: {more} over {base}: {difference(more, base)}; log score {change.value:+.4f}"
            f" [{change.low:+.4f}, {change.high:+.4f}]",
            flush=True,
        )


def again(
    opinions: Opinions, parts: Split, right: dict[str, np.ndarray], rows: np.ndarray, columns: np.ndarray
) -> None:
    """Print how often people's earlier answers are right, beside the factors on the same cells."""
    if opinions.retest is None:
        return
    earlier = opinions.retest[parts.test][rows, columns]
    there = earlier != NONE
    rows, columns, earlier = rows[there], columns[there], earlier[there]
    same = (earlier == opinions.answers[parts.test][rows, columns]).astype(np.float64)
    mean = crossed_mean(same, rows, columns)
    print(f"    retest: on {len(same)} cells that were asked before, the earlier answer is right in {mean}")
    for name in ("collaborative", "mode"):
        test = crossed_test(right[name][there], same, rows, columns)
        won, lost = int((right[name][there] > same).sum()), int((right[name][there] < same).sum())
        print(
            f"      {name} {right[name][there].mean():.4f}, over it {100 * test.estimate.value:+.2f} points"
            f" [{100 * test.estimate.low:+.2f}, {100 * test.estimate.high:+.2f}] ({won} : {lost} discordant)"
        )


def large(people: int, items: int) -> None:
    """Print what the whole fit of a table of the size of the GSS panel takes."""
    rng = stream(0, "bench.memory.large")
    options = 3
    answers = rng.integers(0, options, size=(people, items)).astype(np.int16)
    answers[rng.random(answers.shape) > 0.13] = NONE
    frame = pl.DataFrame({"person_id": [str(i) for i in range(people)]}).with_columns(weight=pl.lit(1.0))
    # Half of the people lean one way on half of the items: there is something to find.
    answers[: people // 2, : items // 2] = np.where(
        (answers[: people // 2, : items // 2] != NONE) & (rng.random((people // 2, items // 2)) < 0.3),
        0,
        answers[: people // 2, : items // 2],
    )
    named = tuple(Item(name=f"q{i}", options=("a", "b", "c")) for i in range(items))
    opinions = Opinions(frame, named, answers)
    start, wall = time.process_time(), time.perf_counter()
    fitted = Collaborative(same_question=True).fit(opinions, Inputs((), None))
    used, wall = time.process_time() - start, time.perf_counter() - wall
    print(
        f"{people} people x {items} items ({opinions.answered.sum():,} answers), settings chosen and fitted "
        f"(rank {fitted.whole.factors.rank}): {used:.1f} s of processor, {wall:.1f} s"
    )
    start = time.process_time()
    full = Collaborative(same_question=True, ranks=(32,), strengths=(30.0,)).fit(opinions, Inputs((), None))
    used = time.process_time() - start
    print(f"the same where 32 factors are needed: {used:.1f} s of processor")
    row, fitted = answers[:1], full
    times = []
    for _ in range(200):
        start = time.perf_counter()
        fitted.whole.factors.fold(row)
        times.append(time.perf_counter() - start)
    print(
        f"a person of {int((row != NONE).sum())} answers folded in: {1000 * float(np.median(times)):.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ways to predict responses.")
    parser.add_argument("--gss", type=Path, default=Path("../shared/data/gss/gss_panel20.rda"))
    parser.add_argument(
        "--nonvoters", type=Path, default=Path("../shared/data/fivethirtyeight/nonvoters_data.csv")
    )
    parser.add_argument(
        "--polis", type=Path, default=Path("../shared/data/polis/american-assembly.bowling-green")
    )
    parser.add_argument("--only", nargs="*", default=["gss", "bowling-green", "nonvoters", "large"])
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--known", nargs="*", default=["all", "10", "3"])
    parser.add_argument(
        "--leak", choices=("on", "off", "both"), default="both", help="others' answers to the very question"
    )
    parser.add_argument("--attributes", action="store_true", help="tell attributes too, where there are any")
    parser.add_argument("--blend", action="store_true")
    parser.add_argument("--minilm", action="store_true", help="compare words by the packaged MiniLM")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    embed: Embed = hashed
    if arguments.minilm:
        from populace.authoring.embedding import embed as minilm

        embed = Remembering(minilm)
    places = {"gss": arguments.gss, "bowling-green": arguments.polis, "nonvoters": arguments.nonvoters}
    for name, path in places.items():
        if name not in arguments.only:
            continue
        if not path.exists():
            print(f"{name}: skipped, there is no {path}; give --{'polis' if 'green' in name else name}")
            continue
        opinions = opened(name, path)
        parts = split(opinions, test=arguments.people, asked=0.2, least=10, seed=arguments.seed)
        kept = curated(opinions, among=opinions.take(parts.train))
        kept = replace(kept, people=kept.people.with_columns(weight=pl.lit(1.0)))
        parts = split(kept, test=arguments.people, asked=0.2, least=10, seed=arguments.seed)
        print(
            f"{name}: {len(kept)} people, {len(kept.items)} of {len(opinions.items)} items after twins are "
            f"dropped, {kept.answered.sum(axis=1).mean():.0f} answers each"
        )
        for known in arguments.known:
            count = None if known == "all" else int(known)
            told = inputs_of(kept.people, known=count) if arguments.attributes else Inputs((), count)
            for same in (True, False):
                if arguments.leak in ("both", "on" if same else "off"):
                    compare(name, kept, parts, told, embed, same=same, blend=arguments.blend)
    if "large" in arguments.only:
        large(5000, 1400)


if __name__ == "__main__":
    main()
