"""The prompts of this room: Jinja files in `templates/`, rendered in a sandbox; what is inserted is data."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from populace.canonical import content_hash

__all__ = ["prompts_hash", "render_prompt"]


def render_prompt(name: str, **values: object) -> str:
    """Render a template; a value that it names and is not given is an error.

    Examples
    --------
    >>> render_prompt("check_user", profile="A person.", first="yes", second="no").splitlines()[-1]
    'B: no'
    """
    return _template(name).render(**values).strip()


def prompts_hash(*names: str) -> str:
    """Content hash of the templates' words, for provenance."""
    return content_hash({name: _source(name) for name in names})


def _source(name: str) -> str:
    return resources.files("populace.authoring").joinpath("templates", f"{name}.txt").read_text("utf-8")


@functools.cache
def _template(name: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source(name))
