"""What would explain a small distance away: knowing nothing, other questions' answers, options' order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.distributions.scoring import Said, said_in
from populace.bench.result import Finding
from populace.bench.silence import MOST
from populace.bench.task import Counting
from populace.pluralism import distributional as pd
from populace.pluralism.distributional.measures import uniform_of
from populace.stats import Estimate
from populace.stats.crossed import crossed_difference, crossed_mean
from populace.streams import stream

__all__ = ["findings_of"]

_RINGS = 10


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Audit every way that was asked."""
    found: list[Finding] = []
    for said in said_in(items).values():
        found += [
            *_knowing_nothing(said, counting),
            *_orders(said, counting),
            _unanswered(items, said, counting),
        ]
    return found


def _knowing_nothing(said: Said, counting: Counting) -> Iterator[Finding]:
    """Hold total variation against that of the uniform, and of the model's answers to other questions."""
    if not said.graded:
        return
    keys = said.cells["prompt_id"]
    inside = ~np.isnan(said.orders[0])
    mine = pd.cells(said.p, said.gold, "tv", missing="keep")
    even = np.where(inside, uniform_of(inside, 1)[:, 0], np.nan)
    lines = {
        "uniform": ("spreads every answer evenly", pd.cells(even, said.gold, "tv")),
        "another question": (
            "the model's answers to other questions of as many options",
            _others(said, counting),
        ),
    }
    score = crossed_mean(mine, keys, level=counting.level)
    for name, (what, values) in lines.items():
        apart = crossed_difference(mine, values, keys, level=counting.level)
        yield Finding(
            name=f"{name}, {said.way}",
            what=what,
            shortcut=crossed_mean(values, keys, level=counting.level),
            beside=score,
            passed=apart.high < 0,
            why=f"fails unless the model is nearer to people for sure; it is off by {apart} more",
        )


def _others(said: Said, counting: Counting) -> np.ndarray:
    """Give the mean total variation from people of the model's answers to other questions, shape (cells,)."""
    rng = stream(counting.seed, "bench.distributions.others")
    sizes, values = (~np.isnan(said.orders[0])).sum(axis=1), np.full((_RINGS, len(said.p)), np.nan)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        if len(rows) < 2:
            continue
        for ring in values:
            order = rng.permutation(rows)
            ring[order] = pd.cells(said.p[np.roll(order, 1)], said.gold[order], "tv", missing="keep")
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))


def _orders(said: Said, counting: Counting) -> Iterator[Finding]:
    """Hold what the order of the options moves against what another question moves."""
    told = np.flatnonzero(said.told)
    if len(told) < 2:
        return
    keys = said.cells["prompt_id"].gather(told)
    moved = said.spread()[told]
    sizes, p = (~np.isnan(said.orders[0])).sum(axis=1)[told], np.nan_to_num(said.p[told])
    p = p / p.sum(axis=1, keepdims=True)
    other = np.full(len(told), np.nan)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        if len(rows) > 1:
            apart = np.abs(p[rows][:, None] - p[rows][None]).sum(axis=2) / 2
            other[rows] = apart.sum(axis=1) / (len(rows) - 1)
    if np.isnan(other).all():
        return
    order = crossed_mean(moved, keys, level=counting.level)
    question: Estimate = crossed_mean(other, keys, level=counting.level)
    yield Finding(
        name=f"order of options, {said.way}",
        what="how far the distribution moves when the options are turned round (total variation)",
        shortcut=order,
        beside=question,
        passed=not order.value > question.value,
        why="fails where the order of the options moves the answers more than another question does; "
        "the mean over both orders is scored",
    )


def _unanswered(items: pl.DataFrame, said: Said, counting: Counting) -> Finding:
    rows = items.filter(arm=said.way)
    silent = (rows["outcome"] != "answered").cast(pl.Float64)
    share = crossed_mean(silent, rows["prompt_id"], level=counting.level)
    return Finding(
        name=f"unanswered, {said.way}",
        what="questions without an answer that can be read: share of what was asked",
        shortcut=share,
        passed=share.defined and share.value <= MOST,
        why=f"fails above {MOST:.0%}; they count as wholly wrong",
    )
