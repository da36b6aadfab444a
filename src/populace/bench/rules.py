"""Rules that know nobody, held against verdicts: length, place, no persona, another persona, copies.

Each gives a `Finding`, decided by the ends of an interval over personas and questions and not by a value
alone, so that a few items neither clear a judge nor convict it. A task that has the verdicts asks for it.
Where there are no verdicts to hold a rule against, the audit was not made, and does not pass.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.bench.result import Finding
from populace.bench.scoring import mean_of, rate
from populace.bench.task import Counting
from populace.stats import Estimate
from populace.stats.crossed import crossed_estimate

__all__ = [
    "copying",
    "length_of_satisfied",
    "length_rule",
    "longer_share",
    "position_rule",
    "same_as_another",
    "words_in",
]

Floats = npt.NDArray[np.float64]
_MOST = 0.9
"""Share of verdicts above which a rule alone explains them."""
_HALF = 0.5
_FEWEST = 10
"""Answers of either kind, and personas, below which nothing is said of their lengths."""
_DECIDED = ("first", "second")
_VERDICTS = (*_DECIDED, "tie")
_ELSE = "; also where there is nothing to hold it against"


def words_in(column: str) -> pl.Expr:
    """Count the words of a column of texts.

    Examples
    --------
    >>> pl.DataFrame({"answer": ["two words", ""]}).select(words_in("answer"))["answer"].to_list()
    [2, 0]
    """
    return pl.col(column).str.count_matches(r"\S+")


def longer_share(items: pl.DataFrame, name: str, one: str, other: str, counting: Counting) -> Estimate:
    """Estimate how often the longer of two answers was chosen, of decided choices between unequal ones.

    Parameters
    ----------
    items
        `persona_id` and `prompt_id`, the outcome `name`, and the texts `one` (the first option) and `other`.

    Examples
    --------
    >>> rows = pl.DataFrame({"persona_id": ["a", "b"], "said": ["first", "second"]})
    >>> rows = rows.with_columns(one=pl.lit("two words"), other=pl.lit("word"))
    >>> longer_share(rows, "said", "one", "other", Counting()).value
    0.5
    """
    rows = items.filter(pl.col(name).is_in(_DECIDED)).with_columns(one=words_in(one), other=words_in(other))
    rows = rows.filter(pl.col("one") != pl.col("other"))
    longer = (rows["one"] > rows["other"]) == (rows[name] == "first")
    return rate(rows, longer, counting)


def length_rule(
    items: pl.DataFrame, name: str, one: str, other: str, counting: Counting, *, label: str = ""
) -> Finding:
    """Hold choices between two answers against the longer one, and against the shorter.

    Parameters are those of `longer_share`; `label` is whose choices they are.
    """
    found = longer_share(items, name, one, other, counting)
    there = items[name].is_in(_VERDICTS).any()
    return Finding(
        name=_named("length rule", label),
        what="prefers the longer answer, or the shorter",
        shortcut=found,
        passed=there and not (found.defined and (found.low > _MOST or found.high < 1 - _MOST)),
        why=f"fails where length alone tells more than nine in ten choices, and the interval says so{_ELSE}",
    )


def length_of_satisfied(items: pl.DataFrame, name: str, counting: Counting, *, label: str = "") -> Finding:
    """Hold verdicts on single answers against their length, whatever length is the judge's limit.

    The measure is the chance that of an answer that suits and one that does not the first is the longer, half
    for equal ones (area under the curve). What an answer moves it by is that of DeLong, DeLong and
    Clarke-Pearson (1988, doi:10.2307/2531595), summed over its persona and its question (over one kind of
    cluster: Obuchowski 1997, Biometrics 53).

    Parameters
    ----------
    items
        `persona_id`, `answer`, and the outcome `name`, of which `first` says that it suits.
    """
    rows = items.filter(pl.col(name).is_in(_DECIDED)).drop_nulls("answer")
    words = rows.select(words_in("answer")).to_series().to_numpy().astype(np.float64)
    suits = (rows[name] == "first").to_numpy()
    shared = [rows[each] for each in ("persona_id", "prompt_id") if each in rows.columns]
    found = crossed_estimate(*_area(words, suits), *shared, within=(0.0, 1.0), level=counting.level)
    enough = min(int(suits.sum()), int((~suits).sum()), found.clusters) >= _FEWEST
    settled = enough and found.defined and (found.low > _MOST or found.high < 1 - _MOST)
    return Finding(
        name=_named("length rule", label),
        what="calls the longer answers suitable, or the shorter: how often, of a suitable answer and another,"
        " the suitable is the longer",
        shortcut=found,
        passed=items[name].is_in(_VERDICTS).any() and not settled,
        why=f"fails where length alone tells more than nine in ten of them, and the interval says so{_ELSE}",
    )


def position_rule(items: pl.DataFrame, name: str, counting: Counting, *, label: str = "") -> Finding:
    """Hold verdicts against the place of the options: how many turn round with the order.

    Parameters
    ----------
    items
        `persona_id`, and the probabilities `<name>_p_shown_first` and `<name>_p_shown_second`.
    """
    first, second = (pl.col(f"{name}_p_shown_{which}") > 0.5 for which in ("first", "second"))
    found = rate(items, items.select(first != second).to_series(), counting)
    return Finding(
        name=_named("position rule", label),
        what="chooses by the place an answer is shown in",
        shortcut=found,
        passed=found.defined and not found.low > _HALF,
        why=f"fails where most verdicts turn round with the order, and the interval says so{_ELSE}",
    )


def same_as_another(
    items: pl.DataFrame, name: str, other: str, counting: Counting, *, label: str, what: str
) -> Finding:
    """Hold a persona's verdicts against those of another, or of nobody, about the same answers.

    Parameters
    ----------
    items
        `persona_id`, and the outcomes `name` and `other`.
    label
        Name of the finding.
    what
        Who the other is.
    """
    both = items.filter(pl.col(name).is_in(_VERDICTS), pl.col(other).is_in(_VERDICTS))
    rows = both.filter(pl.col(name).is_in(_DECIDED), pl.col(other).is_in(_DECIDED))
    found = rate(rows, rows[name] == rows[other], counting)
    return Finding(
        name=label,
        what=what,
        shortcut=found,
        passed=both.height > 0 and not (found.defined and found.low > _MOST),
        why="fails where more than nine in ten verdicts are the same, and the interval says so: then the"
        f" verdicts are not the persona's{_ELSE}",
    )


def copying(items: pl.DataFrame, counting: Counting, *, beside: Estimate | None = None) -> Finding:
    """Hold a score against answers that repeat the description of the person.

    Parameters
    ----------
    items
        `persona_id` and `copied`: the share of an answer's runs of three words that the description has too
        (`populace.bench.wording.copied`), null where there is no answer, or one of fewer words; `answer`
        tells which.
    """
    there = "answer" not in items.columns or items["answer"].count() > 0
    found = mean_of(items.with_columns(pl.col("copied").fill_nan(None)), "copied", counting)
    return Finding(
        name="copies of the description",
        what="share of an answer's runs of three words that the description has too",
        shortcut=found,
        beside=beside,
        passed=there and not (found.defined and found.value > _HALF),
        why="fails where more than half are the description's: then descriptions are judged, not answers"
        f"{_ELSE}",
    )


def _named(rule: str, label: str) -> str:
    return f"{rule}, {label}" if label else rule


def _area(words: Floats, suits: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """Give the area under the curve of a length, and what each answer moves it by."""
    yes, no = np.sort(words[suits]), np.sort(words[~suits])
    moved = np.zeros(len(words))
    if not (len(yes) and len(no)):
        return np.nan, moved

    def below(others: Floats, length: Floats) -> Floats:
        left, right = (np.searchsorted(others, length, side) for side in ("left", "right"))
        return (left + right) / 2 / len(others)

    longer = below(no, words[suits])
    value = float(longer.mean())
    moved[suits] = (longer - value) / len(yes)
    moved[~suits] = (1 - below(yes, words[~suits]) - value) / len(no)
    return value, moved
