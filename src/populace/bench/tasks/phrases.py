"""`phrases`: what a model keeps of a person when it says what matters about them.

PERSONA (arXiv 2407.17387) finds the mode best in which the model first summarises the persona for the
question, and looks at which attributes the summaries drop (age and lifestyle most). Here the target
summarises each persona for a question, and an explicit lexicon (`populace.bench.lexicon`) says which
attributes the summary tells. An attribute counts for a persona only if the lexicon finds it in the full
description: what the lexicon cannot see is no loss of the summary's. Beside every share stand what the
lexicon finds in the same summary for the value of another persona (matches by chance, and by what is common
to many), and what it finds in the description cut to the length of the summary (what length alone keeps).

Nobody judges. That much is kept is no virtue alone (the description keeps all): the audit looks for copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace

from populace import stats
from populace.bench.elicit import TEMPLATES, text_of
from populace.bench.lexicon import tells
from populace.bench.options import known
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge
from populace.bench.planted_words import planted_summariser
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import compared, mean_of, rate
from populace.bench.silence import unanswered
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import copied
from populace.models.records import GenerateRequest, Message
from populace.models.scripted import Scripted
from populace.personas import Persona
from populace.personas.diversity import words
from populace.personas.schema import COLUMNS
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["Phrases"]

_PLANTED = {"age": 0.3, "sex": 0.6, "ideology": 0.9, "lifestyle": 0.0}
_DONORS = 20
"""Other personas whose values are looked for in each summary."""


class Phrases:
    """Share of the attributes of a persona that a summary keeps, by attribute and over all."""

    meta = TaskMeta(
        name="phrases",
        version=3,
        summary="which attributes of a person the model's summaries keep",
        main_measure="kept",
        reference="PERSONA (arXiv 2407.17387), on summaries of personas",
        judged=False,
    )

    def play(self, bench: Bench) -> Play:
        """Summarise each persona for a question; look every attribute up in the summary."""
        known("phrases", bench.options, [])
        items, profiles = paired(bench), bench.profiles()
        asked = [
            _request(bench, profiles[who], prompt)
            for who, prompt in items.select("persona_id", "prompt").iter_rows()
        ]
        found = yield Ask(stage="summaries", to="target", requests=asked)
        summaries = [text_of(each) for each in found]
        people = {
            row["persona_id"]: Persona.from_row(row).attributes()
            for row in bench.personas.iter_rows(named=True)
        }
        had = {
            who: [name for name, told in tells(profiles[who], people[who]).items() if told] for who in people
        }
        rows = _looked_up(items, summaries, people, had, profiles, bench.seed)
        return pl.DataFrame(list(rows), schema=_SCHEMA, orient="row")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Count what is kept: per summary over its attributes, then by attribute, beside chance."""
        # As numbers in the order of their ids: the same results, and faster than text.
        items = items.with_columns(pl.col("persona_id", "prompt_id").rank("dense").cast(pl.Int64))
        scores = _beside(_per_summary(items), "", counting)
        tests = []
        for name in COLUMNS:
            rows = items.filter(arm=name)
            if rows.height:
                tests.append(_beside(rows, name, counting))
        alone = [each[-1].p_value for each in tests]
        adjusted = stats.holm([np.nan if p is None else p for p in alone])
        for (*shares, above), p in zip(tests, adjusted.tolist(), strict=True):
            note = "adjusted by Holm over attributes"
            scores += [*shares, replace(above, p_value=None if np.isnan(p) else p, note=note)]
        each = items.unique("item_id", maintain_order=True)
        share = rate(each, each["summary"].is_null(), counting)
        return [*scores, Score(measure="summary_failed", estimate=share)]

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Look for summaries that copy the description, and for summaries that would fit anybody."""
        told = items.unique("item_id", maintain_order=True).with_columns(arm=pl.lit(""), answer="summary")
        each = told.drop_nulls("summary")
        copy = (each["copied"] > 0.5) & (each["length"] > 0.7)
        copies = rate(each, copy, counting)
        kept, chance, *_, above = _beside(_per_summary(items), "", counting)
        stands = above.estimate.defined and above.estimate.low > 0
        return [
            Finding(
                name="copies",
                what="share of summaries at least 0.7 as long as the description, of whose runs of three"
                " words more than half are the description's",
                shortcut=copies,
                beside=kept.estimate,
                passed=copies.defined and not copies.value > 0.5,
                why="fails where more than half of the summaries are copies, or there are none",
            ),
            Finding(
                name="another's attributes",
                what="looks for the values of other personas in the same summaries",
                shortcut=chance.estimate,
                beside=kept.estimate,
                passed=stands,
                why="fails unless the interval of kept less kept by chance lies above zero",
            ),
            unanswered(told, counting),
        ]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: what is kept of all; and of each attribute, an arm each."""
        each = _per_summary(items).with_columns(arm=pl.lit(""))
        names = "persona_id", "prompt_id", "arm", pl.col("kept").alias("value")
        return pl.concat([each.select(names), items.select(names)])

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted shares, and what the task finds on planted people of a seed."""
        yield from self._recovered(seed, Counting(seed=seed))

    def validate(self) -> None:
        """Recover planted shares; find the parrot, and the one that tells nothing of the person."""
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        counting = Counting(level=0.999)
        for what, planted, found in self._recovered(0, counting):
            assert found.low <= planted <= found.high, (what, planted, found)
        assert all(finding.passed for finding in self.audit(_played(self, _summariser(0)), counting))
        deaf = Scripted(text="What matters is that this person is one of many.", model="planted-deaf@1/exact")
        assert not self.audit(_played(self, deaf), counting)[1].passed
        parrot = Scripted(
            text=lambda request: "\n\n".join(request.messages[-1].content.split("\n\n")[1:-2]),
            model="parrot@1/exact",
        )
        assert not self.audit(_played(self, parrot), counting)[0].passed

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        items = _played(self, _summariser(seed), seed)
        scores = {(score.measure, score.arm): score.estimate for score in self.score(items, counting)}
        yield from ((name, planted, scores["kept", name]) for name, planted in _PLANTED.items())


_SCHEMA = {
    "item_id": pl.Int64,
    "persona_id": pl.String,
    "prompt_id": pl.String,
    "topic": pl.String,
    "arm": pl.String,
    "summary": pl.String,
    "copied": pl.Float64,
    "length": pl.Float64,
    "kept": pl.Float64,
    "chance": pl.Float64,
    "cut": pl.Float64,
}


def _request(bench: Bench, profile: str, prompt: str) -> GenerateRequest:
    return GenerateRequest(
        model=bench.target,
        messages=(Message("user", TEMPLATES.render("summarise", {"profile": profile, "prompt": prompt})),),
        max_tokens=bench.answer_tokens,
        temperature=bench.temperature,
        seed=bench.seed,
    )


def _looked_up(
    items: pl.DataFrame,
    summaries: list[str | None],
    people: Mapping[str, Mapping[str, Any]],
    had: Mapping[str, list[str]],
    profiles: Mapping[str, str],
    seed: int,
) -> Iterator[tuple[Any, ...]]:
    """One row a summary and attribute: is it kept, and how often would another's value have been found?"""
    rng, everybody = stream(seed, "bench.phrases"), list(people)
    for (item, who, prompt, topic), summary in zip(
        items.select("item_id", "persona_id", "prompt_id", "topic").iter_rows(), summaries, strict=True
    ):
        # One more than wanted, for the summary's own person may be among them.
        drawn = rng.choice(len(everybody), min(_DONORS + 1, len(everybody)), replace=False, shuffle=True)
        donors = [everybody[each] for each in drawn if everybody[each] != who][:_DONORS]
        common = (item, who, prompt, topic)
        if summary is None:
            # What is not said keeps nothing, of the person and of others.
            yield from ((*common, name, None, None, None, 0.0, 0.0, 0.0) for name in had[who])
            continue
        found = tells(summary, people[who])
        by_chance: dict[str, list[bool]] = {name: [] for name in had[who]}
        for donor in donors:
            theirs = {name: people[donor][name] for name in had[donor] if name in by_chance}
            for name, told in tells(summary, theirs).items():
                by_chance[name].append(told)
        profile = profiles[who]
        kept_by_cut = tells(profile[: len(summary)], people[who])
        same = copied(summary, profile), len(words(summary)) / max(len(words(profile)), 1)
        for name in had[who]:
            chance = float(np.mean(by_chance[name])) if by_chance[name] else None
            yield (*common, name, summary, *same, float(found[name]), chance, float(kept_by_cut[name]))


