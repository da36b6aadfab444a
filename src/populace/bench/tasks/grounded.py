"""`grounded`: does a model that plays a person answer as that person did?

Respondents of a survey are described to the model by their attributes, with and without party and ideology, and
with some of their own answers; it is asked other questions of the survey. What it says is held against what they
said. The same cells are predicted from the same inputs by statistics that play nobody (`populace.opinions`), by
the model without a person and with a stranger's description; and where the survey asked its people twice, by
themselves.

Options: `survey` and `codebook` (required), `later`, `year`, `people` (60), `asked` (5), `known` ("3,10"),
`wordings` (1), `leaks`, `unworded`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from populace.bench.grounding.asking import Told, View, read_view, survey_requests
from populace.bench.grounding.respondents import Plan, planned
from populace.bench.result import Finding, Score
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.models.records import Request, Result
from populace.opinions import Inputs
from populace.opinions.predictors import baselines

__all__ = ["Grounded"]

_Key: TypeAlias = tuple[int, int, str]
"""Person (-1 for nobody), item and wording."""
NOBODY = "nobody"


class Grounded:
    """How well a model's distributions predict what real people answered."""

    meta = TaskMeta(
        name="grounded",
        version=1,
        summary="whether a model that plays a person answers as that person did",
        main_measure="accuracy",
        reference="docs/design/grounded.md; after OpinionQA (arXiv 2303.17548)",
        judged=False,
    )

    def play(self, bench: Bench) -> Play:
        """Ask the model every cell in every arm; predict the same cells without it."""
        plan = planned(bench)
        frames, bare = [], {}
        for arm, told in plan.told(bench).items():
            asked = _asked(bench, plan, told, nobody=arm == NOBODY)
            requests = [request for some in asked.values() for request in some]
            results = yield Ask(stage=f"answers, {arm}", to="target", requests=requests)
            found = _sorted(asked, results)
            bare = found if arm == NOBODY else bare
            frames.append(_answered(bench, plan, arm, found, bare))
        frames += _predicted(plan)
        return pl.concat(frames)

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every arm on the same cells."""
        raise NotImplementedError

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the model against those who know less."""
        raise NotImplementedError


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
    return plan.frame().with_columns(
        pl.lit(arm).alias("arm"),
        pl.lit("model").alias("kind"),
        pl.Series("p", p, dtype=pl.List(pl.Float64)),
        pl.Series("outcome", outcome, dtype=pl.String),
        pl.Series("between_orders", orders, dtype=pl.Float64),
        pl.Series("between_wordings", wordings, dtype=pl.Float64),
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


def _predicted(plan: Plan) -> Iterator[pl.DataFrame]:
    """Lay out what every baseline says of every cell, from the inputs of every design."""
    opinions, parts = plan.opinions, plan.split
    train, people = opinions.take(parts.train), opinions.people[parts.test]
    rows, columns = plan.cells["person"].to_numpy(), plan.cells["item"].to_numpy()
    none = np.zeros(parts.asked.shape, dtype=bool)
    designs = [(design, plan.hidden()) for design in plan.designs] + [(plan.everything, none)]
    # Those who look at nobody predict the same whatever is known: they are asked once, knowing nothing.
    for design, hidden in [(Inputs(), none), *designs]:
        known = parts.known(opinions, design.known, hide=hidden)
        for predictor in baselines(design):
            table = predictor.fit(train, design).predict(people, known)
            p = [
                row[:size].tolist()
                for row, size in zip(
                    opinions.gather(rows, columns, table), opinions.sizes[columns], strict=True
                )
            ]
            yield plan.frame().with_columns(
                pl.lit(predictor.name if design == Inputs() else f"{predictor.name}, {design.name}").alias(
                    "arm"
                ),
                pl.lit("baseline").alias("kind"),
                pl.Series("p", p, dtype=pl.List(pl.Float64)),
                pl.lit("answered").alias("outcome"),
                pl.lit(None, dtype=pl.Float64).alias("between_orders"),
                pl.lit(None, dtype=pl.Float64).alias("between_wordings"),
            )
