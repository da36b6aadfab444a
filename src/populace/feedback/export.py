"""Feedback in the forms that other tools read: the table of preferences, and one door to every form.

A preference row is conditional on a person. Where several personas judged one pair they may disagree, so
a row without its persona would teach a model contradictions: every form carries the persona, as a system
message or a column. Ties, refusals and failed calls are verdicts: forms for people and for analysis keep
them, forms for trainers leave them out and say how many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import polars as pl

from populace.atomic import atomic_path
from populace.errors import DataError
from populace.feedback.annotation import write_argilla, write_label_studio
from populace.feedback.card import dataset_card
from populace.feedback.dataset import with_splits, write_hf
from populace.feedback.forms import (
    Written,
    kto_rows,
    prompt_rows,
    trl_rows,
    write_kto,
    write_prompts,
    write_trl,
)
from populace.feedback.verdicts import DECIDED, main_way, ways_of

__all__ = [
    "FORMS",
    "Feedback",
    "dataset_card",
    "kto_rows",
    "preferences",
    "prompt_rows",
    "trl_rows",
    "write",
    "write_argilla",
    "write_hf",
    "write_kto",
    "write_label_studio",
    "write_parquet",
    "write_prompts",
    "write_trl",
]


_BESIDE = ("split", "original_origin", "revision_origin", "revision_model", "votes", "mass")
"""Columns that only some designs and ways of judging have."""


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What an export needs; each form takes its part."""

    table: pl.DataFrame
    """Output of `preferences`."""
    profiles: Mapping[str, str]
    """Description of each persona by `persona_id`."""
    personas: pl.DataFrame
    """The personas table."""
    splits: Mapping[str, str]
    """`prompt_id` to `train` or `test`."""
    facts: Mapping[str, str]
    """What the dataset card states; see `feedback.card`."""
    seed: int = 0
    """Of the order in which people are shown two answers."""
    asked: pl.DataFrame | None = None
    """What personas were to judge, finished or not (`persona_id`, `prompt_id`, `prompt`), for prompts alone;
    left out: what stands in `table`."""
    unfinished: int = 0
    """Pairs of the plan that were not finished, and so are in no table."""
    only: str | None = None
    """The one split whose rows are written; all if left out."""

    def rows(self, table: pl.DataFrame | None = None) -> pl.DataFrame:
        """Give the table with the columns `split`, the pair's own, else its prompt's, and `persona_split`.

        Raises
        ------
        DataError
            If no row is of the split that is wanted.
        """
        found = self.known(with_splits(self.table if table is None else table, self.splits))
        if self.only is None:
            return found
        some = found.filter(pl.col("split") == self.only)
        if some.is_empty():
            there = " or ".join(found["split"].unique().sort().to_list())
            raise DataError(f"no row is of the split {self.only!r}", column="split", fix=f"use {there}")
        return some

    def known(self, table: pl.DataFrame) -> pl.DataFrame:
        """Give a table of personas' rows the split of each persona, where personas are split."""
        if "split" not in self.personas.columns:
            return table
        of = self.personas.select("persona_id", pl.col("split").alias("persona_split"))
        return table.join(of, on="persona_id", how="left", maintain_order="left")


def _parquet(out: Path, f: Feedback) -> Written:
    if out.suffix not in ("", ".parquet"):
        raise DataError(f"{out.suffix} is not how Parquet ends", file=out, fix="name it .parquet")
    table = f.rows()
    write_parquet(out, table)
    return Written(table.height, {}, _by_split(table), table["way"][0])


def _by_split(table: pl.DataFrame) -> dict[str, int]:
    return dict(table["split"].value_counts().sort("split", descending=True).iter_rows())


def _hf(out: Path, f: Feedback) -> Written:
    if f.only is not None:
        what = "this folder has every split in its place"
        raise DataError(what, column="split", fix="leave the split out")
    written = write_hf(out, f.known(f.table), f.personas, f.splits, f.facts)
    return msgspec.structs.replace(written, splits=_by_split(f.rows()), way=f.table["way"][0])


