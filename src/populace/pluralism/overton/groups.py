"""A window from people: the statements that tell each group of voters from the others.

Who is in which group is an argument (`populace.pluralism.bridging.opinion_map` finds groups). What represents
a group is asked as Polis asks it: P_g = (1 + A_g) / (2 + N_g), with A_g agreements of N_g votes of group g on
a statement, against the same of everybody else; a statement represents g where P_g / P_rest is high and the
difference is no accident (two-proportion z of at least 1.28, which is 90 % one-sided). Of those the ones with
the largest product of ratio, z and P_g are kept. Polis multiplies a fourth number in, the test of P_g against
one half; here P_g above one half is a condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

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
    topic, source
        Of the window.

    Returns
    -------
    Perspectives in the order of the groups, with the share of the people who are in any group. A group that
    no statement represents for sure has the one with the largest z; a statement is that of one group only.

    Raises
    ------
    DataError
        If shapes differ, a vote is of another kind, or there are fewer than two groups.

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
    size = {name: int((group == name).sum()) for name in names}
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
) -> list[tuple[float, int, bool]]:
    """List what may represent a group, best first: statements for sure, then the one nearest to it."""
    found: list[tuple[float, int, bool]] = []
    nearest: list[tuple[float, int, bool]] = []
    for agrees in (True, False) if sides == "both" else (True,):
        p, ratio, z = representativeness(table if agrees else -table, members)
        sure = worded & (z >= _SURE) & (p > 0.5)
        found += [(float(ratio[at] * z[at] * p[at]), int(at), agrees) for at in np.flatnonzero(sure)]
        nearest += [(float(z[at]), int(at), agrees) for at in np.flatnonzero(worded & (z > 0))]
    order = sorted(found, key=lambda each: (-each[0], each[1], not each[2]))
    return order or sorted(nearest, key=lambda each: (-each[0], each[1], not each[2]))[:1]


def _dealt(ranked: dict[int, list[tuple[float, int, bool]]], most: int) -> dict[int, list[tuple[int, bool]]]:
    """Give each statement to the group that it represents best, and each group its best few."""
    best: dict[tuple[int, bool], tuple[float, int]] = {}
    for name, rows in ranked.items():
        for value, place, agrees in rows:
            if (place, agrees) not in best or value > best[place, agrees][0]:
                best[place, agrees] = (value, name)
    return {
        name: [(place, agrees) for _, place, agrees in rows if best[place, agrees][1] == name][:most]
        for name, rows in ranked.items()
    }


def _worded(statement: str, agrees: bool) -> str:
    text = " ".join(statement.split())
    return text if agrees else f"{AGAINST}{text}"
