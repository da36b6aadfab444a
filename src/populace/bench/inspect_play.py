"""A task in parts, as another harness asks for them: one part, one sample.

`populace.bench.inspect_tasks` shows the tasks to Inspect, which has a loop of its own: a sample is solved by
the model under test, then scored. What that needs and knows nothing of Inspect is here: how a bench comes
apart, how a part is written into a sample and read back, and how a task is played by whoever asks.

A part is played by the task's own generator, so that every request is the one that `populace bench run`
makes. Solving plays it up to the first question to the judge; scoring plays it again, with what was answered,
to its end. A log can therefore be scored again, by another judge, and the target is not asked anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from populace.bench.options import switched
from populace.bench.pairing import paired
from populace.bench.result import Score
from populace.bench.strangers import described_strangers
from populace.bench.task import Bench, Role, Task
from populace.errors import StudyError
from populace.models.records import Request, Result
from populace.personas.schema import ATTRIBUTES

__all__ = [
    "APART",
    "figures",
    "known_of",
    "parts",
    "played",
    "read_part",
    "read_rows",
    "rows_of",
    "write_part",
]

APART = frozenset({"main", "intersectionality", "leave-one-out", "pass-at-k"})
"""Tasks of which each item is asked and judged without the others: a sample each. Else one sample is all."""
_SETTING = ("items", "answer_tokens", "temperature", "tie_margin", "seed", "template")
_PEOPLE = {each.name: each.dtype for each in ATTRIBUTES} | {"persona_id": pl.String, "person_id": pl.String}
_PROMPTS: dict[str, type[pl.DataType]] = dict.fromkeys(("prompt_id", "text", "topic"), pl.String)
_COUNTED = ("_tie", "_refused", "_failed", "_unasked")

Asking = Callable[[Role, str, Sequence[Request]], Awaitable[Sequence[Result]]]
"""Answers requests of one stage to one model."""


def parts(task: Task, bench: Bench) -> Iterator[Bench]:
    """Take a bench apart: into one persona and one question each where the task allows it.

    Raises
    ------
    StudyError
        If the task refuses the whole bench, as where a group has nobody in it: of a part, nobody could tell.
        If replies of the task may do harm: a log of Inspect's would hold them.
    """
    if task.meta.withheld:
        raise StudyError(
            f"{task.meta.name} is not played under Inspect, whose logs hold what is asked and replied",
            fix=f"use `populace bench run {task.meta.name}`, which writes no reply down",
        )
    if task.meta.name not in APART:
        yield bench
        return
    next(task.play(bench))
    others = _others(task, bench)
    people = {row["persona_id"]: number for number, row in enumerate(bench.personas.iter_rows(named=True))}
    prompts = {row["prompt_id"]: number for number, row in enumerate(bench.prompts.iter_rows(named=True))}
    for who, what in paired(bench).select("persona_id", "prompt_id").iter_rows():
        person, prompt = bench.personas[[people[who]]], bench.prompts[[prompts[what]]]
        yield replace(bench, personas=person, prompts=prompt, items=1, options=_told(bench, others, who))


def _others(task: Task, bench: Bench) -> dict[str, str]:
    """Describe each person's stranger where the task asks one: a part holds nobody else."""
    wanted = task.meta.name == "main" and switched("stranger", bench.options.get("stranger", True))
    if not wanted:
        return {}
    # As the judge plays them: JSON knows no second text.
    return {who: getattr(text, "role", text) for who, text in described_strangers(bench).items()}


def _told(bench: Bench, others: Mapping[str, str], who: str) -> Mapping[str, Any]:
    return {**bench.options, "stranger": {who: others[who]}} if who in others else bench.options


def write_part(task: Task, part: Bench, number: int) -> dict[str, Any]:
    """Write a part as the metadata of a sample: everything needed to play it, as JSON has it."""
    alone = part.items == 1
    named = {name: part.personas[name][0] for name in ("persona_id",) if alone}
    named |= {name: part.prompts[name][0] for name in ("prompt_id", "topic") if alone}
    return named | {
        "task": task.meta.name,
        "task_version": task.meta.version,
        # The part's items are numbered from 0; alone, an item has the number of its part.
        "item_id": number if task.meta.name in APART else None,
        "personas": msgspec.to_builtins(part.personas.to_dicts()),
        "prompts": msgspec.to_builtins(part.prompts.to_dicts()),
        "settings": {name: getattr(part, name) for name in _SETTING} | {"options": dict(part.options)},
    }


