"""Predicates judge a text for one hazard: rules, patterns, small models, a judge, adapters; lazy, cached."""

from typing import TYPE_CHECKING, Any

from populace.bounds.predicates.asking import Asked, ask
from populace.bounds.predicates.cache import Cache, Cached
from populace.bounds.predicates.table import from_table
from populace.bounds.predicates.verdict import NONE, Predicate, Verdict

if TYPE_CHECKING:
    from populace.bounds.predicates.adapters import AnyGuardrail, classifier
    from populace.bounds.predicates.calibration import Calibration, fit_calibration, read_calibrations
    from populace.bounds.predicates.judge import Judge
    from populace.bounds.predicates.patterns import PersonalData
    from populace.bounds.predicates.quality import Quality, measure_quality
    from populace.bounds.predicates.rules import Rules, word_rules
    from populace.bounds.predicates.scorers import Scored

_LAZY = {
    "AnyGuardrail": "adapters",
    "Calibration": "calibration",
    "Judge": "judge",
    "PersonalData": "patterns",
    "Quality": "quality",
    "Rules": "rules",
    "Scored": "scorers",
    "classifier": "adapters",
    "fit_calibration": "calibration",
    "measure_quality": "quality",
    "read_calibrations": "calibration",
    "word_rules": "rules",
}

__all__ = [
    "NONE",
    "AnyGuardrail",
    "Asked",
    "Cache",
    "Cached",
    "Calibration",
    "Judge",
    "PersonalData",
    "Predicate",
    "Quality",
    "Rules",
    "Scored",
    "Verdict",
    "ask",
    "classifier",
    "fit_calibration",
    "from_table",
    "measure_quality",
    "read_calibrations",
    "word_rules",
]


def __getattr__(name: str) -> Any:
    """Import a predicate when it is asked for: a decision on given scores needs none of them."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
