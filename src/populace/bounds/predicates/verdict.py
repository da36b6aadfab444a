"""What every predicate gives and offers: one verdict a text, a number from 0 to 100 and where it is from.

A predicate never sees a threshold: those are the policy's. It says how sure it is, by which version and which
calibration, and what made it think so; the evidence names rules and counts, never the words of the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from populace.errors import DataError

__all__ = ["NONE", "Predicate", "Verdict"]

NONE = "none"
"""The calibration id of a score that was only scaled to 0 to 100, not fitted to labels."""


class Verdict(msgspec.Struct, frozen=True):
    """How sure a predicate is that a text has one hazard.

    Examples
    --------
    >>> Verdict("off", 97, "1 of 2 rules", "words 1", "none", 0.001).score
    97
    """

    name: str
    """The hazard, as in `hazards.toml`."""
    score: int
    """0 surely not, 100 surely."""
    evidence: str
    """Which rules or labels made it so; never the text."""
    version: str
    """Of what judged: another version is another cache line."""
    calibration: str
    """Id of the map from raw scores to this one; "none" where they were only scaled."""
    seconds: float
    """How long it took."""

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 100:
            raise DataError(f"the score {self.score} of {self.name} is not between 0 and 100")


@runtime_checkable
class Predicate(Protocol):
    """Judges texts for one hazard."""

    @property
    def name(self) -> str:
        """The hazard it judges."""
        ...

    @property
    def version(self) -> str:
        """What judged: name, version, hash of its rules or prompt, calibration."""
        ...

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text.

        What takes long has to wait (`await`), or run in a thread: what blocks holds up everybody else, and
        counts as no verdict where it comes too late.

        Raises
        ------
        ModelError
            If it cannot judge. Whoever asked must not take that for a zero.
        """
        ...
