"""How often each rule fires: among real people, drawn people and personas, as measured by a script.

The numbers are in `data/rule_rates.json`, written by `scripts/check_rules.py`; a test holds the two equal.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec

__all__ = ["Rate", "measurement", "rates"]


class Rate(msgspec.Struct, frozen=True):
    """Shares of people who break one rule, each from 0 to 1."""

    real: float | None
    """Weighted share of real people; None where the microdata lack an attribute the rule reads."""
    records: int
    """Records of the microdata that break it."""
    drawn: float
    """Share of people drawn from `us-2024`."""
    personas: float
    """Share of personas made of them, before anyone is removed."""
    shuffled: float
    """Share when every attribute of those personas is permuted by itself."""


@functools.cache
def measurement() -> dict[str, Any]:
    """Everything the script wrote: sources, counts, date, totals and the rates."""
    source = resources.files("populace.personas").joinpath("data", "rule_rates.json").read_bytes()
    return msgspec.json.decode(source)


@functools.cache
def rates() -> dict[str, Rate]:
    """Rates by the name of the rule.

    Examples
    --------
    >>> rates()["married-under-15"].real
    0.0
    """
    return msgspec.convert(measurement()["rules"], dict[str, Rate])
