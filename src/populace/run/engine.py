"""The engine: requests in, journalled results out, through any provider.

The plan is cut into groups of `provider.batch_size` consecutive requests of one kind. A group is
skipped when all its keys are answered; otherwise the whole group is handed over, so that a provider
whose arithmetic depends on its batch computes the same numbers in a resumed run as in one that was
never stopped. A key belongs to the first group that holds it, and only that group's answer is
journalled.

Workers pull the plan as they become free: what is in memory are the calls in flight, however long
the plan is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from populace.errors import BudgetError, ModelError
from populace.models.protocol import Price, Provider
from populace.models.records import Failure, GenerateRequest, Request, Result
from populace.run.journal import Journal, Record
from populace.run.limits import Budget, Retries

__all__ = ["RunStats", "cut", "execute", "run"]

Group = dict[str, Request]
"""Requests by key, in the order of the plan."""

_UNREACHABLE_AFTER = 3
"""Connection failures, with no answer before them, after which the rest is not tried."""
_FIRST_TRIES = 3
"""Tries to connect before the first answer: a mistyped address should not take long to tell."""
_SKIPPED_IN_A_ROW = 256
"""Answered requests passed over before calls in flight get their turn."""


class RunStats(msgspec.Struct, kw_only=True):
    """What one call of `execute` did. Sums over sessions are in `Journal.totals`."""

    stage: str
    answered: int = 0
    """Answers journalled."""
    reused: int = 0
    """Requests whose answer the journal already held, or that repeat another request of the plan."""
    failed: int = 0
    """Failures journalled; the next run tries them again."""
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    dollars: float | None = 0.0
    """Cost of the answers; None where the provider's price is unknown."""
    seconds: float = 0.0
    """Wall time so far."""

    @property
    def seen(self) -> int:
        """Requests of the plan dealt with so far."""
        return self.answered + self.reused + self.failed


