"""Find the person and household files of a PUMS release.

Understood are the official zips (`csv_p50.zip` holding `psam_p50.csv`; `csv_pus.zip` holding
`psam_pusa.csv` and `psam_pusb.csv`), plain CSV and Parquet. Whether a file holds persons or households is
read off its header, never off its name; the name only tells which files belong together.
"""

from __future__ import annotations

from pathlib import Path

from populace.errors import DataError
from populace.population.reading import header

__all__ = ["find_files"]

# Start of a person file's name -> start of the name of the household file that belongs to it.
_PARTNERS = {"csv_p": "csv_h", "psam_p": "psam_h", "persons": "households", "p_": "h_"}
_COUNTRY = ("csv_pus", "psam_pus", "persons")
_FIX = (
    "fetch csv_pXX.zip and csv_hXX.zip (`populace population fetch acs-pums`), or give a file that has PWGTP"
)


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


def _holds_persons(path: Path) -> bool:
    return "PWGTP" in {name.upper() for name in header(path)}


def _partner(path: Path) -> Path | None:
    name = path.name.lower()
    person = next((start for start in _PARTNERS if name.startswith(start)), None)
    if person is None:
        return None
    wanted = _PARTNERS[person] + name.removeprefix(person)
    return next((child for child in path.parent.iterdir() if child.name.lower() == wanted), None)
