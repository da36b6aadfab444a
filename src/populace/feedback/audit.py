"""Every score of a feedback set beside the shortcuts that would explain it away.

`audit` turns the pairs and judgements tables into the estimates table: one row a measure, arm and group,
each an `Estimate` with an interval from a bootstrap over people: a pair belongs to its author, and all
judgements of one author's pairs are drawn together, whoever made them, because they resemble each other.

Ties count one half in shares of preference and are left out of kappas of verdicts; refusals and failed
calls are left out of both and counted. Identical answers cannot be told apart and say nothing about the
judge: they are ties, and left out of everything about the order of the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypedDict

import msgspec
import numpy as np
import polars as pl

from populace import stats
from populace.feedback.groups import GROUPS, with_groups
from populace.feedback.judging import DECIDED
from populace.stats import Estimate
from populace.streams import stream

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

SCORE = {"revision": 1.0, "tie": 0.5, "original": 0.0}
PERMUTATIONS = 500
_JUDGED = ("pair_id", "persona_id", "role", "way", "p_original_first", "p_revision_first", "verdict")

Row = tuple[str, str, Estimate]


class _Settings(TypedDict):
    """Of the cluster bootstrap, under the names that `stats` gives them."""

    draws: int
    level: float
    seed: int


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
    draws, level, seed
        Of the cluster bootstrap.

    Returns
    -------
    pl.DataFrame
        Columns `measure, arm, attribute, group` and the fields of `Estimate`; `attribute` and `group` are
        null for a figure over everyone.
    """
    settings = _Settings(draws=draws, level=level, seed=seed)
    pairs, table = _coded(pairs, judgements)
    # Arms of one measure stand together, whichever comparison they came from.
    found = list(_overall(pairs, table, settings))
    order = list(dict.fromkeys(measure for measure, _, _ in found))
    rows = [_record(row) for row in sorted(found, key=lambda row: order.index(row[0]))]
    people = with_groups(personas)
    for attribute in GROUPS:
        labels = people.select("persona_id", pl.col(attribute).alias("group"))
        grouped = table.join(labels, on="persona_id", how="inner", maintain_order="left")
        for (group,), members in sorted(grouped.drop_nulls("group").group_by("group")):
            rows += [_record(row, attribute, str(group)) for row in _by_group(members, settings)]
    return pl.DataFrame(rows, schema=ESTIMATE_SCHEMA)


