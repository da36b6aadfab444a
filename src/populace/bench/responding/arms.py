"""What is said of the cells without a model, and what a model is told of each person.

Statistics are the routes of `populace.memory.predicting`. With the leak switch on they may use others'
answers to the very question, as the item's mode does; the arms named `strict` may not. A model is never told
a neighbour's answer to the very question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from populace.bench.responding.planning import Plan
from populace.bench.responding.signed import signed_tables
from populace.memory.predicting import Blend, Collaborative, Join, Route, Tabled
from populace.memory.predicting.briefing import Known
from populace.memory.predicting.collaborative import Folded
from populace.memory.predicting.joining_in import JoinedIn
from populace.memory.predicting.likeness import likeness, words
from populace.memory.predicting.lm import beside, together
from populace.memory.predicting.neighbours import Neighbours, neighbours
from populace.memory.predicting.trials import Trial
from populace.opinions import NONE, inputs_of, repeated
from populace.opinions.predictors import Group, Population

__all__ = ["AGAIN", "BOTH", "Told", "design", "mixture", "statistics"]

AGAIN = "same again"
"""The arm in which people predict themselves, by their other answer."""
BOTH = "lm + collaborative"
"""The arm in which the model and the factors are mixed."""
_PARTS = 4
_INDUCED, _SURE = 5, 0.5
"""Statements that are induced at most, and how likely an answer must be to be one."""
_JOINED = 40
"""Neighbours' items that are offered at most; the budget takes of them."""


def design(count: int | None) -> str:
    """Name how many own answers are known."""
    return "all" if count is None else str(count)


def statistics(plan: Plan) -> Iterator[tuple[str, str, str, list[list[float]]]]:
    """Give arm, kind, design and the probabilities of every cell."""
    rows, columns = np.nonzero(plan.parts.asked)
    sizes = plan.opinions.sizes[columns]

    def listed(table: np.ndarray) -> list[list[float]]:
        return [row[:size].tolist() for row, size in zip(table, sizes, strict=True)]

    if plan.replies is not None:
        for name, count, table in signed_tables(plan):
            yield name, "baseline", design(count), listed(table)
        return
    train = plan.train
    for count in plan.counts:
        inputs = inputs_of(train.people, known=count)
        for route in _routes(plan, count):
            yield (
                route.name,
                "baseline",
                design(count),
                listed(route.fit(train, inputs).predict(plan.cells(count))),
            )
    if plan.opinions.retest is not None:
        again = plan.opinions.retest[plan.parts.test]
        table = repeated(plan.opinions, again)
        yield AGAIN, "ceiling", design(None), listed(plan.opinions.gather(rows, columns, table))


def mixture(plan: Plan, model: list[list[float] | None], factors: list[list[float]]) -> list[list[float]]:
    """Mix the model with the factors, each half of the people by the weights that the other half chose."""
    rows, columns = np.nonzero(plan.parts.asked)
    sizes, widest = plan.opinions.sizes[columns], int(plan.opinions.sizes.max())
    parts = {}
    for name, said in (("collaborative", factors), ("lm", model)):
        parts[name] = np.full((len(rows), widest), np.nan)
        for place, p in enumerate(said):
            if p is not None:
                parts[name][place] = 0.0
                parts[name][place, : len(p)] = p
    truth = plan.opinions.answers[plan.parts.test[rows], columns].astype(np.int64)
    found = np.zeros((len(rows), widest))
    for half in (0, 1):
        mine = rows % 2 == half
        others = Trial(
            plan.opinions.take([]),
            rows[~mine],
            columns[~mine],
            truth[~mine],
            np.ones(int((~mine).sum())),
            {"collaborative": parts["collaborative"][~mine]},
        )
        weighed = beside(others, parts["lm"][~mine])
        found[mine] = together({name: p[mine] for name, p in parts.items()}, *weighed)
    return [row[:size].tolist() for row, size in zip(found, sizes, strict=True)]


def _routes(plan: Plan, count: int | None) -> Iterator[Route]:
    """List the routes of a design; what does not look at own answers is there once."""
    join = Join(same_question=True, seed=plan.seed)
    factors = Collaborative(same_question=True, parts=_PARTS, seed=plan.seed)
    own = replace(join, share=0.0)
    found: dict[str, Route] = {
        "own": own,
        "join": join,
        "collaborative": factors,
        "collaborative + join": JoinedIn(factors, join),
        "blend": Blend((own, join, factors), seed=plan.seed),
    }
    if count is None:
        yield Tabled(Population(), "mode")
        if "own group" in plan.routes and inputs_of(plan.opinions.people).attributes:
            yield Tabled(Group(), "own group")
    for name in plan.routes:
        if name in found and (count != 0 or name == "collaborative"):
            yield found[name]
    if count is None and plan.strict:
        closed = replace(factors, same_question=False)
        yield replace(closed, personal=False, label="mode, strict")
        for name, route in (
            ("own", replace(own, same_question=False, label="own, strict")),
            ("join", replace(join, same_question=False, label="join, strict")),
            ("collaborative", replace(closed, label="collaborative, strict")),
        ):
            if name in plan.routes:
                yield route


