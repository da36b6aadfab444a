"""Silence held against a score: answers that the target did not give, and verdicts that the judge did not.

What the target leaves unanswered counts 0 (`populace.bench.scoring.scored`), so that it gains nothing by
silence in the arm that is scored; in an arm that another is held against it could. What the judge leaves open
is left out, and it could leave out what it would call bad. Both are shown, and fail above one in twenty.
"""

from __future__ import annotations

import polars as pl

from populace.bench.result import Finding
from populace.bench.scoring import rate
from populace.bench.task import Counting

__all__ = ["MOST", "unanswered", "unjudged"]

MOST = 0.05
"""Share of answers, or verdicts, that may be missing."""
_NONE = ("refused", "failed")


def unanswered(items: pl.DataFrame, counting: Counting, *, by: str = "arm") -> Finding:
    """Count the items without an answer, in the arm that has most of them.

    Parameters
    ----------
    items
        `persona_id`, `answer`, null where there is none, and the column `by`.

    Examples
    --------
    >>> rows = pl.DataFrame({"persona_id": ["a", "b"] * 2, "arm": ["x", "x", "y", "y"]})
    >>> found = unanswered(rows.with_columns(answer=pl.Series(["yes", "yes", "no", None])), Counting())
    >>> found.passed, found.shortcut.value, found.what
    (False, 0.5, 'does not answer: share of items (of the arm y)')
    """
    silent = items.group_by(by, maintain_order=True).agg(pl.col("answer").is_null().mean().alias("silent"))
    worst = silent.sort("silent", descending=True, maintain_order=True)[by].to_list()[:1]
    rows = items.filter(pl.col(by).is_in(worst)) if worst else items
    found = rate(rows, rows["answer"].is_null(), counting)
    told = f" (of the arm {worst[0]})" if len(silent) > 1 else ""
    return Finding(
        name="unanswered",
        what=f"does not answer: share of items{told}",
        shortcut=found,
        passed=found.defined and found.value <= MOST,
        why="fails where they are more than one in twenty, or there are no items",
    )


def unjudged(items: pl.DataFrame, name: str, counting: Counting, *, label: str = "") -> Finding:
    """Count the answers on which the judge gave no verdict.

    Parameters
    ----------
    items
        `persona_id` and the outcome `name`; what was not asked is no matter of the judge.
    label
        Whose verdicts they are.
    """
    rows = items.filter(pl.col(name) != "unasked")
    found = rate(rows, rows[name].is_in(_NONE), counting)
    return Finding(
        name=f"unjudged, {label}" if label else "unjudged",
        what="gives no verdict: share of what the judge was asked",
        shortcut=found,
        passed=found.defined and found.value <= MOST,
        why="fails where they are more than one in twenty, or nothing was judged",
    )
