"""What people answered, by question and group, as files of published work give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from populace.errors import DataError

__all__ = ["OVERALL", "Gold", "Question"]

OVERALL = "Overall"
"""Everybody who was asked."""


@dataclass(frozen=True)
class Question:
    """One question and how each group answered it.

    Attributes
    ----------
    key
        Its name in the files.
    options
        K options that count.
    groups
        G names: `Overall`, `ATTRIBUTE/value`, or a country.
    shares
        Shape (G, K), each row adding up to 1.
    positions
        Where the options lie, in the paper's codes; None where order is not used. They may repeat.
    refusals
        Options that do not count.
    aliases
        Other names of the question.
    source
        Data set, where several are averaged.
    """

    key: str
    options: tuple[str, ...]
    groups: tuple[str, ...]
    shares: np.ndarray
    positions: tuple[float, ...] | None = None
    refusals: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no table of shares.

        Raises
        ------
        DataError
            If shapes differ, an option stands there twice, or a group's shares do not add up to 1.
        """
        if self.shares.shape != (len(self.groups), len(self.options)):
            raise DataError(f"{self.key}: shares of the shape {self.shares.shape} do not fit")
        if len(set(self.options)) < len(self.options):
            raise DataError(f"{self.key}: an option stands there twice", fix="correct the file")
        if not np.allclose(self.shares.sum(axis=1), 1):
            raise DataError(f"{self.key}: shares of a group do not add up to 1")


@dataclass(frozen=True)
class Gold:
    """Questions, and what was left out when they were read.

    Attributes
    ----------
    name
        Of the source, as tables name it.
    questions
        Those that can be scored.
    notes
        One line for everything that was left out or is not as the paper has it.
    """

    name: str
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    def group(self, names: tuple[str, ...]) -> Gold:
        """Keep some groups.

        Raises
        ------
        DataError
            If no question has one of them.
        """
        there = {name for question in self.questions for name in question.groups}
        for name in names:
            if name not in there:
                raise DataError(
                    f"{self.name} has no group {name}", fix=f"take one of {', '.join(sorted(there)[:40])}"
                )
        kept = []
        for question in self.questions:
            places = [place for place, name in enumerate(question.groups) if name in names]
            if places:
                fields = {**vars(question), "groups": tuple(question.groups[place] for place in places)}
                kept.append(Question(**{**fields, "shares": question.shares[places]}))
        return Gold(self.name, tuple(kept), self.notes)
