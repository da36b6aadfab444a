"""`populace personas write` and `check`: what a model adds to personas, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from populace.cli.options import Model, Settings, budget_of, open_provider
from populace.cli.personas_checks import PersonasFile, check_parquet, names_of, show_variety

__all__ = ["check", "write"]

BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="Stop before more is spent: '$25' or '2e6 tokens', over all runs in the folder.",
        metavar="AMOUNT",
    ),
]
RetryErrors = Annotated[
    bool, typer.Option("--retry-errors", help="Ask again also what failed by its own fault.")
]


class AnswerForm(StrEnum):
    """How a model answers."""

    json = "json"
    text = "text"


def write(
    personas: PersonasFile,
    model: Model,
    out: Annotated[Path, typer.Option(help="File to write.", metavar="PERSONAS.parquet")],
    settings: Settings = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            help="Fields to write: defining_quirks,mannerisms,personal_time,lifestyle,core_values, also "
            "detailed_job_description; the first five if left out.",
            metavar="NAMES",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Holds the journal and what was wrong; OUT.write beside the file if left out.",
            metavar="FOLDER",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the requests and of the examples shown.")] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Times a text is asked for at most.")] = 3,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Of the model.")] = 0.9,
    answers: Annotated[
        AnswerForm,
        typer.Option(
            help="json: one request a persona; text: one a field, for models that keep to no schema."
        ),
    ] = AnswerForm.json,
    budget: BudgetText = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Also measure the spread of embeddings by the packaged MiniLM.")
    ] = False,
    retry_errors: RetryErrors = False,
) -> None:
    """Have a model write open-ended fields; each text is checked, and none may say who somebody is.

    Nothing demographic is taken from the model. What fails the checks is asked again, then left out. The
    same command goes on where it stopped.
    """
    from populace import authoring
    from populace.errors import ModelError
    from populace.personas import load
    from populace.personas.schema import WRITTEN
    from populace.run import ProgressLine

    check_parquet(out, personas)
    chosen = tuple(names_of("--fields", fields)) or WRITTEN
    loaded, limit = load(personas), budget_of(budget)
    provider = open_provider(model, settings)
    kept = folder or out.with_suffix(".write")
    with ProgressLine() as progress:
        written = authoring.write(
            loaded,
            provider,
            kept,
            fields=chosen,
            seed=seed,
            rounds=rounds,
            temperature=temperature,
            answers=answers.value,
            budget=limit,
            embed=authoring.embed if embed else None,
            progress=progress,
            retry_errors=retry_errors,
        )
    note, failure = written.personas.provenance["written"], _calls(kept)
    if not note["texts"]:
        what = f"no text by {note['model']} passed the checks, so nothing was written"
        fix = f"see {kept / 'violations.parquet'}; take another model, or --answers text"
        raise ModelError(f"{what}; calls failed: {failure}" if failure else what, fix=fix)
    written.personas.save(out)
    typer.echo(f"{out}: {len(written.personas):,} personas, {note['texts']:,} texts by {note['model']}")
    if note["missing"]:
        typer.echo(f"  {note['missing']:,} texts failed every check or call and are missing")
    for line in _broken(written.counts):
        typer.echo(f"  {line}")
    varied = written.diversity.filter(texts="after").drop("texts")
    if len(varied):
        show_variety(varied)
    if failure:
        typer.echo(f"  calls failed: {failure}")
    typer.echo(f"{kept}: violations.parquet, diversity.parquet, calls.parquet and the journal")


def check(
    personas: PersonasFile,
    model: Model,
    settings: Settings = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Holds the journal and verdicts.parquet; PERSONAS.check beside the file if left out.",
            metavar="FOLDER",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=2, help="Personas to ask about, drawn; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample and the shuffling.")] = 0,
    budget: BudgetText = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the personas it does not find inconsistent.", metavar="KEPT.parquet"),
    ] = None,
    retry_errors: RetryErrors = False,
) -> None:
    """Ask a model whether personas contradict themselves, and whether it notices shuffled ones.

    The model is measured, too: what it calls inconsistent among real joint draws is mostly a false alarm.
    Nothing is removed unless --out is given.
    """
    from populace import authoring
    from populace.personas import load
    from populace.run import ProgressLine

    if out is not None:
        check_parquet(out, personas)
    loaded, limit = load(personas), budget_of(budget)
    provider = open_provider(model, settings)
    kept = folder or personas.with_suffix(".check")
    with ProgressLine() as progress:
        checked = authoring.check(
            loaded,
            provider,
            kept,
            seed=seed,
            sample=sample,
            budget=limit,
            progress=progress,
            retry_errors=retry_errors,
        )
    if failure := _calls(kept):
        typer.echo(f"calls failed: {failure}")
    for line in checked.lines():
        typer.echo(line)
    typer.echo(f"{kept}: verdicts.parquet, calls.parquet and the journal")
    if out is not None:
        left = checked.kept(loaded)
        left.save(out)
        typer.echo(f"{out}: {len(left):,} of {len(loaded):,} personas")


def _calls(folder: Path) -> str | None:
    """Write the table of all calls; give the most frequent reason of those that failed, if any did."""
    import polars as pl

    from populace.run import Journal, write_calls

    table = folder / "calls.parquet"
    with Journal(folder / "journal") as journal:
        write_calls(journal, table)
    errors = pl.read_parquet(table, columns=["error"])["error"].drop_nulls()
    if errors.is_empty():
        return None
    count, reason = errors.len(), errors.value_counts().sort("count", "error", descending=True)["error"][0]
    return f"{count:,}, mostly since {' '.join(reason.split())[:200]}"


def _broken(counts: Mapping[str, int]) -> list[str]:
    """Name the checks that fired, the most frequent first."""
    fired = sorted(((count, name) for name, count in counts.items() if count), reverse=True)
    if not fired:
        return ["no text failed a check"]
    return ["texts that failed, by check: " + ", ".join(f"{count:,} {name}" for count, name in fired)]
