"""`populace bounds`: policies in three tiers, from the folder to a decision. One file a subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.bounds_assess import assess
from populace.cli.bounds_changes import diff, preview
from populace.cli.bounds_documents import COMMANDS as DOCUMENTS
from populace.cli.bounds_documents import audit, card, gap, ledger, participation, provenance, statement
from populace.cli.bounds_form import form
from populace.cli.bounds_init import init
from populace.cli.bounds_quality import quality

if TYPE_CHECKING:
    from populace.bounds import Bounds, Decision

app = typer.Typer(
    no_args_is_help=True,
    help="Personalisation within bounds: law, then the organisation, then the user; no lower tier widens.",
)
Where = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of bounds.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@app.callback()
def _group() -> None:
    """Hold the commands together, however few there are."""


@app.command()
def check(
    folder: Where,
    samples: Annotated[
        int, typer.Option(min=0, help="Random situations of each organisation put to the engine.")
    ] = 200,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the random situations.")] = 0,
    json: Json = False,
) -> None:
    """Prove that no tier widens another; find conflicts and dead rules. Exit code 1 if not in order."""
    report = load(folder).check(samples=samples, seed=seed)
    if json:
        show_json({"ok": report.ok, **_plain(report)})
    else:
        typer.echo(str(report))
        typer.echo("in order" if report.ok else "NOT in order")
    warned = strict and any(each.severity == "warning" for each in report.problems)
    raise typer.Exit(1 if warned else report.exit_code)


@app.command()
def decide(
    folder: Where,
    user: Annotated[str, typer.Option(help="Who asks.", metavar="ID")],
    action: Annotated[
        str, typer.Option(help="generate, omit, apply, store, infer, read, share, train or retain.")
    ] = "generate",
    text: Annotated[
        Path | None, typer.Option(help="File with the text to be judged; - reads standard input.")
    ] = None,
    score: Annotated[
        list[str] | None, typer.Option(help="A verdict that there is already.", metavar="HAZARD=0..100")
    ] = None,
    clean: Annotated[bool, typer.Option("--clean", help="All verdicts that are not given are 0.")] = False,
    jurisdiction: Annotated[
        list[str] | None, typer.Option(help="One that applies besides those of bounds.toml; repeated.")
    ] = None,
    organisation: Annotated[str | None, typer.Option(help="Whose users' rules.")] = None,
    minor: Annotated[bool | None, typer.Option("--minor/--adult", help="Whether the user is one.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    consent: Annotated[list[str] | None, typer.Option(help="A purpose agreed to; repeated.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of data, for actions with data.")] = None,
    duty: Annotated[str | None, typer.Option(help="For omit.")] = None,
    wish: Annotated[str | None, typer.Option(help="For apply.")] = None,
    audited: Annotated[bool, typer.Option("--audit/--no-audit", help="Write it to the audit.")] = True,
    json: Json = False,
) -> None:
    """Decide, and say by whom and on what basis. Exit code 1 if it is refused."""
    bounds = load(folder, audited=audited)
    scores: dict[str, Any] = dict.fromkeys(bounds.settings.titles(), 0) if clean else {}
    scores |= dict(_score(each) for each in score or ())
    given = {"organisation": organisation, "minor": minor, "purpose": purpose, "consents": consent}
    given |= {"jurisdiction": jurisdiction, "kind": kind, "duty": duty, "wish": wish}
    context = {key: value for key, value in given.items() if value is not None}
    words = None if text is None else _words(text)
    told = bounds.decide(user, action, text=words, scores=scores, context=context)
    if json:
        show_json(told)
    else:
        _show(told, bounds)
    raise typer.Exit(0 if told.allowed else 1)


app.command("init")(init)
app.command("diff")(diff)
app.command("preview")(preview)
app.command("assess")(assess)
app.command("form")(form)
app.command("quality")(quality)
app.command("card")(card)
app.command("ledger")(ledger)
app.command("participation")(participation)
app.command("statement")(statement)
app.command("provenance")(provenance)
app.command("gap")(gap)
app.command("audit")(audit)
for document in DOCUMENTS:
    app.command(document.__name__)(document)


def load(folder: Path, *, audited: bool = False) -> Bounds:
    """Load a folder."""
    from populace.bounds import Bounds

    return Bounds.load(folder, audit=audited)


def show_json(value: Any) -> None:
    """Print as JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _plain(value: Any) -> dict[str, Any]:
    import msgspec

    return msgspec.to_builtins(value)


def _score(given: str) -> tuple[str, Any]:
    from populace.errors import StudyError

    name, _, number = given.partition("=")
    if not number.isdecimal():
        raise StudyError(f"{given!r} is no verdict", fix="write --score HAZARD=0..100, with a whole number")
    return name, int(number)


def _words(file: Path) -> str:
    if str(file) == "-":
        from populace.errors import DataError

        try:
            return typer.get_binary_stream("stdin").read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError("standard input is not UTF-8", fix="give the text as UTF-8") from error
    from populace.bounds.policy.tables import read_text

    return read_text(file)


def _show(told: Decision, bounds: Bounds) -> None:
    typer.echo(
        ("ALLOWED" if told.allowed else "REFUSED")
        + f"  {told.action}, at {told.organisation}, in {', '.join(told.laws)}"
    )
    if not told.allowed:
        typer.echo(f"tier:       {told.tier}")
        typer.echo(f"rule:       {told.rule}")
        typer.echo(f"set by:     {told.authority}")
        typer.echo(f"basis:      {told.basis}")
        typer.echo(f"appeal:     {told.appeal}")
        if len(told.rules) > 1:
            typer.echo(f"also by:    {', '.join(told.rules[1:])}")
    for name in told.needed:
        typer.echo(f"lacking:    a verdict of {name} ({bounds.settings.titles().get(name, name)})")
    for name in told.requirements:
        typer.echo(f"required:   {name}: {bounds.duties[name].text}")
    for each in told.preferences:
        typer.echo(f"may use:    {each.id}: {each.text}")
    for said in told.set_aside:
        typer.echo(f"set aside:  {said}")
    for said in told.errors:
        typer.echo(f"error:      {said}")
