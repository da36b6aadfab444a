"""`populace personas match`: answers of real respondents beside personas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import check_written, people_or_source, split_names
from populace.cli.personas_checks import PersonasFile, check_parquet, names_of, percent

if TYPE_CHECKING:
    import polars as pl

    from populace.personas import Personas

__all__ = ["match"]


def match(
    personas: PersonasFile,
    donors: Annotated[
        Path,
        typer.Argument(
            metavar="DONORS.parquet", help="Respondents: `population build --source SURVEY --codebook NAME`."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Answers beside the persona_id; a report goes beside it.", metavar="F.parquet"),
    ],
    items: Annotated[
        list[str] | None,
        typer.Option(help="Answers to take over: a,b; all if left out.", metavar="NAMES"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    on: Annotated[
        list[str] | None,
        typer.Option(
            help="Variables that make a donor near; those of the survey if left out.", metavar="NAMES"
        ),
    ] = None,
    exact: Annotated[
        list[str] | None,
        typer.Option(
            help="Variables on which a donor must agree; ideology,political_views if left out.",
            metavar="NAMES",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Nearest donors to draw from.")] = 5,
    reuse: Annotated[
        float,
        typer.Option(min=0, help="Most people a donor serves, times people / donors; 0 for no limit."),
    ] = 10.0,
) -> None:
    """Give every persona all answers of one respondent who is like them (statistical matching).

    What the answers have to do with anything else than the variables matched on is lost; the report says
    how well donor and persona agree.
    """
    import msgspec

    from populace.atomic import atomic_path, write_atomic
    from populace.errors import DataError
    from populace.personas import load
    from populace.personas.matching import EXACT, ON
    from populace.personas.matching import match as matched

    report = out.with_suffix(".json")
    check_parquet(out, personas, donors)
    check_written(report, personas, donors)
    people, given = load(personas), people_or_source(donors)
    if given is None:
        fix = "make it with `populace population build --source SURVEY --codebook NAME`"
        raise DataError("no file of respondents", file=donors, fix=fix)
    if not items and not any(name.startswith("item_") for name in given.frame.columns):
        fix = "read a survey with `population build --codebook`, or name columns with --items"
        raise DataError("these people answered no questions", file=donors, fix=fix)
    lacking = _unknown(people, given.frame, [*ON, *EXACT])
    found = matched(
        people.frame,
        given,
        _items(names_of("--items", items), given.frame),
        seed=seed,
        on=names_of("--on", on) or [name for name in ON if name not in lacking],
        exact=split_names(exact) if exact else [name for name in EXACT if name not in lacking],
        k=k,
        reuse=reuse or None,
    )
    with atomic_path(out) as temporary:
        found.frame.select(people.frame["persona_id"], *found.frame.columns).write_parquet(
            temporary, compression="zstd"
        )
    write_atomic(report, msgspec.json.format(msgspec.json.encode(found.report)))
    typer.echo(f"{out}: {found.frame.width - 2} answers of {found.frame.height:,} personas")
    for line in _account(found.report, lacking if not (on or exact) else []):
        typer.echo(f"  {line}")
    typer.echo(f"{report}: all figures")


def _account(report: dict[str, Any], lacking: list[str]) -> list[str]:
    """Say shortly how good a match is."""
    from statistics import median

    reuse = report["reuse"]
    agreement = ", ".join(
        f"{name} {percent(share)}" for name, share in report["agreement"].items() if share is not None
    )
    distances = [each["tv"] for each in report["items"].values() if each["tv"] is not None]
    lines = [
        f"{report['donors_used']:,} of {report['donors']:,} donors serve, {reuse['most']:,} personas at most",
        f"mean distance {report['mean_distance']:.3f}; donor and persona agree: {agreement}",
    ]
    if lacking:
        lines.append(f"not matched on, since one side does not know it: {', '.join(lacking)}")
    if report["relaxed"]:
        wanted = ", ".join(report["exact"])
        lines.append(f"{report['relaxed']:,} personas have no donor who agrees on all of {wanted}")
    if report["too_young"]:
        lines.append(f"{report['too_young']:,} personas are under {report['youngest']} and get no answers")
    if reuse["over"]:
        lines.append(f"{reuse['over']:,} personas keep a donor who serves more than {reuse['limit']:,}")
    if distances:
        lines.append(
            "total variation between the answers of donors and of personas: "
            f"{median(distances):.3f} (median), {max(distances):.3f} (largest)"
        )
    if report["licence"]:
        lines.append(f"survey: {report['licence']}")
    return lines


def _items(names: list[str], donors: pl.DataFrame) -> list[str] | None:
    """Take questions by their column or by the name in the codebook."""
    found = [f"item_{name}" if f"item_{name}" in donors.columns else name for name in names]
    return found or None


def _unknown(people: Personas, donors: pl.DataFrame, names: list[str]) -> list[str]:
    """Find the variables that nobody of one side has."""
    from populace.personas.evidence import EVIDENCE, evidence
    from populace.personas.frames import complete
    from populace.personas.schema import COLUMNS

    lacking = []
    for frame in (people.frame, donors):
        known = [name for name in COLUMNS if name in frame.columns]
        whole = complete(frame.select("person_id", *known))
        read = evidence(whole)
        for name in names:
            column = read[name] if name in EVIDENCE else whole[name]
            own = frame[name] if name in frame.columns else column
            if own.null_count() == len(own) and column.null_count() == len(column):
                lacking.append(name)
    return list(dict.fromkeys(lacking))
