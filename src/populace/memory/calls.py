"""Calls of models about people: the engine's journal beside the store, gone when its answers are used.

Beside a SQLite file stands a folder `FILE-calls`, open to its owner alone, with a journal for each kind of
work; for a server it lies among this machine's temporary files. So work that was killed goes on where it
stopped: calls that were answered are not paid for again. Meanwhile what a model said of people stands in it.
So a finished piece of work overwrites and removes its journal, and every deletion does so with all of them
(`scrub_calls`), or says that one is in use and leaves it to the next opening.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from populace.errors import DataError

if TYPE_CHECKING:
    from populace.memory.store import Store
    from populace.models.protocol import Provider
    from populace.models.records import ChooseRequest, GenerateRequest, Result
    from populace.run import Budget

__all__ = ["Told", "asked", "calls_folder", "scrub_calls"]

_BLOCK = 1 << 20
Told = Callable[[int, int], None]
"""Told how much of a work is done, and of how much."""


def calls_folder(store: Store) -> Path:
    """Say where journals of calls lie."""
    if store.file is not None:
        return store.file.with_name(f"{store.file.name}-calls")
    name = blake2b(store.name.encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"populace-{os.getuid()}-{name}-calls"


@contextmanager
def asked(
    store: Store,
    work: str,
    requests: Sequence[GenerateRequest | ChooseRequest],
    provider: Provider,
    *,
    stage: str,
    progress: Told | None = None,
    budget: Budget | None = None,
) -> Iterator[list[Result | None]]:
    """Ask a model through the engine; gives a result a request, None where a call failed.

    The journal goes when the block ends and all is answered. Where the block fails, or the process is killed,
    it stays, and the same work takes its answers from it.

    Parameters
    ----------
    work
        What it is for: work of one name shares a journal.

    Raises
    ------
    ModelError, JournalError
        As `populace.run.run`.
    DataError
        If the folder is not ours.
    """
    if not requests:
        yield []
        return
    from populace.models.records import Failure
    from populace.run import Journal, run

    def tell(stats: Any) -> None:
        if progress is not None:
            progress(min(stats.seen, len(requests)), len(requests))

    folder = _folder(store, work)
    with Journal(folder) as journal:
        run(requests, provider, journal, stage=stage, progress=tell, retry_errors=True, budget=budget)
        found = [journal.get(request.key) for request in requests]
    yield found
    if not any(each is None or isinstance(each, Failure) for each in found):
        _remove(folder)
        _remove_empty(folder.parent)


def _folder(store: Store, work: str) -> Path:
    beside = calls_folder(store)
    beside.mkdir(mode=0o700, exist_ok=True)
    told = beside.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid() or told.st_mode & 0o077:
        raise DataError(
            "calls of models would be kept here, and others may read it", file=beside, fix="remove it"
        )
    return beside / blake2b(work.encode(), digest_size=8).hexdigest()


def scrub_calls(store: Store) -> bool:
    """Overwrite and remove all journals of calls; False where one is in use."""
    beside = calls_folder(store)
    if beside.is_symlink() or not beside.is_dir():
        return True
    removed = [_remove(folder) for folder in sorted(beside.iterdir())]
    _remove_empty(beside)
    return all(removed)


def _remove(folder: Path) -> bool:
    """Overwrite the files of one journal, if nobody holds it, and remove it."""
    try:
        with _held(folder / "journal.lock") as free:
            if not free:
                return False
            for file in sorted(folder.iterdir()):
                if file.suffix != ".lock":
                    _overwrite(file)
            shutil.rmtree(folder)
    except FileNotFoundError:
        return True  # another process was faster
    return True


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # other work has its journal here


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Hold a journal as the engine does; yields whether it is ours."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(handle)


def _overwrite(file: Path) -> None:
    left = file.stat().st_size
    with file.open("r+b") as opened:
        while left > 0:
            left -= opened.write(b"\0" * min(left, _BLOCK))
        opened.flush()
        os.fsync(opened.fileno())
