"""Several options for one jury, and who is left out.

>>> from populace.pluralism import slate
>>> votes = [[1, 1, 0]] * 6 + [[0, 0, 1]] * 4
>>> chosen = slate.choose(votes, 2, "mes")
>>> chosen.members, slate.check(votes, chosen, "EJR+").holds
((0, 2), True)
"""

from populace.pluralism.slate.checking import AXIOMS, Axiom, check
from populace.pluralism.slate.choosing import RULES, Rule, choose
from populace.pluralism.slate.record import Check, Slate, Tie, Violation
from populace.pluralism.slate.representing import held_out, represented

__all__ = [
    "AXIOMS",
    "RULES",
    "Axiom",
    "Check",
    "Rule",
    "Slate",
    "Tie",
    "Violation",
    "check",
    "choose",
    "held_out",
    "represented",
]
