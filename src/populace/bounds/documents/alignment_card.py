"""The alignment card: who is this aligned to, by whom, on what basis, and what does it do for somebody of
whom nothing is known?

*Aligned* says nothing while it is not said to whom and by whose word (arXiv 2303.05453). What only people
can say is read from `[card]` of `bounds.toml`; what it leaves open stands on the card as not said:

    [card]
    dimensions = ["harm to others", "tone", "what may be remembered"]
    definition = "Aligned is a reply that ..."
    defined_by = "the clinical board, with two patients"
    objective = "..."
    conflicts = "the service earns more when people stay longer"
    version = "2"
    date = "2026-05-04"
    energy = "0.4 Wh a reply, measured on ..."
    contact = "..."

What the policies do is found by asking them, not by reading them: the empty profile is decided about as any
other is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, ClassVar

import msgspec

from populace.bounds.documents.pages import Document, Page, Part, Table, day_of
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Card", "CardFacts", "Empty", "Threshold", "card"]

_NOBODY = "nobody known"
_DATA = ("store", "infer", "read", "share", "train", "retain")


class CardFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only people can say: `[card]` of `bounds.toml`."""

    dimensions: tuple[str, ...] = ()
    definition: str = ""
    defined_by: str = ""
    objective: str = ""
    conflicts: str = ""
    version: str = ""
    date: str = ""
    energy: str = ""
    contact: str = ""


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """From which score a hazard refuses a reply, for the empty profile."""

    hazard: str
    title: str
    refused_from: int | None
    """None where no score refuses."""
    tier: int | None = None
    rule: str = ""
    basis: str = ""
    authority: str = ""


class Empty(msgspec.Struct, frozen=True, kw_only=True):
    """The profile of somebody of whom nothing is known: a profile like any other, chosen by whoever wrote
    the rules.
    """

    allowed: bool
    """Whether a reply without any hazard is allowed."""
    minor: bool
    """Whether they are treated as a minor."""
    duties: tuple[str, ...]
    """What every reply has to do, as the model is told."""
    wishes: tuple[str, ...]
    """What is assumed that they want."""
    thresholds: tuple[Threshold, ...]
    without_verdicts: bool
    """Whether a reply is allowed of which nothing was judged."""
    data: dict[str, tuple[str, ...]]
    """What may be done with kinds of data that they did not agree to, by action."""


class Card(Document, frozen=True, kw_only=True):
    """Who a deployment is aligned to, by whom, on what basis."""

    document: ClassVar[str] = "alignment card"

    title: str
    made: str
    bundle: str
    organisation: str
    provider: str
    jurisdictions: tuple[str, ...]
    notice: str
    """What the deployment says has to be known first."""
    facts: CardFacts
    authorities: tuple[tuple[int, str, int], ...]
    """Tier, who set rules in it, how many of them bind this deployment's users."""
    users_choose: tuple[str, ...]
    """Topics in which a user has a choice."""
    forms: int
    """Users who made one."""
    appeal: str
    empty: Empty
    missing: tuple[str, ...]
    """What nobody said."""

    def page(self) -> Page:
        """Lay it out for people."""
        facts = self.facts
        by_tier = {tier: [name for t, name, _ in self.authorities if t == tier] for tier in (1, 2)}
        parts = [
            Part(
                title="Aligned to whom, by whom",
                facts=(
                    ("Tier 1, by law", "; ".join(by_tier[1]) or "nobody: no law is written here"),
                    ("Laws that always hold", ", ".join(self.jurisdictions) or "none by name"),
                    ("Tier 2, by organisations", "; ".join(by_tier[2]) or "nobody"),
                    ("Tier 3, by the user", f"{', '.join(self.users_choose) or 'nothing can be chosen'}"),
                    ("Users who chose", str(self.forms)),
                    ("Appeal", self.appeal),
                ),
                warning=self.notice,
                tables=(
                    Table(
                        caption="Who set the rules that can bind this deployment's users",
                        columns=("Set by", "Tier", "Rules"),
                        rows=tuple((name, str(tier), str(count)) for tier, name, count in self.authorities),
                        numbers=frozenset({1, 2}),
                    ),
                ),
            ),
            Part(
                title="What aligned means here",
                facts=(
                    ("Dimensions", "; ".join(facts.dimensions)),
                    ("Operational definition", facts.definition),
                    ("Defined by", facts.defined_by),
                    ("Objective", facts.objective),
                    ("Conflicts of interest", facts.conflicts),
                    ("Version", facts.version),
                    ("Date", facts.date),
                    ("Energy", facts.energy),
                    ("Contact", facts.contact),
                ),
                warning=f"Nobody said: {', '.join(self.missing)}." if self.missing else "",
            ),
            self._empty(),
        ]
        return Page(
            kind="Alignment card",
            title=self.title,
            lead="Who this is aligned to, by whom, on what basis. No lower tier widens what a higher left.",
            parts=tuple(parts),
        )

    def _empty(self) -> Part:
        empty = self.empty
        agreed = [f"{action}: {', '.join(kinds)}" for action, kinds in empty.data.items() if kinds]
        return Part(
            title="Somebody of whom nothing is known",
            words=(
                "Who has no profile is given one all the same: whatever the rules do when nothing is known. "
                "It was chosen, and this is it. It was found by asking the policies.",
            ),
            facts=(
                ("A reply without any hazard", "is allowed" if empty.allowed else "is refused"),
                ("A reply that nothing judged", "is allowed" if empty.without_verdicts else "is refused"),
                ("Taken for a minor", "yes" if empty.minor else "no"),
                ("Every reply has to", " ".join(empty.duties) or "nothing"),
                ("Wishes that are assumed", ", ".join(empty.wishes) or "none"),
                ("Personal data, unasked", "; ".join(agreed) or "nothing may be done with any"),
            ),
            tables=(
                Table(
                    caption="From which score a reply is refused, where no other hazard is there",
                    columns=("Hazard", "Refused from", "Tier", "Rule", "On what ground", "Set by"),
                    rows=tuple(
                        (
                            row.title,
                            "never" if row.refused_from is None else str(row.refused_from),
                            "–" if row.tier is None else str(row.tier),
                            row.rule or "–",
                            row.basis or "–",
                            row.authority or "–",
                        )
                        for row in empty.thresholds
                    ),
                    numbers=frozenset({1, 2}),
                ),
            ),
        )


