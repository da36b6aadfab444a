"""`populace portfolio people`: who is served by whom, and which groups are left behind."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import split_names
from populace.cli.portfolio_options import AsJson, Less, Ranges, Seed
from populace.cli.portfolio_tables import From, Out, Seconds, Source, Table, Traits

if TYPE_CHECKING:
    import numpy as np

    from populace.portfolio.comparing import Comparison
    from populace.portfolio.people import People
    from populace.portfolio.service import Served
    from populace.stats import Estimate

__all__ = ["people"]


class Choose(StrEnum):
    """What members are chosen for."""

    worst = "worst"
    average = "average"
    leximin = "leximin"


def people(
    table: Table,
    who: Annotated[
        Path,
        typer.Argument(
            metavar="PEOPLE",
            help="CSV, Parquet or JSONL: a row a person with a weight a trait, which sum to 1; or a row a "
            "choice: person, preferred, other (names of candidates), from which weights are inferred.",
        ),
    ],
    members: Annotated[
        list[str] | None,
        typer.Option("--members", help="Names of candidates; with commas, or repeated.", metavar="NAMES"),
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Choose so many members instead.")] = None,
    choose: Annotated[
        Choose,
        typer.Option(help="With --size: for all weights, these people on average, or the worst-off group."),
    ] = Choose.worst,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="Choose the fewest members within this mean regret of every group, 0.05, or of one, "
            "old=0.05; repeated.",
            metavar="[GROUP=]REGRET",
        ),
    ] = None,
    within: Annotated[float, typer.Option(min=0, help="Regret up to which a person is served.")] = 0.02,
    survey: Annotated[
        str | None, typer.Option(help="Column: how many a person stands for.", metavar="COLUMN")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column: a person's group.", metavar="COLUMN")] = None,
    persona: Annotated[
        str | None, typer.Option(help="Column: rows that are one person.", metavar="COLUMN")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="With --size: other ways to choose, beside each other.")
    ] = False,
    source: From = Source.table,
    traits: Traits = None,
    less: Less = None,
    ranges: Ranges = None,
    draws: Annotated[int, typer.Option(min=100, help="Resamples of the people.")] = 2000,
    seconds: Seconds = 60.0,
    seed: Seed = 0,
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Say who is served by whom: shares, regrets by group with intervals, the group that is worst off."""
    from populace.cli.portfolio_tables import read
    from populace.cli.portfolio_telling import tell_record, tell_scale
    from populace.errors import StudyError
    from populace.portfolio.comparing import compare_ways
    from populace.portfolio.service import serve

    if sum(each is not None and each != [] for each in (members, size, limit)) != 1:
        raise StudyError("members are not settled", fix="give one of --members, --size and --limit")
    if compare and size is None:
        raise StudyError("ways are compared at one size", fix="give --size")
    if (limit or choose is Choose.leximin) and group is None:
        raise StudyError("there are no groups", fix="say which column they are in: --group")
    limits = _limits(limit or [])
    found, scale = read(table, source, traits, less, ranges)
    rewards = found.rewards(scale)
    crowd = _people(who, found.names, found.traits, rewards, survey, group, persona)
    if members:
        rows = sorted(set(found.rows(split_names(members))))
    else:
        rows = _chosen(rewards, crowd, size, choose, limits, seconds)
    served = serve(rewards, rows, crowd, within=within, draws=draws, seed=seed)
    beside = None
    if compare and size is not None:
        beside = compare_ways(rewards, crowd, size, within=within, seconds=seconds, draws=draws, seed=seed)
    record: dict[str, Any] = {"members": [found.names[row] for row in rows], "served": served}
    if beside is not None:
        record["ways"] = beside
    if tell_record(record, as_json, out):
        return
    tell_scale(found, scale)
    _tell(served, list(found.names))
    if beside is not None:
        _tell_ways(beside)


def _people(
    path: Path,
    names: tuple[str, ...] | list[str],
    traits: tuple[str, ...] | list[str],
    rewards: np.ndarray,
    survey: str | None,
    group: str | None,
    persona: str | None,
) -> People:
    """Read people: their weights, or what they preferred."""
    from populace.errors import StudyError
    from populace.portfolio.choices import people_of_choices
    from populace.portfolio.people import read_people
    from populace.portfolio.score_tables import read_table

    frame = read_table(path)
    if {"preferred", "other"} <= set(frame.columns):
        if persona is not None:
            raise StudyError("rows of choices are of the column `person`", fix="leave --persona out")
        return people_of_choices(frame, names, rewards, survey=survey, group=group, file=path)
    return read_people(frame, traits, survey=survey, group=group, persona=persona, file=path)


