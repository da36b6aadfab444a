"""Rules: words and phrases of English by hazard, from a file. A baseline that anyone can read, and no more.

A rule that matches makes the hazard likely by its weight; several join as if independent. The file that
is shipped was written from what the hazards mean and fitted to nothing; a file of your own has the same form.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from populace.bounds.hazards import hazard
from populace.bounds.policy.tables import read_toml
from populace.bounds.predicates.calibration import Calibration
from populace.bounds.predicates.verdict import Verdict
from populace.canonical import content_hash
from populace.errors import DataError, ModelError
from populace.traits.words import mostly_latin

__all__ = ["Rule", "Rules", "plain", "read_rules", "word_rules"]

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACE = re.compile(r"\s+")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"along": "with"}):
    """One rule of a file."""

    id: str
    hazard: str
    weight: float
    words: tuple[str, ...]
    along: tuple[str, ...] = ()
    """Any of these has to be in the text too (`with` in the file)."""
    unless: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...] = ()


class Rules:
    """The rules of one hazard, as a predicate.

    Examples
    --------
    >>> import asyncio
    >>> verdict = asyncio.run(word_rules()["ant"].judge("Trust me, I am human.", {}))
    >>> verdict.score, verdict.evidence
    (80, '1 of 2 rules: human')
    """

    def __init__(self, name: str, given: tuple[Rule, ...], calibration: Calibration | None = None) -> None:
        self.name = name
        self._rules = tuple(
            (rule, _any(rule.words), _any(rule.along) if rule.along else None, _any(rule.unless))
            for rule in given
        )
        self._calibration = calibration or Calibration.none()
        told = content_hash([msgspec.to_builtins(rule) for rule in given], size=4)
        self.version = f"rules {told}, {self._calibration.id}"

    cost = 0
    """Cheap ones are asked first: 0 words, 1 small models, 2 classifiers, 3 language models."""

    def raw(self, text: str) -> tuple[float, list[str]]:
        """Give how likely the hazard is, 0 to 1, and the ids of the rules that say so.

        Raises
        ------
        ModelError
            If the text is not of Latin letters: these rules are English.
        """
        read = plain(text)
        if not mostly_latin(read):
            raise ModelError(
                f"the rules of {self.name} read English only", fix="put a classifier of that language there"
            )
        doubt, fired = 1.0, []
        for rule, words, along, unless in self._rules:
            if words.search(read) and (along is None or along.search(read)) and not unless.search(read):
                doubt *= 1 - rule.weight
                fired.append(rule.id)
        return 1 - doubt, fired

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text; see `raw`."""
        began = time.perf_counter()
        raw, fired = self.raw(text)
        told = f"{len(fired)} of {len(self._rules)} rules" + (f": {', '.join(fired)}" if fired else "")
        score = self._calibration.score(raw)
        seconds = time.perf_counter() - began
        return Verdict(self.name, score, told, self.version, self._calibration.id, seconds)


def word_rules(
    path: str | Path | None = None, calibrations: Mapping[str, Calibration] | None = None
) -> dict[str, Rules]:
    """Give a predicate for each hazard that a file has rules of; by default of the file that is shipped."""
    by_hazard: dict[str, list[Rule]] = {}
    for rule in read_rules(path):
        by_hazard.setdefault(rule.hazard, []).append(rule)
    known = calibrations or {}
    return {name: Rules(name, tuple(given), known.get(name)) for name, given in by_hazard.items()}


def read_rules(path: str | Path | None = None) -> tuple[Rule, ...]:
    """Read a file of rules.

    Raises
    ------
    DataError
        If it cannot be read, a rule is malformed, has no words, an unknown hazard or an id that was there.
    """
    file = Path(path) if path else Path(str(resources.files("populace.bounds") / "data" / "rules.toml"))
    found = read_toml(file, _File).rule
    if not found:
        raise DataError("there are no rules in it", file=file, fix="write [[rule]] tables")
    seen: set[str] = set()
    for row, rule in enumerate(found, 1):
        if not rule.words or not all(word.strip() for word in (*rule.words, *rule.along, *rule.unless)):
            raise DataError(
                f"the rule {rule.id!r} has no words, or an empty one", file=file, row=row, column="words"
            )
        if not 0 < rule.weight < 1:
            raise DataError("a weight is above 0 and below 1", file=file, row=row, column="weight")
        if hazard(rule.hazard).name != rule.hazard:
            raise DataError(
                f"a rule names its hazard {hazard(rule.hazard).name!r}", file=file, row=row, column="hazard"
            )
        if rule.id in seen:
            raise DataError(f"the id {rule.id!r} was there before", file=file, row=row, column="id")
        seen.add(rule.id)
    return found


def plain(text: str) -> str:
    """Bring a text to the form that rules read: small compatible letters, nothing invisible, single spaces.

    Examples
    --------
    >>> plain("Ｋi\u200bll  THE\u00a0process")
    'kill the process'
    """
    found = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'")
    return _SPACE.sub(" ", found.casefold())


def _any(words: tuple[str, ...]) -> re.Pattern[str]:
    """Compile words to one pattern of alternatives, which takes time linear in the text."""
    if not words:
        return re.compile(r"(?!)")
    parts = []
    for word in words:
        pieces = [r"\w*" if piece == "*" else re.escape(piece) for piece in re.split(r"(\*)", plain(word))]
        parts.append("".join(pieces))
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)")
