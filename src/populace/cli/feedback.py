"""`populace feedback`: audit and export the feedback of a finished study."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Audit and export feedback.")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file of a finished run.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the study lives; studies/NAME here if left out.", metavar="FOLDER")
]


class Form(StrEnum):
    """Forms in which feedback leaves the project."""

    parquet = "parquet"
    trl = "trl"
    hf = "hf"


@app.command()
def export(
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="File (parquet, trl) or folder (hf) to write.")],
    form: Annotated[Form, typer.Option("--format", help="parquet: every judgement; trl: rows; hf: dataset.")],
    way: Annotated[
        str | None, typer.Option(help="Way of judging that labels the rows; the study's first if left out.")
    ] = None,
    folder: Folder = None,
) -> None:
    """Write judged pairs for a trainer or the Hugging Face hub."""
    from populace.study import Study

    typer.echo(Study.load(study, folder).export(form.value, out, way=way))


@app.command()
def audit(study: StudyFile, folder: Folder = None) -> None:
    """Print every score beside the shortcuts that would explain it away."""
    from rich.console import Console

    from populace.study import Study

    Console().print(Study.load(study, folder).audit_table())
