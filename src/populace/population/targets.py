"""Targets to rake to: from frames, mappings, CSV and TOML files, another population, or the census.

A margin is a frame with one row a cell: a column for each variable and `target`, a count of people or a
share. A null in a column is a category of its own (not applicable); in a file it is written `(none)`.
Besides the columns that the people have, a margin may use four readings of theirs: `age_band`,
`income_band`, `occupation_group` and `industry_group`, as the census margins of this package have them.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError
from populace.population.codebook import load_codebook
from populace.population.margins import label_in_census

__all__ = ["Margins", "Target", "as_targets", "census_targets", "load_margins", "margins_of", "with_readings"]

Margins: TypeAlias = "Sequence[pl.DataFrame | Target] | Mapping[str, Mapping[Any, float]] | str | Path"
"""What `rake` takes: frames, `{column: {category: target}}`, a CSV or TOML file, or `us-2024`."""

NONE = "(none)"
"""How a file writes null."""

READINGS = {
    "age_band": "age",
    "income_band": "income",
    "occupation_group": "occupation_category",
    "industry_group": "industry_category",
}
"""Column that a margin may name -> the attribute it reads in bands or major groups."""


class Target(msgspec.Struct, frozen=True, eq=False):
    """One margin to rake to."""

    columns: tuple[str, ...]
    cells: pl.DataFrame
    """`columns` and `target`, as given."""
    file: str | None = None
    """File that it was read from."""
    rows: tuple[int, ...] = ()
    """Row of each cell in the file, from 1; without a file, the place in the margin."""

    def row(self, cell: int) -> int:
        """Say in which row a cell stands, for messages."""
        return self.rows[cell] if self.rows else cell + 1

    @property
    def name(self) -> str:
        """Variables of the margin, for messages."""
        return " × ".join(self.columns)

    @property
    def total(self) -> float:
        """Sum of the targets."""
        return float(self.cells["target"].sum())

    @property
    def hash(self) -> str:
        """BLAKE2b of the cells, for the record."""
        return content_hash(
            [list(self.cells.columns), [list(row) for row in self.cells.sort(pl.all()).rows()]]
        )

    def label(self, cell: int) -> str:
        """Name a cell, for messages."""
        return " × ".join(NONE if value is None else str(value) for value in self.cells.row(cell)[:-1])


def as_targets(margins: Margins) -> list[Target]:
    """Read and check margins.

    Raises
    ------
    DataError
        If a margin has no cells, no `target`, a cell twice, or a target that is no number from 0 up.

    Examples
    --------
    >>> [sex] = as_targets({"sex": {"Female": 0.51, "Male": 0.49}})
    >>> sex.name, sex.label(0), sex.total
    ('sex', 'Female', 1.0)
    """
    if isinstance(margins, (str, Path)):
        frames = census_targets() if str(margins) == "us-2024" else _read(Path(margins))
    elif isinstance(margins, Mapping):
        frames = [_one_way(column, cells) for column, cells in margins.items()]
    else:
        frames = [margins] if isinstance(margins, pl.DataFrame) else margins
    if not isinstance(frames, Sequence) or not all(isinstance(f, (pl.DataFrame, Target)) for f in frames):
        raise DataError("these are no margins", fix="give frames, {column: {category: target}}, or a file")
    if not frames:
        raise DataError("there is no margin to rake to", fix="give at least one")
    targets = [frame if isinstance(frame, Target) else _checked(frame) for frame in frames]
    names = [frozenset(target.columns) for target in targets]
    for number, target in enumerate(targets):
        if names[number] in names[:number]:
            what = "this margin is given twice"
            raise DataError(what, file=target.file, column=target.name, fix="leave one out")
    return targets


def margins_of(people: pl.DataFrame, variables: Iterable[str | Sequence[str]]) -> list[pl.DataFrame]:
    """Take margins of people, to rake others to.

    Parameters
    ----------
    people
        The frame of a population: the columns named, and `weight`.
    variables
        A name for a one-way margin, several for a joint one.

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["F", "M", "F"], "age": [20, 30, 70], "weight": [1.0, 2.0, 3.0]})
    >>> margins_of(people, ["sex", ("sex", "age_band")])[1].rows()
    [('F', '18–24', 1.0), ('F', '65–74', 3.0), ('M', '25–34', 2.0)]
    """
    frames = []
    for names in variables:
        columns = [names] if isinstance(names, str) else list(names)
        frame = with_readings(people, columns)
        cells = frame.unique().sort(columns, nulls_last=True)
        places = cells.with_row_index("cell")
        cell = frame.join(places, on=columns, how="left", nulls_equal=True, maintain_order="left")["cell"]
        # Polars' threads would add the weights in any order.
        total = np.bincount(cell.to_numpy(), people["weight"].cast(pl.Float64).to_numpy(), cells.height)
        frames.append(cells.with_columns(target=total))
    return frames


def census_targets(*, adults: bool = False, attributes: Sequence[str] | None = None) -> list[pl.DataFrame]:
    """Give the one-way margins of the 2024 ACS PUMS that the package holds, as shares.

    Parameters
    ----------
    adults
        Of people of 18 and over.
    attributes
        Those wanted; by default `sex`, `age_band`, `race`, `education`, `disability` and `citizenship`, which
        every state releases. What California and Texas do not release is that of the other states.

    Raises
    ------
    DataError
        If there is no margin of an attribute.

    Examples
    --------
    >>> census_targets(adults=True, attributes=["sex"])[0].columns
    ['sex', 'target']
    """
    from populace.population.margins import census_margins  # It imports `people`, which imports this.

    everywhere = ("sex", "age_band", "race", "education", "disability", "citizenship")
    shares = census_margins(adults=adults)
    frames = []
    for name in attributes or everywhere:
        attribute = READINGS.get(name, name)
        cells = shares.filter(pl.col("attribute") == attribute)
        if cells.is_empty() or (name == attribute and name in READINGS.values()):
            known = sorted({*shares["attribute"], *READINGS} - set(READINGS.values()))
            raise DataError(f"the census margins have no {name}", fix=_suggest(name, known))
        column = next(c for c in ("census", "share") if c in cells.columns)
        total = cells[column].sum()
        # Values of fewer than 20 records are left out of the package, so shares add up to a little below 1.
        frames.append(cells.select(pl.col("label").alias(name), target=pl.col(column) / total))
    return frames


def load_margins(path: str | Path) -> list[pl.DataFrame]:
    """Read margins from a CSV or TOML file.

    A CSV has a column for each variable and `target`. Rows that fill the same columns are one margin, so
    that one-way and joint margins stand in one file::

        sex,region,target
        Female,,0.51
        Male,,0.49
        Female,North,0.2

    A TOML file lists them::

        [[margin]]
        columns = ["sex"]
        cells = [["Female", 0.51], ["Male", 0.49]]

    Raises
    ------
    DataError
        If the file is missing, broken, or a row has no number from 0 up or names a cell again: with its row.
    """
    return [target.cells for target in _read(Path(path))]


def _read(file: Path) -> list[Target]:
    if not file.is_file():
        raise DataError("no such file", file=file, fix="give a CSV or TOML file of margins")
    if file.suffix.lower() == ".toml":
        return _from_toml(file)
    if file.suffix.lower() == ".csv":
        return _from_csv(file)
    raise DataError(
        f"cannot read margins from {file.suffix or 'such'} files", file=file, fix="give CSV or TOML"
    )


def with_readings(people: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Select columns of people, bands and major groups made where they are asked for.

    Examples
    --------
    >>> with_readings(pl.DataFrame({"age": [17, 80]}), ["age_band"])["age_band"].to_list()
    ['5–17', '75 and over']
    """
    chosen = []
    for name in columns:
        if name in people.columns:
            chosen.append(pl.col(name))
            continue
        source = _source(name, people.columns)
        if source is None:
            known = [*people.columns, *(n for n in READINGS if _source(n, people.columns))]
            raise DataError("the people have no such column", column=name, fix=_suggest(name, known))
        chosen.append(label_in_census(READINGS[name], source).alias(name))
    return people.select(chosen)


