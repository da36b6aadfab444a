"""How many items a study with several raters needs, asked before anybody rates.

Each pair of answers is judged by r raters out of many, in two categories. Of an item, the number who choose
the first is beta-binomial with mean p and intraclass correlation kappa, the common-correlation model of Bloch
and Kraemer (1989) for r raters: kappa is the chance-corrected agreement of any two of them. The estimate is
the pooled kappa, 1 - D / (2 p' (1 - p')), with D the share of pairs of raters who differ and p' the share
that chose the first. Its variance is the delta method's, from the exact moments of the counts; for r = 2 it
is that of Donner and Eliasziw (1992, doi:10.1002/sim.4780111109), which `smallest_kappa` uses. Items of
one persona hang together: variances are times the design effect 1 + (m - 1) ICC (Kish 1965).

Large-sample figures for planning, never the result of a score. They were held against simulated studies
(`tests/test_judge_stats.py`).
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import msgspec
import numpy as np

from populace.stats._arrays import Floats
from populace.stats._special import t_quantile

__all__ = ["StudySize", "kappa_error", "kappa_power", "personas_for_kappa"]

_MOST = 100_000
"""Personas beyond which no study is planned."""


class StudySize(msgspec.Struct, frozen=True, kw_only=True):
    """A design that finds a kappa, or measures it closely."""

    personas: int
    """Personas (clusters)."""
    items: int
    """Pairs of answers, over all personas."""
    raters: int
    """Raters of each pair."""
    people: int
    """People to be found, where each judges for one persona."""
    judgements: int
    """Verdicts in all."""
    kappa: float
    """Agreement of raters that is expected."""
    against: float
    """Kappa it is to be told apart from; nan where a width was asked for."""
    power: float
    """Chance of telling them apart; nan where a width was asked for."""
    standard_error: float
    """Of the estimated kappa."""
    width: float
    """Half the expected width of the interval."""
    level: float
    """Level of the interval."""
    icc: float
    """Likeness of items of one persona that was assumed."""


def kappa_error(
    kappa: float, *, items: int, raters: int = 2, prevalence: float = 0.5, effect: float = 1.0
) -> float:
    """Return the standard error of the pooled kappa of `raters` raters of each of `items` items.

    Parameters
    ----------
    kappa
        True agreement, from 0 to 1.
    items
        Items that all raters judge.
    raters
        Raters of each item, at least 2.
    prevalence
        Share of the first category, above 0 and below 1.
    effect
        Design effect: how many items are worth an independent one.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    PERSONA's human study by persona: ten binary items and kappa of 0.6, 0.7, 0.8 for two raters.

    >>> [round(kappa_error(k, items=10), 2) for k in (0.6, 0.7, 0.8)]
    [0.25, 0.23, 0.19]

    Four raters instead of two:

    >>> round(kappa_error(0.6, items=10, raters=4), 2)
    0.17
    """
    _check(kappa, prevalence, raters)
    if items < 1 or not effect > 0:
        raise ValueError("items must be at least 1 and the design effect above 0")
    return math.sqrt(max(0.0, _variance(kappa, prevalence, raters)) * effect / items)


def kappa_power(
    kappa: float,
    *,
    personas: int,
    questions: int,
    raters: int = 2,
    against: float = 0.0,
    prevalence: float = 0.5,
    icc: float = 0.0,
    level: float = 0.95,
) -> float:
    """Return the chance that a study's interval lies above `against`: its t interval over personas.

    The interval's width comes from what the study sees, not from what `against` would have it see: with
    lopsided verdicts the two differ much, and the second promises too much.

    Parameters
    ----------
    personas, questions
        Clusters, and items of each.
    icc
        Likeness of items of one persona (of the indicator that two raters agree), 0 to 1.
    against
        Kappa to be told apart from.
    kappa, raters, prevalence, level
        As elsewhere in this module.

    Examples
    --------
    >>> round(kappa_power(0.6, personas=20, questions=10, raters=4, against=0.4, icc=0.05), 2)
    0.98
    """
    _check(kappa, prevalence, raters)
    _check(against, prevalence, raters)
    if personas < 2 or questions < 1:
        raise ValueError("at least two personas with a question each are needed")
    items, effect = personas * questions, _effect(questions, icc)
    true = kappa_error(kappa, items=items, raters=raters, prevalence=prevalence, effect=effect)
    decide = t_quantile((1 + level) / 2, personas - 1)
    # What decides is whether the interval, whose width comes from what was seen, lies above `against`.
    gap = kappa - against - decide * true
    if true <= 0:
        return float(gap > 0)
    return float(_scipy().stdtr(personas - 1, gap / true))


def personas_for_kappa(
    kappa: float,
    *,
    questions: int = 10,
    raters: int = 4,
    against: float | None = 0.0,
    width: float | None = None,
    prevalence: float = 0.5,
    icc: float = 0.05,
    power: float = 0.8,
    level: float = 0.95,
) -> StudySize:
    """Return the fewest personas whose study finds `kappa`, or measures it within `width` either way.

    Parameters
    ----------
    questions
        Questions of each persona.
    against
        Kappa to be told apart from, below `kappa`; not used where a `width` is given.
    width
        Half the width that the interval is to have; None plans for `power` instead.
    kappa, raters, prevalence, icc, power, level
        As for `kappa_power`.

    Raises
    ------
    ValueError
        If a number is out of range, or no study of 100,000 personas would do.

    Examples
    --------
    >>> size = personas_for_kappa(0.6, against=0.4)
    >>> size.personas, size.items, size.people, size.judgements
    (11, 110, 44, 440)
    >>> personas_for_kappa(0.6, width=0.1).personas
    19
    """
    _check(kappa, prevalence, raters)
    if not 0 < level < 1 or not 0.5 <= power < 1:
        raise ValueError("level must lie between 0 and 1, power from 0.5 up to below 1")
    if width is None and (against is None or not against < kappa):
        raise ValueError(f"kappa {kappa} is to be told from a smaller one, not from {against}")
    if width is not None and not width > 0:
        raise ValueError(f"width is {width} and must be above 0")
    null = 0.0 if against is None else against

    def enough(personas: int) -> bool:
        if width is not None:
            return _half(kappa, personas, questions, raters, prevalence, icc, level) <= width
        reached = kappa_power(
            kappa, personas=personas, questions=questions, raters=raters, against=null,
            prevalence=prevalence, icc=icc, level=level,
        )  # fmt: skip
        return reached >= power

    low, high = 1, 2
    while not enough(high):
        low, high = high, high * 2
        if high > _MOST:
            raise ValueError("no study of 100,000 personas would do: ask for less")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return _size(kappa, high, questions, raters, null if width is None else math.nan, prevalence, icc, level)


def _size(
    kappa: float, personas: int, questions: int, raters: int, against: float, prevalence: float, icc: float,
    level: float,
) -> StudySize:  # fmt: skip
    items = personas * questions
    reached = math.nan
    if not math.isnan(against):
        reached = kappa_power(
            kappa, personas=personas, questions=questions, raters=raters, against=against,
            prevalence=prevalence, icc=icc, level=level,
        )  # fmt: skip
    effect = _effect(questions, icc)
    return StudySize(
        personas=personas,
        items=items,
        raters=raters,
        people=personas * raters,
        judgements=items * raters,
        kappa=kappa,
        against=against,
        power=reached,
        standard_error=kappa_error(kappa, items=items, raters=raters, prevalence=prevalence, effect=effect),
        width=_half(kappa, personas, questions, raters, prevalence, icc, level),
        level=level,
        icc=icc,
    )


def _half(
    kappa: float, personas: int, questions: int, raters: int, prevalence: float, icc: float, level: float
) -> float:
    error = kappa_error(
        kappa,
        items=personas * questions,
        raters=raters,
        prevalence=prevalence,
        effect=_effect(questions, icc),
    )
    return t_quantile((1 + level) / 2, personas - 1) * error


def _effect(questions: int, icc: float) -> float:
    if not 0 <= icc <= 1:
        raise ValueError(f"icc is {icc} and must lie between 0 and 1")
    return 1 + (questions - 1) * icc


def _check(kappa: float, prevalence: float, raters: int) -> None:
    if not 0 <= kappa <= 1:
        raise ValueError(f"kappa is {kappa} and must lie between 0 and 1")
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence} and must lie between 0 and 1")
    if not 2 <= raters <= 1000:
        raise ValueError(f"raters is {raters} and must be from 2 to 1,000")


def _variance(kappa: float, p: float, raters: int) -> float:
    """Return the variance of the pooled kappa of one item's worth of data, by the delta method."""
    share = _counts(kappa, p, raters)
    first = np.arange(raters + 1) / raters
    differ = 2 * first * (1 - first) * raters / (raters - 1)  # share of pairs of raters who differ
    # kappa = 1 - D / (2 q (1 - q)); its gradient at D = 2 p (1 - p) (1 - kappa) and q = p:
    by_differ = -1 / (2 * p * (1 - p))
    by_first = (1 - kappa) * (1 - 2 * p) / (p * (1 - p))
    influence = by_differ * differ + by_first * first
    middle = float(share @ influence)
    return float(share @ (influence - middle) ** 2)


def _counts(kappa: float, p: float, raters: int) -> Floats:
    """Return the chances of 0, 1, ... of `raters` choosing the first: beta-binomial."""
    count = np.arange(raters + 1)
    if kappa == 1:
        return np.where(count == 0, 1 - p, np.where(count == raters, p, 0.0))
    special = _scipy()
    ways = special.gammaln(raters + 1) - special.gammaln(count + 1) - special.gammaln(raters - count + 1)
    if kappa == 0:
        logs = ways + count * math.log(p) + (raters - count) * math.log1p(-p)
    else:
        a, b = p * (1 / kappa - 1), (1 - p) * (1 / kappa - 1)
        logs = ways + special.betaln(count + a, raters - count + b) - special.betaln(a, b)
    return np.exp(logs)


def _scipy() -> Any:
    """Load scipy's special functions on first use: the command line starts without them."""
    return importlib.import_module("scipy.special")
