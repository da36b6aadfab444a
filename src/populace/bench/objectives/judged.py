"""Objectives that a judge decides: which of two answers suits people of a group, or is better on an aim.

The two are the steered answer and the plain one to the same question, so that 0.5 is what no steering has and
no scale has to be agreed on. They are shown in both orders (`populace.bench.elicit`). For a group one of its
people judges each question, the same one for all ways to answer, and the next one the next question. An aim
in words is judged by nobody in particular.

What the target does not answer has 0; where only the plain answer is missing, or the judge gives no verdict,
there is no score, and the question is left out for all. The plain answer itself has 0.5 by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from populace.bench.elicit import Question, Verdict, prefer, role, shown
from populace.bench.groups import CROSSED, Cells, read_groups
from populace.bench.objectives.given import OBJECTIVE
from populace.bench.objectives.rules import RULES
from populace.bench.result import Finding
from populace.bench.rules import length_rule, position_rule, same_as_another
from populace.bench.scoring import columns, value
from populace.bench.silence import unjudged
from populace.bench.task import Bench, Counting
from populace.errors import StudyError
from populace.streams import stream

__all__ = [
    "NOBODY",
    "PLAIN_ANSWER",
    "Judged",
    "asked_about",
    "findings_of",
    "judged_objectives",
    "voters",
    "with_verdicts",
    "without_verdicts",
]

BY, VOTER = "by ", "who judges: "
PLAIN_ANSWER = "plain answer"
NOBODY = "nobody"
"""Column of what nobody in particular prefers, beside the verdicts of groups."""


class Judged(NamedTuple):
    """One objective that a judge decides."""

    name: str
    aim: str
    """What the target is told to do, as an order."""
    people: tuple[str, ...]
    """Who may judge, by `persona_id`; empty for an aim in words."""


def judged_objectives(bench: Bench) -> list[Judged]:
    """Read the settings `judged` (NAME: AIM, in words) and `groups` (NAME: EXPRESSION over attributes).

    Raises
    ------
    StudyError
        If one has no name or no aim, comes twice, is a crossing, or nobody is in the group.

    Examples
    --------
    >>> import polars as pl
    >>> people = pl.DataFrame({"persona_id": ["a", "b"], "age": [20, 70]})
    >>> bench = Bench(personas=people, prompts=pl.DataFrame(), target="t", judge="j",
    ...     options={"judged": "warmth: be warm", "groups": "young: age < 30"})
    >>> [(each.name, each.aim, each.people) for each in judged_objectives(bench)]
    [('warmth', 'be warm', ()), ('young', 'suit this group of people: young', ('a',))]
    """
    found: list[Judged] = []
    for text in _texts(bench, "judged"):
        name, _, aim = (part.strip() for part in text.partition(":"))
        if not (name and aim):
            raise StudyError(f"judged: {text!r} is not NAME: AIM", fix="write 'warmth: be warm and kind'")
        found.append(Judged(name, aim, ()))
    found += [_of_group(bench, group) for group in read_groups(_texts(bench, "groups"))]
    names = [each.name for each in found]
    for name in names:
        if name in RULES or names.count(name) > 1:
            raise StudyError(f"there are two objectives {name!r}", fix="give each a name of its own")
    if bench.way == "likelihood" and len(found) > sum(bool(each.people) for each in found):
        raise StudyError("an aim in words is judged by choice", fix="leave out --way likelihood")
    return found


def voters(bench: Bench, objective: Judged | None, count: int) -> list[str | None]:
    """Say who judges each of so many questions: the group's people in turn, in an order by lot."""
    if objective is None or not objective.people:
        return [None] * count
    rng = stream(bench.seed, f"bench.judged.{objective.name}")
    order = rng.permutation(len(objective.people)).tolist()
    return [objective.people[order[place % len(order)]] for place in range(count)]


