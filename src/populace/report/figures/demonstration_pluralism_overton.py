"""A result of `overton` to draw: planted answers and a planted judge, of no model and no people."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["overton_result"]


@cache
def overton_result() -> TaskResult:
    """Play the task on twenty planted questions with four views each.

    Examples
    --------
    >>> overton_result().headline.measure
    'coverage'
    """
    from msgspec import structs

    from populace.bench import Counting, open_task, play
    from populace.bench.runner import summed
    from populace.bench.windows.planting import (
        planted_bench,
        planted_matcher,
        planted_teller,
        planted_windows,
    )

    task = open_task("overton")
    with TemporaryDirectory() as folder:
        place = Path(folder) / "windows.parquet"
        planted_windows(20).write_parquet(place)
        bench, models = planted_bench(planted_teller(0.4, 0.8), planted_matcher(0.02), place)
        result = summed(task, bench, play(task, bench, models), Counting(), {})
    return structs.replace(result, target="a planted model", judge="a planted judge")
