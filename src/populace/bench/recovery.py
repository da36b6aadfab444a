"""The optional part of a task's form: a planted value, and what the task makes of it.

`Task.validate` proves once that gold passes. A task that is `Recoverable` can be asked for any number of
seeded repetitions, and `benchmarks/bench_recovery.py` counts how often its intervals hold what was planted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from populace.stats import Estimate

__all__ = ["Recoverable"]


@runtime_checkable
class Recoverable(Protocol):
    """A task with a value that can be planted.

    Examples
    --------
    >>> from populace.bench import open_task
    >>> isinstance(open_task("main"), Recoverable)
    True
    """

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Play once with planted people: for some scores a label, the planted value, and the estimate.

        Labels are the same for every seed; planted values may differ. Two seeds share no chance.
        """
        ...
