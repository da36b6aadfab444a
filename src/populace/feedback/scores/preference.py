"""How often the second answer is preferred, beside what would say the same and knows less.

Of revisions it is their author's verdict that counts. An answer that was written for nobody has no author:
there the verdicts of all personas who judged it count alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from populace.feedback.scores.common import CLUSTER, Row, Settings, arm_of, decided, kappa, mean
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
    arms["length rule"] = pairs.select("pair_id", CLUSTER, length.alias("score"))
    for name, arm in arms.items():
        yield words.prefers, name, mean(arm, "score", settings)
    yield words.prefers, words.always, _constant(pairs, settings)
    ways = ways_of(table)
    main = arms.pop(f"{words.judge} {ways[0]}", None) if ways else None
    if main is None:
        return
    for name, arm in arms.items():
        both = main.join(
            arm.group_by("pair_id").agg(pl.col("score").mean().alias("other")),
            on="pair_id",
            maintain_order="left",
        )
        difference = both.with_columns((pl.col("score") - pl.col("other")).alias("difference"))
        yield f"{words.prefers}_above", name, mean(difference, "difference", settings)


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
    own = judged.filter(role=words.judge).select(
        "pair_id", CLUSTER, "revision_words", "original_words", pl.col("revised").alias("truth")
    )
    if own.is_empty():
        return
    rules = {
        "length rule": own.filter(_UNEQUAL).with_columns(_SHORTER.alias("revised")),
        words.always: own.with_columns(pl.lit(True).alias("revised")),
    }
    for role in ("stranger", "nobody"):
        other = judged.filter(role=role).select("pair_id", "revised")
        # Written for nobody, an answer has no strangers: everybody who judged it is the truth here.
        if words.revised or role == "nobody":
            rules[f"{role} {ways[0]}"] = own.join(other, on="pair_id", how="inner", maintain_order="left")
    for name, rule in rules.items():
        same = rule.with_columns((pl.col("truth") == pl.col("revised")).cast(pl.Float64).alias("same"))
        yield f"agreement_with_{words.judge}", name, mean(same, "same", settings)
        yield f"kappa_with_{words.judge}", name, kappa(rule, ("truth", "revised"), settings)
