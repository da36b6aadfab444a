"""`populace population`: build, show and check people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from populace.population import Fidelity, Population

app = typer.Typer(no_args_is_help=True, help="Build people from the census, and check them against it.")

People = Annotated[Path, typer.Argument(metavar="PEOPLE.parquet", help="A population made by `build`.")]


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="File to write.", metavar="PEOPLE.parquet")],
    source: Annotated[str, typer.Option(help="us-2024, or a PUMS file or folder.")] = "us-2024",
    size: Annotated[
        int | None, typer.Option(min=1, help="People to draw; every record of a file if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    adults: Annotated[bool, typer.Option("--adults", help="Only people of 18 and over.")] = False,
    state: Annotated[
        list[int] | None, typer.Option(help="Only people of this state (FIPS code); may be repeated.")
    ] = None,
) -> None:
    """Draw people from the embedded census tables, or from microdata."""
    from populace import population

    people = population.build(source, size=size, seed=seed, adults=adults, states=state)
    people.save(out)
    typer.echo(f"{out}: {_summary(people)}")


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
    console.print(_summary(loaded), highlight=False)
    for note in loaded.provenance.notes:
        console.print(f"  {note}", style="dim")
    console.print(_shares(loaded, census=census))


@app.command()
def fidelity(
    people: People,
    reference: Annotated[
        Path | None, typer.Option(help="PUMS file or folder; without it, the embedded one-way margins.")
    ] = None,
    worst: Annotated[int, typer.Option(help="Margins to list.")] = 15,
) -> None:
    """Measure how far people are from the microdata: total variation, and what sampling alone would give."""
    from rich.console import Console

    from populace import population

    loaded = population.Population.load(people)
    console = Console()
    if reference is None:
        found = population.census_fidelity(loaded)
        console.print(_margins(found, 1, len(found.margins)))
        return
    found = population.fidelity(loaded, reference)
    for ways in (1, 2):
        summary = found.summary(ways)
        texts = (f"{name} {value:.4f}" for name, value in summary.items() if name != "margins")
        console.print(f"{summary['margins']:.0f} {ways}-way margins: {', '.join(texts)}", highlight=False)
        console.print(_margins(found, ways, worst))


def _summary(people: Population) -> str:
    from_ = people.provenance
    return (
        f"{len(people):,} {'adults' if from_.adults else 'people'} of {from_.geography}, "
        f"standing for {from_.stands_for:,.0f}, from {from_.source} ({from_.citation}), seed {from_.seed}"
    )


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


def _margins(found: Fidelity, ways: int, most: int) -> Table:
    from rich.table import Table

    table = Table("margin", "total variation", "sampling alone")
    for margin in found.of(ways)[:most]:
        table.add_row(" × ".join(margin.variables), f"{margin.total_variation:.4f}", f"{margin.noise:.4f}")
    return table
