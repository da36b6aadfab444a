"""The items of `overton`: a row a question and arm, with the scores of its sentences in its own window and in
another question's.

Arms of the model (`kind` model) are answers; controls are answers that nobody wrote: the question itself, and
the window itself, whose texts a matcher must recognise and tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.bench.elicit import questions
from populace.bench.task import Ask, Bench
from populace.bench.windows.judging import pairs_of, read_pairs
from populace.bench.windows.planning import FLOOR, QUESTION, WINDOW, Plan
from populace.bench.windows.sentences import sentences_of, words_of
from populace.models.records import Request, Result
from populace.pluralism.overton import Window, calibrate

__all__ = ["QUESTION", "WINDOW", "Row", "asked_of", "frame_of", "rows_of", "scored_by", "scored_from"]

Floats = npt.NDArray[np.float64]


class Row(NamedTuple):
    """An answer, and what it is held against."""

    arm: str
    kind: str
    place: int
    """Of its question."""
    answer: str | None
    sentences: list[str]
    cut: int
    """Sentences that are not matched, since they are too many."""
    floor: bool
    """Whether it is held against another question's window too."""


class Scored(NamedTuple):
    """What was found of an answer."""

    own: Floats
    other: Floats | None
    counts: tuple[int, int, int, int, int]
    """Pairs, ties, refused, failed, turned with the order, of its own window."""


def rows_of(plan: Plan, answers: Mapping[str, Mapping[int, str | None]]) -> list[Row]:
    """Lay out answers, by arm and place of the question, and controls."""
    found = []
    several = len(plan.windows) > 1
    for arm, texts in answers.items():
        for place, text in texts.items():
            said = sentences_of(text)
            cut = max(0, len(said) - plan.sentences)
            floor = several and place < plan.controls
            found.append(Row(arm, "model", place, text, said[: plan.sentences], cut, floor))
    for place, window in enumerate(plan.windows[: plan.controls]):
        found.append(Row(QUESTION, "control", place, window.question, [window.question], 0, False))
        found.append(Row(WINDOW, "control", place, "\n".join(window.texts), list(window.texts), 0, False))
    return found


def _parts(plan: Plan, rows: Sequence[Row]) -> Iterator[tuple[Window, list[str]]]:
    """List what is held against what: its own window, and the other where it is."""
    for row in rows:
        yield plan.windows[row.place], row.sentences
        if row.floor:
            yield plan.windows[plan.others[row.place]], row.sentences


def asked_of(bench: Bench, plan: Plan, rows: Sequence[Row]) -> Ask:
    """Ask the judge about every pair."""
    asked: list[Request | None] = []
    for window, sentences in _parts(plan, rows):
        asked += questions(pairs_of(bench, window, sentences))
    return Ask(stage="matches", to="judge", requests=asked)


def scored_from(
    bench: Bench, plan: Plan, rows: Sequence[Row], results: Sequence[Result | None]
) -> list[Scored]:
    """Read what the judge said."""
    found, start = [], 0

    def one(window: Window, row: Row) -> tuple[Floats, tuple[int, int, int, int, int]]:
        nonlocal start
        asked = pairs_of(bench, window, row.sentences)
        told = read_pairs(bench, window, row.sentences, asked, results[start : start + 2 * len(asked)])
        start += 2 * len(asked)
        return told.scores, (told.pairs, told.ties, told.refused, told.failed, told.turned)

    for row in rows:
        own, counts = one(plan.windows[row.place], row)
        other = one(plan.windows[plan.others[row.place]], row)[0] if row.floor else None
        found.append(Scored(own, other, counts))
    return found


def scored_by(plan: Plan, rows: Sequence[Row]) -> list[Scored]:
    """Score with a matcher that is not asked."""
    assert plan.matcher is not None
    parts = list(_parts(plan, rows))
    tables = iter(plan.matcher.scores([(window.texts, sentences) for window, sentences in parts]))
    found = []
    for row in rows:
        raw = next(tables)
        own = plan.windows[row.place].reduced(raw)
        other = plan.windows[plan.others[row.place]].reduced(next(tables)) if row.floor else None
        found.append(Scored(own, other, (raw.size, 0, 0, 0, 0)))
    return found


def frame_of(plan: Plan, rows: Sequence[Row], scored: Sequence[Scored]) -> pl.DataFrame:
    """Lay out everything that scores follow from."""
    threshold = plan.threshold
    if threshold is None:
        nowhere = [
            [each.other for each, row in zip(scored, rows, strict=True) if row.floor and row.sentences],
            [
                each.own
                for each, row in zip(scored, rows, strict=True)
                if (row.kind, row.arm) == ("control", QUESTION)
            ],
        ]
        threshold = max(
            calibrate([table for table in tables if table is not None], floor=FLOOR, rule=plan.rule)
            for tables in nowhere
            if tables
        )
    ids = [window.window_id for window in plan.windows]
    table = []
    for row, each in zip(rows, scored, strict=True):
        window = plan.windows[row.place]
        pairs, ties, refused, failed, turned = each.counts
        table.append(
            {
                "prompt_id": ids[row.place], "arm": row.arm, "kind": row.kind, "question": window.question,
                "topic": window.topic, "source": window.source, "answer": row.answer,
                "words": words_of(row.answer or ""), "sentences": row.sentences, "cut": row.cut,
                "lengths": [float(words_of(each)) for each in row.sentences],
                "perspectives": [view.title for view in window.perspectives],
                "owners": window.owners.tolist() if (row.kind, row.arm) == ("control", WINDOW) else None,
                "shares": None if window.weights is None else list(window.weights),
                "scores": _listed(each.own), "other_id": ids[plan.others[row.place]] if row.floor else None,
                "other_scores": None if each.other is None else _listed(each.other),
                "matcher": plan.name, "rule": plan.rule, "threshold": threshold, "at": plan.at,
                "pairs": pairs, "ties": ties, "refused": refused, "failed": failed, "turned": turned,
            }
        )  # fmt: skip
    return pl.DataFrame(table, schema=_SCHEMA)


def _listed(scores: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(each) else float(each) for each in row] for row in scores]


_TABLE = pl.List(pl.List(pl.Float64))
_SCHEMA = {
    "prompt_id": pl.String, "arm": pl.String, "kind": pl.String, "question": pl.String, "topic": pl.String,
    "source": pl.String, "answer": pl.String, "words": pl.Int64, "sentences": pl.List(pl.String),
    "cut": pl.Int64, "lengths": pl.List(pl.Float64), "perspectives": pl.List(pl.String),
    "owners": pl.List(pl.Int64), "shares": pl.List(pl.Float64), "scores": _TABLE, "other_id": pl.String,
    "other_scores": _TABLE, "matcher": pl.String, "rule": pl.String, "threshold": pl.Float64,
    "at": pl.List(pl.Int64), "pairs": pl.Int64, "ties": pl.Int64, "refused": pl.Int64, "failed": pl.Int64,
    "turned": pl.Int64,
}  # fmt: skip
