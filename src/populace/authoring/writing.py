"""Open-ended fields written by a model, and kept only where they leave the person as they are.

A persona is one request a round, whose JSON answer holds every field still wanted; a model that cannot keep
to a schema is asked for one field at a time, in plain words. What fails a check
is asked again in the next round, under another sample index; what fails in every round stays missing.
Rounds go through `populace.run`: a run that was stopped or killed goes on where it was when the same
call is made again, and nothing is paid for twice. Only the fields asked for are read from an answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import polars as pl

from populace.atomic import atomic_path
from populace.authoring.answers import Answer, answer_schema, read_answer, read_text
from populace.authoring.claims import CHECKS, Violation, violations
from populace.authoring.templating import prompts_hash, render_prompt
from populace.authoring.variety import Embed, variety
from populace.errors import DataError
from populace.models import GenerateRequest, Message, Provider, Result
from populace.personas import Persona, Personas, render
from populace.personas.lists import MIN_AGE, draw_texts, entries
from populace.personas.rules import broken_rules
from populace.personas.schema import COLUMNS, EMPLOYED, WRITTEN
from populace.run import Budget, Journal, RunStats, execute
from populace.streams import stream

__all__ = ["FIELDS", "Written", "write"]

FIELDS = {
    "defining_quirks": "This person is known for",
    "mannerisms": "This person has a way of",
    "personal_time": "This person spends free time",
    "lifestyle": "This person leads",
    "core_values": "What matters most to this person is",
    "detailed_job_description": "The work consists of",
}
"""Fields that a model may write -> the sentence that the text goes on with."""

TOKENS_A_FIELD = 48
_EXAMPLES = 2
_TEMPLATES = ("write_system", "write_user")
VIOLATION_SCHEMA = {
    "persona_id": pl.String,
    "field": pl.String,
    "round": pl.Int64,
    "rule": pl.String,
    "detail": pl.String,
    "text": pl.String,
}


Form: TypeAlias = Literal["json", "text"]


class _Unit(NamedTuple):
    """What one request asks for."""

    row: int
    fields: tuple[str, ...]


class Written(msgspec.Struct, frozen=True, eq=False):
    """Personas with the fields that a model wrote, and what became of every text."""

    personas: Personas
    """New ids, since a persona is named by what it says."""
    ids: pl.DataFrame
    """`from_id, persona_id`: each persona as it was and as it is."""
    violations: pl.DataFrame
    """One row a broken rule: `persona_id` (as it was), `field, round, rule, detail, text`."""
    diversity: pl.DataFrame
    """The texts before and after, each beside the lists written by us: `texts` (`before` or `after`), then
    as `populace.authoring.variety`."""
    stats: tuple[RunStats, ...]
    """What became of the calls, a round."""

    @property
    def counts(self) -> dict[str, int]:
        """Violations by rule, every round counted."""
        return self.personas.provenance["written"]["violations"]


def write(
    personas: Personas,
    provider: Provider,
    folder: str | Path,
    *,
    fields: Sequence[str] = WRITTEN,
    seed: int = 0,
    rounds: int = 3,
    temperature: float = 0.9,
    answers: Form = "json",
    budget: Budget | None = None,
    embed: Embed | None = None,
    **settings: Any,
) -> Written:
    """Have a model write open-ended fields.

    Parameters
    ----------
    personas
        Whose fields are replaced. Under 6 (core values: 13) nothing is written, and a job only for the
        employed.
    provider
        The model; it is closed at the end.
    folder
        Holds the journal; `violations.parquet` and `diversity.parquet` are written beside it.
    fields
        Some of `FIELDS`.
    seed
        Of the requests and of the examples shown in them.
    rounds
        Times a text is asked for, the first included.
    temperature
        Of the model.
    answers
        `json`: one request a persona, answered under a JSON schema. `text`: one request a persona and field,
        for models that keep to no schema.
    budget
        The most that the journal's calls may cost.
    embed
        Adds the spread of embeddings to the diversity table.
    **settings
        Others of `populace.run.execute` (`progress`, `retries`, `timeout`, `retry_errors`).

    Raises
    ------
    DataError
        If a field is not one that a model may write, or there is nobody to write about.
    BudgetError, ModelError, JournalError
        As `populace.run.execute`; what was answered is in the journal.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.scripted import Scripted
    >>> from populace.personas import build
    >>> people = build(pl.DataFrame({"age": [30], "state": ["Ohio"]}), seed=1)
    >>> model = Scripted(text='{"defining_quirks": "Stacking coins by year."}')
    >>> written = write(people, model, tempfile.mkdtemp(), fields=["defining_quirks"])
    >>> written.personas.frame["defining_quirks"].to_list(), written.counts["age"]
    (['stacking coins by year'], 0)
    """
    if rounds < 1:
        raise DataError(f"{rounds} rounds", fix="ask at least once")
    job = _Writing(personas, provider.model, _chosen(fields), seed, temperature, answers)
    with Journal(Path(folder) / "journal") as journal:
        stats = asyncio.run(_ask(job, provider, journal, rounds, budget, settings))
    written = job.result(stats, rounds, embed)
    for name in ("violations", "diversity"):
        with atomic_path(Path(folder) / f"{name}.parquet") as temporary:
            getattr(written, name).write_parquet(temporary)
    return written


async def _ask(
    job: _Writing,
    provider: Provider,
    journal: Journal,
    rounds: int,
    budget: Budget | None,
    settings: Mapping[str, Any],
) -> tuple[RunStats, ...]:
    found = []
    try:
        for number in range(rounds):
            plan = dict(job.plan(number))
            if not plan:
                break
            requests = list(plan.values())
            stats = await execute(
                requests, provider, journal, stage=f"write-{number}", budget=budget, **settings
            )
            job.take(number, {unit: journal.get(request.key) for unit, request in plan.items()})
            found.append(stats)
    finally:
        await provider.close()
    return tuple(found)


class _Writing:
    """The state of one run: what is wanted of whom, what stands, what was wrong."""

    def __init__(
        self,
        personas: Personas,
        model: str,
        fields: tuple[str, ...],
        seed: int,
        temperature: float,
        answers: Form,
    ) -> None:
        self._personas, self._model, self._fields, self._form = personas, model, fields, answers
        self._seed, self._temperature = seed, temperature
        self._bare = personas.frame.with_columns(pl.lit(None, pl.String).alias(name) for name in FIELDS)
        self._people = [Persona.from_row(row) for row in self._bare.iter_rows(named=True)]
        self._wanted = {row: some for row, one in enumerate(self._people) if (some := self._fitting(one))}
        if not self._wanted:
            raise DataError(
                "there is nobody to write about", fix=f"give people of {MIN_AGE} or more, or other fields"
            )
        self._texts: dict[tuple[int, str], str] = {}
        self._violations: list[tuple[str, str, int, str, str, str | None]] = []

    def plan(self, number: int) -> Iterator[tuple[_Unit, GenerateRequest]]:
        """Yield the requests for what is still wanted, persona by persona."""
        system = Message("system", render_prompt("write_system", low=3, high=12, json=self._form == "json"))
        for row, fields in self._wanted.items():
            profile = render(self._people[row], "release")
            for some in (fields,) if self._form == "json" else zip(fields):
                told = [
                    {"name": name, "stem": FIELDS[name], "examples": self._examples[name][row]}
                    for name in some
                ]
                user = render_prompt("write_user", profile=profile, fields=told)
                yield (
                    _Unit(row, some),
                    GenerateRequest(
                        model=self._model,
                        messages=(system, Message("user", user)),
                        max_tokens=TOKENS_A_FIELD * len(some) + 16,
                        temperature=self._temperature,
                        json_schema=answer_schema(some) if self._form == "json" else "",
                        sample=number,
                        seed=self._seed,
                    ),
                )

    def take(self, number: int, results: Mapping[_Unit, Result | None]) -> None:
        """Keep the texts that stand; the rest is wanted in the next round."""
        read = {
            unit: read_answer(result, unit.fields)
            if self._form == "json"
            else read_text(result, unit.fields[0], FIELDS[unit.fields[0]])
            for unit, result in results.items()
        }
        contradictions = self._contradictions(read)
        for unit, answer in read.items():
            for field in unit.fields:
                text = answer.texts.get(field)
                wrong = answer.wrong or [
                    *violations(self._people[unit.row], field, text, self._examples[field][unit.row]),
                    *contradictions.get((unit.row, field), ()),
                ]
                for each in wrong:
                    said = answer.raw if answer.wrong else text
                    id_ = self._bare["persona_id"][unit.row]
                    self._violations.append((id_, field, number, each.rule, each.detail, said))
                if not wrong and text:
                    self._texts[unit.row, field] = text
        left = {
            row: tuple(name for name in fields if (row, name) not in self._texts)
            for row, fields in self._wanted.items()
        }
        self._wanted = {row: fields for row, fields in left.items() if fields}

    def result(self, stats: tuple[RunStats, ...], rounds: int, embed: Embed | None) -> Written:
        """Put the texts into the table, name everyone anew, and measure."""
        rows = range(self._personas.frame.height)
        frame = self._personas.frame.with_columns(
            pl.Series(name, [self._texts.get((row, name)) for row in rows], dtype=pl.String)
            for name in self._fields
        )
        names = [Persona.from_row(row).persona_id for row in frame.iter_rows(named=True)]
        ids = pl.DataFrame({"from_id": frame["persona_id"], "persona_id": names}, schema_overrides=_TEXTS)
        named = (
            frame.with_columns(ids["persona_id"])
            .with_columns(pl.col("weight").sum().over("persona_id"))
            .unique("persona_id", keep="first", maintain_order=True)
        )
        found = pl.DataFrame(self._violations, schema=VIOLATION_SCHEMA, orient="row")
        counts = Counter(found["rule"].to_list())
        known = ("failed", "refusal", "json", "cut", "empty", *CHECKS, "copies-an-example")
        note = {
            "model": self._model,
            "prompt": prompts_hash(*_TEMPLATES),
            "seed": self._seed,
            "temperature": self._temperature,
            "answers": self._form,
            "rounds": rounds,
            "fields": list(self._fields),
            "texts": len(self._texts),
            "missing": sum(len(fields) for fields in self._wanted.values()),
            "violations": {**dict.fromkeys(known, 0), **dict(sorted(counts.items()))},
        }
        provenance = {**self._personas.provenance, "written": note}
        before, after = (
            variety(table, self._fields, embed=embed, seed=self._seed)
            for table in (self._personas.frame, frame)
        )
        diversity = pl.concat(
            table.select(pl.lit(label).alias("texts"), pl.all())
            for label, table in (("before", before), ("after", after))
        )
        return Written(Personas(named, provenance), ids, found, diversity, stats)

    def _fitting(self, one: Persona) -> tuple[str, ...]:
        """Fields that may be written of this persona."""
        if one.age is None:
            return ()
        youngest = {name: min(each.min_age for each in entries(name)) for name in WRITTEN}
        return tuple(
            name
            for name in self._fields
            if (one.employment_status in EMPLOYED if name not in WRITTEN else one.age >= youngest[name])
        )

    @cached_property
    def _examples(self) -> dict[str, list[list[str]]]:
        """Entries of our lists that fit each persona, to show the form; a job has none."""
        listed = [name for name in self._fields if name in WRITTEN]
        shown: dict[str, list[list[str]]] = {name: [[] for _ in self._people] for name in self._fields}
        for turn in range(_EXAMPLES):
            own = {name: stream(self._seed, "authoring.writing", turn, at) for at, name in enumerate(listed)}
            drawn = draw_texts(self._bare, own)
            for series in drawn:
                for row, text in enumerate(series):
                    if text is not None and text not in shown[series.name][row]:
                        shown[series.name][row].append(text)
        return shown

    def _contradictions(self, read: Mapping[_Unit, Answer]) -> dict[tuple[int, str], list[Violation]]:
        """Hard rules of `populace.personas` that a text makes its persona break, by row and field."""
        found: dict[tuple[int, str], list[Violation]] = {}
        units = list(read)
        people = self._bare.select(*COLUMNS)[[unit.row for unit in units]]
        before = broken_rules(people, "hard")
        for field in self._fields:
            texts = pl.Series(field, [read[unit].texts.get(field) or None for unit in units], dtype=pl.String)
            after = broken_rules(people.with_columns(texts), "hard")
            for rule in after.columns:
                for place in (after[rule] & ~before[rule]).arg_true():
                    found.setdefault((units[place].row, field), []).append(Violation(rule, texts[place]))
        return found


def _chosen(fields: Sequence[str]) -> tuple[str, ...]:
    for name in fields:
        if name not in FIELDS:
            raise DataError(f"a model may not write '{name}'", fix=f"use some of {', '.join(FIELDS)}")
    if not fields:
        raise DataError("no field is to be written", fix=f"name some of {', '.join(FIELDS)}")
    return tuple(dict.fromkeys(fields))


_TEXTS: dict[str, Any] = {"from_id": pl.String, "persona_id": pl.String}
