"""`populace bounds assess`: a deployment walked through the 19 benefits and risks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.bounds.assessing import Answer, Answers
    from populace.bounds.taxonomy import Item


def assess(
    answers: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWERS", help="TOML file of answers; made, with all items, if it is not there."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for register.html, .csv and .json.", metavar="FOLDER")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask what is unanswered; each answer is on disk before the next.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if anything is unanswered.")] = False,
) -> None:
    """Walk a deployment through the taxonomy of benefits and risks, and write its risk register."""
    from populace.bounds.assessing import Answers, assess, read_answers, write_answers, write_register

    if not answers.exists():
        name = typer.prompt("What is the deployment called?") if ask else answers.stem
        write_answers(answers, Answers(deployment=name))
        if not ask:
            typer.echo(f"{answers}: made, with 19 items to answer; fill it in, or run this with --ask")
            return
    given = read_answers(answers)
    if ask:
        given = _ask(answers, given)
    register = assess(given)
    for row in register.rows:
        if row.status not in ("unanswered", "does not apply"):
            level = f", {row.level}" if row.level else ""
            typer.echo(f"{row.id}  {row.title}: {row.status}{level}")
    if register.unanswered:
        typer.echo(f"unanswered: {len(register.unanswered)} of 19 ({', '.join(register.unanswered)})")
    for file in write_register(out or answers.parent / f"{answers.stem}-register", register):
        typer.echo(f"{file}: written")
    if strict and register.unanswered:
        raise typer.Exit(1)


def _ask(file: Path, given: Answers) -> Answers:
    """Ask about each item that nobody answered."""
    import msgspec

    from populace.bounds.assessing import Answer, write_answers
    from populace.bounds.taxonomy import items

    typer.echo("Answer y, n, or leave empty for later. Ctrl-C stops; what was answered is kept.")
    for name, item in items().items():
        if given.items.get(name, Answer()).applies is not None:
            continue
        found = _answer(item)
        if found is None:
            continue
        given = msgspec.structs.replace(given, items={**given.items, name: found})
        write_answers(file, given)
    return given


def _answer(item: Item) -> Answer | None:
    """Ask about one item; None for later."""
    from populace.bounds.assessing import Answer

    typer.echo(f"\n{item.id}, a {item.side}: {item.title}. {item.meaning}")
    verb = "Is it claimed" if item.side == "benefit" else "Can it happen"
    applies = typer.prompt(f"{verb} here? y, n, later", default="later", show_default=False).strip().lower()
    if applies in ("n", "no"):
        return Answer(applies=False, why=typer.prompt("Why not?"))
    if applies not in ("y", "yes"):
        return None
    evidence = "What shows it? (empty: nothing yet)"
    if item.side == "benefit":
        return Answer(applies=True, evidence=typer.prompt(evidence, default="", show_default=False))
    likelihood = _scale("How likely, 1 rare to 5 almost certain?")
    impact = _scale("How bad, 1 slight to 5 severe?")
    if item.controls:
        typer.echo(f"known controls: {', '.join(item.controls)}")
    told = typer.prompt(
        "Which controls are in place, with commas? (empty: none)", default="", show_default=False
    )
    return Answer(
        applies=True,
        likelihood=likelihood,
        impact=impact,
        controls=tuple(each.strip() for each in told.split(",") if each.strip()),
        evidence=typer.prompt(evidence, default="", show_default=False),
        owner=typer.prompt("Who answers for it? (empty: nobody)", default="", show_default=False),
    )


def _scale(question: str) -> int:
    """Ask for a number from 1 to 5 until it is one."""
    while True:
        told = typer.prompt(question).strip()
        if told in ("1", "2", "3", "4", "5"):
            return int(told)
        typer.echo("Give a number from 1 to 5.")
