"""Maps of misfit: where a population and its reference part, one variable and two at a time."""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.population.sides import MOST_VALUES
from populace.report.figures import theme
from populace.report.misfit_tables import distances
from populace.report.titles import title_of

__all__ = ["head", "one_way", "points", "strips", "worst_values"]

LEAST = 2.0
"""A difference within so many standard errors of an honest sample is not coloured."""
POINTS = ((0.005, 0.01), (0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2))
"""Where the shades of a difference begin to darken; the first pair whose end holds nine misses in ten."""
SMALLEST = 5e-5
_VALUES = 8


def one_way(distances: pl.DataFrame, width: int = 680) -> Any:
    """Draw each variable's `distance`, in the order given; the tick is the `noise` of honest sampling."""
    import altair as alt

    table = distances.with_row_index("row").with_columns(said=_said("variable", "distance", "noise"))
    y, step = theme.rows([head(name) for name in table["variable"]], width)
    x = alt.X("distance:Q", title="share of people").axis(format="~%", tickCount=5)
    base = alt.Chart(table).encode(y=y)
    return theme.finish(
        alt.layer(
            base.mark_bar(height={"band": 0.42}, color=theme.BLUE, aria=True).encode(
                x=x, description="said:N"
            ),
            base.mark_tick(color=theme.INK, thickness=2, size=15, opacity=1).encode(x=alt.X("noise:Q")),
        ).properties(width=width - theme.label_room(width) - 20, height=alt.Step(step - 2))
    )


def _said(name: str, distance: str, noise: str) -> pl.Expr:
    """Say a row in words, for the hover and for those who do not see it."""
    return pl.format(
        "{}: {} %, sampling alone {} %",
        pl.col(name).map_elements(title_of, return_dtype=pl.String),
        (100 * pl.col(distance)).round(2),
        (100 * pl.col(noise)).round(2),
    )


def head(name: str) -> str:
    """Name a variable with a capital."""
    title = title_of(name)
    return title[0].upper() + title[1:]


def strips(shares: pl.DataFrame, width: int = 680) -> Any:
    """Draw each variable as a strip of its values, as wide as the reference's share, shaded by the miss.

    Blue and a plus: too many here; orange and a minus: too few; grey: within two standard errors of an
    honest sample.
    """
    import altair as alt

    order = distances(shares).filter(pl.col("values") <= MOST_VALUES)["variable"].to_list()
    shares = shares.filter(pl.col("variable").is_in(order))
    place = {name: row for row, name in enumerate(order)}
    limits = points(shares)
    kinds, colours = _kinds(limits)
    table = shares.filter(pl.col("theirs") > 0).with_columns(
        row=pl.col("variable").replace_strict(place, return_dtype=pl.Int64),
        end=pl.col("theirs").cum_sum().over("variable"),
        place=_kind(limits),
        said=pl.format(
            "{}: {}: {} % here, {} % in the reference",
            pl.col("variable").map_elements(title_of, return_dtype=pl.String),
            "label",
            (100 * pl.col("ours")).round(2),
            (100 * pl.col("theirs")).round(2),
        ),
    )
    table = table.with_columns(
        kind=pl.col("place").replace_strict(dict(enumerate(kinds)), return_dtype=pl.String)
    )
    plot = width - theme.label_room(width) - 16
    y, step = theme.rows([head(name) for name in order], width)
    band = alt.Scale(paddingInner=0.22, domain=list(range(len(order))))
    y.scale = band
    x = alt.X("start:Q", title="share of people in the reference")
    x = x.scale(domain=[0, 1], nice=False).axis(format="%", grid=False, tickCount=5)
    base = alt.Chart(
        table.select("row", "said", "kind", start=pl.col("end") - pl.col("theirs"), end="end")
    ).encode(y=y)
    wide = pl.col("theirs") * plot > 9
    signs = table.filter(wide & (pl.col("place") != 3)).select(
        "row",
        middle=pl.col("end") - pl.col("theirs") / 2,
        sign=pl.when(pl.col("ours") > pl.col("theirs")).then(pl.lit("+")).otherwise(pl.lit("−")),
        dark=pl.col("place").is_in([0, 6]),
    )
    text = alt.Chart(signs).mark_text(fontSize=12, fontWeight=700).encode(
        y=y, x="middle:Q", text="sign:N",
        color=alt.condition("datum.dark", alt.value(theme.PAPER), alt.value(theme.INK)),
    )  # fmt: skip
    return theme.finish(
        alt.layer(
            base.mark_rect(stroke=theme.PAPER, strokeWidth=0.6, aria=True).encode(
                x=x,
                x2="end:Q",
                description="said:N",
                color=alt.Color("kind:N", title=None)
                .scale(domain=kinds, range=colours)
                .legend(
                    orient="none",
                    legendX=-theme.label_room(width),
                    legendY=-32 if width >= 500 else -64,
                    columns=7 if width >= 500 else 3,
                    columnPadding=24,
                    symbolType="square",
                    symbolStrokeWidth=0,
                ),
            ),
            text,
        ).properties(width=plot, height=alt.Step(step - 2))
    )


