"""`agreement`: do judges, and people, agree on what a persona prefers?

PERSONA (arXiv 2407.17387, Figures 4 to 9) prints matrices of Cohen's kappa between models, by persona and by
attribute, and between models and people, without an interval. With ten binary items a persona, which its
raters had, one kappa has a standard error of about a quarter. Here every kappa has an interval clustered
by persona, the share of agreement and Gwet's AC1 beside it (kappa misleads where nearly all verdicts are
one), and a note of the smallest kappa that so many items could have told from none.

The pairs are the model's answer to the persona (first) and its answer to nobody (second), or those of a file.
The judges are the judge and whoever is named beside it. Kappa is of decided verdicts; ties, refusals
and failed calls are counted for each judge.

Beside each judge stand, on a sample of the pairs, the same judge as nobody and as another persona, and on all
of them the longer answer and a judge that always says the same; beside people, a person and the others.

Options: `pairs`, a Parquet file of pairs, such as the items of an earlier run; `people`, a Parquet file of
people's verdicts about those (`populace.bench.verdict_files`); `baselines` (true), whether judges are also
asked as nobody and as another persona.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import polars as pl

from populace.bench.elicit import prefer, questions, text_of, verdicts
from populace.bench.modes import request
from populace.bench.options import known, switched
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.raters import (
    BY,
    PEOPLE,
    agree,
    among_people,
    arm_of,
    beside,
    by_persona,
    ceiling,
    constant_rule,
    matrices,
    numbered,
    pair_scores,
    raters,
)
from populace.bench.result import Finding, Score
from populace.bench.rules import copying, length_rule, position_rule, same_as_another
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, Role, TaskMeta
from populace.bench.verdict_files import read_pairs, read_people, with_people
from populace.bench.wording import copies_in
from populace.errors import StudyError
from populace.feedback.groups import with_groups
from populace.models.records import Result
from populace.models.scripted import Scripted
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["Agreement", "matrices", "raters"]

_GROUP = "group:"
_OTHERS = {"nobody": "itself as nobody", "stranger": "itself as another persona"}
"""Start of a column of verdicts -> who the judge is there."""
_SAMPLED = 100
"""Pairs on which judges are asked as somebody else too."""
_FEW = 20
"""Personas below which a bootstrap's interval is too narrow."""


