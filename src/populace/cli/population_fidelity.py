"""`populace population fidelity` and `report`: how near people are to those they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import check_written, people_or_source
from populace.cli.population_weights import People

if TYPE_CHECKING:
    from rich.table import Table

    from populace.population import Fidelity, Population

__all__ = ["fidelity", "report"]

Reference = Annotated[
    Path | None,
    typer.Option(
        help="Microdata: a PUMS file or folder, the file of a survey, or people made by `build`; without it, "
        "the census's one-way margins in the package.",
        metavar="MICRODATA",
    ),
]
_CODED = {"STATE", "AGEP"}
"""Columns of people with census codes; others are compared by their labels."""
_BY_LABELS = "by the labels that both have; a missing answer counts as one"
_WORDS = {
    "mean": "mean",
    "median": "median",
    "p95": "95 %",
    "max": "largest",
    "noise_mean": "sampling alone mean",
    "noise_p95": "95 %",
}
"""Figures of `Fidelity.summary` -> what a reader calls them."""


def fidelity(
    people: People,
    reference: Reference = None,
    worst: Annotated[int, typer.Option(min=1, help="Margins to list of each kind.")] = 15,
    ways: Annotated[
        int, typer.Option(min=1, max=3, help="Attributes of a margin at most, with a reference.")
    ] = 2,
) -> None:
    """Measure how far people are from the microdata: total variation, and what sampling alone would give."""
    from rich.console import Console

    from populace.population import Population

    found, how = _compare(Population.load(people), people, reference, ways)
    console = Console()
    console.print(how, highlight=False, markup=False)
    if reference is None:
        console.print(_margins(found, 1, len(found.margins)))
        return
    for number in range(1, ways + 1):
        summary = found.summary(number)
        texts = (f"{word} {summary[name]:.4f}" for name, word in _WORDS.items() if name in summary)
        console.print(f"{summary['margins']:.0f} {number}-way margins: {', '.join(texts)}", highlight=False)
        if found.of(number):
            console.print(_margins(found, number, worst))


def report(
    people: People,
    out: Annotated[Path, typer.Option(help="Page to write.", metavar="FIDELITY.html")],
    reference: Reference = None,
    title: Annotated[str, typer.Option(help="Heading of the page; made from the source if left out.")] = "",
) -> None:
    """Write the fidelity page: maps of misfit, pyramids, weights, and the text for a methods section."""
    from populace.population import Population, build
    from populace.report import fidelity_page

    check_written(out, people, *([] if reference is None else [reference]))
    loaded = Population.load(people)
    beside, book = reference and (people_or_source(reference) or reference), loaded.provenance.codebook
    if isinstance(beside, Path) and book not in ("acs_pums", ""):
        beside = build(beside, codebook=book)
    typer.echo(fidelity_page(loaded, out, reference=beside, title=title))


def _compare(people: Population, file: Path, reference: Path | None, ways: int) -> tuple[Fidelity, str]:
    """Compare people, and say with what and how."""
    from populace import population
    from populace.errors import DataError
    from populace.report import misfit_tables

    coded = set(people.frame.columns) >= _CODED
    if reference is None:
        beside = "beside the 2024 ACS PUMS, one-way margins"
        if coded:
            return population.census_fidelity(people), beside
        shares = misfit_tables.by_census(people.frame, adults=people.provenance.adults)
        if shares.is_empty():
            what = "these people share no attribute with the census"
            raise DataError(what, file=file, fix="give --reference, or look at them with `show`")
        return misfit_tables.census_fidelity(shares, len(people)), f"{beside}, {_BY_LABELS}"
    other = people_or_source(reference)
    found = population.fidelity(people, reference if other is None else other, ways=ways)
    coded = coded and (other is None or set(other.frame.columns) >= _CODED)
    return found, f"beside {reference}" if coded else f"beside {reference}, {_BY_LABELS}"


def _margins(found: Fidelity, ways: int, most: int) -> Table:
    from rich.table import Table

    table = Table("margin", "total variation", "sampling alone")
    for margin in found.of(ways)[:most]:
        table.add_row(" × ".join(margin.variables), f"{margin.total_variation:.4f}", f"{margin.noise:.4f}")
    return table
