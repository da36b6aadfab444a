"""`populace bench`: run a task, and read what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.bench_figures import figures
from populace.cli.bench_models import models_of, options_of
from populace.cli.options import budget_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from populace.bench import Task

app = typer.Typer(no_args_is_help=True, help="Benchmarks: how well a model serves different people.")


class Way(StrEnum):
    """How the judge is asked."""

    choice = "choice"
    likelihood = "likelihood"


_Personas = Annotated[
    Path | None,
    typer.Option(help="Who takes part; the preset persona-1586 if left out.", metavar="PERSONAS.parquet"),
]
_Prompts = Annotated[str, typer.Option(help="`builtin`, or a file of questions.")]


@app.command()
def tasks() -> None:
    """List the tasks, and what each needs."""
    from populace.bench import TASKS, open_task

    for name in TASKS:
        task = open_task(name)
        meta = task.meta
        needs = "--model" + " and --judge" * meta.judged
        if meta.several_judges:
            needs += ", --also-judge"
        if extra := meta.needs:
            needs += f" and {extra}"
        for option in meta.answered_by:
            neither = " and no --judge" * (meta.judged and not meta.asks_judge({option: "FILE"}))
            needs += f"; with --option {option}=FILE no --model{neither}"
        if meta.judged_with:
            needs += f"; with {' or '.join(f'--option {each}' for each in meta.judged_with)} also --judge"
        typer.echo(f"{name} (version {meta.version}): {meta.summary}. {meta.reference}. Needs {needs}.")


@app.command()
def run(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task; `populace bench tasks` lists them.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.", metavar="FOLDER")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model under test, such as `openai:NAME` or `embedded`; or a study file, for its model.",
            metavar="MODEL",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Judge, named alike; `same` lets the model judge itself.", metavar="MODEL"),
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
    personas: _Personas = None,
    people: Annotated[int, typer.Option(min=2, help="Personas of these, drawn.")] = 300,
    all_ages: Annotated[
        bool, typer.Option("--all-ages", help="Let those under 18 take part, whom PERSONA has too.")
    ] = False,
    prompts: _Prompts = "builtin",
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
        typer.Option("--judge-set", help="A setting of the judges; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Stop before more is spent: '$25' or '2e6 tokens'.", metavar="AMOUNT")
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again also what failed by its own fault.")
    ] = False,
) -> None:
    """Run a task, or go on where it stopped, and print its scores."""
    from populace.bench import Bench, open_task, run_task
    from populace.cli.bench_tables import show_result

    chosen, given, limit = open_task(task), options_of(options, groups), budget_of(budget)
    models = models_of(chosen, given, (model, settings), (judge, judge_settings), also_judge or ())
    target, judging = models.get("target"), models.get("judge")
    bench = Bench(
        personas=_taking_part(chosen, given, personas, people, seed, all_ages=all_ages),
        prompts=_asked_of(chosen, prompts),
        target=target.model if target else "",
        judge=judging.model if judging else "",
        also={role: each.model for role, each in models.items() if role not in ("target", "judge")},
        way=way.value,
        items=items,
        answer_tokens=answer_tokens,
        temperature=temperature,
        seed=seed,
        options=given,
    )
    result = run_task(chosen, bench, models, out, budget=limit, progress=True, retry_errors=retry_errors)
    show_result(result)
    if gold := given.get("gold"):
        from populace.bench.gold import read_gold

        typer.echo(f"{gold}: {read_gold(gold, bench).told}")
    typer.echo(f"{out}: result.json, items.parquet, calls.parquet and the journal")


def _asked_of(task: Task, prompts: str) -> pl.DataFrame:
    """Load the questions; none, where a task brings its own with its people."""
    import polars as pl

    from populace import prompts as prompt_room

    if task.meta.own_people:
        return pl.DataFrame(schema={"prompt_id": pl.String})
    return prompt_room.load(prompts)


def _taking_part(
    task: Task,
    options: Mapping[str, object],
    personas: Path | None,
    people: int,
    seed: int,
    *,
    all_ages: bool,
) -> pl.DataFrame:
    """Draw who takes part; nobody, where a task brings its own people or asks about none."""
    import polars as pl

    from populace import personas as persona_room
    from populace.bench.people import draw_people
    from populace.personas.presets import preset

    if task.meta.own_people:
        if personas is not None:
            typer.echo(f"note: {task.meta.name} brings its own people; --personas is not used", err=True)
        return pl.DataFrame(schema={"persona_id": pl.String})
    loaded = preset("persona-1586") if personas is None else persona_room.load(personas)
    drawn = draw_people(loaded.frame, people, seed, all_ages=all_ages)
    # Of answers of real people those who answered take part, and where nobody is asked about, nobody.
    if task.meta.has_people(options) and not options.get("gold"):
        typer.echo(drawn.told)
    return drawn.personas


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

    from populace.bench import Counting, TaskResult, read_items
    from populace.bench.runner import same_version
    from populace.cli.bench_tables import show_result

    result, items = TaskResult.load(run / "result.json"), read_items(run)
    task = same_version(result)
    counting = Counting(seed=result.settings["seed"])
    result = replace(result, scores=task.score(items, counting), findings=task.audit(items, counting))
    result.save(run / "result.json")
    show_result(result)


@app.command(name="export-lm-eval")
def export_lm_eval(
    gold: Annotated[
        Path, typer.Argument(metavar="GOLD", help="What people answered: Parquet, JSONL or CSV.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the tasks.", metavar="FOLDER")],
    personas: _Personas = None,
    prompts: _Prompts = "builtin",
    items: Annotated[int, typer.Option(min=1, help="Pairs of people; all there are, if fewer.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of pairs.")] = 0,
) -> None:
    """Write people's answers as tasks of lm-evaluation-harness: whose is it, which is this person's?"""
    from populace import personas as persona_room
    from populace import prompts as prompt_room
    from populace.bench import Bench
    from populace.bench.gold import read_gold
    from populace.bench.lm_eval import export_lm_eval
    from populace.personas.presets import preset

    loaded = preset("persona-1586") if personas is None else persona_room.load(personas)
    bench = Bench(
        personas=loaded.frame,
        prompts=prompt_room.load(prompts),
        target="",
        judge="",
        items=items,
        seed=seed,
        options={"gold": str(gold)},
    )
    found = export_lm_eval(bench, out)
    typer.echo(f"{gold}: {read_gold(gold, bench).told}")
    typer.echo(f"{found.items:,} answers of {found.people:,} people: {', '.join(map(str, found.files))}")
    typer.echo(f"run them: lm_eval run --model MODEL --tasks populace --include_path {out}")


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


app.command()(figures)
