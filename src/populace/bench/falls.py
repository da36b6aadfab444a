"""Falls and wins of the arms of `leave-one-out`, paired by item, and what falls with nothing left out.

The arms are those of `populace.bench.blocks`; what is left out is one family, adjusted by Holm.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import polars as pl

from populace import stats
from populace.bench.blocks import AGAIN, FULL, NOBODY, WITHOUT, along
from populace.bench.result import Finding, Score
from populace.bench.scoring import compared, share, value
from populace.bench.task import Counting
from populace.stats import PairedTest

__all__ = ["beside_full", "fall", "noise_rule", "tested", "wins"]


def fall(items: pl.DataFrame, arm: str, counting: Counting, base: str = FULL) -> PairedTest:
    """Test the fall from the base to an arm, on the items that the arm tells less of."""
    told = items.filter(pl.col("told"), arm=arm)
    rows = told.select("item_id", "persona_id", "prompt_id", value("critic").alias("less"))
    first = items.filter(arm=base).select("item_id", value("critic").alias("more"))
    both = rows.join(first, on="item_id", maintain_order="left")
    return compared(both, "more", "less", counting)


def wins(items: pl.DataFrame, arm: str, counting: Counting) -> PairedTest:
    """Test whether the answer told everything is preferred to the arm's more often than not."""
    rows = items.filter(pl.col("told"), arm=arm)
    won = rows.with_columns(won=value("choice"), lost=1 - value("choice"))
    return msgspec.structs.replace(
        compared(won, "won", "lost", counting), estimate=share(rows, "choice", counting)
    )


def tested(measure: str, tests: Mapping[str, PairedTest], nothing: float) -> list[Score]:
    """Make scores of tests: what is left out is one family, adjusted by Holm, and by BH in words.

    `nothing` is the measure's value where nothing is lost.
    """
    floor = tests[AGAIN].estimate
    reach = max(abs(floor.low - nothing), abs(floor.high - nothing))
    family = [arm for arm in tests if arm.startswith(WITHOUT)]
    alone = [tests[arm].p_value for arm in family]
    adjusted = dict(zip(family, stats.holm(alone).tolist(), strict=True))
    by_rate = dict(zip(family, stats.benjamini_hochberg(alone).tolist(), strict=True))
    scores = []
    for arm, test in tests.items():
        p = adjusted.get(arm, test.p_value)
        notes = [{AGAIN: "noise floor", NOBODY: "everything left out"}.get(arm, "")]
        if arm != AGAIN and abs(test.estimate.value - nothing) <= reach:
            notes.append("within the noise floor")
        if arm in family:
            if not np.isnan(p):
                others = f"{by_rate[arm]:.2g} by Benjamini-Hochberg, {test.p_value:.2g} alone"
                notes.append(f"p by Holm over {len(family)}; {others}")
            notes.append(
                ", ".join(along(arm)) and f"with it goes what would tell it: {', '.join(along(arm))}"
            )
        scores.append(
            Score(
                measure=measure,
                arm=arm,
                estimate=test.estimate,
                p_value=None if np.isnan(p) else p,
                note="; ".join(filter(None, notes)),
            )
        )
    return scores


def noise_rule(items: pl.DataFrame, counting: Counting) -> Finding:
    """Hold the fall against that between two samples told everything."""
    floor, most = (fall(items, arm, counting).estimate for arm in (AGAIN, NOBODY))
    second = fall(items, NOBODY, counting, base=AGAIN).estimate
    return Finding(
        name="same persona twice",
        what="asks again with nothing left out: what falls then is noise",
        shortcut=floor,
        beside=most,
        passed=most.defined and most.low > 0 and second.low > 0,
        why="fails unless answers of a target that is told nothing fall below both samples of one that is "
        f"told everything; below the second they fall by {second}",
    )


def beside_full(items: pl.DataFrame) -> pl.DataFrame:
    """Join the answer of who is told everything, as `full`; items of that arm, and those alike, are left out.

    Of one answer shown twice only the place can be named.
    """
    full = items.filter(arm=FULL).select("item_id", pl.col("answer").alias("full"))
    rows = items.filter(pl.col("arm") != FULL).join(full, on="item_id", maintain_order="left")
    return rows.filter(pl.col("answer") != pl.col("full"))
