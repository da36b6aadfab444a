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

__all__ = ["find_files", "read_columns"]

_SUFFIXES = (".zip", ".csv", ".parquet")
# A column that only this kind of record has.
_MARK = {"person": "PWGTP", "household": "WGTP"}
# The other half of a release, by the part of the name that tells them apart.
_PARTNERS = (("csv_p", "csv_h"), ("psam_p", "psam_h"), ("persons", "households"), ("p_", "h_"))


def find_files(source: str | Path) -> tuple[list[Path], list[Path]]:
    """Find person files, and the household files that belong to them.

    Parameters
    ----------
    source
        A person file, or a folder with a release in it. Where a folder holds the whole country (`us` or
        `persons` in the name) beside single states, the country is taken.

    Returns
    -------
    tuple of list of pathlib.Path
        Person files and household files; the latter may be empty.

    Raises
    ------
    DataError
        If nothing is there, or no file has person records.
    """
    path = Path(source)
    if path.is_file():
        if record_kind(path) != "person":
            raise DataError("these are not PUMS person records: PWGTP is missing", file=path, fix=_FIX)
        partner = _partner(path)
        return [path], [partner] if partner else []
    if not path.is_dir():
        raise DataError("no such file or folder", file=path, fix="give a PUMS file or a folder of them")
    named = sorted(child for child in path.iterdir() if child.suffix.lower() in _SUFFIXES)
    persons = [child for child in named if child.stem.lower().startswith(tuple(p for p, _ in _PARTNERS))]
    persons = [child for child in persons if record_kind(child) == "person"]
    if not persons:
        raise DataError("no file with PUMS person records in this folder", file=path, fix=_FIX)
    whole = [p for p in persons if p.stem.lower().startswith(("csv_pus", "psam_pus", "persons"))]
    chosen = whole or persons
    return chosen, [partner for p in chosen if (partner := _partner(p))]


_FIX = "download csv_pXX.zip and csv_hXX.zip of the ACS PUMS, or pass a file that has PWGTP"


def record_kind(path: Path) -> str | None:
    """Tell from its header whether a file holds `person` or `household` records; None for neither."""
    with _tables(path) as tables:
        header = {name.upper() for table in tables for name in table.collect_schema().names()}
    return next((kind for kind, mark in _MARK.items() if mark in header), None)


def read_columns(
    path: Path, wanted: Sequence[str], *, texts: Sequence[str] = (), aliases: Mapping[str, str] | None = None
) -> pl.DataFrame:
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

    Raises
    ------
    DataError
        If the file cannot be read, a row is broken, or a value is no whole number: with its row.
    """
    try:
        with _tables(path) as tables:
            frames = [_select(table, path, wanted, texts, aliases or {}) for table in tables]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken file ({_first_line(error)})", file=path, fix="download it again") from error
    frame = pl.concat(frames, how="diagonal")
    if frame.is_empty():
        raise DataError("the file has no rows", file=path, fix="download it again")
    return frame


def _select(
    table: pl.LazyFrame, path: Path, wanted: Sequence[str], texts: Sequence[str], aliases: Mapping[str, str]
) -> pl.DataFrame:
    names = {name: aliases.get(name.upper(), name.upper()) for name in table.collect_schema().names()}
    chosen = {name: target for name, target in names.items() if target in {*wanted, *texts}}
    raw = table.select(pl.col(name).alias(target) for name, target in chosen.items()).collect()
    for name in raw.columns:
        if name in texts:
            # Leading zeros come and go between vintages and programs.
            raw = raw.with_columns(pl.col(name).cast(pl.String).str.strip_chars().str.strip_chars_start("0"))
        elif not raw[name].dtype.is_integer():
            raw = raw.with_columns(_whole_numbers(raw[name], path))
    return raw.with_columns(pl.col(name).cast(pl.Int32) for name in raw.columns if name not in texts)


def _whole_numbers(column: pl.Series, path: Path) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars().str.replace(r"\.0*$", "")
    text = text.set(text == "", None)
    numbers = text.cast(pl.Int32, strict=False)
    bad = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{text[row]!r} is not a whole number",
            file=path,
            row=row + 1,
            column=column.name,
            fix="correct the value",
        )
    return numbers


@contextmanager
def _tables(path: Path) -> Iterator[list[pl.LazyFrame]]:
    """Open the tables of a file lazily; what a zip holds is unpacked while they are in use."""
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError("no such file", file=path)
    try:
        if suffix == ".parquet":
            yield [pl.scan_parquet(path)]
        elif suffix == ".csv":
            yield [_scan_csv(path, path)]
        elif suffix == ".zip":
            with tempfile.TemporaryDirectory(prefix="populace-") as folder:
                yield [_scan_csv(member, path) for member in _unpack(path, Path(folder))]
        else:
            raise DataError(f"cannot read {suffix or 'this kind of'} files", file=path, fix=_FIX)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError("the zip is damaged or cut short", file=path, fix="download it again") from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken file ({_first_line(error)})", file=path, fix="download it again") from error


def _unpack(path: Path, folder: Path) -> list[Path]:
    members = []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith(".csv"):
                target = folder / Path(name).name
                with archive.open(name) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                members.append(target)
    if not members:
        raise DataError("the zip holds no CSV file", file=path, fix=_FIX)
    return members


def _scan_csv(path: Path, reported: Path) -> pl.LazyFrame:
    """Scan a CSV as text, after checking that every row has as many fields as the header."""
    if path.stat().st_size == 0:
        raise DataError("the file is empty", file=reported, fix="download it again")
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
        raise DataError(
            f"broken row: {count + 1} fields, unlike the header",
            file=reported,
            row=row,
            fix="download the file again, or remove the row",
        )
    return pl.scan_csv(path, infer_schema=False)


def _partner(path: Path) -> Path | None:
    name = path.name.lower()
    for person, household in _PARTNERS:
        if name.startswith(person):
            wanted = household + name.removeprefix(person)
            siblings = {child.name.lower(): child for child in path.parent.iterdir()}
            return siblings.get(wanted)
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120]
