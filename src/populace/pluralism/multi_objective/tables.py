"""Scores of models, question by question: the table that people have, as an array.

The documented form is long, one row a score: `model`, `question`, `objective`, `score`. Without `question`
the scores are means that somebody else made, and nothing can be said of their error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Bools, Floats

__all__ = ["Scores", "read_scores"]

_NEEDED = ("model", "objective", "score")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of models on questions, by objective.

    Examples
    --------
    >>> rows = [("a", "q", "brief", 1.0), ("a", "q", "kind", 0.0), ("b", "q", "brief", 0.5)]
    >>> names = ["model", "question", "objective", "score"]
    >>> scores = read_scores(pl.DataFrame(rows, schema=names, orient="row"))
    >>> scores.models, scores.objectives, scores.values.tolist()
    (('a', 'b'), ('brief', 'kind'), [[[1.0, 0.0]], [[0.5, nan]]])
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    """Empty where the table had none; then there is one row a model."""
    objectives: tuple[str, ...]
    values: Floats
    """Shape (models, questions, objectives); nan where there is no score."""

    @property
    def means(self) -> Floats:
        """Means over the questions that every model has, shape (models, objectives)."""
        return self.shared().values.mean(axis=1)

    def shared(self) -> Scores:
        """Keep the questions on which every model has every score: who left the hard ones out gains nothing.

        Raises
        ------
        DataError
            If there is none.
        """
        whole: Bools = np.asarray(np.isfinite(self.values).all(axis=(0, 2)))
        if not whole.any():
            missing = np.isnan(self.values).all(axis=1)
            what = "no question has all scores of all models"
            if missing.any():
                model, objective = (int(each[0]) for each in np.nonzero(missing))
                what = f"{self.models[model]} has no score of {self.objectives[objective]}"
            raise DataError(what, fix="leave that model or objective out, or score it")
        questions = tuple(name for name, kept in zip(self.questions, whole.tolist(), strict=False) if kept)
        return Scores(
            models=self.models,
            questions=questions,
            objectives=self.objectives,
            values=self.values[:, whole],
        )

    def only(self, models: Sequence[str] | None = None, objectives: Sequence[str] | None = None) -> Scores:
        """Take some models, or some objectives, in the order given.

        Raises
        ------
        DataError
            If one is not there, or is taken twice.
        """
        rows = _places("model", self.models, models)
        columns = _places("objective", self.objectives, objectives)
        return Scores(
            models=tuple(self.models[row] for row in rows),
            questions=self.questions,
            objectives=tuple(self.objectives[column] for column in columns),
            values=self.values[rows][:, :, columns],
        )


def read_scores(table: pl.DataFrame, *, file: object | None = None) -> Scores:
    """Lay a long table of scores out.

    Parameters
    ----------
    table
        `model`, `objective`, `score`, and `question` where scores are by question. An empty score is one that
        is missing. Models and objectives keep the order in which they come.
    file
        Where it is from, for errors.

    Raises
    ------
    DataError
        If a column is missing, a score is no finite number, or one cell comes twice.
    """
    for name in _NEEDED:
        if name not in table.columns:
            fix = "give model, question, objective and score, a row a score"
            raise DataError(f"there is no column `{name}`", file=file, fix=fix)
    single = "question" not in table.columns
    if single:
        table = table.with_columns(question=pl.lit(""))
    keys = ["model", "question", "objective"]
    for name in (*keys, "score"):
        if table[name].dtype.is_nested() or table[name].dtype == pl.Object:
            raise DataError("there are lists in it", file=file, column=name, fix="write one value a cell")
    table = table.select(*(pl.col(key).cast(pl.String) for key in keys), score=_numbers(table, file))
    if table.is_empty():
        raise DataError("there is no score in it", file=file, fix="give at least one row")
    for key in keys:
        empty = table[key].is_null() | (table[key].str.strip_chars() == "") & (
            not single or key != "question"
        )
        if empty.any():
            raise DataError(f"there is no {key}", file=file, row=_first(empty) + 1, column=key)
    again = ~table.select(pl.struct(keys).is_first_distinct()).to_series()
    if again.any():
        row = _first(again)
        told = ", ".join(str(each) for each in table.row(row)[:3] if each)
        fix = "average samples first, or name them apart"
        raise DataError(f"{told} comes twice", file=file, row=row + 1, fix=fix)
    names = {key: table[key].unique(maintain_order=True).to_list() for key in keys}
    places = [
        table[key].replace_strict(names[key], range(len(names[key])), return_dtype=pl.Int64).to_numpy()
        for key in keys
    ]
    values = np.full([len(names[key]) for key in keys], np.nan)
    values[tuple(places)] = table["score"].to_numpy()
    return Scores(
        models=tuple(names["model"]),
        questions=() if single else tuple(names["question"]),
        objectives=tuple(names["objective"]),
        values=values,
    )


def _numbers(table: pl.DataFrame, file: object | None) -> pl.Series:
    given = table["score"]
    if given.dtype == pl.String:
        given = given.str.strip_chars().replace("", None)
    number = given.cast(pl.Float64, strict=False)
    wrong = (given.is_not_null() & number.is_null()) | number.is_infinite().fill_null(False)
    if wrong.any():
        row = _first(wrong)
        fix = "write a number, or leave it empty where there is none"
        raise DataError(
            f"{given[row]!r} is no finite number", file=file, row=row + 1, column="score", fix=fix
        )
    return number.fill_null(np.nan)


def _first(found: pl.Series) -> int:
    return int(found.arg_true()[0])


def _places(what: str, names: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    if wanted is None:
        return list(range(len(names)))
    for name in wanted:
        if name not in names:
            raise DataError(f"there is no {what} {name!r}", fix=f"take of {', '.join(names)}")
        if list(wanted).count(name) > 1:
            raise DataError(f"the {what} {name!r} is taken twice", fix="name each once")
    return [list(names).index(name) for name in wanted]
