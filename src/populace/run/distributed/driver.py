"""The driver: spools a stage, has a Ray Data job carry it out, and reads what the workers journalled.

The dataset's rows are numbers of tasks, each some shards; the requests are on the shared disk and the
answers go there. So nothing passes through Ray but figures, and Ray Data does what it does well: it places
tasks on nodes, largest first, and places them again when a node dies.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any

import msgspec

from populace.errors import BudgetError, JournalError, PopulaceError
from populace.models.protocol import Provider
from populace.models.records import Request
from populace.run.distributed.cluster import Share, joined, load_ray, share_out
from populace.run.distributed.ledger import Ledger, merged, spent
from populace.run.distributed.spool import Affinity, Spool, pack
from populace.run.distributed.worker import Job, Outcome, carry_task
from populace.run.engine import cut
from populace.run.figures import RunStats
from populace.run.journal import Journal, Totals
from populace.run.limits import Budget, Cost, Retries

__all__ = ["distribute"]

_LOOKS = 0.5
"""Seconds between looks at the workers' figures."""
_FULL = 8
"""Times that a task, where there are so many calls, fills what its worker may have in flight: at its end
the worker waits for the last ones."""


async def distribute(
    requests: Iterable[Request],
    spec: str | Mapping[str, Any],
    provider: Provider,
    journal: Journal,
    *,
    stage: str,
    affinity: Affinity = "prefix",
    shards: int = 64,
    address: str | None = None,
    workers: int | None = None,
    progress: Callable[[RunStats], None] | None = None,
    budget: Budget | None = None,
    retries: Retries | None = None,
    timeout: float = 600.0,
    retry_errors: bool = False,
) -> RunStats:
    """Do what `execute` does, on a Ray cluster. The rows at the end are the same.

    Parameters
    ----------
    requests, provider, journal, stage, progress, budget, retries, timeout, retry_errors
        As for `execute`. The journal's folder has to be on a disk that all nodes share.
    spec
        What `open_model` made `provider` from; each worker opens it again. Paths in it are absolute.
    affinity
        `"prefix"` keeps requests with the same first message in one shard, and so on one worker at a
        time; `"key"` spreads a stage whose requests all begin alike.
    shards
        Parts of the plan. The first run in a folder decides; later ones keep its number.
    address, workers
        As for `joined`, which is entered unless the process is joined to a cluster. `workers` is how many
        tasks are worked on at once; default: one a CPU.

    Raises
    ------
    BudgetError, ModelError, JournalError
        As `execute`; a worker's error comes back as its own kind.
    PopulaceError
        Ray is not installed, no cluster can be had, or Ray gave the run up.

    Notes
    -----
    `budget` holds for all workers together. A limit a minute that the user gave is divided by their number;
    how many calls may be in flight is each worker's own matter. Cancelled (Ctrl-C), the workers
    land their calls, as in a local run; cancelled again, they are dropped.
    """
    if budget:
        budget.check(provider)
    stats = RunStats(stage=stage, dollars=None if provider.price is None else 0.0)
    report = progress or (lambda running: None)

    with closing(Spool(journal.path.parent.resolve(), _recorded(journal, shards), affinity)) as spool:
        groups = cut(requests, provider.batch_size)
        for _ in spool.fill(groups, journal, provider.model, stats, retry_errors=retry_errors):
            report(stats)
            await asyncio.sleep(0)
        if not spool.asked:
            report(stats)
            return stats
        before = msgspec.structs.replace(journal.totals.get(stage, Totals()))
        with joined(address, workers=workers):
            share = share_out(_nodes(), workers, provider)
            job = Job(
                folder=str(spool.folder.parent),
                mark=spool.mark,
                spec=spec,
                stage=stage,
                tasks=pack(spool.sizes, share.workers, _FULL * provider.concurrency * provider.batch_size),
                workers=share.workers,
                budget=budget,
                retries=retries,
                timeout=timeout,
                retry_errors=retry_errors,
            )
            work = _Work(job, share, spent(journal.totals))
            begun = time.monotonic()  # when calls can be made: what came before is no call's time

            def show(parts: list[RunStats]) -> None:
                stats.seconds = time.monotonic() - begun
                report(merged(stats, parts))

            await work.watch(show)
    journal.refresh()
    stats = _settled(stats, work, spool.asked, _since(before, journal.totals.get(stage, Totals())))
    report(stats)
    return stats


