"""`populace population`: people from the census or a survey; models of them, weights, samples, checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import check_written, people_or_source
from populace.cli.population_fidelity import fidelity, report
from populace.cli.population_weights import Out, People, rake, sample, summary
from populace.cli.written import parquet

if TYPE_CHECKING:
    from rich.table import Table

    from populace.population import Population

app = typer.Typer(
    no_args_is_help=True,
    help="People from the census or a survey: read, drawn, modelled, weighted, sampled and checked.",
)

Seed = Annotated[int, typer.Option(min=0, help="Seed of every draw.")]
Adults = Annotated[bool, typer.Option("--adults", help="Only people of 18 and over.")]
States = Annotated[
    list[int] | None, typer.Option(help="Only people of this state (FIPS code); may be repeated.")
]
CodebookName = Annotated[
    str | None,
    typer.Option(
        help="What the columns mean: a name of `population codebooks`, or your own TOML file.",
        metavar="CODEBOOK",
    ),
]
Year = Annotated[
    int | None, typer.Option(help="Survey year, where a file holds several or must be of this one.")
]


@app.command()
def build(
    out: Out,
    source: Annotated[
        str,
        typer.Option(
            help="us-2024, a model made by `fit`, a PUMS file or folder, or the file of a survey.",
            metavar="SOURCE",
        ),
    ] = "us-2024",
    size: Annotated[
        int | None, typer.Option(min=1, help="People to draw; every record of a file if left out.")
    ] = None,
    seed: Seed = 0,
    adults: Adults = False,
    state: States = None,
    codebook: CodebookName = None,
    year: Year = None,
    replicates: Annotated[bool, typer.Option("--replicates", help="Keep the replicate weights.")] = False,
) -> None:
    """Draw people from the embedded census model or your own, or read them from microdata or a survey."""
    from populace import population
    from populace.errors import DataError

    check_written(out, Path(source))
    if people_or_source(source) is not None:
        fix = "draw from them with `populace population sample`, or fit a model to them"
        raise DataError("these people are built already", file=source, fix=fix)
    people = population.build(
        source,
        size=size,
        seed=seed,
        adults=adults,
        states=state,
        codebook=codebook,
        year=year,
        replicates=replicates,
    )
    people.save(out)
    typer.echo(f"{out}: {summary(people)}")


@app.command()
def fit(
    source: Annotated[
        str,
        typer.Argument(
            help="People made by `build` or `rake`, a PUMS file or folder, or the file of a survey.",
            metavar="SOURCE|PEOPLE.parquet",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write.", metavar="MODEL.parquet", callback=parquet)],
    min_records: Annotated[
        int, typer.Option(min=1, help="No count is kept that stands for fewer records than this.")
    ] = 20,
    seed: Seed = 0,
    codebook: CodebookName = None,
    year: Year = None,
    adults: Adults = False,
    state: States = None,
) -> None:
    """Learn an open generative model from people: a file to draw any number of others from."""
    from populace import population
    from populace.errors import DataError

    check_written(out, Path(source))
    if source == population.EMBEDDED:
        fix = f"draw from it: populace population build --source {source} --size 10000"
        raise DataError(f"{source} is a model already", fix=fix)
    people = people_or_source(source)
    if people is None:
        people = population.build(source, adults=adults, states=state, codebook=codebook, year=year)
    elif adults or state or codebook or year:
        fix = "leave out --adults, --state, --codebook and --year, or give them to `build`"
        raise DataError("these people are built already", file=source, fix=fix)
    model = population.fit(people, min_records=min_records, seed=seed)
    model.save(out)
    records = int(model.info["records"])
    typer.echo(
        f"{out}: {len(model.variables)} variables learned from {records:,} records "
        f"({people.provenance.geography}), {out.stat().st_size / 1e3:,.0f} kB; nothing in it stands for "
        f"fewer than {min_records} of them"
    )
    if records < len(people):
        typer.echo(f"  {len(people):,} rows: people who were drawn more than once are one record each")
    typer.echo(f"next: populace population build --source {out} --size 10000 --out people.parquet")


@app.command()
def codebooks(
    name: Annotated[str | None, typer.Argument(help="Show the questions of this one.")] = None,
) -> None:
    """List the codebooks: the surveys that can be read, what they know of people, and their questions."""
    from rich.console import Console
    from rich.table import Table

    from populace.population.codebook import codebooks as names
    from populace.population.codebook import load_codebook

    table = (
        Table("question", "column", "answers")
        if name
        else Table("codebook", "data", "attributes", "questions")
    )
    if name:
        for item, variable in load_codebook(name).items.items():
            span = "" if variable.range is None else f"{variable.range[0]} to {variable.range[1]}"
            answers = " | ".join([*variable.labels.values(), *variable.texts.values()])
            table.add_row(variable.question, f"item_{item}", answers or span)
    else:
        for each in names():
            book = load_codebook(each)
            table.add_row(
                each, f"{book.title}\n{book.licence}", str(len(book.attributes)), str(len(book.items))
            )
    Console().print(table)


@app.command()
def fetch(
    what: Annotated[str, typer.Argument(help="acs-pums.", metavar="acs-pums")],
    year: Annotated[int, typer.Option(help="Last year of the release, 2018 to 2024.")],
    state: Annotated[str, typer.Option(help="Postal abbreviation such as VT, or us for the country.")],
    span: Annotated[int, typer.Option(help="Years that the release covers: 1 or 5.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files; the user's cache by default.", metavar="FOLDER")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(help="Address that holds a copy of the survey's files.")
    ] = None,
) -> None:
    """Fetch census microdata from the Census Bureau: checked, resumed, never twice."""
    from populace.errors import DataError
    from populace.population.fetch import CENSUS, fetch_acs_pums

    if what != "acs-pums":
        raise DataError(f"cannot fetch {what!r}", fix="write acs-pums")
    with _progress() as told:
        found = fetch_acs_pums(year, state, span=span, folder=out, mirror=mirror or CENSUS, progress=told)
    for each in found:
        typer.echo(
            f"{each.path}: {each.bytes:,} bytes, {'was there and is whole' if each.again else 'fetched'}"
        )
    if (year, span) == (2020, 1):
        typer.echo("note: 2020 has experimental weights; do not compare it with other years")
    typer.echo(f"next: populace population build --source {found[0].path} --out people.parquet")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show bytes, rate and time left on standard error, where a person looks."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def told(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield told


@app.command()
def show(
    people: People,
    census: Annotated[bool, typer.Option(help="Show the 2024 census beside them.")] = True,
) -> None:
    """Show who the people are: the share of every value of every attribute."""
    from rich.console import Console

    from populace import population

    loaded = population.Population.load(people)
    console = Console()
    console.print(summary(loaded), highlight=False)
    for note in loaded.provenance.notes:
        console.print(f"  {note}", style="dim")
    if loaded.provenance.codebook == "acs_pums":
        console.print(_shares(loaded, census=census))
    else:
        console.print(_answers(loaded))


def _shares(people: Population, *, census: bool) -> Table:
    from rich.table import Table

    from populace import population

    shares = population.beside_census(people.frame, adults=people.provenance.adults)
    table = Table("attribute", "value", "people", *(["census"] if census else []))
    last = None
    for attribute, label, share, beside in shares.iter_rows():
        if last not in (None, attribute):
            table.add_section()
        cells = [attribute if attribute != last else "", label or "(none)", f"{share:.1%}"]
        table.add_row(*cells, *([f"{beside:.1%}"] if census else []))
        last = attribute
    return table


def _answers(people: Population) -> Table:
    from rich.table import Table

    from populace.population.shares import survey_shares

    table = Table("attribute or question", "value", "people", "answered")
    last = None
    for attribute, label, share, answered in survey_shares(people.frame).iter_rows():
        new = attribute != last
        if new and last is not None:
            table.add_section()
        table.add_row(attribute if new else "", label, f"{share:.1%}", f"{answered:.0%}" if new else "")
        last = attribute
    return table


app.command()(rake)
app.command()(sample)
app.command()(fidelity)
app.command()(report)
