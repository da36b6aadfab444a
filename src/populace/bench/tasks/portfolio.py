"""`portfolio`: how well do a few ways of answering serve people who weigh traits differently?

PALM (Kim et al. 2026, arXiv 2604.04144) promises a small portfolio that is near-optimal for every weighting
of traits. Here the candidates are one model told to answer in several ways (the arms), scored by offline
traits of texts (`populace.traits`). People are sent to the member that their weights promise most. Members
are chosen on one half of the questions and measured on the other; then the halves change places. The headline
is the value of the portfolio with the least regret over all weights; beside it stand one model for all,
everybody sent by another's weights, the shortest and the longest arm, k-means of people, uniform and random
weights, and one model a user as the ceiling; and regret and worst regret over the number of members.

Options:

- `arms` (plain, brief, detailed, courteous, simple; also cheerful, careful): at least two.
- `traits` (brevity, readability, politeness; also sentiment, offensiveness, or one turned round, `-brevity`).
- `size` (3) of the portfolio; `questions` (20), which every arm answers.
- `weights`: `judged` (the judge plays the personas and chooses between answers of two arms, `--items` times
  in all; weights are inferred from that) or `even` (an even grid of weights; nobody judges).
- `people`: a table with `persona_id` and a weight a trait, which sum to 1; then nobody judges.
- `groups` (`NAME: EXPRESSION`; `--group`, may be repeated): regret by group, where people choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from populace.bench.elicit import answer, prefer, questions, text_of, verdicts
from populace.bench.groups import with_cells
from populace.bench.objectives.dealt import arms_alike
from populace.bench.objectives.measured import measured
from populace.bench.pairing import paired
from populace.bench.planted import planted_bench
from populace.bench.portfolios.auditing import findings_of
from populace.bench.portfolios.candidates import (
    EVEN,
    JUDGED,
    STYLES,
    TRAIT,
    Settings,
    scaled,
    settings_of,
)
from populace.bench.portfolios.held_out import AVERAGE, LENGTH, OURS, held_out
from populace.bench.portfolios.measures import scores_of
from populace.bench.portfolios.planting import expected_scores, planted_chooser, planted_styles
from populace.bench.portfolios.weighing import even_rows, rows_of_table
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns, rate
from populace.bench.silence import unanswered, unjudged
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.models.scripted import Scripted
from populace.portfolio.minimum import spread_weights
from populace.portfolio.sizes import best_of_size
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["Portfolio"]


class Portfolio:
    """What a small portfolio of ways to answer is worth to people."""

    meta = TaskMeta(
        name="portfolio",
        version=1,
        summary="whether a few ways of answering serve people who weigh traits differently",
        main_measure="value",
        reference="PALM (arXiv 2604.04144); candidates are prompted variants, weights inferred from choices",
        unjudged={"weights": (EVEN,), "people": ()},
    )
    by_item = "what a person got for a question, by their own weights"

    def play(self, bench: Bench) -> Play:
        """Answer in every arm; let personas choose between two; infer nothing yet."""
        settings = settings_of(bench)
        traits = [each.name for each in settings.traits]
        fixed = rows_of_table(settings.weights, traits) if settings.weights not in (JUDGED, EVEN) else None
        asked = _drawn(bench, settings.questions)
        frames = []
        for arm in settings.arms:
            requests = [answer(bench, text, style=STYLES[arm]) for text in asked["prompt"]]
            results = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
            said = [text_of(each) for each in results]
            prompts = asked["prompt"].to_list()
            frames.append(
                asked.with_columns(
                    pl.Series("answer", said, dtype=pl.String),
                    *(
                        pl.Series(TRAIT + each.name, scaled(each, said, prompts), dtype=pl.Float64)
                        for each in settings.traits
                    ),
                    part=pl.lit("answer"),
                    arm=pl.lit(arm),
                    size=pl.lit(settings.size),
                )
            )
        rows = pl.concat(frames)
        if settings.weights == JUDGED:
            chosen = yield from _chosen(bench, settings, asked, rows)
            return pl.concat([rows, chosen], how="diagonal")
        return pl.concat([rows, even_rows(traits) if fixed is None else fixed], how="diagonal")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score what people got, beside the baselines, and regret over the number of members."""
        found = held_out(items, counting)
        scores = scores_of(found, items, counting)
        answers = _answers(items)
        scores.append(
            Score(measure="answer_failed", estimate=rate(answers, answers["answer"].is_null(), counting))
        )
        choices = items.filter(pl.col("part") == "choice")
        return scores + (bookkeeping(choices, "critic", "", counting) if choices.height else [])

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the value against one model, another's weights, length, place and silence."""
        answers, choices = _answers(items), items.filter(pl.col("part") == "choice")
        names = [name for name in items.columns if name.startswith(TRAIT)]
        findings = [arms_alike(measured(answers, names, counting)), unanswered(answers, counting)]
        findings += findings_of(held_out(items, counting), items, counting)
        return [*findings, unjudged(choices, "critic", counting)] if choices.height else findings

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: what each person got for each question."""
        found = held_out(items, Counting())
        if found is None:
            schema = {"persona_id": pl.String, "prompt_id": pl.String, "arm": pl.String, "value": pl.Float64}
            return pl.DataFrame(schema=schema)
        table = found.values(OURS, _size(items))
        people, asked = table.shape
        # Weights spread evenly are nobody's: questions are what their values share.
        prompts = np.tile(found.questions, people)
        return pl.DataFrame(
            {
                "persona_id": np.repeat(found.people.names, asked) if found.people.sampled else prompts,
                "prompt_id": prompts,
                "arm": [OURS] * table.size,
                "value": table.ravel(),
            }
        )

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted values, and what the task finds on a planted target of a seed."""
        yield from self._recovered(seed, Counting(seed=seed, draws=200))

    def validate(self) -> None:
        """Recover planted members and values; find targets and judges that cheat."""
        for what, planted, found in self._recovered(0, Counting(level=0.999, draws=300)):
            assert found.low <= planted <= found.high, (what, planted, found)
        kept = held_out(_played(self, planted_styles(), {"weights": EVEN}), Counting())
        assert kept is not None
        right = best_of_size(expected_scores(), 3).members
        assert all(tuple(fold.members(OURS, 3)[0]) == right for fold in kept.folds), right
        honest = _played(self, planted_styles(), {}, planted_chooser())
        failed = [each for each in self.audit(honest, Counting(draws=300)) if not each.passed]
        assert not failed, failed
        cheats: list[tuple[Scripted, Scripted, str]] = [
            (planted_styles(deaf=True), planted_chooser(), "arms alike"),
            (planted_styles(), planted_chooser("nobody"), "shuffled weights"),
            (planted_styles(), planted_chooser("longer"), "length rule, choices"),
            (planted_styles(), planted_chooser("first"), "position rule"),
        ]
        for target, judge, name in cheats:
            items = _played(self, target, {}, judge)
            failed = [each.name for each in self.audit(items, Counting(draws=300)) if not each.passed]
            assert name in failed, (target.model, judge.model, failed)

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        items = _played(self, planted_styles(seed=seed), {"weights": EVEN}, seed=seed)
        held = held_out(items, counting)
        assert held is not None
        true, weights = expected_scores(), spread_weights(3, 70)
        values = weights @ true.T
        ours = list(best_of_size(true, 3).members)
        yield "value", float(values[:, ours].max(axis=1).mean()), held.mean(held.values(OURS, 3))
        one = int(values.mean(axis=0).argmax())
        yield "value of one model", float(values[:, one].mean()), held.mean(held.values(AVERAGE, 1))
        words = [1, 2]  # brief and detailed are the shortest and the longest
        yield "value by length", float(values[:, words].max(axis=1).mean()), held.mean(held.values(LENGTH))


