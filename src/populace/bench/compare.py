"""Runs of one task beside each other: paired tests on the items they share, and who is tied with whom.

Two runs are compared on the same persona, question, arm and sample only, and only where a score means the
same in both: the same task and version, the same judge asked in the same way with the same words, the same
description of people, the same options. What else differs (the length of answers, the temperature, who was
drawn) is said. Every two models are tested, over the persons and questions that their items share, or both
people of an item about two, and adjusted by Holm; models that were not told apart share a letter. Not told
apart is not equal. What a target left unanswered counts 0, as in its own score; what a judge left open is
left out.

A task takes part by a method `values(items)`, which gives one number an item: `persona_id`, `prompt_id`,
`arm`, `value`, and any other columns that name an item. An attribute `by_item` names the number, where it is
not the task's main measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.bench.board import Board, Difference, Run, Shared
from populace.bench.comparable import check_comparable, differing, said_of
from populace.bench.dyadic_ranks import rank_couples
from populace.bench.dyads import FEW
from populace.bench.ranks import rank_crossed
from populace.bench.result import TaskResult
from populace.bench.runner import read_items, same_version
from populace.bench.scoring import scored
from populace.bench.task import Counting
from populace.bench.tasks import open_task
from populace.errors import StudyError
from populace.stats.ranking import Ranking

__all__ = ["Board", "Difference", "Run", "Shared", "compare", "read_runs"]

_OTHER = "other_id"
"""The second person of an item that is about two."""
_FEW = 20
_FEW_OF_COUPLES = FEW


def read_runs(folders: Iterable[str | Path]) -> list[Run]:
    """Read runs.

    Raises
    ------
    StudyError
        If there are fewer than two, one is named twice, or their task has no value by item.
    DataError
        If one is no finished run.
    """
    places = [Path(folder) for folder in folders]
    if len(places) < 2:
        raise StudyError("a comparison needs two runs", fix="give two folders or more")
    if len({place.resolve() for place in places}) < len(places):
        raise StudyError("a run is named twice", fix="give each folder once")
    results = [TaskResult.load(place / "result.json") for place in places]
    names = [result.target or result.judge or "" for result in results]
    models = Counter(names)
    return [
        Run(
            name=name if models[name] == 1 else f"{name} ({place})",
            folder=str(place),
            result=result,
            values=_values(result, read_items(place)),
        )
        for place, name, result in zip(places, names, results, strict=True)
    ]


def compare(runs: Sequence[Run], *, arm: str | None = None, counting: Counting | None = None) -> Board:
    """Rank runs on the items they share.

    Parameters
    ----------
    runs
        At least two, of one task.
    arm
        Which arm; the headline's if None.

    Raises
    ------
    StudyError
        If their scores do not mean the same, they share no item, or there is no such arm.
    """
    # In an order of their own, so that the order they were named in changes no draw.
    runs = sorted(runs, key=lambda run: (run.name, run.folder))
    check_comparable(runs)
    counting = counting or Counting()
    first = runs[0].result
    chosen, arms = _arm(runs, arm)
    table, names, shared = _joined(runs, chosen)
    sign = 1.0 if first.higher_is_better else -1.0
    scores, models = sign * table.select(names).to_numpy(), [run.name for run in runs]
    if _OTHER in table.columns:
        couples = table["persona_id"], table[_OTHER]
        ranking = rank_couples(scores, *couples, names=models, level=counting.level)
    else:
        questions = table["prompt_id"] if "prompt_id" in table.columns else None
        # Shares lie between 0 and 1; a fall may be below.
        least = -1.0 if (sign * scores < 0).any() else 0.0
        ranking = rank_crossed(
            scores,
            table["persona_id"],
            questions,
            names=models,
            within=(least, 1.0) if sign > 0 else (-1.0, -least),
            seed=counting.seed,
            level=counting.level,
        )
    order = {(found.a, found.b): found for found in shared}
    pairs = [order.get((pair.a, pair.b)) or _turned(order[pair.b, pair.a]) for pair in ranking.pairs]
    return Board(
        task=first.task,
        measure=getattr(open_task(first.task), "by_item", first.main_measure),
        arm=chosen,
        arms=arms,
        higher_is_better=first.higher_is_better,
        judge=first.judge if first.target else None,
        ranking=ranking if sign > 0 else _negated(ranking),
        shared=tuple(pairs),
        differences=tuple(differing(runs, said_of(runs))),
        warnings=tuple(_warnings(runs, pairs, couples=_OTHER in table.columns)),
    )


def _values(result: TaskResult, items: pl.DataFrame) -> pl.DataFrame:
    """Give one value an item: by the task's own method, or the persona's verdict."""
    task: Any = same_version(result)
    if hasattr(task, "values"):
        found: pl.DataFrame = task.values(items)
    elif result.main_measure == "satisfied" and "critic" in items.columns:
        found = items.select("persona_id", "prompt_id", "arm", scored(items, "critic").alias("value"))
    else:
        raise StudyError(
            f"{result.task} has no value by item, so its runs cannot be paired",
            fix="read its scores beside each other; their intervals tell how sure each is",
        )
    keys = [name for name in found.columns if name != "value"]
    # An item that a run scored several times counts once, with its mean.
    return found.group_by(keys, maintain_order=True).agg(pl.col("value").cast(pl.Float64).mean())


def _arm(runs: Sequence[Run], wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """Choose the arm, of those that all runs have."""
    lists = [run.values["arm"].unique(maintain_order=True).to_list() for run in runs]
    arms = tuple(arm for arm in lists[0] if all(arm in each for each in lists[1:]))
    if not arms:
        raise StudyError("these runs have no arm in common")
    headline = runs[0].result.headline.arm
    chosen = wanted if wanted is not None else (headline if headline in arms else arms[0])
    if chosen not in arms:
        raise StudyError(f"not all of these runs have an arm {chosen!r}", fix=f"use {', '.join(arms)}")
    return chosen, arms


def _joined(runs: Sequence[Run], arm: str) -> tuple[pl.DataFrame, list[str], list[Shared]]:
    """Lay the runs' values side by side, a row an item; say what each two share."""
    keys = [name for name in runs[0].values.columns if name != "value"]
    names = [f"run {place}" for place in range(len(runs))]
    table: pl.DataFrame | None = None
    for run, name in zip(runs, names, strict=True):
        one = run.values.filter(pl.col("arm") == arm).drop_nulls("value").rename({"value": name})
        table = (
            one if table is None else table.join(one, on=keys, how="full", coalesce=True, nulls_equal=True)
        )
    assert table is not None
    table = table.sort(keys)
    shared = []
    for i, j in combinations(range(len(runs)), 2):
        a, b = pl.col(names[i]).is_not_null(), pl.col(names[j]).is_not_null()
        both = table.filter(a & b)
        found = Shared(
            a=runs[i].name,
            b=runs[j].name,
            items=both.height,
            personas=_people(both),
            only_a=table.filter(a & ~b).height,
            only_b=table.filter(b & ~a).height,
        )
        if not found.items:
            raise StudyError(
                f"{found.a} and {found.b} share no item: {found.only_a:,} and {found.only_b:,} are their own",
                fix="run both with the same --personas, --prompts and --seed",
            )
        shared.append(found)
    return table, names, shared


