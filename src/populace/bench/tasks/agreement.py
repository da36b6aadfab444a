"""`agreement`: do judges, and people, agree on what a persona prefers?

PERSONA (arXiv 2407.17387, Figures 4 to 9) prints matrices of Cohen's kappa between models, by persona and by
attribute, and between models and people, without an interval. With ten binary items a persona, which its
raters had, one kappa has a standard error of about a quarter. Here every kappa has an interval clustered
by persona, the share of agreement and Gwet's AC1 beside it (kappa misleads where nearly all verdicts are
one), and a note of the smallest kappa that so many items could have told from none.

The pairs are the model's answer to the persona (first) and its answer to nobody (second), or those of a file.
The judges are the judge and whoever is named beside it. Kappa is of decided verdicts; ties, refusals
and failed calls are counted for each judge.

Options: `pairs`, a Parquet file of pairs, such as the items of an earlier run; `people`, a Parquet file of
people's verdicts about those (`populace.bench.verdict_files`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from populace import stats
from populace.bench.elicit import prefer, questions, text_of, verdicts
from populace.bench.modes import request
from populace.bench.options import known
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns
from populace.bench.task import Ask, Bench, Counting, Play, Role, TaskMeta
from populace.bench.verdict_files import read_pairs, read_people, with_people
from populace.errors import StudyError
from populace.feedback.groups import with_groups
from populace.models.records import Result
from populace.models.scripted import Scripted
from populace.stats import Estimate
from populace.stats.matrices import AgreementReport, PairAgreement, agreement_matrix
from populace.stats.power import intraclass_correlation, smallest_kappa

__all__ = ["Agreement", "matrices", "raters"]

_BY = "by:"
_GROUP = "group:"
_PEOPLE = "people"
_DECIDED = ("first", "second")
_FEW = 20
"""Personas below which a bootstrap's interval is too narrow."""