def _chosen(bench: Bench, settings: Settings, asked: pl.DataFrame, rows: pl.DataFrame) -> Iterator:
    """Let personas choose between the answers of two arms, drawn for each choice."""
    profiles = bench.profiles()
    pairs = paired(
        replace(bench, prompts=bench.prompts.filter(pl.col("prompt_id").is_in(asked["prompt_id"].to_list())))
    )
    rng = stream(bench.seed, "bench.portfolio.pairs")
    lots = np.stack([rng.permutation(len(settings.arms))[:2] for _ in range(pairs.height)])
    arms = np.array(settings.arms)
    said = {(arm, which): text for arm, which, text in rows.select("arm", "prompt_id", "answer").iter_rows()}
    ones, others = arms[lots[:, 0]].tolist(), arms[lots[:, 1]].tolist()
    whose = pairs["persona_id"].to_list()
    what = pairs["prompt_id"].to_list()
    texts = [
        (said[one, which], said[other, which]) for one, other, which in zip(ones, others, what, strict=True)
    ]
    wanted = [
        prefer(bench, profiles[who], text, *pair) if pair[0] != pair[1] else None
        for who, text, pair in zip(whose, pairs["prompt"], texts, strict=True)
    ]
    results = yield Ask(stage="choices", to="judge", requests=questions(wanted))
    cells = with_cells(pairs, bench.personas, settings.groups)
    return cells.with_columns(
        part=pl.lit("choice"),
        arm=pl.Series(ones),
        arm_other=pl.Series(others),
        one=pl.Series([pair[0] for pair in texts], dtype=pl.String),
        other=pl.Series([pair[1] for pair in texts], dtype=pl.String),
    ).with_columns(columns("critic", verdicts(bench, wanted, results)))


def _drawn(bench: Bench, count: int) -> pl.DataFrame:
    rows = stream(bench.seed, "bench.portfolio.questions").permutation(bench.prompts.height)[:count]
    return bench.prompts[sorted(rows.tolist())].select("prompt_id", pl.col("text").alias("prompt"), "topic")


def _answers(items: pl.DataFrame) -> pl.DataFrame:
    """Give the answers of items: no person asked for them."""
    rows = items.filter(pl.col("part") == "answer")
    return rows.drop("persona_id") if "persona_id" in rows.columns else rows


def _size(items: pl.DataFrame) -> int:
    return int(items["size"].drop_nulls()[0])


def _played(
    task: Portfolio,
    target: Scripted,
    options: Mapping[str, object],
    judge: Scripted | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    bench, models = planted_bench(
        target, judge or planted_chooser(), people=40, prompts=24, items=480, seed=seed
    )
    return play(task, replace(bench, options={"questions": 24, **options}), models)
