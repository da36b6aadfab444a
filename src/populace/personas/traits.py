"""The Big Five: a normal model of five correlated traits given sex, age and education, cut into levels.

The model is `score = effects · (sex, age group, education) + residual`, residuals jointly normal with the
covariance found in the survey, so that the traits keep their correlations. The cuts put `SHARES` of US
adults into the five levels; a person of another make-up than average falls accordingly.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import numpy as np
import polars as pl

from populace.personas.schema import BIG_FIVE, TRAIT_LEVELS

__all__ = ["AGE_EDGES", "SHARES", "TraitModel", "design_matrix", "draw_traits", "trait_model"]

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


def draw_traits(evidence: pl.DataFrame, ages: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
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

    Returns
    -------
    polars.DataFrame
        Five String columns of `TRAIT_LEVELS`.
    """
    model = trait_model()
    noise = rng.standard_normal((evidence.height, len(BIG_FIVE)))
    groups = evidence.select(
        "sex",
        pl.sum_horizontal((ages >= edge).cast(pl.Int64) for edge in AGE_EDGES[1:]).alias("age_group"),
        "schooling",
    ).with_columns(adult=(ages >= AGE_EDGES[0]).fill_null(False))
    known = groups.select(
        pl.col("adult") & pl.all_horizontal(pl.col("sex", "schooling").is_not_null())
    ).to_series()
    codes = groups.select("sex", "age_group", "schooling").fill_null(0).to_numpy()
    scores = design_matrix(codes) @ np.array(model.effects) + noise @ np.linalg.cholesky(model.covariance).T
    levels = np.array(TRAIT_LEVELS, dtype=object)
    columns = {
        trait: pl.Series(levels[np.searchsorted(model.cuts[at], scores[:, at])], dtype=pl.String)
        for at, trait in enumerate(model.traits)
    }
    return pl.DataFrame(columns).select(pl.when(known).then(pl.col(trait)).alias(trait) for trait in BIG_FIVE)
