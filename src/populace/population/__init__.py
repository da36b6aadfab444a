"""People: census microdata read through a codebook, or drawn from tables fitted to them."""

from populace.population.building import EMBEDDED, build
from populace.population.comparison import Fidelity, Margin, census_fidelity, fidelity
from populace.population.estimates import (
    Mean,
    Quantile,
    Share,
    design_effect_of,
    estimate,
    replicate_estimate,
    shares_of,
)
from populace.population.margins import (
    as_in_census,
    beside_census,
    census_margins,
    major_groups,
    margins,
)
from populace.population.people import Population, Provenance, Step
from populace.population.raked import Raking
from populace.population.raking import rake
from populace.population.sampling import Design
from populace.population.targets import census_targets, load_margins, margins_of
from populace.population.weights import Cap, design_effect, effective_size, trim

__all__ = [
    "EMBEDDED",
    "Cap",
    "Design",
    "Fidelity",
    "Margin",
    "Mean",
    "Population",
    "Provenance",
    "Quantile",
    "Raking",
    "Share",
    "Step",
    "as_in_census",
    "beside_census",
    "build",
    "census_fidelity",
    "census_margins",
    "census_targets",
    "design_effect",
    "design_effect_of",
    "effective_size",
    "estimate",
    "fidelity",
    "load_margins",
    "major_groups",
    "margins",
    "margins_of",
    "rake",
    "replicate_estimate",
    "shares_of",
    "trim",
]
