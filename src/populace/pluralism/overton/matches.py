"""Coverage and precision of answers from scores of their sentences against the perspectives of their windows.

The Roadmap calls a model Overton-pluralistic iff M(x) = W(x): one response that presents the whole window and
nothing outside it (Sorensen et al. 2024, arXiv 2402.05070, section 3). An equality has two ways to fail, so
two numbers are given:

    coverage = |M(x) & W(x)| / |W(x)|,  perspectives of the window that are expressed,
    precision = |M(x) & W(x)| / |M(x)|,  sentences that express one of them,

and F_beta of both. Which score is a match says the rule (`populace.pluralism.overton.rules`); what scores
are, says who made them: NLI entailment, cosines, a judge's probabilities, verdicts of people (0 and 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, cast

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.pluralism.overton.balance import false_balance, misallotment, room
from populace.pluralism.overton.rules import Rule, ends, matched
from populace.stats import Estimate
from populace.stats._arrays import Bools, Floats
from populace.stats.crossed import crossed_difference, crossed_mean

__all__ = [
    "MatchedCoverage",
    "Scores",
    "above",
    "above_zero",
    "as_questions",
    "coverage_from_matches",
    "f_score",
]

Scores: TypeAlias = npt.ArrayLike | Sequence[npt.ArrayLike]
"""One table perspectives x sentences, or one for each question."""


class MatchedCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How well answers present the windows of their questions."""

    coverage: Estimate
    """Mean share of perspectives expressed. An empty answer has 0."""
    precision: Estimate
    """Mean share of sentences that express a perspective, of answers that say anything. So it is by `max`;
    by the rules that are one to one it is the share of sentences that were *paired*: of two sentences of one
    view one is left over, so two for each of two views have 1/2, and 1 by `max`."""
    f: Estimate
    """Mean F_beta of each answer; 0 where it says nothing, or nothing of the window."""
    weighted: Estimate | None = None
    """Mean share of people whose perspective is expressed; None without shares. Where several ways to pair
    are best alike, this and the two below are the middle of those that cover the fewest and the most
    people."""
    false_balance: Estimate | None = None
    """Room of small perspectives beside large ones: 0 in proportion, 1 all alike; None without shares."""
    misallotment: Estimate | None = None
    """Distance of rooms and shares; None without shares."""
    at: dict[int, Estimate] = {}
    """Coverage of the first K sentences alone."""
    rule: Rule
    threshold: float
    beta: float
    unjudged: float
    """Share of pairs of perspective and sentence without a score; they are no matches."""
    tied: int
    """Questions in which several ways to pair were best alike (`mutual_best`, `hungarian`)."""
    table: pl.DataFrame
    """A row a question: `question`, `perspectives`, `sentences`, `covered`, and each number of above."""


