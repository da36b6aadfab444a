"""How many tokens requests will take: by the model's tokenizer where it is known, else as a stated range.

A token is more alike in bytes than in characters. What was measured (`docs/design/cost.md`): 4.5 to 4.9 bytes
a token for this project's English over five vocabularies, 2.9 to 3.3 for short scaffolds of labels and
numbers, 3.3 to 4.6 for German and Spanish, 2 to 9 for scripts beyond ASCII.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from populace.models.protocol import Provider
from populace.models.records import GenerateRequest, Request

__all__ = ["ASCII_BYTES", "OTHER_BYTES", "Counter", "Size"]

ASCII_BYTES = (3.3, 5.0)
"""Fewest and most bytes of a token of ASCII text."""
OTHER_BYTES = (2.0, 9.0)
"""The same for other scripts, in UTF-8."""
TURN_TOKENS = (4, 6)
"""What a chat template puts round a message."""
CALL_TOKENS = (3, 30)
"""What it puts round all: the head of the answer, at most with a preamble of its own (a date, a greeting)."""


class Size(NamedTuple):
    """Tokens of some requests; sizes add up and scale."""

    requests: float = 0
    prompt_low: float = 0
    prompt_high: float = 0
    shared: float = 0
    """Of `prompt_low`, what the request before begins with too: computed once where the server keeps it."""
    completion: float = 0
    """The most that may be written."""
    longest: float = 0
    """The longest prompt, at the high end."""

    def plus(self, other: Size) -> Size:
        """Add another's requests."""
        added = (mine + theirs for mine, theirs in zip(self[:-1], other[:-1], strict=True))
        return Size(*added, longest=max(self.longest, other.longest))

    def times(self, factor: float) -> Size:
        """As many requests of the same kind."""
        return Size(*(value * factor for value in self[:-1]), longest=self.longest)


class Counter:
    """Counts the tokens of requests to one model.

    Parameters
    ----------
    provider
        Its `count_tokens(text)` is used where it has one. A provider that scores given text reads the
        options of a choice as prompt; any other writes one token.

    Examples
    --------
    >>> from populace.models.records import Message
    >>> from populace.models.scripted import Scripted
    >>> ask = GenerateRequest(model="m", messages=(Message("user", "x" * 990),), max_tokens=100)
    >>> size = Counter(Scripted()).size(ask)
    >>> size.prompt_low, size.prompt_high  # 990 / 5 + 4 + 3, 990 / 3.3 + 6 + 30
    (205.0, 336.0)
    """

    def __init__(self, provider: Provider) -> None:
        exact: Callable[[str], int] | None = getattr(provider, "count_tokens", None)
        self.stated = "the model's tokenizer" if exact else "{:g} to {:g} bytes a token".format(*ASCII_BYTES)
        """How tokens are counted, in words."""
        self._reads_options = provider.scores_text
        # Consecutive requests repeat a persona's description.
        self._count = lru_cache(1024)(lambda text: (exact(text),) * 2) if exact else _approximate

    def size(self, request: Request, before: Request | None = None) -> Size:
        """Count one request that follows `before` in the plan."""
        low, high = map(float, CALL_TOKENS)
        for text in self._texts(request):
            fewest, most = self._count(text)
            low, high = low + fewest, high + most
        low += TURN_TOKENS[0] * len(request.messages)
        high += TURN_TOKENS[1] * len(request.messages)
        if isinstance(request, GenerateRequest):
            completion = request.max_tokens
        else:
            completion = 0 if self._reads_options else 1
        shared = 0.0 if before is None else self._shared(request, before)
        return Size(1, low, high, shared, completion, high)

    def total(self, requests: Iterable[Request]) -> Size:
        """Count requests that follow each other."""
        size, before = Size(), None
        for request in requests:
            size = size.plus(self.size(request, before))
            before = request
        return size

    def _texts(self, request: Request) -> list[str]:
        texts = [message.content for message in request.messages]
        if not isinstance(request, GenerateRequest):
            texts += (request.opening, *(request.options if self._reads_options else ()))
        return texts

    def _shared(self, request: Request, before: Request) -> float:
        """Tokens of the messages that both begin with."""
        tokens = 0.0
        for mine, theirs in zip(request.messages, before.messages, strict=False):
            fewest = self._count(mine.content)[0]
            if mine != theirs:
                same = _common(mine.content, theirs.content) if mine.role == theirs.role else 0
                return tokens + fewest * same / max(len(mine.content), 1)
            tokens += fewest + TURN_TOKENS[0]
        return tokens


def _approximate(text: str) -> tuple[float, float]:
    """Give the fewest and most tokens of a text by its bytes.

    Examples
    --------
    >>> _approximate("x" * 33 + "я")  # 33 bytes of ASCII, 2 of another script
    (6.82..., 11.0)
    """
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    other = 0 if plain == len(text) else len(text.encode("utf-8", "replace")) - plain
    return plain / ASCII_BYTES[1] + other / OTHER_BYTES[1], plain / ASCII_BYTES[0] + other / OTHER_BYTES[0]


def _common(one: str, other: str) -> int:
    """Length of the common beginning of two texts, by bisection: comparing slices beats a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
