"""Scores of `distributional`: each way against people, beside who knows nothing; ways among themselves.

A cell is a question put to a group. What a model says in both orders of the options is averaged: the
distribution of somebody who meets either order as often as the other. What it did not say is mass elsewhere.
Intervals are over questions, of which all groups and ways are resampled together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import polars as pl

from populace.bench.distributions.asking import WAYS
from populace.bench.distributions.questions import MADE_UP
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.pluralism import distributional as pd
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["Said", "said_in", "scores_of", "undefined", "values_of"]

_MEASURES = ("tv", "js_distance", "skill")
_CONTROLS = ("uniform", "shuffled", "majority", "sampling alone", "people, half by half")


@dataclass(frozen=True)
class Said:
    """What came of one way.

    Attributes
    ----------
    way
        Its name.
    cells
        A row a cell: `prompt_id`, `group`, `gold`, `people` and more, in the order of the items.
    orders
        Shape (2, cells, options), of each order; nan beyond a cell's options, 0 throughout where nothing was
        said.
    answered
        Shape (2, cells).
    """

    way: str
    cells: pl.DataFrame
    orders: np.ndarray
    answered: np.ndarray

    @cached_property
    def p(self) -> np.ndarray:
        """Mean over the orders, shape (cells, options)."""
        return self.orders.mean(axis=0)

    @cached_property
    def gold(self) -> np.ndarray:
        """People's shares, shape (cells, options); nan where nobody was asked."""
        return _padded(self.cells["gold"].to_list(), self.orders.shape[2])

    @property
    def graded(self) -> bool:
        """Whether anybody was asked."""
        return bool(self.cells["gold"].count())

    @property
    def told(self) -> np.ndarray:
        """Cells in which it said something in both orders."""
        return np.asarray(self.answered.all(axis=0), dtype=np.bool_)

    def shaped(self, values: np.ndarray, some: np.ndarray | None = None) -> np.ndarray:
        """Lay cells out as questions by groups, so that a question brings its groups into a resample.

        Parameters
        ----------
        values
            Shape (cells, width).
        some
            Shape (cells,), the cells to keep; all by default.

        Returns
        -------
        Shape (questions, groups, width), nan where there is no cell.
        """
        keys = self.cells.select(
            pl.col("prompt_id").rank("dense") - 1, pl.col("group").rank("dense") - 1
        ).to_numpy()
        found = np.full((*(keys.max(axis=0) + 1), values.shape[1]), np.nan)
        kept = np.ones(len(values), dtype=np.bool_) if some is None else some
        found[keys[kept, 0], keys[kept, 1]] = values[kept]
        return found

    def spread(self) -> np.ndarray:
        """Total variation between the two orders, nan unless both were answered, shape (cells,)."""
        shares = [each / np.maximum(np.nansum(each, axis=1, keepdims=True), 1e-300) for each in self.orders]
        return np.where(self.told, np.nansum(np.abs(shares[0] - shares[1]), axis=1) / 2, np.nan)


def said_in(items: pl.DataFrame) -> dict[str, Said]:
    """Sort the items by way."""
    found: dict[str, Said] = {}
    width = max(map(len, items["options"].to_list()), default=2)
    for way in WAYS:
        rows = items.filter(arm=way)
        if rows.is_empty():
            continue
        sides = [rows.filter(order=order) for order in (0, 1)]
        counts = sides[0]["options"].list.len().to_list()
        # What says nothing has no mass on any option.
        shares = [
            [[0.0] * size if p is None else p for p, size in zip(side["p"], counts, strict=True)]
            for side in sides
        ]
        orders = np.stack([_padded(each, width) for each in shares])
        answered = np.stack([side["outcome"].to_numpy() == "answered" for side in sides])
        found[way] = Said(way, sides[0], orders, answered)
    return found


