"""Readability: Flesch's reading ease, of English."""

from __future__ import annotations

import functools
import re

import numpy as np

from populace.traits.scorer import FunctionScorer
from populace.traits.words import mostly_latin, sentences, words

__all__ = ["READABILITY", "reading_ease", "syllables"]

_VOWELS = re.compile("[aeiouy]+")
_SILENT = re.compile(
    r"(?:[^aeiouyl]|[aeiouy]l)e$"  # made, whole; not the le of table
    r"|[^aeiouytdl]ed$|[aeiouy]led$"  # asked; not wanted, settled
    r"|(?:[^aeiouysxzcgl]|[aeiouy]l)(?<!ch)(?<!sh)es$"  # makes; not boxes, wishes, tables
    r"|[gq]ues?$"  # unique, league
    # Within: lately, movement, safety, baseline, something.
    r"|[aeiou][^aeiouy]e(?:ly|ments?|ful|fully|less|ness|ty|lines?|holds?|fore|where|thing|time|times|body|one|work)$"
)
_APART = re.compile(
    r"i(?=[aou])(?<![tcsxgln]i)|(?<=[gln])i(?=a)|(?<=[nl])i(?=ous|o$|u)"  # dial, giant; not nation, million
    r"|[tcs]io$|[aeiouy]ing$|eo(?!u)|(?<![gq])ua(?!i)|[aeiouy]y[aeiou]|[^aeiou]ier$|iet|(?<![tcs])ien"
    r"|cr?eat(?=e|i[no])|[rd]eas?$|(?<=sc)ien|sms?$|n't$|cid(?=e)(?<=suicid)"
)
_EXCEPTIONS = {
    **dict.fromkeys(("one", "ones", "tier", "some", "clothes"), 1),
    **dict.fromkeys(("people", "business", "maybe", "every", "evening", "someone", "useful"), 2),
    **dict.fromkeys(("everyone", "everything", "everywhere", "everyday", "somebody", "influence"), 3),
    **dict.fromkeys(("everybody", "businesses"), 4),
}
"""Frequent words that the rules miscount."""


@functools.lru_cache(maxsize=100_000)
def syllables(word: str) -> int:
    """Count the syllables of an English word by rules; numbers and abbreviations count as one.

    Examples
    --------
    >>> [syllables(word) for word in ("cat", "table", "made", "wanted", "nation", "being", "area")]
    [1, 2, 1, 2, 2, 2, 3]
    """
    plain = word.lower().replace("’", "'")
    if "-" in plain:
        return sum(syllables(part) for part in plain.split("-") if part) or 1
    letters = plain.removesuffix("'s")
    if letters in _EXCEPTIONS:
        return _EXCEPTIONS[letters]
    count = len(_VOWELS.findall(letters)) - bool(_SILENT.search(letters)) + len(_APART.findall(letters))
    return max(count, 1)


def reading_ease(text: str) -> float:
    """Give Flesch's reading ease as it is, not cut to a range; NaN without a word, or in another script.

    206.835 - 1.015 words / sentences - 84.6 syllables / words.

    References
    ----------
    Flesch, R. (1948), A new readability yardstick, Journal of Applied Psychology 32(3).

    Examples
    --------
    >>> round(reading_ease("The cat sat on the mat."), 3)  # 206.835 - 1.015 x 6 - 84.6 x 1
    116.145
    """
    found = words(text)
    if not found or not mostly_latin(text):
        return float("nan")
    said = sum(syllables(word) for word in found)
    return 206.835 - 1.015 * len(found) / max(len(sentences(text)), 1) - 84.6 * said / len(found)


def _measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
    return np.clip([reading_ease(text) for text in texts], 0.0, 100.0)


READABILITY = FunctionScorer("readability", _measure, 0.0, 100.0, "shorter sentences and words")
"""Reading ease cut to 0 (very difficult) to 100 (very easy), Flesch's own scale."""
