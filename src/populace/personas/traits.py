"""The Big Five: a normal model of five correlated traits given sex, age and education, cut into levels.

The model is `score = effects · (sex, age group, education) + residual`, residuals jointly normal with the
covariance found in the survey, so that the traits keep their correlations. The cuts put `SHARES` of US
adults into the five levels; a person of another make-up than average falls accordingly.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources

import msgspec
import numpy as np
import polars as pl

from populace.personas.schema import BIG_FIVE, TRAIT_LEVELS

__all__ = ["AGE_EDGES", "SHARES", "TraitModel", "design_matrix", "draw_levels", "draw_traits", "trait_model"]

AGE_EDGES = (18, 25, 35, 45, 55)
"""Youngest age of each age group (few people past 60 answered)."""
SHARES = (0.07, 0.24, 0.38, 0.24, 0.07)
"""Shares of US adults in the five levels: cuts at about -1.5, -0.5, 0.5 and 1.5 standard deviations."""
_GROUPS = (2, len(AGE_EDGES), 5)


class TraitModel(msgspec.Struct, frozen=True):
    """What `traits.json` holds."""

    source: str
    citation: str
    licence: str
    records: int
    script: str
    traits: list[str]
    effects: list[list[float]]
    """(columns of the design, traits) in standard deviations of the survey."""
    covariance: list[list[float]]
    """(traits, traits) of the residuals."""
    cuts: list[list[float]]
    """(traits, 4) scores between the levels."""


@functools.cache
def trait_model() -> TraitModel:
    """Load the fitted model from the package."""
    data = resources.files("populace.personas").joinpath("data", "traits.json").read_bytes()
    return msgspec.json.decode(data, type=TraitModel)


def design_matrix(groups: np.ndarray) -> np.ndarray:
    """Constant and dummies of sex, age group and education; the first group of each is the reference.

    Parameters
    ----------
    groups
        (people, 3) integer codes.

    Examples
    --------
    >>> design_matrix(np.array([[1, 0, 2]])).astype(int).tolist()
    [[1, 1, 0, 0, 0, 0, 0, 1, 0, 0]]
    """
    columns = [np.ones(len(groups))]
    for at, size in enumerate(_GROUPS):
        columns += [groups[:, at] == code for code in range(1, size)]
    return np.column_stack(columns).astype(float)


def draw_traits(
    evidence: pl.DataFrame, ages: pl.Series, rng: np.random.Generator, given: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Draw the level of every trait.

    Parameters
    ----------
    evidence
        Columns `sex` and `schooling` of `populace.personas.evidence`.
    ages
        Age in years. Whoever is under 18, or whose sex, age or education is missing, gets no traits: the
        survey is silent about them.
    rng
        Five normal numbers a row are taken from it, whether used or not.
    given
        Levels that the people already have, null where they have none: they stay, and the others are
        drawn given them.

    Returns
    -------
    polars.DataFrame
        Five String columns of `TRAIT_LEVELS`.
    """
    model = trait_model()
    groups = evidence.select(
        "sex",
        pl.sum_horizontal((ages >= edge).cast(pl.Int64) for edge in AGE_EDGES[1:]).alias("age_group"),
        "schooling",
    ).with_columns(adult=(ages >= AGE_EDGES[0]).fill_null(False))
    known = groups.select(
        pl.col("adult") & pl.all_horizontal(pl.col("sex", "schooling").is_not_null())
    ).to_series()
    codes = groups.select("sex", "age_group", "schooling").fill_null(0).to_numpy()
    means = design_matrix(codes) @ np.array(model.effects)
    drawn = draw_levels(model.traits, means, model.covariance, model.cuts, rng, given)
    return drawn.select(pl.when(known).then(pl.col(trait)).alias(trait) for trait in BIG_FIVE)


