"""A window from people: the statements that tell each group of voters from the others.

Who is in which group is an argument (`populace.pluralism.bridging.opinion_map` finds groups). What represents
a group is asked as Polis asks it: P_g = (1 + A_g) / (2 + N_g), with A_g agreements of N_g votes of group g on
a statement, against the same of everybody else; a statement represents g where P_g / P_rest is high and the
difference is no accident (two-proportion z of at least 1.28, which is 90 % one-sided). Of those the ones with
the largest product of ratio, z and P_g are kept. Polis multiplies a fourth number in, the test of P_g against
one half; here P_g above one half is a condition.

A statement is that of one group. It goes to the group that it represents best; one that represents two groups
alike is neither's, unless one of them has no other. Groups for which nothing is left hold views that others
hold too, and are never dropped in silence: they are refused by name, or left out where that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.overton.windows import Perspective, Window
from populace.stats._arrays import Floats, Ints

__all__ = ["AGAINST", "representativeness", "window_from_groups"]

AGAINST = "It is not true that: "
"""How a statement begins that a group is against."""
_SURE = 1.28
"""Two-proportion z above which a difference is held for real."""
_ALIKE = 1e-9
"""Difference of two values, beside the larger, that is rounding."""


class _Claim(NamedTuple):
    """How well a statement represents a group."""

    sure: bool
    value: float
    """Ratio times z times P of those that do for sure, z of the others."""
    place: int
    agrees: bool

    @property
    def statement(self) -> tuple[int, bool]:
        return self.place, self.agrees

    def beats(self, other: _Claim) -> bool:
        """Whether it is better for sure: what is sure beats what is not, and rounding beats nothing."""
        if self.sure != other.sure:
            return self.sure
        return self.value - other.value > _ALIKE * max(abs(self.value), abs(other.value))


def representativeness(votes: npt.ArrayLike, members: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Say how far statements are the members' own.

    Parameters
    ----------
    votes
        Shape (people, statements): 1 agrees, anything else that is a number does not, nan did not vote.
    members
        Shape (people,), whether each is a member.

    Returns
    -------
    P of the members, its ratio to that of the others, and the two-proportion z, shape (statements,) each.

    Examples
    --------
    >>> p, ratio, z = representativeness([[1], [1], [-1], [-1]], [True, True, False, False])
    >>> round(float(p[0]), 3), round(float(ratio[0]), 3), round(float(z[0]), 3)  # 3/4, over 1/4; 3/3, 1/3
    (0.75, 3.0, 1.732)
    """
    table = np.asarray(votes, dtype=np.float64)
    inside = np.asarray(members, dtype=np.bool_)
    agree, cast = table == 1, ~np.isnan(table)
    ours, theirs = (agree[side].sum(axis=0).astype(np.float64) for side in (inside, ~inside))
    n, m = (cast[side].sum(axis=0).astype(np.float64) for side in (inside, ~inside))
    p, q = (1 + ours) / (2 + n), (1 + theirs) / (2 + m)
    # One agreement more on each side keeps the test defined where all or none agree.
    one, other = (ours + 1) / (n + 1), (theirs + 1) / (m + 1)
    pooled = (ours + theirs + 2) / (n + m + 2)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / (n + 1) + 1 / (m + 1)))
    z = np.divide(one - other, spread, out=np.zeros_like(spread), where=spread > 0)
    return p, p / q, z


