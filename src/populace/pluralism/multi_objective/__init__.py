"""Objectives that are not traded off: fronts and what they are worth.

The Roadmap (Sorensen et al. 2024, arXiv 2402.05070) asks a multi-objective benchmark to publish
every objective, and which models are not dominated. `front` finds them; `hypervolume`, `r2`, `epsilon`,
`igd_plus` and `sparsity` say what a front is worth; `served` whom each model serves; `improvement` and
`estimate_front` what is certain where scores were measured on some questions.
"""

from populace.pluralism.multi_objective.fronts import dominated_by, front, layers
from populace.pluralism.multi_objective.improvement import Improvement, dominates, improvement
from populace.pluralism.multi_objective.indicators import epsilon, igd_plus, r2, simplex_lattice, sparsity
from populace.pluralism.multi_objective.points import Directions, Scale, oriented
from populace.pluralism.multi_objective.served import served
from populace.pluralism.multi_objective.tables import Scores, read_scores
from populace.pluralism.multi_objective.uncertain import FrontEstimate, ModelOnFront, estimate_front
from populace.pluralism.multi_objective.volume import contributions, hypervolume

__all__ = [
    "Directions",
    "FrontEstimate",
    "Improvement",
    "ModelOnFront",
    "Scale",
    "Scores",
    "contributions",
    "dominated_by",
    "dominates",
    "epsilon",
    "estimate_front",
    "front",
    "hypervolume",
    "igd_plus",
    "improvement",
    "layers",
    "oriented",
    "r2",
    "read_scores",
    "served",
    "simplex_lattice",
    "sparsity",
]
