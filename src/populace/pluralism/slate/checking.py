"""`check`: does a slate leave a group out that deserves a seat?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.slate import cohesion, deviation, levels
from populace.pluralism.slate.ballots import Ballots, ballots_of, check_even, chosen_of
from populace.pluralism.slate.record import Check, Violation

__all__ = ["AXIOMS", "Axiom", "check"]

Axiom: TypeAlias = Literal["JR", "PJR", "EJR", "EJR+", "FJR", "core", "priceability", "BJR", "cBJR"]
AXIOMS: tuple[Axiom, ...] = ("JR", "PJR", "EJR", "EJR+", "FJR", "core", "priceability", "BJR", "cBJR")
"""All of them."""
_STEPS = 200_000
_Answer: TypeAlias = tuple[bool | None, Violation | None, str]


def check(
    jury: Any,
    slate: Any,
    axiom: Axiom = "EJR+",
    *,
    threshold: float | None = None,
    quota: float | None = None,
    costs: npt.ArrayLike | None = None,
    budget: float | None = None,
    steps: int = _STEPS,
    seconds: float = 30.0,
) -> Check:
    """Check a slate against an axiom of representation.

    `JR` and `EJR+` are decided in polynomial time, `priceability` by a linear programme. The others are hard
    in general: `EJR` and `PJR` follow from EJR+ where it holds and are searched for otherwise, `FJR`, `core`,
    `BJR` and `cBJR` are integer programmes. `holds` is None, and `searched` says what was tried, where limits
    were hit.

    Parameters
    ----------
    jury
        As in `choose`; the first seven axioms know approvals only.
    slate
        A `Slate`, or places or names of options.
    axiom
        As in the modules `cohesion`, `deviation` and `levels`.
    threshold
        Utility from which on an option is approved, as in `choose`.
    quota
        Weight of people that deserves an option; everybody's divided by the length of the slate (Hare).
    costs, budget
        Of every option, and of the slate: for cBJR.
    steps, seconds
        Limits of a search, and of all integer programmes of the check together.

    Raises
    ------
    DataError
        If jury or slate are none, approvals are not given, cBJR lacks costs, or people weigh differently
        where an option stands for a number of them (BJR, cBJR).

    Examples
    --------
    Six of ten approve of a, b and c alike, four of d: with two seats, five people deserve one.

    >>> votes = [[1, 1, 1, 0]] * 6 + [[0, 0, 0, 1]] * 4
    >>> check(votes, [0, 1], "EJR+").holds, check(votes, [0, 1], "EJR+", quota=4).witness.people
    (True, (6, 7, 8, 9))
    """
    if axiom not in AXIOMS:
        raise DataError(f"{axiom!r} is no axiom of slates", fix=f"take one of {', '.join(AXIOMS)}")
    balanced = axiom in ("BJR", "cBJR")
    ballots = ballots_of(jury, threshold, approvals=not balanced, levels=balanced)
    if balanced:
        check_even(ballots, axiom)
    members = chosen_of(slate, ballots)
    need = ballots.total / len(members) if quota is None else float(quota)
    if not need > 0:
        raise DataError(
            f"a quota of {need:g} gives everybody everything, or nothing", fix="give a quota above 0"
        )
    if balanced:
        answer = _balanced(ballots, members, axiom, costs, budget, seconds)
    elif axiom == "priceability":
        holds = deviation.priceable(ballots, members)
        answer = holds, None, "a linear programme, decided"
    else:
        answer = _cohesive(ballots, members, axiom, need, steps, seconds)
    holds, witness, searched = answer
    return Check(axiom=axiom, holds=holds, witness=witness, searched=searched, quota=need)


def _cohesive(
    ballots: Ballots, members: Sequence[int], axiom: Axiom, quota: float, steps: int, seconds: float
) -> _Answer:
    if axiom == "JR":
        found = cohesion.jr(ballots, members, quota)
        return found is None, found, "every option: decided"
    if axiom == "EJR+":
        found = cohesion.ejr_plus(ballots, members, quota)
        return found is None, found, "every option at every level: decided"
    if axiom in ("PJR", "EJR"):
        if cohesion.ejr_plus(ballots, members, quota) is None:
            return True, None, "EJR+ holds and implies it"
        search = cohesion.pjr if axiom == "PJR" else cohesion.ejr
        found, complete = search(ballots, members, quota, steps)
        limit = f"groups that share options, up to {steps:,} steps"
        return _of(found, complete, limit)
    # What breaks EJR breaks FJR and the core too.
    found, _ = cohesion.ejr(ballots, members, quota, steps)
    if found is None:
        search_more = deviation.fjr if axiom == "FJR" else deviation.core
        found, complete = search_more(ballots, members, quota, seconds)
        return _of(found, complete, f"integer programmes, up to {seconds:g} s")
    return False, found, "a group that breaks EJR breaks it too"


def _balanced(
    ballots: Ballots,
    members: Sequence[int],
    axiom: Axiom,
    costs: npt.ArrayLike | None,
    budget: float | None,
    seconds: float,
) -> _Answer:
    if axiom == "BJR":
        found, _, proven = levels.bjr(ballots, members, seconds=seconds)
    else:
        if costs is None or budget is None:
            raise DataError(
                "cBJR needs what each option costs, and the budget", fix="give `costs` and `budget`"
            )
        each = np.asarray(costs, dtype=np.float64)
        if each.shape != (len(ballots.options),) or not (each > 0).all() or not budget > 0:
            raise DataError(f"costs have shape {each.shape}", fix="give one above 0 an option, and a budget")
        if float(each[list(members)].sum()) > budget * (1 + 1e-9):
            raise DataError("the slate costs more than the budget", fix="give a slate within it")
        found, _, proven = levels.bjr(ballots, members, costs=each, budget=float(budget), seconds=seconds)
    what = "balanced assignments by integer programmes, every violation found added as a constraint"
    if not proven:
        return None, found, f"{what}: not decided"
    if found is None:
        return True, None, f"{what}: one without a violation was found"
    return False, found, f"{what}: none is left; the witness is of the last one tried"


def _of(found: Violation | None, complete: bool, what: str) -> _Answer:
    if found is not None:
        return False, found, f"{what}: one was found"
    return (
        (True, None, f"{what}: there is none")
        if complete
        else (None, None, f"{what}: none found, not all tried")
    )
