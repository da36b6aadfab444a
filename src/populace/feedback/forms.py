"""Rows for the trainers of TRL: preference, unpaired preference (KTO) and prompts alone.

The types are those of TRL's page "Dataset formats and types", in their conversational form: the persona is
the system message, the question the user's. Beside them stand columns that a trainer passes over: ids, the
split, the margin, and who the persona is. A file that ends in `.parquet` is Parquet, with the type of each
column fixed; any other is JSON lines.

A trainer reads a file whole and passes over the column `split`: to train, give it a file of that split alone.
Where personas themselves are split (the paper's preset), `persona_split` says which of them to keep unseen.

A trainer has no use for ties, refusals and failed calls. The two forms with answers leave them out and say
how many of each; the table of preferences keeps them. Prompts alone need no verdict and leave nothing out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.errors import DataError
from populace.feedback.templating import render
from populace.feedback.verdicts import DECIDED
from populace.feedback.whole import sink_parquet, write_lines

__all__ = [
    "PERSON",
    "Written",
    "kto_rows",
    "people",
    "profile_of",
    "prompt_rows",
    "trl_rows",
    "write_kto",
    "write_prompts",
    "write_trl",
]

PERSON = (
    *("age", "sex", "race", "hispanic_origin", "state", "education", "employment_status"),
    *("income", "marital_status", "ideology", "political_views", "religion"),
)
"""Attributes of the persona that stand beside each row; all others are in the personas table."""

_BESIDE = ("persona_id", "prompt_id", "pair_id", "split", "persona_split", "judge", "margin")
_MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
_BATCH = 4096
_KINDS = ("", ".parquet", ".jsonl", ".ndjson", ".json")
"""Ends of a file's name: Parquet, or JSON lines."""

Row = dict[str, Any]


class Written(msgspec.Struct, frozen=True):
    """What an export wrote.

    Examples
    --------
    >>> print(Written(2, {"tie": 1, "refused": 3}, {"train": 2}, "choice"))
    2 rows (2 train), labelled by choice; left out: 1 tie, 3 refused
    """

    rows: int
    left_out: dict[str, int]
    """What has no place in the form: judgements by verdict, and pairs that were not finished."""
    splits: dict[str, int] = {}
    """Rows of each split; empty where no split is known."""
    way: str = ""
    """Way of judging that labels the rows; empty where they have no label."""

    def __str__(self) -> str:
        left = ", ".join(f"{count:,} {verdict}" for verdict, count in self.left_out.items() if count)
        of = ", ".join(f"{count:,} {split}" for split, count in self.splits.items())
        told = f"{self.rows:,} rows" + (f" ({of})" if of else "")
        told += f", labelled by {self.way}" if self.way else ""
        return told + (f"; left out: {left}" if left else "")


