"""What a whole population thinks: multilevel regression and post-stratification.

Item by item, answers are regressed on who people are (`multilevel`), and what the regression says of every
kind of person is averaged over the kinds as the census has them. A sample in which some are few is mended so,
as far as the factors tell who answers and how: who differs in what no factor tells stays missing. The
survey's own weighted estimate stands beside.

A model's predictions for people of the census are averaged by `predicted_opinion`, which stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.intervals import reach
from populace.opinions.items import Item
from populace.opinions.multilevel import Multilevel, design_of, fit_multilevel
from populace.opinions.strata import strata
from populace.opinions.table import Opinions
from populace.opinions.threads import one_thread
from populace.population.people import Population
from populace.stats.reliability import wilson
from populace.streams import stream

__all__ = ["PAIRS", "poststratify", "predicted_opinion"]

PAIRS = (("age", "education"), ("race", "education"))
"""Pairs of factors that have effects of their own, where both are there."""
_FEWEST = 30
"""Answers that an item needs."""


def poststratify(
    opinions: Opinions,
    population: Population | pl.DataFrame,
    *,
    items: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    by: Sequence[str] = (),
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Estimate what a population would answer.

    The survey's weights go into the regression, scaled to as many answers as they are worth (Kish), so that
    what they tell beyond the factors is kept.

    Parameters
    ----------
    opinions
        Respondents and their answers.
    population
        Such as `populace.population.build("us-2024", size=50_000, adults=True)`: people with a `weight`
        and the same attributes.
    items
        Their names; all by default. Items that fewer than 30 answered are left out.
    factors
        See `populace.opinions.strata.strata`; by default all that both sides tell.
    pairs
        Pairs of factors with effects of their own; `PAIRS` by default, as far as there.
    by
        Factors for whose levels there are estimates too.
    draws
        From the posterior.
    seed, level
        Of the draws; coverage aimed at.

    Returns
    -------
    A row an item, group and option: `item, factor, group` (null for everybody), `option`; the estimate
    `value, low, high`; the survey's own weighted share `survey, survey_low, survey_high` (Wilson's interval
    of the trials that its weights leave) and `design_effect`; its unweighted share `raw`; `n` answers,
    `level`, `method`, `seed`.

    Raises
    ------
    DataError
        If the population is empty or tells none of the factors, or `by` names what is no factor.
    """
    frame = population.frame if isinstance(population, Population) else population
    cells = _cells(opinions, frame, factors)
    _check(by, cells.names)
    wanted = [p for p in PAIRS if set(p) <= set(cells.names)] if pairs is None else list(pairs)
    places = range(len(opinions.items)) if items is None else [opinions.place(name) for name in items]
    rows: list[dict[str, object]] = []
    with one_thread():
        for place in places:
            answered = np.flatnonzero(opinions.answered[:, place] & (opinions.weights > 0))
            if answered.size >= _FEWEST:
                some = _Sample(opinions, place, answered)
                rows += _estimates(cells, some, wanted, by, draws, seed, level)
    return pl.DataFrame(rows, schema=_SCHEMA)


def _estimates(
    cells: _Cells,
    some: _Sample,
    pairs: Sequence[tuple[str, str]],
    by: Sequence[str],
    draws: int,
    seed: int,
    level: float,
) -> Iterator[dict[str, object]]:
    """Regress one item, and average over the kinds of people."""
    rng = stream(seed, f"opinions.poststratify {some.item.name}")
    drawn = _fitted(cells, some, pairs).drawn(cells.kinds, draws, rng)
    for factor, group, inside, member in _groups(cells, by):
        masses = cells.masses[inside]
        if masses.sum() > 0:
            # The mean of the draws, not the value at the mode: shares are no line in the effects.
            found = masses / masses.sum() @ drawn[:, inside]
            ends = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
            yield from _lines(some, factor, group, found.mean(axis=0), ends, member, draws, seed, level)


@dataclass(frozen=True)
class _Cells:
    """Kinds of people: levels of the population, its mass of each, and levels of the respondents."""

    names: list[str]
    kinds: pl.DataFrame
    masses: np.ndarray
    respondents: pl.DataFrame


