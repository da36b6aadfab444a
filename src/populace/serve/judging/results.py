"""What came in, as tables: verdicts (they feed `agreement` of the bench), survey answers, raters, pairs.

Each table is one moment of the study, taken while raters go on: one transaction (that of the caller, where
several tables must fit together). Nothing says when somebody answered, and ids
of a panel are there only if the study keeps them.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from populace.errors import DataError
from populace.serve.judging import tables as t
from populace.serve.judging.opening import Opened
from populace.serve.judging.plan import FORWARD

__all__ = [
    "FILES",
    "KINDS",
    "encode",
    "machines",
    "pairs",
    "progress",
    "raters",
    "survey",
    "verdicts",
    "write_table",
]

KINDS = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
"""Form of a file -> its media type."""

_PASSED = pl.when(pl.col("checks") > 0).then(
    pl.when(pl.col("passed") == pl.col("checks")).then(pl.lit("passed")).otherwise(pl.lit("failed"))
)


def verdicts(opened: Opened, within: Connection | None = None) -> pl.DataFrame:
    """Give people's verdicts: what `--option people=FILE` of the bench's `agreement` reads.

    Returns
    -------
    polars.DataFrame
        `persona_id, prompt_id, rater, verdict` (first, second, tie; null: could not tell), `order` (`first`
        or `second`: which answer was shown first), `reason`, `seconds`, `attention` (passed, failed; null: no
        check was met), `complete` (whether the rater got to the end), `revision`.
    """
    with _moment(opened, within) as c:
        found, people = _answers(c, "pair"), _people(c)
    order = pl.when(pl.col("order") == FORWARD).then(pl.lit("first")).otherwise(pl.lit("second"))
    told = found.join(people, on="rater", how="left", maintain_order="left")
    return told.select(
        "persona_id",
        "prompt_id",
        "rater",
        pl.when(pl.col("said") != "unsure").then("said").alias("verdict"),
        order.alias("order"),
        "reason",
        "seconds",
        "attention",
        "complete",
        "revision",
    )


def survey(opened: Opened, within: Connection | None = None) -> pl.DataFrame:
    """Give people's own answers: `item_id, rater, answer, option` (from 1; null: would not say), and beside.

    `order` is `forward` or `backward`: how the options were shown.
    """
    with _moment(opened, within) as c:
        found, people = _answers(c, "survey"), _people(c)
    found = found.join(people, on="rater", how="left", maintain_order="left")
    options = [json.loads(text) for text in found["options"]]
    numbers = [None if said == "unsure" else int(said) for said in found["said"]]
    texts = [None if n is None else each[n] for n, each in zip(numbers, options, strict=True)]
    return found.select(
        pl.col("prompt_id").alias("item_id"),
        "rater",
        pl.Series("answer", texts, dtype=pl.String),
        pl.Series("option", [None if n is None else n + 1 for n in numbers], dtype=pl.Int64),
        "order",
        "seconds",
        "attention",
        "complete",
        "revision",
    )


def raters(opened: Opened, within: Connection | None = None) -> pl.DataFrame:
    """Give raters: `rater, persona_id, complete, checks, passed, attention, answers, median_seconds`.

    Where the study keeps ids, the panel's are beside them.
    """
    with _moment(opened, within) as c:
        frame = _people(c)
    if opened.settings.keep_ids:
        return frame
    return frame.drop("external", "panel_study", "panel_session")


def pairs(opened: Opened) -> pl.DataFrame:
    """Give the pairs that are judged: what `--option pairs=FILE` of the bench's `agreement` reads."""
    with opened.store.read() as c:
        found = c.execute(select(t.items).where(t.items.c.kind == "pair").order_by(t.items.c.item_id)).all()
    rows = [(r.persona_id, r.prompt_id, r.text, *json.loads(r.options)) for r in found]
    names = ("persona_id", "prompt_id", "prompt", "first", "second")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def machines(opened: Opened, within: Connection | None = None) -> pl.DataFrame:
    """Give models' verdicts on these pairs: `persona_id, prompt_id, machine, verdict`."""
    with _moment(opened, within) as c:
        rows = [tuple(row) for row in c.execute(select(t.machines))]
    names = ("persona_id", "prompt_id", "machine", "verdict")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").sort(names)


FILES: dict[str, Callable[[Opened], pl.DataFrame]] = {
    "verdicts": verdicts,
    "survey": survey,
    "raters": raters,
    "pairs": pairs,
}
"""Tables that can be exported."""


def write_table(opened: Opened, what: str, form: str) -> bytes:
    """Write one of `FILES` in one of `KINDS`.

    Raises
    ------
    DataError
        If there is no such table or form.
    """
    if what not in FILES or form not in KINDS:
        raise DataError(
            f"there is no export {what}.{form}", fix=f"use {', '.join(FILES)} and {', '.join(KINDS)}"
        )
    return encode(FILES[what](opened), form)


