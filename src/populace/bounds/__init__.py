"""Personalisation within bounds: three tiers of policy that no lower tier can widen (arXiv 2303.05453)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from populace.bounds import taxonomy
    from populace.bounds.bounds import Bounds
    from populace.bounds.decision import Decision, Wish

__all__ = ["Bounds", "Decision", "Wish", "taxonomy"]

_WHERE = {"Bounds": "bounds", "Decision": "decision", "Wish": "decision"}
"""Opened when they are asked for: the engine's package takes a while."""


def __getattr__(name: str) -> Any:
    if name == "taxonomy":
        return import_module(f"{__name__}.taxonomy")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
