"""People: census microdata read through a codebook, or drawn from tables fitted to them."""

from populace.population.codebook import Codebook, load_codebook
from populace.population.fidelity import Fidelity, Margin, compare
from populace.population.population import Population, Provenance, build, census_margins
from populace.population.pums import read_pums

__all__ = [
    "Codebook",
    "Fidelity",
    "Margin",
    "Population",
    "Provenance",
    "build",
    "census_margins",
    "compare",
    "load_codebook",
    "read_pums",
]
