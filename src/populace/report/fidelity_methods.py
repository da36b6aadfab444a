"""What the fidelity page says for a paper: the methods section and the citation, written by fixed rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from populace.population import EMBEDDED, Fidelity, Provenance
from populace.report.fidelity_words import Reference, margin_name, place, whole
from populace.report.people_tables import Weights
from populace.stats import Estimate

__all__ = ["bibtex", "methods", "settings_of"]

STEPS = {"sample": "a sample was drawn", "rake": "weights were raked", "trim": "weights were trimmed"}


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
    if provenance.from_model:
        model = f"the model {provenance.source}" + (" of populace" if provenance.source == EMBEDDED else "")
        how = (
            f"We drew a synthetic population of {whole(weights.people)} {who} of {where} from {model}, which "
            f"is fitted to the {data} and holds no record of it."
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
    for step in provenance.steps:
        settings = ", ".join(settings_of(step.settings))
        done = STEPS.get(step.kind, f"a step of kind {step.kind} was taken")
        yield f"From {whole(step.people)} people {done}" + (f" ({settings})." if settings else ".")


def settings_of(settings: Mapping[str, Any]) -> Iterator[str]:
    """Write the settings of a step, those that say nothing left out.

    Examples
    --------
    >>> list(settings_of({"n": 500, "seed": 0, "replace": True, "within": None, "by": ("sex", "age")}))
    ['n 500', 'seed 0', 'replace yes', 'by sex, age']
    """
    for name, value in settings.items():
        if value is None or value is False or value in ("", [], {}, ()):
            continue
        yield f"{name.replace('_', ' ')} {_setting(value)}"


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(each, str | int) for each in value):
        return ", ".join(map(str, value))
    return "yes" if value is True else str(value) if isinstance(value, str | int) else _json(value)


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
    count = f"{whole(found.reference_size)} {reference.unit}"
    what = f"{reference.name}{cited}, {count}"
    if reference.drawn:
        what = f"{count} drawn from {reference.model}, no survey,"
    return (
        f"We compared its weighted margins with those of {what} by total variation distance: half the sum of "
        "absolute differences of shares, that is, the share of people who would have to change for the two "
        "to agree."
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
