"""The fidelity page laid out: every number already in words, the template filled."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

import polars as pl

from populace.population import Fidelity, Population
from populace.population.sides import MOST_VALUES
from populace.report import fidelity_words, html
from populace.report import misfit_tables as misfit
from populace.report.fidelity_figures import Content, drawings
from populace.report.fidelity_methods import bibtex, methods
from populace.report.fidelity_origins import origins
from populace.report.fidelity_warnings import warnings
from populace.report.fidelity_words import far, margin_name, percent, place, whole
from populace.report.figures import pyramid as ages
from populace.report.people_tables import Weights
from populace.report.titles import title_of

__all__ = ["render"]

WORST_PAIRS, LONG_LIST = 12, 20

Row = dict[str, Any]


def render(content: Content) -> str:
    """Fill the template."""
    html.require_drawing()
    script = resources.files("populace.report").joinpath("templates", "copy.js").read_text("utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    found, weights = content.found, content.weights
    provenance = content.population.provenance
    auc = content.discriminator.auc if content.discriminator else None
    told_by = content.discriminator.method if content.discriminator else ""
    return html.page(
        "fidelity.html.jinja",
        script=html.safe(script),
        script_hash=digest,
        content=content,
        title=content.title or _title(content.population),
        byline=_byline(content),
        headline=fidelity_words.headline(found, weights, content.reference),
        warnings=list(warnings(content)),
        tiles=list(_tiles(content)),
        figures=drawings(content),
        singles=_singles(found),
        values=_values(content.shares),
        beware=_beware(content),
        pairs=_pairs(found),
        triples=_margins(found.of(3)[:WORST_PAIRS]),
        triples_summary=found.summary(3),
        pyramid=_ages(*content.pyramids),
        weights=_weights(weights),
        baselines=_baselines(content),
        provenance=origins(content),
        methods=methods(provenance, found, weights, content.reference, auc=auc, told_by=told_by),
        bibtex=bibtex(provenance),
        rules={"far": fidelity_words.FAR, "least": percent(fidelity_words.LEAST, 0)},
    )


def _title(population: Population) -> str:
    source = population.provenance
    who = "adults" if source.adults else "people"
    where = f" of {place(source.geography)}" if source.geography else ""
    if len(where) > 60:
        where = f" of {len(source.geography.split(', '))} states"
    return f"{whole(len(population))} {who}{where}"


def _byline(content: Content) -> str:
    source, reference = content.population.provenance, content.reference
    origin = f"Drawn from the model {source.source}" if source.from_model else f"From {source.source}"
    return (
        f"{origin}, seed {source.seed}, standing for {whole(source.stands_for)} people. "
        f"Held against {reference.name}: {whole(content.found.reference_size)} {reference.unit}."
    )


def _tiles(content: Content) -> Iterator[Row]:
    for ways, label in ((1, "off on one attribute, on average"), (2, "off on a pair, on average")):
        if content.found.of(ways):
            summary = content.found.summary(ways)
            said = f"sampling alone {percent(summary['noise_mean'])}"
            yield {"value": percent(summary["mean"]), "label": label, "interval": said}
    if content.weights.total:
        yield {
            "value": whole(content.weights.effective),
            "label": "effective people",
            "interval": f"of {whole(content.weights.people)}",
        }
    if content.found.margins:
        beyond = sum(len(far(content.found, ways)) for ways in (1, 2, 3))
        of = f"of {whole(len(content.found.margins))}"
        yield {"value": whole(beyond), "label": "margins to beware of", "interval": of}


def _margins(margins: Sequence[Any]) -> list[Row]:
    return [
        {
            "name": margin_name(margin.variables),
            "distance": percent(margin.total_variation),
            "noise": percent(margin.noise),
            "ratio": f"{margin.total_variation / margin.noise:.1f}×" if margin.noise > 0 else "–",
        }
        for margin in margins
    ]


def _singles(found: Fidelity) -> list[Row]:
    return _margins(found.of(1))


def _pairs(found: Fidelity) -> list[Row]:
    return _margins(found.of(2))


def _values(shares: pl.DataFrame) -> list[Row]:
    """Lay out every value; of a long list, the values furthest off."""
    rows = []
    for (name,), part in shares.group_by("variable", maintain_order=True):
        shown = part.with_columns(gap=pl.col("ours") - pl.col("theirs"))
        if part.height > MOST_VALUES:
            shown = shown.sort(pl.col("gap").abs().round(12), descending=True, maintain_order=True)
            shown = shown.head(LONG_LIST)
        cells = [
            {
                "label": label,
                "ours": percent(ours),
                "theirs": percent(theirs),
                "gap": f"{100 * gap:+.2f}".replace("-", "−"),
                "beyond": abs(gap) > 2 * error and abs(gap) >= 5e-5,
            }
            for label, ours, theirs, gap, error in shown.select(
                "label", "ours", "theirs", "gap", "error"
            ).iter_rows()
        ]
        title = title_of(str(name))
        if part.height > len(cells):
            title += f", the {len(cells)} furthest off of {part.height}"
        rows.append({"title": title[0].upper() + title[1:], "cells": cells})
    return rows


def _beware(content: Content) -> list[Row]:
    """List the pairs furthest beyond sampling, with the cells that make them so."""
    worst = far(content.found, 2) or [
        margin
        for margin in sorted(
            content.found.of(2), key=lambda m: (round(m.noise - m.total_variation, 12), m.variables)
        )
        if margin.total_variation > margin.noise
    ]
    rows = _margins(worst[:WORST_PAIRS])
    for row, margin in zip(rows, worst, strict=False):
        known = content.sides is not None and set(margin.variables) <= set(content.sides.names)
        cells = misfit.worst_cells(content.sides, margin.variables) if content.sides and known else []
        row["cells"] = [
            f"{label}: {percent(ours, 1)} here, {percent(theirs, 1)} there" for label, ours, theirs in cells
        ]
    return rows


def _ages(ours: pl.DataFrame | None, theirs: pl.DataFrame | None) -> list[Row]:
    """Lay out the pyramid as a table: one row a band."""
    if ours is None:
        return []
    table = ours.rename({"share": "ours"})
    other = theirs if theirs is not None else ours.clear()
    both = table.join(other.rename({"share": "theirs"}), on=["band", "sex"], how="full", coalesce=True)
    found = {(band, sex): (own, their) for band, sex, own, their in both.iter_rows()}
    names = ages.band_names()
    return [
        {
            "band": names[band],
            "cells": [
                percent(value or 0.0) if value is not None or place == 0 or theirs is not None else "–"
                for sex in ("men", "women")
                for place, value in enumerate(found.get((band, sex), (None, None)))
            ],
        }
        for band in sorted({band for band, _ in found})
    ]


def _weights(weights: Weights) -> list[Row]:
    if not weights.total:
        return []
    spread = (weights.smallest, weights.median, weights.largest)
    share = percent(weights.effective / weights.people, 1)
    rows = [
        ("People", whole(weights.people)),
        ("of them without weight", whole(weights.zero)),
        ("Sum of weights", whole(weights.total)),
        ("Smallest, median, largest", ", ".join(f"{weight:,.4g}" for weight in spread)),
        ("Largest over smallest", f"{weights.largest / weights.smallest:,.1f}"),
        ("Design effect (Kish)", f"{weights.design_effect:.3f}"),
        ("Effective sample size", f"{whole(weights.effective)} ({share})"),
        ("Weight carried by the heaviest 1\N{NO-BREAK SPACE}%", percent(weights.top, 1)),
    ]  # fmt: skip
    return [{"name": name, "value": value} for name, value in rows if value != "0"]


def _baselines(content: Content) -> list[Row]:
    """Set this population beside other ways to make people."""
    if not content.baselines:
        return []
    auc = content.discriminator.auc.value if content.discriminator else None
    own = (("This population", content.found.summary(1), content.found.summary(2), auc, ""),)
    others = ((b.name, b.one_way, b.two_way, b.auc, b.note) for b in content.baselines)
    rows = []
    for name, one, two, told, note in (*own, *others):
        cells = [
            percent(summary[key]) if key in summary else "–"
            for summary in (one, two)
            for key in ("mean", "p95", "max")
        ]
        rows.append(
            {"name": name, "cells": cells, "auc": "–" if told is None else f"{told:.3f}", "note": note}
        )
    return rows
