"""`populace pluralism front`: which models of a table are dominated by none, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

    from populace.pluralism.multi_objective import FrontEstimate, Scores
    from populace.stats import Estimate

__all__ = ["front", "long_table", "numbers", "told"]

_Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="CSV, JSONL or Parquet with the columns model, question, objective, score; or model, question "
        "and a column for each objective. Without question, scores are means.",
    ),
]


def front(
    table: _Table,
    objectives: Annotated[
        list[str] | None,
        typer.Option("--objective", help="Only this objective; may be given again.", metavar="NAME"),
    ] = None,
    less: Annotated[
        list[str] | None,
        typer.Option(
            "--less", help="An objective of which less is better; may be given again.", metavar="NAME"
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Point of the hypervolume, one number an objective: '0,0'.", metavar="NUMBERS"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Test whether each other model improves on this one.", metavar="MODEL"),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(
            help="Least and most that any score can be, '0,1': --against then knows what questions that all "
            "agree may hide.",
            metavar="NUMBERS",
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Resamples of the questions.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows (.csv) or the figure (.svg, .png).", metavar="FILE")
    ] = None,
) -> None:
    """Find the front of models, what it is worth, and the share of all weights that each model serves.

    Weights apply to objectives on a scale from the worst to the best of the models at hand.
    """
    import polars as pl
    from rich.console import Console

    scores = long_table(table).only(objectives=objectives).shared()
    ways = _directions(scores, less or [])
    span = None if between is None else _span(between)
    found, share, serves = _estimated(scores, ways, reference, draws, seed)
    rows = _rows(found, share)
    console = Console()
    console.print(_laid(found, share, bare=not scores.questions))
    for line in (
        *_summary(found, scores),
        serves,
        *(_improvements(scores, ways, against, span, draws, seed) if against else ()),
    ):
        console.print(line, markup=False, highlight=False)
    if out is not None:
        _written(out, pl.DataFrame(rows), found, ways)
        typer.echo(f"{out}: {len(rows):,} models" if out.suffix == ".csv" else f"{out}: the figure")


def long_table(path: Path) -> Scores:
    """Read scores, of either form."""
    from populace.bench.objectives.given import read_long

    return read_long(path)[1]


def told(estimate: Estimate) -> str:
    """Write a value with its interval, where it has one."""
    if not estimate.defined:
        return "not defined"
    ends = "" if math.isnan(estimate.low) else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{ends}"


def numbers(option: str, text: str, objectives: Sequence[str]) -> list[float]:
    """Read an option of one number an objective.

    Raises
    ------
    DataError
        If they are no finite numbers, or not one each.
    """
    from populace.errors import DataError

    try:
        found = [float(each) for each in text.split(",")]
    except ValueError:
        raise DataError(f"{option} {text!r} is no list of numbers", fix="write '0,0'") from None
    if not all(math.isfinite(each) for each in found):
        raise DataError(f"{option} {text!r} has no finite number somewhere", fix="write '0,0'")
    if len(found) != len(objectives):
        what = f"{option} has {len(found)} numbers for {len(objectives)} objectives"
        raise DataError(what, fix=f"give one each for {', '.join(objectives)}")
    return found


def _span(text: str) -> float:
    from populace.errors import DataError

    low, high = numbers("--between", text, ("worst", "best"))
    if not low < high:
        raise DataError(f"--between {text!r} does not rise", fix="give the smaller first: '0,1'")
    return high - low


def _directions(scores: Scores, less: list[str]) -> list[Any]:
    from populace.errors import DataError

    for name in less:
        if name not in scores.objectives:
            raise DataError(f"there is no objective {name!r}", fix=f"take of {', '.join(scores.objectives)}")
    return ["min" if name in less else "max" for name in scores.objectives]


def _estimated(
    scores: Scores, ways: list[Any], reference: str | None, draws: int, seed: int
) -> tuple[FrontEstimate, list[float | None], str]:
    import numpy as np

    from populace.errors import DataError
    from populace.pluralism import multi_objective as mo
    from populace.pluralism.multi_objective.points import evened

    point = None if reference is None else numbers("--reference", reference, scores.objectives)
    found = mo.estimate_front(
        scores.values,
        scores.models,
        scores.objectives,
        directions=ways,
        reference=point,
        draws=draws,
        seed=seed,
    )
    means = evened(scores.values.mean(axis=1), np.abs(scores.values).max(axis=(0, 1)))
    none: list[float | None] = [None] * len(scores.models)
    if len(scores.models) < 2:
        return found, none, "serves: left out, since there is one model"
    level = [name for name, span in zip(scores.objectives, np.ptp(means, axis=0), strict=True) if span == 0]
    if level:
        return found, none, f"serves: left out, since all models are alike in {', '.join(level)}"
    try:
        share = mo.served(mo.Scale.observed(means, ways).apply(means)).tolist()
    except DataError as error:  # points are fine: there are too many of them, or of their objectives
        return found, none, f"serves: left out, {error.what} (take some with --objective)"
    return found, share, "serves: share of all weights, on a scale from the worst to the best of these models"


def _rows(found: FrontEstimate, share: list[float | None]) -> list[dict[str, Any]]:
    rows = []
    for model, serves in zip(found.models, share, strict=True):
        row: dict[str, Any] = {"model": model.name}
        for name, score in zip(found.objectives, model.scores, strict=True):
            row |= {name: score.value, f"{name} low": score.low, f"{name} high": score.high}
        rows.append(row | {"on_front": model.on_front, "often": model.often, "serves": serves})
    return rows


def _laid(found: FrontEstimate, share: list[float | None], *, bare: bool) -> Any:
    from rich.table import Table
    from rich.text import Text

    laid = Table()
    laid.add_column("model", overflow="fold")
    for name in found.objectives:
        laid.add_column(Text(name), justify="right")
    for name in ("front", *(() if bare else ("often",)), "serves"):
        laid.add_column(name, justify="right")
    order = sorted(
        range(len(found.models)), key=lambda at: (not found.models[at].on_front, -found.models[at].often)
    )
    for at in order:
        model = found.models[at]
        scores = [told(score) for score in model.scores]
        serves = "" if share[at] is None else f"{share[at]:.1%}"
        often = () if bare else (f"{model.often:.0%}",)
        laid.add_row(Text(model.name), *scores, "yes" if model.on_front else "", *often, serves)
    return laid


def _summary(found: FrontEstimate, scores: Scores) -> list[str]:
    lines = [f"{len(found.front)} of {len(found.models)} models are dominated by none"]
    if scores.questions:
        lines.append(f"often: {found.method}; on {len(scores.questions):,} questions that all models have")
    else:
        lines.append("the table has no questions: nothing is known of the error of these means")
    if found.volume is not None:
        lines.append(f"hypervolume {told(found.volume)} (the best of noisy means: biased upwards)")
    return lines


def _improvements(
    scores: Scores, ways: list[Any], against: str, span: float | None, draws: int, seed: int
) -> list[str]:
    from populace.errors import DataError
    from populace.pluralism.multi_objective import improvement

    base = scores.only([against]).values[0]
    if len(scores.questions) < 2:
        raise DataError("a test of improvement needs scores by question", fix="add a column `question`")
    lines = []
    for name, values in zip(scores.models, scores.values, strict=True):
        if name != against:
            within = None if span is None else (-span, span)
            found = improvement(values, base, directions=ways, within=within, draws=draws, seed=seed)
            agree = [
                each
                for each, one in zip(scores.objectives, found.differences, strict=True)
                if one.low != one.low
            ]
            lines.append(
                f"{name} against {against}: {found.verdict}; smallest lead {told(found.least)}, "
                f"p {found.p_value:.3g} (intersection-union)"
                + (f"; every question agrees on {', '.join(agree)}: say --between" if agree else "")
            )
    return lines


def _written(out: Path, rows: pl.DataFrame, found: FrontEstimate, ways: list[Any]) -> None:
    from populace.atomic import write_atomic
    from populace.errors import DataError

    if out.suffix == ".csv":
        write_atomic(out, rows.write_csv().encode())
        return
    if out.suffix not in (".svg", ".png"):
        raise DataError("this is written as .csv, .svg or .png", file=out, fix="end the name in one of these")
    from populace.report import draw, html
    from populace.report.figures import front_of_models

    html.require_drawing()
    chart = front_of_models(found, directions=ways)
    write_atomic(out, draw.svg(chart).encode() if out.suffix == ".svg" else draw.png(chart))
