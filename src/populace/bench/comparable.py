"""Whether scores of runs mean the same, and in what else the runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from populace.bench.board import Difference, Run
from populace.bench.result import TaskResult
from populace.bench.runner import FILES
from populace.errors import StudyError

__all__ = ["check_comparable", "differing", "said_of"]

_SAME = ("task", "task_version", "judge", "way", "templates")
"""What a score depends on so much that another value makes it another score."""
_SAME_SETTINGS = ("template", "tie_margin", "options", "also", "files")
_SAID = ("populace", "personas", "prompts")
_NAMES = {
    "task_version": "version of the task",
    "way": "way of judging",
    "templates": "words of the questions",
    "template": "description of people",
    "also": "further judges",
    "files": "files of answers",
    "populace": "version of populace",
    "personas": "personas",
    "prompts": "questions",
}
_HASHES = ("templates", "personas", "prompts")


def check_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs whose scores do not mean the same.

    Raises
    ------
    StudyError
        If they differ in anything that a score depends on.
    """
    tasks = list(dict.fromkeys(run.result.task for run in runs))
    if len(tasks) > 1:
        raise StudyError(f"these runs are of the tasks {', '.join(tasks)}", fix="compare runs of one task")
    # Where answers were given, the judge is the model under test.
    same = _SAME if any(run.result.target for run in runs) else [name for name in _SAME if name != "judge"]
    found = differing(
        runs,
        {name: [_shown(name, getattr(run.result, name)) for run in runs] for name in same}
        | {name: [_shown(name, _setting(run.result, name)) for run in runs] for name in _SAME_SETTINGS},
    )
    if found:
        raise StudyError(
            f"scores of these runs do not mean the same: they differ in {'; '.join(map(str, found))}",
            fix="compare runs of the same task, judged alike",
        )


def _setting(result: TaskResult, name: str) -> Any:
    """Give a setting; of files that options name, what is in them counts, not where they are."""
    found = result.settings.get(name)
    if name == "options" and found:
        return {option: value for option, value in found.items() if option not in FILES}
    return found


def said_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Give the other settings of runs, as a reader wants them: setting -> value of each run."""
    settings = dict.fromkeys(name for run in runs for name in run.result.settings)
    told = {name: [_shown(name, getattr(run.result, name)) for run in runs] for name in _SAID}
    return told | {
        name: [_shown(name, run.result.settings.get(name)) for run in runs]
        for name in settings
        if name not in _SAME_SETTINGS
    }


def differing(runs: Sequence[Run], told: Mapping[str, list[str]]) -> list[Difference]:
    """Keep the settings in which runs differ."""
    names = [run.name for run in runs]
    return [
        Difference(
            setting=_NAMES.get(name, name.replace("_", " ")), values=dict(zip(names, each, strict=True))
        )
        for name, each in told.items()
        if len(set(each)) > 1
    ]


def _shown(name: str, given: Any) -> str:
    """Write a setting as a reader wants it; a missing mapping is an empty one."""
    if given is None or given == {}:
        return "none"
    return str(given)[:8] if name in _HASHES else str(given)
