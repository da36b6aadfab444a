"""How often answers are those that the attribute asks for: plain, balanced over labels, or macro-F1.

Modular Pluralism (Feng et al. 2024, arXiv 2406.15951) reports all three for {support, oppose, either}. A
model that always says the commonest label does well in the plain one alone. All three are smooth functions
of sums over rows; the interval is that of their linear terms, with clusters of attributes and of questions
(`populace.stats.crossed`). A label of few rows weighs as much as one of many, and its rows show too little
of their spread: what they hide is added (`_rare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import structs

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Bools, Floats, Ints, as_labels, divide
from populace.stats.crossed import crossed_estimate, crossed_mean

__all__ = ["Kind", "accuracy", "f1_by_label"]

Kind = Literal["plain", "balanced", "macro_f1"]
_KINDS = ("plain", "balanced", "macro_f1")
_MISSING = ("wrong", "left out")
_SHARE = (0.0, 1.0)
_FEW = 10
"""Rows of a label whose own spread is trusted."""


def accuracy(
    gold: Sequence[str | None],
    answers: Sequence[str | None],
    *,
    attributes: npt.ArrayLike | None = None,
    questions: npt.ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    kind: Kind = "plain",
    missing: Literal["wrong", "left out"] = "wrong",
    level: float = 0.95,
) -> Estimate:
    r"""Estimate how often the answer is the gold one.

    With :math:`n_{gk}` rows of gold label g answered k,

    .. math::
        \text{plain} = \frac{\sum_k n_{kk}}{n}, \quad
        \text{balanced} = \frac1K \sum_k \frac{n_{kk}}{\sum_a n_{ka}}, \quad
        \text{macro-F}_1 = \frac1K \sum_k \frac{2 n_{kk}}{\sum_a n_{ka} + \sum_g n_{gk}}.

    Parameters
    ----------
    gold, answers
        One label a row. A row without gold is left out; one without an answer is a refusal.
    attributes, questions
        What the model was steered to, and what it was asked, a row each: clusters of the interval. Without
        attributes, questions alone are; without either, rows.
    labels
        Labels that are allowed; all that occur, if None.
    kind
        `balanced` averages over labels that gold has, `macro_f1` over labels that gold or answers have, as
        scikit-learn does.
    missing
        Whether a refusal is a wrong answer, so that silence gains nothing, or left out.
    level
        Coverage of the interval.

    Raises
    ------
    DataError
        If lengths differ, or a label is not allowed.
    ValueError
        If `kind` or `missing` is none of those named.

    References
    ----------
    Feng et al. (2024), Modular Pluralism, arXiv 2406.15951.

    Examples
    --------
    Three of four are right; of `support` all, of `oppose` half; F1 is 4/5 and 2/3.

    >>> gold, said = ["support", "support", "oppose", "oppose"], ["support", "support", "support", "oppose"]
    >>> [round(accuracy(gold, said, kind=kind).value, 4) for kind in ("plain", "balanced", "macro_f1")]
    [0.75, 0.75, 0.7333]
    """
    if kind not in _KINDS:
        raise ValueError(f"kind is {kind!r} and must be one of {', '.join(_KINDS)}")
    truth, said, keep, names = _coded(gold, answers, labels, missing)
    first, second = _clusters(attributes, questions, keep)
    if kind == "plain":
        hits = (truth == said).astype(np.float64)
        return crossed_mean(hits, first, second, level=level)
    value, influence = (_balanced if kind == "balanced" else _macro)(truth, said, len(names))
    scale, hidden, least = _rare(truth, said, len(names), kind)

    def made(beside: float) -> Estimate:
        moved = influence * scale[truth]
        return crossed_estimate(value, moved, first, second, within=_SHARE, beside=beside, level=level)

    found = made(hidden)
    if not hidden:
        return found
    if not 0 < value < 1:
        # At a bound the interval is symmetric: cut it there, and let it say no less than without.
        plain = made(0.0)
        low, high = min(plain.low, max(found.low, 0.0)), max(plain.high, min(found.high, 1.0))
        found = structs.replace(found, low=low, high=high)
    return structs.replace(found, method=f"{found.method}, wider for a label of {least} rows")


def f1_by_label(
    gold: Sequence[str | None], answers: Sequence[str | None], labels: Sequence[str] | None = None
) -> dict[str, float]:
    """Give the F1 of every label, as counted: what `macro_f1` is the mean of.

    Parameters and errors are those of `accuracy`; a refusal is a wrong answer.

    Examples
    --------
    >>> f1_by_label(["yes", "yes", "no"], ["yes", "no", None])
    {'no': 0.0, 'yes': 0.6666666666666666}
    """
    truth, said, _, names = _coded(gold, answers, labels, "wrong")
    hit, given, taken = _counts(truth, said, len(names))
    return dict(zip(names, divide(2 * hit, given + taken).tolist(), strict=True))


def _coded(
    gold: Sequence[str | None],
    answers: Sequence[str | None],
    labels: Sequence[str] | None,
    missing: str,
) -> tuple[Ints, Ints, Bools, list[str]]:
    """Number the labels of the rows that count; an answer that is none is -1."""
    if missing not in _MISSING:
        raise ValueError(f"missing is {missing!r} and must be one of {', '.join(_MISSING)}")
    if len(gold) != len(answers):
        raise DataError(f"{len(gold)} gold labels, and {len(answers)} answers", fix="give one of each a row")
    found = {label for label in (*gold, *answers) if label is not None}
    names = sorted(found) if labels is None else list(labels)
    place = {name: code for code, name in enumerate(names)}
    for column, given in (("gold", gold), ("answers", answers)):
        for row, label in enumerate(given, 1):
            if label is not None and label not in place:
                fix = f"use one of {', '.join(names)}"
                raise DataError(f"{label!r} is no label", row=row, column=column, fix=fix)
    truth, said = (
        np.array([-1 if label is None else place[label] for label in given], dtype=np.int64)
        for given in (gold, answers)
    )
    keep = truth >= 0
    if missing == "left out":
        keep &= said >= 0
    return truth[keep], said[keep], keep, names


def _clusters(
    attributes: npt.ArrayLike | None, questions: npt.ArrayLike | None, keep: Bools
) -> tuple[npt.ArrayLike, npt.ArrayLike | None]:
    """Give the clusters of the rows kept: rows themselves, where nothing is shared."""
    given = [
        as_labels(name, labels, len(keep))[keep]
        for name, labels in (("attributes", attributes), ("questions", questions))
        if labels is not None
    ]
    if not given:
        return np.arange(int(keep.sum())), None
    return given[0], given[1] if len(given) > 1 else None


def _counts(truth: Ints, said: Ints, size: int) -> tuple[Floats, Floats, Floats]:
    """Count hits, gold labels and answers of each label."""
    hit = np.bincount(truth[truth == said], minlength=size).astype(np.float64)
    given = np.bincount(truth, minlength=size).astype(np.float64)
    taken = np.bincount(said[said >= 0], minlength=size).astype(np.float64)
    return hit, given, taken


def _balanced(truth: Ints, said: Ints, size: int) -> tuple[float, Floats]:
    """Give the mean recall, and what each row moves it by."""
    hit, given, _ = _counts(truth, said, size)
    there = given > 0
    if not there.any():
        return float("nan"), np.zeros(len(truth))
    recall = divide(hit, given)
    moved = ((truth == said) - recall[truth]) / given[truth] / there.sum()
    return float(recall[there].mean()), moved


def _rare(truth: Ints, said: Ints, size: int, kind: str) -> tuple[Floats, float, int]:
    """Say what labels of few rows hide: scales of their rows, the variance beside, rows of the rarest label.

    A recall p of n rows has the variance p (1 - p) / n, of which their own spread shows (n - 1) / n on
    average, and nothing where they agree, as one row always does. Rows are scaled by the root of n / (n - 1);
    labels of few rows have the variance of a recall with two hits and two misses more at least (Agresti and
    Coull 1998). F1 moves by 2 n / (n + answers of the label) of what its recall moves by.
    """
    hit, given, taken = _counts(truth, said, size)
    recall, padded = divide(hit, given), (hit + 2) / (given + 4)
    scale = np.where(given > 1, np.sqrt(divide(given, np.maximum(given - 1, 0.0))), 1.0)
    shown = np.where(given > 1, divide(recall * (1 - recall), np.maximum(given - 1, 0.0)), 0.0)
    few = (given > 0) & (given < _FEW)
    hidden = np.where(few, np.maximum(divide(padded * (1 - padded), given) - shown, 0.0), 0.0)
    if kind == "macro_f1":
        hidden *= divide(2 * given, given + taken) ** 2
    counted = given if kind == "balanced" else given + taken
    labels = int((counted > 0).sum())
    least = int(given[given > 0].min()) if labels and (given > 0).any() else 0
    return scale, float(np.nansum(hidden)) / max(labels, 1) ** 2, least


def _macro(truth: Ints, said: Ints, size: int) -> tuple[float, Floats]:
    """Give the mean F1, and what each row moves it by."""
    hit, given, taken = _counts(truth, said, size)
    both = given + taken
    there = both > 0
    if not there.any():
        return float("nan"), np.zeros(len(truth))
    f1 = np.where(there, divide(2 * hit, both), 0.0)
    per = np.where(there, divide(1.0, both), 0.0)
    right, answered = truth == said, said >= 0
    chosen = np.where(answered, said, 0)
    moved = 2 * right * per[truth] - f1[truth] * per[truth] - answered * f1[chosen] * per[chosen]
    return float(f1[there].mean()), moved / there.sum()
