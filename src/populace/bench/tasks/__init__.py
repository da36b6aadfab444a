"""The tasks, one file each, opened by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module

from populace.bench.task import Task
from populace.errors import StudyError

__all__ = ["TASKS", "open_task"]

TASKS = {
    "main": "Main",
    "intersectionality": "Intersectionality",
    "agreement": "Agreement",
    "leave-one-out": "LeaveOneOut",
    "pass-at-k": "PassAtK",
    "comparison": "Comparison",
    "grounded": "Grounded",
    "distributional": "Distributional",
    "steerable": "Steerable",
    "overton": "Overton",
    "jury": "Jury",
    "diversity": "Diversity",
    "phrases": "Phrases",
    "multi-objective": "MultiObjective",
    "trade-off": "TradeOffSteering",
    "response-prediction": "ResponsePrediction",
    "portfolio": "Portfolio",
    "bounds": "BoundsTask",
}
"""Name of each task -> its class, in the module of the same name (`-` read as `_`)."""


def open_task(name: str) -> Task:
    """Open a task.

    Raises
    ------
    StudyError
        If there is none of that name.

    Examples
    --------
    >>> open_task("main").meta.main_measure
    'satisfied'
    """
    if name not in TASKS:
        near = difflib.get_close_matches(name, TASKS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(TASKS)}"
        raise StudyError(f"there is no task {name!r}", fix=fix)
    module = import_module(f"populace.bench.tasks.{name.replace('-', '_')}")
    task: Callable[[], Task] = getattr(module, TASKS[name])
    return task()
