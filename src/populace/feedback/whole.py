"""Rows and folders that are written whole or not at all, with few rows in memory at a time."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from populace.atomic import atomic_path, fsync_directory
from populace.canonical import canonical_bytes
from populace.errors import DataError

__all__ = ["sink_parquet", "whole_folder", "write_array", "write_lines"]

ROW_GROUP = 20_000
"""Rows of a group of a Parquet file: set, so that bytes do not depend on the batches written."""


def write_lines(path: Path, rows: Iterable[Any]) -> int:
    """Write JSON lines; return how many."""
    count = 0
    with atomic_path(path) as beside, beside.open("wb") as lines:
        for row in rows:
            lines.write(canonical_bytes(row) + b"\n")
            count += 1
    return count


def write_array(path: Path, rows: Iterable[Any]) -> int:
    r"""Write one JSON array, an element a line; return how many elements.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_array(file, [{"b": 1, "a": 2}, 3]), file.read_bytes()
    (2, b'[\n{"a":2,"b":1},\n3\n]\n')
    """
    count = 0
    with atomic_path(path) as beside, beside.open("wb") as file:
        file.write(b"[")
        for row in rows:
            file.write((b",\n" if count else b"\n") + canonical_bytes(row))
            count += 1
        file.write(b"\n]\n")
    return count


def sink_parquet(path: Path, frames: Iterable[pl.DataFrame], schema: Any) -> None:
    """Write frames to one Parquet file as they come; none is kept.

    Parameters
    ----------
    schema
        Of every frame: columns in order and their types.
    """
    from polars.io.plugins import register_io_source

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        # Nothing is selected or filtered of what is written whole.
        del columns, predicate, rows, size
        yield from chain([pl.DataFrame(schema=schema)], frames)

    with atomic_path(path) as beside:
        register_io_source(source, schema=schema).sink_parquet(
            beside, compression="zstd", row_group_size=ROW_GROUP, maintain_order=True, engine="streaming"
        )


@contextmanager
def whole_folder(place: Path, ours: Callable[[str], bool] = lambda name: False) -> Iterator[Path]:
    """Yield an empty folder beside `place`; on success what it holds stands in `place`.

    A new folder appears by one rename. In one that stands already (a clone of a repository, an export made
    before) the finished files take their places by renames once all are written, and files that were ours
    and are no longer written go. If the body raises, `place` stays as it was.

    Parameters
    ----------
    ours
        Whether a file of that name, relative to `place` and with `/`, was left by an earlier export.

    Raises
    ------
    DataError
        If a file stands there, or the place may not be written.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "made"
    >>> with whole_folder(place) as beside:
    ...     _ = (beside / "a.txt").write_text("a")
    ...     place.exists()
    False
    >>> (place / "a.txt").read_text()
    'a'
    """
    place = place.resolve()
    if place.exists() and not place.is_dir():
        raise DataError("a file stands where a folder should", file=place, fix="give another folder")
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        beside.mkdir(parents=True)
        yield beside
        if place.exists():
            _move(beside, place, ours)
        else:
            beside.rename(place)
        fsync_directory(place.parent)
    except PermissionError as error:
        raise DataError("this place may not be written", file=place, fix="write to another folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move(beside: Path, place: Path, ours: Callable[[str], bool]) -> None:
    made = sorted(_files(beside))
    stale = [name for name in _files(place) if name not in made and ours(name)]
    for name in made:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (beside / name).replace(target)
    for name in stale:
        (place / name).unlink()


def _files(folder: Path) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        for name in names:
            yield (Path(root) / name).relative_to(folder).as_posix()
