"""`choose`: a slate of a jury's options, by a rule."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.pluralism.slate import balanced, greedy, shares
from populace.pluralism.slate.ballots import Ballots, ballots_of, known
from populace.pluralism.slate.exact import exact
from populace.pluralism.slate.record import Slate, Tie
from populace.stats._arrays import Ints

__all__ = ["RULES", "Rule", "choose"]

Rule: TypeAlias = Literal["cc", "pav", "mes", "phragmen", "monroe", "bjr", "av", "sav"]
RULES: tuple[Rule, ...] = ("cc", "pav", "mes", "phragmen", "monroe", "bjr", "av", "sav")
"""All of them."""
_APPROVALS = ("pav", "phragmen", "av", "sav")
"""Rules that know approval only."""
_EXACT = ("cc", "pav", "monroe")
_TIES = "ties are broken by the order of the options, and listed"


def choose(
    jury: Any,
    size: int,
    rule: Rule = "pav",
    *,
    threshold: float | None = None,
    method: Literal["greedy", "exact"] = "greedy",
    complete: bool = True,
    seconds: float = 30.0,
) -> Slate:
    """Choose options that together represent a jury.

    | rule | what it does | guarantees |
    |---|---|---|
    | `cc` | most utility of everybody's best option (Chamberlin and Courant 1983) | JR, for approvals and
    exact | | `pav` | 1 + 1/2 + 1/3 ... for options approved of (Thiele 1895) | EJR and EJR+, if exact |
    | `mes` | equal shares of money (Peters and Skowron 2020) | EJR, EJR+, priceable |
    | `phragmen` | money earned at the same rate (Phragmen 1894) | PJR, priceable |
    | `monroe` | most utility with n / size people an option (Monroe 1995) | JR |
    | `bjr` | the democratic process (Fish et al. 2023) | BJR, unless an option is wanted twice |
    | `av`, `sav` | most approvals, whole or shared out | none |

    Parameters
    ----------
    jury
        A `Jury`, or a table of utilities, shape (people, options), nan where an option was not rated.
    size
        Options to choose.
    rule
        As above.
    threshold
        Utility from which on an option is approved: 1 for votes of 1, 0 and -1. Without it utilities count as
        they are in `cc`, `mes`, `monroe` and `bjr`; the other rules then need utilities of 0 and 1.
    method
        `exact` solves `cc`, `pav` and `monroe` by integer programming (HiGHS); `gap` says what is unproven
        when `seconds` are up. `greedy` takes an option a step.
    complete
        Whether seats that equal shares leaves empty are filled by Phragmen's rule.
    seconds
        Limit for all programmes of an exact slate together.

    Raises
    ------
    DataError
        If the jury is none or holds rankings, or grades that a rule would sum, the slate is longer than its
        options, or rule, method and data do not fit.

    Examples
    --------
    Six of ten approve of a, b and c alike, four of d. Approval alone gives all seats to the six.

    >>> votes = [[1, 1, 1, 0]] * 6 + [[0, 0, 0, 1]] * 4
    >>> choose(votes, 2, "av").members, choose(votes, 2, "pav").members
    ((0, 1), (0, 3))
    >>> choose(votes, 2, "pav").ties
    (Tie(step=1, options=(0, 1, 2)),)
    """
    if rule not in RULES:
        raise DataError(f"{rule!r} is no rule for slates", fix=f"take one of {', '.join(RULES)}")
    known("method", method, ("greedy", "exact"))
    if method == "exact" and rule not in _EXACT:
        raise DataError(f"`{rule}` is a procedure and maximises nothing", fix="leave `method` at greedy")
    ballots = ballots_of(jury, threshold, approvals=rule in _APPROVALS, levels=rule == "bjr")
    if not 1 <= size <= len(ballots.options):
        raise DataError(f"a slate of {size} cannot be chosen from {len(ballots.options)} options")
    notes = [_TIES, _missing(ballots)]
    bound = np.nan
    assignment: Ints | None = None
    if method == "exact":
        members, bound, notes[0], ties, assignment = exact(ballots, size, rule, seconds)
    else:
        members, ties, assignment = _stepwise(ballots, size, rule, complete, notes)
    score = _score(ballots, members, rule, assignment)
    if method == "exact" and rule == "monroe":
        bound = max(bound, score)
    return Slate(
        members=tuple(members),
        names=tuple(ballots.options[place] for place in members),
        rule=rule,
        method=method if rule not in ("mes", "phragmen") else "procedure",
        score=score,
        bound=bound,
        ties=tuple(ties),
        assignment=assignment,
        notes=tuple(notes),
    )


def _stepwise(
    ballots: Ballots, size: int, rule: Rule, complete: bool, notes: list[str]
) -> tuple[list[int], list[Tie], Ints | None]:
    if rule in ("cc", "pav"):
        return *greedy.greedy(ballots, size, rule), None
    if rule in ("av", "sav"):
        return *greedy.separable(ballots, size, rule), None
    if rule == "phragmen":
        return *shares.phragmen(ballots, size), None
    if rule == "mes":
        members, ties, paid = shares.equal_shares(ballots, size, complete)
        if paid < len(members):
            notes.append(
                f"{paid} options were paid for by equal shares, the others chosen by Phragmen's rule"
            )
        if len(members) < size:
            notes.append(f"only {paid} of {size} options could be paid for")
        return members, ties, None
    return balanced.balanced(ballots, size, rule)


def _score(ballots: Ballots, members: list[int], rule: Rule, assignment: Ints | None) -> float:
    """Return what the rule maximises."""
    if not members:
        return np.nan
    if rule == "cc":
        return greedy.coverage_score(ballots, members)
    if rule == "pav":
        return greedy.harmonic_score(ballots, members)
    if rule == "monroe" and assignment is not None:
        held = ballots.utilities[np.arange(len(assignment)), np.array(members)[assignment]]
        return float(ballots.weights @ held)
    if rule in ("av", "sav"):
        given = ballots.approves / (
            np.maximum(ballots.approves.sum(axis=1, keepdims=True), 1) if rule == "sav" else 1
        )
        return float((ballots.weights @ given)[members].sum())
    return np.nan


def _missing(ballots: Ballots) -> str:
    share = 1 - float(ballots.rated.mean())
    if ballots.threshold is None:
        return f"{share:.0%} of ratings are missing, and count as the lowest that anybody gave"
    return f"{share:.0%} of ratings are missing, and count as no approval"
