"""Whose words an answer repeats: hits of the answers of each pair in what describes a persona.

A hit is an n-gram of an answer that also stands in a persona's description (or names one of its values) and
in neither the prompt nor the other answer of the pair: what the writer was given to work on anyway tells
nothing.
"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.feedback.shortcuts.grams import Grams, Hashes, Ints, Sieve, grams, lookup, words
from populace.streams import stream

__all__ = ["Answers", "Vocabulary", "read_answers", "strangers_to"]

_SIDES = ("original", "revision")


class Vocabulary(msgspec.Struct, frozen=True, eq=False):
    """N-grams that describe personas: one entry a persona and n-gram."""

    size: int
    """Words of an n-gram."""
    persona: Ints
    codes: Hashes


class Answers(msgspec.Struct, frozen=True, eq=False):
    """The words of the pairs' texts; texts that pairs share are read once."""

    sides: dict[str, Grams]
    """Words of the distinct texts: of `prompt`, `original` and `revision`."""
    rows: dict[str, Ints]
    """Which of the distinct texts each pair has."""

    def hits(self, vocabulary: Vocabulary, side: str) -> tuple[Ints, Hashes]:
        """Pair and number of each n-gram of one answer that is in the vocabulary alone."""
        sieve = Sieve(vocabulary.codes)
        pair, codes = self._found(side, sieve, vocabulary.size)
        for other in ("prompt", *(each for each in _SIDES if each != side)):
            known = lookup(pair, codes, *self._found(other, sieve, vocabulary.size))
            pair, codes = pair[~known], codes[~known]
        return pair, codes

    def _found(self, side: str, sieve: Sieve, size: int) -> tuple[Ints, Hashes]:
        """Pair and number of each n-gram of one text that the sieve holds."""
        found = grams(self.sides[side], size)
        at = sieve.places(found.codes)
        text, codes = np.searchsorted(found.ends, at, side="right"), found.codes[at]
        # From texts to the pairs that have them.
        rows = self.rows[side]
        order = np.argsort(rows, kind="stable")
        begin, end = (np.searchsorted(rows[order], text, side=edge) for edge in ("left", "right"))
        many = end - begin
        offset = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        return order[np.repeat(begin, many) + offset], np.repeat(codes, many)


def read_answers(pairs: pl.DataFrame) -> Answers:
    """Read `prompt`, `original` and `revision` of the pairs; nulls are empty texts."""
    sides: dict[str, Grams] = {}
    rows: dict[str, Ints] = {}
    for side in ("prompt", *_SIDES):
        texts = pairs[side].fill_null("")
        distinct = texts.unique(maintain_order=True)
        codes = pl.DataFrame({side: distinct, "at": np.arange(len(distinct))})
        joined = pl.DataFrame({side: texts}).join(codes, on=side, how="left", maintain_order="left")
        sides[side] = words(distinct.to_list())
        rows[side] = joined["at"].to_numpy().astype(np.int64)
    return Answers(sides, rows)


def count(pair: Ints, codes: Hashes, who: Ints, vocabulary: Vocabulary) -> Ints:
    """Count the hits of each pair in the description of `who[pair]`, each n-gram once; shape (pairs,)."""
    mine = lookup(who[pair], codes, vocabulary.persona, vocabulary.codes)
    order = np.lexsort((codes[mine], pair[mine]))
    at, each = pair[mine][order], codes[mine][order]
    fresh = np.ones(len(at), dtype=bool)
    fresh[1:] = (at[1:] != at[:-1]) | (each[1:] != each[:-1])
    return np.bincount(at[fresh], minlength=len(who))


def strangers_to(authors: Ints, people: int, seed: int) -> Ints:
    """Draw for each pair a persona other than its author, from those of whom there are descriptions."""
    rng = stream(seed, "feedback.shortcuts.answers")
    return (authors + rng.integers(1, people, size=len(authors))) % people
