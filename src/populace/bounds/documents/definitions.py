"""The ledger of definitions: each rule with who set it, on what ground, for whom, who agreed, and until when.

What a rule says of itself stands in its annotations; what was decided about it may stand in `bounds.toml`:

    [[documents.approval]]
    rule = "health.refer"
    by = "clinical board"
    date = "2026-05-04"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from populace.bounds.documents.pages import Document, Page, Part, Table, day_of, is_day
from populace.canonical import content_hash
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Approval", "Ledger", "LedgerRow", "ledger"]

_LAW = re.compile(r"""context\.law\.contains(?:Any|All)?\(\s*\[?([^)\]]*)""")
_WORD = re.compile(r'"([^"]+)"')


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That somebody agreed to a rule."""

    by: str
    date: str
    rule: str = ""
    note: str = ""


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; empty where it does not say."""

    id: str
    tier: int
    title: str
    authority: str
    basis: str
    jurisdictions: tuple[str, ...]
    organisation: str
    constituency: str
    """Whom it was made for, or with."""
    consultation: str
    source: str
    note: str
    """What its author says of it, such as where it is narrower than the law."""
    version: str
    date: str
    expires: str
    expired: bool
    """Whether it was to end before the document's date. The engine knows no dates: it binds all the same."""
    appeal: str
    approvals: tuple[Approval, ...]
    where: str
    cedar: str
    hash: str
    """Of the Cedar source: an approval of another text is none of this."""


class Ledger(Document, frozen=True, kw_only=True):
    """All rules of a deployment."""

    document: ClassVar[str] = "definition ledger"

    title: str
    date: str
    bundle: str
    """Hash of the policies that bind the deployment's own users."""
    rules: tuple[LedgerRow, ...]
    notice: str
    """What `bounds.toml` says of all of them, such as that they are examples."""

    def share_with(self, field: str) -> float:
        """Share of rules that say something in a field; of `constituency`, the metric of S.B.3."""
        return sum(bool(getattr(row, field)) for row in self.rules) / max(len(self.rules), 1)

    def page(self) -> Page:
        """Lay it out for people."""
        count = len(self.rules)
        told = tuple(
            (name, f"{sum(bool(getattr(row, field)) for row in self.rules)} of {count} rules")
            for name, field in (
                ("Name whom they are for", "constituency"),
                ("Name who was consulted", "consultation"),
                ("Have an approval", "approvals"),
                ("Have an end", "expires"),
                ("Are past their end, and bind until somebody takes them out", "expired"),
            )
        )
        parts = [Part(title="What the rules say of themselves", facts=told, warning=self.notice)]
        for tier in sorted({row.tier for row in self.rules}):
            rows = [row for row in self.rules if row.tier == tier]
            parts.append(Part(title=_TIERS.get(tier, f"Tier {tier}"), tables=(_who(rows), _texts(rows))))
        return Page(
            kind="Definition ledger",
            title=f"What {self.title} may not do, and who says so",
            lead=f"{count} rules, as they stood on {self.date}: who set each, on what ground, who agreed.",
            parts=tuple(parts),
        )


_TIERS = {1: "Tier 1: law", 2: "Tier 2: organisations"}


def ledger(bounds: Bounds, *, date: str | None = None) -> Ledger:
    """Make the ledger of a deployment.

    Parameters
    ----------
    date
        Of the document, as 2026-11-22; what was to end before is marked (it binds until
        somebody takes it out). Today, if left out.

    Raises
    ------
    DataError
        If `bounds.toml` approves of a rule that there is not, or a date is none.
    """
    made = day_of(date)
    approvals = _approvals(bounds)
    rows = tuple(_row(rule, approvals.get(rule.id, ()), made) for rule in bounds.rules)
    return Ledger(
        title=bounds.settings.title or bounds.organisation,
        date=made,
        bundle=bounds.bundle().hash,
        rules=rows,
        notice=bounds.settings.notice,
    )


def _approvals(bounds: Bounds) -> dict[str, tuple[Approval, ...]]:
    given = bounds.settings.documents.get("approval", [])
    place = bounds.folder / "bounds.toml"
    try:
        rows = msgspec.convert(given, tuple[Approval, ...])
    except msgspec.ValidationError as error:
        raise DataError(f"an approval is malformed ({error})", file=place) from error
    known = {rule.id for rule in bounds.rules}
    found: dict[str, tuple[Approval, ...]] = {}
    for row in rows:
        if row.rule not in known:
            raise DataError(
                f"there is no rule {row.rule!r} to approve of", file=place, column="documents.approval"
            )
        if row.date and not is_day(row.date):
            raise DataError(
                f"an approval is of {row.date!r}, which is no date", file=place, fix="write it as 2026-11-22"
            )
        found[row.rule] = (*found.get(row.rule, ()), row)
    return found


def _row(rule: Any, approvals: tuple[Approval, ...], made: str) -> LedgerRow:
    notes: Mapping[str, str] = rule.annotations
    laws = [word for found in _LAW.findall(rule.text) for word in _WORD.findall(found)]
    expires = notes.get("expires", "")
    if expires and not is_day(expires):
        fix = "write it as 2026-11-22"
        raise DataError(f"rule {rule.id} expires on {expires!r}, which is no date", file=rule.where, fix=fix)
    said = tuple(Approval(by=by, date="") for by in [notes.get("approved", "")] if by)
    return LedgerRow(
        id=rule.id,
        tier=rule.tier,
        title=notes.get("title", ""),
        authority=rule.authority,
        basis=rule.basis,
        jurisdictions=tuple(dict.fromkeys(laws)),
        organisation=rule.organisation or "",
        constituency=notes.get("constituency", ""),
        consultation=notes.get("consultation", ""),
        source=notes.get("source", ""),
        note=notes.get("note", ""),
        version=rule.version,
        date=notes.get("date", ""),
        expires=expires,
        expired=bool(expires) and expires < made,
        appeal=notes.get("appeal", ""),
        approvals=(*said, *approvals),
        where=rule.where,
        cedar=rule.text.strip(),
        hash=content_hash(rule.text.strip()),
    )


def _who(rows: list[LedgerRow]) -> Table:
    return Table(
        caption="Who set it, on what ground, for whom",
        columns=(
            "Rule",
            "What",
            "Set by",
            "On what ground",
            "Where it holds",
            "For or with whom",
            "Approved by",
            "Until",
            "Where its words are from, and what is to be said of it",
        ),
        rows=tuple(
            (
                row.id,
                row.title,
                row.authority,
                row.basis,
                ", ".join(row.jurisdictions) or row.organisation or "everywhere",
                row.constituency or row.consultation,
                "; ".join(f"{each.by} {each.date}".strip() for each in row.approvals),
                f"{row.expires} (past, and still binding)" if row.expired else row.expires,
                "; ".join(filter(None, (row.source, row.note))),
            )
            for row in rows
        ),
    )


def _texts(rows: list[LedgerRow]) -> Table:
    return Table(
        caption="As it stands",
        columns=("Rule", "Version", "Hash", "Cedar"),
        rows=tuple((row.id, row.version, row.hash, row.cedar) for row in rows),
        code=frozenset({2, 3}),
    )
