"""The file of an audit's chain: one writer at a time, what a killed one left, and when the disk has it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from populace.atomic import fsync_directory
from populace.bounds.audit_entry import Entry, Event
from populace.bounds.audit_reading import START, Seal
from populace.errors import DataError

__all__ = ["Chain"]

_TAIL = 1 << 16
"""Bytes read at the end of the chain to find its last line; a record is far shorter."""


class Chain:
    """The chain in a folder, and its head."""

    def __init__(self, folder: Path, sync_records: int, sync_seconds: float) -> None:
        self.folder = folder
        self.path = folder / "chain.jsonl"
        self.head_path = folder / "head.json"
        self._sync_records, self._sync_seconds = sync_records, sync_seconds
        self._unsynced, self._oldest = 0, 0.0
        self._turn = threading.Lock()
        self.handle = self._head = self._lock = -1
        self._process = 0
        self._end, self._n, self._hash = -1, 0, START

    @contextmanager
    def alone(self, *, make: bool = True) -> Iterator[None]:
        """Hold the audit against threads and processes."""
        with self._turn:
            if self._process != os.getpid():
                # A child has the handles, and with them the lock, of its parent.
                self._drop()
                self._process = os.getpid()
            # What is not there, or may not be written, is read as it stands.
            if not make and not (self.path.exists() and os.access(self.folder, os.W_OK)):
                yield
                return
            self._open()
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _open(self) -> None:
        if self.handle >= 0 and os.fstat(self.handle).st_nlink:
            return
        # Somebody removed the file that was open: what went on there would be nowhere.
        self._drop()
        try:
            new = not self.path.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(self.folder / "chain.lock", flags, 0o600)
            self.handle = os.open(self.path, flags, 0o600)
            self._head = os.open(self.head_path, flags, 0o600)
            if new:
                fsync_directory(self.folder)
        except OSError as error:
            self._drop()
            raise DataError(
                f"the audit cannot be opened ({error.strerror})",
                file=self.path,
                fix="check the folder's permissions",
            ) from error
        self._end = -1

    def close(self) -> None:
        """Force what was written to the disk, and close the files."""
        with self._turn:
            self.sync()
            self._drop()

    def last(self) -> Seal:
        """Give the last record; who calls is alone."""
        if not self.path.exists():
            return Seal(n=0, hash=START)
        self.follow()
        self.sync()
        return Seal(n=self._n, hash=self._hash)

    def _drop(self) -> None:
        for handle in (self.handle, self._head, self._lock):
            if handle >= 0:
                with suppress(OSError):
                    os.close(handle)
        self.handle = self._head = self._lock = -1
        self._end = -1

    def follow(self) -> None:
        """Learn the last record, where another process has written since; remove a torn line."""
        size = os.fstat(self.handle).st_size
        if size == self._end:
            return
        start = max(size - _TAIL, 0)
        tail = os.pread(self.handle, size - start, start)
        whole = tail.rfind(b"\n") + 1
        torn = len(tail) - whole
        lines = tail[:whole].splitlines()
        self._n, self._hash = 0, START
        if lines:
            try:
                last = msgspec.json.decode(lines[-1], type=Entry)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._broken("its last line is no record") from error
            self._n, self._hash = last.n, last.hash
        elif torn and start:
            raise self._broken("its end is no record")
        self._end = size - torn
        lost, head = self._missed(lines)
        if torn:
            os.ftruncate(self.handle, self._end)
        if torn or lost or head:
            # Going on in silence would hide it, and stopping would leave decisions unwritten. The next record
            # writes the head anew: what the old one showed is kept here.
            self.write("mended", {"bytes_cut": torn, "lost": lost, "head": head})

    def _missed(self, lines: list[bytes]) -> tuple[int, str]:
        """Hold the chain against its head: how many records are gone from its end, and what else is wrong."""
        raw = os.pread(self._head, 256, 0)
        if not raw and not self._end:
            # From its start a chain has a head: where one is lacking later, somebody took it.
            os.pwrite(self._head, Seal(n=0, hash=START).written(), 0)
            return 0, ""
        named = Seal.read(raw)
        if named is None:
            return 0, "gone"
        if named.n > self._n:
            return named.n - self._n, ""
        # A process that is killed leaves it one record behind, a power cut more.
        return 0, "" if named.n == 0 or self._hash_of(named.n, lines) == named.hash else "other"

    def _hash_of(self, n: int, tail: list[bytes]) -> str | None:
        """Find the hash of a record: in the tail, where it nearly always is, else in all of the chain."""
        if n == self._n:
            return self._hash
        found = (_numbered(line, n) for lines in (reversed(tail), self._lines()) for line in lines)
        return next(filter(None, found), None)

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as lines:
            yield from lines

    def write(self, event: Event, fields: dict[str, Any]) -> Entry:
        """Add a record; who calls is alone, and has followed."""
        import rfc8785

        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        bare = Entry(n=self._n + 1, at=at, event=event, prev=self._hash, **fields)
        told: dict[str, Any] = msgspec.to_builtins(bare)
        told["hash"] = hashlib.sha256(rfc8785.dumps(told)).hexdigest()
        line = rfc8785.dumps(told) + b"\n"
        try:
            written = os.pwrite(self.handle, line, self._end)
            if written < len(line):
                raise OSError("the disk is full")
            os.pwrite(self._head, Seal(n=bare.n, hash=told["hash"]).written(), 0)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self.handle, self._end)
            self._end = -1
            raise DataError(
                f"a record could not be written ({error.strerror or error})",
                file=self.path,
                fix="free some space",
            ) from error
        self._end += len(line)
        self._n, self._hash = bare.n, told["hash"]
        now = time.monotonic()
        if not self._unsynced:
            self._oldest = now
        self._unsynced += 1
        if self._unsynced >= self._sync_records or now - self._oldest >= self._sync_seconds:
            self.sync()
        return msgspec.structs.replace(bare, hash=told["hash"])

    def sync(self) -> None:
        """Force what was written to the disk."""
        if self._unsynced and self.handle >= 0:
            os.fsync(self.handle)
            os.fsync(self._head)
        self._unsynced = 0

    def _broken(self, what: str) -> DataError:
        fix = "keep the folder, look at it with `populace bounds audit`, and give another for new records"
        return DataError(f"the audit's chain is damaged: {what}", file=self.path, fix=fix)


def _numbered(line: bytes, n: int) -> str | None:
    """Give a record's hash, where it has this number."""
    try:
        entry = msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry.hash if entry.n == n else None
