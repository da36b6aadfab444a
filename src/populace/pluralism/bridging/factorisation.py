"""Bridging by matrix factorisation: what is rated well beyond what the rater's side explains (Community
Notes).

Model r = mu + i_u + i_n + f_u . f_n of ratings 1, 1/2, 0; the score of a note (here a statement) is its
intercept i_n. Intercepts are held to zero five times as hard as factors (lambda .15 and .03), so that what
can be said by side is said by side. Helpful: i_n >= .40 and |f_n| < .50; not helpful: i_n < -.05 - .8 |f_n|;
neither below five ratings.

The published formula leaves open what the penalties are added to, and three readings are offered:

- `mean` (default) is the released code of twitter/communitynotes: mean squared error plus lambda times the
  *mean* square of each block of parameters. Thresholds were set on this scale.
- `rating` reads the sum as going over penalties too: each rating pays for the parameters it uses.
- `sum` is sum of squares plus lambda times the sum of squares: with hundreds of ratings a note the penalty
  vanishes and intercepts are far larger, so the thresholds mean nothing there.

The production system has moved on (weights, pseudo-raters, several models); this is the model of its paper
(Wojcik et al. 2022, arXiv 2210.15723). Fitted by alternating ridge regressions, which never go uphill, from
starts that are computed and not drawn: where several reach different optima the lowest is taken and all are
told.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.pluralism.bridging._ratings import Data, Penalty
from populace.pluralism.bridging._table import checked_level, checked_votes, known, sparse
from populace.stats._arrays import Floats, Ints, divide
from populace.streams import stream

__all__ = ["Bridging", "intercepts"]

_HELPFUL, _NEUTRAL, _UNHELPFUL, _SLOPE = 0.40, 0.50, -0.05, 0.8
_LEAST = 5
"""Ratings below which a note has no status."""
_ROUNDS, _CLOSE, _ALIKE, _STARTS = 3000, 1e-12, 1e-9, 2
_STILL = 1e-6
"""Width of an interval below which all draws agree, and say nothing of who was not drawn."""


class Bridging(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The fitted model: a score for every statement, and where people and statements stand."""

    table: pl.DataFrame
    """A row a statement: `statement`, `intercept`, `low`, `high`, `factor`, `ratings`, `status`; nan where
    nobody rated it."""
    mu: float
    """Intercept of all."""
    raters: Floats
    """Shape (people, 2): intercept and factor; nan for who rated nothing."""
    loss: float
    """Of the fit."""
    losses: tuple[float, ...]
    """Of every start: local optima show here."""
    converged: bool
    """Whether the last step lowered the loss by less than 1e-12 of it."""
    penalty: str
    """Reading of the penalties."""
    method: str
    """How the intervals were made."""
    seed: int


