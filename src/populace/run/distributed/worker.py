"""One worker of many: opens the model, and carries shards out with the local engine.

A worker holds its shard's journal alone. Where it dies, Ray gives the shard to another process, which
waits until the dead one's lock is gone, cuts what it left torn, and goes on. What goes wrong for the user to
mend comes back as data (`Outcome`), so that it reaches the driver as the error it is.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from populace import errors
from populace.errors import BudgetError, JournalError, PopulaceError
from populace.models.protocol import Provider
from populace.models.registry import open_model
from populace.run.dispatch import RunStats
from populace.run.distributed.ledger import LeasedBudget, spent
from populace.run.distributed.spool import check_mark, read_shard, shard_name
from populace.run.engine import carry_out
from populace.run.journal import Journal
from populace.run.journal_file import take_lock
from populace.run.lanes import Lanes
from populace.run.limits import Budget, Cost, Retries

__all__ = ["Complaint", "Job", "Outcome", "carry_shard"]

_REPORTS = 0.5
"""Seconds between a worker's reports."""
_PATIENCE = 120.0
"""Seconds for which a worker waits for a shard's lock: a file server keeps a dead node's for about 90."""

_TRIES = 20
"""Times that a shard is begun: Ray itself would go on for ever."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a stage is told."""

    folder: str
    mark: str
    spec: str | Mapping[str, Any]
    stage: str
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
        return cls(type(error).__name__, error.what, error.file, error.fix)

    def error(self) -> PopulaceError:
        """Put it together again."""
        return getattr(errors, self.kind)(self.what, file=self.file, fix=self.fix)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a shard."""

    shard: int
    stats: RunStats
    complaint: Complaint | None = None


class _Shard(Journal):
    """A shard's journal that counts the keys of others as answered."""

    def __init__(self, folder: Path, name: str, others: set[str]) -> None:
        self._others = others
        super().__init__(folder, shard=name)

    def __contains__(self, key: str) -> bool:
        return key in self._others or super().__contains__(key)


class _Seat:
    """What a worker's process keeps from one shard to the next: the model, its connections and lanes."""

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


def carry_shard(row: Mapping[str, Any], job: Job, ledger: Any) -> dict[str, Any]:
    """Carry out the shard that `row` names; `ledger` is the handle of the `Ledger` actor."""
    shard = int(row["shard"])
    stats = RunStats(stage=job.stage)
    complaint = None
    try:
        check_mark(Path(job.folder), job.mark)
        _carry(shard, job, ledger, stats)
    except PopulaceError as error:
        complaint = Complaint.of(error)
        if not isinstance(error, BudgetError):  # others may still have room
            ledger.halt.remote(str(error))
    outcome = Outcome(shard=shard, stats=stats, complaint=complaint)
    return {"outcome": msgspec.json.encode(outcome).decode()}


def _carry(shard: int, job: Job, ledger: Any, stats: RunStats) -> None:
    """Work through a shard, leaving its figures in `stats`."""
    import ray

    folder, name = Path(job.folder), shard_name(shard)
    attempt = f"{name} {secrets.token_hex(8)}"
    if ray.get(ledger.report.remote(attempt, stats)):
        return  # the run is stopping
    others: set[str] = set()
    _await_lock(folder / f"journal-{name}.lock")
    with _Shard(folder, name, others) as journal:
        before = spent(journal.totals)
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
            read_shard(folder, shard, others),
            seat.provider,
            journal,
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
            ray.get(ledger.end.remote(name, spent(journal.totals)))


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


def _await_lock(path: Path) -> None:
    """Wait until no other process holds a shard: one that is dying, or cut off, may for a while."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            os.close(take_lock(path))
        except JournalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        except OSError:
            return  # opening the journal says what is wrong
        else:
            return


def _copy(running: RunStats, into: RunStats) -> None:
    for name in RunStats.__struct_fields__:
        setattr(into, name, getattr(running, name))
