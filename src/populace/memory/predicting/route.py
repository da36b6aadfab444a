"""What every way to predict a response is: it learns from people, and tells the odds of cells.

A cell is a person and a question. A route is told the person's attributes and the answers that are known, and
gives a row of probabilities, padded to the widest question. A question that nobody answered is a column
without answers: whoever may not use the answers of others to the very question (`same_question=False`)
learns as if all asked columns were such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from populace.opinions import NONE, Fitted, Inputs, Opinions, Predictor

__all__ = ["Cells", "FittedRoute", "Route", "Tabled", "picked"]


@dataclass(frozen=True)
class Cells:
    """People as they are known, and what is asked of them.

    Attributes
    ----------
    people
        A row a person: `person_id`, `weight`, attributes.
    known
        Shape (n, M), codes, `NONE` where nothing is known.
    rows, columns
        Shape (C,), person and question of each cell.
    """

    people: pl.DataFrame
    known: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def told(self) -> np.ndarray:
        """Give what is known beside each cell's own question: shape (C, M)."""
        known = self.known[self.rows].copy()
        known[np.arange(len(self)), self.columns] = NONE
        return known


class FittedRoute(Protocol):
    """A route that has learned."""

    def predict(self, cells: Cells) -> np.ndarray:
        """Give probabilities: shape (C, widest), 0 beyond the options of a cell's question."""
        ...


class Route(Protocol):
    """A way to predict responses without a model of language."""

    @property
    def name(self) -> str:
        """As tables name it."""
        ...

    def fit(self, train: Opinions, inputs: Inputs) -> FittedRoute:
        """Learn from people who are not asked."""
        ...


@dataclass(frozen=True)
class Tabled:
    """A predictor of `populace.opinions` as a route; it uses the answers of others to the very question."""

    predictor: Predictor
    label: str = ""

    @property
    def name(self) -> str:
        """As tables name it."""
        return self.label or self.predictor.name

    def fit(self, train: Opinions, inputs: Inputs) -> _Table:
        """Fit the predictor."""
        return _Table(train.take([]), self.predictor.fit(train, inputs))


@dataclass(frozen=True)
class _Table:
    opinions: Opinions
    fitted: Fitted

    def predict(self, cells: Cells) -> np.ndarray:
        """Look the cells up in the table of everybody."""
        table = self.fitted.predict(cells.people, cells.known)
        return self.opinions.gather(cells.rows, cells.columns, table)


def picked(opinions: Opinions, columns: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Cut out of a row of all options for each cell, shape (C, K), the options of its question."""
    return opinions.gather(np.arange(len(columns)), columns, table)
