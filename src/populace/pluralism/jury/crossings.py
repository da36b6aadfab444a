"""Where two options change places as a parameter moves: every point, and a proof that there is no other.

Let F_a and F_b be the shares of two options' raters at or below a utility, and C = F_b - F_a. Partial
integration gives, for all p (0 included) and every zero point d below all utilities,

    M_p(a) > M_p(b)   if and only if   integral of C(x) (x - d)^(p - 1) dx > 0.

The kernel is totally positive in x and p, and in x and d, so that the integral has no more zeros than C has
changes of sign (variation diminishing: Karlin 1968, *Total Positivity*, chapter 5). One change of sign: at
most one flip. None: one option is better at every p.

To find them all, let P and N be the integrals over the positive and the negative part of C. With f = ln P -
ln N, f' = E_P - E_N, where E is a mean that only grows with the parameter. On an interval [l, h] the slope is
therefore between E_P(l) - E_N(h) and E_P(h) - E_N(l), which shows that f has no zero there, or that it is
monotone, or else the interval is halved. What remains open at a width of 1e-10 (two options that touch) is
said, and not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from populace.pluralism.jury.ties import ROUNDING
from populace.stats._arrays import Floats

__all__ = ["Along", "Gap", "Side", "along_p", "along_zero", "changes_of_sign", "gap_of", "roots"]

_NARROW = 1e-10
_MOST = 4000
"""Intervals that are looked at between two options: where f is rounding alone there is no end to them."""
_TOLERANCE = 1e-13


class Gap(NamedTuple):
    """C, piece by piece; pieces where it is 0 are left out."""

    left: Floats
    right: Floats
    height: Floats


class Side(NamedTuple):
    """ln P and ln N, and the means E of both, at one value of the parameter."""

    positive: float
    negative: float
    positive_slope: float
    negative_slope: float

    @property
    def lead(self) -> float:
        """f: above 0 where the first option is ahead."""
        return self.positive - self.negative


Along: TypeAlias = Callable[[float], Side]


def gap_of(one: Floats, other: Floats, weights: Floats) -> Gap:
    """Compare the distributions of two options over those who rated them.

    Examples
    --------
    >>> gap_of(np.array([1.0, 4.0]), np.array([2.0, 2.0]), np.ones(2)).height.tolist()
    [-0.5, 0.5]
    """
    levels: list[Floats] = []
    moves: list[Floats] = []
    for column, sign in ((one, -1.0), (other, 1.0)):
        there = ~np.isnan(column) & (weights > 0)
        levels.append(column[there])
        moves.append(sign * weights[there] / weights[there].sum())
    points, place = np.unique(np.concatenate(levels), return_inverse=True)
    steps: Floats = np.asarray(
        np.bincount(place, weights=np.concatenate(moves), minlength=len(points)), np.float64
    )
    height = np.cumsum(steps)[:-1]
    kept = np.abs(height) > ROUNDING
    return Gap(points[:-1][kept], points[1:][kept], height[kept])


def changes_of_sign(gap: Gap) -> int:
    """Count how often C changes sign: the most flips that there can be."""
    signs = np.sign(gap.height)
    return int((signs[1:] != signs[:-1]).sum())


def along_p(gap: Gap, zero: float = 0.0) -> Along:
    """Follow f over p, utilities measured from a zero point that none is below; p is above 0 if one is
    there.
    """
    with np.errstate(divide="ignore"):
        left, right = np.log(gap.left - zero), np.log(gap.right - zero)
    signs = gap.height > 0
    heights = np.log(np.abs(gap.height))

    def at(p: float) -> Side:
        logs = heights + _log_integral(left, right, p)
        means = _mean_log(left, right, p)
        (a, slope_a), (b, slope_b) = (_pooled(logs[which], means[which]) for which in (signs, ~signs))
        return Side(a, b, slope_a, slope_b)

    return at


def along_zero(gap: Gap, p: float) -> Along:
    """Follow f over the zero point, below all utilities, at one p below 1."""
    signs = gap.height > 0
    heights = np.log(np.abs(gap.height))

    def at(zero: float) -> Side:
        left, right = np.log(gap.left - zero), np.log(gap.right - zero)
        area = _log_integral(left, right, p)
        slopes = (1 - p) * np.exp(_log_integral(left, right, p - 1) - area)
        (a, slope_a), (b, slope_b) = (_pooled((heights + area)[s], slopes[s]) for s in (signs, ~signs))
        return Side(a, b, slope_a, slope_b)

    return at


def roots(along: Along, low: float, high: float) -> tuple[list[float], bool]:
    """Find every zero of f inside an interval, and say whether it is proved that there is no other."""
    found: list[float] = []
    proved, looked = True, 0
    stack = [(low, high, along(low), along(high))]
    while stack:
        looked += 1
        left, right, one, other = stack.pop()
        width = right - left
        least = one.positive_slope - other.negative_slope
        most = other.positive_slope - one.negative_slope
        if _same_sign(one.lead, other.lead, least, most, width):
            continue
        if least >= 0 or most <= 0:
            if (one.lead > 0) != (other.lead > 0):
                found.append(_bisected(along, left, right, one.lead > 0))
        elif width <= _NARROW * max(1.0, abs(left)) or looked > _MOST:
            proved = False
            if (one.lead > 0) != (other.lead > 0):
                found.append((left + right) / 2)
        else:
            middle = (left + right) / 2
            centre = along(middle)
            stack += [(left, middle, one, centre), (middle, right, centre, other)]
    return sorted(found), proved


def _same_sign(one: float, other: float, least: float, most: float, width: float) -> bool:
    """Say whether lines from both ends, no steeper than f can be, keep f off 0."""
    if one > _TOLERANCE and other > _TOLERANCE:
        return (
            one + least * width > 0 or other - most * width > 0 or _meet(one, other, least, most, width) > 0
        )
    if one < -_TOLERANCE and other < -_TOLERANCE:
        return (
            one + most * width < 0
            or other - least * width < 0
            or _meet(-one, -other, -most, -least, width) > 0
        )
    return False


def _meet(one: float, other: float, least: float, most: float, width: float) -> float:
    """Give the height at which the falling line from the left meets the rising one from the right."""
    if not most > least:
        return min(one, other)
    at = (other - one - most * width) / (least - most)
    return one + least * min(max(at, 0.0), width)


def _bisected(along: Along, left: float, right: float, positive: bool) -> float:
    for _ in range(200):
        middle = (left + right) / 2
        if not left < middle < right:
            break
        if (along(middle).lead > 0) == positive:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _log_integral(left: Floats, right: Floats, p: float) -> Floats:
    """Give ln of the integral of e^(p t) over [left, right]; left may be -inf where p is above 0."""
    if p == 0:
        return np.log(right - left)
    far = p * (right - left)
    end = right if p > 0 else left
    return p * end + np.log(-np.expm1(-np.abs(far))) - np.log(abs(p))


def _mean_log(left: Floats, right: Floats, p: float) -> Floats:
    """Give the mean of t over [left, right] under weights e^(p t)."""
    width = right - left
    if p == 0:
        return left + width / 2
    far = p * width
    near = np.abs(far) < 1e-4
    safe = np.where(near | np.isinf(far), 1.0, far)
    with np.errstate(over="ignore"):
        part = np.where(near, 0.5 + far / 12, 1 / -np.expm1(-safe) - 1 / safe)
    bounded = np.where(np.isinf(left), 0.0, left) + np.where(np.isinf(width), 0.0, width) * part
    return np.where(np.isinf(left), right - 1 / p, bounded)


def _pooled(logs: Floats, means: Floats) -> tuple[float, float]:
    if not len(logs):
        return -np.inf, 0.0
    top = float(logs.max())
    share = np.exp(logs - top)
    return top + float(np.log(share.sum())), float(share @ means / share.sum())
