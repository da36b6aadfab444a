"""Reference perspectives on forty of our own contested questions: the authors' judgement, without shares."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from populace.pluralism.overton import Window, window
from populace.prompts.builtin import builtin

__all__ = ["SOURCE", "builtin_windows"]

SOURCE = "populace, authors' judgement"


@cache
def builtin_windows() -> tuple[Window, ...]:
    """Load them, in the order of the file.

    Examples
    --------
    >>> found = builtin_windows()
    >>> len(found), sum(len(each.perspectives) for each in found)
    (40, 139)
    """
    text = files("populace.bench.windows").joinpath("data", "contested.toml").read_text("utf-8")
    topics = dict(builtin().select("text", "topic").iter_rows())
    return tuple(
        window(each["text"], each["perspectives"], topic=topics[each["text"]], source=SOURCE)
        for each in tomllib.loads(text)["question"]
    )
