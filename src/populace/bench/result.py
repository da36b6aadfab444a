"""What comes out of a task: scores with intervals, findings of the audits, and the record of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from populace.atomic import write_atomic
from populace.errors import DataError
from populace.stats import Estimate

__all__ = ["Finding", "Score", "TaskResult", "result_schema"]

FORMAT = 1


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a task."""

    measure: str
    arm: str = ""
    """What was varied: a mode, an attribute left out, a baseline; empty where nothing was."""
    group: str = ""
    """Whose items these are, as an expression over attributes; empty for everybody."""
    estimate: Estimate
    raw: float | None = None
    """The share as counted, where the estimate is shrunk."""
    p_value: float | None = None
    """Of the difference from the arm it stands beside; adjusted where several are tested at once."""
    note: str = ""
    """What a reader must know about it: few people, shrunk, adjusted by Holm."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One shortcut, held against the score that it would explain away."""

    name: str
    """For example `length rule`."""
    what: str
    """What the shortcut does, in a sentence."""
    shortcut: Estimate
    """What it reaches."""
    beside: Estimate | None = None
    """The score that it is held against."""
    passed: bool
    """Whether the score stands."""
    why: str
    """The rule that decided, with its numbers."""


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a run: everything needed to read it, and to ask again."""

    format: int = FORMAT
    task: str
    task_version: int
    populace: str
    target: str
    """The model under test; empty where answers were given, as of real people."""
    judge: str | None
    """None where nobody judged."""
    judge_is_target: bool = False
    way: str
    settings: dict[str, Any]
    """Everything else that shaped the requests: sizes, seeds, template, options of the task."""
    personas: str
    """Content hash of who took part: the persons of the items."""
    prompts: str
    """Content hash of what they were asked: the questions of the items."""
    templates: str
    items: int
    """Rows of the table of items."""
    failed: dict[str, int] = {}
    """Calls without an answer, by what went wrong."""
    main_measure: str
    higher_is_better: bool
    scores: list[Score]
    findings: list[Finding] = []

    @property
    def headline(self) -> Score:
        """The first score of the main measure."""
        return next(score for score in self.scores if score.measure == self.main_measure)

    @property
    def passed(self) -> bool:
        """Whether there is a headline, and no audit explains it away."""
        return self.headline.estimate.defined and all(finding.passed for finding in self.findings)

    def save(self, path: str | Path) -> None:
        """Write JSON: whole or not at all, the same bytes for the same result."""
        text = msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)
        write_atomic(Path(path), text + b"\n")

    @classmethod
    def load(cls, path: str | Path) -> TaskResult:
        """Read a result.

        Raises
        ------
        DataError
            If the file is missing, or is no result of this format.
        """
        try:
            return msgspec.convert(_undefined(msgspec.json.decode(Path(path).read_bytes())), cls)
        except FileNotFoundError as error:
            fix = "make it with `populace bench run`"
            raise DataError("there is no such result", file=path, fix=fix) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(f"this is no result of a task ({error})", file=path) from error


def result_schema() -> dict[str, Any]:
    """Give the JSON Schema of a result. What the data do not define is null.

    Examples
    --------
    >>> schema = result_schema()
    >>> schema["$ref"], schema["$defs"]["Estimate"]["properties"]["value"]
    ('#/$defs/TaskResult', {'type': ['number', 'null']})
    """
    schema = msgspec.json.schema(TaskResult)
    properties = schema["$defs"]["Estimate"]["properties"]
    for name in ("value", "low", "high"):
        properties[name] = {"type": ["number", "null"]}
    return schema


def _undefined(value: Any) -> Any:
    """Read the null of an estimate as nan."""
    if isinstance(value, list):
        return [_undefined(each) for each in value]
    if not isinstance(value, dict):
        return value
    read = {name: _undefined(each) for name, each in value.items()}
    if {"value", "low", "high", "clusters"} <= read.keys():
        read |= {name: float("nan") for name in ("value", "low", "high") if read[name] is None}
    return read
