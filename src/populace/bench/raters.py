"""Judges beside each other: kappa and its partners, its power, baselines, and people among themselves.

Items have a column `by:MODEL` for every judge (`by:people` for what most people said), with the outcome of
its choice between two answers. Kappa is of decided verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from populace import stats
from populace.bench.kappas import pairs_apart, pairs_of_raters, smallest_told
from populace.bench.result import Finding, Score
from populace.bench.rules import Floats, words_in
from populace.bench.scoring import rate
from populace.bench.task import Counting
from populace.stats.crossed import crossed_difference
from populace.stats.matrices import AgreementReport, PairAgreement
from populace.stats.power import design_effect, intraclass_correlation

__all__ = [
    "BY",
    "DECIDED",
    "PEOPLE",
    "agree",
    "among_people",
    "arm_of",
    "beside",
    "both",
    "by_persona",
    "ceiling",
    "constant_rule",
    "matrices",
    "numbered",
    "pair_scores",
    "raters",
]

BY = "by:"
PEOPLE = "people"
DECIDED = ("first", "second")


def raters(items: pl.DataFrame) -> list[str]:
    """Name the judges of items, `people` last."""
    names = [name.removeprefix(BY) for name in items.columns if name.startswith(BY)]
    judges = [name for name in names if f"{BY}{name}_p" in items.columns]
    return [*judges, PEOPLE] if BY + PEOPLE in items.columns else judges


def matrices(items: pl.DataFrame, counting: Counting, *, by: str | None = None) -> AgreementReport:
    """Give kappa, AC1 and share of agreement of every two judges: the matrices of the paper's Figures 4 to 9.

    Parameters
    ----------
    items
        Of a run.
    by
        A column, such as `group:age`, whose values are scored apart; `persona_id` scores each persona, whose
        items are then independent.
    """
    names, level = raters(items), counting.level
    said = _numbers(items, names)
    labels: list[Any] = [None]
    if by is None:
        pairs = pairs_of_raters(said, names, *_shared(items), level=level)
    else:
        labels = items[by].drop_nulls().unique().sort().to_list()
        code = items[by].replace_strict(dict(zip(labels, range(len(labels)), strict=True)), default=-1)
        code = code.cast(pl.Int64).to_numpy()
        if by == "persona_id":
            pairs = pairs_apart(said, names, code, labels, level=level)
        else:
            pairs = []
            for at, label in enumerate(labels):
                rows = code == at
                shared = _shared(items.filter(rows))
                pairs += pairs_of_raters(said[rows], names, *shared, level=level, group=label)
    return AgreementReport(raters=tuple(names), groups=tuple(labels), categories=DECIDED, pairs=tuple(pairs))


def numbered(items: pl.DataFrame) -> pl.DataFrame:
    """Number personas and questions in the order of their ids: the same draws as by id, faster than text."""
    return items.with_columns(pl.col("persona_id", "prompt_id").rank("dense").cast(pl.Int64))


def _numbers(items: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Give what raters said, shape (rows, raters): 1 the first, 0 the second, nan nothing decided."""
    said = (pl.col(BY + name) for name in names)
    first = (pl.when(each == "first").then(1.0).when(each == "second").then(0.0) for each in said)
    told = items.select(each.fill_null(np.nan).alias(str(place)) for place, each in enumerate(first))
    return told.to_numpy()


def _shared(items: pl.DataFrame) -> tuple[pl.Series, pl.Series | None]:
    """Give what rows share: persons, and questions where they are known."""
    return items["persona_id"], items["prompt_id"] if "prompt_id" in items.columns else None


def arm_of(pair: PairAgreement) -> str:
    """Name two raters as an arm."""
    return f"{pair.a} × {pair.b}"


def pair_scores(pair: PairAgreement, items: pl.DataFrame) -> list[Score]:
    """Score two raters: kappa with its power, AC1, and the share of agreement with the prevalence."""
    told = {"kappa": pair.kappa, "ac1": pair.gwet, "agreement": pair.percent}
    notes = {"kappa": _power(pair, items), "agreement": f"{pair.prevalence:.0%} of verdicts are of one kind"}
    return [
        Score(measure=measure, arm=arm_of(pair), estimate=estimate, note=notes.get(measure, ""))
        for measure, estimate in told.items()
    ]


