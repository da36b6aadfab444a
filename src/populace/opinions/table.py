"""What people answered: respondents by items.

All options of all items stand in one row, item after item. A one-hot answer, a prediction and the loadings of
a factor model have the same columns; `starts` says where each item begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
import polars.selectors as cs

from populace.errors import DataError
from populace.opinions.items import Item

__all__ = ["NONE", "Opinions"]

NONE = -1
"""Code of an answer that was not given."""


@dataclass(frozen=True)
class Opinions:
    """Respondents, items, and who answered what.

    Parameters
    ----------
    people
        A row a respondent: `person_id`, `weight`, and attributes under their names in the schema of personas.
    items
        M questions.
    answers
        Shape (N, M), the number of the option that each chose, `NONE` where there is no answer.
    retest
        The same for another interview with the same people; None where nobody was asked twice.
    citation, licence
        Of the source.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> items = (Item(name="a", options=("Yes", "No")), Item(name="b", options=("1", "2", "3")))
    >>> people = pl.DataFrame({"person_id": ["x", "y"], "weight": [1.0, 3.0]})
    >>> opinions = Opinions(people, items, np.array([[0, 2], [1, -1]], dtype=np.int16))
    >>> opinions.starts.tolist(), opinions.one_hot().tolist()
    ([0, 2, 5], [[1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> opinions.shares().round(2).tolist()
    [0.25, 0.75, 0.0, 0.0, 1.0]
    """

    people: pl.DataFrame
    items: tuple[Item, ...]
    answers: np.ndarray
    retest: np.ndarray | None = None
    citation: str = ""
    licence: str = ""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse tables that do not fit each other.

        Raises
        ------
        DataError
            If the shapes differ, an answer is no option of its item, a name or person is there twice, an id
            is missing or no text, or a weight is missing, below zero or no number.
        """
        _checked(self.people)
        # A number that is none is missing: said once, here.
        object.__setattr__(self, "people", self.people.with_columns(cs.float().fill_nan(None)))
        shape = (self.people.height, len(self.items))
        for what, codes in (("answers", self.answers), ("retest", self.retest)):
            if codes is None:
                continue
            if codes.shape != shape:
                raise DataError(f"{what} have the shape {codes.shape}, people and items {shape}")
            wrong = (codes < NONE) | (codes >= self.sizes)
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                item = self.items[column]
                odd = f"{codes[row, column]} is no option of {item.name}, which has {item.size}"
                raise DataError(odd, row=int(row) + 1, column=item.name)
        names = [item.name for item in self.items]
        if len(set(names)) < len(names):
            raise DataError("an item's name is there twice", fix="give every item a name of its own")

    def __len__(self) -> int:
        """Number of respondents."""
        return self.people.height

    @cached_property
    def sizes(self) -> np.ndarray:
        """Shape (M,), the number of options of each item."""
        return np.array([item.size for item in self.items], dtype=np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        """Shape (M + 1,), where the options of each item begin among all K options."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @cached_property
    def weights(self) -> np.ndarray:
        """Shape (N,), the survey's weights."""
        return self.people["weight"].to_numpy().astype(np.float64)

    @cached_property
    def answered(self) -> np.ndarray:
        """Shape (N, M), whether there is an answer."""
        return self.answers != NONE

    def place(self, name: str) -> int:
        """Find an item by its name.

        Raises
        ------
        DataError
            If there is none.
        """
        for place, item in enumerate(self.items):
            if item.name == name:
                return place
        raise DataError(f"no item is named {name}", fix="list them with `populace opinions items`")

    def one_hot(self, answers: np.ndarray | None = None) -> np.ndarray:
        """Give answers as 0 and 1.

        Parameters
        ----------
        answers
            Shape (n, M); those of all respondents by default.

        Returns
        -------
        Shape (n, K). The options of an item without an answer are all 0.
        """
        codes = self.answers if answers is None else answers
        hot = np.zeros((codes.shape[0], int(self.starts[-1])))
        rows, columns = np.nonzero(codes != NONE)
        hot[rows, self.starts[columns] + codes[rows, columns]] = 1.0
        return hot

    def shares(self, *, prior: float = 0.0) -> np.ndarray:
        """Weighted share of each option among those who answered.

        Parameters
        ----------
        prior
            Answers, of the mean weight, that are added to each item, spread evenly over its options.

        Returns
        -------
        Shape (K,). An item that nobody answered is spread evenly.
        """
        rows, columns = np.nonzero(self.answered)
        chosen = self.starts[columns] + self.answers[rows, columns]
        counts = np.bincount(chosen, self.weights[rows], minlength=int(self.starts[-1]))
        mean = self.weights.mean() if len(self) else 1.0
        counts = counts + np.repeat(prior * mean / self.sizes, self.sizes)
        totals = np.repeat(np.add.reduceat(counts, self.starts[:-1]), self.sizes)
        return np.where(
            totals > 0, counts / np.where(totals > 0, totals, 1), np.repeat(1 / self.sizes, self.sizes)
        )

    def take(self, rows: np.ndarray | Sequence[int]) -> Opinions:
        """Keep some respondents, by number or by a mask."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        retest = None if self.retest is None else self.retest[rows]
        return replace(self, people=self.people[rows], answers=self.answers[rows], retest=retest)

    def only(self, names: Sequence[str]) -> Opinions:
        """Keep some items, in this order."""
        places = [self.place(name) for name in names]
        retest = None if self.retest is None else self.retest[:, places]
        items = tuple(self.items[place] for place in places)
        return replace(self, items=items, answers=self.answers[:, places], retest=retest)

    def swapped(self) -> Opinions:
        """Exchange the two interviews: the later answers become those to predict.

        Raises
        ------
        DataError
            If nobody was asked twice.
        """
        if self.retest is None:
            raise DataError("nobody was asked twice in this survey", fix="leave out `later`")
        return replace(self, answers=self.retest, retest=self.answers)

    def gather(self, rows: np.ndarray, columns: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Look up the probabilities of cells.

        Parameters
        ----------
        rows, columns
            Shape (C,), row of `table` and item of each cell.
        table
            Shape (n, K).

        Returns
        -------
        Shape (C, largest number of options); options that an item does not have are 0.
        """
        widest = int(self.sizes.max(initial=1))
        offsets = np.arange(widest)
        inside = offsets < self.sizes[columns][:, None]
        places = np.where(inside, self.starts[columns][:, None] + offsets, 0)
        return np.where(inside, table[rows[:, None], places], 0.0)


def _checked(people: pl.DataFrame) -> None:
    """Refuse people without an id or a weight.

    Raises
    ------
    DataError
        With the column.
    """
    for name in ("person_id", "weight"):
        if name not in people.columns:
            raise DataError("this column is missing", column=name)
    person, weight = people["person_id"], people["weight"]
    if person.dtype != pl.String:
        raise DataError(f"ids are {person.dtype} and must be text", column="person_id", fix="cast them")
    if person.null_count():
        missing = int(person.is_null().arg_true()[0])
        raise DataError("an id is missing", row=missing + 1, column="person_id")
    if person.n_unique() < people.height:
        raise DataError("a respondent is there twice", column="person_id")
    if not weight.dtype.is_numeric():
        raise DataError(f"weights are {weight.dtype} and must be numbers", column="weight")
    if weight.null_count() or not weight.is_finite().all() or (weight < 0).any():
        raise DataError("a weight is missing, endless or below zero", column="weight")
