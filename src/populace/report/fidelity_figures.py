"""What the fidelity page is made from, and its figures, each drawn for a page and for a phone."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import polars as pl

from populace.population import Fidelity, Population
from populace.population.sides import MOST_VALUES, Sides
from populace.report import draw, html
from populace.report import misfit_tables as misfit
from populace.report.fidelity_words import Reference
from populace.report.figures import misfit as maps
from populace.report.figures import pairs as squares
from populace.report.figures import pyramid as ages
from populace.report.page import NARROW, WIDE
from populace.report.people_tables import Weights, weight_bars

__all__ = ["Content", "drawings"]

WORST_VARIABLES = 6


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows."""

    population: Population
    reference: Reference
    found: Fidelity
    shares: pl.DataFrame
    """As `misfit_tables.share_table` gives it."""
    sides: Sides | None
    """Both in one coding, for single cells of pairs; None where only margins are known."""
    weights: Weights
    pyramids: tuple[pl.DataFrame | None, pl.DataFrame | None]
    """Of the people and of the reference."""
    groups: tuple[pl.DataFrame | None, pl.DataFrame | None]
    discriminator: Any = None
    privacy: Any = None
    baselines: tuple[Any, ...] = ()
    title: str = ""


def drawings(content: Content) -> dict[str, Any]:
    """Draw every figure that there is something for, each for a page and for a phone."""
    shares, singles = content.shares, misfit.singles(content.found)
    pairs = misfit.varying(misfit.pairs(content.found), singles)
    worst = _worst_variables(shares)
    candidates = {
        "one_way": (singles.height, "Distance of each attribute from the reference, beside what sampling "
                    "alone gives.", partial(maps.one_way, singles)),
        "strips": (shares.height, "Every value of every attribute, as wide as its share in the reference and "
                   "shaded by how far the population is off.", partial(maps.strips, shares)),
        "values": (len(worst), "For the attributes furthest off, by how many points each value is off.",
                   partial(maps.worst_values, shares, worst)),
        "two_way": (pairs.height > 1, "All pairs of attributes as a square, shaded by distance and by its "
                    "ratio to what sampling gives.", partial(squares.two_way, pairs)),
        "pyramid": (content.pyramids[0] is not None, "Age and sex of the population and of the reference.",
                    partial(ages.pyramid, *content.pyramids)),
        "pyramids": (content.groups[0] is not None, "Age and sex by race and Hispanic origin.",
                     partial(ages.pyramids, *content.groups)),
        "weights": (content.weights.total and not content.weights.equal, "Histogram of weights.",
                    partial(ages.weight_histogram, weight_bars(content.population.frame["weight"]))),
    }  # fmt: skip
    return {
        name: html.safe(draw.both_widths(name, alt, *(draw.svg(chart(width=at)) for at in (WIDE, NARROW))))
        for name, (present, alt, chart) in candidates.items()
        if present
    }


def _worst_variables(shares: pl.DataFrame) -> list[str]:
    """Pick the attributes that are furthest off, sampling taken away; lists too long to draw left out."""
    if shares.is_empty():
        return []
    table = misfit.distances(shares).filter(pl.col("values") <= MOST_VALUES)
    excess = pl.col("distance") - pl.col("noise")
    return table.sort(excess.round(9), descending=True, maintain_order=True)["variable"].to_list()[
        :WORST_VARIABLES
    ]
