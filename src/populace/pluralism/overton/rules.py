"""Which perspective a sentence stands for: three rules from scores to matches, for one question.

- `max`: every sentence that reaches the threshold counts, for as many perspectives as it reaches (many to
  one). This is the rule of NLI-based scores.
- `mutual_best`: a perspective and a sentence are a pair where each is the other's best and the threshold is
  reached (one to one), as OP-GRPO pairs them.
- `hungarian`: the one-to-one assignment with the most pairs that reach the threshold; of several such, the
  one with the highest sum of scores.

Ties are not broken silently. Where several are best alike, `mutual_best` takes the largest set of pairs in
which nobody is twice, so a coverage never hangs on the order of sentences. Of several assignments of the same
size and sum one is taken, which changes no coverage; a coverage *weighted by shares* can differ between them.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats

__all__ = ["RULES", "Matches", "Rule", "matched"]

Rule: TypeAlias = Literal["max", "mutual_best", "hungarian"]
RULES: tuple[Rule, ...] = ("max", "mutual_best", "hungarian")


class Matches(NamedTuple):
    """What was matched in one answer."""

    pairs: Bools
    """Shape (perspectives, sentences)."""
    tied: bool
    """Whether several sentences, or perspectives, were best alike (`mutual_best` only)."""

    @property
    def covered(self) -> Bools:
        """Whether each perspective is expressed."""
        return np.any(self.pairs, axis=1)

    @property
    def inside(self) -> Bools:
        """Whether each sentence expresses a perspective."""
        return np.any(self.pairs, axis=0)


def matched(scores: Floats, rule: Rule, threshold: float) -> Matches:
    """Match the sentences of one answer with the perspectives of its question.

    Parameters
    ----------
    scores
        Shape (perspectives, sentences), higher is nearer; nan was not judged, and is no match.
    rule
        See above.
    threshold
        The least score of a match; a score that equals it is one.

    Raises
    ------
    DataError
        If there is no such rule.

    Examples
    --------
    Sentence 0 is best for both perspectives, and only one of them can have it to itself:

    >>> import numpy as np
    >>> scores = np.array([[0.9, 0.2], [0.8, 0.7]])
    >>> [int(matched(scores, rule, 0.6).covered.sum()) for rule in RULES]
    [2, 1, 2]
    """
    if rule not in RULES:
        raise DataError(f"there is no rule {rule!r}", fix=f"use one of {', '.join(RULES)}")
    with np.errstate(invalid="ignore"):
        reached = scores >= threshold
    if rule == "max" or not reached.any():
        return Matches(reached, tied=False)
    if rule == "hungarian":
        return Matches(_largest(reached, scores), tied=False)
    known = np.where(np.isnan(scores), -np.inf, scores)
    best = reached & (known == known.max(axis=1, keepdims=True)) & (known == known.max(axis=0))
    tied = bool((best.sum(axis=1) > 1).any() or (best.sum(axis=0) > 1).any())
    return Matches(_largest(best, scores) if tied else best, tied=tied)


def _largest(allowed: Bools, scores: Floats) -> Bools:
    """Pair as many as possible of the pairs allowed, nobody twice; of several ways, the highest sum."""
    optimize: Any = importlib.import_module("scipy.optimize")  # without types, and loaded on first use
    values = np.where(allowed, scores, 0.0)
    least, most = float(values[allowed].min()), float(values[allowed].max())
    # A pair is worth 1 and a bit; all bits together are worth less than one pair.
    bits = (values - least) / ((most - least) or 1.0) / (2 * min(allowed.shape))
    rows, columns = optimize.linear_sum_assignment(np.where(allowed, 1.0 + bits, 0.0), maximize=True)
    found = np.zeros_like(allowed)
    found[rows, columns] = True
    return found & allowed
