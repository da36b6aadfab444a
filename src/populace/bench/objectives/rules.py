"""Objectives that a few lines of code score: brevity, detail, plainness, caution, courtesy.

Each is a rule over the words of an answer, from 0 (worst) to 1 (best), and no more than that: a rule can be
gamed by whoever knows it, and says nothing of whether an answer is right. What it is worth here is that
nobody can dispute it, that it costs nothing, and that objectives pull against each other: an answer that has
many things to say is not short. No answer has 0 on every objective: silence is not brief.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from populace.bench.options import listed
from populace.errors import StudyError

__all__ = ["RULES", "Rule", "chosen_rules", "scored_by"]

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")
_VOWELS = re.compile(r"[aeiouy]+")
_BRIEF = 100
"""Words over which brevity halves."""
_DETAILED = 15
"""Distinct words of content of which detail is one half."""
_COMMON_WORDS = """
a about above after again all also although am an and any are as at be because been before being
both but by can could did do does doing down during each even every few for from further get gets
had has have having he her here hers him his how however i if in into is it its itself just like lot
made make makes many may me might more most much must my no nor not of off on once one only or other
our ours out over own people please same she should so some such than thank thanks that the their
theirs them then there these they thing things this those through to too under until up us very was
way we were what when where which while who whom why will with would yes you your yours
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that carry no content of their own; not counted as detail."""
_HEDGES = re.compile(
    r"\b(?:might|may|could|perhaps|maybe|possibly|probably|likely|unlikely|seems?|appears?|suggests?|often"
    r"|sometimes|usually|generally|typically|tends? to|can be|it depends|depends on|in some cases|not sure"
    r"|uncertain|unclear|i think|i believe|in my opinion|roughly|approximately|about \d)\b",
    re.IGNORECASE,
)
_COURTESIES = re.compile(
    r"\b(?:please|thank you|thanks|you(?:'|’)?re welcome|sorry|i appreciate|great question|good question"
    r"|happy to|glad to|i understand|feel free|i hope|best wishes|dear|kindly|would you like)\b",
    re.IGNORECASE,
)


class Rule(NamedTuple):
    """One objective."""

    name: str
    aim: str
    """What a model is told to do, as an order."""
    measure: Callable[[str], float]
    """Score of an answer that is not empty, from 0 to 1."""
    told: str
    """What is counted, for whoever reads the score."""


def scored_by(rule: Rule, answer: str | None) -> float:
    """Score an answer; none, and one without a word, has 0.

    Examples
    --------
    >>> scored_by(RULES["brevity"], None), scored_by(RULES["brevity"], "word " * 100)
    (0.0, 0.5)
    """
    return rule.measure(answer) if answer and _WORD.search(answer) else 0.0


def chosen_rules(given: object, usual: Sequence[str], *, least: int = 1) -> list[Rule]:
    """Read the setting that names objectives.

    Raises
    ------
    StudyError
        If one is unknown, comes twice, or there are too few.

    Examples
    --------
    >>> [rule.name for rule in chosen_rules("detail, brevity", ["brevity"])]
    ['detail', 'brevity']
    """
    names = listed(usual if given is None else given)
    for name in names:
        if name not in RULES:
            raise StudyError(f"there is no objective {name!r}", fix=f"use some of {', '.join(RULES)}")
    if len(set(names)) < len(names):
        raise StudyError(f"an objective comes twice in {', '.join(names)}", fix="name each once")
    if len(names) < least:
        raise StudyError(f"{len(names)} objectives are too few", fix=f"name at least {least}")
    return [RULES[name] for name in names]


def _brevity(answer: str) -> float:
    return 2.0 ** (-len(_WORD.findall(answer)) / _BRIEF)


def _detail(answer: str) -> float:
    content = {word.lower() for word in _WORD.findall(answer)} - _COMMON
    return 1 - 2.0 ** (-len(content) / _DETAILED)


def _plainness(answer: str) -> float:
    """Flesch's reading ease (1948, doi:10.1037/h0057532), over 100, with a rough count of syllables.

    Examples
    --------
    By hand: one sentence of three words of one syllable: 206.835 - 1.015 x 3 - 84.6 = 119.2, cut to 100.

    >>> _plainness("The cat sat.")
    1.0
    """
    found = _WORD.findall(answer)
    ease = 206.835 - 1.015 * len(found) / _sentences(answer) - 84.6 * _syllables(found) / len(found)
    return min(1.0, max(0.0, ease / 100))


def _caution(answer: str) -> float:
    parts = [part for part in _SENTENCE.split(answer) if _WORD.search(part)]
    return sum(bool(_HEDGES.search(part)) for part in parts) / len(parts)


def _courtesy(answer: str) -> float:
    return 1 - 2.0 ** -len(_COURTESIES.findall(answer))


def _sentences(answer: str) -> int:
    return max(1, sum(bool(_WORD.search(part)) for part in _SENTENCE.split(answer)))


def _syllables(found: Iterable[str]) -> int:
    """Count groups of vowels, without a last silent e; at least one a word."""
    total = 0
    for word in found:
        lower = word.lower()
        count = len(_VOWELS.findall(lower))
        silent = lower.endswith("e") and not lower.endswith(("le", "ee", "ie", "oe", "ye"))
        total += max(1, count - silent)
    return total


RULES = {
    rule.name: rule
    for rule in (
        Rule("brevity", "be brief", _brevity, f"halves with every {_BRIEF} words"),
        Rule(
            "detail",
            "give many specifics",
            _detail,
            f"one half of the way to 1 with every {_DETAILED} distinct words of content",
        ),
        Rule(
            "plainness", "use plain words and short sentences", _plainness, "Flesch's reading ease over 100"
        ),
        Rule("caution", "say what is uncertain", _caution, "share of sentences with a hedge"),
        Rule("courtesy", "be courteous", _courtesy, "one half of the way to 1 with every courtesy"),
    )
}
"""The objectives, by name."""
