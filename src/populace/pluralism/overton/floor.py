"""What a matcher finds where there is nothing to find, and a threshold that it can be trusted at.

Two texts on public matters resemble each other, whatever they say. An answer matched with the window of
*another* question gives the noise floor: coverage that is no coverage. A threshold taken from a paper belongs
to the paper's encoder; `calibrate` finds the one at which the floor is as low as wanted.
"""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.overton.matches import MatchedCoverage, Scores, as_questions, coverage_from_matches
from populace.pluralism.overton.rules import Rule, matched

__all__ = ["calibrate", "elsewhere", "noise_floor"]


def elsewhere(questions: int) -> list[int]:
    """Say which other question's window each answer is held against: the next but half.

    No question is held against itself, and each window serves once.

    Raises
    ------
    DataError
        If there is no other question.

    Examples
    --------
    >>> elsewhere(5)
    [2, 3, 4, 0, 1]
    """
    if questions < 2:
        raise DataError("one question has no other", fix="give two questions or more")
    return [(place + questions // 2) % questions for place in range(questions)]


def noise_floor(
    scores: Scores, rule: Rule = "max", *, threshold: float, level: float = 0.95
) -> MatchedCoverage:
    """Score answers on the windows of other questions.

    Parameters
    ----------
    scores
        For each answer, its sentences against the perspectives of another question (`elsewhere`).
    rule, threshold, level
        Those of the coverage that it stands beside.

    Examples
    --------
    >>> noise_floor([[[0.2, 0.6], [0.1, 0.1]]], threshold=0.5).coverage.value
    0.5
    """
    return coverage_from_matches(scores, rule, threshold=threshold, level=level)


def calibrate(scores: Scores, *, floor: float = 0.05, rule: Rule = "max") -> float:
    """Find the least threshold at which answers cover other questions' windows no more than wanted.

    Parameters
    ----------
    scores
        Answers against the windows of other questions, as for `noise_floor`.
    floor
        Mean coverage that is allowed.
    rule
        That of the matches.

    Returns
    -------
    A threshold just above one of the scores, or the least score where nothing needs to be cut. Answers that
    are scored with it should not be those that it was found on, or few of them should decide it.

    Raises
    ------
    DataError
        If there is no score, or `floor` is not in [0, 1).

    Examples
    --------
    >>> round(calibrate([[[0.2, 0.6]], [[0.4, 0.1]]], floor=0.5), 6)  # one of the two may stay covered
    0.4
    """
    if not 0 <= floor < 1:
        raise DataError(f"a floor of {floor} is not in [0, 1)")
    tables = as_questions(scores)
    known = np.unique(np.concatenate([table[~np.isnan(table)] for table in tables]))
    if not len(known):
        raise DataError("there is no score to calibrate on")
    # Above a score is the next number there is: a score that equals the threshold is a match.
    candidates = [float(known[0]), *np.nextafter(known, np.inf).tolist()]

    def mean(threshold: float) -> float:
        return float(np.mean([matched(each, rule, threshold).covered.mean() for each in tables]))

    # A higher threshold takes matches away in every rule, so the floor only falls.
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if mean(candidates[middle]) <= floor:
            high = middle
        else:
            low = middle + 1
    return candidates[low]
