"""Every score of a feedback set beside the shortcuts that would explain it away.

`audit` turns the pairs and judgements tables into the estimates table: one row a measure, arm and group,
each an `Estimate`. Judgements resemble each other where one persona made them, where the answers were written
for one author, and where they answer one prompt; intervals know the persona together with either of the
others, and the wider stands (`scores.common`). A pair that was written for nobody belongs to the persona for
whom its prompt was drawn.

Ties count one half in shares of preference and are left out of kappas of verdicts; refusals and failed
calls are left out of both and counted. Identical answers cannot be told apart and say nothing about the
judge: they are ties, and left out of everything about the order of the answers.

What the answers are (`feedback.wording`) names measures and arms: `prefers_revision` by the `author`, a
`stranger` and `nobody`, or, where no answer is a revision, `prefers_second` by a `persona` and `nobody`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import polars as pl

from populace.feedback.groups import GROUPS, with_groups
from populace.feedback.scores.bookkeeping import bookkeeping
from populace.feedback.scores.common import CLUSTER, JUDGE, PROMPT, Row, Settings, arm_of, mean
from populace.feedback.scores.disagreement import disagreement
from populace.feedback.scores.preference import agreement, preference
from populace.feedback.scores.steadiness import consistency, position
from populace.feedback.verdicts import ways_of
from populace.feedback.wording import Wording, wording

__all__ = ["ESTIMATE_SCHEMA", "audit"]

ESTIMATE_SCHEMA = {
    "measure": pl.String,
    "arm": pl.String,
    "attribute": pl.String,
    "group": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "clusters": pl.Int64,
    "method": pl.String,
    "seed": pl.Int64,
}

_SCORE = {"revision": 1.0, "tie": 0.5, "original": 0.0}
_JUDGED = ("pair_id", "persona_id", "role", "way", "p_original_first", "p_revision_first", "verdict")


def audit(
    pairs: pl.DataFrame,
    judgements: pl.DataFrame,
    personas: pl.DataFrame,
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Compute every estimate of a feedback set.

    Parameters
    ----------
    pairs, judgements, personas
        Tables as in `docs/design/main-job.md`.
    level
        Of the intervals.
    draws, seed
        Of the verdicts shuffled over pairs: how often (500 times at most), and which.

    Returns
    -------
    pl.DataFrame
        Columns `measure, arm, attribute, group` and the fields of `Estimate`; `attribute` and `group` are
        null for a figure over everyone.
    """
    settings = Settings(draws=draws, level=level, seed=seed)
    words = wording(pairs)
    pairs, table = _coded(pairs, judgements, words)
    # Arms of one measure stand together, whichever comparison they came from.
    found = list(_overall(pairs, table, words, settings))
    order = list(dict.fromkeys(measure for measure, _, _ in found))
    rows = [_record(row) for row in sorted(found, key=lambda row: order.index(row[0]))]
    people = with_groups(personas)
    for attribute in GROUPS:
        labels = people.select("persona_id", pl.col(attribute).alias("group"))
        grouped = table.join(labels, on="persona_id", how="inner", maintain_order="left")
        for (group,), members in sorted(grouped.drop_nulls("group").group_by("group")):
            rows += [_record(row, attribute, str(group)) for row in _by_group(members, words, settings)]
    return pl.DataFrame(rows, schema=ESTIMATE_SCHEMA)


def _coded(
    pairs: pl.DataFrame, judgements: pl.DataFrame, words: Wording
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put pairs beside their judgements, and small integers, in the same order, in the place of long ids.

    Clusters and joins on text take most of the time and memory of an audit of 317,200 pairs.
    """
    asked = "prompt_id" if "prompt_id" in pairs.columns else "pair_id"
    names = pl.concat([pairs[CLUSTER], judgements["persona_id"]]).drop_nulls().unique().sort()
    # A persona has one number, as author and as judge.
    numbers = pl.DataFrame({"name": names, "number": pl.int_range(len(names), eager=True)})
    known = (
        pairs.drop(PROMPT, strict=False)
        .with_columns(pl.col(asked).rank("dense").cast(pl.Int64).alias(PROMPT))
        .join(numbers, left_on=CLUSTER, right_on="name", how="left", maintain_order="left")
        .with_columns(
            # A pair without an author is of its prompt's cluster.
            pl.coalesce("number", len(names) + pl.col(PROMPT)).alias(CLUSTER),
            pl.int_range(pl.len()).alias("place"),
        )
    )
    columns = (CLUSTER, PROMPT, "original_words", "revision_words", "identical")
    table = (
        judgements.select(_JUDGED)
        .join(known.select("pair_id", "place", *columns), on="pair_id", how="left", maintain_order="left")
        .join(numbers, left_on="persona_id", right_on="name", how="left", maintain_order="left")
        .with_columns(
            pl.col("verdict").replace_strict(_SCORE, default=None, return_dtype=pl.Float64).alias("score")
        )
        .drop("pair_id")
        .rename({"place": "pair_id", "number": JUDGE})
    )
    if not words.revised:
        # Everybody who judged an answer that nobody wrote for anybody is one of many, and a stranger to none.
        table = table.with_columns(pl.col("role").replace("stranger", words.judge))
    return known.drop("pair_id", "number").rename({"place": "pair_id"}), table


def _overall(pairs: pl.DataFrame, table: pl.DataFrame, words: Wording, settings: Settings) -> Iterator[Row]:
    yield from preference(pairs, table, words, settings)
    yield from agreement(table, words, settings)
    yield from consistency(table, settings)
    yield from position(table, settings)
    yield from disagreement(table, settings)
    yield from bookkeeping(pairs, table, words, settings)


def _by_group(members: pl.DataFrame, words: Wording, settings: Settings) -> Iterator[Row]:
    for way in ways_of(members)[:1]:
        own = arm_of(members, words.judge, way)
        yield words.prefers, f"{words.judge} {way}", mean(own, "score", settings)
    yield from consistency(members, settings)


def _record(row: Row, attribute: str | None = None, group: str | None = None) -> dict[str, object]:
    measure, arm, estimate = row
    return {
        "measure": measure,
        "arm": arm,
        "attribute": attribute,
        "group": group,
        **msgspec.structs.asdict(estimate),
    }