def intercepts(
    votes: npt.ArrayLike,
    *,
    penalty: Penalty = "mean",
    intercept_lambda: float = 0.15,
    factor_lambda: float = 0.03,
    passes: Literal["half", "missing"] = "half",
    draws: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> Bridging:
    """Score statements by the note intercept of Community Notes, one factor.

    Parameters
    ----------
    votes
        Shape (people, statements): 1 agree (helpful, 1), -1 disagree (0), 0 pass, nan no vote.
    penalty
        What the penalties are multiplied by: see the module.
    intercept_lambda, factor_lambda
        Penalties of intercepts and factors.
    passes
        Whether a pass is half, as `somewhat helpful` is there, or no rating. A pass on Polis is neither.
    draws, level, seed
        People drawn anew and the model fitted again, from the fit found. 0: no intervals. None either where
        all draws agree: raters who all say the same tell nothing of those who would not.

    Raises
    ------
    DataError
        If votes are none, or all are missing, or a setting is out of its range.

    Examples
    --------
    Two camps of ten: on the first statement they differ, the second both like, the third neither.

    >>> votes = np.array([[1.0, 1, -1]] * 10 + [[-1.0, 1, -1]] * 10)
    >>> found = intercepts(votes)
    >>> found.table["intercept"].round(2).to_list()
    [0.09, 0.61, -0.25]
    """
    known("penalty", penalty, get_args(Penalty))
    known("passes", passes, ("half", "missing"))
    level = checked_level(level)
    for name, value in (("intercept_lambda", intercept_lambda), ("factor_lambda", factor_lambda)):
        if not 0 < value < np.inf:
            raise DataError(f"`{name}` is {value:g}", fix="give a penalty above 0")
    table = checked_votes(votes)
    ratings = (table + 1) / 2
    if passes == "missing":
        ratings = np.where(table == 0, np.nan, ratings)
    if np.isnan(ratings).all():
        raise DataError("there is no rating", fix="give votes, or count a pass as half")
    data = Data(ratings, penalty, (intercept_lambda, factor_lambda))
    fits = [_fit(data, start) for start in _starts(ratings)]
    best = min(fits, key=lambda fit: fit[0])
    loss, (mu, people, notes), converged = best
    turned = -1.0 if notes[np.abs(notes[:, 1]).argmax(), 1] < 0 else 1.0
    low, high, method = _resampled(data, (mu, people, notes), draws, level, seed)
    unrated = np.isnan(ratings).all(axis=1)
    people = people * [1.0, turned]
    people[unrated] = np.nan
    notes = np.where(data.rated[:, None] > 0, notes * [1.0, turned], np.nan)
    return Bridging(
        table=_table(notes, low, high, data.rated),
        mu=mu,
        raters=people,
        loss=loss,
        losses=tuple(fit[0] for fit in fits),
        converged=converged,
        penalty=penalty,
        method=method,
        seed=seed,
    )


_Parameters: TypeAlias = tuple[float, Floats, Floats]
"""Intercept of all, and intercept and factor of people and of notes, shapes (people, 2) and (notes, 2)."""


def _fit(data: Data, start: _Parameters, rounds: int = _ROUNDS) -> tuple[float, _Parameters, bool]:
    """Alternate the ridge regressions, striding on where that goes downhill, until the loss stands still."""
    here, before, stride = start, np.inf, 1.0
    for _ in range(rounds):
        found = _sweep(data, here)
        loss = _loss(data, *found)
        # Alternating creeps along valleys: go further the same way as long as it pays.
        further = _further(here, found, stride)
        ahead = _loss(data, *further)
        if ahead < loss:
            found, loss, stride = further, ahead, stride * 2
        else:
            stride = max(1.0, stride / 4)
        if before - loss <= _CLOSE * max(loss, 1e-12):
            return loss, found, True
        here, before = found, loss
    return before, here, False


def _sweep(data: Data, start: _Parameters) -> _Parameters:
    mu, _, notes = start
    # A person drawn twice pays twice: weights cancel in what is fitted for one person.
    people = _ridge(data.values, data.marks, data.on_person, data, mu, notes, np.ones(data.notes))
    notes = _ridge(data.values_back, data.marks_back, data.on_note, data, mu, people, data.weight)
    given, predicted = (float(data.weight @ each) for each in _row_sums(data, people, notes))
    return (given - predicted) / (data.total + data.lambdas[0] * data.on_mu), people, notes


def _further(here: _Parameters, found: _Parameters, stride: float) -> _Parameters:
    (mu, people, notes), (new_mu, new_people, new_notes) = here, found
    return (
        new_mu + stride * (new_mu - mu),
        new_people + stride * (new_people - people),
        new_notes + stride * (new_notes - notes),
    )


def _ridge(
    values: Any, marks: Any, scale: Floats, data: Data, mu: float, other: Floats, weight: Floats
) -> Floats:
    """Solve for the intercept and factor of everything of one side, given the other: 2 x 2 systems."""
    rest, slope = mu + other[:, 0], other[:, 1]
    weighed = weight[:, None] * np.stack([np.ones(len(slope)), slope], axis=1)
    sums = np.asarray(values @ weighed)
    more = np.stack([np.ones(len(slope)), slope, slope * slope, rest, rest * slope], axis=1)
    n, b, squares, offset, offset_slope = np.asarray(marks @ (weight[:, None] * more)).T
    a, c = n + data.lambdas[0] * scale, squares + data.lambdas[1] * scale
    y, z = sums[:, 0] - offset, sums[:, 1] - offset_slope
    determinant = a * c - b * b
    found = np.stack([divide(y * c - z * b, determinant), divide(z * a - y * b, determinant)], axis=1)
    return np.nan_to_num(found)


def _row_sums(data: Data, people: Floats, notes: Floats) -> tuple[Floats, Floats]:
    """Return each person's sum of ratings, and of what is predicted without the intercept of all."""
    sums = np.asarray(data.marks @ notes)
    predicted = data.by_person * people[:, 0] + sums[:, 0] + people[:, 1] * sums[:, 1]
    return np.asarray(data.values @ np.ones(data.notes)), predicted


def _loss(data: Data, mu: float, people: Floats, notes: Floats) -> float:
    """Sum of weighed squares and penalties, from sums over each person's ratings."""
    own, slope = mu + people[:, 0], people[:, 1]
    given = np.asarray(data.values @ np.stack([np.ones(data.notes), notes[:, 0], notes[:, 1]], axis=1))
    of_notes = np.stack([notes, notes * notes, notes[:, :1] * notes], axis=2).reshape(data.notes, -1)
    i, ii, _, f, ff, i_f = np.asarray(data.marks @ of_notes).T
    squares = data.by_person * own**2 + ii + slope**2 * ff + 2 * (own * i + own * slope * f + slope * i_f)
    across = own * given[:, 0] + given[:, 1] + slope * given[:, 2]
    errors = np.asarray(data.values.power(2) @ np.ones(data.notes)) - 2 * across + squares
    lambdas = np.array(data.lambdas)
    paid = (people**2) @ lambdas * data.on_person * data.weight
    rest = float(((notes**2) @ lambdas) @ data.on_note + data.lambdas[0] * data.on_mu * mu * mu)
    return float(data.weight @ errors + paid.sum()) + rest


def _starts(ratings: Floats) -> list[_Parameters]:
    """Return starts along the first directions in which the ratings, less their means, differ."""
    mu = float(np.nanmean(ratings))
    seen = ~np.isnan(ratings)
    counts = seen.sum(axis=0)
    means = np.nan_to_num(divide(np.where(seen, ratings, 0).sum(axis=0), counts))
    rest = sparse(np.where(seen, ratings - means, 0.0), seen)
    if float((rest.data**2).sum()) <= _ALIKE:
        axes = np.zeros((1, ratings.shape[1]))  # all rate alike: there are no sides
    elif min(ratings.shape) <= _STARTS + 1:
        axes = np.linalg.svd(rest.toarray(), full_matrices=False)[2][:_STARTS]
    else:
        linalg: Any = importlib.import_module("scipy.sparse.linalg")
        start = np.cos(np.arange(float(min(ratings.shape))))
        _, sizes, found = linalg.svds(rest, k=_STARTS, v0=start, return_singular_vectors="vh")
        axes = found[np.argsort(-sizes)]
    notes = [np.stack([means - mu, axis * np.sqrt(len(axis)) / 2], axis=1) for axis in axes]
    return [(mu, np.zeros((ratings.shape[0], 2)), each) for each in notes]


def _resampled(
    data: Data, fit: _Parameters, draws: int, level: float, seed: int
) -> tuple[Floats, Floats, str]:
    """Fit people drawn anew; nan where nobody rated, and where all draws agree."""
    if draws < 1:
        empty = np.full(data.notes, np.nan)
        return empty, empty, "no interval"
    rng = stream(seed, "bridging.intercepts")
    found = np.full((draws, data.notes), np.nan)
    open_fits = 0
    for n in range(draws):
        weights = rng.multinomial(data.people, np.full(data.people, 1 / data.people)).astype(np.float64)
        data.weigh(weights)
        if data.total <= 0:
            continue
        _, (_, _, notes), converged = _fit(data, fit)
        # A statement that none of those drawn rated has no intercept, and not one of 0.
        found[n] = np.where(np.asarray(data.marks_back @ weights) > 0, notes[:, 0], np.nan)
        open_fits += not converged
    data.weigh(np.ones(data.people))
    low, high = np.full(data.notes, np.nan), np.full(data.notes, np.nan)
    some = ~np.isnan(found).all(axis=0)
    tail = (1 - level) / 2
    low[some], high[some] = np.nanquantile(found[:, some], [tail, 1 - tail], axis=0)
    still = high - low <= _STILL
    low[still], high[still] = np.nan, np.nan
    method = f"people drawn anew, model fitted again, percentile, {draws} draws"
    if open_fits:
        method += f", {open_fits} of them not converged"
    return low, high, method


def _table(notes: Floats, low: Floats, high: Floats, rated: Ints) -> pl.DataFrame:
    size = np.abs(notes[:, 1])
    enough = rated >= _LEAST
    helpful = enough & (notes[:, 0] >= _HELPFUL) & (size < _NEUTRAL)
    unhelpful = enough & (notes[:, 0] < _UNHELPFUL - _SLOPE * size)
    status = np.where(helpful, "helpful", np.where(unhelpful, "not helpful", "needs more ratings"))
    frame = {"statement": np.arange(len(notes)), "intercept": notes[:, 0], "low": low, "high": high}
    return pl.DataFrame(frame | {"factor": notes[:, 1], "ratings": rated, "status": status})
