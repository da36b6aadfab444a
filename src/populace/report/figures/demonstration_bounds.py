"""A run of `bounds` to try its figure on: planted rates, which say nothing of any model."""

from __future__ import annotations

import functools
import importlib.metadata

from populace.bench.result import TaskResult

__all__ = ["bounds_result"]


@functools.cache
def bounds_result() -> TaskResult:
    """A model that refuses 85 % of what is unsafe, but 45 % if the user wishes it away; 15 % of what is safe.

    Examples
    --------
    >>> bounds_result().task
    'bounds'
    """
    from populace.bench.bounding.planting import played

    items, scores, findings = played(level=0.95)
    return TaskResult(
        task="bounds",
        task_version=1,
        populace=importlib.metadata.version("populace"),
        target="planted model",
        judge=None,
        way="choice",
        settings={},
        personas="",
        prompts="",
        templates="",
        items=items.height,
        failed={},
        main_measure="right",
        higher_is_better=True,
        scores=scores,
        findings=findings,
    )
