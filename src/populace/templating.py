"""The texts that models are given: one `.txt` template a message, filled by plain substitution.

A template holds text and names in double braces, nothing else, so a million messages cost a microsecond
each. A missing value is an error, never an empty string, and what a model wrote is inserted as data: braces
in it stay braces.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources

from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["Templates"]

_HOLE = re.compile(r"\{\{ (\w+) \}\}")


class Templates:
    """The folder `templates` of a package.

    Examples
    --------
    >>> Templates("populace.bench").render("answer", {"style": "Be brief."}).splitlines()[-1]
    'Be brief.'
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._parts = functools.cache(self._split)

    def render(self, name: str, values: Mapping[str, str] | None = None) -> str:
        """Fill a template.

        Raises
        ------
        KeyError
            If a value that the template names is not given.
        """
        parts = list(self._parts(name))
        parts[1::2] = [(values or {})[hole] for hole in parts[1::2]]
        return "".join(parts)

    def hash(self, *names: str) -> str:
        """Content hash of templates: a run's provenance names the exact words that were used."""
        return content_hash({name: self._source(name) for name in names})

    def names(self) -> list[str]:
        """List the templates, sorted."""
        files = resources.files(self._package).joinpath("templates").iterdir()
        return sorted(file.name.removesuffix(".txt") for file in files if file.name.endswith(".txt"))

    def _source(self, name: str) -> str:
        return resources.files(self._package).joinpath("templates", f"{name}.txt").read_text("utf-8").strip()

    def _split(self, name: str) -> tuple[str, ...]:
        """Texts of a template and, between them, the names of its values: text, name, text, ..., text."""
        parts = tuple(_HOLE.split(self._source(name)))
        if any(sign in text for text in parts[::2] for sign in ("{{", "{%", "{#")):
            raise DataError(
                "this template holds more than names in braces",
                file=f"templates/{name}.txt",
                fix="write each value as {{ name }}",
            )
        return parts
