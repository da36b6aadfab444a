"""From one convention to another: exact, question by question, or not at all.

A distance in nats becomes one in bits by a factor, a divergence a distance by a root. Both hold for one
question. For a mean over questions only a straight line holds, and the same one for all of them: the mean of
roots is not the root of the mean, and W1 becomes closeness by a line that is each number of options' own.
Where no formula leads from one metric to the other, `bounds` says what it can be.
"""

from __future__ import annotations

import math
from typing import TypeVar, cast

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.distributional.conventions import Convention, convention
from populace.stats import Estimate
from populace.stats._arrays import Floats

__all__ = ["bounds", "convert"]

_JS = ("js_distance", "js_divergence", "js_similarity")
_ORDERED = ("w1_ordinal", "closeness")
_STEPS = 60
"""Halvings when a bound is turned round: far beyond the accuracy of a float."""

V = TypeVar("V", float, Estimate, Floats)


def convert(
    value: V,
    *,
    source: str | Convention,
    target: str | Convention,
    options: npt.ArrayLike | None = None,
    same_options: bool = False,
    source_base: float | None = None,
    target_base: float | None = None,
) -> V:
    """Say the same of one question in another convention.

    Parameters
    ----------
    value
        Of one question, or an array of one number a question. An `Estimate` is a mean over questions: it is
        converted where the conversion is a straight line, which a mean passes through unchanged, and refused
        elsewhere. A mean that is given as a bare number cannot be told from a question's own value: do not.
    source, target
        Names of conventions, or conventions.
    options
        Number of options, at unit spacing, where W1 and its closeness, or W1 and total variation, are meant:
        one number, or one a question.
    same_options
        Says of an `Estimate` that all its questions have so many `options`; without it W1, closeness and
        total variation are not converted there.
    source_base, target_base
        Of logarithms, where a convention leaves them open.

    Raises
    ------
    DataError
        If no exact conversion exists, the value lies outside the source's range, or it is an aggregate that
        the conversion bends, or converts by a line of each question's own.
    ValueError
        If a convention or base is unknown.

    Examples
    --------
    >>> round(convert(0.2, source="modular_pluralism", target="roadmap"), 5)  # 0.2 / sqrt(ln 2)
    0.24022
    >>> round(convert(0.09, source="js_divergence", target="js_distance"), 5)
    0.3
    >>> convert(1.0, source="w1_ordinal", target="opinion_qa", options=5)
    0.75
    >>> convert(0.3, source="tv", target="roadmap")
    Traceback (most recent call last):
    populace.errors.DataError: tv does not determine roadmap. To mend it: score again; `bounds` says what ...
    """
    first = convention(source).in_base(source_base)
    last = convention(target).in_base(target_base)
    if isinstance(value, Estimate):
        return cast(V, _of_mean(value, first, last, _counts(options, 1), same=same_options))
    given = np.asarray(value, dtype=np.float64)
    found = _converted(given, first, last, _counts(options, given.size))
    return cast(V, found if isinstance(value, np.ndarray) else float(found))


def bounds(
    value: float,
    *,
    source: str | Convention,
    target: str | Convention,
    options: int | None = None,
    source_base: float | None = None,
    target_base: float | None = None,
) -> tuple[float, float]:
    """Say what one metric of a question can be, where only another is known.

    With D the Jensen-Shannon divergence in bits, h the binary entropy in bits, N options at unit spacing:
    1 - h((1 - TV) / 2) <= D <= TV, and TV <= W1 <= (N - 1) TV (Lin 1991, doi:10.1109/18.61115, for D <= TV).

    Parameters
    ----------
    value
        Of one question: of a mean these bounds say nothing.
    source, target, options, source_base, target_base
        As for `convert`; total variation, those of the Jensen-Shannon family, W1 and its closeness.

    Raises
    ------
    DataError, ValueError
        As `convert`; also if no bound is known.

    Examples
    --------
    >>> low, high = bounds(0.5, source="tv", target="js_divergence")
    >>> round(low, 4), high
    (0.1887, 0.5)
    >>> bounds(0.5, source="tv", target="w1_ordinal", options=5)
    (0.5, 2.0)
    """
    first = convention(source).in_base(source_base)
    last = convention(target).in_base(target_base)
    number = _counts(options, 1)
    known = (*_JS, *_ORDERED, "tv")
    for each in (first, last):
        if each.metric not in known or each.smoothing:
            raise DataError(f"no bound is known of {each.name}", fix="score again from the distributions")
    at = float(_inside(np.asarray(float(value)), first, number))
    low, high = _tv_of(at, first, number)
    ends = sorted((_from_tv(low, last, number, least=True), _from_tv(high, last, number, least=False)))
    return ends[0], ends[1]


def _converted(value: Floats, source: Convention, target: Convention, options: Floats | None) -> Floats:
    value = _inside(value, source, options)
    if source.metric == target.metric and _same(source, target):
        return value
    if source.smoothing or target.smoothing or source.aggregate or target.aggregate:
        raise _impossible(source, target)
    if source.metric in _JS and target.metric in _JS:
        return _from_nats(_nats(value, source), target)
    if source.metric in _ORDERED and target.metric in _ORDERED:
        return _from_reach(_reach(value, source, options), target, options)
    two = options is not None and bool((options == 2).all())
    if two and {source.metric, target.metric} <= {*_ORDERED, "tv"}:
        # With two options W1 is total variation.
        return _from_reach(_reach(value, source, options), target, options)
    if source.metric == target.metric and source.base and target.base:
        return value * (math.log(source.base) / math.log(target.base))
    raise _impossible(source, target)


