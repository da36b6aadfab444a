"""Same-demographic strangers: people who share attributes predict each other's verdicts.

Sharing attributes should mean to share some taste. If a stranger of the same attributes is right as often
as the persona itself, the persona is a stereotype: its other attributes did nothing. If sharing attributes
makes no difference, they do nothing; that is shown as a row (`shared above not shared`) and stops no release.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.feedback.groups import GROUPS
from populace.feedback.shortcuts.couples import Panels, once, panels
from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.intervals import by_couples
from populace.feedback.shortcuts.rules import nothing_reproducible
from populace.feedback.shortcuts.shuffled import ratio_of_couples
from populace.feedback.shortcuts.verdicts import Draws, Floats, Ints, Seats
from populace.stats import Estimate

__all__ = ["SHARED", "group_codes", "same_demographic_stranger"]

SHARED = ("sex", "ideology")
"""Groups (`populace.feedback.groups`) that two strangers share by default."""
FEWEST = 30
"""Couples below which the audit is not run."""


def group_codes(personas: pl.DataFrame, shared: Sequence[str] = SHARED) -> Ints:
    """Number the combinations of groups; -1 for whoever lacks one of them.

    Raises
    ------
    DataError
        If there is no such group, or its attribute is not in the table.

    Examples
    --------
    >>> group_codes(pl.DataFrame({"sex": ["Male", "Female", None, "Male"]}), ["sex"]).tolist()
    [1, 0, -1, 1]
    """
    for name in shared:
        if name not in GROUPS:
            raise DataError(f"there is no group '{name}'", fix=f"use some of {', '.join(GROUPS)}")
        for column in GROUPS[name].meta.root_names():
            if column not in personas.columns:
                raise DataError("this column is missing", column=column, fix="give the personas of the run")
    groups = personas.select(GROUPS[name].cast(pl.String).alias(name) for name in shared)
    whole = groups.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    codes = groups.select(pl.struct(pl.all()).rank("dense").cast(pl.Int64)).to_series().to_numpy()
    kept = np.where(whole.to_numpy(), codes, -1)
    return np.unique(np.append(kept, -1), return_inverse=True)[1][:-1].astype(np.int64) - 1


def same_demographic_stranger(
    personas: pl.DataFrame,
    seats: Seats,
    settings: Draws,
    limit: float,
    *,
    shared: Sequence[str] | None = None,
) -> Finding:
    """Audit the verdicts of strangers who share some attributes as a prediction of the persona's own.

    Parameters
    ----------
    shared
        Groups that strangers share; left out: those of `SHARED` that the personas have.
    """
    name = "same-demographic-stranger"
    if shared is None:
        shared = [each for each in SHARED if set(GROUPS[each].meta.root_names()) <= set(personas.columns)]
    if not shared:
        return not_run(name, "a stranger of the same kind", limit, f"personas lack {' and '.join(SHARED)}")
    what = f"a stranger of the same {' and '.join(shared)}"
    seats = once(seats)
    codes = group_codes(personas, shared)[seats.persona] if len(seats) else np.zeros(0, dtype=np.int64)
    seats, codes = seats.take(codes >= 0), codes[codes >= 0]
    everybody, alike = panels(seats), panels(seats, seats.pair * (codes.max(initial=0) + 1) + codes)
    if alike.couples.sum() / 2 < FEWEST:
        why = f"{alike.couples.sum() / 2:.0f} couples share {' and '.join(shared)}; {FEWEST} are needed"
        return not_run(name, what, limit, why)
    columns = _columns(everybody, alike), _votes(everybody, alike)
    n = int(alike.couples.sum()) // 2

    def estimated(formula: Callable[[Floats], Floats]) -> Estimate:
        return by_couples(*columns, everybody.of_pairs, everybody.of_votes, formula, settings, n)

    score, other = (estimated(partial(_shared, at=at)) for at in (0, 2))
    above = estimated(lambda sums: _shared(sums, 0) - _shared(sums, 2))
    rows = [("agreement of strangers", "not shared", other), ("shared above not shared", name, above)]
    members = seats.take(np.isin(seats.pair, alike.pair))
    beside = members.own_agreement(settings)
    if why := nothing_reproducible(members, settings):
        return not_run(name, what, limit, why, estimate=score, beside=beside)
    return decide(name, what, score, beside, ratio_of_couples(alike, settings), limit, rows=rows)


def _columns(everybody: Panels, alike: Panels) -> Floats:
    """By pair: what couples of one group share, their number, and the same of all other couples."""
    place = np.searchsorted(everybody.pair, alike.pair)
    inside = np.zeros((len(everybody), 2))
    np.add.at(inside, place, alike.sums[:, :2])
    return np.concatenate([inside, everybody.sums[:, :2] - inside], axis=1)


def _votes(everybody: Panels, alike: Panels) -> Floats:
    """By vote: what of these sums would be gone without it."""
    inside = np.zeros((len(everybody.seat), 2))
    inside[np.searchsorted(everybody.seat, alike.seat)] = alike.votes[:, :2]
    return np.concatenate([inside, everybody.votes[:, :2] - inside], axis=1)


def _shared(sums: Floats, at: int) -> Floats:
    """Agreement of two strangers' verdicts, as a share; nan where there are none."""
    couples = np.where(sums[:, at + 1] > 0, sums[:, at + 1], np.nan)
    return (1 + sums[:, at] / couples) / 2
