"""A leaderboard as one page: ranks with intervals, groups of tied models, every paired test, what differs.

The page holds no script and loads nothing. Ranks and ties come from one matrix of decisions, so the two
tables cannot contradict each other.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from populace.atomic import write_atomic
from populace.bench.compare import Board
from populace.report import html
from populace.report.text import estimate_text
from populace.stats import Estimate

__all__ = ["leaderboard_page"]


def leaderboard_page(board: Board, out: str | Path) -> Path:
    """Write the page: whole or not at all, the same bytes for the same board.

    Returns
    -------
    pathlib.Path
        Where it is.
    """
    path = Path(out)
    ranking = board.ranking
    low, high = _range(board)
    text = html.page(
        "leaderboard.html.jinja",
        board=board,
        title=f"{board.task}: {board.measure}",
        headline=_headline(board),
        models=[
            {
                "name": _named(model.name),
                "rank": _rank(model.rank),
                "score": estimate_text(model.score),
                "letters": model.letters,
                "n": f"{model.score.n:,}",
                "bar": _bar(model.score, low, high),
            }
            for model in ranking.models
        ],
        low=f"{low:.2f}",
        high=f"{high:.2f}",
        pairs=[
            {
                "a": _named(pair.a),
                "b": _named(pair.b),
                "difference": estimate_text(pair.difference),
                "p": "–" if math.isnan(pair.p_holm) else f"{pair.p_holm:.3g}",
                "apart": "yes" if pair.apart else "no",
                "shared": f"{shared.items:,}",
                "personas": f"{shared.personas:,}",
            }
            for pair, shared in zip(ranking.pairs, board.shared, strict=True)
        ],
        level=f"{ranking.level * 100:g} %",
    )
    write_atomic(path, text.encode())
    return path


def _named(name: str) -> tuple[str, str]:
    """Part a model's name from its revision, which is set smaller."""
    model, mark, revision = name.partition("@")
    return model, mark + revision


def _headline(board: Board) -> str:
    """Say in a sentence who leads, and how many with it."""
    first = board.ranking.groups[0] if board.ranking.groups else ()
    best = board.ranking.models[0].name
    tied = len(first) - 1 if best in first else 0
    shown = _named(best)[0] if len({_named(each.name)[0] for each in board.ranking.models}) > 1 else best
    if tied:
        others = "another model" if tied == 1 else f"{tied} other models"
        return f"{shown} has the best score, and {others} cannot be told from it."
    return f"{shown} has the best score, and every other model was told apart from it."


def _range(board: Board) -> tuple[float, float]:
    """Give the ends of the axis: zero to one where all scores lie between, else what they span."""
    ends = [
        end
        for model in board.ranking.models
        for end in (model.score.low, model.score.high)
        if not math.isnan(end)
    ]
    if not ends or (min(ends) >= 0 and max(ends) <= 1):
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _bar(score: Estimate, low: float, high: float) -> dict[str, Any] | None:
    """Place a score and its interval on an axis of 100; None without an interval."""
    if not score.defined or math.isnan(score.low):
        return None
    left, point, right = (100 * (end - low) / (high - low) for end in (score.low, score.value, score.high))
    return {"left": f"{left:.2f}", "width": f"{max(right - left, 0.4):.2f}", "point": f"{point:.2f}"}


def _rank(rank: Estimate) -> str:
    if not rank.defined:
        return "–"
    return f"{rank.low:.0f}" if rank.low == rank.high else f"{rank.low:.0f}–{rank.high:.0f}"
