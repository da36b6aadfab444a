"""Read the wanted columns of a CSV, TSV or Parquet file, plain or zipped, in bounded memory.

A text file is read in blocks of whole rows, while a thread unpacks the next block of a zip; nothing is
unpacked to disk. In each block the separators are counted, which finds a broken row without a second pass,
and only the wanted columns are decoded. A damaged zip is noticed at the latest by the checksum at its end,
before anything is returned. A quote that is never closed is an error with its row.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl

from populace.errors import DataError

__all__ = ["BLOCK", "header", "members", "read_tables", "reading"]

BLOCK = 32 << 20
"""Bytes of text that are read at a time."""
_LONGEST = 64 << 20
"""Bytes of the longest row: a file without line ends is no table."""
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_AGAIN = "download it again"
_NO_QUOTE = "remove the quote, or write it twice inside a quoted value"
_FIX = "give a CSV, TSV or Parquet file, or a zip of CSV or TSV files"


def read_tables(
    path: Path,
    wanted: Sequence[str],
    *,
    texts: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
    as_text: bool = False,
    block: int = BLOCK,
) -> list[tuple[str, pl.DataFrame]]:
    """Read those of the wanted columns that a file has.

    Parameters
    ----------
    path
        A zip, CSV, TSV or Parquet file.
    wanted
        Names in upper case of columns of whole numbers; the file may write them in any case.
    texts
        Columns to read as text (serial numbers), without their leading zeros.
    aliases
        Name in the file -> name wanted.
    as_text
        Read the wanted columns as the text that stands there; their names are those of the file.
    block
        Bytes of text to read at a time.

    Returns
    -------
    list of tuple
        One table a file, or a member of a zip of several: its name for error messages, its rows (Int32).

    Raises
    ------
    DataError
        If the file cannot be read, a row is broken, or a value is no whole number: with its row.
    """
    wish = _Wish(wanted, texts, aliases or {}, as_text=as_text)
    with reading(path):
        if path.suffix.lower() == ".parquet":
            return [(str(path), _read_parquet(path, wish))]
        if path.suffix.lower() in _SEPARATORS:
            with path.open("rb") as handle:
                return [(str(path), _read_text(handle, str(path), wish, _separator(path.name), block))]
        if path.suffix.lower() != ".zip":
            raise DataError(f"cannot read {path.suffix or 'such'} files", file=path, fix=_FIX)
        tables = []
        with zipfile.ZipFile(path) as archive:
            names = members(archive, path)
            for member in names:
                name = str(path) if len(names) == 1 else f"{path}/{member}"
                with archive.open(member) as handle:
                    tables.append((name, _read_text(handle, name, wish, _separator(member), block)))
        return tables


def header(path: Path) -> list[str]:
    """Read the names of the columns, of the first file where a zip holds several."""
    suffix = path.suffix.lower()
    with reading(path):
        if suffix == ".parquet":
            return list(pl.read_parquet_schema(path))
        if suffix in _SEPARATORS:
            with path.open("rb") as handle:
                return _names(handle, path, _separator(path.name))
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                first = members(archive, path)[0]
                with archive.open(first) as handle:
                    return _names(handle, path, _separator(first))
    raise DataError(f"cannot read {suffix or 'such'} files", file=path, fix=_FIX)


def members(archive: zipfile.ZipFile, path: Path, suffixes: Sequence[str] = tuple(_SEPARATORS)) -> list[str]:
    """List the tables in a zip, in the order of their names."""
    found = sorted(
        name
        for name in archive.namelist()
        if name.lower().endswith(tuple(suffixes)) and not Path(name).name.startswith(("._", "__MACOSX"))
    )
    if not found:
        raise DataError("the zip holds no CSV file", file=path, fix=_FIX)
    return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what libraries say of a damaged file into one error."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError("the zip is damaged or cut short", file=path, fix=_AGAIN) from error
    except (RuntimeError, NotImplementedError) as error:
        # zipfile's words for a password and for a compression it does not know.
        if path.suffix.lower() != ".zip":
            raise
        raise DataError(f"the zip cannot be unpacked ({error})", file=path, fix="unpack it first") from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken file ({str(error).splitlines()[0][:120]})", file=path, fix=_AGAIN) from error


class _Wish:
    """Which columns of a file are wanted, and under which names."""

    def __init__(
        self, numbers: Sequence[str], texts: Sequence[str], aliases: Mapping[str, str], *, as_text: bool
    ) -> None:
        self._numbers, self._texts, self._aliases, self._as_text = numbers, set(texts), aliases, as_text

    def choose(self, names: Sequence[str], file: str) -> dict[str, str]:
        """Map the names of the file that are wanted to the names wanted."""
        if self._as_text:
            return {name: name for name in names if name in self._numbers}
        wanted = {*self._numbers, *self._texts}
        targets = {name: self._aliases.get(name.upper(), name.upper()) for name in names}
        chosen = {name: target for name, target in targets.items() if target in wanted}
        if len(set(chosen.values())) < len(chosen):
            twice = next(target for target in chosen.values() if list(chosen.values()).count(target) > 1)
            raise DataError("two columns have this name", file=file, column=twice, fix="remove one of them")
        return chosen

    def is_text(self, target: str) -> bool:
        """Tell whether a wanted column is read as text."""
        return self._as_text or target in self._texts

    def tidy(self, table: pl.DataFrame) -> pl.DataFrame:
        """Strip serial numbers: their leading zeros come and go between vintages and programs."""
        present = [name for name in table.columns if name in self._texts]
        return table.with_columns(
            pl.col(name).cast(pl.String).str.strip_chars().str.strip_chars_start("0") for name in present
        )


def _read_parquet(path: Path, wish: _Wish) -> pl.DataFrame:
    schema = pl.read_parquet_schema(path)
    chosen = wish.choose(list(schema), str(path))
    # Whole numbers are narrowed while they are read: half the memory of the file's own 64 bits.
    columns = [
        pl.col(name).cast(pl.Int32).alias(target)
        if schema[name].is_integer() and not wish.is_text(target)
        else pl.col(name).alias(target)
        for name, target in chosen.items()
    ]
    try:
        table = pl.scan_parquet(path).select(columns).collect(engine="streaming")
    except pl.exceptions.InvalidOperationError:
        # A number that 32 bits do not hold: it is looked for below.
        whole = [pl.col(name).alias(target) for name, target in chosen.items()]
        table = pl.scan_parquet(path).select(whole).collect(engine="streaming")
    if table.is_empty():
        raise DataError("the file has no rows", file=path, fix=_AGAIN)
    loose = [c for c in table.columns if table[c].dtype != pl.Int32 and not wish.is_text(c)]
    return wish.tidy(table.with_columns(_whole_numbers(table[name], str(path)) for name in loose))


def _separator(name: str) -> str:
    return _SEPARATORS.get(Path(name).suffix.lower(), ",")


def _names(handle: IO[bytes], file: object, separator: str) -> list[str]:
    line = handle.readline(_LONGEST)
    if not line:
        raise DataError("the file is empty", file=file, fix=_AGAIN)
    text = line.decode("utf-8-sig", errors="replace")
    return [name.strip() for name in next(csv.reader([text], delimiter=separator), [])]


def _read_text(handle: IO[bytes], file: str, wish: _Wish, separator: str, size: int) -> pl.DataFrame:
    names = _names(handle, file, separator)
    chosen = wish.choose(names, file)
    kinds = {name: pl.String if wish.is_text(target) else pl.Int32 for name, target in chosen.items()}
    parts: list[pl.DataFrame] = []
    rows = 0
    try:
        for data in _ahead(_blocks(handle, size)):
            part = _parse(data, names, kinds, separator, file, rows).rename(chosen)
            parts.append(wish.tidy(part))
            rows += part.height
    except _EndlessError as error:
        # All blocks before were parsed: their rows are counted.
        row, what, fix = 0, "a row has no end: this is no table", _FIX
        if b'"' in error.rest:
            what, fix = "a row has no end: a quote is open and never closed", _NO_QUOTE
            stray = _stray_quote(error.rest, separator)
            row = _rows_before(error.rest, error.rest.rfind(b'"')) if stray is None else stray
        raise DataError(what, file=file, row=rows + 1 + row, fix=fix) from None
    if not rows:
        raise DataError("the file has no rows", file=file, fix=_AGAIN)
    return pl.concat(parts)


class _EndlessError(Exception):
    """A row has no end; `rest` begins where a row does."""

    def __init__(self, rest: bytes) -> None:
        super().__init__()
        self.rest = rest


def _blocks(handle: IO[bytes], size: int) -> Iterator[bytes]:
    """Cut a text into blocks of whole rows; a line end inside quotes is not the end of a row.

    No byte is looked at twice, however long a row is.
    """
    rest: list[bytes] = []
    length, is_open = 0, False
    while data := handle.read(size):
        cut, is_open = _last_end(data, is_open=is_open)
        if cut:
            yield b"".join((*rest, data[:cut]))
            rest, length = [], 0
        rest.append(data[cut:])
        length += len(data) - cut
        if length > max(_LONGEST, 2 * size):
            raise _EndlessError(b"".join(rest))
    whole = b"".join(rest)
    if is_open:
        raise _EndlessError(whole)
    if whole.strip(b"\r\n"):
        yield whole


def _last_end(data: bytes, *, is_open: bool) -> tuple[int, bool]:
    """Find the end of the last whole row; also say whether a quote is open where the data end."""
    signs = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    is_open_after = bool((len(quotes) + is_open) % 2)
    cut = data.rfind(b"\n") + 1
    if not len(quotes):
        return (0 if is_open else cut), is_open_after
    if cut and (np.searchsorted(quotes, cut) + is_open) % 2:
        ends = np.flatnonzero(signs == ord("\n"))
        ends = ends[(np.searchsorted(quotes, ends) + is_open) % 2 == 0]
        cut = int(ends[-1]) + 1 if len(ends) else 0
    return cut, is_open_after


def _stray_quote(data: bytes, separator: str) -> int | None:
    """Find the first row, from 0, with a quote that opens no value; the data begin with a row."""
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord('"'))
    # Every other quote opens a value, until one stands inside of a value. What follows a quote at once is
    # one that was written twice.
    opening = quotes[::2]
    before = np.frombuffer(b"\n" + data, dtype=np.uint8)[opening]
    stray = opening[~np.isin(before, np.frombuffer(f'\n{separator}"'.encode(), dtype=np.uint8))]
    return _rows_before(data, int(stray[0])) if len(stray) else None


def _rows_before(data: bytes, place: int) -> int:
    signs = np.frombuffer(data[:place], dtype=np.uint8)
    ends, quotes = np.flatnonzero(signs == ord("\n")), np.flatnonzero(signs == ord('"'))
    return int(np.count_nonzero(np.searchsorted(quotes, ends) % 2 == 0))


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Read one block ahead in a thread: unpacking runs beside parsing."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def _parse(
    data: bytes,
    names: Sequence[str],
    kinds: Mapping[str, type[pl.DataType]],
    separator: str,
    file: str,
    above: int,
) -> pl.DataFrame:
    end = len(data)
    while end and data[end - 1] in b"\r\n":
        end -= 1
    if len(data) - end > 2:  # blank lines at the end of the file
        data = data[:end]
    lines = _count(data, "\n") + (not data.endswith(b"\n"))
    if _count(data, separator) != lines * (len(names) - 1):
        _check_rows(data, len(names), separator, file, above)
    place = {name: number for number, name in enumerate(names)}

    def read(kinds: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        table = pl.read_csv(
            data,
            has_header=False,
            columns=[place[name] for name in kinds],
            schema={f"column_{number + 1}": kinds.get(name, pl.String) for name, number in place.items()},
            separator=separator,
        )
        return table.select(pl.col(f"column_{place[name] + 1}").alias(name) for name in kinds)

    try:
        return read(kinds)
    except pl.exceptions.ComputeError:
        # A value that is no plain number, or a row that is too long: find it.
        _check_rows(data, len(names), separator, file, above)
        try:
            table = read(dict.fromkeys(kinds, pl.String))
        except pl.exceptions.ComputeError:
            if (row := _stray_quote(data, separator)) is None:
                raise
            what = "a quote inside of a value"
            raise DataError(what, file=file, row=above + 1 + row, fix=_NO_QUOTE) from None
        return table.with_columns(
            _whole_numbers(table[name], file, above) for name, kind in kinds.items() if kind != pl.String
        )


def _count(data: bytes, sign: str) -> int:
    # Five times as fast as `bytes.count`, which looks for one at a time.
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == ord(sign)))


def _check_rows(data: bytes, fields: int, separator: str, file: str, above: int) -> None:
    """Raise at the first row that has more or fewer fields than the header."""
    data = data.rstrip(b"\r\n")
    if b'"' in data:
        lines = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
        counts = (len(row) for row in csv.reader(lines, delimiter=separator))
    else:
        counts = (line.count(separator.encode()) + 1 for line in data.split(b"\n"))
    for row, count in enumerate(counts, start=above + 1):
        if count != fields:
            fix = "download the file again, or remove the row"
            raise DataError(f"broken row: {count} fields, unlike the header", file=file, row=row, fix=fix)


def _whole_numbers(column: pl.Series, file: str, above: int = 0) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars().str.replace(r"\.0*$", "")
    text = text.set(text == "", None)
    numbers = text.cast(pl.Int32, strict=False)
    bad = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        large = str(text[row]).lstrip("+-").isdigit()
        what = f"{text[row]!r} is " + ("too large a number" if large else "not a whole number")
        raise DataError(what, file=file, row=above + row + 1, column=column.name, fix="correct the value")
    return numbers