def _source(name: str, columns: Sequence[str]) -> str | None:
    """Find the column that a reading is made from."""
    if name not in READINGS:
        return None
    attribute = READINGS[name]
    coded = load_codebook("acs_pums").column_of(attribute, columns)
    return coded or (attribute if attribute in ("age", "income") and attribute in columns else None)


def _suggest(name: str, known: Sequence[str]) -> str:
    spelt = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.5)
    near = [key for key in spelt if key.startswith(f"{name.lower()}_")] or near
    return f"did you mean {spelt[near[0]]}?" if near else f"there are {', '.join(known[:30])}"


def _one_way(column: str, cells: Mapping[Any, float]) -> pl.DataFrame:
    if not isinstance(cells, Mapping):
        raise DataError("a margin maps categories to targets", column=column)
    try:
        targets = pl.Series("target", list(cells.values()), dtype=pl.Float64)
        return pl.DataFrame([pl.Series(column, list(cells)), targets])
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"broken margin ({str(error).splitlines()[0]})", column=column) from error


def _checked(frame: pl.DataFrame, file: Path | None = None, rows: Sequence[int] = ()) -> Target:
    columns = tuple(name for name in frame.columns if name != "target")
    name = " × ".join(columns)
    if "target" not in frame.columns or not columns:
        what = "a margin needs `target` and the variables beside it"
        raise DataError(what, file=file, column=name or None)
    if frame.is_empty():
        raise DataError("this margin has no cells", file=file, column=name)
    if not frame["target"].dtype.is_numeric():
        raise DataError("targets are not numbers", file=file, column=name)
    cells = frame.select(*columns, pl.col("target").cast(pl.Float64))
    target = Target(columns, cells, None if file is None else str(file), tuple(rows))
    bad = (~(cells["target"].is_finite() & (cells["target"] >= 0))).fill_null(True).arg_true()
    if len(bad):
        cell = int(bad[0])
        what = f"the target {cells['target'][cell]} of {target.label(cell)} is no number from 0 up"
        raise DataError(what, file=file, column=name, row=target.row(cell), fix="give a count or a share")
    again = (~cells.select(pl.struct(columns).is_first_distinct()).to_series()).arg_true()
    if len(again):
        cell = int(again[0])
        what = f"{target.label(cell)} has two targets"
        raise DataError(what, file=file, column=name, row=target.row(cell), fix="remove one")
    if not target.total > 0:
        raise DataError("all targets are zero", file=file, column=name)
    return target


