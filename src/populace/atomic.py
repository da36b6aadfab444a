"""Files that are whole or absent: written beside their place, fsynced, renamed.

A reader never sees half a file, and a writer that fails, is killed or runs out of disk leaves the
file that stood there before as it was.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from populace.errors import DataError

__all__ = ["atomic_path", "fsync_directory", "write_atomic"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MISPLACED = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR})
_LEFT = 3600.0
"""Seconds after which a sibling that nobody has written to was left by a process that was killed."""
_ROOM = 1 << 16
"""A disk with fewer bytes free is full."""


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that the file holds either all of it or what it held before.

    Missing parent folders are made.

    Raises
    ------
    DataError
        If the disk is full or the place may not be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "deep" / "a.txt", b"hello")
    >>> (folder / "deep" / "a.txt").read_bytes()
    b'hello'
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path`, with its suffix; on success it is fsynced and renamed.

    For libraries that write a file by name. If the body raises, the sibling is removed and `path`
    stays as it was.

    Raises
    ------
    DataError
        If the disk is full or the place may not be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.parquet"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_bytes(b"PAR1")
    ...     print(temporary.suffix, target.exists())
    .parquet False
    >>> [child.name for child in target.parent.iterdir()]
    ['a.parquet']
    """
    # A symbolic link stays one: the file it points to is replaced.
    target = Path(path).resolve()
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise DataError("this is a device or a pipe, and would be replaced", file=target, fix="give a file")
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        yield temporary
        _fsync_file(temporary)
        temporary.replace(target)
        fsync_directory(target.parent)
    except Exception as error:
        translated = _translate(error, target, temporary)
        if translated is None:
            raise
        raise translated from error
    finally:
        # After the rename there is nothing here to remove; a folder that cannot be entered never held it.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def fsync_directory(folder: Path) -> None:
    """Make a rename or a new name in `folder` survive a power cut (Windows offers no such call)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(target: Path) -> None:
    """Remove what writers of `target` that were killed left behind."""
    for sibling in target.parent.glob(f".{escape(target.stem)}.{'[0-9a-f]' * 8}{escape(target.suffix)}"):
        with suppress(OSError):
            if time.time() - sibling.stat().st_mtime > _LEFT:
                sibling.unlink()


def _fsync_file(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def _no_room(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < _ROOM
    return False


def _translate(error: Exception, target: Path, temporary: Path) -> DataError | None:
    """Name what a user can mend; None for an error of another file that the body happened to raise."""
    # Polars raises its own types without errno, in Rust's wording: "... (os error 28)".
    known = _FULL | _FORBIDDEN
    code = getattr(error, "errno", None) or next((c for c in known if f"(os error {c})" in str(error)), None)
    if code is None and _no_room(target.parent):
        # Its Parquet writer calls a full disk "Invalid thrift: transport error".
        code = errno.ENOSPC
    if code in _FULL:
        return DataError(
            "the disk is full", file=target, fix="free some space and run the same command again"
        )
    name = getattr(error, "filename", None)
    ours = name is None or Path(os.fsdecode(name)) in {temporary, target, *target.parents}
    if code in _FORBIDDEN and ours:
        return DataError("this place may not be written", file=target, fix="write to another folder")
    if code in _MISPLACED and ours:
        return DataError("a folder stands where a file should, or a file where a folder should", file=target)
    return None
