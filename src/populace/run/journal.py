"""The journal: the only truth of a run, one checksummed line a finished call, never rewritten.

What is on the disk is `journal.log` and, where many workers shared the work, `journal-SHARD.log` beside it
(`journal_file` says what a line is and what may happen to it). An answer beats a failure; otherwise the
newest record of a key wins. A failure is a row too, and a later answer replaces it.

Memory holds 24 bytes a call (`index`); texts stay on the disk until asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from populace.canonical import content_hash
from populace.errors import JournalError
from populace.models.records import Failure, Result, Usage
from populace.run.index import Index
from populace.run.journal_file import JournalFile, frame, take_lock

__all__ = ["Journal", "Record", "Totals"]

_FILE_BITS = 48
"""A place is the number of a file, then the byte in it: 65,536 files of 256 TiB."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finished call."""

    stage: str
    result: Result
    seconds: float
    """How long the call took, its retries included."""
    at: float
    """When it ended, in seconds since 1970."""
    dollars: float | None = None
    """What it cost; None where the price is unknown."""


class _Note(msgspec.Struct, frozen=True, kw_only=True, tag="note", tag_field="kind"):
    key: str
    name: str
    body: msgspec.Raw


class _NoteRecord(msgspec.Struct, frozen=True, kw_only=True):
    stage: str
    result: _Note
    seconds: float
    at: float


class Totals(msgspec.Struct, kw_only=True):
    """What the journal holds of one stage, over every session that wrote to it."""

    answered: int = 0
    """Keys that were answered."""
    failed: int = 0
    """Keys whose newest record is a failure."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    """Durations of the calls, summed; calls that ran side by side count each."""
    dollars: float | None = 0.0
    """What the calls cost; None where the price of any was unknown."""
    known_dollars: float = 0.0
    """What the calls cost whose price was known."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


