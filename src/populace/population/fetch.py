"""Fetch PUMS files from the Census Bureau: resumed, checked, whole or absent.

A file is written beside its place and takes its name only after its size, the checksums inside the zip and
the survey year of its first record were found right. What was fetched before is verified, not fetched again.
A fetch that was cut off goes on where it stopped, if the server still has the same file. Beside every file
lies `NAME.json` with its address, size and hash.
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from populace.atomic import fsync_directory, write_atomic
from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import load_codebook
from populace.population.parts import DAMAGE, Lock, Receipt, first_year, read_receipt, receipt_path

__all__ = ["CENSUS", "Fetched", "cache_folder", "fetch_acs_pums"]

CENSUS = "https://www2.census.gov/programs-surveys/acs"
"""Where the Census Bureau keeps the survey's files."""
_TRIES = 5
_WAIT = 1.0
"""Seconds before the second try; twice as long before each further one."""
_PIECE = 1 << 20
_STATES = Path(__file__).parent / "codebooks" / "states.csv"

Progress = Callable[[str, int, int | None], None]
"""Told the file's name, the bytes that are there and the bytes of the whole, where they are known."""


class Fetched(msgspec.Struct, frozen=True):
    """A file that is in its place."""

    path: Path
    url: str
    bytes: int
    again: bool
    """Whether it was there before."""


class _PassingError(Exception):
    """A trouble that may pass: worth another try."""


def cache_folder(year: int, span: int = 1) -> Path:
    """Name the folder that files of a release are kept in, under the user's cache folder.

    Examples
    --------
    >>> cache_folder(2024).parts[-3:]
    ('populace', 'acs-pums', '2024-1-year')
    """
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "populace" / "acs-pums" / f"{year}-{span}-year"


def fetch_acs_pums(
    year: int,
    state: str,
    *,
    span: int = 1,
    folder: str | Path | None = None,
    mirror: str = CENSUS,
    progress: Progress | None = None,
) -> list[Fetched]:
    """Fetch the person and the household file of a state, or of the country.

    Parameters
    ----------
    year
        Last year of the release, 2018 to 2024.
    state
        Postal abbreviation (`VT`), name or FIPS code; `us` for the fifty states and the District of Columbia.
    span
        1 or 5 years.
    folder
        Where the files go; the user's cache folder by default.
    mirror
        Address that stands for `CENSUS`.
    progress
        Called as bytes arrive.

    Returns
    -------
    list of Fetched
        The person file, then the household file.

    Raises
    ------
    DataError
        If there is no such release or state, no network, or what comes is damaged. It says which file of
        which address to put into which folder by hand.
    """
    place = Path(folder) if folder is not None else cache_folder(year, span)
    release, short = _release(year, span), _postal(state)
    names = [f"csv_{record}{short}.zip" for record in ("p", "h")]
    urls = [f"{mirror.rstrip('/')}/{release}/{name}" for name in names]
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError("this folder cannot be made", file=place, fix="give another folder") from error
    fetch = _Fetch(year, span, place, urls, progress or (lambda *_: None))
    return asyncio.run(fetch.run())


def _release(year: int, span: int) -> str:
    first, last = load_codebook("acs_pums").covers or (0, 0)
    if span not in (1, 5):
        raise DataError(f"there are no files of {span} years", fix="give a span of 1 or 5")
    if not first <= year:
        raise DataError(f"no codebook for the files of {year}", fix=f"give a year from {first} to {last}")
    if (year, span) == (2020, 1):
        # Published apart, with experimental weights.
        return "experimental/2020/data/pums/1-Year"
    return f"data/pums/{year}/{span}-Year"


def _postal(state: str) -> str:
    wanted = state.strip().lower()
    if wanted == "us":
        return wanted
    with _STATES.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if wanted in (row["postal"].lower(), row["label"].lower(), row["code"], row["code"].zfill(2)):
                return row["postal"].lower()
    raise DataError(f"there is no state {state!r}", fix="give a postal abbreviation such as VT, or us")


