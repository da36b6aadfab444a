"""The small tables behind figures and page: pure functions from a study's frames to frames.

A figure and the table beside it are made from the same one, so they cannot disagree.
"""

from __future__ import annotations

import math
import re

import polars as pl

from populace.errors import DataError
from populace.feedback.verdicts import DECIDED, ways_of

__all__ = [
    "length_ratios",
    "population_fit",
    "population_shares",
    "topic_counts",
    "verdict_splits",
]

CONTROVERSY = {0: "none", 1: "mild", 2: "contested", 3: "divisive", None: "not graded"}
SPLITS = (
    "all prefer the first answer",
    "most prefer the first answer",
    "evenly split",
    "most prefer the second answer",
    "all prefer the second answer",
)
RATIO_STEP, RATIO_CAP = 0.1, 2.0


def population_shares(people: pl.DataFrame, census: pl.DataFrame) -> pl.DataFrame:
    """Set the census share of every value beside the share among the people drawn.

    Returns
    -------
    `attribute, value, census, drawn` (shares) and `n` (people with a value, the same in all rows of an
    attribute), in the order of `census`. An attribute that `people` lacks, or that nobody has, is left
    out. People without a
    value are left out of the drawn share, as they are out of the census share.

    Raises
    ------
    DataError
        If the census names a range for a numeric column in a form that cannot be read.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["Male", "Female", "Female", None]})
    >>> census = pl.DataFrame({"attribute": ["sex"] * 2, "value": ["Female", "Male"], "share": [0.51, 0.49]})
    >>> population_shares(people, census).row(0)
    ('sex', 'Female', 0.51, 0.6666666666666666, 3)
    """
    parts = []
    for (attribute,), margin in census.group_by("attribute", maintain_order=True):
        name = str(attribute)
        if name not in people.columns:
            continue
        column = people[name].drop_nulls()
        if not (n := column.len()):
            continue
        drawn = [_count(column, value) / n for value in margin["value"]]
        parts.append(
            margin.select("attribute", "value", census="share").with_columns(
                drawn=pl.Series(drawn, dtype=pl.Float64), n=pl.lit(n, dtype=pl.Int64)
            )
        )
    schema = {"attribute": pl.String, "value": pl.String, "census": pl.Float64, "drawn": pl.Float64}
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema | {"n": pl.Int64})


def _count(column: pl.Series, value: str) -> int:
    if not column.dtype.is_numeric():
        return int((column == value).sum())
    low, high = _range(value)
    return int(column.is_between(low, high).sum())


def _range(text: str) -> tuple[float, float]:
    """Read `under 18` (exclusive), `18-34`, `18 to 34` (both ends count), `65 and over`, `65+`, or `7`."""
    plain = re.sub(r"[$, ]", "", text).replace("–", "-").replace("to", "-")
    if found := re.fullmatch(r"under(-?[\d.]+)", plain):
        return -math.inf, math.nextafter(float(found[1]), -math.inf)
    if found := re.fullmatch(r"(-?[\d.]+)(?:\+|andover|ormore)", plain):
        return float(found[1]), math.inf
    if found := re.fullmatch(r"(-?[\d.]+)(?:-(-?[\d.]+))?", plain):
        return float(found[1]), float(found[2] or found[1])
    raise DataError(
        f"the census value {text!r} is no range of numbers",
        column="value",
        fix="write it like 'under 18', '18-34' or '65 and over'",
    )


def population_fit(shares: pl.DataFrame) -> pl.DataFrame:
    r"""Return the distance of each attribute's drawn shares from the census, and what chance alone gives.

    The distance is total variation, $\frac12 \sum_k |\hat p_k - p_k|$. People drawn at random from the
    census itself would still miss it by about $\sum_k \sqrt{p_k (1 - p_k) / (2 \pi n)}$, the mean of a
    half-normal summed over the values (normal approximation).

    Returns
    -------
    `attribute, values, n, distance, chance`.

    Examples
    --------
    >>> shares = pl.DataFrame({"attribute": ["sex"] * 2, "value": ["F", "M"], "census": [0.5, 0.5],
    ...     "drawn": [0.52, 0.48], "n": [800, 800]})
    >>> population_fit(shares).select(pl.col("distance", "chance").round(4)).row(0)
    (0.02, 0.0141)
    """
    p, q, n = pl.col("census"), pl.col("drawn"), pl.col("n")
    return shares.group_by("attribute", maintain_order=True).agg(
        values=pl.len(),
        n=n.first(),
        # Drawn people whose value the census table lacks are distance too.
        distance=((p - q).abs().sum() + (1 - q.sum()).clip(0).round(12)) / 2,
        chance=(p * (1 - p) / (2 * math.pi * n)).sqrt().sum(),
    )


