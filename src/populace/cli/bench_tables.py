"""How scores and leaderboards are printed: narrow enough for a terminal of 80 columns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from populace.canonical import content_hash
from populace.report.text import estimate_text

if TYPE_CHECKING:
    from rich.console import Console

    from populace.bench.compare import Board
    from populace.bench.result import Score, TaskResult
    from populace.stats import Estimate

__all__ = ["show_board", "show_result"]

_UNDECIDED = ("_tie", "_refused", "_failed", "_unasked")
_FEW = ("small cell", "few people")
_PERSON = ("person", "people")
_PEOPLE = ("cluster", "person", "persona", "people")
"""What a method calls clusters that are people."""
_NOTES = 12
"""Notes that are printed in full; of more, the file has them."""


def show_result(result: TaskResult) -> None:
    """Print scores and findings."""
    from rich.console import Console
    from rich.table import Table

    if result.task == "grounded":
        from populace.cli.grounded_table import show_grounded

        # What models and files say is no markup.
        console = Console(highlight=False, markup=False)
        show_grounded(console, result)
        _findings(console, result)
        return
    # Shares of ties, refusals and failures that are nothing would fill the page; the file has them.
    scores = [score for score in result.scores if not _nothing(score)]
    counts = Counter((score.estimate.n, score.estimate.clusters) for score in scores)
    headline = result.scores[0].estimate if result.scores else None
    usual = (headline.n, headline.clusters) if headline else (0, 0)
    several = len(counts) > 1
    subject = _subject(result)
    kind = (headline and _clusters(headline, result)) or _PERSON
    table = Table(title=f"{result.task}, {subject}", box=None)
    table.add_column("measure", overflow="fold")
    table.add_column("of", overflow="fold")
    table.add_column("estimate", no_wrap=True)
    table.add_column("p", no_wrap=True)
    notes, short = (
        _notes(scores),
        _short([result.target, result.judge, *result.settings.get("also", {}).values()]),
    )
    if several:
        table.add_column(f"n/{kind[1]}", justify="right", no_wrap=True)
    if notes:
        table.add_column("note", justify="right", no_wrap=True)
    for score in scores:
        mark = " †" if score.note.startswith(_FEW) else ""
        number = f"({notes.index(score.note) + 1})" if score.note in notes else ""
        row = [score.measure, _of(score, short), estimate_text(score.estimate) + mark, _p(score.p_value)]
        own = (score.estimate.n, score.estimate.clusters)
        row += ["" if own == usual else _own(score.estimate, result, kind)] if several else []
        table.add_row(*row, *([number] if notes else []))
    # What models and files say is no markup.
    console = Console(highlight=False, markup=False)
    console.print(table)
    level = f"{headline.level * 100:g} %" if headline else "no"
    beside = " unless said otherwise" if several else ""
    console.print(f"{level} intervals; {_many(*usual, kind)}{beside}")
    if len(scores) < len(result.scores):
        console.print("ties, refusals and failures that are not listed: none")
    if any(score.note.startswith(_FEW) for score in result.scores):
        console.print("† few people: the estimate says little by itself")
    for number, note in enumerate(notes, 1):
        console.print(f"({number}) {note}")
    _findings(console, result)


def show_board(board: Board) -> None:
    """Print a leaderboard: ranks, ties, and every paired test."""
    from rich.console import Console
    from rich.table import Table

    ranking = board.ranking
    arm = f", {board.arm}" if board.arm else ""
    better = "" if board.higher_is_better else " (lower is better)"
    table = Table(title=f"{board.task}{arm}: {board.measure}{better}", box=None)
    for name in ("rank", "model", "score", "tied"):
        table.add_column(name, overflow="fold", no_wrap=name != "model")
    for model in ranking.models:
        table.add_row(_rank(model.rank), model.name, estimate_text(model.score), model.letters)
    tests = Table(title="Paired differences, first less second", box=None)
    for name in ("first", "second", "difference", "p (Holm)", "items"):
        tests.add_column(name, overflow="fold", no_wrap=name not in ("first", "second"))
    for pair, shared in zip(ranking.pairs, board.shared, strict=True):
        tests.add_row(pair.a, pair.b, estimate_text(pair.difference), _p(pair.p_holm), f"{shared.items:,}")
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print("Models that share a letter were not told apart; that is not to say they are equal.")
    console.print(tests)
    console.print(f"{ranking.level * 100:g} % intervals; {ranking.method}")
    if board.judge:
        console.print(f"judge: {board.judge}")
    for difference in board.differences:
        console.print(f"the runs differ in {difference}")
    for warning in board.warnings:
        console.print(f"note: {warning}")


def _notes(scores: Iterable[Score]) -> list[str]:
    """List the notes that are printed in full: not those of cells, which differ one by one."""
    told = (score.note for score in scores if not score.note.startswith(("raw", *_FEW)))
    notes = list(dict.fromkeys(note for note in told if note))
    return notes if len(notes) <= _NOTES else notes[:_NOTES]


def _short(models: Iterable[str | None]) -> dict[str, str]:
    """Shorten models to what stands before their revision, where that still tells them apart."""
    names = {name: name.partition("@")[0] for name in models if name}
    counts = Counter(names.values())
    return {name: short for name, short in names.items() if counts[short] == 1}


def _of(score: Score, short: Mapping[str, str]) -> str:
    """Name arm and group; a cell says the attributes of its crossing itself."""
    if score.group.startswith(f"{score.arm.partition(',')[0]}="):
        return score.group
    arm = " × ".join(short.get(name, name) for name in score.arm.split(" × "))
    return ": ".join(part for part in (arm, score.group) if part)


def _nothing(score: Score) -> bool:
    """Say whether a score counts what was not decided, and there was none."""
    return score.measure.endswith(_UNDECIDED) and score.estimate.value == 0


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "-" if math.isnan(value) else f"{value:.3g}"


def _subject(result: TaskResult) -> str:
    """Say whose run it is: the model's, the judge's, or of the file in which all scores were given."""
    if result.target or result.judge:
        return result.target or f"judged by {result.judge}"
    options = result.settings.get("options", {})
    return ", ".join(str(options[name]) for name in result.settings.get("files", {}) if name in options)


def _clusters(estimate: Estimate, result: TaskResult) -> tuple[str, str] | None:
    """Say what the clusters of an estimate are, one and several: people, unless its method says otherwise.

    None where the method tells nothing, as of an estimate without an interval.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_front import trade_off_result
    >>> result = trade_off_result()
    >>> _clusters(result.scores[0].estimate, result)
    ('question', 'questions')
    """
    method = estimate.method
    if told := re.match(r"(\w+) bootstrap|two-way \((\w+?)s? and", method):
        unit = told[1] or told[2]
        return _PERSON if unit in _PEOPLE else (unit, f"{unit}s")
    if method.startswith("no interval"):
        return None
    # Of one kind of clusters, in items of nobody, they are questions.
    alone = " x " not in method and result.personas == content_hash([])
    return ("question", "questions") if alone or "question" in method else _PERSON


def _own(estimate: Estimate, result: TaskResult, usual: tuple[str, str]) -> str:
    """Count what an estimate stands on, and name its clusters where they are not those of the headline."""
    kind = _clusters(estimate, result) or usual
    told = "" if kind == usual else f" {kind[estimate.clusters != 1]}"
    return f"{estimate.n:,}/{estimate.clusters:,}{told}"


def _many(items: int, clusters: int, kind: tuple[str, str] = _PERSON) -> str:
    one, few = "item" if items == 1 else "items", kind[clusters != 1]
    return f"{items:,} {one} of {clusters:,} {few}"


def _rank(rank: Estimate) -> str:
    if not rank.defined:
        return "-"
    span = f"{rank.low:.0f}" if rank.low == rank.high else f"{rank.low:.0f}-{rank.high:.0f}"
    return f"{rank.value:.0f} ({span})"


def _findings(console: Console, result: TaskResult) -> None:
    if result.judge_is_target:
        console.print("The model judged its own answers.")
    for finding in result.findings:
        untested = " (nothing to test)" * (not finding.shortcut.defined)
        if finding.passed:
            console.print(f"audit {finding.name}: passed{untested}; {estimate_text(finding.shortcut)}")
        else:
            console.print(f"audit {finding.name}: FAILED{untested}; {finding.shortcut} ({finding.why})")
    if result.failed:
        failed = ", ".join(f"{count:,} {name}" for name, count in result.failed.items())
        console.print(f"calls without an answer: {failed}")
    if not result.headline.estimate.defined:
        console.print("no headline: nothing was scored, so nothing passed")
