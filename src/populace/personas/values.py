"""Ten basic values: proxies built from survey items, drawn given who the person is and what they believe.

No survey in reach asked Schwartz's own questions. Each value is the mean of General Social Survey items
that speak of it (`values.json` names them, with their reliability): a proxy, stronger for some values
than for others, and never a score of the Portrait Values Questionnaire. The ten scores have linear means
in the person's groups, religion, ideology and party, and jointly normal residuals, so that they keep
their correlations; the cuts put the same shares of US adults into the five levels as those of the Big Five.

Schwartz (1992), Advances in Experimental Social Psychology 25, doi:10.1016/S0065-2601(08)60281-6.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import numpy as np
import polars as pl

from populace.personas.schema import BASIC_VALUES
from populace.personas.traits import draw_levels
from populace.personas.views import Term, shifts

__all__ = ["Proxy", "ValueModel", "draw_values", "value_model"]


class Proxy(msgspec.Struct, frozen=True):
    """How a value was measured."""

    items: list[str]
    """Variables of the survey; `-` before one that was reversed, `|` between two wordings of one question."""
    records: int
    """People with a score: at least two items answered."""
    correlation: float
    """Mean correlation between two items asked of the same people."""
    alpha: float
    """Reliability of a mean of as many items as a person answered on average (Spearman and Brown)."""


class ValueModel(msgspec.Struct, frozen=True):
    """What `values.json` holds."""

    info: dict[str, str]
    proxies: dict[str, Proxy]
    terms: list[Term]
    centre: list[float]
    """Mean of each cell's indicator in the survey: where a group is missing, the person counts as average."""
    intercept: list[float]
    effects: list[list[float]]
    """(cells of all terms, values) in standard deviations of the survey."""
    covariance: list[list[float]]
    """(values, values) of the residuals."""
    cuts: list[list[float]]
    """(values, 4) scores between the levels."""

    def means(self, evidence: pl.DataFrame) -> np.ndarray:
        """Expected scores, shape (rows of `evidence`, values)."""
        return shifts(evidence, self.terms, self.centre, self.effects) + self.intercept


@functools.cache
def value_model() -> ValueModel:
    """Load the fitted model from the package."""
    data = resources.files("populace.personas").joinpath("data", "values.json").read_bytes()
    return msgspec.json.decode(data, type=ValueModel)


def draw_values(
    evidence: pl.DataFrame, adult: pl.Series, rng: np.random.Generator, given: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Draw the level of every value.

    Parameters
    ----------
    evidence
        Columns of `populace.personas.evidence`, and the codes `religion`, `ideology`, `party`. What is
        missing counts as average.
    adult
        Whoever is not gets no values: the survey asked adults.
    rng
        Ten normal numbers a row are taken from it, whether used or not.
    given
        Levels that the people already have, null where they have none: they stay, and the others are
        drawn given them.

    Returns
    -------
    polars.DataFrame
        Ten String columns of `TRAIT_LEVELS`; null where given.
    """
    model = value_model()
    drawn = draw_levels(BASIC_VALUES, model.means(evidence), model.covariance, model.cuts, rng, given)
    return drawn.select(pl.when(adult).then(pl.col(value)).alias(value) for value in BASIC_VALUES)
