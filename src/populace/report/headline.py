"""The three sentences at the top: written from the numbers by fixed rules, never by hand.

A comparison is claimed only where two intervals do not touch; otherwise the sentence says "cannot be told
apart from". What a study did not measure, a sentence says it did not measure.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.report.measures import (
    ALWAYS,
    LIKELIHOOD_ARM,
    MAIN_ARM,
    PAPER_PREFERS,
    baselines,
    compare,
    find,
    interval,
    outcome,
    quantity,
    shuffled,
    with_interval,
)

__all__ = ["headline"]

_PREFERS = "prefers_revision"
_CONSENSUS = 0.995
"""A ceiling above this leaves nothing to tell people apart by."""


def headline(estimates: pl.DataFrame) -> tuple[str, ...]:
    """Say what was found: the score, what would explain it away, and how steady the judge was."""
    score = find(estimates, _PREFERS, MAIN_ARM) or find(estimates, _PREFERS, LIKELIHOOD_ARM)
    if score is None:
        return ("This study did not measure how often the revision is preferred.", _steadiness(estimates))
    if compare(score, PAPER_PREFERS) == "not defined":
        return (
            f"How often the judge prefers the revision is {with_interval(score)}.",
            _steadiness(estimates),
        )
    return (_score(score), _baselines(estimates, score), _steadiness(estimates))


def _score(score: dict[str, Any]) -> str:
    paper = f"the {100 * PAPER_PREFERS:g}\N{NO-BREAK SPACE}% that the PERSONA paper reports"
    relation = {
        "beats": f"above {paper}",
        "loses": f"below {paper}",
        "cannot be told apart": f"which cannot be told apart from {paper}",
    }[compare(score, PAPER_PREFERS)]
    way = "" if score["arm"] == MAIN_ARM else ", judged by likelihood"
    return (
        f"Speaking as the person a revision was written for{way}, the judge preferred it to the first answer "
        f"in {quantity(score['value'], _PREFERS)} of {score['n']:,} judgements "
        f"({100 * score['level']:g}\N{NO-BREAK SPACE}% interval {interval(score)}, "
        f"{score['clusters']} personas; a tie counts one half): {relation}."
    )


def _baselines(estimates: pl.DataFrame, score: dict[str, Any]) -> str:
    found: dict[str, list[str]] = {}
    explained = False
    for arm, name in baselines(score["arm"]).items():
        row = find(estimates, _PREFERS, arm)
        result = outcome(estimates, score["arm"], arm)
        # Below a baseline that is 1 by construction is no news; level with it is.
        if row is None or result in (None, "not defined") or (arm == ALWAYS and result == "loses"):
            continue
        found.setdefault(result, []).append(f"{name} ({quantity(row['value'], _PREFERS)})")
        explained |= arm.startswith(("stranger", "nobody")) and result != "beats"
    if not found:
        return "No baseline was measured beside it, so the number stands alone and shows little."
    words = {"beats": "above", "loses": "below", "cannot be told apart": "cannot be told apart from"}
    clauses = [
        f"{'' if result.startswith('cannot') else 'is '}{words[result]} {_and(found[result])}"
        for result in words
        if result in found
    ]
    so = "; so it does not show that the persona made a difference" if explained else ""
    return f"That number {_and(clauses)}{so}."


def _steadiness(estimates: pl.DataFrame) -> str:
    flip, kappa = find(estimates, "position_flip"), find(estimates, "kappa_orders")
    ceiling = find(estimates, "single_model_ceiling")
    parts = []
    if flip is not None:
        parts.append(
            f"with the two answers swapped the verdict changed in {with_interval(flip)} of judgements"
        )
    if kappa is not None:
        relation = {
            "beats": ", above chance",
            "loses": ", below chance",
            "cannot be told apart": ", which cannot be told apart from chance",
            "not defined": "",
        }[compare(kappa, 0.0)]
        parts.append(f"agreement between the two orders was κ = {with_interval(kappa)}{relation}")
    if ceiling is not None:
        parts.append(_ceiling(ceiling))
    random = shuffled(estimates, "single_model_ceiling")
    if ceiling is not None and random is not None and ceiling["value"] < _CONSENSUS:
        parts[-1] += f", where verdicts shuffled over pairs would leave {with_interval(random)}"
    if not parts:
        return "This study did not measure how steady the judge was."
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _ceiling(row: dict[str, Any]) -> str:
    if compare(row, 0.0) == "not defined":
        return f"the share of verdicts one model could satisfy is {with_interval(row)}"
    if row["value"] >= _CONSENSUS:
        return (
            "personas who judged the same pair all but never disagreed, which is consensus, or a judge that "
            "does not look at whom it plays"
        )
    best = quantity(row["value"], "single_model_ceiling")
    return f"no single model could satisfy more than {best} of the personas’ verdicts"


def _and(parts: list[str]) -> str:
    """Join as a sentence does.

    Examples
    --------
    >>> _and(["a"]), _and(["a", "b"]), _and(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
