"""One journal file on the disk: checksummed lines, a lock, and what a crash may have left at its end.

A line is `CRC32 in 8 hex digits`, a space, and JSON. Lines are only ever appended, a batch in one write, so
whatever kills the process leaves at most a torn tail. Damage before intact lines cannot come from a crash.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import platform
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from populace.errors import JournalError
from populace.models.records import Usage

__all__ = ["Head", "JournalFile", "frame", "take_lock"]

_log = logging.getLogger(__name__)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_USUAL = 4096
"""Bytes read at first for one line."""


class _ResultHead(msgspec.Struct):
    kind: str
    key: str
    usage: Usage = Usage()
    name: str = ""


class Head(msgspec.Struct):
    """The part of a record that the index needs; decoding skips the texts."""

    stage: str
    result: _ResultHead
    seconds: float
    dollars: float | None = None


_head_decoder = msgspec.json.Decoder(Head)


class JournalFile:
    """A file of lines, open for appending (`writable`) or for reading alone.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self.end = 0
        """Bytes known to be intact."""
        self._lines = 0
        """Lines that `scan` has found intact."""
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        self._handle = os.open(path, flags | os.O_CLOEXEC, 0o666)

    def scan(self) -> Iterator[tuple[Head, int]]:
        """Verify every line from the known end on; yield its head and where it starts.

        A torn tail is left alone: `cut` removes it.

        Raises
        ------
        JournalError
            A damaged line stands before intact ones.
        """
        damaged = 0
        with open(self._handle, "rb", buffering=1 << 20, closefd=False) as lines:
            lines.seek(self.end)
            for number, line in enumerate(lines, start=self._lines + 1):
                head = self._verify(line)
                if head is None:
                    damaged = damaged or number
                elif damaged:
                    raise self._damaged(damaged)
                else:
                    start, self.end = self.end, self.end + len(line)
                    self._lines += 1
                    yield head, start

    def cut(self) -> None:
        """Remove what follows the known end: the torn tail of a process that was killed."""
        size = os.fstat(self._handle).st_size
        if not self.end and b"\n" in os.pread(self._handle, size, 0):
            raise JournalError(
                "this is no journal", file=self.path, fix="move it away, or run in another folder"
            )
        if size > self.end:
            os.ftruncate(self._handle, self.end)
            _log.warning(
                "%s: cut %d bytes of an unfinished last line, left by a run that was stopped",
                self.path,
                size - self.end,
            )

    def append(self, data: bytes) -> None:
        """Write whole lines at the end; on failure the file is cut back to what it held before.

        Raises
        ------
        JournalError
            The disk is full or failing.
        """
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._handle, data[written:], self.end + written)
        except OSError as error:
            # Where the cut fails too, the next append writes over the torn line, or the next opening cuts it.
            with suppress(OSError):
                os.ftruncate(self._handle, self.end)
            raise self._unwritable(error) from error
        self.end += written

    def sync(self) -> None:
        """Force what was appended to the disk.

        Raises
        ------
        JournalError
            The disk is full or failing.
        """
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise self._unwritable(error) from error

    def read(self, start: int) -> bytes:
        """Return the JSON of the line that starts at `start`."""
        data = os.pread(self._handle, _USUAL, start)
        size = _USUAL
        while (stop := data.find(b"\n")) < 0:
            if len(data) < size:
                raise JournalError(
                    f"the file ends within the line at byte {start}: something cut it while it was in use",
                    file=self.path,
                    fix="run the same command again; what is lost is asked again",
                )
            size *= 8
            data = os.pread(self._handle, size, start)
        return data[9:stop]

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _verify(self, line: bytes) -> Head | None:
        """Decode the head of a whole, undamaged line; None for any other."""
        body = line[9:-1]
        if line[8:9] != b" " or line[-1:] != b"\n" or b"%08x" % zlib.crc32(body) != line[:8]:
            return None
        try:
            return _head_decoder.decode(body)
        except msgspec.DecodeError as error:
            raise JournalError(
                f"another version wrote the line at byte {self.end} ({error})",
                file=self.path,
                fix="use that version of populace, or run in another folder",
            ) from error

    def _damaged(self, number: int) -> JournalError:
        return JournalError(
            f"line {number} (byte {self.end}) is damaged, and intact lines follow it",
            file=self.path,
            fix=f"keep a copy of the file, then remove that line (sed -i {number}d "
            f"{self.path.name}); its calls will be made again",
        )

    def _unwritable(self, error: OSError) -> JournalError:
        what = "the disk is full" if error.errno in _FULL else f"the disk failed ({error.strerror})"
        fix = "free some space and run the same command again; only calls in flight are asked again"
        return JournalError(what, file=self.path, fix=fix)


def frame(body: bytes) -> bytes:
    """Make a line of JSON."""
    return b"%08x %b\n" % (zlib.crc32(body), body)


def take_lock(path: Path) -> int:
    """Lock `path` for this process and write its number there; the kernel unlocks when the process ends.

    Raises
    ------
    JournalError
        Another process holds it; the message names that process.
    OSError
        The file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process, _, host = os.pread(handle, 256, 0).decode().strip().partition(" ")
        os.close(handle)
        where = "" if host in ("", platform.node()) else f" on {host}"
        fix = f"wait until it ends or stop it (kill {process}{where}), then run the same command again"
        if not process:
            fix = "wait until it ends, then run the same command again"
        elif process == str(os.getpid()) and not where:
            fix = "this process has it open already: close that one first"
        raise JournalError(
            f"the journal is held by process {process or 'unknown'}{where}",
            file=path.with_suffix(".log"),
            fix=fix,
        ) from None
    except OSError:
        os.close(handle)
        raise
    # A full disk has no room for the name of the holder: the lock holds all the same.
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {platform.node()}\n".encode(), 0)
    return handle
