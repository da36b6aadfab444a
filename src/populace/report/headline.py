"""The sentences at the top: written from the numbers by fixed rules, never by hand.

A comparison is claimed only where two intervals do not touch; otherwise the sentence says "cannot be told
apart from". What a study did not measure, a sentence says it did not measure. Audits that failed come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from populace.feedback.shortcuts import Finding, failed, summary
from populace.feedback.wording import Wording
from populace.report.measures import (
    MAIN_ARM,
    PAPER_PREFERS,
    about,
    baselines,
    compare,
    find,
    interval,
    main_arms,
    outcome,
    quantity,
    shuffled,
    with_interval,
)

__all__ = ["headline"]

_CONSENSUS = 0.995
"""A ceiling above this leaves nothing to tell people apart by."""
_WAYS = {"likelihood": ", judged by likelihood", "samples": ", judged by written verdicts"}


def headline(
    estimates: pl.DataFrame, words: Wording | None = None, findings: Sequence[Finding] = ()
) -> tuple[str, ...]:
    """Say what was found: the score, what would explain it away, how steady the judge was, the audits.

    Parameters
    ----------
    words
        What the answers are called; as far as the estimates tell it if left out.
    findings
        The audits of shortcuts.
    """
    words = words or about(estimates)
    found = [*_scores(estimates, words), _steadiness(estimates)]
    if not findings:
        return tuple(found)
    if failed(findings):
        so = "A failed audit names what may explain the verdicts without anybody’s preference."
        return (f"{summary(findings)} {so}", *found)
    return (*found, summary(findings))


def _scores(estimates: pl.DataFrame, words: Wording) -> list[str]:
    arms = main_arms(estimates)
    score = find(estimates, words.prefers, arms[0]) if arms else None
    if score is None:
        return [f"This study did not measure how often {words.second} is preferred."]
    if compare(score, PAPER_PREFERS) == "not defined":
        return [f"How often the judge prefers {words.second} is {with_interval(score)}."]
    if words.revised:
        return [_score(score), _baselines(estimates, score, words)]
    return [_even(score, words), _nobody(estimates, score)]


def _score(score: dict[str, Any]) -> str:
    paper = f"the {100 * PAPER_PREFERS:g}\N{NO-BREAK SPACE}% that the PERSONA paper reports"
    relation = {
        "beats": f"above {paper}",
        "loses": f"below {paper}",
        "cannot be told apart": f"which cannot be told apart from {paper}",
    }[compare(score, PAPER_PREFERS)]
    way = "" if score["arm"] == MAIN_ARM else _way(score)
    return (
        f"Speaking as the person a revision was written for{way}, the judge preferred it to the first answer "
        f"in {_counted(score)}, {score['clusters']} personas; a tie counts one half): {relation}."
    )


def _even(score: dict[str, Any], words: Wording) -> str:
    """Say which of two answers that nobody wrote for anybody the personas prefer."""
    result = compare(score, 0.5)
    relation = {
        "beats": "above even odds",
        "loses": "below even odds",
        "cannot be told apart": "which cannot be told apart from even odds",
    }[result]
    if words.models is None:
        # Two samples of one model stand in no order: a preference for the second is no taste.
        so = "as is right" if result == "cannot be told apart" else "though their order means nothing"
        relation = f"{relation}, {so} for two samples of one model"
    return (
        f"Speaking as the personas{_way(score)}, the judge preferred {words.second} to {words.first} in "
        f"{_counted(score)}; a tie counts one half): {relation}."
    )


def _way(score: dict[str, Any]) -> str:
    return _WAYS.get(score["arm"].rsplit(maxsplit=1)[-1], "")


def _counted(score: dict[str, Any]) -> str:
    level = f"{100 * score['level']:g}\N{NO-BREAK SPACE}% interval {interval(score)}"
    return f"{quantity(score['value'], score['measure'])} of {score['n']:,} judgements ({level}"


def _nobody(estimates: pl.DataFrame, score: dict[str, Any]) -> str:
    """Say how much of the personas' verdicts is the judge's own, told of nobody."""
    arm = f"nobody {score['arm'].rsplit(maxsplit=1)[-1]}"
    raw, kappa = (find(estimates, f"{name}_with_persona", arm) for name in ("agreement", "kappa"))
    if raw is None or kappa is None:
        return "No verdict of nobody was measured beside theirs, so the number stands alone and shows little."
    return (
        f"Told of nobody, the judge gives the persona’s verdict in {with_interval(raw)} of judgements "
        f"(κ = {with_interval(kappa)})."
    )


def _baselines(estimates: pl.DataFrame, score: dict[str, Any], words: Wording) -> str:
    found: dict[str, list[str]] = {}
    explained = False
    for arm, name in baselines(score["arm"], words).items():
        row = find(estimates, words.prefers, arm)
        result = outcome(estimates, score["arm"], arm)
        # Below a baseline that is 1 by construction is no news; level with it is.
        if row is None or result in (None, "not defined") or (arm == words.always and result == "loses"):
            continue
        found.setdefault(result, []).append(f"{name} ({quantity(row['value'], words.prefers)})")
        explained |= arm.startswith(("stranger", "nobody")) and result != "beats"
    if not found:
        return "No baseline was measured beside it, so the number stands alone and shows little."
    relations = {"beats": "above", "loses": "below", "cannot be told apart": "cannot be told apart from"}
    clauses = [
        f"{'' if result.startswith('cannot') else 'is '}{relations[result]} {_and(found[result])}"
        for result in relations
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
