"""What the journal knows of a batch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from populace.models.openai_batch import is_queue_full
from populace.run.batch.spool import Size, kept_path, keys_of
from populace.run.journal import Journal

__all__ = ["NOTE", "Submission", "keys_under_way", "submissions"]

NOTE = "batch/"
"""Beginning of the names of submissions among the journal's notes."""


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
    """`intended`, then the service's state; once it is closed, `collected`, `failed`, `refused`, `lost` or
    `unsent` (no batch of it was ever created)."""
    message: str = ""
    """Why it was closed without answers."""
    completed: int = 0
    """Requests answered so far, as the service counts them."""
    failed: int = 0

    @property
    def closed(self) -> bool:
        """Whether nothing more will come of it: requests without an answer are free again."""
        return self.state in ("collected", "failed", "refused", "lost", "unsent")

    @property
    def under_way(self) -> bool:
        """Whether a batch of it exists at the service, or may exist, and is not read yet."""
        return not self.closed and (self.batch is not None or self.tried is not None)

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
    known = msgspec.convert(list(journal.notes(NOTE).values()), list[Submission])
    return sorted(known, key=lambda submission: submission.at)


def keys_under_way(journal: Journal, model: str) -> Iterator[str]:
    """Yield the keys of a model's requests in open batches, as far as the request files are here."""
    for known in submissions(journal):
        path = kept_path(journal.path.parent, known.intent)
        if known.under_way and known.model == model and path.exists():
            yield from keys_of(path)
