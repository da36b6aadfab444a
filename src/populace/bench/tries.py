"""From the verdicts of many tries to pass@k: counts an item, and what two orders of one question tell."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import polars as pl

from populace import stats
from populace.bench.result import Score
from populace.bench.scoring import compared, mean_of
from populace.bench.task import Counting
from populace.stats import Estimate, NoisyPassAtK, PairedTest

__all__ = ["NOBODY", "PERSONA", "gain", "gains", "judged", "noisy", "tries_of"]

PERSONA, NOBODY = "persona", "nobody"
"""Arms: who the target is told asks."""


def tries_of(items: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Count an arm's tries, a row an item.

    Returns
    -------
    polars.DataFrame
        `item_id`, `persona_id`, `prompt_id`, `n` tries, `judged` to suit by both orders together, `first`
        by the order whose turn it is, and of those with a verdict in both: `both`, `one`, `neither`.
    """
    shown = [pl.col("critic_p_shown_first") > 0.5, pl.col("critic_p_shown_second") > 0.5]
    turn = (pl.col("item_id") + pl.col("sample")) % 2 == 0
    repeated = pl.col("way") == "choice"
    return (
        items.filter(arm=arm)
        .group_by("item_id", "persona_id", "prompt_id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            (pl.col("critic") == "first").sum().cast(pl.Int64).alias("judged"),
            pl.when(turn).then(shown[0]).otherwise(shown[1]).sum().cast(pl.Int64).alias("first"),
            (repeated & shown[0] & shown[1]).sum().cast(pl.Int64).alias("both"),
            (repeated & (shown[0] != shown[1])).sum().cast(pl.Int64).alias("one"),
            (repeated & ~shown[0] & ~shown[1]).sum().cast(pl.Int64).alias("neither"),
        )
    )


def noisy(tries: pl.DataFrame, k: int, counting: Counting) -> NoisyPassAtK:
    """Estimate pass@k with the judge's error taken out, as far as its two orders show it."""
    found = stats.estimate_noisy_pass_at_k(
        tries["n"].to_numpy(),
        tries["first"].to_numpy(),
        k,
        tries.select("both", "one", "neither").to_numpy(),
        tries["persona_id"],
        tries["prompt_id"],
        level=counting.level,
    )
    exact = found.judged
    if not found.corrected.defined or exact.value not in (0, 1):
        return found
    ends = min(found.corrected.low, exact.low), max(found.corrected.high, exact.high)
    method = f"{found.corrected.method}; joined with {exact.method}"
    joined = msgspec.structs.replace(found.corrected, low=ends[0], high=ends[1], method=method)
    return msgspec.structs.replace(found, corrected=joined)


def judged(tries: pl.DataFrame, k: int, counting: Counting) -> Estimate:
    """Estimate pass@k taking the judge at its word, both orders together."""
    return mean_of(_passing(tries, k), "passes", counting)


def gain(tries: pl.DataFrame, nobody: pl.DataFrame, k: int, counting: Counting) -> PairedTest:
    """Test whether tries beat those of another arm on the same items, at the judge's word."""
    theirs = _passing(nobody, k).select("item_id", "passes")
    both = _passing(tries, k).join(theirs, on="item_id", suffix="_nobody", maintain_order="left")
    return compared(both, "passes", "passes_nobody", counting)


def gains(tries: Mapping[str, pl.DataFrame], ks: list[int], counting: Counting) -> list[Score]:
    """Test the gain over nobody's tries for each k, on the same items, adjusted by Holm."""
    tests = {k: gain(tries[PERSONA], tries[NOBODY], k, counting) for k in ks}
    adjusted = stats.holm([test.p_value for test in tests.values()])
    return [
        Score(
            measure="above_nobody",
            arm=f"k={k}",
            estimate=tests[k].estimate,
            p_value=float(p),
            note=f"at the judge's word; p by Holm over {len(ks)}",
        )
        for k, p in sorted(zip(ks, adjusted, strict=True), reverse=True)
    ]


def _passing(tries: pl.DataFrame, k: int) -> pl.DataFrame:
    """Add the unbiased pass@k of each item at the judge's word."""
    passes = stats.pass_at_k(tries["n"].to_numpy(), tries["judged"].to_numpy(), k)
    return tries.with_columns(pl.Series("passes", passes, dtype=pl.Float64))
