"""Answers of one batch that has ended: from its output and error files into the journal."""

from __future__ import annotations

import time
from contextlib import aclosing

import msgspec

from populace.models.openai_batch import Line, MissingError
from populace.models.protocol import Price
from populace.models.records import Failure, Request, Result
from populace.run.batch.desk import Desk
from populace.run.batch.spool import Requests
from populace.run.batch.submission import Submission
from populace.run.journal import Record

__all__ = ["Collected", "harvest", "missed"]

_TOGETHER = 256
"""Records appended in one write."""
_UNTRIED = ("batch_expired", "batch_cancelled")
"""Codes of requests that the service did not come to."""
_KEPT_DAYS = 30
"""How long the service keeps files at the least."""


class Collected(msgspec.Struct, kw_only=True):
    """What one `collect` did."""

    batches: int = 0
    """Batches read to their end."""
    open: int = 0
    """Batches that have not ended."""
    answered: int = 0
    """Answers journalled."""
    failed: int = 0
    """Failures journalled."""
    repeated: int = 0
    """Answers that the journal held already, from a live call or a `collect` that was stopped."""
    freed: int = 0
    """Requests that got no answer, and are free for the next `submit` or live run."""
    unknown: list[str] = msgspec.field(default_factory=list)
    """Lines that belong to no request of ours, by their custom_id (empty for one that is no result)."""
    broken: list[Submission] = msgspec.field(default_factory=list)
    """Batches that failed as a whole, were never sent, or whose files the service no longer keeps."""
    missing: list[Submission] = msgspec.field(default_factory=list)
    """Batches of which the service does not have everything although it should; their messages say what."""
    unreadable: list[Submission] = msgspec.field(default_factory=list)
    """Batches that have ended, and whose requests are not here."""
    dollars: float | None = 0.0
    """Cost of the answers journalled; None where the price is unknown."""
    denied: str = ""
    """Why calls were denied for a reason that holds for all (no credit, no rights)."""


async def harvest(desk: Desk, submission: Submission, collected: Collected, price: Price | None) -> None:
    """Journal what a batch that has ended gave, and close its submission.

    Raises
    ------
    MissingError
        The service does not have its files; what it has is journalled.
    """
    if submission.intent not in desk.spool:
        collected.unreadable.append(submission)
        return
    with desk.spool.requests(submission.intent) as asked:
        reading = _Reading(desk, submission, asked, collected, price)
        batch = await desk.patiently(lambda: desk.service.get(submission.batch or ""))
        for file in (batch.output_file_id, batch.error_file_id):
            if file:
                await desk.patiently(lambda file=file: reading.read(file))
        desk.journal.sync()
        collected.batches += 1
        desk.keep(submission, state="collected", completed=batch.counts.completed, failed=batch.counts.failed)
        collected.freed += len(asked) - len(reading.settled)


def missed(desk: Desk, submission: Submission, collected: Collected, error: MissingError) -> Submission:
    """Close a batch that the service no longer keeps; one that it should still have is kept open."""
    if submission.age < _KEPT_DAYS * 86_400:
        missing = msgspec.structs.replace(submission, state="missing", message=error.what)
        collected.missing.append(missing)
        return missing
    lost = desk.keep(submission, state="lost", message="the service no longer has its files")
    collected.broken.append(lost)
    keys = desk.spool.keys(submission.intent) if submission.intent in desk.spool else ()
    collected.freed += sum(key not in desk.journal for key in keys)
    return lost


class _Reading:
    """One pass, or several where the connection breaks, over the files of a batch."""

    def __init__(
        self,
        desk: Desk,
        submission: Submission,
        asked: Requests,
        collected: Collected,
        price: Price | None,
    ) -> None:
        self._desk = desk
        self._stage = submission.stage
        self._asked = asked
        self._collected = collected
        self._price = price
        self._records: list[Record] = []
        self.settled: set[str] = set()
        """Keys that have got a row, now or before."""

    async def read(self, file: str) -> None:
        """Journal every result of a file that the journal does not hold."""
        try:
            async with aclosing(self._desk.service.lines(file)) as lines:
                async for line in lines:
                    self._take(line)
                    if len(self._records) >= _TOGETHER:
                        self._write()
        finally:
            self._write()

    def _take(self, raw: bytes) -> None:
        try:
            line = msgspec.json.decode(raw, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._collected.unknown.append("")
            return
        key = line.custom_id
        request = self._asked.get(key)
        if request is None:
            self._collected.unknown.append(key)
            return
        result = self._result(request, key, line)
        if result is None or key in self.settled:
            return
        self.settled.add(key)
        if key in self._desk.journal or self._desk.journal.failure(key) == result:
            self._collected.repeated += 1
        else:
            self._records.append(self._record(result))

    def _result(self, request: Request, key: str, line: Line) -> Result | None:
        """Give the row of one line; None where there is to be none."""
        response, error = line.response, line.error
        # A status of 0 has been seen: the service lost the call.
        if response is None or response.status_code < 100:
            code = (error.code if error else None) or "no response"
            if code in _UNTRIED:
                return None
            message = f"{code}: {error.message if error else 'the service gave no reason'}"
            return Failure(key=key, boundary="server", message=message, retryable=True)
        result = self._desk.provider.decode(request, response.status_code, {}, bytes(response.body))
        if isinstance(result, Failure) and result.boundary == "access":
            self._collected.denied = result.message
            return None
        return result

    def _record(self, result: Result) -> Record:
        price = self._price
        if isinstance(result, Failure):
            dollars = None if price is None else 0.0
            self._collected.failed += 1
        else:
            usage = result.usage
            dollars = price and price.dollars(
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cached_tokens=usage.cached_tokens,
            )
            self._collected.answered += 1
            if self._collected.dollars is not None and dollars is not None:
                self._collected.dollars += dollars
        # A batch says no times of its calls.
        return Record(
            stage=self._stage, result=result, seconds=0.0, at=round(time.time(), 3), dollars=dollars
        )

    def _write(self) -> None:
        records, self._records = self._records, []
        self._desk.journal.append(records)
