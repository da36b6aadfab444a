"""The window of a question: the views that people reasonably hold on it, with how many hold each.

A perspective has one text or several; a sentence that expresses any of them expresses it. Shares are
optional, and all or none: a list that somebody wrote down knows of views, not of how many hold them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from populace.canonical import content_hash
from populace.errors import DataError
from populace.stats._arrays import Floats, Ints

__all__ = ["Perspective", "Window", "window"]


class Perspective(msgspec.Struct, frozen=True, kw_only=True):
    """One view on a question."""

    texts: tuple[str, ...]
    """What who holds it would say; each text stands for the whole."""
    share: float | None = None
    """How many hold it: a share, or a count; None where nobody counted."""
    name: str = ""
    """What it is called, for people; the first text where empty."""

    @property
    def title(self) -> str:
        """Its name, or its first text."""
        return self.name or self.texts[0]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What a question may reasonably be answered with.

    Raises
    ------
    DataError
        If there is no perspective, a text is empty or there twice, or shares are wrong or given in part.

    Examples
    --------
    >>> made = window("Should it be banned?", ["Ban it.", "Leave it to people."], [30, 10])
    >>> made.weights, made.texts
    ((0.75, 0.25), ('Ban it.', 'Leave it to people.'))
    """

    question: str
    perspectives: tuple[Perspective, ...]
    topic: str | None = None
    source: str = ""
    """Who says that these are the views: a file, a conversation, `populace` for authors' judgement."""

    def __post_init__(self) -> None:
        if not self.perspectives:
            raise DataError(f"the window of {self.question!r} has no perspective", fix="name at least one")
        texts = [" ".join(text.split()).casefold() for text in self.texts]
        if not all(texts) or any(not each.texts for each in self.perspectives):
            raise DataError(f"a perspective on {self.question!r} says nothing", fix="write what it says")
        if len(set(texts)) < len(texts):
            raise DataError(f"two perspectives on {self.question!r} say the same", fix="keep one of them")
        shares = [each.share for each in self.perspectives if each.share is not None]
        if shares and len(shares) < len(self.perspectives):
            raise DataError(f"some shares on {self.question!r} are missing", fix="give all of them, or none")
        if any(not math.isfinite(share) or share < 0 for share in shares) or (shares and not sum(shares)):
            what = f"the shares on {self.question!r} are {shares}"
            raise DataError(what, fix="give numbers from 0 up, not all 0")

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts, perspective by perspective."""
        return tuple(text for each in self.perspectives for text in each.texts)

    @property
    def owners(self) -> Ints:
        """Place of the perspective of each text."""
        sizes = [len(each.texts) for each in self.perspectives]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def weights(self) -> tuple[float, ...] | None:
        """Shares that sum to 1; None where there are none."""
        shares = [each.share for each in self.perspectives if each.share is not None]
        return tuple(share / sum(shares) for share in shares) if shares else None

    @property
    def window_id(self) -> str:
        """Content hash of the question, the texts and the shares: what a score rests on."""
        told = [[list(each.texts), *_number(each.share)] for each in self.perspectives]
        return content_hash([self.question, told])

    def reduced(self, scores: npt.ArrayLike) -> Floats:
        """Bring scores of texts to scores of perspectives: of each the best of its texts.

        Parameters
        ----------
        scores
            Shape (texts, sentences). A missing one (nan) does not count beside others.

        Returns
        -------
        Shape (perspectives, sentences).

        Examples
        --------
        >>> two = Perspective(texts=("a", "b")), Perspective(texts=("c",))
        >>> many = Window(question="?", perspectives=two)
        >>> many.reduced([[0.1, 0.9], [0.5, 0.2], [0.3, 0.3]]).tolist()
        [[0.5, 0.9], [0.3, 0.3]]
        """
        table = np.asarray(scores, dtype=np.float64)
        owners = self.owners
        if table.ndim != 2 or len(table) != len(owners):
            raise DataError(f"scores have shape {table.shape} and the window {len(owners)} texts")
        found = np.full((len(self.perspectives), table.shape[1]), np.nan)
        for row, owner in zip(table, owners.tolist(), strict=True):
            found[owner] = np.fmax(found[owner], row)
        return found


def _number(share: float | None) -> list[float]:
    """Write a share as a float: 3 and 3.0 are one."""
    return [] if share is None else [float(share)]


def window(
    question: str,
    texts: Sequence[str],
    shares: Sequence[float] | None = None,
    *,
    topic: str | None = None,
    source: str = "",
) -> Window:
    """Make a window of one text a perspective.

    Raises
    ------
    DataError
        As `Window`; also if shares are not as many as texts.
    """
    if shares is not None and len(shares) != len(texts):
        raise DataError(f"{len(shares)} shares for {len(texts)} perspectives", fix="give one for each")
    given: Sequence[float | None] = [None] * len(texts) if shares is None else shares
    found = tuple(Perspective(texts=(text,), share=share) for text, share in zip(texts, given, strict=True))
    return Window(question=question, perspectives=found, topic=topic, source=source)