def topic_counts(prompts: pl.DataFrame) -> pl.DataFrame:
    """Count prompts by topic and controversy: `topic, controversy` (a word), `grade, prompts, total`.

    The largest topic comes first; a prompt without a topic counts under `no topic`.

    Examples
    --------
    >>> topic_counts(pl.DataFrame({"topic": ["work", "work"], "controversy": [2, None]})).rows()
    [('work', 'contested', 2, 1, 2), ('work', 'not graded', None, 1, 2)]
    """
    return (
        prompts.select(pl.col("topic").fill_null("no topic"), grade=pl.col("controversy").cast(pl.Int64))
        .group_by("topic", "grade")
        .agg(prompts=pl.len().cast(pl.Int64))
        .with_columns(
            total=pl.col("prompts").sum().over("topic"),
            controversy=pl.col("grade").replace_strict(CONTROVERSY, default="not graded"),
        )
        .sort(["total", "topic", "grade"], descending=[True, False, False], nulls_last=True)
        .select("topic", "controversy", "grade", "prompts", "total")
    )


def length_ratios(pairs: pl.DataFrame) -> pl.DataFrame:
    """Count pairs by the revision's length over the original's, in words, in steps of a tenth.

    Returns
    -------
    `low, high` (ends of the step, as ratios), `pairs`. The last step takes everything from twice the
    length up. Pairs whose original has no words are left out.

    Examples
    --------
    >>> length_ratios(pl.DataFrame({"original_words": [10, 10], "revision_words": [8, 50]})).rows()
    [(0.8, 0.9, 1), (2.0, 2.1, 1)]
    """
    steps = round(RATIO_CAP / RATIO_STEP)
    # Integer arithmetic: 0.3 / 0.1 would fall into the step below its own.
    step = (pl.col("revision_words") * round(1 / RATIO_STEP) // pl.col("original_words")).clip(0, steps)
    return (
        pairs.filter(pl.col("original_words") > 0)
        .group_by(step=step.cast(pl.Int64))
        .agg(pairs=pl.len().cast(pl.Int64))
        .sort("step")
        .select(
            low=(pl.col("step") * RATIO_STEP).round(6),
            high=((pl.col("step") + 1) * RATIO_STEP).round(6),
            pairs="pairs",
        )
    )


def verdict_splits(judgements: pl.DataFrame) -> pl.DataFrame:
    """Count pairs by how the personas who judged them split, in the way of judging that labels the pairs.

    Returns
    -------
    `split` (one of `SPLITS`, from all for the first answer to all for the second), `pairs`. Pairs with
    fewer than two decided personas say nothing about disagreement and are left out.

    Examples
    --------
    >>> table = pl.DataFrame({"pair_id": ["a"] * 3, "persona_id": ["x", "y", None], "way": ["choice"] * 3,
    ...     "verdict": ["revision", "original", "original"]})
    >>> verdict_splits(table).filter(pl.col("pairs") > 0).rows()
    [('evenly split', 1)]
    """
    revised = pl.col("verdict") == "revision"
    way = next(iter(ways_of(judgements)), "choice")
    per_pair = (
        judgements.filter(
            pl.col("persona_id").is_not_null() & (pl.col("way") == way) & pl.col("verdict").is_in(DECIDED)
        )
        .group_by("pair_id")
        .agg(personas=pl.len(), revised=revised.sum())
        .filter(pl.col("personas") > 1)
    )
    twice = 2 * pl.col("revised").cast(pl.Int64) - pl.col("personas").cast(pl.Int64)
    level = (
        pl.when(pl.col("revised") == 0).then(0).when(pl.col("revised") == pl.col("personas")).then(4)
        .when(twice < 0).then(1).when(twice > 0).then(3).otherwise(2)
    )  # fmt: skip
    found = dict(per_pair.group_by(level=level).agg(pl.len()).iter_rows())
    return pl.DataFrame(
        {"split": SPLITS, "pairs": [found.get(level, 0) for level in range(5)]},
        schema={"split": pl.String, "pairs": pl.Int64},
    )
