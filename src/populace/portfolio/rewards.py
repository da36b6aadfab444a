"""Scored responses: what a pool is made of, with the ranges that give weights their meaning.

A row a response: `prompt_id`, `response_id`, a column a trait; `prompt` and `response` as texts where they
are known, `candidate` where several wrote. A missing score is null. A response that lacks some of its scores
is no response of the pool: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import content_hash
from populace.errors import DataError
from populace.portfolio.scaling import Range, Scale, scale_of
from populace.portfolio.score_tables import read_table, scores_of, traits_in
from populace.traits import Scorer

__all__ = ["Rewards", "Rows", "read_rewards", "score_responses"]

_KEY = ("prompt_id", "response_id")
_NOTE = "populace.portfolio.ranges"


@dataclass(frozen=True)
class Rows:
    """Rewards on one scale, shaped for a `Pool`, and which row of the table each is."""

    rewards: np.ndarray
    """Shape (prompts, responses, traits), from 0 to 1, NaN where there is no response."""
    places: np.ndarray
    """Shape (prompts, responses), rows of the table; -1 where there is no response."""
    prompts: tuple[str, ...]
    """Their ids, in the order of the table."""


@dataclass(frozen=True)
class Rewards:
    """Scored responses.

    Parameters
    ----------
    frame
        A row a response.
    traits
        Its columns of scores, in the order of the weights.
    ranges
        Of the traits whose scorers say it.

    Examples
    --------
    >>> frame = pl.DataFrame({"prompt_id": ["p", "p"], "response_id": ["0", "1"],
    ...     "brevity": [0.9, 0.1], "tact": [2.0, 5.0]})
    >>> found = Rewards(frame, ("brevity", "tact"))
    >>> scale = found.scale(stated={"tact": (1, 5), "brevity": (0, 1)})
    >>> found.rows(scale).rewards.tolist()
    [[[0.9, 0.25], [0.1, 1.0]]]
    """

    frame: pl.DataFrame
    traits: tuple[str, ...]
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no table of rewards."""
        if len(self.traits) < 2:
            raise DataError("with one trait there is nothing to weigh", fix="give two traits or more")
        for name in (*_KEY, *self.traits):
            if name not in self.frame.columns:
                raise DataError(f"there is no column {name!r}")

    @property
    def prompts(self) -> list[str]:
        """Ids of the prompts that have a whole response, in the order of the table."""
        return self.whole["prompt_id"].unique(maintain_order=True).to_list()

    @property
    def whole(self) -> pl.DataFrame:
        """The responses that have all their scores."""
        return self.frame.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in self.traits))

    @property
    def partial(self) -> int:
        """Responses that lack a score, and are left out."""
        return self.frame.height - self.whole.height

    def scale(
        self, stated: Mapping[str, tuple[float, float]] | None = None, less: Iterable[str] = ()
    ) -> Scale:
        """Settle the ranges; see `scaling.scale_of`.

        Raises
        ------
        DataError
            As `scale_of`; and if a trait never differs between the responses of a prompt.
        """
        whole = self.whole
        if whole.is_empty():
            raise DataError("no response has all its scores", fix="leave out the trait that is missing")
        scores = whole.select(self.traits).to_numpy()
        scale = scale_of(self.traits, scores, known=self.ranges.values(), stated=stated, less=less)
        scale.apply(self.frame.select(self.traits).to_numpy())  # for the row of a score beyond its range
        spread = whole.group_by("prompt_id").agg(
            pl.col(name).max() - pl.col(name).min() for name in self.traits
        )
        for name in self.traits:
            if float(spread[name].max() or 0.0) == 0.0:  # type: ignore[arg-type]
                what = "no prompt has two responses that differ in this, so its weight chooses nothing"
                raise DataError(what, column=name, fix="sample more responses, or leave the trait out")
        return scale

    def rows(self, scale: Scale, prompts: Sequence[str] | None = None) -> Rows:
        """Bring the scores of some prompts, or of all, to the scale and the shape of a pool."""
        own = self.frame.with_row_index("_place").filter(
            pl.all_horizontal(pl.col(name).is_not_null() for name in self.traits)
        )
        wanted = self.prompts if prompts is None else list(prompts)
        numbers = {name: place for place, name in enumerate(wanted)}
        own = own.filter(pl.col("prompt_id").is_in(wanted))
        scores = scale.apply(own.select(scale.traits).to_numpy())
        rows = np.array([numbers[name] for name in own["prompt_id"]], dtype=np.int64)
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=len(wanted))
        if len(counts) == 0 or (counts == 0).any():
            lost = wanted[int(np.argmin(counts))] if len(counts) else "any"
            raise DataError(f"prompt {lost} has no response with all its scores", fix="leave the prompt out")
        columns = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        rewards = np.full((len(wanted), int(counts.max()), len(scale.traits)), np.nan)
        places = np.full(rewards.shape[:2], -1, dtype=np.int64)
        rewards[rows[order], columns] = scores[order]
        places[rows[order], columns] = own["_place"].to_numpy()[order]
        return Rows(rewards, places, tuple(wanted))

    def save(self, path: str | Path) -> None:
        """Write the table as Parquet, its ranges with it, whole or not at all."""
        if Path(path).suffix != ".parquet":
            raise DataError("rewards are kept as Parquet", file=path, fix="name the file .parquet")
        note = msgspec.json.encode({"traits": self.traits, "ranges": list(self.ranges.values())}).decode()
        with atomic_path(path) as beside:
            self.frame.write_parquet(beside, compression="zstd", metadata={_NOTE: note})


