"""`Personas`: a table of people with a note of where they came from, and how it is built and stored."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.personas.enrich import ADULT_AGE, enrich
from populace.personas.naming import persona_ids
from populace.personas.persona import Persona
from populace.personas.rules import apply_rules, broken_rules
from populace.personas.rules import soften as weighted_down
from populace.personas.schema import ATTRIBUTES, COLUMNS
from populace.personas.traits import trait_model
from populace.personas.validation import checked_seed, validate
from populace.personas.values import value_model
from populace.personas.views import view_model
from populace.population import Population

__all__ = ["SPLITS", "Personas", "build", "complete", "load", "named"]

SPLITS = ("train", "test")
"""Values of the optional column `split`."""

_METADATA_KEY = "populace.provenance"
_MERGED = ("persona_id", "weight")
_ROW_GROUP = 1 << 17
"""Rows of a group of a Parquet file: set, so that the bytes do not depend on how the frame came about."""


class Personas(msgspec.Struct, frozen=True, eq=False):
    """Personas in the order of the people they were built from.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [30, 12], "sex": ["Female", "Male"]})
    >>> personas = build(people, seed=7)
    >>> len(personas), personas.provenance["minors_left_out"], sum(personas.removed.values())
    (1, 1, 0)
    >>> [one.sex for one in personas]
    ['Female']
    """

    frame: pl.DataFrame
    """`persona_id, person_id, weight`, every attribute; a preset adds `split`, an import `implausible`."""
    provenance: dict[str, Any]
    """Seed, counts, sources and the provenance of the population."""

    @property
    def removed(self) -> dict[str, int]:
        """Rows removed by each rule, counted under the first rule they broke."""
        return self.provenance["removed"]

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[Persona]:
        return (Persona.from_row(row) for row in self.frame.iter_rows(named=True))

    def head(self, count: int) -> list[Persona]:
        """Give the first `count` personas."""
        return list(Personas(self.frame.head(count), self.provenance))

    def find(self, ids: Iterable[str]) -> list[Persona]:
        """Give the personas whose ids begin with the given digits.

        Raises
        ------
        DataError
            If there is none, or more than one, for some of them.
        """
        found = []
        for start in ids:
            rows = self.frame.filter(pl.col("persona_id").str.starts_with(start))
            if rows.height != 1:
                what = f"{rows.height or 'no'} personas have an id that begins with '{start}'"
                raise DataError(what, column="persona_id", fix="give more digits" if rows.height else None)
            found.append(Persona.from_row(rows.row(0, named=True)))
        return found

    def save(self, path: str | Path) -> None:
        """Write Parquet with the provenance in its metadata: whole or not at all, same bytes each time."""
        metadata = {_METADATA_KEY: canonical_bytes(self.provenance).decode()}
        with atomic_path(path) as temporary:
            self.frame.rechunk().write_parquet(
                temporary, compression="zstd", row_group_size=_ROW_GROUP, metadata=metadata
            )


def build(
    population: Population | pl.DataFrame, seed: int, *, adults: bool = True, soften: bool = False
) -> Personas:
    """Turn people into personas: enrich them, drop those that contradict themselves, name the rest.

    Who breaks a hard rule is removed. Who breaks a soft one stays, and is counted under `flagged`;
    `populace.personas.with_flags` names the rules.

    Parameters
    ----------
    population
        A population, or a frame with its columns; labels that are absent count as missing.
    seed
        Of every draw.
    adults
        Leave out everyone under 18 and everyone of unknown age. Otherwise minors stay, without opinions
        and scored traits, and under 6 without free text.
    soften
        Weight those who break a soft rule down to the share that real people have (`rules.soften`).

    Returns
    -------
    Personas
        Two people with the same attributes are one persona, with the sum of their weights.

    Raises
    ------
    DataError
        If a value is not allowed, the seed is no whole number from 0 up, a weight is negative, or nobody is
        left.
    """
    seed = checked_seed(seed)
    source = population if isinstance(population, pl.DataFrame) else population.frame
    if source.is_empty():
        raise DataError("the population is empty", fix="give at least one person")
    _check_weights(source)
    people = complete(validate(source))
    grown = people.filter(pl.col("age") >= ADULT_AGE) if adults else people
    kept, removed, broken = apply_rules(enrich(grown, seed))
    frame = named(kept)
    if frame.is_empty():
        raise DataError(
            f"no persona is left of {people.height} people",
            fix="check the ages, or include minors" if grown.is_empty() else "see which rules removed them",
        )
    if soften:
        frame = weighted_down(frame)
    provenance = {
        "populace": importlib.metadata.version("populace"),
        "seed": seed,
        "adults": adults,
        "people": people.height,
        "minors_left_out": people.height - grown.height,
        "removed": removed,
        "broken": broken,
        "flagged": broken_rules(frame, "soft").select(pl.any_horizontal(pl.all()).sum()).item(),
        "softened": soften,
        "merged": kept.height - frame.height,
        "personas": frame.height,
        "sources": {"views": view_model().info, "traits": _traits_info(), "values": value_model().info},
        "population": None
        if isinstance(population, pl.DataFrame)
        else msgspec.json.decode(canonical_bytes(population.provenance)),
    }
    return Personas(frame, provenance)


def load(path: str | Path) -> Personas:
    """Read personas written by `Personas.save`, and check every value.

    Raises
    ------
    DataError
        If the file is missing or holds no personas, or a value is not allowed.
    """
    fix = "make it with `populace personas build`"
    try:
        frame = pl.read_parquet(path)
        provenance = msgspec.json.decode(pl.read_parquet_metadata(path)[_METADATA_KEY])
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=fix) from error
    except (KeyError, OSError, pl.exceptions.PolarsError, msgspec.DecodeError) as error:
        raise DataError("this is no file of personas", file=path, fix=fix) from error
    missing = [name for name in ("persona_id", "person_id", "weight", *COLUMNS) if name not in frame.columns]
    if missing:
        raise DataError("this column is missing", file=path, column=missing[0], fix=fix)
    _check_split(frame, path)
    return Personas(validate(frame, file=path), provenance)


def complete(people: pl.DataFrame) -> pl.DataFrame:
    """Give a frame of people every column of personas but the id: what is absent becomes null.

    People without an id are numbered from 1; people without a weight weigh 1.
    """
    number = pl.int_range(1, pl.len() + 1).cast(pl.String)
    columns = {
        "person_id": pl.col("person_id").cast(pl.String) if "person_id" in people.columns else number,
        "weight": pl.col("weight").cast(pl.Float64) if "weight" in people.columns else pl.lit(1.0),
    }
    for each in ATTRIBUTES:
        column = pl.col(each.name) if each.name in people.columns else pl.lit(None)
        columns[each.name] = column.cast(each.dtype)
    return people.select(expression.alias(name) for name, expression in columns.items())


def named(people: pl.DataFrame) -> pl.DataFrame:
    """Put the content hash in front, and merge people whose attributes are all the same.

    Parameters
    ----------
    people
        As `complete` gives them. Columns beyond are kept, as the first of equal people has them.

    Examples
    --------
    >>> twins = complete(pl.DataFrame({"age": [2, 2], "weight": [1.5, 2.0]}))
    >>> named(twins).select("person_id", "weight").rows()
    [('1', 3.5)]
    """
    frame = people.with_columns(persona_ids(people))
    # Weights are added in the order of the rows: a sum of floats spread over threads has no fixed order.
    totals: dict[str, float] = {}
    for persona_id, weight in frame.filter(pl.col("persona_id").is_duplicated()).select(_MERGED).iter_rows():
        totals[persona_id] = totals.get(persona_id, 0.0) + weight
    if totals:
        weights = pl.col("persona_id").replace_strict(totals, default=pl.col("weight"))
        frame = frame.filter(pl.col("persona_id").is_first_distinct()).with_columns(weight=weights)
    lead = ("persona_id", "person_id", "weight", *COLUMNS)
    return frame.select(*lead, pl.exclude(lead))


def _check_split(frame: pl.DataFrame, path: str | Path) -> None:
    if "split" not in frame.columns:
        return
    bad = frame.select((~pl.col("split").is_in(SPLITS)).fill_null(True).arg_true()).to_series()
    if bad.len():
        what = f"{frame['split'][bad[0]]!r} is no split"
        fix = f"write {' or '.join(SPLITS)}, or leave the column out"
        raise DataError(what, file=path, row=bad[0] + 1, column="split", fix=fix)


def _check_weights(people: pl.DataFrame) -> None:
    if "weight" not in people.columns:
        return
    weight = people["weight"]
    if not weight.dtype.is_numeric():
        raise DataError(
            f"holds {weight.dtype} where numbers are wanted", column="weight", fix="convert the column"
        )
    bad = (~(weight.is_finite() & (weight >= 0))).fill_null(True).arg_true()
    if len(bad):
        what = f"{weight[bad[0]]} is not a weight from 0 up"
        raise DataError(what, row=bad[0] + 1, column="weight", fix="remove the row")


def _traits_info() -> dict[str, str]:
    model = trait_model()
    return {
        "source": model.source,
        "citation": model.citation,
        "licence": model.licence,
        "records": str(model.records),
        "script": model.script,
    }
