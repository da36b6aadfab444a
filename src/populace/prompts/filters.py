"""PERSONA's filters on opening prompts, each named, each removal counted.

Castricato et al. (arXiv:2407.17387, section 3) keep 3,868 of PRISM's 8,011 opening prompts: those with a
question mark, of at least five words, that GPT-4 calls controversial. The first two are the same here.
For the third, a prompt's own grade is used where it has one; the others are graded by the word list of
`populace.prompts.controversy`, which is weak and says so.
"""

from __future__ import annotations

import msgspec
import polars as pl

from populace.errors import DataError
from populace.prompts.controversy import score

__all__ = ["FilterReport", "FilterStep", "filter"]


class FilterStep(msgspec.Struct, frozen=True):
    """One filter and what it did."""

    name: str
    """What a prompt must be, for example `at least 5 words`."""
    removed: int
    """Prompts that passed every filter before this one and failed it."""


class FilterReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of the filters removed. `total` is `kept` plus everything the steps removed.

    Examples
    --------
    >>> print(FilterReport(total=5, kept=3, steps=(FilterStep("question mark", 2),), scored=0))
    3 of 5 prompts kept; removed: question mark 2
    """

    total: int
    kept: int
    steps: tuple[FilterStep, ...]
    """The filters in the order in which they ran."""
    scored: int
    """Prompts without a grade of their own whose controversy the word list had to judge."""

    def __str__(self) -> str:
        removed = ", ".join(f"{step.name} {step.removed}" for step in self.steps)
        return f"{self.kept} of {self.total} prompts kept; removed: {removed or 'nothing asked'}"


def filter(
    frame: pl.DataFrame,
    question: bool = True,
    min_words: int = 5,
    min_controversy: int | None = None,
) -> tuple[pl.DataFrame, FilterReport]:
    """Keep the prompts that pass every filter, in their order, and count what each filter removed.

    Parameters
    ----------
    frame
        Prompts, with the columns `text` and `controversy`.
    question
        Ask for a question mark (Latin, full-width or Arabic).
    min_words
        Least number of words: runs of non-space characters that hold a letter or a digit. 0 asks nothing.
    min_controversy
        Least grade, 0 (none) to 3 (divisive). None asks nothing.

    Returns
    -------
    tuple of pl.DataFrame and FilterReport
        The kept rows of `frame`, columns unchanged, and the counts.

    Raises
    ------
    DataError
        If a bound is out of range.

    Examples
    --------
    >>> from populace.prompts import Prompt, to_frame
    >>> texts = ["Hello", "Who are you?", "Should abortion be legal everywhere?", "When does the bank open?"]
    >>> table = to_frame(Prompt(text=text, source="mine", split="train") for text in texts)
    >>> kept, report = filter(table, min_controversy=1)
    >>> kept["text"].to_list()
    ['Should abortion be legal everywhere?']
    >>> [(step.name, step.removed) for step in report.steps], report.scored
    ([('question mark', 1), ('at least 5 words', 1), ('controversy at least 1', 1)], 2)
    """
    if min_words < 0:
        raise DataError(f"at least {min_words} words cannot be asked for", fix="give 0 or more")
    if min_controversy is not None and not 0 <= min_controversy <= 3:
        raise DataError(f"controversy {min_controversy} is not a grade", fix="give 0, 1, 2 or 3")
    kept, steps, scored = frame, [], 0

    def step(name: str, passes: pl.Expr | pl.Series) -> None:
        nonlocal kept
        before = kept.height
        kept = kept.filter(passes)
        steps.append(FilterStep(name, before - kept.height))

    if question:
        step("question mark", pl.col("text").str.contains("[?？؟]"))
    if min_words:
        step(f"at least {min_words} words", pl.col("text").str.count_matches(r"\S*\w\S*") >= min_words)
    if min_controversy is not None:
        scored = kept["controversy"].null_count()
        grades = kept["controversy"].fill_null(score(kept["text"]))
        step(f"controversy at least {min_controversy}", grades >= min_controversy)
    return kept, FilterReport(total=frame.height, kept=kept.height, steps=tuple(steps), scored=scored)