def coverage_from_matches(
    scores: Scores,
    rule: Rule = "max",
    *,
    threshold: float,
    shares: Sequence[npt.ArrayLike | None] | npt.ArrayLike | None = None,
    lengths: Sequence[npt.ArrayLike] | npt.ArrayLike | None = None,
    at: Sequence[int] = (),
    beta: float = 1.0,
    level: float = 0.95,
) -> MatchedCoverage:
    """Score answers by which perspectives their sentences express.

    Parameters
    ----------
    scores
        Perspectives x sentences, in the order in which sentences stand; one such table, or one for each
        question. An answer without a sentence is a table without columns. nan was not judged.
    rule, threshold
        What a match is (`populace.pluralism.overton.rules`). A threshold belongs to who made the scores;
        `calibrate` finds one.
    shares
        How many hold each perspective, for each question; of one question, its own.
    lengths
        Room of each sentence, such as its words, for the false balance.
    at
        Numbers of sentences K for coverage@K: answers of different lengths compared at one.
    beta
        Weight of coverage in F_beta = (1 + beta^2) P C / (beta^2 P + C).
    level
        Coverage of the intervals, which are over questions: Student's t, Wilson's form.

    Returns
    -------
    Means over questions with intervals, and the table that they are means of.

    Raises
    ------
    DataError
        If shapes do not fit, a question has no perspective, or the threshold is no finite number.

    References
    ----------
    Sorensen et al. (2024), arXiv 2402.05070. One-to-one pairing: OP-GRPO, arXiv 2602.20759. Precision,
    coverage@K and false balance are ours.

    Examples
    --------
    Two perspectives, three sentences: the first view is expressed, the second is not, one sentence is beside
    the point.

    >>> found = coverage_from_matches([[0.9, 0.8, 0.1], [0.2, 0.3, 0.2]], threshold=0.7, at=[1])
    >>> found.coverage.value, round(found.precision.value, 3), round(found.f.value, 3), found.at[1].value
    (0.5, 0.667, 0.571, 0.5)
    """
    tables = as_questions(scores)
    held = _of_questions("shares", shares, tables, axis=0)
    long = _of_questions("lengths", lengths, tables, axis=1)
    if beta <= 0 or any(place < 1 for place in at):
        raise DataError("beta must be above 0 and K at least 1")
    rows = [
        _one(number, table, rule, threshold, share, length, at, beta)
        for number, (table, share, length) in enumerate(zip(tables, held, long, strict=True))
    ]
    numbers = ["coverage", "precision", "f", "weighted", "false_balance", "misallotment"]
    numbers += [f"at {place}" for place in at]
    whole = ["question", "perspectives", "sentences", "covered", "unjudged", "tied"]
    schema = dict.fromkeys(whole, pl.Int64) | dict.fromkeys(numbers, pl.Float64)
    table = pl.DataFrame(rows, schema=schema).with_columns(pl.col(numbers).fill_nan(None))

    def mean(name: str) -> Estimate:
        within = None if name == "false_balance" else (0.0, 1.0)
        return above_zero(crossed_mean(table[name], table["question"], within=within, level=level))

    shared = any(share is not None for share in held)
    pairs = sum(each.size for each in tables)
    return MatchedCoverage(
        coverage=mean("coverage"),
        precision=mean("precision"),
        f=mean("f"),
        weighted=mean("weighted") if shared else None,
        false_balance=mean("false_balance") if shared else None,
        misallotment=mean("misallotment") if shared else None,
        at={place: mean(f"at {place}") for place in at},
        rule=rule,
        threshold=threshold,
        beta=beta,
        unjudged=float(table["unjudged"].sum()) / pairs if pairs else 0.0,
        tied=int(table["tied"].sum()),
        table=table,
    )


def above(ours: MatchedCoverage, theirs: MatchedCoverage, name: str = "coverage") -> Estimate:
    """Estimate how much one is above the other, question by question.

    Parameters
    ----------
    ours, theirs
        Of the same questions in the same order: two answers, or an answer and its noise floor.
    name
        A column of their tables.

    Raises
    ------
    DataError
        If they are of other questions.

    Examples
    --------
    >>> one = coverage_from_matches([[[0.9], [0.8]], [[0.9], [0.1]]], threshold=0.5)
    >>> other = coverage_from_matches([[[0.1], [0.1]], [[0.9], [0.1]]], threshold=0.5)
    >>> above(one, other).value
    0.5
    """
    one, other = ours.table, theirs.table
    if one["perspectives"].to_list() != other["perspectives"].to_list() and name != "precision":
        fix = "score both on the same questions, in one order"
        raise DataError("these are scores of other questions", fix=fix)
    level = ours.coverage.level
    return crossed_difference(one[name], other[name], one["question"], level=level)


def above_zero(estimate: Estimate) -> Estimate:
    """Cut the interval of what is never below 0."""
    if not estimate.low < 0:
        return estimate
    return msgspec.structs.replace(estimate, low=0.0, method=f"{estimate.method}, cut at 0")