def card(bounds: Bounds, *, date: str | None = None) -> Card:
    """Make the card of a deployment.

    Raises
    ------
    DataError
        If `[card]` holds what is no part of a card.
    """
    try:
        facts = msgspec.convert(bounds.settings.card, CardFacts)
    except msgspec.ValidationError as error:
        fix = f"say some of {', '.join(CardFacts.__struct_fields__)}"
        raise DataError(
            f"[card] is malformed ({error})", file=bounds.folder / "bounds.toml", fix=fix
        ) from error
    ours = {None, bounds.organisation, bounds.settings.provider}
    binding = [rule for rule in bounds.rules if rule.organisation in ours]
    counted: dict[tuple[int, str], int] = {}
    for rule in binding:
        counted[rule.tier, rule.authority] = counted.get((rule.tier, rule.authority), 0) + 1
    return Card(
        title=bounds.settings.title or bounds.organisation,
        made=day_of(date),
        bundle=bounds.bundle().hash,
        organisation=bounds.organisation,
        provider=bounds.settings.provider or "",
        jurisdictions=bounds.settings.jurisdictions,
        facts=facts,
        authorities=tuple((tier, name, count) for (tier, name), count in sorted(counted.items())),
        users_choose=tuple(dict.fromkeys(wish.topic for wish in bounds.wishes.values())),
        forms=len(bounds.forms),
        appeal=bounds.settings.appeal,
        notice=bounds.settings.notice,
        empty=_empty(bounds),
        missing=tuple(
            name.replace("_", " ") for name in CardFacts.__struct_fields__ if not getattr(facts, name)
        ),
    )


def _empty(bounds: Bounds) -> Empty:
    titles = bounds.settings.titles()
    clean = dict.fromkeys(titles, 0)
    # What is asked here is nobody's: it is not written to the audit.
    bounds = copy(bounds)
    bounds._audited = False
    told = bounds.decide(_NOBODY, scores=clean)
    # Rules hold scores against whole numbers: between two of these nothing changes.
    named = {int(word) for rule in bounds.rules for word in re.findall(r"\b\d{1,3}\b", rule.text)}
    scores = sorted({0, 100} | {score for n in named for score in (n - 1, n, n + 1) if 0 <= score <= 100})
    return Empty(
        allowed=told.allowed,
        minor=bounds.settings.minor is not False,
        duties=tuple(bounds.duties[name].text for name in told.requirements),
        wishes=tuple(wish.text for wish in told.preferences),
        thresholds=tuple(_threshold(bounds, name, title, clean, scores) for name, title in titles.items()),
        without_verdicts=bounds.decide(_NOBODY, scores={}).allowed,
        data={action: tuple(_kinds(bounds, action)) for action in _DATA},
    )


def _threshold(bounds: Bounds, name: str, title: str, clean: dict[str, int], scores: list[int]) -> Threshold:
    """Find the lowest score that refuses; rules need not be monotone."""
    for score in scores:
        told = bounds.decide(_NOBODY, scores=clean | {name: score})
        if not told.allowed:
            return Threshold(
                hazard=name,
                title=title,
                refused_from=score,
                tier=told.tier,
                rule=told.rule or "",
                basis=told.basis or "",
                authority=told.authority or "",
            )
    return Threshold(hazard=name, title=title, refused_from=None)


def _kinds(bounds: Bounds, action: str) -> Iterable[str]:
    for kind in bounds.settings.kinds:
        if bounds.decide(
            _NOBODY, action=action, context={"kind": kind, "purpose": "chat", "consents": []}
        ).allowed:
            yield kind
