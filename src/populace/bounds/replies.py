"""Whether a reply did what was required of it, as far as its words show.

A duty with a pattern is looked for; one without is not to be seen in the words (a mark in metadata, a matter
of judgement), and is told as such: not seen is not done, and not missing either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from populace.errors import DataError

__all__ = ["Seen", "missing_duties"]


class _Duty(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def pattern(self) -> str: ...


class Seen(NamedTuple):
    """What a reply shows of its duties, by id."""

    done: tuple[str, ...]
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    """Those that words cannot show: somebody, or something else, has to look."""


def missing_duties(reply: str, required: Iterable[str], duties: Mapping[str, _Duty]) -> Seen:
    """Look for required duties in a reply.

    Parameters
    ----------
    reply
        Its text.
    required
        Ids, as `Decision.requirements` has them.
    duties
        What there is, as `Bounds.duties` has it.

    Raises
    ------
    DataError
        If a required duty is not among them, or its pattern is none.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from populace.bounds.policy.settings import read_duties
    >>> duties = read_duties(files("populace.bounds") / "data" / "examples" / "duties.toml")
    >>> asked = ["say_you_are_ai", "see_a_professional", "mark_as_generated"]
    >>> missing_duties("I am an AI model. Ibuprofen may help.", asked, duties)
    Seen(done=('say_you_are_ai',), missing=('see_a_professional',), unseen=('mark_as_generated',))
    """
    done, missing, unseen = [], [], []
    for name in required:
        if name not in duties:
            fix = f"use one of {', '.join(duties)}"
            raise DataError(f"there is no duty {name!r}", file="duties.toml", fix=fix)
        pattern = duties[name].pattern
        try:
            found = re.search(pattern, reply)
        except re.error as error:
            raise DataError(f"the pattern of {name} is none: {error}", file="duties.toml") from error
        (unseen if not pattern else done if found else missing).append(name)
    return Seen(tuple(done), tuple(missing), tuple(unseen))