class Journal:
    """Open (or start) the journal in `folder` and hold it alone until closed.

    Parameters
    ----------
    folder
        Where `journal.log` and `journal.lock` live; made if missing.
    shard
        Name of one worker's part: it writes `journal-SHARD.log` and reads that alone. None writes
        `journal.log` and reads every shard beside it.
    sync_records, sync_seconds
        Appended records are forced to the disk when this many wait, or when the oldest has waited this
        long at the next append. A killed process loses nothing that was appended; a power cut loses
        at most this.

    Raises
    ------
    JournalError
        Another process holds the journal or one of its shards, a line before intact ones is damaged, or
        the folder may not be written.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.records import Completion
    >>> folder = tempfile.mkdtemp()
    >>> with Journal(folder) as journal:
    ...     answer = Completion(key="00" * 16, text="Hello.")
    ...     journal.append([Record(stage="greet", result=answer, seconds=0.1, at=0.0)])
    >>> with Journal(folder) as journal:
    ...     "00" * 16 in journal, journal.get("00" * 16).text
    (True, 'Hello.')
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        shard: str | None = None,
        sync_records: int = 256,
        sync_seconds: float = 2.0,
    ) -> None:
        self.path = Path(folder) / ("journal.log" if shard is None else f"journal-{shard}.log")
        self.totals: dict[str, Totals] = {}
        """By stage, in the order in which stages first wrote."""
        self._index = Index()
        self._failed: dict[str, str] = {}
        self._notes: dict[str, int] = {}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Record)
        self._sync_records, self._sync_seconds = sync_records, sync_seconds
        self._unsynced, self._oldest = 0, 0.0
        self._files: list[JournalFile] = []
        self._whole = shard is None
        self._lock = -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(self.path.with_suffix(".lock"))
            self._files.append(JournalFile(self.path, writable=True))
            self._load(0)
            self._files[0].cut()
            self.refresh()
        except OSError as error:
            self._release()
            raise JournalError(
                f"the journal cannot be opened ({error.strerror})",
                file=self.path,
                fix="check the folder's permissions, or run in another folder",
            ) from error
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, key: str) -> bool:
        """Whether `key` was answered; a failure does not count."""
        return key not in self._failed and self._index.get(key) is not None

    def __len__(self) -> int:
        """Count distinct keys, failures included."""
        return len(self._index)

    def __iter__(self) -> Iterator[Record]:
        """Yield the standing record of every key in the order written, one at a time."""
        for place in self._index.places():
            yield self._read(int(place))

    def get(self, key: str) -> Result | None:
        """Return the standing result of `key`, which may be a `Failure`; None if it was never called."""
        place = self._index.get(key)
        return None if place is None else self._read(place).result

    def failure(self, key: str) -> Failure | None:
        """Return the failure of a key that was called and never answered; None for any other."""
        result = self.get(key) if key in self._failed else None
        return result if isinstance(result, Failure) else None

    def failures(self, stage: str) -> Iterator[Failure]:
        """Yield the failures of a stage whose keys have no answer."""
        for key in [key for key, name in self._failed.items() if name == stage]:
            if failure := self.failure(key):
                yield failure

    def append(self, records: Iterable[Record]) -> None:
        """Add finished calls in one write; they are found by `get` at once.

        Raises
        ------
        JournalError
            The disk is full or failing. The journal is cut back to what it held before, and stays usable.
        """
        records = list(records)
        lines = [frame(self._encoder.encode(record)) for record in records]
        if not lines:
            return
        place = self._files[0].end
        self._files[0].append(b"".join(lines))
        for record, line in zip(records, lines, strict=True):
            result = record.result
            failure = isinstance(result, Failure)
            self._count(
                result.key, place, record.stage, failure, result.usage, record.seconds, record.dollars
            )
            place += len(line)
        if not self._unsynced:
            self._oldest = time.monotonic()
        self._unsynced += len(lines)
        if self._unsynced >= self._sync_records or time.monotonic() - self._oldest >= self._sync_seconds:
            self.sync()

    def note(self, name: str, value: Any) -> None:
        """Keep a small value that is no call: a batch's id, an estimate. It is on the disk on return.

        Examples
        --------
        >>> import tempfile
        >>> with Journal(tempfile.mkdtemp()) as journal:
        ...     journal.note("batch/1", {"id": "b-17"})
        ...     journal.notes("batch/")
        {'batch/1': {'id': 'b-17'}}
        """
        body = msgspec.Raw(self._encoder.encode(value))
        note = _Note(key=content_hash(name), name=name, body=body)
        line = self._encoder.encode(_NoteRecord(stage="", result=note, seconds=0.0, at=round(time.time(), 3)))
        place = self._files[0].end
        self._files[0].append(frame(line))
        self._notes[name] = place
        self._unsynced += 1
        self.sync()

    def notes(self, prefix: str = "") -> dict[str, Any]:
        """Return the newest value of every note whose name starts with `prefix`."""
        found = {name: place for name, place in self._notes.items() if name.startswith(prefix)}
        records = {
            name: msgspec.json.decode(self._line(place), type=_NoteRecord) for name, place in found.items()
        }
        return {name: msgspec.json.decode(record.result.body) for name, record in records.items()}

    def sync(self) -> None:
        """Force what was appended to the disk."""
        if self._unsynced:
            self._files[0].sync()
            self._unsynced = 0

    def refresh(self) -> None:
        """Read what the workers of shards have added since the last look.

        Raises
        ------
        JournalError
            A worker still writes to its shard.
        """
        if not self._whole:
            return
        known = {file.path for file in self._files}
        for path in sorted(self.path.parent.glob("journal-*.log")):
            if path not in known:
                self._files.append(JournalFile(path, writable=False))
        for number, file in enumerate(self._files[1:], start=1):
            os.close(take_lock(file.path.with_suffix(".lock")))
            self._load(number)

    def close(self) -> None:
        """Sync, and let other processes have the journal. Closing twice is allowed."""
        if not self._files:
            return
        try:
            self.sync()
        finally:
            self._release()

    def _load(self, number: int) -> None:
        """Index the lines of a file that are not known yet."""
        file = number << _FILE_BITS
        for head, start in self._files[number].scan():
            result = head.result
            if result.kind == "note":
                self._notes[result.name] = file | start
            else:
                failure = result.kind == "failure"
                self._count(
                    result.key, file | start, head.stage, failure, result.usage, head.seconds, head.dollars
                )

    def _count(
        self,
        key: str,
        place: int,
        stage: str,
        failure: bool,
        usage: Usage,
        seconds: float,
        dollars: float | None,
    ) -> None:
        """Index one call and count it into its stage's totals."""
        totals = self.totals.get(stage)
        if totals is None:
            totals = self.totals[stage] = Totals()
        totals.seconds += seconds
        totals.prompt_tokens += usage.prompt_tokens
        totals.completion_tokens += usage.completion_tokens
        totals.cached_tokens += usage.cached_tokens
        if dollars is not None:
            totals.known_dollars += dollars
        if dollars is None and (not failure or usage.prompt_tokens):
            totals.dollars = None
        elif totals.dollars is not None and dollars:
            totals.dollars += dollars
        failed = self._failed.pop(key, None)
        if failed is not None:
            self.totals[failed].failed -= 1
        known = failed is None and self._index.get(key) is not None
        if failure and known:
            return  # answered already, by another worker
        if failure:
            totals.failed += 1
            self._failed[key] = stage
        else:
            totals.answered += not known
        self._index.set(key, place)

    def _read(self, place: int) -> Record:
        return self._decoder.decode(self._line(place))

    def _line(self, place: int) -> bytes:
        return self._files[place >> _FILE_BITS].read(place & ((1 << _FILE_BITS) - 1))

    def _release(self) -> None:
        """Close the files; closing the lock file gives the lock back."""
        for file in self._files:
            file.close()
        self._files.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