class _Sample:
    """Answers to one item."""

    def __init__(self, opinions: Opinions, place: int, rows: np.ndarray) -> None:
        self.item: Item = opinions.items[place]
        self.rows, self.codes = rows, opinions.answers[rows, place].astype(np.int64)
        self.weights = opinions.weights[rows]
        self.hot = (self.codes[:, None] == np.arange(self.item.size)).astype(np.float64)


def _cells(opinions: Opinions, frame: pl.DataFrame, factors: Sequence[str] | None) -> _Cells:
    if frame.is_empty() or "weight" not in frame.columns or not frame["weight"].sum() > 0:
        raise DataError("the population has no people with a weight", column="weight")
    respondents, others = strata(opinions.people, factors), strata(frame, factors)
    names = [name for name in respondents.columns if name in others.columns]
    if not names:
        raise DataError("respondents and population share no factor", fix="name `factors` that both tell")
    kinds = (
        others.select(names)
        .with_columns(weight=frame["weight"].cast(pl.Float64))
        .group_by(names)
        .agg(pl.col("weight").sum())
        .sort(names)
    )
    return _Cells(names, kinds.select(names), kinds["weight"].to_numpy(), respondents.select(names))


def _check(by: Sequence[str], names: Sequence[str]) -> None:
    for name in by:
        if name not in names:
            raise DataError(f"{name} is no factor", fix=f"take some of {', '.join(names)}")


def _fitted(cells: _Cells, some: _Sample, pairs: Sequence[tuple[str, str]]) -> Multilevel:
    """Regress one item on its respondents, those of a kind together."""
    levels = cells.respondents[some.rows]
    worth = some.weights.sum() / (some.weights**2).sum()
    names = [f"option {place}" for place in range(some.item.size)]
    kinds = (
        levels.with_columns(pl.DataFrame(some.hot * (some.weights * worth)[:, None], schema=names))
        .group_by(cells.names)
        .agg(pl.col(names).sum())
        .sort(cells.names)
    )
    return fit_multilevel(kinds.select(cells.names), kinds.select(names).to_numpy(), design_of(levels, pairs))


def _groups(
    cells: _Cells, by: Sequence[str]
) -> Iterator[tuple[str | None, str | None, np.ndarray, np.ndarray]]:
    """Give everybody and each level: factor, level, which kinds and which respondents."""
    yield None, None, np.ones(cells.kinds.height, dtype=bool), np.ones(cells.respondents.height, dtype=bool)
    for factor in by:
        for group in cells.kinds[factor].drop_nulls().unique().sort():
            yield (
                factor,
                str(group),
                (cells.kinds[factor] == group).fill_null(value=False).to_numpy(),
                (cells.respondents[factor] == group).fill_null(value=False).to_numpy(),
            )


def _lines(
    some: _Sample,
    factor: str | None,
    group: str | None,
    value: np.ndarray,
    ends: np.ndarray,
    member: np.ndarray,
    draws: int,
    seed: int,
    level: float,
) -> Iterator[dict[str, object]]:
    inside = member[some.rows]
    weights, hot = some.weights[inside], some.hot[inside]
    for place, option in enumerate(some.item.options):
        share, low, high, effect = _weighted(hot[:, place], weights, level)
        yield {
            "item": some.item.name,
            "factor": factor,
            "group": group,
            "option": option,
            "value": float(value[place]),
            "low": float(ends[0, place]),
            "high": float(ends[1, place]),
            "survey": share,
            "survey_low": low,
            "survey_high": high,
            "design_effect": effect,
            "raw": float(hot[:, place].mean()) if len(hot) else None,
            "n": int(inside.sum()),
            "level": level,
            "method": f"multilevel regression, post-stratified; {draws} draws of the posterior",
            "seed": seed,
        }


