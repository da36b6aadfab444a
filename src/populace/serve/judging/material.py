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
from populace.serve.judging.settings import Settings

__all__ = ["Material", "SurveyItem", "read_machines", "read_material", "read_survey", "source_kind"]

PAIR = ("persona_id", "prompt_id", "prompt", "first", "second")
_STUDY_PAIR = ("author_id", "prompt_id", "prompt", "original", "revision")
_MOST_OPTIONS = 30


class SurveyItem(msgspec.Struct, frozen=True):
    """A question that a rater answers as themselves."""

    item_id: str
    question: str
    options: tuple[str, ...]
    ordered: bool = True
    """Whether options are a scale, shown forward or backward; else their order is drawn the same way."""


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
    columns = set(_table(path).columns)
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
        machines.append(_judged(study.table("judgements")))
    elif settings.pairs:
        pairs = _as_pairs(_table(settings.pairs), settings.pairs)
    if settings.personas:
        people = _table(settings.personas)
    alike = pairs["first"].str.strip_chars() == pairs["second"].str.strip_chars()
    return Material(
        pairs=pairs.filter(~alike),
        personas=_described(pairs, people, settings),
        survey=read_survey(settings.survey) if settings.survey else (),
        machines=pl.concat(machines) if machines else _nothing(MACHINE),
        identical=int(alike.sum()),
    )


MACHINE = ("persona_id", "prompt_id", "machine", "verdict")


def read_machines(path: Path) -> pl.DataFrame:
    """Read models' verdicts: items of a run of `agreement`, a study's judgements, or a table of `MACHINE`.

    Undecided ones are left out.

    Raises
    ------
    DataError
        If the file is none of these.
    """
    table = _table(path)
    if set(MACHINE) <= set(table.columns):
        found = table.select(pl.col(MACHINE).cast(pl.String))
    elif {"persona_id", "prompt_id", "verdict", "judge"} <= set(table.columns):
        return _judged(table)
    else:
        names = [n for n in table.columns if n.startswith("by:") and f"{n}_p" in table.columns]
        if not names or not {"persona_id", "prompt_id"} <= set(table.columns):
            raise DataError(
                "these are no verdicts of models",
                file=path,
                fix=f"give the items of a run of agreement, or {', '.join(MACHINE)}",
            )
        found = table.unpivot(
            names, index=["persona_id", "prompt_id"], variable_name="machine", value_name="verdict"
        ).with_columns(pl.col("machine").str.strip_prefix("by:"))
    return found.select(MACHINE).filter(pl.col("verdict").is_in(["first", "second"]))


def read_survey(path: Path) -> tuple[SurveyItem, ...]:
    """Read survey items: TOML (`[[items]]`), or a table whose `options` are a list, or text split at `|`.

    Raises
    ------
    DataError
        If an item has no question, fewer than two options, or an id that came before.
    """
    rows = _toml(path).get("items", []) if path.suffix.lower() == ".toml" else _table(path).to_dicts()
    items: list[SurveyItem] = []
    for number, row in enumerate(rows, start=1):
        options = row.get("options") or ()
        if isinstance(options, str):
            options = options.split("|")
        options = tuple(plain(str(option).strip()) for option in options)
        item = SurveyItem(
            item_id=str(row.get("item_id") or row.get("id") or f"item-{number}"),
            question=plain(str(row.get("question") or "").strip()),
            options=options,
            ordered=bool(row.get("ordered", True)),
        )
        wrong = _wrong(item, items)
        if wrong:
            raise DataError(wrong, file=path, row=number)
        items.append(item)
    if not items:
        raise DataError("there is no item", file=path, fix="write [[items]] with question and options")
    return tuple(items)


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


def _judged(table: pl.DataFrame) -> pl.DataFrame:
    """Bring a study's judgements into the bench's words."""
    said = pl.col("verdict").replace_strict(
        {"revision": "first", "original": "second", "first": "first", "second": "second"},
        default=None,
        return_dtype=pl.String,
    )
    way = pl.col("way") if "way" in table.columns else pl.lit("")
    machine = pl.when(way != "").then(pl.concat_str("judge", pl.lit(", "), way)).otherwise("judge")
    found = table.select("persona_id", "prompt_id", machine.alias("machine"), said.alias("verdict"))
    return found.drop_nulls()


def _described(pairs: pl.DataFrame, people: pl.DataFrame | None, settings: Settings) -> dict[str, str]:
    wanted = pairs["persona_id"].unique(maintain_order=True).to_list()
    if not wanted:
        return {}
    if people is None:
        raise DataError("who the personas are is not said", fix="give --personas FILE.parquet")
    if "persona_id" not in people.columns:
        raise DataError("a column is missing", file=settings.personas, column="persona_id")
    rows = {row["persona_id"]: row for row in people.iter_rows(named=True)}
    lost = [name for name in wanted if name not in rows]
    if lost:
        raise DataError(
            f"{len(lost):,} personas of the pairs are not described, such as {lost[0]}",
            file=settings.personas or settings.study,
            fix="give the personas that the pairs were made for",
        )
    if "text" in people.columns:
        return {name: plain(str(rows[name]["text"])) for name in wanted}
    from populace.personas.persona import Persona
    from populace.personas.render import render

    return {name: render(Persona.from_row(rows[name]), template=settings.template) for name in wanted}


def _table(path: Path) -> pl.DataFrame:
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            return pl.read_csv(path, infer_schema_length=10_000)
        if suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(path, infer_schema_length=10_000)
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("this file cannot be read as Parquet, CSV or JSON lines", file=path) from error


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
