"""`comparison`: two personas, one question, an answer for each: whose is which?

PERSONA Bench has such a task behind a closed server, on pairs of personas whose answers ought to differ. Here
pairs are drawn near to each other, in the middle and far apart (`populace.bench.apart`). The judge is shown
both descriptions and one answer, and says whose it is (two-alternative forced choice, chance one half, in
both orders of the people); and each persona chooses between the two answers, its own and the other's. With
`gold`, a file of what real people answered, nothing is generated: the judge's reading of people is measured.

Options: `gold`, a path (`populace.bench.gold`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from msgspec import structs

from populace.bench.apart import GROUPS
from populace.bench.couple_rules import (
    COPYING,
    LONGER,
    chance_rule,
    copying_rule,
    either_person,
    mean_of,
    numbered,
    one_answer,
    right_of,
)
from populace.bench.couples import answered, drawn
from populace.bench.elicit import (
    Question,
    answer,
    contrasted,
    prefer,
    questions,
    role,
    shown,
    text_of,
    verdicts,
    wished,
)
from populace.bench.gold import read_gold
from populace.bench.options import known
from populace.bench.planted import planted_bench
from populace.bench.planted_words import planted_deaf, planted_guesser, planted_speaker
from populace.bench.result import Finding, Score
from populace.bench.rules import length_rule, position_rule
from populace.bench.runner import play
from populace.bench.scoring import columns, scored
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import copies_in
from populace.models.records import Choice, Result
from populace.stats import Estimate

__all__ = ["Comparison"]

_SAID = {
    "answers": {
        "told": "Two people asked the same question, and each was given an answer of their own.",
        "relation": "was this answer written for",
    },
    "people": {"told": "Two people were asked the same question.", "relation": "gave this answer"},
}
"""Arm -> what is said of the answers: the model answers a person, people answer for themselves."""


class Comparison:
    """Share of answers that are given to the right one of two personas."""

    meta = TaskMeta(
        name="comparison",
        version=3,
        summary="whether an answer tells which of two personas it is for",
        main_measure="right",
        reference="after `comparison` of PERSONA Bench (arXiv 2407.17387), whose own is closed",
        answered_by=("gold",),
    )

    def play(self, bench: Bench) -> Play:
        """Answer both people of each pair; then ask whose each answer is, and each person for a choice."""
        known("comparison", bench.options, ["gold"])
        gold = read_gold(bench.options["gold"], bench) if bench.options.get("gold") else None
        if gold is not None:
            bench = replace(bench, personas=gold.personas)
        items = drawn(bench) if gold is None else answered(bench, gold)
        profiles = bench.profiles()
        if gold is None:
            asked = [
                answer(bench, prompt, profile=profiles[who])
                for who, prompt in items.select("persona_id", "prompt").iter_rows()
            ]
            found = yield Ask(stage="answers", to="target", requests=asked)
            items = items.with_columns(pl.Series("answer", map(text_of, found), dtype=pl.String))
        # The rows of a pair follow each other: the rival's answer is the other row's.
        other = [row + 1 - 2 * (row % 2) for row in range(items.height)]
        items = items.with_columns(items["answer"][other].alias("rival"))
        whose = [
            _whose(bench, (profiles[row["persona_id"]], profiles[row["other_id"]]), row)
            for row in items.iter_rows(named=True)
        ]
        found = yield Ask(stage="whose", to="judge", requests=questions(whose))
        if bench.way == "likelihood":
            found = _of_the_owners_answer(found)
        items = items.with_columns(columns("whose", verdicts(bench, whose, found)))
        choices = [
            prefer(bench, profiles[who], prompt, own, rival, own=gold is not None)
            for who, prompt, own, rival in items.select("persona_id", "prompt", "answer", "rival").rows()
        ]
        found = yield Ask(stage="choice", to="judge", requests=questions(choices))
        items = items.with_columns(columns("choice", verdicts(bench, choices, found)))
        return items.with_columns(
            copies_in(items["answer"], items["persona_id"], profiles).alias("copied"),
            copies_in(items["answer"], items["other_id"], profiles).alias("copied_other"),
        )

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Count right answers and own choices, of all pairs and by distance, beside rules without a judge."""
        items, scores = numbered(items), []
        by_design = "; one half by design, as every rule that looks at no person"
        for measure, name, baseline, rule, note in (
            ("right", "whose", "copying rule", COPYING, ""),
            ("own_choice", "choice", "longer answer", LONGER, by_design),
        ):
            for arm in ("", *GROUPS):
                rows = items.filter(group=arm) if arm else items
                scores.append(Score(measure=measure, arm=arm, estimate=right_of(rows, name, counting)))
            found = mean_of(items, rule, counting)
            scores.append(Score(measure=measure, arm=baseline, estimate=found, note=f"baseline{note}"))
            for outcome in ("tie", "refused", "failed", "unasked"):
                found = mean_of(items, pl.col(name) == outcome, counting)
                scores.append(Score(measure=f"{name}_{outcome}", estimate=found))
        return scores

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the shares against rules without a judge; the judge against place, length and no person."""
        items = numbered(items)
        unlike = items.filter(pl.col("answer") != pl.col("rival"))
        return [
            copying_rule(items, counting),
            one_answer(items, counting),
            chance_rule(items, counting),
            either_person(items, counting),
            length_rule(items, "choice", "answer", "rival", counting),
            position_rule(items, "whose", counting, label="whose"),
            position_rule(unlike, "choice", counting, label="choice"),
            unanswered(items, counting),
            unjudged(items, "whose", counting, label="whose"),
            unjudged(items, "choice", counting, label="choice"),
        ]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: whether an answer was given to the right person."""
        told = scored(items, "whose").alias("value")
        return items.select("persona_id", "other_id", "prompt_id", "arm", told)

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted shares, and what the task finds on planted people of a seed."""
        yield from self._recovered(seed, Counting(seed=seed))

    def validate(self) -> None:
        """Recover a planted share, and find the target that ignores people and the one that parrots them."""
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        counting = Counting(level=0.999)
        for what, planted, found in self._recovered(0, counting):
            assert found.low <= planted <= found.high, (what, planted, found)
        bench, models = planted_bench(planted_deaf(), planted_guesser(), people=80)
        items = play(self, bench, models)
        found = self.score(items, counting)[0].estimate
        assert found.low <= 0.5 <= found.high, found
        assert not self.audit(items, counting)[1].passed
        bench, models = planted_bench(planted_speaker(0.7, parrots=True), planted_guesser(), people=80)
        assert not self.audit(play(self, bench, models), counting)[0].passed

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        skill = 0.7
        models = planted_speaker(skill, seed=seed), planted_guesser(seed=seed)
        bench, played = planted_bench(*models, people=80, seed=seed)
        items = play(self, bench, played)
        tastes = dict(bench.personas.select("persona_id", pl.col("lifestyle").str.slice(16, 1)).iter_rows())
        unlike = [tastes[a] != tastes[b] for a, b in items.select("persona_id", "other_id").iter_rows()]
        share = sum(unlike) / len(unlike)
        # A letter not its own is the other's in one of three, and the guess is wrong; else it is a coin's.
        planted = share * (skill + (1 - skill) / 3) + (1 - share) / 2
        yield "right", planted, self.score(items, counting)[0].estimate
        assert all(finding.passed for finding in self.audit(items, counting))


def _whose(bench: Bench, people: tuple[str, str], row: Mapping[str, Any]) -> Question | None:
    """Ask whose an answer is, the first being whose it is: of both people shown, or as wished by each.

    By likelihood people's own answers are held to be said by each.
    """
    own, rival = row["answer"], row["rival"]
    if bench.way == "likelihood":
        if own is None or rival is None:
            return None
        one, other = map(role, people)
        asked = row["prompt"] if row["arm"] == "people" else wished(row["prompt"])
        return contrasted(bench, (one, other), asked, (own, rival))
    if own is None:
        return None
    values = {"prompt": row["prompt"], "answer": own, **_SAID[row["arm"]]}
    return shown(bench, role(None), "whose", values, people)


def _of_the_owners_answer(found: Sequence[Result | None]) -> list[Result | None]:
    """Keep of each question the likelihoods of the owner's answer: as the owner's, and as the other's."""
    read: list[Result | None] = []
    for one, other in zip(found[::2], found[1::2], strict=True):
        if isinstance(one, Choice) and isinstance(other, Choice):
            likely = (one.log_likelihoods[0], other.log_likelihoods[0])
            read += [
                structs.replace(one, log_likelihoods=likely),
                structs.replace(other, log_likelihoods=(0.0, 0.0)),
            ]
        else:
            read += [one, other]
    return read
