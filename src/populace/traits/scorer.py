"""What a scorer of texts is, and one made of any function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from populace.errors import DataError

__all__ = ["Function", "FunctionScorer", "Scorer", "reverse"]

Scores: TypeAlias = npt.NDArray[np.float64]
Function: TypeAlias = Callable[[list[str], list[str] | None], npt.ArrayLike]
"""Maps texts, none of them empty, and their prompts to one number each; NaN where it cannot tell."""


@runtime_checkable
class Scorer(Protocol):
    """Measures one trait of texts. The same texts give the same numbers, in whatever order and company."""

    @property
    def name(self) -> str:
        """What is measured, as columns and weights name it."""
        ...

    @property
    def low(self) -> float:
        """Least score there can be; -inf where there is none."""
        ...

    @property
    def high(self) -> float:
        """Greatest score there can be; inf where there is none."""
        ...

    @property
    def larger(self) -> str:
        """What a larger score means, in words."""
        ...

    def score(self, texts: Sequence[str], prompts: Sequence[str] | None = None) -> Scores:
        """Score texts.

        Parameters
        ----------
        texts
            Of any language; see the scorer for those that it reads.
        prompts
            What each text answers, for scorers that look at it.

        Returns
        -------
        Shape (texts,), from `low` to `high`; NaN for a text that is empty, or of which it cannot tell.
        """
        ...


@dataclass(frozen=True)
class FunctionScorer:
    """A scorer made of a function.

    Parameters
    ----------
    name, low, high, larger
        As `Scorer` has them.
    function
        Gives the scores of texts that are not empty.
    needs_prompts
        Whether there is no score without the prompts.

    Examples
    --------
    >>> def marks(texts, prompts):
    ...     return [text.count("!") / len(text) for text in texts]
    >>> loud = FunctionScorer("loudness", marks, 0.0, 1.0, "more exclamation marks")
    >>> loud.score(["Oh!!", "Oh.", " "]).tolist()
    [0.5, 0.0, nan]
    """

    name: str
    function: Function
    low: float
    high: float
    larger: str
    needs_prompts: bool = False

    def __post_init__(self) -> None:
        """Refuse a range that is none."""
        if not self.low < self.high:
            raise ValueError(f"{self.name}: the range from {self.low} to {self.high} is empty")

    def score(self, texts: Sequence[str], prompts: Sequence[str] | None = None) -> Scores:
        """Score texts, shape (texts,).

        Raises
        ------
        DataError
            If a text is none, prompts are missing where they are needed or of another number, or the
            function gives other than one number a text, or one out of range.
        """
        given = _strings(texts, "text", self.name)
        asked = None if prompts is None else _strings(prompts, "prompt", self.name)
        if asked is None and self.needs_prompts:
            raise DataError(f"{self.name} reads what a text answers", fix="give the prompts")
        if asked is not None and len(asked) != len(given):
            raise DataError(f"there are {len(given)} texts and {len(asked)} prompts", column=self.name)
        found = np.full(len(given), np.nan)
        places = [place for place, text in enumerate(given) if text.strip()]
        if not places:
            return found
        own = None if asked is None else [asked[place] for place in places]
        scores = np.asarray(self.function([given[place] for place in places], own), dtype=np.float64)
        if scores.shape != (len(places),):
            raise DataError(f"{self.name} gave scores of the shape {scores.shape} for {len(places)} texts")
        found[places] = scores
        # A sum of floats may end a little beyond; more than that is another range than was stated.
        slack = 1e-9 * max(1.0, *(abs(end) for end in (self.low, self.high) if np.isfinite(end)), 1.0)
        beyond = (found < self.low - slack) | (found > self.high + slack) | np.isinf(found)
        if beyond.any():
            row = int(np.flatnonzero(beyond)[0])
            what = f"the score {found[row]:g} is not from {self.low:g} to {self.high:g}"
            raise DataError(what, row=row + 1, column=self.name)
        return np.clip(found, self.low, self.high)


@dataclass(frozen=True)
class _Reversed:
    """A scorer turned round: less of what it measures is more."""

    of: Scorer

    @property
    def name(self) -> str:
        return f"-{self.of.name}"

    @property
    def low(self) -> float:
        return 0.0 - self.of.high

    @property
    def high(self) -> float:
        return 0.0 - self.of.low

    @property
    def larger(self) -> str:
        return f"the opposite of: {self.of.larger}"

    def score(self, texts: Sequence[str], prompts: Sequence[str] | None = None) -> Scores:
        # 0 - x, for -0.0 is printed as if it were something else than 0.
        return 0.0 - self.of.score(texts, prompts)


def reverse(scorer: Scorer) -> Scorer:
    """Turn a scorer round, so that less of what it measures is a larger score.

    Examples
    --------
    >>> from populace import traits
    >>> calm = reverse(traits.scorer("brevity"))
    >>> calm.name, calm.low, calm.high
    ('-brevity', -1.0, 0.0)
    """
    return scorer.of if isinstance(scorer, _Reversed) else _Reversed(scorer)


def _strings(given: Sequence[str], what: str, name: str) -> list[str]:
    if isinstance(given, str):
        raise DataError(f"one {what} was given where a list is read", column=name, fix="put it into a list")
    found = list(given)
    for row, text in enumerate(found):
        if not isinstance(text, str):
            kind = "missing" if text is None else f"a {type(text).__name__}"
            fix = "leave the row out, or give an empty text"
            raise DataError(f"a {what} is {kind}", row=row + 1, column=name, fix=fix)
    return found
