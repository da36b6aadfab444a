"""A population and its reference in one coding: small integers under the same names.

PUMS columns are coded as the population room codes them, so that shares are those whose distances
`population.fidelity` gives; anything else by the labels that both have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.population import census_margins
from populace.population.codebook import Variable, load_codebook
from populace.population.us2024.coding import EDGES, encode

__all__ = [
    "MOST_VALUES",
    "NOT_APPLICABLE",
    "Sides",
    "by_code",
    "by_label",
    "readable",
    "title_of",
    "weight_of",
]

NOT_APPLICABLE = "does not apply, or missing"
MOST_VALUES = 60
"""A text column of more values than this is no attribute to compare (ids, free text)."""

_TITLES = {
    "AGEP": "age in years", "AGE5": "age in bands", "NP": "household size", "TEN": "tenure",
    "DPHY": "ambulatory difficulty", "LANG": "language and English", "PINCB": "personal income",
    "HINCB": "household income", "OCCM": "occupation group", "INDM": "industry group",
    "OCCP": "occupation, detailed", "INDP": "industry, detailed", "HHT": "household type",
    "DREM": "cognitive difficulty",
    "FPARC": "children in family", "MIL": "military service", "HISP": "Hispanic origin",
    "ENG": "English", "HHL": "household language", "NATIVITY": "nativity", "PINCP": "personal income",
}  # fmt: skip


def title_of(name: str) -> str:
    """Call a variable by a name that people read.

    Examples
    --------
    >>> title_of("SCHL"), title_of("PINCB"), title_of("class_of_worker")
    ('education', 'personal income', 'class of worker')
    """
    if name in _TITLES:
        return _TITLES[name]
    for attribute, readings in load_codebook("acs_pums").attributes.items():
        if name in readings:
            return attribute.replace("_", " ")
    return name.replace("_", " ")


@dataclass(frozen=True)
class Sides:
    """Two sets of people in the same coding: code -1 means not released, and counts nowhere."""

    ours: dict[str, np.ndarray]
    theirs: dict[str, np.ndarray]
    our_weight: np.ndarray
    their_weight: np.ndarray
    labels: Mapping[str, Mapping[int, str]]

    def size(self, name: str) -> int:
        """Count the codes of a variable, 0 included."""
        return int(max(side[name].max(initial=0) for side in (self.ours, self.theirs))) + 1

    def label(self, name: str, code: int) -> str:
        """Label a code; 0 is what does not apply, unless it has a label of its own."""
        return self.labels.get(name, {}).get(code) or (NOT_APPLICABLE if code == 0 else str(code))

    def tables(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, float]:
        """Give the weighted shares of every combination on both sides, and our effective people."""
        sizes = [self.size(name) for name in names]
        ours, effective = _table(self.ours, self.our_weight, names, sizes)
        theirs, _ = _table(self.theirs, self.their_weight, names, sizes)
        return ours, theirs, effective


def _table(
    side: Mapping[str, np.ndarray], weight: np.ndarray, names: Sequence[str], sizes: Sequence[int]
) -> tuple[np.ndarray, float]:
    known = np.logical_and.reduce([side[name] >= 0 for name in names])
    key = np.zeros(len(known), dtype=np.int64)
    for name, size in zip(names, sizes, strict=True):
        key = key * size + side[name]
    counted = np.where(known, weight, 0.0)
    sums = np.bincount(np.where(known, key, 0), weights=counted, minlength=math.prod(sizes))
    total, squares = sums.sum(), float((counted**2).sum())
    return (sums / total, float(total**2 / squares)) if total > 0 else (sums * 0.0, 0.0)


def by_code(people: pl.DataFrame, reference: pl.DataFrame) -> Sides:
    """Code PUMS columns as `population.fidelity` does: what a state does not release is left out there."""
    theirs = encode(reference).with_columns(_five_years())
    ours = encode(people, complete=True).with_columns(_five_years())
    names = [name for name in theirs.columns if name in ours.columns]
    released = theirs.group_by("STATE").agg(pl.col(n).is_not_null().any().alias(f"{n}?") for n in names)
    masked = ours.join(released, on="STATE", how="left", maintain_order="left")
    ours = masked.select(pl.when(pl.col(f"{n}?")).then(pl.col(n)).alias(n) for n in names)
    return Sides(
        _codes(ours, names),
        _codes(theirs, names),
        weight_of(people),
        weight_of(reference),
        _code_labels(names),
    )


def _five_years() -> pl.Expr:
    return (pl.col("AGEP") // 5).alias("AGE5")


def _codes(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: frame[name].fill_null(-1).to_numpy().astype(np.int16) for name in names}


def weight_of(frame: pl.DataFrame) -> np.ndarray:
    """Return the weights, a missing one as none."""
    return frame["weight"].cast(pl.Float64).fill_null(0.0).to_numpy()


def _code_labels(names: Sequence[str]) -> dict[str, dict[int, str]]:
    book = load_codebook("acs_pums").variables
    made: dict[str, dict[int, str]] = {
        "LANG": dict(book["ENG"].labels) | {5: "Speaks only English at home"},
        "OCCM": _groups(book["OCCP"]),
        "INDM": _groups(book["INDP"]),
        "PINCB": _brackets(),
        "HINCB": _brackets(),
        "AGE5": {n: f"{5 * n}–{5 * n + 4}" for n in range(20)},
        "AGEP": {n: str(n) for n in range(100)},
    }
    for name in names:
        if name not in made and name in book:
            made[name] = {code: book[name].label_of(code) or str(code) for code in book[name].labels}
    return made


def _groups(variable: Variable) -> dict[int, str]:
    return {number: group.label for number, group in enumerate(variable.groups, start=1)}


def _brackets() -> dict[int, str]:
    ends = [*(f"{edge - 1:,}" for edge in EDGES[1:]), None]
    named = {
        number: f"${low:,}–{high}" if high else f"${low:,} and over"
        for number, (low, high) in enumerate(zip(EDGES, ends, strict=True), start=3)
    }
    return {1: "a loss", 2: "no income"} | named


def by_label(people: pl.DataFrame, reference: pl.DataFrame) -> Sides:
    """Code the text columns that both have (and age and income in bands) by their labels.

    Examples
    --------
    >>> ours = pl.DataFrame({"weight": [1.0, 3.0], "sex": ["Male", "Female"]})
    >>> sides = by_label(ours, pl.DataFrame({"weight": [1.0, 1.0], "sex": ["Male", None]}))
    >>> [sides.label("sex", code) for code in range(3)], sides.tables(["sex"])[0].tolist()
    (['does not apply, or missing', 'Female', 'Male'], [0.0, 0.75, 0.25])
    """
    left, right = readable(people), readable(reference)
    names = [name for name in right.columns if name in left.columns]
    ours, theirs, labels = {}, {}, {}
    for name in names:
        values = sorted({*left[name].drop_nulls().unique(), *right[name].drop_nulls().unique()})
        if not values or len(values) > MOST_VALUES:
            continue
        numbers = {value: number for number, value in enumerate(values, start=1)}
        labels[name] = {number: value for value, number in numbers.items()}
        for side, frame in ((ours, left), (theirs, right)):
            coded = frame[name].replace_strict(numbers, default=None, return_dtype=pl.Int16)
            side[name] = coded.fill_null(0).to_numpy()
    return Sides(ours, theirs, weight_of(people), weight_of(reference), labels)


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep the columns that read as attributes: text as it is, ages and incomes in the census's bands."""
    bands = _banded(frame)
    texts = {
        name: frame[name].cast(pl.String)
        for name, kind in frame.schema.items()
        if name not in ("person_id", *bands)
        and (kind in (pl.String, pl.Boolean) or isinstance(kind, pl.Categorical | pl.Enum))
    }
    return pl.DataFrame(texts | bands)


def _banded(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Band age and income as the margins of the census do: the bands are read off their labels."""
    bands: dict[str, pl.Series] = {}
    for attribute in ("age", "income"):
        if attribute in frame.columns and frame[attribute].dtype.is_numeric():
            starts = sorted(
                (int(re.findall(r"\d+", label.replace(",", ""))[0]), label)
                for label in census_margins(adults=False)
                .filter(pl.col("attribute") == attribute)["label"]
                .drop_nulls()
            )
            value = frame[attribute].cast(pl.Float64).fill_nan(None)
            # What is below the first start belongs to the first band.
            band = np.searchsorted([start for start, _ in starts[1:]], value.fill_null(0).to_numpy(), "right")
            labels = pl.Series([label for _, label in starts], dtype=pl.String)
            bands[attribute] = labels[band].set(value.is_null(), None)
    return bands
