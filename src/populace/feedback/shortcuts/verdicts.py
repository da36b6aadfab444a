"""Verdicts as numbers: two measurements of every judgement, free of a constant preference for a position.

A judgement by choice was made twice, once an order. Each gives a sign, 1 for the revision and -1 for the
original (0 for neither). A judge that leans to the first place shifts the log-odds of one order up and of
the other down by the same amount; the median of half their difference is that shift, and is taken off
before the signs are read. What then differs between the two signs is noise.

If L is the judge's *expected* sign before one pair, the two signs f and b are independent given L, so
E[f b] = E[L^2] measures what is reproducible, and for any rule r of signs

    cosine(r) = E[r (f + b) / 2] / sqrt(E[f b])

is E[r L] / sqrt(E[L^2]): 1 where the rule is all there is to the verdicts, 0 where it has nothing to do
with them, whatever the noise (the correction for attenuation of Spearman 1904, about one half instead of
the mean). A way of judging without orders gives one measurement, taken for both: then nothing is corrected.
How sure any of it is: `shortcuts.intervals`.
"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.feedback.shortcuts.intervals import (
    Clusters,
    Draws,
    Floats,
    Ints,
    share,
    signed_mean,
    statistic,
)
from populace.stats import Estimate

__all__ = [
    "LEAST_REPRODUCIBLE",
    "Draws",
    "Seats",
    "cosine",
    "folded",
    "read",
    "share",
    "signed_mean",
    "statistic",
]

_SMALLEST = 1e-6
"""Probabilities nearer to 0 or 1 than this are read as this far from it."""
LEAST_REPRODUCIBLE = 0.1
"""Below this E[f b] there is nothing to explain, and a cosine would be a division by noise."""


class Seats(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Decided judgements of one judge in one way, on pairs whose answers differ; shape (judgements,) each."""

    pair: Ints
    """Row of the pairs table."""
    persona: Ints
    """Row of the personas table; -1 for nobody."""
    author: Ints
    """Code of the pair's author."""
    prompt: Ints
    """Code of the pair's prompt."""
    own: np.ndarray
    """Whether the judge is the pair's author."""
    f: Floats
    """Sign with the original shown first, position taken off."""
    b: Floats
    """Sign with the revision shown first, position taken off."""
    raw_f: Floats
    raw_b: Floats
    """The same signs as they were given."""
    ordered: bool
    """Whether `f` and `b` are two measurements; else one, twice."""

    def __len__(self) -> int:
        return len(self.pair)

    def take(self, keep: np.ndarray) -> Seats:
        """Give the judgements at some places, or where a mask is true."""
        columns = {name: getattr(self, name)[keep] for name in self.__struct_fields__ if name != "ordered"}
        return Seats(**columns, ordered=self.ordered)

    @property
    def clusters(self) -> Clusters:
        """What resembles itself among the judgements."""
        return Clusters(self.author, self.prompt, self.persona)

    @property
    def verdict(self) -> Floats:
        """Mean sign of the two orders."""
        return (self.f + self.b) / 2

    def own_agreement(self, settings: Draws) -> Estimate:
        """Share of judgements in which the two orders agree (half for a sign of 0), position taken off."""
        return share((1 + self.f * self.b) / 2, self.clusters, settings)

    def reproducible(self, settings: Draws) -> Estimate:
        """E[f b], from 0 (noise) to 1."""
        return signed_mean(self.f * self.b, self.clusters, settings)


