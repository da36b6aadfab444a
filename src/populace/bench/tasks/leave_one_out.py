"""`leave-one-out`: what an answer loses when the model is not told one thing about the person who asks.

PERSONA Bench (arXiv 2407.17387) leaves an attribute out for the model and for its judge alike, so that nobody
is there who could miss it; its paper adds attributes to a stub of three instead. Here **the judge is always
told the full persona**, and only the target is not. The arms are asked the same questions by the same people:

- `full`: the target is told everything;
- `again`: everything, a second sample: how far two answers to one request lie apart, the noise floor;
- `nobody`: the target is told nothing;
- `without X`: everything but X, a block of attributes that hang together, or a single one.

What would tell X by another road goes with it (`populace.personas.leaks`): without the sex there is no *gave
birth*. People who have no X are no part of that arm, since nothing was left out for them.

At temperature 0 a second sample repeats the first and the noise floor is nothing at all, so all arms are
asked at temperature 0.7 where the bench says 0; the scores say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from populace.bench.blocks import AGAIN, FULL, NOBODY, WITHOUT, arms_of
from populace.bench.elicit import answer, needs_revision, prefer, questions, text_of, verdicts
from populace.bench.falls import beside_full, fall, fallen, noise_rule, scores_of, wins
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.rules import copying, length_of_satisfied, length_rule, position_rule
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns, rate, share
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import copies_in
from populace.stats import Estimate

__all__ = ["LeaveOneOut"]

_WARM = 0.7


class LeaveOneOut:
    """Fall of the share of satisfied people, and how often the full answer wins, by what is left out.

    The headline is the fall when everything is left out. The largest of many falls would be a worse one: the
    largest is partly the luckiest, and no interval of its own says so.

    Settings: `leave_out`, blocks and attributes, all blocks and what stands alone if not given; `attributes`,
    whether every attribute is also left out by itself.
    """

    meta = TaskMeta(
        name="leave-one-out",
        version=3,
        summary="what answers lose when the model is not told one thing about the person who asks",
        main_measure="fall",
        reference="after the task `loo` of PERSONA (arXiv 2407.17387), with a judge who knows everything",
    )

    def play(self, bench: Bench) -> Play:
        """Answer in every arm; then the full persona judges each answer, and each against the full arm's."""
        items = paired(bench)
        arms = arms_of(bench, items["persona_id"])
        asked = list(items.select("persona_id", "prompt").iter_rows())
        warm = bench.temperature or _WARM
        answers: dict[str, list[str | None]] = {}
        for name, arm in arms.items():
            requests = [
                answer(bench, what, profile=arm.shown[who], sample=arm.sample, temperature=warm)
                if who in arm.shown
                else None
                for who, what in asked
            ]
            results = yield Ask(stage=f"answers, {name}", to="target", requests=requests)
            answers[name] = [text_of(result) for result in results]
        knows, frames = arms[FULL].shown, []
        described = {who: text or "" for who, text in knows.items()}
        for name, arm in arms.items():
            rivals = [None if name == FULL else text for text in answers[name]]
            asks = {
                "critic": [
                    needs_revision(bench, knows[who], what, text)
                    for (who, what), text in zip(asked, answers[name], strict=True)
                ],
                "choice": [
                    prefer(bench, knows[who], what, text, rival)
                    for (who, what), text, rival in zip(asked, answers[FULL], rivals, strict=True)
                ],
            }
            frame = items.with_columns(
                pl.lit(name).alias("arm"),
                pl.Series("told", [who in arm.shown for who, _ in asked], dtype=pl.Boolean),
                pl.lit(warm).alias("temperature"),
                pl.Series("answer", answers[name], dtype=pl.String),
                copies_in(answers[name], items["persona_id"], described),
            )
            for column, wanted in asks.items():
                found = yield Ask(stage=f"{column}, {name}", to="judge", requests=questions(wanted))
                frame = frame.with_columns(columns(column, verdicts(bench, wanted, found)))
            frames.append(frame)
        return pl.concat(frames)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Count falls and wins by arm, everything left out first; then shares, and what was not decided."""
        arms = items["arm"].unique(maintain_order=True).to_list()
        beside = [NOBODY, *(arm for arm in arms if arm.startswith(WITHOUT)), AGAIN]
        falls = {arm: fall(items, arm, counting) for arm in beside}
        scores = scores_of(
            {"fall": (falls, 0.0), "wins": ({arm: wins(items, arm, counting) for arm in beside}, 0.5)}
        )
        warm = f"; all arms at temperature {items['temperature'][0]:g}"
        scores[0] = msgspec.structs.replace(scores[0], note=scores[0].note + warm)
        for arm in arms:
            everybody = items.filter(arm=arm)
            rows = everybody.filter("told")
            scores.append(Score(measure="satisfied", arm=arm, estimate=share(rows, "critic", counting)))
            if arm.startswith(WITHOUT):
                has = rate(everybody, everybody["told"], counting)
                scores.append(Score(measure="told", arm=arm, estimate=has, note="had this to leave out"))
        told = items.filter("told")
        scores += bookkeeping(told, "critic", "", counting)
        return scores + bookkeeping(told.filter(pl.col("arm") != FULL), "choice", "", counting)

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the falls against chance, verdicts and choices against length, and choices against place."""
        both = beside_full(items)
        found = [
            noise_rule(items, counting),
            unanswered(items.filter("told"), counting),
            unjudged(items.filter("told"), "critic", counting),
            length_rule(both, "choice", "full", "answer", counting),
            length_of_satisfied(items.filter("told"), "critic", counting, label="critic"),
            position_rule(both, "choice", counting),
        ]
        return [*found, copying(items.filter(arm=FULL), counting)] if "copied" in items.columns else found

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Play once with planted people, six to a question: planted falls and wins, and their estimates.

        Of a taste that it is told the target serves 0.8, else one in four; sex tells nothing of it. The full
        answer alone serves 0.8 x 0.75, and of both or neither, 0.35, a coin gives half. Nobody's answers are
        shared by all whom a question is asked of.
        """
        target = planted_target(0.8, seed=seed, words=lambda luck: int(64 * luck))
        items = _played(
            self, {"leave_out": ["lifestyle", "sex"]}, target, planted_judge(seed=seed), seed=seed
        )
        found = {
            (score.measure, score.arm): score.estimate for score in self.score(items, Counting(seed=seed))
        }
        for arm, lost in (
            (NOBODY, True),
            ("without lifestyle", True),
            ("without sex", False),
            (AGAIN, False),
        ):
            yield f"fall, {arm}", 0.55 if lost else 0.0, found["fall", arm]
            yield f"wins, {arm}", 0.775 if lost else 0.5, found["wins", arm]
        for arm, served in ((FULL, 0.8), (NOBODY, 0.25)):
            yield f"satisfied, {arm}", served, found["satisfied", arm]

    by_item = "fall"

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give the fall of every item and arm, for the comparison of runs."""
        return fallen(items).select("persona_id", "prompt_id", "arm", value=pl.col("more") - pl.col("less"))

    def validate(self) -> None:
        """Recover a planted fall and planted wins, none where nothing hangs on it, and find three cheats."""
        options = {"leave_out": ["lifestyle", "sex", "opinions"]}
        few = Counting(draws=500)
        honest = _played(self, options)
        found = {(score.measure, score.arm): score for score in self.score(honest, few)}
        # Of a taste that it is told the target serves 0.8, else one in four.
        planted = {"nobody": 0.55, "without lifestyle": 0.55, "without sex": 0, "without opinions": 0}
        for arm, lost in (planted | {"again": 0}).items():
            estimate = found["fall", arm].estimate
            assert estimate.low <= lost <= estimate.high, (arm, estimate)
        # The full answer alone serves 0.8 x 0.75; both or neither do so 0.35, of which a coin gives half.
        wins = found["wins", "without lifestyle"].estimate
        assert wins.low <= 0.775 <= wins.high, wins
        assert (found["fall", "without lifestyle"].p_value or 0) < 0.001
        assert (found["fall", "without sex"].p_value or 0) > 0.05
        assert all(finding.passed for finding in self.audit(honest, few))
        wordy = planted_target(words=lambda luck: 5 + int(20 * luck))
        cheats = {
            "same persona twice": (planted_target(), planted_judge(cheat="nobody")),
            "length rule": (wordy, planted_judge(cheat="longer")),
            "position rule": (planted_target(), planted_judge(cheat="first")),
        }
        for name, models in cheats.items():
            findings = self.audit(_played(self, {"leave_out": "sex"}, *models, items=120), few)
            assert not {each.name: each.passed for each in findings}[name], findings


def _played(
    task: LeaveOneOut, options: Mapping[str, Any], *models: Any, items: int = 240, seed: int = 0
) -> pl.DataFrame:
    target, judge = models or (planted_target(seed=seed), planted_judge(seed=seed))
    bench, providers = planted_bench(target, judge, items=items, seed=seed)
    return play(task, replace(bench, options=options), providers)
