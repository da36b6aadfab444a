"""Targets whose way to trade objectives off is known: what `trade-off` is proved on.

Told how much brevity and detail weigh, a planted target writes so many words, all distinct and of content.
Its outcomes are then known, and so is every score. Cheats are targets of the same kind.
"""

from __future__ import annotations

import re
from typing import Literal

from populace.bench.planted import chance
from populace.models.records import GenerateRequest
from populace.models.scripted import Scripted

__all__ = ["UNSTEERED", "length_for", "planted_steered"]

_BRIEF = re.compile(r"- be brief: ([\d.]+) %")
_LONGEST, _SHORTEST = 120, 5
UNSTEERED = 30
"""Words of a target that was told no weights."""
Cheat = Literal["", "deaf", "extreme", "contrary"]


def length_for(weight: float) -> int:
    """Say how many words a target writes for which brevity weighs so much.

    Examples
    --------
    >>> length_for(0.0), length_for(0.5), length_for(1.0)
    (120, 24, 5)
    """
    return round(_LONGEST * (_SHORTEST / _LONGEST) ** weight)


def planted_steered(cheat: Cheat = "", *, seed: int = 0, spread: float = 0.4) -> Scripted:
    """Make a target that follows its weights, and varies about them from question to question.

    Parameters
    ----------
    cheat
        `deaf` ignores weights, `extreme` knows only the shortest and the longest, `contrary` does the
        opposite of what it is told.
    seed
        Of the lengths.
    spread
        How much lengths vary, as a share.
    """

    def text(request: GenerateRequest) -> str:
        told = _BRIEF.search(request.messages[0].content)
        luck = chance("length", seed, cheat, request.key)
        count = UNSTEERED
        if told and cheat != "deaf":
            weight = float(told[1]) / 100
            if cheat == "contrary":
                weight = 1 - weight
            if cheat == "extreme":
                weight = float(weight > 0.5)
            count = length_for(weight)
        count = max(1, round(count * (1 + spread * (luck - 0.5))))
        return " ".join(f"word{n}" for n in range(count)) + "."

    return Scripted(text=text, model=f"planted-steered-{cheat or 'honest'}-{seed}@1/exact")
