"""A disk that is full, read-only or failing: a clear error, an intact journal, and the next run completes.

The real thing where this system allows it: a small file system of our own, mounted in a process that has its
own view of what is mounted.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from populace.atomic import write_atomic
from populace.canonical import content_hash
from populace.errors import DataError, JournalError
from populace.models import Completion, GenerateRequest, Message
from populace.models.scripted import Scripted
from populace.run import Journal, Record, run, write_calls, write_manifest

FULL_DISK = r"journal\.log: the disk is full\. To mend it: free some space and run the same command again"
CALLS = 200


@pytest.fixture(autouse=True)
def no_hanging():
    """A loop that waits for a disk that never answers should fail here, not hold up the suite."""

    def late(*_):
        raise TimeoutError("this test hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def model() -> Scripted:
    return Scripted(text=lambda request: content_hash(request.key) * 40, concurrency=4)


def plan(asked: Scripted) -> list[GenerateRequest]:
    turns = [Message("user", f"question {i}") for i in range(CALLS)]
    return [GenerateRequest(model=asked.model, messages=(turn,), max_tokens=9) for turn in turns]


def complete(folder: Path) -> None:
    """The next run, with nothing in its way: every call once, with what was answered before kept."""
    asked = model()
    with Journal(folder) as journal:
        before = {record.result.key for record in journal}
        run(plan(asked), asked, journal, stage="s")
        assert set(asked.asked) == {request.key for request in plan(asked)} - before
        assert all(journal.get(r.key).text == content_hash(r.key) * 40 for r in plan(asked))
        assert (journal.totals["s"].answered, len(journal)) == (CALLS, CALLS)
        write_calls(journal, folder / "calls.parquet")


@contextmanager
def file_size_limit(size: int):
    """The kernel refuses to write past `size` bytes of a file, after writing what fits: as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def failing(code: int, real: Any = None, after: int = 0) -> Any:
    """A system call that fails from its `after`-th time on."""
    times = iter(range(after))

    def call(*args, **settings):
        if real and next(times, None) is not None:
            return real(*args, **settings)
        raise OSError(code, os.strerror(code))

    return call


# Limits that every system has


