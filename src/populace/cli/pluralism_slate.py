"""`populace pluralism slate`: a few options that represent everybody, and who is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["slate"]

_ANSWERS = {True: "holds", False: "fails", None: "open"}


def slate(
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="RATINGS",
            help="A folder as Polis exports it, or a CSV or Parquet table: a row a person (column `person`), "
            "a column an option, numbers or blank; optionally a column `weight`.",
        ),
    ],
    size: Annotated[int, typer.Option(min=1, help="Options to choose.")] = 5,
    rule: Annotated[
        str,
        typer.Option(
            help="cc, pav, mes, phragmen, monroe, bjr, av, sav; several with commas.", metavar="RULES"
        ),
    ] = "pav",
    threshold: Annotated[
        float | None,
        typer.Option(help="Rating from which on an option is approved; 1 for the votes of a Polis folder."),
    ] = None,
    check: Annotated[
        str,
        typer.Option(
            help="JR, PJR, EJR, EJR+, FJR, core, priceability, BJR; several with commas.", metavar="AXIOMS"
        ),
    ] = "JR,EJR+",
    exact: Annotated[bool, typer.Option("--exact", help="Solve cc, pav and monroe exactly.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Limit for an exact slate or a check.")] = 30.0,
    folds: Annotated[int, typer.Option(min=2, help="To count people on slates that others chose.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and intervals.")] = 0,
) -> None:
    """Choose a slate, check whether it leaves a group out, and count whom it represents."""
    from populace.pluralism import slate as slates
    from populace.pluralism.slate.reading import read_ratings

    jury = read_ratings(ratings)
    if threshold is None and ratings.is_dir():
        threshold = 1.0
    rules = [name.strip() for name in rule.split(",") if name.strip()]
    axioms = [name.strip() for name in check.split(",") if name.strip()]
    for name in rules:
        method = "exact" if exact and name in ("cc", "pav", "monroe") else "greedy"
        found = slates.choose(jury, size, name, threshold=threshold, method=method, seconds=seconds)  # type: ignore[arg-type]
        typer.echo(f"{name}, {found.method}" + (f", gap {found.gap:.1%}" if method == "exact" else ""))
        for place, option in enumerate(found.names, 1):
            typer.echo(f"  {place}. {option}")
        for tie in found.ties:
            what = f"option {tie.step}" if tie.step else "the whole slate"
            typer.echo(f"  tie for {what}: {'; '.join(jury.options[each] for each in tie.options)}")
        for note in found.notes:
            typer.echo(f"  note: {note}")
        for axiom in axioms:
            answer = slates.check(jury, found, axiom, threshold=threshold, seconds=seconds)  # type: ignore[arg-type]
            typer.echo(f"  {axiom} {_ANSWERS[answer.holds]}: {answer.searched}")
            if answer.witness is not None:
                who = answer.witness
                weight = f"{len(who.people):,} people of weight {who.weight:g} (enough: {who.deserve:g})"
                typer.echo(f"    left out: {weight}, for {'; '.join(who.names)}")
        _say_represented(jury, found, name, size, threshold, folds, seed)


def _say_represented(
    jury: object, found: object, rule: str, size: int, threshold: float | None, folds: int, seed: int
) -> None:
    from populace.errors import DataError
    from populace.pluralism import slate as slates

    try:
        every = slates.represented(jury, found, threshold=threshold, seed=seed)
    except DataError:
        return  # without a threshold nobody approves of anything
    rated = slates.represented(jury, found, threshold=threshold, among="rated", seed=seed)
    others = slates.held_out(jury, size, rule, threshold=threshold, folds=folds, seed=seed)  # type: ignore[arg-type]
    typer.echo(f"  approve of one or more: {every}")
    typer.echo(f"  of those who rated one: {rated}")
    typer.echo(f"  by slates that others chose: {others}")
