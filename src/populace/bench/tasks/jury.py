"""`jury`: which of several answers to a value-laden question would a jury of people choose, and by which
rule?

The target answers each question in several ways (arms): plainly, so that everybody finds it acceptable, by
telling the sides, by a compromise. It is told of nobody. A jury of personas, the same for all questions,
rates every answer: the probability, by the judge in the juror's role and in both orders, that the answer
suits. The ratings make a `populace.pluralism.jury.Jury` a question.

- `welfare`: mean rating (p = 1); `welfare_nash` (p = 0), `welfare_worst` (p = -inf): means over questions;
  `worst_group`: the mean of the group worst served;
- `wins, RULE`: share of questions that an arm wins, a tie shared evenly;
- `parts_from_mean`: share of questions where who wins by the mean does not win by another rule.

Beside them: the same judge without a persona, groups by lot, an answer by lot, the longest answer. An answer
that was not given suits nobody.

Options: `jurors` (12), `arms` (`plain,everyone,sides,middle`), `group` (an attribute, `ideology`). Items are
jurors by questions: `--items 120` asks 12 jurors about 10 questions. Ratings of your own: `populace pluralism
jury`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from populace.bench.elicit import answer, needs_revision, questions, text_of, verdicts
from populace.bench.juries.audits import audits_of
from populace.bench.juries.seating import STYLES, seated
from populace.bench.juries.verdict import rated, scores_of, welfare_of
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.models.scripted import Scripted
from populace.stats import Estimate

__all__ = ["Jury"]


class Jury:
    """Welfare of answers to a jury, and which of them wins."""

    meta = TaskMeta(
        name="jury",
        version=1,
        summary="which of several answers a jury of people would choose, by every rule",
        main_measure="welfare",
        reference="jury-pluralistic benchmarks: arXiv 2402.05070, section 4",
    )

    def play(self, bench: Bench) -> Play:
        """Answer every question in every arm; let every juror, and nobody, rate every answer."""
        seats = seated(bench)
        profiles = bench.profiles()
        prompts = seats.prompts.select("prompt_id", "text", "topic").rows()
        texts: dict[tuple[str, str], str | None] = {}
        for arm in seats.arms:
            requests = [answer(bench, text, style=STYLES[arm]) for _, text, _ in prompts]
            found = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
            texts |= {(arm, row[0]): text_of(each) for row, each in zip(prompts, found, strict=True)}
        people = seats.people.select("persona_id", seats.group).rows()
        rows: list[dict[str, Any]] = [
            {
                "item_id": number * len(people) + seat,
                "persona_id": who,
                "prompt_id": prompt,
                "prompt": text,
                "topic": topic,
                "group": None if group is None else str(group),
                "arm": arm,
                "answer": texts[arm, prompt],
            }
            for arm in seats.arms
            for number, (prompt, text, topic) in enumerate(prompts)
            for seat, (who, group) in enumerate(people)
        ]
        items = pl.DataFrame(rows, schema_overrides={"answer": pl.String, "group": pl.String})
        asked = [
            needs_revision(bench, profiles[row["persona_id"]], row["prompt"], row["answer"]) for row in rows
        ]
        found = yield Ask(stage="ratings", to="judge", requests=questions(asked))
        items = items.with_columns(columns("rating", verdicts(bench, asked, found)))
        # Nobody's rating of an answer is asked once, and stands beside every juror's.
        bare = [(arm, row[0], row[1]) for arm in seats.arms for row in prompts]
        none = [needs_revision(bench, None, text, texts[arm, prompt]) for arm, prompt, text in bare]
        found = yield Ask(stage="ratings, nobody", to="judge", requests=questions(none))
        told = pl.DataFrame({"arm": [each[0] for each in bare], "prompt_id": [each[1] for each in bare]})
        told = told.with_columns(columns("nobody", verdicts(bench, none, found)))
        return items.join(told, on=["arm", "prompt_id"], how="left", maintain_order="left")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every arm, and say how often the rules part."""
        scores = scores_of(items, counting)
        for arm in items["arm"].unique(maintain_order=True):
            scores += bookkeeping(items.filter(arm=arm), "rating", arm, counting)
        return scores

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold ratings against length, place, another juror's, and nobody's."""
        return [
            *audits_of(items, _another(items), counting),
            unanswered(items, counting),
            unjudged(items, "rating", counting),
        ]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: ratings."""
        return items.select("persona_id", "prompt_id", "arm", value=rated())

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give the planted welfare, and what the task finds on planted people of a seed."""
        yield from self._recovered(seed, Counting(seed=seed))

    def validate(self) -> None:
        """Recover planted welfare, and find judges who look at length, or at nobody."""
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        counting = Counting(level=0.999, draws=100)
        for what, planted, found in self._recovered(0, counting):
            assert found.low <= planted <= found.high, (what, planted, found)
        for cheat, name in (("long", "length rule"), ("nobody", "shuffled persona"), ("pleased", "nobody")):
            target = planted_target(words=lambda luck: int(40 * luck))
            items = _played(self, target, planted_judge(cheat=cheat))  # type: ignore[arg-type]
            failed = [each.name for each in self.audit(items, Counting()) if not each.passed]
            assert name in failed, (cheat, failed)

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        items = _played(self, planted_target(seed=seed), planted_judge(seed=seed), seed)
        # Nobody's taste is known, so that of four letters one is said: it suits one juror in four, with
        # probability 1 / (1 + e^-3), and the others with one less that.
        sure = 1 / (1 + 2.718281828**-3)
        yield "welfare", (sure + 3 * (1 - sure)) / 4, welfare_of(items, counting)[0].estimate


def _another(items: pl.DataFrame) -> pl.DataFrame:
    """Put beside each verdict that of the next juror on the same answer."""
    next_one = pl.col("rating").shift(-1).fill_null(pl.col("rating").first()).over("arm", "prompt_id")
    return items.with_columns(other=next_one)


def _played(task: Jury, target: Scripted, judge: Scripted, seed: int = 0) -> pl.DataFrame:
    # Forty of either: of fewer jurors or questions no interval says that more than nine in ten are alike.
    bench, models = planted_bench(target, judge, people=60, prompts=40, items=1600, seed=seed)
    return play(task, replace(bench, options={"jurors": 40, "arms": "plain,everyone"}), models)
