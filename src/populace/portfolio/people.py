"""People with weights: known or inferred, with survey weights, groups, and what their rows share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.records import Kind

__all__ = ["People", "read_people", "regrets_of", "same_traits"]


@dataclass(frozen=True)
class People:
    """Users with weights.

    Attributes
    ----------
    weights
        Shape (people, traits), each row summing to 1.
    survey
        Shape (people,), how many each stands for.
    groups
        Group of each; empty where there are none.
    personas
        Cluster of each, shape (people,): numbers from 0.
    names
        Of the rows, for errors and tables.
    """

    weights: np.ndarray
    survey: np.ndarray
    groups: tuple[str, ...]
    personas: np.ndarray
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        weights: Any,
        *,
        survey: npt.ArrayLike | None = None,
        groups: Sequence[Any] | None = None,
        personas: Sequence[Any] | None = None,
        names: Sequence[str] = (),
    ) -> People:
        """Check and keep.

        Parameters
        ----------
        weights
            Shape (people, traits), known or inferred (`Taste.mean`), each row summing to 1.
        survey
            At least 0, how many each stands for; alike by default.
        groups
            Of each person, one; None puts all into none.
        personas
            What rows share that are no independent people; each its own by default.

        Raises
        ------
        DataError
            If a weight is missing, negative or does not sum to 1, or lengths differ.

        Examples
        --------
        >>> len(People.of([[0.5, 0.5], [1.0, 0.0]], groups=["old", "young"]))
        2
        """
        try:
            found = np.array(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError("weights of people must be a table of numbers, a row a person") from error
        if found.ndim != 2 or not len(found) or found.shape[1] < 2:
            raise DataError("weights of people must have the shape (people, traits), two traits or more")
        bad = ~np.isfinite(found).all(axis=1) | (found < 0).any(axis=1) | (abs(found.sum(axis=1) - 1) > 1e-6)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            fix = "divide by their sum"
            raise DataError("weights must be at least 0 and sum to 1", row=row + 1, fix=fix)
        count = len(found)
        stand = np.ones(count) if survey is None else np.array(survey, dtype=np.float64)
        if (
            stand.shape != (count,)
            or not np.isfinite(stand).all()
            or (stand < 0).any()
            or not stand.sum() > 0
        ):
            raise DataError(f"survey weights must be {count} numbers of at least 0, one above it")
        for what, given in (("groups", groups), ("personas", personas), ("names", names or None)):
            if given is not None and len(given) != count:
                raise DataError(f"there are {len(given)} {what} and {count} people")
        if groups is not None and any(each is None or str(each) == "" for each in groups):
            row = next(place for place, each in enumerate(groups) if each is None or str(each) == "")
            raise DataError("a person has no group", row=row + 1, fix="name one, such as 'unknown'")
        codes = np.arange(count) if personas is None else _codes(personas)
        return cls(
            found, stand, () if groups is None else tuple(str(each) for each in groups), codes, tuple(names)
        )

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.weights)

    def some(self, which: np.ndarray) -> People:
        """Give some of them, by a mask or rows."""
        rows = np.flatnonzero(which) if which.dtype == bool else which
        return People(
            self.weights[rows],
            self.survey[rows],
            tuple(self.groups[row] for row in rows) if self.groups else (),
            _codes(self.personas[rows].tolist()),
            tuple(self.names[row] for row in rows) if self.names else (),
        )


def read_people(
    frame: Any,
    traits: Sequence[str],
    *,
    survey: str | None = None,
    group: str | None = None,
    persona: str | None = None,
    file: object = None,
) -> People:
    """Read people from a table.

    Parameters
    ----------
    frame
        A Polars frame, a row a person: a column of weights for each trait, and those named below.
    traits
        Names of the columns of weights. Rows that do not sum to 1 are refused, not mended.
    survey, group, persona
        Columns of survey weights, groups, and of what rows share.

    Raises
    ------
    DataError
        If a column is missing or broken, with its row.
    """
    import polars as pl

    named = [each for each in (*traits, survey, group, persona) if each is not None]
    for name in named:
        if name not in frame.columns:
            there = ", ".join(frame.columns)
            raise DataError(f"there is no column {name!r}", file=file, fix=f"there are {there}")
    for name in (*traits, *([survey] if survey else [])):
        read = frame[name].cast(pl.Float64, strict=False)
        if read.null_count():
            row = int(read.is_null().arg_max() or 0)
            raise DataError("this is no number", file=file, row=row + 1, column=name)
    try:
        return People.of(
            frame.select(pl.col(name).cast(pl.Float64) for name in traits).to_numpy(),
            survey=None if survey is None else frame[survey].cast(pl.Float64).to_numpy(),
            groups=None if group is None else frame[group].to_list(),
            personas=None if persona is None else frame[persona].to_list(),
        )
    except DataError as error:
        raise DataError(error.what, file=file, row=error.row, fix=error.fix) from error


def regrets_of(points: np.ndarray, people: People, kind: Kind = "additive") -> np.ndarray:
    """Give what each candidate loses for each person, shape (people, candidates)."""
    values = people.weights @ points.T
    best = values.max(axis=1, keepdims=True)
    if kind == "ratio":
        return np.divide(best - values, best, out=np.zeros(values.shape), where=best > 0)
    return best - values


def same_traits(points: np.ndarray, people: People) -> None:
    """Refuse people who weigh other traits than candidates have."""
    if points.shape[1] != people.weights.shape[1]:
        raise DataError(
            f"candidates have {points.shape[1]} traits, and people weigh {people.weights.shape[1]}"
        )


def _codes(labels: Sequence[Any]) -> np.ndarray:
    number: dict[Any, int] = {}
    return np.array([number.setdefault(label, len(number)) for label in labels], dtype=np.int64)
