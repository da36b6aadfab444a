"""`populace judge export`, `agreement`, `power` and `forget`: all but the page itself."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from populace.serve.judging.opening import Opened

__all__ = ["KeysFile", "Machines", "agreement", "check_packages", "export", "forget", "power"]

StoreText = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="Where the study is: a SQLite file, or postgresql://...",
        envvar="POPULACE_JUDGING",
    ),
]
KeysFile = Annotated[
    Path | None, typer.Option("--keys", help="The study's keys; beside the store if left out.")
]
Machines = Annotated[
    list[Path] | None,
    typer.Option("--judges", help="Verdicts of models on the same pairs: items of a run of agreement."),
]


class What(StrEnum):
    """Tables that can be exported."""

    verdicts = "verdicts"
    survey = "survey"
    raters = "raters"
    pairs = "pairs"


def export(
    store: StoreText,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .jsonl.")],
    table: Annotated[What, typer.Option(help="verdicts and pairs feed the bench.")] = What.verdicts,
    attentive: Annotated[bool, typer.Option("--attentive", help="Leave out who failed a check.")] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Leave out who did not get to the end.")
    ] = False,
    keys: KeysFile = None,
) -> None:
    """Write what people said, while the study goes on or after it."""
    import polars as pl

    from populace.atomic import write_atomic
    from populace.errors import DataError

    opened = _open(store, keys)
    from populace.serve.judging.results import FILES, KINDS, encode

    form = out.suffix.lstrip(".").lower()
    if form not in KINDS:
        raise DataError(f"{form or 'no suffix'} is no form of table", file=out, fix=f"use {', '.join(KINDS)}")
    found = FILES[table.value](opened)
    rows = found.height
    if attentive and "attention" in found.columns:
        found = found.filter(pl.col("attention").is_null() | (pl.col("attention") != "failed"))
    if complete and "complete" in found.columns:
        found = found.filter("complete")
    write_atomic(out, encode(found, form))
    left = f" ({rows - found.height:,} left out)" if found.height < rows else ""
    typer.echo(f"{out}: {found.height:,} rows{left}")


def agreement(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A store, or a file of exported verdicts.")],
    judges: Machines = None,
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Count raters who failed a check too.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write all measures (JSON).")] = None,
    draws: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.", min=0)] = 0,
    level: Annotated[float, typer.Option(help="Level of the intervals.", min=0.5, max=0.999)] = 0.95,
    keys: KeysFile = None,
) -> None:
    """Print how far people agree with each other, and models with people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from populace.atomic import write_atomic
    from populace.serve.judging import agreement as measuring
    from populace.serve.judging.agreement_page import headline
    from populace.serve.judging.machines import join_machines, read_machines
    from populace.serve.judging.said import read_verdicts

    if store.endswith((".parquet", ".csv", ".jsonl")):
        verdicts, frames = read_verdicts(Path(store)), []
    else:
        from populace.serve.judging.results import machines
        from populace.serve.judging.results import verdicts as told

        opened = _open(store, keys)
        verdicts, frames = told(opened), [machines(opened)]
    said, replaced = join_machines(frames, [read_machines(path) for path in judges or ()])
    found = measuring.agreement(verdicts, said, keep_failed=keep_failed, draws=draws, seed=seed, level=level)
    shown = Table("who", "measure", "estimate", "what it is")
    for each in found.measures:
        row = (each.who, each.measure.replace("_", " "), str(each.estimate), each.note)
        shown.add_row(*map(escape, row))
    console = Console()
    if replaced:
        told = f"{', '.join(replaced)}: verdicts of --judges count, not those of the store"
        console.print(told, highlight=False, markup=False)
    console.print(headline(found), highlight=False, markup=False)
    console.print(shown)
    if found.left_out:
        console.print(f"{found.left_out:,} raters who failed a check are left out; --keep-failed counts them")
    if out:
        import msgspec

        write_atomic(out, msgspec.json.format(msgspec.json.encode(found.measures)))


