"""From journal to Parquet: one row a call, the same bytes for the same answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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

_CHUNK = 50_000


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
    frames = [pl.DataFrame(schema=CALLS_SCHEMA)]
    rows: list[tuple[Any, ...]] = []
    for record in journal:
        rows.append(_row(record.stage, record.result))
        if len(rows) == _CHUNK:
            frames.append(pl.DataFrame(rows, schema=CALLS_SCHEMA, orient="row"))
            rows.clear()
    frames.append(pl.DataFrame(rows, schema=CALLS_SCHEMA, orient="row"))
    return pl.concat(frames).sort("stage", "key")


def write_calls(journal: Journal, path: str | os.PathLike[str]) -> None:
    """Write `calls_frame` as Parquet (zstd); the file depends on the answers alone."""
    with atomic_path(Path(path)) as temporary:
        calls_frame(journal).rechunk().write_parquet(temporary, compression="zstd", row_group_size=_CHUNK)


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
