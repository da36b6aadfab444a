"""From the spread of answers to scores: by group beside shuffled people, and collapse onto few answers."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace import stats
from populace.bench.result import Score
from populace.bench.spread import Spread, evenness, permuted, relative, told_by
from populace.bench.task import Counting
from populace.personas.diversity import diversity as varied

__all__ = ["by_groups", "collapse"]

_VARIED = ("distinct-1", "distinct-2", "entropy-2")


def by_groups(items: pl.DataFrame, spread: Spread, arm: str, counting: Counting) -> list[Score]:
    """How much of the spread each attribute tells, beside shuffled people, and beside nobody's answers."""
    pairs, level = spread.arms[arm], counting.level
    nobody = spread.arms.get("nobody")
    scores, tested = [], []
    for column in (name for name in items.columns if name.startswith("by_")):
        label = f"{arm}, {column.removeprefix('by_')}"
        of = dict(items.select("persona_id", column).unique().iter_rows())
        names = sorted({value for value in of.values() if value is not None})
        number = {value: code for code, value in enumerate(names)}
        group = np.array([number.get(of.get(who), -1) for who in spread.people], dtype=np.int64)
        for kind in ("shingles", "words", "meaning"):
            if kind not in pairs.apart:
                continue
            told = told_by(pairs, group, kind, level)
            shuffled, p_value = permuted(pairs, group, kind, seed=counting.seed, level=level)
            tested.append((f"told_by_group, {kind}", label, told, p_value))
            scores.append(Score(measure=f"told_by_shuffled, {kind}", arm=label, estimate=shuffled))
            if nobody is not None:
                within = relative(pairs, nobody, kind, level, group)
                scores.append(Score(measure=f"within_to_nobody, {kind}", arm=label, estimate=within))
    adjusted = stats.holm([p for *_, p in tested]).tolist()
    return [
        *(
            Score(
                measure=measure,
                arm=label,
                estimate=told,
                p_value=None if np.isnan(p) else p,
                note="adjusted by Holm over attributes and distances",
            )
            for (measure, label, told, _), p in zip(tested, adjusted, strict=True)
        ),
        *scores,
    ]


def collapse(items: pl.DataFrame, spread: Spread, counting: Counting) -> list[Score]:
    """Near-duplicates, the evenness of clusters of them, and the variety of words at the same size."""
    scores = []
    for arm in ("persona", "nobody", "people"):
        if arm not in spread.alike:
            continue
        alike, owners = spread.alike[arm], spread.owners[arm]
        twin = [np.bincount(each)[each] > 1 for each in alike]
        questions = np.repeat(np.arange(len(twin)), [len(each) for each in twin])
        share = stats.crossed_mean(
            np.concatenate(twin).astype(np.float64),
            np.concatenate(owners),
            questions,
            level=counting.level,
        )
        scores.append(Score(measure="near_duplicates", arm=arm, estimate=share))
        scores.append(Score(measure="evenness", arm=arm, estimate=evenness(alike, owners, counting.level)))
    texts = {arm: items.filter(arm=arm).drop_nulls("answer") for arm in ("persona", "nobody", "people")}
    there = {arm: each for arm, each in texts.items() if each["persona_id"].n_unique() >= 4}
    size = min((each["persona_id"].n_unique() // 2 for each in there.values()), default=0)
    for arm, each in there.items():
        found = varied(
            each["answer"].to_list(),
            each["persona_id"].to_list(),
            size=size,
            seed=counting.seed,
            level=counting.level,
        )
        scores += [Score(measure=name, arm=arm, estimate=found[name]) for name in _VARIED]
    return scores