class Agreement:
    """Cohen's kappa of every two judges, overall, by attribute and by persona."""

    meta = TaskMeta(
        name="agreement",
        version=3,
        summary="whether judges, and people, agree on which answer a persona prefers",
        main_measure="kappa",
        reference="PERSONA (arXiv 2407.17387), Figures 4 to 9",
        answered_by=("pairs",),
        several_judges=True,
    )

    by_item = "agreement"
    """What `values` gives; kappa has no value by item."""

    def play(self, bench: Bench) -> Play:
        """Make the pairs or read them; have every judge choose; join people's verdicts."""
        known("agreement", bench.options, ["pairs", "people", "baselines"])
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
        copies = [copies_in(items[each], items["persona_id"], profiles) for each in ("first", "second")]
        items = items.with_columns(pl.max_horizontal(copies).alias("copied"))
        rows = items.select("persona_id", "prompt", "first", "second").rows()
        for role, model in judges.items():
            asked_of = replace(bench, judge=model)
            wanted = [prefer(asked_of, profiles[who], what, one, other) for who, what, one, other in rows]
            found = yield Ask(stage=f"choice, {model}", to=role, requests=questions(wanted))
            items = items.with_columns(columns(BY + model, verdicts(asked_of, wanted, found)))
        if switched("baselines", bench.options.get("baselines", True)):
            items = yield from _as_others(bench, items, judges, profiles)
        if said is not None:
            items = with_people(items, said, file=people or "")
        groups = with_groups(bench.personas).rename(
            lambda name: name if name == "persona_id" else _GROUP + name
        )
        return items.join(groups, on="persona_id", how="left", maintain_order="left")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every two judges; within attributes and personas; baselines; what was left undecided."""
        items, scores = numbered(items), []
        for pair in matrices(items, counting).pairs:
            scores += pair_scores(pair, items)
        for name in (name for name in items.columns if name.startswith(_GROUP)):
            for pair in matrices(items, counting, by=name).pairs:
                few = "few people" if pair.kappa.clusters < _FEW else ""
                group = f"{name.removeprefix(_GROUP)} = {pair.group}"
                for measure, estimate in (("kappa", pair.kappa), ("ac1", pair.gwet)):
                    scores.append(
                        Score(measure=measure, arm=arm_of(pair), group=group, estimate=estimate, note=few)
                    )
        scores += by_persona(items, counting)
        if PEOPLE in items.columns:
            scores += [among_people(items, counting), ceiling(items, counting)]
        for rater in raters(items):
            others = {
                who: column
                for start, who in _OTHERS.items()
                if (column := f"{start}:{rater}") in items.columns
            }
            scores += beside(items, rater, others, counting)
            one = items.select("persona_id", "prompt_id", pl.col(BY + rater).alias("choice"))
            scores += bookkeeping(one, "choice", rater, counting)
        return scores

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold agreement against a constant judge; each judge against place, length, and other personas."""
        items = numbered(items)
        findings = [constant_rule(items, *pair, counting) for pair in combinations(raters(items), 2)]
        pairs = items.with_columns(answer=pl.concat_str("first", "second"), arm=pl.lit(""))
        findings.append(unanswered(pairs, counting))
        # Of one answer shown twice only the place can be named.
        unlike = items.filter(pl.col("first") != pl.col("second"))
        for rater in raters(items):
            if rater == PEOPLE:
                continue
            findings.append(unjudged(items, BY + rater, counting, label=rater))
            findings.append(position_rule(unlike, BY + rater, counting, label=rater))
            findings.append(length_rule(items, BY + rater, "first", "second", counting, label=rater))
            findings += [
                same_as_another(
                    items,
                    BY + rater,
                    column,
                    counting,
                    label=f"{what}, {rater}",
                    what=f"asks the judge about the same answers as {who}",
                )
                for what, who, column in (
                    ("no persona", "nobody", f"nobody:{rater}"),
                    ("shuffled persona", "another persona", f"stranger:{rater}"),
                )
                if column in items.columns
            ]
        if "copied" in items.columns:
            findings.append(copying(items, counting))
        return [found for found in findings if found]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: whether two judges agree, an arm for each two."""
        frames = [
            items.select("persona_id", "prompt_id", arm=pl.lit(f"{a} × {b}"), value=agree(a, b))
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


def _as_others(
    bench: Bench, items: pl.DataFrame, judges: Mapping[Role, str], profiles: Mapping[str, str]
) -> Generator[Ask, list[Result | None], pl.DataFrame]:
    """Ask every judge about some pairs as nobody and as another persona; elsewhere null."""
    rng, people = stream(bench.seed, "bench.agreement"), sorted(profiles)
    sample = sorted(rng.permutation(items.height)[:_SAMPLED].tolist())
    rows = items[sample].select("item_id", "persona_id", "prompt", "first", "second").rows()
    strangers: list[str | None] = []
    for _, who, *_ in rows:
        others = [
            each for each in (people[place] for place in rng.integers(0, len(people), 8)) if each != who
        ]
        strangers.append(profiles[others[0]] if others else None)
    for role, model in judges.items():
        asked_of = replace(bench, judge=model)
        found = pl.DataFrame(
            {"item_id": [row[0] for row in rows]}, schema={"item_id": items.schema["item_id"]}
        )
        for start, seats in (("nobody", [None] * len(rows)), ("stranger", strangers)):
            wanted = [
                prefer(asked_of, seat, what, one, other) if seat or start == "nobody" else None
                for seat, (_, _, what, one, other) in zip(seats, rows, strict=True)
            ]
            told = yield Ask(stage=f"choice as {start}, {model}", to=role, requests=questions(wanted))
            outcomes = [each.outcome for each in verdicts(asked_of, wanted, told)]
            found = found.with_columns(pl.Series(f"{start}:{model}", outcomes, dtype=pl.String))
        items = items.join(found, on="item_id", how="left", maintain_order="left")
    return items


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


def _planted(one: Scripted, two: Scripted, *, seed: int) -> tuple[Bench, dict[Role, Any]]:
    """Put planted people before two judges; each question is asked once."""
    target = planted_target(0.5, seed=seed, words=lambda luck: int(64 * luck))
    bench, models = planted_bench(target, one, people=100, prompts=600, items=600, seed=seed)
    return replace(bench, also={"judge 2": two.model}), {**models, "judge 2": two}
