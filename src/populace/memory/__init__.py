"""A memory of people (Persona-DB, arXiv 2402.11060): what they said, what follows, and who may know."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from populace.memory.consent import Consent
    from populace.memory.db import PersonaDB
    from populace.memory.item import Item

__all__ = ["Consent", "Item", "PersonaDB"]

_WHERE = {"Consent": "consent", "Item": "item", "PersonaDB": "db"}
"""Opened when they are asked for: the database's packages take a while."""


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
