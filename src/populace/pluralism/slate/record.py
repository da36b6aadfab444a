"""What choosing and checking a slate give back."""

from __future__ import annotations

import msgspec

from populace.stats._arrays import Ints

__all__ = ["Check", "Slate", "Tie", "Violation"]


class Tie(msgspec.Struct, frozen=True):
    """Options, or slates, that were equally good when one of them was taken."""

    step: int
    """Which option of the slate, from 1; 0 where whole slates tie."""
    options: tuple[int, ...]
    """Places of the options that tied, the one taken included; of a tied slate, its options."""


class Slate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Options chosen together."""

    members: tuple[int, ...]
    """Places of the options, in the order in which they were chosen."""
    names: tuple[str, ...]
    """Their names."""
    rule: str
    """`cc`, `pav`, ..."""
    method: str
    """`greedy`, `exact`, or the steps of a rule that is a procedure."""
    score: float
    """What the rule maximises; nan for procedures."""
    bound: float
    """No slate of this size scores more; nan where that is not known."""
    ties: tuple[Tie, ...]
    """Empty where the slate is the only one that the rule and method give. Of an exact slate, other slates
    as good, up to 20 of them; `notes` say whether these are all."""
    assignment: Ints | None
    """For each person the place within `members` that stands for them, where the rule assigns."""
    notes: tuple[str, ...]
    """How ties were broken, what missing ratings count, what was not done."""

    @property
    def gap(self) -> float:
        """How far, relatively, the score may be below the best; 0 where it is proven best."""
        return (self.bound - self.score) / max(abs(self.bound), 1e-12)


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """People who deserve more than the slate gives them, and what they could have had."""

    people: tuple[int, ...]
    """Who, by row."""
    weight: float
    """Of them."""
    deserve: float
    """Weight from which on such a group deserves this."""
    options: tuple[int, ...]
    """What they agree on, by place."""
    names: tuple[str, ...]
    """Its names."""
    level: float
    """How many approved options one of them should have (or, for BJR, utility they all would have)."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a slate satisfies an axiom, and how that is known."""

    axiom: str
    holds: bool | None
    """None: neither proven nor refuted within the limits."""
    witness: Violation | None
    """A group that refutes it, where it does not hold."""
    searched: str
    """What was proven, or what was searched in vain."""
    quota: float
    """Weight of people who deserve one option."""

    def __bool__(self) -> bool:
        """Refuse to be read as yes or no: there are three answers."""
        raise TypeError("a check may be undecided: read `holds`, which is True, False or None")
