"""Which year, or five years, a PUMS file is of: read off its serial numbers.

Since 2018 they begin with the survey year (`2024HU0000123`, `2024GQ0000123`); a 5-year file carries those of
five years, of which those of 2017 and before are thirteen digits that begin with the year.
"""

from __future__ import annotations

import msgspec
import polars as pl

from populace.errors import CodebookError, DataError
from populace.population.codebook import Codebook

__all__ = ["PumsVintage", "detect_vintage"]

_SPAN = 5


class PumsVintage(msgspec.Struct, frozen=True):
    """Period of a file.

    Examples
    --------
    >>> str(PumsVintage(2024, 1)), str(PumsVintage(2022, 5)), str(PumsVintage(None, 1))
    ('2024', '2018-2022', '')
    """

    year: int | None
    """Last year of the period; None where nothing says it."""
    span: int = 1
    """Years it covers: 1 or 5."""

    def __str__(self) -> str:
        if self.year is None:
            return ""
        return str(self.year) if self.span == 1 else f"{self.year - self.span + 1}-{self.year}"


def detect_vintage(
    serials: pl.Series, book: Codebook, *, year: int | None = None, file: object | None = None
) -> PumsVintage:
    """Detect the period of a file, and hold it against the year that was asked for.

    Parameters
    ----------
    serials
        Serial numbers as text, without leading zeros.
    book
        Codebook; its `covers` says which years it describes.
    year
        Last year of the period, as the user gives it.

    Raises
    ------
    DataError
        If the file is of another year, or mixes files.
    CodebookError
        If the codebook does not describe files that old.

    Examples
    --------
    >>> from populace.population.codebook import load_codebook
    >>> book = load_codebook("acs_pums")
    >>> detect_vintage(pl.Series(["2024HU0000001", "2024GQ0000002"]), book)
    PumsVintage(year=2024, span=1)
    >>> detect_vintage(pl.Series(["2014000000012", "2018HU0000001"]), book)
    PumsVintage(year=2018, span=5)
    """
    years = _years(serials)
    if not years:
        return _covered(PumsVintage(year), book, file)
    found = PumsVintage(max(years), _SPAN if len(years) > 1 else 1)
    column = serials.name or book.serial
    if max(years) - min(years) >= _SPAN:
        what = f"serial numbers of {min(years)} and {max(years)}: no PUMS file covers so many years"
        raise DataError(what, file=file, column=column, fix="give the files of one release")
    if year is not None and year != found.year:
        what = f"wrong vintage: the serial numbers are of {found}, not of {year}"
        raise DataError(
            what, file=file, column=column, fix=f"give the year {found.year}, or the file of {year}"
        )
    return _covered(found, book, file)


def _covered(vintage: PumsVintage, book: Codebook, file: object | None) -> PumsVintage:
    if book.covers and vintage.year is not None and vintage.year < book.covers[0]:
        raise CodebookError(
            f"wrong vintage: the codebook {book.name} describes {book.covers[0]} to {book.covers[1]}, "
            f"and this file is of {vintage}",
            file=file,
            fix="use a newer file, or write a codebook for it",
        )
    return vintage


def _years(serials: pl.Series) -> list[int]:
    """List the years that the serial numbers begin with; none where they are of an older form."""
    heads = serials.drop_nulls().str.head(6).unique()
    if not len(heads) or not heads.str.contains(r"^20\d\d(HU|GQ|\d\d)$").all():
        return []
    numeric = serials.filter(serials.str.contains(r"^\d+$").fill_null(False))
    if len(numeric) and not (numeric.str.len_bytes() == 13).all():
        return []
    return sorted(int(year) for year in heads.str.head(4).unique())