FORMS: dict[str, Callable[[Path, Feedback], Written]] = {
    "parquet": _parquet,
    "trl": lambda out, f: write_trl(out, f.rows(), f.profiles, f.personas),
    "trl-kto": lambda out, f: write_kto(out, f.rows(), f.profiles, f.personas),
    "trl-prompts": lambda out, f: write_prompts(out, f.rows(f.asked), f.profiles, f.personas),
    "hf": _hf,
    "argilla": lambda out, f: write_argilla(out, f.rows(), f.profiles, f.personas, seed=f.seed),
    "label-studio": lambda out, f: write_label_studio(out, f.rows(), f.profiles, f.personas, seed=f.seed),
}
"""Form -> what writes it, to a file (parquet, trl...) or a folder (hf, argilla, label-studio)."""


def write(form: str, out: str | Path, feedback: Feedback) -> Written:
    """Write feedback in one of `FORMS`, whole or not at all.

    Raises
    ------
    DataError
        If there is no such form, nothing to write in it, or the place cannot be written.
    """
    if form not in FORMS:
        raise DataError(f"there is no export {form!r}", fix=f"use one of {', '.join(FORMS)}")
    written = FORMS[form](Path(out), feedback)
    if feedback.unfinished and not (form == "trl-prompts" and feedback.asked is not None):
        left = written.left_out | {"pairs that were not finished": feedback.unfinished}
        written = msgspec.structs.replace(written, left_out=left)
    return written


def preferences(pairs: pl.DataFrame, judgements: pl.DataFrame, way: str | None = None) -> pl.DataFrame:
    """Join pairs and judgements into one row a persona and pair, ties and refusals kept.

    Parameters
    ----------
    pairs, judgements
        Tables as in `docs/design/main-job.md`.
    way
        Which way of judging labels the rows; if left out, the first of `verdicts.ways_of`.

    Returns
    -------
    pl.DataFrame
        `persona_id, prompt_id, pair_id, prompt, chosen, rejected` (null on a tie or refusal), `verdict`,
        `probability` (that the persona prefers `chosen`), `margin` (log-odds of the same), both orders,
        `role`, `way`, `judge`, `model`, both answers under their own names, `original` and `revision`, and
        what else the tables say of a pair and a judgement: `split`, who wrote each answer, `votes`, `mass`.

    Raises
    ------
    DataError
        If nothing was judged in that way, or a judged pair is not in the table of pairs.
    """
    way = way or main_way(judgements)
    theirs = judgements.filter(pl.col("persona_id").is_not_null() & (pl.col("way") == way))
    if theirs.is_empty():
        used = ways_of(judgements.drop_nulls("persona_id"))
        fix = f"use {' or '.join(used)}" if used else "judge the pairs first"
        raise DataError(f"no judgement was made by {way!r}", column="way", fix=fix)
    p = pl.col("p").clip(1e-9, 1 - 1e-9)
    revised = pl.col("verdict") == "revision"
    decided = pl.col("verdict").is_in(DECIDED)
    confidence = pl.when(revised).then(p).otherwise(1 - p)
    joined = theirs.join(pairs.drop("prompt_id"), on="pair_id", how="left", maintain_order="left")
    lost = joined.filter(pl.any_horizontal(pl.col("prompt", "original", "revision").is_null()))
    if lost.height:
        what = f"{lost['pair_id'].n_unique():,} judged pairs have no answers, the first {lost['pair_id'][0]}"
        raise DataError(what, column="pair_id", fix="give the tables of the same run")
    return joined.select(
        "persona_id",
        "prompt_id",
        "pair_id",
        "prompt",
        pl.when(decided).then(pl.when(revised).then("revision").otherwise("original")).alias("chosen"),
        pl.when(decided).then(pl.when(revised).then("original").otherwise("revision")).alias("rejected"),
        "verdict",
        pl.when(decided).then(confidence).otherwise(pl.col("p")).alias("probability"),
        pl.when(decided).then((confidence / (1 - confidence)).log()).otherwise(0.0).alias("margin"),
        "p_original_first",
        "p_revision_first",
        "role",
        "way",
        "judge",
        "model",
        "original",
        "revision",
        *(name for name in _BESIDE if name in joined.columns),
    )


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet (zstd), whole or not at all."""
    with atomic_path(path) as beside:
        table.write_parquet(beside, compression="zstd")
