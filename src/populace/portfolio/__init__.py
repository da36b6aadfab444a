"""Portfolios: the fewest models that serve every weighting of traits, with a certificate.

After PALM (Kim et al. 2026, arXiv 2604.04144). A table has a row a candidate (model, prompt, policy) and a
column a trait; a user is a weight vector on the simplex. What is certified holds for *every* weights: nothing
is sampled.
"""

from populace.portfolio.asking import rehearse
from populace.portfolio.certificate import regret_at, worst_regret
from populace.portfolio.comparing import Comparison, compare_ways
from populace.portfolio.fairness import Fair, best_on_average, leave_nobody_behind, within_limits
from populace.portfolio.hull import coverage_set
from populace.portfolio.learning import population_prior
from populace.portfolio.minimum import minimum
from populace.portfolio.palm import Palm, palm
from populace.portfolio.people import People, read_people
from populace.portfolio.pool import Oracle, Pool, Solved
from populace.portfolio.prior import Prior
from populace.portfolio.records import Certificate, Portfolio
from populace.portfolio.refine import Refined, Refinement, certified
from populace.portfolio.router import Route, Router, Taste
from populace.portfolio.service import Served, serve
from populace.portfolio.sizes import best_of_size
from populace.portfolio.users import serve_users

__all__ = [
    "Certificate",
    "Comparison",
    "Fair",
    "Oracle",
    "Palm",
    "People",
    "Pool",
    "Portfolio",
    "Prior",
    "Refined",
    "Refinement",
    "Route",
    "Router",
    "Served",
    "Solved",
    "Taste",
    "best_of_size",
    "best_on_average",
    "certified",
    "compare_ways",
    "coverage_set",
    "leave_nobody_behind",
    "minimum",
    "palm",
    "population_prior",
    "read_people",
    "regret_at",
    "rehearse",
    "serve",
    "serve_users",
    "within_limits",
    "worst_regret",
]
