"""One worker of many: opens the model, and carries tasks out with the local engine.

A task is some shards, whose journals the worker holds alone. Where it dies, Ray gives the task to another
process, which waits until the dead one's locks are gone, cuts what it left torn, and goes on. What goes
wrong for the user to mend comes back as data (`Outcome`), so that it reaches the driver as the error it is.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec

from populace import errors
from populace.errors import BudgetError, PopulaceError
from populace.models.protocol import Provider
from populace.models.registry import open_model
from populace.run.distributed.ledger import LeasedBudget, spent
from populace.run.distributed.shards import Shards
from populace.run.distributed.spool import check_mark, shard_name
from populace.run.engine import carry_out
from populace.run.figures import RunStats
from populace.run.journal import Journal
from populace.run.lanes import Lanes
from populace.run.limits import Budget, Cost, Retries

__all__ = ["Complaint", "Job", "Outcome", "carry_task"]

_REPORTS = 0.5
"""Seconds between a worker's reports."""
_TRIES = 20
"""Times that a task is begun: Ray itself would go on for ever."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a stage is told."""

    folder: str
    mark: str
    spec: str | Mapping[str, Any]
    stage: str
    tasks: list[list[int]]
    """The shards of each."""
    workers: int
    budget: Budget | None
    retries: Retries | None
    timeout: float
    retry_errors: bool


class Complaint(msgspec.Struct, frozen=True):
    """A `PopulaceError` on its way from a worker to the driver."""

    kind: str
    what: str
    file: str | None
    fix: str | None

    @classmethod
    def of(cls, error: PopulaceError) -> Complaint:
        """Take an error apart."""
        # A kind of its own goes as the nearest one that the driver is sure to know.
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        return cls(kind.__name__, error.what, error.file, error.fix)

    def error(self) -> PopulaceError:
        """Put it together again."""
        return getattr(errors, self.kind)(self.what, file=self.file, fix=self.fix)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a task."""

    stats: RunStats
    complaint: Complaint | None = None


class _Seat:
    """What a worker's process keeps from one task to the next: the model, its connections and lanes."""

    def __init__(self, job: Job) -> None:
        self.spec = job.spec
        # Connections belong to the event loop they were made in, so the loop is kept as well.
        self.runner = asyncio.Runner()
        self.provider: Provider = open_model(job.spec)
        self.lanes = Lanes()
        if quota := self.provider.quota:
            # What the user allows a minute is for all workers together. What a server says replaces it.
            self.provider.quota = msgspec.structs.replace(
                quota,
                requests=quota.requests and quota.requests / job.workers,
                tokens=quota.tokens and quota.tokens / job.workers,
            )

    def leave(self) -> None:
        """Close the model."""
        self.runner.run(self.provider.close())
        self.runner.close()


_seat: _Seat | None = None


def carry_task(row: Mapping[str, Any], job: Job, ledger: Any) -> dict[str, Any]:
    """Carry out the task that `row` numbers; `ledger` is the handle of the `Ledger` actor."""
    stats = RunStats(stage=job.stage)
    complaint = None
    try:
        check_mark(Path(job.folder), job.mark)
        _carry(job.tasks[int(row["task"])], job, ledger, stats)
    except PopulaceError as error:
        complaint = Complaint.of(error)
        if not isinstance(error, BudgetError):  # others may still have room
            ledger.halt.remote(str(error))
    outcome = Outcome(stats=stats, complaint=complaint)
    return {"outcome": msgspec.json.encode(outcome).decode()}


def _carry(numbers: list[int], job: Job, ledger: Any, stats: RunStats) -> None:
    """Work through some shards, leaving the figures in `stats`."""
    import ray

    name = shard_name(numbers[0])  # no other task has this shard
    attempt = f"{name} {secrets.token_hex(8)}"
    if ray.get(ledger.report.remote(attempt, stats)):
        return  # the run is stopping
    with Shards(Path(job.folder), numbers) as shards:
        before = spent(shards.totals)
        begun: Any = ray.get(ledger.begin.remote(name, before))
        if begun > _TRIES:
            raise PopulaceError(
                f"the workers that took shard {name} died, {_TRIES} times in a row",
                fix="see Ray's logs on the nodes; mostly memory was short: give fewer workers",
            )

        def lease(now: Cost, more: Cost) -> tuple[Cost | None, str]:
            return ray.get(ledger.lease.remote(name, now, more))

        budget = None
        if job.budget is not None:
            limits = {"tokens": job.budget.tokens, "dollars": job.budget.dollars}
            budget = LeasedBudget(**limits, ask=lease, lease=[before])
        seat = _sit(job)
        work = carry_out(
            shards.groups(),
            seat.provider,
            cast("Journal", shards),
            stage=job.stage,
            progress=lambda running: _copy(running, stats),
            budget=budget,
            retries=job.retries,
            timeout=job.timeout,
            lanes=seat.lanes,
            retry_errors=job.retry_errors,
        )
        try:
            seat.runner.run(_reporting(work, ledger, attempt, stats, job.workers))
        finally:
            stats.in_flight = stats.limit = 0
            ray.get(ledger.end.remote(name, spent(shards.totals)))


async def _reporting(work: Any, ledger: Any, attempt: str, stats: RunStats, workers: int) -> None:
    """Carry `work` out, telling the ledger how it goes, and stop when it says so."""
    task = asyncio.ensure_future(work)
    stopping = False
    try:
        while not task.done():
            # One process hears all workers, so many of them report more seldom.
            await asyncio.wait({task}, timeout=_REPORTS + workers / 500)
            if await ledger.report.remote(attempt, stats) and not stopping:
                stopping = task.cancel()
    finally:
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        stats.in_flight = stats.limit = 0
        await ledger.report.remote(attempt, stats)


def _sit(job: Job) -> _Seat:
    """Give this process's seat, with the model of `job` open."""
    global _seat  # noqa: PLW0603 (a process is what a worker is)
    if _seat is None or _seat.spec != job.spec:
        if _seat is not None:
            _seat.leave()
        _seat = None
        _seat = _Seat(job)
    return _seat


def _copy(running: RunStats, into: RunStats) -> None:
    for name in RunStats.__struct_fields__:
        setattr(into, name, getattr(running, name))
