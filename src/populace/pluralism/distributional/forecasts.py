"""The model's distribution as a forecast of what single people answer: log, Brier, ranked probability.

A distance compares two distributions; a proper score holds one against each answer, and is best, on the
average, for the true distribution and for no other. What the people's own shares would score is the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, Unpack

import numpy as np

from populace.errors import DataError
from populace.pluralism.distributional.conventions import convention
from populace.pluralism.distributional.planning import Laid, planned
from populace.pluralism.distributional.resampling import ratio
from populace.pluralism.distributional.table import Distributions
from populace.stats import Estimate
from populace.stats._arrays import Floats, Ints
from populace.stats.bootstrap import bootstrap_replicates, expanded_estimate
from populace.stats.proper import brier_scores, log_scores, ranked_scores
from populace.streams import stream

__all__ = ["Rule", "forecast"]

Rule: TypeAlias = Literal["log", "brier", "ranked"]


def forecast(
    model: Distributions,
    human: Distributions,
    rule: Rule = "log",
    *,
    weigh: Literal["questions", "respondents"] = "questions",
    floor: float = 1e-6,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Estimate:
    """Score the model's distributions against every respondent's answer.

    Parameters
    ----------
    model, human
        As for `score`. With `counts` each person counts; shares do as well where questions weigh alike.
    rule
        `log` (nats, 0 is best, higher is better; Good 1952), `brier` (0 to 2, lower is better; Brier 1950),
        or `ranked` (ordered options, 0 to 1, lower is better; Epstein 1969): `populace.stats.proper`.
    weigh
        Whether questions weigh alike, or respondents.
    floor
        A probability below it counts as it, in the log score.
    draws, seed, level
        Resamples of questions, their seed, coverage aimed at.
    **laid
        See `aligned`.

    Raises
    ------
    DataError
        As `aligned`; if missing mass is kept and the options are ranked: it has no place among them.
    ValueError
        If the rule is unknown, or respondents are to weigh alike and their numbers are not known.

    Examples
    --------
    >>> found = forecast([[0.5, 0.5], [0.5, 0.5]], [[7, 3], [2, 8]], "log", counts=True)
    >>> round(found.value, 4)  # log 0.5, whoever answers
    -0.6931
    """
    if rule not in ("log", "brier", "ranked"):
        raise ValueError(f"rule is {rule!r} and must be log, brier or ranked")
    if rule == "ranked" and laid.get("missing") == "keep":
        raise DataError("missing mass has no place on a scale", fix='give missing="renormalise"')
    table = planned(model, human, convention("tv"), None, None, None, "none", laid).table
    there = table.there
    if weigh == "respondents" and np.isnan(table.respondents[there]).any():
        raise ValueError("respondents cannot weigh alike: their numbers are not known; give counts=True")
    sizes = np.broadcast_to(table.sizes[:, None], there.shape)[there]
    # Options that count are put first: a refusal in the middle leaves no gap.
    first = np.broadcast_to(np.argsort(~table.inside, axis=1, kind="stable")[:, None], table.model.shape)
    said, told = (np.take_along_axis(side, first, axis=2)[there] for side in (table.model, table.human))
    values = np.zeros(there.shape)
    values[there] = _expected(rule, said, told, sizes, floor)
    weights = np.where(there, np.nan_to_num(table.respondents) if weigh == "respondents" else 1.0, 0.0)
    parts = np.stack([(values * weights).sum(axis=1), weights.sum(axis=1)], axis=-1)[there.any(axis=1)]
    drawn_seed = int(stream(seed, "pluralism.distributional.forecasts").integers(2**31))
    return expanded_estimate(
        float(ratio(parts.sum(axis=0))),
        bootstrap_replicates(parts, ratio, draws=draws, seed=drawn_seed),
        n=int(there.sum()),
        clusters=len(parts),
        draws=draws,
        seed=seed,
        level=level,
        unit="question",
    )


def _expected(rule: Rule, said: Floats, told: Floats, sizes: Ints, floor: float) -> Floats:
    """Mean score of each row over the answers of people, shape (rows,)."""
    total = np.zeros(len(said))
    for option in range(said.shape[1]):
        some = np.flatnonzero((told[:, option] > 0) & (option < sizes))
        if not some.size:
            continue
        truth = np.full(some.size, option)
        rows, count = said[some], sizes[some]
        scorers: dict[str, Callable[[], Floats]] = {
            "log": lambda r=rows, t=truth, c=count: log_scores(r, t, sizes=c, floor=floor),
            "brier": lambda r=rows, t=truth, c=count: brier_scores(r, t, sizes=c),
            "ranked": lambda r=rows, t=truth, c=count: ranked_scores(r, t, sizes=c),
        }
        total[some] += told[some, option] * scorers[rule]()
    return total
