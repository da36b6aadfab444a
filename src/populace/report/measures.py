"""What each measure is called, how its numbers read, and when one may be said to beat another."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from populace.feedback.verdicts import ways_of
from populace.feedback.wording import REVISED, Wording

__all__ = [
    "ALWAYS",
    "FEW_CLUSTERS",
    "LIKELIHOOD_ARM",
    "MAIN_ARM",
    "MEASURES",
    "PAPER_PREFERS",
    "PAPER_REMOVED",
    "SHUFFLED",
    "about",
    "baselines",
    "compare",
    "find",
    "interval",
    "is_share",
    "main_arms",
    "name_of",
    "outcome",
    "quantity",
    "reason_undefined",
    "shuffled",
    "with_interval",
]

PAPER_PREFERS = 0.96
"""Share of rewrites that PERSONA's role-playing evaluator preferred (arXiv 2407.17387v1)."""
PAPER_REMOVED = 0.085
"""Share of configurations that PERSONA's consistency filter removed (same source)."""

FEW_CLUSTERS = 10
"""Below this an interval over clusters is nothing to lean on; such rows are greyed."""

MAIN_ARM, LIKELIHOOD_ARM = "author choice", "author likelihood"
"""Arms of the score where the judge gives log-probabilities; `main_arms` finds those that there are."""
SHUFFLED = ", verdicts shuffled over pairs"
"""Ending of the arms that say what a measure gives where nobody agrees about the pairs themselves."""
ALWAYS = "always the revision"

MEASURES = {
    "prefers_revision": "Prefers the revision",
    "prefers_revision_above": "Author’s verdict above this arm, pair by pair",
    "prefers_second": "Prefers the second answer",
    "prefers_second_above": "Personas’ verdicts above this arm, pair by pair",
    "kappa_orders": "κ between the two orders",
    "ac1_orders": "AC1 between the two orders",
    "kappa_ways": "κ between two ways of judging",
    "ac1_ways": "AC1 between two ways of judging",
    "agreement_with_author": "Agreement with the author",
    "kappa_with_author": "κ with the author",
    "agreement_with_persona": "Agreement with the personas",
    "kappa_with_persona": "κ with the personas",
    "position_flip": "Verdict changes with the order",
    "first_shown_preferred": "Prefers the answer shown first",
    "conflict_rate": "Two personas disagree on one pair",
    "single_model_ceiling": "Most verdicts one model could satisfy",
    "ties": "Ties",
    "refusals": "Refusals",
    "failed_calls": "Calls that failed",
    "revision_shorter": "Revision is the shorter answer",
    "second_shorter": "Second answer is the shorter one",
    "identical_answers": "The two answers are identical",
    "cut_short": "An answer was cut off by the token limit",
}
"""Measure -> how the page calls it; a measure not named here is shown under its own name."""


def about(estimates: pl.DataFrame) -> Wording:
    """Tell from the names of the measures what the answers are; those of two models have lost their names."""
    if (estimates["measure"] == "prefers_second").any():
        return Wording(second="the second answer", revised=False)
    return REVISED


def main_arms(estimates: pl.DataFrame) -> list[str]:
    """List the arms of the score, one a way of judging; the first labels the pairs.

    Examples
    --------
    >>> rows = pl.DataFrame({"measure": ["prefers_revision"] * 3, "attribute": [None] * 3,
    ...     "arm": ["author likelihood", "author choice", "nobody choice"]})
    >>> main_arms(rows)
    ['author choice', 'author likelihood']
    """
    words = about(estimates)
    own = pl.col("arm").str.starts_with(f"{words.judge} ")
    rows = estimates.filter((pl.col("measure") == words.prefers) & own & pl.col("attribute").is_null())
    ways = ways_of(rows.select(pl.col("arm").str.strip_prefix(f"{words.judge} ").alias("way")))
    return [f"{words.judge} {way}" for way in ways]


def baselines(arm: str = MAIN_ARM, words: Wording = REVISED) -> dict[str, str]:
    """Return the arms that would explain the score of `arm` away -> how a sentence calls them.

    A way of judging is set beside strangers and nobody judging in the same way, never in another.

    Examples
    --------
    >>> list(baselines("author likelihood"))
    ['stranger likelihood', 'nobody likelihood', 'length rule', 'always the revision']
    """
    way = arm.rsplit(maxsplit=1)[-1]
    strangers = {f"stranger {way}": "a shuffled persona"} if words.revised else {}
    rules = {"length rule": "the length rule", words.always: f"always taking {words.second}"}
    return {**strangers, f"nobody {way}": "no persona at all", **rules}


def name_of(measure: str, words: Wording = REVISED) -> str:
    """Call a measure as the page does, an answer by its model where there are two.

    Examples
    --------
    >>> name_of("second_shorter", Wording(second="the answer of b", revised=False, models=("a", "b")))
    'The answer of b is the shorter one'
    """
    name = MEASURES.get(measure, measure)
    if not words.models:
        return name
    told = name.replace("Second answer", "the second answer").replace("the second answer", words.second)
    return told[:1].upper() + told[1:]


def is_share(measure: str) -> bool:
    """Tell shares, which read as percentages, from agreement coefficients, which may be negative."""
    return not measure.startswith(("kappa", "ac1", "alpha"))


