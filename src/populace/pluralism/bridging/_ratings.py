"""Ratings of a Community Notes model, kept sparse, with weights of people and scales of penalties."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from populace.pluralism.bridging._table import sparse
from populace.stats._arrays import Floats, Ints

__all__ = ["Data", "Penalty"]

Penalty: TypeAlias = Literal["mean", "rating", "sum"]


class Data:
    """Ratings, kept sparse, with weights of people."""

    weight: Floats
    on_person: Floats
    on_note: Floats
    on_mu: float

    def __init__(self, ratings: Floats, penalty: Penalty, lambdas: tuple[float, float]) -> None:
        seen = ~np.isnan(ratings)
        self.values: Any = sparse(ratings, seen)
        self.marks: Any = sparse(np.ones_like(ratings), seen)
        self.values_back, self.marks_back = self.values.T.tocsr(), self.marks.T.tocsr()
        self.rated: Ints = seen.sum(axis=0)
        self.by_person: Floats = seen.sum(axis=1).astype(np.float64)
        self.people, self.notes = int(ratings.shape[0]), int(ratings.shape[1])
        self.penalty, self.lambdas = penalty, lambdas
        self.weigh(np.ones(self.people, dtype=np.float64))

    def weigh(self, weights: Floats) -> None:
        """Weigh people, and with them what the penalties of each block are multiplied by."""
        self.weight = weights
        by_note: Floats = np.asarray(self.marks_back @ weights)
        self.total, raters = float(by_note.sum()), float(weights[self.by_person > 0].sum())
        self.on_mu = self.total
        if self.penalty == "mean":
            self.on_person = np.full(self.people, self.total / raters)
            self.on_note = np.full(self.notes, self.total / max(1, int((by_note > 0).sum())))
        elif self.penalty == "rating":
            self.on_person, self.on_note = self.by_person, by_note
        else:
            self.on_person, self.on_note = np.ones(self.people), np.ones(self.notes)
            self.on_mu = 1.0
