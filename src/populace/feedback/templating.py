"""The texts that models are given: one `.txt` template a message, filled by plain substitution.

A template holds text and names in double braces, nothing else, so a million messages cost a microsecond
each. A missing value is an error, never an empty string, and what a model wrote is inserted as data: braces
in it stay braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["render", "templates_hash"]

_NAMES = ("answer", "persona", "nobody", "critique", "revise", "judge")
_HOLE = re.compile(r"\{\{ (\w+) \}\}")


def _source(name: str) -> str:
    return (
        resources.files("populace.feedback").joinpath("templates", f"{name}.txt").read_text("utf-8").strip()
    )


@cache
def _parts(name: str) -> tuple[str, ...]:
    """Texts of a template and, between them, the names of its values: text, name, text, ..., text."""
    parts = tuple(_HOLE.split(_source(name)))
    if any(sign in text for text in parts[::2] for sign in ("{{", "{%", "{#")):
        raise DataError(
            "this template holds more than names in braces",
            file=f"templates/{name}.txt",
            fix="write each value as {{ name }}",
        )
    return parts


def render(name: str, values: Mapping[str, str] | None = None) -> str:
    """Render the template `name` (`answer`, `persona`, `nobody`, `critique`, `revise`, `judge`).

    Raises
    ------
    KeyError
        If a value that the template names is not given.

    Examples
    --------
    >>> render("judge", {"prompt": "Why?", "first": "A.", "second": "B."}).splitlines()[0]
    'Question: Why?'
    """
    parts = list(_parts(name))
    parts[1::2] = [(values or {})[hole] for hole in parts[1::2]]
    return "".join(parts)


def templates_hash() -> str:
    """Content hash of every template: a run's provenance names the exact words that were used."""
    return content_hash({name: _source(name) for name in _NAMES})
