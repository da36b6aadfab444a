"""Numbers to try the radar and the matrix of steering on. Nobody was asked anything: they are made up."""

from __future__ import annotations

import functools
from typing import Any

import polars as pl

from populace.stats import Estimate

__all__ = ["kinds", "radar_chart", "steerable_items", "steering_chart"]

_KINDS = {
    "Overton coverage": (0.42, 0.38, 0.51),
    "steerable, accuracy": (0.71, 0.55, 0.64),
    "distributional, 1 − TV": (0.62, 0.74, None),
    "jury, share served": (0.66, 0.61, 0.70),
    "sycophancy resisted": (0.35, 0.80, 0.58),
}
_MODELS = ("model A", "model B", "model C")


def kinds() -> dict[str, dict[str, Estimate]]:
    """Give made-up scores of three models in five kinds, one of which one model lacks."""
    found: dict[str, dict[str, Estimate]] = {}
    for place, model in enumerate(_MODELS):
        scores = {kind: values[place] for kind, values in _KINDS.items()}
        found[model] = {
            kind: Estimate(
                value=value,
                low=value - 0.06 - 0.02 * place,
                high=value + 0.05 + 0.02 * place,
                n=200,
                clusters=40,
                method="made up",
            )
            for kind, value in scores.items()
            if value is not None
        }
    return found


@functools.cache
def steerable_items() -> pl.DataFrame:
    """Play the task with a planted model that is right seven times in ten, steered to six attributes."""
    from populace.bench import open_task, play
    from populace.bench.steering.planting import planted_bench, planted_material, planted_model
    from populace.bench.tasks.steerable import Steerable

    assert open_task("steerable").meta.name == "steerable"
    material = planted_material(3)
    target = planted_model(material, 0.7, seed=3)
    return play(Steerable(material), planted_bench(target), {"target": target})


def radar_chart(width: int = 680) -> Any:
    """Draw the radar of the made-up scores."""
    from populace.report.figures.radar import radar

    return radar(kinds(), width)


def steering_chart(width: int = 680) -> Any:
    """Draw the matrix of the planted model."""
    from populace.report.figures.steering import steering

    return steering(steerable_items(), width=width)
