"""From the items of `grounded` to its scores: every arm on the same cells, and beside what it must beat.

A cell counts where no arm's call failed. A refusal counts as every option alike: who says nothing knows
nothing. All is weighted as the survey is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.bench.grounding.cells import Grounds, read_grounds
from populace.bench.grounding.predicting import AGAIN, CARRIED, RETEST
from populace.bench.grounding.respondents import NOBODY, STRANGER
from populace.bench.result import Score
from populace.bench.scoring import mean_of, rate
from populace.bench.task import Counting
from populace.opinions.attainable import attained
from populace.opinions.gaps import subgroup_gaps
from populace.opinions.groups import group_scores
from populace.opinions.measures import MEASURES
from populace.opinions.scores import individual_scores
from populace.stats import Estimate

__all__ = ["NO_PERSON", "SHARE", "above", "estimate_of", "scores_of", "share_of"]

NO_PERSON = ("uniform", "population")
"""Baselines that know nothing of a person: where the achievable range begins."""
SHARE = "share of the range"
_GROUPS = ("sex", "age", "race", "education", "political_views")
"""Attributes by whose values it is told apart who is predicted well."""
_MEANS = ("accuracy", "log score")


def scores_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score the items of a run; the headline is the accuracy of the model that was told most."""
    grounds = read_grounds(items)
    books = _books(items, grounds, counting)
    if grounds.richest not in grounds.tables or not grounds.cells.any():
        return [Score(measure="accuracy", arm=grounds.richest, estimate=_undefined(counting)), *books]
    return [
        *_individuals(grounds, counting),
        *_shares(grounds, counting),
        *_differences(grounds, counting),
        *_crowds(grounds, counting),
        *_gaps(grounds, counting),
        *books,
    ]


def above(grounds: Grounds, arm: str, bases: Iterable[str], counting: Counting) -> dict[str, list[Estimate]]:
    """Give how much better an arm scores than others, on the same cells: base -> accuracy and log score."""
    others = [base for base in bases if base in grounds.tables and base != arm]
    if not others or arm not in grounds.tables:
        return {}
    table = individual_scores(
        grounds.opinions,
        grounds.split,
        grounds.some([arm, *others]),
        against=(arm,),
        measures=_MEANS,
        **grounds.shared,
        **counting.settings(),
    ).drop_nulls("against")
    # The scores are those of the others less the arm's.
    found: dict[str, list[Estimate]] = {base: [] for base in others}
    for row in table.iter_rows(named=True):
        made = estimate_of(row, value=-row["value"], low=-row["high"], high=-row["low"])
        found[row["predictor"]].append(made)
    return found


def share_of(grounds: Grounds, arm: str, measure: str, counting: Counting) -> Estimate | None:
    """Give the share of the achievable range that an arm attains; None where nothing says how far it goes."""
    ceiling = grounds.line
    if AGAIN in grounds.tables:
        ceiling = AGAIN if measure == "accuracy" else RETEST
    if ceiling is None or (measure != "accuracy" and not isinstance(ceiling, str)):
        return None
    found = attained(
        grounds.opinions,
        grounds.split,
        grounds.tables,
        model=arm,
        baselines=NO_PERSON,
        ceiling=ceiling,
        measure=measure,
        seed=counting.seed,
        level=counting.level,
        **grounds.shared,
    )
    plain = {name: float(getattr(found.share, name)) for name in ("value", "low", "high")}
    return msgspec.structs.replace(found.share, **plain)


def _individuals(grounds: Grounds, counting: Counting) -> Iterator[Score]:
    """Score every arm in every measure, the richest first."""
    first = grounds.richest
    order = [first, *(arm for kind in ("model", "ceiling", "baseline") for arm in grounds.of(kind))]
    arms = [arm for arm in dict.fromkeys(order) if arm in grounds.tables]
    settings = {**grounds.shared, **counting.settings()}
    made = individual_scores(grounds.opinions, grounds.split, grounds.some(arms), **settings)
    for measure in MEASURES:
        for row in made.filter(measure=measure).iter_rows(named=True):
            # What was said again is sure of itself, which no score of distributions forgives.
            if row["predictor"] != AGAIN or measure == "accuracy":
                yield Score(measure=measure, arm=row["predictor"], estimate=estimate_of(row))
        if measure == "accuracy" and grounds.line is not None:
            weights = np.where(grounds.cells, grounds.opinions.weights[:, None], 0.0).sum(axis=0)
            kept = grounds.line.mean(grounds.opinions, weights, level=counting.level)
            yield Score(measure=measure, arm=CARRIED, estimate=kept, note=kept.method)