def _from_csv(file: Path) -> list[Target]:
    try:
        rows = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken file ({str(error).splitlines()[0][:120]})", file=file) from error
    if "target" not in rows.columns or rows.width < 2:
        raise DataError("margins need a column `target` and the variables beside it", file=file)
    names = [name for name in rows.columns if name != "target"]
    rows = rows.with_columns(pl.all().str.strip_chars())
    number = rows["target"].cast(pl.Float64, strict=False)
    bad = number.is_null().arg_true()
    if len(bad):
        row = int(bad[0])
        raise DataError(f"{rows['target'][row]!r} is not a number", file=file, row=row + 1, column="target")
    filled = rows.select((pl.col(name).fill_null("") != "").alias(name) for name in names)
    shape = filled.select(pl.concat_str(pl.all().cast(pl.Int8).cast(pl.String))).to_series()
    targets = []
    for pattern in shape.unique(maintain_order=True):
        columns = [name for name, full in zip(names, pattern, strict=True) if full == "1"]
        part = rows.with_columns(target=number).filter(shape == pattern)
        if not columns:
            row = int((shape == pattern).arg_true()[0]) + 1
            raise DataError("this target belongs to no category", file=file, row=row)
        places = ((shape == pattern).arg_true() + 1).to_list()
        cells = part.select(*(_none(name) for name in columns), "target")
        targets.append(_checked(cells, file, places))
    return targets


def _none(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != NONE).then(pl.col(name)).alias(name)


def _from_toml(file: Path) -> list[Target]:
    try:
        parts = tomllib.loads(file.read_text(encoding="utf-8")).get("margin")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not TOML ({error})", file=file) from error
    if not isinstance(parts, list) or not parts:
        raise DataError("the file has no [[margin]]", file=file, fix="see the documentation of load_margins")
    return [_from_table(part, number, file) for number, part in enumerate(parts, 1)]


def _from_table(part: object, number: int, file: Path) -> Target:
    table = part if isinstance(part, dict) else {}
    columns, cells = table.get("columns"), table.get("cells")
    if not isinstance(columns, list) or not columns or not isinstance(cells, list):
        raise DataError(f"margin {number} needs `columns` and `cells`", file=file)
    for at, name in enumerate(columns):
        if not isinstance(name, str) or name == "target" or name in columns[:at]:
            what = (
                f"margin {number}: `columns` names each variable once, and {name!r} is none or is there twice"
            )
            raise DataError(what, file=file, fix="name columns of the people")
    for row, cell in enumerate(cells, 1):
        right = isinstance(cell, list) and len(cell) == len(columns) + 1
        right = right and not any(isinstance(value, (list, dict)) for value in cell)
        if not right or isinstance(cell[-1], bool) or not isinstance(cell[-1], (int, float)):
            what = f"margin {number}: a cell is {len(columns)} categories and a number, not {cell!r}"
            raise DataError(what, file=file, row=row)
    series = [pl.Series(c, [cell[i] for cell in cells], strict=False) for i, c in enumerate(columns)]
    frame = pl.DataFrame([*series, pl.Series("target", [float(cell[-1]) for cell in cells])])
    texts = [c for c in columns if frame[c].dtype == pl.String]
    return _checked(frame.with_columns(_none(c) for c in texts), file)
