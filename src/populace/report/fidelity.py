"""The fidelity page: how near a population is to its reference, for readers and for a paper.

One HTML file that loads nothing: maps of misfit for one attribute and for pairs, pyramids, weights, what a
caller measured beside (a discriminator, nearest records, baselines), where everything comes from, and the
paragraph for a methods section. Whatever a population lacks, its part of the page says so; the page is
written whole or not at all, and the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec
import polars as pl

from populace.atomic import write_atomic
from populace.population import Fidelity, Population, build
from populace.population.comparison import compare_sides
from populace.population.people import ADULT
from populace.population.sides import sides_of
from populace.population.us2024.source import census
from populace.report import misfit_tables as misfit
from populace.report import people_tables
from populace.report.fidelity_figures import Content
from populace.report.fidelity_views import render
from populace.report.fidelity_words import Reference
from populace.stats import Estimate

__all__ = ["Baseline", "Discriminator", "Privacy", "fidelity_page"]


class Discriminator(msgspec.Struct, frozen=True, kw_only=True):
    """How well a classifier tells real from drawn people."""

    auc: Estimate
    """Area under the ROC curve on people it was not trained on: 0.5 is chance."""
    method: str
    """For example `gradient boosting on 28 attributes, five folds`."""
    floor: Estimate | None = None
    """The same between two halves of real people."""
    note: str = ""


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """How near the people are to single records, beside how near real people are who were held out."""

    compared: int
    """People whose nearest record was sought."""
    distance: str
    """What distance means, for example `attributes that differ, of 28`."""
    nearest: float
    """Median distance to the nearest record."""
    nearest_real: float | None = None
    """The same for held-out real people."""
    copies: float
    """Share of people with a record at distance zero."""
    copies_real: float | None = None
    note: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Another way to make people, measured in the same way."""

    name: str
    one_way: Mapping[str, float]
    """As `Fidelity.summary(1)` gives it: margins, mean, median, p95, max."""
    two_way: Mapping[str, float]
    auc: float | None = None
    note: str = ""

    @classmethod
    def of(cls, name: str, found: Fidelity, *, auc: float | None = None, note: str = "") -> Self:
        """Sum up what `population.fidelity` found."""
        return cls(name=name, one_way=found.summary(1), two_way=found.summary(2), auc=auc, note=note)


def fidelity_page(
    population: Population,
    out: str | Path,
    *,
    reference: str | Path | Population | None = None,
    found: Fidelity | None = None,
    discriminator: Discriminator | None = None,
    privacy: Privacy | None = None,
    baselines: Sequence[Baseline] = (),
    title: str = "",
) -> Path:
    """Write the page.

    Parameters
    ----------
    population
        The people to judge.
    out
        The HTML file.
    reference
        Microdata: a file or folder that `population.build` reads, or a population; cut to the states and
        ages of `population`. People drawn from a model are called so, and the page warns that they are no
        measure. Without it, the census margins in the package (one-way, the whole country).
    found
        What `population.fidelity` found against this reference, where it is known already; it may hold
        three-way margins, which the page then shows.
    discriminator, privacy, baselines
        What else was measured; the page has a part for each that is given.
    title
        Heading; by default made from the provenance.

    Returns
    -------
    The path of the page.

    Raises
    ------
    DataError, CodebookError
        If the reference cannot be read, or the page cannot be written.
    PopulaceError
        If the packages that draw are not installed.

    Examples
    --------
    >>> import tempfile
    >>> from populace.population import build
    >>> page = fidelity_page(build("us-2024", size=500, seed=1), Path(tempfile.mkdtemp()) / "fidelity.html")
    >>> "methods section" in page.read_text(encoding="utf-8")
    True
    """
    content = _content(population, reference, found)
    content = msgspec.structs.replace(
        content, discriminator=discriminator, privacy=privacy, baselines=tuple(baselines), title=title
    )
    page = Path(out)
    write_atomic(page, render(content).encode())
    return page


def _content(
    population: Population, reference: str | Path | Population | None, found: Fidelity | None
) -> Content:
    adults, states = population.provenance.adults, population.provenance.states
    weights = people_tables.weights(population.frame["weight"])
    people = _clean(population.frame)
    nobody = Fidelity(len(population), 0, ()) if not weights.total else None
    if reference is None:
        shares = misfit.by_census(people, adults=adults) if weights.total else misfit.no_shares()
        everywhere = states is None and population.provenance.geography == "United States"
        beside = people_tables.census_pyramid(adults=adults) if everywhere else None
        return Content(
            population=population,
            reference=_embedded(adults=adults),
            found=nobody or found or misfit.census_fidelity(shares, len(population)),
            shares=shares,
            sides=None,
            weights=weights,
            pyramids=(people_tables.pyramid(people), beside),
            groups=(people_tables.pyramid(people, groups=True), None),
        )
    if not isinstance(reference, Population):
        reference = build(reference, adults=adults, states=states)
    others = _cut(_clean(reference.frame), adults=adults, states=states)
    sides = sides_of(people, others)
    if found is None and not nobody:
        found = compare_sides(sides)
    return Content(
        population=population,
        reference=_described(reference, others),
        found=nobody or found or Fidelity(len(population), 0, ()),
        shares=misfit.share_table(sides) if weights.total else misfit.no_shares(),
        sides=sides if weights.total else None,
        weights=weights,
        pyramids=(people_tables.pyramid(people), people_tables.pyramid(others)),
        groups=(
            people_tables.pyramid(people, groups=True),
            people_tables.pyramid(others, groups=True),
        ),
    )


def _clean(frame: pl.DataFrame) -> pl.DataFrame:
    """Count a missing weight as none."""
    return frame.with_columns(pl.col("weight").cast(pl.Float64).fill_null(0.0).fill_nan(0.0))


def _cut(people: pl.DataFrame, *, adults: bool, states: Sequence[int] | None) -> pl.DataFrame:
    """Keep of the reference whom the population is about."""
    age = next((name for name in ("AGEP", "age") if name in people.columns), None)
    if adults and age is not None:
        people = people.filter(pl.col(age) >= ADULT)
    if states is not None and "STATE" in people.columns:
        people = people.filter(pl.col("STATE").is_in(list(states)))
    return people


def _embedded(*, adults: bool) -> Reference:
    facts = census()
    who = "adults" if adults else "people"
    return Reference(
        name=f"the {who} of the whole 2024 ACS 1-year PUMS",
        citation=facts.citation,
        licence=facts.licence,
        records=facts.records,
        effective=None,
        provenance=None,
    )


def _described(reference: Population, people: pl.DataFrame) -> Reference:
    source = reference.provenance
    return Reference(
        name=f"people drawn from the model {source.source}"
        if source.from_model
        else f"the microdata {source.source}",
        citation=", ".join(part for part in (source.citation, source.vintage) if part),
        licence=source.licence,
        records=people.height,
        effective=people_tables.weights(people["weight"]).effective,
        provenance=source,
    )
