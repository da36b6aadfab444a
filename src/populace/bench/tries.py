"""From the verdicts of many tries to pass@k: counts an item, and what two orders of one question tell."""

from __future__ import annotations

import msgspec
import polars as pl

from populace import stats
from populace.bench.doubts import doubted
from populace.bench.task import Counting
from populace.stats import Estimate, NoisyPassAtK, PairedTest

__all__ = ["gain", "judged", "noisy", "tries_of"]


def tries_of(items: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Count an arm's tries, a row an item.

    Returns
    -------
    polars.DataFrame
        `item_id`, `persona_id`, `n` tries, `judged` to suit by both orders together, `first` by the order
        whose turn it is, and of those with a verdict in both: `both`, `one`, `neither`.
    """
    shown = [pl.col("critic_p_shown_first") > 0.5, pl.col("critic_p_shown_second") > 0.5]
    turn = (pl.col("item_id") + pl.col("sample")) % 2 == 0
    repeated = pl.col("way") == "choice"
    return (
        items.filter(arm=arm)
        .group_by("item_id", "persona_id", maintain_order=True)
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
        **counting.settings(),
    )
    if not found.corrected.defined or found.judged.value not in (0, 1):
        return found
    exact = doubted(found.judged)
    ends = min(found.corrected.low, exact.low), max(found.corrected.high, exact.high)
    method = f"{found.corrected.method}; joined with {exact.method}"
    joined = msgspec.structs.replace(found.corrected, low=ends[0], high=ends[1], method=method)
    return msgspec.structs.replace(found, corrected=joined, judged=exact)


def judged(tries: pl.DataFrame, k: int, counting: Counting) -> Estimate:
    """Estimate pass@k taking the judge at its word, both orders together."""
    found = stats.estimate_pass_at_k(
        tries["n"].to_numpy(), tries["judged"].to_numpy(), k, tries["persona_id"], **counting.settings()
    )
    return doubted(found)


def gain(tries: pl.DataFrame, nobody: pl.DataFrame, k: int, counting: Counting) -> PairedTest:
    """Test whether tries beat those of another arm on the same items, at the judge's word."""
    both = tries.join(nobody, on=["item_id", "persona_id"], suffix="_nobody", maintain_order="left")
    ours, theirs = (
        stats.pass_at_k(both[f"n{end}"].to_numpy(), both[f"judged{end}"].to_numpy(), k)
        for end in ("", "_nobody")
    )
    test = stats.paired_test(ours, theirs, both["persona_id"], **counting.settings())
    return msgspec.structs.replace(test, estimate=doubted(test.estimate, lowest=-1))
