"""What the variables that people are compared by are called on a page."""

from __future__ import annotations

from populace.population.codebook import load_codebook

__all__ = ["title_of"]

_TITLES = {
    "AGEP": "age in years", "AGE5": "age in bands", "NP": "household size", "TEN": "tenure",
    "DPHY": "ambulatory difficulty", "LANG": "language and English", "PINCB": "personal income",
    "HINCB": "household income", "OCCM": "occupation group", "INDM": "industry group",
    "OCCP": "occupation, detailed", "INDP": "industry, detailed", "HHT": "household type",
    "DREM": "cognitive difficulty",
    "FPARC": "children in family", "MIL": "military service", "HISP": "Hispanic origin",
    "ENG": "English", "HHL": "household language", "NATIVITY": "nativity", "PINCP": "personal income",
}  # fmt: skip


def title_of(name: str) -> str:
    """Call a variable by a name that people read.

    Examples
    --------
    >>> title_of("SCHL"), title_of("PINCB"), title_of("class_of_worker")
    ('education', 'personal income', 'class of worker')
    """
    if name in _TITLES:
        return _TITLES[name]
    for attribute, readings in load_codebook("acs_pums").attributes.items():
        if name in readings:
            return attribute.replace("_", " ")
    return name.replace("_", " ")
