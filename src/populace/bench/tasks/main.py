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

import polars as pl

from populace import stats
from populace.bench.elicit import (
    TEMPLATES,
    answer,
    needs_revision,
    prefer,
    questions,
    text_of,
    verdicts,
)
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import above, bookkeeping, columns, share
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.models.records import GenerateRequest, Message

__all__ = ["MODES", "Main"]

MODES = ("baseline", "output_only", "chain_of_thought", "demographic_summary")
_THINK = (
    "Think first about what this person wants to know and how they see it. Then write 'Answer:' and the "
    "answer, in a few plain sentences."
)
_AFTER = "Answer:"


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
        items, profiles = paired(bench), bench.profiles()
        asked = [(profiles[who], what) for who, what in items.select("persona_id", "prompt").iter_rows()]
        known = yield Ask(
            stage="summaries", to="target", requests=[_summary(bench, who, what) for who, what in asked]
        )
        answers: dict[str, list[str | None]] = {}
        for mode in MODES:
            requests = [
                _request(bench, mode, who, what, text_of(summary))
                for (who, what), summary in zip(asked, known, strict=True)
            ]
            results = yield Ask(stage=f"answers, {mode}", to="target", requests=requests)
            answers[mode] = [_judged(mode, text_of(result)) for result in results]
        frames = []
        for mode in MODES:
            told = [
                (*pair, text, base)
                for pair, text, base in zip(asked, answers[mode], answers["baseline"], strict=True)
            ]
            rivals = [None if mode == "baseline" else text for *_, text, _ in told]
            asks = {
                "critic": [needs_revision(bench, who, what, text) for who, what, text, _ in told],
                "nobody": [needs_revision(bench, None, what, text) for _, what, text, _ in told],
                "choice": [
                    prefer(bench, who, what, rival, base)
                    for (who, what, _, base), rival in zip(told, rivals, strict=True)
                ],
            }
            frame = items.with_columns(
                pl.lit(mode).alias("arm"), pl.Series("answer", answers[mode], dtype=pl.String)
            )
            for name, wanted in asks.items():
                found = yield Ask(stage=f"{name}, {mode}", to="judge", requests=questions(wanted))
                frame = frame.with_columns(columns(name, verdicts(bench, wanted, found)))
            frames.append(frame)
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


def _summary(bench: Bench, profile: str, prompt: str) -> GenerateRequest:
    asked = TEMPLATES.render("summarise", {"profile": profile, "prompt": prompt})
    return GenerateRequest(
        model=bench.target,
        messages=(Message("user", asked),),
        max_tokens=bench.answer_tokens,
        temperature=bench.temperature,
        seed=bench.seed,
    )


def _request(
    bench: Bench, mode: str, profile: str, prompt: str, summary: str | None
) -> GenerateRequest | None:
    if mode == "baseline":
        return answer(bench, prompt)
    if mode == "demographic_summary":
        return answer(bench, prompt, profile=summary) if summary else None
    if mode == "chain_of_thought":
        return answer(bench, prompt, profile=profile, style=_THINK)
    return answer(bench, prompt, profile=profile)


def _judged(mode: str, text: str | None) -> str | None:
    """Keep of a thought-out answer what follows the last `Answer:`; all of it where the word is missing."""
    if text is None or mode != "chain_of_thought":
        return text
    return text.rpartition(_AFTER)[2].strip() or None
