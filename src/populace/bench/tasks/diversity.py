"""`diversity`: the same question to many people: do the answers differ, with whom, and how much?

A few questions go to many personas (arm `persona`), and to nobody, sampled again and again (arm `nobody`):
the spread that the model has of its own. Where the target is sampled (temperature above 0) every persona is
asked twice (arm `again`), which is what chance alone does to one person's answer. `gold`, a file of what
people answered, adds the arm `people`. Distances are of words alone (`populace.bench.wording`), or of
embeddings too.

By group (an attribute), with W the mean distance of two answers to a question within groups, B that between:

- `told_by_group` = 1 - W / B: 0 where groups answer alike, 1 where all of a group say the same and groups do
  not. Its p-value is that of a permutation of people among groups, adjusted by Holm over attributes.
- `within_to_nobody` = W / N, N the mean distance of two answers to nobody: below 1, people who share a group
  are answered more alike than one question asked again.

A caricature of groups is both: much told by the group, more than people's own answers have (arm `people`),
and little spread within it. Options: `questions` (3), `repeats` (20), `repeat_temperature` (1.0), `by`
(attributes), `embed` (false), `gold` (a path, `populace.bench.gold`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from populace.bench.crowd import chosen, every, laid_out, options_of
from populace.bench.differing import differing
from populace.bench.dyads import dyadic_mean
from populace.bench.elicit import answer, text_of
from populace.bench.gold import read_gold
from populace.bench.planted import planted_bench, planted_judge
from populace.bench.planted_words import planted_crowd, planted_deaf, planted_speaker
from populace.bench.result import Finding, Score
from populace.bench.rules import copying
from populace.bench.runner import play
from populace.bench.scoring import rate
from populace.bench.silence import unanswered
from populace.bench.spread import relative, spread_of
from populace.bench.spread_scores import by_groups, collapse
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import ALIKE
from populace.models.scripted import Scripted
from populace.stats import Estimate

__all__ = ["Diversity"]

_ARMS = ("persona", "nobody", "again", "people")
_SILENT = "two of whom one got no answer count as alike"


class Diversity:
    """Share of pairs of people whose answers to the same question differ; whom they differ by; collapse."""

    meta = TaskMeta(
        name="diversity",
        version=2,
        summary="whether different people are given different answers, and whether groups are caricatured",
        main_measure="swap_sensitivity",
        reference="populace: swap sensitivity, spread within and between groups, collapse",
        judged=False,
    )

    def play(self, bench: Bench) -> Play:
        """Ask everybody, and nobody; then measure what was said."""
        options = options_of(bench)
        gold = read_gold(options["gold"], bench) if options["gold"] else None
        people, prompts = chosen(bench, gold, options["questions"])
        profiles = replace(bench, personas=people).profiles()
        asked = every(people["persona_id"].to_list(), prompts)
        nobody = every([f"nobody {n}" for n in range(options["repeats"])], prompts)
        stages = {
            "persona": (asked, [answer(bench, text, profile=profiles[who]) for who, _, text in asked]),
            "again": (
                asked if bench.temperature > 0 else [],
                [answer(bench, text, profile=profiles[who], sample=1) for who, _, text in asked],
            ),
            "nobody": (
                nobody,
                [
                    answer(bench, text, sample=int(who.split()[1]), temperature=options["repeat_temperature"])
                    for who, _, text in nobody
                ],
            ),
        }
        rows: list[tuple[str, str, str, str | None]] = []
        for arm, (each, requests) in stages.items():
            if each:
                found = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
                rows += [
                    (arm, who, prompt, text_of(said))
                    for (who, prompt, _), said in zip(each, found, strict=True)
                ]
        if gold is not None:
            kept = gold.answers.filter(pl.col("prompt_id").is_in(prompts["prompt_id"].implode()))
            rows += [("people", *row) for row in kept.select("persona_id", "prompt_id", "answer").rows()]
        return laid_out(rows, bench.personas if gold is None else gold.personas, profiles, options)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Measure spread between people, by group, and collapse."""
        spread, asked = spread_of(items), self.values(items)
        ends = asked["persona_id"], asked["other_id"]
        estimate = dyadic_mean(asked["value"], *ends, level=counting.level)
        scores = [Score(measure="swap_sensitivity", arm="persona", estimate=estimate, note=_SILENT)]
        for arm in _ARMS:
            if (pairs := spread.arms.get(arm)) is None:
                continue
            for kind, value in sorted(pairs.apart.items()):
                measure = "swap_sensitivity" if kind == "differ" else f"distance_{kind}"
                if (measure, arm) == ("swap_sensitivity", "persona"):
                    continue
                estimate = dyadic_mean(value, pairs.first, pairs.second, level=counting.level)
                scores.append(Score(measure=measure, arm=arm, estimate=estimate))
        scores += collapse(items, spread, counting)
        for arm in ("persona", "people"):
            if arm in spread.arms:
                scores += by_groups(items, spread, arm, counting)
        lost = rate(items, items["answer"].is_null(), counting)
        return [*scores, Score(measure="answer_failed", estimate=lost)]

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Look for one answer for all, for spread that is chance alone, and for copies of the description."""
        spread, level = spread_of(items), counting.level
        silent = unanswered(items.filter(pl.col("arm") != "people"), counting)
        if (pairs := spread.arms.get("persona")) is None:
            return [silent]
        asked = self.values(items)
        swap = dyadic_mean(asked["value"], asked["persona_id"], asked["other_id"], level=level)
        findings = [
            Finding(
                name="one answer for all",
                what=f"share of pairs of people whose answers are no near-duplicates (apart by over {ALIKE})",
                shortcut=swap,
                passed=swap.value > 0.1,
                why="fails where at most one pair in ten differs",
            ),
            copying(items.filter(arm="persona"), counting, beside=swap),
            silent,
        ]
        if (again := spread.arms.get("again")) is not None:
            ratio = relative(pairs, again, "words", level)
            findings.append(
                Finding(
                    name="asked again",
                    what="distance between two people's answers over that between two answers to one person",
                    shortcut=ratio,
                    beside=swap,
                    passed=not ratio.defined or ratio.low > 1,
                    why="fails unless the interval of the ratio lies above one: else the spread is chance",
                )
            )
        return findings

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: of each two people, whether their answers differ."""
        return differing(items.filter(arm="persona"))

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted shares, and what the task finds on planted people of a seed."""
        yield from self._recovered(seed, Counting(seed=seed))

    def validate(self) -> None:
        """Recover a planted share of the group; find the target that ignores people, babbles, or parrots."""
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        counting = Counting(level=0.999)
        for what, planted, estimate in self._recovered(0, counting):
            assert estimate.low <= planted <= estimate.high, (what, planted, estimate)
        items = _played(self, planted_crowd(0.7))
        found = {(each.measure, each.arm): each.p_value for each in self.score(items, counting)}
        told, other = (found["told_by_group, shingles", f"persona, {name}"] for name in ("ideology", "sex"))
        assert told is not None and other is not None and told < 0.02 < other, (told, other)
        assert all(finding.passed for finding in self.audit(items, counting))
        for cheat, name in (
            (planted_deaf(), "one answer for all"),
            (planted_crowd(0.0), "asked again"),
            (planted_speaker(0.8, parrots=True), "copies of the description"),
        ):
            items = _played(self, cheat)
            failed = [finding.name for finding in self.audit(items, counting) if not finding.passed]
            assert name in failed, (name, failed)

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        told = 0.7
        scores = self.score(_played(self, planted_crowd(told, seed=seed), seed), counting)
        found = {(each.measure, each.arm): each.estimate for each in scores}
        # Where both answers of a pair begin with their ideology's ten words, of twenty, 9 of their 29 runs of
        # two are common; else none is. Nothing is common between groups.
        yield "told by ideology", told**2 * 9 / 29, found["told_by_group, shingles", "persona, ideology"]


def _played(task: Diversity, target: Scripted, seed: int = 0) -> pl.DataFrame:
    bench, models = planted_bench(target, planted_judge(), people=60, items=120, seed=seed)
    return play(task, replace(bench, temperature=1.0, options={"questions": 2}), models)