def cut(requests: Iterable[Request], size: int) -> Iterator[Group]:
    """Cut a plan into groups of `size` consecutive requests of one kind, lazily.

    The cut depends on the plan alone. A request that repeats another of its group is left out; a group
    is shorter where the kind changes and at the end.

    Examples
    --------
    >>> from populace.models.records import Message
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
    requests: Iterable[Request],
    provider: Provider,
    journal: Journal,
    *,
    stage: str,
    progress: Callable[[RunStats], None] | None = None,
    budget: Budget | None = None,
    retries: Retries | None = None,
    timeout: float = 600.0,
) -> RunStats:
    """Answer every request that the journal does not hold yet. Read the answers by `journal.get(key)`.

    Parameters
    ----------
    requests
        The plan of one stage, expanded lazily; the same order in every run.
    stage
        Name under which the calls are journalled.
    progress
        Called with the running figures whenever a call lands or is skipped.
    budget
        The most that the journal's calls may cost.
    retries
        Default: `Retries()`.
    timeout
        Seconds one request may take; a group of n may take n times as long.

    Raises
    ------
    BudgetError
        The budget is reached and calls are left. What was in flight has been journalled.
    ModelError
        The model cannot be reached at all, or the plan was made for another model.
    JournalError
        The disk is full or failing.

    Notes
    -----
    A call that fails for good is journalled as a `Failure` and tried again by the next run. When the
    task is cancelled (Ctrl-C), calls in flight are dropped and the journal is left whole.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.records import Message
    >>> from populace.models.scripted import Scripted
    >>> model = Scripted(text=lambda request: request.messages[0].content.upper())
    >>> ask = GenerateRequest(model=model.model, messages=(Message("user", "why?"),), max_tokens=9)
    >>> with Journal(tempfile.mkdtemp()) as journal:
    ...     stats = asyncio.run(execute([ask], model, journal, stage="answer"))
    ...     stats.answered, journal.get(ask.key).text
    (1, 'WHY?')
    """
    if budget:
        budget.check(provider)
    work = _Work(
        provider=provider,
        journal=journal,
        stats=RunStats(stage=stage, dollars=None if provider.price is None else 0.0),
        groups=cut(_checked(requests, provider, stage), provider.batch_size),
        progress=progress or (lambda stats: None),
        budget=budget or Budget(),
        retries=retries or Retries(),
        timeout=timeout,
    )
    workers = [asyncio.create_task(work.pull()) for _ in range(max(provider.concurrency, 1))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        journal.sync()
    work.finish()
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


@dataclass(kw_only=True)
class _Work:
    """The state that the workers of one `execute` share."""

    provider: Provider
    journal: Journal
    stats: RunStats
    groups: Iterator[Group]
    progress: Callable[[RunStats], None]
    budget: Budget
    retries: Retries
    timeout: float
    start: float = field(default_factory=time.monotonic)
    taken: set[str] = field(default_factory=set)
    """Keys in flight, and keys that failed in this run."""
    spent: str | None = None
    """How the budget was reached, with calls left."""
    unreached: int = 0
    """Failures to connect."""
    complaint: str = ""
    """The message of the last of them."""

    async def pull(self) -> None:
        """Work until the plan or the budget is at its end."""
        while admitted := await self.admit():
            group, own = admitted
            start = time.monotonic()
            results = await self.answer(group, own)
            self.land(results, (time.monotonic() - start) / len(group))
            if not self.stats.answered and self.unreached >= _UNREACHABLE_AFTER:
                raise self.unreachable()

    def finish(self) -> None:
        """Raise where the plan did not reach its end."""
        if self.spent:
            raise BudgetError(
                f"{self.spent}, and calls of stage {self.stats.stage!r} are left",
                fix="raise the budget and run the same command again; what is paid for is kept",
            )
        if self.unreached and self.unreached == self.stats.failed and not self.stats.answered:
            raise self.unreachable()

    async def admit(self) -> tuple[Group, set[str]] | None:
        """Take the next group with work left, and the keys of it that this run has to journal."""
        while not self.spent and (group := next(self.groups, None)):
            own = {key for key in group if key not in self.journal and key not in self.taken}
            if own and (spent := self.budget.reached(self.journal.totals)):
                self.spent = spent
                break
            self.stats.reused += len(group) - len(own)
            if own:
                self.taken |= own
                return group, own
            self.report()
            if self.stats.reused % _SKIPPED_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return None

    async def answer(self, group: Group, own: set[str]) -> list[Result]:
        """Hand over the group until every key of `own` is answered or has failed for good."""
        settled: dict[str, Result] = {}
        tried = 0
        while True:
            results = await self.call(group)
            tried += 1
            for result in results:
                before = settled.get(result.key)
                if result.key in own and (before is None or _may_change(before)):
                    settled[result.key] = result
            failures = [result for result in settled.values() if isinstance(result, Failure)]
            pause = self.retries.pause(tried, failures)
            if pause is None or (tried >= _FIRST_TRIES and self.never_connected(failures)):
                return list(settled.values())
            self.stats.retries += 1
            await asyncio.sleep(pause)

    def never_connected(self, failures: list[Failure]) -> bool:
        """Whether nothing was answered in this run and these calls could not connect either."""
        return not self.stats.answered and all(failure.boundary == "connection" for failure in failures)

    async def call(self, group: Group) -> list[Result]:
        """Ask the provider once, and hold it to its protocol."""
        requests = list(group.values())
        seconds = self.timeout * len(requests)
        try:
            async with asyncio.timeout(seconds):
                results = await _method(self.provider, requests[0])(requests)
        except TimeoutError:
            message = f"no answer within {seconds:g} s"
            return [Failure(key=key, boundary="timeout", message=message, retryable=True) for key in group]
        if [result.key for result in results] != list(group):
            raise ModelError(
                f"{self.provider.model} did not answer the requests it was given, in their order"
            )
        return [_storable(result) for result in results]

    def land(self, results: list[Result], seconds: float) -> None:
        """Journal what came back and count it."""
        at, seconds = round(time.time(), 3), round(seconds, 4)
        price = self.provider.price
        records = [
            Record(stage=self.stats.stage, result=r, seconds=seconds, at=at, dollars=_dollars(r, price))
            for r in results
        ]
        self.journal.append(records)
        for record in records:
            self.count(record)
        self.report()

    def count(self, record: Record) -> None:
        """Add one landed call to the figures."""
        stats, result = self.stats, record.result
        if isinstance(result, Failure):
            stats.failed += 1
            if result.boundary == "connection":
                self.unreached += 1
                self.complaint = result.message
            return
        self.taken.discard(result.key)
        stats.answered += 1
        stats.prompt_tokens += result.usage.prompt_tokens
        stats.completion_tokens += result.usage.completion_tokens
        stats.cached_tokens += result.usage.cached_tokens
        if stats.dollars is not None and record.dollars is not None:
            stats.dollars += record.dollars

    def report(self) -> None:
        """Show the figures."""
        self.stats.seconds = time.monotonic() - self.start
        self.progress(self.stats)

    def unreachable(self) -> ModelError:
        """Build the error for a model that no call could reach."""
        return ModelError(
            f"{self.provider.model} cannot be reached: {self.complaint}",
            fix="check the address and that the server runs, then run the same command again",
        )


def _checked(requests: Iterable[Request], provider: Provider, stage: str) -> Iterator[Request]:
    """Stop a plan made for another model: its answers would be journalled under the wrong name."""
    for request in requests:
        if request.model != provider.model:
            raise ModelError(f"a request of stage {stage!r} is for {request.model}, not {provider.model}")
        yield request


def _method(provider: Provider, request: Request) -> Callable[[Sequence[Any]], Awaitable[Sequence[Result]]]:
    return provider.generate if isinstance(request, GenerateRequest) else provider.choose


def _dollars(result: Result, price: Price | None) -> float | None:
    if price is None:
        return None
    if isinstance(result, Failure):
        return 0.0
    usage = result.usage
    return price.dollars(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


def _may_change(result: Result) -> bool:
    return isinstance(result, Failure) and result.retryable


def _storable(result: Result) -> Result:
    """Keep text that is no Unicode (a lone surrogate, half of a cut emoji) from ending the run."""
    text = result.message if isinstance(result, Failure) else result.text
    try:
        text.encode()
    except UnicodeEncodeError:
        if isinstance(result, Failure):
            return msgspec.structs.replace(result, message=ascii(text))
        message = "the answer is not valid Unicode"
        return Failure(key=result.key, boundary="answer", message=message, retryable=True)
    return result
