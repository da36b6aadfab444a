"""`score`: how well a model follows steering functions.

For each steering function f there is an outcome: the objectives of M_f, the model steered by f. The Roadmap's
score is the sum of f(M_f); regret is what the best outcome at hand would have had more. Both are shown beside
models that nobody steers: the best single one, and the same outcomes dealt to functions at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Floats, Scale, oriented
from populace.pluralism.trade_off._table import ROUNDING, Table
from populace.pluralism.trade_off.functions import SteeringFunction
from populace.pluralism.trade_off.means import Means, means_of
from populace.pluralism.trade_off.monotone import between, monotonicity
from populace.pluralism.trade_off.result import Constant, SideEffect, Steered, TradeOff
from populace.stats import Estimate

__all__ = ["score"]


def score(
    outcomes: Mapping[str, npt.ArrayLike],
    functions: Mapping[str, SteeringFunction] | Sequence[SteeringFunction],
    *,
    objectives: Sequence[str] | None = None,
    scale: Scale | None = None,
    base: str | None = None,
    clusters: npt.ArrayLike | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> TradeOff:
    """Score steered models by the functions that they were steered by.

    Parameters
    ----------
    outcomes
        Name of a steering function -> what the model steered by it reached: a vector (objectives,), or rows
        (questions, objectives), all on the same questions. Outcomes of other names (the unsteered model,
        other models) are candidates: the oracle may pick them too.
    functions
        Steering functions by name, or a list, each then under its own `name`.
    objectives
        Their names; numbers from 1 if left out. More must be better, or the scale must turn them.
    scale
        What 0 and 1 mean on each objective. Without one, weights apply to the units that are given.
    base
        Which outcome is that of the unsteered model, for side effects.
    clusters
        What questions share, one entry a row; each question is its own if left out.
    draws, level, seed
        Of the resamples of questions that make the intervals. Vectors have none.

    Notes
    -----
    sum_f f(M_f) is the Roadmap's score (Sorensen et al. 2024, arXiv 2402.05070); f is applied to the mean
    outcome, not question by question. Regret is sum_f [max over M' of f(M') - f(M_f)].

    Raises
    ------
    DataError
        If an outcome of a function is missing, a question's scores are none that a function can value (beyond
        Chebyshev's ideal, below 0 for a p-mean: a resample may consist of them), or anything is malformed.
    ValueError
        If `draws` or `level` is out of range.

    Examples
    --------
    By hand: of the weights 1/0 and 0/1, the first model is right and the second half as good as the oracle.

    >>> from populace.pluralism.trade_off import Linear
    >>> found = score(
    ...     {"x": [1.0, 0.0], "y": [0.0, 0.5], "other": [0.0, 1.0]},
    ...     {"x": Linear((1.0, 0.0)), "y": Linear((0.0, 1.0))},
    ... )
    >>> found.total.value, found.regret.value, found.functions[1].best_by
    (1.5, 0.5, ('other',))
    """
    named = _named(functions)
    for name in named:
        if name not in outcomes:
            raise DataError(f"there is no outcome of {name!r}", fix="steer a model by each function")
    means = means_of(outcomes, clusters, scale, draws=draws, seed=seed, level=level)
    aims = _aims(objectives, means.whole.shape[1])
    for name, function in named.items():
        if len(function.weights) != len(aims):
            what = f"{name} has {len(function.weights)} weights and there are {len(aims)} objectives"
            raise DataError(what, fix="give a weight of 0 to what is not asked for")
    _fitting(outcomes, named, scale)
    own = np.array([means.names.index(name) for name in named], dtype=np.int64)
    whole = Table(_valued(named, means.whole[None]), own)
    drawn = None if means.resampled is None else Table(_valued(named, means.resampled), own)
    sides = _side_effects(means, named, own, aims, base)
    return TradeOff(
        objectives=aims,
        scale="as given" if scale is None else scale.source,
        functions=_each(means, named, whole, drawn),
        **_totals(means, whole, drawn),
        regret_held_out=_held_out(means, named, own),
        best_constant=_ties(whole.constants[0], means.names),
        constants=_constants(means, whole, drawn),
        between=between(means, own.tolist(), list(named.values())),
        monotonicity=monotonicity(means, own.tolist(), list(named.values()), aims),
        side_effects=sides[0],
        side_effect=sides[1],
        method=f"f of mean outcomes; {means.estimate(0.0, np.zeros(draws)).method}",
    )


def _named(
    functions: Mapping[str, SteeringFunction] | Sequence[SteeringFunction],
) -> dict[str, SteeringFunction]:
    if isinstance(functions, Mapping):
        named = dict(functions)
    else:
        named = {function.name: function for function in functions}
        if len(named) != len(functions):
            raise DataError("two functions have one name", fix="give them by names of your own")
    if not named:
        raise DataError("there are no steering functions", fix="give at least one")
    return named


def _fitting(
    outcomes: Mapping[str, npt.ArrayLike], named: Mapping[str, SteeringFunction], scale: Scale | None
) -> None:
    """Refuse scores that a function does not value by the rows they stand in, whatever is drawn of them."""
    for outcome, given in outcomes.items():
        rows = oriented(given) if scale is None else scale.apply(oriented(given))
        for name, function in named.items():
            try:
                function(rows)
            except DataError as error:
                row = next(at for at in range(len(rows)) if not _valid(function, rows[at]))
                scored = ", ".join(f"{each:g}" for each in rows[row])
                what = f"{outcome} has {scored}, which {name} cannot value ({error.what}), on one question"
                raise DataError(what, row=row + 1 if len(rows) > 1 else None, fix=error.fix) from error


def _valid(function: SteeringFunction, outcome: Floats) -> bool:
    try:
        function(outcome)
    except DataError:
        return False
    return True


def _aims(objectives: Sequence[str] | None, count: int) -> tuple[str, ...]:
    names = (
        tuple(f"objective {place + 1}" for place in range(count)) if objectives is None else tuple(objectives)
    )
    if len(names) != count:
        raise DataError(f"there are {count} objectives and {len(names)} names", fix="name each")
    return names


def _valued(named: Mapping[str, SteeringFunction], points: Floats) -> Floats:
    """Value points, shape (draws, outcomes, objectives), by every function."""
    return np.stack([function(points) for function in named.values()], axis=1)


def _each(
    means: Means, named: Mapping[str, SteeringFunction], whole: Table, drawn: Table | None
) -> tuple[Steered, ...]:
    found: list[Steered] = []
    rank, ranks = whole.rank, None if drawn is None else drawn.rank
    for row, (name, function) in enumerate(named.items()):
        place = int(whole.own[row])

        def of(value: Floats, replicates: Floats | None, row: int = row) -> Estimate:
            return means.estimate(float(value[0, row]), None if replicates is None else replicates[:, row])

        found.append(
            Steered(
                function=name,
                weights=tuple(function.weights),
                outcome=_outcome(means, place),
                value=of(whole.mine, None if drawn is None else drawn.mine),
                best=of(whole.best, None if drawn is None else drawn.best),
                best_by=_ties(whole.values[0, row], means.names),
                regret=of(whole.best - whole.mine, None if drawn is None else drawn.best - drawn.mine),
                rank=of(rank, ranks),
            )
        )
    return tuple(found)


def _outcome(means: Means, place: int) -> tuple[Estimate, ...]:
    drawn = means.resampled
    return tuple(
        means.estimate(float(value), None if drawn is None else drawn[:, place, aim])
        for aim, value in enumerate(means.whole[place].tolist())
    )


def _totals(means: Means, whole: Table, drawn: Table | None) -> dict[str, Estimate]:
    def of(table: Table) -> dict[str, Floats]:
        total, constant = table.mine.sum(axis=1), table.constants.max(axis=1)
        beaten = table.mine >= table.steered.max(axis=2) - ROUNDING
        return {
            "total": total,
            "mean": total / len(table.own),
            "regret": (table.best - table.mine).sum(axis=1),
            "attained": table.attained,
            "own_best": beaten.mean(axis=1),
            "rank": table.rank.mean(axis=1),
            "shuffled": table.shuffled,
            "ahead_of_shuffled": total - table.shuffled,
            "constant": constant,
            "ahead_of_constant": total - constant,
        }

    values, replicates = of(whole), None if drawn is None else of(drawn)
    return {
        name: means.estimate(float(value[0]), None if replicates is None else replicates[name])
        for name, value in values.items()
    }


def _constants(means: Means, whole: Table, drawn: Table | None) -> tuple[Constant, ...]:
    found: list[Constant] = []
    for place, name in enumerate(means.names):
        if place in whole.own:
            continue
        total = whole.constants[:, place]
        totals = None if drawn is None else drawn.constants[:, place]
        ahead = None if drawn is None or totals is None else drawn.mine.sum(axis=1) - totals
        found.append(
            Constant(
                name=name,
                outcome=_outcome(means, place),
                total=means.estimate(float(total[0]), totals),
                ahead=means.estimate(float(whole.mine.sum() - total[0]), ahead),
            )
        )
    return tuple(found)


def _held_out(means: Means, named: Mapping[str, SteeringFunction], own: npt.NDArray[np.int64]) -> Estimate:
    """Let the oracle pick on one half of the questions, and score it and M_f on the other."""

    def of(halves: Floats) -> Floats:
        values = np.stack([_valued(named, halves[:, half]) for half in range(2)])
        found = np.zeros(values.shape[1])
        for pick, test in ((0, 1), (1, 0)):
            top = values[pick] >= values[pick].max(axis=2, keepdims=True) - ROUNDING
            # Where several tie, what they have on the other half on average: no tie is broken.
            picked = (values[test] * top).sum(axis=2) / np.maximum(top.sum(axis=2), 1)
            found += (picked - values[test][:, np.arange(len(own)), own]).sum(axis=1) / 2
        return found

    if means.halves is None:
        return means.estimate(float("nan"), None if means.resampled is None else means.resampled[:, 0, 0])
    drawn = None if means.resampled_halves is None else of(means.resampled_halves)
    return means.estimate(float(of(means.halves[None])[0]), drawn)


def _side_effects(
    means: Means,
    named: Mapping[str, SteeringFunction],
    own: npt.NDArray[np.int64],
    aims: Sequence[str],
    base: str | None,
) -> tuple[tuple[SideEffect, ...], Estimate]:
    if base is not None and base not in means.names:
        raise DataError(f"there is no outcome {base!r}", fix=f"take one of {', '.join(means.names)}")
    found: list[SideEffect] = []
    sizes: list[float] = []
    drawn: list[Floats] = []
    for row, (name, function) in enumerate(named.items() if base is not None else ()):
        at, before = int(own[row]), means.names.index(str(base))
        for aim, weight in enumerate(function.weights):
            if weight > 0 or at == before:
                continue
            change = float(means.whole[at, aim] - means.whole[before, aim])
            sizes.append(abs(change))
            changes = None
            if means.resampled is not None:
                changes = means.resampled[:, at, aim] - means.resampled[:, before, aim]
                drawn.append(np.abs(changes))
            found.append(
                SideEffect(function=name, objective=aims[aim], change=means.estimate(change, changes))
            )
    mean = float(np.mean(sizes)) if sizes else float("nan")
    several = np.mean(drawn, axis=0) if drawn else (None if means.resampled is None else np.empty(0))
    return tuple(found), means.estimate(mean, several)


def _ties(values: Floats, names: Sequence[str]) -> tuple[str, ...]:
    top = values.max()
    return tuple(name for name, value in zip(names, values.tolist(), strict=True) if value >= top - ROUNDING)
