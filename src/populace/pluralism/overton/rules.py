"""Which perspective a sentence stands for: three rules from scores to matches, for one question.

- `max`: every sentence that reaches the threshold counts, for as many perspectives as it reaches (many to
  one). This is the rule of NLI-based scores.
- `mutual_best`: a perspective and a sentence are a pair where each is the other's best and the threshold is
  reached (one to one), as OP-GRPO pairs them.
- `hungarian`: the one-to-one assignment with the most pairs that reach the threshold; of several such, the
  one with the highest sum of scores.

Under the two rules that are one to one a sentence is paired or not: a second sentence of a view that has its
own is left over, however true it is. What is called precision is then the share of sentences that were
*paired*: who says every view twice has half of it at most. Only by `max` it is the share of sentences that
express a view.

Ties are not broken silently. Where several are best alike, `mutual_best` takes the largest set of pairs in
which nobody is twice, so a coverage never hangs on the order of sentences. Of several assignments of the same
size and sum one is taken, which changes no coverage, and `tied` says that there were others. They may leave
out other perspectives, and so differ in what is weighted by shares: `ends` gives the two that lie furthest
apart.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["RULES", "Matches", "Rule", "ends", "matched"]

Rule: TypeAlias = Literal["max", "mutual_best", "hungarian"]
RULES: tuple[Rule, ...] = ("max", "mutual_best", "hungarian")
_ALIKE = 1e-9
"""Worth of two assignments, in pairs, that differ by rounding."""


class Matches(NamedTuple):
    """What was matched in one answer."""

    pairs: Bools
    """Shape (perspectives, sentences)."""
    tied: bool
    """Whether another way to pair them was as good (never of `max`)."""

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
        If there is no such rule, or the threshold is no finite number.

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
    if not np.isfinite(threshold):
        raise DataError(f"the threshold is {threshold}", fix="give a number")
    with np.errstate(invalid="ignore"):
        reached = scores >= threshold
    if rule == "max" or not reached.any():
        return Matches(reached, tied=False)
    if rule == "hungarian":
        found = _largest(reached, scores)
        return Matches(found, tied=_rivalled(found, reached, scores))
    best = _mutual(reached, scores)
    tied = bool((best.sum(axis=1) > 1).any() or (best.sum(axis=0) > 1).any())
    return Matches(_largest(best, scores) if tied else best, tied=tied)


def ends(scores: Floats, rule: Rule, threshold: float, shares: Floats) -> tuple[Bools, Bools]:
    """Give the best ways to pair that cover the least and the most by shares; the same if one is best.

    Parameters
    ----------
    scores, rule, threshold
        As for `matched`.
    shares
        Of the perspectives, shape (perspectives,).

    Returns
    -------
    Pairs, shape (perspectives, sentences) each.

    Notes
    -----
    The sets of perspectives that best assignments cover are the bases of a matroid, so taking perspectives in
    order of their shares, each if it still fits, finds both ends.

    Examples
    --------
    One sentence is as near to either view:

    >>> import numpy as np
    >>> few, many = ends(np.array([[0.9], [0.9]]), "hungarian", 0.5, np.array([0.9, 0.1]))
    >>> few[:, 0].tolist(), many[:, 0].tolist()
    ([False, True], [True, False])
    """
    found = matched(scores, rule, threshold)
    if not found.tied:
        return found.pairs, found.pairs
    with np.errstate(invalid="ignore"):
        allowed = scores >= threshold
    if rule == "mutual_best":
        allowed = _mutual(allowed, scores)
    order = np.argsort(shares, kind="stable")
    return _favouring(order, found.pairs, allowed, scores), _favouring(
        order[::-1], found.pairs, allowed, scores
    )


def _favouring(order: Ints, found: Bools, allowed: Bools, scores: Floats) -> Bools:
    """Cover the first perspectives of an order that best assignments can cover together."""
    worth = _worth(allowed, scores)
    most, wanted, pairs = float(worth[found].sum()), np.zeros(len(order), dtype=np.bool_), found
    for place in order.tolist():
        wanted[place] = True
        # Who is wanted is worth more: then a best assignment that covers them all is the best of all.
        tried = _assigned(np.where(allowed, worth + wanted[:, None], 0.0)) & allowed
        if np.any(tried, axis=1)[wanted].all() and worth[tried].sum() >= most - _ALIKE:
            pairs = tried
        else:
            wanted[place] = False
    return pairs


def _mutual(reached: Bools, scores: Floats) -> Bools:
    """Find the pairs in which each is a best of the other's."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    return reached & (known == known.max(axis=1, keepdims=True)) & (known == known.max(axis=0))


def _largest(allowed: Bools, scores: Floats) -> Bools:
    """Pair as many as possible of the pairs allowed, nobody twice; of several ways, the highest sum."""
    return _assigned(_worth(allowed, scores)) & allowed


def _rivalled(found: Bools, allowed: Bools, scores: Floats) -> bool:
    """Whether another assignment is worth as much: then it does without one of the pairs of this."""
    worth = _worth(allowed, scores)
    most = float(worth[found].sum())
    for pair in np.argwhere(found):
        without = worth.copy()
        without[tuple(pair)] = 0.0
        if without[_assigned(without)].sum() >= most - _ALIKE:
            return True
    return False


def _worth(allowed: Bools, scores: Floats) -> Floats:
    """Say what each pair is worth; those that are not allowed nothing."""
    values = np.where(allowed, scores, 0.0)
    least, most = float(values[allowed].min()), float(values[allowed].max())
    # A pair is worth 1 and a bit; all bits together are worth less than one pair.
    bits = (values - least) / ((most - least) or 1.0) / (2 * min(allowed.shape))
    return np.where(allowed, 1.0 + bits, 0.0)


def _assigned(worth: Floats) -> Bools:
    """Assign everybody once, for the highest worth."""
    optimize: Any = importlib.import_module("scipy.optimize")  # without types, and loaded on first use
    rows, columns = optimize.linear_sum_assignment(worth, maximize=True)
    found = np.zeros(worth.shape, dtype=np.bool_)
    found[rows, columns] = True
    return found
