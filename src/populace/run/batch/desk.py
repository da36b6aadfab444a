"""Batches that were submitted: what the journal knows of each, and how one gets to the service exactly once.

Every step is in the journal before the next begins: the intent before the file goes up, the file's id and
the try before the batch is created, the batch's id before it is asked after. The intent's name travels as
metadata of the batch. So a process killed anywhere leaves either nothing at the service or a batch that its
list shows under that name, and the next command finds it there instead of creating another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

import msgspec

from populace.errors import ModelError
from populace.models.openai_batch import (
    Batch,
    BatchService,
    Line,
    MissingError,
    QueueFullError,
    UnavailableError,
    is_queue_full,
)
from populace.models.records import Failure
from populace.run.batch.spool import Size, Spool
from populace.run.journal import Journal
from populace.run.limits import Retries

if TYPE_CHECKING:
    from populace.models.openai import OpenAI

__all__ = ["Desk", "Submission", "submissions"]

SETTLE = 30.0
"""Seconds after which the service's list is taken to show a batch whose creation was asked for."""

_NOTE = "batch/"
_TAG = "populace"
"""Name of the metadata field that carries the intent."""
_CLOCKS_APART = 86_400.0
"""Seconds that the service's clock may be behind ours."""
_CREATIONS = 3

T = TypeVar("T")


class Submission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One batch, from the intent to submit it to the collection of its answers."""

    intent: str
    """Our name of it."""
    stage: str
    model: str
    endpoint: str
    window: str
    size: Size
    dollars_max: float | None
    """The most it can cost; None where the price is unknown."""
    at: float
    """When it was intended, in seconds since 1970."""
    file: str | None = None
    """The service's id of the file that holds its requests."""
    tried: float | None = None
    """When its creation was last asked for."""
    batch: str | None = None
    """The service's id of it."""
    state: str = "intended"
    """`intended`, then the service's state; `collected`, `failed`, `refused` or `lost` once it is closed."""
    message: str = ""
    """Why it failed or was refused."""
    completed: int = 0
    """Requests answered so far, as the service counts them."""
    failed: int = 0

    @property
    def closed(self) -> bool:
        """Whether nothing more will come of it: requests without an answer are free again."""
        return self.state in ("collected", "failed", "refused", "lost")

    @property
    def queue_full(self) -> bool:
        """Whether the service would not take it before others had ended."""
        return self.state == "refused" or (self.state == "failed" and is_queue_full(self.message))

    @property
    def age(self) -> float:
        """Seconds since it was intended."""
        return time.time() - self.at


def submissions(journal: Journal) -> list[Submission]:
    """Return every submission that the journal knows, oldest first, closed ones included."""
    known = msgspec.convert(list(journal.notes(_NOTE).values()), list[Submission])
    return sorted(known, key=lambda submission: submission.at)


