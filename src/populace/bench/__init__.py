"""Benchmarks: how well a model serves different people, each score with its interval and its audits.

A task is one file in `tasks`; `runner` plays it, `result` is its record, `elicit` how verdicts are asked for,
`scoring` how they are counted, and `planted` the people whose true scores are known.
"""

from populace.bench.result import Finding, Score, TaskResult, result_schema
from populace.bench.runner import play, read_items, run_task, summed
from populace.bench.task import Ask, Bench, Counting, Described, Play, Role, Task, TaskMeta
from populace.bench.tasks import TASKS, open_task

__all__ = [
    "TASKS",
    "Ask",
    "Bench",
    "Counting",
    "Described",
    "Finding",
    "Play",
    "Role",
    "Score",
    "Task",
    "TaskMeta",
    "TaskResult",
    "open_task",
    "play",
    "read_items",
    "result_schema",
    "run_task",
    "summed",
]
