"""What the workers of a run share: one budget, the running figures, and the word to stop.

A `Ledger` is an object in one process; the others reach it through Ray. A worker draws on the budget by
leases: it may spend up to its lease without asking. The ledger grants what the next call may take and a
part of what is free, and refuses where that would pass the budget; so all workers together keep it as
strictly as one does, and near its end little is held idle. A lease belongs to a task, which is the same
shards in every attempt; what is left of it when the task is done goes back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from populace.run.figures import RunStats
from populace.run.journal import Totals
from populace.run.limits import Budget, Cost

__all__ = ["LeasedBudget", "Ledger", "merged", "spent"]

_NOTHING = Cost()
_SUMMED = (
    *("answered", "failed", "retries", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("in_flight", "limit"),
)


def spent(totals: Mapping[str, Totals]) -> Cost:
    """Sum what the stages of a journal took.

    Examples
    --------
    >>> spent({"a": Totals(prompt_tokens=5, known_dollars=0.5), "b": Totals(completion_tokens=2)})
    Cost(tokens=7, dollars=0.5)
    """
    stages = totals.values()
    return Cost(sum(stage.tokens for stage in stages), sum(stage.known_dollars for stage in stages))


class Ledger:
    """Figures and budget of one distributed stage.

    Parameters
    ----------
    before
        What the run's calls had taken before this stage began.
    workers
        How many tasks are worked on at once.

    Examples
    --------
    >>> ledger = Ledger(Budget(tokens=100), Cost(tokens=20), workers=2)
    >>> ledger.begin("0000", Cost()), ledger.begin("0001", Cost(tokens=7))
    (1, 1)
    >>> ledger.lease("0000", Cost(), Cost(tokens=40))  # 40, and an eighth of the 40 that are then free
    (Cost(tokens=45.0, dollars=inf), '')
    >>> ledger.lease("0001", Cost(tokens=7), Cost(tokens=36))
    (None, '65 of 100 tokens are spent')
    """

    def __init__(self, budget: Budget | None, before: Cost, workers: int) -> None:
        self._budget = budget or Budget()
        self._before = before
        self._parts = 4 * workers
        self._first: dict[str, Cost] = {}
        self._begun: Counter[str] = Counter()
        self._held: dict[str, Cost] = {}
        """What each task has spent in this stage or may spend unasked."""
        self._figures: dict[str, RunStats] = {}
        self._halted = ""

    def begin(self, task: str, spent: Cost) -> int:
        """Take note of what a task's journals held at first; return how often the task was begun."""
        self._first.setdefault(task, spent)
        self._held.setdefault(task, _NOTHING)
        self._begun[task] += 1
        for attempt, stats in self._figures.items():
            if attempt.startswith(f"{task} "):  # its worker died with calls in flight
                stats.in_flight = stats.limit = 0
        return self._begun[task]

    def lease(self, task: str, spent: Cost, more: Cost) -> tuple[Cost | None, str]:
        """Let a task that has spent so much spend `more` besides.

        Returns
        -------
        What its journals' calls may have taken in all until it has to ask again; None, and why, where the
        budget has no room (an earlier lease then stands).
        """
        mine = spent - self._first[task]
        taken = self._before + mine
        for other, held in self._held.items():
            if other != task:
                taken += held
        total = Totals(prompt_tokens=round(taken.tokens), known_dollars=taken.dollars)
        if reason := self._budget.reached({"": total}, more):
            return None, reason  # the lease it has stands: calls in flight draw on it
        gone, budget = taken + more, self._budget
        ahead = Cost(self._share(budget.tokens, gone.tokens), self._share(budget.dollars, gone.dollars))
        # Of what is unlimited a task may take all, but it holds no share that would count against others.
        held = Cost(*(0.0 if math.isinf(part) else part for part in (ahead.tokens, ahead.dollars)))
        self._held[task] = mine + more + held
        return self._first[task] + mine + more + ahead, ""

    def report(self, attempt: str, stats: RunStats) -> str:
        """Take the running figures of `"TASK ATTEMPT"`; return why the run is stopping, if it is."""
        self._figures[attempt] = stats
        return self._halted

    def end(self, task: str, spent: Cost) -> None:
        """Take back what a task that is done has not spent."""
        self._held[task] = spent - self._first[task]

    def halt(self, why: str) -> None:
        """Have every worker land its calls and stop."""
        self._halted = self._halted or why

    def figures(self) -> list[RunStats]:
        """Return the newest figures of every attempt at a task."""
        return list(self._figures.values())

    def _share(self, limit: float | None, gone: float) -> float:
        """What a task may spend unasked, where so much is gone."""
        return math.inf if limit is None else (limit - gone) / self._parts


class LeasedBudget(Budget, frozen=True, kw_only=True):
    """A worker's view of a budget that many workers draw on."""

    ask: Callable[[Cost, Cost], tuple[Cost | None, str]]
    """`Ledger.lease` for this worker's task."""
    lease: list[Cost]
    """The lease held, alone in a list: it changes."""

    def reached(self, totals: Mapping[str, Totals], more: Cost = _NOTHING) -> str | None:
        """Say why there is no room for `more`; None where there is."""
        now = spent(totals)
        need, held = now + more, self.lease[0]
        if need.tokens <= held.tokens and need.dollars <= held.dollars:
            return None
        lease, reason = self.ask(now, more)
        if lease is not None:
            self.lease[0] = lease
        return reason or None


def merged(stats: RunStats, parts: list[RunStats]) -> RunStats:
    """Add the workers' figures to the driver's own.

    What a worker passed over is not counted: the driver has counted it, or another attempt has.

    Examples
    --------
    >>> parts = [RunStats(stage="s", answered=3, reused=2, in_flight=4), RunStats(stage="s", answered=1)]
    >>> both = merged(RunStats(stage="s", reused=5), parts)
    >>> both.answered, both.reused, both.in_flight
    (4, 5, 4)
    """
    sums: dict[str, Any] = {
        name: getattr(stats, name) + sum(getattr(part, name) for part in parts) for name in _SUMMED
    }
    if stats.dollars is not None:
        sums["dollars"] = stats.dollars + sum(part.dollars or 0.0 for part in parts)
    errors = dict(stats.errors)
    for part in parts:
        for boundary, count in part.errors.items():
            errors[boundary] = errors.get(boundary, 0) + count
    active = {part.waiting for part in parts if part.limit}
    waiting = active.pop() if len(active) == 1 else ""
    return msgspec.structs.replace(stats, errors=errors, waiting=waiting, **sums)