class Desk:
    """The submissions of one provider in one journal, and the service they are submitted to."""

    def __init__(
        self, provider: OpenAI, journal: Journal, service: BatchService, spool: Spool, retries: Retries
    ) -> None:
        self.provider = provider
        self.journal = journal
        self.service = service
        self.spool = spool
        self._retries = retries

    def mine(self) -> list[Submission]:
        """Return this model's submissions, oldest first.

        Raises
        ------
        ModelError
            One that is still open went to another address, where its answers are.
        """
        found = [known for known in submissions(self.journal) if known.model == self.provider.model]
        for known in found:
            if not known.closed and known.endpoint != self.provider.endpoint:
                raise ModelError(
                    f"batch {known.batch or known.intent} of stage {known.stage!r} was submitted to "
                    f"{known.endpoint}, and this model asks {self.provider.endpoint}",
                    fix="set base_url and name as they were, collect, then change them",
                )
        return found

    def tidy(self) -> None:
        """Remove request files that no open batch of any model needs."""
        self.spool.keep_only(known.intent for known in submissions(self.journal) if not known.closed)

    def open(self) -> list[Submission]:
        """Return this model's submissions whose requests are not free."""
        return [known for known in self.mine() if not known.closed]

    def keep(self, submission: Submission, **changes: object) -> Submission:
        """Write a submission as it now is into the journal."""
        submission = msgspec.structs.replace(submission, **changes)
        self.journal.note(_NOTE + submission.intent, submission)
        return submission

    async def adopt(self) -> None:
        """Find the batches whose id did not reach the journal in the service's list."""
        await self._find([known for known in self.open() if known.tried and not known.batch])

    async def sent_keys(self, submission: Submission) -> list[str]:
        """Read from the service which requests a batch holds."""

        async def read() -> list[str]:
            async with aclosing(self.service.lines(submission.file or "")) as lines:
                return [msgspec.json.decode(line, type=Line).custom_id async for line in lines]

        return await self.patiently(read)

    async def look(self, submission: Submission) -> Submission:
        """Ask after a batch; one that failed as a whole is closed."""
        if not submission.batch:
            return submission
        batch = await self.patiently(lambda: self.service.get(submission.batch or ""))
        if batch.status == "failed":
            return self.keep(submission, state="failed", message=batch.complaint)
        counts = batch.counts
        return msgspec.structs.replace(
            submission, state=batch.status, completed=counts.completed, failed=counts.failed
        )

    async def send(self, submission: Submission) -> Submission:
        """Bring a submission to the service: its file, then its batch.

        Raises
        ------
        UnavailableError
            It is not known whether the batch was created; the next command finds out.
        """
        if submission.file is None:
            path = self.spool.upload(submission.intent)
            file = await self.patiently(lambda: self.service.upload(path))
            submission = msgspec.structs.replace(submission, file=file)
        lost = None
        for _ in range(_CREATIONS):
            if submission.tried is not None:
                await asyncio.sleep(min(SETTLE, submission.tried + SETTLE - time.time()))
                if found := await self._find([submission]):
                    return found[0]
            submission = self.keep(submission, tried=time.time())
            try:
                batch = await self._create(submission)
            except QueueFullError as error:
                return self.keep(submission, state="refused", message=error.what)
            except MissingError as error:
                # The file was deleted, or is not there yet: another one is sent next time.
                self.keep(submission, file=None, tried=None)
                raise UnavailableError(error.what, fix=error.fix) from error
            except UnavailableError as error:
                lost = error
                continue
            return self._created(submission, batch)
        raise lost or UnavailableError("the batch was not created")

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call that changes nothing, or does no harm twice, while the service is unavailable."""
        tried = 0
        while True:
            try:
                return await call()
            except UnavailableError as error:
                tried += 1
                failure = Failure(key="", boundary="server", message=error.what, retryable=True)
                pause = self._retries.pause(tried, [failure])
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    async def _create(self, submission: Submission) -> Batch:
        return await self.service.create(
            submission.file or "",
            window=submission.window,
            metadata={_TAG: submission.intent, "stage": submission.stage},
        )

    def _created(self, submission: Submission, batch: Batch) -> Submission:
        kept = self.keep(submission, batch=batch.id, state=batch.status, message=batch.complaint)
        self.spool.drop_upload(submission.intent)
        return kept

    async def _find(self, wanted: Iterable[Submission]) -> list[Submission]:
        """Look for batches in the service's list by their intents, and keep the ids of those found."""
        left = {submission.intent: submission for submission in wanted}
        if not left:
            return []
        oldest = min(submission.at for submission in left.values()) - _CLOCKS_APART
        batches: dict[str, Batch] = {}

        async def read() -> None:
            async with aclosing(self.service.batches()) as listed:
                async for batch in _until(listed, oldest):
                    intent = (batch.metadata or {}).get(_TAG, "")
                    if intent in left:
                        batches[intent] = batch

        await self.patiently(read)
        return [self._created(left[intent], batch) for intent, batch in batches.items()]


async def _until(batches: AsyncGenerator[Batch, None], oldest: float) -> AsyncGenerator[Batch]:
    """Pass on batches, newest first, until they are older than ours can be."""
    async for batch in batches:
        if 0 < batch.created_at < oldest:
            return
        yield batch