class Agreement:
    """Cohen's kappa of every two judges, overall, by attribute and by persona."""

    meta = TaskMeta(
        name="agreement",
        version=1,
        summary="whether judges, and people, agree on which answer a persona prefers",
        main_measure="kappa",
        reference="PERSONA (arXiv 2407.17387), Figures 4 to 9",
    )

    several_judges = True
    by_item = "agreement"
    """What `values` gives; kappa has no value by item."""

    def play(self, bench: Bench) -> Play:
        """Make the pairs or read them; have every judge choose; join people's verdicts."""
        known("agreement", bench.options, ["pairs", "people"])
        pairs, people = (bench.options.get(name) for name in ("pairs", "people"))
        if people and not pairs:
            raise StudyError(
                "people judged pairs that exist already", fix="give them too: --option pairs=FILE.parquet"
            )
        judges: dict[Role, str] = {"judge": bench.judge, **bench.also}
        _check(judges, bool(people))
        said = read_people(people) if people else None
        items = read_pairs(pairs, bench) if pairs else (yield from _answered(bench))
        profiles = bench.profiles()
        rows = list(items.select("persona_id", "prompt", "first", "second").iter_rows())
        for role, model in judges.items():
            asked_of = replace(bench, judge=model)
            wanted = [prefer(asked_of, profiles[who], what, one, other) for who, what, one, other in rows]
            found = yield Ask(stage=f"choice, {model}", to=role, requests=questions(wanted))
            items = items.with_columns(columns(_BY + model, verdicts(asked_of, wanted, found)))
        if said is not None:
            items = with_people(items, said, file=people or "")
        groups = with_groups(bench.personas).rename(
            lambda name: name if name == "persona_id" else _GROUP + name
        )
        return items.join(groups, on="persona_id", how="left", maintain_order="left")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every two judges; within attributes and personas; what each judge left undecided."""
        items, scores = _numbered(items), []
        for pair in matrices(items, counting).pairs:
            scores += _pair_scores(pair, items)
        for name in (name for name in items.columns if name.startswith(_GROUP)):
            for pair in matrices(items, counting, by=name).pairs:
                few = "few people" if pair.kappa.clusters < _FEW else ""
                group = f"{name.removeprefix(_GROUP)} = {pair.group}"
                for measure, estimate in (("kappa", pair.kappa), ("ac1", pair.gwet)):
                    scores.append(
                        Score(measure=measure, arm=_arm(pair), group=group, estimate=estimate, note=few)
                    )
        scores += _by_persona(items, counting)
        if _PEOPLE in items.columns:
            scores.append(_among_people(items, counting))
        for rater in raters(items):
            one = items.select("persona_id", pl.col(_BY + rater).alias("choice"))
            scores += bookkeeping(one, "choice", rater, counting)
        return scores

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold agreement against a judge that always says the same, and each judge against position."""
        items = _numbered(items)
        pairs = list(combinations(raters(items), 2))
        findings = [_constant(items, *pair, counting) for pair in pairs]
        return [found for found in findings if found] + [
            _position(items, rater, counting) for rater in raters(items) if rater != _PEOPLE
        ]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: whether two judges agree, an arm for each two."""
        frames = [
            items.select("persona_id", "prompt_id", arm=pl.lit(f"{a} × {b}"), value=_agree(a, b))
            for a, b in combinations(raters(items), 2)
        ]
        return pl.concat(frames)

    def validate(self) -> None:
        """Recover the kappa of two judges with known errors; find a judge of position, and one of no mind."""
        for what, planted, estimate in self.recover(0):
            assert estimate.low <= planted <= estimate.high, (what, planted, estimate)
        honest = _planted(planted_judge(0.05, seed=1), planted_judge(0.1, seed=2), seed=0)
        assert all(finding.passed for finding in self.audit(play(self, *honest), Counting(draws=300)))
        biased = _planted(planted_judge(0.05, seed=1), planted_judge(cheat="first", seed=2), seed=0)
        findings = self.audit(play(self, *biased), Counting(draws=300))
        assert [finding.name for finding in findings if not finding.passed] == [
            f"position rule, {biased[0].also['judge 2']}"
        ], findings

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Play once with two judges of planted errors.

        A target of skill 1/2 serves where nobody's answer does not with chance 1/2 * 3/4 = 3/8, the reverse
        with 1/2 * 1/4 = 1/8; in the other half each judge tosses its own coin. Judges err with 0.05 and 0.1,
        so where one answer serves they agree with 0.95 * 0.9 + 0.05 * 0.1 = 0.86, and overall with 0.86 / 2 +
        1/4 = 0.68. The first answer is chosen with 3/8 * 0.95 + 1/8 * 0.05 + 1/4 = 0.6125 and 0.6. Chance
        agrees with 0.6125 * 0.6 + 0.3875 * 0.4 = 0.5225, so kappa is (0.68 - 0.5225) / 0.4775 = 0.3298.
        For AC1 the mean share is 0.60625, chance 2 * 0.60625 * 0.39375 = 0.47742, and it is 0.38766.
        """
        one, two = planted_judge(0.05, seed=2 * seed + 1), planted_judge(0.1, seed=2 * seed + 2)
        items = play(self, *_planted(one, two, seed=seed))
        found = matrices(items, Counting(draws=1000, seed=seed)).pairs[0]
        yield "agreement", 0.68, found.percent
        yield "kappa", 0.1575 / 0.4775, found.kappa
        by_chance = 2 * 0.60625 * 0.39375
        yield "ac1", (0.68 - by_chance) / (1 - by_chance), found.gwet


def raters(items: pl.DataFrame) -> list[str]:
    """Name the judges of items, `people` last."""
    names = [name.removeprefix(_BY) for name in items.columns if name.startswith(_BY)]
    judges = [name for name in names if f"{_BY}{name}_p" in items.columns]
    return [*judges, _PEOPLE] if _BY + _PEOPLE in items.columns else judges


