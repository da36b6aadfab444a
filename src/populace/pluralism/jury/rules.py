"""The rules: what each needs of the numbers, what it reads, and which options win by it.

| needs | kinds of ballots | rules |
|---|---|---|
| `order` | all | Borda, plurality, Copeland, minimax, Schulze, ranked pairs, split cycle, Kemeny |
| `approve` | approval; with `threshold`, cardinal and graded | approval, satisfaction approval |
| `level` | cardinal, graded, approval | maximin, leximin, quantile |
| `unit` | cardinal; approval for the mean | utilitarian, CVaR, Gini, OWA, relative utilitarian |
| `ratio` | cardinal with a zero point, none below it | Nash, p-means, Atkinson |

A rule on numbers that do not carry it is an error, with the reason: a mean of rankings is a number, and no
welfare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.pluralism.jury import majority, welfare
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.kemeny import kemeny
from populace.pluralism.jury.pairwise import Pairwise
from populace.pluralism.jury.ranked_pairs import ranked_pairs
from populace.stats._arrays import Floats

__all__ = ["RULES", "Picked", "Rule", "Setting", "above_zero", "checked_p", "rule_of", "settled"]

Needs: TypeAlias = Literal["order", "approve", "level", "unit", "ratio"]
Setting: TypeAlias = Mapping[str, Any]

_KINDS: dict[str, tuple[str, ...]] = {
    "order": ("cardinal", "graded", "ordinal", "approval"),
    "approve": ("cardinal", "graded", "approval"),
    "level": ("cardinal", "graded", "approval"),
    "unit": ("cardinal",),
    "ratio": ("cardinal",),
}
_WHY = {
    "approve": "who approves of what does not follow from an order",
    "level": "it compares levels of different people, and an order has none",
    "unit": "it adds up differences between people, and these numbers have none that are comparable",
    "ratio": "it compares ratios above a zero point, and these numbers have none",
}
_INSTEAD = {
    "approve": "use plurality or borda",
    "level": "use a rule of order: schulze, borda, copeland",
    "unit": "use a rule of order (schulze, borda), or of levels (leximin, quantile) for grades",
    "ratio": "use a rule of order (schulze, borda), or of levels (leximin, quantile) for grades",
}


class Picked(NamedTuple):
    """Winners of a rule that gives no scores."""

    winners: list[int]
    exact: bool = True


Read: TypeAlias = Callable[[Floats, Floats, Setting], Floats]
"""Utilities (jurors, options), weights (draws, jurors), settings -> scores (draws, options), more is
better."""


@dataclass(frozen=True)
class Rule:
    """One rule."""

    name: str
    needs: Needs
    says: str
    paper: str = ""
    read: Read | None = None
    """Scores from ratings, each option's from its own column alone (`separable`), or not."""
    weigh: Callable[[Pairwise], Floats] | None = None
    """Scores from pairwise preferences, (draws, options, options) -> (draws, options)."""
    pick: Callable[[Floats, Floats | None], Picked] | None = None
    """Winners from margins (options, options), and strengths of paths if known, where no score tells."""
    separable: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings and their defaults; None must be given."""


def _approved(utilities: Floats, setting: Setting) -> Floats:
    threshold = setting.get("threshold")
    approved = (utilities >= (0.5 if threshold is None else threshold)).astype(np.float64)
    return np.where(np.isnan(utilities), np.nan, approved)


def _average(utilities: Floats, weights: Floats, _: Setting) -> Floats:
    return welfare.average(utilities, weights)


def _least(utilities: Floats, weights: Floats, _: Setting) -> Floats:
    return welfare.worst(utilities, weights)


def _tail(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    return welfare.tail(utilities, weights, _checked_share("alpha", setting["alpha"]))


def _satisfaction(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    approved = np.nan_to_num(_approved(utilities, setting))
    each = approved.sum(axis=1, keepdims=True)
    shared = np.divide(approved, each, out=np.zeros_like(approved), where=each > 0)
    return weights @ shared / weights.sum(axis=1, keepdims=True)


def _plurality(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    top = (utilities == np.nanmax(utilities, axis=1, keepdims=True)).astype(np.float64)
    return weights @ (top / top.sum(axis=1, keepdims=True)) / weights.sum(axis=1, keepdims=True)


def _borda(pairs: Pairwise) -> Floats:
    """Average over the others the share that prefers the option, of those who rated both; half of a tie.

    Of a single option, which has no others, 0.
    """
    if pairs.wins.shape[-1] == 1:
        return np.zeros(pairs.wins.shape[:-1])
    compared = pairs.wins + np.swapaxes(pairs.wins, -1, -2) + pairs.ties
    share = np.full_like(compared, np.nan)
    np.divide(pairs.wins + pairs.ties / 2, compared, out=share, where=compared > 0)
    count = (~np.isnan(share)).sum(axis=-1)
    return np.where(count > 0, np.nansum(share, axis=-1) / np.maximum(count, 1), np.nan)


def _owa(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    given = np.asarray(setting["by_rank"], dtype=np.float64)
    if (
        given.ndim != 1
        or not len(given)
        or not np.isfinite(given).all()
        or (given < 0).any()
        or not given.sum()
    ):
        raise DataError("`by_rank` are weights from the worst-off up: not below zero, and not all zero")
    return welfare.rank_dependent(utilities, weights, welfare.owa(given))


def _power(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    return welfare.power_mean(utilities, weights, checked_p(setting["p"]))


def checked_p(p: Any) -> float:
    """Check an exponent.

    Raises
    ------
    DataError
        If it is above 1, or no number.
    """
    given = _number(p)
    if given is None or not given <= 1:
        fix = "give p from -inf to 1: above 1 unequal shares would be better than equal ones"
        raise DataError(f"p is {p}", fix=fix)
    return given


def _number(value: Any) -> float | None:
    """Read a number, of numpy or not; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value)


