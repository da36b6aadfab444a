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

    def split(self) -> pl.DataFrame:
        """Give the table with the column `split`: the pair's own, else its prompt's."""
        return with_splits(self.table, self.splits)


def _parquet(out: Path, f: Feedback) -> Written:
    table = f.split()
    write_parquet(out, table)
    return Written(table.height, {})


FORMS: dict[str, Callable[[Path, Feedback], Written]] = {
    "parquet": _parquet,
    "trl": lambda out, f: write_trl(out, f.split(), f.profiles, f.personas),
    "trl-kto": lambda out, f: write_kto(out, f.split(), f.profiles, f.personas),
    "trl-prompts": lambda out, f: write_prompts(out, f.split(), f.profiles, f.personas),
    "hf": lambda out, f: write_hf(out, f.table, f.personas, f.splits, f.facts),
    "argilla": lambda out, f: write_argilla(out, f.split(), f.profiles, f.personas, seed=f.seed),
    "label-studio": lambda out, f: write_label_studio(out, f.split(), f.profiles, f.personas, seed=f.seed),
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
    return FORMS[form](Path(out), feedback)


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
