"""Who is learned from, who is tested, and what of a test person is known.

What is asked of a person is the same in all designs, and what is known grows: the first k of one drawn order.
Two designs differ by what they are told, never by whom or what they are asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from populace.errors import DataError
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["Split", "split"]


@dataclass(frozen=True)
class Split:
    """A split of respondents, and of the answers of those who are tested.

    Attributes
    ----------
    train, test
        Numbers of respondents.
    asked
        Shape (tests, M), the answers to be predicted.
    rank
        Shape (tests, M), the place of each other answer in the order in which they become known, from 0; -1
        for what is asked or was not answered.
    """

    train: np.ndarray
    test: np.ndarray
    asked: np.ndarray
    rank: np.ndarray

    def known(
        self, opinions: Opinions, count: int | None = None, *, hide: np.ndarray | None = None
    ) -> np.ndarray:
        """Give the answers of the tested that are known.

        Parameters
        ----------
        opinions
            What was split.
        count
            Answers known of each person; None for all that are not asked.
        hide
            Shape (tests, M), answers that must stay hidden whatever their place, such as the twins of what is
            asked. The next in the order take their places.

        Returns
        -------
        Shape (tests, M), `NONE` where nothing is known.
        """
        there = self.rank >= 0
        if hide is not None:
            there &= ~hide
        if count is not None:
            order = np.argsort(np.where(there, self.rank, np.iinfo(np.int64).max), axis=1, kind="stable")
            place = np.empty_like(order)
            np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
            there &= place < count
        return np.where(there, opinions.answers[self.test], NONE)


def split(
    opinions: Opinions,
    *,
    test: int | float = 0.2,
    asked: int | float = 0.2,
    least: int = 1,
    items: np.ndarray | None = None,
    seed: int = 0,
) -> Split:
    """Split respondents and the answers of the tested.

    Parameters
    ----------
    opinions
        What people answered.
    test
        Respondents to test: a number, or a share of those who can be.
    asked
        Answers to predict of each: a number, or a share of those given.
    least
        Answers that must be left over to be known; who gave fewer is not tested.
    items
        Shape (M,), the items that may be asked; all by default.
    seed
        Of the draws.

    Raises
    ------
    DataError
        If nobody can be tested, nobody is left to learn from, or a share is not above 0 and at most 1.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from populace.opinions.items import Item
    >>> items = tuple(Item(name=f"q{i}", options=("Yes", "No")) for i in range(5))
    >>> people = pl.DataFrame({"person_id": [str(i) for i in range(10)]}).with_columns(weight=pl.lit(1.0))
    >>> opinions = Opinions(people, items, np.zeros((10, 5), dtype=np.int16))
    >>> parts = split(opinions, test=4, asked=2)
    >>> len(parts.train), len(parts.test), parts.asked.sum(axis=1).tolist()
    (6, 4, [2, 2, 2, 2])
    >>> (parts.known(opinions, 1) != NONE).sum(axis=1).tolist()
    [1, 1, 1, 1]
    """
    rng = stream(seed, "opinions.split")
    answered = opinions.answered
    may = answered if items is None else answered & items
    given = answered.sum(axis=1)
    for what, size in (("test", test), ("asked", asked)):
        _checked(what, size)
    if isinstance(asked, Integral):
        wanted = np.full(len(opinions), int(asked))
    else:
        wanted = np.ceil(asked * given).astype(np.int64)
    able = np.flatnonzero((wanted > 0) & (may.sum(axis=1) >= wanted) & (given - wanted >= least))
    count = int(test) if isinstance(test, Integral) else round(float(test) * able.size)
    if count < 1 or able.size < count or len(opinions) - count < 1:
        raise DataError(
            f"{count} respondents cannot be tested: {able.size} of {len(opinions)} gave enough answers",
            fix="test fewer, or ask fewer answers of each",
        )
    chosen = np.sort(rng.choice(able, count, replace=False))
    luck = rng.random((count, len(opinions.items)))
    first = np.argsort(np.where(may[chosen], luck, 2.0), axis=1, kind="stable")
    place = np.empty_like(first)
    np.put_along_axis(place, first, np.broadcast_to(np.arange(first.shape[1]), first.shape), axis=1)
    ask = place < wanted[chosen][:, None]
    rest = answered[chosen] & ~ask
    order = np.argsort(np.where(rest, rng.random(ask.shape), 2.0), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    train = np.setdiff1d(np.arange(len(opinions)), chosen)
    return Split(train, chosen, ask, np.where(rest, rank, -1))


def _checked(what: str, size: object) -> None:
    """Refuse what is neither a whole number nor a share."""
    if isinstance(size, Integral) and not isinstance(size, bool):
        return
    if isinstance(size, bool) or not isinstance(size, Real) or not 0 < float(size) <= 1:
        raise DataError(
            f"{what} is {size}, and is a whole number or a share above 0 and at most 1",
            fix="write 10 for ten, 0.2 for a fifth",
        )
