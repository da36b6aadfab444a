"""What rules and checks read: who approves of what, and how much.

A slate is chosen from a jury: a `populace.pluralism.jury.Jury`, anything with `utilities`, `weights` and
`options`, or a table of utilities, shape (people, options). A threshold turns utilities into approvals;
without one the utilities themselves count, where a rule can use them. What a person did not rate they do not
approve of, and where utilities count it is worth the least that anybody gave: silence is no support.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats

__all__ = ["Ballots", "ballots_of", "check_even", "chosen_of", "known"]


class Ballots(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Approvals and utilities of a jury, without holes."""

    approves: Bools
    """Shape (people, options). Without a threshold: whether the utility is above 0."""
    utilities: Floats
    """Shape (people, options); 1 and 0 where there is a threshold."""
    rated: Bools
    """Where a person said anything."""
    weights: Floats
    """Of people."""
    options: tuple[str, ...]
    """Names."""
    threshold: float | None
    """Utility from which on an option is approved."""

    @property
    def total(self) -> float:
        """Weight of everybody."""
        return float(self.weights.sum())

    @property
    def even(self) -> bool:
        """Whether all weigh the same."""
        return bool((self.weights == self.weights[0]).all())


def ballots_of(
    jury: Any, threshold: float | None = None, *, approvals: bool = False, levels: bool = False
) -> Ballots:
    """Read a jury, or a table of utilities.

    Parameters
    ----------
    threshold
        Utility from which on an option is approved. Votes of 1 (agree), 0 (pass) and -1 need 1.
    approvals
        Whether approvals are needed: without a threshold, utilities must then be 0 and 1.
    levels
        Whether only levels are read, and nothing is summed: the one use for grades without a threshold.

    Raises
    ------
    DataError
        If the table is none, holds rankings, or grades where numbers are summed, or approvals are needed and
        nothing says what is one.

    Examples
    --------
    >>> ballots_of([[5, 2], [np.nan, 4]], threshold=4).approves.tolist()
    [[True, False], [False, True]]
    """
    held = getattr(jury, "ballots", jury)
    _check_kind(str(getattr(held, "kind", "cardinal")), threshold, levels)
    table = _table(getattr(held, "utilities", held))
    rated = ~np.isnan(table)
    if not rated.any():
        raise DataError("nobody rated anything")
    weights = _weights(getattr(held, "weights", None), len(table))
    given: Any = getattr(held, "options", None)
    names = tuple(str(name) for name in (range(table.shape[1]) if given is None else given))
    if len(names) != table.shape[1]:
        raise DataError(f"{len(names)} names stand for {table.shape[1]} options")
    if threshold is None and approvals and not np.isin(table[rated], (0.0, 1.0)).all():
        raise DataError(
            "utilities are not 0 and 1, and nothing says which of them is an approval",
            fix="give `threshold`, the utility from which on an option is approved",
        )
    if threshold is None:
        utilities = np.where(rated, table, table[rated].min())
        approves = utilities > 0
    else:
        approves = rated & (np.where(rated, table, 0.0) >= threshold)
        utilities = approves.astype(np.float64)
    return Ballots(
        approves=approves,
        utilities=utilities,
        rated=rated,
        weights=weights,
        options=names,
        threshold=threshold,
    )


def known(name: str, value: object, allowed: Sequence[object]) -> None:
    """Refuse a word that is not among those allowed.

    Raises
    ------
    DataError
        If it is not.
    """
    if value not in allowed:
        raise DataError(f"`{name}` is {value!r}", fix=f"give one of {', '.join(map(str, allowed))}")


def chosen_of(slate: Any, ballots: Ballots) -> tuple[int, ...]:
    """Return the places of a slate's options: a `Slate`, places, or names."""
    members = list(getattr(slate, "members", slate))
    index = {name: place for place, name in enumerate(ballots.options)}
    places: list[int] = []
    for member in members:
        if isinstance(member, str) and ballots.options.count(member) > 1:
            raise DataError(f"two options are named {member!r}", fix="give numbers, from 0")
        place = index.get(member, -1) if isinstance(member, str) else int(member)
        if not 0 <= place < len(ballots.options):
            raise DataError(f"{member!r} is no option of this jury", fix="give names, or numbers from 0")
        places.append(place)
    if not places or len(set(places)) != len(places):
        raise DataError("a slate holds one option or more, none of them twice")
    return tuple(places)


def _check_kind(kind: str, threshold: float | None, levels: bool) -> None:
    """Refuse what the numbers of a `Jury` do not mean."""
    if kind == "ordinal":
        raise DataError(
            "a ranking says neither who approves of what nor how much",
            fix="give ratings or approvals; one winner of rankings is chosen by `Jury.winner`",
        )
    if kind == "graded" and threshold is None and not levels:
        raise DataError(
            "grades have an order, and no sums",
            fix="give `threshold`, the grade from which on an option is approved, or choose by `bjr`",
        )


def _table(given: Any) -> Floats:
    try:
        table = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"utilities are not numbers ({error})") from error
    if table.ndim != 2 or not table.size or np.isinf(table).any():
        raise DataError(f"utilities have shape {table.shape}", fix="give finite numbers, (people, options)")
    return table


def _weights(given: Any, people: int) -> Floats:
    if given is None:
        return np.ones(people)
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (people,):
        raise DataError(f"weights have shape {weights.shape}", fix=f"give one a person, {people:,} in all")
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        row = int(bad[0])
        raise DataError(f"a weight is {weights[row]:g}", row=row + 1, fix="give 0 or more, and none blank")
    if not weights.any():
        raise DataError("all weights are 0", fix="give somebody a weight")
    return weights


def check_even(ballots: Ballots, what: str) -> None:
    """Refuse weights where people are given to options one by one.

    Raises
    ------
    DataError
        If people weigh differently.
    """
    if not ballots.even:
        raise DataError(f"`{what}` gives people to options one by one", fix="give no weights")
