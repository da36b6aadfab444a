"""Politeness: which of the ways of being polite, and of not being so, a text shows; of English.

The ways, and how polite requests that show each were rated on average, are those of Danescu-Niculescu-Mizil
et al. (2013, A computational approach to politeness with application to social factors), table 3, as
ConvoKit's readers restate it. The patterns are our own and need no parser. Left out: what is a matter of
sentiment (its positive and negative lexicon) and pronouns within a sentence, whose averages are near 0.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from populace.traits.scorer import FunctionScorer
from populace.traits.words import mostly_latin, sentences

__all__ = ["MARKERS", "POLITENESS", "Marker", "markers_in"]


class Marker(NamedTuple):
    """A way of being polite or not."""

    name: str
    weight: float
    """Average politeness of requests that show it."""
    pattern: re.Pattern[str]
    """Of a sentence in lower case, begun at its first word."""


def _marker(name: str, weight: float, pattern: str) -> Marker:
    return Marker(name, weight, re.compile(pattern))


MARKERS = (
    _marker("gratitude", 0.87, r"\b(?:thanks|thank you|(?:i|we) (?:really |truly )?appreciate|grateful)\b"),
    _marker(
        "deference", 0.78,
        r"^(?:great|good|nice|excellent|wonderful|interesting|lovely)\s+(?:\w+\s+)?"
        r"(?:work|job|question|point|idea|thinking|effort|start|one)\b",
    ),
    _marker("indirect", 0.63, r"\b(?:by the way|btw)\b"),
    _marker("please", 0.49, r"(?<!^)\bplease\b"),
    _marker("counterfactual modal", 0.47, r"\b(?:could|would) you\b"),
    _marker("greeting", 0.43, r"^(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings|dear \w+)\b"),
    _marker(
        "apology", 0.36,
        r"\b(?:sorry|i apologi[sz]e|we apologi[sz]e|apologies|forgive me|excuse me|pardon me)\b",
    ),
    _marker(
        "hedge", 0.14,
        r"\b(?:i|we) (?:suggest|think|believe|suppose|guess|feel)\b"
        r"|\b(?:perhaps|maybe|possibly|might|seems?|appears? to|it is likely|in my view|in my opinion)\b",
    ),
    _marker("direct question", -0.27, r"^(?:what|why|who|how|when|where|which)\b.*\?$"),
    _marker("please first", -0.30, r"^please\b"),
    _marker("second person first", -0.30, r"^(?:you|your|you're|you've|yours)\b"),
    _marker("factuality", -0.38, r"\b(?:in fact|actually|the point is|the reality is|honestly)\b"),
    _marker("direct start", -0.43, r"^(?:so|then|and|but|or)\b"),
)  # fmt: skip
"""The ways that are looked for, from the politest."""


def markers_in(text: str) -> list[str]:
    """Give the names of the ways that a text shows, each once, from the politest.

    Examples
    --------
    >>> markers_in("Hello! Could you please say more? Thanks.")
    ['gratitude', 'please', 'counterfactual modal', 'greeting']
    >>> markers_in("So what? You did that.")
    ['second person first', 'direct start']
    """
    return [marker.name for marker in _found(text)]


def _found(text: str) -> list[Marker]:
    asked = text.lower().replace("’", "'")
    parts = [part + ("?" if _is_asked(asked, part) else "") for part in sentences(asked)]
    return [marker for marker in MARKERS if any(marker.pattern.search(part) for part in parts)]


def _is_asked(text: str, part: str) -> bool:
    """Whether a sentence ends in a question mark, which `sentences` takes off."""
    place = text.find(part)
    return place >= 0 and text[place + len(part) :].lstrip()[:1] == "?"


def _measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
    sums = [sum(marker.weight for marker in _found(text)) if mostly_latin(text) else np.nan for text in texts]
    return np.tanh(np.array(sums, dtype=np.float64))


POLITENESS = FunctionScorer("politeness", _measure, -1.0, 1.0, "more of the ways in which people are polite")
"""tanh of the sum of the weights of the ways shown, each counted once; 0 where there is none. The sum is our
own device: the paper rates ways one by one, of requests of two sentences. A long text shows more of them."""
