"""`populace pluralism overton`: which views an answer presents, from a table of ratings or of matches.

Ratings (OvertonBench): `rater`, `question`, `model`, `rating`, and `cluster`, or `--clusters` with `rater`,
`cluster` and, where people are grouped question by question, `question`.

Matches: `question`, `perspective`, `sentence` (a number, its place in the answer), `score`; and `model` where
there are several, `share` of the perspective where somebody counted. An answer that says nothing has rows
with an empty `sentence`. Perspectives of a question are those of all models together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    from rich.table import Table

    from populace.pluralism.overton import MatchedCoverage, RatedCoverage

__all__ = ["overton"]

_RATINGS = {"rater", "question", "model", "rating"}
_MATCHES = {"question", "perspective", "sentence", "score"}


def overton(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="Ratings of people, or scores of sentences: .csv, .parquet."),
    ],
    clusters: Annotated[
        Path | None, typer.Option(help="Which rater is in which cluster.", metavar="FILE")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Least mean rating (4 if left out), or least score of a match.")
    ] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Count clusters by their people.")] = False,
    rule: Annotated[str, typer.Option(help="Of matches: max, mutual_best or hungarian.")] = "max",
    at: Annotated[
        list[int] | None, typer.Option(help="K of coverage@K, for matches; may be given again.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the numbers of each question as .csv.", metavar="FILE")
    ] = None,
) -> None:
    """Coverage of models: the groups of people who feel represented, or the views that sentences express."""
    from rich.console import Console

    from populace.bench.user_tables import read_table
    from populace.errors import DataError

    rows = read_table(table, "ratings or matches")
    if rows.is_empty():
        raise DataError("there is no row below the header", file=table, fix="give at least one")
    for name, kind in rows.schema.items():
        if kind.is_nested():
            raise DataError("a cell holds a list", file=table, column=name, fix="give text or a number")
    columns = set(rows.columns)
    console = Console(highlight=False, markup=False)
    if columns >= _RATINGS:
        found = _rated(rows, table, clusters, 4.0 if threshold is None else threshold, weighted, seed)
        console.print(_ratings_table(found))
        if not found.connected:
            console.print("Shared questions do not link all models: adjusted coverage is not defined.")
        written = found.table
    elif columns >= _MATCHES:
        if threshold is None:
            fix = "give --threshold: it belongs to who made the scores"
            raise DataError("nothing says which score is a match", file=table, fix=fix)
        results = _matched(rows, table, rule, threshold, at or [])
        console.print(_matches_table(results))
        if len({tuple(sorted(found.table["question"])) for found in results.values()}) > 1:
            console.print("Models answered other questions: their numbers are not of one set.")
        written = _by_question(results)
    else:
        fix = f"give {', '.join(sorted(_RATINGS))} for ratings, or {', '.join(sorted(_MATCHES))} for matches"
        raise DataError("these are neither ratings nor matches", file=table, fix=fix)
    if out is not None:
        from populace.atomic import write_atomic

        write_atomic(out, written.write_csv().encode())
        console.print(f"{out}: {written.height:,} rows")


def _rated(
    rows: pl.DataFrame, table: Path, clusters: Path | None, threshold: float, weighted: bool, seed: int
) -> RatedCoverage:
    """Score ratings, with clusters of their own column or of a file."""
    from populace.bench.user_tables import read_table
    from populace.errors import DataError
    from populace.pluralism import overton as room

    if clusters is None and "cluster" not in rows.columns:
        fix = "give --clusters FILE, or a column cluster"
        raise DataError("nothing says which rater is in which cluster", file=table, fix=fix)
    if clusters is None:
        groups = rows.select("rater", "question", "cluster").unique(maintain_order=True)
    else:
        groups = read_table(clusters, "clusters")
    try:
        return room.coverage(rows, groups, threshold, weighted, seed=seed)
    except DataError as error:
        raise DataError(error.what, file=table, row=error.row, column=error.column, fix=error.fix) from error


def _matched(
    rows: pl.DataFrame, table: Path, rule: str, threshold: float, at: list[int]
) -> dict[str, MatchedCoverage]:
    """Score matches, model by model, on the questions of each."""
    import polars as pl
    from msgspec import structs

    from populace.errors import DataError
    from populace.pluralism import overton as room

    if rule not in room.RULES:
        raise DataError(f"there is no rule {rule!r}", fix=f"use one of {', '.join(room.RULES)}")
    chosen: room.Rule = next(each for each in room.RULES if each == rule)
    read = rows.with_row_index("_row", offset=1).with_columns(
        pl.col("question", "perspective").cast(pl.String).str.strip_chars().replace("", None),
        pl.col("score").cast(pl.String).str.strip_chars().replace("", None).alias("_said"),
        sentence=pl.col("sentence").cast(pl.String).str.strip_chars().replace("", None),
    )
    read = read.with_columns(
        pl.col("_said").cast(pl.Float64, strict=False).alias("score"),
        pl.col("sentence").cast(pl.Float64, strict=False).alias("_place"),
        model=pl.col("model").cast(pl.String).str.strip_chars().replace("", None)
        if "model" in rows.columns
        else pl.lit("all answers"),
    )
    for column in ("question", "perspective", "model"):
        empty = read.filter(pl.col(column).is_null())
        if empty.height:
            row = int(empty["_row"][0])
            raise DataError("a cell is empty", file=table, row=row, column=column, fix="fill it in")
    for column, raw, value in (("score", "_said", "score"), ("sentence", "sentence", "_place")):
        wrong = read.filter(pl.col(raw).is_not_null() & ~pl.col(value).is_finite().fill_null(value=False))
        if wrong.height:
            raise DataError("this is no number", file=table, row=int(wrong["_row"][0]), column=column)
    keys = ["model", "question", "perspective", "_place"]
    twice = read.filter(read.select(keys).is_duplicated())
    if twice.height:
        what = "a sentence has two scores of one perspective"
        raise DataError(what, file=table, row=int(twice["_row"][0]), fix="keep one")
    # A view is of its question, whoever has rows of it: what a model has no row of, it did not express.
    found, views, held = {}, {}, {}
    for (name,), part in read.group_by("question", maintain_order=True):
        views[name] = part["perspective"].unique(maintain_order=True).to_list()
        held[name] = _shares(part, table)
    for (model,), part in read.group_by("model", maintain_order=True):
        asked = list(part.group_by("question", maintain_order=True))
        tables = [_of_question(each, views[name]) for (name,), each in asked]
        shares = [held[name] for (name,), _ in asked]
        scored = room.coverage_from_matches(tables, chosen, threshold=threshold, shares=shares, at=at)
        names = pl.Series("question", [name for (name,), _ in asked])
        found[str(model)] = structs.replace(scored, table=scored.table.with_columns(names))
    return found


def _of_question(rows: pl.DataFrame, views: list[str]) -> npt.NDArray[np.float64]:
    """Lay the scores of one answer out as perspectives x sentences, sentences in order."""
    import numpy as np

    places = sorted(rows["_place"].drop_nulls().unique().to_list())
    scores = np.full((len(views), len(places)), np.nan)
    for view, place, score in rows.select("perspective", "_place", "score").iter_rows():
        if place is not None and score is not None:
            scores[views.index(view), places.index(place)] = score
    return scores


def _shares(rows: pl.DataFrame, table: Path) -> list[float] | None:
    """Read how many hold each perspective of a question; None where nobody counted."""
    import math

    import polars as pl

    from populace.errors import DataError

    if "share" not in rows.columns:
        return None
    found: list[float | None] = []
    for (_,), part in rows.group_by("perspective", maintain_order=True):
        said = part["share"].cast(pl.String).str.strip_chars().replace("", None)
        row, known = int(part["_row"][0]), said.cast(pl.Float64, strict=False)
        bad = said.is_not_null() & ~(known.is_finite() & (known >= 0)).fill_null(value=False)
        if bad.any():
            row, what = int(part["_row"][int(bad.arg_true()[0])]), "this is no share"
            raise DataError(what, file=table, row=row, column="share", fix="give a number from 0 up")
        if known.drop_nulls().n_unique() > 1:
            raise DataError("a perspective has several shares", file=table, row=row, column="share")
        found.append(float(known.drop_nulls().to_list()[0]) if known.count() else None)
    if all(each is None for each in found):
        return None
    row = int(rows["_row"][0])
    if any(each is None for each in found):
        what = f"some shares of {rows['question'][0]!r} are missing"
        raise DataError(what, file=table, row=row, column="share", fix="give all of them, or none")
    if not math.fsum(each or 0.0 for each in found):
        what = f"all shares of {rows['question'][0]!r} are 0"
        raise DataError(what, file=table, row=row, column="share", fix="leave them empty if nobody counted")
    return [each or 0.0 for each in found]


def _ratings_table(found: RatedCoverage) -> Table:
    from rich.table import Table

    from populace.report.text import estimate_text

    kind = "people of clusters" if found.weighted else "clusters"
    table = Table(title=f"share of {kind} with a mean rating of {found.threshold:g} or more", box=None)
    for name in ("model", "coverage", "adjusted for questions", "questions", "unrated"):
        table.add_column(name, no_wrap=name != "model", overflow="fold")
    for each in found.models:
        numbers = estimate_text(each.coverage), estimate_text(each.adjusted)
        table.add_row(each.model, *numbers, f"{each.questions:,}", f"{each.unrated:,}")
    return table


def _matches_table(results: dict[str, MatchedCoverage]) -> Table:
    from rich.table import Table

    from populace.report.text import estimate_text

    first = next(iter(results.values()))
    table = Table(title=f"{first.rule}, matches from {first.threshold:g}; intervals over questions", box=None)
    for name in ("model", "measure", "estimate", "questions"):
        table.add_column(name, no_wrap=name != "model", overflow="fold")
    for model, found in results.items():
        rows = [("coverage", found.coverage), ("precision", found.precision), ("F1", found.f)]
        rows += [(f"coverage@{count}", each) for count, each in found.at.items()]
        rows += [
            (name, each)
            for name, each in (
                ("coverage, by people", found.weighted),
                ("false balance", found.false_balance),
                ("misallotment", found.misallotment),
            )
            if each is not None
        ]
        for row, (name, each) in enumerate(rows):
            table.add_row("" if row else model, name, estimate_text(each), f"{each.n:,}")
        if found.unjudged:
            table.add_row("", "pairs without a score", f"{found.unjudged:.1%}")
    return table


def _by_question(results: dict[str, MatchedCoverage]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(
        [found.table.insert_column(0, pl.lit(model).alias("model")) for model, found in results.items()]
    )
