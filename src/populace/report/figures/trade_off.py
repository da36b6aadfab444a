"""Models steered by weights: the path of their outcomes, and each objective over its own weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.report.figures.front import front

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["front_of_run", "weights"]


def front_of_run(result: TaskResult, width: int = 680, *, items: pl.DataFrame | None = None) -> Any:
    """Draw the arms of `multi-objective`, or the steered models of `trade-off` and their path.

    Parameters
    ----------
    result
        Of either task.
    width
        Of the whole figure, in pixels.
    items
        Of the run: they name objectives and steering functions that are not the tasks' own.

    Raises
    ------
    DataError
        If the result is of another task, or nothing was scored.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_front import trade_off_result
    >>> front_of_run(trade_off_result()).to_dict()["title"]["text"]
    ['Steered by weights: brevity, detail']
    """
    table, names = _rows_of(result, items)
    if table.is_empty():
        raise DataError("nothing was scored in this run", fix="run it to its end, with answers")
    scored = parts.estimates(result.scores)
    told = parts.counted(scored.filter(pl.col("measure").is_in(names)), "answers")
    lines = [f"{result.target or 'a table of scores'}; {told}"]
    steered = result.task == "trade-off"
    if steered or not result.target:
        lines = [line.replace(" people", " questions") for line in lines]
    ways = "Ways to answer" if result.target else "Models"
    title = f"{'Steered by weights' if steered else ways}: {', '.join(names)}"
    if steered:
        lines.append("Line: from all weight on the second objective to all on the first, by family")
    return front(table, width, title=title, lines=lines)


def weights(result: TaskResult, width: int = 680, *, items: pl.DataFrame | None = None) -> Any:
    """Draw each objective over its own weight, with the nearest rising curve.

    Parameters
    ----------
    result
        Of the task `trade-off`.
    width
        Of the whole figure, in pixels.
    items
        As for `front_of_run`.

    Raises
    ------
    DataError
        If the result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_front import trade_off_result
    >>> weights(trade_off_result()).to_dict()["title"]["text"]
    ['Does an objective rise with its weight?']
    """
    import altair as alt

    from populace.pluralism.trade_off import isotonic

    parts.need(result, "trade-off")
    table, names = _rows_of(result, items)
    functions = _functions(result, items)
    columns = min(len(names), 3 if width >= 600 else 2)
    side = (width - 70 * columns) // columns
    panels = []
    for place, name in enumerate(names):
        rows = table.filter(pl.col("objective") == name, pl.col("label").is_in(list(functions)))
        weight = np.array([functions[label].weights[place] for label in rows["label"]])
        family = [functions[label].family for label in rows["label"]]
        rows = rows.with_columns(weight=pl.Series(weight), family=pl.Series(family))
        fitted = [
            part.with_columns(fit=pl.Series(isotonic(part["value"].to_numpy(), part["weight"].to_numpy())))
            for (_,), part in rows.group_by("family", maintain_order=True)
        ]
        rows = pl.concat(fitted).sort("family", "weight", "fit", maintain_order=True)
        x = alt.X("weight:Q", title=f"weight of {name}").scale(domain=[0, 1]).axis(format=".0%", tickCount=3)
        y = alt.Y("value:Q", title=name).scale(zero=False)
        base = alt.Chart(rows)
        layers = [
            base.mark_line(color=theme.MUTED, strokeDash=[4, 3], strokeWidth=1).encode(
                x=x, y=alt.Y("fit:Q"), detail="family:N"
            ),
            base.mark_rule(strokeWidth=1.6, color=theme.BLUE).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
            base.mark_point(size=56, opacity=1, filled=True, color=theme.BLUE).encode(x=x, y=y),
        ]
        panels.append(alt.layer(*layers).properties(width=side, height=min(side, 240)))
    lines = [
        "Dashed: the nearest curve that does not fall. "
        f"{parts.counted(parts.estimates(result.scores).filter(pl.col('measure').is_in(names)), 'answers')}"
    ]
    lines = [line.replace(" people", " questions") for line in lines]
    chart = alt.concat(*panels, columns=columns)
    return parts.titled(chart, "Does an objective rise with its weight?", lines, width)


def _rows_of(result: TaskResult, items: pl.DataFrame | None) -> tuple[pl.DataFrame, list[str]]:
    """Give the objectives of arms, as `front` wants them, and their names."""
    if result.task not in ("multi-objective", "trade-off"):
        raise DataError(
            f"this figure is of multi-objective and trade-off, and the result is of {result.task}",
            fix="run `populace bench run trade-off`",
        )
    from populace.bench.objectives.given import OBJECTIVE
    from populace.bench.objectives.rules import RULES

    columns = () if items is None else items.columns
    own = {name.removeprefix(OBJECTIVE) for name in columns if name.startswith(OBJECTIVE)}
    found = [
        score
        for score in result.scores
        if score.arm
        and (
            score.measure in RULES
            or score.measure in own
            or score.measure == "suits"
            or score.measure.startswith("suits: ")
        )
    ]
    names = list(dict.fromkeys(score.measure for score in found))
    functions = _functions(result, items) if result.task == "trade-off" else {}
    place = {name: float(at) for at, name in enumerate(functions)}
    rows = [
        {"label": s.arm, "objective": s.measure}
        | {end: getattr(s.estimate, end) for end in ("value", "low", "high")}
        | {"steered": place.get(s.arm), "family": functions[s.arm].family if s.arm in functions else ""}
        for s in found
        if s.estimate.defined
    ]
    return pl.DataFrame(rows, infer_schema_length=None), names


def _functions(result: TaskResult, items: pl.DataFrame | None) -> Mapping[str, Any]:
    if items is not None:
        from populace.bench.objectives.trading import steering_of

        return steering_of(items)
    from populace.bench.objectives.rules import RULES
    from populace.bench.objectives.steering import functions_of

    options = result.settings["options"]
    count = len({score.measure for score in result.scores if score.arm and score.measure in RULES})
    return functions_of(options.get("functions"), options.get("divisions"), count)
