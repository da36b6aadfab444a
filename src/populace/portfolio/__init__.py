"""Portfolios: the fewest models that serve every weighting of traits, with a certificate.

After PALM (Kim et al. 2026, arXiv 2604.04144). A table has a row a candidate (model, prompt, policy) and a
column a trait; a user is a weight vector on the simplex. What is certified holds for *every* weights: nothing
is sampled.
"""

from populace.portfolio.certificate import regret_at, worst_regret
from populace.portfolio.hull import coverage_set
from populace.portfolio.minimum import minimum
from populace.portfolio.palm import Palm, palm
from populace.portfolio.pool import Oracle, Pool, Solved
from populace.portfolio.records import Certificate, Portfolio
from populace.portfolio.refine import Refined, Refinement, certified
from populace.portfolio.router import Route, Router, Taste
from populace.portfolio.sizes import best_of_size

__all__ = [
    "Certificate",
    "Oracle",
    "Palm",
    "Pool",
    "Portfolio",
    "Refined",
    "Refinement",
    "Route",
    "Router",
    "Solved",
    "Taste",
    "best_of_size",
    "certified",
    "coverage_set",
    "minimum",
    "palm",
    "regret_at",
    "worst_regret",
]
