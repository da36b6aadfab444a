"""From ratings of people to cells: how each group of people rates each model's answer to each question."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import polars as pl

from populace.errors import DataError

__all__ = ["Unrated", "cells_of", "joined", "reaches"]

Unrated: TypeAlias = Literal["left_out", "uncovered"]
_IDS = ("rater", "question")
_ROUNDING = 1e-9
"""What a mean of decimals may miss the threshold by: 3.3, 4.7 and 4.0 have a mean of 4."""


def joined(ratings: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """Give every rating the cluster that its rater belongs to on its question.

    Parameters
    ----------
    ratings
        `rater`, `question`, `model`, `rating`.
    clusters
        `rater`, `question`, `cluster`; or without `question`, where people are in one cluster throughout.

    Raises
    ------
    DataError
        If a column or an id is missing, a rating is no finite number, somebody rates an answer twice or is
        in two clusters of a question, or a rater has no cluster.
    """
    for name, table, columns in (
        ("ratings", ratings, ("rater", "question", "model", "rating")),
        ("clusters", clusters, ("rater", "cluster")),
    ):
        lacking = [column for column in columns if column not in table.columns]
        if lacking:
            what = f"{name} have no such column"
            raise DataError(what, column=lacking[0], fix=f"give {', '.join(columns)}")
    keys = [name for name in _IDS if name in clusters.columns]
    _filled(clusters, [*keys, "cluster"], "leave those out who are in no cluster")
    told = clusters.select(*_text(keys), cluster=pl.col("cluster").cast(pl.String)).unique(
        maintain_order=True
    )
    _once(told, keys, "somebody is in two clusters")
    given = ratings.select(*_text([*_IDS, "model"]), pl.col("rating").cast(pl.Float64, strict=False))
    _none_missing(given, ratings)
    _once(given, [*_IDS, "model"], "somebody rates one answer twice")
    found = given.join(told, on=keys, how="left", maintain_order="left")
    lost = found["cluster"].is_null().arg_true()
    if len(lost):
        row = int(lost[0])
        what = f"the rater {found['rater'][row]!r} is in no cluster of {found['question'][row]!r}"
        raise DataError(what, row=row + 1, fix="give every rater a cluster, or leave those ratings out")
    return found


def cells_of(
    rated: pl.DataFrame, clusters: pl.DataFrame, threshold: float, unrated: Unrated = "left_out"
) -> pl.DataFrame:
    """Say which cluster is covered by which model.

    Parameters
    ----------
    rated
        As `joined` gives them.
    clusters
        Whose sizes count: everybody who is in a cluster, whether they rated or not.
    threshold
        Least mean rating of a cluster that is covered.
    unrated
        What becomes of a cluster none of whose members rated a model: it is left out for that model, or not
        covered.

    Returns
    -------
    A row a question, cluster and model: `size`, `ratings`, `mean`, `covered` (1, 0, or null where left out).
    """
    people = rated.select("question", "rater", "cluster").unique(maintain_order=True)
    if "question" in clusters.columns:
        members = clusters.select(*_text([*_IDS, "cluster"])).unique(maintain_order=True)
    else:
        # Of people who are in one cluster throughout, those take part in a question who rated it.
        members = people
    asked = rated.select("question").unique()
    sizes = members.group_by("question", "cluster").agg(size=pl.len()).join(asked, on="question")
    models = rated.select("model").unique()
    answered = rated.select("question", "model").unique()
    by = ("question", "cluster", "model")
    means = rated.group_by(*by, maintain_order=True).agg(ratings=pl.len(), mean=pl.col("rating").mean())
    # Of what was not answered at all nothing is said; of an answer every cluster has something to say.
    cells = sizes.join(models, how="cross").join(answered, on=["question", "model"], how="semi")
    cells = cells.join(means, on=["question", "cluster", "model"], how="left")
    covered = reaches("mean", threshold).cast(pl.Float64)
    if unrated == "uncovered":
        covered = covered.fill_null(0.0)
    return cells.with_columns(pl.col("ratings").fill_null(0), covered=covered).sort(
        "question", "cluster", "model"
    )


def reaches(column: str, threshold: float) -> pl.Expr:
    """Say whether mean ratings reach the threshold, but for rounding.

    Raises
    ------
    DataError
        If the threshold is no finite number.
    """
    if not math.isfinite(threshold):
        raise DataError(f"the threshold is {threshold}", fix="give a number")
    return pl.col(column) >= threshold - _ROUNDING


def _text(names: list[str]) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.String) for name in names]


def _once(table: pl.DataFrame, keys: list[str], what: str) -> None:
    twice = table.select(keys).is_duplicated().arg_true()
    if len(twice):
        row = int(twice[0])
        who = ", ".join(f"{name} {table[name][row]!r}" for name in keys)
        raise DataError(f"{what} ({who})", row=row + 1, fix="keep one row of each")


def _none_missing(given: pl.DataFrame, ratings: pl.DataFrame) -> None:
    bad = (given["rating"].is_null() | ~given["rating"].is_finite()).arg_true()
    if len(bad):
        row = int(bad[0])
        what = f"{ratings['rating'][row]!r} is no rating"
        raise DataError(what, row=row + 1, column="rating", fix="leave out what was not rated")
    _filled(given, [*_IDS, "model"], "fill it in")


def _filled(table: pl.DataFrame, names: list[str], fix: str) -> None:
    for name in names:
        empty = table[name].is_null().arg_true()
        if len(empty):
            raise DataError("an id is missing", row=int(empty[0]) + 1, column=name, fix=fix)
