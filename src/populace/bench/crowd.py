"""The crowd of `diversity`: its settings, who is asked what, and the table of what they were answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from populace.authoring.embedding import embed
from populace.bench.gold import Gold
from populace.bench.options import known, listed, switched, whole_numbers
from populace.bench.task import Bench
from populace.bench.wording import copies_in
from populace.errors import StudyError
from populace.personas.schema import attribute
from populace.streams import stream

__all__ = ["chosen", "every", "group_of", "laid_out", "options_of"]

_BY = ("ideology", "age", "sex", "race")
_AGES = (18, 30, 45, 65)


def options_of(bench: Bench) -> dict[str, Any]:
    """Read the options, which a command line gives as text."""
    given = bench.options
    known("diversity", given, ("questions", "repeats", "repeat_temperature", "by", "embed", "gold"))
    repeats = _number("repeats", given.get("repeats", 20))
    if repeats < 2:
        raise StudyError("one answer to nobody has no spread", fix="give repeats of at least 2")
    warmth = str(given.get("repeat_temperature", 1.0))
    if not warmth.replace(".", "", 1).isdecimal():
        raise StudyError(f"repeat_temperature is {warmth!r}, which is no number from 0 up")
    return {
        "questions": _number("questions", given.get("questions", 3)),
        "repeats": repeats,
        "repeat_temperature": float(warmth),
        "by": [attribute(name).name for name in listed(given.get("by", _BY))],
        "embed": switched("embed", given.get("embed", False)),
        "gold": given.get("gold"),
    }


def _number(name: str, value: Any) -> int:
    found = whole_numbers(name, value)
    if len(found) > 1:
        raise StudyError(f"{name} is {value!r}, which is more than one number")
    return found[0]


def chosen(bench: Bench, gold: Gold | None, questions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who is asked what: as many people as the items allow; with gold, its people and questions."""
    rng = stream(bench.seed, "bench.diversity")
    people, prompts = bench.personas, bench.prompts
    if gold is not None:
        people = gold.personas
        counts = gold.answers.group_by("prompt_id", "prompt", maintain_order=True).len()
        prompts = counts.sort("len", "prompt_id", descending=[True, False]).rename({"prompt": "text"})
    else:
        prompts = prompts[sorted(rng.permutation(prompts.height)[:questions].tolist())]
    prompts = prompts.head(questions)
    wanted = min(bench.items // prompts.height, people.height)
    if wanted < 3:
        raise StudyError(
            f"{bench.items} items are {wanted} personas for {prompts.height} questions",
            fix="ask for more items or fewer questions, and give at least three personas",
        )
    return people[sorted(rng.permutation(people.height)[:wanted].tolist())], prompts


def every(people: Sequence[str], prompts: pl.DataFrame) -> list[tuple[str, str, str]]:
    """Ask everybody everything: persona, number and text of the question, question by question."""
    asked = prompts.select("prompt_id", "text").rows()
    return [(who, prompt, text) for prompt, text in asked for who in people]


def laid_out(
    rows: Sequence[tuple[str, str, str, str | None]],
    people: pl.DataFrame,
    profiles: Mapping[str, str],
    options: Mapping[str, Any],
) -> pl.DataFrame:
    """Lay answers out, with what is known of whom, and what each shares with the description."""
    schema = [(name, pl.String) for name in ("arm", "persona_id", "prompt_id", "answer")]
    items = pl.DataFrame(list(rows), schema=schema, orient="row").with_row_index("item_id")
    groups = people.select("persona_id", *(group_of(name) for name in options["by"]))
    items = items.join(groups, on="persona_id", how="left", maintain_order="left")
    own = items.select(pl.when(pl.col("arm") == "persona").then(pl.col("answer"))).to_series()
    items = items.with_columns(copies_in(own, items["persona_id"], profiles))
    if options["embed"]:
        there = items.filter(pl.col("answer").is_not_null())
        vectors = pl.Series("embedding", embed(there["answer"].to_list()).tolist(), pl.List(pl.Float64))
        there = there.select("item_id").with_columns(vectors)
        items = items.join(there, on="item_id", how="left", maintain_order="left")
    return items


def group_of(name: str) -> pl.Expr:
    """Read an attribute as groups: ages in bands, amounts in quarters."""
    column = pl.col(name)
    if name == "age":
        ends = [*(f"{low} to {high - 1}" for low, high in pairwise((0, *_AGES))), f"{_AGES[-1]} and over"]
        band = pl.sum_horizontal((column >= age).cast(pl.Int64) for age in _AGES)
        column = pl.when(column.is_not_null()).then(band.replace_strict(dict(enumerate(ends))))
    elif attribute(name).kind in ("integer", "dollars"):
        quarter = (4 * (column.rank("average") - 0.5) / column.count()).floor().cast(pl.Int64) + 1
        column = pl.format("quarter {}", quarter)
    return column.cast(pl.String).alias(f"by_{name}")
