"""What texts are compared by: hashed words where no model is at hand, any embedding that is passed.

Both give points of 512 numbers and unit length. Words have weights of their own, not counted ones: how rare a
word is in a store rests on what everybody in it said, and would have to be counted anew with every deletion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.streams import stream

__all__ = ["BITS", "HASHED", "Embed", "Space", "embedded", "hashed", "signs", "unit"]

BITS = 512
"""Numbers of a point, bits of its code."""
Embed = Callable[[Sequence[str]], npt.NDArray[np.floating]]
"""Turns n texts into the rows of an array."""

_WORD = re.compile(r"\w+", re.UNICODE)
_LONGEST = 2000
"""Words that are read of a text."""
_GRAMS = 0.8
_COMMON = 0.15
"""Weight of an English word that stands in every text."""
_LONG = 4
"""Letters from which on a word counts whole: figures and single letters tell questions of a list apart, and
little of what they are about."""
_WORDS = """
a about after all also am an and any are as at be because been but by can could did do does for from get
had has have he her him his how i if in into is it its just me more most my no not of on one or other
our out over own s said same she should so some such t than that the their them then there these they
this those to too under up very was we were what when where which who why will with would you your
"""
_EVERYWHERE = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Space:
    """Where texts lie.

    Attributes
    ----------
    name
        Of the space, in the store: what was placed by another is placed anew. At most 30 characters.
    embed
        What places texts.
    """

    name: str
    embed: Embed

    def points(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Place texts: shape (texts, 512), of unit length; an empty one is 0.

        Raises
        ------
        DataError
            If the embedding gives something else than a row of finite numbers a text.
        """
        found = np.zeros((len(texts), BITS), dtype=np.float32)
        there = [place for place, text in enumerate(texts) if text.strip()]
        if there:
            distinct = list(dict.fromkeys(texts[place] for place in there))
            rows = np.asarray(self.embed(distinct), dtype=np.float32)
            if rows.ndim != 2 or len(rows) != len(distinct) or not np.isfinite(rows).all():
                raise DataError(
                    f"the embedding {self.name} made of {len(distinct)} texts {rows.shape} numbers",
                    fix="give one that makes a row of finite numbers a text",
                )
            if rows.shape[1] != BITS:
                rows = rows @ _projection(rows.shape[1])
            order = {text: row for row, text in enumerate(distinct)}
            found[there] = unit(rows)[[order[texts[place]] for place in there]]
        return found


def hashed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Add up, of each word and each run of three letters in it, 512 signs that its hash gives.

    The product of two such sums is, up to noise of 1/sqrt(512), that of the weighted counts themselves: a
    random projection without a table (Charikar 2002, Similarity estimation techniques from rounding
    algorithms, doi 10.1145/509907.509965). It sees that words are spelt alike, nothing of what they mean.
    The weights of common words are those of English.

    Parameters
    ----------
    texts
        Of any language; of each the first 2,000 words count.

    Returns
    -------
    Shape (texts, 512), of unit length; without any word a row is 0.

    Examples
    --------
    >>> rows = hashed(["Raise the tax", "raise taxes", "More trees"])
    >>> bool(rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]), rows.shape
    (True, (3, 512))
    """
    found = np.zeros((len(texts), BITS), dtype=np.float32)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())[:_LONGEST]
        if words:
            found[row] = np.add.reduce([_word(word) for word in words], axis=0)
    return unit(found)


HASHED = Space("hashed-2", hashed)
"""The space that needs no model."""


def embedded(name: str, embed: Embed) -> Space:
    """Make a space of an embedding, as of `populace.authoring.embedding.embed` (the packaged MiniLM).

    Parameters
    ----------
    name
        Of the model and its version: what one model placed is not compared with what another did.
    embed
        Of n texts the rows of an array, of any width; widths other than 512 are projected.

    Raises
    ------
    DataError
        If the name is none of 1 to 30 letters, figures, dots and dashes.
    """
    if not re.fullmatch(r"[\w.-]{1,30}", name, re.ASCII):
        raise DataError(f"{name!r} names no space", fix="give 1 to 30 letters, figures, dots or dashes")
    return Space(name, embed)


def signs(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
    """Give 512 signs of each key, the same on every machine: shape (keys, 512), -1 and 1.

    The bits are those of SplitMix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195).
    """
    steps = np.arange(1, BITS // 64 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = keys[:, None] + steps[None, :]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    bits = np.unpackbits(mixed.astype("<u8").view(np.uint8), axis=1)
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)


def unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale rows to unit length; a row of 0 stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows, dtype=np.float32), where=length > 0)


@lru_cache(maxsize=50_000)
def _word(word: str) -> npt.NDArray[np.float32]:
    around = f"^{word}$"
    grams = [around[at : at + 3] for at in range(len(around) - 2)]
    weight = _COMMON if word in _EVERYWHERE else min(len(word) / _LONG, 1.0)
    keys = [_key(f"word {word}"), *(_key(f"gram {gram}") for gram in grams)]
    weights = np.full(len(keys), weight * _GRAMS / np.sqrt(max(len(grams), 1)), dtype=np.float32)
    weights[0] = weight
    return weights @ signs(np.array(keys, dtype=np.uint64)).astype(np.float32)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=4)
def _projection(width: int) -> npt.NDArray[np.float32]:
    """Draw directions: of two points the products stay, up to noise of 1/sqrt(512)."""
    drawn = stream(0, f"memory.spaces.{width}").standard_normal((width, BITS))
    return (drawn / np.sqrt(BITS)).astype(np.float32)
