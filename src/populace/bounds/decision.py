"""What a decision says: whether, why, by whom, and what holds for the reply that is allowed."""

from __future__ import annotations

import msgspec

__all__ = ["Decision", "Wish"]


class Wish(msgspec.Struct, frozen=True):
    """A preference of a user, as one that may be used in a reply.

    Examples
    --------
    >>> Wish("brief", "length", "Keep answers short.").topic
    'length'
    """

    id: str
    topic: str
    """What an organisation can rule out; `own_words` for words of the user's own."""
    text: str
    """For the model; never part of a policy."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, with everything that whoever is refused has a right to know.

    Examples
    --------
    >>> who = {"tier": 1, "rule": "t1.cse", "basis": "Penal Code", "authority": "law", "appeal": "none"}
    >>> told = Decision(allowed=False, action="generate", **who)
    >>> print(told.sentence())
    generate is refused at tier 1 by t1.cse (law; basis: Penal Code). Appeal: none.
    """

    allowed: bool
    action: str
    requirements: tuple[str, ...] = ()
    """Ids of the duties that stay required in the reply."""
    preferences: tuple[Wish, ...] = ()
    """Wishes that may be used."""
    tier: int | None = None
    """Of the rule that decided; 1 where the engine itself refused; None where allowed."""
    rule: str | None = None
    basis: str | None = None
    authority: str | None = None
    appeal: str | None = None
    needed: tuple[str, ...] = ()
    """Verdicts that are lacking and could still change the decision."""
    errors: tuple[str, ...] = ()
    """What could not be evaluated."""
    rules: tuple[str, ...] = ()
    """Ids of all rules that forbade it, the highest tier first."""
    set_aside: tuple[str, ...] = ()
    """A sentence for each wish or duty that gave way to one of a higher tier."""
    bundle: str = ""
    """Hash of the policies that decided."""
    user: str = ""
    organisation: str = ""
    laws: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the decision in one line."""
        if self.allowed:
            kept = f"; required: {', '.join(self.requirements)}" if self.requirements else ""
            used = f"; may use: {', '.join(wish.id for wish in self.preferences)}" if self.preferences else ""
            left_out = f" Not as it should be: {'; '.join(self.errors)}." if self.errors else ""
            return f"{self.action} is allowed{kept}{used}.{left_out}"
        why = f" Errors: {'; '.join(self.errors)}." if self.errors else ""
        lacking = f" Lacking: {', '.join(self.needed)}." if self.needed else ""
        by = f"by {self.rule} ({self.authority}; basis: {self.basis})"
        said = f"{self.action} is refused at tier {self.tier} {by}."
        return f"{said}{lacking}{why} Appeal: {self.appeal}."
