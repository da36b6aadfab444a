"""Portfolios: the fewest models that serve every weighting of traits, with a certificate.

After PALM (Kim et al. 2026, arXiv 2604.04144). A table has a row a candidate (model, prompt, policy) and a
column a trait; a user is a weight vector on the simplex. What is certified holds for *every* weights: nothing
is sampled.
"""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from populace.portfolio.candidates import Candidates, measured, read_candidates
    from populace.portfolio.exporting import export
    from populace.portfolio.judging import judge_responses
    from populace.portfolio.planning import plan
    from populace.portfolio.plans import Plan, load_plan
    from populace.portfolio.rewards import Rewards, read_rewards, score_responses
    from populace.portfolio.sampling import Sampling, sample
    from populace.portfolio.scaling import Range, Scale
    from populace.portfolio.serving import BestOf, Serving, load_serving, serving_of

__all__ = [
    "BestOf",
    "Candidates",
    "Certificate",
    "Comparison",
    "Fair",
    "Oracle",
    "Palm",
    "People",
    "Plan",
    "Pool",
    "Portfolio",
    "Prior",
    "Range",
    "Refined",
    "Refinement",
    "Rewards",
    "Route",
    "Router",
    "Sampling",
    "Scale",
    "Served",
    "Serving",
    "Solved",
    "Taste",
    "best_of_size",
    "best_on_average",
    "certified",
    "compare_ways",
    "coverage_set",
    "export",
    "judge_responses",
    "leave_nobody_behind",
    "load_plan",
    "load_serving",
    "measured",
    "minimum",
    "palm",
    "plan",
    "population_prior",
    "read_candidates",
    "read_people",
    "read_rewards",
    "regret_at",
    "rehearse",
    "sample",
    "score_responses",
    "serve",
    "serve_users",
    "serving_of",
    "within_limits",
    "worst_regret",
]

_LAZY = {
    **dict.fromkeys(
        (
            "Candidates",
            "measured",
            "read_candidates",
        ),
        "candidates",
    ),
    **dict.fromkeys(("export",), "exporting"),
    **dict.fromkeys(("judge_responses",), "judging"),
    **dict.fromkeys(("plan",), "planning"),
    **dict.fromkeys(
        (
            "Plan",
            "load_plan",
        ),
        "plans",
    ),
    **dict.fromkeys(
        (
            "Rewards",
            "read_rewards",
            "score_responses",
        ),
        "rewards",
    ),
    **dict.fromkeys(
        (
            "Sampling",
            "sample",
        ),
        "sampling",
    ),
    **dict.fromkeys(
        (
            "Range",
            "Scale",
        ),
        "scaling",
    ),
    **dict.fromkeys(
        (
            "BestOf",
            "Serving",
            "load_serving",
            "serving_of",
        ),
        "serving",
    ),
}
"""What needs tables, models or the engine: name to its module."""


def __getattr__(name: str) -> Any:
    """Import what needs tables, models or the engine when it is asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"populace.portfolio.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
