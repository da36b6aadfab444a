"""How alike two texts are by their words, without any model.

- `shingles`: 1 - Jaccard's similarity of the sets of pairs of neighbouring words (Broder 1997, *On the
  resemblance and containment of documents*); of a text of one word, the word. It looks at two texts alone.
- `words`: 1 - cosine of TF-IDF vectors over the texts given; it looks past order, and weighs rare words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from populace.personas.diversity import words

__all__ = [
    "ALIKE",
    "clusters_of",
    "copied",
    "copies_in",
    "distances",
    "near_duplicates",
    "shingle_distances",
    "word_distances",
]

Floats = npt.NDArray[np.float64]
ALIKE = 0.2
"""Texts no farther apart than this by shingles are near-duplicates: four fifths of their pairs are common."""


def shingle_distances(texts: Sequence[str]) -> Floats:
    """Give the distances of all texts from each other, shape (texts, texts).

    Examples
    --------
    >>> shingle_distances(["I like cats", "I like dogs", "Yes."]).round(3).tolist()[0]
    [0.0, 0.667, 1.0]
    """
    held = _counts([_shingles(text) for text in texts])
    held.data[:] = 1.0
    common = (held @ held.T).toarray()
    size = np.diag(common)
    union = size[:, None] + size[None, :] - common
    # Two texts without a word are the same text.
    return 1 - np.divide(common, union, out=np.ones_like(common), where=union > 0)


def near_duplicates(one: str, other: str, most: float = ALIKE) -> bool:
    """Say whether two texts are no farther apart by shingles than that: what `shingle_distances` says of two.

    Examples
    --------
    >>> near_duplicates("I like cats", "I like cats!"), near_duplicates("I like cats", "I like dogs")
    (True, False)
    """
    if one == other:
        return True
    ours, theirs = set(_shingles(one)), set(_shingles(other))
    union = len(ours | theirs)
    return not union or 1 - len(ours & theirs) / union <= most


def word_distances(texts: Sequence[str]) -> Floats:
    """Give 1 - cosine of TF-IDF vectors, shape (texts, texts): counts times log((1 + n) / (1 + df)) + 1.

    Examples
    --------
    >>> word_distances(["a b", "b a", "c"]).round(6).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    counts = _counts([words(text) for text in texts])
    held = np.bincount(counts.indices, minlength=1)
    weighted = counts * (np.log((1 + len(texts)) / (1 + held)) + 1)[None, :]
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    dots = (csr_array(weighted) @ csr_array(weighted).T).toarray()
    sizes = np.outer(length, length)
    cosine = np.divide(dots, sizes, out=np.zeros_like(dots), where=sizes > 0)
    wordless = np.flatnonzero(length == 0)
    cosine[np.ix_(wordless, wordless)] = 1.0
    np.fill_diagonal(cosine, 1.0)
    apart = np.clip(1 - cosine, 0.0, 1.0)
    apart[apart < 1e-12] = 0.0  # texts of the same words, but for rounding
    return apart


distances = {"shingles": shingle_distances, "words": word_distances}
"""Name of each distance -> its function."""


def clusters_of(apart: Floats, most: float = ALIKE) -> npt.NDArray[np.int64]:
    """Number the clusters of texts that are linked by near-duplicates.

    Examples
    --------
    >>> clusters_of(np.array([[0.0, 0.1, 0.9], [0.1, 0.0, 0.9], [0.9, 0.9, 0.0]])).tolist()
    [0, 0, 1]
    """
    return connected_components(csr_array(apart <= most), directed=False)[1].astype(np.int64)


def copied(text: str, source: str, size: int = 3) -> float:
    """Give the share of a text's runs of three words that its source has too; nan of fewer words.

    Examples
    --------
    >>> copied("You are a man who likes cats", "You are a man. You live alone.")  # 2 of 5
    0.4
    """
    said, given = _runs(words(text), size), set(_runs(words(source), size))
    return sum(run in given for run in said) / len(said) if said else float("nan")


def copies_in(
    texts: Iterable[str | None], people: Iterable[str], profiles: Mapping[str, str], size: int = 3
) -> pl.Series:
    """Give `copied` of each text from the description of a person; null without a text of enough words.

    A description is cut into runs once, however many texts are held against it.

    Examples
    --------
    >>> profiles = {"ann": "You are a man. You live alone."}
    >>> copies_in(["You are a man who likes cats", None], ["ann", "ann"], profiles).to_list()
    [0.4, None]
    """
    held: dict[str, set[tuple[str, ...]]] = {}
    found: list[float | None] = []
    for text, who in zip(texts, people, strict=True):
        said = _runs(words(text), size) if text else []
        if said and who not in held:
            held[who] = set(_runs(words(profiles[who]), size))
        found.append(sum(run in held[who] for run in said) / len(said) if said else None)
    return pl.Series("copied", found, dtype=pl.Float64)


def _runs(tokens: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[place : place + size]) for place in range(len(tokens) - size + 1)]


def _shingles(text: str) -> list[tuple[str, ...]]:
    tokens = words(text)
    return _runs(tokens, 2) or [(token,) for token in tokens]


def _counts(grams: Sequence[Sequence[object]]) -> csr_array:
    """Count what each text holds, shape (texts, different grams)."""
    number: dict[object, int] = {}
    columns = [number.setdefault(gram, len(number)) for each in grams for gram in each]
    starts = np.cumsum([0, *(len(each) for each in grams)])
    shape = (len(grams), max(len(number), 1))
    table = csr_array((np.ones(len(columns)), np.array(columns, dtype=np.int64), starts), shape=shape)
    table.sum_duplicates()
    return table
