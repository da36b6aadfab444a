"""What a comparison of runs reads and gives: a run, what two runs share, how they differ, the board."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from populace.bench.result import TaskResult
from populace.stats.ranking import Ranking

__all__ = ["Board", "Difference", "Run", "Shared"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A setting in which runs differ."""

    setting: str
    values: dict[str, str]
    """By run."""

    def __str__(self) -> str:
        told = ", ".join(f"{name}: {each}" for name, each in self.values.items())
        return f"{self.setting} ({told})"


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What two runs have in common."""

    a: str
    b: str
    items: int
    """Scored in both."""
    personas: int
    only_a: int
    """Items that only the first scored."""
    only_b: int


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A leaderboard of one arm of a task."""

    task: str
    measure: str
    arm: str
    arms: tuple[str, ...]
    """Arms that all runs have."""
    higher_is_better: bool
    judge: str | None
    ranking: Ranking
    """Best first. Differences are first less second of the values as they are."""
    shared: tuple[Shared, ...]
    """In the order of the pairs of the ranking."""
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]

    def save(self, path: str | Path) -> None:
        """Write JSON: whole or not at all, the same bytes for the same board."""
        from populace.atomic import write_atomic

        text = msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)
        write_atomic(Path(path), text + b"\n")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was read."""

    name: str
    """The model under test, or who judged where answers were given; with the folder where two are alike."""
    folder: str
    result: TaskResult
    values: pl.DataFrame
    """The columns that name an item (`arm` among them), and `value`."""
