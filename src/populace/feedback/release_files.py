"""Reading the public PERSONA release: a file or a folder of shards, some thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.canonical import file_hash
from populace.errors import DataError

__all__ = ["COLUMNS", "NEEDED", "Batch", "Shard", "batches", "open_release"]

NEEDED = ("persona", "instruction", "original", "data")
COLUMNS = (*NEEDED, "critique", "question type")
"""Columns of the release; `data` is the rewrite, `original` the answer that it rewrites."""

_LINES = (".jsonl", ".ndjson", ".json")
"""JSON lines; pandas and the hub's library write them as `.json` too."""
_KINDS = (".parquet", ".csv", *_LINES)
_BATCH = 8192


class Shard(msgspec.Struct, frozen=True):
    """One file of the release."""

    path: Path
    columns: dict[str, str]
    """Column of the release -> as this file spells it."""

    def hash(self) -> str:
        """BLAKE2b of the file's bytes."""
        return file_hash(self.path)


class Batch(msgspec.Struct, frozen=True):
    """Rows that follow each other in one file."""

    path: Path
    row: int
    """The first, counted from 1 over the whole release."""
    row_in_file: int
    frame: pl.DataFrame
    """The wanted columns as text, under the release's names."""


def open_release(path: str | Path) -> list[Shard]:
    """Find the files and their columns, in the order of their names.

    Raises
    ------
    DataError
        If there is no such file, the files are of no known kind or of several, or a column is missing.
    """
    place = Path(path)
    if not place.exists():
        raise DataError("there is no such file", file=path, fix="give the file, or the folder of its shards")
    files = [place] if place.is_file() else _shards(place)
    if files[0].suffix not in _KINDS:
        raise DataError("this kind of file is not known", file=place, fix=f"use one of {', '.join(_KINDS)}")
    kinds = {file.suffix for file in files}
    if len(kinds) > 1:
        what = f"this folder holds several kinds of files: {', '.join(sorted(kinds))}"
        raise DataError(what, file=place, fix="keep the shards of one release in a folder of their own")
    return [Shard(file, _columns(file)) for file in files]


def _shards(folder: Path) -> list[Path]:
    """List the shards of a folder, or of `data` in it: so the hub lays a data set out."""
    for place in (folder, folder / "data"):
        if not place.is_dir():
            continue
        files = sorted(p for p in place.iterdir() if p.suffix in _KINDS)
        # What describes a data set is JSON as well, and no shard of it.
        if some := [p for p in files if p.suffix != ".json"] or (files if place.name == "data" else []):
            return some
        if files and not (folder / "data").is_dir():
            return files
    raise DataError("this folder holds no shards", file=folder, fix=f"use files of {', '.join(_KINDS)}")


def batches(shards: Sequence[Shard], wanted: Sequence[str]) -> Iterator[Batch]:
    """Read the shards one after the other; a column that the file lacks is null.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    row = 1
    for shard in shards:
        in_file = 1
        for frame in _frames(shard, wanted):
            yield Batch(shard.path, row, in_file, frame)
            row, in_file = row + frame.height, in_file + frame.height


def _columns(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _header(file):
        plain = " ".join(name.replace("_", " ").replace("-", " ").split()).lower()
        if plain in COLUMNS:
            if plain in found:
                what = f"two columns are '{plain}'"
                raise DataError(what, file=file, column=name, fix="leave one out")
            found[plain] = name
    for name in NEEDED:
        if name not in found:
            fix = f"the release has the columns {', '.join(COLUMNS)}"
            raise DataError("this column is missing", file=file, column=name, fix=fix)
    return found


def _header(file: Path) -> list[str]:
    if file.suffix in _LINES:
        first = next(_objects(file), None)
        if first is None:
            raise DataError("the file holds no rows", file=file)
        return list(first)
    try:
        return _scan(file).collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error


def _scan(file: Path) -> pl.LazyFrame:
    if file.suffix == ".csv":
        return pl.scan_csv(file, infer_schema=False, glob=False)
    return pl.scan_parquet(file, glob=False)


def _frames(shard: Shard, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    present = {name: shard.columns[name] for name in wanted if name in shard.columns}
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in wanted if name not in present]
    if shard.path.suffix in _LINES:
        yield from _line_frames(shard.path, present, wanted)
        return
    chosen = [pl.col(own).cast(pl.String).alias(name) for name, own in present.items()]
    lazy = _scan(shard.path).select(*chosen, *missing).select(wanted)
    try:
        yield from lazy.collect_batches(chunk_size=_BATCH, maintain_order=True, engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(shard.path, error) from error


def _line_frames(file: Path, present: dict[str, str], wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    schema = dict.fromkeys(wanted, pl.String)
    objects = _objects(file)
    while part := list(islice(objects, _BATCH)):
        yield pl.DataFrame(
            {name: [_text(each.get(present.get(name, name))) for each in part] for name in wanted},
            schema=schema,
        )


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        row = 0
        for line in lines:
            if not line.strip():
                continue
            row += 1
            try:
                found = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                fix = "write JSON lines: one whole record a line"
                raise DataError(f"this is no JSON: {error}", file=file, row=row, fix=fix) from error
            if not isinstance(found, dict):
                raise DataError("a record is wanted", file=file, row=row, fix="write one record a line")
            yield found


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _unreadable(file: Path, error: Exception) -> DataError:
    fix = "fetch it again if it is cut short; save text as UTF-8"
    return DataError(f"cannot be read: {str(error).splitlines()[0]}", file=file, fix=fix)
