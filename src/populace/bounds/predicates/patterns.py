"""Personal data in a text, by its form: how to reach somebody, numbers of identity, special categories.

Forms (addresses, telephone, card and account numbers, keys) are found in any language; the words for special
categories (health, belief, politics, origin, orientation, union) are English, and count only where the text
says them of a person. Names and street addresses have no form: they are not found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from populace.bounds.predicates.calibration import Calibration
from populace.bounds.predicates.rules import plain
from populace.bounds.predicates.verdict import Verdict

__all__ = ["PersonalData", "personal_data"]

_FORMS: dict[str, tuple[float, re.Pattern[str]]] = {
    "e-mail": (0.7, re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")),
    "telephone": (0.6, re.compile(r"(?<![\w.,/-])(?:\+\d|\(\d|0\d|\d{3}[ .-]\d)[\d ()./-]{5,17}\d(?!\w)")),
    "card": (0.9, re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)")),
    "account": (0.8, re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")),
    "identity number": (0.8, re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    "secret key": (
        0.8,
        re.compile(r"\b(?:sk|pk|ghp|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{16,}|(?i:\bpassword\s*[:=]\s*\S{4,})"),
    ),
    "place on earth": (0.5, re.compile(r"(?<!\d)-?\d{1,2}\.\d{4,},\s*-?\d{1,3}\.\d{4,}(?!\d)")),
}
_PERSON = r"(?:he|she|they|my \w+|his|her|their|mr\.? \w+|mrs\.? \w+|ms\.? \w+|the neighbou?r|\w+'s)"
_HAS = r"(?: \w+){0,3}? (?:is|are|was|were|has|have|had|became|suffers from|belongs to|voted for|votes for) "
_SPECIAL: dict[str, str] = {
    "health": r"(?:\w+ ){0,3}(?:diabet\w*|hiv\w*|aids|cancer|depress\w*|bipolar|schizophren\w*|pregnan\w*|"
    r"epilep\w*|autis\w*|alcoholi\w*|addict\w*|disab\w*|hepatitis|an abortion|dementia)",
    "belief": r"(?:\w+ ){0,2}(?:muslim|jewish|catholic|christian|hindu|sikh|buddhist|atheist|mormon|"
    r"protestant)",
    "politics": r"(?:\w+ ){0,2}(?:communist|socialist|republican|democrat|conservative|fascist|labour voter)",
    "origin": r"(?:\w+ ){0,2}(?:black|roma|of \w+ descent|of \w+ origin|undocumented|an illegal immigrant)",
    "orientation": r"(?:\w+ ){0,2}(?:gay|lesbian|bisexual|homosexual|transgender|a trans \w+)",
    "union": r"(?:\w+ ){0,3}(?:union member|member of the union|shop steward)",
}
_SAID = {name: (0.5, re.compile(rf"(?<!\w){_PERSON}{_HAS}{words}(?!\w)")) for name, words in _SPECIAL.items()}
_LONGEST = 20_000
_STEP = _LONGEST - 400
"""Texts are read in pieces that overlap by more than any form is long."""


def personal_data(text: str) -> dict[str, int]:
    """Count what is found, by kind; kinds of which there is nothing are left out.

    Examples
    --------
    >>> personal_data("Write to ada@example.org; my neighbour is pregnant. Card 4111 1111 1111 1112.")
    {'e-mail': 1, 'health': 1}
    """
    found: dict[str, int] = {}
    for start in range(0, max(len(text), 1), _STEP):
        piece = text[start : start + _LONGEST]
        _count(piece, found)
        if start + _LONGEST >= len(text):
            break
    return found


def _count(text: str, found: dict[str, int]) -> None:
    for name, (_, form) in _FORMS.items():
        hits = [hit[0] for hit in form.finditer(text)]
        if name == "card":
            hits = [hit for hit in hits if _is_card(hit)]
        elif name == "account":
            hits = [hit for hit in hits if _is_account(hit)]
        elif name == "telephone":
            hits = [hit for hit in hits if _is_telephone(hit)]
        if hits:
            found[name] = found.get(name, 0) + len(hits)
    words = plain(text)
    for name, (_, said) in _SAID.items():
        hits = said.findall(words)
        if hits:
            found[name] = found.get(name, 0) + len(hits)


class PersonalData:
    """Privacy (`prv`) by forms, as a predicate: how surely a text gives somebody's data away.

    Examples
    --------
    >>> import asyncio
    >>> verdict = asyncio.run(PersonalData().judge("Her number is +44 20 7946 0958.", {}))
    >>> verdict.score, verdict.evidence
    (60, 'telephone 1')
    """

    name = "prv"
    cost = 0

    def __init__(self, calibration: Calibration | None = None) -> None:
        self._calibration = calibration or Calibration.none()
        self.version = f"personal data 1, {self._calibration.id}"

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text."""
        began = time.perf_counter()
        found, doubt = personal_data(text), 1.0
        for name in found:
            doubt *= 1 - (_FORMS.get(name) or _SAID[name])[0]
        told = ", ".join(f"{name} {count}" for name, count in found.items()) or "nothing found"
        score = self._calibration.score(1 - doubt)
        seconds = time.perf_counter() - began
        return Verdict(self.name, score, told, self.version, self._calibration.id, seconds)


def _is_card(text: str) -> bool:
    """Check the last digit as ISO/IEC 7812-1 does (Luhn)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_account(text: str) -> bool:
    """Check the two digits after the country as ISO 13616 does (IBAN, mod 97)."""
    signs = text.replace(" ", "")
    if not 15 <= len(signs) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def _is_telephone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    dated = re.match(r"\d{4}-\d\d-\d\d|\d{3}-\d\d-\d{4}$", text)
    return 8 <= digits <= 15 and dated is None
