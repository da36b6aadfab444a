"""People like a person: by what both answered, by attributes, or by where the factors place them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions import Inputs, Opinions
from populace.opinions.features import Encoder, encoder
from populace.opinions.predictors import Completion
from populace.opinions.predictors.completion import Completed

__all__ = ["By", "Neighbours", "neighbours"]

By = Literal["answers", "attributes", "learned"]


@dataclass(frozen=True)
class Neighbours:
    """Training people, placed so that a product says how alike two are.

    Attributes
    ----------
    points
        Shape (N, d), of training people; rows of unit length.
    """

    by: By
    train: Opinions
    points: np.ndarray
    scale: np.ndarray
    coder: Encoder | None = None
    fitted: Completed | None = None

    def nearest(self, people: pl.DataFrame, known: np.ndarray, count: int) -> np.ndarray:
        """Find the training people most like each: shape (n, count), the nearest first, of equals the first.

        Somebody of whom nothing is known is like everybody: then the first of the training people are taken
        by chance of their order, as they would be drawn.
        """
        if self.by == "attributes":
            assert self.coder is not None
            told = _unit(self.coder.encode(people) * self.scale)
        elif self.by == "learned":
            assert self.fitted is not None
            told = _unit(self.fitted.factors.fold(known, self.fitted.prior(people)))
        else:
            told = _unit(_centred(self.train, known) * self.scale)
        alike = told @ self.points.T
        return np.argsort(-alike, axis=1, kind="stable")[:, :count]


def neighbours(train: Opinions, inputs: Inputs, by: By, seed: int = 0) -> Neighbours:
    """Place training people.

    Parameters
    ----------
    by
        `answers`: agreement on what both answered, rare answers counting more; `attributes`: values shared,
        rare ones counting more; `learned`: where the factors of `Completion` place people.

    Raises
    ------
    DataError
        If people have no attributes and are to be found by them.
    """
    if by == "attributes":
        if not inputs.attributes:
            raise DataError("people have no attributes to be alike by", fix="find them by answers")
        coder = encoder(train.people, inputs.attributes)
        table = coder.encode(train.people)
        scale = 1 / np.sqrt(table.mean(axis=0) + 0.01)
        return Neighbours(by, train, _unit(table * scale), scale, coder=coder)
    if by == "learned":
        fitted = Completion((16,), (30.0,), 4, seed).fit(train, inputs)
        points = fitted.factors.fold(train.answers, fitted.prior(train.people))
        return Neighbours(by, train, _unit(points), np.ones(points.shape[1]), fitted=fitted)
    if by != "answers":
        raise DataError(f"nobody is alike by {by!r}", fix="take answers, attributes or learned")
    scale = 1 / np.sqrt(train.shares(prior=1.0))
    return Neighbours(by, train, _unit(_centred(train, train.answers) * scale), scale)


def _centred(train: Opinions, codes: np.ndarray) -> np.ndarray:
    """Give one-hot answers without the shares, 0 where there is none."""
    there = np.repeat(codes != -1, train.sizes, axis=1)
    return train.one_hot(codes) - np.where(there, train.shares(prior=1.0), 0.0)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
