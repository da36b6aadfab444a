"""`populace pluralism map`: where people stand by their votes, in which groups, and what all agree on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.pluralism.bridging import Conversation, OpinionMap

__all__ = ["opinion_map"]

MOST_GROUPS = 5
"""Groups that a picture tells apart."""


def opinion_map(
    votes: Annotated[
        Path,
        typer.Argument(
            metavar="VOTES",
            help="A folder as Polis exports it, or a CSV, Parquet or JSONL table: a row a person (column "
            "`person`), a column a statement, votes 1, 0, -1 or blank; or a row a vote (`person`, "
            "`statement`, `vote`).",
        ),
    ],
    groups: Annotated[
        str, typer.Option(help="Numbers of groups to choose from.", metavar="NUMBERS")
    ] = "2,3,4,5",
    least: Annotated[int, typer.Option(min=1, help="Votes to be put in a group.")] = 7,
    most: Annotated[int, typer.Option(min=1, help="Statements listed.")] = 5,
    resamples: Annotated[int, typer.Option(min=0, help="Times that people are drawn anew.")] = 50,
    nulls: Annotated[int, typer.Option(min=0, help="Maps of shuffled votes, and of one cloud.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    figure: Annotated[
        Path | None, typer.Option(help="Picture to write: .svg or .png.", metavar="FILE")
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="CSV to write: person, place and group.", metavar="FILE")
    ] = None,
) -> None:
    """Map people by their votes, group them, and say how far to believe the groups."""
    from populace.errors import DataError
    from populace.pluralism import bridging

    try:
        sizes = [int(number) for number in groups.split(",")]
    except ValueError as error:
        raise DataError(f"{groups!r} is no list of numbers", fix="write --groups 2,3,4") from error
    for path, kinds in ((figure, (".svg", ".png")), (people, (".csv",))):
        if path is not None and path.suffix not in kinds:
            raise DataError(f"{path.name} does not end in {' or '.join(kinds)}", fix="name the file so")
    if figure is not None and max(sizes) > MOST_GROUPS:
        fix = f"ask for up to {MOST_GROUPS} groups, or for no picture"
        raise DataError(f"a picture cannot tell {max(sizes)} groups apart", fix=fix)
    talk = bridging.read_conversation(votes)
    found = bridging.opinion_map(
        talk.votes, groups=sizes, least=least, resamples=resamples, nulls=nulls, seed=seed
    )
    _say_map(found, talk)
    _say_statements(found, talk, most)
    if people is not None:
        _write_people(found, talk, people)
    if figure is not None:
        from populace.atomic import write_atomic
        from populace.report import draw
        from populace.report.figures.opinion_map import opinion_map as drawn

        chart = drawn(found, talk.votes, talk.statements)
        write_atomic(figure, draw.svg(chart).encode() if figure.suffix == ".svg" else draw.png(chart))
        typer.echo(f"{figure}: the map")


def _say_map(found: OpinionMap, talk: Conversation) -> None:
    sizes = [int((found.groups == group).sum()) for group in range(found.k)]
    typer.echo(
        f"{len(talk.people):,} people, {len(talk.statements):,} statements; {found.k} groups of "
        f"{', '.join(f'{size:,}' for size in sizes)}, {int((found.groups < 0).sum()):,} people in none"
    )
    scores = ", ".join(f"{k}: {score:.3f}" for k, score in found.silhouettes.items())
    typer.echo(f"silhouette by number of groups: {scores}")
    typer.echo(f"agreement with groups of people drawn anew (adjusted Rand): {found.stability}")
    if found.shuffled:
        typer.echo(
            f"as clear: {found.chance('shuffled'):.1%} of shuffled tables, {found.chance('cloud'):.1%} of "
            "single clouds (itself counted)"
        )
    if talk.groups is not None:
        from populace.pluralism.bridging import adjusted_rand

        both = (talk.groups >= 0) & (found.groups >= 0)
        if both.any():
            value = adjusted_rand(talk.groups[both], found.groups[both])
            typer.echo(f"agreement with the groups in the file (adjusted Rand): {value:.3f}")
    for line in found.warnings:
        typer.echo(f"doubtful: {line}")
    for line in talk.notes:
        typer.echo(f"note: {line}")


def _say_statements(found: OpinionMap, talk: Conversation, most: int) -> None:
    from populace.pluralism import bridging

    table = bridging.representative(talk.votes, found.groups, most=most, least=5)
    for group in range(found.k):
        typer.echo(f"\nWhat sets group {group} apart (share of it, of the others)")
        for row in table.filter(group=group).iter_rows(named=True):
            vote = "agree" if row["vote"] > 0 else "disagree"
            mark = "" if row["clear"] else " (not clear)"
            text = talk.statements[row["statement"]]
            typer.echo(f"  {vote} {row['share']:.0%}, {row['elsewhere']:.0%}{mark}: {text}")
    typer.echo("\nWhat all groups agree on (group-informed consensus, product; lowest group)")
    result = bridging.group_informed_consensus(talk.votes, found.groups)
    names = [f"group {group}" for group in range(found.k)]
    for row in result.top(most, fewest=5).iter_rows(named=True):
        lowest = min(row[name] for name in names)
        typer.echo(
            f"  {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}], lowest {lowest:.0%}: "
            f"{talk.statements[row['statement']]}"
        )


def _write_people(found: OpinionMap, talk: Conversation, path: Path) -> None:
    import polars as pl

    from populace.atomic import write_atomic

    frame = pl.DataFrame(
        {
            "person": list(talk.people),
            "x": found.places[:, 0],
            "y": found.places[:, 1],
            "group": found.groups,
            "votes": found.cast,
        }
    )
    write_atomic(path, frame.with_columns(pl.col("x", "y").fill_nan(None)).write_csv().encode())
    typer.echo(f"{path}: {frame.height:,} people")