def _of_mean(
    value: Estimate, source: Convention, target: Convention, options: Floats | None, *, same: bool
) -> Estimate:
    bent = (source.metric == "js_divergence") != (target.metric == "js_divergence")
    if bent and source.metric in _JS and target.metric in _JS:
        raise DataError(
            f"a mean of {source.name} does not determine a mean of {target.name}: the mean of "
            "roots is no root of a mean",
            fix="convert question by question, and average then",
        )
    three = np.array([value.value, value.low, value.high])
    found = np.full(3, np.nan)
    there = ~np.isnan(three)
    found[there] = _converted(np.clip(three[there], source.low, None), source, target, options)
    if source.metric != target.metric and {source.metric, target.metric} & set(_ORDERED) and not same:
        raise DataError(
            f"a mean of {source.name} determines a mean of {target.name} only where all questions have as "
            "many options",
            fix="convert question by question; or say same_options=True, where they have",
        )
    low, high = sorted(found[1:].tolist()) if there.all() else (math.nan, math.nan)
    method = f"{value.method}; converted from {source.name}"
    return msgspec.structs.replace(value, value=float(found[0]), low=low, high=high, method=method)


def _inside(value: Floats, source: Convention, options: Floats | None) -> Floats:
    """Refuse numbers that the source cannot give, but for rounding."""
    high = np.asarray(source.high if source.metric != "w1_ordinal" or options is None else options - 1)
    wrong = np.flatnonzero((value < source.low - 1e-9) | (value > high + 1e-9))
    if wrong.size:
        odd, most = value.ravel()[wrong[0]], np.broadcast_to(high, value.shape).ravel()[wrong[0]]
        raise DataError(
            f"{odd:g} lies outside the range of {source.name}, {source.low:g} to {most:g}",
            row=int(wrong[0]) + 1 if value.ndim else None,
            fix="check which convention the number is of",
        )
    return np.clip(value, source.low, high)


def _same(source: Convention, target: Convention) -> bool:
    alike = source.base == target.base or not source.logarithmic
    return alike and source.smoothing == target.smoothing


def _nats(value: Floats, source: Convention) -> Floats:
    """Give the divergence in nats."""
    root = 1 - value if source.metric == "js_similarity" else value
    bits = root if source.metric == "js_divergence" else root**2
    return bits * math.log(source.base or 2.0)


def _from_nats(nats: Floats, target: Convention) -> Floats:
    divergence = nats / math.log(target.base or 2.0)
    if target.metric == "js_divergence":
        return divergence
    return np.sqrt(divergence) if target.metric == "js_distance" else 1 - np.sqrt(divergence)


def _counts(options: npt.ArrayLike | None, questions: int) -> Floats | None:
    """Read numbers of options: one, or one a question."""
    if options is None:
        return None
    found = np.asarray(options, dtype=np.float64)
    if found.size != 1 and found.shape != (questions,):
        raise DataError(
            f"`options` has the shape {found.shape}, and there are {questions} values",
            fix="give one number, or one a question",
        )
    if not ((found >= 2) & (found == np.rint(found)) & np.isfinite(found)).all():
        raise DataError("`options` must be whole numbers from 2")
    return found if found.shape == (questions,) and questions > 1 else found.reshape(())


def _steps(options: Floats | None) -> Floats:
    if options is None:
        raise DataError(
            "W1 is not known without the number of options", fix="give options=N, N at unit spacing"
        )
    return np.asarray(options - 1, dtype=np.float64)


def _reach(value: Floats, source: Convention, options: Floats | None) -> Floats:
    return (1 - value) * _steps(options) if source.metric == "closeness" else value


def _from_reach(reach: Floats, target: Convention, options: Floats | None) -> Floats:
    return 1 - reach / _steps(options) if target.metric == "closeness" else reach


def _impossible(source: Convention, target: Convention) -> DataError:
    fix = "score again from the distributions"
    if not (source.aggregate or target.aggregate):
        fix = "score again; `bounds` says what it can be, where anything is known"
    return DataError(f"{source.name} does not determine {target.name}", fix=fix)


def _tv_of(value: float, source: Convention, options: Floats | None) -> tuple[float, float]:
    """Bound total variation."""
    if source.metric == "tv":
        return value, value
    if source.metric in _ORDERED:
        reach = float(_reach(np.asarray(value), source, options))
        return reach / float(_steps(options)), min(reach, 1.0)
    bits = float(_nats(np.asarray(value), source)) / math.log(2)
    low, high = 0.0, 1.0
    for _ in range(_STEPS):  # the lower bound of D grows with TV: turn it round
        middle = (low + high) / 2
        low, high = (middle, high) if _least_bits(middle) < bits else (low, middle)
    return min(bits, 1.0), high


def _from_tv(tv: float, target: Convention, options: Floats | None, *, least: bool) -> float:
    if target.metric == "tv":
        return tv
    if target.metric in _ORDERED:
        reach = tv if least else tv * float(_steps(options))
        return float(_from_reach(np.asarray(reach), target, options))
    bits = _least_bits(tv) if least else tv
    return float(_from_nats(np.asarray(bits * math.log(2)), target))


def _least_bits(tv: float) -> float:
    """Least Jensen-Shannon divergence, in bits, at a total variation: 1 - h((1 - TV) / 2)."""
    shares: npt.NDArray[np.float64] = np.array([(1 - tv) / 2, (1 + tv) / 2])
    shares = shares[shares > 0]
    return max(0.0, 1 + float((shares * np.log2(shares)).sum()))
