"""`grounded`: does a model that plays a person answer as that person did?

Respondents of a survey are described to the model by their attributes, with and without party and ideology,
and with some of their own answers; it is asked other questions of the survey. What it says is held against
what they said. The same cells are predicted from the same inputs by statistics that play nobody
(`populace.opinions`), by the model without a person and with a stranger's description; and where the survey
asked its people twice, by themselves.

Options: `survey` (a file, or a folder of a Polis conversation) and `codebook`, `later`, `year`, `unworded`;
`respondents` (40) and `asked` (up to 5) questions of each, of `questions` (all); `known` ("3,10"; 0 for
none), `wordings` (1), `leaks`, `statistics` (all; or some of own group, logistic, boosting, completion, or
none).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from populace.bench.grounding.asking import Told, View, read_view, survey_requests
from populace.bench.grounding.auditing import findings_of
from populace.bench.grounding.predicting import laid_out, predicted
from populace.bench.grounding.respondents import NOBODY, Plan, planned
from populace.bench.grounding.scoring import scores_of
from populace.bench.result import Finding, Score
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.models.records import Request, Result
from populace.opinions import Opinions
from populace.stats import Estimate

__all__ = ["Grounded"]

_Key: TypeAlias = tuple[int, int, str]
"""Person (-1 for nobody), item and wording."""


class Grounded:
    """How well a model's distributions predict what real people answered.

    Parameters
    ----------
    opinions
        What people answered, in the place of the option `survey`.
    """

    meta = TaskMeta(
        name="grounded",
        version=1,
        summary="whether a model that plays a person answers as that person did",
        main_measure="accuracy",
        reference="docs/design/grounded.md; after OpinionQA (arXiv 2303.17548)",
        judged=False,
        own_people=True,
        needs="--option survey=FILE --option codebook=NAME",
    )

    def __init__(self, opinions: Opinions | None = None) -> None:
        self.opinions = opinions

    def play(self, bench: Bench) -> Play:
        """Ask the model every cell in every arm; predict the same cells without it."""
        plan = planned(bench, self.opinions)
        frames, bare = [], {}
        for arm, told in plan.told(bench).items():
            asked = _asked(bench, plan, told, nobody=arm == NOBODY)
            requests = [request for some in asked.values() for request in some]
            results = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
            found = _sorted(asked, results)
            bare = found if arm == NOBODY else bare
            frames.append(_answered(bench, plan, arm, told, found, bare))
        frames += predicted(plan)
        return pl.concat(frames)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every arm on the same cells."""
        return scores_of(items, counting)

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the model against those who know less, and statistics that know the same."""
        return findings_of(items, counting)

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: of each answer, whether the likeliest option was it."""
        rows = items.filter(kind="model").drop_nulls("p")
        return rows.select("persona_id", "prompt_id", "arm", value=_hit())

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted scores of a seed's respondents, and what the task finds."""
        from populace.bench.grounding.planting import recovered

        yield from recovered(seed)

    def validate(self) -> None:
        """Recover the planted quality of a model; find the models that ignore people, or options' places."""
        from populace.bench.grounding.planting import validated

        validated()


def _hit() -> pl.Expr:
    """Read whether the truth is the likeliest option; a tie counts by how many share it."""
    best = pl.col("p").list.max()
    there = pl.col("p").list.get(pl.col("truth")) >= best - 1e-12
    many = pl.col("p").list.eval((pl.element() >= pl.element().max() - 1e-12).cast(pl.Float64)).list.sum()
    return there.cast(pl.Float64) / many


def _asked(
    bench: Bench, plan: Plan, told: Sequence[Told], *, nobody: bool
) -> dict[_Key, tuple[Request, ...]]:
    """List the requests of every cell and wording; what is put to nobody in particular is asked once."""
    found = {}
    for person, place in plan.cells.iter_rows():
        item = plan.opinions.items[place]
        for wording in plan.wordings_of(place):
            key = (-1 if nobody else person, place, wording)
            if key not in found:
                found[key] = survey_requests(bench, item, wording, told[person])
    return found


def _sorted(
    asked: Mapping[_Key, tuple[Request, ...]], results: Sequence[Result | None]
) -> dict[_Key, list[Result | None]]:
    """Give every cell and wording its results."""
    rest = iter(results)
    return {key: [next(rest) for _ in some] for key, some in asked.items()}


def _answered(
    bench: Bench,
    plan: Plan,
    arm: str,
    told: Sequence[Told],
    found: Mapping[_Key, Sequence[Result | None]],
    bare: Mapping[_Key, Sequence[Result | None]],
) -> pl.DataFrame:
    """Lay out what the model said of every cell: the mean over wordings, if all were answered."""
    rows = []
    for person, place in plan.cells.iter_rows():
        views = []
        for wording in plan.wordings_of(place):
            results = found[(-1 if arm == NOBODY else person), place, wording]
            against = bare[-1, place, wording] if bench.way == "likelihood" and arm != NOBODY else ()
            views.append(read_view(results, against))
        rows.append(_mean(views))
    p, outcome, orders, wordings = zip(*rows, strict=True)
    known = [len(told[person].known) for person in plan.cells["person"]]
    return laid_out(plan, arm, "model", list(p)).with_columns(
        pl.Series("outcome", outcome, dtype=pl.String),
        pl.Series("between_orders", orders, dtype=pl.Float64),
        pl.Series("between_wordings", wordings, dtype=pl.Float64),
        pl.Series("told", known, dtype=pl.Int64),
    )


def _mean(views: Sequence[View]) -> tuple[list[float] | None, str, float | None, float | None]:
    """Average the wordings: probabilities, outcome, spread between orders and between wordings."""
    bad = next((view.outcome for view in views if view.p is None), None)
    if bad:
        return None, bad, None, None
    told = np.array([view.p for view in views])
    orders = [view.spread for view in views if view.spread is not None]
    mean = told.mean(axis=0)
    apart = float(np.abs(told - mean).sum(axis=1).mean() / 2) if len(views) > 1 else None
    return mean.tolist(), "answered", float(np.mean(orders)) if orders else None, apart
