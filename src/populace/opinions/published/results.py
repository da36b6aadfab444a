"""A published metric, computed again: its scores with intervals, and what was not scored."""

from __future__ import annotations

import msgspec
import polars as pl

from populace.errors import DataError
from populace.stats.estimate import Estimate

__all__ = ["Published", "PublishedScore"]


class PublishedScore(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a paper's kind."""

    group: str
    who: str
    """The model, `uniform`, `majority`; or `humans`: the group's own answers against those of everybody."""
    estimate: Estimate


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A metric on all groups."""

    name: str
    measure: str
    """As the paper has it."""
    better: str
    """`higher` or `lower`."""
    questions: int
    scores: tuple[PublishedScore, ...]
    notes: tuple[str, ...]
    """What was not scored, and what is not as the paper has it."""

    def score(self, group: str, who: str) -> Estimate:
        """Look up a score.

        Raises
        ------
        DataError
            If there is none.
        """
        for score in self.scores:
            if (score.group, score.who) == (group, who):
                return score.estimate
        raise DataError(f"there is no score of {who} for {group}")

    def frame(self) -> pl.DataFrame:
        """Give all scores, a row each."""
        fields = ("value", "low", "high", "level", "n", "clusters", "method", "seed")
        return pl.DataFrame(
            [
                {"group": score.group, "who": score.who}
                | {field: getattr(score.estimate, field) for field in fields}
                for score in self.scores
            ]
        )
