"""`populace pluralism steerable`: score a table of steered answers; its columns say which scores it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    import polars as pl

    from populace.stats import Estimate

__all__ = ["steerable"]

_MOST = 1_000_000_000
"""Prompts of a budget, at most: above are slips."""

_Rows: TypeAlias = "list[tuple[str, str, Estimate | None, str]]"
"""Score, of whom, estimate, note."""


def steerable(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSONL or Parquet. Answers: `gold`, `answer`, perhaps `attribute`, `question`. "
            "Matrix: `system`, `test`, `accuracy`. Prompts: `dimension`, `direction`, `budget`, `for`, "
            "`against`. Goals: `before.AXIS`, `target.AXIS`, `after.AXIS`, perhaps `prompt`, `goal`. "
            "Revealed views: `question`, `revealed`, `view`, `before`, `after`.",
        ),
    ],
    threshold: Annotated[
        float | None, typer.Option(help="Of revealed views: what covers a view; degrees if left out.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Resamples of intervals that need them.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the scores as .csv.", metavar="FILE")] = None,
) -> None:
    """Score how far a model goes where it is steered: accuracy, ranks, index, goals or collapse."""
    from populace.bench.user_tables import read_table
    from populace.errors import DataError

    table = _plain(read_table(file, "steered answers"), file)
    has = set(table.columns)
    kinds: list[tuple[set[str], Callable[[], _Rows]]] = [
        ({"gold", "answer"}, lambda: _answers(table, draws, seed)),
        ({"system", "test", "accuracy"}, lambda: _matrix(table, file)),
        ({"dimension", "direction", "budget", "for", "against"}, lambda: _index(table, file)),
        ({"question", "revealed", "view", "before", "after"}, lambda: _revealed(table, file, threshold)),
    ]
    made = next((score for wanted, score in kinds if wanted <= has), None)
    if made is None and any(name.startswith("target.") for name in has):
        made = lambda: _goals(table, file)  # noqa: E731
    if made is None:
        raise DataError(
            f"these columns are of no table that is known: {', '.join(table.columns)}",
            file=file,
            fix="name them as `populace pluralism steerable --help` says",
        )
    try:
        rows = made()
    except DataError as error:
        if error.file is not None:
            raise
        raise DataError(error.what, file=file, row=error.row, column=error.column, fix=error.fix) from error
    _show(rows, out)


def _plain(table: pl.DataFrame, file: Path) -> pl.DataFrame:
    """Refuse a table without rows, and cells that are lists; an empty cell is none, blank or not."""
    import polars as pl

    from populace.errors import DataError

    if table.is_empty():
        raise DataError("there is no row below the header", file=file, fix="give at least one")
    for name, kind in table.schema.items():
        if kind.is_nested():
            raise DataError("a cell holds a list", file=file, column=name, fix="give text or a number")
    return table.with_columns(pl.col(pl.String).str.strip_chars().replace("", None))


def _named(table: pl.DataFrame, names: tuple[str, ...], file: Path) -> None:
    """Refuse a missing name."""
    from populace.errors import DataError

    for name in names:
        empty = table[name].is_null().arg_true()
        if len(empty):
            raise DataError(
                "a cell is empty", file=file, row=int(empty[0]) + 1, column=name, fix="fill it in"
            )


def _answers(table: pl.DataFrame, draws: int, seed: int) -> _Rows:
    """Score answers: three accuracies, each attribute, and how unequally they are served."""
    import polars as pl

    from populace.pluralism import steerable as room

    rows = table.with_columns(
        pl.col(name).cast(pl.String).replace("", None)
        for name in ("gold", "answer", "attribute", "question")
        if name in table.columns
    )
    gold, said = rows["gold"].to_list(), rows["answer"].to_list()
    whose, what = (
        rows[name].to_list() if name in rows.columns else None for name in ("attribute", "question")
    )
    kinds: tuple[tuple[Literal["plain", "balanced", "macro_f1"], str], ...] = (
        ("plain", "accuracy"),
        ("balanced", "balanced accuracy"),
        ("macro_f1", "macro-F1"),
    )
    found: _Rows = [
        (measure, "", room.accuracy(gold, said, kind=kind, attributes=whose, questions=what), "")
        for kind, measure in kinds
    ]
    if "attribute" not in rows.columns:
        return found
    asked = rows.filter(pl.col("gold").is_not_null())
    for (name,), some in asked.group_by("attribute", maintain_order=True):
        questions = some["question"].to_list() if "question" in some.columns else None
        made = room.accuracy(some["gold"].to_list(), some["answer"].to_list(), questions=questions)
        found.append(("accuracy", str(name), made, ""))
    hits = (asked["gold"] == asked["answer"]).fill_null(value=False).cast(pl.Float64)
    questions = asked["question"].to_list() if "question" in asked.columns else None
    unequal = room.inequity(hits, asked["attribute"].to_list(), questions, draws=draws, seed=seed)
    worst = f"as counted {unequal.worst_gap_raw:.3f}; worst: {' = '.join(unequal.worst)}"
    found.append(("s.d. of accuracy", "attributes", unequal.spread, f"as counted {unequal.spread_raw:.3f}"))
    found.append(("gap to the worst", "attributes", unequal.worst_gap, worst))
    return found


def _matrix(table: pl.DataFrame, file: Path) -> _Rows:
    """Rank the diagonal of steered systems by tests."""
    import numpy as np
    import polars as pl

    from populace.errors import DataError
    from populace.pluralism import steerable as room

    _named(table, ("system", "test"), file)
    names = sorted({*table["system"].cast(pl.String), *table["test"].cast(pl.String)})
    place = {name: number for number, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    numbers = _number(table, "accuracy", file)
    pairs = zip(table["system"].cast(pl.String), table["test"].cast(pl.String), numbers, strict=True)
    for row, (system, test, value) in enumerate(pairs, 1):
        spot = place[system], place[test]
        if not np.isnan(matrix[spot]):
            raise DataError(f"{system} took the test of {test} twice", file=file, row=row)
        matrix[spot] = np.nan if value is None else value
    found: _Rows = []
    for ties in ("max", "mean"):
        made = room.ranks(matrix, rows="systems", ties=ties)
        note = f"ties: {ties}; chance {made.chance:.3f}"
        found.append(("rank among tests", "own test", made.among_tests, note))
        found.append(("rank among systems", "own system", made.among_systems, note))
        if ties == "max":
            found.append(("margin over other systems", "own test", made.margin, ""))
    return found


def _index(table: pl.DataFrame, file: Path) -> _Rows:
    """Give the steerability curve of Miehling et al., by both scales."""
    import polars as pl

    from populace.errors import DataError
    from populace.pluralism import steerable as room

    numbers = [_number(table, name, file).alias(name) for name in ("budget", "for", "against")]
    _named(table, ("dimension", "budget"), file)
    whole = numbers[0]
    wrong = (~(whole.is_finite() & (whole >= 0) & (whole <= _MOST) & (whole.round() == whole))).arg_true()
    if len(wrong):
        row = int(wrong[0])
        what, fix = f"{table['budget'][row]!r} is no number of prompts", "give a whole number from 0 up"
        raise DataError(what, file=file, row=row + 1, column="budget", fix=fix)
    rows = table.with_columns(*numbers, pl.col("direction").cast(pl.String))
    rows = rows.with_columns(pl.col("budget").cast(pl.Int64))
    told = room.indices(rows)
    found: _Rows = []
    for scale in ("range", "share of the way"):
        for direction, budget in room.curves(rows, scale=scale).select("direction", "budget").iter_rows():
            made = room.index(rows, budget=budget, direction=direction, scale=scale)
            some = told.filter(pl.col("direction") == direction, pl.col("budget") == budget)
            note = f"{some['answered'].mean() or 0.0:.0%} answered when steered"
            found.append((f"index, {scale}", f"{direction}, {budget} prompts", made, note))
    return found


def _goals(table: pl.DataFrame, file: Path) -> _Rows:
    """Split errors into miscalibration and side effects."""
    import numpy as np

    from populace.errors import DataError
    from populace.pluralism import steerable as room

    axes = [name.partition(".")[2] for name in table.columns if name.startswith("target.")]
    parts = []
    for when in ("before", "target", "after"):
        missing = [name for axis in axes if (name := f"{when}.{axis}") not in table.columns]
        if missing:
            raise DataError("this column is missing", file=file, column=missing[0])
        parts.append(np.stack([_number(table, f"{when}.{axis}", file).to_numpy() for axis in axes], axis=1))
    clusters = {f"{name}s": table[name].to_list() for name in ("prompt", "goal") if name in table.columns}
    made = room.decompose(*parts, **clusters)
    note = f"nothing asked {made.nothing_asked:,}, nothing moved {made.nothing_moved:,}"
    names = ("error", "miscalibration", "overshoot", "orthogonality", "side_effect")
    return [(name.replace("_", " "), "", getattr(made, name), note * (name == "error")) for name in names]


def _revealed(table: pl.DataFrame, file: Path, threshold: float | None) -> _Rows:
    """Say what is left of views once the user said theirs."""
    import numpy as np
    import polars as pl

    from populace.errors import DataError
    from populace.pluralism import steerable as room

    _named(table, ("question", "revealed", "view"), file)
    rows = table.with_columns(
        *(pl.col(name).cast(pl.String) for name in ("question", "revealed", "view")),
        *(_number(table, name, file).alias(name) for name in ("before", "after")),
    )
    cases = rows.group_by("question", "revealed", maintain_order=True).agg("view", "before", "after")
    widest = max((len(views) for views in cases["view"].to_list()), default=0)
    before, after = (np.full((cases.height, widest), np.nan) for _ in range(2))
    revealed: list[int] = []
    for number, row in enumerate(cases.iter_rows(named=True)):
        views = row["view"]
        if row["revealed"] not in views or len(set(views)) < len(views):
            what = f"the views of {row['question']} do not have {row['revealed']}, or have one twice"
            raise DataError(what, file=file, column="view", fix="give a row for each view, the user's too")
        before[number, : len(views)], after[number, : len(views)] = row["before"], row["after"]
        revealed.append(views.index(row["revealed"]))
    made = room.collapse(
        before,
        after,
        np.array(revealed, dtype=np.int64),
        questions=cases["question"].to_list(),
        threshold=threshold,
    )
    note = f"{made.undecided:,} rows that no view led before"
    return [
        ("gain of the user's view", "", made.towards, ""),
        ("loss of other views", "", made.others, ""),
        ("coverage before", "", made.coverage_before, ""),
        ("coverage after", "", made.coverage_after, ""),
        ("coverage lost", "", made.loss, ""),
        ("flips to the user's view", "", made.flips, note),
    ]


def _number(table: pl.DataFrame, name: str, file: Path) -> pl.Series:
    """Read a column of numbers, which CSV has as text."""
    import polars as pl

    from populace.errors import DataError

    given = table[name]
    if given.dtype == pl.String:
        given = given.str.strip_chars().replace("", None)
    found = given.cast(pl.Float64, strict=False)
    wrong = (given.is_not_null() & found.is_null()).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{given[row]!r} is no number", file=file, row=row + 1, column=name)
    return found


def _show(rows: _Rows, out: Path | None) -> None:
    """Print the scores, and write them if wanted."""
    from rich.console import Console
    from rich.table import Table

    from populace.report.text import estimate_text

    shown = Table(box=None)
    for name in ("score", "of", "estimate", "n", "note"):
        shown.add_column(name, overflow="fold", no_wrap=name == "estimate")
    for score, of, estimate, note in rows:
        if estimate is not None:
            shown.add_row(score, of, estimate_text(estimate), f"{estimate.n:,}", note)
    console = Console(highlight=False, markup=False)
    console.print(shown)
    console.print("95 % intervals")
    if out is None:
        return
    import polars as pl

    from populace.atomic import write_atomic

    fields = ("value", "low", "high", "level", "n", "clusters", "method", "seed")
    flat = [
        {"score": score, "of": of, **{name: getattr(estimate, name) for name in fields}, "note": note}
        for score, of, estimate, note in rows
    ]
    write_atomic(out, pl.DataFrame(flat, infer_schema_length=None).write_csv().encode())
    typer.echo(f"wrote {out}")
