"""An answer as sentences: what is matched with perspectives, one by one."""

from __future__ import annotations

import re

__all__ = ["sentences_of", "words_of"]

_ITEM = re.compile(r"^\s*(?:[-*\u2022\u2013]|\(?\d{1,3}[.)]|#+)\s+")
"""Signs that begin an item of a list, or a heading."""
_SHORT = r"(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|U\.S|U\.K|U\.N|No|Jr|Sr|Inc|approx|cf)\.$"
_ENDS = re.compile(
    r'(?<=[.!?\u2026])["\'\u201d\u2019)\]]*\s+(?=["\'\u201c\u2018(\[]?[^\W_a-z])|(?<=[\u3002\uff01\uff1f])'
)
_ABBREVIATED = re.compile(_SHORT)
_WORD = re.compile(r"\w")


def sentences_of(text: str | None) -> list[str]:
    r"""Cut a text into sentences: at line breaks, and where a sentence ends; marks of lists are left out.

    Examples
    --------
    >>> sentences_of("Some say yes. Others, e.g. Dr. Who, say no!\n\n- **It costs too much.**\n2. It depends")
    ['Some say yes.', 'Others, e.g. Dr. Who, say no!', 'It costs too much.', 'It depends']
    >>> sentences_of(None), sentences_of(" ... ")
    ([], [])
    """
    found: list[str] = []
    for line in (text or "").splitlines():
        plain = _ITEM.sub("", line.replace("**", "").replace("__", "")).strip()
        held = ""
        for part in _ENDS.split(plain):
            held = f"{held} {part}".strip() if held else part
            if _ABBREVIATED.search(held):
                continue
            found.append(held.strip())
            held = ""
        found.append(held.strip())
    return [each for each in found if _WORD.search(each)]


def words_of(text: str) -> int:
    """Count words.

    Examples
    --------
    >>> words_of("It costs  too much.")
    4
    """
    return len(text.split())
