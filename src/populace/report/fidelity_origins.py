"""Where the people and the reference of a fidelity page come from, a row a field of their provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from populace.errors import DataError
from populace.population.columns import geography
from populace.report.fidelity_figures import Content
from populace.report.fidelity_methods import settings_of
from populace.report.fidelity_words import whole

__all__ = ["origins"]

TITLES = {
    "codebook_hash": "codebook hash",
    "stands_for": "stands for",
    "weight": "weight column",
}
"""Fields not named here keep their own names."""


def origins(content: Content) -> list[dict[str, Any]]:
    """Lay out both provenances; of the reference only what does not go without saying."""
    rows = []
    for prefix, source in (
        ("", content.population.provenance),
        ("reference: ", content.reference.provenance),
    ):
        for name, value in msgspec.to_builtins(source).items() if source else ():
            # A survey is read without a seed; people drawn from a model are not.
            passed = ("size", "adults", "states") + (() if content.reference.drawn else ("seed",))
            if prefix and name in passed:
                continue
            if text := _lines(name, value):
                rows.append({"name": prefix + (TITLES.get(name) or name.replace("_", " ")), "lines": text})
    if content.reference.provenance is None:
        reference = content.reference
        rows.append({"name": "reference", "lines": [f"{reference.citation}, margins in the package"]})
        rows.append({"name": "reference: licence", "lines": [reference.licence]})
    return rows


def _lines(name: str, value: Any) -> list[str]:
    """Write a field as lines; none where it is empty."""
    if value is None or value in ("", [], {}, ()):
        return []
    if name in WRITERS:
        return WRITERS[name](value)
    if isinstance(value, dict):
        return [f"{key}: {item}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in value]
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return [f"{value:,.10g}" if isinstance(value, float) else str(value)]


def _states(codes: list[int] | tuple[int, ...]) -> str:
    """Name states; the codes alone where one is no state."""
    try:
        return geography(codes)
    except DataError:
        return ", ".join(map(str, codes))


def _step(kind: str, settings: dict[str, Any], people: int, weight: float) -> str:
    return f"{kind}: of {whole(people)} people standing for {whole(weight)}" + (
        f"; {', '.join(settings_of(settings))}" if settings else ""
    )


WRITERS: dict[str, Callable[[Any], list[str]]] = {
    "files": lambda files: [f"{file['name']}  BLAKE2b {file['hash']}" for file in files],
    "states": lambda codes: [_states(codes)],
    "steps": lambda steps: [_step(**each) for each in steps],
    "stands_for": lambda people: [f"{whole(people)} people"],
    "size": lambda people: [f"{whole(people)} people"],
}
"""Fields that are not written as any other of their type."""
