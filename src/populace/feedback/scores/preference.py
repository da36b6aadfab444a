"""How often the second answer is preferred, beside what would say the same and knows less.

Of revisions it is their author's verdict that counts. An answer that was written for nobody has no author:
there the verdicts of all personas who judged it count alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import polars as pl

from populace.feedback.scores.common import (
    CLUSTER,
    DIFFERENCE,
    JUDGE,
    PROMPT,
    Row,
    Settings,
    arm_of,
    decided,
    kappa,
    mean,
)
from populace.feedback.verdicts import ways_of
from populace.feedback.wording import Wording
from populace.stats import Estimate

__all__ = ["agreement", "preference"]

_SHORTER = pl.col("revision_words") < pl.col("original_words")
_UNEQUAL = pl.col("revision_words") != pl.col("original_words")


def preference(pairs: pl.DataFrame, table: pl.DataFrame, words: Wording, settings: Settings) -> Iterator[Row]:
    """Yield the share of judgements for the second answer, by arm, and how far the main arm lies above each.

    The main arm is the author's (or the personas') in the way of judging that labels the pairs.
    """
    arms = {f"{role} {way}": arm_of(table, role, way) for role, way in _arms(table, words)}
    length = pl.when(_UNEQUAL).then(_SHORTER.cast(pl.Float64)).otherwise(0.5)
    arms["length rule"] = pairs.with_columns(length.alias("score"))
    for name, arm in arms.items():
        yield words.prefers, name, mean(arm, "score", settings)
    yield words.prefers, words.always, _constant(pairs, settings)
    ways = ways_of(table)
    main = arms.pop(f"{words.judge} {ways[0]}", None) if ways else None
    if main is None:
        return
    for name, arm in arms.items():
        yield f"{words.prefers}_above", name, _above(main, arm, settings)


def _above(main: pl.DataFrame, arm: pl.DataFrame, settings: Settings) -> Estimate:
    """Estimate by how much the main arm lies above another on the same pairs; missing pairs are left out.

    A row is a verdict of the main arm and one of the other on its pair, so that an interval knows the other
    judge too. Several on one pair weigh one together.
    """
    judged = JUDGE in arm.columns and arm[JUDGE].null_count() < arm.height
    same = judged and main["role"].head(1).equals(arm["role"].head(1))  # another way of the same people
    theirs = arm.select(
        "pair_id",
        pl.col("score").alias("other"),
        (pl.col(JUDGE) if judged else pl.lit(None, dtype=pl.Int64)).alias("second"),
    )
    both = main.with_row_index("at").join(
        theirs,
        left_on=["pair_id", JUDGE] if same else ["pair_id"],
        right_on=["pair_id", "second"] if same else ["pair_id"],
        how="inner",
        maintain_order="left",
    )
    rows = both.with_columns(
        (pl.col("score") - pl.col("other")).alias("difference"),
        (1 / pl.len().over("at")).alias("weight"),
        # Strangers judge many authors' pairs; the author still stands under CLUSTER.
        (pl.col(JUDGE) if same else pl.coalesce("second", JUDGE)).alias(JUDGE),
    )
    found = mean(rows, "difference", settings, DIFFERENCE)
    return msgspec.structs.replace(found, n=rows["at"].n_unique())


def _arms(table: pl.DataFrame, words: Wording) -> list[tuple[str, str]]:
    """List role and way of the arms that there are: role by role, the way that labels the pairs first."""
    present = set(table.select("role", "way").unique().iter_rows())
    wanted = ((role, way) for role in (words.judge, "stranger", "nobody") for way in ways_of(table))
    return [arm for arm in wanted if arm in present]


def _constant(pairs: pl.DataFrame, settings: Settings) -> Estimate:
    """The rule that always takes the second answer: 1 by construction, with nothing to estimate."""
    n, clusters = pairs.height, pairs[CLUSTER].n_unique()
    return Estimate(
        value=1.0,
        low=1.0,
        high=1.0,
        level=settings["level"],
        n=n,
        clusters=clusters,
        method="by construction",
    )


def agreement(table: pl.DataFrame, words: Wording, settings: Settings) -> Iterator[Row]:
    """Yield how well each shortcut predicts what the author (or a persona) chose, over decided judgements."""
    ways = ways_of(table)
    if not ways:
        return
    judged = decided(table.filter(way=ways[0]))
    shared = ("pair_id", CLUSTER, PROMPT, JUDGE, "revision_words", "original_words")
    own = judged.filter(role=words.judge).select(*shared, pl.col("revised").alias("truth"))
    if own.is_empty():
        return
    rules = {
        "length rule": own.filter(_UNEQUAL).with_columns(_SHORTER.alias("revised")),
        words.always: own.with_columns(pl.lit(True).alias("revised")),
    }
    for role in ("stranger", "nobody"):
        other = judged.filter(role=role).select("pair_id", "revised", pl.col(JUDGE).alias("other"))
        # Written for nobody, an answer has no strangers: everybody who judged it is the truth here.
        if words.revised or role == "nobody":
            rule = own.join(other, on="pair_id", how="inner", maintain_order="left")
            # The author stands under CLUSTER; a stranger is one of few who judge many pairs.
            rules[f"{role} {ways[0]}"] = rule.with_columns(pl.coalesce("other", JUDGE).alias(JUDGE))
    for name, rule in rules.items():
        same = rule.with_columns((pl.col("truth") == pl.col("revised")).cast(pl.Float64).alias("same"))
        yield f"agreement_with_{words.judge}", name, mean(same, "same", settings)
        yield f"kappa_with_{words.judge}", name, kappa(rule, ("truth", "revised"), settings)
