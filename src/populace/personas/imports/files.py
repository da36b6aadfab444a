"""Opening outside files: Parquet, CSV, JSON lines, JSON or a folder of Parquet; only the columns wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.canonical import content_hash, file_hash
from populace.errors import DataError

__all__ = ["Source", "open_source"]

_KINDS = (".parquet", ".csv", ".jsonl", ".ndjson", ".json")


class Source(msgspec.Struct, frozen=True):
    """An outside table that is open, but not read."""

    path: Path
    columns: dict[str, pl.DataType]
    """Name and type of every column, in order."""
    rows: int
    read: Callable[..., pl.DataFrame]
    """Read some columns, whole or some rows (by number, from 1), and `row`: the row's number."""

    def hash(self) -> str:
        """BLAKE2b of the file's bytes; of a folder, of the hashes of its files in order."""
        if self.path.is_dir():
            return content_hash([(shard.name, file_hash(shard)) for shard in _shards(self.path)])
        return file_hash(self.path)


def open_source(path: str | Path) -> Source:
    """Open a file, or a folder of Parquet shards, which are read in the order of their names.

    Raises
    ------
    DataError
        If there is no such file, or it is of no known kind, broken or empty.
    """
    place = Path(path)
    if not place.exists():
        raise DataError("there is no such file", file=path, fix="give the file's place")
    if not place.is_dir() and place.suffix not in _KINDS:
        raise DataError("this kind of file is not known", file=path, fix=f"use one of {', '.join(_KINDS)}")
    with _told(place):
        source = _records(place) if place.suffix in _KINDS[2:] else _table(place)
    if not source.rows:
        raise DataError("the file holds no rows", file=path)
    return source


_BROKEN = (pl.exceptions.PolarsError, UnicodeDecodeError, OSError)


@contextmanager
def _told(place: Path, columns: Sequence[str] = ()) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        if place.is_dir():
            _blame(place, columns)
        fix = "fetch it again if it is cut short; save text as UTF-8"
        raise DataError(f"cannot be read: {str(error).splitlines()[0]}", file=place, fix=fix) from error


def _blame(folder: Path, columns: Sequence[str]) -> None:
    """Raise for the first shard that cannot be read, or is no part of one table with the first."""
    first: pl.Schema | None = None
    for shard in _shards(folder):
        with _told(shard):
            lazy = pl.scan_parquet(shard, glob=False)
            schema = lazy.collect_schema()
            present = [name for name in columns if name in schema]
            lazy.select(present or pl.len()).collect(engine="streaming")
        first = schema if first is None else first
        for name in dict.fromkeys([*first, *schema]):
            if first.get(name) != schema.get(name):
                what = f"this shard's column is {_type(schema, name)}, the first's {_type(first, name)}"
                raise DataError(what, file=shard, column=name, fix="keep only the shards of one table")


def _type(schema: pl.Schema, name: str) -> str:
    return str(schema[name]) if name in schema else "absent"


def _shards(folder: Path) -> list[Path]:
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise DataError(
            "this folder holds no Parquet files", file=folder, fix="give the folder of the shards"
        )
    return shards


def _table(place: Path) -> Source:
    """Parquet and CSV, of which Polars reads single columns."""
    if place.suffix == ".csv":
        # As text: what looks like a number in the first rows may be "Not applicable" further down.
        lazy = pl.scan_csv(place, infer_schema=False)
    else:
        lazy = pl.scan_parquet(_shards(place) if place.is_dir() else place, glob=False)
    schema = lazy.collect_schema()
    rows = lazy.select(pl.len()).collect(engine="streaming").item()

    def read(columns: Sequence[str], wanted: Sequence[int] | None = None) -> pl.DataFrame:
        table = (
            lazy.select(columns).with_row_index("row", offset=1).with_columns(pl.col("row").cast(pl.Int64))
        )
        if wanted is not None:
            table = table.filter(pl.col("row").is_in(pl.Series(wanted, dtype=pl.Int64).implode()))
        with _told(place, columns):
            return table.select(*columns, "row").collect(engine="streaming").sort("row")

    return Source(place, dict(schema), rows, read)


def _records(place: Path) -> Source:
    """JSON: records, or texts alone, which are then a column `persona`."""
    columns: dict[str, pl.DataType] = {}
    rows = 0
    for record in _each(place):
        columns |= dict.fromkeys(record, pl.String())
        rows += 1

    def read(names: Sequence[str], wanted: Sequence[int] | None = None) -> pl.DataFrame:
        keep = None if wanted is None else frozenset(wanted)
        found = [
            {**{name: _plain(record.get(name)) for name in names}, "row": row}
            for row, record in enumerate(_each(place), 1)
            if keep is None or row in keep
        ]
        return pl.DataFrame(found, schema={**dict.fromkeys(names, pl.String), "row": pl.Int64})

    return Source(place, columns, rows, read)


def _each(place: Path) -> Iterator[dict[str, Any]]:
    if place.suffix == ".json":
        found = _decoded(place.read_bytes(), place, None)
        if not isinstance(found, list):
            raise DataError("a list of personas is wanted", file=place, fix="put the records into [ ... ]")
        yield from (_record(each, place, row) for row, each in enumerate(found, 1))
        return
    with place.open("rb") as lines:
        filled = (line for line in lines if line.strip())
        for row, line in enumerate(filled, 1):
            yield _record(_decoded(line, place, row), place, row)


def _decoded(data: bytes, place: Path, row: int | None) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"this is no JSON: {error}", file=place, row=row) from error


def _record(found: Any, place: Path, row: int) -> dict[str, Any]:
    if isinstance(found, str):
        return {"persona": found}
    if not isinstance(found, dict):
        raise DataError("a record or a text is wanted", file=place, row=row)
    return found


def _plain(value: Any) -> str | None:
    """One cell as text; a record with a `label` (as scored traits come) gives that."""
    if isinstance(value, dict) and "label" in value:
        value = value["label"]
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return None if value is None else str(value)
