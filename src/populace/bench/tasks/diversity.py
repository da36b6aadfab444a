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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from populace import stats
from populace.authoring.embedding import embed
from populace.bench.dyads import dyadic_mean
from populace.bench.elicit import answer, text_of
from populace.bench.gold import Gold, read_gold
from populace.bench.options import known, listed, switched, whole_numbers
from populace.bench.planted import planted_bench, planted_judge
from populace.bench.planted_words import planted_crowd, planted_deaf, planted_speaker
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.spread import Spread, evenness, permuted, relative, spread_of, told_by
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import ALIKE, copied, shingle_distances
from populace.errors import StudyError
from populace.models.scripted import Scripted
from populace.personas.diversity import diversity as varied
from populace.personas.schema import attribute
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["Diversity"]

_BY = ("ideology", "age", "sex", "race")
_ARMS = ("persona", "nobody", "again", "people")
_AGES = (18, 30, 45, 65)
_VARIED = ("distinct-1", "distinct-2", "entropy-2")


class Diversity:
    """Share of pairs of people whose answers to the same question differ; whom they differ by; collapse."""

    meta = TaskMeta(
        name="diversity",
        version=1,
        summary="whether different people are given different answers, and whether groups are caricatured",
        main_measure="swap_sensitivity",
        reference="populace: swap sensitivity, spread within and between groups, collapse",
        judged=False,
    )

    def play(self, bench: Bench) -> Play:
        """Ask everybody, and nobody; then measure what was said."""
        options = _options(bench)
        gold = read_gold(options["gold"], bench) if options["gold"] else None
        people, prompts = _chosen(bench, gold, options["questions"])
        profiles = replace(bench, personas=people).profiles()
        asked = _every(people["persona_id"].to_list(), prompts)
        nobody = _every([f"nobody {n}" for n in range(options["repeats"])], prompts)
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
        return _items(rows, bench.personas if gold is None else gold.personas, profiles, options)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Measure spread between people, by group, and collapse."""
        spread = spread_of(items)
        scores = []
        for arm in _ARMS:
            if (pairs := spread.arms.get(arm)) is None:
                if arm == "persona":  # nothing was answered: the headline is undefined
                    estimate = dyadic_mean([], [], [], level=counting.level)
                    scores.append(Score(measure="swap_sensitivity", arm=arm, estimate=estimate))
                continue
            for kind, value in sorted(pairs.apart.items()):
                measure = "swap_sensitivity" if kind == "differ" else f"distance_{kind}"
                estimate = dyadic_mean(value, pairs.first, pairs.second, level=counting.level)
                scores.append(Score(measure=measure, arm=arm, estimate=estimate))
        scores += _collapse(items, spread, counting)
        for arm in ("persona", "people"):
            if arm in spread.arms:
                scores += _by_groups(items, spread, arm, counting)
        missing = items["answer"].is_null().cast(pl.Float64)
        lost = stats.proportion(missing, items["persona_id"], **counting.settings())
        return [*scores, Score(measure="answer_failed", estimate=lost)]

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Look for one answer for all, for spread that is chance alone, and for copies of the description."""
        spread, level = spread_of(items), counting.level
        if (pairs := spread.arms.get("persona")) is None:
            return []
        swap = dyadic_mean(pairs.apart["differ"], pairs.first, pairs.second, level=level)
        copies = items.filter(arm="persona").drop_nulls("copied")
        share = stats.mean(copies["copied"], copies["persona_id"], **counting.settings())
        findings = [
            Finding(
                name="one answer for all",
                what=f"share of pairs of people whose answers are no near-duplicates (apart by over {ALIKE})",
                shortcut=swap,
                passed=swap.value > 0.1,
                why="fails where at most one pair in ten differs",
            ),
            Finding(
                name="copies of the description",
                what="share of an answer's runs of three words that the description has too",
                shortcut=share,
                beside=swap,
                passed=not (share.defined and share.value > 0.5),
                why="fails where more than half are the description's: then descriptions differ, not answers",
            ),
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
        """Give what two runs are compared by: of each answer, the share of others' that differ from it."""
        rows = items.filter(arm="persona").drop_nulls("answer")
        frames = [
            same.select(
                "persona_id", "prompt_id", "arm", value=(apart > ALIKE).sum(axis=1) / max(same.height - 1, 1)
            )
            for _, same in rows.group_by("prompt_id", maintain_order=True)
            for apart in [shingle_distances(same["answer"].to_list())]
        ]
        return (
            pl.concat(frames) if frames else rows.select("persona_id", "prompt_id", "arm", value=pl.lit(0.0))
        )

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


def _options(bench: Bench) -> dict[str, Any]:
    """Read the options, which a command line gives as text."""
    given = bench.options
    known("diversity", given, ("questions", "repeats", "repeat_temperature", "by", "embed", "gold"))
    repeats = _number("repeats", given.get("repeats", 20))
    if repeats < 2:
        raise StudyError("one answer to nobody has no spread", fix="give repeats of at least 2")
    warmth = str(given.get("repeat_temperature", 1.0))
    if not warmth.replace(".", "", 1).isdecimal():
        raise StudyError(f"repeat_temperature is {warmth!r}, which is no number from 0 up")
    return {
        "questions": _number("questions", given.get("questions", 3)),
        "repeats": repeats,
        "repeat_temperature": float(warmth),
        "by": [attribute(name).name for name in listed(given.get("by", _BY))],
        "embed": switched("embed", given.get("embed", False)),
        "gold": given.get("gold"),
    }


def _number(name: str, value: Any) -> int:
    found = whole_numbers(name, value)
    if len(found) > 1:
        raise StudyError(f"{name} is {value!r}, which is more than one number")
    return found[0]


def _chosen(bench: Bench, gold: Gold | None, questions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who is asked what: as many people as the items allow; with gold, its people and questions."""
    rng = stream(bench.seed, "bench.diversity")
    people, prompts = bench.personas, bench.prompts
    if gold is not None:
        people = gold.personas
        counts = gold.answers.group_by("prompt_id", "prompt", maintain_order=True).len()
        prompts = counts.sort("len", "prompt_id", descending=[True, False]).rename({"prompt": "text"})
    else:
        prompts = prompts[sorted(rng.permutation(prompts.height)[:questions].tolist())]
    prompts = prompts.head(questions)
    wanted = min(bench.items // prompts.height, people.height)
    if wanted < 3:
        raise StudyError(
            f"{bench.items} items are {wanted} personas for {prompts.height} questions",
            fix="ask for more items or fewer questions, and give at least three personas",
        )
    return people[sorted(rng.permutation(people.height)[:wanted].tolist())], prompts


def _every(people: Sequence[str], prompts: pl.DataFrame) -> list[tuple[str, str, str]]:
    asked = prompts.select("prompt_id", "text").rows()
    return [(who, prompt, text) for prompt, text in asked for who in people]


def _items(
    rows: Sequence[tuple[str, str, str, str | None]],
    people: pl.DataFrame,
    profiles: Mapping[str, str],
    options: Mapping[str, Any],
) -> pl.DataFrame:
    """Lay answers out, with what is known of whom, and what each shares with the description."""
    schema = [(name, pl.String) for name in ("arm", "persona_id", "prompt_id", "answer")]
    items = pl.DataFrame(list(rows), schema=schema, orient="row").with_row_index("item_id")
    groups = people.select("persona_id", *(_group(name) for name in options["by"]))
    items = items.join(groups, on="persona_id", how="left", maintain_order="left")
    overlap = [
        copied(text, profiles[who]) if text and arm == "persona" else None
        for arm, who, text in items.select("arm", "persona_id", "answer").iter_rows()
    ]
    items = items.with_columns(pl.Series("copied", overlap, dtype=pl.Float64).fill_nan(None))
    if options["embed"]:
        there = items.filter(pl.col("answer").is_not_null())
        vectors = pl.Series("embedding", embed(there["answer"].to_list()).tolist(), pl.List(pl.Float64))
        there = there.select("item_id").with_columns(vectors)
        items = items.join(there, on="item_id", how="left", maintain_order="left")
    return items


def _group(name: str) -> pl.Expr:
    """Read an attribute as groups: ages in bands, amounts in quarters."""
    column = pl.col(name)
    if name == "age":
        ends = [*(f"{low} to {high - 1}" for low, high in pairwise((0, *_AGES))), f"{_AGES[-1]} and over"]
        band = pl.sum_horizontal((column >= age).cast(pl.Int64) for age in _AGES)
        column = pl.when(column.is_not_null()).then(band.replace_strict(dict(enumerate(ends))))
    elif attribute(name).kind in ("integer", "dollars"):
        quarter = (4 * (column.rank("average") - 0.5) / column.count()).floor().cast(pl.Int64) + 1
        column = pl.format("quarter {}", quarter)
    return column.cast(pl.String).alias(f"by_{name}")


def _by_groups(items: pl.DataFrame, spread: Spread, arm: str, counting: Counting) -> list[Score]:
    """How much of the spread each attribute tells, beside shuffled people, and beside nobody's answers."""
    pairs, level = spread.arms[arm], counting.level
    nobody = spread.arms.get("nobody")
    scores, tested = [], []
    for column in (name for name in items.columns if name.startswith("by_")):
        label = f"{arm}, {column.removeprefix('by_')}"
        of = dict(items.select("persona_id", column).unique().iter_rows())
        names = sorted({value for value in of.values() if value is not None})
        number = {value: code for code, value in enumerate(names)}
        group = np.array([number.get(of.get(who), -1) for who in spread.people], dtype=np.int64)
        for kind in ("shingles", "words", "meaning"):
            if kind not in pairs.apart:
                continue
            told = told_by(pairs, group, kind, level)
            shuffled, p_value = permuted(pairs, group, kind, seed=counting.seed, level=level)
            tested.append((f"told_by_group, {kind}", label, told, p_value))
            scores.append(Score(measure=f"told_by_shuffled, {kind}", arm=label, estimate=shuffled))
            if nobody is not None:
                within = relative(pairs, nobody, kind, level, group)
                scores.append(Score(measure=f"within_to_nobody, {kind}", arm=label, estimate=within))
    adjusted = stats.holm([p for *_, p in tested]).tolist()
    return [
        *(
            Score(
                measure=measure,
                arm=label,
                estimate=told,
                p_value=None if np.isnan(p) else p,
                note="adjusted by Holm over attributes and distances",
            )
            for (measure, label, told, _), p in zip(tested, adjusted, strict=True)
        ),
        *scores,
    ]


def _collapse(items: pl.DataFrame, spread: Spread, counting: Counting) -> list[Score]:
    """Near-duplicates, the evenness of clusters of them, and the variety of words at the same size."""
    scores = []
    for arm in ("persona", "nobody", "people"):
        if arm not in spread.alike:
            continue
        alike, owners = spread.alike[arm], spread.owners[arm]
        twin = [np.bincount(each)[each] > 1 for each in alike]
        share = stats.proportion(np.concatenate(twin), np.concatenate(owners), **counting.settings())
        scores.append(Score(measure="near_duplicates", arm=arm, estimate=share))
        scores.append(Score(measure="evenness", arm=arm, estimate=evenness(alike, owners, counting.level)))
    texts = {arm: items.filter(arm=arm).drop_nulls("answer") for arm in ("persona", "nobody", "people")}
    there = {arm: each for arm, each in texts.items() if each["persona_id"].n_unique() >= 4}
    size = min((each["persona_id"].n_unique() // 2 for each in there.values()), default=0)
    for arm, each in there.items():
        found = varied(
            each["answer"].to_list(),
            each["persona_id"].to_list(),
            size=size,
            seed=counting.seed,
            level=counting.level,
        )
        scores += [Score(measure=name, arm=arm, estimate=found[name]) for name in _VARIED]
    return scores


def _played(task: Diversity, target: Scripted, seed: int = 0) -> pl.DataFrame:
    bench, models = planted_bench(target, planted_judge(), people=60, items=120, seed=seed)
    return play(task, replace(bench, temperature=1.0, options={"questions": 2}), models)
