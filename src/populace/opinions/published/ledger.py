"""What happens when predictions are laid beside the options of questions: nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from populace.opinions.published.gold import Question

__all__ = ["Ledger", "Row", "row_of"]

_SHOWN = 3


@dataclass
class Row:
    """A distribution over the options that count, and the mass that is elsewhere."""

    shares: np.ndarray
    refused: float = 0.0
    lacking: float = 0.0
    odd: dict[str, float] = field(default_factory=dict)


def row_of(question: Question, given: Mapping[str, float]) -> Row:
    """Match predicted options by their text, whatever the case and spaces."""
    places = {_plain(option): place for place, option in enumerate(question.options)}
    refusals = {_plain(option) for option in question.refusals}
    row = Row(np.zeros(len(question.options)))
    for option, mass in given.items():
        plain = _plain(option)
        if plain in places:
            row.shares[places[plain]] += mass
        elif plain in refusals:
            row.refused += mass
        else:
            row.odd[option] = row.odd.get(option, 0.0) + mass
    row.lacking = max(0.0, 1 - row.shares.sum() - row.refused - sum(row.odd.values()))
    return row


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


@dataclass
class Ledger:
    """Counts what happens when predictions are laid beside questions."""

    asked: int = 0
    missing: int = 0
    empty: int = 0
    scored: int = 0
    refused: float = 0.0
    unmatched: float = 0.0
    lacking: float = 0.0
    odd: dict[str, float] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def enter(self, row: Row | None) -> np.ndarray | float:
        """Count a distribution, and give its shares, nan where there are none."""
        self.asked += 1
        if row is None:
            self.missing += 1
            return np.nan
        for option, mass in row.odd.items():
            self.odd[option] = self.odd.get(option, 0.0) + mass
        if not row.shares.sum() > 0:
            self.empty += 1
            return np.nan
        self.scored += 1
        self.refused += row.refused
        self.unmatched += sum(row.odd.values())
        self.lacking += row.lacking
        return row.shares / row.shares.sum()

    def notes(self, given: int) -> list[str]:
        """Say what was not scored, and the mass that was lost."""
        found = []
        if self.missing:
            found.append(f"{self.missing:,} of {self.asked:,} distributions (question x group) not predicted")
        if self.empty:
            found.append(f"{self.empty:,} predicted distributions have no mass on an option that counts")
        total = max(self.scored, 1)
        if self.scored:
            found.append(
                f"lost mass, mean over {self.scored:,} scored: {self.refused / total:.4f} on refusals, "
                f"{self.unmatched / total:.4f} on options that match none, {self.lacking / total:.4f} missing"
            )
        if self.odd:
            first = ", ".join(repr(name) for name in list(self.odd)[:_SHOWN])
            found.append(f"{len(self.odd):,} predicted options match none of their question: {first}")
        if given > len(self.used):
            found.append(f"{given - len(self.used):,} of {given:,} predicted questions are not in the files")
        return found
