"""What has to be known of a set before its scores are read: ties, refusals, failures, lengths, copies."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from populace.feedback.scores.common import Row, Settings, mean
from populace.feedback.verdicts import ways_of
from populace.feedback.wording import Wording

__all__ = ["bookkeeping"]

_VERDICTS = {"ties": "tie", "refusals": "refused", "failed_calls": "failed"}
_CUT = ("original_cut", "revision_cut")


def bookkeeping(
    pairs: pl.DataFrame, table: pl.DataFrame, words: Wording, settings: Settings
) -> Iterator[Row]:
    """Yield shares of judgements that prefer nothing, and of pairs with answers alike, shorter or cut off."""
    theirs = table.drop_nulls("persona_id")
    for way in ways_of(theirs):
        rows = theirs.filter(way=way)
        for measure, verdict in _VERDICTS.items():
            flag = (pl.col("verdict") == verdict).cast(pl.Float64).alias("flag")
            yield measure, way, mean(rows.with_columns(flag), "flag", settings)
    flags = {
        f"{words.noun}_shorter": pl.col("revision_words") < pl.col("original_words"),
        "identical_answers": pl.col("identical"),
    }
    # Pairs that came from elsewhere do not say where an answer was cut off: then nothing is claimed.
    told = [name for name in _CUT if name in pairs.columns and pairs[name].null_count() < pairs.height]
    if told:
        flags["cut_short"] = pl.any_horizontal(told)
    for measure, flag in flags.items():
        rows = pairs.with_columns(flag.cast(pl.Float64).alias("flag")).drop_nulls("flag")
        yield measure, "pairs", mean(rows, "flag", settings)
