"""The window of a Polis conversation: its groups of voters, in the statements that represent each.

Groups are those of `populace.pluralism.bridging.opinion_map`, statements those of
`populace.pluralism.overton.window_from_groups`. The question is what the conversation was opened with
(`summary.csv`), or its topic. Participants chose to take part: shares are theirs, and nobody else's.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from msgspec import structs

from populace.errors import DataError
from populace.opinions.polis import read_polis
from populace.pluralism.overton import Window, window_from_groups

__all__ = ["polis_window"]

_OPENING = 'Do you agree with this statement: "'
_VOTE = {0: 1.0, 1: -1.0, 2: 0.0}
_LONGEST = 600
"""Characters of a description that still is a question, and not a page of rules."""


def polis_window(folder: str | Path, *, most: int = 3, least: int = 7) -> Window:
    """Read a conversation, group its voters, and put their statements together.

    Parameters
    ----------
    folder
        Of the export.
    most
        Statements of a group at most.
    least
        Votes that a participant must have cast.

    Raises
    ------
    DataError
        If the export cannot be read, says nowhere what it is about, or has no groups.
    """
    from populace.pluralism.bridging import opinion_map

    opinions = read_polis(folder, least)
    votes = np.full(opinions.answers.shape, np.nan)
    for code, vote in _VOTE.items():
        votes[opinions.answers == code] = vote
    found = opinion_map(votes, resamples=0, nulls=0)
    statements = [item.question.removeprefix(_OPENING).removesuffix('"?') for item in opinions.items]
    made = window_from_groups(
        votes,
        found.groups,
        statements,
        question=_question(Path(folder)),
        most=most,
        topic=Path(folder).name,
        wordless="leave_out",
        source="Polis: groups of its voters",
    )
    there = {view.name for view in made.perspectives}
    lost = [
        name
        for group in np.unique(found.groups[found.groups >= 0])
        if (name := f"group {group}") not in there
    ]
    if not lost:
        return made
    return structs.replace(
        made, source=f"{made.source}, less {', '.join(lost)}, which no statement is that of alone"
    )


def _question(folder: Path) -> str:
    """Find what people were asked."""
    place = folder / "summary.csv"
    try:
        with place.open(encoding="utf-8", newline="") as handle:
            said = {row[0]: " ".join(row[1].split()) for row in csv.reader(handle) if len(row) == 2}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the conversation's summary cannot be read ({error})", file=place) from error
    topic, about = said.get("topic", ""), said.get("conversation-description", "")
    if about and len(about) <= _LONGEST:
        return f"{topic}: {about}" if topic else about
    if not topic:
        raise DataError("nothing says what the conversation is about", file=place, fix="write its topic")
    return f"What do you think about this: {topic}?"