def both(items: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    """Give the items that both decided: `persona_id`, `prompt_id`, `a`, `b`, `agree`."""
    rows = items.select("persona_id", "prompt_id", a=BY + a, b=BY + b, agree=agree(a, b))
    return rows.drop_nulls("agree")


def agree(a: str, b: str) -> pl.Expr:
    """1 where two judges decided alike, 0 where they did not, null where one decided nothing."""
    one, other = pl.col(BY + a), pl.col(BY + b)
    return pl.when(one.is_in(DECIDED) & other.is_in(DECIDED)).then((one == other).cast(pl.Float64))


def _power(pair: PairAgreement, items: pl.DataFrame) -> str:
    """Say which kappa so many items could have told from none."""
    rows = both(items, pair.a, pair.b)
    sizes = rows.group_by("persona_id").len()["len"].to_list()
    if len(sizes) < 2 or not pair.prevalence < 1:
        return "too few items, or verdicts all of one kind"
    icc = intraclass_correlation(rows["agree"], rows["persona_id"], draws=1).value
    icc = 0.0 if np.isnan(icc) else float(np.clip(icc, 0, 1))
    scarce = min(len(sizes), rows["prompt_id"].n_unique() if rows["prompt_id"].n_unique() > 1 else len(sizes))
    worth = rows.height / design_effect(sizes, icc)
    smallest = smallest_told(worth, pair.prevalence, degrees=scarce - 1)
    told = "none" if np.isnan(smallest) else f"{smallest:.2f}"
    return f"smallest kappa told from 0 with power 80 %, simulated: {told}"


def by_persona(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score the mean of the personas' own kappas: what is left when personas' tastes are held apart."""
    scores = []
    for a, b in combinations(raters(items), 2):
        rows = both(items, a, b)
        tables = stats.confusion_tables(rows["a"], rows["b"], rows["persona_id"], categories=DECIDED)
        kappas = stats.kappa_from_table(tables.counts)
        estimate = stats.mean(kappas, tables.clusters, **counting.settings())
        sizes = tables.counts.sum(axis=(1, 2))
        middle = f"{np.median(sizes):g}" if len(sizes) else "no"
        note = f"defined for {int((~np.isnan(kappas)).sum())} of {len(kappas)} personas, {middle} items each"
        scores.append(Score(measure="kappa_of_personas", arm=f"{a} × {b}", estimate=estimate, note=note))
    return scores


def beside(items: pl.DataFrame, rater: str, others: Mapping[str, str], counting: Counting) -> list[Score]:
    """Score a judge against what needs no judge: itself as somebody else, the longer answer, always the same.

    Parameters
    ----------
    others
        Who the judge was besides -> column of those outcomes, null where it was not asked.
    """
    one, two = words_in("first"), words_in("second")
    rules = {who: pl.col(column) for who, column in others.items()} | {
        "the longer answer": pl.when(one > two).then(pl.lit("first")).when(one < two).then(pl.lit("second")),
    }
    scores = []
    for name, rule in rules.items():
        told = items.with_columns(rule.alias(BY + name))
        (pair,) = pairs_of_raters(
            _numbers(told, [rater, name]), [rater, name], *_shared(told), level=counting.level
        )
        scores += [
            Score(measure=measure, arm=arm_of(pair), estimate=estimate, note="baseline")
            for measure, estimate in (("kappa", pair.kappa), ("agreement", pair.percent))
        ]
    rows = items.filter(pl.col(BY + rater).is_in(DECIDED))
    own = pl.col(BY + rater)
    share = rate(rows, rows.select(own == own.mode().sort().first()).to_series(), counting)
    arm, note = f"{rater} × always the same", "baseline; kappa is 0"
    return [*scores, Score(measure="agreement", arm=arm, estimate=share, note=note)]


def constant_rule(items: pl.DataFrame, a: str, b: str, counting: Counting) -> Finding | None:
    """Compare the agreement of two with that of the better of them and a judge that always says the same."""
    rows = both(items, a, b)
    if rows.is_empty():
        return None
    usual = [
        rows.select((pl.col(name) == pl.col(name).mode().sort().first()).cast(pl.Float64)).to_series()
        for name in "ab"
    ]
    best = max(usual, key=lambda share: (share.mean(), 0))
    gain = crossed_difference(rows["agree"], best, *_shared(rows), level=counting.level)
    return Finding(
        name=f"constant judge, {a} × {b}",
        what="always says what one of the two says most often",
        shortcut=rate(rows, best, counting),
        beside=rate(rows, rows["agree"], counting),
        passed=not gain.high < 0,
        why=f"fails where it agrees surely more often than the two do (two less it: {gain})",
    )


def among_people(items: pl.DataFrame, counting: Counting) -> Score:
    """Score how far people agree among themselves: Krippendorff's alpha, since raters differ by persona."""
    said = items.select("persona_id", PEOPLE).drop_nulls()
    lists = [[each if each in DECIDED else None for each in row] for row in said[PEOPLE].to_list()]
    most = max(2, *map(len, lists)) if lists else 2
    ratings = np.array([row + [None] * (most - len(row)) for row in lists], dtype=object)
    estimate = stats.krippendorff_alpha(
        ratings.reshape(len(lists), most),
        clusters=said["persona_id"],
        categories=DECIDED,
        **counting.settings(),
    )
    return Score(measure="alpha", arm=PEOPLE, estimate=estimate, note="people among themselves")


def ceiling(items: pl.DataFrame, counting: Counting) -> Score:
    """Score how far one person agrees with what most of the others say: what no judge need surpass.

    Each person is held against the majority of the others who judged the same pair, where there is one.
    """
    said = items.select("persona_id", PEOPLE).drop_nulls()
    first, second = (
        said[PEOPLE].list.count_matches(verdict).to_numpy().astype(np.int64) for verdict in DECIDED
    )
    tables = np.zeros((said.height, 2, 2))
    for own, (mine, theirs) in enumerate(((first, second), (second, first))):
        # One leaves the own side; the others are then a majority for it, against it, or even.
        tables[:, own, own] = mine * (mine - 1 > theirs)
        tables[:, own, 1 - own] = mine * (mine - 1 < theirs)
    labels, code = np.unique(said["persona_id"].to_numpy(), return_inverse=True)
    sums = np.zeros((len(labels), 2, 2))
    np.add.at(sums, code, tables)
    estimate = stats.cluster_bootstrap(
        sums, stats.kappa_from_table, n=int(tables.sum()), **counting.settings()
    )
    return Score(
        measure="kappa",
        arm="one person × the others",
        estimate=estimate,
        note="human ceiling: each person beside most of the others",
    )