def matrices(items: pl.DataFrame, counting: Counting, *, by: str | None = None) -> AgreementReport:
    """Give kappa, AC1 and share of agreement of every two judges: the matrices of the paper's Figures 4 to 9.

    Parameters
    ----------
    items
        Of a run.
    by
        A column, such as `group:age`, whose values are scored apart; `persona_id` scores each persona, whose
        items are then resampled.
    """
    names = raters(items)
    decided = items.select(
        pl.when(pl.col(_BY + name).is_in(_DECIDED)).then(pl.col(_BY + name)).alias(name) for name in names
    )
    return agreement_matrix(
        decided.to_numpy(),
        None if by == "persona_id" else items["persona_id"],
        raters=names,
        groups=None if by is None else items[by],
        categories=_DECIDED,
        **counting.settings(),
    )


def _numbered(items: pl.DataFrame) -> pl.DataFrame:
    """Number the personas in the order of their ids: the same draws as by id, and faster than text."""
    return items.with_columns(pl.col("persona_id").rank("dense").cast(pl.Int64))


def _check(judges: dict[Role, str], people: bool) -> None:
    if len(judges) < 2 and not people:
        raise StudyError("agreement needs a second judge, or people", fix="give --also-judge MODEL")
    models = list(judges.values())
    for place, model in enumerate(models):
        if model in models[:place]:
            raise StudyError(
                f"{model} is a judge twice, and would agree with itself", fix="name different judges"
            )


def _answered(bench: Bench) -> Generator[Ask, list[Result | None], pl.DataFrame]:
    """Make pairs: what the target answers the persona, and what it answers nobody."""
    items, profiles = paired(bench), bench.profiles()
    asked = [(profiles[who], what) for who, what in items.select("persona_id", "prompt").iter_rows()]
    for name, mode in (("first", "output_only"), ("second", "baseline")):
        wanted = [request(bench, mode, who, what, None) for who, what in asked]
        found = yield Ask(stage=f"answers, {mode}", to="target", requests=wanted)
        items = items.with_columns(pl.Series(name, [text_of(each) for each in found], dtype=pl.String))
    return items


def _arm(pair: PairAgreement) -> str:
    return f"{pair.a} × {pair.b}"


def _pair_scores(pair: PairAgreement, items: pl.DataFrame) -> list[Score]:
    told = {"kappa": pair.kappa, "ac1": pair.gwet, "agreement": pair.percent}
    notes = {"kappa": _power(pair, items), "agreement": f"{pair.prevalence:.0%} of verdicts are of one kind"}
    return [
        Score(measure=measure, arm=_arm(pair), estimate=estimate, note=notes.get(measure, ""))
        for measure, estimate in told.items()
    ]


