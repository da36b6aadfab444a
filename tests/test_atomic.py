"""Files are whole or absent, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import resource
import signal
from contextlib import contextmanager

import polars as pl
import pytest

from populace import atomic
from populace.atomic import atomic_path, write_atomic
from populace.errors import DataError


def names(folder):
    return sorted(child.name for child in folder.iterdir())


def test_replaces_the_old_file_and_leaves_no_sibling(tmp_path):
    target = tmp_path / "a.json"
    write_atomic(target, b"old")
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["a.json"]


def test_a_failing_body_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.json"
    write_atomic(target, b"old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


def test_the_file_gets_the_permissions_of_any_new_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_atomic(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


@contextmanager
def small_files():
    """No file may grow beyond 4 KiB: the kernel then fails writes as it does on a full disk.

    Around the one call only: the test runner writes its own output to a file, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path):
    target = tmp_path / "a.json"
    write_atomic(target, b"old")
    with pytest.raises(DataError, match=r"a\.json: the disk is full.*free some space"), small_files():
        write_atomic(target, bytes(10_000))
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


def test_a_full_disk_under_polars(tmp_path):
    frame = pl.DataFrame({"x": os.urandom(20_000).hex()})
    target = tmp_path / "a.parquet"
    with pytest.raises(DataError, match="the disk is full"), small_files(), atomic_path(target) as temporary:
        frame.write_parquet(temporary)
    assert names(tmp_path) == []


def test_a_full_disk_at_fsync(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(DataError, match="the disk is full"):
        write_atomic(tmp_path / "a.json", b"x")
    assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(DataError, match="a folder stands where a file should, or a file"):
        write_atomic(tmp_path / "a" / "b.json", b"x")


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="a folder stands where a file should, or a file"):
        write_atomic(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_an_error_of_another_file_passes_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.json"):
        (tmp_path / "elsewhere.csv").read_bytes()


def test_a_device_is_never_replaced_and_a_link_stays_a_link(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="device or a pipe"):
        write_atomic(pipe, b"x")
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_what_a_killed_writer_left_is_removed_when_it_is_old(tmp_path):
    old, young, other = (
        tmp_path / name for name in (".a[1].0123abcd.csv", ".a[1].4567cdef.csv", ".b.0123abcd.csv")
    )
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (0, 0))
    write_atomic(tmp_path / "a[1].csv", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, other.name, "a[1].csv"])