def draw_levels(
    names: Sequence[str],
    means: np.ndarray,
    covariance: list[list[float]],
    cuts: list[list[float]],
    rng: np.random.Generator,
    given: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Draw jointly normal scores and cut them into levels.

    Scores of given levels are drawn within their bounds, one after the other, the rest given those
    (the sampler of Geweke, Hajivassiliou and Keane, unweighted). That is exact for one given level; with
    several, the earlier ones do not look ahead at the bounds of the later ones.

    Parameters
    ----------
    names
        Columns of the result, k of them.
    means
        (people, k)
    covariance
        (k, k) of the residuals.
    cuts
        (k, 4) scores between the levels.
    rng
        k normal numbers a row are taken from it.
    given
        Levels already known, by the same names; null or absent where not.

    Returns
    -------
    polars.DataFrame
        k String columns of `TRAIT_LEVELS`; those given are null.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> draw_levels(["x"], np.array([[9.0], [-9.0]]), [[1.0]], [[-2, -1, 1, 2]], rng)["x"].to_list()
    ['Extremely High', 'Extremely Low']
    """
    noise, size = rng.standard_normal(means.shape), len(names)
    code = {level: at for at, level in enumerate(TRAIT_LEVELS)}
    told = np.full(means.shape, -1, dtype=np.int8)
    for at, name in enumerate(names):
        if given is not None and given[name].null_count() < given.height:
            told[:, at] = given[name].replace_strict(code, return_dtype=pl.Int8).fill_null(-1).to_numpy()
    residual = np.empty_like(means)
    patterns = ((told >= 0) << np.arange(size)).sum(axis=1)
    for pattern in np.unique(patterns):
        rows = slice(None) if pattern == 0 and not patterns.any() else patterns == pattern
        order = sorted(range(size), key=lambda at, pattern=pattern: not pattern >> at & 1)
        part = _residuals(means[rows], np.array(covariance), np.array(cuts), noise[rows], told[rows], order)
        residual[rows] = part
    labels, scores = pl.Series(TRAIT_LEVELS), means + residual
    levels = [labels[np.searchsorted(cuts[at], scores[:, at])].alias(name) for at, name in enumerate(names)]
    drawn = pl.DataFrame(levels)
    return drawn.with_columns(
        pl.when(pl.Series(told[:, at] < 0)).then(pl.col(name)).alias(name) for at, name in enumerate(names)
    )


def _residuals(
    means: np.ndarray,
    covariance: np.ndarray,
    cuts: np.ndarray,
    noise: np.ndarray,
    told: np.ndarray,
    order: list[int],
) -> np.ndarray:
    """Residuals of rows of which the same scores, the first of `order`, are bounded by given levels."""
    factor = np.linalg.cholesky(covariance[np.ix_(order, order)])
    free = np.empty_like(noise)
    residual = np.zeros_like(noise)
    edges = np.column_stack([np.full(len(cuts), -np.inf), cuts, np.full(len(cuts), np.inf)])
    for k, at in enumerate(order):
        # Column by column: a sum in a fixed order gives the same bits on any machine.
        for earlier in range(k):
            residual[:, at] += factor[k, earlier] * free[:, earlier]
        free[:, k] = noise[:, at]
        if len(told) and told[0, at] >= 0:
            low, high = (edges[at, told[:, at] + side] for side in (0, 1))
            centre = means[:, at] + residual[:, at]
            free[:, k] = _bounded(noise[:, at], (low - centre) / factor[k, k], (high - centre) / factor[k, k])
        residual[:, at] += factor[k, k] * free[:, k]
    return residual


def _bounded(noise: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Turn standard normal numbers into standard normal numbers between bounds."""
    from scipy.special import ndtr, ndtri

    below, above = ndtr(low), ndtr(high)
    # Bounds so far out that rounding leaves no room between them: the nearer bound.
    inside = ndtri(below + ndtr(noise) * (above - below))
    return np.clip(np.where(np.isfinite(inside), inside, np.clip(0.0, low, high)), low, high)
