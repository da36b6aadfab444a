"""`Population`: people with weights and a record of where they came from, and how one is built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import load_codebook
from populace.population.pums import read_pums
from populace.population.us2024.source import TABLES_FILE, census, draw_people

__all__ = ["BUILTIN", "Population", "Provenance", "build", "census_margins"]

BUILTIN = "us-2024"
_METADATA_KEY = "populace.provenance"
_ADULT = 18


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a population came from: enough to make it again."""

    source: str
    files: dict[str, str]
    """Name and BLAKE2b of every file read."""
    codebook: str
    """Name and content hash of the codebook."""
    citation: str
    licence: str
    seed: int
    size: int
    adults: bool
    """Whether only people of 18 and over were kept."""
    states: tuple[int, ...] | None = None
    """FIPS codes; None for all."""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        who = "adults" if self.adults else "people of all ages"
        return f"{self.size:,} {who} from {self.source}, seed {self.seed}: {self.citation}; {self.licence}"


class Population(msgspec.Struct, frozen=True):
    """People: one row each, PUMS codes and labels (see `docs/design/main-job.md`).

    Examples
    --------
    >>> people = build("us-2024", size=100, seed=7, adults=True)
    >>> len(people), int(people.frame["age"].min()) >= 18
    (100, True)
    """

    frame: pl.DataFrame
    provenance: Provenance

    def __len__(self) -> int:
        return self.frame.height

    def save(self, path: str | Path) -> None:
        """Write Parquet with the provenance in its metadata: whole or not at all, same bytes each time."""
        metadata = {_METADATA_KEY: msgspec.json.encode(self.provenance, order="sorted").decode()}
        with atomic_path(path) as temporary:
            self.frame.write_parquet(temporary, compression="zstd", metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a population written by `save`.

        Raises
        ------
        DataError
            If the file is missing or holds no population.
        """
        fix = "make it with `populace population build`"
        try:
            frame = pl.read_parquet(path)
            note = pl.read_parquet_metadata(path)[_METADATA_KEY]
            return cls(frame, msgspec.json.decode(note, type=Provenance))
        except FileNotFoundError as error:
            raise DataError("there is no such file", file=path, fix=fix) from error
        except (KeyError, OSError, pl.exceptions.PolarsError, msgspec.DecodeError) as error:
            raise DataError("this is no file of people", file=path, fix=fix) from error


def build(
    source: str | Path = BUILTIN,
    size: int | None = None,
    seed: int = 0,
    *,
    adults: bool = False,
    states: Sequence[int] | None = None,
) -> Population:
    """Draw people from the embedded census tables, or read them from microdata.

    Parameters
    ----------
    source
        `"us-2024"`, or an ACS PUMS person file or folder (see `populace.population.files`).
    size
        People to draw, in proportion to their weights. None takes every record of a file with its own
        weight; the embedded source has no records, so it needs a size.
    seed
        Of every draw.
    adults
        Keep people of 18 years and over only.
    states
        Keep people of these states only (FIPS codes).

    Raises
    ------
    DataError
        If the source is missing or broken, or a size is missing or below 1.
    CodebookError
        At a code that the codebook does not know.

    Examples
    --------
    >>> build("us-2024", size=3, seed=1).frame.select("person_id", "weight").height
    3
    """
    if size is not None and size < 1:
        raise DataError(f"{size} people cannot be drawn", fix="ask for at least 1")
    rng = np.random.default_rng(seed)
    book = load_codebook("acs_pums")
    if source == BUILTIN:
        if size is None:
            raise DataError(f"{BUILTIN} has tables and no records: how many people?", fix="give a size")
        codes, total = draw_people(size, rng, adults=adults, states=states)
        ids = pl.Series([f"{BUILTIN}-{seed}-{number}" for number in range(1, size + 1)])
        weights = pl.Series(np.full(size, total / size))
        files, notes, citation = [TABLES_FILE], [], census().citation
    else:
        codes, files, notes = read_pums(source, codebook=book, states=states)
        codes, ids, weights = _sampled(codes, book.weight, size, rng, adults=adults, source=source)
        citation = book.title
    frame = pl.concat(
        [
            pl.DataFrame({"person_id": ids, "weight": weights.cast(pl.Float64)}),
            codes.drop("SERIALNO", book.weight, strict=False),
            book.labels(codes),
        ],
        how="horizontal",
    )
    provenance = Provenance(
        source=str(source) if source == BUILTIN else Path(source).name,
        files={path.name: file_hash(path) for path in files},
        codebook=f"{book.name} {book.hash}",
        citation=citation,
        licence=book.licence,
        seed=seed,
        size=frame.height,
        adults=adults,
        states=None if states is None else tuple(states),
        notes=tuple(notes),
    )
    return Population(frame, provenance)


def _sampled(
    codes: pl.DataFrame,
    weight: str,
    size: int | None,
    rng: np.random.Generator,
    *,
    adults: bool,
    source: str | Path,
) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
    """Keep adults if asked, draw systematically in proportion to the weight, and name the people."""
    if adults:
        codes = codes.filter(pl.col("AGEP") >= _ADULT)
    total = float(codes[weight].sum())
    if codes.is_empty() or total <= 0:
        raise DataError("nobody is left to draw from", file=source, column=weight, fix="check the file")
    if size is None:
        ids = codes["SERIALNO"] + "-" + pl.Series(range(1, codes.height + 1)).cast(pl.String)
        return codes, ids, codes[weight]
    points = (np.arange(size) + rng.random()) * (total / size)
    rows = np.searchsorted(np.cumsum(codes[weight].to_numpy()), points, side="right")
    # In random order, so that the first k people are a sample of their own.
    rows = rng.permutation(np.minimum(rows, codes.height - 1))
    drawn = codes[rows.tolist()]
    ids = drawn["SERIALNO"] + "-" + pl.Series(range(1, size + 1)).cast(pl.String)
    return drawn, ids, pl.Series(np.full(size, total / size))


def census_margins(*, adults: bool = False) -> pl.DataFrame:
    """Return the exact weighted one-way margins of the 2024 microdata: `attribute, value, share`.

    Not applicable and missing values are left out; the shares of an attribute sum to one.
    """
    cells = census().margins
    frame = pl.DataFrame(
        {
            "attribute": [cell.attribute for cell in cells],
            "value": [cell.label for cell in cells],
            "share": [cell.adults if adults else cell.everyone for cell in cells],
        }
    ).drop_nulls("value")
    known = frame.filter(pl.col("share") > 0)
    return known.with_columns(pl.col("share") / pl.col("share").sum().over("attribute"))
