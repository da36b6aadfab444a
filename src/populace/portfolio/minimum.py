"""The fewest candidates that stay within a regret for every weights: exact, or with the bound reached.

Implicit hitting set: an integer programme covers a finite list of weights, so that its optimum is a bound
from below at every moment; exact separation (`certificate.Game`) then finds weights that the set found does
not serve, and adds them. It ends with a set that serves the whole simplex and is as small as the bound.
Columns are *all* undominated candidates: one that is nowhere best may serve more weights within the regret
than one that is.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.portfolio.certificate import worst_regret
from populace.portfolio.covering import cover, greedy_cover, least_size, search_cover
from populace.portfolio.intervals import fewest, served
from populace.portfolio.records import Kind, Portfolio
from populace.portfolio.served import BREAKS, COVERS, Serving, spread_weights
from populace.portfolio.tables import check_kind, points_of

__all__ = ["Serving", "fewest_columns", "minimum", "spread_weights"]

_STEPS = 8_000
"""Of the local search, before an integer programme is asked."""


def minimum(
    rewards: Any,
    regret: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    *,
    epsilon: float = 0.0,
    seconds: float = 60.0,
) -> Portfolio:
    """Find the smallest portfolio within a regret.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    regret
        Largest regret allowed for any weights: in units of reward, or a share where `kind` is `ratio`.
    kind, cost, epsilon
        As `worst_regret` takes them.
    seconds
        After so long the best portfolio so far is given, with the bound that was reached. With two traits no
        limit is needed.

    Returns
    -------
    Portfolio
        Its `certificate` may exceed the regret by 1e-8 of the range of values, never by more.

    Raises
    ------
    DataError
        If the table is broken.
    ValueError
        If the regret is negative, or a share of 1 or more.

    Examples
    --------
    The third candidate is nowhere best, and alone serves everybody within 0.06.

    >>> found = minimum([[0.5, 0.6], [0.6, 0.5], [0.549, 0.549]], regret=0.06)
    >>> found.members, found.lower_bound, found.optimal
    ((2,), 1.0, True)
    """
    check_kind(kind, epsilon)
    if not regret >= 0 or (kind == "ratio" and regret >= 1):
        raise ValueError(f"regret is {regret}: at least 0, and a share below 1 where kind is 'ratio'")
    points = points_of(rewards, cost, kind=kind)
    problem = Serving(points, kind, epsilon)
    found, least, method = fewest_columns(problem, regret, seconds)
    members = tuple(int(row) for row in sorted(problem.rows[found]))
    return Portfolio(
        members=members,
        certificate=worst_regret(points, members, kind, epsilon=epsilon),
        objective="size",
        value=float(len(members)),
        lower_bound=float(least),
        optimal=least >= len(members),
        method=method,
    )


def fewest_columns(problem: Serving, regret: float, seconds: float) -> tuple[list[int], int, str]:
    """Give columns within a regret, a bound of their number, and how they were found."""
    if problem.columns.shape[1] == 2:
        share, slack = problem.needs(regret)
        if problem.kind == "ratio":
            # A share of the value has no unit: tiny rewards get no more room than large ones.
            share -= COVERS
        else:
            slack += COVERS * problem.range
        found = fewest(served(problem.columns, share, slack))
        if found is not None:
            return found, len(found), "intervals, exact"
    return _hit(problem, regret, seconds)


def _hit(problem: Serving, regret: float, seconds: float) -> tuple[list[int], int, str]:
    until = time.monotonic() + seconds
    # All columns serve everybody: there is a portfolio at every moment.
    kept, least = list(range(len(problem.columns))), 1
    try:
        # A portfolio first, of whatever quality: a short time still gives one.
        kept = _shorter(problem, kept, greedy_cover(problem.serves(regret)), regret, until)
        problem.gather(regret, until)
        kept = _shorter(problem, kept, greedy_cover(problem.serves(regret)), regret, until)
        least = least_size(problem.serves(regret)) if time.monotonic() < until else 1
        kept, least = _closed(problem, kept, least, regret, until)
    except TimeoutError:
        pass
    ended = "" if least >= len(kept) else f", stopped after {seconds:g} s"
    return kept, least, f"implicit hitting set, {len(problem.weights)} weights{ended}"


def _closed(
    problem: Serving, kept: list[int], least: int, regret: float, until: float
) -> tuple[list[int], int]:
    """Raise the bound and shorten what is kept, until they meet or time is up."""
    limit = regret + BREAKS * problem.range
    while least < len(kept) and time.monotonic() < until:
        serves = problem.serves(regret)
        found = search_cover(serves, least, _STEPS, until)
        if found is None:
            found, bound = cover(serves, until - time.monotonic())
            least = max(least, bound)
        try:
            kept = _shorter(problem, kept, found, regret, until)
            missed = problem.missed(found, limit, until=until)
        except TimeoutError:
            break
        if not len(missed) and len(found) < len(kept):
            kept = found
        problem.add(missed, regret)
    return kept, least


def _shorter(problem: Serving, kept: list[int], found: list[int], regret: float, until: float) -> list[int]:
    """Repair columns until they serve all weights; give them where they are fewer than those kept.

    What is added covers most of the weights that are missed; then what is not needed is left out.
    """
    limit, found = regret + BREAKS * problem.range, list(found)
    while len(missed := problem.missed(found, limit, sure=False, until=until)):
        if time.monotonic() >= until or len(found) > len(kept) + len(kept) // 4:
            return kept
        regrets = problem.regrets(missed)
        counts = (regrets <= limit).sum(axis=0)
        # Of columns that cover as many, the one with the least regret there.
        tied = np.flatnonzero(counts == counts.max())
        found.append(int(tied[np.argmin(regrets[:, tied].mean(axis=0))]))
    for column in list(found):
        others = [each for each in found if each != column]
        if time.monotonic() >= until:
            break
        if others and not len(problem.missed(others, limit, 1, sure=False, until=until)):
            found = others
    if len(found) < len(kept) and not len(problem.missed(found, limit, until=until)):
        return found
    return kept
