"""Settings of a task's own, as `Bench.options` has them: read once, and refused where they mean nothing.

A setting is given in Python as it is, or as text, as a command line has it: `1,2,4`, `true`, `work,age`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from populace.errors import StudyError

__all__ = ["known", "listed", "switched", "whole_numbers"]

_SWITCH = {"true": True, "yes": True, "false": False, "no": False}


def known(task: str, options: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse settings that a task does not have.

    Raises
    ------
    StudyError
        If there is one.

    Examples
    --------
    >>> known("pass-at-k", {"k": [1]}, ["k", "samples"])
    """
    for name in options:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            usual = f"use {', '.join(names)}" if names else "leave it out: the task has none"
            fix = f"did you mean {near[0]!r}?" if near else usual
            raise StudyError(f"{task} has no setting {name!r}", fix=fix)


def listed(value: Any) -> list[Any]:
    """Read a list: one value is a list of itself, a text is cut at its commas.

    Examples
    --------
    >>> listed("work, age"), listed(["work", "age"]), listed(4), listed("")
    (['work', 'age'], ['work', 'age'], [4], [])
    """
    if isinstance(value, str):
        return [part for each in value.split(",") if (part := each.strip())]
    return list(value) if isinstance(value, Iterable) else [value]


def switched(name: str, value: Any) -> bool:
    """Read a setting that is on or off.

    Raises
    ------
    StudyError
        If it is neither.

    Examples
    --------
    >>> switched("nobody", "no"), switched("nobody", True)
    (False, True)
    """
    found = _SWITCH.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise StudyError(f"{name} is {value!r}, which is neither on nor off", fix="use true or false")
    return found


def whole_numbers(name: str, value: Any) -> list[int]:
    """Read whole numbers from 1 up: sorted, each once.

    Raises
    ------
    StudyError
        If there is none, or one that is no such number.

    Examples
    --------
    >>> whole_numbers("k", "4,1,1"), whole_numbers("samples", 16)
    ([1, 4], [16])
    """
    found: set[int] = set()
    for each in listed(value):
        text = str(each)
        if isinstance(each, bool) or not text.isdecimal() or int(text) < 1:
            raise StudyError(f"{name} holds {each!r}, which is no whole number from 1 up")
        found.add(int(text))
    if not found:
        raise StudyError(f"{name} is empty", fix="give at least one whole number, or leave it out")
    return sorted(found)
