"""`response-prediction`: how will this person respond, given little of the person?

People of a survey, of a conversation on Polis, or who replied to news (RFPN) are known by some of their own
responses and are to respond to something else. A model is told what a recipe chooses within a budget of
tokens (`populace.memory.predicting.briefing`): the paper's method (arXiv 2402.11060), and without each of its
parts. Beside it stand routes without any model, told the same, and everybody's mode; where people answered
twice, themselves. With 0, 3, 10 and all own responses; lurkers and frequent users apart.

Options: `survey` (file or folder; `format` auto, survey, polis, opinionqa, rfpn or saved; `codebook`,
`later`, `year`); `respondents` (40) and `asked` (5) of each; `known` ("0,3,10", beside all); `tokens` (400;
several make a curve); `recipes` (all; or some of no join, no induced, no distilled, recency, retrieval only,
full history, summary; or none); `routes` (all; or some of own group, own, join, collaborative, collaborative
+ join, blend; or none); `strict` (true: routes without others' answers to the very question too); `lurkers`
(0.25: the share of the tested with the shortest history, and of those with the longest).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from populace.bench.responding.arms import BOTH, Told, design, mixture, statistics
from populace.bench.responding.auditing import findings_of
from populace.bench.responding.planning import Plan, planned
from populace.bench.responding.rfpn import Replies
from populace.bench.responding.scoring import hits_of, scores_of
from populace.bench.result import Finding, Score
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.memory.predicting.asking import choose_requests, read_choice, read_signed, signed_request
from populace.memory.predicting.briefing import RECIPES, Briefing, Known, Recipe, briefed
from populace.models.records import Request, Result
from populace.opinions import Opinions
from populace.stats import Estimate

__all__ = ["NOBODY", "STRANGER", "ResponsePrediction"]

NOBODY, STRANGER = "lm, nobody", "lm, stranger"
_SCHEMA = {
    "arm": pl.String,
    "kind": pl.String,
    "known": pl.String,
    "tokens": pl.Int64,
    "told": pl.Int64,
    "joined": pl.Int64,
    "p": pl.List(pl.Float64),
    "said": pl.Int64,
    "score": pl.Float64,
    "outcome": pl.String,
    "between_orders": pl.Float64,
}


class ResponsePrediction:
    """How well a person's response is predicted from little of the person's history.

    Parameters
    ----------
    source
        What people answered or replied, in the place of the option `survey`.
    """

    meta = TaskMeta(
        name="response-prediction",
        version=1,
        summary="how well a person's response is predicted from little history",
        main_measure="accuracy",
        reference="arXiv 2402.11060 and 2305.16470; docs/design/response-prediction.md",
        judged=False,
        own_people=True,
        needs="--option survey=FILE_OR_FOLDER",
    )

    def __init__(self, source: Opinions | Replies | None = None) -> None:
        self.source = source

    def play(self, bench: Bench) -> Play:
        """Ask the model every cell in every arm; predict the same cells without it."""
        plan = planned(bench, self.source)
        frame, told, frames = plan.frame(), Told(plan), []
        model: list[list[float] | None] = []
        for arm, count, tokens, recipe, knowns in _arms(plan, told):
            briefings = [briefed(known, recipe, tokens) for known in knowns]
            asked = _requests(bench, plan, briefings)
            results = yield Ask(
                stage=f"responses, {arm}, {count}",
                to="target",
                requests=[one for some in asked for one in some],
            )
            frames.append(_answered(frame, plan, arm, count, briefings, asked, results))
            if (arm, count) == ("lm", design(None)):
                model = frames[-1]["p"].to_list()
        for arm, kind, count, p in statistics(plan):
            frames.append(
                _laid_out(frame, arm, kind, count, [{"p": each, "outcome": "answered"} for each in p])
            )
            if (arm, count) == ("collaborative", design(None)) and any(each is not None for each in model):
                both = mixture(plan, model, p)
                rows = [{"p": each, "outcome": "answered"} for each in both]
                frames.append(_laid_out(frame, BOTH, "blend", count, rows))
        return pl.concat(frames)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every arm on the same cells."""
        return scores_of(items, counting)

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the model against those who know less, and statistics that know the same."""
        return findings_of(items, counting)

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: of each response, whether it was predicted."""
        rows = items.filter(kind="model")
        arms = pl.format("{}, {}", "arm", "known")
        return rows.select("persona_id", "prompt_id", arm=arms, value=pl.Series(hits_of(rows)))

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted accuracies of a seed's people, and what the task finds."""
        from populace.bench.responding.planting import recovered

        yield from recovered(seed)

    def validate(self) -> None:
        """Recover planted quality; find models that ignore the person, go by place, or do not answer."""
        from populace.bench.responding.planting import validated

        validated()


def _arms(plan: Plan, told: Told) -> Iterator[tuple[str, str, int, Recipe, Sequence[Known]]]:
    """List the model's arms: name, design, budget, recipe, and what is known at every cell."""
    first, cells = plan.tokens[-1], len(plan.frame())
    yield NOBODY, design(0), first, RECIPES["lm"], [Known()] * cells
    for count in plan.counts:
        if count is not None:
            yield "lm", design(count), first, RECIPES["lm"], told.of(count)
    everything = told.of(None)
    for name in plan.recipes:
        yield name, design(None), first, RECIPES[name], everything
    for tokens in plan.tokens[:-1]:
        yield f"lm, {tokens} tokens", design(None), tokens, RECIPES["lm"], everything
    yield STRANGER, design(None), first, RECIPES["lm"], told.of(None, plan.others())


def _requests(bench: Bench, plan: Plan, briefings: Sequence[Briefing]) -> list[tuple[Request, ...]]:
    """Ask every cell: a choice in both orders, a reply's sentiment once."""
    found: list[tuple[Request, ...]] = []
    for briefing, column in zip(briefings, plan.cells(None).columns, strict=True):
        item = plan.opinions.items[column]
        if plan.replies is not None:
            found.append((signed_request(bench.target, briefing, item.question, seed=bench.seed),))
        else:
            found.append(
                choose_requests(bench.target, briefing, item.question, item.options, seed=bench.seed)
            )
    return found


def _answered(
    frame: pl.DataFrame,
    plan: Plan,
    arm: str,
    count: str,
    briefings: Sequence[Briefing],
    asked: Sequence[tuple[Request, ...]],
    results: Sequence[Result | None],
) -> pl.DataFrame:
    """Lay out what the model said."""
    rest, rows = iter(results), []
    for briefing, some in zip(briefings, asked, strict=True):
        given = [next(rest) for _ in some]
        row: dict[str, object] = {
            "tokens": briefing.tokens,
            "told": briefing.own,
            "joined": briefing.joined,
        }
        if plan.replies is not None:
            reply = read_signed(given[0])
            row |= {"said": reply.polarity, "score": reply.score, "outcome": reply.outcome}
        else:
            answer = read_choice(given)
            row |= {"p": answer.p, "outcome": answer.outcome, "between_orders": answer.spread}
        rows.append(row)
    return _laid_out(frame, arm, "model", count, rows)


def _laid_out(
    frame: pl.DataFrame, arm: str, kind: str, count: str, rows: Sequence[dict[str, object]]
) -> pl.DataFrame:
    """Put an arm beside the cells."""
    said = pl.DataFrame([{"arm": arm, "kind": kind, "known": count} | row for row in rows], schema=_SCHEMA)
    return pl.concat([frame, said], how="horizontal")
