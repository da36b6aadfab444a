"""The words that models are given in this room: the templates, and the hash that provenance names."""

from __future__ import annotations

from populace.templating import Templates

__all__ = ["render", "templates_hash"]

_NAMES = ("answer", "persona", "nobody", "critique", "revise", "judge")
_TEMPLATES = Templates("populace.feedback")

render = _TEMPLATES.render
"""Fill the template `answer`, `persona`, `nobody`, `critique`, `revise` or `judge`."""


def templates_hash() -> str:
    """Content hash of every template: a run's provenance names the exact words that were used.

    Examples
    --------
    >>> len(templates_hash())
    32
    """
    return _TEMPLATES.hash(*_NAMES)
