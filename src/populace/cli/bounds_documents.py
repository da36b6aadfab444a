"""`populace bounds card|ledger|participation|statement|provenance|gap|audit`: documents of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.bounds.documents.pages import Document

_Bounds = Annotated[Path, typer.Argument(metavar="BOUNDS", help="Folder with bounds.toml.")]
_Feedback = Annotated[
    Path, typer.Argument(metavar="FEEDBACK", help="Table of judgements: .parquet, .csv or .jsonl.")
]
_Out = Annotated[
    list[Path] | None,
    typer.Option(
        help="Where to write it: .html for people, .json for machines; may be repeated.", metavar="FILE"
    ),
]
_Date = Annotated[
    str | None, typer.Option(help="Date of the document; today if left out.", metavar="YYYY-MM-DD")
]


def card(bounds: _Bounds, out: _Out = None, date: _Date = None) -> None:
    """Say who a deployment is aligned to, by whom, on what basis, and what it does for a stranger."""
    from populace.bounds import Bounds
    from populace.bounds.documents import card

    found = card(Bounds.load(bounds, audit=False), date=date)
    never = sum(row.refused_from is None for row in found.empty.thresholds)
    typer.echo(
        f"{found.title}: rules by {len(found.authorities)}; laws: {', '.join(found.jurisdictions) or 'none'}"
    )
    typer.echo(
        f"a stranger: {'allowed' if found.empty.allowed else 'refused'} without hazards, "
        f"{len(found.empty.duties)} duties, {never} of {len(found.empty.thresholds)} hazards never refused"
    )
    if found.missing:
        typer.echo(f"nobody said: {', '.join(found.missing)} ([card] in bounds.toml)")
    _written(found, out)


def ledger(bounds: _Bounds, out: _Out = None, date: _Date = None) -> None:
    """List every rule with who set it, on what ground, for whom, who agreed, and until when."""
    from populace.bounds import Bounds
    from populace.bounds.documents import ledger

    found = ledger(Bounds.load(bounds, audit=False), date=date)
    past = sum(row.expired for row in found.rules)
    told = f", {past} past their end and still binding" if past else ""
    typer.echo(f"{found.title}: {len(found.rules)} rules{told}")
    for what, field in (("name whom they are for", "constituency"), ("have an approval", "approvals")):
        typer.echo(f"{found.share_with(field):.0%} {what}")
    _written(found, out)


def participation(bounds: _Bounds, out: _Out = None, date: _Date = None) -> None:
    """Say who could propose, comment on and ratify the rules, and who did."""
    from populace.bounds import Bounds
    from populace.bounds.documents import participation

    found = participation(Bounds.load(bounds, audit=False), date=date)
    for each in found.participants:
        typer.echo(
            f"{each.who}: could {', '.join(each.could) or 'nothing'}; did {', '.join(each.did) or 'nothing'}"
        )
    typer.echo(f"could and did nothing: {'; '.join(found.silent) or 'nobody'}")
    typer.echo(f"set rules and is no participant: {'; '.join(found.unheard) or 'nobody'}")
    _written(found, out)


def statement(
    feedback: _Feedback,
    facts: Annotated[
        Path | None, typer.Option(help="TOML file of what only people can say.", metavar="FACTS.toml")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Where to write it: .html, .json, or Croissant as .jsonld; may be repeated.", metavar="FILE"
        ),
    ] = None,
    date: _Date = None,
) -> None:
    """Write the data statement of a table of feedback, also as Croissant."""
    from populace.bounds.documents import statement
    from populace.bounds.documents.data_statement import StatementFacts

    found = statement(feedback, facts, date=date)
    missing = [name for name in StatementFacts.__struct_fields__ if not getattr(found.facts, name)]
    typer.echo(f"{found.facts.name or found.origin.file}: {found.origin.rows:,} judgements")
    typer.echo(f"nobody said: {', '.join(missing) or 'nothing is missing'}")
    _written(found, out)


def provenance(feedback: _Feedback, out: _Out = None, date: _Date = None) -> None:
    """Say who gave a table of feedback, under what conditions, and how far they disagree."""
    from populace.bounds.documents import provenance

    found = provenance(feedback, date=date)
    raters = "unknown raters" if found.raters is None else f"{found.raters:,} raters"
    typer.echo(f"{found.rows:,} judgements by {raters}")
    if found.by_models:
        typer.echo(f"by language models, not people: {', '.join(name for name, _ in found.by_models)}")
    if apart := found.disagreement:
        typer.echo(f"two raters of one item differ: {apart.value:.1%} ({apart.low:.1%} to {apart.high:.1%})")
    typer.echo(f"no judgement says: {', '.join(found.missing()) or 'nothing is missing'}")
    _written(found, out)


def gap(
    people: Annotated[
        Path, typer.Argument(metavar="PEOPLE", help="Who gave feedback, a row a person: age, sex, race, ...")
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            help="attribute, label, share; adults of the American census if left out.", metavar="FILE"
        ),
    ] = None,
    few: Annotated[int, typer.Option(min=1, help="Groups of fewer people are not shown.")] = 10,
    out: _Out = None,
    date: _Date = None,
) -> None:
    """Hold who gave feedback against the people whom it is to speak for."""
    from populace.bounds.documents import representation_gap
    from populace.bounds.documents.gap import read_target
    from populace.bounds.documents.raters import read_feedback

    rows = read_feedback(people)
    named = {} if target is None else {"target": read_target(target), "named": target.name}
    found = representation_gap(rows, few=few, date=date, **named)
    typer.echo(f"{found.people:,} people, beside {found.target}")
    for name, apart in found.distances.items():
        typer.echo(
            f"{name}: {'not shown' if apart is None else f'{apart:.1%} of people would have to be others'}"
        )
    for cell in found.under():
        seen = cell.observed
        if seen is not None:
            told = f"{seen.value:.1%} ({seen.low:.1%} to {seen.high:.1%})"
            typer.echo(f"under-represented: {cell.label} ({cell.attribute}), {told} of {cell.target:.1%}")
    typer.echo(f"never asked: {', '.join(found.unasked) or 'nothing'}")
    _written(found, out)


def audit(
    bounds: _Bounds,
    against: Annotated[
        list[Path] | None, typer.Option(help="A seal kept elsewhere; may be repeated.", metavar="SEAL")
    ] = None,
    seal: Annotated[
        Path | None,
        typer.Option(help="Write a seal of the last record, to be kept elsewhere.", metavar="FILE"),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write the records: .parquet, .csv or .jsonl.", metavar="FILE")
    ] = None,
    forget: Annotated[
        str | None, typer.Option(help="Destroy the key of a person's hashes.", metavar="USER")
    ] = None,
) -> None:
    """Verify the chain of what was decided; exit code 1 where it does not hold."""
    import msgspec

    from populace.atomic import write_atomic
    from populace.bounds.audit import Audit, Seal
    from populace.errors import DataError

    folder = bounds / "audit" if (bounds / "bounds.toml").exists() else bounds
    if not folder.is_dir():
        raise DataError(
            "there is no audit", file=folder, fix="give a folder of bounds that decided something"
        )
    with Audit(folder) as chain:
        if forget is not None:
            gone = chain.forget(forget)
            typer.echo("nothing was known of them" if gone is None else f"forgotten, in record {gone.n}")
            form = bounds / "tier3" / f"{forget}.toml"
            if form.name == f"{forget}.toml" and form.is_file():
                typer.echo(f"their form stays until you delete it: {form}")
            typer.echo("this reaches no memory and no cache of verdicts: those forget on their own")
        if export is not None:
            typer.echo(f"{export}: {chain.export(export):,} records")
        found = chain.verify([Seal.load(each) for each in against or ()])
        typer.echo(str(found))
        if seal is not None and found:
            write_atomic(seal, msgspec.json.encode(chain.seal()) + b"\n")
            typer.echo(f"{seal}: written; keep it where nobody who can write to {folder} reaches")
    if not found:
        raise typer.Exit(1)


COMMANDS = (card, ledger, participation, statement, provenance, gap, audit)
"""What `populace bounds` gets of this."""


def _written(document: Document, out: list[Path] | None) -> None:
    for path in out or ():
        document.save(path)
        typer.echo(f"wrote {path}")
