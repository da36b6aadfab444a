"""`pass-at-k`: does at least one of k independent answers suit the person who asked?

PERSONA Bench (arXiv 2407.17387) lets tries share one chat, shows its judge the answers as the question, and
loses tries that fail. Here:

- **tries are independent**: one request each, with a sample index of its own, at a temperature above 0;
- the estimator is the **unbiased** one (Chen et al. 2021, arXiv 2107.03374, equation 1);
- a try without an answer is a try that **failed**, and so is one without a verdict;
- a target that is told **nobody** has as many tries: with k large enough, anybody's guess suits somebody;
- **the judge's error** is measured and carried into the interval. A judge that passes a wrong answer now and
  then makes k tries look good, the more so the larger k.

A judge that gives likelihoods says the same each time it is asked the same, so the repeat is its question
with the options in the other order. Which order counts as the first verdict takes turns from try to try, so
that a preference for a place errs as often one way as the other. What both orders get wrong alike, no repeat
shows: the measured error is a floor under the judge's. By likelihood contrast there are no orders, hence no
repeat: `passes` then takes the judge at its word, says so, and the audit of the judge's error fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from populace.bench.elicit import answer, needs_revision, questions, text_of, verdicts
from populace.bench.options import known, switched, whole_numbers
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.rules import copying, length_of_satisfied
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.tries import NOBODY, PERSONA, gains, judged, noisy, tries_of
from populace.bench.try_rules import alike_rule, guessing_rule, judge_rule
from populace.bench.wording import copies_in
from populace.errors import StudyError
from populace.stats import Estimate, NoisyPassAtK

__all__ = ["PassAtK"]

_SETTINGS = ("k", "samples", "nobody")
_USUAL = (1, 2, 4, 8, 16)
_UNKNOWN = "at the judge's word: by likelihood it cannot be asked twice, its error is not in the interval"


class PassAtK:
    """Chance that at least one of k answers suits, for each k; the headline is the largest.

    Settings: `k`, which (1, 2, 4, 8, 16); `samples`, tries an item (as many as the largest k; more make the
    estimate surer); `nobody`, whether a target that is told nobody tries too (yes).
    """

    meta = TaskMeta(
        name="pass-at-k",
        version=3,
        summary="whether at least one of k independent answers suits the person who asked",
        main_measure="passes",
        reference="the task `pass_at_k` of PERSONA (arXiv 2407.17387); estimator of arXiv 2107.03374",
    )

    def play(self, bench: Bench) -> Play:
        """Answer every question as often as `samples` says, then judge every answer as its persona."""
        ks, samples, arms = _settings(bench)
        items, profiles = paired(bench), bench.profiles()
        asked = list(items.select("persona_id", "prompt").iter_rows())
        frames = []
        for arm in arms:
            requests = [
                answer(bench, what, profile=profiles[who] if arm == PERSONA else None, sample=sample)
                for sample in range(samples)
                for who, what in asked
            ]
            results = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
            answers = [text_of(result) for result in results]
            wanted = [
                # The judge is asked anew for every try, also where two tries say the same.
                needs_revision(bench, profiles[who], what, text, sample=place // len(asked))
                for place, (text, (who, what)) in enumerate(zip(answers, asked * samples, strict=True))
            ]
            found = yield Ask(stage=f"critic, {arm}", to="judge", requests=questions(wanted))
            frames.append(
                pl.concat([items] * samples).with_columns(
                    pl.lit(arm).alias("arm"),
                    pl.Series("sample", np.repeat(np.arange(samples), len(asked)), dtype=pl.Int64),
                    pl.Series("answer", answers, dtype=pl.String),
                    copies_in(answers, [who for who, _ in asked] * samples, profiles),
                    pl.lit(bench.way).alias("way"),
                    pl.lit(ks, dtype=pl.List(pl.Int64)).alias("k"),
                    *columns("critic", verdicts(bench, wanted, found)),
                )
            )
        return pl.concat(frames)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Estimate pass@k for each k, the largest first: corrected, at the judge's word, and over nobody."""
        ks: list[int] = items["k"][0].to_list()
        tries = {arm: tries_of(items, arm) for arm in items["arm"].unique(maintain_order=True)}
        scores = []
        for arm, table in tries.items():
            end = "" if arm == PERSONA else f"_{arm}"
            found = {k: noisy(table, k, counting) for k in ks}
            told = {k: judged(table, k, counting) for k in ks}
            repeated = items["way"][0] == "choice"
            for k in reversed(ks):
                best, at = found[k].corrected if repeated else told[k], f"k={k}"
                note = _assumed(found[k]) if repeated else _UNKNOWN
                scores.append(Score(measure=f"passes{end}", arm=at, estimate=best, note=note))
            for k in reversed(ks):
                scores.append(Score(measure=f"passes_judged{end}", arm=f"k={k}", estimate=told[k]))
            scores.append(Score(measure="judge_flips", arm=arm, estimate=found[ks[-1]].flips))
            scores.append(Score(measure="judge_error", arm=arm, estimate=found[ks[-1]].error))
            scores += bookkeeping(items.filter(arm=arm), "critic", arm, counting)
        return scores + (gains(tries, ks, counting) if NOBODY in tries else [])

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the largest k against nobody's tries, the judge's error, tries alike, and silence."""
        k = items["k"][0].max()
        table = tries_of(items, PERSONA)
        found = [
            judge_rule(table, k, counting),
            alike_rule(items, counting),
            unanswered(items, counting),
            unjudged(items.filter(arm=PERSONA), "critic", counting),
            length_of_satisfied(items.filter(arm=PERSONA), "critic", counting, label="critic"),
        ]
        if "copied" in items.columns:
            found.append(copying(items.filter(arm=PERSONA), counting))
        if NOBODY in items["arm"]:
            found.insert(0, guessing_rule(table, tries_of(items, NOBODY), k, counting))
        return found

    by_item = "passes_judged at 1"

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give whether each try passes as judged, for the comparison of runs."""
        passes = (pl.col("critic") == "first").cast(pl.Float64)
        return items.select("persona_id", "prompt_id", "arm", "sample", value=passes)

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Play once with planted people, three to a question: planted pass@k, and estimates, by k.

        Tries of a target that reads tastes serve with chance 0.3, nobody's one in four. The judge errs in one
        order of ten, afresh each time: 18 % of orders contradict each other, and are ties, so that at its
        word 0.81 of what serves passes, and 0.01 of what does not.
        """
        ks = [1, 2, 4, 8]
        models = planted_target(0.3, seed=seed, words=_wordy), planted_judge(fickle=0.1, seed=seed)
        items = _played(self, {"k": ks}, *models, items=120, seed=seed)
        found = {
            (score.measure, score.arm): score.estimate for score in self.score(items, Counting(seed=seed))
        }
        at_word = {skill: 0.81 * skill + 0.01 * (1 - skill) for skill in (0.3, 0.25)}
        for k in ks:
            at = f"k={k}"
            for measure, skill in (("passes", 0.3), ("passes_nobody", 0.25)):
                yield f"{measure}, {at}", 1 - (1 - skill) ** k, found[measure, at]
            yield f"passes_judged, {at}", 1 - (1 - at_word[0.3]) ** k, found["passes_judged", at]
            gained = (1 - at_word[0.25]) ** k - (1 - at_word[0.3]) ** k
            yield f"above_nobody, {at}", gained, found["above_nobody", at]
        yield "judge_error", 0.1, found["judge_error", PERSONA]

    def validate(self) -> None:
        """Recover the pass@k of a known binomial, also under a judge that errs, and find three cheats."""
        few, options = Counting(draws=500), {"k": [1, 2, 4, 8]}
        for judge in (planted_judge(), planted_judge(fickle=0.1)):
            items = _played(self, options, planted_target(0.3, words=_wordy), judge)
            told = {(score.measure, score.arm): score.estimate for score in self.score(items, few)}
            for k in options["k"]:
                for measure, skill in (("passes", 0.3), ("passes_nobody", 0.25)):
                    planted, found = 1 - (1 - skill) ** k, told[measure, f"k={k}"]
                    assert found.low <= planted <= found.high, (measure, k, found)
        # Taken at its word, that judge passes too little: 0.25 of single tries, not 0.3, since it ties.
        assert told["passes_judged", "k=1"].value < told["passes", "k=1"].value
        options = {"k": [1, 4]}
        apt = planted_target(0.6, words=_wordy)
        assert all(each.passed for each in self.audit(_played(self, options, apt, planted_judge()), few))
        cheats = {
            "nobody": (planted_target(0.25, words=_wordy), planted_judge()),
            "judge's error": (apt, planted_judge(cheat="first")),
            "tries alike": (planted_target(1.0), planted_judge()),
        }
        for name, models in cheats.items():
            findings = {each.name: each.passed for each in self.audit(_played(self, options, *models), few)}
            assert not findings[name], findings


def _settings(bench: Bench) -> tuple[list[int], int, list[str]]:
    """Read the settings: which k, how many tries, and who tries."""
    options = bench.options
    known("pass-at-k", options, _SETTINGS)
    if not bench.temperature:
        raise StudyError(
            "pass-at-k needs a temperature above 0: without one, all tries are the same",
            fix="give --temperature 0.7, or what the model's makers advise",
        )
    ks = whole_numbers("k", options.get("k", _USUAL))
    counts = whole_numbers("samples", options.get("samples", ks[-1]))
    if len(counts) > 1 or counts[0] < ks[-1]:
        given = ", ".join(map(str, counts))
        raise StudyError(
            f"pass-at-k with samples {given} cannot tell pass@{ks[-1]}", fix="give one number, at least k"
        )
    nobody = switched("nobody", options.get("nobody", True))
    return ks, counts[0], [PERSONA, NOBODY] if nobody else [PERSONA]


def _assumed(found: NoisyPassAtK) -> str:
    """Say what the correction rests on."""
    if not found.corrected.defined:
        return "undefined: the judge's two orders tell it no better than a coin"
    return (
        f"corrected for an error of {found.error.value:.3f} a verdict, alike both ways and fresh each time; "
        f"if not alike, from {found.low_any:.3f} to {found.high_any:.3f}"
    )


def _wordy(luck: float) -> int:
    return 5 + int(20 * luck)


def _played(
    task: PassAtK, options: Mapping[str, Any], *models: Any, items: int = 60, seed: int = 0
) -> pl.DataFrame:
    bench, providers = planted_bench(*models, items=items, seed=seed)
    return play(task, replace(bench, options=options, temperature=0.7), providers)
