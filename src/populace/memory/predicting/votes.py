r"""A person's own answers, and joined ones of people like the person, as votes on a question.

The odds of an option are those of nobody in particular, moved by the items that are nearest to the question,

.. math:: p_o \propto \bar p_o \exp\Bigl(\beta \sum_{i \in r} k\bigl((q, o), (q_i, a_i)\bigr) \Bigr),

with the kernel of `likeness`, centred over the options. `Own` takes the person's own r items. `Join` is the
paper's: of r items, `ceil(x r)` are from the databases of the K nearest people and the others are own, all by
likeness to the question; r = 40, x = 25 %, K = 3 (Sun et al., Persona-DB, arXiv 2402.11060; K stands in the
released code only). The strength is chosen on training people left out.

Neighbours are found by what both answered, by attributes, or by where the factors place them (`learned`).
With `same_question` their answers to the very question are among what is joined, and the odds of nobody are
the population's; without, neither is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from populace.memory.predicting.likeness import likeness, words
from populace.memory.predicting.neighbours import Neighbours, neighbours
from populace.memory.predicting.route import Cells, picked
from populace.memory.predicting.words import Embed, hashed
from populace.opinions import NONE, Inputs, Opinions
from populace.opinions.predictors.masks import left_out, masked
from populace.streams import stream

__all__ = ["Join", "Voting", "joined"]

_BETAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_GAMMAS = (2.0, 5.0, 10.0)
_MOST = 150
"""Training people on whom the strength is chosen."""


@dataclass(frozen=True)
class Join:
    """Own items, and those of neighbours.

    Parameters
    ----------
    items
        r, items that vote.
    share
        x, share of them that is joined; 0 takes own items alone.
    people
        K, neighbours.
    by
        How neighbours are found.
    same_question
        Whether other people's answers to the very question may be used.
    """

    items: int = 40
    share: float = 0.25
    people: int = 3
    by: Literal["answers", "attributes", "learned"] = "answers"
    same_question: bool = False
    embed: Embed = hashed
    seed: int = 0
    label: str = field(default="")

    @property
    def name(self) -> str:
        """As tables name it."""
        return self.label or ("join" if self.share else "own")

    def fit(self, train: Opinions, inputs: Inputs) -> Voting:
        """Choose how much items say, and how fast questions become unlike."""
        rng = stream(self.seed, "memory.votes")
        apart = left_out(len(train), rng, most=_MOST)
        alike = likeness(words(train.items, self.embed), train.items, train.items)
        best, at = -np.inf, (_GAMMAS[0], 0.0)
        if apart.any():
            inner, outer = train.take(~apart), train.take(apart)
            known, asked = masked(outer, inputs.known, rng)
            rows, columns = np.nonzero(asked)
            cells = Cells(outer.people, known, rows, columns)
            truth, weights = outer.answers[rows, columns], outer.weights[rows]
            for gamma in _GAMMAS:
                tried = self._made(inner, inputs, alike.kernel(gamma), gamma, 1.0)
                base, votes = tried.base(cells), tried.votes(cells)
                for beta in _BETAS:
                    p = _softmax(base, beta * votes)[np.arange(len(cells)), truth]
                    gain = float(np.average(np.log(np.maximum(p, 1e-9)), weights=weights))
                    if gain > best + 1e-9:
                        best, at = gain, (gamma, beta)
        return self._made(train, inputs, alike.kernel(at[0]), *at)

    def _made(self, train: Opinions, inputs: Inputs, kernel: np.ndarray, gamma: float, beta: float) -> Voting:
        firsts, sizes = train.starts[:-1], train.sizes
        kernel = kernel - np.repeat(np.add.reduceat(kernel, firsts, axis=0), sizes, axis=0) / np.repeat(
            sizes, sizes
        )[:, None].astype(np.float32)
        # How near two questions are: that of the options is at most 1.
        near = np.maximum.reduceat(np.maximum.reduceat(np.abs(kernel), firsts, axis=0), firsts, axis=1)
        found = neighbours(train, inputs, self.by, self.seed) if self.share else None
        return Voting(self, train, kernel, near, found, beta, gamma)


@dataclass(frozen=True)
class Voting:
    """Votes that were weighed.

    Attributes
    ----------
    kernel
        Shape (K, K), what an answer (column) says of an option (row).
    near
        Shape (M, M), likeness of questions.
    beta, gamma
        What was chosen; a `beta` of 0 means that no item helped.
    """

    route: Join
    train: Opinions
    kernel: np.ndarray
    near: np.ndarray
    found: Neighbours | None
    beta: float
    gamma: float

    def predict(self, cells: Cells) -> np.ndarray:
        """Weigh the items that are nearest to each cell's question."""
        if not self.beta:
            return self.base(cells)
        return _softmax(self.base(cells), self.beta * self.votes(cells))

    def base(self, cells: Cells) -> np.ndarray:
        """Give the odds of nobody in particular: shape (C, widest)."""
        shares = np.repeat(1 / self.train.sizes, self.train.sizes)
        if self.route.same_question:
            shares = self.train.shares(prior=1.0)
        return picked(self.train, cells.columns, np.broadcast_to(shares, (len(cells), shares.size)))

    def votes(self, cells: Cells) -> np.ndarray:
        """Sum what the chosen items say of each option: shape (C, widest)."""
        found = np.zeros((len(cells), int(self.train.sizes.max())))
        codes = self._joined(cells)
        starts, sizes = self.train.starts, self.train.sizes
        for place, column in enumerate(cells.columns):
            items, answers = codes(place)
            if items.size:
                start, size = starts[column], sizes[column]
                told = starts[items] + answers
                found[place, :size] = self.kernel[start : start + size, told].sum(axis=1)
        return found

    def _joined(self, cells: Cells) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
        """Say which items vote on a cell: own ones, then those of neighbours."""
        route = self.route
        more = math.ceil(route.share * route.items)
        near = None if self.found is None else _closest(self.found, cells, route.people)

        def chosen(place: int) -> tuple[np.ndarray, np.ndarray]:
            row, column = cells.rows[place], cells.columns[place]
            own = np.flatnonzero(cells.known[row] != NONE)
            own = _nearest(self.near[column], own[own != column], route.items - more)
            items, answers = [own], [cells.known[row, own]]
            if near is not None:
                theirs = self.train.answers[near[place]]
                who, what = np.nonzero(theirs != NONE)
                if not route.same_question:
                    who, what = who[what != column], what[what != column]
                kept = _nearest(self.near[column], what, more, places=True)
                items.append(what[kept])
                answers.append(theirs[who[kept], what[kept]])
            return np.concatenate(items), np.concatenate(answers)

        return chosen


