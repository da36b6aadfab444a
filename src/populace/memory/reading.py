"""Items from structs, dictionaries, Polars frames and files; a malformed one is refused with its place.

Columns are the fields of `Item` and, where they are wanted, `person_id`, `purposes` (a word, or several) and
`share`, which take the place of the consent that the call gives. In CSV several options or purposes are
parted by `|`. Times are seconds since 1970, or ISO 8601 (UTC where no offset stands there). A number is the
text that Python writes for it (1.0 is `1.0`); not-a-number, which some tables have for what is missing, is
missing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from populace.errors import DataError
from populace.memory.consent import Consent, as_consent
from populace.memory.item import LONGEST, Item, checked_name

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COLUMNS", "Items", "Row", "read_rows"]

Items: TypeAlias = (
    "Item | Mapping[str, Any] | Iterable[Item | Mapping[str, Any]] | pl.DataFrame | str | PathLike[str]"
)
_TEXTS = ("text", "response", "topic", "source")
COLUMNS = frozenset({"person_id", *_TEXTS, "options", "ordinal", "time", "purposes", "share"})
_BOM = "\ufeff".encode()
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class Row(NamedTuple):
    """An item with whose it is and what it may be used for, as far as the source says so."""

    person_id: str | None
    item: Item
    consent: Consent | None
    lacks: Literal["", "purposes", "share"] = ""
    """The part of the consent that the source does not say, where it says the other."""


def read_rows(source: Any, consent: Consent) -> Iterator[Row]:
    """Read items one by one.

    Parameters
    ----------
    source
        An `Item` or dictionary, several, a Polars frame, or a path to .jsonl, .csv or .parquet.
    consent
        What rows may be used for that say only a part of it themselves (`purposes` or `share`).

    Raises
    ------
    DataError
        At the first malformed row, with the file and the row (of a JSONL file the line).
    """
    if isinstance(source, (str, PathLike)):
        yield from _of_file(Path(source), consent)
        return
    polars = sys.modules.get("polars")  # where it is not loaded yet, the source is no frame of it
    if polars is not None and isinstance(source, polars.DataFrame):
        yield from _of_frame(source, None, consent)
        return
    if isinstance(source, (Item, Mapping)):
        source = (source,)
    try:
        rows = iter(source)
    except TypeError as error:
        raise DataError(f"items cannot be read from {type(source).__name__}") from error
    for number, row in enumerate(rows, 1):
        yield _row(row, None, number, consent)


def _of_file(path: Path, consent: Consent) -> Iterator[Row]:
    kind = path.suffix.lower()
    if kind not in (".jsonl", ".ndjson", ".csv", ".parquet"):
        raise DataError("no kind of file we read items from", file=path, fix="give .jsonl, .csv or .parquet")
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    if kind == ".csv":
        yield from _of_csv(path, consent)
    elif kind == ".parquet":
        yield from _of_parquet(path, consent)
    else:
        yield from _of_lines(path, consent)


def _of_lines(path: Path, consent: Consent) -> Iterator[Row]:
    import msgspec

    decode = msgspec.json.Decoder().decode
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = decode(line.removeprefix(_BOM) if number == 1 else line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise DataError(f"no JSON ({error})", file=path, row=number, fix="repair the line") from error
            yield _row(row, path, number, consent)


def _of_csv(path: Path, consent: Consent) -> Iterator[Row]:
    """Read CSV by Python's reader, which knows the line where a row is broken."""
    import csv

    csv.field_size_limit(max(csv.field_size_limit(), 8 * LONGEST))
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        try:
            names = next(reader, None)
            if not names:
                raise DataError("the file is empty", file=path, fix="begin with the names of the columns")
            _check_columns(names, path)
            for number, values in enumerate(reader, 1):
                if len(values) != len(names):
                    what = f"{len(values)} values under {len(names)} columns"
                    raise DataError(what, file=path, row=number, fix="repair the row")
                # An empty cell says nothing, but of purposes: there it is no purpose, as in other files.
                cells = zip(names, values, strict=True)
                row = {name: value for name, value in cells if value or name == "purposes"}
                yield _row(row, path, number, consent)
        except csv.Error as error:
            what = f"broken in line {reader.line_num} ({error})"
            raise DataError(what, file=path, fix="repair the quotes") from error
        except UnicodeDecodeError as error:
            raise DataError("the file is not UTF-8", file=path, fix="save it as UTF-8") from error


