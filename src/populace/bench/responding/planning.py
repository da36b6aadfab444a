"""Who is tested on what, what is known of them by then, and who lurks.

A plan is the same for every arm: the same people, the same cells, and known answers that are the first k of
one order. Questions that nearly say the same are dropped before (`populace.opinions.curated`, on people who
are not tested), and so are those that an attribute tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from populace.bench.options import known as known_options
from populace.bench.options import listed, switched, whole_numbers
from populace.bench.responding.rfpn import Replies
from populace.bench.responding.source import one_number, opened
from populace.bench.task import Bench
from populace.errors import DataError, StudyError
from populace.memory.predicting import Cells
from populace.memory.predicting.briefing import RECIPES
from populace.opinions import NONE, Opinions, Split, curated, inputs_of
from populace.streams import stream

__all__ = ["FREQUENT", "LURKERS", "ROUTES", "Plan", "planned"]

LURKERS, FREQUENT = "lurkers", "frequent"
"""Groups of the tested: those with the shortest and those with the longest history."""
ROUTES = ("own group", "own", "join", "collaborative", "collaborative + join", "blend")
_OPTIONS = (
    "survey",
    "format",
    "codebook",
    "later",
    "year",
    "respondents",
    "asked",
    "known",
    "tokens",
    "recipes",
    "routes",
    "strict",
    "lurkers",
)
_TWICE = 30


@dataclass(frozen=True)
class Plan:
    """What a run asks.

    Attributes
    ----------
    opinions
        Of everybody, without the questions that were dropped.
    parts
        Who is tested, what is asked, in which order the rest is known.
    counts
        Own answers that are known, by design; None for all.
    groups
        Shape (tests,), `lurkers`, `frequent` or empty.
    replies
        Where responses are signed (RFPN): polarity beside the signed score.
    order
        Shape (tests, M), when each known answer was given, the larger the later.
    """

    opinions: Opinions
    parts: Split
    counts: tuple[int | None, ...]
    groups: np.ndarray
    tokens: tuple[int, ...]
    recipes: tuple[str, ...]
    routes: tuple[str, ...]
    strict: bool
    seed: int
    replies: Replies | None
    order: np.ndarray

    @cached_property
    def train(self) -> Opinions:
        """Those who are learned from."""
        return self.opinions.take(self.parts.train)

    def known(self, count: int | None) -> np.ndarray:
        """Give the known answers of the tested in a design: shape (tests, M)."""
        return self.parts.known(self.opinions, count)

    def cells(self, count: int | None) -> Cells:
        """Give the cells of a design."""
        rows, columns = np.nonzero(self.parts.asked)
        return Cells(self.opinions.people[self.parts.test], self.known(count), rows, columns)

    def others(self) -> np.ndarray:
        """Give each of the tested another: all stand in one ring, in an order of chance."""
        ring = stream(self.seed, "response-prediction.strangers").permutation(len(self.parts.test))
        others = np.empty_like(ring)
        others[ring] = np.roll(ring, -1)
        return others

    def frame(self) -> pl.DataFrame:
        """Give a row a cell: who was asked what, and what they said."""
        rows, columns = np.nonzero(self.parts.asked)
        who, opinions = self.parts.test[rows], self.opinions
        again = np.full(len(rows), NONE) if opinions.retest is None else opinions.retest[who, columns]
        polarity = np.full(len(rows), NONE) if self.replies is None else self.replies.polarity[who, columns]
        people, items = opinions.people["person_id"].to_list(), opinions.items
        return pl.DataFrame(
            {
                "item_id": pl.Series(range(len(rows)), dtype=pl.Int64),
                "persona_id": [people[each] for each in who],
                "prompt_id": [items[each].name for each in columns],
                "group": [str(self.groups[each]) for each in rows],
                "options": pl.Series(opinions.sizes[columns], dtype=pl.Int64),
                "ordinal": [items[each].ordinal for each in columns],
                "truth": pl.Series(opinions.answers[who, columns], dtype=pl.Int16),
                "polarity": pl.Series(polarity, dtype=pl.Int16).set(pl.Series(polarity == NONE), None),
                "retest": pl.Series(again, dtype=pl.Int16).set(pl.Series(again == NONE), None),
            }
        )


def planned(bench: Bench, source: Opinions | Replies | None = None) -> Plan:
    """Read the data and draw what is asked.

    Parameters
    ----------
    bench
        Its `options` are the task's.
    source
        In the place of a file.

    Raises
    ------
    StudyError
        If the settings do not fit.
    DataError, CodebookError
        If the data cannot be read, or too few people answered enough.
    """
    options = bench.options
    known_options("response-prediction", options, _OPTIONS)
    counts = _counts(options.get("known", "0,3,10"))
    tokens = tuple(whole_numbers("tokens", options.get("tokens", 400)))
    recipes = _some("recipes", options.get("recipes", ""), tuple(RECIPES), first="lm")
    routes = _some("routes", options.get("routes", ""), ROUTES)
    strict = switched("strict", options.get("strict", True))
    source = opened(options) if source is None else source
    people = one_number("respondents", options.get("respondents", 40))
    share = float(options.get("lurkers", 0.25))
    if not 0 < share <= 0.5 or people < 2:
        raise StudyError("lurkers is a share above 0 and at most 0.5, respondents at least 2")
    asked = one_number("asked", options.get("asked", 5))
    if isinstance(source, Replies):
        opinions, parts, order, replies = _replied(source, people, asked, bench.seed)
    else:
        opinions, parts, order, replies = _asked(source, people, asked, bench.seed)
    groups = _groups((parts.rank >= 0).sum(axis=1), share)
    return Plan(
        opinions, parts, (*counts, None), groups, tokens, recipes, routes, strict, bench.seed, replies, order
    )


def _asked(source: Opinions, people: int, asked: int, seed: int) -> tuple[Opinions, Split, np.ndarray, None]:
    """Draw from a survey; where people were asked twice, of answers that they gave twice."""
    told = set(inputs_of(source.people).attributes)
    names = [each.name for each in source.items if each.question and not told & set(each.same_as)]
    if not names:
        raise DataError("no question has a wording", fix="add questions to the codebook")
    opinions = source.only(names)
    able = np.flatnonzero(opinions.answered.sum(axis=1) > asked)
    if len(able) <= people:
        raise DataError(f"{len(able)} people gave more than {asked} answers", fix="test fewer, ask fewer")
    chosen = np.sort(stream(seed, "response-prediction.people").permutation(able)[:people])
    rest = np.setdiff1d(np.arange(len(opinions)), chosen)
    opinions = curated(opinions, among=opinions.take(rest))
    may = opinions.answered.copy()
    if opinions.retest is not None:
        twice = may & (opinions.retest != NONE)
        may = twice & (twice.sum(axis=0) >= _TWICE)
    rng = stream(seed, "response-prediction.cells")
    luck = rng.random((people, len(opinions.items)))
    place = np.argsort(np.argsort(np.where(may[chosen], luck, 2.0), axis=1), axis=1)
    ask = may[chosen] & (place < asked)
    left = opinions.answered[chosen] & ~ask
    again = rng.random(luck.shape)
    rank = np.argsort(np.argsort(np.where(left, again, 2.0), axis=1), axis=1)
    parts = Split(rest, chosen, ask, np.where(left, rank, -1))
    if not ask.any():
        raise DataError("nobody drawn can be asked anything", fix="test more people")
    return opinions, parts, parts.rank, None


def _replied(
    source: Replies, people: int, asked: int, seed: int
) -> tuple[Opinions, Split, np.ndarray, Replies]:
    """Draw from replies: what is asked is in the test part, what is known in the others."""
    able = np.flatnonzero(source.asked.any(axis=1))
    rng = stream(seed, "response-prediction.people")
    chosen = np.sort(rng.permutation(able)[:people])
    rest = np.setdiff1d(np.arange(len(source.opinions)), chosen)
    luck = rng.random((chosen.size, len(source.opinions.items)))
    place = np.argsort(np.argsort(np.where(source.asked[chosen], luck, 2.0), axis=1), axis=1)
    ask = source.asked[chosen] & (place < asked)
    # The latest become known first: an order of time, in which a short history is a recent one.
    left = source.opinions.answered[chosen] & ~source.asked[chosen]
    order = np.where(left, source.order[chosen], -1)
    rank = np.argsort(np.argsort(-order, axis=1, kind="stable"), axis=1)
    return source.opinions, Split(rest, chosen, ask, np.where(left, rank, -1)), order, source


def _groups(history: np.ndarray, share: float) -> np.ndarray:
    """Name the tested with the shortest and with the longest history, of equals the first."""
    count = max(round(share * len(history)), 1)
    order = np.argsort(history, kind="stable")
    groups = np.full(len(history), "", dtype="U8")
    groups[order[-count:]], groups[order[:count]] = FREQUENT, LURKERS
    return groups


def _counts(value: Any) -> tuple[int, ...]:
    """Read how many own answers are known, 0 among them."""
    found = set()
    for each in listed(value):
        if not str(each).isdecimal():
            raise StudyError(f"known holds {each!r}, which is no whole number", fix="write known=0,3,10")
        found.add(int(each))
    return tuple(sorted(found))


def _some(name: str, value: Any, usual: tuple[str, ...], first: str = "") -> tuple[str, ...]:
    """Read which of some names are wanted, in their usual order: all, if none is named; none, if `none`."""
    wanted = [str(each) for each in listed(value)]
    # A recipe's name has a comma: `no join` stands for `lm, no join`.
    full = [f"lm, {each}" if f"lm, {each}" in usual else each for each in wanted]
    odd = [each for each in full if each not in (*usual, "none")]
    if odd:
        short = ", ".join(each.removeprefix("lm, ") for each in usual)
        raise StudyError(f"{name} has no {odd[0]!r}", fix=f"use some of {short}; or none")
    if full == ["none"]:
        return (first,) if first else ()
    return tuple(each for each in usual if not full or each in full or each == first)
