"""What the fidelity page warns of: comparisons that show less than they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from populace.report.fidelity_figures import Content
from populace.report.fidelity_words import place, whole

__all__ = ["warnings"]

COUNTRY = "United States"


def warnings(content: Content) -> Iterator[str]:
    """Yield the warnings that this comparison needs, the gravest first."""
    yield from _about_the_reference(content)
    if not content.weights.total:
        yield "The weights sum to zero, so no share of these people can be given."
    elif content.weights.zero:
        yield f"{whole(content.weights.zero)} people weigh nothing and count nowhere on this page."
    if 0 < content.weights.effective < 100:
        yield (
            f"So few people (an effective {content.weights.effective:.0f}) say little: nearly all of the "
            "misfit below is chance."
        )
    source, reference = content.population.provenance, content.reference
    of = reference.provenance.geography if reference.provenance else COUNTRY
    cut = reference.provenance is not None and source.states is not None
    if source.geography and of and of != source.geography and not cut and source.geography != COUNTRY:
        yield (
            f"These people are of {place(source.geography)}, the reference of {place(of)}: what differs "
            "between the two shows as misfit. Give a reference of the same places."
        )
    enough = reference.effective is None or reference.effective > 10 * content.weights.effective
    if reference.provenance and not enough and content.weights.total:
        yield (
            f"The reference is itself a sample of {whole(reference.records)} {reference.unit} (an effective "
            f"{whole(reference.effective or 0)}). Its own chance error is part of every distance here and "
            "not of what sampling alone would show."
        )


def _about_the_reference(content: Content) -> Iterator[str]:
    """Warn where the reference is no measure of fidelity."""
    ours, theirs = content.population.provenance, content.reference.provenance
    if theirs is None:
        return
    if content.reference.drawn:
        model, data = content.reference.model, theirs.citation.rstrip(".") or "the data it is fitted to"
        if ours.from_model and (ours.source, ours.files) == (theirs.source, theirs.files):
            yield (
                f"Both are drawn from {model}. What differs is chance and weighting: this page shows nothing "
                f"about how near these people are to the census. Give records of {data} as the reference."
            )
        else:
            yield (
                f"The reference is people drawn from {model}, not a survey: this page shows how near these "
                f"people are to that model, and nothing about how near they are to the census. Give records "
                f"of {data} as the reference."
            )
    elif theirs.source == ours.source and not ours.from_model:
        yield (
            "These people come from the reference itself. The page then shows what sampling and weighting "
            "did, not how near the people are to anybody else."
        )
