"""How a certified search closes in: what is proved from above and shown from below, over oracle calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.portfolio import Refined

__all__ = ["certificate_timeline", "timeline_of", "timeline_of_run"]


def certificate_timeline(
    table: pl.DataFrame,
    width: int = 680,
    *,
    target: float | None = None,
    title: str = "How far from the best can any policy known be?",
    lines: Sequence[str] = (),
) -> Any:
    """Draw bounds of the gap over calls: the gap lies in the shaded range.

    Parameters
    ----------
    table
        `calls`, `upper`: no weights lose more, proved; and `lower`, null where nothing is known: some weights
        lose as much.
    target
        Where the search was to stop.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If there is no row, or an upper bound is not above 0 anywhere.

    Examples
    --------
    >>> table = pl.DataFrame({"calls": [3, 4, 5], "upper": [0.2, 0.1, 0.02], "lower": [0.1, 0.02, None]})
    >>> certificate_timeline(table, target=0.03).to_dict()["title"]["text"]
    ['How far from the best can any policy known be?']
    """
    import altair as alt

    uppers = table["upper"].drop_nulls().to_numpy() if table.height else np.empty(0)
    positive = uppers[uppers > 0]
    if not positive.size:
        raise DataError("there is no bound to draw", fix="give calls and upper bounds")
    told = [*positive, *([target] if target else [])]
    floor, top = 0.5 * min(told), 1.25 * max(told)
    known = table.with_columns(
        upper=pl.col("upper").clip(floor, None), under=pl.col("lower").fill_null(0).clip(floor, None)
    )
    most = max(int(table["calls"].max()), 2)  # pyright: ignore[reportArgumentType]
    first = int(table["calls"].min())  # pyright: ignore[reportArgumentType]
    x = (
        alt.X("calls:Q", title="oracle calls (policies solved)")
        .scale(domain=[first - 0.5, most + 0.5], nice=False)
        .axis(format="d", tickMinStep=1, tickCount=min(most - first + 1, 10), grid=False)
    )
    scale = alt.Scale(type="log", domain=[floor, top], nice=False)
    y = alt.Y("upper:Q", title="regret (log scale)").scale(scale).axis(values=_ticks(floor, top), format="~g")
    base = alt.Chart(known).encode(x=x)
    plot = width - 64
    layers = [
        base.mark_area(color=theme.SCALE[1], interpolate="step-after").encode(y=y, y2="under:Q"),
        base.mark_line(color=theme.BLUE, strokeWidth=2, interpolate="step-after").encode(y=y),
        base.mark_point(shape="circle", filled=True, color=theme.BLUE, size=26, opacity=1).encode(y=y),
        base.transform_filter(f"isValid(datum.lower) && datum.lower > {floor}")
        .mark_point(shape="triangle-up", size=40, strokeWidth=1.3, opacity=1)
        .encode(y=alt.Y("lower:Q").scale(scale), fill=alt.value(theme.PAPER), stroke=alt.value(theme.INK)),
    ]
    if target is not None:
        goal = alt.Chart(pl.DataFrame({"at": [target], "said": [f"stops at {target:.2g}"]}))
        layers += [
            goal.mark_rule(color=theme.MUTED, strokeDash=[4, 3]).encode(y=alt.Y("at:Q").scale(scale)),
            goal.mark_text(align="left", dx=4, dy=9, color=theme.MUTED, fontSize=11).encode(
                x=alt.value(0), y=alt.Y("at:Q").scale(scale), text="said:N"
            ),
        ]
    key = "Line: proved, no weights lose more. Triangles: shown, some weights lose as much"
    chart = alt.layer(*layers).properties(width=plot, height=min(plot, 300))
    return parts.titled(chart, title, [key, *lines], width)


def _ticks(low: float, high: float) -> list[float]:
    """Give round numbers for a log axis.

    Examples
    --------
    >>> _ticks(0.004, 0.11)
    [0.005, 0.01, 0.02, 0.05, 0.1]
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    found = [float(f"{first}e{power}") for power in powers for first in (1, 2, 5)]
    return [each for each in found if low <= each <= high]


def timeline_of(found: Refined) -> pl.DataFrame:
    """Lay out the bounds of a certified search over its calls.

    The bound from above is the search's own. From below it is what each next answer beat all before it by, at
    its own weights, free policies among them, less what samples may have erred; since policies only come to
    be more, what is shown later held before as well.

    Examples
    --------
    >>> from populace import portfolio as pf
    >>> oracle = pf.Pool(np.random.default_rng(0).random((20, 8, 2))).oracle(0.1)
    >>> table = timeline_of(pf.certified(oracle, traits=2, regret=0.02))
    >>> table.columns, bool((table["lower"].fill_null(0) <= table["upper"] + 1e-9).all())
    (['calls', 'upper', 'lower'], True)
    """
    weights = np.array(found.weights)
    # What each policy is worth for any weights, its cost absorbed.
    own = np.array([each.value for each in found.solved])
    rewards = np.array([each.rewards for each in found.solved])
    cost = own - (weights * rewards).sum(axis=1)
    free = np.array(found.also).reshape(-1, weights.shape[1])
    rows = []
    for calls, upper in found.history:
        lower = None
        if calls < len(own):
            before = np.vstack([rewards[:calls] + cost[:calls, None], free]) @ weights[calls]
            lower = max(float(own[calls] - before.max()) - 2 * found.noise, 0.0)
        rows.append({"calls": calls, "upper": upper, "lower": lower})
    table = pl.DataFrame(rows, schema={"calls": pl.Int64, "upper": pl.Float64, "lower": pl.Float64})
    return table.with_columns(pl.col("lower").cum_max(reverse=True))


def timeline_of_run(
    items: pl.DataFrame, width: int = 680, *, beta: float = 0.05, regret: float = 0.02
) -> Any:
    """Draw a certified search over the answers of a run of `portfolio`: a plan of what training could reach.

    The answers of the arms to each question are the pool, and policies are all mixtures of them, question by
    question, at the price `beta` a nat.

    Raises
    ------
    DataError
        If nothing was measured.

    Examples
    --------
    >>> from populace.report.figures.demonstration_portfolio import portfolio_items
    >>> timeline_of_run(portfolio_items()).to_dict()["title"]["text"]
    ['Planned from the answers of a run: how far from the best?']
    """
    from populace import portfolio as pf
    from populace.bench.portfolios.candidates import scores_in

    if "part" not in items.columns:
        raise DataError("these are no items of `portfolio`", fix="run `populace bench run portfolio`")
    scores, _, questions, traits = scores_in(items)
    if not len(questions):
        raise DataError("nothing was measured in this run", fix="run it to its end, with answers")
    pool = pf.Pool(np.moveaxis(scores, 0, 1))
    found = pf.certified(pool.oracle(beta), traits=len(traits), regret=regret)
    kept = f"{found.calls} policies solved, {len(found)} kept"
    lines = [f"{kept}; certified within {found.certificate:.3g}, beta {beta:g}"]
    title = "Planned from the answers of a run: how far from the best?"
    return certificate_timeline(timeline_of(found), width, target=regret / 3, title=title, lines=lines)
