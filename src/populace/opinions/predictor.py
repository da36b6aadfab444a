"""What a prediction may use, and what every predictor does.

A predictor learns from training respondents alone. What it is fitted gives everybody of the tested one row of
probabilities for all options of all items (`Opinions.starts`).
"""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np
import polars as pl

from populace.opinions.table import Opinions

__all__ = ["POLITICAL", "Fitted", "Inputs", "Predictor", "inputs_of"]

POLITICAL = ("ideology", "political_views")
"""Attributes that nearly are opinions themselves."""
_NOT_BACKGROUND = ("person_id", "weight")


class Inputs(msgspec.Struct, frozen=True):
    """What a prediction may use of a person."""

    attributes: tuple[str, ...] = ()
    """Columns of `Opinions.people`."""
    known: int | None = 0
    """Answers of the person's own; None for all that are not asked."""

    @property
    def name(self) -> str:
        """Name it as tables do: `demographics`, `political + 3`, `answers`."""
        told = ""
        if self.attributes:
            told = "political" if set(self.attributes) & set(POLITICAL) else "demographics"
        own = "all answers" if self.known is None else f"{self.known}" if self.known else ""
        return " + ".join(part for part in (told, own) if part) or "nothing"


class Fitted(Protocol):
    """A predictor that has learned."""

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Predict what people answer to every item.

        Parameters
        ----------
        people
            n people with the attributes of the inputs; nulls where nothing is known.
        known
            Shape (n, M), own answers that are known, `NONE` elsewhere.

        Returns
        -------
        Shape (n, K), the probabilities of all options; those of one item sum to 1.
        """
        ...


class Predictor(Protocol):
    """A way to predict answers."""

    @property
    def name(self) -> str:
        """As tables name it."""
        ...

    def fit(self, train: Opinions, inputs: Inputs) -> Fitted:
        """Learn from training respondents, with the survey's weights.

        Parameters
        ----------
        train
            Respondents that are not tested.
        inputs
            What may be used of the tested.
        """
        ...


def inputs_of(people: pl.DataFrame, *, political: bool = True, known: int | None = 0) -> Inputs:
    """Take all attributes that people have, with or without party and ideology.

    Examples
    --------
    >>> import polars as pl
    >>> people = pl.DataFrame({"person_id": ["x"], "weight": [1.0], "age": [30], "ideology": ["Liberal"]})
    >>> inputs_of(people, political=False), inputs_of(people, known=3).name
    (Inputs(attributes=('age',), known=0), 'political + 3')
    """
    skip = {*_NOT_BACKGROUND, *(() if political else POLITICAL)}
    return Inputs(tuple(name for name in people.columns if name not in skip), known)
