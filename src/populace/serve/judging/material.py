"""What raters see, read from files once: pairs, who the personas are, survey items, verdicts of models.

Pairs are in the bench's words (`populace.bench.verdict_files`): `first` and `second` are names of the
answers, never the order in which they are shown.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from populace.errors import DataError
from populace.report.text import plain
from populace.serve.judging.machines import join_machines, judged, read_machines, read_table
from populace.serve.judging.settings import Settings

__all__ = ["Material", "SurveyItem", "read_material", "read_survey", "source_kind"]

PAIR = ("persona_id", "prompt_id", "prompt", "first", "second")
_STUDY_PAIR = ("author_id", "prompt_id", "prompt", "original", "revision")
_MOST_OPTIONS = 30


class SurveyItem(msgspec.Struct, frozen=True):
    """A question that a rater answers as themselves."""

    item_id: str
    question: str
    options: tuple[str, ...]
    """Shown forward or backward, never shuffled."""


class Material(NamedTuple):
    """Everything a study shows."""

    pairs: pl.DataFrame
    """`persona_id, prompt_id, prompt, first, second`."""
    personas: dict[str, str]
    """Description of each persona of the pairs."""
    survey: tuple[SurveyItem, ...]
    machines: pl.DataFrame
    """`persona_id, prompt_id, machine, verdict` (first, second)."""
    identical: int
    """Pairs left out because both answers were the same."""


def source_kind(path: Path) -> str:
    """Say what a file is: `settings`, `study`, `survey`, `pairs`, or `store` (a database of ours).

    Raises
    ------
    DataError
        If it is none of these.
    """
    suffix = path.suffix.lower()
    if suffix in (".sqlite", ".db", ".sqlite3"):
        return "store"
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    if suffix == ".toml":
        keys = _toml(path)
        return "settings" if "judging" in keys else "survey" if "items" in keys else "study"
    columns = set(read_table(path).columns)
    if set(PAIR) <= columns or set(_STUDY_PAIR) <= columns:
        return "pairs"
    if {"question", "options"} <= columns:
        return "survey"
    raise DataError(
        "these are neither pairs nor survey items",
        file=path,
        fix=f"give the columns {', '.join(PAIR)}; or item_id, question, options",
    )


def read_material(settings: Settings) -> Material:
    """Read everything that settings name.

    Raises
    ------
    DataError, StudyError
        If a file is missing or broken, a pair comes twice, or a persona is not described.
    """
    pairs, people, machines = _nothing(PAIR), None, [read_machines(path) for path in settings.machines]
    if settings.study:
        from populace.study import Study

        study = Study.load(settings.study)
        pairs, people = _as_pairs(study.table("pairs"), settings.study), study.table("personas")
        machines.append(judged(study.table("judgements")))
    elif settings.pairs:
        pairs = _as_pairs(read_table(settings.pairs), settings.pairs)
    if settings.personas:
        people = read_table(settings.personas)
    alike = pairs["first"].str.strip_chars() == pairs["second"].str.strip_chars()
    return Material(
        pairs=pairs.filter(~alike),
        personas=_described(pairs, people, settings),
        survey=read_survey(settings.survey) if settings.survey else (),
        machines=join_machines(machines, [])[0],
        identical=int(alike.sum()),
    )


def read_survey(path: Path) -> tuple[SurveyItem, ...]:
    """Read survey items: TOML (`[[items]]`), or a table whose `options` are a list, or text split at `|`.

    Raises
    ------
    DataError
        If an item has no question, fewer than two options, or an id that came before.
    """
    rows = _toml(path).get("items", []) if path.suffix.lower() == ".toml" else read_table(path).to_dicts()
    if not isinstance(rows, list):
        raise DataError("items is no list", file=path, fix="write each item as [[items]], twice in brackets")
    items: list[SurveyItem] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError("this item is no table", file=path, row=number, fix="write it as [[items]]")
        item = _item(row, number)
        wrong = _wrong(item, items)
        if wrong:
            raise DataError(wrong, file=path, row=number)
        items.append(item)
    if not items:
        raise DataError("there is no item", file=path, fix="write [[items]] with question and options")
    return tuple(items)


def _item(row: dict[str, Any], number: int) -> SurveyItem:
    options = row.get("options") or ()
    if isinstance(options, str):
        options = options.split("|")
    elif not isinstance(options, (list, tuple)):
        options = ()
    # An id may be 0, or empty in a table.
    named = [str(row[name]) for name in ("item_id", "id") if row.get(name) not in (None, "")]
    return SurveyItem(
        item_id=named[0] if named else f"item-{number}",
        question=plain(str(row.get("question") or "").strip()),
        options=tuple(plain(str(option).strip()) for option in options),
    )


def _wrong(item: SurveyItem, before: list[SurveyItem]) -> str | None:
    if not item.question:
        return "the question is missing"
    if not 2 <= len(item.options) <= _MOST_OPTIONS:
        return f"a question needs 2 to {_MOST_OPTIONS} options, and this one has {len(item.options)}"
    if "" in item.options or len(set(item.options)) < len(item.options):
        return "an option is empty or comes twice"
    if any(item.item_id == other.item_id for other in before):
        return f"the item {item.item_id!r} comes twice"
    return None


def _as_pairs(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Bring pairs of the bench or of a study into the bench's words."""
    if set(PAIR) <= set(table.columns):
        found = table.select(pl.col(PAIR).cast(pl.String))
    elif set(_STUDY_PAIR) <= set(table.columns):
        new = {"author_id": "persona_id", "revision": "first", "original": "second"}
        found = table.select(pl.col(_STUDY_PAIR).cast(pl.String)).rename(new).select(PAIR)
    else:
        missing = next(name for name in PAIR if name not in table.columns)
        raise DataError("a column is missing", file=path, column=missing, fix=f"give {', '.join(PAIR)}")
    # No database keeps a NUL, and no page shows one.
    found = found.drop_nulls().with_columns(pl.all().str.replace_all("\x00", "\ufffd", literal=True))
    twice = found.filter(found.select("persona_id", "prompt_id").is_duplicated())
    if twice.height:
        what = f"persona {twice[0, 'persona_id']}, prompt {twice[0, 'prompt_id']}"
        raise DataError(f"the pair of {what} comes twice", file=path, fix="keep one of them")
    if found.is_empty():
        raise DataError("there is no pair with both answers", file=path)
    return found