def encode(table: pl.DataFrame, form: str) -> bytes:
    """Write a table in one of `KINDS`."""
    out = io.BytesIO()
    if form == "parquet":
        table.write_parquet(out, compression="zstd")
    elif form == "csv":
        text = [name for name, kind in table.schema.items() if kind == pl.String]
        # A reason that starts like a formula would be run by a spreadsheet.
        risky = pl.col(text).str.contains(r"^[=+\-@\t\r]")
        table.with_columns(
            pl.when(risky).then("'" + pl.col(text)).otherwise(pl.col(text)).name.keep()
        ).write_csv(out)
    else:
        table.write_ndjson(out)
    return out.getvalue()


def progress(opened: Opened, now: float | None = None) -> dict[str, Any]:
    """Say how far the study is: counts, and a row for each persona. `now` is for tests."""
    now = time.time() if now is None else now
    with opened.store.read() as c:
        people = _people(c)
        joined = t.seats.outerjoin(t.raters, t.raters.c.rater == t.seats.c.rater)
        columns = (t.seats.c.persona_id, t.raters.c.rater, t.raters.c.finished, t.raters.c.seen)
        seats = [
            tuple(row) for row in c.execute(select(*columns).select_from(joined).order_by(t.seats.c.seat))
        ]
        told = {row[0]: row[1] for row in c.execute(select(t.personas.c.persona_id, t.personas.c.text))}
    idle = 60 * opened.settings.idle_minutes
    rows: dict[str | None, dict[str, Any]] = {}
    for persona_id, rater, finished, seen in seats:
        row = rows.setdefault(persona_id, _row(persona_id, told))
        state = "free" if rater is None else "done" if finished else "away" if now - seen > idle else "busy"
        row[state] += 1
    met = people.filter(pl.col("checks") > 0)
    return {
        "seats": len(seats),
        "done": sum(row["done"] for row in rows.values()),
        "busy": sum(row["busy"] for row in rows.values()),
        "away": sum(row["away"] for row in rows.values()),
        "free": sum(row["free"] for row in rows.values()),
        "raters": people.height,
        "answers": int(people["answers"].sum()),
        "seconds": people["median_seconds"].median(),
        "attentive": int((met["attention"] == "passed").sum()),
        "met": met.height,
        "rows": list(rows.values()),
        "owed": opened.store.owed(),
    }


def _row(persona_id: str | None, told: dict[str, str]) -> dict[str, Any]:
    text = told.get(persona_id or "", "People answering as themselves")
    first = text.removeprefix("Meet ").split(". ")[0].strip().rstrip(".")
    name = first if len(first) < 70 else first[:68].rsplit(" ", 1)[0] + " …"
    counts = dict.fromkeys(("done", "busy", "away", "free"), 0)
    return {"name": name[:1].upper() + name[1:], "id": persona_id} | counts


@contextmanager
def _moment(opened: Opened, within: Connection | None) -> Iterator[Connection]:
    """Give the caller's transaction, or one of our own."""
    if within is not None:
        yield within
        return
    with opened.store.read() as c:
        yield c


def _answers(c: Connection, kind: str) -> pl.DataFrame:
    columns = (
        t.items.c.persona_id, t.items.c.prompt_id, t.items.c.options, t.answers.c.rater, t.answers.c.said,
        t.answers.c.order, t.answers.c.reason, t.answers.c.seconds, t.answers.c.revision,
    )  # fmt: skip
    joined = t.answers.join(t.items, t.items.c.item_id == t.answers.c.item_id)
    wanted = select(*columns).select_from(joined).where(t.items.c.kind == kind)
    rows = [tuple(row) for row in c.execute(wanted.order_by(t.items.c.item_id, t.answers.c.rater))]
    schema: dict[str, Any] = {column.name: pl.String for column in columns}
    schema |= {"seconds": pl.Float64, "revision": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _people(c: Connection) -> pl.DataFrame:
    """Give a row a rater, with what their checks say."""
    names = ("rater", "persona_id", "external", "panel_study", "panel_session")
    people = [
        (*(getattr(row, name) for name in names), row.finished is not None)
        for row in c.execute(select(t.raters).order_by(t.raters.c.rater))
    ]
    given = [tuple(r) for r in c.execute(select(t.answers.c.rater, t.answers.c.passed, t.answers.c.seconds))]
    schema = {"rater": pl.String, "check": pl.Boolean, "seconds": pl.Float64}
    check = pl.col("check")
    counts = (
        pl.DataFrame(given, schema=schema, orient="row")
        .group_by("rater")
        .agg(
            checks=check.is_not_null().sum().cast(pl.Int64),
            passed=check.sum().cast(pl.Int64),
            answers=check.is_null().sum().cast(pl.Int64),
            median_seconds=pl.col("seconds").filter(check.is_null()).median(),
        )
    )
    own = dict.fromkeys(names, pl.String) | {"complete": pl.Boolean}
    frame = pl.DataFrame(people, schema=own, orient="row").join(
        counts, on="rater", how="left", maintain_order="left"
    )
    zero = pl.col("checks", "passed", "answers").fill_null(0)
    return frame.with_columns(zero).with_columns(_PASSED.alias("attention"))
