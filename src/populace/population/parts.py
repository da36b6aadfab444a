"""What a fetch leaves on disk: receipts, locks, and the check of a zip of microdata."""

from __future__ import annotations

import csv
import io
import os
import zipfile
import zlib
from pathlib import Path

import msgspec

from populace.errors import DataError

__all__ = ["DAMAGE", "Lock", "Receipt", "first_year", "read_receipt", "receipt_path"]

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)
"""What a damaged zip raises."""


class Receipt(msgspec.Struct, frozen=True):
    """What is known of a file: kept beside it, and beside a part of it."""

    url: str
    tag: str = ""
    bytes: int = 0
    hash: str = ""


def first_year(path: Path, *, deep: bool) -> str:
    """Read the survey year of the first record of a zip, after checking every checksum in it."""
    with zipfile.ZipFile(path) as archive:
        bad = archive.testzip() if deep else None
        tables = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        if bad or not tables:
            raise zipfile.BadZipFile(bad or "no CSV inside")
        with archive.open(tables[0]) as handle:
            text = io.TextIOWrapper(handle, encoding="utf-8-sig", newline="")
            return next(csv.DictReader(text), {}).get("SERIALNO", "")[:4]


class Lock:
    """Keeps two runs from writing to one part."""

    def __init__(self, part: Path) -> None:
        self._part, self._path = part, part.with_name(f"{part.name}.lock")

    def __enter__(self) -> None:
        self._handle = self._path.open("w")
        if os.name == "nt":
            return
        import fcntl

        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._handle.close()
            raise DataError(
                "another run is fetching this file", file=self._part, fix="wait for it"
            ) from error

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        self._handle.close()


def receipt_path(path: Path) -> Path:
    """Name the receipt of a file."""
    return path.with_name(f"{path.name}.json")


def read_receipt(path: Path) -> Receipt:
    """Read the receipt of a file; an empty one where there is none."""
    try:
        return msgspec.json.decode(receipt_path(path).read_bytes(), type=Receipt)
    except (OSError, msgspec.DecodeError):
        return Receipt("")