def _both(items: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    """Give the items that both decided: `persona_id`, `a`, `b`, `agree`."""
    rows = items.select("persona_id", a=_BY + a, b=_BY + b, agree=_agree(a, b))
    return rows.drop_nulls("agree")


def _agree(a: str, b: str) -> pl.Expr:
    """1 where two judges decided alike, 0 where they did not, null where one decided nothing."""
    one, other = pl.col(_BY + a), pl.col(_BY + b)
    return pl.when(one.is_in(_DECIDED) & other.is_in(_DECIDED)).then((one == other).cast(pl.Float64))


def _power(pair: PairAgreement, items: pl.DataFrame) -> str:
    """Say which kappa so many items could have told from none."""
    rows = _both(items, pair.a, pair.b)
    sizes = rows.group_by("persona_id").len()["len"].to_list()
    if len(sizes) < 2 or not pair.prevalence < 1:
        return "too few items, or verdicts all of one kind"
    icc = intraclass_correlation(rows["agree"], rows["persona_id"], draws=1).value
    icc = 0.0 if np.isnan(icc) else float(np.clip(icc, 0, 1))
    note = smallest_kappa(rows.height, sizes, prevalence=pair.prevalence, icc=icc)
    told = "none" if np.isnan(note.smallest) else f"{note.smallest:.3f}"
    return f"smallest kappa told from 0 with power 80 %: {told}"


def _by_persona(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score the mean of the personas' own kappas: what is left when personas' tastes are held apart."""
    scores = []
    for a, b in combinations(raters(items), 2):
        rows = _both(items, a, b)
        tables = stats.confusion_tables(rows["a"], rows["b"], rows["persona_id"], categories=_DECIDED)
        kappas = stats.kappa_from_table(tables.counts)
        estimate = stats.mean(kappas, tables.clusters, **counting.settings())
        sizes = tables.counts.sum(axis=(1, 2))
        middle = f"{np.median(sizes):g}" if len(sizes) else "no"
        note = f"defined for {int((~np.isnan(kappas)).sum())} of {len(kappas)} personas, {middle} items each"
        scores.append(Score(measure="kappa_of_personas", arm=f"{a} × {b}", estimate=estimate, note=note))
    return scores


def _among_people(items: pl.DataFrame, counting: Counting) -> Score:
    """Score how far people agree among themselves: Krippendorff's alpha, since raters differ by persona."""
    said = items.select("persona_id", _PEOPLE).drop_nulls()
    lists = [[each if each in _DECIDED else None for each in row] for row in said[_PEOPLE].to_list()]
    most = max(2, *map(len, lists)) if lists else 2
    ratings = np.array([row + [None] * (most - len(row)) for row in lists], dtype=object)
    estimate = stats.krippendorff_alpha(
        ratings.reshape(len(lists), most),
        clusters=said["persona_id"],
        categories=_DECIDED,
        **counting.settings(),
    )
    return Score(measure="alpha", arm=_PEOPLE, estimate=estimate, note="people among themselves")


def _constant(items: pl.DataFrame, a: str, b: str, counting: Counting) -> Finding | None:
    """Compare the agreement of two with that of the better of them and a judge that always says the same."""
    rows = _both(items, a, b)
    if rows.is_empty():
        return None
    usual = [
        rows.select((pl.col(name) == pl.col(name).mode().first()).cast(pl.Float64)).to_series()
        for name in "ab"
    ]
    best = max(usual, key=lambda share: (share.mean(), 0))
    settings: dict[str, Any] = counting.settings()
    gain = stats.paired_difference(rows["agree"], best, rows["persona_id"], **settings)
    return Finding(
        name=f"constant judge, {a} × {b}",
        what="always says what one of the two says most often",
        shortcut=stats.proportion(best, rows["persona_id"], **settings),
        beside=stats.proportion(rows["agree"], rows["persona_id"], **settings),
        passed=not gain.high < 0,
        why=f"fails where it agrees surely more often than the two do (two less it: {gain})",
    )


def _position(items: pl.DataFrame, rater: str, counting: Counting) -> Finding:
    """Count the pairs on which a judge turns round with the order."""
    first, second = (pl.col(f"{_BY}{rater}_p_shown_{which}") > 0.5 for which in ("first", "second"))
    rows = items.select("persona_id", turned=(first != second).cast(pl.Float64)).drop_nulls()
    found = stats.proportion(rows["turned"], rows["persona_id"], **counting.settings())
    return Finding(
        name=f"position rule, {rater}",
        what="chooses by the place an answer is shown in",
        shortcut=found,
        passed=not (found.defined and found.low > 0.5),
        why="fails where most verdicts turn round with the order, and the interval says so",
    )


def _planted(one: Scripted, two: Scripted, *, seed: int) -> tuple[Bench, dict[Role, Any]]:
    """Put planted people before two judges; each question is asked once."""
    target = planted_target(0.5, seed=seed, words=lambda luck: int(64 * luck))
    bench, models = planted_bench(target, one, people=100, prompts=600, items=600, seed=seed)
    return replace(bench, also={"judge 2": two.model}), {**models, "judge 2": two}
