"""How varied texts are, and whether a model wrote the same thing over and over: pure measures of given texts.

Every measure of variety moves with the amount of text (of ten sentences no word need come twice, of a million
all do), so all are taken on random subsets of a fixed number of personas, the same for the texts and for the
reference they stand beside. The value is the mean over subsets, the interval where `level` of the subsets
lie: the spread at that size, which is wider than the error of the mean.

- `distinct-n`: share of n-grams that differ, n-grams never running across texts (Li et al. 2016, A Diversity-
  Promoting Objective Function for Neural Conversation Models, doi:10.18653/v1/N16-1014; they divide by words,
  here by n-grams, so that 1 is reached where none repeats).
- `entropy-2`: Shannon entropy of the bigrams in bits, which also sees how uneven the repeats are.
- `duplicates`: share of texts whose words another text of the subset has had already.
- `cosine`: mean cosine of pairs of texts' embeddings, pairs of different texts only.
- `vendi`: effective number of different texts, the exponential of the entropy of the eigenvalues of the
  cosines' matrix over its size (Friedman and Dieng 2023, The Vendi Score, arXiv:2210.02410, definition 3.1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.stats.estimate import Estimate
from populace.streams import stream

__all__ = ["LESS_IF_HIGHER", "beside", "diversity", "vendi_score", "words"]

LESS_IF_HIGHER = ("duplicates", "cosine")
"""Measures that are high where texts are alike; the others are low there."""

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_MOST = 500
"""Personas in a subset, at most."""

Floats = npt.NDArray[np.float64]


def words(text: str) -> list[str]:
    """Words of a text in lower case, without punctuation.

    Examples
    --------
    >>> words("Doesn't matter -- it's fine.")
    ["doesn't", 'matter', "it's", 'fine']
    """
    return _WORD.findall(text.lower())


def diversity(
    texts: Sequence[str | None],
    clusters: Sequence[object] | None = None,
    *,
    embeddings: npt.ArrayLike | None = None,
    size: int | None = None,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Measure how varied texts are.

    Parameters
    ----------
    texts
        Missing (None) and empty ones are left out.
    clusters
        Whose text each is (a persona's id), one a text; None: every text stands alone.
    embeddings
        Shape (texts, dimensions), any scale; None leaves out `cosine` and `vendi`.
    size
        Personas in each subset, at least 2; by default half of all, at most 500.
    draws, seed, level
        Subsets, seed of their generator, share of them inside the interval.

    Returns
    -------
    Measure -> estimate; `nan` where the texts do not define it.

    Raises
    ------
    DataError
        If lengths differ, or fewer than 4 personas (or than `size`) have a text.

    Examples
    --------
    >>> parrot = diversity(["I like cats"] * 40)
    >>> round(parrot["duplicates"].value, 3), parrot["distinct-1"].value  # 19 of 20 texts, 3 of 60 words
    (0.95, 0.05)
    """
    corpus = _Corpus(texts, clusters, embeddings)
    size = _size(corpus.clusters, size)
    drawn = corpus.subsets(size, draws, seed)
    return {name: _estimate(values, corpus, size, draws, seed, level) for name, values in drawn.items()}


