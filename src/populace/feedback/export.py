"""Feedback in the forms that other tools read: preference rows, TRL, a Hugging Face dataset folder.

A preference row is conditional on a person. Where several personas judged one pair they may disagree, so
a row without its persona would teach a model contradictions: the persona therefore stands in the prompt
as a system message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from populace.atomic import atomic_path, write_atomic
from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.feedback.judging import DECIDED
from populace.feedback.templating import render

__all__ = ["dataset_card", "preferences", "trl_rows", "write_hf", "write_parquet", "write_trl"]


def preferences(pairs: pl.DataFrame, judgements: pl.DataFrame, way: str = "choice") -> pl.DataFrame:
    """Join pairs and judgements into one row a persona and pair, ties and refusals kept.

    Parameters
    ----------
    pairs, judgements
        Tables as in `docs/design/main-job.md`.
    way
        Which way of judging labels the rows.

    Returns
    -------
    pl.DataFrame
        `persona_id, prompt_id, pair_id, prompt, chosen, rejected` (null on a tie or refusal), `verdict`,
        `probability` (that the persona prefers `chosen`), `margin` (log-odds of the same), both orders,
        `role`, `way`, `judge`, `model`.
    """
    theirs = judgements.filter(pl.col("persona_id").is_not_null() & (pl.col("way") == way))
    if theirs.is_empty():
        raise DataError(f"no judgement was made by {way!r}", column="way", fix="name a way the study used")
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
    )


def trl_rows(table: pl.DataFrame, profiles: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield TRL preference rows (`prompt`, `chosen`, `rejected` as message lists) of decided judgements.

    A trainer has no use for ties and refusals: they are left out here and kept in the Parquet table.

    Examples
    --------
    >>> table = pl.DataFrame({"persona_id": ["a"], "prompt": ["Why?"], "chosen": ["B."], "rejected": ["A."],
    ...     "judge": ["m"], "margin": [1.0], "verdict": ["revision"], "pair_id": ["x"]})
    >>> row = next(trl_rows(table, {"a": "I am 40."}))
    >>> row["prompt"][-1], row["chosen"]
    ({'role': 'user', 'content': 'Why?'}, [{'role': 'assistant', 'content': 'B.'}])
    """
    for row in table.filter(pl.col("verdict").is_in(DECIDED)).iter_rows(named=True):
        system = render("persona", {"profile": profiles[row["persona_id"]]})
        yield {
            "prompt": [
                {"role": "system", "content": system},
                {"role": "user", "content": row["prompt"]},
            ],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
            "persona_id": row["persona_id"],
            "pair_id": row["pair_id"],
            "judge": row["judge"],
            "margin": row["margin"],
        }


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet (zstd), whole or not at all."""
    with atomic_path(path) as beside:
        table.write_parquet(beside, compression="zstd")


def write_trl(path: Path, table: pl.DataFrame, profiles: Mapping[str, str]) -> int:
    """Write TRL preference rows as JSON lines, one row in memory at a time; returns how many."""
    count = 0
    with atomic_path(path) as beside, beside.open("wb") as lines:
        for row in trl_rows(table, profiles):
            lines.write(canonical_bytes(row) + b"\n")
            count += 1
    return count


def write_hf(
    folder: Path,
    table: pl.DataFrame,
    personas: pl.DataFrame,
    splits: Mapping[str, str],
    facts: Mapping[str, str],
) -> None:
    """Write a Hugging Face dataset folder: Parquet by split, the personas, and a filled card.

    Parameters
    ----------
    folder
        Created if missing; `datasets.load_dataset(folder)` reads it.
    table
        Output of `preferences`.
    personas
        The personas table; only those who judged are written.
    splits
        `prompt_id` to `train` or `test`.
    facts
        What the card states: see `templates/card.md.txt` for the names.
    """
    named = table.with_columns(pl.col("prompt_id").replace_strict(splits, default="train").alias("split"))
    sizes = []
    for split in ("train", "test"):
        rows = named.filter(pl.col("split") == split).drop("split")
        if rows.is_empty():
            continue
        sizes.append((split, rows.height))
        write_parquet(folder / "data" / f"{split}-00000-of-00001.parquet", rows)
    # A record number of the source identifies a respondent and serves no reader of this data set.
    judged = personas.drop("person_id", strict=False).filter(
        pl.col("persona_id").is_in(table["persona_id"].unique().to_list())
    )
    write_parquet(folder / "personas" / "train-00000-of-00001.parquet", judged)
    write_atomic(folder / "README.md", dataset_card(sizes, facts).encode())


def dataset_card(sizes: list[tuple[str, int]], facts: Mapping[str, str]) -> str:
    """Fill the dataset card (YAML header as the Hugging Face hub reads it, then the text)."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    source = resources.files("populace.feedback").joinpath("templates", "card.md.txt").read_text("utf-8")
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    rows = sum(count for _, count in sizes)
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    category = next((name for bound, name in bounds if rows < bound), "1M<n<10M")
    return environment.from_string(source).render(sizes=sizes, rows=rows, category=category, **facts)
