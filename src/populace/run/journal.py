"""The journal: the only truth of a run, one checksummed line a finished call, never rewritten.

A line is `CRC32 in 8 hex digits`, a space, and a `Record` as JSON. Lines are only ever appended, a
batch in one write, so that whatever kills the process leaves at most a torn tail, which the next
opening recognises and cuts. Damage before intact lines cannot come from a crash; it is an error
that names the line. The newest record of a key wins: a failure is a row too, and a later answer
replaces it.

Memory holds 16 bytes of key and one integer a call; texts stay on the disk until asked for.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from populace.errors import JournalError
from populace.models.records import Result, Usage

__all__ = ["Journal", "Record", "Totals"]

_log = logging.getLogger(__name__)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LENGTH_BITS = 32


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


class Totals(msgspec.Struct, kw_only=True):
    """What the journal holds of one stage, over every session that wrote to it."""

    answered: int = 0
    failed: int = 0
    """Keys whose newest record is a failure."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    """Durations of the calls, summed; calls that ran side by side count each."""
    dollars: float | None = 0.0
    """What the calls cost; None where the price of any was unknown."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


class _ResultHead(msgspec.Struct):
    kind: str
    key: str
    usage: Usage = Usage()


class _Head(msgspec.Struct):
    """The part of a record that the index needs; decoding skips the texts."""

    stage: str
    result: _ResultHead
    seconds: float
    dollars: float | None = None


class Journal:
    """Open (or start) the journal in `folder` and hold it alone until closed.

    Parameters
    ----------
    folder
        Where `journal.log` and `journal.lock` live; made if missing.
    sync_records, sync_seconds
        Appended records are forced to the disk when this many wait, or when the oldest has waited this
        long at the next append. A killed process loses nothing that was appended; a power cut loses
        at most this.

    Raises
    ------
    JournalError
        Another process holds the journal, a line before intact ones is damaged, or the folder may not be
        written.

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
        self, folder: str | os.PathLike[str], *, sync_records: int = 256, sync_seconds: float = 2.0
    ) -> None:
        self.path = Path(folder) / "journal.log"
        self.totals: dict[str, Totals] = {}
        """By stage, in the order in which stages first wrote."""
        self._index: dict[bytes, int] = {}
        self._failed: dict[bytes, str] = {}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Record)
        self._head_decoder = msgspec.json.Decoder(_Head)
        self._sync_records, self._sync_seconds = sync_records, sync_seconds
        self._unsynced, self._oldest = 0, 0.0
        self._end = 0
        self._file = self._lock = -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self.path.with_suffix(".lock"))
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._load()
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
        name = bytes.fromhex(key)
        return name in self._index and name not in self._failed

    def __len__(self) -> int:
        """Count distinct keys, failures included."""
        return len(self._index)

    def __iter__(self) -> Iterator[Record]:
        """Yield the newest record of every key in the order written, one at a time."""
        for place in sorted(self._index.values()):
            yield self._read(place)

    def get(self, key: str) -> Result | None:
        """Return the newest result of `key`, which may be a `Failure`; None if it was never called."""
        place = self._index.get(bytes.fromhex(key))
        return None if place is None else self._read(place).result

    def append(self, records: Iterable[Record]) -> None:
        """Add finished calls in one write; they are found by `get` at once.

        Raises
        ------
        JournalError
            The disk is full or failing. The journal is cut back to what it held before, and stays usable.
        """
        bodies = [self._encoder.encode(record) for record in records]
        if not bodies:
            return
        lines = [_frame(body) for body in bodies]
        self._write(b"".join(lines))
        for body, line in zip(bodies, lines, strict=True):
            self._note(self._head_decoder.decode(body), len(line))
        if not self._unsynced:
            self._oldest = time.monotonic()
        self._unsynced += len(lines)
        if self._unsynced >= self._sync_records or time.monotonic() - self._oldest >= self._sync_seconds:
            self.sync()

    def sync(self) -> None:
        """Force what was appended to the disk."""
        if self._unsynced:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise self._unwritable(error) from error
            self._unsynced = 0

    def close(self) -> None:
        """Sync, and let other processes have the journal. Closing twice is allowed."""
        if self._file < 0:
            return
        try:
            self.sync()
        finally:
            self._release()

    def _load(self) -> None:
        """Verify and index every line, then cut a torn tail."""
        damaged, cut = 0, 0
        with open(self._file, "rb", buffering=1 << 20, closefd=False) as lines:
            for number, line in enumerate(lines, start=1):
                head = self._verify(line)
                if head is None:
                    damaged = damaged or number
                    cut += len(line)
                elif damaged:
                    raise JournalError(
                        f"line {damaged} (byte {self._end}) is damaged, and intact lines follow it",
                        file=self.path,
                        fix=f"keep a copy of the file, then remove that line (sed -i {damaged}d "
                        f"{self.path.name}); its calls will be made again",
                    )
                else:
                    self._note(head, len(line))
        if cut:
            os.ftruncate(self._file, self._end)
            _log.warning(
                "%s: cut %d bytes of an unfinished last line, left by a run that was stopped", self.path, cut
            )

    def _verify(self, line: bytes) -> _Head | None:
        """Decode the head of a whole, undamaged line; None for any other."""
        body = line[9:-1]
        if line[8:9] != b" " or line[-1:] != b"\n" or b"%08x" % zlib.crc32(body) != line[:8]:
            return None
        try:
            return self._head_decoder.decode(body)
        except msgspec.DecodeError:
            return None

    def _note(self, head: _Head, length: int) -> None:
        """Index the line that starts at the end so far, and count it into its stage's totals."""
        result = head.result
        name = bytes.fromhex(result.key)
        self._index[name] = self._end << _LENGTH_BITS | length
        self._end += length
        if self._failed and name in self._failed:
            self.totals[self._failed.pop(name)].failed -= 1
        totals = self.totals.get(head.stage)
        if totals is None:
            totals = self.totals[head.stage] = Totals()
        totals.seconds += head.seconds
        if result.kind == "failure":
            totals.failed += 1
            self._failed[name] = head.stage
            return
        totals.answered += 1
        totals.prompt_tokens += result.usage.prompt_tokens
        totals.completion_tokens += result.usage.completion_tokens
        totals.cached_tokens += result.usage.cached_tokens
        if totals.dollars is not None:
            totals.dollars = None if head.dollars is None else totals.dollars + head.dollars

    def _read(self, place: int) -> Record:
        offset, length = place >> _LENGTH_BITS, place & ((1 << _LENGTH_BITS) - 1)
        return self._decoder.decode(os.pread(self._file, length, offset)[9:])

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._end + written)
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> JournalError:
        what = "the disk is full" if error.errno in _FULL else f"the disk failed ({error.strerror})"
        fix = "free some space and run the same command again; nothing that was finished is lost"
        return JournalError(what, file=self.path, fix=fix)

    def _release(self) -> None:
        """Close the files; closing the lock file gives the lock back."""
        for handle in (self._file, self._lock):
            if handle >= 0:
                os.close(handle)
        self._file = self._lock = -1


def _take_lock(path: Path) -> int:
    """Lock `path` for this process and write its number there; the kernel unlocks when the process ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode().strip() or "unknown"
        os.close(handle)
        raise JournalError(
            f"the journal is held by process {holder}",
            file=path.with_suffix(".log"),
            fix=f"wait until it ends or stop it (kill {holder}), then run the same command again",
        ) from None
    except OSError:
        os.close(handle)
        raise
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _frame(body: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(body), body)
