"""Open the table of a survey: CSV, TSV, Parquet, JSON Lines, a zip of one of them, R, Stata or SPSS.

A table is opened for its columns, and read for those that are wanted. Fields inside a JSON object are columns
too, written with a dot (`religion.simplified`). R, Stata and SPSS need the extra `surveys`.
"""

from __future__ import annotations

import importlib
import io
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.reading import header, members, read_tables, reading

__all__ = ["Table", "open_table"]

_TEXTS = (".csv", ".tsv", ".tab")
_LINES = (".jsonl", ".ndjson")
_R = (".rda", ".rdata", ".rds")
_STATISTICS = {".dta": "read_dta", ".sav": "read_sav", ".zsav": "read_sav"}
_FIX = f"give one of {', '.join((*_TEXTS, '.parquet', *_LINES, '.zip', *_R, *_STATISTICS))}"
_AGAIN = "download it again"


class Table:
    """A table that was opened: the names of its columns, and a way to read some of them."""

    def __init__(self, path: Path, columns: Sequence[str], read: Callable[[list[str]], pl.DataFrame]) -> None:
        self.path, self.columns, self._read = path, list(columns), read

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """Read columns by their names.

        Raises
        ------
        DataError
            If there are no rows.
        """
        with reading(self.path):
            frame = self._read(list(dict.fromkeys(columns)))
        if frame.is_empty():
            raise DataError("the file has no rows", file=self.path, fix=_AGAIN)
        return frame


def open_table(path: Path) -> Table:
    """Open the table in a file.

    Raises
    ------
    DataError
        If the file is missing, of an unknown kind or broken, or its kind needs a package that is absent.
    """
    if not path.is_file():
        fix = "give the survey's file" if path.is_dir() else "check the path"
        raise DataError("this is a folder" if path.is_dir() else "no such file", file=path, fix=fix)
    suffix = path.suffix.lower()
    if suffix in _TEXTS:
        return Table(path, header(path), lambda columns: _read_text(path, columns))
    with reading(path):
        if suffix == ".parquet":
            return _in_memory(path, pl.scan_parquet(path))
        if suffix in _LINES:
            return _in_memory(path, pl.read_ndjson(path, infer_schema_length=None).lazy())
        if suffix == ".zip":
            return _open_zip(path)
    if suffix in _R:
        return _open_r(path)
    if suffix in _STATISTICS:
        return _open_statistics(path, _STATISTICS[suffix])
    raise DataError(f"cannot read {suffix or 'such'} files", file=path, fix=_FIX)


def _read_text(path: Path, columns: list[str]) -> pl.DataFrame:
    ((_, table),) = read_tables(path, columns, as_text=True)
    return table


def _in_memory(path: Path, table: pl.LazyFrame) -> Table:
    """Open a typed table; the fields of objects become columns of their own."""
    places: dict[str, pl.Expr] = {}
    for name, kind in table.collect_schema().items():
        _add_fields(places, name, pl.col(name), kind)

    def read(columns: list[str]) -> pl.DataFrame:
        return table.select(places[name].alias(name) for name in columns).collect(engine="streaming")

    return Table(path, list(places), read)


def _add_fields(places: dict[str, pl.Expr], name: str, value: pl.Expr, kind: pl.DataType) -> None:
    if not isinstance(kind, pl.Struct):
        places[name] = value
        return
    for field in kind.fields:
        inner = field.dtype() if isinstance(field.dtype, type) else field.dtype
        _add_fields(places, f"{name}.{field.name}", value.struct.field(field.name), inner)


def _open_zip(path: Path) -> Table:
    with zipfile.ZipFile(path) as archive:
        names = members(archive, path, (*_TEXTS, ".parquet", *_LINES))
        if len(names) > 1:
            fix = "unpack it and give the file of the people"
            raise DataError(f"the zip holds {len(names)} tables ({', '.join(names[:4])})", file=path, fix=fix)
        suffix = Path(names[0]).suffix.lower()
        if suffix in _TEXTS:
            return Table(path, header(path), lambda columns: _read_text(path, columns))
        data = io.BytesIO(archive.read(names[0]))
    frame = pl.read_parquet(data) if suffix == ".parquet" else pl.read_ndjson(data, infer_schema_length=None)
    return _in_memory(path, frame.lazy())


def _open_r(path: Path) -> Table:
    rdata = _extra("rdata", path)
    try:
        with warnings.catch_warnings():
            # It warns of R classes that it does not know, such as the labels of haven.
            warnings.simplefilter("ignore")
            found = rdata.read_rds(str(path)) if path.suffix.lower() == ".rds" else rdata.read_rda(str(path))
    except Exception as error:
        raise DataError(f"broken R file ({error})", file=path, fix=_AGAIN) from error
    tables = list(found.values()) if isinstance(found, dict) else [found]
    tables = [table for table in tables if hasattr(table, "columns")]
    if len(tables) != 1:
        fix = "save the data frame of the people alone"
        raise DataError(f"the R file holds {len(tables)} data frames, not one", file=path, fix=fix)
    table = tables[0]

    def read(columns: list[str]) -> pl.DataFrame:
        return pl.DataFrame([_series(name, table[name].to_numpy()) for name in columns])

    return Table(path, [str(name) for name in table.columns], read)


def _open_statistics(path: Path, function: str) -> Table:
    read_file = getattr(_extra("pyreadstat", path), function)
    try:
        _, about = read_file(str(path), metadataonly=True)
    except Exception as error:
        raise DataError(f"broken file ({error})", file=path, fix=_AGAIN) from error

    def read(columns: list[str]) -> pl.DataFrame:
        # Codes, not their labels; what the file declares missing is missing.
        values, _ = read_file(str(path), usecols=columns, output_format="dict")
        return pl.DataFrame([_series(name, np.asarray(values[name])) for name in columns])

    return Table(path, list(about.column_names), read)


def _series(name: str, values: np.ndarray) -> pl.Series:
    if values.dtype.kind == "f":
        return pl.Series(name, values, nan_to_null=True)
    if values.dtype.kind in "iub":
        return pl.Series(name, values)
    # Missing text comes as None, as a number that is none, or as a marker of pandas.
    texts = [None if str(value) in ("None", "nan", "<NA>") else str(value) for value in values.tolist()]
    return pl.Series(name, texts, dtype=pl.String)


def _extra(module: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f"reading {path.suffix} files needs the package {module}",
            file=path,
            fix="pip install 'populace[surveys]'",
        ) from error
