"""Numbers to try the figures of portfolios on: planted candidates, people drawn at tastes that stand here.

Nobody was asked anything. What is drawn from it says nothing about a model.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import polars as pl

from populace.streams import stream

__all__ = [
    "curves",
    "drawn_curve",
    "drawn_groups",
    "drawn_regions",
    "drawn_timeline",
    "people",
    "portfolio_items",
    "portfolio_result",
    "served_groups",
    "table_of_candidates",
]

_GROUPS = {
    "under 30": (6, 1, 0.6),
    "30 to 44": (2, 3, 2),
    "45 to 64": (1.5, 2, 3),
    "65 or more": (0.6, 1, 5),
}
"""Group -> how its people's weights are drawn (Dirichlet)."""


@functools.cache
def table_of_candidates() -> np.ndarray:
    """Give 24 candidates on three traits, near a curved front."""
    rng = stream(3, "report.demonstration.portfolio")
    raw = rng.dirichlet(np.full(3, 0.9), 24) ** 0.45
    return raw / np.linalg.norm(raw, axis=1, keepdims=True) * rng.uniform(0.9, 1.0, (24, 1))


@functools.cache
def people() -> Any:
    """Give 120 people of four groups, with survey weights."""
    from populace.portfolio.people import People

    rng = stream(4, "report.demonstration.portfolio")
    groups = [name for name in _GROUPS for _ in range(30)]
    weights = np.stack([rng.dirichlet(_GROUPS[name]) for name in groups])
    # Of the first group there are few.
    few = np.array([0.25 if name == groups[0] else 1.0 for name in groups])
    return People.of(weights, survey=few * rng.uniform(0.4, 2.2, 120), groups=groups)


@functools.cache
def curves() -> pl.DataFrame:
    """Give worst regrets of one to eight members, in four ways, and the proved bound."""
    from populace import portfolio as pf
    from populace.portfolio.comparing import best_at, even_weights, kmeans

    table, rows = table_of_candidates(), []
    rng = stream(5, "report.demonstration.portfolio")
    crowd = people()
    for size in range(1, 9):
        best = pf.best_of_size(table, size, seconds=20)
        centres, _ = kmeans(crowd.weights, crowd.survey, size, rng)
        lots = [best_at(table, rng.dirichlet(np.ones(3), size)) for _ in range(15)]
        found = {
            "best of size": best.value,
            "k-means of people": pf.worst_regret(table, best_at(table, centres)).value,
            "uniform weights": pf.worst_regret(table, best_at(table, even_weights(3, size))).value,
            "random weights": float(np.median([pf.worst_regret(table, each).value for each in lots])),
            "lower bound": best.lower_bound,
        }
        rows += [{"way": way, "members": size, "regret": value} for way, value in found.items()]
    return pl.DataFrame(rows)


@functools.cache
def served_groups() -> Any:
    """Count whom two members serve, chosen for the average and for the worst group."""
    from populace.portfolio.fairness import best_on_average, leave_nobody_behind
    from populace.portfolio.service import serve

    table, crowd = table_of_candidates(), people()
    return {
        name: serve(table, found.members, crowd, draws=500)
        for name, found in (
            ("best on average", best_on_average(table, crowd, 2)),
            ("nobody left behind", leave_nobody_behind(table, crowd, 2)),
        )
    }


@functools.cache
def _played() -> tuple[Any, pl.DataFrame]:
    from populace.bench import Counting, open_task, play
    from populace.bench.planted import planted_bench
    from populace.bench.portfolios.planting import planted_chooser, planted_styles
    from populace.bench.runner import summed

    bench, models = planted_bench(planted_styles(), planted_chooser(), people=30, prompts=20, items=240)
    task = open_task("portfolio")
    items = play(task, bench, models)
    return summed(task, bench, items, Counting(draws=200), {}), items


def portfolio_result() -> Any:
    """Score planted styles for planted people.

    Examples
    --------
    >>> portfolio_result().task
    'portfolio'
    """
    return _played()[0]


def portfolio_items() -> pl.DataFrame:
    """Give the items of that run."""
    return _played()[1]


def drawn_curve(width: int = 680) -> Any:
    """Draw the price curve of the candidates."""
    from populace.report.figures.price_curve import price_curve

    lines = ["24 candidates, three traits; random: median of 15 draws"]
    return price_curve(curves(), width, lines=lines, axis="worst regret, over all weights")


def drawn_regions(width: int = 680) -> Any:
    """Draw whom five of them serve."""
    from populace import portfolio as pf
    from populace.report.figures.regions import regions

    found, crowd = pf.best_of_size(table_of_candidates(), 5, seconds=20), people()
    names = [f"model {member + 1}" for member in found.members]
    points = table_of_candidates()[list(found.members)]
    traits = ["brevity", "kindness", "detail"]
    lines = [f"Five of 24 models, worst regret {found.value:.3f}; shares are of the triangle"]
    return regions(points, names, traits, crowd.weights, crowd.survey, width, lines=lines)


def drawn_timeline(width: int = 680) -> Any:
    """Draw a certified search over a pool of drawn scores."""
    from populace import portfolio as pf
    from populace.report.figures.certificate_timeline import certificate_timeline, timeline_of

    rng = stream(6, "report.demonstration.portfolio")
    pool = pf.Pool(1 / (1 + np.exp(-1.5 * rng.normal(size=(100, 16, 3)))))
    found = pf.certified(pool.oracle(0.1), traits=3, regret=0.03)
    told = f"{found.calls} policies solved, {len(found)} kept; certified within {found.certificate:.3g}"
    return certificate_timeline(timeline_of(found), width, target=0.01, lines=[told])


def drawn_groups(width: int = 680) -> Any:
    """Draw what two portfolios of two cost each group."""
    from populace.report.figures.group_regret import group_regret

    return group_regret(
        served_groups(), width, lines=["24 candidates, two members; of the young there are few"]
    )
