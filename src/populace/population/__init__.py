"""People: census microdata read through a codebook, or drawn from tables fitted to them."""

from populace.population.building import EMBEDDED, build
from populace.population.comparison import Fidelity, Margin, census_fidelity, fidelity
from populace.population.margins import (
    as_in_census,
    beside_census,
    census_margins,
    major_groups,
    margins,
)
from populace.population.people import Population, Provenance

__all__ = [
    "EMBEDDED",
    "Fidelity",
    "Margin",
    "Population",
    "Provenance",
    "as_in_census",
    "beside_census",
    "build",
    "census_fidelity",
    "census_margins",
    "fidelity",
    "major_groups",
    "margins",
]
