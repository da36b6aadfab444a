"""The participation record: who could propose, comment on and ratify the rules, and who did.

From `bounds.toml`:

    [[documents.participant]]
    who = "patients' council"
    constituency = "patients"
    people = 14
    could = ["propose", "comment"]
    did = ["comment"]
    date = "2026-04-20"
    note = "two meetings"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import msgspec

from populace.bounds.documents.definitions import Ledger, ledger
from populace.bounds.documents.pages import Document, Page, Part, Table, day_of
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Participant", "Participation", "participation"]

Right = Literal["propose", "comment", "ratify"]
RIGHTS: tuple[Right, ...] = get_args(Right)


class Participant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body or group of people; never a person by name."""

    who: str
    constituency: str = ""
    people: int | None = None
    could: tuple[Right, ...] = ()
    did: tuple[Right, ...] = ()
    date: str = ""
    note: str = ""


class Participation(Document, frozen=True, kw_only=True):
    """Who took part."""

    document: ClassVar[str] = "participation record"

    title: str
    date: str
    participants: tuple[Participant, ...]
    rules: int
    rules_with_constituency: int
    authorities: tuple[str, ...]
    """Who set rules."""
    silent: tuple[str, ...]
    """Who could do something and did nothing."""
    unheard: tuple[str, ...]
    """Who set rules and is no participant: decided alone, or not written down."""

    def page(self) -> Page:
        """Lay it out for people."""
        rows = tuple(
            (
                each.who,
                each.constituency,
                "" if each.people is None else str(each.people),
                *(
                    "did" if right in each.did else "could" if right in each.could else "could not"
                    for right in RIGHTS
                ),
                each.date,
                each.note or "–",
            )
            for each in self.participants
        )
        table = Table(
            caption="Who could, and who did",
            columns=("Who", "For whom", "People", "Propose", "Comment", "Ratify", "When", "Note"),
            rows=rows,
            numbers=frozenset({2}),
        )
        nobody = (
            ""
            if rows
            else "Nobody is written down: as far as anybody can tell, whoever set the rules did so alone."
        )
        return Page(
            kind="Participation record",
            title=f"Who took part in the rules of {self.title}",
            lead=f"{self.rules_with_constituency} of {self.rules} rules name whom they are for.",
            parts=(
                Part(title="Who could, and who did", tables=(table,) if rows else (), warning=nobody),
                Part(
                    title="Who did not",
                    facts=(
                        ("Could, and did nothing", "; ".join(self.silent) or "nobody"),
                        ("Set rules, and is no participant", "; ".join(self.unheard) or "nobody"),
                    ),
                ),
            ),
        )


def participation(bounds: Bounds, *, date: str | None = None) -> Participation:
    """Make the record of a deployment.

    Raises
    ------
    DataError
        If a participant is malformed, or did what it could not.
    """
    place = bounds.folder / "bounds.toml"
    try:
        found = msgspec.convert(bounds.settings.documents.get("participant", []), tuple[Participant, ...])
    except msgspec.ValidationError as error:
        raise DataError(f"a participant is malformed ({error})", file=place) from error
    for number, each in enumerate(found, 1):
        if not set(each.did) <= set(each.could):
            fix = "name it under `could` as well"
            raise DataError(
                f"{each.who} did what it could not", file=place, row=number, column="did", fix=fix
            )
    rules: Ledger = ledger(bounds, date=date)
    authorities = tuple(dict.fromkeys(row.authority for row in rules.rules if row.tier > 1))
    named = {each.who for each in found}
    return Participation(
        title=rules.title,
        date=day_of(date),
        participants=found,
        rules=len(rules.rules),
        rules_with_constituency=sum(bool(row.constituency) for row in rules.rules),
        authorities=authorities,
        silent=tuple(each.who for each in found if each.could and not each.did),
        unheard=tuple(name for name in authorities if name not in named),
    )
