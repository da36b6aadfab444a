"""Scores of many groups, with their mean and their worst."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from populace.pluralism.distributional.conventions import Convention
from populace.stats import Estimate

__all__ = ["Groups"]


@dataclass(frozen=True)
class Groups:
    """Scores of many groups.

    Attributes
    ----------
    names
        Of the groups.
    scores
        One a group.
    mean, worst
        Over the groups, all alike; the worst is that of each resample, so its interval knows of the choice.
    convention
        Of the numbers.
    """

    names: tuple[str, ...]
    scores: tuple[Estimate, ...]
    mean: Estimate
    worst: Estimate
    convention: Convention

    def frame(self) -> pl.DataFrame:
        """Give all scores, a row each; the mean and the worst come first."""
        fields = ("value", "low", "high", "level", "n", "clusters", "method", "seed")
        rows = (
            ("mean of groups", self.mean),
            ("worst group", self.worst),
            *zip(self.names, self.scores, strict=True),
        )
        return pl.DataFrame(
            [
                {"group": name, "metric": self.convention.name}
                | {field: getattr(one, field) for field in fields}
                for name, one in rows
            ]
        )
