"""What is said of the cells of `grounded` without a model: by statistics, and by people themselves.

Every predictor learns from the respondents that are not tested, and sees of the tested what a model is told,
no more. `same again` and `retest` are the person's own answer in the other interview, as it is and as the
distribution that the changes of others make of it. Where nobody was asked twice, `carried over` keeps the
line by which a panel's items agree with themselves (`populace.opinions.ceiling`): a constant of this file.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.grounding.respondents import Plan
from populace.errors import StudyError
from populace.opinions import Inputs, Opinions
from populace.opinions.ceiling import CarriedOver, Retest, repeated
from populace.opinions.predictors import baselines

__all__ = ["AGAIN", "CARRIED", "PANEL", "RETEST", "laid_out", "predicted"]

AGAIN, RETEST, CARRIED = "same again", "retest", "carried over"
"""Arms in which people predict themselves."""
_WHOLE = ("completion", "latent classes")
"""Predictors that learn all items together."""
_COSTLY = ("logistic", "boosting")
"""Predictors that take most of the time: for the richest design only, unless they are asked for by name."""

PANEL = CarriedOver(
    coefficients=np.array([0.22012, 0.43333, 0.53385]),
    covariance=np.array(
        [
            [0.0004213, -0.0004651, -0.0003380],
            [-0.0004651, 0.0020443, -0.0020183],
            [-0.0003380, -0.0020183, 0.0041931],
        ]
    ),
    spread=0.05269,
    items=129,
    people=1823,
)
"""How items of the General Social Survey's panel (asked in 2016 or 2018, and in 2020 again) agree with
themselves: `carry_over` of the items that our codebook words, without those that an attribute tells."""


def predicted(plan: Plan) -> Iterator[pl.DataFrame]:
    """Lay out what everybody but the model says of every cell."""
    yield from _statistics(plan)
    opinions, parts = plan.opinions, plan.split
    if opinions.retest is None:
        line = [*PANEL.coefficients, *PANEL.covariance.ravel(), PANEL.spread, PANEL.items, PANEL.people]
        frame = laid_out(plan, CARRIED, "ceiling", [None] * plan.cells.height)
        yield frame.with_columns(pl.lit(pl.Series([line], dtype=pl.List(pl.Float64))).first().alias("line"))
        return
    again, train = opinions.retest[parts.test], opinions.take(parts.train)
    for arm, table in ((AGAIN, repeated(opinions, again)), (RETEST, Retest().fit(train).predict(again))):
        yield laid_out(plan, arm, "ceiling", _rows(plan, opinions, table))


def _statistics(plan: Plan) -> Iterator[pl.DataFrame]:
    """Predict by statistics: from nothing, from the inputs of each design, and from all that is known."""
    if plan.statistics == ("none",):
        return
    names = [plan.opinions.items[place].name for place in plan.cells["item"].unique().sort()]
    some = plan.open
    for design in (Inputs(), *plan.designs, plan.everything):
        hidden = plan.leaking if design.known is None else plan.hidden
        known = plan.split.known(plan.opinions, design.known, hide=hidden)
        for predictor in baselines(design, boosted=tuple(names) if _boosts(plan) else ()):
            if not _wanted(plan, predictor.name, design):
                continue
            plain, whole = design == Inputs(), predictor.name in _WHOLE
            arm = predictor.name if plain else f"{predictor.name}, {design.name}"
            # Only answers to open items are known in these designs, and none is asked: one model an item
            # learns from the others in a fraction of the time.
            kept = np.ones(len(some), dtype=bool) if whole else some
            opinions = plan.opinions.only([plan.opinions.items[place].name for place in np.flatnonzero(kept)])
            fitted = predictor.fit(opinions.take(plan.split.train), design)
            table = fitted.predict(plan.opinions.people[plan.split.test], known[:, kept])
            yield laid_out(plan, arm, "baseline", _rows(plan, opinions, table))


def _wanted(plan: Plan, name: str, design: Inputs) -> bool:
    """Say whether a predictor is fitted for a design: those of one model an item only for the richest."""
    if design == Inputs():
        return True
    if design.known is None and name not in _WHOLE:
        return False
    if plan.statistics:
        return name in plan.statistics
    return name not in _COSTLY or design == plan.designs[-1]


def _boosts(plan: Plan) -> bool:
    """Say whether gradient boosting can be learned: it comes with an extra."""
    there = importlib.util.find_spec("lightgbm") is not None
    if "boosting" in plan.statistics and not there:
        raise StudyError("boosting needs LightGBM", fix="pip install 'populace[baselines]'")
    return there


def laid_out(plan: Plan, arm: str, kind: str, p: list[list[float] | None]) -> pl.DataFrame:
    """Put predictions of all cells into rows of the items."""
    none = pl.lit(None, dtype=pl.Float64)
    return plan.frame().with_columns(
        pl.lit(arm).alias("arm"),
        pl.lit(kind).alias("kind"),
        pl.Series("p", p, dtype=pl.List(pl.Float64)),
        pl.lit("answered").alias("outcome"),
        none.alias("between_orders"),
        none.alias("between_wordings"),
        pl.lit(None, dtype=pl.Int64).alias("told"),
        pl.lit(None, dtype=pl.List(pl.Float64)).alias("line"),
    )


def _rows(plan: Plan, opinions: Opinions, table: np.ndarray) -> list[list[float] | None]:
    """Cut the rows of cells out of a table of some items, shape (tests, their options)."""
    places = {item.name: place for place, item in enumerate(opinions.items)}
    columns = np.array([places[plan.opinions.items[place].name] for place in plan.cells["item"]])
    wide = opinions.gather(plan.cells["person"].to_numpy(), columns, table)
    return [row[:size].tolist() for row, size in zip(wide, opinions.sizes[columns], strict=True)]