def _shares(grounds: Grounds, counting: Counting) -> Iterator[Score]:
    """Say how far everybody who knows something of the person gets."""
    arms = [arm for arm in (*grounds.of("model"), *grounds.of("baseline")) if arm not in NO_PERSON]
    for measure in _MEANS:
        for arm in arms:
            if arm not in grounds.tables:
                continue
            share = share_of(grounds, arm, measure, counting)
            if share is not None:
                note = "the ceiling is carried over from a panel" if grounds.line is not None else ""
                yield Score(measure=f"{SHARE}, {measure}", arm=arm, estimate=share, note=note)


def _differences(grounds: Grounds, counting: Counting) -> Iterator[Score]:
    """Hold each design against those who know less, and against statistics that know the same."""
    for arm in grounds.of("model"):
        if arm in (NOBODY, STRANGER):
            continue
        bases = [*NO_PERSON, NOBODY, *([STRANGER] if arm == grounds.richest else []), *grounds.beside(arm)]
        for base, estimates in above(grounds, arm, bases, counting).items():
            for measure, estimate in zip(_MEANS, estimates, strict=True):
                yield Score(measure=f"{measure}, above {base}", arm=arm, estimate=estimate)


def _crowds(grounds: Grounds, counting: Counting) -> Iterator[Score]:
    """Hold the mean predictions of items against the distributions of answers."""
    arms = [*grounds.of("model"), *NO_PERSON, *grounds.beside(grounds.richest)]
    made = group_scores(
        grounds.opinions,
        grounds.split,
        grounds.some([arm for arm in arms if arm in grounds.tables]),
        **grounds.shared,
        seed=counting.seed,
        level=counting.level,
    )
    for row in made.iter_rows(named=True):
        left = row["sampling"]
        note = "" if math.isnan(left) else f"as seen {row['raw']:.3f}; sampling alone leaves {left:.3f}"
        estimate = estimate_of(row)
        if not estimate.defined:
            note = "no item was answered by ten of these people"
        yield Score(measure=row["measure"], arm=row["predictor"], estimate=estimate, note=note)


def _gaps(grounds: Grounds, counting: Counting) -> Iterator[Score]:
    """Say who is predicted worse, and how far groups truly differ."""
    by = tuple(name for name in _GROUPS if name in grounds.opinions.people.columns)
    arms = [arm for arm in (grounds.richest, "population") if arm in grounds.tables]
    if not by:
        return
    made = subgroup_gaps(
        grounds.opinions, grounds.split, grounds.some(arms), by, level=counting.level, **grounds.shared
    )
    asked = grounds.cells.sum()
    for (arm, attribute), rows in made.group_by("predictor", "attribute", maintain_order=True):
        first = rows.row(0, named=True)
        spread = Estimate(
            value=first["spread"],
            low=first["spread_low"],
            high=first["spread_high"],
            level=counting.level,
            n=int(asked),
            clusters=int(rows["people"].sum()),
            method="standard deviation of true means of groups, Paule-Mandel, Q profile",
        )
        yield Score(
            measure="spread of accuracy between groups",
            arm=str(arm),
            group=str(attribute),
            estimate=spread,
            p_value=first["p_value"],
        )
        for row in rows.iter_rows(named=True):
            estimate = Estimate(
                value=row["value"],
                low=row["low"],
                high=row["high"],
                level=counting.level,
                n=row["people"],
                clusters=row["people"],
                method=row["method"],
            )
            note = "few people" if row["shrunken"] is None else f"raw; shrunken {row['shrunken']:.3f}"
            yield Score(
                measure="accuracy",
                arm=str(arm),
                group=f"{attribute}={row['group']}",
                estimate=estimate,
                note=note,
            )


def _books(items: pl.DataFrame, grounds: Grounds, counting: Counting) -> list[Score]:
    """Count what was refused and what failed, what order and wording move, and how much was told."""
    found = []
    for arm in grounds.of("model"):
        rows = items.filter(arm=arm)
        for outcome in ("refused", "failed"):
            counted = rate(rows, rows["outcome"] == outcome, counting)
            found.append(Score(measure=f"answers_{outcome}", arm=arm, estimate=counted))
        for name in ("between_orders", "between_wordings"):
            if rows[name].count():
                measure = name.replace("_", " ")
                note = "total variation: 0 where it changes nothing, 1 where it changes all"
                found.append(
                    Score(measure=measure, arm=arm, estimate=mean_of(rows, name, counting), note=note)
                )
    return found


def estimate_of(row: Mapping[str, Any], **changes: Any) -> Estimate:
    """Read an estimate from a row of a table that has its fields."""
    return Estimate(**({name: row[name] for name in Estimate.__struct_fields__} | changes))


def _undefined(counting: Counting) -> Estimate:
    nan = math.nan
    return Estimate(
        value=nan,
        low=nan,
        high=nan,
        level=counting.level,
        n=0,
        clusters=0,
        method="undefined: every call failed",
    )
