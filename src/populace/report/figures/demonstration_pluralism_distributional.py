"""Numbers made up for the figure of `distributional`: a planted model, scored as any other.

It describes people better than it simulates them, and its likelihoods lean to what stands first. Nothing here
is a finding about a model.
"""

from __future__ import annotations

import functools
from typing import Any

from populace.bench import Counting
from populace.bench.distributions.planting import planted_bench, planted_cells, planted_model
from populace.bench.result import TaskResult
from populace.bench.runner import play, summed
from populace.bench.tasks.distributional import Distributional
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted
from populace.report.figures.distributional import distributional

__all__ = ["distributional_result", "drawn"]

_KNOWS = {"verbalised": 0.75, "sequences": 0.35, "logprobs": 0.5, "repeated": 0.3}


@functools.cache
def distributional_result() -> TaskResult:
    """Result of `distributional`: 36 questions, 300 people a question."""
    cells = planted_cells(36, seed=7, people=300)
    models = {way: planted_model(cells, share, seed=7) for way, share in _KNOWS.items()}

    def text(request: GenerateRequest) -> Any:
        asked = request.messages[-1].content
        way = (
            "verbalised" if "Of 100 of them" in asked else "sequences" if "Simulate" in asked else "repeated"
        )
        return models[way]._text(request)

    def choice(request: ChooseRequest) -> list[float]:
        p = list(models["logprobs"]._choice(request))  # type: ignore[arg-type]
        lean = [1.0 + 0.5 * (place < 2) for place in range(len(p))]
        return [float(a) * b / 1.5 for a, b in zip(p, lean, strict=True)]  # type: ignore[arg-type]

    target = Scripted(text=text, choice=choice, model="made up@1/exact")
    bench = planted_bench(target, seed=7, questions=36, repeats=20)
    task = Distributional(cells)
    return summed(task, bench, play(task, bench, {"target": target}), Counting(draws=500, seed=7), {})


def drawn(width: int = 560) -> Any:
    """Draw the figure from these numbers."""
    return distributional(distributional_result(), width)
