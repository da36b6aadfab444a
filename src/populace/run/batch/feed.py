"""Which requests of a plan are to be sent, and how many of them now."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import msgspec

from populace.errors import ModelError
from populace.models.protocol import Price
from populace.models.records import Request
from populace.run.batch.desk import Desk
from populace.run.batch.spool import Rebuild, Size
from populace.run.batch.submission import Submission, submissions
from populace.run.index import Index
from populace.run.limits import Budget, Cost

__all__ = ["BatchLimits", "Feed", "Gate"]

_STATED_LIMIT = re.compile(r"limit: ([\d,]+) enqueued tokens", re.IGNORECASE)


class BatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a service takes. The defaults are OpenAI's."""

    requests: int = 50_000
    """In one file."""
    bytes: int = 200_000_000
    """Of one file."""
    enqueued_tokens: int | None = None
    """Prompt tokens that may wait in all open batches of a model together. None where unknown: the limit
    is then learned from the service's refusal."""


class Feed:
    """Goes through a plan once: passes on what is left, and writes lost request files again."""

    def __init__(self, desk: Desk, stage: str, retry_errors: bool) -> None:
        self._desk = desk
        self._stage = stage
        self._retry_errors = retry_errors
        self._taken = Index()
        self._rebuilds: list[Rebuild] = []
        self._lost: dict[str, Rebuild] = {}

    @classmethod
    async def start(cls, desk: Desk, stage: str, retry_errors: bool) -> Self:
        """Learn which requests are in open batches; from the service where their files are gone."""
        feed = cls(desk, stage, retry_errors)
        for known in desk.open():
            if known.intent in desk.spool:
                keys = desk.spool.keys(known.intent)
            else:
                keys = await desk.sent_keys(known)
                feed._rebuilds.append(desk.spool.rebuild(known.intent))
                feed._lost |= dict.fromkeys(keys, feed._rebuilds[-1])
            for key in keys:
                feed._taken.set(key, 1)
        return feed

    def left(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Yield the requests that are to be sent.

        Raises
        ------
        ModelError
            The plan was made for another model: its answers would be journalled under the wrong name.
        """
        journal, model = self._desk.journal, self._desk.provider.model
        for request in requests:
            if request.model != model:
                raise ModelError(f"a request of stage {self._stage!r} is for {request.model}, not {model}")
            key = request.key
            if rebuild := self._lost.pop(key, None):
                rebuild.add(request)
            if self._taken.get(key) is not None or key in journal:
                continue
            failure = journal.failure(key)
            if failure and not failure.retryable and not self._retry_errors:
                continue
            self._taken.set(key, 1)
            yield request

    def finish(self) -> None:
        """Put the request files that could be written again in their place."""
        unfinished = {id(rebuild) for rebuild in self._lost.values()}
        for rebuild in self._rebuilds:
            rebuild.close(whole=id(rebuild) not in unfinished)


class Gate:
    """How large the next batch may be: by the service's limits, its queue, and the budget.

    Parameters
    ----------
    price
        Of calls in a batch; None where unknown.
    """

    def __init__(self, desk: Desk, limits: BatchLimits, budget: Budget, price: Price | None) -> None:
        self._desk = desk
        self._limits = limits
        self._budget = budget
        self._price = price
        self.spent = False
        """Whether it is the budget that shut it."""

    def dollars(self, size: Size) -> float | None:
        """The most that a batch of a size can cost; None where the price is unknown."""
        return self._price and self._price.dollars(
            prompt_tokens=size.prompt_tokens, completion_tokens=size.completion_tokens
        )

    def room(self) -> Callable[[Size], bool]:
        """Return what says whether the next batch may have a size, as things are now."""
        limits, over_budget, queue_full = self._limits, self._over_budget(), self._queue_full()
        most = min((known.size.prompt_tokens // 2 for known in self._refused()[-1:]), default=None)

        def may_be(size: Size) -> bool:
            if size.requests > limits.requests or size.bytes > limits.bytes or over_budget(size):
                return False
            # What one request needs, it needs: the service has the last word on it.
            too_large = most is not None and size.prompt_tokens > most and size.requests > 1
            return not too_large and not queue_full(size)

        return may_be

    def shut(self, request: Request) -> str:
        """Say why not even this one request can be sent now; empty where it can.

        Raises
        ------
        ModelError
            It is larger than a file may be.
        """
        size = self._desk.spool.size(request)
        if size.bytes > self._limits.bytes:
            raise ModelError(
                f"a request takes {size.bytes:,} bytes, and a batch file may take {self._limits.bytes:,}",
                fix="shorten its texts, or make this call live",
            )
        reason = self._over_budget()(size)
        self.spent = bool(reason)
        return reason or self._queue_full()(size)

    def _over_budget(self) -> Callable[[Size], str]:
        """Return what says that a further batch could exceed the budget, open ones at their most."""
        totals = self._desk.journal.totals
        pending = [known for known in submissions(self._desk.journal) if known.under_way]
        tokens = sum(known.size.tokens for known in pending)
        dollars = sum(known.dollars_max or 0.0 for known in pending)

        def over(size: Size) -> str:
            most = Cost(tokens + size.tokens, dollars + (self.dollars(size) or 0.0))
            reached = self._budget.reached(totals, most)
            return f"{reached}, and open batches may take {tokens:,} tokens" if reached else ""

        return over

    def _queue_full(self) -> Callable[[Size], str]:
        """Return what says that a further batch would exceed the tokens that may wait."""
        waiting = sum(known.size.prompt_tokens for known in self._desk.open())
        limit = self._limits.enqueued_tokens or self._learned()

        def full(size: Size) -> str:
            alone = not waiting and size.requests == 1
            if limit is None or alone or waiting + size.prompt_tokens <= limit:
                return ""
            return f"{waiting:,} of {limit:,} enqueued tokens are taken by open batches"

        return full

    def _refused(self) -> list[Submission]:
        """Return the submissions since the last that was taken: the queue had no room for them."""
        mine = self._desk.mine()
        taken = [number for number, known in enumerate(mine) if known.batch and known.state != "failed"]
        return [known for known in mine[taken[-1] + 1 if taken else 0 :] if known.queue_full]

    def _learned(self) -> int | None:
        """Return the limit that the service named when it last refused a batch."""
        for known in reversed(self._desk.mine()):
            if found := _STATED_LIMIT.search(known.message):
                return int(found[1].replace(",", ""))
        return None
