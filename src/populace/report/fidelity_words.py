"""What the fidelity page says in words: headline, methods section, citation; written by fixed rules.

A margin is one to beware of if it is off by at least one person in a hundred and by more than sampling
explains: three times what an honest sample shows on average for one attribute (with two values, chance alone
gets there in 1.7 % of draws, with more values less often), twice for pairs and triples, whose many cells
make chance steadier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from populace.population import EMBEDDED, Fidelity, Margin, Provenance
from populace.report.people_tables import Weights
from populace.report.titles import title_of
from populace.stats import Estimate

__all__ = [
    "FAR",
    "LEAST",
    "Reference",
    "bibtex",
    "far",
    "headline",
    "margin_name",
    "methods",
    "percent",
    "place",
    "whole",
]

FAR = {1: 3.0, 2: 2.0, 3: 2.0}
LEAST = 0.01
_NAMED = 4
_ONES = {1: "attribute", 2: "pair of attributes", 3: "triple of attributes"}
_MANY = {1: "attributes", 2: "pairs of attributes", 3: "triples of attributes"}


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the population is held against, in words and numbers."""

    name: str
    """As a sentence calls it: `the whole 2024 ACS PUMS`."""
    citation: str
    licence: str
    records: int
    effective: float | None
    """Kish's effective size of its weights; None where not known."""
    provenance: Provenance | None
    """None for the census margins in the package."""


def percent(share: float, digits: int = 2) -> str:
    r"""Write a share as the page does.

    Examples
    --------
    >>> percent(0.01234), percent(0.5, 0)
    ('1.23\xa0%', '50\xa0%')
    """
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def place(geography: str) -> str:
    """Name a geography inside a sentence."""
    return f"the {geography}" if geography.startswith("United States") else geography


def whole(number: float) -> str:
    """Write a count with separators."""
    return f"{number:,.0f}"


def margin_name(variables: tuple[str, ...]) -> str:
    """Name a margin: `personal income × tenure`."""
    return " × ".join(title_of(name) for name in variables)


def far(found: Fidelity, ways: int) -> list[Margin]:
    """List the margins to beware of, those furthest beyond sampling first."""
    beyond = [
        margin
        for margin in found.of(ways)
        if margin.total_variation >= LEAST and margin.total_variation > FAR[ways] * margin.noise
    ]
    return sorted(beyond, key=lambda m: (m.noise - m.total_variation, m.variables))


def headline(found: Fidelity, weights: Weights, reference: Reference) -> tuple[str, ...]:
    """Say how near the people are, what sampling alone gives, which margins to beware of, and weights."""
    if not found.margins:
        return ("Nothing could be compared: the two share no attribute, or nobody weighs anything.",)
    said = [_distance(found, ways, reference) for ways in (1, 2, 3) if found.of(ways)]
    if not found.of(2):
        said.append("Pairs of attributes were not compared: that needs microdata as the reference.")
    return (*said, _beware(found), _weighing(weights))


def _distance(found: Fidelity, ways: int, reference: Reference) -> str:
    summary, worst = found.summary(ways), found.of(ways)
    change = f" of people would have to change to match {reference.name}" if ways == 1 else ""
    if len(worst) == 1:
        only = worst[0]
        return (
            f"On {margin_name(only.variables)}, {percent(only.total_variation)}{change}; an honest sample of "
            f"this size would show {percent(only.noise)} on average."
        )
    return (
        f"On {whole(summary['margins'])} {_MANY[ways]}, {percent(summary['mean'])}{change} on average. The "
        f"median is {percent(summary['median'])}, 95\N{NO-BREAK SPACE}% lie within "
        f"{percent(summary['p95'])}, and the worst, {margin_name(worst[0].variables)}, is "
        f"{percent(summary['max'])}. An honest sample of this size would show "
        f"{percent(summary['noise_mean'])} on average."
    )


def _beware(found: Fidelity) -> str:
    parts = []
    for ways in (1, 2, 3):
        beyond = far(found, ways)
        if not beyond:
            continue
        named = ", ".join(margin_name(margin.variables) for margin in beyond[:_NAMED])
        rest = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        what = _ONES[ways] if len(beyond) == 1 else _MANY[ways]
        parts.append(f"{len(beyond)} {what} of {len(found.of(ways))} ({named}{rest})")
    if not parts:
        return "No margin is off by more than sampling explains and by one person in a hundred or more."
    return f"Beware of what is off by more than sampling explains: {'; '.join(parts)}."


def _weighing(weights: Weights) -> str:
    if not weights.total:
        return "Nobody weighs anything."
    if weights.equal:
        return f"All {whole(weights.people)} people weigh the same, so nothing is lost to weighting."
    return (
        f"Weights are unequal: {whole(weights.people)} people tell as much as {whole(weights.effective)} of "
        f"equal weight would (design effect {weights.design_effect:.2f})."
    )


