"""Scores and winners of a rule: for the jury itself, and for many resampled ones at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from populace.pluralism.jury import welfare
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.intervals import over_jurors
from populace.pluralism.jury.pairwise import Pairwise, pairwise_of_draws
from populace.pluralism.jury.rules import Rule, Setting
from populace.pluralism.jury.ties import slack
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.streams import stream

__all__ = ["drawn_weights", "handled", "lead", "measured", "scores_of", "wins_of"]

_CHEAP = 20_000_000
"""Jurors by pairs of options up to which rules of order are resampled without being asked."""

_WIDTHS = {"copeland": 2.0, "schulze": 2.0}
"""Greatest difference of two scores, where it is not 1."""

_HANDLED = {
    "order": "a juror counts for the pairs that both were rated",
    "approve": "a share is of those who rated the option",
    "level": "an option is valued by those who rated it",
    "unit": "an option is valued by those who rated it",
    "ratio": "an option is valued by those who rated it",
}


def measured(ballots: Ballots, rule: Rule) -> Floats:
    """Give the utilities that a rule reads: from the zero point for those that need one."""
    if rule.needs == "ratio":
        return ballots.utilities - (ballots.zero or 0.0)
    return ballots.utilities


def handled(ballots: Ballots, rule: Rule) -> str:
    """Say how many ratings are missing and what the rule does about them."""
    if ballots.complete:
        return ballots.missing
    own = {"plurality": "first among what a juror rated", "sav": "what is not rated is not approved"}
    return f"{ballots.missing}; {own.get(rule.name, _HANDLED[rule.needs])}"


def scores_of(
    utilities: Floats, weights: Floats, rule: Rule, setting: Setting, pairs: Pairwise | None = None
) -> Floats:
    """Score every option for every draw of weights.

    Parameters
    ----------
    utilities
        As `measured`, shape (jurors, options).
    weights
        Shape (draws, jurors).
    pairs
        Preferences of the same draws, where they are known.

    Returns
    -------
    Array of shape (draws, options); nan for rules that give no scores.
    """
    if rule.read is not None:
        return rule.read(utilities, weights, setting)
    if rule.weigh is not None:
        return rule.weigh(pairs or pairwise_of_draws(utilities, weights))
    return np.full((len(weights), utilities.shape[1]), np.nan)


def wins_of(
    utilities: Floats, weights: Floats, rule: Rule, setting: Setting, pairs: Pairwise | None = None
) -> Floats:
    """Say who wins in every draw: 1 for the winner, a tie shared evenly; shape (draws, options)."""
    found = np.zeros((len(weights), utilities.shape[1]))
    if rule.pick is not None:
        margins = (pairs or pairwise_of_draws(utilities, weights)).margins
        for draw, table in enumerate(margins):
            winners = rule.pick(table, None).winners
            found[draw, winners] = 1 / len(winners)
        return found
    if rule.name == "leximin":
        for draw, weight in enumerate(weights):
            winners = welfare.leximin_order(utilities, weight)
            found[draw, winners] = 1 / len(winners)
        return found
    scores = scores_of(utilities, weights, rule, setting, pairs)
    scores = np.where(np.isnan(scores), -np.inf, scores)
    best = scores.max(axis=1, keepdims=True)
    won = (scores >= best - slack(scores)).astype(np.float64)
    return divide(won, won.sum(axis=1, keepdims=True))


def drawn_weights(weights: Floats, draws: int, rng: np.random.Generator, size: int | None = None) -> Floats:
    """Draw juries, jurors with replacement, each keeping its weight; shape (draws, jurors).

    Parameters
    ----------
    size
        Of each jury; by default as many as there are.
    """
    count = len(weights)
    picks = rng.integers(count, size=(draws, size or count)) + count * np.arange(draws)[:, None]
    drawn = np.bincount(picks.ravel(), minlength=draws * count).reshape(draws, count)
    found = drawn * weights
    # A draw of nobody who weighs anything is that of the whole jury.
    found[found.sum(axis=1) == 0] = weights
    return found.astype(np.float64)


def lead(
    ballots: Ballots,
    rule: Rule,
    setting: Setting,
    scores: Floats,
    winners: Sequence[int],
    *,
    draws: int | None,
    seed: int,
    level: float,
) -> Estimate:
    """Estimate by how much the first option leads the second, over resampled jurors; see `Jury.winner`."""
    jurors, options = ballots.utilities.shape
    value, why, pair = float("nan"), "", [0, 0]
    separable = rule.read is not None and rule.separable
    if rule.pick is not None:
        why = "this rule gives no scores"
    elif options == 1:
        why = "there is no other option"
    if not why:
        order = [place for place in np.argsort(-scores, kind="stable").tolist() if place not in winners]
        pair = [*winners, *order][:2]
        value = float(scores[pair[0]] - scores[pair[1]]) if len(winners) == 1 else 0.0
        if draws is None:
            draws = 1000 if separable or jurors * options**2 <= _CHEAP else 0
        why = "" if draws else "not resampled"
    if why:
        nan, method = float("nan"), f"no interval: {why}"
        return Estimate(value=value, low=nan, high=nan, level=level, n=jurors, clusters=jurors, method=method)
    weights = drawn_weights(ballots.weights, draws or 0, stream(seed, "pluralism.jury.lead"))
    utilities = measured(ballots, rule)
    if separable:
        both = scores_of(utilities[:, pair], weights, rule, setting)
    else:
        both = scores_of(utilities, weights, rule, setting)[:, pair]
    most = _most(ballots, rule)
    return over_jurors(
        value,
        both[:, 0] - both[:, 1],
        None if most is None else (-most, most),
        n=jurors,
        clusters=int((ballots.weights > 0).sum()),
        seed=seed,
        level=level,
    )


def _most(ballots: Ballots, rule: Rule) -> float | None:
    """Give the greatest difference that two scores can have; None where the scale is not known."""
    if rule.needs in ("order", "approve") or rule.name == "relative_utilitarian":
        return _WIDTHS.get(rule.name, 1.0)
    if ballots.kind != "approval" and ballots.scale is None:
        return None
    low, high = ballots.bounds()
    return high - low
