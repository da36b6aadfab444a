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
import numpy as np
import polars as pl

from populace import stats
from populace.bench.blocks import AGAIN, FULL, NOBODY, WITHOUT, along, arms_of
from populace.bench.elicit import answer, needs_revision, prefer, questions, text_of, verdicts
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.rules import length_of_satisfied
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns, compared, rate, share, value
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.stats import Estimate, PairedTest

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
        version=2,
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
        scores = _tested("fall", {arm: _fall(items, arm, counting) for arm in beside}, 0.0)
        scores += _tested("wins", {arm: _wins(items, arm, counting) for arm in beside}, 0.5)
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
        critic = length_of_satisfied(items.filter("told"), "critic", counting, label="critic")
        return [_noise(items, counting), _length(items, counting), critic, _place(items, counting)]

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
        full = items.filter(arm=FULL).select("item_id", value("critic").alias("full"))
        rows = items.filter(pl.col("told"), pl.col("arm") != FULL)
        both = rows.join(full, on="item_id", maintain_order="left")
        return both.select("persona_id", "prompt_id", "arm", value=pl.col("full") - value("critic"))

    def validate(self) -> None:
        """Recover a planted fall and planted wins, none where nothing hangs on it, and find three cheats."""
        options = {"leave_out": ["lifestyle", "sex", "opinions"]}
        few = Counting(draws=500)
        honest = _played(self, options)
        found = {(score.measure, score.arm): score for score in self.score(honest, few)}
        # Of a taste that it is told the target serves 0.8, else one in four.
        planted = {"nobody": 0.55, "without lifestyle": 0.55, "without sex": 0, "without opinions": 0}
        for arm, fall in (planted | {"again": 0}).items():
            estimate = found["fall", arm].estimate
            assert estimate.low <= fall <= estimate.high, (arm, estimate)
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


def _fall(items: pl.DataFrame, arm: str, counting: Counting, base: str = FULL) -> PairedTest:
    """Test the fall from the base to an arm, on the items that the arm tells less of."""
    told = items.filter(pl.col("told"), arm=arm)
    rows = told.select("item_id", "persona_id", "prompt_id", value("critic").alias("less"))
    first = items.filter(arm=base).select("item_id", value("critic").alias("more"))
    both = rows.join(first, on="item_id", maintain_order="left")
    return compared(both, "more", "less", counting)


def _wins(items: pl.DataFrame, arm: str, counting: Counting) -> PairedTest:
    """Test whether the answer told everything is preferred to the arm's more often than not."""
    rows = items.filter(pl.col("told"), arm=arm)
    won = rows.with_columns(won=value("choice"), lost=1 - value("choice"))
    return msgspec.structs.replace(
        compared(won, "won", "lost", counting), estimate=share(rows, "choice", counting)
    )


def _tested(measure: str, tests: Mapping[str, PairedTest], nothing: float) -> list[Score]:
    """Make scores of tests: what is left out is one family, adjusted by Holm, and by BH in words.

    `nothing` is the measure's value where nothing is lost.
    """
    floor = tests[AGAIN].estimate
    reach = max(abs(floor.low - nothing), abs(floor.high - nothing))
    family = [arm for arm in tests if arm.startswith(WITHOUT)]
    alone = [tests[arm].p_value for arm in family]
    adjusted = dict(zip(family, stats.holm(alone).tolist(), strict=True))
    by_rate = dict(zip(family, stats.benjamini_hochberg(alone).tolist(), strict=True))
    scores = []
    for arm, test in tests.items():
        p = adjusted.get(arm, test.p_value)
        notes = [{AGAIN: "noise floor", NOBODY: "everything left out"}.get(arm, "")]
        if arm != AGAIN and abs(test.estimate.value - nothing) <= reach:
            notes.append("within the noise floor")
        if arm in family:
            if not np.isnan(p):
                others = f"{by_rate[arm]:.2g} by Benjamini-Hochberg, {test.p_value:.2g} alone"
                notes.append(f"p by Holm over {len(family)}; {others}")
            notes.append(
                ", ".join(along(arm)) and f"with it goes what would tell it: {', '.join(along(arm))}"
            )
        scores.append(
            Score(
                measure=measure,
                arm=arm,
                estimate=test.estimate,
                p_value=None if np.isnan(p) else p,
                note="; ".join(filter(None, notes)),
            )
        )
    return scores


def _noise(items: pl.DataFrame, counting: Counting) -> Finding:
    floor, fall = (_fall(items, arm, counting).estimate for arm in (AGAIN, NOBODY))
    second = _fall(items, NOBODY, counting, base=AGAIN).estimate
    return Finding(
        name="same persona twice",
        what="asks again with nothing left out: what falls then is noise",
        shortcut=floor,
        beside=fall,
        passed=fall.defined and fall.low > 0 and second.low > 0,
        why="fails unless answers of a target that is told nothing fall below both samples of one that is "
        f"told everything; below the second they fall by {second}",
    )


def _length(items: pl.DataFrame, counting: Counting) -> Finding:
    words = pl.col("answer").str.split(" ").list.len()
    full = items.filter(arm=FULL).select("item_id", words.alias("full"))
    rows = items.filter(pl.col("choice").is_in(["first", "second"])).with_columns(words.alias("words"))
    rows = rows.join(full, on="item_id", maintain_order="left").filter(pl.col("words") != pl.col("full"))
    longer = (rows["full"] > rows["words"]) == (rows["choice"] == "first")
    found = rate(rows, longer, counting)
    return Finding(
        name="length rule",
        what="prefers the longer answer, or the shorter",
        shortcut=found,
        passed=not (found.defined and (found.low > 0.9 or found.high < 0.1)),
        why="fails where length alone tells more than nine in ten choices, and the interval says so",
    )


def _place(items: pl.DataFrame, counting: Counting) -> Finding:
    first, second = pl.col("choice_p_shown_first"), pl.col("choice_p_shown_second")
    full = items.filter(arm=FULL).select("item_id", pl.col("answer").alias("full"))
    rows = items.filter(first.is_not_null(), second.is_not_null())
    # Of one answer shown twice only the place can be named.
    rows = rows.join(full, on="item_id", maintain_order="left").filter(pl.col("answer") != pl.col("full"))
    same = rows.select(((first > 0.5) != (second > 0.5)).alias("same"))["same"]
    found = rate(rows, same, counting)
    return Finding(
        name="position rule",
        what="names the same place in both orders, of two answers that differ",
        shortcut=found,
        passed=not (found.defined and found.low > 0.5),
        why="fails where place decides more than half of the choices, and the interval says so",
    )


def _played(
    task: LeaveOneOut, options: Mapping[str, Any], *models: Any, items: int = 240, seed: int = 0
) -> pl.DataFrame:
    target, judge = models or (planted_target(seed=seed), planted_judge(seed=seed))
    bench, providers = planted_bench(target, judge, items=items, seed=seed)
    return play(task, replace(bench, options=options), providers)
