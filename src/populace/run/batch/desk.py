"""How a batch gets to the service exactly once.

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
    QueueFullError,
    UnavailableError,
)
from populace.models.records import Failure
from populace.run.batch.spool import Spool
from populace.run.batch.submission import NOTE, Submission, submissions
from populace.run.journal import Journal
from populace.run.limits import Retries

if TYPE_CHECKING:
    from populace.models.openai import OpenAI

__all__ = ["Desk"]

SETTLE = 30.0
"""Seconds after which the service's list is taken to show a batch whose creation was asked for."""

_TAG = "populace"
"""Name of the metadata field that carries the intent."""
_CLOCKS_APART = 86_400.0
"""Seconds that the service's clock may be behind ours."""
_CREATIONS = 3

T = TypeVar("T")


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
            if known.under_way and known.endpoint != self.provider.endpoint:
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
        self.journal.note(NOTE + submission.intent, submission)
        return submission

    def failed(self, stage: str) -> Submission | None:
        """Return the last batch of a stage where it failed for a reason that does not pass by itself."""
        batches = [known for known in self.mine() if known.stage == stage and known.batch]
        if batches and batches[-1].state == "failed" and not batches[-1].queue_full:
            return batches[-1]
        return None

    async def adopt(self, *, waited: bool = False) -> list[Submission]:
        """Find the batches whose id did not reach the journal in the service's list; close what was not sent.

        One whose creation was asked for less than `SETTLE` ago, and which the list does not show, stays open
        unless its time was `waited` for.

        Returns
        -------
        Those found and those closed.
        """
        unsure = [known for known in self.open() if not known.batch]
        settled = time.time() - SETTLE
        found = await self._find([known for known in unsure if known.tried])
        intents = {known.intent for known in found}
        unsent = [
            known
            for known in unsure
            if known.intent not in intents and (waited or known.tried is None or known.tried <= settled)
        ]
        return found + [self._unsent(known) for known in unsent]

    async def settle(self) -> list[Submission]:
        """Adopt, and wait until it is known of every submission whether a batch of it exists."""
        changed = await self.adopt()
        late = [known.tried for known in self.open() if known.tried and not known.batch]
        if late:
            await asyncio.sleep(min(SETTLE, max(late) + SETTLE - time.time()))
            changed += await self.adopt(waited=True)
        return changed

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
        ModelError
            The service does not take it; the submission is closed.
        """
        path = self.spool.upload(submission.intent)
        try:
            file = await self.patiently(lambda: self.service.upload(path))
        except ModelError:
            self._unsent(submission)
            raise
        submission, lost = msgspec.structs.replace(submission, file=file), None
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
            except UnavailableError as error:
                lost = error
                continue
            except ModelError:
                self._unsent(submission)
                raise
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

    def _unsent(self, submission: Submission) -> Submission:
        """Close a submission of which there is no batch: its requests are free."""
        return self.keep(submission, state="unsent", message="was never sent")

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