def _described(pairs: pl.DataFrame, people: pl.DataFrame | None, settings: Settings) -> dict[str, str]:
    wanted = pairs["persona_id"].unique(maintain_order=True).to_list()
    if not wanted:
        return {}
    if people is None:
        raise DataError("who the personas are is not said", fix="give --personas FILE.parquet")
    if "persona_id" not in people.columns:
        raise DataError("a column is missing", file=settings.personas, column="persona_id")
    people = people.with_columns(pl.col("persona_id").cast(pl.String))
    rows = {row["persona_id"]: row for row in people.iter_rows(named=True)}
    lost = [name for name in wanted if name not in rows]
    if lost:
        raise DataError(
            f"{len(lost):,} personas of the pairs are not described, such as {lost[0]}",
            file=settings.personas or settings.study,
            fix="give the personas that the pairs were made for",
        )
    if "text" in people.columns:
        told = {name: plain(str(rows[name]["text"] or "").strip()) for name in wanted}
        empty = [name for name in wanted if not told[name]]
        if empty:
            where = settings.personas or settings.study
            raise DataError(f"the persona {empty[0]} has no text", file=where, column="text")
        return told
    from populace.personas.persona import Persona
    from populace.personas.render import render

    return {name: render(Persona.from_row(rows[name]), template=settings.template) for name in wanted}


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror})", file=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"it is no TOML ({error})", file=path) from error


def _nothing(columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
