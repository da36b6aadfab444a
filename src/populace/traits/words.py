"""Words, sentences and letters of a text, as the rules count them."""

from __future__ import annotations

import re

__all__ = ["mostly_latin", "sentences", "words"]

_WORD = re.compile(
    # Scripts without spaces: each sign counts, as dictionaries and limits of length do.
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|[^\W_](?:[^\W_\u3040-\u30ff\u3400-\u9fff]|['’.,-](?=[^\W_]))*"
)
_LATIN = re.compile("[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ]")
_SHORT = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|cf|No|approx|[A-Z])\.(?=\s)")
_END = re.compile(
    r"[.!?…]+[\"'”’)\]*_]*(?=\s|$)"  # marks that end a sentence, and what closes with it
    r"|[。！？]"
    r"|\n\s*(?:[-*•#>]|\d+[.)])\s"  # an item of a list
    r"|\n\s*\n"
)


def words(text: str) -> list[str]:
    """Give the words of a text; a number is one, and so is each Chinese or Japanese sign.

    Examples
    --------
    >>> words("It isn't 3.5 well-known things — 你好!")
    ['It', "isn't", '3.5', 'well-known', 'things', '你', '好']
    """
    return _WORD.findall(text)


def sentences(text: str) -> list[str]:
    r"""Give the parts of a text that have words: between marks that end a sentence, items, paragraphs.

    Examples
    --------
    >>> sentences("Dr. Ash paid 3.5 dollars. Why? Two things:\n\n- one\n- two")
    ['Dr Ash paid 3.5 dollars', 'Why', 'Two things:', 'one', 'two']
    """
    plain = _SHORT.sub(lambda found: found.group()[:-1], text)
    return [part.strip(" \t\r\n-*•#>") for part in _END.split(plain) if _WORD.search(part)]


def mostly_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin, or there are none.

    Examples
    --------
    >>> mostly_latin("Voilà, ça va?"), mostly_latin("Всё хорошо."), mostly_latin(":-)")
    (True, False, True)
    """
    letters = sum(map(str.isalpha, text))
    return letters == 0 or 2 * len(_LATIN.findall(text)) >= letters
