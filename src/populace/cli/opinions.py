"""`populace opinions`: read a survey once, look at its items, write out what people answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.opinions import Opinions

app = typer.Typer(no_args_is_help=True, help="What people answered: surveys as respondents by items.")

_Saved = Annotated[
    Path, typer.Argument(metavar="FILE", help="Opinions that `build` wrote, or a folder of a Polis export.")
]


@app.command()
def build(
    survey: Annotated[
        Path, typer.Argument(metavar="SURVEY", help="File of a survey, or a folder of a Polis export.")
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.", metavar="FILE")],
    codebook: Annotated[
        str | None,
        typer.Option(help="Name of a codebook of the package, or a TOML file.", metavar="NAME"),
    ] = None,
    later: Annotated[
        bool, typer.Option("--later", help="Predict what people said at the later interview.")
    ] = False,
    unworded: Annotated[
        bool, typer.Option("--unworded", help="Take also columns that the codebook does not word.")
    ] = False,
    least_answered: Annotated[
        float, typer.Option(min=0, max=1, help="Share of people who must have answered such a column.")
    ] = 0.1,
    year: Annotated[int | None, typer.Option(help="Survey year, where the file holds several.")] = None,
    least: Annotated[int, typer.Option(min=0, help="Votes that a Polis participant must have cast.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws inside bands.")] = 0,
) -> None:
    """Read a survey, and save it as one file that opens at once."""
    from populace.errors import StudyError
    from populace.opinions import read_opinions
    from populace.opinions.polis import read_polis
    from populace.opinions.saving import save

    if survey.is_dir():
        if codebook or later or unworded or year is not None:
            what = (
                "a Polis export has no codebook, no later interview, no columns without a wording and no year"
            )
            raise StudyError(what, fix="leave these options out, or name a file")
        opinions = read_polis(survey, least)
    elif codebook is None:
        raise StudyError("nothing says how the survey is to be read", fix="give --codebook NAME")
    else:
        opinions = read_opinions(
            survey,
            codebook,
            later=later,
            unworded=unworded,
            least_answered=least_answered,
            year=year,
            seed=seed,
        )
    save(opinions, out)
    worded = sum(bool(item.question) for item in opinions.items)
    typer.echo(
        f"{out}: {len(opinions):,} people, {len(opinions.items):,} items ({worded:,} with a question), "
        f"{opinions.answered.mean():.0%} answered"
        + ("" if opinions.retest is None else ", some of them twice")
    )
    for note in opinions.notes:
        typer.echo(f"  {note}")


@app.command()
def items(
    file: _Saved,
    worded: Annotated[bool, typer.Option("--worded", help="Only items with a question.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the table with its questions as .csv.", metavar="FILE")
    ] = None,
) -> None:
    """List the items: answers, options, share of the commonest, how many repeat theirs, near-duplicates."""
    import polars as pl
    from rich.console import Console

    from populace.cli.opinions_tables import items_table
    from populace.opinions.summary import item_table

    table = item_table(opened(file))
    if worded:
        table = table.filter(pl.col("question") != "")
    if out is None:
        Console().print(items_table(table))
        return
    from populace.atomic import write_atomic

    flat = table.with_columns(pl.col("twins").list.join(" "))
    write_atomic(out, flat.write_csv().encode())
    typer.echo(f"{out}: {table.height:,} items")


@app.command()
def gold(
    file: _Saved,
    out: Annotated[Path, typer.Option(help="Parquet file to write.", metavar="FILE")],
    people: Annotated[int, typer.Option(min=3, help="Respondents to draw.")] = 200,
    questions: Annotated[int | None, typer.Option(min=1, help="Questions to draw; all if left out.")] = None,
    repeated: Annotated[
        bool, typer.Option("--repeated", help="Only answers that people gave at both interviews.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
) -> None:
    """Write out answers as sentences, for `populace bench run comparison --option gold=FILE`."""
    from populace.atomic import atomic_path
    from populace.opinions.gold import gold_rows

    found = gold_rows(opened(file), people=people, questions=questions, repeated=repeated, seed=seed)
    with atomic_path(out) as temporary:
        found.rows.write_parquet(temporary)
    typer.echo(f"{out}: {found.told}")


@app.command()
def published(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="opinionqa, globalopinionqa or meister.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="What the authors released.")],
    predictions: Annotated[
        Path | None,
        typer.Option(help="A model's distributions: .json, .parquet or .csv.", metavar="FILE"),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Of the logarithm of globalopinionqa: 2 or e.", metavar="BASE")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group; may be given again.", metavar="NAME")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Resamples of an interval.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the scores as .csv.", metavar="FILE")] = None,
) -> None:
    """Score a model as published work does, from the files its authors released."""
    from rich.console import Console

    from populace.cli.published import scored, tables_of

    found = scored(kind, files, predictions, base, tuple(group or ()), draws, seed)
    console = Console()
    for table in tables_of(found):
        console.print(table)
    for note in found.notes:
        console.print(f"  {note}", markup=False, highlight=False)
    if out is not None:
        from populace.atomic import write_atomic

        write_atomic(out, found.frame.write_csv().encode())


@app.command()
def poststratify(
    file: _Saved,
    population: Annotated[
        str,
        typer.Option(help="`us-2024`, or people that `populace population build` wrote.", metavar="SOURCE"),
    ] = "us-2024",
    size: Annotated[int, typer.Option(min=1, help="People to draw of a model.")] = 30_000,
    item: Annotated[
        list[str] | None, typer.Option(help="Only this item; may be given again.", metavar="NAME")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Its levels too: sex, age, race, education, region.", metavar="FACTOR"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the estimates as .csv.", metavar="FILE")] = None,
) -> None:
    """Estimate what a population would answer, beside the survey's own weighted estimate."""
    from rich.console import Console

    from populace.cli.published import estimates_table
    from populace.opinions.poststratify import poststratify as estimate
    from populace.population import Population, build

    people = (
        Population.load(population)
        if Path(population).suffix == ".parquet"
        else build(population, size=size, seed=seed, adults=True)
    )
    found = estimate(opened(file), people, items=item, by=by or (), seed=seed)
    Console().print(estimates_table(found))
    if out is not None:
        from populace.atomic import write_atomic

        write_atomic(out, found.write_csv().encode())


def opened(path: Path) -> Opinions:
    """Open saved opinions, or a Polis export."""
    from populace.opinions.polis import read_polis
    from populace.opinions.saving import load

    return read_polis(path) if path.is_dir() else load(path)