def _chosen(
    rewards: np.ndarray,
    crowd: People,
    size: int | None,
    choose: Choose,
    limits: float | dict[str, float],
    seconds: float,
) -> list[int]:
    """Choose members."""
    from populace.portfolio.fairness import best_on_average, leave_nobody_behind, within_limits
    from populace.portfolio.sizes import best_of_size

    if size is None:
        fair = within_limits(rewards, crowd, limits, seconds=seconds)
        return list(fair.members)
    if choose is Choose.worst:
        return list(best_of_size(rewards, size, seconds=seconds).members)
    way = best_on_average if choose is Choose.average else leave_nobody_behind
    return list(way(rewards, crowd, size, seconds=seconds).members)


def _limits(given: list[str]) -> float | dict[str, float]:
    """Read limits: one for all groups, or some by name.

    Examples
    --------
    >>> _limits(["0.05"]), _limits(["old=0.05", "young=0.1"])
    (0.05, {'old': 0.05, 'young': 0.1})
    """
    from populace.errors import StudyError

    found = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            fix = "write 0.05, or old=0.05"
            raise StudyError(f"--limit: {text!r} is no [GROUP=]REGRET", fix=fix) from None
    for name, number in found.items():
        if not number >= 0:
            what = f"--limit: {number:g}{' of ' + name if name else ''} is no regret"
            raise StudyError(what, fix="write a number of at least 0")
    if "" in found and len(found) > 1:
        raise StudyError("a limit of all groups and limits of some", fix="give the one or the others")
    return found.get("", found)


def _tell(served: Served, names: list[str]) -> None:
    """Print whom a portfolio serves."""
    from populace.portfolio.records import upward

    typer.echo(f"Members: {', '.join(names[member] for member in served.members)}")
    worth = f"worth {served.effective:,.0f} of equal weight"
    typer.echo(f"{served.people:,} people ({served.personas:,} personas, {worth})")
    typer.echo(f"Within {served.within:g} of their best: {_span(served.share, percent=True)}")
    typer.echo(f"Mean regret: {_span(served.regret)}; the largest of these people {served.largest:.4f}")
    typer.echo(f"No weights at all lose more than {upward(served.certificate.value)}")
    typer.echo(f"Members in use: {_span(served.diversity)} (perplexity)")
    for each in served.serves:
        typer.echo(f"  {names[each.member]} serves {_span(each.share, percent=True)}")
    if served.groups:
        typer.echo("Mean regret by group, worst first:")
        width = max(len(each.group) for each in served.groups)
        for each in sorted(served.groups, key=lambda each: -each.regret.value):
            share = _span(each.share, percent=True)
            few = "  (few people)" if each.personas < 10 else ""
            typer.echo(f"  {each.group:{width}}  {_span(each.regret)}  served {share}  n = {each.n:,}{few}")
        if served.worst is not None:
            typer.echo(f"Worst off: {served.worst_group}; as the largest of all groups {_span(served.worst)}")


def _tell_ways(beside: Comparison) -> None:
    """Print ways to choose, side by side."""
    typer.echo(f"Ways to choose up to {beside.size} members, on the same people:")
    width = max(len(way.name) for way in beside.ways)
    head = f"  {'':{width}}  members  worst regret  mean regret               served"
    typer.echo(head + ("                worst group" if beside.ways[0].served.worst else ""))
    for way in beside.ways:
        found = way.served
        worst = f"  {found.worst_group} {found.worst.value:.4f}" if found.worst else ""
        typer.echo(
            f"  {way.name:{width}}  {len(found.members):7}  {found.certificate.value:12.4f}  "
            f"{_span(found.regret):24}  {_span(found.share, percent=True):20}{worst}"
        )
    if not beside.held_out:
        typer.echo("Ways that see people (all but worst, uniform, random) were chosen on the very same ones.")


def _span(found: Estimate, *, percent: bool = False) -> str:
    """Write an estimate."""
    if not found.defined:
        return "undefined"
    if math.isnan(found.low) or math.isnan(found.high):
        alone = f"{100 * found.value:.0f} %" if percent else f"{found.value:.4f}"
        return f"{alone} (no interval)"
    if percent:
        return f"{100 * found.value:.0f} % [{100 * found.low:.0f}, {100 * found.high:.0f}]"
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"