def asked_about(
    bench: Bench, objective: Judged | None, rows: pl.DataFrame, who: Sequence[str | None]
) -> list[Question | None]:
    """Ask which of the steered and the plain answer is better, a question a row; nobody for None.

    Parameters
    ----------
    rows
        `prompt`, `answer` and `PLAIN_ANSWER`.
    who
        Who judges each row.
    """
    profiles = bench.profiles() if objective is not None and objective.people else {}
    found: list[Question | None] = []
    for person, (prompt, one, other) in zip(
        who, rows.select("prompt", "answer", PLAIN_ANSWER).iter_rows(), strict=True
    ):
        if objective is None or objective.people:
            found.append(prefer(bench, profiles[person] if person else None, prompt, one, other))
        elif one is None or other is None:
            found.append(None)
        else:
            values = {"prompt": prompt, "aim": objective.aim}
            found.append(shown(bench, role(None), "satisfies", values, (one, other)))
    return found


def with_verdicts(
    rows: pl.DataFrame, name: str, verdicts: Sequence[Verdict], who: Sequence[str | None], *, scores: bool
) -> pl.DataFrame:
    """Put verdicts beside the steered answers, who gave them, and what they come to as an objective."""
    rows = rows.with_columns(columns(BY + name, verdicts))
    if not scores:
        return rows
    outcome = pl.when(pl.col("answer").is_null()).then(0.0).otherwise(value(BY + name))
    people = pl.Series(VOTER + name, who, dtype=pl.String)
    return rows.with_columns(people, outcome.alias(OBJECTIVE + name))


def without_verdicts(plain: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give the plain answers what they have on the judged objectives of `rows`: one half, if there is one."""
    names = [name for name in rows.columns if name.startswith(OBJECTIVE)]
    half = pl.when(pl.col("answer").is_not_null()).then(0.5)
    return plain.with_columns(half.alias(name) for name in names)


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Hold the verdicts of every judged objective against length, place, nobody and silence.

    Parameters
    ----------
    items
        With verdicts. The plain arm has none. Two answers that are one are no matter of length and place.
    """
    names = [name.removeprefix(OBJECTIVE) for name in items.columns if name.startswith(OBJECTIVE)]
    whole = items.drop_nulls([BY + name for name in names])
    # Of one answer shown twice no place can be told.
    rows = whole.filter(pl.col("answer").ne_missing(pl.col(PLAIN_ANSWER))) if names else whole
    found: list[Finding] = []
    for name in names:
        column = BY + name
        found += [
            length_rule(rows, column, "answer", PLAIN_ANSWER, counting, label=name),
            position_rule(rows, column, counting, label=name),
            unjudged(whole, column, counting, label=name),
        ]
        people = rows.filter(pl.col(VOTER + name).is_not_null())
        if people.height and BY + NOBODY in rows.columns:
            found.append(
                same_as_another(
                    people,
                    column,
                    BY + NOBODY,
                    counting,
                    label=f"nobody, {name}",
                    what="prefers what a judge prefers who is told nobody's description",
                )
            )
    return found


def _texts(bench: Bench, name: str) -> list[str]:
    given = bench.options.get(name) or []
    return [given] if isinstance(given, str) else list(given)


def _of_group(bench: Bench, group: Cells) -> Judged:
    if group.column.startswith(CROSSED):
        fix = "name each group: 'left: ideology == \"Liberal\"'"
        raise StudyError(f"{group.name!r} is a crossing, and an objective is of one group", fix=fix)
    missing = [name for name in group.expr.meta.root_names() if name not in bench.personas.columns]
    if missing:
        raise StudyError(f"group {group.name!r}: these personas have no column {missing[0]!r}")
    people = bench.personas.filter(group.expr)["persona_id"].to_list()
    if not people:
        raise StudyError(f"nobody is in the group {group.name!r}", fix="take more people, or another group")
    return Judged(group.name, f"suit this group of people: {group.name}", tuple(people))