def quantity(value: float, measure: str) -> str:
    r"""Write one value as the page does: a percentage (a difference: points), or a coefficient.

    Examples
    --------
    >>> quantity(0.6234, "prefers_revision"), quantity(-0.051, "kappa_orders")
    ('62.3\xa0%', '−0.05')
    """
    if not is_share(measure):
        return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
    unit = "points" if measure.endswith("_above") else "%"
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}{unit}".replace("-", "−")


def interval(row: dict[str, Any]) -> str:
    """Write the ends of an interval so that no line breaks inside: `56.0 to 68.0 %`."""
    low, high = (quantity(row[end], row["measure"]) for end in ("low", "high"))
    # The unit stands once, after the upper end.
    return f"{low.split()[0]} to {high}".replace(" ", "\N{NO-BREAK SPACE}")


def with_interval(row: dict[str, Any]) -> str:
    r"""Write an estimate with its interval, or why it has none.

    Examples
    --------
    >>> with_interval({"measure": "ties", "value": 0.5, "low": 0.25, "high": 0.75, "n": 40, "clusters": 9})
    '50.0\xa0% (25.0\xa0to\xa075.0\xa0%)'
    """
    measure, value = row["measure"], row["value"]
    if _missing(value):
        return f"not defined ({reason_undefined(row)})"
    if _missing(row["low"]) or _missing(row["high"]):
        return f"{quantity(value, measure)} (interval not defined: {reason_undefined(row)})"
    return f"{quantity(value, measure)} ({interval(row)})"


def reason_undefined(row: dict[str, Any]) -> str:
    """Say why an estimate is not a number, as far as its row tells."""
    if not row["n"]:
        return "nothing to measure"
    if (row["clusters"] or 0) < 2:
        return "fewer than two independent units"
    if not is_share(row["measure"]):
        return "the verdicts do not vary"
    return "the data do not define it"


def find(estimates: pl.DataFrame, measure: str, arm: str | None = None) -> dict[str, Any] | None:
    """Return the overall row of a measure, or None.

    Parameters
    ----------
    arm
        If left out: the main arm, or what the main way of judging gives to a measure whose arms are ways. The
        score itself is never another's: where the author (or the personas) did not judge, a rule's share of
        revisions is no answer.

    Examples
    --------
    >>> rows = pl.DataFrame({"measure": "prefers_revision", "attribute": [None], "arm": ["length rule"]})
    >>> find(rows, "prefers_revision") is None, find(rows, "prefers_revision", "length rule")["arm"]
    (True, 'length rule')
    """
    rows = estimates.filter((pl.col("measure") == measure) & pl.col("attribute").is_null())
    if arm is not None:
        rows = rows.filter(pl.col("arm") == arm)
        return rows.row(0, named=True) if rows.height else None
    mine = main_arms(estimates)[:1]
    if measure.startswith(about(estimates).prefers):
        rows = rows.filter(pl.col("arm").is_in(mine))
    else:
        ways = [each.rsplit(maxsplit=1)[-1] for each in mine]
        last = pl.col("arm").str.starts_with("nobody ")
        rows = rows.sort(~pl.col("arm").is_in(ways), last, maintain_order=True)
    return rows.row(0, named=True) if rows.height else None


def compare(score: dict[str, Any], baseline: dict[str, Any] | float) -> str:
    """Return `beats`, `loses`, `cannot be told apart`, or `not defined`.

    A careful rule: two numbers whose intervals touch cannot be told apart. It misses small differences, and
    it seldom claims one that is not there.

    Examples
    --------
    >>> def at(value): return {"value": value, "low": value - 0.1, "high": value + 0.1}
    >>> compare(at(0.9), at(0.5)), compare(at(0.6), at(0.5)), compare(at(0.6), 0.96)
    ('beats', 'cannot be told apart', 'loses')
    """
    low, high = score["low"], score["high"]
    fixed = isinstance(baseline, int | float)
    other_low, other_high = (baseline, baseline) if fixed else (baseline["low"], baseline["high"])
    if any(_missing(end) for end in (low, high, other_low, other_high)):
        return "not defined"
    if low > other_high:
        return "beats"
    return "loses" if high < other_low else "cannot be told apart"


def outcome(estimates: pl.DataFrame, arm: str, baseline: str) -> str | None:
    """Say how often-preferred `arm` fares against `baseline`, as `compare` does; None if one is missing.

    For the main arm the paired difference (the same pairs on both sides) decides where it was estimated: it
    sees differences that two intervals side by side hide.
    """
    measure = about(estimates).prefers
    score, other = find(estimates, measure, arm), find(estimates, measure, baseline)
    if score is None or other is None:
        return None
    paired = find(estimates, f"{measure}_above", baseline) if arm in main_arms(estimates)[:1] else None
    return compare(score, other) if paired is None else compare(paired, 0.0)


def shuffled(estimates: pl.DataFrame, measure: str) -> dict[str, Any] | None:
    """Return what `find` gives for `measure`, but with verdicts shuffled over pairs; None if not measured."""
    row = find(estimates, measure)
    return row and find(estimates, measure, f"{row['arm']}{SHUFFLED}")


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
