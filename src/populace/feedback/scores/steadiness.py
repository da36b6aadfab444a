"""How steady the judge is: between the two orders of the answers, and between ways of judging."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import polars as pl

from populace.feedback.scores.common import ORDERED_WAYS, Row, Settings, ac1, decided, kappa, mean, ordered
from populace.feedback.verdicts import ways_of

__all__ = ["consistency", "position"]

_FORWARD, _BACKWARD = pl.col("p_original_first") > 0.5, pl.col("p_revision_first") > 0.5


def consistency(table: pl.DataFrame, settings: Settings) -> Iterator[Row]:
    """Yield the agreement of the judge with itself: between the orders, and between each two ways."""
    theirs = table.filter(pl.col("persona_id").is_not_null())
    ways = ways_of(table)
    for way in _with_orders(ways):
        orders = ordered(theirs.filter(way=way)).with_columns(_FORWARD.alias("a"), _BACKWARD.alias("b"))
        yield "kappa_orders", way, kappa(orders, "ab", settings)
        yield "ac1_orders", way, ac1(orders, "ab", settings)
    verdicts = {way: decided(theirs.filter(way=way)) for way in ways} if len(ways) > 1 else {}
    for one, other in combinations(verdicts, 2):
        second = verdicts[other].select("pair_id", "persona_id", pl.col("revised").alias("b"))
        both = verdicts[one].join(second, on=["pair_id", "persona_id"], how="inner", maintain_order="left")
        if second.height:
            yield "kappa_ways", f"{one} and {other}", kappa(both, ("revised", "b"), settings)
            yield "ac1_ways", f"{one} and {other}", ac1(both, ("revised", "b"), settings)


def position(table: pl.DataFrame, settings: Settings) -> Iterator[Row]:
    """Yield what the order of the answers does to the verdict, of personas and of nobody."""
    for way in _with_orders(ways_of(table)):
        scored = ordered(table.filter(way=way)).with_columns(
            (_FORWARD != _BACKWARD).cast(pl.Float64).alias("flip"),
            (((~_FORWARD).cast(pl.Float64) + _BACKWARD.cast(pl.Float64)) / 2).alias("first"),
        )
        arms = {way: scored.drop_nulls("persona_id"), f"nobody {way}": scored.filter(role="nobody")}
        for arm, rows in arms.items():
            yield "position_flip", arm, mean(rows, "flip", settings)
            yield "first_shown_preferred", arm, mean(rows, "first", settings)


def _with_orders(ways: list[str]) -> list[str]:
    return [way for way in ways if way in ORDERED_WAYS]