class _Note(msgspec.Struct):
    traits: tuple[str, ...]
    ranges: tuple[Range, ...]


def read_rewards(path: str | Path, traits: Sequence[str] | None = None) -> Rewards:
    """Read scored responses: CSV, Parquet or JSON lines; a column a trait, or a row a score.

    Columns: `prompt_id` or `prompt`; `response_id` or `response`, or neither where a row is a response; the
    traits, or `trait` and `score`.

    Parameters
    ----------
    traits
        To read; all columns of numbers if left out.

    Raises
    ------
    DataError
        With row and column; see `score_tables`.
    """
    note = _note(path)
    table = read_table(path)
    wanted = traits if traits is not None or note is None else note.traits
    try:
        named = _named(table)
        found = scores_of(named, _KEY, wanted)
        names = tuple(wanted) if wanted is not None else tuple(_added(named, found))
        own = {each.trait: each for each in note.ranges if each.trait in names} if note else {}
        return Rewards(found, names, own)
    except DataError as error:
        raise DataError(error.what, file=path, row=error.row, column=error.column, fix=error.fix) from error


def _note(path: str | Path) -> _Note | None:
    """Read what `Rewards.save` noted."""
    if Path(path).suffix.lower() != ".parquet" or not Path(path).is_file():
        return None
    try:
        text = pl.read_parquet_metadata(path).get(_NOTE)
        return None if text is None else msgspec.json.decode(text, type=_Note)
    except (OSError, pl.exceptions.PolarsError, msgspec.MsgspecError):
        return None


def _named(table: pl.DataFrame) -> pl.DataFrame:
    """Give every response a name within its prompt."""
    if "prompt_id" not in table.columns:
        if "prompt" not in table.columns:
            what = f"there is no column 'prompt_id' or 'prompt' among {', '.join(table.columns)}"
            raise DataError(what, fix="say what each response answers")
        texts = table["prompt"].unique(maintain_order=True).to_list()
        ids = [None if text is None else content_hash(text, size=8) for text in texts]
        new = table["prompt"].replace_strict(texts, ids, return_dtype=pl.String)
        table = table.with_columns(new.alias("prompt_id"))
    table = table.with_columns(pl.col("prompt_id").cast(pl.String))
    if "response_id" in table.columns:
        return table.with_columns(pl.col("response_id").cast(pl.String))
    long = {"trait", "score"} <= set(table.columns)
    if long and "response" not in table.columns:
        what = "a row a score needs to say of which response it is"
        raise DataError(what, column="response_id", fix="add response_id or response")
    number = pl.col("response").rank("dense") if long else pl.int_range(pl.len()) + 1
    return table.with_columns(number.over("prompt_id").cast(pl.Int64).cast(pl.String).alias("response_id"))


def _added(before: pl.DataFrame, after: pl.DataFrame) -> Iterable[str]:
    """Give the columns that hold scores: they come last."""
    if {"trait", "score"} <= set(before.columns):
        return before["trait"].cast(pl.String).unique(maintain_order=True).to_list()
    return traits_in(before, _KEY)


def score_responses(
    responses: pl.DataFrame, scorers: Iterable[Scorer], *, keep: Sequence[str] = ()
) -> Rewards:
    """Score sampled responses by scorers of texts.

    Parameters
    ----------
    responses
        Columns `prompt_id`, `prompt`, `response_id`, `response`, as `sampling.sample` gives them.
    scorers
        Whose names become columns.
    keep
        Columns of the table that hold scores already and are traits too; those come first.

    Raises
    ------
    DataError
        If a column is missing, or a scorer refuses a text.

    Examples
    --------
    >>> from populace import traits
    >>> frame = pl.DataFrame({"prompt_id": ["p", "p"], "prompt": ["Why?", "Why?"],
    ...     "response_id": ["0", "1"], "response": ["Thank you for asking. It is so.", "No."]})
    >>> found = score_responses(frame, [traits.scorer("brevity"), traits.scorer("politeness")])
    >>> found.frame["politeness"].round(3).to_list()
    [0.701, 0.0]
    """
    for name in ("prompt_id", "prompt", "response_id", "response"):
        if name not in responses.columns:
            raise DataError(f"there is no column {name!r}", fix="give responses as they were sampled")
    given: list[Any] = list(scorers)
    texts, prompts = responses["response"].to_list(), responses["prompt"].to_list()
    columns = []
    for scorer in given:
        scores = scorer.score(texts, prompts)
        columns.append(pl.Series(scorer.name, scores, nan_to_null=True))
    ranges = {
        each.name: Range(
            trait=each.name,
            low=float(each.low),
            high=float(each.high),
            source="definition",
            larger=each.larger,
        )
        for each in given
        if np.isfinite([each.low, each.high]).all()
    }
    return Rewards(responses.with_columns(columns), (*keep, *(each.name for each in given)), ranges)