def read(pairs: pl.DataFrame, judged: pl.DataFrame, persona_ids: pl.Series, *, ordered: bool) -> Seats:
    """Read the judgements of one judge in one way.

    Parameters
    ----------
    pairs
        Column `pair_id`, `author_id`, `identical`, one row a pair.
    judged
        The judgements of that judge and way, of personas or of nobody: each leans to a place of its own.
    persona_ids
        Ids of the personas table, in its order.
    ordered
        Whether both orders were asked.

    Raises
    ------
    DataError
        If a judgement names a pair or a persona that is not in its table.
    """
    places = pairs.select(
        "pair_id",
        pl.int_range(pl.len()).alias("pair"),
        _cluster(pairs).rank("dense").cast(pl.Int64).alias("author"),
        _prompt(pairs).rank("dense").cast(pl.Int64).alias("prompt"),
        "author_id",
        "identical",
    )
    people = pl.DataFrame({"persona_id": persona_ids, "persona": np.arange(len(persona_ids))})
    rows = (
        _unsaturated(judged)
        .select("pair_id", "persona_id", "p_original_first", "p_revision_first")
        .join(places, on="pair_id", how="left", maintain_order="left")
        .join(people, on="persona_id", how="left", maintain_order="left")
    )
    _check(rows)
    rows = rows.filter(~pl.col("identical")).drop_nulls(["p_original_first", "p_revision_first"])
    forward, backward = (_log_odds(rows[name]) for name in ("p_original_first", "p_revision_first"))
    shift = float(np.median((forward - backward) / 2)) if ordered and len(forward) else 0.0
    return Seats(
        pair=rows["pair"].to_numpy().astype(np.int64),
        persona=rows["persona"].fill_null(-1).to_numpy().astype(np.int64),
        author=rows["author"].to_numpy().astype(np.int64),
        prompt=rows["prompt"].to_numpy().astype(np.int64),
        own=(rows["persona_id"] == rows["author_id"]).fill_null(False).to_numpy(),
        f=_sign(forward - shift),
        b=_sign(backward + shift),
        raw_f=_sign(forward),
        raw_b=_sign(backward),
        ordered=ordered,
    )


def _unsaturated(judged: pl.DataFrame) -> pl.DataFrame:
    """Keep shares of a few written verdicts off 0 and 1: half a verdict is added for each answer.

    Eight of eight are no certainty. Read as one they would dwarf all other log-odds, and with them the lean
    to a place that is taken off. The half is that of Haldane's and Anscombe's log-odds of counts (1956).
    """
    if "votes" not in judged.columns:
        return judged
    each = pl.col("votes") / 2
    return judged.with_columns(
        pl.when(each > 0).then((pl.col(name) * each + 0.5) / (each + 1)).otherwise(name).alias(name)
        for name in ("p_original_first", "p_revision_first")
    )


def _cluster(pairs: pl.DataFrame) -> pl.Series:
    """Name what resembles itself: the author, where there is one, else the prompt."""
    if "prompt_id" not in pairs.columns:
        return pairs["author_id"]
    return pairs.select(pl.coalesce("author_id", "prompt_id")).to_series()


def _prompt(pairs: pl.DataFrame) -> pl.Series:
    return pairs["prompt_id" if "prompt_id" in pairs.columns else "pair_id"]


def _check(rows: pl.DataFrame) -> None:
    for column, lost in (
        ("pair_id", pl.col("pair").is_null()),
        ("persona_id", pl.col("persona_id").is_not_null() & pl.col("persona").is_null()),
    ):
        missing = rows.filter(lost)
        if missing.height:
            what = f"judgements name {missing[column].n_unique()} unknown, the first {missing[column][0]}"
            raise DataError(what, column=column, fix="give the tables of the same run")


def _log_odds(probabilities: pl.Series) -> Floats:
    p = np.clip(probabilities.to_numpy().astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.log(p) - np.log1p(-p)


def _sign(log_odds: Floats) -> Floats:
    # What is left of a position's shift by rounding is no verdict.
    return np.sign(np.where(np.abs(log_odds) < 1e-9, 0.0, log_odds))


def cosine(top: Floats, *squares: Floats) -> Floats:
    """Divide by the roots of the squares; nan where one is not above zero."""
    bottom = np.ones_like(top)
    for square in squares:
        bottom = bottom * np.where(square > 0, square, np.nan)
    return top / np.sqrt(bottom)


def folded(found: Estimate) -> Estimate:
    """Turn a cosine below zero round: a rule that is always wrong predicts as well as one always right."""
    if not found.value < 0:
        return found
    return msgspec.structs.replace(found, value=-found.value, low=-found.high, high=-found.low)
