"""Find the person and household files of a PUMS release, and read the columns wanted from them.

Understood are the official zips (`csv_p50.zip` holding `psam_p50.csv`; `csv_pus.zip` holding
`psam_pusa.csv` and `psam_pusb.csv`), plain CSV and Parquet. Whether a file holds persons or households is
read off its header, never off its name; the name only tells which files belong together.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from populace.errors import DataError

__all__ = ["find_files", "read_tables"]

# Start of a person file's name -> start of the name of the household file that belongs to it.
_PARTNERS = {"csv_p": "csv_h", "psam_p": "psam_h", "persons": "households", "p_": "h_"}
_COUNTRY = ("csv_pus", "psam_pus", "persons")
_AGAIN = "download it again"
_FIX = "download csv_pXX.zip and csv_hXX.zip of the ACS PUMS, or pass a file that has PWGTP"


def find_files(source: str | Path) -> list[tuple[Path, Path | None]]:
    """Find person files, each with the household file that belongs to it.

    Parameters
    ----------
    source
        A person file, or a folder with a release in it. Where a folder holds the whole country (`us` or
        `persons` in the name) beside single states, the country is taken.

    Raises
    ------
    DataError
        If nothing is there, or no file has person records.
    """
    path = Path(source)
    if path.is_file():
        if not _holds_persons(path):
            raise DataError("these are not PUMS person records: PWGTP is missing", file=path, fix=_FIX)
        return [(path, _partner(path))]
    if not path.is_dir():
        raise DataError("no such file or folder", file=path, fix="give a PUMS file or a folder of them")
    named = [child for child in sorted(path.iterdir()) if child.name.lower().startswith(tuple(_PARTNERS))]
    persons = [child for child in named if child.is_file() and _holds_persons(child)]
    if not persons:
        raise DataError("no file with PUMS person records in this folder", file=path, fix=_FIX)
    country = [child for child in persons if child.name.lower().startswith(_COUNTRY)]
    return [(child, _partner(child)) for child in country or persons]


def read_tables(
    path: Path, wanted: Sequence[str], *, texts: Sequence[str] = (), aliases: Mapping[str, str] | None = None
) -> list[tuple[str, pl.DataFrame]]:
    """Read those of the wanted columns that a file has, as whole numbers.

    Parameters
    ----------
    path
        A zip, CSV or Parquet file.
    wanted
        Names in upper case; the file may write them in any case.
    texts
        Columns to read as text (serial numbers).
    aliases
        Name in the file -> name wanted.

    Returns
    -------
    list of tuple
        One table a file, or a member of a zip of several: its name for error messages, its rows (Int32).

    Raises
    ------
    DataError
        If the file cannot be read, a row is broken, or a value is no whole number: with its row.
    """
    with _reading(path), tempfile.TemporaryDirectory(prefix="populace-") as folder:
        tables = _open(path, Path(folder))
        return [(name, _select(table, name, wanted, texts, aliases or {})) for name, table in tables]


def _holds_persons(path: Path) -> bool:
    with _reading(path):
        return "PWGTP" in {name.strip('"').upper() for name in _header(path)}


def _header(path: Path) -> list[str]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return list(pl.read_parquet_schema(path))
    if suffix == ".csv":
        with path.open("rb") as handle:
            line = handle.readline()
        if not line:
            raise DataError("the file is empty", file=path, fix=_AGAIN)
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_members(archive, path)[0]) as handle:
            line = handle.readline()
    else:
        raise DataError(f"cannot read {suffix or 'such'} files", file=path, fix=_FIX)
    return line.decode("utf-8-sig", errors="replace").strip().split(",")


def _open(path: Path, folder: Path) -> list[tuple[str, pl.LazyFrame]]:
    """Open the tables of a file lazily; what a zip holds is unpacked into `folder`."""
    if path.suffix.lower() == ".parquet":
        return [(str(path), pl.scan_parquet(path))]
    if path.suffix.lower() == ".csv":
        return [(str(path), _scan_csv(path, str(path)))]
    tables = []
    with zipfile.ZipFile(path) as archive:
        members = _members(archive, path)
        for member in members:
            target = folder / Path(member).name
            with archive.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            name = str(path) if len(members) == 1 else f"{path}/{member}"
            tables.append((name, _scan_csv(target, name)))
    return tables


def _members(archive: zipfile.ZipFile, path: Path) -> list[str]:
    members = sorted(name for name in archive.namelist() if name.lower().endswith(".csv"))
    if not members:
        raise DataError("the zip holds no CSV file", file=path, fix=_FIX)
    return members


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what libraries say of a damaged file into one error."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError("the zip is damaged or cut short", file=path, fix=_AGAIN) from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken file ({str(error).splitlines()[0][:120]})", file=path, fix=_AGAIN) from error


def _scan_csv(path: Path, name: str) -> pl.LazyFrame:
    """Scan a CSV as text, after checking that every row has as many fields as the header."""
    if path.stat().st_size == 0:
        raise DataError("the file is empty", file=name, fix=_AGAIN)
    lines = pl.scan_csv(
        path, has_header=False, separator="\x1f", quote_char=None, infer_schema=False, new_columns=["line"]
    )
    fields = pl.col("line").str.count_matches(",", literal=True).fill_null(0)
    # A quoted field may hold commas; PUMS has none, and such a row is left to the CSV parser.
    broken = (
        lines.with_row_index("row")
        .filter((fields != fields.first()) & ~pl.col("line").str.contains('"', literal=True))
        .select("row", fields.alias("fields"))
        .head(1)
        .collect()
    )
    if broken.height:
        row, count = broken.row(0)
        fix = "download the file again, or remove the row"
        raise DataError(f"broken row: {count + 1} fields, unlike the header", file=name, row=row, fix=fix)
    return pl.scan_csv(path, infer_schema=False)


def _select(
    table: pl.LazyFrame, file: str, wanted: Sequence[str], texts: Sequence[str], aliases: Mapping[str, str]
) -> pl.DataFrame:
    names = {name: aliases.get(name.upper(), name.upper()) for name in table.collect_schema().names()}
    chosen = {name: target for name, target in names.items() if target in {*wanted, *texts}}
    raw = table.select(pl.col(name).alias(target) for name, target in chosen.items()).collect()
    if raw.is_empty():
        raise DataError("the file has no rows", file=file, fix=_AGAIN)
    for name in raw.columns:
        if name in texts:
            # Leading zeros come and go between vintages and programs.
            raw = raw.with_columns(pl.col(name).cast(pl.String).str.strip_chars().str.strip_chars_start("0"))
        elif raw[name].dtype.is_integer():
            raw = raw.with_columns(pl.col(name).cast(pl.Int32))
        else:
            raw = raw.with_columns(_whole_numbers(raw[name], file))
    return raw


def _whole_numbers(column: pl.Series, file: str) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars().str.replace(r"\.0*$", "")
    text = text.set(text == "", None)
    numbers = text.cast(pl.Int32, strict=False)
    bad = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        what = f"{text[row]!r} is not a whole number"
        raise DataError(what, file=file, row=row + 1, column=column.name, fix="correct the value")
    return numbers


def _partner(path: Path) -> Path | None:
    name = path.name.lower()
    person = next((start for start in _PARTNERS if name.startswith(start)), None)
    if person is None:
        return None
    wanted = _PARTNERS[person] + name.removeprefix(person)
    return next((child for child in path.parent.iterdir() if child.name.lower() == wanted), None)
