"""From journal to Parquet: one row a call, the same bytes for the same answers.

The journal is read twice: once for the stage and key of every call, which are sorted, and once in that
order for the texts, a chunk at a time. So the table is never in memory, and its bytes depend on the answers
alone, not on the order in which they came.

The table lists every call that its folder ever made, also under earlier settings: what was paid for is kept.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.models.records import Choice, Completion, Result
from populace.run.journal import Journal

__all__ = ["CALLS_SCHEMA", "calls_frame", "write_calls"]

CALLS_SCHEMA = {
    "key": pl.String,
    "stage": pl.String,
    "kind": pl.String,
    "status": pl.String,
    "text": pl.String,
    "finish": pl.String,
    "log_likelihoods": pl.List(pl.Float64),
    "option_tokens": pl.List(pl.Int64),
    "exact": pl.Boolean,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "error": pl.String,
}
"""Columns of `calls.parquet`. `kind` is `completion`, `choice` or `failure`; `status` is `ok` or the
failure's boundary. What depends on the session and not on the answer (clock times, durations, tokens
that were cached) stays in the journal."""

_CHUNK = 5_000
"""Rows held as Python objects."""
_ROW_GROUP = 20_000
_HALF = 16
"""Hex digits of half a key."""


def calls_frame(journal: Journal) -> pl.DataFrame:
    """Tabulate the newest result of every key, sorted by stage and key.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.records import Completion
    >>> from populace.run.journal import Record
    >>> with Journal(tempfile.mkdtemp()) as journal:
    ...     answer = Completion(key="00" * 16, text="Hello.")
    ...     journal.append([Record(stage="greet", result=answer, seconds=0.1, at=0.0)])
    ...     calls_frame(journal).select("stage", "kind", "status", "text").row(0)
    ('greet', 'completion', 'ok', 'Hello.')
    """
    return pl.concat([pl.DataFrame(schema=CALLS_SCHEMA), *_chunks(journal)])


def write_calls(journal: Journal, path: str | os.PathLike[str]) -> None:
    """Write the rows of `calls_frame` as Parquet (zstd); the file depends on the answers alone."""
    from polars.io.plugins import register_io_source

    def chunks(*pushed_down: object) -> Iterator[pl.DataFrame]:
        return _chunks(journal)

    rows = register_io_source(chunks, schema=CALLS_SCHEMA)
    with atomic_path(Path(path)) as temporary:
        rows.sink_parquet(temporary, compression="zstd", row_group_size=_ROW_GROUP)


def _chunks(journal: Journal) -> Iterator[pl.DataFrame]:
    """Yield the table in pieces of `_CHUNK` rows, sorted by stage and key."""
    rows: list[tuple[Any, ...]] = []
    for stage, key in _sorted_keys(journal):
        result = journal.get(key)
        if result is not None:
            rows.append(_row(stage, result))
        if len(rows) == _CHUNK:
            yield _frame(rows)
            rows.clear()
    yield _frame(rows)


def _frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame(schema=CALLS_SCHEMA)
    columns = zip(CALLS_SCHEMA.items(), zip(*rows, strict=True), strict=True)
    return pl.DataFrame([_column(name, values, dtype) for (name, dtype), values in columns])


def _column(name: str, values: Sequence[Any], dtype: Any) -> pl.Series:
    """Make one column. Lists of one length (all choices between two answers) go in flat: 5 times faster."""
    lists = [value for value in values if value] if isinstance(dtype, pl.List) else []
    sizes = set(map(len, lists))
    if len(sizes) != 1 or () in values:
        return pl.Series(name, values, dtype=dtype)
    flat = pl.Series(name, list(chain.from_iterable(lists)), dtype=dtype.inner)
    place = count()
    rows = pl.Series([None if value is None else next(place) for value in values], dtype=pl.Int64)
    return flat.reshape((len(lists), sizes.pop())).arr.to_list().gather(rows)


def _sorted_keys(journal: Journal) -> Iterator[tuple[str, str]]:
    """Yield stage and key of every call, sorted."""
    numbers: dict[str, int] = {}
    columns = stages, upper, lower = array("Q"), array("Q"), array("Q")
    for record in journal:
        stages.append(numbers.setdefault(record.stage, len(numbers)))
        upper.append(int(record.result.key[:_HALF], 16))
        lower.append(int(record.result.key[_HALF:], 16))
    names = sorted(numbers)
    stage, high, low = (np.frombuffer(column, dtype=np.uint64) for column in columns)
    place = np.array([names.index(name) for name in numbers], dtype=np.int64)[stage]
    for row in np.lexsort((low, high, place)):
        yield names[place[row]], f"{high[row]:016x}{low[row]:016x}"


def _row(stage: str, result: Result) -> tuple[Any, ...]:
    if isinstance(result, Completion):
        use = result.usage
        return (
            *(result.key, stage, "completion", "ok", result.text, result.finish, None, None, None),
            *(use.prompt_tokens, use.completion_tokens, None),
        )
    if isinstance(result, Choice):
        use = result.usage
        return (
            *(result.key, stage, "choice", "ok", result.text, None),
            *(result.log_likelihoods, result.tokens, result.exact),
            *(use.prompt_tokens, use.completion_tokens, None),
        )
    return (
        *(result.key, stage, "failure", result.boundary, None, None, None, None, None),
        *(None, None, result.message),
    )