def joined(train: Opinions, found: Neighbours, near: np.ndarray, cells: Cells, route: Join) -> np.ndarray:
    """Give what is known beside each cell with neighbours' items joined in: shape (C, M).

    Of the nearest people's answers those nearest to the question that the person did not give, at most
    `ceil(x r)`; of several neighbours' answers to one question the nearest neighbour's.
    """
    known, more = cells.told(), math.ceil(route.share * route.items)
    who = _closest(found, cells, route.people)
    for place, column in enumerate(cells.columns):
        theirs = np.full(known.shape[1], NONE, dtype=known.dtype)
        for other in who[place][::-1]:
            given = train.answers[other]
            theirs = np.where(given != NONE, given, theirs)
        free = (theirs != NONE) & (known[place] == NONE)
        free[column] = False
        kept = _nearest(near[column], np.flatnonzero(free), more)
        known[place, kept] = theirs[kept]
    return known


def _closest(found: Neighbours, cells: Cells, count: int) -> np.ndarray:
    """Find each cell's neighbours: shape (C, count); what the person said to the question tells nothing."""
    given = cells.known[cells.rows, cells.columns] != NONE
    nearest = found.nearest(cells.people, cells.known, count)[cells.rows]
    if given.any():
        told = cells.told()[given]
        nearest[given] = found.nearest(cells.people[cells.rows[given]], told, count)
    return nearest


def _nearest(near: np.ndarray, items: np.ndarray, count: int, *, places: bool = False) -> np.ndarray:
    """Take the items that are most like the question; of equals the first."""
    order = np.argsort(-near[items], kind="stable")[:count]
    return order if places else items[order]


def _softmax(base: np.ndarray, votes: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        odds = np.log(base) + votes
    odds = np.exp(odds - odds.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
