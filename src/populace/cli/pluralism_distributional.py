"""`populace pluralism distributional`: how near a model's table of answers is to people's."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.pluralism.distributional import Answers, Groups, Laid
    from populace.stats import Estimate
    from populace.stats._arrays import Floats


class Missing(StrEnum):
    """What becomes of probability that does not add up to 1."""

    refuse = "refuse"
    renormalise = "renormalise"
    keep = "keep"


class Unanswered(StrEnum):
    """What a question counts that the model did not answer."""

    refuse = "refuse"
    uniform = "uniform"
    leave_out = "leave_out"


class Correct(StrEnum):
    """How the noise of small samples is taken off."""

    none = "none"
    analytic = "analytic"
    jackknife = "jackknife"
    noise = "noise"


class Resample(StrEnum):
    """What the interval is over."""

    questions = "questions"
    respondents = "respondents"
    both = "both"


_Table = (
    "CSV or Parquet with `question`, `option`, one of `count`, `share`, `probability`, and perhaps `group`."
)


def distributional(
    people: Annotated[Path, typer.Argument(metavar="PEOPLE", help=f"What people answered: {_Table}")],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What the model says, laid out alike.")],
    metric: Annotated[
        str, typer.Option(help="A metric or a paper's convention; `list` lists them.")
    ] = "js_distance",
    base: Annotated[
        str | None, typer.Option(help="Of the logarithm: 2, e or another.", metavar="BASE")
    ] = None,
    missing: Annotated[Missing, typer.Option(help="Rows that do not add up to 1.")] = Missing.refuse,
    unanswered: Annotated[
        Unanswered, typer.Option(help="Questions that the model left out.")
    ] = Unanswered.refuse,
    correct: Annotated[Correct, typer.Option(help="Takes off what small samples add.")] = Correct.none,
    resample: Annotated[
        Resample, typer.Option(help="What the interval is over; both is cautious.")
    ] = Resample.questions,
    draws: Annotated[int, typer.Option(min=1, help="Resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write all scores as .csv or .parquet.", metavar="FILE")
    ] = None,
) -> None:
    """Score a model's distributions against people's, beside those who know nothing."""
    from populace.errors import DataError, StudyError
    from populace.pluralism import distributional as pd

    if metric == "list":
        for each in pd.CONVENTIONS.values():
            typer.echo(f"{each.described()}{f'; {each.paper}' if each.paper else ''}")
        return
    mine, theirs = pd.read_answers(model), pd.read_answers(people)
    said, _ = pd.side_by_side(mine, theirs)
    silent = _silent(said, theirs)
    if silent and unanswered is Unanswered.refuse:
        raise DataError(
            f"the model did not answer {_few(silent)}, which people did",
            file=model,
            fix="give its answers; or say --unanswered uniform (a guess) or leave_out",
        )
    laid: Laid = {**theirs.settings(), "missing": missing.value, "unanswered": unanswered.value}
    number = _base(base)
    shared = {"draws": draws, "seed": seed}
    try:
        found = pd.score_groups(
            said, theirs.values, metric, number, groups=theirs.groups, positions=theirs.positions,
            correct=correct.value, resample=resample.value, **shared, **laid,
        )  # fmt: skip
        beside = pd.controls(
            said, theirs.values, metric, number, positions=theirs.positions, **shared, **laid
        )
    except ValueError as error:
        raise StudyError(str(error)) from error
    told = f"{len(theirs.questions):,} questions of people's"
    if silent:
        ways = {Unanswered.uniform: "counted as a guess", Unanswered.leave_out: "left out"}
        told += f"; not answered by the model and {ways[unanswered]}: {_few(silent)}"
    for what, names in zip(("questions", "groups"), pd.strangers(mine, theirs), strict=True):
        if names:
            told += f"; {what} of the model's that people's file lacks: {_few(names)}"
    _show(found, beside, told)
    if out is not None:
        _write(found, beside, out, people, model)


def _silent(said: Floats, theirs: Answers) -> list[str]:
    """List the questions that some group answered and the model, for that group, did not."""
    import numpy as np

    asked = np.nansum(theirs.values, axis=2) > 0
    mute = (asked & np.isnan(said).all(axis=2)).any(axis=1)
    return [name for name, some in zip(theirs.questions, mute, strict=True) if some]


def _few(names: Sequence[str]) -> str:
    """Name three, and count the others."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def _base(text: str | None) -> float | None:
    import math

    from populace.errors import StudyError

    try:
        return None if text is None else math.e if text == "e" else float(text)
    except ValueError as error:
        raise StudyError(f"{text!r} is no base of a logarithm", fix="give 2 or e") from error


def _show(found: Groups, beside: dict[str, Estimate], told: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    table.add_column("", overflow="fold")
    table.add_column("score", no_wrap=True)
    table.add_column("cells", justify="right", no_wrap=True)
    rows = list(zip(found.names, found.scores, strict=True))
    if len(rows) > 1:
        rows = [("mean of groups", found.mean), ("worst group", found.worst), *rows]
    # The first control is the model itself.
    for name, estimate in [*rows, *((f"({name})", each) for name, each in list(beside.items())[1:])]:
        ends = f" [{estimate.low:.3f}, {estimate.high:.3f}]" if estimate.low == estimate.low else ""
        table.add_row(
            name, f"{estimate.value:.3f}{ends}" if estimate.defined else "undefined", f"{estimate.n:,}"
        )
    console = Console(highlight=False, markup=False)
    console.print(found.convention.described())
    console.print(table)
    console.print(f"{told}. {found.mean.level * 100:g} % intervals: {found.mean.method}.")
    console.print("In brackets: baselines, on all groups together. A cell is a question put to a group.")


def _write(found: Groups, beside: dict[str, Estimate], out: Path, *read: Path) -> None:
    import polars as pl

    from populace.atomic import atomic_path
    from populace.cli.options import check_written
    from populace.errors import StudyError

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise StudyError(f"scores are not written as {out.suffix or 'this'}", fix="give .csv or .parquet")
    check_written(out, *read)
    fields = ("value", "low", "high", "level", "n", "clusters", "method", "seed")
    rows = [
        {"group": f"baseline: {name}", "metric": found.convention.name}
        | {each: getattr(one, each) for each in fields}
        for name, one in list(beside.items())[1:]
    ]
    frame = pl.concat([found.frame(), pl.DataFrame(rows)]) if rows else found.frame()
    with atomic_path(out) as path:
        if out.suffix.lower() == ".csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)
    typer.echo(f"{out}: {frame.height:,} scores")