def values_of(items: pl.DataFrame) -> pl.DataFrame:
    """Give total variation of every graded cell in every way, keyed by question and group."""
    frames = []
    for way, said in said_in(items).items():
        if said.graded:
            value = pd.cells(said.p, said.gold, "tv", missing="keep")
            keys = said.cells.select(
                persona_id=pl.format("{} {}", "prompt_id", "group"), prompt_id="prompt_id"
            )
            frames.append(
                keys.with_columns(arm=pl.lit(way), value=pl.Series(value)).filter(~pl.col("value").is_nan())
            )
    schema = {"persona_id": pl.String, "prompt_id": pl.String, "arm": pl.String, "value": pl.Float64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def scores_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score all ways; the first is the headline."""
    found = said_in(items)
    note = ""
    if items.height and (items["source"] == MADE_UP).any():
        note = "the gold is made up: [1, 0] where ambiguity is low, [.5, .5] where it is high"
    first = next(iter(found), "")
    scores = [
        score
        for said in found.values()
        for score in _against_people(said, counting, note, first=said.way == first)
    ]
    graded = [said for said in found.values() if said.graded]
    if not graded:
        scores.append(
            Score(measure="tv", estimate=undefined(counting), note="nobody was asked: there is no gold")
        )
    # Items of an earlier version do not know of it.
    if items.height and "left_out" in items.columns and (left := items["left_out"][0]):
        told = "; ".join(
            filter(None, (scores[0].note, f"questions put to a group that are left out: {left}"))
        )
        scores[0] = msgspec.structs.replace(scores[0], note=told)
    if graded and {"sequences", "verbalised"} <= found.keys():
        scores.append(_gap(found["sequences"], found["verbalised"], counting))
    for said in found.values():
        scores += _of_itself(said, counting, first=said.way == first)
    return [*scores, *_between(found, counting), *_books(items, counting)]


def undefined(counting: Counting) -> Estimate:
    """Give what stands where nothing is defined."""
    nan = math.nan
    return Estimate(
        value=nan, low=nan, high=nan, level=counting.level, n=0, clusters=0, method="undefined: no gold"
    )


def _against_people(said: Said, counting: Counting, note: str, *, first: bool) -> Iterator[Score]:
    """Score one way against people, and beside it who knows nothing."""
    if not said.graded:
        return
    shared = counting.settings()
    p, gold = said.shaped(said.p), said.shaped(said.gold)
    people = said.shaped(said.cells["people"].to_numpy().astype(np.float64)[:, None])[..., 0]
    kept: pd.Laid = {"missing": "keep", "unanswered": "leave_out"}
    asked = ~np.isnan(gold[..., 0])
    if not np.isnan(people[asked]).any():
        kept["respondents"] = people
    for measure in _MEASURES:
        yield Score(
            measure=measure, arm=said.way, estimate=pd.score(p, gold, measure, **kept, **shared), note=note
        )
    told = said.told
    if told.any() and not told.all():
        some = pd.score(said.shaped(said.p, told), gold, "tv", **kept, **shared)
        yield Score(measure="tv, answered alone", arm=said.way, estimate=some)
    ordinal = said.cells["ordinal"].to_numpy() & told
    if ordinal.any():
        near = pd.score(said.shaped(said.p, ordinal), gold, "opinion_qa", positions="even",
                        missing="renormalise", unanswered="leave_out", **shared)  # fmt: skip
        yield Score(
            measure="closeness", arm=said.way, estimate=near, note="ordinal questions that were answered"
        )
    beside = pd.controls(p, gold, "tv", **kept, **shared)
    for name in _CONTROLS:
        # Those who look at no model are alike for all ways.
        if name in beside and (name == "shuffled" or first):
            arm = f"{said.way}, shuffled" if name == "shuffled" else name
            yield Score(measure="tv", arm=arm, estimate=beside[name], note="baseline")
    draws = said.cells["draws"].to_numpy()
    if draws.size and draws.min() > 0:
        # Both orders together, of which one may have a repeat less.
        both = 2 * int(draws.min())
        floor = pd.noise_floor(gold, "tv", answers=both, unanswered="leave_out", **shared)
        yield Score(measure="tv", arm=f"{both} answers of people's own", estimate=floor, note="baseline")


def _gap(simulated: Said, described: Said, counting: Counting) -> Score:
    """Hold sequences against what is stated, on cells that have both."""
    both = simulated.told & described.told & ~np.isnan(simulated.gold[:, 0])
    if not both.any():
        return Score(
            measure="gap", estimate=undefined(counting), note="no question was answered in both ways"
        )
    sides = (simulated.shaped(simulated.p, both), described.shaped(described.p, both))
    gold = simulated.shaped(simulated.gold)
    estimate = pd.simulation_gap(*sides, gold, missing="keep", **counting.settings())
    note = "(TV of sequences - TV of verbalised) / TV of verbalised, where both were answered"
    return Score(measure="gap", estimate=estimate, note=note)


def _of_itself(said: Said, counting: Counting, *, first: bool) -> Iterator[Score]:
    """Say what order moves, and how sure the model is beside people."""
    keys = said.cells["prompt_id"]
    spread = said.spread()
    if not np.isnan(spread).all():
        found = crossed_mean(spread, keys, level=counting.level)
        note = "total variation; of simulated answers chance moves some of it"
        yield Score(measure="between orders", arm=said.way, estimate=found, note=note)
        sure = crossed_mean(_entropy(said.p, said.told), keys, level=counting.level)
        note = "of what is possible: 0 where one answer has all, 1 where all are alike"
        yield Score(measure="entropy", arm=said.way, estimate=sure, note=note)
    if first and said.graded:
        there = ~np.isnan(said.gold[:, 0])
        people = crossed_mean(_entropy(said.gold, there), keys, level=counting.level)
        yield Score(measure="entropy", arm="people", estimate=people)


def _between(found: dict[str, Said], counting: Counting) -> Iterator[Score]:
    """Say how far the ways are from each other."""
    ways = list(found.values())
    for place, one in enumerate(ways):
        for other in ways[place + 1 :]:
            both = one.told & other.told
            if not both.any():
                continue
            estimate = pd.score(
                one.p[both], other.p[both], "tv", missing="renormalise", **counting.settings()
            )
            yield Score(measure="between ways", arm=f"{one.way} × {other.way}", estimate=estimate)


def _books(items: pl.DataFrame, counting: Counting) -> Iterator[Score]:
    """Count what could not be read, and the probability that stood on the options."""
    for way in WAYS:
        rows = items.filter(arm=way)
        if rows.is_empty():
            continue
        for outcome in ("malformed", "refused", "failed"):
            share = crossed_mean(
                (rows["outcome"] == outcome).cast(pl.Float64), rows["prompt_id"], level=counting.level
            )
            yield Score(measure=f"answers_{outcome}", arm=way, estimate=share)
        mass = rows["mass"].fill_nan(None) if way == "logprobs" else rows["p"].list.sum()
        if mass.count():
            kept = crossed_mean(mass.clip(0.0, 1.0), rows["prompt_id"], level=counting.level)
            yield Score(measure="mass on the options", arm=way, estimate=kept)


def _entropy(p: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Entropy over that of the uniform, nan where nothing was said."""
    shares = np.nan_to_num(p)
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    sizes = (~np.isnan(p)).sum(axis=1)
    return np.where(there, np.clip(-(shares * logs).sum(axis=1) / np.log(np.maximum(sizes, 2)), 0, 1), np.nan)


def _padded(rows: list[list[float] | None], width: int) -> np.ndarray:
    found = np.full((len(rows), width), np.nan)
    for place, row in enumerate(rows):
        if row is not None:
            found[place, : len(row)] = row
    return found