class _Work:
    """A stage on the cluster: a Ray Data job in a thread, and a ledger that the workers report to."""

    def __init__(self, job: Job, share: Share, before: Cost) -> None:
        self.job, self.share = job, share
        self.ray = load_ray()
        # On the driver's node, since it lives as long as the run does.
        here = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            self.ray.get_runtime_context().get_node_id(), soft=False
        )
        actor = self.ray.remote(num_cpus=0)(Ledger).options(scheduling_strategy=here)
        self.ledger = actor.remote(job.budget, before, share.workers)
        self.outcomes: list[Outcome] = []
        self.parts: list[RunStats] = []
        """Figures of every attempt at a task."""
        self.error: BaseException | None = None
        self.done = asyncio.Event()

    async def watch(self, show: Callable[[list[RunStats]], None]) -> None:
        """Run the job beside this event loop, showing how it goes."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self.run, args=(loop,), daemon=True).start()
        try:
            await self.wait(show)
        except asyncio.CancelledError:
            self.ledger.halt.remote("interrupted")
            await self.wait(show)
            raise
        if self.error is not None:
            raise PopulaceError(
                f"Ray gave the run up: {_last_line(self.error)}",
                fix="run the same command again; nothing that was finished is lost",
            ) from self.error

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have Ray Data place the tasks, and gather what became of them."""
        data, count = self.ray.data, len(self.job.tasks)
        try:
            rows = data.from_items([{"task": n} for n in range(count)], override_num_blocks=count)
            # Tasks and not actors: an actor of a node that died keeps its rows until there is room for
            # another actor; a task goes to any worker that is free. The process keeps the model open.
            done = rows.map(
                carry_task,
                fn_kwargs={"job": self.job, "ledger": self.ledger},
                num_cpus=self.share.cpus,
                compute=data.TaskPoolStrategy(size=min(self.share.workers, count)),
            )
            done.context.enable_progress_bars = False
            for row in done.iter_rows():
                self.outcomes.append(msgspec.json.decode(row["outcome"], type=Outcome))
        except BaseException as error:
            self.error = error
        finally:
            with suppress(RuntimeError):  # interrupted twice, the loop was not waited for
                loop.call_soon_threadsafe(self.done.set)

    async def wait(self, show: Callable[[list[RunStats]], None]) -> None:
        """Show the figures until the job is done."""
        while not self.done.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.done.wait(), _LOOKS)
            self.parts = await self.ledger.figures.remote()
            show(self.parts)


def _settled(stats: RunStats, work: _Work, asked: int, took: Totals) -> RunStats:
    """Give the stage's figures from what the journal holds, or raise what a worker complained of."""
    complaints = [outcome.complaint.error() for outcome in work.outcomes if outcome.complaint]
    if complaints:
        raise next((error for error in complaints if not isinstance(error, BudgetError)), complaints[0])
    last = merged(stats, [outcome.stats for outcome in work.outcomes])
    new = last.failed - stats.failed
    if took.answered + new != asked:
        raise JournalError(
            f"of {asked:,} calls only {took.answered + new:,} are seen here",
            fix="run the same command again; again so, the disk that the nodes share shows old data",
        )
    return msgspec.structs.replace(
        last,
        answered=took.answered,
        retries=sum(part.retries for part in work.parts),
        prompt_tokens=took.prompt_tokens,
        completion_tokens=took.completion_tokens,
        cached_tokens=took.cached_tokens,
        dollars=None if stats.dollars is None else took.dollars,
    )


def _since(before: Totals, now: Totals) -> Totals:
    """Give what a stage took since `before`."""
    fields = ("answered", "prompt_tokens", "completion_tokens", "cached_tokens")
    return Totals(
        **{name: getattr(now, name) - getattr(before, name) for name in fields},
        dollars=None if now.dollars is None or before.dollars is None else now.dollars - before.dollars,
    )


def _recorded(journal: Journal, shards: int) -> int:
    """Give the number of shards that the folder's first distributed run chose."""
    recorded = journal.notes("shards").get("shards")
    if recorded is None:
        journal.note("shards", shards)
        return shards
    return int(recorded)


def _nodes() -> list[float]:
    nodes = load_ray().nodes()
    return [node["Resources"].get("CPU", 0.0) for node in nodes if node["Alive"]]


def _last_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