def power(
    kappa: Annotated[float, typer.Option(help="Agreement of two raters that you expect.")] = 0.6,
    against: Annotated[float, typer.Option(help="Smaller kappa it must be told from.")] = 0.4,
    width: Annotated[
        float | None, typer.Option(help="Plan for an interval this wide either way instead.")
    ] = None,
    questions: Annotated[int, typer.Option(help="Questions of each persona.", min=1)] = 10,
    raters: Annotated[list[int] | None, typer.Option(help="Raters of each persona; 2, 3, 4, 5.")] = None,
    prevalence: Annotated[float, typer.Option(help="Share that chooses the first answer.")] = 0.5,
    icc: Annotated[float, typer.Option(help="Likeness of questions of one persona; 0 for none.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance of finding it.")] = 0.8,
    level: Annotated[float, typer.Option(help="Level of the interval.")] = 0.95,
) -> None:
    """Say how many personas, items and people a study needs, before anybody is asked."""
    from rich.console import Console
    from rich.table import Table

    from populace.errors import StudyError
    from populace.stats.study_size import personas_for_kappa

    shown = Table("raters a pair", "personas", "pairs", "people", "judgements", "half interval", "power")
    for count in raters or (2, 3, 4, 5):
        try:
            size = personas_for_kappa(
                kappa, questions=questions, raters=count, against=None if width else against, width=width,
                prevalence=prevalence, icc=icc, power=power, level=level,
            )  # fmt: skip
        except ValueError as error:
            raise StudyError(str(error)) from error
        found = "" if width else f"{size.power:.0%}"
        numbers = (size.raters, size.personas, size.items, size.people, size.judgements)
        shown.add_row(*(f"{n:,}" for n in numbers), f"±{size.width:.3f}", found)
    aim = f"within {width:g}" if width else f"told from {against:g} with power {power:.0%}"
    console = Console()
    console.print(
        f"Kappa {kappa:g}, {aim}, {level:.0%} intervals, {questions} questions a persona, ICC {icc:g}:"
    )
    console.print(shown)
    console.print(
        "People: one persona each. Fewer than 20 personas make too narrow intervals, whatever the power.",
        highlight=False,
    )


def forget(
    store: StoreText,
    rater: Annotated[
        str, typer.Argument(help="Name of the rater in exports, their link, or their panel id.")
    ],
    keys: KeysFile = None,
) -> None:
    """Delete everything about a rater, for real; their place is free again. The server may run."""
    from populace.errors import DataError

    opened = _open(store, keys)
    from populace.serve.judging.desk import Desk

    linked = re.search(r"/r/([^/?#]+)", rater)
    token = linked[1] if linked else rater
    tried = [rater, opened.keys.rater(token), opened.keys.rater(opened.keys.token_of(rater))]
    desk = Desk(opened.store, opened.settings, opened.keys)
    owed = opened.store.owed()
    # Whoever is found, all names are tried; only then what they left is overwritten.
    gone = [desk.forget(name, overwrite=False) for name in dict.fromkeys(tried)]
    if any(gone) or owed:
        typer.echo("deleted; overwriting what is left of it in the database's files ...", err=True)
        opened.store.scrub()
    if any(gone):
        typer.echo("forgotten: every answer, and that they took part. Files exported before still hold them.")
    elif owed:
        typer.echo(
            "nobody of this name, link or id is in the study; what was deleted before is overwritten now."
        )
    else:
        raise DataError("nobody of this name, link or id is in the study", file=opened.store.name)


def _open(store: str, keys: Path | None) -> Opened:
    check_packages()
    from populace.serve.judging.opening import open_study

    return open_study(store, keys=keys, keys_needed=False)


def check_packages() -> None:
    """Raise an error that says what to install, where a package is missing."""
    from importlib.util import find_spec

    from populace.errors import PopulaceError

    for package in ("sqlalchemy", "starlette", "uvicorn"):
        if find_spec(package) is None:
            raise PopulaceError(f"judging needs the package {package}", fix="pip install 'populace[serve]'")
