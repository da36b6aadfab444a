"""`populace feedback`: audit and export the feedback of a finished study; import that of others."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Audit, export and import feedback.")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file of a finished run.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the study lives; studies/NAME here if left out.", metavar="FOLDER")
]

Way = Annotated[
    str | None,
    typer.Option(
        help="Way of judging that labels the rows; if left out choice, else samples, else likelihood."
    ),
]


class Form(StrEnum):
    """Forms in which feedback leaves the project."""

    parquet = "parquet"
    trl = "trl"
    trl_kto = "trl-kto"
    trl_prompts = "trl-prompts"
    hf = "hf"
    argilla = "argilla"
    label_studio = "label-studio"


FORM_HELP = (
    "parquet: every judgement; trl, trl-kto, trl-prompts: rows for trainers (.jsonl or .parquet); hf: a "
    "dataset folder with its card; argilla, label-studio: a folder that people judge from."
)


@app.command()
def export(
    study: StudyFile,
    out: Annotated[
        Path, typer.Option(help="File (parquet, trl...) or folder (hf, argilla, label-studio) to write.")
    ],
    form: Annotated[Form, typer.Option("--format", help=FORM_HELP)],
    way: Way = None,
    split: Annotated[
        str | None,
        typer.Option(help="Only the rows of one split: train, test or held_out.", metavar="SPLIT"),
    ] = None,
    folder: Folder = None,
) -> None:
    """Write judged pairs for a trainer, the Hugging Face hub, or people to judge again."""
    from populace.study import Study

    written = Study.load(study, folder).export(form.value, out, way=way, split=split)
    typer.echo(f"{out}: {written}")
    if form.value.startswith("trl") and len(written.splits) > 1:
        typer.echo("a trainer reads all of these; for one split alone: --split train", err=True)


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="persona: the public PERSONA release.")],
    file: Annotated[
        Path, typer.Argument(help="The file (.parquet, .csv, .jsonl), or a folder of shards of one kind.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.", metavar="FOLDER")],
) -> None:
    """Read the pairs of others: pairs, personas, prompts, and an account of all that does not fit.

    The labels of the PERSONA release are assumed, never judged: no judgements come out. People can judge the
    pairs: `populace judge serve`.
    """
    from populace.errors import DataError
    from populace.feedback.release import import_release

    if source != "persona":
        raise DataError(f"there is no source '{source}'", fix="use persona")
    report = import_release(file, out)
    typer.echo(f"{out}: pairs, personas, prompts (.parquet), report.json, personas_report.json")
    for line in (*report.text().splitlines(), "", *report.people.text().splitlines()):
        typer.echo(f"  {line}" if line else "")
    tables = f"{out}/pairs.parquet --personas {out}/personas.parquet"
    typer.echo(f"to have people judge them: populace judge serve {tables}")


@app.command()
def audit(
    study: StudyFile,
    folder: Folder = None,
    way: Way = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave with exit code 1 if a shortcut explains the score away.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --gate: also if an audit could not be run.")
    ] = False,
) -> None:
    """Print every score beside the shortcuts that would explain it away."""
    from rich.console import Console

    from populace.feedback.shortcuts import failed, findings_table, untested
    from populace.study import Study

    loaded, console = Study.load(study, folder), Console()
    console.print(loaded.audit_table())
    findings = loaded.findings(way)
    console.print(f"audited: the labels by {way or loaded.main_way}", highlight=False)
    console.print(findings_table(findings))
    if not gate:
        return
    nothing = untested(findings)
    if nothing:
        typer.echo("no audit of the verdicts could be run, so nothing was shown: the gate is shut", err=True)
    if nothing or failed(findings, strict=strict):
        raise typer.Exit(1)
