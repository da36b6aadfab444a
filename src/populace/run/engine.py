"""The engine: requests in, journalled results out, through any provider.

The plan is cut into groups of `provider.batch_size` consecutive requests of one kind. A group is
skipped when all its keys are answered; otherwise the whole group is handed over, so that a provider
whose arithmetic depends on its batch computes the same numbers in a resumed run as in one that was
never stopped. A key belongs to the first group that holds it, and only that group's answer is
journalled. `dispatch` says how groups become calls.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from populace.models.protocol import Provider
from populace.models.records import Request
from populace.run.dispatch import Dispatch
from populace.run.figures import RunStats
from populace.run.journal import Journal
from populace.run.lanes import Lanes
from populace.run.limits import Budget, Retries
from populace.run.order import Group

__all__ = ["Group", "RunStats", "carry_out", "cut", "execute", "run"]


def cut(requests: Iterable[Request], size: int) -> Iterator[Group]:
    """Cut a plan into groups of `size` consecutive requests of one kind, lazily.

    The cut depends on the plan alone. A request that repeats another of its group is left out; a group
    is shorter where the kind changes and at the end.

    Examples
    --------
    >>> from populace.models.records import GenerateRequest, Message
    >>> def ask(text):
    ...     return GenerateRequest(model="m", messages=(Message("user", text),), max_tokens=1)
    >>> [len(group) for group in cut([ask("a"), ask("b"), ask("b"), ask("c")], 2)]
    [2, 2]
    """
    group: Group = {}
    kind: type | None = None
    for request in requests:
        if group and type(request) is not kind:
            yield group
            group = {}
        kind = type(request)
        group[request.key] = request
        if len(group) == size:
            yield group
            group = {}
    if group:
        yield group


async def execute(
    requests: Iterable[Request], provider: Provider, journal: Journal, *, stage: str, **settings: Any
) -> RunStats:
    """Answer every request that the journal does not hold yet. Read the answers by `journal.get(key)`.

    Parameters
    ----------
    requests
        The plan of one stage, expanded lazily; the same order in every run.
    stage
        Name under which the calls are journalled.
    **settings
        Those of `carry_out`.

    Raises
    ------
    BudgetError, ModelError, JournalError
        As `carry_out`.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.records import GenerateRequest, Message
    >>> from populace.models.scripted import Scripted
    >>> model = Scripted(text=lambda request: request.messages[0].content.upper())
    >>> ask = GenerateRequest(model=model.model, messages=(Message("user", "why?"),), max_tokens=9)
    >>> with Journal(tempfile.mkdtemp()) as journal:
    ...     stats = asyncio.run(execute([ask], model, journal, stage="answer"))
    ...     stats.answered, journal.get(ask.key).text
    (1, 'WHY?')
    """
    groups = cut(requests, provider.batch_size)
    return await carry_out(groups, provider, journal, stage=stage, **settings)


async def carry_out(
    groups: Iterable[Group],
    provider: Provider,
    journal: Journal,
    *,
    stage: str,
    progress: Callable[[RunStats], None] | None = None,
    budget: Budget | None = None,
    retries: Retries | None = None,
    timeout: float = 600.0,
    lanes: Lanes | None = None,
    retry_errors: bool = False,
) -> RunStats:
    """Answer every request of groups that were cut before (`cut`).

    Parameters
    ----------
    progress
        Called with the running figures whenever calls land or are skipped.
    budget
        The most that the journal's calls may cost.
    retries
        Default: `Retries()`.
    timeout
        Seconds one request may take; a group of n may take n times as long.
    lanes
        What is known of the endpoints; kept by the caller over the stages of a run.
    retry_errors
        Whether to ask again what failed for a reason of its own (context length, content filter). What
        failed for a reason that may pass is asked again in any case.

    Raises
    ------
    BudgetError
        The budget has no room for the next call. What was in flight has been journalled.
    ModelError
        The model cannot be reached, has gone away for longer than `retries.patience`, refuses every call
        (a wrong key), or the plan was made for another model.
    JournalError
        The disk is full or failing.

    Notes
    -----
    When the task is cancelled (Ctrl-C), no further call is started and calls in flight have 30 s to land;
    cancelled again, they are dropped. The journal is left whole in any case.
    """
    if budget:
        budget.check(provider)
    retries = retries or Retries()
    work = Dispatch(
        provider=provider,
        journal=journal,
        stats=RunStats(stage=stage, dollars=None if provider.price is None else 0.0),
        groups=iter(groups),
        progress=progress or (lambda stats: None),
        budget=budget,
        retries=retries,
        timeout=timeout,
        lanes=lanes or Lanes(),
        retry_errors=retry_errors,
    )
    with _calm_collector():
        await work.run()
    return work.stats


def run(requests: Iterable[Request], provider: Provider, journal: Journal, **settings: Any) -> RunStats:
    """Do the same as `execute` where no event loop runs, and close the provider.

    A provider's connections belong to one event loop: a study of several stages on one provider
    awaits `execute` for each stage instead.
    """

    async def whole() -> RunStats:
        try:
            return await execute(requests, provider, journal, **settings)
        finally:
            await provider.close()

    return asyncio.run(whole())


_calm: list[tuple[int, int, int]] = []
"""The collector's own thresholds, once for each run under way."""


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Let the garbage collector look less often: calls in flight are many objects, and none is garbage.

    At 500 calls in flight it takes a fifth of the time otherwise.
    """
    _calm.append(_calm[0] if _calm else gc.get_threshold())
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        before = _calm.pop()
        if not _calm:
            gc.set_threshold(*before)
