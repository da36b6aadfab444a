"""`populace bench`: run a task, and read what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import budget_of, open_provider

if TYPE_CHECKING:
    from populace.bench import Role
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
    also_judge: Annotated[
        list[str] | None,
        typer.Option(
            "--also-judge", help="A further judge, for tasks of several; may be repeated.", metavar="MODEL"
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="A setting of the task; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            help="People scored apart: 'sex,ideology', or 'young women: age < 30 and sex == \"Female\"'; "
            "may be repeated.",
            metavar="GROUP",
        ),
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
    from populace.cli.bench_tables import show_result
    from populace.errors import StudyError
    from populace.personas.presets import preset
    from populace.streams import stream

    chosen = open_task(task)
    if judge is None and chosen.meta.judged:
        raise StudyError(
            f"{task} needs a judge", fix="give --judge MODEL, or --judge same to let the model judge itself"
        )
    if also_judge and not getattr(chosen, "several_judges", False):
        raise StudyError(f"{task} has one judge", fix="leave out --also-judge")
    loaded = preset("persona-1586") if personas is None else persona_room.load(personas)
    rows = stream(seed, "bench.people").permutation(len(loaded))[:people]
    limit, target = budget_of(budget), open_provider(model, settings)
    judging = target if judge in (None, "same") else open_provider(judge, judge_settings)
    further = {
        f"judge {place}": open_provider(name, None) for place, name in enumerate(also_judge or (), start=2)
    }
    bench = Bench(
        personas=loaded.frame[sorted(rows.tolist())],
        prompts=prompt_room.load(prompts),
        target=target.model,
        judge=judging.model,
        also={role: provider.model for role, provider in further.items()},
        way=way.value,
        items=items,
        answer_tokens=answer_tokens,
        temperature=temperature,
        seed=seed,
        options=_options(options, groups),
    )
    models: dict[Role, Provider] = {"target": target, "judge": judging, **further}
    result = run_task(chosen, bench, models, out, budget=limit, progress=True, retry_errors=retry_errors)
    show_result(result)
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


@app.command()
def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
) -> None:
    """Score the items of a run again: the same bytes for the same version."""
    from msgspec.structs import replace

    from populace.bench import Counting, TaskResult, open_task, read_items
    from populace.cli.bench_tables import show_result
    from populace.errors import StudyError

    result, items = TaskResult.load(run / "result.json"), read_items(run)
    task = open_task(result.task)
    if task.meta.version != result.task_version:
        raise StudyError(
            f"this run is of version {result.task_version} of {result.task}, and here is {task.meta.version}",
            file=run,
            fix="run it anew, or score it with that version of populace",
        )
    counting = Counting(seed=result.settings["seed"])
    result = replace(result, scores=task.score(items, counting), findings=task.audit(items, counting))
    result.save(run / "result.json")
    show_result(result)


_Runs = Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Folders of finished runs.")]
_Arm = Annotated[str | None, typer.Option(help="Arm of the task; the headline's if left out.")]


@app.command()
def compare(runs: _Runs, arm: _Arm = None) -> None:
    """Compare runs of one task on the items they share: paired tests, ties, ranks."""
    from populace.bench.compare import compare, read_runs
    from populace.cli.bench_tables import show_board

    show_board(compare(read_runs(runs), arm=arm))


@app.command()
def leaderboard(
    runs: _Runs,
    out: Annotated[Path, typer.Option(help="Page to write; FILE.json writes the figures.", metavar="FILE")],
    arm: _Arm = None,
) -> None:
    """Write what `compare` prints as a page."""
    from populace.bench.compare import compare, read_runs
    from populace.cli.bench_tables import show_board

    board = compare(read_runs(runs), arm=arm)
    if out.suffix.lower() == ".json":
        board.save(out)
    else:
        from populace.report.leaderboard import leaderboard_page

        leaderboard_page(board, out)
    show_board(board)
    typer.echo(f"wrote {out}")


def _options(given: list[str] | None, groups: list[str] | None) -> dict[str, Any]:
    """Read the settings of a task: NAME=VALUE as text; a name given several times is a list."""
    from populace.errors import StudyError

    found: dict[str, Any] = {}
    for text in [*(given or ()), *(f"groups={group}" for group in groups or ())]:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise StudyError(f"--option: {text!r} is not NAME=VALUE", fix="write --option k=1,4,16")
        if name in found:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[name] = value
    return found