def _coded(pairs: pl.DataFrame, judgements: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put pairs beside their judgements, and small integers, in the same order, in the place of long ids.

    Clusters and joins on text take most of the time and memory of an audit of 317,200 pairs.
    """
    known = pairs.with_columns(
        pl.col("pair_id", "author_id").rank("dense").cast(pl.Int64).name.suffix("_code")
    )
    columns = ("author_id_code", "original_words", "revision_words", "identical")
    table = (
        judgements.select(_JUDGED)
        .join(
            known.select("pair_id", "pair_id_code", *columns), on="pair_id", how="left", maintain_order="left"
        )
        .with_columns(
            pl.col("verdict").replace_strict(SCORE, default=None, return_dtype=pl.Float64).alias("score")
        )
    )
    codes = {"pair_id_code": "pair_id", "author_id_code": "author_id"}
    return known.drop(codes.values()).rename(codes), table.drop("pair_id").rename(codes)


def _overall(pairs: pl.DataFrame, table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    yield from _preference(pairs, table, settings)
    yield from _agreement_with_author(table, settings)
    yield from _consistency(table, settings)
    yield from _position(table, settings)
    yield from _disagreement(table, settings)
    yield from _bookkeeping(pairs, table, settings)


def _by_group(members: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    authors = members.filter(role="author", way="choice").drop_nulls("score")
    yield "prefers_revision", "author choice", _mean(authors, "score", "persona_id", settings)
    yield from _consistency(members, settings)


def _preference(pairs: pl.DataFrame, table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    """How often the revision is preferred, by its author and by everything that knows less."""
    arms = {f"{role} {way}": _arm(table, role, way) for role, way in _arms(table)}
    shorter = pl.col("revision_words") < pl.col("original_words")
    equal = pl.col("revision_words") == pl.col("original_words")
    length = pl.when(equal).then(0.5).otherwise(shorter.cast(pl.Float64))
    arms["length rule"] = pairs.select("pair_id", "author_id", length.alias("score"))
    for name, arm in arms.items():
        yield "prefers_revision", name, _mean(arm, "score", "author_id", settings)
    yield "prefers_revision", "always the revision", _constant(pairs, settings)
    main = arms.pop("author choice", None)
    if main is None:
        return
    for name, arm in arms.items():
        both = main.join(
            arm.group_by("pair_id").agg(pl.col("score").mean().alias("other")),
            on="pair_id",
            maintain_order="left",
        )
        difference = both.with_columns((pl.col("score") - pl.col("other")).alias("difference"))
        yield "prefers_revision_above", name, _mean(difference, "difference", "author_id", settings)


def _constant(pairs: pl.DataFrame, settings: _Settings) -> Estimate:
    """The rule that always takes the revision: 1 by construction, with nothing to estimate."""
    n, authors = pairs.height, pairs["author_id"].n_unique()
    return Estimate(
        value=1.0, low=1.0, high=1.0, level=settings["level"], n=n, clusters=authors, method="by construction"
    )


def _agreement_with_author(table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    """How well each shortcut predicts what the author itself chose: 2 x 2 tables over decided pairs."""
    author = _decided(table.filter(role="author", way="choice")).select(
        "pair_id", "author_id", "revision_words", "original_words", pl.col("revised").alias("truth")
    )
    if author.is_empty():
        return
    shorter = pl.col("revision_words") < pl.col("original_words")
    unequal = pl.col("revision_words") != pl.col("original_words")
    rules = {
        "length rule": author.filter(unequal).with_columns(shorter.alias("revised")),
        "always the revision": author.with_columns(pl.lit(True).alias("revised")),
    }
    for role in ("stranger", "nobody"):
        other = _decided(table.filter(role=role, way="choice")).select("pair_id", "revised")
        rules[f"{role} choice"] = author.join(other, on="pair_id", how="inner", maintain_order="left")
    for name, rule in rules.items():
        same = rule.with_columns((pl.col("truth") == pl.col("revised")).cast(pl.Float64).alias("same"))
        yield "agreement_with_author", name, _mean(same, "same", "author_id", settings)
        yield "kappa_with_author", name, _kappa(rule, "truth", "revised", "author_id", settings)


def _consistency(table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    """Agreement of the judge with itself: between the two orders, and between two ways of judging."""
    choice = table.filter((pl.col("way") == "choice") & pl.col("persona_id").is_not_null())
    orders = _ordered(choice).with_columns(
        (pl.col("p_original_first") > 0.5).alias("a"), (pl.col("p_revision_first") > 0.5).alias("b")
    )
    yield "kappa_orders", "choice", _kappa(orders, "a", "b", "author_id", settings)
    yield "ac1_orders", "choice", _ac1(orders, "a", "b", "author_id", settings)
    likelihood = _decided(table.filter(pl.col("way") == "likelihood")).select(
        "pair_id", "persona_id", pl.col("revised").alias("b")
    )
    if likelihood.is_empty():
        return
    ways = _decided(choice).join(likelihood, on=["pair_id", "persona_id"], how="inner", maintain_order="left")
    yield "kappa_ways", "choice and likelihood", _kappa(ways, "revised", "b", "author_id", settings)
    yield "ac1_ways", "choice and likelihood", _ac1(ways, "revised", "b", "author_id", settings)


def _position(table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    """What the order of the answers does to the verdict."""
    asked = _ordered(table.filter(way="choice"))
    forward, backward = pl.col("p_original_first") > 0.5, pl.col("p_revision_first") > 0.5
    scored = asked.with_columns(
        (forward != backward).cast(pl.Float64).alias("flip"),
        (((~forward).cast(pl.Float64) + backward.cast(pl.Float64)) / 2).alias("first"),
    )
    personas = scored.drop_nulls("persona_id")
    nobody = scored.filter(role="nobody")
    for arm, rows in (("choice", personas), ("nobody choice", nobody)):
        yield "position_flip", arm, _mean(rows, "flip", "author_id", settings)
        yield "first_shown_preferred", arm, _mean(rows, "first", "author_id", settings)


def _disagreement(table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    """How often two people disagree on one pair, and what that leaves for any single model.

    A model that cannot tell people apart can at best please the majority on every pair. With few judges a
    pair that ceiling is high even for coin flips, so the same figure with verdicts shuffled over pairs
    stands beside it: only what lies above the shuffled ceiling is agreement about the pairs themselves.
    """
    for way in table["way"].unique(maintain_order=True):
        theirs = _decided(table.filter((pl.col("way") == way) & pl.col("persona_id").is_not_null()))
        panels = theirs.filter(pl.len().over("pair_id") > 1).select("pair_id", "author_id", "revised")
        if panels.is_empty():
            continue
        votes = _votes(panels)
        clusters = votes["author_id"].to_numpy()
        for measure, (part, whole) in _splits(votes["yes"].to_numpy(), votes["n"].to_numpy()).items():
            yield measure, way, _ratio(part, whole, clusters, settings)
        yield from _shuffled(panels, way, settings)


def _ratio(part: np.ndarray, whole: np.ndarray, clusters: np.ndarray, settings: _Settings) -> Estimate:
    """A ratio over pairs; where no two people disagreed anywhere, bounded by the share of pairs with any.

    A pair with a conflict has at most all couples in conflict and half its verdicts in the minority, so
    the exact upper bound on the share of such pairs bounds both figures.
    """
    found = stats.ratio(part, whole, clusters, **settings)
    if found.value not in (0.0, 1.0):
        return found
    bound = stats.proportion(np.zeros(len(part)), clusters, **settings)
    low, high = (0.0, bound.high) if found.value == 0.0 else (1.0 - bound.high / 2, 1.0)
    return msgspec.structs.replace(found, low=low, high=high, method=bound.method, seed=bound.seed)


def _votes(panels: pl.DataFrame) -> pl.DataFrame:
    return panels.group_by("pair_id", maintain_order=True).agg(
        pl.col("author_id").first(), pl.col("revised").sum().alias("yes"), pl.len().alias("n")
    )


def _splits(yes: np.ndarray, n: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator a pair, for the conflict rate and the single-model ceiling."""
    yes, n = yes.astype(float), n.astype(float)
    return {
        "conflict_rate": (yes * (n - yes), n * (n - 1) / 2),
        "single_model_ceiling": (np.maximum(yes, n - yes), n),
    }


def _shuffled(panels: pl.DataFrame, way: str, settings: _Settings) -> Iterator[Row]:
    """Give the same figures with verdicts permuted over pairs: what no agreement about pairs would give."""
    rng = stream(settings["seed"], "feedback.audit")
    pair = _codes(panels["pair_id"])
    verdicts = panels["revised"].to_numpy()
    n = np.bincount(pair)
    drawn: dict[str, list[float]] = {"conflict_rate": [], "single_model_ceiling": []}
    for _ in range(PERMUTATIONS):
        yes = np.bincount(pair, weights=rng.permutation(verdicts))
        for measure, (part, whole) in _splits(yes, n).items():
            drawn[measure].append(float(part.sum() / whole.sum()))
    tail = (1 - settings["level"]) / 2
    for measure, values in drawn.items():
        low, high = np.quantile(values, [tail, 1 - tail])
        yield (
            measure,
            f"{way}, verdicts shuffled over pairs",
            Estimate(
                value=float(np.mean(values)),
                low=float(low),
                high=float(high),
                level=settings["level"],
                n=panels.height,
                clusters=len(n),
                method=f"permutation over pairs, {PERMUTATIONS} draws",
                seed=settings["seed"],
            ),
        )


def _bookkeeping(pairs: pl.DataFrame, table: pl.DataFrame, settings: _Settings) -> Iterator[Row]:
    theirs = table.drop_nulls("persona_id")
    for way in theirs["way"].unique(maintain_order=True):
        rows = theirs.filter(pl.col("way") == way).with_columns(
            (pl.col("verdict") == "tie").cast(pl.Float64).alias("tie"),
            (pl.col("verdict") == "refused").cast(pl.Float64).alias("refused"),
            (pl.col("verdict") == "failed").cast(pl.Float64).alias("failed"),
        )
        yield "ties", way, _mean(rows, "tie", "author_id", settings)
        yield "refusals", way, _mean(rows, "refused", "author_id", settings)
        yield "failed_calls", way, _mean(rows, "failed", "author_id", settings)
    shorter = (pl.col("revision_words") < pl.col("original_words")).cast(pl.Float64)
    cut = pl.any_horizontal("original_cut", "revision_cut").cast(pl.Float64)
    flags = pairs.with_columns(
        shorter.alias("shorter"), pl.col("identical").cast(pl.Float64).alias("same"), cut.alias("cut")
    )
    yield "revision_shorter", "pairs", _mean(flags, "shorter", "author_id", settings)
    yield "identical_answers", "pairs", _mean(flags, "same", "author_id", settings)
    yield "cut_short", "pairs", _mean(flags, "cut", "author_id", settings)


def _arms(table: pl.DataFrame) -> list[tuple[str, str]]:
    present = set(table.select("role", "way").unique().iter_rows())
    wanted = (
        *(("author", "choice"), ("author", "likelihood")),
        *(("stranger", "choice"), ("stranger", "likelihood"), ("nobody", "choice")),
    )
    return [arm for arm in wanted if arm in present]


def _arm(table: pl.DataFrame, role: str, way: str) -> pl.DataFrame:
    return table.filter((pl.col("role") == role) & (pl.col("way") == way)).drop_nulls("score")


def _decided(table: pl.DataFrame) -> pl.DataFrame:
    """Rows with a preference; `revised` says for which answer."""
    decided = table.filter(pl.col("verdict").is_in(DECIDED))
    return decided.with_columns((pl.col("verdict") == "revision").alias("revised"))


def _codes(labels: pl.Series) -> np.ndarray:
    return np.unique(labels.to_numpy(), return_inverse=True)[1]


def _ordered(table: pl.DataFrame) -> pl.DataFrame:
    """Rows that say something about the order: both orders answered, on answers that differ."""
    return table.filter(~pl.col("identical")).drop_nulls(["p_original_first", "p_revision_first"])


def _mean(rows: pl.DataFrame, column: str, cluster: str, settings: _Settings) -> Estimate:
    values = rows[column].to_numpy()
    # Rows that all agree give a bootstrap no spread, but they are no proof: `proportion` bounds them.
    estimate = stats.proportion if np.isin(values, (0.0, 1.0)).all() else stats.mean
    return estimate(values, rows[cluster].to_numpy(), **settings)


def _kappa(rows: pl.DataFrame, a: str, b: str, cluster: str, settings: _Settings) -> Estimate:
    return _bounded(stats.cohen_kappa(*_raters(rows, a, b, cluster), **settings))


def _ac1(rows: pl.DataFrame, a: str, b: str, cluster: str, settings: _Settings) -> Estimate:
    # AC1 depends on how many categories there are, also where one of them was never used.
    return _bounded(stats.gwet_ac1(*_raters(rows, a, b, cluster), categories=(False, True), **settings))


def _bounded(found: Estimate) -> Estimate:
    """Take the interval off a coefficient that no draw changed: the data are too even to bound it."""
    if found.low < found.high or not found.defined:
        return found
    return msgspec.structs.replace(
        found, low=math.nan, high=math.nan, method="no interval: every draw gives the same"
    )


def _raters(rows: pl.DataFrame, a: str, b: str, cluster: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two raters' verdicts as "prefers the revision", and the clusters of the rows."""
    return rows[a].to_numpy(), rows[b].to_numpy(), rows[cluster].to_numpy()


def _record(row: Row, attribute: str | None = None, group: str | None = None) -> dict[str, object]:
    measure, arm, estimate = row
    return {
        "measure": measure,
        "arm": arm,
        "attribute": attribute,
        "group": group,
        **msgspec.structs.asdict(estimate),
    }
