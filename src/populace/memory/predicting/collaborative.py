"""People who answered alike so far answer alike further: factors of people and questions, with words.

The factors are those of `populace.opinions.predictors`: a person is drawn to the attributes' prior, the prior
to the population, and each known answer moves the person as far as it tells. Options are nominal; those of an
ordered question are so too, and their order comes out of the answers.

Whether others' answers to the very question may be used is a switch. With `same_question` a question's shares
and loadings are what people answered to it. Without, the questions are cut into parts by their names, and
each part is predicted by a fit that saw no answer to any of its questions: shares and loadings are borrowed
from questions that are worded alike (`borrowing`). A question that nobody answered is borrowed either way.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from populace.memory.predicting.borrowing import Borrowing, borrowed, chosen_borrowing
from populace.memory.predicting.likeness import Words, words
from populace.memory.predicting.route import Cells, picked
from populace.memory.predicting.words import Embed, hashed
from populace.opinions import NONE, Inputs, Item, Opinions
from populace.opinions.predictors import Completion
from populace.opinions.predictors.completion import Completed
from populace.opinions.predictors.factors import learn, scores, sharpened
from populace.opinions.predictors.masks import left_out, masked
from populace.streams import stream

__all__ = ["Collaborative", "Folded", "chosen", "part_of"]

_SWEEPS = 4
"""Rounds of the fits that borrowing is chosen on."""
_CHUNK = 2000
"""People that are folded in at once."""


def part_of(item: Item, parts: int) -> int:
    """Say which part a question is in: by its words, so that it stays there whatever else is asked.

    Examples
    --------
    >>> part_of(Item(name="a", question="More trees?", options=("Yes", "No")), 5)
    1
    """
    return zlib.crc32((item.question or item.name).encode()) % parts


@dataclass(frozen=True)
class Collaborative:
    """Factors of people and questions.

    Parameters
    ----------
    same_question
        Whether other people's answers to the very question may be used.
    parts
        Into which questions are cut where they may not; a fit each. Own answers to the other questions of
        the same part are not used either.
    embed
        Of words.
    personal
        Whether anything of the person is used; without, it is the population, as far as it may be known.
    ranks, strengths, sweeps, seed
        As `populace.opinions.predictors.Completion` has them.
    """

    same_question: bool = False
    parts: int = 8
    embed: Embed = hashed
    personal: bool = True
    ranks: tuple[int, ...] = (4, 8, 16, 32)
    strengths: tuple[float, ...] = (30.0, 90.0, 10.0)
    sweeps: int = 6
    seed: int = 0
    label: str = field(default="")

    @property
    def name(self) -> str:
        """As tables name it."""
        return self.label or ("collaborative" if self.personal else "mode")

    def fit(self, train: Opinions, inputs: Inputs) -> Folded:
        """Learn from all answers; the parts are fitted when one of their questions is first asked."""
        completion = Completion(self.ranks, self.strengths, self.sweeps, self.seed)
        whole = completion.fit(train, inputs)
        alike = words(train.items, self.embed)
        how = self._borrowing(train, inputs, whole, alike)
        return Folded(self, train, inputs, alike, how, whole)

    def _borrowing(self, train: Opinions, inputs: Inputs, whole: Completed, alike: Words) -> Borrowing:
        """Choose how much is borrowed on training people left out."""
        if self.same_question and train.answered.any(axis=0).all():
            return Borrowing()  # Nothing needs it, until an unknown question comes.
        return chosen(train, inputs, whole, alike, self.seed)


def chosen(train: Opinions, inputs: Inputs, whole: Completed, alike: Words, seed: int) -> Borrowing:
    """Choose how much is borrowed on people whom a fit of the same settings did not see."""
    rng = stream(seed, "memory.borrowing")
    apart = left_out(len(train), rng, share=0.2)
    if not apart.any():
        return Borrowing()
    inner, outer = train.take(~apart), train.take(apart)
    known, asked = masked(outer, inputs.known, rng)
    fitted = _again(whole, inner, _SWEEPS, seed)
    points = fitted.factors.fold(known, fitted.prior(outer.people))
    return chosen_borrowing(fitted.factors, outer, points, asked, alike)


def _again(whole: Completed, train: Opinions, sweeps: int, seed: int) -> Completed:
    """Fit to other answers with the settings that were chosen for all."""
    design = np.concatenate([np.ones((len(train), 1)), whole.coder.encode(train.people)], axis=1)
    rank, sharpness = whole.factors.rank, whole.factors.sharpness
    data = scores(train, design, rank, stream(seed, "memory.collaborative"))
    return Completed(
        whole.coder, sharpened(learn(data, rank, whole.strength, sweeps), sharpness), whole.strength
    )


@dataclass
class Folded:
    """A collaborative route that has learned: people are folded in as they are asked about."""

    route: Collaborative
    train: Opinions
    inputs: Inputs
    words: Words
    how: Borrowing
    whole: Completed
    fits: dict[int, Completed] = field(default_factory=dict)
    """Part -> the fit that saw none of its questions; -1 is that of all."""

    def predict(self, cells: Cells) -> np.ndarray:
        """Fold people in and give the odds of their cells."""
        widest = int(self.train.sizes.max())
        found = np.zeros((len(cells), widest))
        parts = self._parts()
        for part in np.unique(parts[cells.columns]):
            at = np.flatnonzero(parts[cells.columns] == part)
            fitted = self.fit_of(int(part))
            some = Cells(cells.people, cells.known, cells.rows[at], cells.columns[at])
            found[at] = self._predicted(fitted, some, parts == part if part >= 0 else None)
        return found

    def points(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Place people by all that is known of them, shape (n, rank)."""
        prior = self.whole.prior(people)
        if not self.route.personal:
            return np.zeros_like(prior)
        return self.whole.factors.fold(known, prior)

    def part(self, column: int) -> int:
        """Say which fit predicts a question."""
        return int(self._parts()[column])

    def fit_of(self, part: int) -> Completed:
        """Give the fit that saw none of a part's questions; it is made when it is first asked for."""
        if part not in self.fits:
            if part < 0:
                fitted, there = self.whole, self.train.answered.any(axis=0)
            else:
                hidden = self._parts() == part
                codes = self.train.answers.copy()
                codes[:, hidden] = NONE
                less = replace(self.train, answers=codes, retest=None)
                fitted = _again(self.whole, less, self.route.sweeps, self.route.seed)
                there = less.answered.any(axis=0)
            factors = borrowed(fitted.factors, self.train.items, np.asarray(there), self.words, self.how)
            self.fits[part] = replace(fitted, factors=factors)
        return self.fits[part]

    def _parts(self) -> np.ndarray:
        """Say which fit predicts each question; the one of all sees no answer where nobody gave one."""
        parts = np.array([part_of(item, self.route.parts) for item in self.train.items])
        return np.where(self.train.answered.any(axis=0) & (not self.route.same_question), parts, -1)

    def _predicted(self, fitted: Completed, cells: Cells, hidden: np.ndarray | None) -> np.ndarray:
        known = cells.known if hidden is None else np.where(hidden, NONE, cells.known)
        # Where the very question is known of somebody, it is hidden for that cell alone.
        given = known[cells.rows, cells.columns] != NONE
        found = np.zeros((len(cells), int(self.train.sizes.max())))
        people, back = np.unique(cells.rows[~given], return_inverse=True)
        if people.size:
            points = self._placed(fitted, cells.people[people], known[people])
            found[~given] = self._odds(fitted, points, back, cells.columns[~given])
        own = np.flatnonzero(given)
        if own.size:
            some = Cells(cells.people, known, cells.rows[own], cells.columns[own])
            points = self._placed(fitted, cells.people[some.rows], some.told())
            found[own] = self._odds(fitted, points, np.arange(own.size), some.columns)
        return found

    def _placed(self, fitted: Completed, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        if not self.route.personal:
            return np.zeros((people.height, fitted.factors.rank))
        prior = fitted.prior(people)
        chunks = range(0, len(known), _CHUNK)
        parts = [fitted.factors.fold(known[at : at + _CHUNK], prior[at : at + _CHUNK]) for at in chunks]
        return np.concatenate(parts)

    def _odds(
        self, fitted: Completed, points: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        found = np.zeros((len(rows), int(self.train.sizes.max())))
        for at in range(0, len(rows), _CHUNK):
            some = slice(at, at + _CHUNK)
            table = fitted.factors.predict(points[rows[some]])
            found[some] = picked(self.train, columns[some], table)
        return found

    def told(self, known: np.ndarray, prior: np.ndarray, column: int) -> np.ndarray:
        """Give the odds of one question for rows of known answers: shape (n, its options).

        Parameters
        ----------
        known
            Shape (n, M); the question's own answer must be hidden.
        prior
            Shape (n, rank), where attributes place each, by the fit that predicts the question.
        column
            The question.
        """
        fitted, part = self.fit_of(self.part(column)), self.part(column)
        if part >= 0:
            known = np.where(self._parts() == part, NONE, known)
        table = fitted.factors.predict(fitted.factors.fold(known, prior))
        start = self.train.starts[column]
        return table[:, start : start + self.train.sizes[column]]
