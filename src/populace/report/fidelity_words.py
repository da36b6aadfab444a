"""What the fidelity page says in words: the headline, names of margins and places; written by fixed rules.

A margin is one to beware of if it is off by at least one person in a hundred and by more than sampling
explains: three times what an honest sample shows on average for one attribute (with two values, chance alone
gets there in 1.7 % of draws, with more values less often), twice for pairs and triples, whose many cells
make chance steadier.
"""

from __future__ import annotations

import msgspec

from populace.population import Fidelity, Margin, Provenance
from populace.report.people_tables import Weights
from populace.report.titles import title_of

__all__ = [
    "FAR",
    "LEAST",
    "Reference",
    "far",
    "headline",
    "margin_name",
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

    @property
    def drawn(self) -> bool:
        """Whether these are people drawn from a model, and no survey."""
        return self.provenance is not None and self.provenance.from_model

    @property
    def model(self) -> str:
        """As a sentence calls the model that they are drawn from."""
        return f"the model {self.provenance.source}" if self.provenance else ""

    @property
    def unit(self) -> str:
        """What is counted."""
        return "people" if self.drawn else "records"


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