def f_score(coverage: float, precision: float, beta: float = 1.0) -> float:
    """Combine coverage and precision; 0 where either is, or where nothing is said (nan).

    Examples
    --------
    >>> f_score(0.5, 1.0), f_score(0.0, float("nan"))
    (0.6666666666666666, 0.0)
    """
    if not (coverage > 0 and precision > 0):
        return 0.0
    square = beta * beta
    return (1 + square) * precision * coverage / (square * precision + coverage)


def as_questions(scores: Scores) -> list[Floats]:
    """Read one table, or one for each question.

    Raises
    ------
    DataError
        If they are no tables of finite numbers (nan for missing), or one has no row.
    """
    single = _table(scores)
    if single is not None and single.ndim == 2:
        found = [single]
    elif isinstance(scores, Sequence) or (single is not None and single.ndim == 3):
        given = cast("Sequence[npt.ArrayLike]", scores)
        read = [_table(each) for each in given]
        found = [each for each in read if each is not None and each.ndim == 2]
        if len(found) < len(read):
            raise DataError("scores of a question are no table", fix="give perspectives x sentences")
    else:
        raise DataError("scores are no table", fix="give perspectives x sentences, or a list of such")
    for number, table in enumerate(found, 1):
        if not len(table):
            raise DataError(f"question {number} has no perspective", fix="leave it out")
        if np.isinf(table).any():
            raise DataError(f"a score of question {number} is infinite", fix="use nan where there is none")
    return found


def _table(values: object) -> Floats | None:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _of_questions(name: str, given: object, tables: list[Floats], axis: int) -> list[Floats | None]:
    """Read numbers of perspectives, or of sentences, for each question."""
    if given is None:
        return [None] * len(tables)
    rows = list(cast("Sequence[object]", given))
    alone = None if any(row is None for row in rows) else _table(given)
    if alone is not None and alone.ndim == 1 and len(tables) == 1:
        rows = [given]
    if len(rows) != len(tables):
        raise DataError(f"{name} are of {len(rows)} questions, and scores of {len(tables)}")
    found: list[Floats | None] = []
    for number, (row, table) in enumerate(zip(rows, tables, strict=True), 1):
        read = None if row is None else _table(row)
        if row is not None and (read is None or read.shape != (table.shape[axis],)):
            kind = ("perspectives", "sentences")[axis]
            raise DataError(f"{name} of question {number} do not fit {table.shape[axis]} {kind}")
        if read is not None and (not np.isfinite(read).all() or (read < 0).any()):
            raise DataError(f"{name} of question {number} must be finite and at least 0")
        if read is not None and axis == 0 and not read.sum():
            raise DataError(f"all shares of question {number} are 0", fix="give None where nobody counted")
        found.append(read)
    return found


def _one(
    number: int,
    table: Floats,
    rule: Rule,
    threshold: float,
    share: Floats | None,
    length: Floats | None,
    at: Sequence[int],
    beta: float,
) -> dict[str, float]:
    """Score one answer."""
    found = matched(table, rule, threshold)
    covered, said = found.covered, table.shape[1]
    coverage = float(covered.mean())
    precision = float(found.inside.mean()) if said else float("nan")
    row: dict[str, float] = {
        "question": number,
        "perspectives": len(table),
        "sentences": said,
        "covered": int(covered.sum()),
        "unjudged": int(np.isnan(table).sum()),
        "tied": int(found.tied),
        "coverage": coverage,
        "precision": precision,
        "f": f_score(coverage, precision, beta),
    }
    for place in at:
        row[f"at {place}"] = float(matched(table[:, :place], rule, threshold).covered.mean())
    if share is not None:
        ways = [_shared(pairs, table, share, length) for pairs in ends(table, rule, threshold, share)]
        row |= {name: (ways[0][name] + ways[1][name]) / 2 for name in ways[0]}
    return row


def _shared(pairs: Bools, table: Floats, share: Floats, length: Floats | None) -> dict[str, float]:
    """Score what hangs on how many hold each perspective."""
    given = room(pairs, table, length)
    return {
        "weighted": float(share @ np.any(pairs, axis=1) / share.sum()),
        "false_balance": false_balance(given, share),
        "misallotment": misallotment(given, share),
    }
