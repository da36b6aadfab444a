"""A language model as the matcher: does this sentence express this view?

Every pair of perspective and sentence is a question with two options, asked in both orders
(`populace.bench.elicit`); its score is the probability that the sentence expresses the view, averaged over
the orders as log-odds. A match is what lies above one half by more than the margin of a tie, so ties are no
matches; refusals and failed calls have no score. Ties, refusals, failures and verdicts that turn with the
order are counted beside.

By likelihood nothing is asked: the sentence is scored as what a person says who holds the view, beside nobody
in particular, against a sentence that says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from populace.bench.elicit import Question, Verdict, contrasted, role, shown, verdicts
from populace.bench.task import Bench
from populace.models.records import Result
from populace.pluralism.overton import Window

__all__ = ["EXPRESSES", "Judged", "pairs_of", "read_pairs"]

EXPRESSES = (
    "The sentence expresses this view, or says that people hold it.",
    "The sentence does not express this view.",
)
"""The two options about a sentence."""
_NOTHING = "There is much to be said about this."


class Judged(NamedTuple):
    """What became of the pairs of one answer."""

    scores: npt.NDArray[np.float64]
    """Shape (perspectives, sentences)."""
    pairs: int
    ties: int
    refused: int
    failed: int
    turned: int
    """Verdicts that turn round with the order."""


def pairs_of(bench: Bench, window: Window, sentences: Sequence[str]) -> list[Question]:
    """Ask about every text of a window and every sentence, text by text."""
    if bench.way == "likelihood":
        return [
            contrasted(
                bench,
                (role(f"You hold this view: {view}"), role(None)),
                window.question,
                (sentence, _NOTHING),
            )
            for view in window.texts
            for sentence in sentences
        ]
    return [
        shown(
            bench,
            role(None),
            "expresses",
            {"prompt": window.question, "view": view, "sentence": sentence},
            EXPRESSES,
        )
        for view in window.texts
        for sentence in sentences
    ]


def read_pairs(
    bench: Bench,
    window: Window,
    sentences: Sequence[str],
    asked: Sequence[Question],
    results: Sequence[Result | None],
) -> Judged:
    """Read the results of `pairs_of`."""
    told = verdicts(bench, asked, results)
    p = np.array([np.nan if each.p is None else each.p for each in told], dtype=np.float64)
    table = p.reshape(len(window.texts), len(sentences))

    def count(outcome: str) -> int:
        return sum(each.outcome == outcome for each in told)

    return Judged(
        scores=np.round(window.reduced(table), 6),
        pairs=len(told),
        ties=count("tie"),
        refused=count("refused"),
        failed=count("failed"),
        turned=sum(map(_turned, told)),
    )


def _turned(verdict: Verdict) -> bool:
    one, other = verdict.orders
    return one is not None and other is not None and (one > 0.5) != (other > 0.5)
