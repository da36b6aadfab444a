"""Two sets of people in one coding: small integers under the same names.

Census people are coded by their columns (`populace.population.us2024.coding`), so that a state where a
variable is not released is left out on both sides; anything else by the labels that both have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from populace.population.codebook import Variable, load_codebook
from populace.population.margins import census_margins
from populace.population.us2024.coding import EDGES, encode

__all__ = [
    "MOST_VALUES",
    "NOT_APPLICABLE",
    "Sides",
    "by_code",
    "by_label",
    "readable",
    "sides_of",
    "weight_of",
]

NOT_APPLICABLE = "does not apply, or missing"
MOST_VALUES = 60
"""A text column of more values than this is no attribute to compare (ids, free text)."""


class _Side:
    """Columns as small integers from 0, one past the largest where not released."""

    def __init__(self, frame: pl.DataFrame, weight: np.ndarray, sizes: Mapping[str, int]) -> None:
        self.weight, self.sizes = weight, sizes
        self.columns = {name: frame[name].fill_null(size).to_numpy() for name, size in sizes.items()}
        # Most variables are released for the same people, so that few sums of squares are needed.
        self.patterns: list[np.ndarray] = []
        self.pattern_of = {
            name: self._pattern(column == sizes[name]) for name, column in self.columns.items()
        }
        self.squares: dict[frozenset[int], float] = {}

    def _pattern(self, withheld: np.ndarray) -> int:
        for number, pattern in enumerate(self.patterns):
            if np.array_equal(pattern, withheld):
                return number
        self.patterns.append(withheld)
        return len(self.patterns) - 1

    def table(self, names: Sequence[str]) -> tuple[np.ndarray, float]:
        """Weighted shares of every combination, and the effective number of people behind them."""
        key = np.zeros(len(self.weight), dtype=np.int32)
        for name in names:
            key = key * np.int32(self.sizes[name] + 1) + self.columns[name]
        shape = tuple(self.sizes[name] + 1 for name in names)
        counts = np.bincount(key, weights=self.weight, minlength=math.prod(shape)).reshape(shape)
        counts = counts[tuple(slice(-1) for _ in names)].reshape(-1)
        total = counts.sum()
        if not total > 0:
            return counts, 0.0
        return counts / total, float(total**2 / self._squares(names))

    def _squares(self, names: Sequence[str]) -> float:
        """Sum of the squared weights of those for whom all variables are released."""
        which = frozenset(self.pattern_of[name] for name in names)
        if which not in self.squares:
            known = ~np.logical_or.reduce([self.patterns[number] for number in which])
            self.squares[which] = float((self.weight[known] ** 2).sum())
        return self.squares[which]


class Sides:
    """Two sets of people in the same coding; null means not released, and counts nowhere.

    Parameters
    ----------
    ours, theirs
        Int32 columns of the same names, from 0.
    our_weight, their_weight
        (people,) weights.
    labels
        Of a variable, code -> label.
    """

    def __init__(
        self,
        ours: pl.DataFrame,
        theirs: pl.DataFrame,
        our_weight: np.ndarray,
        their_weight: np.ndarray,
        labels: Mapping[str, Mapping[int, str]],
    ) -> None:
        self.names = list(theirs.columns)
        """Variables that both have."""
        self._sizes = {name: 1 + max(_largest(ours[name]), _largest(theirs[name])) for name in self.names}
        self._ours = _Side(ours, our_weight, self._sizes)
        self._theirs = _Side(theirs, their_weight, self._sizes)
        self._labels = labels

    @property
    def people(self) -> tuple[int, int]:
        """How many people there are on either side."""
        return len(self._ours.weight), len(self._theirs.weight)

    def size(self, name: str) -> int:
        """Count the codes of a variable, 0 included."""
        return self._sizes[name]

    def label(self, name: str, code: int) -> str:
        """Label a code; 0 is what does not apply, unless it has a label of its own."""
        return self._labels.get(name, {}).get(code) or (NOT_APPLICABLE if code == 0 else str(code))

    def tables(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, float]:
        """Give the weighted shares of every combination on both sides, and our effective people.

        That number is 0 where either side has nobody for whom all variables are released.
        """
        ours, effective = self._ours.table(names)
        theirs, records = self._theirs.table(names)
        return ours, theirs, effective if records > 0 else 0.0


def _largest(column: pl.Series) -> int:
    largest = column.max()
    return largest if isinstance(largest, int) else 0


def sides_of(people: pl.DataFrame, reference: pl.DataFrame) -> Sides:
    """Code people and their reference: by census columns where both have them, else by labels."""
    coded = all({"STATE", "AGEP"} <= set(frame.columns) for frame in (people, reference))
    return (by_code if coded else by_label)(people, reference)


def by_code(people: pl.DataFrame, reference: pl.DataFrame) -> Sides:
    """Code PUMS columns as `population.fidelity` does: what a state does not release is left out there."""
    theirs = encode(reference).with_columns(_five_years())
    ours = encode(people, complete=True).with_columns(_five_years())
    names = [name for name in theirs.columns if name in ours.columns]
    released = theirs.group_by("STATE").agg(pl.col(n).is_not_null().any().alias(f"{n}?") for n in names)
    masked = ours.join(released, on="STATE", how="left", maintain_order="left")
    ours = masked.select(pl.when(pl.col(f"{n}?")).then(pl.col(n)).alias(n) for n in names)
    return Sides(ours, theirs.select(names), weight_of(people), weight_of(reference), _code_labels(names))


def _five_years() -> pl.Expr:
    return (pl.col("AGEP") // 5).alias("AGE5")


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
    coded: tuple[list[pl.Series], list[pl.Series]] = ([], [])
    labels: dict[str, dict[int, str]] = {}
    for name in names:
        values = sorted({*left[name].drop_nulls().unique(), *right[name].drop_nulls().unique()})
        if not values or len(values) > MOST_VALUES:
            continue
        numbers = {value: number for number, value in enumerate(values, start=1)}
        labels[name] = {number: value for value, number in numbers.items()}
        for side, frame in zip(coded, (left, right), strict=True):
            side.append(frame[name].replace_strict(numbers, default=0, return_dtype=pl.Int32).fill_null(0))
    ours, theirs = (pl.DataFrame(side) for side in coded)
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