@pytest.mark.parametrize("room", [0, 1, 100, 5_000, 50_000])
def test_a_run_that_fills_the_disk(tmp_path, room):
    asked = model()
    with Journal(tmp_path) as journal, file_size_limit(room), pytest.raises(JournalError, match=FULL_DISK):
        run(plan(asked), asked, journal, stage="s")
    assert (tmp_path / "journal.log").stat().st_size <= room
    with Journal(tmp_path) as journal:
        assert len(journal) == (tmp_path / "journal.log").read_bytes().count(b"\n")
    complete(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_write_that_fails_ends_the_run_with_an_error(tmp_path, monkeypatch, call, code):
    asked = model()
    what = "the disk is full" if code in (errno.ENOSPC, errno.EDQUOT) else "the disk failed"
    journal = Journal(tmp_path, sync_records=10)
    with monkeypatch.context() as patch, pytest.raises(JournalError, match=what):
        patch.setattr(os, call, failing(code, getattr(os, call), after=3))
        run(plan(asked), asked, journal, stage="s")
    journal.close()
    complete(tmp_path)


def test_a_disk_that_refuses_the_cut_as_well(tmp_path, monkeypatch):
    """Half a line is written and cannot be taken back: still our error, and the next opening cuts it."""
    real = os.pwrite

    def half(handle, data, place):
        if len(data) > 400:
            return real(handle, data[:400], place)
        raise OSError(errno.EIO, "Input/output error")

    asked = model()
    journal = Journal(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(JournalError, match="the disk failed"):
        patch.setattr(os, "pwrite", half)
        patch.setattr(os, "ftruncate", failing(errno.EIO))
        run(plan(asked), asked, journal, stage="s")
    journal.close()
    complete(tmp_path)


def test_a_note_that_did_not_fit_is_not_there(tmp_path):
    with Journal(tmp_path) as journal:
        journal.note("batch", 1)
        with file_size_limit(journal.path.stat().st_size), pytest.raises(JournalError, match="disk is full"):
            journal.note("batch", 2)
        assert journal.notes() == {"batch": 1}


def test_a_full_disk_lets_a_journal_be_read(tmp_path, monkeypatch):
    """What was paid for can be read, and the lock holds although it names nobody."""
    complete(tmp_path)
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
    with Journal(tmp_path) as journal:
        assert len(list(journal)) == CALLS
        with pytest.raises(JournalError, match="held by process unknown"):
            Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_file_that_is_cut_while_it_is_in_use(tmp_path):
    complete(tmp_path)
    with Journal(tmp_path) as journal:
        os.truncate(journal.path, journal.path.stat().st_size - 5)
        with pytest.raises(JournalError, match="something cut it while it was in use"):
            list(journal)
    complete(tmp_path)


def test_damage_in_a_shard_is_named_by_its_line_also_when_lines_were_read_before(tmp_path):
    def add(*numbers: int) -> None:
        with Journal(tmp_path, shard="1") as shard:
            for number in numbers:
                result = Completion(key=content_hash(number), text=str(number))
                shard.append([Record(stage="s", result=result, seconds=0, at=0)])

    add(1, 2)
    with Journal(tmp_path) as journal:
        add(3, 4)
        path = tmp_path / "journal-1.log"
        path.write_bytes(path.read_bytes().replace(b'"text":"3"', b'"text":"9"'))
        with pytest.raises(JournalError, match=r"line 3 .*sed -i 3d"):
            journal.refresh()


def test_an_error_while_answers_are_journalled_ends_the_run(tmp_path):
    """Whatever it is: calls that go on would be paid for and kept nowhere."""

    def broken(stats):
        raise ZeroDivisionError

    asked = model()
    with Journal(tmp_path) as journal, pytest.raises(ZeroDivisionError):
        run(plan(asked), asked, journal, stage="s", progress=broken)
    assert asked.asked.total() < 20


@pytest.mark.parametrize("room", [0, 4, 900])
def test_derived_files_that_do_not_fit_leave_the_old_ones(tmp_path, room):
    complete(tmp_path)
    facts = {"study_hash": "x", "models": ["m"], "seeds": {}}
    calls_file, manifest_file = tmp_path / "calls.parquet", tmp_path / "manifest.json"
    with Journal(tmp_path) as journal:
        write_manifest(manifest_file, journal=journal, tables=[calls_file], **facts)
        before = calls_file.read_bytes(), manifest_file.read_bytes()
        journal.append([Record(stage="t", result=Completion(key="00" * 16, text="x"), seconds=0, at=0)])
        for write in (
            lambda: write_calls(journal, calls_file),
            lambda: write_manifest(manifest_file, journal=journal, tables=[calls_file], **facts),
        ):
            with file_size_limit(room), pytest.raises(DataError, match=r"the disk is full.*free some space"):
                write()
    assert (calls_file.read_bytes(), manifest_file.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "calls.parquet",
        "journal.lock",
        "journal.log",
        "manifest.json",
    ]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch, code):
    complete(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(JournalError, match=r"cannot be opened.*permissions"):
        patch.setattr(os, "open", failing(code))
        Journal(tmp_path)
    complete(tmp_path)


# Real file systems

_WITH_MOUNTS = """
import ctypes, os, runpy, sys
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, PRIVATE, REC, RDONLY, REMOUNT, BIND = 0x20000, 0x10000000, 1 << 18, 1 << 14, 1, 32, 4096

def check(result):
    if result:
        print(os.strerror(ctypes.get_errno()))
        sys.exit(77)

user, group = os.getuid(), os.getgid()
check(libc.unshare(NEWNS if user == 0 else NEWNS | NEWUSER))
if user:
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
check(libc.mount(b"none", b"/", None, REC | PRIVATE, None))

def mount(folder, size):
    check(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=%d" % size))

def read_only(folder, yes=True):
    check(libc.mount(None, os.fsencode(folder), None, REMOUNT | (RDONLY if yes else 0), None))

sys.path[:0] = [sys.argv[1]]
import pathlib
import test_run_disk
getattr(test_run_disk, sys.argv[2])(pathlib.Path(sys.argv[3]), mount, read_only)
"""


def apart(test: str, folder: Path) -> None:
    """Run a function of this file in a process that may mount; skip where the system forbids it."""
    command = [sys.executable, "-c", _WITH_MOUNTS, str(Path(__file__).parent), test, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip(f"this system lets nobody mount here: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr


def test_a_full_file_system(tmp_path):
    apart("fill", tmp_path)


def fill(folder, mount, read_only):
    mount(folder, 1 << 20)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(850 << 10))
    asked = model()
    with Journal(folder) as journal, pytest.raises(JournalError, match=FULL_DISK):
        run(plan(asked), asked, journal, stage="s")
    with Journal(folder) as journal:
        landed = len(journal)
        assert 50 < landed < CALLS
        with pytest.raises(DataError, match=r"calls\.parquet: the disk is full.*free some space"):
            write_calls(journal, folder / "calls.parquet")
    assert sorted(path.name for path in folder.iterdir()) == ["ballast", "journal.lock", "journal.log"]
    ballast.unlink()
    complete(folder)


def test_a_read_only_file_system(tmp_path):
    apart("lock_up", tmp_path)


def lock_up(folder, mount, read_only):
    mount(folder, 4 << 20)
    with pytest.raises(JournalError, match="the disk is full"), Journal(folder) as journal:
        asked = model()
        with file_size_limit(60_000):
            run(plan(asked), asked, journal, stage="s")
    before = (folder / "journal.log").read_bytes()
    assert before
    read_only(folder)
    with pytest.raises(JournalError, match=r"cannot be opened \(Read-only file system\)\. To mend it: check"):
        Journal(folder)
    with pytest.raises(DataError, match=r"manifest\.json: this place may not be written.*write to"):
        write_atomic(folder / "manifest.json", b"{}")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(folder / "new")
    assert (folder / "journal.log").read_bytes() == before
    read_only(folder, False)
    complete(folder)
