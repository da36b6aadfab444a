"""`populace portfolio candidates`, `certify`, `minimum` and `size`: choose among what one has."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import split_names
from populace.cli.portfolio_options import AsJson, Less, Ranges, ranges_of, tell_json
from populace.cli.portfolio_telling import (
    Figure,
    check_figure,
    draw_members,
    scale_told,
    tell_portfolio,
    tell_record,
    tell_scale,
    tell_slack,
)

if TYPE_CHECKING:
    from populace.portfolio.candidates import Candidates
    from populace.portfolio.scaling import Scale

__all__ = ["candidates", "certify", "minimum", "read", "size"]


class Source(StrEnum):
    """Forms of a table of candidates."""

    table = "table"
    pool = "pool"
    wildbench = "wildbench"
    alpaca_eval = "alpaca-eval"


class Kind(StrEnum):
    """Kinds of regret."""

    additive = "additive"
    ratio = "ratio"


class Objective(StrEnum):
    """What a portfolio of a given size makes small."""

    worst = "worst"
    average = "average"


Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="CSV, Parquet or JSONL: candidate and a column a trait, or candidate, trait, score.",
    ),
]
From = Annotated[
    Source,
    typer.Option(
        "--from",
        help="What the table is: scores of candidates; a pool of scored responses with `candidate`; "
        "WildBench's score.json; AlpacaEval's leaderboard.csv.",
    ),
]
Traits = Annotated[
    list[str] | None, typer.Option("--traits", help="Only these; with commas, or repeated.", metavar="NAMES")
]
KindOf = Annotated[
    Kind,
    typer.Option(help="Of the regret: `additive` on the scale from 0 to 1, or the `ratio` of the value."),
]
Seconds = Annotated[float, typer.Option(min=0.1, help="After so long the best so far, with its bound.")]
Out = Annotated[
    Path | None, typer.Option(help="Also write what is printed by --json to this file.", metavar="FILE.json")
]


def candidates(
    table: Table,
    source: From = Source.table,
    traits: Traits = None,
    less: Less = None,
    ranges: Ranges = None,
    as_json: AsJson = False,
) -> None:
    """List the candidates, which of them are best for some weights, and what a weight means."""
    import numpy as np

    from populace.portfolio.hull import coverage_set

    found, scale = read(table, source, traits, less, ranges)
    rewards = found.rewards(scale)
    best = {int(row) for row in np.asarray(coverage_set(rewards))}
    if as_json:
        rows = [
            {"candidate": name, "best_somewhere": place in best, **dict(zip(found.traits, row, strict=True))}
            for place, (name, row) in enumerate(zip(found.names, rewards.tolist(), strict=True))
        ]
        tell_json(scale_told(found, scale) | {"candidates": rows})
        return
    tell_scale(found, scale)
    typer.echo(f"{len(found.names):,} candidates, {len(best):,} of them best for some weights (*):")
    width = max(len(name) for name in found.names)
    order = sorted(range(len(found.names)), key=lambda place: (-float(rewards[place].mean()), place))
    typer.echo(f"  {'':{width}}  {'  '.join(f'{name[:12]:>12}' for name in found.traits)}")
    for place in order:
        numbers = "  ".join(f"{value:12.3f}" for value in rewards[place])
        typer.echo(f"  {found.names[place]:{width}}  {numbers}{'  *' if place in best else ''}")


def certify(
    table: Table,
    members: Annotated[
        list[str],
        typer.Option("--members", help="Names of candidates; with commas, or repeated.", metavar="NAMES"),
    ],
    source: From = Source.table,
    traits: Traits = None,
    less: Less = None,
    ranges: Ranges = None,
    kind: KindOf = Kind.additive,
    as_json: AsJson = False,
    out: Out = None,
    figure: Figure = None,
) -> None:
    """Certify how much anybody loses who is served by these members alone, over all weights."""
    from populace.portfolio.certificate import worst_regret
    from populace.portfolio.records import upward

    found, scale = read(table, source, traits, less, ranges)
    check_figure(figure, len(found.traits))
    rows = sorted(set(found.rows(split_names(members))))
    certificate = worst_regret(found.rewards(scale), rows, kind=kind.value)
    told = scale_told(found, scale) | {
        "members": [found.names[row] for row in rows],
        "kind": kind.value,
        "regret": certificate.value,
        "attained": certificate.attained,
        "weights": dict(zip(found.traits, certificate.weight, strict=True)),
        "better": found.names[certificate.candidate],
    }
    draw_members(figure, rows, found, scale)
    if tell_record(told, as_json, out):
        return
    tell_scale(found, scale)
    typer.echo(f"Members: {', '.join(told['members'])}")
    typer.echo(f"No weights lose more than {upward(certificate.value)} ({kind.value} regret)")
    weights = ", ".join(f"{name} {share:.3f}" for name, share in told["weights"].items() if share > 5e-4)
    typer.echo(f"Most is lost at {weights}, where {told['better']} is best")
    tell_slack(found, scale, kind.value)


def minimum(
    table: Table,
    regret: Annotated[float, typer.Option(min=0.0, help="That no weights shall exceed.")] = 0.02,
    source: From = Source.table,
    traits: Traits = None,
    less: Less = None,
    ranges: Ranges = None,
    kind: KindOf = Kind.additive,
    seconds: Seconds = 60.0,
    as_json: AsJson = False,
    out: Out = None,
    figure: Figure = None,
) -> None:
    """Find the fewest candidates within a regret for all weights, proved or with the bound reached."""
    from populace.errors import StudyError
    from populace.portfolio.minimum import minimum as fewest

    if kind is Kind.ratio and regret >= 1:
        raise StudyError(f"--regret is {regret:g}: a ratio is a share below 1", fix="write --regret 0.02")
    found, scale = read(table, source, traits, less, ranges)
    check_figure(figure, len(found.traits))
    portfolio = fewest(found.rewards(scale), regret, kind=kind.value, seconds=seconds)
    draw_members(figure, portfolio.members, found, scale)
    tell_portfolio(portfolio, found, scale, as_json, out)


def size(
    table: Table,
    size: Annotated[int, typer.Option(min=1, help="Most members.")] = 5,
    objective: Annotated[Objective, typer.Option(help="The worst regret, or the average of users.")] = (
        Objective.worst
    ),
    weights: Annotated[
        Path | None,
        typer.Option(help="Users, for the average: a column a trait, a row a user, brought to the sum 1."),
    ] = None,
    source: From = Source.table,
    traits: Traits = None,
    less: Less = None,
    ranges: Ranges = None,
    kind: KindOf = Kind.additive,
    seconds: Seconds = 60.0,
    as_json: AsJson = False,
    out: Out = None,
    figure: Figure = None,
) -> None:
    """Find the best portfolio of at most so many candidates."""
    from populace.errors import StudyError
    from populace.portfolio.sizes import best_of_size

    if (objective is Objective.average) != (weights is not None):
        what = "the average is over users, the worst over all weights"
        raise StudyError(what, fix="give --weights FILE")
    found, scale = read(table, source, traits, less, ranges)
    check_figure(figure, len(found.traits))
    users = None if weights is None else _users(weights, found.traits)
    portfolio = best_of_size(found.rewards(scale), size, objective.value, users, kind.value, seconds=seconds)
    draw_members(figure, portfolio.members, found, scale)
    tell_portfolio(portfolio, found, scale, as_json, out)


def read(
    table: Path,
    source: Source,
    traits: list[str] | None,
    less: list[str] | None,
    ranges: list[str] | None,
) -> tuple[Candidates, Scale]:
    """Read candidates, and settle what a weight means."""
    from populace.errors import DataError, StudyError
    from populace.portfolio import candidates as c
    from populace.portfolio.rewards import read_rewards

    wanted = split_names(traits) or None
    if source is Source.table:
        found = c.read_candidates(table, wanted)
    elif source is Source.pool:
        found = c.measured(read_rewards(table, wanted))
    elif wanted:
        raise StudyError(f"{source.value} has its own traits", fix="leave --traits out")
    else:
        found = (c.read_wildbench if source is Source.wildbench else c.read_alpaca_eval)(table)
    try:
        return found, found.scale(ranges_of(ranges), split_names(less))
    except DataError as error:
        raise DataError(error.what, file=table, row=error.row, column=error.column, fix=error.fix) from error


def _users(path: Path, traits: Sequence[str]) -> Any:
    """Read users' weights, brought to the sum 1."""
    import numpy as np

    from populace.errors import DataError
    from populace.portfolio.score_tables import read_table, scores_of

    table = read_table(path).with_row_index("_row")
    found = scores_of(table, ["_row"], list(traits)).select(traits).to_numpy()
    bad = np.isnan(found).any(axis=1) | (found < 0).any(axis=1) | ~(found.sum(axis=1) > 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0]) + 1
        raise DataError("weights must be numbers of at least 0, not all 0", file=path, row=row)
    return found / found.sum(axis=1, keepdims=True)