def read_part(
    written: Mapping[str, Any], *, target: str, judge: str, also: Mapping[Role, str] | None = None
) -> Bench:
    """Read a part back from the metadata of a sample, and say who answers."""
    return Bench(
        personas=_typed(written["personas"], _PEOPLE),
        prompts=_typed(written["prompts"], _PROMPTS),
        target=target,
        judge=judge,
        also=also or {},
        **written["settings"],
    )


def _typed(rows: Sequence[Mapping[str, Any]], types: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """Make a table of rows; a column of nulls keeps the type that it has where somebody is known."""
    there = {name: kind for name, kind in types.items() if rows and name in rows[0]}
    return pl.DataFrame(rows, schema_overrides=there, infer_schema_length=None)


async def played(
    task: Task, part: Bench, ask: Asking, known: dict[str, Result], roles: Sequence[Role]
) -> pl.DataFrame | None:
    """Play a part as far as the models of `roles` carry it; `known` gains what was answered, by request key.

    Returns
    -------
    The items; None where a model was to be asked that is not among `roles`.
    """
    steps = task.play(part)
    try:
        stage = next(steps)
        while True:
            new = {each.key: each for each in stage.requests if each is not None and each.key not in known}
            if new and stage.to not in roles:
                steps.close()
                return None
            if new:
                found = await ask(stage.to, stage.stage, list(new.values()))
                known |= dict(zip(new, found, strict=True))
            stage = steps.send([each and known[each.key] for each in stage.requests])
    except StopIteration as done:
        return done.value


def rows_of(items: pl.DataFrame, written: Mapping[str, Any]) -> dict[str, Any]:
    """Write the items of a part as JSON has them, with the types of their columns."""
    if written["item_id"] is not None:
        items = items.with_columns(pl.lit(written["item_id"], pl.Int64).alias("item_id"))
    types = {name: str(kind) for name, kind in items.schema.items()}
    return {"types": types, "rows": msgspec.to_builtins(items.to_dicts())}


def read_rows(written: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Put the items of parts together.

    Examples
    --------
    >>> one = {"types": {"item_id": "Int64", "answer": "String"}, "rows": [{"item_id": 0, "answer": None}]}
    >>> read_rows([one, one]).dtypes
    [Int64, String]
    """
    kinds = {name: getattr(pl, kind, None) for name, kind in written[0]["types"].items()}
    known = {name: kind for name, kind in kinds.items() if kind is not None}
    rows = [row for part in written for row in part["rows"]]
    return pl.DataFrame(rows, schema_overrides=known, infer_schema_length=None)


def known_of(written: Mapping[str, Any]) -> dict[str, Result]:
    """Read results back, by request key."""
    return {key: msgspec.convert(result, Result) for key, result in written.items()}  # pyright: ignore[reportArgumentType]


def figures(scores: Sequence[Score]) -> dict[str, float]:
    """Lay scores out flat: `measure.arm.group`, and its interval as `.low` and `.high`.

    Undefined scores are left out, and so are the shares of ties, refusals and failures that are 0.

    Examples
    --------
    >>> from populace.stats import mean
    >>> figures([Score(measure="satisfied", arm="x", estimate=mean([0, 1, 1, 0], [0, 0, 1, 1], draws=10))])
    {'satisfied.x': 0.5, 'satisfied.x.low': 0.5, 'satisfied.x.high': 0.5}
    """
    flat: dict[str, float] = {}
    for score in scores:
        told = score.estimate
        counted = score.measure.endswith(_COUNTED)
        if not told.defined or (counted and not told.value):
            continue
        name = ".".join(filter(None, (score.measure, score.arm, score.group)))
        flat[name] = told.value
        if not counted and told.low == told.low:
            flat |= {f"{name}.low": told.low, f"{name}.high": told.high}
    return flat
