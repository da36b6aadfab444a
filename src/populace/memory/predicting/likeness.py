r"""How alike questions and their options are, by their words.

.. math:: k\bigl((q, o), (q', o')\bigr) = \exp(\gamma (\cos(q, q') - 1)) \exp(8 (\cos(o, o') - 1)),

the product of two kernels, so that *Agree* to one statement says something of *Agree* to a statement like it,
and little of *Disagree*. Options of the same words are the same option; an item without a wording is like
none but itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from populace.memory.predicting.words import Embed, Remembering, Space, hashed, space
from populace.opinions import Item

__all__ = ["Likeness", "Words", "likeness", "words"]

_OPTIONS = 8.0
"""How fast options become unlike."""


@dataclass(frozen=True)
class Words:
    """Where the words of questions and options lie."""

    questions: Space
    options: Space

    def of(self, items: Sequence[Item]) -> tuple[np.ndarray, np.ndarray]:
        """Place questions (items, d) and all their options (K, d)."""
        options = [option for item in items for option in item.options]
        return self.questions.points([item.question for item in items]), self.options.points(options)


def words(items: Sequence[Item], embed: Embed = hashed) -> Words:
    """Make the space of questions, and that of options (whose mean is kept: there are few of them)."""
    if not isinstance(embed, Remembering):
        embed = Remembering(embed)
    questions = space([item.question for item in items], embed)
    return Words(questions, Space(embed, np.zeros_like(questions.mean)))


@dataclass(frozen=True)
class Likeness:
    """Questions and options placed among each other.

    Attributes
    ----------
    questions, options
        Cosines, shape (m, M) of questions and (k, K) of options; -1 beside a question without words.
    owner, of
        Shape (k,) and (K,), the question of each option.
    """

    questions: np.ndarray
    options: np.ndarray
    owner: np.ndarray
    of: np.ndarray

    def kernel(self, gamma: float) -> np.ndarray:
        """Give the kernel between all options: shape (k, K)."""
        near = np.exp(gamma * (self.questions - 1.0)).astype(np.float32)
        near[self.questions <= -1.0] = 0.0
        return near[np.ix_(self.owner, self.of)] * np.exp(_OPTIONS * (self.options - 1.0)).astype(np.float32)


def likeness(words: Words, some: Sequence[Item], others: Sequence[Item]) -> Likeness:
    """Compare questions with others.

    Examples
    --------
    >>> one = Item(name="a", question="Raise the tax?", options=("Yes", "No"))
    >>> near = Item(name="b", question="Raise this tax?", options=("Yes", "No"))
    >>> far = Item(name="c", question="More trees?", options=("Yes", "No"))
    >>> table = likeness(words([one, near, far]), [one], [near, far]).kernel(5.0)
    >>> bool(table[0, 0] > table[0, 1]), bool(table[0, 0] > table[0, 2])
    (True, True)
    """
    asked, said = words.of(some)
    against, answers = words.of(others)
    near = asked @ against.T
    near[~asked.any(axis=1)] = -1.0
    near[:, ~against.any(axis=1)] = -1.0
    return Likeness(
        near,
        (said @ answers.T).astype(np.float32),
        np.repeat(np.arange(len(some)), [item.size for item in some]),
        np.repeat(np.arange(len(others)), [item.size for item in others]),
    )
