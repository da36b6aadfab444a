"""`main`: does what the model writes suit the person who asked? In each of four modes, and nobody's.

PERSONA Bench (arXiv 2407.17387, section 5) asks a critic whether an answer needs a revision, in four modes:

- `baseline`: the model knows nobody;
- `output_only`: it is told the persona and answers;
- `chain_of_thought`: it is told the persona and thinks first; only what follows *Answer:* is judged;
- `demographic_summary`: it first says what about the persona matters here, and answers knowing that alone.

Here the critic is the persona itself, role-played by a judge who is told the full description and asked in
both orders of its two options. Beside it stands the forced choice between the mode's answer and the
baseline's, how often the longer answer would have won it, the same critic without a persona, and as another
person, on the answers of the headline's mode. An answer that is not given satisfies nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from populace.bench.cells import adjusted
from populace.bench.elicit import text_of
from populace.bench.modes import MODES, judged, kept, request, summary
from populace.bench.options import known as known_options
from populace.bench.options import switched
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.rules import (
    copying,
    length_of_satisfied,
    length_rule,
    longer_share,
    position_rule,
    same_as_another,
)
from populace.bench.runner import play
from populace.bench.scoring import above, bookkeeping, share
from populace.bench.silence import unanswered, unjudged
from populace.bench.strangers import described_strangers, stranger_finding, stranger_scores, with_strangers
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.stats import Estimate

__all__ = ["Main"]

_LONGER = "what always choosing the longer would agree with: decided choices, answers of unequal length"


class Main:
    """Share of items that need no revision, by mode; and how often the mode's answer beats the baseline's.

    Settings: `stranger`, whether the answers of the headline's mode are also judged as another person (yes);
    or the descriptions of the others, by `persona_id`, for who plays a part of a bench.
    """

    meta = TaskMeta(
        name="main",
        version=3,
        summary="whether answers suit the person who asked, in the four modes of PERSONA Bench",
        main_measure="satisfied",
        reference="PERSONA (arXiv 2407.17387), section 5",
    )

    def play(self, bench: Bench) -> Play:
        """Answer in every mode; then judge every answer, and every mode against the baseline."""
        known_options("main", bench.options, ("stranger",))
        stranger = bench.options.get("stranger", True)
        items, profiles = paired(bench), bench.profiles()
        asked = [(profiles[who], what) for who, what in items.select("persona_id", "prompt").iter_rows()]
        known = yield Ask(
            stage="summaries", to="target", requests=[summary(bench, who, what) for who, what in asked]
        )
        answers: dict[str, list[str | None]] = {}
        for mode in MODES:
            requests = [
                request(bench, mode, who, what, text_of(told))
                for (who, what), told in zip(asked, known, strict=True)
            ]
            results = yield Ask(stage=f"answers, {mode}", to="target", requests=requests)
            answers[mode] = [kept(mode, text_of(result)) for result in results]
        frames = []
        for mode in MODES:
            frames.append((yield from judged(bench, items, mode, asked, answers[mode], answers["baseline"])))
        if isinstance(stranger, Mapping) or switched("stranger", stranger):
            other = stranger if isinstance(stranger, Mapping) else described_strangers(bench)
            frames[-1] = yield from with_strangers(bench, frames[-1], other, MODES[-1])
        return pl.concat(frames, how="diagonal")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Count who is satisfied, by mode; the best mode first, then every mode, beside nobody's critic."""
        scores = []
        for mode in MODES:
            rows = items.filter(arm=mode)
            scores.append(Score(measure="satisfied", arm=mode, estimate=share(rows, "critic", counting)))
            scores.append(
                Score(measure="satisfied_nobody", arm=mode, estimate=share(rows, "nobody", counting))
            )
            if mode != "baseline":
                scores.append(Score(measure="wins", arm=mode, estimate=share(rows, "choice", counting)))
                scores.append(
                    above(items, "critic", mode, "baseline", counting, measure="satisfied_above_baseline")
                )
                longer = longer_share(_beside_baseline(rows, items), "choice", "answer", "base", counting)
                scores.append(Score(measure="wins_longer", arm=mode, estimate=longer, note=_LONGER))
            scores += bookkeeping(rows, "critic", mode, counting)
        if "stranger" in items.columns:
            scores += stranger_scores(items.filter(arm=MODES[-1]), MODES[-1], counting)
        scores = adjusted(scores, "satisfied_above_baseline")
        # The headline is the mode in which the paper found every model best.
        return sorted(scores, key=lambda score: (score.measure, score.arm) != ("satisfied", MODES[-1]))

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold verdicts against length, place, and another persona."""
        both = _beside_baseline(items.filter(pl.col("arm") != "baseline"), items)
        found = [
            length_rule(both, "choice", "answer", "base", counting),
            length_of_satisfied(items, "critic", counting, label="critic"),
            position_rule(items, "critic", counting),
            same_as_another(
                items.filter(arm=MODES[-1]),
                "critic",
                "nobody",
                counting,
                label="nobody",
                what="gives the verdicts of the critic who is told nobody's description",
            ),
            unanswered(items, counting),
            unjudged(items, "critic", counting, label="critic"),
            unjudged(both, "choice", counting, label="choice"),
        ]
        gain = above(items, "critic", MODES[-1], "baseline", counting, measure="gain").estimate
        found.append(
            Finding(
                name="baseline",
                what="answers without knowing who asks",
                shortcut=share(items.filter(arm="baseline"), "critic", counting),
                beside=share(items.filter(arm=MODES[-1]), "critic", counting),
                passed=gain.defined and gain.low > 0,
                why=f"fails unless knowing the person satisfies more; it gains {gain}",
            )
        )
        if "copied" in items.columns:
            found.append(copying(items.filter(arm="output_only"), counting))
        if "stranger" in items.columns:
            found.append(stranger_finding(items.filter(arm=MODES[-1]), counting))
        return found

    def validate(self) -> None:
        """Recover planted satisfaction, and find the judge that prefers the longer answer."""
        bench, models = planted_bench(planted_target(0.8), planted_judge())
        scores = self.score(play(self, bench, models), Counting(draws=500))
        told = {score.arm: score.estimate for score in scores if score.measure == "satisfied"}
        assert told["output_only"].low <= 0.8 <= told["output_only"].high, told["output_only"]
        assert told["baseline"].low <= 0.25 <= told["baseline"].high, told["baseline"]
        wordy = planted_target(0.8, words=lambda luck: 5 + int(20 * luck))
        bench, models = planted_bench(wordy, planted_judge(cheat="longer"))
        assert not self.audit(play(self, bench, models), Counting(draws=500))[0].passed

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Play twice with planted people: a label, the planted value and its estimate, for most scores.

        Once each question is asked once, and once of six people, who share nobody's answer, and those of
        a taste that of their summary. A target of skill 0.8 serves four in five; one that knows nobody, and
        one judged by a stranger, one in four. Where both answers or neither serve, the choice is a coin, so
        that the mode wins by 0.8 * 0.75 + (0.2 + 0.15) / 2. Answers have lengths of their own, since equal
        texts would share that coin.
        """
        for end, people, prompts, rows in (("", 120, 120, 120), ("; questions shared", 60, 40, 240)):
            target = planted_target(0.8, seed=seed, words=lambda luck: int(64 * luck))
            bench, models = planted_bench(
                target, planted_judge(seed=seed), people=people, prompts=prompts, items=rows, seed=seed
            )
            found = {
                (score.measure, score.arm): score.estimate
                for score in self.score(play(self, bench, models), Counting(seed=seed))
            }
            yield f"satisfied, baseline{end}", 0.25, found["satisfied", "baseline"]
            for mode in MODES[1:]:
                yield f"satisfied, {mode}{end}", 0.8, found["satisfied", mode]
                above_base = found["satisfied_above_baseline", mode]
                yield f"satisfied_above_baseline, {mode}{end}", 0.55, above_base
                yield f"wins, {mode}{end}", 0.775, found["wins", mode]
            yield f"satisfied_stranger{end}", 0.25, found["satisfied_stranger", MODES[-1]]
            yield f"satisfied_above_stranger{end}", 0.55, found["satisfied_above_stranger", MODES[-1]]


def _beside_baseline(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Join the baseline's answer to each item, as `base`."""
    base = items.filter(arm="baseline").select("item_id", pl.col("answer").alias("base"))
    return rows.join(base, on="item_id", maintain_order="left")