def _weighted(
    hits: np.ndarray, weights: np.ndarray, level: float
) -> tuple[float | None, float | None, float | None, float | None]:
    """Give a weighted share, its interval and design effect (its variance over a simple random sample's)."""
    if len(hits) == 0:
        return None, None, None, None
    share = float(weights @ hits / weights.sum())
    kish = float(len(hits) * (weights**2).sum() / weights.sum() ** 2)
    effect = kish
    if 0 < share < 1 and len(hits) > 1:
        variance = float(((weights * (hits - share)) ** 2).sum() / weights.sum() ** 2)
        effect = variance * len(hits) / (share * (1 - share))
    low, high = wilson(share, len(hits) / effect, level)
    return share, low, high, effect


def predicted_opinion(
    items: Sequence[Item],
    people: pl.DataFrame,
    table: np.ndarray,
    *,
    by: Sequence[str] = (),
    level: float = 0.95,
) -> pl.DataFrame:
    """Average a model's predictions for people of a population, by their weights.

    Parameters
    ----------
    items
        M questions, K options in all.
    people
        Those it played, drawn from the population, with `weight` and attributes.
    table
        Shape (n, K), its probabilities, nan where it gave none. Such people are left out of the item, and `n`
        tells.
    by
        Factors (see `populace.opinions.strata`) for whose levels there are estimates too.
    level
        Coverage of intervals over people: they tell how few people were drawn, not how wrong the model is.

    Returns
    -------
    A row an item, group and option: `item, factor, group, option, value, low, high, n, level, method`.

    Raises
    ------
    DataError
        If the table does not fit.

    Examples
    --------
    >>> people = pl.DataFrame({"weight": [1.0, 3.0]})
    >>> item = Item(name="q", options=("Yes", "No"))
    >>> predicted_opinion([item], people, np.array([[1.0, 0.0], [0.5, 0.5]]))["value"].to_list()
    [0.625, 0.375]
    """
    starts = np.concatenate([[0], np.cumsum([item.size for item in items])])
    if table.shape != (people.height, starts[-1]):
        raise DataError(f"a table of the shape {table.shape} does not fit {people.height} people and options")
    levels = strata(people, by) if by else pl.DataFrame()
    weights = people["weight"].to_numpy().astype(np.float64)
    groups: list[tuple[str | None, str | None, np.ndarray]] = [(None, None, weights > 0)]
    for factor in by:
        for group in levels[factor].drop_nulls().unique().sort():
            inside = (levels[factor] == group).fill_null(value=False).to_numpy()
            groups.append((factor, str(group), inside))
    rows = []
    for item, start in zip(items, starts, strict=False):
        part = table[:, start : start + item.size]
        there = ~np.isnan(part).any(axis=1) & (weights > 0)
        for factor, group, inside in groups:
            some = there & inside
            value, half = _mean(part[some], weights[some], level)
            for place, option in enumerate(item.options):
                rows.append(
                    {
                        "item": item.name,
                        "factor": factor,
                        "group": group,
                        "option": option,
                        "value": float(value[place]),
                        "low": max(float(value[place] - half[place]), 0.0),
                        "high": min(float(value[place] + half[place]), 1.0),
                        "n": int(some.sum()),
                        "level": level,
                        "method": "weighted mean of predictions, linearised over people",
                    }
                )
    return pl.DataFrame(
        rows,
        schema={name: _SCHEMA[name] for name in (*_KEYS, "value", "low", "high", "n", "level", "method")},
    )


def _mean(part: np.ndarray, weights: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Give weighted means and half their intervals, nan where there is none."""
    count = len(part)
    if not count:
        return np.full(part.shape[1], np.nan), np.full(part.shape[1], np.nan)
    mean = weights @ part / weights.sum()
    if count < 2:
        return mean, np.full(part.shape[1], np.nan)
    moved = weights[:, None] * (part - mean) / weights.sum()
    return mean, reach(level, count - 1) * np.sqrt((moved**2).sum(axis=0) * count / (count - 1))


_KEYS = ("item", "factor", "group", "option")
_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(_KEYS, pl.String),
    **dict.fromkeys(("value", "low", "high", "survey", "survey_low", "survey_high"), pl.Float64),
    **dict.fromkeys(("design_effect", "raw"), pl.Float64),
    "n": pl.Int64,
    "level": pl.Float64,
    "method": pl.String,
    "seed": pl.Int64,
}