def _checked_share(name: str, value: Any) -> float:
    given = _number(value)
    if given is None or not 0 < given <= 1:
        raise DataError(f"{name} is {value}", fix="give a share of the jury, above 0 and up to 1")
    return given


def _atkinson(utilities: Floats, weights: Floats, setting: Setting) -> Floats:
    given = _number(setting["epsilon"])
    if given is None or not given >= 0:
        raise DataError(f"epsilon is {setting['epsilon']}", fix="give an aversion from 0 up")
    return welfare.power_mean(utilities, weights, 1.0 - given)


_SCHULZE = "Schulze (2011), doi:10.1007/s00355-010-0475-4"
RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("utilitarian", "unit", "greatest mean", "Harsanyi (1955)", _average),
        Rule(
            "relative_utilitarian", "unit", "greatest mean of ratings that each juror's range makes 0 to 1",
            "Dhillon and Mertens (1999)",
            lambda u, w, _: welfare.average(welfare.rescaled(u), w), separable=False,
        ),
        Rule("nash", "ratio", "greatest geometric mean above the zero point", "Kaneko and Nakamura (1979)",
             lambda u, w, _: welfare.power_mean(u, w, 0.0)),
        Rule("p_mean", "ratio", "greatest p-mean above the zero point", "Moulin (2003)", _power,
             settings={"p": None}),
        Rule("atkinson", "ratio", "greatest equally distributed equivalent", "Atkinson (1970)",
             _atkinson, settings={"epsilon": None}),
        Rule("maximin", "level", "greatest least rating", "Rawls (1971)", _least),
        Rule("leximin", "level", "best at the lowest level where juries differ", "Sen (1970)",
             _least),
        Rule("quantile", "level", "greatest q-quantile", "",
             lambda u, w, s: welfare.quantile(u, w, _checked_share("q", s["q"])), settings={"q": 0.5}),
        Rule("cvar", "unit", "greatest mean of the worst-off share alpha", "Rockafellar and Uryasev (2000)",
             _tail, settings={"alpha": 0.2}),
        Rule("gini", "unit", "greatest mean times one less the Gini index", "Weymark (1981)",
             lambda u, w, _: welfare.gini(u, w)),
        Rule("owa", "unit", "greatest mean by weights of ranks, the worst-off first", "Yager (1988)", _owa,
             settings={"by_rank": None}),
        Rule("borda", "order", "greatest mean share that prefers it to another option", "Borda (1784)",
             weigh=_borda),
        Rule("approval", "approve", "approved by the greatest share", "Brams and Fishburn (1978)",
             lambda u, w, s: welfare.average(_approved(u, s), w), settings={"threshold": None}),
        Rule("sav", "approve", "each juror's one vote, shared among the approved", "Brams and Kilgour (2014)",
             _satisfaction, separable=False, settings={"threshold": None}),
        Rule("plurality", "order", "first for the greatest share; who is torn shares the vote", "",
             _plurality, separable=False),
        Rule("copeland", "order", "most majorities won less lost", "Copeland (1951)",
             weigh=lambda pairs: majority.copeland(pairs.margins)),
        Rule("minimax", "order", "least greatest loss, by margins", "Simpson (1969); Kramer (1977)",
             weigh=lambda pairs: majority.minimax(pairs.margins)),
        Rule("schulze", "order", "no path of majorities back is stronger", _SCHULZE,
             weigh=lambda pairs: majority.schulze(pairs.margins, pairs.paths)),
        Rule("ranked_pairs", "order", "majorities locked in, the greatest first", "Tideman (1987)",
             pick=lambda margins, paths: Picked(*ranked_pairs(margins, paths=paths))),
        Rule("split_cycle", "order", "undefeated once each cycle loses its weakest majority",
             "Holliday and Pacuit (2023)",
             weigh=lambda pairs: majority.split_cycle(pairs.margins, pairs.paths)),
        Rule("kemeny", "order", "first in a ranking of least disagreement", "Kemeny (1959)",
             pick=lambda margins, _: Picked(kemeny(margins))),
    )
}  # fmt: skip
"""Every rule by its name."""


