"""Numbers to try the figures of fronts on: a planted target of `trade-off`, and models drawn at given rates.

Nobody was asked anything. What is drawn from it says nothing about a model.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from populace.streams import stream

__all__ = ["drawn_front", "drawn_run", "models_on_a_front", "trade_off_result"]

_RATES = {
    "model small": (0.35, 0.80, 0.42),
    "model medium": (0.55, 0.62, 0.58),
    "model large": (0.75, 0.35, 0.70),
    "model old": (0.42, 0.48, 0.40),
    "model large, careful": (0.68, 0.30, 0.82),
}
_OBJECTIVES = ("helpful", "brief", "careful")


@functools.cache
def trade_off_result() -> Any:
    """Score a planted target that follows its weights.

    Examples
    --------
    >>> trade_off_result().task
    'trade-off'
    """
    from populace.bench import Counting, open_task, play
    from populace.bench.objectives.planting import planted_steered
    from populace.bench.planted import planted_bench, planted_judge
    from populace.bench.runner import summed

    bench, models = planted_bench(planted_steered(), planted_judge(), people=2, prompts=24, items=24)
    task = open_task("trade-off")
    return summed(task, bench, play(task, bench, models), Counting(draws=500), {})


@functools.cache
def models_on_a_front() -> Any:
    """Estimate the front of five models, drawn at rates that stand in this file.

    Examples
    --------
    >>> models_on_a_front().objectives
    ('helpful', 'brief', 'careful')
    """
    from populace.pluralism.multi_objective import estimate_front

    rng, true = stream(7, "report.demonstration.front"), np.array(list(_RATES.values()))
    values = np.clip(true[:, None] + rng.normal(0, 0.2, (len(true), 80, 3)), 0, 1)
    return estimate_front(values, list(_RATES), _OBJECTIVES, reference=[0, 0, 0], draws=1000)


def drawn_run(width: int = 680) -> Any:
    """Draw the steered path and the front of the planted target."""
    from populace.report.figures.trade_off import front_of_run

    return front_of_run(trade_off_result(), width)


def drawn_front(width: int = 680) -> Any:
    """Draw the front of the five models, a panel for each two objectives."""
    from populace.report.figures.front import front_of_models

    return front_of_models(models_on_a_front(), width)
