"""`populace pluralism jury`: who wins a table of ratings, by every rule that the ratings carry."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from populace.pluralism.jury import Question


class Kind(StrEnum):
    """What ratings mean."""

    cardinal = "cardinal"
    graded = "graded"
    ordinal = "ordinal"
    approval = "approval"


def jury(
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="RATINGS",
            help="CSV, Parquet or JSONL with `juror`, `option`, `rating`, and perhaps `question`, `weight`,"
            " `group` (who wins within each is told).",
        ),
    ],
    kind: Annotated[Kind, typer.Option(help="What the ratings mean.")] = Kind.cardinal,
    zero: Annotated[
        float | None, typer.Option(help="Utility of no answer at all: for Nash and the profile over p.")
    ] = None,
    scale: Annotated[
        tuple[float, float] | None, typer.Option(help="Least and greatest rating.", metavar="LEAST MOST")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Ratings from here up approve.")] = None,
    p: Annotated[list[float] | None, typer.Option(help="Also the p-mean of this p; may be repeated.")] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of a group in the whole, of every `group`; repeated.", metavar="GROUP=SHARE"
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=0, help="Resampled juries.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write all winners as .csv or .parquet.", metavar="FILE")
    ] = None,
) -> None:
    """Say who wins each question by every rule that the ratings carry, and how sure that is."""
    from populace.errors import StudyError
    from populace.pluralism.jury import read_juries

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise StudyError(f"winners cannot be written to {out.suffix or 'this'}", fix="give .csv or .parquet")
    questions = read_juries(ratings, kind=kind.value, zero=zero, scale=scale)
    settings: dict[str, dict[str, Any]] = {}
    if threshold is not None:
        settings = {"approval": {"threshold": threshold}, "sav": {"threshold": threshold}}
    rows: list[dict[str, Any]] = []
    if zero is not None:
        for question in questions:
            _above_zero(question, ratings)
    if share:
        questions = [_weighed(question, share) for question in questions]
    for question in questions:
        rows += _of_one(question, settings, p or [], draws, seed, alone=len(questions) == 1)
    if len(questions) > 1:
        _across(rows)
        for question in questions:
            if question.left_out:
                typer.echo(f"left out of {question.name}: {', '.join(question.left_out)}")
    if out is not None:
        _write(rows, out)


def _of_one(
    question: Question,
    settings: dict[str, dict[str, Any]],
    exponents: list[float],
    draws: int,
    seed: int,
    *,
    alone: bool,
) -> list[dict[str, Any]]:
    """Find the winners of a question; tell them, if it stands alone."""
    jury = question.jury
    named = [(rule, settings.get(rule, {})) for rule in jury.rules(settings)]
    named += [("p_mean", {"p": each}) for each in exponents]
    jurors = len(jury.ballots.weights)
    small = jurors > 1 and jurors * len(jury.options) ** 2 <= 2_000_000
    sure = jury.resample(draws, seed=seed, settings=settings).wins if draws and alone and small else {}
    rows: list[dict[str, Any]] = []
    for rule, given in named:
        found = jury.winner(rule, draws=0, **given)
        told = f"{rule}, p = {given['p']:g}" if "p" in given else rule
        agreed = max(sure[rule].values()) if rule in sure else None
        rows.append(
            {
                "question": question.name,
                "rule": told,
                "winners": found.winners,
                "exact": found.exact,
                "resampled": agreed,
            }
        )
    if alone:
        _show(question, rows)
    return rows


def _show(question: Question, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    table.add_column("rule", no_wrap=True)
    table.add_column("wins", overflow="fold")
    table.add_column("of resampled juries", justify="right")
    for row in rows:
        tied = " (tied)" if len(row["winners"]) > 1 else ""
        most = "" if row["exact"] else " (at most)"
        share = "" if row["resampled"] is None else f"{row['resampled']:.0%}"
        table.add_row(row["rule"], ", ".join(row["winners"]) + tied + most, share)
    Console(highlight=False, markup=False).print(table)
    jury = question.jury
    many = len(jury.ballots.weights)
    jurors = "1 juror" if many == 1 else f"{many:,} jurors"
    options = "1 option" if len(jury.options) == 1 else f"{len(jury.options):,} options"
    typer.echo(f"{jurors}, {options}, {jury.ballots.missing}")
    if question.left_out:
        typer.echo(f"left out: {', '.join(question.left_out)}")
    if len(jury.options) == 1:
        typer.echo(f"There is one option, {jury.options[0]}: nothing to choose between")
        return
    if "borda" not in jury.rules():
        typer.echo("Some option was rated by nobody who rated another one: no Borda score")
    told = jury.condorcet()
    if told.winner is not None:
        typer.echo(f"Beats every other option: {told.winner}")
    elif told.cycle:
        typer.echo(f"Nobody beats all others; a cycle: {' > '.join((*told.cycle, told.cycle[0]))}")
    else:
        typer.echo("Nobody beats all others")
    if jury.ballots.kind == "cardinal" and jury.ballots.zero is not None:
        profile = jury.profile()
        flips = [
            f"{', '.join(flip.below)} below p = {flip.at:.3f}, {', '.join(flip.above)} above"
            for flip in profile.flips
        ]
        typer.echo(f"Welfare profile: {'; '.join(flips) or ', '.join(profile.mean) + ' at every p'}")
    elif jury.ballots.kind == "cardinal":
        typer.echo("For Nash welfare and the profile over p, say what no answer is worth: --zero")
    if any(question.groups):
        _show_groups(question)


def _show_groups(question: Question) -> None:
    """Tell who wins within each group; of ratings, who serves best the group that it serves worst."""
    import numpy as np

    from populace.pluralism.jury import Jury
    from populace.pluralism.jury.welfare import leading

    held = question.jury.ballots
    rule = "utilitarian" if held.kind in ("cardinal", "approval") else "plurality"
    least = np.full(len(held.options), np.inf)
    for group in sorted({each for each in question.groups if each is not None}):
        who = np.array([each == group for each in question.groups]) & (held.weights > 0)
        if not who.any():
            typer.echo(f"Group {group}: nobody of weight")
            continue
        some = held.utilities[who]
        rated: list[int] = np.flatnonzero((~np.isnan(some)).any(axis=0)).tolist()
        names = [held.options[place] for place in rated]
        own = Jury(some[:, rated], names, held.weights[who], kind=held.kind)
        found = own.winner(rule, draws=0)
        typer.echo(f"Group {group} ({int(who.sum()):,}): {', '.join(found.winners)} ({rule})")
        least = np.minimum(least, [found.scores.get(name, np.nan) for name in held.options])
    if rule == "utilitarian" and np.isfinite(least).any():
        names = [held.options[place] for place in leading(least)]
        told = f"Best for the group that it serves worst (mean {np.nanmax(least):g})"
        typer.echo(f"{told}: {', '.join(names)}")


def _above_zero(question: Question, file: Path) -> None:
    """Say of a rating below the zero point whose it is: no rule is left out for it in silence."""
    from populace.errors import DataError

    try:
        question.jury.p_mean(0)
    except DataError as error:
        who = "" if error.row is None else f"juror {question.jurors[error.row - 1]}, option {error.column}: "
        where = f" (question {question.name})" if question.name else ""
        raise DataError(f"{who}{error.what}{where}", file=file, column="rating", fix=error.fix) from error


def _weighed(question: Question, given: list[str]) -> Question:
    """Weigh jurors so that groups have their shares."""
    from populace.errors import StudyError

    if not question.groups or None in question.groups:
        raise StudyError("shares are of groups, and not every juror has one", fix="fill in `group`")
    shares: dict[str, float] = {}
    for each in given:
        name, _, number = each.rpartition("=")
        try:
            shares[name] = float(number)
        except ValueError as error:
            raise StudyError(f"{each!r} is no share", fix="write --share GROUP=0.4") from error
    return question._replace(jury=question.jury.weighted(question.groups, shares))


def _across(rows: list[dict[str, Any]]) -> None:
    """Tell how often rules agree, over questions."""
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    frame = pl.DataFrame(rows, schema_overrides={"winners": pl.List(pl.String)})
    base = frame["rule"][0]
    first = frame.filter(rule=base).select("question", base=pl.col("winners"))
    both = frame.join(first, on="question", maintain_order="left").with_columns(
        same=pl.col("winners").list.set_symmetric_difference("base").list.len() == 0,
        tied=pl.col("winners").list.len() > 1,
    )
    table = Table(box=None)
    for head in ("rule", f"other winners than {base}", "tied", "questions"):
        table.add_column(head, justify="left" if head == "rule" else "right")
    for (rule,), part in both.group_by("rule", maintain_order=True):
        counts = (int((~part["same"]).sum()), int(part["tied"].sum()), part.height)
        table.add_row(str(rule), *(f"{each:,}" for each in counts))
    Console(highlight=False, markup=False).print(table)


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    import polars as pl

    from populace.atomic import atomic_path

    frame = pl.DataFrame(
        [
            (row["question"], row["rule"], name, len(row["winners"]), row["exact"])
            for row in rows
            for name in row["winners"]
        ],
        schema=["question", "rule", "winner", "tied", "exact"],
        orient="row",
    )
    with atomic_path(out) as beside:
        if out.suffix == ".csv":
            frame.write_csv(beside)
        else:
            frame.write_parquet(beside)
    typer.echo(f"{out}: {frame.height:,} rows")
