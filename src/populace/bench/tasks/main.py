"""`main`: does what the model writes suit the person who asked? In each of four modes, and nobody's.

PERSONA Bench (arXiv 2407.17387, section 5) asks a critic whether an answer needs a revision, in four modes:

- `baseline`: the model knows nobody;
- `output_only`: it is told the persona and answers;
- `chain_of_thought`: it is told the persona and thinks first; only what follows *Answer:* is judged;
- `demographic_summary`: it first says what about the persona matters here, and answers knowing that alone.

Here the critic is the persona itself, role-played by a judge who is told the full description and asked in
both orders of its two options. Beside it stands the forced choice between the mode's answer and the
baseline's, and the same critic without a persona.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from populace import stats
from populace.bench.elicit import text_of
from populace.bench.modes import MODES, judged, kept, request, summary
from populace.bench.options import known as known_options
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import above, bookkeeping, share
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta

__all__ = ["Main"]


class Main:
    """Share of items that need no revision, by mode; and how often the mode's answer beats the baseline's."""

    meta = TaskMeta(
        name="main",
        version=1,
        summary="whether answers suit the person who asked, in the four modes of PERSONA Bench",
        main_measure="satisfied",
        reference="PERSONA (arXiv 2407.17387), section 5",
    )

    def play(self, bench: Bench) -> Play:
        """Answer in every mode; then judge every answer, and every mode against the baseline."""
        known_options("main", bench.options, ())
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
        return pl.concat(frames)

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
            scores += bookkeeping(rows, "critic", mode, counting)
        # The headline is the mode in which the paper found every model best.
        return sorted(scores, key=lambda score: (score.measure, score.arm) != ("satisfied", MODES[-1]))

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the persona's choice against the longer answer."""
        rows = items.filter(pl.col("choice").is_in(["first", "second"]))
        base = items.filter(arm="baseline").select("item_id", pl.col("answer").alias("base"))
        both = rows.join(base, on="item_id", maintain_order="left").with_columns(
            pl.col("answer").str.split(" ").list.len().alias("words"),
            pl.col("base").str.split(" ").list.len().alias("base_words"),
        )
        unequal = both.filter(pl.col("words") != pl.col("base_words"))
        longer = (unequal["words"] > unequal["base_words"]) == (unequal["choice"] == "first")
        found = stats.proportion(longer.cast(pl.Float64), unequal["persona_id"], **counting.settings())
        settled = found.defined and (found.low > 0.9 or found.high < 0.1)
        return [
            Finding(
                name="length rule",
                what="prefers the longer answer, or the shorter",
                shortcut=found,
                passed=not settled,
                why="fails where length alone tells more than nine in ten choices, and the interval says so",
            )
        ]

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

    def recover(self, seed: int) -> Iterator[tuple[str, float, stats.Estimate]]:
        """Play once with planted people: a label, the planted value and its estimate, for some scores.

        A target of skill 0.8 serves four in five; one that knows nobody, one in four. Where both answers or
        neither serve, the choice is a coin, so that the mode wins by 0.8 * 0.75 + (0.2 + 0.15) / 2.
        Answers have lengths of their own, since equal texts would share that coin; and each question is asked
        once, since what several personas are answered alike is no matter of the persona, and an interval
        over personas does not hold it.
        """
        target = planted_target(0.8, seed=seed, words=lambda luck: int(64 * luck))
        bench, models = planted_bench(target, planted_judge(seed=seed), people=120, prompts=240, seed=seed)
        found = {
            (score.measure, score.arm): score.estimate
            for score in self.score(play(self, bench, models), Counting(draws=1000, seed=seed))
        }
        yield "satisfied, baseline", 0.25, found["satisfied", "baseline"]
        for mode in MODES[1:]:
            yield f"satisfied, {mode}", 0.8, found["satisfied", mode]
            yield f"satisfied_above_baseline, {mode}", 0.55, found["satisfied_above_baseline", mode]
            yield f"wins, {mode}", 0.775, found["wins", mode]
