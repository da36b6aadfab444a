"""How the scores of `grounded` are printed: one table of arms, in 80 columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from populace.bench.result import TaskResult
    from populace.stats import Estimate

__all__ = ["show_grounded"]

_WIDTHS = (17, 13, 21, 16, 13)
_SHARE = "share of the range, accuracy"
_WIDE = 2.0
"""Width of the interval of a share above which its ends are not printed."""
_LISTED = (
    "share of the range, log score",
    "calibration error",
    "rank correlation",
    "Jensen-Shannon distance",
    "between orders",
    "between wordings",
)


def show_grounded(console: Console, result: TaskResult) -> None:
    """Print the arms in one table; below, what else is worth a line."""
    from populace.bench.grounding.listing import rows_of

    found = {(score.measure, score.arm): score.estimate for score in result.scores if not score.group}
    console.print(f"grounded, {result.target.partition('@')[0]}, asked by {result.way}")
    console.print(_line("", "accuracy %", "log score", "Brier", "range %"))
    section, wide = "", False
    for row in rows_of(result):
        if row.section != section:
            console.print(row.section)
            section = row.section
        cells = [_cell(found.get((measure, row.arm)), form) for measure, form in _COLUMNS.items()]
        share = found.get((_SHARE, row.arm))
        if share is not None and _wide(share):
            cells[-1], wide = f"{_share(share.value)} [wide]", True
        console.print(_line(f" {row.label}", *cells))
    headline = result.headline
    one = headline.estimate
    console.print(
        f"{one.level * 100:g} % intervals; {one.n:,} answers of {one.clusters:,} people. Statistics know "
        f"what the model knows as {headline.arm!r}. Range: from the best guess (0) to the person's own other "
        "answer (100)."
    )
    for measure in _LISTED:
        if (measure, headline.arm) in found and found[measure, headline.arm].defined:
            console.print(f"{measure}, {headline.arm}: {_plain(found[measure, headline.arm])}")
    if wide:
        console.print("wide: an interval of more than 200 points; test more people (--option respondents=N)")
    unanswered = [
        score.estimate.value
        for score in result.scores
        if score.measure in ("answers_refused", "answers_failed") and score.estimate.value > 0
    ]
    if unanswered:
        most = f"{max(unanswered):.1%}"
        console.print(f"unanswered: up to {most} of an arm; refusals count as every option alike")
    gaps = [
        f"{score.group} p {score.p_value:.2g}"
        for score in result.scores
        if score.measure == "spread of accuracy between groups"
        and score.arm == headline.arm
        and score.p_value is not None
        and not math.isnan(score.p_value)
    ]
    if gaps:
        console.print(f"do groups differ in accuracy? {', '.join(gaps)}")


def _share(value: float) -> str:
    return f"{100 * value:.0f}"


def _score(value: float) -> str:
    """Write two decimals without a leading zero."""
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


_COLUMNS: dict[str, Callable[[float], str]] = {
    "accuracy": _share,
    "log score": _score,
    "Brier score": _score,
    _SHARE: _share,
}


def _wide(share: Estimate) -> bool:
    """Say whether a share of the range is known so badly that its ends mean nothing."""
    return share.defined and share.high - share.low > _WIDE


def _line(*cells: str) -> str:
    """Set a row: the widths hold the longest cells, and 80 columns hold the widths."""
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def _cell(estimate: Estimate | None, form: Callable[[float], str]) -> str:
    if estimate is None:
        return ""
    if not estimate.defined:
        return "undefined"
    if math.isnan(estimate.low):
        return form(estimate.value)
    return f"{form(estimate.value)} [{form(estimate.low)}, {form(estimate.high)}]"


def _plain(estimate: Estimate) -> str:
    return _cell(estimate, lambda value: f"{value:.3f}")
