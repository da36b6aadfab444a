"""How long renderings are in tokens: by a tokenizer that is given, else by a stated estimate.

The estimate is 4.7 bytes a token for running English and 3.1 for `key: value` lines, the middle of what
was measured over five vocabularies (`docs/design/cost.md`: 4.5 to 4.9, and 2.9 to 3.3). A tokenizer at
hand is always better; the room of personas loads none itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from populace.errors import DataError
from populace.personas.persona import Persona
from populace.personas.render import render

__all__ = ["Lengths", "count_tokens", "token_lengths"]

PROSE_BYTES, LINES_BYTES = 4.7, 3.1
"""Bytes of a token in sentences, and in short lines of labels."""


class Lengths(msgspec.Struct, frozen=True):
    """How long renderings of some personas are."""

    personas: int
    median: float
    p95: float
    longest: int
    words: float
    """Median number of words."""
    estimated: bool
    """Whether the tokens are estimates."""


def count_tokens(text: str, tokenizer: Callable[[str], int] | None = None, *, lines: bool = False) -> int:
    """Count the tokens of a text.

    Parameters
    ----------
    text
        Any text; an empty one has no tokens.
    tokenizer
        Gives the number of tokens of a text. By default the number is estimated from its bytes.
    lines
        Estimate for `key: value` lines rather than for sentences.

    Examples
    --------
    >>> count_tokens("You are a 34-year-old woman living in Ohio.")
    10
    >>> count_tokens("one two three", lambda text: len(text.split()))
    3
    """
    if tokenizer is not None:
        return tokenizer(text)
    return -(-len(text.encode()) * 10 // round((LINES_BYTES if lines else PROSE_BYTES) * 10))


def token_lengths(
    personas: Iterable[Persona],
    template: str = "profile",
    *,
    level: str = "standard",
    leave_out: Iterable[str] = (),
    only: Iterable[str] | None = None,
    tokenizer: Callable[[str], int] | None = None,
) -> Lengths:
    """Give the lengths of some personas' renderings in tokens.

    Raises
    ------
    DataError
        If there is no persona, or what `render` raises.

    Examples
    --------
    >>> token_lengths([Persona(age=34), Persona(age=34, state="Ohio")], tokenizer=len).longest
    44
    """
    texts = [render(one, template, level=level, leave_out=leave_out, only=only) for one in personas]
    if not texts:
        raise DataError("there is no persona to render", fix="give at least one")
    counts = np.array([count_tokens(text, tokenizer, lines=template == "release") for text in texts])
    return Lengths(
        personas=len(texts),
        median=float(np.median(counts)),
        p95=float(np.quantile(counts, 0.95)),
        longest=int(counts.max()),
        words=float(np.median([len(text.split()) for text in texts])),
        estimated=tokenizer is None,
    )
