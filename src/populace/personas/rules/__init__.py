"""Consistency rules: what cannot be, and what seldom is, true of one person at once.

PERSONA asked GPT-4 whether a persona contradicts itself and dropped about 8.5 % (arXiv:2407.17387). Here
every ground is a named expression over the attributes, so that a removal can be read, counted and argued
with. A rule speaks only of what it sees: a missing value never breaks one.

`census` and `drawn` hold the hard rules, `soft` the soft ones. The order of the imports is the order in
which removals are attributed.
"""

from populace.personas.rules import census, drawn, soft
from populace.personas.rules.apply import apply_rules, broken_rules, shuffled, soften, with_flags
from populace.personas.rules.rates import Rate, measurement, rates
from populace.personas.rules.registry import RULES, Kind, Rule, rule_named

__all__ = [
    "RULES",
    "Kind",
    "Rate",
    "Rule",
    "apply_rules",
    "broken_rules",
    "census",
    "drawn",
    "measurement",
    "rates",
    "rule_named",
    "shuffled",
    "soft",
    "soften",
    "with_flags",
]