def methods(
    provenance: Provenance,
    found: Fidelity,
    weights: Weights,
    reference: Reference,
    *,
    auc: Estimate | None = None,
    told_by: str = "",
) -> str:
    """Write the paragraph for a paper's methods section; every number in it stands on the page too."""
    parts = [_people(provenance, weights), *_steps(provenance), _weighted(provenance, weights)]
    if found.margins:
        parts.append(_compared(found, reference))
        parts += [_figures(found, ways) for ways in (1, 2, 3) if found.of(ways)]
        parts.append(
            "An honest sample is a simple random sample of the reference of the same effective size; its "
            "expected distance is half the sum over cells of sqrt(2p(1 - p)/(pi n))."
        )
    if auc is not None:
        by = f" ({told_by})" if told_by else ""
        parts.append(
            f"A classifier{by} told real from drawn people with an area under the ROC curve "
            f"of {auc.value:.3f} ({100 * auc.level:g} % interval {auc.low:.3f} to {auc.high:.3f}; "
            "0.5 is chance)."
        )
    parts.append(
        f"Made with populace {_version()}, seed {provenance.seed}, codebook {provenance.codebook} "
        f"({provenance.codebook_hash})."
    )
    return " ".join(part for part in parts if part)


def _people(provenance: Provenance, weights: Weights) -> str:
    who = "people aged 18 and over" if provenance.adults else "people of all ages"
    vintage = f", vintage {provenance.vintage}" if provenance.vintage else ""
    data = f"{provenance.citation.rstrip('.')}{vintage} ({provenance.licence.rstrip('.')})"
    where = place(provenance.geography) or "an unstated geography"
    if provenance.source == EMBEDDED:
        how = (
            f"We drew a synthetic population of {whole(weights.people)} {who} of {where} from the "
            f"conditional tables {EMBEDDED} of populace, which are fitted to the {data} and hold no "
            "record of it."
        )
    elif weights.equal and provenance.weight and weights.people == provenance.size:
        how = (
            f"We used {whole(weights.people)} equally weighted {who} of {where} from the {data}, drawn with "
            f"probability proportional to its weight {provenance.weight}."
        )
    else:
        how = f"We used {whole(weights.people)} {who} of {where} from the {data}."
    return f"{how} They stand for {whole(provenance.stands_for)} people."


def _steps(provenance: Provenance) -> Iterator[str]:
    """Tell what was done to the people after they were built."""
    names = {"sample": "a sample was drawn", "rake": "weights were raked", "trim": "weights were trimmed"}
    for step in getattr(provenance, "steps", ()):
        settings = ", ".join(_settings(step.settings))
        done = names.get(step.kind, f"a step of kind {step.kind} was taken")
        yield f"From {whole(step.people)} people {done}" + (f" ({settings})." if settings else ".")


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if value in (None, False, "", [], {}):
            continue
        text = "yes" if value is True else value if isinstance(value, str | int) else _json(value)
        yield f"{name.replace('_', ' ')} {text}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _weighted(provenance: Provenance, weights: Weights) -> str:
    if not weights.total or weights.equal:
        return "All carry the same weight." if weights.total else ""
    column = f" ({provenance.weight})" if provenance.weight else ""
    none = f"; {whole(weights.zero)} weigh nothing" if weights.zero else ""
    return (
        f"Weights{column} run from {weights.smallest:.4g} to {weights.largest:.4g} (median "
        f"{weights.median:.4g}{none}); Kish's design effect is {weights.design_effect:.2f} and the effective "
        f"sample size {whole(weights.effective)}."
    )


def _compared(found: Fidelity, reference: Reference) -> str:
    cited = "" if reference.citation in reference.name else f" ({reference.citation})"
    return (
        f"We compared its weighted margins with those of {reference.name}{cited}, "
        f"{whole(found.reference_size)} records, by total variation distance: half the sum of absolute "
        f"differences of shares, that is, the share of people who would have to change for the two to agree."
    )


def _figures(found: Fidelity, ways: int) -> str:
    summary, worst = found.summary(ways), found.of(ways)
    name = {1: "one-way", 2: "two-way", 3: "three-way"}[ways]
    if len(worst) == 1:
        only = worst[0]
        return (
            f"On the one {name} margin ({margin_name(only.variables)}) it is {only.total_variation:.4f}; an "
            f"honest sample would show {only.noise:.4f} on average."
        )
    return (
        f"Over {whole(summary['margins'])} {name} margins it is {summary['mean']:.4f} on average (median "
        f"{summary['median']:.4f}, 95th percentile {summary['p95']:.4f}, largest {summary['max']:.4f}: "
        f"{margin_name(worst[0].variables)}); an honest sample would show {summary['noise_mean']:.4f} on "
        f"average."
    )  # fmt: skip


def bibtex(provenance: Provenance) -> str:
    r"""Write the data and the software as two BibTeX entries; what is not known is left out.

    Examples
    --------
    >>> from populace.population import build
    >>> print(bibtex(build("us-2024", size=2).provenance).splitlines()[0])
    @misc{us_2024,
    """
    key = re.sub(r"[^a-z0-9]+", "_", provenance.source.lower()).strip("_") or "people"
    note = [f"Vintage {provenance.vintage}"] if provenance.vintage else []
    note += [f"{file.name}: BLAKE2b {file.hash}" for file in provenance.files]
    data = {
        "title": f"{{{_tex(provenance.citation)}}}",
        "note": _tex("; ".join((*note, f"licence: {provenance.licence}"))),
    }
    software = {"title": "{populace}", "author": "{The populace developers}", "version": _version()}
    return "\n\n".join(
        f"@{kind}{{{name},\n"
        + ",\n".join(f"  {field} = {{{text}}}" for field, text in fields.items())
        + "\n}"
        for kind, name, fields in (("misc", key, data), ("software", "populace", software))
    )


def _tex(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def _version() -> str:
    try:
        return version("populace")
    except PackageNotFoundError:
        return "(version unknown)"