def trl_rows(
    table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Iterator[Row]:
    """Yield TRL preference rows (`prompt`, `chosen`, `rejected` as message lists) of decided judgements.

    Parameters
    ----------
    table
        Output of `feedback.export.preferences`; a column `split` is carried on.
    profiles
        Description of each persona by `persona_id`.
    personas
        The personas table, for the attributes in `PERSON`; none are written if left out.

    Examples
    --------
    >>> table = pl.DataFrame({"persona_id": ["a"], "prompt": ["Why?"], "chosen": ["B."], "rejected": ["A."],
    ...     "judge": ["m"], "margin": [1.0], "verdict": ["revision"], "pair_id": ["x"]})
    >>> row = next(trl_rows(table, {"a": "I am 40."}))
    >>> row["prompt"][-1], row["chosen"]
    ({'role': 'user', 'content': 'Why?'}, [{'role': 'assistant', 'content': 'B.'}])
    """
    for row, asked, beside in _asked(_decided(table), profiles, personas):
        yield {
            "prompt": asked,
            "chosen": _answer(row["chosen"]),
            "rejected": _answer(row["rejected"]),
            **beside,
        }


def kto_rows(
    table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Iterator[Row]:
    """Yield TRL unpaired preference rows: each decided judgement gives its chosen and its rejected answer.

    Parameters
    ----------
    table, profiles, personas
        As for `trl_rows`.

    Examples
    --------
    >>> table = pl.DataFrame({"persona_id": ["a"], "prompt": ["Why?"], "chosen": ["B."], "rejected": ["A."],
    ...     "judge": ["m"], "margin": [1.0], "verdict": ["revision"], "pair_id": ["x"]})
    >>> [(row["completion"][0]["content"], row["label"]) for row in kto_rows(table, {"a": "I am 40."})]
    [('B.', True), ('A.', False)]
    """
    for row, asked, beside in _asked(_decided(table), profiles, personas):
        for name, label in (("chosen", True), ("rejected", False)):
            yield {"prompt": asked, "completion": _answer(row[name]), "label": label, **beside}


def prompt_rows(
    table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Iterator[Row]:
    """Yield TRL prompt-only rows: each persona's questions once, whatever the verdict on their answers.

    Parameters
    ----------
    table, profiles, personas
        As for `trl_rows`.
    """
    once = table.filter(pl.struct("persona_id", "prompt_id").is_first_distinct())
    for _, asked, beside in _asked(once, profiles, personas):
        # Of one question there may be several pairs, judges and margins: none belongs to the question.
        yield {
            "prompt": asked,
            **{k: v for k, v in beside.items() if k not in ("pair_id", "judge", "margin")},
        }


def write_trl(
    path: Path, table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Written:
    """Write preference rows, few of them in memory at a time.

    Raises
    ------
    DataError
        If no judgement is decided, or a persona has no description.
    """
    return _write(
        path, table, trl_rows(table, profiles, personas), ("prompt", "chosen", "rejected"), personas
    )


def write_kto(
    path: Path, table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Written:
    """Write unpaired preference rows, two a decided judgement.

    Raises
    ------
    DataError
        If no judgement is decided, or a persona has no description.
    """
    return _write(path, table, kto_rows(table, profiles, personas), ("prompt", "completion"), personas)


def write_prompts(
    path: Path, table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None = None
) -> Written:
    """Write prompts alone, one row a persona and question.

    Raises
    ------
    DataError
        If there is no row, or a persona has no description.
    """
    rows = prompt_rows(table, profiles, personas)
    written = _write(path, table, rows, ("prompt",), personas)
    return msgspec.structs.replace(written, left_out={}, way="")


def people(personas: pl.DataFrame | None) -> dict[str, Row]:
    """Give the attributes in `PERSON` that the table has, by `persona_id`; missing ones are None.

    Examples
    --------
    >>> people(pl.DataFrame({"persona_id": ["a"], "age": [40], "lifestyle": ["calm"]}))
    {'a': {'age': 40}}
    """
    if personas is None:
        return {}
    names = [name for name in PERSON if name in personas.columns]
    rows = personas.select("persona_id", *names).iter_rows(named=True)
    return {row.pop("persona_id"): row for row in rows}


def profile_of(profiles: Mapping[str, str], persona_id: str) -> str:
    """Give a persona's description.

    Raises
    ------
    DataError
        If there is none.
    """
    if persona_id not in profiles:
        what = f"persona {persona_id} judged, but has no description"
        raise DataError(what, column="persona_id", fix="give the personas that the study judged with")
    return profiles[persona_id]


def _decided(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("verdict").is_in(DECIDED))


def _answer(text: str) -> list[Row]:
    return [{"role": "assistant", "content": text}]


def _asked(
    table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None
) -> Iterator[tuple[Row, list[Row], Row]]:
    """Yield each row, what the persona is asked, and what stands beside it."""
    known = people(personas)

    @cache
    def system(persona_id: str) -> str:
        return render("persona", {"profile": profile_of(profiles, persona_id)})

    for row in table.iter_rows(named=True):
        persona_id = row["persona_id"]
        asked = [
            {"role": "system", "content": system(persona_id)},
            {"role": "user", "content": row["prompt"]},
        ]
        beside = {name: row[name] for name in _BESIDE if name in row}
        yield row, asked, beside | known.get(persona_id, {})


def _write(
    path: Path,
    table: pl.DataFrame,
    rows: Iterator[Row],
    texts: tuple[str, ...],
    personas: pl.DataFrame | None,
) -> Written:
    if path.suffix not in _KINDS:
        what = f"{path.suffix} is no form of rows for trainers"
        raise DataError(what, file=path, fix="name it .jsonl or .parquet")
    first = next(rows, None)
    if first is None:
        what = "no judgement prefers one answer, so there is nothing to train on"
        raise DataError(what, file=path, fix="export as parquet to see ties and refusals")
    count = _Counted(first, rows)
    if path.suffix == ".parquet":
        schema = _schema(first, table, texts, personas)
        sink_parquet(path, _frames(count, schema), schema)
    else:
        write_lines(path, count)
    left: dict[str, int] = {}
    if "verdict" in table.columns:
        verdicts = table["verdict"].value_counts().sort("verdict").iter_rows()
        left = {verdict: n for verdict, n in verdicts if verdict not in DECIDED}
    way = table["way"][0] if "way" in table.columns else ""
    return Written(count.rows, left, dict(sorted(count.splits.items(), reverse=True)), way)


class _Counted:
    """Rows, the first of which was looked at, counted as they pass."""

    def __init__(self, first: Row, others: Iterator[Row]) -> None:
        self.rows = 0
        self.splits: Counter[str] = Counter()
        self._first, self._others = first, others

    def __iter__(self) -> Iterator[Row]:
        for row in chain([self._first], self._others):
            self.rows += 1
            if split := row.get("split"):
                self.splits[split] += 1
            yield row


def _frames(rows: Iterable[Row], schema: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    each = iter(rows)
    while batch := list(islice(each, _BATCH)):
        yield pl.DataFrame(batch, schema=schema)


def _schema(
    first: Row, table: pl.DataFrame, texts: tuple[str, ...], personas: pl.DataFrame | None
) -> dict[str, Any]:
    def kind(name: str) -> Any:
        if name in texts:
            return _MESSAGES
        if name == "label":
            return pl.Boolean
        if name in table.columns:
            return table.schema[name]
        return personas.schema[name] if personas is not None else pl.String

    return {name: kind(name) for name in first}
