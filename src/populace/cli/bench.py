"""`populace bench`: run a task, and read what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import budget_of, open_provider

if TYPE_CHECKING:
    from populace.bench import Role, TaskResult
    from populace.models import Provider

app = typer.Typer(no_args_is_help=True, help="Benchmarks: how well a model serves different people.")


class Way(StrEnum):
    """How the judge is asked."""

    choice = "choice"
    likelihood = "likelihood"


@app.command()
def tasks() -> None:
    """List the tasks."""
    from populace.bench import TASKS, open_task

    for name in TASKS:
        meta = open_task(name).meta
        typer.echo(f"{name} (version {meta.version}): {meta.summary}. {meta.reference}")


@app.command()
def run(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task; `populace bench tasks` lists them.")],
    model: Annotated[str, typer.Option(help="Model under test, as in a study file.", metavar="MODEL")],
    out: Annotated[Path, typer.Option(help="Folder of the run.", metavar="FOLDER")],
    judge: Annotated[
        str | None,
        typer.Option(help="Judge, as in a study file; `same` lets the model judge itself.", metavar="MODEL"),
    ] = None,
    personas: Annotated[
        Path | None,
        typer.Option(help="Who takes part; the preset persona-1586 if left out.", metavar="PERSONAS.parquet"),
    ] = None,
    people: Annotated[int, typer.Option(min=2, help="Personas of these, drawn.")] = 300,
    prompts: Annotated[str, typer.Option(help="`builtin`, or a file of questions.")] = "builtin",
    items: Annotated[int, typer.Option(min=1, help="Persona and question pairs.")] = 300,
    way: Annotated[Way, typer.Option(help="How the judge is asked.")] = Way.choice,
    answer_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Of the target's answers.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the model; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    judge_settings: Annotated[
        list[str] | None,
        typer.Option("--judge-set", help="A setting of the judge; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Stop before more is spent: '$25' or '2e6 tokens'.", metavar="AMOUNT")
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again also what failed by its own fault.")
    ] = False,
) -> None:
    """Run a task, or go on where it stopped, and print its scores."""
    from populace import personas as persona_room
    from populace import prompts as prompt_room
    from populace.bench import Bench, open_task, run_task
    from populace.errors import StudyError
    from populace.personas.presets import preset
    from populace.streams import stream

    chosen = open_task(task)
    if judge is None and chosen.meta.judged:
        raise StudyError(
            f"{task} needs a judge", fix="give --judge MODEL, or --judge same to let the model judge itself"
        )
    loaded = preset("persona-1586") if personas is None else persona_room.load(personas)
    rows = stream(seed, "bench.people").permutation(len(loaded))[:people]
    limit, target = budget_of(budget), open_provider(model, settings)
    judging = target if judge in (None, "same") else open_provider(judge, judge_settings)
    bench = Bench(
        personas=loaded.frame[sorted(rows.tolist())],
        prompts=prompt_room.load(prompts),
        target=target.model,
        judge=judging.model,
        way=way.value,
        items=items,
        answer_tokens=answer_tokens,
        temperature=temperature,
        seed=seed,
    )
    models: dict[Role, Provider] = {"target": target, "judge": judging}
    result = run_task(chosen, bench, models, out, budget=limit, progress=True, retry_errors=retry_errors)
    show(result)
    typer.echo(f"{out}: result.json, items.parquet, calls.parquet and the journal")


@app.command()
def validate(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="All if left out.")] = None,
) -> None:
    """Prove a task on planted people: right answers score as they should, and cheats are found."""
    from populace.bench import TASKS, open_task

    for name in TASKS if task is None else [task]:
        open_task(name).validate()
        typer.echo(f"{name}: the planted values are recovered, the planted cheats found")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a result."""
    import json

    from populace.bench import result_schema

    typer.echo(json.dumps(result_schema(), indent=1))


def show(result: TaskResult) -> None:
    """Print scores and findings."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{result.task}, {result.target}", box=None)
    for name in ("measure", "arm", "group", "estimate", "p"):
        table.add_column(name)
    for score in result.scores:
        p = "" if score.p_value is None else f"{score.p_value:.3g}"
        table.add_row(score.measure, score.arm, score.group, str(score.estimate), p)
    console = Console()
    console.print(table)
    if result.judge_is_target:
        console.print("The model judged its own answers.")
    for finding in result.findings:
        mark = "passed" if finding.passed else "FAILED"
        console.print(f"audit {finding.name}: {mark}; {finding.shortcut} ({finding.why})", highlight=False)
    if result.failed:
        failed = ", ".join(f"{count:,} {name}" for name, count in result.failed.items())
        console.print(f"calls without an answer: {failed}")
