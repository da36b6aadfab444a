"""Near-duplicate answers: pairs with nothing to choose between, and revisions that stand in other pairs too.

Two texts are near duplicates where the Jaccard similarity of their sets of three-word runs is at least
`ALIKE`. Within a pair it is computed as it is. Over all revisions, candidates come from MinHash (Broder
1997) in bands (Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, chapter 3), and every one is
verified exactly: nothing is called a duplicate that is none. What is missed: of couples exactly at 0.8,
about 1 in 3,000 (no band agrees, or the signature looks less alike than 0.6); and a text is compared with
its next few in each bucket only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.feedback.shortcuts.answers import Answers
from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.grams import Grams, Ints, grams, mixed
from populace.feedback.shortcuts.verdicts import Draws, Floats, share

__all__ = ["ALIKE", "jaccard", "near_duplicates", "repeated"]

ALIKE = 0.8
"""Jaccard similarity from which texts are near duplicates."""
SIZE = 3
BANDS, ROWS = 16, 4
NEIGHBOURS = 4
"""Members of a bucket that a text is compared with."""
_LOW = np.uint64(48)
_CHUNK = 20_000
"""Texts, or couples, held at once."""


def near_duplicates(answers: Answers, authors: Ints, settings: Draws, limit: float) -> Finding:
    """Audit the pairs: how many are near duplicates inside, or by their second answers of another pair."""
    name, what = "near-duplicates", "answers that nearly repeat each other, in a pair or across pairs"
    if not len(authors):
        return not_run(name, what, limit, "there are no pairs")
    originals, revisions = (_runs(answers.sides[side]) for side in ("original", "revision"))
    first, second = answers.rows["original"], answers.rows["revision"]
    twins = jaccard(originals, revisions, first, second) >= ALIKE
    alike = repeated(revisions)
    # A revision that two pairs share word for word was read once.
    shared = np.bincount(second, minlength=len(alike))[second] > 1
    across = alike[second] | shared
    rows = [
        ("near duplicates", "the two answers of a pair", share(twins.astype(float), authors, settings)),
        ("near duplicates", "second answers of other pairs", share(across.astype(float), authors, settings)),
    ]
    tested = share((twins | across).astype(float), authors, settings)
    return decide(name, what, rows[1][2], rows[0][2], tested, limit, rows=rows)


def _runs(found: Grams) -> Grams:
    """Runs of three words; of shorter texts the words."""
    runs = grams(found, SIZE)
    short = runs.counts == 0
    if not short.any():
        return runs
    counts = np.where(short, found.counts, runs.counts)
    codes = np.empty(counts.sum(), dtype=np.uint64)
    take = np.repeat(short, counts)
    codes[~take] = runs.codes
    codes[take] = found.codes[np.repeat(short, found.counts)]
    return Grams(codes, np.cumsum(counts))


def jaccard(left: Grams, right: Grams, one: Ints, two: Ints) -> Floats:
    """Jaccard similarity of text `one` of `left` with text `two` of `right`; 1 for two empty texts.

    Examples
    --------
    >>> from populace.feedback.shortcuts.grams import words
    >>> texts = words(["a b c", "b c d", "a b c c"])
    >>> jaccard(texts, texts, np.array([0, 0]), np.array([1, 2])).tolist()
    [0.5, 1.0]
    """
    found = np.empty(len(one))
    for start in range(0, len(one), _CHUNK):
        stop = start + _CHUNK
        found[start:stop] = _jaccard(left, right, one[start:stop], two[start:stop])
    return found


def _jaccard(left: Grams, right: Grams, one: Ints, two: Ints) -> Floats:
    mine, theirs = _sets(left, one), _sets(right, two)
    # A run that both have stands twice in a row.
    together = np.sort(np.concatenate([mine, theirs]))
    twice = together[1:][together[1:] == together[:-1]]
    both, *each = (
        np.bincount((keys >> _LOW).astype(np.int64), minlength=len(one)) for keys in (twice, mine, theirs)
    )
    either = each[0] + each[1] - both
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def _sets(found: Grams, texts: Ints) -> npt.NDArray[np.uint64]:
    """The distinct runs of some texts in order: the place of the text in `texts` above 48 bits of the run."""
    counts = found.counts[texts]
    place = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    codes = found.codes[np.repeat(found.ends[texts] - counts, counts) + offset]
    keys = np.sort((place << _LOW) | (codes >> np.uint64(16)))
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def repeated(runs: Grams) -> npt.NDArray[np.bool_]:
    """Say of each text whether another is nearly the same; texts without a word never are.

    Examples
    --------
    >>> from populace.feedback.shortcuts.grams import words
    >>> long = " ".join(str(n) for n in range(40))
    >>> repeated(words([long, "nothing alike", long + " end"])).tolist()
    [True, False, True]
    """
    alike = np.zeros(len(runs.ends), dtype=bool)
    signature = _signatures(runs)
    worded = runs.counts > 0
    for band in range(BANDS):
        _within(runs, signature, signature[:, band * ROWS : (band + 1) * ROWS], worded, alike)
    return alike


def _signatures(runs: Grams) -> npt.NDArray[np.uint32]:
    """Smallest value of each of BANDS x ROWS hash functions over the runs of each text."""
    counts = runs.counts
    signature = np.zeros((len(counts), BANDS * ROWS), dtype=np.uint32)
    starts = runs.ends - counts
    # Odd multipliers permute the numbers modulo 2^64; their upper halves are what is compared.
    multipliers = mixed(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64)) | np.uint64(1)
    for start in range(0, len(counts), _CHUNK):
        some = np.arange(start, min(start + _CHUNK, len(counts)))
        some = some[counts[some] > 0]
        if not len(some):
            continue
        codes = runs.codes[starts[some[0]] : runs.ends[some[-1]]]
        first = starts[some] - starts[some[0]]
        for at, multiplier in enumerate(multipliers):
            values = ((codes * multiplier) >> np.uint64(32)).astype(np.uint32)
            signature[some, at] = np.minimum.reduceat(values, first)
    return signature


def _within(
    runs: Grams,
    signature: npt.NDArray[np.uint32],
    band: npt.NDArray[np.uint32],
    worded: npt.NDArray[np.bool_],
    alike: npt.NDArray[np.bool_],
) -> None:
    """Mark the texts with a verified near duplicate among their neighbours in the buckets of one band."""
    texts = np.flatnonzero(worded)
    halves = band[texts].astype(np.uint64)
    keys = mixed(halves[:, 0] | (halves[:, 1] << np.uint64(32)))
    keys = mixed(keys ^ (halves[:, 2] | (halves[:, 3] << np.uint64(32))))
    by_key = np.argsort(keys, kind="stable")
    order, keys = texts[by_key], keys[by_key]
    same = keys[1:] == keys[:-1]
    bucket = np.concatenate([[0], np.cumsum(~same)])
    for lag in range(1, NEIGHBOURS + 1):
        together = bucket[lag:] == bucket[:-lag] if len(order) > lag else np.zeros(0, dtype=bool)
        left, right = order[:-lag][together], order[lag:][together]
        open_ = ~(alike[left] & alike[right])
        left, right = left[open_], right[open_]
        # The signature's own estimate, four standard errors below what is looked for.
        near = (signature[left] == signature[right]).mean(axis=1) >= ALIKE - 4 * 0.05
        left, right = left[near], right[near]
        verified = jaccard(runs, runs, left, right) >= ALIKE
        alike[left[verified]] = True
        alike[right[verified]] = True