def points(shares: pl.DataFrame) -> tuple[float, float]:
    """Choose where shades darken so that they tell the misses of this population apart."""
    gap = (pl.col("ours") - pl.col("theirs")).abs()
    missed = shares.filter(gap > LEAST * pl.col("error")).select(gap).to_series()
    high = missed.quantile(0.9, "nearest") or 0.0
    return next((limits for limits in POINTS if high <= limits[-1]), POINTS[-1])


def _kinds(limits: tuple[float, float]) -> tuple[list[str], list[str]]:
    """Name and colour the classes of a signed difference, from too few to too many."""
    small, large = (f"{100 * limit:g}" for limit in limits)
    sizes = (f"up to {{}}{small}", f"{{}}{small} to {{}}{large}", f"over {{}}{large}")
    fewer, more = ([size.replace("{}", sign) for size in sizes] for sign in ("−", "+"))
    return [*reversed(fewer), "sampling", *more], [*reversed(theme.FEWER), theme.WITHIN, *theme.MORE]


def _kind(limits: tuple[float, float]) -> pl.Expr:
    """Class of a difference: 0 far too few, 3 within sampling, 6 far too many."""
    gap = pl.col("ours") - pl.col("theirs")
    size = gap.abs()
    step = 1 + sum((size >= limit).cast(pl.Int64) for limit in limits)
    # Differences that no table of the page would show are none.
    none = (size <= LEAST * pl.col("error")) | (size < SMALLEST)
    return pl.when(none).then(3).otherwise(3 + gap.sign().cast(pl.Int64) * step)


def worst_values(shares: pl.DataFrame, variables: list[str], width: int = 680) -> Any:
    """Draw, for some variables, by how many points each value is off; grey is two standard errors."""
    import altair as alt

    columns = 2 if width >= 500 else 1
    panel = (width - 24 * (columns - 1)) // columns
    chosen = [_most(shares.filter(pl.col("variable") == name)) for name in variables]
    gap = pl.col("ours") - pl.col("theirs")
    reach = max(
        (
            part.select(pl.max_horizontal(gap.abs(), LEAST * pl.col("error")).max()).item()
            for part in chosen
        ),
        default=0.01,
    )  # fmt: skip
    panels = [
        _gaps(part, head(name), panel, 1.05 * reach) for name, part in zip(variables, chosen, strict=True)
    ]
    return theme.finish(alt.concat(*panels, columns=columns))


def _most(part: pl.DataFrame) -> pl.DataFrame:
    """Keep the values that are furthest off, in their own order."""
    kept = part.with_columns(gap=(pl.col("ours") - pl.col("theirs")).abs()).with_row_index()
    furthest = kept.sort("gap", "index", descending=[True, False]).head(_VALUES)
    return furthest.sort("index").drop("index", "gap")


def _gaps(part: pl.DataFrame, title: str, width: int, reach: float) -> Any:
    import altair as alt

    labels = [label[0].upper() + label[1:] for label in part["label"]]
    y, step = theme.rows(labels, width)
    table = part.with_row_index("row").select(
        "row",
        gap=pl.col("ours") - pl.col("theirs"),
        low=-LEAST * pl.col("error"),
        high=LEAST * pl.col("error"),
        colour=pl.when(pl.col("ours") >= pl.col("theirs")).then(pl.lit("m")).otherwise(pl.lit("f")),
        said=pl.format(
            "{}: {} % here, {} % in the reference", "label",
            (100 * pl.col("ours")).round(2), (100 * pl.col("theirs")).round(2),
        ),
    )  # fmt: skip
    x = alt.X("gap:Q", title="points too few or too many").scale(
        domain=[-100 * reach, 100 * reach], nice=False
    )
    x = x.axis(tickCount=5, labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.2~f')")
    table = table.with_columns(pl.col("gap", "low", "high") * 100)
    base = alt.Chart(table).encode(y=y)
    return alt.layer(
        base.mark_bar(color=theme.GRID, height={"band": 0.8}).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_bar(height={"band": 0.4}, aria=True).encode(
            x=x,
            x2=alt.datum(0),
            description="said:N",
            color=alt.Color("colour:N", legend=None).scale(
                domain=["f", "m"], range=[theme.FEWER[1], theme.BLUE]
            ),
        ),
    ).properties(width=width - theme.label_room(width) - 16, height=alt.Step(step - 2), title=title)