def _people(items: pl.DataFrame) -> int:
    """Count who items are about: both people, where they are about two."""
    ends = [items[name] for name in ("persona_id", _OTHER) if name in items.columns]
    return len({who for each in ends for who in each.unique().to_list()})


def _turned(found: Shared) -> Shared:
    return Shared(
        a=found.b,
        b=found.a,
        items=found.items,
        personas=found.personas,
        only_a=found.only_b,
        only_b=found.only_a,
    )


def _negated(ranking: Ranking) -> Ranking:
    """Give back the signs of values of which lower is better."""

    def back(estimate: Any) -> Any:
        return msgspec.structs.replace(
            estimate, value=-estimate.value, low=-estimate.high, high=-estimate.low
        )

    replace = msgspec.structs.replace
    return replace(
        ranking,
        models=tuple(replace(model, score=back(model.score)) for model in ranking.models),
        pairs=tuple(replace(pair, difference=back(pair.difference)) for pair in ranking.pairs),
    )


def _warnings(runs: Sequence[Run], shared: Iterable[Shared], *, couples: bool) -> list[str]:
    """Say what a reader of the ranks must know."""
    told = []
    for run in runs:
        failed = [finding.name for finding in run.result.findings if not finding.passed]
        if failed:
            told.append(f"{run.name}: fails {len(failed)} of its audits ({', '.join(failed)})")
        if run.result.judge_is_target:
            told.append(f"{run.name} judged its own answers")
        if run.result.failed:
            count = sum(run.result.failed.values())
            told.append(
                f"{run.name}: {count:,} calls without an answer: the target's count 0, the judge's nothing"
            )
        if not run.result.headline.estimate.defined:
            told.append(f"{run.name} has no headline: nothing was scored")
    for found in shared:
        alone = found.only_a + found.only_b
        if alone:
            told.append(
                f"{found.a} and {found.b} share {found.items:,} items; {alone:,} that only one has are "
                "left out of their test"
            )
        if found.personas < (_FEW_OF_COUPLES if couples else _FEW):
            told.append(
                f"{found.a} and {found.b} share {found.personas} personas: too few to trust their interval"
            )
    return told