def rule_of(name: str) -> Rule:
    """Find a rule.

    Raises
    ------
    DataError
        If there is none of that name.

    Examples
    --------
    >>> rule_of("schulze").needs
    'order'
    """
    import difflib

    if name not in RULES:
        near = difflib.get_close_matches(name, RULES, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(RULES)}"
        raise DataError(f"there is no rule {name!r}", fix=fix)
    return RULES[name]


def settled(rule: Rule, ballots: Ballots, given: Setting) -> dict[str, Any]:
    """Check that a rule has a meaning on these ballots, and give its settings.

    Raises
    ------
    DataError
        If the numbers do not carry the rule, or a setting is unknown or missing.
    """
    kind = ballots.kind
    allowed = _KINDS[rule.needs] + (("approval",) if rule.name == "utilitarian" else ())
    if kind not in allowed:
        raise DataError(
            f"{rule.name} means nothing on {kind} ballots: {_WHY[rule.needs]}", fix=_INSTEAD[rule.needs]
        )
    for name in given:
        if name not in rule.settings:
            usual = ", ".join(rule.settings) or "none"
            raise DataError(f"{rule.name} has no setting {name!r}", fix=f"its settings are: {usual}")
    setting = {**rule.settings, **given}
    for name, value in setting.items():
        if value is None and not (name == "threshold" and kind == "approval"):
            raise DataError(f"{rule.name} needs {name!r} on {kind} ballots", fix=f"pass {name}=...")
    if rule.needs == "ratio":
        above_zero(ballots, rule.name)
    if rule.name == "borda" and len(ballots.options) > 1 and not ballots.compared.all():
        name = ballots.options[int(np.argmin(ballots.compared))]
        fix = "leave the option out, or use a rule of ratings"
        raise DataError(f"borda compares options, and nobody rated {name!r} and another one", fix=fix)
    return setting


def above_zero(ballots: Ballots, what: str) -> Floats:
    """Give utilities measured from the zero point.

    Raises
    ------
    DataError
        If there is no zero point, or a rating lies below it.
    """
    if ballots.kind != "cardinal":
        raise DataError(
            f"{what} means nothing on {ballots.kind} ballots: {_WHY['ratio']}", fix=_INSTEAD["ratio"]
        )
    if ballots.zero is None:
        fix = "pass zero=: the utility that a juror has of no answer at all"
        raise DataError(f"{what} measures utilities from a zero point, and the jury has none", fix=fix)
    low = ballots.utilities < ballots.zero
    if low.any():
        row, column = (int(each[0]) for each in np.nonzero(low))
        raise DataError(
            f"{ballots.utilities[row, column]:g} is below the zero point {ballots.zero:g} of {what}",
            row=row + 1,
            column=ballots.options[column],
            fix="lower `zero`, and see zero_sensitivity() for what that changes",
        )
    return ballots.utilities - ballots.zero