def _per_summary(items: pl.DataFrame) -> pl.DataFrame:
    """Average over the attributes of each summary, so that nobody counts more for having more."""
    return (
        items.drop_nulls("kept")
        .group_by("item_id", "persona_id", "prompt_id", maintain_order=True)
        .agg(pl.col("kept", "chance", "cut").mean())
    )


def _beside(rows: pl.DataFrame, arm: str, counting: Counting) -> list[Score]:
    """Kept; kept by chance, and by a cut of the description; the first above chance."""
    test = compared(rows, "kept", "chance", counting)
    p_value = None if np.isnan(test.p_value) else test.p_value
    notes = {
        "kept": f"{rows['persona_id'].n_unique()} personas have it" if arm else "",
        "chance": "baseline: the values of other personas",
        "cut": "baseline: the description, cut to the length of the summary",
    }
    return [
        Score(
            measure=name if name == "kept" else f"kept_by_{name}",
            arm=arm,
            estimate=mean_of(rows, name, counting),
            note=note,
        )
        for name, note in notes.items()
    ] + [Score(measure="kept_above_chance", arm=arm, estimate=test.estimate, p_value=p_value)]


def _summariser(seed: int) -> Scripted:
    return planted_summariser(_PLANTED, seed=seed)


def _played(task: Phrases, target: Scripted, seed: int = 0) -> pl.DataFrame:
    bench, models = planted_bench(target, planted_judge(), seed=seed)
    return play(task, bench, models)
