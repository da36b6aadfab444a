"""`populace prompts`: look at prompts, and filter them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List and filter prompts.")

TextColumn = Annotated[
    str | None, typer.Option(help="Column that holds the text; found by name if left out.")
]


class SplitName(StrEnum):
    """The two splits."""

    train = "train"
    test = "test"


@app.command("list")
def list_(
    source: Annotated[str, typer.Option(help="builtin, or a .csv, .jsonl or .parquet file.")] = "builtin",
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    split: Annotated[SplitName | None, typer.Option(help="Only this split.")] = None,
    show: Annotated[int | None, typer.Option(min=0, help="Texts to print; all if left out.")] = None,
    column: TextColumn = None,
) -> None:
    """Print how many prompts each topic has, by controversy and split, and the prompts themselves."""
    from rich.console import Console

    from populace.prompts import load, select
    from populace.prompts.tables import counts_table, texts_table

    table = select(load(source, column=column), topic=topic, split=split.value if split else None)
    console = Console()
    console.print(counts_table(table))
    if show != 0:
        console.print(texts_table(table.head(show or table.height)))


@app.command("filter")
def filter_(
    file: Annotated[str, typer.Argument(help="builtin, or a .csv, .jsonl or .parquet file.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write the kept prompts to.")],
    min_words: Annotated[int, typer.Option(min=0, help="Least number of words.")] = 5,
    question: Annotated[bool, typer.Option(help="Ask for a question mark.")] = True,
    min_controversy: Annotated[
        int | None, typer.Option(min=0, max=3, help="Least grade, 0 none to 3 divisive.")
    ] = None,
    column: TextColumn = None,
) -> None:
    """Keep the prompts that pass PERSONA's filters, and print what each filter removed."""
    from rich.console import Console

    from populace.prompts import filter, load, save
    from populace.prompts.tables import report_table

    kept, report = filter(
        load(file, column=column), question=question, min_words=min_words, min_controversy=min_controversy
    )
    save(kept, out)
    console = Console()
    console.print(report_table(report))
    if report.scored:
        console.print(f"{report.scored} ungraded prompts were graded by a word list, which is weak.")
    console.print(f"Kept {report.kept} of {report.total} in {out}")