@dataclass(frozen=True)
class Told:
    """Puts together what is known of a person when a cell is asked."""

    plan: Plan

    @cached_property
    def near(self) -> np.ndarray:
        """Shape (M, M), likeness of questions."""
        items = self.plan.opinions.items
        return likeness(words(items), items, items).questions

    @cached_property
    def _neighbours(self) -> Neighbours:
        return neighbours(self.plan.train, inputs_of(self.plan.train.people), "answers", self.plan.seed)

    @cached_property
    def _factors(self) -> Folded | None:
        """The factors that statements are induced from; none of replies, of which there are too few each."""
        if self.plan.replies is not None:
            return None
        inputs = inputs_of(self.plan.train.people, known=None)
        return Collaborative(same_question=True, seed=self.plan.seed).fit(self.plan.train, inputs)

    def of(self, count: int | None, whom: np.ndarray | None = None) -> list[Known]:
        """Give what is known at every cell of a design.

        Parameters
        ----------
        count
            Own answers that are known.
        whom
            Shape (tests,), who is told in the place of each; themselves by default. Of another the answer to
            the very question is not told.
        """
        plan = self.plan
        rows, columns = np.nonzero(plan.parts.asked)
        whom = np.arange(len(plan.parts.test)) if whom is None else whom
        known, facts = plan.known(count), self._facts()
        closest = self._neighbours.nearest(plan.opinions.people[plan.parts.test], known, 3)
        implied = self._implied(known)
        return [
            Known(
                distilled=facts[whom[row]],
                induced=self._induced(implied, known[whom[row]], whom[row], column),
                **self._history(known[whom[row]], whom[row], column),
                joined=self._joined(closest[whom[row]], column),
            )
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]

    def _facts(self) -> list[tuple[str, ...]]:
        """Say the attributes of each of the tested, a line each."""
        people = self.plan.opinions.people[self.plan.parts.test]
        names = inputs_of(people).attributes
        return [
            tuple(
                f"{name.replace('_', ' ').capitalize()}: {row[name]}"
                for name in names
                if row[name] is not None
            )
            for row in people.iter_rows(named=True)
        ]

    def _history(self, known: np.ndarray, person: int, column: int) -> dict[str, tuple]:
        """List own items, the oldest first, with their likeness to the question."""
        order = self.plan.order[person]
        own = np.flatnonzero(known != NONE)
        own = own[own != column]
        own = own[np.argsort(order[own], kind="stable")]
        return {
            "own": tuple(self._line(place, known[place]) for place in own.tolist()),
            "near": tuple(float(self.near[column, place]) for place in own),
        }

    def _joined(self, who: np.ndarray, column: int) -> tuple[tuple[str, str], ...]:
        theirs = self.plan.train.answers[who]
        row, place = np.nonzero(theirs != NONE)
        row, place = row[place != column], place[place != column]
        best = np.argsort(-self.near[column, place], kind="stable")[:_JOINED]
        lines = [self._line(int(place[each]), theirs[row[each], place[each]]) for each in best]
        return tuple(dict.fromkeys(lines))

    def _implied(self, known: np.ndarray) -> np.ndarray | None:
        factors = self._factors
        if factors is None:
            return None
        people = self.plan.opinions.people[self.plan.parts.test]
        return factors.whole.factors.predict(factors.points(people, known))

    def _induced(
        self, implied: np.ndarray | None, known: np.ndarray, person: int, column: int
    ) -> tuple[str, ...]:
        """Conclude likely answers to the questions most like this one that the person was not asked."""
        if implied is None:
            return ()
        opinions, found = self.plan.opinions, []
        open_ = np.flatnonzero(known == NONE)
        open_ = open_[open_ != column]
        for place in open_[np.argsort(-self.near[column, open_], kind="stable")]:
            start = opinions.starts[place]
            p = implied[person, start : start + opinions.sizes[place]]
            if p.max() > _SURE:
                question, answer = self._line(place, int(p.argmax()))
                found.append(f"{question} Probably: {answer}")
            if len(found) == _INDUCED:
                break
        return tuple(found)

    def _line(self, place: int, code: int | np.ndarray) -> tuple[str, str]:
        item = self.plan.opinions.items[place]
        return item.question, item.options[int(code)]
