"""The progress of a stage: a live bar on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self, TextIO

from populace.run.figures import RunStats
from populace.run.journal import Totals
from populace.run.limits import Budget

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressLine", "budget_share", "duration", "format_progress"]


def duration(seconds: float) -> str:
    """Write a duration with two units at most.

    Examples
    --------
    >>> duration(0.4), duration(42), duration(312), duration(7500), duration(200_000)
    ('0.4 s', '42 s', '5 min 12 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // below} {name}"
    return f"{whole} s"


def format_progress(stats: RunStats, total: int | None = None, spent: float | None = None) -> str:
    """Write the figures of a running stage on one line.

    Parameters
    ----------
    total
        Requests in the plan; None where it is not known.
    spent
        Share of the budget that is spent, over all stages and sessions; None where there is no budget.

    Examples
    --------
    >>> stats = RunStats(stage="judge", answered=100, reused=200, prompt_tokens=45_000, seconds=50,
    ...                  dollars=0.125, failed=10, errors={"timeout": 7, "content filter": 3},
    ...                  in_flight=12, limit=16, waiting="rate limit")
    >>> for part in format_progress(stats, total=1010, spent=0.31).split(", "):
    ...     print(part)
    judge: 310/1,010 (31 %)
    2.0/s
    5 min 50 s left
    12 of 16 in flight
    waiting: rate limit
    45,000 tokens
    $0.125 of about $1.00
    31 % of the budget
    10 failed (7 timeout; 3 content filter)
    >>> format_progress(RunStats(stage="judge", answered=1, seconds=4, dollars=None))
    'judge: 1, 0.2/s, 0 tokens, cost unknown'
    """
    share = f"/{total:,} ({_percent(stats.seen / total)})" if total else ""
    left = max((total or 0) - stats.seen, 0)
    parts = [f"{stats.stage}: {stats.seen:,}{share}"]
    if stats.answered and stats.seconds > 0:
        # Answers alone: reused ones cost no time worth counting, old failures are not asked again.
        rate = stats.answered / stats.seconds
        parts.append(f"{rate:,.1f}/s")
        if left:
            parts.append(f"{duration(left / rate)} left")
    if stats.in_flight:
        parts.append(f"{stats.in_flight:,} of {stats.limit:,} in flight")
    if stats.waiting:
        parts.append(f"waiting: {stats.waiting}")
    parts.append(f"{stats.prompt_tokens + stats.completion_tokens:,} tokens")
    parts.append(_cost(stats, left))
    if spent is not None:
        parts.append(f"{_percent(spent)} of the budget")
    if stats.failed:
        worst_first = sorted(stats.errors.items(), key=lambda item: -item[1])
        kinds = "; ".join(f"{count:,} {boundary}" for boundary, count in worst_first)
        parts.append(f"{stats.failed:,} failed" + (f" ({kinds})" if kinds else ""))
    return ", ".join(parts)


def budget_share(budget: Budget, totals: Mapping[str, Totals]) -> float | None:
    """Share of the budget that is spent: of dollars or of tokens, whichever is nearer its end.

    Examples
    --------
    >>> spent = {
    ...     "a": Totals(prompt_tokens=60, known_dollars=1.0),
    ...     "b": Totals(completion_tokens=20, known_dollars=2.0),
    ... }
    >>> budget_share(Budget(tokens=100, dollars=10.0), spent), budget_share(Budget(), spent)
    (0.8, None)
    """
    stages = totals.values()
    shares: list[float] = []
    if budget.tokens is not None:
        shares.append(sum(stage.tokens for stage in stages) / max(budget.tokens, 1))
    if budget.dollars is not None:
        shares.append(sum(stage.known_dollars for stage in stages) / max(budget.dollars, 1e-9))
    return max(shares, default=None)


def _cost(stats: RunStats, left: int) -> str:
    """What this session of the stage cost, and at its end will have cost if the rest is like it."""
    if stats.dollars is None:
        return "cost unknown"
    cost = f"${stats.dollars:,.3f}"
    if not (left and stats.answered and stats.dollars):
        return cost
    return f"{cost} of about ${stats.dollars * (1 + left / stats.answered):,.2f}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


class ProgressLine:
    """Show the progress of one stage; give it to `execute` as `progress`.

    Parameters
    ----------
    total
        Requests in the plan, at most; None where it is not known.
    spent
        Gives the share of the budget that is spent (`budget_share`); None where there is none.
    stream
        Default: standard error.
    every
        Seconds between plain lines, where `stream` is no terminal.

    Examples
    --------
    >>> import sys
    >>> with ProgressLine(2, stream=sys.stdout) as progress:
    ...     progress(RunStats(stage="judge", answered=2, seconds=1))
    judge: 2/2 (100 %), 2.0/s, 0 tokens, $0.000
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        spent: Callable[[], float | None] | None = None,
        stream: TextIO | None = None,
        every: float = 5.0,
    ) -> None:
        self._total, self._every = total, every
        self._spent = spent
        self._stream = stream or sys.stderr
        self._unshown: RunStats | None = None
        self._last: RunStats | None = None
        self._shown = time.monotonic()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
            bar = Progress(*columns, console=Console(file=self._stream), refresh_per_second=4)
            bar.start()
            self._bar = bar, bar.add_task("", total=self._total)
        return self

    def __call__(self, stats: RunStats) -> None:
        """Take the newest figures; they are shown a few times a second at most."""
        self._unshown = self._last = stats
        now = time.monotonic()
        if now - self._shown >= (0.25 if self._bar else self._every):
            self._shown = now
            self._show(stats)

    def __exit__(self, kind: object, *_: object) -> None:
        if self._last and kind is None and self._total not in (None, self._last.seen):
            # The plan was an upper bound: what rested on a failed answer was never asked.
            self._total, self._unshown = self._last.seen, self._last
        if self._unshown:
            self._show(self._unshown)
        if self._bar:
            self._bar[0].stop()

    def _show(self, stats: RunStats) -> None:
        self._unshown = None
        line = format_progress(stats, self._total, self._spent and self._spent())
        if self._bar:
            bar, task = self._bar
            bar.update(task, completed=stats.seen, total=self._total, description=line)
        else:
            print(line, file=self._stream, flush=True)
