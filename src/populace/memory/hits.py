"""Hits: what a retrieval tells, each with its provenance, and what fits a budget of tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import overload

import msgspec

__all__ = ["Hit", "Retrieved", "Telling", "estimated_tokens"]

_BYTES = 3.3
"""Bytes of a token at the fewest (`populace.run.tokens`): of plain words more."""
_PIECE = re.compile(r"[A-Za-z]+|\S")
"""A word, or a sign, a digit or a letter beyond ASCII: each is a token at least, in most vocabularies."""
_PROFILE = 0.5
"""Share of the budget that the profile may take."""
_SHORTEST = 2
"""Tokens of the shortest hit."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is told."""

    text: str
    whose: str
    """`own`, or the pseudonym of a neighbour, the same in every retrieval for one person."""
    layer: str
    """`history`, `distilled`, `induced` or `attribute`."""
    score: float
    """Estimated cosine of it and the query; 1 in the profile, which is told whatever is asked."""
    tokens: int
    items: tuple[int, ...] = ()
    """Numbers of the own items it is or rests on; empty of neighbours."""
    field: str = ""
    """Of a statement; the name of an attribute."""
    topic: str = ""
    source: str = ""
    time: float | None = None
    model: str = ""
    """What derived a statement."""
    confidence: float | None = None
    near: float | None = None
    """How alike the neighbour is, as a cosine."""


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """What a retrieval gives: a sequence of hits, profile first, then own, then joined, each by score."""

    hits: tuple[Hit, ...]
    tokens: int
    """Of all hits together."""
    budget: int
    left: int
    """Candidates that did not fit."""
    share: float
    """Of the items, what was set aside for neighbours."""
    neighbours: int
    """People whose items were read."""
    way: str
    """How they were found; empty where none were looked for."""
    notes: tuple[str, ...] = ()
    """What was not done, and why."""

    @property
    def own(self) -> tuple[Hit, ...]:
        """The person's own."""
        return tuple(hit for hit in self.hits if hit.near is None)

    @property
    def joined(self) -> tuple[Hit, ...]:
        """Of neighbours."""
        return tuple(hit for hit in self.hits if hit.near is not None)

    @property
    def text(self) -> str:
        """All of it, a line a hit."""
        return "\n".join(hit.text for hit in self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:  # type: ignore[override]
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text, where the model's own count is not at hand; seldom too few.

    The larger of two counts: bytes by 3.3, and words with each sign, digit and letter beyond ASCII by itself.
    Rare words and scripts that a vocabulary does not know can take more.

    Examples
    --------
    >>> estimated_tokens("Should the tax rise?"), estimated_tokens("-> No | -> A1b2C3d4")
    (7, 14)
    """
    return max(math.ceil(len(text.encode()) / _BYTES), len(_PIECE.findall(text)))


class Telling:
    """Hits under a budget."""

    def __init__(self, tokens: int, items: int | None, count: Callable[[str], int]) -> None:
        self._budget = tokens
        self._used = 0
        self._items = items
        self._count = count
        self._left = 0
        self._hits: list[Hit] = []

    def profile(self, hits: Sequence[Hit]) -> None:
        """Tell the profile, in at most half of the budget."""
        taken, left = self._fitting(hits, _PROFILE * self._budget, None)
        self._hits += taken
        self._left += len(left)

    def tell(self, own: Sequence[Hit], theirs: Sequence[Hit], share: float) -> None:
        """Tell own and joined hits; the room that one side does not need is the other's."""
        room, most = self._budget - self._used, self._items
        aside = None if most is None else most - math.ceil(share * most)
        mine, own = self._fitting(own, (1 - share) * room, aside)
        joined, theirs = self._fitting(theirs, self._budget - self._used, self._more(len(mine)))
        more, own = self._fitting(own, self._budget - self._used, self._more(len(mine) + len(joined)))
        self._hits += sorted([*mine, *more], key=lambda hit: -hit.score) + joined
        self._left += len(own) + len(theirs)

    def _more(self, told: int) -> int | None:
        return None if self._items is None else self._items - told

    def _fitting(self, hits: Sequence[Hit], room: float, most: int | None) -> tuple[list[Hit], list[Hit]]:
        """Take hits in their order while they fit: those, and those that did not."""
        taken: list[Hit] = []
        left: list[Hit] = []
        for place, hit in enumerate(hits):
            if room < _SHORTEST or (most is not None and len(taken) >= most):
                return taken, [*left, *hits[place:]]
            tokens = self._count(hit.text + "\n")
            if tokens > room:
                left.append(hit)
                continue
            taken.append(msgspec.structs.replace(hit, tokens=tokens))
            room -= tokens
            self._used += tokens
        return taken, left

    def done(self, share: float, people: int, way: str, notes: Sequence[str]) -> Retrieved:
        """Give what is told."""
        return Retrieved(
            hits=tuple(self._hits),
            tokens=self._used,
            budget=self._budget,
            left=self._left,
            share=share,
            neighbours=people,
            way=way,
            notes=tuple(notes),
        )