def beside(
    texts: Sequence[str | None],
    reference: Sequence[str | None],
    clusters: Sequence[object] | None = None,
    *,
    reference_clusters: Sequence[object] | None = None,
    embeddings: npt.ArrayLike | None = None,
    reference_embeddings: npt.ArrayLike | None = None,
    size: int | None = None,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Measure texts beside a reference, at the same number of personas.

    Parameters
    ----------
    texts, clusters, embeddings
        As for `diversity`.
    reference, reference_clusters, reference_embeddings
        What people wrote, or a list written by hand, in the same form.
    size
        By default half of the smaller set, at most 500.
    draws, seed, level
        As for `diversity`.

    Returns
    -------
    One row a measure: `measure, size, value, low, high, reference, reference_low, reference_high, verdict`.
    The verdict is `less varied` or `more varied` where the two intervals do not touch, else `no different`.

    Raises
    ------
    DataError
        As `diversity`.

    Examples
    --------
    >>> table = beside(["I like cats"] * 40, [f"this is number {i}" for i in range(40)])
    >>> set(table["verdict"])
    {'less varied'}
    """
    if (embeddings is None) != (reference_embeddings is None):
        raise DataError("embeddings are given for one side only", fix="give both, or neither")
    ours = _Corpus(texts, clusters, embeddings)
    theirs = _Corpus(reference, reference_clusters, reference_embeddings)
    size = _size(min(ours.clusters, theirs.clusters), size)
    rows = []
    mine, other = ours.subsets(size, draws, seed), theirs.subsets(size, draws, seed)
    for name in mine:
        one = _estimate(mine[name], ours, size, draws, seed, level)
        two = _estimate(other[name], theirs, size, draws, seed, level)
        rows.append(
            (name, size, one.value, one.low, one.high, two.value, two.low, two.high, _verdict(name, one, two))
        )
    sides = ("value", "low", "high", "reference", "reference_low", "reference_high")
    schema = {
        "measure": pl.String,
        "size": pl.Int64,
        **dict.fromkeys(sides, pl.Float64),
        "verdict": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def vendi_score(embeddings: npt.ArrayLike) -> float:
    """Effective number of different rows, from 1 (all alike) to their number (all at right angles).

    Parameters
    ----------
    embeddings
        Shape (rows, dimensions), any scale; at least one row.

    Examples
    --------
    >>> round(vendi_score([[1, 0], [0, 3]]), 6), round(vendi_score([[1, 1], [2, 2]]), 6)
    (2.0, 1.0)
    """
    unit = _unit(np.asarray(embeddings, dtype=np.float64))
    # Rows' and dimensions' matrices have the same eigenvalues besides zeros: take the smaller.
    matrix = unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit
    values = np.linalg.eigvalsh(matrix / len(unit))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


class _Measures(msgspec.Struct, frozen=True):
    """Numbers that stand for the n-grams of each text."""

    grams: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
    """By n: numbers of the n-grams, text after text, and where each text's begin (one more than texts)."""
    same: npt.NDArray[np.int64]
    """Number of each text's sequence of words."""


class _Corpus:
    """Texts that are there, whose they are, and what is measured of them."""

    def __init__(
        self,
        texts: Sequence[str | None],
        clusters: Sequence[object] | None,
        embeddings: npt.ArrayLike | None,
    ) -> None:
        owners = list(range(len(texts))) if clusters is None else list(clusters)
        vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float64)
        if len(owners) != len(texts) or (vectors is not None and len(vectors) != len(texts)):
            raise DataError(
                f"{len(texts)} texts, {len(owners)} clusters"
                + ("" if vectors is None else f" and {len(vectors)} embeddings"),
                fix="give one of each a text",
            )
        kept = [place for place, text in enumerate(texts) if text and words(text)]
        tokens = [tuple(words(texts[place] or "")) for place in kept]
        number = {owner: code for code, owner in enumerate(dict.fromkeys(owners[place] for place in kept))}
        code = np.array([number[owners[place]] for place in kept], dtype=np.int64)
        self.clusters, self.texts = len(number), len(kept)
        self._members = [np.flatnonzero(code == each) for each in range(self.clusters)] if clusters else None
        self._measures = _numbered(tokens)
        self._unit = None if vectors is None else _unit(vectors[kept])

    def subsets(self, size: int, draws: int, seed: int) -> dict[str, Floats]:
        """Value of each measure on each subset."""
        rng = stream(seed, "personas.diversity")
        functions = self._functions()
        found = {name: np.full(draws, np.nan) for name in functions}
        for draw in range(draws):
            # Sorted, since floating sums depend on the order.
            picked = np.sort(rng.choice(self.clusters, size=size, replace=False))
            rows = picked if self._members is None else np.concatenate([self._members[i] for i in picked])
            for name, function in functions.items():
                found[name][draw] = function(rows)
        return found

    def _functions(self) -> dict[str, Callable[[npt.NDArray[np.int64]], float]]:
        functions: dict[str, Callable[[npt.NDArray[np.int64]], float]] = {
            f"distinct-{n}": lambda rows, n=n: _distinct(self._grams(rows, n)) for n in (1, 2, 3)
        }
        functions["entropy-2"] = lambda rows: _entropy(self._grams(rows, 2))
        functions["duplicates"] = lambda rows: 1 - len(np.unique(self._measures.same[rows])) / len(rows)
        if (unit := self._unit) is not None:
            functions["cosine"] = lambda rows: _mean_cosine(unit[rows])
            functions["vendi"] = lambda rows: vendi_score(unit[rows])
        return functions

    def _grams(self, rows: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
        grams, starts = self._measures.grams[n]
        lengths = starts[rows + 1] - starts[rows]
        # Places of all n-grams of these rows: each row's start, and steps from it.
        steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return grams[np.repeat(starts[rows], lengths) + steps]


def _numbered(tokens: list[tuple[str, ...]]) -> _Measures:
    grams = {}
    for n in (1, 2, 3):
        number: dict[tuple[str, ...], int] = {}
        codes, starts = [], [0]
        for text in tokens:
            codes += [number.setdefault(text[i : i + n], len(number)) for i in range(len(text) - n + 1)]
            starts.append(len(codes))
        grams[n] = np.array(codes, dtype=np.int64), np.array(starts, dtype=np.int64)
    known: dict[tuple[str, ...], int] = {}
    return _Measures(grams, np.array([known.setdefault(text, len(known)) for text in tokens], dtype=np.int64))


def _distinct(grams: npt.NDArray[np.int64]) -> float:
    return len(np.unique(grams)) / len(grams) if len(grams) else np.nan


def _entropy(grams: npt.NDArray[np.int64]) -> float:
    if not len(grams):
        return np.nan
    share = np.unique(grams, return_counts=True)[1] / len(grams)
    return float(-(share * np.log2(share)).sum())


def _mean_cosine(unit: Floats) -> float:
    """Mean over pairs: the square of the sum holds every pair twice, and every row once with itself."""
    rows = len(unit)
    total = unit.sum(axis=0)
    return float((total @ total - (unit * unit).sum()) / (rows * (rows - 1)))


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise DataError("an embedding is zero or not finite", fix="embed the texts again")
    return vectors / length


def _size(clusters: int, size: int | None) -> int:
    if clusters < 4:
        raise DataError(f"{clusters} personas have a text, too few to measure variety", fix="give at least 4")
    if size is None:
        return min(clusters // 2, _MOST)
    if not 2 <= size <= clusters:
        raise DataError(f"subsets of {size} of {clusters} personas", fix=f"give a size from 2 to {clusters}")
    return size


def _estimate(values: Floats, corpus: _Corpus, size: int, draws: int, seed: int, level: float) -> Estimate:
    defined = values[~np.isnan(values)]
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return Estimate(
        value=math.fsum(defined) / len(defined) if len(defined) else np.nan,
        low=float(low),
        high=float(high),
        level=level,
        n=corpus.texts,
        clusters=corpus.clusters,
        method=f"subsets of {size} personas without replacement, percentile, {draws} draws",
        seed=seed,
    )


def _verdict(name: str, one: Estimate, two: Estimate) -> str:
    if not (one.defined and two.defined) or (one.low <= two.high and two.low <= one.high):
        return "no different"
    higher = one.low > two.high
    return "less varied" if higher == (name in LESS_IF_HIGHER) else "more varied"
