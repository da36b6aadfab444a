"""`populace population rake` and `sample`: weights that meet margins, and draws by a design."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import check_written, read_bounds, read_cap, read_cells, split_names
from populace.cli.written import parquet

if TYPE_CHECKING:
    from populace.population import Population
    from populace.population.targets import Margins

__all__ = ["Out", "People", "rake", "sample", "summary"]

People = Annotated[
    Path, typer.Argument(metavar="PEOPLE.parquet", help="People made by `build`, `rake` or `sample`.")
]
Out = Annotated[Path, typer.Option(help="File to write.", metavar="PEOPLE.parquet", callback=parquet)]


class Allocation(StrEnum):
    """How a sample is divided among strata."""

    proportional = "proportional"
    equal = "equal"
    neyman = "neyman"


def summary(people: Population) -> str:
    """Say in a line who people are."""
    from_ = people.provenance
    return (
        f"{len(people):,} {'adults' if from_.adults else 'people'} of {from_.geography}, "
        f"standing for {from_.stands_for:,.0f}, from {from_.source} ({from_.citation}), seed {from_.seed}"
    )


def rake(
    people: People,
    margins: Annotated[
        str,
        typer.Option(
            help="us-2024 (one-way margins of the census), or a file. CSV: a column a variable, and `target` "
            "(count or share). TOML: tables `margin` with `columns` and `cells`.",
            metavar="FILE",
        ),
    ],
    out: Out,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Keep to the margins of these variables: sex,age_band; may be repeated.", metavar="COLUMNS"
        ),
    ] = None,
    cap: Annotated[
        str | None,
        typer.Option(
            help="Largest weight: median:5 (times the median), quantile:0.99 or weight:20000.",
            metavar="KIND:NUMBER",
        ),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(help="Least and largest factor of a weight, such as 0.3:3.", metavar="LOW:HIGH"),
    ] = None,
    total: Annotated[
        float | None,
        typer.Option(help="What the weights shall add up to, where margins are shares; else as before."),
    ] = None,
    rescale: Annotated[
        bool, typer.Option("--rescale", help="Bring every margin to one total, as for rounded shares.")
    ] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Write also weights that do not meet the margins in the end.")
    ] = False,
    merge_absent: Annotated[
        bool,
        typer.Option(
            "--merge-absent",
            help="Give the target of categories that nobody has to the others of the margin.",
        ),
    ] = False,
    cells: Annotated[
        Path | None, typer.Option(help="Also write every cell: target, before, after.", metavar="CELLS.csv")
    ] = None,
) -> None:
    """Change weights as little as possible so that margins hold, and say what that costs."""
    from populace.atomic import write_atomic
    from populace.errors import DataError
    from populace.population import Population

    check_written(out, people, Path(margins))
    if cells is not None:
        check_written(cells, people, Path(margins), out)
        if cells.suffix.lower() != ".csv":
            raise DataError("cells are written as CSV", file=cells, fix="end the name in .csv")
    loaded = Population.load(people)
    raked, found = loaded.rake(
        _margins(margins, split_names(only), adults=loaded.provenance.adults),
        cap=read_cap(cap),
        bounds=read_bounds(bounds),
        total=total,
        rescale=rescale,
        strict=not lenient,
        missing="merge" if merge_absent else None,
    )
    raked.save(out)
    typer.echo(f"{out}: {summary(raked)}")
    if cells is not None:
        write_atomic(cells, found.cells.write_csv().encode())
        typer.echo(f"{cells}: {found.cells.height:,} cells")
    for line in found.text().splitlines():
        typer.echo(f"  {line}")


def _margins(source: str, only: list[str], *, adults: bool) -> Margins:
    """Keep to the margins whose variables are all wanted."""
    if not only:
        return source
    from populace.errors import DataError
    from populace.population import census_targets
    from populace.population.targets import as_targets

    if source == "us-2024":
        return census_targets(adults=adults, attributes=only)
    given = as_targets(source)
    columns = {name for margin in given for name in margin.columns}
    if missing := [name for name in only if name not in columns]:
        what, fix = "there is no margin of this variable", f"there are {', '.join(sorted(columns))}"
        raise DataError(what, file=source, column=missing[0], fix=fix)
    kept = [margin for margin in given if set(margin.columns) <= set(only)]
    if not kept:
        fix = "name all variables of a margin"
        raise DataError(f"no margin has only {', '.join(only)}", file=source, fix=fix)
    return kept


def sample(
    people: People,
    size: Annotated[int, typer.Option(min=1, help="People to draw; households with --households.")],
    out: Out,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    strata: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw from every combination of these columns by itself: sex,race; may be repeated.",
            metavar="COLUMNS",
        ),
    ] = None,
    allocation: Annotated[
        Allocation, typer.Option(help="How the draws are divided among the strata.")
    ] = Allocation.proportional,
    variable: Annotated[
        str | None, typer.Option(help="What Neyman's allocation shall estimate best.", metavar="COLUMN")
    ] = None,
    boost: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw some people so many times as often: 'race=Asian alone:3'; may be repeated.",
            metavar="COLUMN=VALUE:TIMES",
        ),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            help="Let some people be this share of the sample: 'race=Asian alone:0.25'; may be repeated.",
            metavar="COLUMN=VALUE:SHARE",
        ),
    ] = None,
    households: Annotated[
        bool, typer.Option("--households", help="Draw whole households; the number of people then varies.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Nobody comes twice.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Draw independently instead of systematically.")
    ] = False,
) -> None:
    """Draw people in proportion to weight, by strata, more of some, or by household; weights stay right."""
    from populace.population import Population

    check_written(out, people)
    drawn = Population.load(people).sample(
        size,
        seed=seed,
        strata=split_names(strata) or None,
        allocation=allocation.value,
        variable=variable,
        boost=read_cells("--boost", boost),
        shares=read_cells("--share", share),
        households=households,
        once=once,
        replace=replace,
    )
    drawn.save(out)
    typer.echo(f"{out}: {summary(drawn)}")
    for line in _account(drawn):
        typer.echo(f"  {line}")


def _account(drawn: Population) -> list[str]:
    """What the design made of the sample."""
    import polars as pl

    from populace.population import design_effect, effective_size
    from populace.population.ids import distinct
    from populace.population.targets import NONE, with_readings

    frame, design = drawn.frame, drawn.provenance.steps[-1].settings
    lines = [f"drawn with seed {design['seed']}"]
    if "household_id" in frame.columns:
        lines.append(f"{frame['household_id'].n_unique():,} households, {frame.height:,} people")
    for option in ("boost", "shares"):
        for column, values in design.get(option, {}).items():
            # It may be a reading, such as age_band.
            read = with_readings(frame, [column]).to_series().cast(pl.String).fill_null(NONE)
            for value in values:
                those = frame.filter(read == value)
                weighted = float(those["weight"].sum()) / float(frame["weight"].sum())
                lines.append(
                    f"{column} = {value}: {those.height:,} people, "
                    f"{those.height / frame.height:.1%} of the sample, {weighted:.1%} by weight"
                )
    weights = frame["weight"].cast(pl.Float64).to_numpy()
    if (persons := distinct(frame).height) < frame.height:
        lines.append(f"{persons:,} different people among them: some were drawn more than once")
    lines.append(f"design effect {design_effect(weights):.3f}, effective size {effective_size(weights):,.0f}")
    return lines