def _of_parquet(path: Path, consent: Consent) -> Iterator[Row]:
    import polars as pl

    try:
        names = pl.read_parquet_schema(path)
        _check_columns(list(names), path)
        lazy = pl.scan_parquet(path)
        height, step = lazy.select(pl.len()).collect().item(), 100_000
        parts = (lazy.slice(start, step).collect() for start in range(0, height, step))
        for place, part in enumerate(parts):
            yield from _of_frame(part, path, consent, place * step)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"no Parquet file ({error})", file=path) from error


def _of_frame(frame: pl.DataFrame, path: Path | None, consent: Consent, skipped: int = 0) -> Iterator[Row]:
    _check_columns(frame.columns, path)
    for number, row in enumerate(frame.iter_rows(named=True), skipped + 1):
        yield _row(row, path, number, consent)


def _check_columns(names: list[str], path: Path | None) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) < len(names):
        what = f"unknown columns ({', '.join(unknown)})" if unknown else "a column stands there twice"
        raise DataError(what, file=path, fix=f"take some of {', '.join(sorted(COLUMNS))}")


def _row(row: Any, path: Path | None, number: int, consent: Consent) -> Row:
    try:
        if isinstance(row, Item):
            return Row(None, row, None)
        if type(row) is not dict and not isinstance(row, Mapping):
            raise DataError(
                f"{type(row).__name__} is no item", fix="give an Item or a dictionary of its fields"
            )
        if not row.keys() <= COLUMNS:
            unknown = sorted(str(name) for name in row.keys() - COLUMNS)
            raise DataError(
                f"unknown field {unknown[0]}",
                column=unknown[0],
                fix=f"take some of {', '.join(sorted(COLUMNS))}",
            )
        return _of_fields(row, consent)
    except DataError as error:
        raise DataError(
            error.what, file=path, row=number, column=error.column, fix=error.fix
        ) from error.__cause__


def _of_fields(row: Mapping[str, Any], consent: Consent) -> Row:
    get = row.get
    person = _there(get("person_id"))
    item = Item(
        text=_text(get("text"), "text"),
        response=_text(get("response"), "response"),
        options=_options(_there(get("options"))),
        ordinal=_yes(_there(get("ordinal")), "ordinal", False),
        topic=_text(get("topic"), "topic"),
        time=_time(_there(get("time"))),
        source=_text(get("source"), "source"),
    )
    purposes, share = _there(get("purposes")), _there(get("share"))
    own: Consent | None = None
    lacks: Literal["", "purposes", "share"] = ""
    if share == "":
        share = None
    if purposes is not None or share is not None:
        given = as_consent(_several(purposes, "purposes")) if purposes is not None else consent
        own = Consent(given.purposes, _yes(share, "share", consent.share))
        lacks = "purposes" if purposes is None else "share" if share is None else ""
    return Row(None if person is None else checked_name(_text(person, "person_id")), item, own, lacks)


def _there(value: Any) -> Any:
    """Give what stands in a cell; None for not-a-number, which is how tables write what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _text(value: Any, column: str) -> str:
    """Give a text; numbers are answers too."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):  # what is missing, in tables that have numbers alone
            return ""
        raise DataError(f"{value!r} is no answer", column=column, fix="give a number, or a text")
    if isinstance(value, (bool, int, float)):
        return str(value)
    raise DataError(f"{value!r} is no text", column=column, fix="give a text")


def _options(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    given = tuple(_several(value, "options"))
    if all(type(each) is str for each in given):
        return given
    return tuple(_text(each, "options") for each in given)


def _several(value: Any, column: str) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, str):
        return [part.strip() for part in value.split("|") if part.strip()]
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return value
    raise DataError(f"{value!r} is no list", column=column, fix="give a list, or texts parted by |")


def _yes(value: Any, column: str, default: bool) -> bool:
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    told = str(value).strip().lower()
    if told in _TRUE | _FALSE:
        return told in _TRUE
    raise DataError(f"{value!r} is neither true nor false", column=column, fix="give true or false")


def _time(value: Any) -> float | None:
    """Give seconds since 1970, UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return value
    try:
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise DataError(f"{value!r} is no time", column="time", fix="give ISO 8601, or seconds") from error
    raise DataError(f"{value!r} is no time", column="time", fix="give ISO 8601, or seconds")
