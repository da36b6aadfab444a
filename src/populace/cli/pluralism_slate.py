"""`populace pluralism slate`: a few options that represent everybody, and who is left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.pluralism.slate import Check, Slate
    from populace.pluralism.slate.reading import Ratings

__all__ = ["slate"]

_ANSWERS = {True: "holds", False: "fails", None: "open"}


def slate(
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="RATINGS",
            help="A folder as Polis exports it, or a CSV, Parquet or JSONL table: a row a person (column "
            "`person`), a column an option, numbers or blank; or a row a rating (`juror`, `option`, "
            "`rating`); optionally a column `weight`.",
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
        str | None,
        typer.Option(
            help="JR, PJR, EJR, EJR+, FJR, core, priceability, BJR; several with commas. Without it JR and "
            "EJR+, or BJR where nothing says what an approval is.",
            metavar="AXIOMS",
        ),
    ] = None,
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
    approvals = _approvals(jury, threshold)
    axioms = _axioms(check, approvals, jury)
    # Everything is chosen before anything is said: a mistake in the last rule is told first.
    chosen: list[Slate] = []
    for name in rules:
        method = "exact" if exact and name in ("cc", "pav", "monroe") else "greedy"
        chosen.append(
            slates.choose(jury, size, name, threshold=threshold, method=method, seconds=seconds)  # type: ignore[arg-type]
        )
    checks = [
        [slates.check(jury, found, axiom, threshold=threshold, seconds=seconds) for axiom in axioms]  # type: ignore[arg-type]
        for found in chosen
    ]
    for note in jury.notes:
        typer.echo(f"note: {note}")
    if not approvals:
        typer.echo(
            "note: nothing says which rating is an approval (--threshold), so JR and EJR+ are not checked by "
            "themselves, and nobody is counted as represented"
        )
    for found, answers in zip(chosen, checks, strict=True):
        _say_slate(found, answers, jury)
        if approvals:
            _say_represented(jury, found, threshold, folds, seed)


def _approvals(jury: Ratings, threshold: float | None) -> bool:
    """Say whether it is known who approves of what."""
    from populace.errors import DataError
    from populace.pluralism.slate.ballots import ballots_of

    ballots_of(jury, threshold)  # a broken table is an error all the same
    try:
        ballots_of(jury, threshold, approvals=True)
    except DataError:
        return False
    return True


def _axioms(check: str | None, approvals: bool, jury: Ratings) -> list[str]:
    """Return what is asked for, or what can be checked."""
    if check is not None:
        return [name.strip() for name in check.split(",") if name.strip()]
    if approvals:
        return ["JR", "EJR+"]
    even = jury.weights is None or bool((jury.weights == jury.weights[0]).all())
    return ["BJR"] if even else []


def _say_slate(found: Slate, answers: list[Check], jury: Ratings) -> None:
    gap = f", gap {found.gap:.1%}" if found.method == "exact" else ""
    typer.echo(f"{found.rule}, {found.method}{gap}")
    for place, option in enumerate(found.names, 1):
        typer.echo(f"  {place}. {option}")
    for tie in found.ties:
        what = f"option {tie.step}" if tie.step else "the whole slate"
        typer.echo(f"  tie for {what}: {'; '.join(jury.options[each] for each in tie.options)}")
    for note in found.notes:
        typer.echo(f"  note: {note}")
    for answer in answers:
        typer.echo(f"  {answer.axiom} {_ANSWERS[answer.holds]}: {answer.searched}")
        if answer.witness is not None:
            who = answer.witness
            weight = f"{len(who.people):,} people of weight {who.weight:g} (enough: {who.deserve:g})"
            typer.echo(f"    left out: {weight}, for {'; '.join(who.names)}")


def _say_represented(jury: Ratings, found: Slate, threshold: float | None, folds: int, seed: int) -> None:
    from populace.errors import DataError
    from populace.pluralism import slate as slates

    every = slates.represented(jury, found, threshold=threshold, seed=seed)
    rated = slates.represented(jury, found, threshold=threshold, among="rated", seed=seed)
    typer.echo(f"  approve of one or more: {every}")
    typer.echo(f"  of those who rated one: {rated}")
    people = len(jury.utilities)
    if people < 2:
        return
    folds = min(folds, people)
    try:
        others = slates.held_out(
            jury,
            len(found.members),
            found.rule,  # type: ignore[arg-type]
            threshold=threshold,
            folds=folds,
            seed=seed,
        )
    except DataError as error:
        typer.echo(f"  by slates that others chose: not counted ({error.what})")
        return
    typer.echo(f"  by slates that others chose ({folds} folds): {others}")
