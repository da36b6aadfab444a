"""The progress of a stage: a live bar on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from populace.run.engine import RunStats

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressLine", "duration", "format_progress"]


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


def format_progress(stats: RunStats, total: int | None = None) -> str:
    """Write the figures of a running stage on one line.

    Parameters
    ----------
    total
        Requests in the plan; None where it is not known.

    Examples
    --------
    >>> stats = RunStats(stage="judge", answered=90, reused=200, failed=10, prompt_tokens=45_000, seconds=50,
    ...                  dollars=0.125)
    >>> format_progress(stats, total=1000)
    'judge: 300/1,000 (30 %), 2.0/s, 5 min 50 s left, 45,000 tokens, $0.125, 10 failed'
    >>> format_progress(RunStats(stage="judge", answered=1, seconds=4, dollars=None))
    'judge: 1, 0.2/s, 0 tokens, cost unknown'
    """
    share = f"/{total:,} ({stats.seen / total:.0%})".replace("%", " %") if total else ""
    parts = [f"{stats.stage}: {stats.seen:,}{share}"]
    called = stats.answered + stats.failed
    if called and stats.seconds > 0:
        # Reused answers cost no time worth counting, so the rate is that of the calls alone.
        rate = called / stats.seconds
        parts.append(f"{rate:,.1f}/s")
        if total and total > stats.seen:
            parts.append(f"{duration((total - stats.seen) / rate)} left")
    parts.append(f"{stats.prompt_tokens + stats.completion_tokens:,} tokens")
    parts.append("cost unknown" if stats.dollars is None else f"${stats.dollars:,.3f}")
    if stats.failed:
        parts.append(f"{stats.failed:,} failed")
    return ", ".join(parts)


class ProgressLine:
    """Show the progress of one stage; give it to `execute` as `progress`.

    Parameters
    ----------
    total
        Requests in the plan; None where it is not known.
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

    def __init__(self, total: int | None = None, *, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._total, self._every = total, every
        self._stream = stream or sys.stderr
        self._unshown: RunStats | None = None
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
        self._unshown = stats
        now = time.monotonic()
        if now - self._shown >= (0.25 if self._bar else self._every):
            self._shown = now
            self._show(stats)

    def __exit__(self, *_: object) -> None:
        if self._unshown:
            self._show(self._unshown)
        if self._bar:
            self._bar[0].stop()

    def _show(self, stats: RunStats) -> None:
        self._unshown = None
        line = format_progress(stats, self._total)
        if self._bar:
            bar, task = self._bar
            bar.update(task, completed=stats.seen, description=line)
        else:
            print(line, file=self._stream, flush=True)
