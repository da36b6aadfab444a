"""What a jury says: records of winners, of who beats whom, and of lotteries."""

from __future__ import annotations

from typing import Any

import msgspec

from populace.errors import DataError
from populace.stats import Estimate

__all__ = ["Condorcet", "Lottery", "Winner"]


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """Who wins by a rule."""

    rule: str
    settings: dict[str, Any] = {}
    winners: tuple[str, ...]
    """All options that win, in the jury's order: a tie is a result."""
    scores: dict[str, float]
    """Of every option, more is better, in the rule's own unit; empty where the rule gives none."""
    margin: Estimate
    """Lead of the winner over the best other option, in that unit, over resampled jurors; 0 for a tie."""
    missing: str
    """How many ratings were missing, and what was done about them."""
    exact: bool = True
    """Whether the winners are those of the rule; else they hold all of them, and perhaps others."""

    @property
    def only(self) -> str:
        """Give the winner.

        Raises
        ------
        DataError
            If several win.
        """
        if len(self.winners) != 1:
            told = " and ".join(self.winners)
            raise DataError(
                f"{told} are tied by {self.rule}", fix="say how ties are broken, and break this one"
            )
        return self.winners[0]

    def __str__(self) -> str:
        verb = "wins" if len(self.winners) == 1 else "tie"
        bound = "" if self.exact else " at most"
        return f"{self.rule}: {', '.join(self.winners)} {verb}{bound}; lead {self.margin}; {self.missing}"


class Condorcet(msgspec.Struct, frozen=True, kw_only=True):
    """Who beats whom."""

    winner: str | None
    """Beats every other option by a majority; None where none does."""
    loser: str | None
    """Is beaten by every other option."""
    smith: tuple[str, ...]
    """The least set of options that each beat everybody outside it."""
    schwartz: tuple[str, ...]
    """The union of the least sets that nobody outside beats."""
    cycle: tuple[str, ...]
    """A cycle of majorities at the top, each beating the next and the last the first; empty where there is
    none."""


class Lottery(msgspec.Struct, frozen=True, kw_only=True):
    """Chances of options."""

    chances: dict[str, float]
    """Options with a chance, in the jury's order; they sum to 1."""
    exploitability: float
    """The greatest margin that any option has over the lottery: 0, to rounding, for a maximal lottery; for a
    robust one, in the worst jury within the radius."""
    radius: float = 0.0
    """Share of the jury's weight that may be moved."""
