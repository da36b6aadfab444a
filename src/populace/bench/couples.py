"""Couples for `comparison`: two people near, in the middle or far from each other, and a question to both.

A couple is two items, one for each person's answer, next to each other in the table.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
import polars as pl

from populace.bench.apart import pairs_of
from populace.bench.gold import Gold
from populace.bench.task import Bench
from populace.errors import StudyError
from populace.streams import stream

__all__ = ["answered", "drawn"]

_MOST = 1_000_000
"""Pairs of people's answers looked at; of more, so many are drawn."""


def drawn(bench: Bench) -> pl.DataFrame:
    """Pairs of people, and a question to each."""
    pairs = pairs_of(bench.personas, bench.items, bench.seed)
    order = stream(bench.seed, "bench.comparison").permutation(bench.prompts.height)
    asked = bench.prompts[order[np.arange(pairs.height) % len(order)].tolist()]
    ids = bench.personas["persona_id"]
    return _two_rows(
        pairs.with_columns(
            ids[pairs["first"].to_list()].alias("one"),
            ids[pairs["second"].to_list()].alias("two"),
            asked["prompt_id"],
            asked["text"].alias("prompt"),
            pl.lit(None, pl.String).alias("answer_one"),
            pl.lit(None, pl.String).alias("answer_two"),
            pl.lit("answers").alias("arm"),
        )
    )


def answered(bench: Bench, gold: Gold) -> pl.DataFrame:
    """Pairs of people who gave different answers to the same question; as many as wanted.

    An answer that both gave tells nobody from the other: such pairs are left out.

    Raises
    ------
    StudyError
        If nobody answered a question differently from another, or there are fewer pairs than wanted.
    """
    place = {persona: row for row, persona in enumerate(bench.personas["persona_id"])}
    rows, who = gold.answers, np.array([place[each] for each in gold.answers["persona_id"]])
    said = rows["answer"].str.to_lowercase().rank("dense").to_numpy()
    groups = rows.with_row_index("row").group_by("prompt_id", maintain_order=True).agg("row")["row"]
    rng = stream(bench.seed, "bench.comparison")
    # Of many people each question takes as many as leave room for the others.
    most = max(2, isqrt(8 * _MOST // len(groups)))
    parts = []
    for same in groups:
        asked = same.to_numpy()
        if len(asked) > most:
            asked = np.sort(rng.choice(asked, most, replace=False))
        one, other = np.triu_indices(len(asked), 1)
        unlike = said[asked[one]] != said[asked[other]]
        parts.append(asked[np.stack([one[unlike], other[unlike]])])
    ends = np.concatenate(parts, axis=1).astype(np.int64)
    if not ends.shape[1]:
        raise StudyError("no two people answered a question differently", fix="give answers that differ")
    if ends.shape[1] > _MOST:
        ends = ends[:, np.sort(rng.choice(ends.shape[1], _MOST, replace=False))]
    pairs = pairs_of(bench.personas, bench.items, bench.seed, (who[ends[0]], who[ends[1]]))
    chosen = ends[:, pairs["candidate"].to_numpy()]
    turned = who[chosen[0]] != pairs["first"].to_numpy()
    chosen = np.where(turned, chosen[::-1], chosen)
    one, two = (rows[each.tolist()] for each in chosen)
    return _two_rows(
        pairs.with_columns(
            one["persona_id"].alias("one"),
            two["persona_id"].alias("two"),
            one["prompt_id"],
            one["prompt"],
            one["answer"].alias("answer_one"),
            two["answer"].alias("answer_two"),
            pl.lit("people").alias("arm"),
        )
    )


def _two_rows(pairs: pl.DataFrame) -> pl.DataFrame:
    """Lay each pair out as two items, one for each person's answer."""
    pairs = pairs.with_row_index("pair")
    common = ("pair", "prompt_id", "prompt", "distance", "group", "arm")
    sides = [
        pairs.select(*common, persona_id=own, other_id=other, answer=f"answer_{own}")
        for own, other in (("one", "two"), ("two", "one"))
    ]
    items = pl.concat(sides).sort("pair", maintain_order=True)
    return items.with_columns(pl.col("pair").cast(pl.Int64)).with_row_index("item_id")
