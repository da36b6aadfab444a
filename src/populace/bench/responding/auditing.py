"""What would explain the accuracy of a model: itself without the person, and cheap statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.responding.scoring import above, arms_of, hits_of, label
from populace.bench.result import Finding
from populace.bench.task import Counting
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["findings_of"]

_MOST = 0.05
_LESS = {
    "as nobody": ("lm, nobody", "0", "the model's predictions when it is told of no person"),
    "as a stranger": ("lm, stranger", "all", "the model's predictions when it is told another's items"),
    "mode": ("mode", "all", "what most people respond; it uses others' answers, which the model is not told"),
}
_STATISTICS = ("own group", "own", "join", "collaborative", "collaborative + join", "blend", "headline",
               "person", "person and headline")  # fmt: skip


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Hold the model against those who know less, statistics that know the same, places, and silence."""
    arms, ours = arms_of(items), label("lm", "all")
    if ours not in arms:
        return []
    return [
        *_less(arms, ours, counting),
        *_same(arms, ours, counting),
        *_orders(arms, ours, counting),
        _unanswered(arms, counting),
    ]


def _less(arms: dict[str, pl.DataFrame], ours: str, counting: Counting) -> Iterator[Finding]:
    for name, (arm, known, what) in _LESS.items():
        theirs = label(arm, known)
        if theirs in arms:
            found = above(arms, ours, theirs, counting)
            yield Finding(
                name=name,
                what=what,
                shortcut=_accuracy(arms[theirs], counting),
                beside=_accuracy(arms[ours], counting),
                passed=found.low > 0,
                why=f"fails unless the accuracy is higher for sure; the difference is {found}",
            )


def _same(arms: dict[str, pl.DataFrame], ours: str, counting: Counting) -> Iterator[Finding]:
    """Hold the model against the best of the statistics, found on the other half of the people in turn."""
    names = [name for each in _STATISTICS if (name := label(each, "all")) in arms]
    if not names:
        return
    rows = arms[ours]
    people = rows["persona_id"].rank("dense").to_numpy().astype(int)
    table = np.stack([hits_of(arms[name]) for name in names])
    best = np.zeros(len(rows))
    for half in (0, 1):
        inside = people % 2 == half
        judged = table[:, ~inside].mean(axis=1) if (~inside).any() else table.mean(axis=1)
        best[inside] = table[int(judged.argmax()), inside]
    mine, who, what = hits_of(rows), rows["persona_id"], rows["prompt_id"]
    found = crossed_mean(mine - best, who, what, within=(-1.0, 1.0), level=counting.level)
    leader = names[int(table.mean(axis=1).argmax())]
    yield Finding(
        name="statistics",
        what=f"the best statistics told the same ({leader} over all)",
        shortcut=crossed_mean(best, who, what, level=counting.level),
        beside=_accuracy(rows, counting),
        passed=not found.high < 0,
        why="fails where the best, chosen on other people, is higher for sure; the model's accuracy is above "
        f"it by {found}",
    )


def _orders(arms: dict[str, pl.DataFrame], ours: str, counting: Counting) -> Iterator[Finding]:
    """Hold what the order of options changes against what another person's items change."""
    stranger, rows = arms.get(label("lm, stranger", "all")), arms[ours]
    if stranger is None or not rows["between_orders"].count():
        return
    moved = [
        None if a is None or b is None else float(np.abs(np.subtract(a, b)).sum() / 2)
        for a, b in zip(rows["p"].to_list(), stranger["p"].to_list(), strict=True)
    ]
    who, what = rows["persona_id"], rows["prompt_id"]
    person = crossed_mean(pl.Series(moved, dtype=pl.Float64), who, what, level=counting.level)
    order = crossed_mean(rows["between_orders"], who, what, level=counting.level)
    yield Finding(
        name="order of options",
        what="how far the distribution moves when the options are turned round (total variation)",
        shortcut=order,
        beside=person,
        passed=not order.value > person.value,
        why="fails where the order of options moves the prediction more than another person's items do",
    )


def _unanswered(arms: dict[str, pl.DataFrame], counting: Counting) -> Finding:
    """Count the predictions that are missing, in the arm that has most of them."""
    models = {name: rows for name, rows in arms.items() if rows["kind"][0] == "model"}
    silent = {name: (rows["outcome"] != "answered").mean() or 0.0 for name, rows in models.items()}
    worst = max(silent, key=lambda name: float(silent[name]))  # type: ignore[arg-type]
    rows = models[worst]
    values = (rows["outcome"] != "answered").cast(pl.Float64)
    found = crossed_mean(values, rows["persona_id"], rows["prompt_id"], level=counting.level)
    return Finding(
        name="unanswered",
        what=f"predictions refused, failed or not to be read (of the arm {worst})",
        shortcut=found,
        passed=not found.value > _MOST,
        why=f"fails above {_MOST:.0%}: what is missing is a miss, in arms that others are held against too",
    )


def _accuracy(rows: pl.DataFrame, counting: Counting) -> Estimate:
    return crossed_mean(hits_of(rows), rows["persona_id"], rows["prompt_id"], level=counting.level)
