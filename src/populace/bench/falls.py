"""Falls and wins of the arms of `leave-one-out`, paired by item, and what falls with nothing left out.

The arms are those of `populace.bench.blocks`; an answer that was not given satisfies nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import polars as pl

from populace import stats
from populace.bench.blocks import AGAIN, FULL, NOBODY, WITHOUT, along
from populace.bench.result import Finding, Score
from populace.bench.scoring import compared, mean_of, scored, value
from populace.bench.task import Counting
from populace.stats import PairedTest

__all__ = ["beside_full", "fall", "fallen", "noise_rule", "scores_of", "wins"]


def fall(items: pl.DataFrame, arm: str, counting: Counting, base: str = FULL) -> PairedTest:
    """Test the fall from the base to an arm, on the items that the arm tells less of."""
    both = fallen(items.filter(pl.col("arm").is_in([arm, base])), base)
    return compared(both, "more", "less", counting)


def fallen(items: pl.DataFrame, base: str = FULL) -> pl.DataFrame:
    """Give how satisfied each item of the other arms is, as `less`, and its item of the base, as `more`."""
    items = items.with_columns(scored(items, "critic").alias("less"))
    first = items.filter(arm=base).select("item_id", pl.col("less").alias("more"))
    rows = items.filter(pl.col("told"), pl.col("arm") != base)
    rows = rows.select("item_id", "persona_id", "prompt_id", "arm", "less")
    return rows.join(first, on="item_id", maintain_order="left")


def wins(items: pl.DataFrame, arm: str, counting: Counting) -> PairedTest:
    """Test whether the answer told everything is preferred to the arm's more often than not.

    Without that answer it won nothing; without the arm's there was no choice.
    """
    full = items.filter(arm=FULL).select("item_id", pl.col("answer").is_null().alias("silent"))
    rows = items.filter(pl.col("told"), arm=arm).join(full, on="item_id", maintain_order="left")
    rows = rows.with_columns(pl.when("silent").then(0.0).otherwise(value("choice")).alias("won"))
    rows = rows.with_columns(lost=1 - pl.col("won"))
    test = compared(rows, "won", "lost", counting)
    return msgspec.structs.replace(test, estimate=mean_of(rows, "won", counting))


def scores_of(measures: Mapping[str, tuple[Mapping[str, PairedTest], float]]) -> list[Score]:
    """Make scores of tests: all that is left out, by whichever measure, is one family.

    They are adjusted by Holm, and by Benjamini and Hochberg in words.

    Parameters
    ----------
    measures
        Measure -> its test in every arm, and its value where nothing is lost.
    """
    family = [
        (each, arm) for each, (tests, _) in measures.items() for arm in tests if arm.startswith(WITHOUT)
    ]
    alone = [measures[each][0][arm].p_value for each, arm in family]
    adjusted = dict(zip(family, stats.holm(alone).tolist(), strict=True))
    held = int(np.sum(~np.isnan(alone)))
    by_rate = dict(zip(family, stats.benjamini_hochberg(alone).tolist(), strict=True))
    scores = []
    for measure, (tests, nothing) in measures.items():
        floor = tests[AGAIN].estimate
        reach = max(abs(floor.low - nothing), abs(floor.high - nothing))
        for arm, test in tests.items():
            p = adjusted.get((measure, arm), test.p_value)
            notes = [{AGAIN: "noise floor", NOBODY: "everything left out"}.get(arm, "")]
            if arm != AGAIN and abs(test.estimate.value - nothing) <= reach:
                notes.append("within the noise floor")
            if (measure, arm) in adjusted:
                if not np.isnan(p):
                    others = f"{by_rate[measure, arm]:.2g} by Benjamini-Hochberg, {test.p_value:.2g} alone"
                    notes.append(f"p by Holm over {held}; {others}")
                gone = ", ".join(along(arm))
                notes.append(gone and f"with it goes what would tell it: {gone}")
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
