"""Audits of a jury's verdicts, also where jurors or questions are few.

The rules of `populace.bench.rules` decide by intervals over personas and questions, and an interval over a
dozen of either is too wide to convict: a judge who always says what stands first would pass. A jury is often
that small. So of fewer than forty jurors or questions a shortcut whose value alone is beyond the limit is not
cleared, fewer than ten verdicts clear nobody, and verdicts that turn round with the order are also held
against chance verdict by verdict, whoever gave them.
"""

from __future__ import annotations

import msgspec
import polars as pl

from populace.bench.result import Finding
from populace.bench.rules import length_of_satisfied, position_rule, same_as_another
from populace.bench.task import Counting
from populace.stats._special import beta_cdf

__all__ = ["audits_of", "turned_by_chance"]

_ENOUGH = 40
"""Jurors, and questions, from which on an interval of all alike ends above nine in ten."""
_FEWEST = 10
"""Verdicts below which nothing is said: that nine all turn round has a chance of one in 512."""
_FAR = 1e-3
"""Chance below which so many verdicts that turn round are none."""
_DECIDED = ("first", "second")


def audits_of(items: pl.DataFrame, another: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Hold ratings against length, place, another juror's, and nobody's.

    Parameters
    ----------
    items
        Of the task `jury`.
    another
        The same, with the outcome `other` of another juror on the same answer.
    """
    rated = items.filter(pl.col("rating").is_in(_DECIDED)).drop_nulls("answer")
    kinds = rated["rating"].value_counts()["count"].to_list() if rated.height else []
    scarcer = min(kinds) if len(kinds) == 2 else 0
    findings = [_cleared(length_of_satisfied(items, "rating", counting), rated, scarcer, (0.1, 0.9))]
    findings.append(_position(items, counting))
    for rows, other, label, what in (
        (another, "other", "shuffled persona", "rates as another juror rates the same answer"),
        (items, "nobody", "nobody", "rates as the judge without a persona"),
    ):
        both = rows.filter(pl.col("rating").is_in(_DECIDED), pl.col(other).is_in(_DECIDED))
        found = same_as_another(rows, "rating", other, counting, label=label, what=what)
        findings.append(_cleared(found, both, both.height, (-1.0, 0.9)))
    return findings


def turned_by_chance(turned: int, verdicts: int) -> float:
    """Give the chance that so many or more turn round, where each does with one half (binomial).

    Examples
    --------
    >>> turned_by_chance(10, 10) == 2**-10, turned_by_chance(0, 10)
    (True, 1.0)
    """
    return float(beta_cdf(turned, verdicts - turned + 1, 0.5)) if turned else 1.0


def _position(items: pl.DataFrame, counting: Counting) -> Finding:
    """Hold verdicts against the place of the options: over jurors and questions, and verdict by verdict."""
    found = position_rule(items, "rating", counting)
    rows = items.drop_nulls(["rating_p_shown_first", "rating_p_shown_second"])
    turned = rows.select(
        (pl.col("rating_p_shown_first") > 0.5) != (pl.col("rating_p_shown_second") > 0.5)
    ).to_series()
    chance = turned_by_chance(int(turned.sum()), rows.height)
    if rows.height >= _FEWEST and chance < _FAR:
        why = (
            f"{found.why}; or where, verdict by verdict, chance is less than one in a thousand: {chance:.1g}"
        )
        return msgspec.structs.replace(found, passed=False, why=why)
    return _cleared(found, rows, rows.height, (-1.0, 0.5))


def _cleared(found: Finding, rows: pl.DataFrame, verdicts: int, within: tuple[float, float]) -> Finding:
    """Do not pass what so few jurors, questions or verdicts cannot clear."""
    if not found.passed:
        return found
    few = min(rows["persona_id"].n_unique(), rows["prompt_id"].n_unique()) < _ENOUGH
    beyond = found.shortcut.defined and not within[0] <= found.shortcut.value <= within[1]
    if verdicts < _FEWEST:
        told = f"too few to tell: {verdicts} verdicts to hold it against, and {_FEWEST} are needed"
    elif few and beyond:
        told = f"too few to tell: beyond the limit, and fewer than {_ENOUGH} jurors or questions"
    else:
        return found
    return msgspec.structs.replace(found, passed=False, why=f"{found.why}; here {told}")
