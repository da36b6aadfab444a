"""People: census microdata read through a codebook, or drawn from a model fitted to them."""

from populace.population.building import EMBEDDED, build
from populace.population.codebook import Codebook, codebooks, load_codebook
from populace.population.comparison import Fidelity, Margin, census_fidelity, fidelity
from populace.population.designs import Design
from populace.population.estimates import design_effect_of, estimate, replicate_estimate, shares_of
from populace.population.fetch import fetch_acs_pums
from populace.population.figures import Mean, Quantile, Share
from populace.population.fitted import draw_from, fit
from populace.population.generative import GenerativeModel
from populace.population.margins import (
    as_in_census,
    beside_census,
    census_margins,
    major_groups,
    margins,
)
from populace.population.people import Population
from populace.population.provenance import Provenance, Step
from populace.population.raked import Raking
from populace.population.raking import rake
from populace.population.targets import census_targets, load_margins, margins_of
from populace.population.weights import Cap, design_effect, effective_size, trim

__all__ = [
    "EMBEDDED",
    "Cap",
    "Codebook",
    "Design",
    "Fidelity",
    "GenerativeModel",
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
    "codebooks",
    "design_effect",
    "design_effect_of",
    "draw_from",
    "effective_size",
    "estimate",
    "fetch_acs_pums",
    "fidelity",
    "fit",
    "load_codebook",
    "load_margins",
    "major_groups",
    "margins",
    "margins_of",
    "rake",
    "replicate_estimate",
    "shares_of",
    "trim",
]