def window_from_groups(
    votes: npt.ArrayLike,
    groups: npt.ArrayLike,
    statements: Sequence[str],
    *,
    question: str = "",
    most: int = 3,
    sides: Literal["agree", "both"] = "agree",
    wordless: Literal["refuse", "leave_out"] = "refuse",
    topic: str | None = None,
    source: str = "",
) -> Window:
    """Make a window of groups: a perspective a group, in the statements that represent it best.

    Parameters
    ----------
    votes
        Shape (people, statements): 1 agree, -1 disagree, 0 pass, nan no vote.
    groups
        Group of each person, from 0; below 0 is in none, and belongs to the others of every group.
    statements
        Their texts; those without one (empty) represent nobody.
    question
        What the conversation is about.
    most
        Statements of a group at most.
    sides
        `both` takes statements too that a group rejects, put as a denial.
    wordless
        What becomes of a group that no statement of its own represents: `leave_out` leaves its people out of
        the shares too.
    topic, source
        Of the window.

    Returns
    -------
    Perspectives in the order of the groups, with the share of the people who are in one of them. A statement
    is that of one group only. A group that is left without has, of the statements that are nobody's, the one
    that represents it best: for sure, or else by the largest z above 0; P is above one half in either case.

    Raises
    ------
    DataError
        If shapes differ, a vote is of another kind, there are fewer than two groups, or a group has no
        statement of its own (`wordless`).

    References
    ----------
    Small, Bjorkegren, Erkkila, Shaw, Megill (2021), Polis: scaling deliberation by mapping high dimensional
    opinion spaces. The counts are those of Polis's source (`repness`).

    Examples
    --------
    >>> votes = [[1, -1, 1]] * 6 + [[-1, 1, 1]] * 3
    >>> made = window_from_groups(votes, [0] * 6 + [1] * 3, ["Build.", "Preserve.", "Be kind."], most=1)
    >>> [(each.texts, round(each.share, 3)) for each in made.perspectives]
    [(('Build.',), 0.667), (('Preserve.',), 0.333)]
    """
    table, group = _checked(votes, groups, len(statements))
    names = np.unique(group[group >= 0]).tolist()
    if len(names) < 2:
        raise DataError(f"there are {len(names)} groups", fix="give two groups or more")
    worded = np.array([bool(text.strip()) for text in statements])
    ranked = {name: _ranked(table, group == name, worded, sides) for name in names}
    chosen = _dealt(ranked, most)
    mute = [name for name in names if not chosen[name]]
    if mute and (wordless == "refuse" or len(mute) == len(names)):
        what = f"no statement is that of group {' alone, nor of group '.join(map(str, mute))} alone"
        fix = "join it with a group that votes as it does, or put its people in none (-1)"
        raise DataError(what, fix=fix)
    size = {name: int((group == name).sum()) for name in names if chosen[name]}
    perspectives = tuple(
        Perspective(
            name=f"group {name}",
            texts=tuple(_worded(statements[place], agrees) for place, agrees in chosen[name]),
            share=size[name] / sum(size.values()),
        )
        for name in names
        if chosen[name]
    )
    return Window(question=question, perspectives=perspectives, topic=topic, source=source)


def _checked(votes: npt.ArrayLike, groups: npt.ArrayLike, statements: int) -> tuple[Floats, Ints]:
    table, group = np.asarray(votes, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    if table.ndim != 2 or table.shape[1] != statements or group.shape != table.shape[:1]:
        what = f"votes of shape {table.shape}, groups {group.shape} and {statements} statements do not fit"
        raise DataError(what, fix="give a row a person with its group, and a column a statement")
    if not np.isin(table[~np.isnan(table)], (-1.0, 0.0, 1.0)).all():
        raise DataError("a vote is none of 1, 0, -1 and missing", fix="code agree 1, pass 0, disagree -1")
    return table, group


def _ranked(
    table: Floats, members: npt.NDArray[np.bool_], worded: npt.NDArray[np.bool_], sides: str
) -> list[_Claim]:
    """List what may represent a group, best first: statements for sure, then by their z."""
    found: list[_Claim] = []
    for agrees in (True, False) if sides == "both" else (True,):
        p, ratio, z = representativeness(table if agrees else -table, members)
        # What most of its members are against is nobody's view, however much more others are against it.
        held = worded & (z > 0) & (p > 0.5)
        sure = held & (z >= _SURE)
        for at in np.flatnonzero(held).tolist():
            value = float(ratio[at] * z[at] * p[at]) if sure[at] else float(z[at])
            found.append(_Claim(bool(sure[at]), value, at, agrees))
    return sorted(found, key=lambda each: (not each.sure, -each.value, each.place, not each.agrees))


def _dealt(ranked: dict[int, list[_Claim]], most: int) -> dict[int, list[tuple[int, bool]]]:
    """Give each statement to the group that it represents best, and each group its best few."""
    sure = {name: [each for each in claims if each.sure] for name, claims in ranked.items()}
    chosen = {name: _won(sure, name)[:most] for name in ranked}
    while True:
        taken = {each.statement for claims in chosen.values() for each in claims}
        # Who has nothing yet, and what of it is free: the best of it is theirs, if no other such group has as
        # good a claim.
        free = {
            name: [each for each in claims if each.statement not in taken]
            for name, claims in ranked.items()
            if not chosen[name]
        }
        given = {name: won[:1] for name in free if (won := _won(free, name))}
        if not given:
            return {name: [each.statement for each in claims] for name, claims in chosen.items()}
        chosen |= given


def _won(claims: Mapping[int, Sequence[_Claim]], name: int) -> list[_Claim]:
    """List the statements that represent one group better than any other."""
    others: dict[tuple[int, bool], list[_Claim]] = {}
    for other, theirs in claims.items():
        for each in theirs:
            if other != name:
                others.setdefault(each.statement, []).append(each)
    return [
        each for each in claims[name] if all(each.beats(rival) for rival in others.get(each.statement, ()))
    ]


def _worded(statement: str, agrees: bool) -> str:
    text = " ".join(statement.split())
    return text if agrees else f"{AGAINST}{text}"
