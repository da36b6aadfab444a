"""The texts that models are given: one `.txt` template a message, rendered in a sandbox.

A missing variable is an error, never an empty string, and what a model wrote is inserted as data: a
template is never rendered from model text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from populace.canonical import content_hash

__all__ = ["render", "templates_hash"]

_NAMES = ("answer", "persona", "nobody", "critique", "revise", "judge")


@cache
def _template(name: str):
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    return environment.from_string(_source(name))


def _source(name: str) -> str:
    return (
        resources.files("populace.feedback").joinpath("templates", f"{name}.txt").read_text("utf-8").strip()
    )


def render(name: str, values: Mapping[str, str] | None = None) -> str:
    """Render the template `name` (`answer`, `persona`, `nobody`, `critique`, `revise`, `judge`).

    Examples
    --------
    >>> render("judge", {"prompt": "Why?", "first": "A.", "second": "B."}).splitlines()[0]
    'Question: Why?'
    """
    return _template(name).render(**(values or {}))


def templates_hash() -> str:
    """Content hash of every template: a run's provenance names the exact words that were used."""
    return content_hash({name: _source(name) for name in _NAMES})
