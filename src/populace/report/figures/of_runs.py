"""Which figures runs of a task have, and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures.cells import cells
from populace.report.figures.certificate_timeline import timeline_of_run
from populace.report.figures.distributional import distributional
from populace.report.figures.grounded import grounded, reliability
from populace.report.figures.group_regret import group_regret_of_run
from populace.report.figures.jury_wins import jury_wins
from populace.report.figures.kappas import human_agreement, kappa_by_group, kappa_matrix
from populace.report.figures.leave_one_out import leave_one_out
from populace.report.figures.modes import direct_against_thought, modes
from populace.report.figures.overton import coverage_at_k, overton
from populace.report.figures.passk import pass_at_k
from populace.report.figures.persona_kappas import kappa_by_persona, kappa_histogram
from populace.report.figures.phrases import phrase_frequency
from populace.report.figures.price_curve import price_curve_of_run
from populace.report.figures.ranking import leaderboard
from populace.report.figures.regions import regions_of_run
from populace.report.figures.response_prediction import prediction_curves, prediction_pairs
from populace.report.figures.safety import safety
from populace.report.figures.steering import steering
from populace.report.figures.trade_off import front_of_run, weights

if TYPE_CHECKING:
    from populace.bench.compare import Board
    from populace.bench.result import TaskResult

__all__ = ["figures_of", "write_figures"]

Draw = Callable[..., Any]
"""Takes `width`."""

_SINGLE: dict[str, Draw] = {
    "bounds": safety,
    "distributional": distributional,
    "jury": jury_wins,
    "leave-one-out": leave_one_out,
    "phrases": phrase_frequency,
}
"""Tasks of one figure, of the result alone, which has the task's name."""
_SEVERAL: dict[str, dict[str, Draw]] = {
    "overton": {"overton": overton, "coverage-at-k": coverage_at_k},
    "response-prediction": {"prediction-curves": prediction_curves, "prediction-pairs": prediction_pairs},
}
"""Tasks of several figures, of the result alone."""


def figures_of(
    runs: Mapping[str, tuple[TaskResult, pl.DataFrame]], board: Board | None = None
) -> dict[str, Draw]:
    """List the figures of runs of one task, by the name of their files.

    Parameters
    ----------
    runs
        Name of a run -> its result and items.
    board
        What comparing them gave; None leaves the leaderboard out.

    Returns
    -------
    dict
        Name -> a function of `width`.

    Raises
    ------
    DataError
        If the runs are of several tasks, or of one without figures.

    Examples
    --------
    >>> from populace.report.figures.demonstration import leave_one_out_result
    >>> list(figures_of({"one": (leave_one_out_result(), pl.DataFrame())}))
    ['leave-one-out']
    """
    tasks = list(dict.fromkeys(result.task for result, _ in runs.values()))
    if len(tasks) != 1:
        raise DataError(
            f"these runs are of {len(tasks)} tasks ({', '.join(tasks)})", fix="draw one task at a time"
        )
    results = [result for result, _ in runs.values()]
    found: dict[str, Draw] = {}
    if tasks[0] == "main":
        found["modes"] = partial(modes, results)
        found["direct-against-thought"] = partial(
            direct_against_thought,
            {_model(name, result, results): items for name, (result, items) in runs.items()},
        )
    elif tasks[0] == "pass-at-k":
        found["pass-at-k"] = partial(pass_at_k, results)
    else:
        for name, (result, items) in runs.items():
            end = f"-{name}" if len(runs) > 1 else ""
            found |= {f"{key}{end}": chart for key, chart in _of_one(result, items).items()}
    if board is not None:
        found["leaderboard"] = partial(leaderboard, board)
    if not found:
        raise DataError(
            f"there is no figure of the task {tasks[0]}", fix="compare two runs: a leaderboard has one"
        )
    return found


def _model(name: str, result: TaskResult, results: Sequence[TaskResult]) -> str:
    """Name a run by its model; with its own name where two runs have the same."""
    several = sum(each.target == result.target for each in results) > 1
    return f"{result.target} ({name})" if several else result.target


def _of_one(result: TaskResult, items: pl.DataFrame) -> dict[str, Draw]:
    if result.task == "grounded":
        arms = ["nobody", result.headline.arm]
        return {"grounded": partial(grounded, result), "reliability": partial(reliability, items, arms)}
    if result.task == "steerable":
        return {"steering": partial(steering, items)}
    if result.task in _SEVERAL:
        return {name: partial(draw, result) for name, draw in _SEVERAL[result.task].items()}
    if result.task in _SINGLE:
        return {result.task: partial(_SINGLE[result.task], result)}
    if result.task == "intersectionality":
        crossings = dict.fromkeys(
            s.arm for s in result.scores if s.measure == "satisfied" and s.arm and s.group
        )
        return {
            f"cells-{name.replace(',', '-').replace(' ', '-')}": partial(cells, result, name)
            for name in crossings
        }
    return _of_agreement(result, items) if result.task == "agreement" else _of_fronts(result, items)


def _of_portfolio(result: TaskResult, items: pl.DataFrame) -> dict[str, Draw]:
    found: dict[str, Draw] = {}
    if any(score.measure == "worst" for score in result.scores):
        found["price-curve"] = partial(price_curve_of_run, result)
        found["certificate-timeline"] = partial(timeline_of_run, items)
        if sum(name.startswith("trait: ") for name in items.columns) == 3:
            found["regions"] = partial(regions_of_run, items)
    if any(score.measure == "regret" and score.group for score in result.scores):
        found["group-regret"] = partial(group_regret_of_run, result)
    return found


def _of_fronts(result: TaskResult, items: pl.DataFrame) -> dict[str, Draw]:
    if result.task == "portfolio":
        return _of_portfolio(result, items)
    if result.task not in ("trade-off", "multi-objective"):
        return {}
    found: dict[str, Draw] = {"front": partial(front_of_run, result, items=items)}
    return found | ({"weights": partial(weights, result, items=items)} if result.task == "trade-off" else {})


def _of_agreement(result: TaskResult, items: pl.DataFrame) -> dict[str, Draw]:
    found: dict[str, Draw] = {}
    pairs = list(dict.fromkeys(s.arm for s in result.scores if s.measure == "ac1" and not s.group))
    if pairs:
        a, b = pairs[0].split(" × ")
        found["kappa-matrix"] = partial(kappa_matrix, result)
        found["kappa-by-persona"] = partial(kappa_by_persona, items, a, b)
        found["kappa-histogram"] = partial(kappa_histogram, items, a, b)
        if any(score.group for score in result.scores):
            found["kappa-by-group"] = partial(kappa_by_group, result)
    if any(score.measure == "alpha" for score in result.scores):
        found["human-agreement"] = partial(human_agreement, result)
    return found


def write_figures(charts: Mapping[str, Draw], out: str | Path, width: int = 680) -> list[Path]:
    """Write every figure as SVG and PNG, each file whole or not at all; return the paths.

    Raises
    ------
    PopulaceError
        If the packages that draw are not installed.
    """
    from populace.atomic import write_atomic
    from populace.report import draw, html

    html.require_drawing()
    written = []
    for name, chart in charts.items():
        # A model's name may hold what a file's must not.
        stem = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name)
        drawn = chart(width=width)
        for ending, content in ((".svg", draw.svg(drawn).encode()), (".png", draw.png(drawn))):
            path = Path(out) / f"{stem}{ending}"
            write_atomic(path, content)
            written.append(path)
    return written