class _Fetch:
    """One run: the files of one release, one after the other."""

    def __init__(self, year: int, span: int, place: Path, urls: Sequence[str], progress: Progress) -> None:
        self._year, self._span, self._place, self._urls = year, span, place, urls
        self._progress = progress

    async def run(self) -> list[Fetched]:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            return [await self._one(session, url) for url in self._urls]

    async def _one(self, session: Any, url: str) -> Fetched:
        path = self._place / url.rsplit("/", 1)[1]
        if self._is_whole(path):
            self._progress(path.name, path.stat().st_size, path.stat().st_size)
            return Fetched(path, url, path.stat().st_size, again=True)
        part = path.with_name(f".{path.name}.part")
        with Lock(part):
            receipt = await self._patiently(session, url, part, path.name)
            self._check(part, url)
            write_atomic(receipt_path(path), msgspec.json.encode(receipt))
            part.replace(path)
            receipt_path(part).unlink(missing_ok=True)
            fsync_directory(path.parent)
        return Fetched(path, url, receipt.bytes, again=False)

    async def _patiently(self, session: Any, url: str, part: Path, name: str) -> Receipt:
        """Fetch a file, trying again after troubles that may pass."""
        attempt = 0
        while True:
            try:
                return await self._download(session, url, part, name)
            except _PassingError as trouble:
                attempt += 1
                if attempt == _TRIES:
                    raise self._by_hand(f"{url} could not be fetched ({trouble})") from trouble
            await asyncio.sleep(_WAIT * 2 ** (attempt - 1))

    async def _download(self, session: Any, url: str, part: Path, name: str) -> Receipt:
        """Fetch what is missing of a file into `part`."""
        import aiohttp

        known = read_receipt(part)
        have = part.stat().st_size if part.exists() and known.url == url and known.tag else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": known.tag}
        try:
            async with session.get(url, headers=headers) as response:
                if response.status == 416:
                    part.unlink(missing_ok=True)
                    raise _PassingError("the part that was there does not belong to the file")
                self._check_status(response.status, url)
                if response.status != 206:
                    have = 0
                length = response.headers.get("Content-Length")
                total = have + int(length) if length else None
                tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
                # A weak tag may stand for other bytes: it cannot vouch for a part.
                tag = "" if tag.startswith("W/") else tag
                write_atomic(receipt_path(part), msgspec.json.encode(Receipt(url, tag)))
                with part.open("ab" if have else "wb") as sink:
                    async for piece in response.content.iter_chunked(_PIECE):
                        sink.write(piece)
                        have += len(piece)
                        self._progress(name, have, total)
                    sink.flush()
                    os.fsync(sink.fileno())
        except (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError) as error:
            raise self._by_hand(f"{url} cannot be reached ({error})") from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _PassingError(str(error) or type(error).__name__) from error
        if total is not None and have != total:
            raise _PassingError(f"{have:,} of {total:,} bytes came")
        return Receipt(url, tag, have, file_hash(part))

    def _check_status(self, status: int, url: str) -> None:
        if status == 404:
            raise self._by_hand(f"{url} does not exist: this release has no such file, or is not out yet")
        if status in (408, 429) or status >= 500:
            raise _PassingError(f"the server answers {status}")
        if status not in (200, 206):
            raise self._by_hand(f"the server answers {status} to {url}")

    def _is_whole(self, path: Path) -> bool:
        """Tell whether a file that is there is what it should be: by its receipt, or by its own checksums."""
        if not path.is_file():
            return False
        receipt = read_receipt(path)
        if receipt.hash and file_hash(path) != receipt.hash:
            return False
        try:
            year = first_year(path, deep=not receipt.hash)
        except DAMAGE:
            return False
        if not self._is_ours(year):
            what = f"wrong vintage: a file of this name is there, with records of {year}"
            raise DataError(what, file=path, fix="give another folder, or move the file")
        return True

    def _check(self, part: Path, url: str) -> None:
        """Check the zip's checksums and the year of its first record; what is wrong is removed."""
        try:
            year = first_year(part, deep=True)
        except DAMAGE as error:
            part.unlink(missing_ok=True)
            raise self._by_hand(f"what {url} gave is damaged ({error}), and was removed") from error
        if not self._is_ours(year):
            part.unlink(missing_ok=True)
            raise self._by_hand(f"wrong vintage: {url} gave records of {year}; they were removed")

    def _is_ours(self, year: str) -> bool:
        return not year.isdigit() or self._year - self._span < int(year) <= self._year

    def _by_hand(self, what: str) -> DataError:
        return DataError(
            what, fix=f"run this again later, or put {' and '.join(self._urls)} into {self._place}"
        )
