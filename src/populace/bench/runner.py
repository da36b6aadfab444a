"""Play a task: stage after stage through a journal, then its items, its scores and its record.

A run is a folder: `journal/`, `items.parquet`, `result.json`, `calls.parquet`. The same command goes on where
it stopped; what was answered is never asked again.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.atomic import atomic_path
from populace.bench.elicit import TEMPLATES
from populace.bench.result import TaskResult
from populace.bench.task import Bench, Counting, Role, Task
from populace.bench.tasks import open_task
from populace.canonical import content_hash, file_hash
from populace.errors import DataError, StudyError
from populace.models import Provider
from populace.models.records import GenerateRequest
from populace.run import Budget, Journal, Lanes, ProgressLine, execute, timed, write_calls

__all__ = ["FILES", "play", "read_items", "run_task", "same_version", "summed"]

_SETTING = ("way", "items", "answer_tokens", "temperature", "tie_margin", "seed", "template")
_NOTE = "bench/run"
FILES = ("gold", "people", "pairs", "survey", "codebook", "answers", "scores", "set")
"""Options that name a file or folder: a run is one with what is in it. (A codebook may also be a name.)"""
NOBODY = "nobody "
"""How `diversity` begins the ids of those who have no persona."""
_OTHER = {
    "personas": ("people", "the --personas, --people and --seed"),
    "prompts": ("questions", "the --prompts"),
    "files": ("files", "the files"),
}
"""Settings that are hashes -> what they are of, and what settles them."""


def run_task(
    task: Task,
    bench: Bench,
    models: Mapping[Role, Provider],
    folder: str | Path,
    *,
    counting: Counting | None = None,
    budget: Budget | None = None,
    progress: bool = False,
    retry_errors: bool = False,
) -> TaskResult:
    """Run a task to its end, or go on where a run of it stopped.

    Parameters
    ----------
    models
        The target where the task asks one (`TaskMeta.asks_target`), the judge where it has one, and the
        further judges of `bench.also`. They are closed in the end.
    folder
        Of the run; made if missing. It holds one task with one set of settings.

    Raises
    ------
    StudyError
        If the folder holds another run, or the task refuses its settings.
    DataError
        If the folder is a file.
    BudgetError, ModelError, JournalError
        As `populace.run.execute`.
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise DataError("this is a file, and a run is a folder", file=place, fix="give another --out")
    # A task that refuses its settings does so at its first step: before the folder is theirs.
    # One that has all it needs asks nothing.
    next(task.play(bench), None)
    place.mkdir(parents=True, exist_ok=True)
    settings = _settings(task, bench)
    with Journal(place / "journal") as journal:
        _same_run(journal, settings, place)
        items, failed = asyncio.run(
            _played(task, bench, models, journal, budget=budget, progress=progress, retry_errors=retry_errors)
        )
        with atomic_path(place / "items.parquet") as beside:
            items.write_parquet(beside, compression="zstd")
        write_calls(journal, place / "calls.parquet")
    result = summed(task, bench, items, counting or Counting(seed=bench.seed), failed)
    result.save(place / "result.json")
    return result


async def _played(
    task: Task,
    bench: Bench,
    models: Mapping[Role, Provider],
    journal: Journal,
    *,
    budget: Budget | None,
    progress: bool,
    retry_errors: bool,
) -> tuple[pl.DataFrame, Counter[str]]:
    lanes, failed = Lanes(), Counter[str]()
    models = _read_at_once(task, models)
    steps = task.play(bench)
    try:
        ask = next(steps)
        while True:
            requests = [request for request in ask.requests if request is not None]
            if ask.to not in models:
                raise StudyError(
                    f"{task.meta.name} asks a {ask.to}, and there is none", fix=f"name a {ask.to}"
                )
            line = ProgressLine(len(requests)) if progress else nullcontext()
            with timed(journal, ask.stage), line as shown:
                stats = await execute(
                    requests,
                    models[ask.to],
                    journal,
                    stage=ask.stage,
                    progress=shown,
                    budget=budget,
                    lanes=lanes,
                    retry_errors=retry_errors,
                )
            failed.update(stats.errors)
            ask = steps.send([request and journal.get(request.key) for request in ask.requests])
    except StopIteration as done:
        return done.value, failed
    finally:
        for model in dict.fromkeys(models.values()):
            await model.close()


def play(task: Task, bench: Bench, models: Mapping[Role, Provider]) -> pl.DataFrame:
    """Play a task in memory, without a journal: for planted people and tests."""

    async def whole() -> pl.DataFrame:
        steps, asked = task.play(bench), _read_at_once(task, models)
        try:
            ask = next(steps)
            while True:
                model, answered = asked[ask.to], []
                for request in ask.requests:
                    if request is None:
                        answered.append(None)
                    elif isinstance(request, GenerateRequest):
                        answered += await model.generate([request])
                    else:
                        answered += await model.choose([request])
                ask = steps.send(answered)
        except StopIteration as done:
            return done.value

    return asyncio.run(whole())


def _read_at_once(task: Task, models: Mapping[Role, Provider]) -> Mapping[Role, Provider]:
    """Put a reader around the models of a task whose replies are not to be written down."""
    if not task.meta.withheld:
        return models
    from populace.bench.withholding import Withheld

    withheld: dict[Role, Any] = {role: Withheld(model) for role, model in models.items()}
    return withheld


def summed(
    task: Task, bench: Bench, items: pl.DataFrame, counting: Counting, failed: Mapping[str, int]
) -> TaskResult:
    """Score the items and put the record together."""
    meta = task.meta
    asks_judge = meta.asks_judge(bench.options)
    return TaskResult(
        task=meta.name,
        task_version=meta.version,
        populace=importlib.metadata.version("populace"),
        target=bench.target,
        judge=bench.judge if asks_judge else None,
        judge_is_target=asks_judge and meta.asks_target(bench.options) and bench.judge == bench.target,
        way=bench.way,
        settings={name: getattr(bench, name) for name in _SETTING}
        | {"options": dict(bench.options)}
        | ({"also": dict(bench.also)} if bench.also else {})
        | ({"files": files} if (files := _files(bench)) else {}),
        # Where nobody asks, another's id is that of another question.
        personas=_who(items, *(("persona_id", "other_id") if "persona_id" in items.columns else ())),
        prompts=_who(items, "prompt_id"),
        templates=TEMPLATES.hash(*TEMPLATES.names()),
        items=items.height,
        failed=dict(sorted(failed.items())),
        main_measure=meta.main_measure,
        higher_is_better=meta.higher_is_better,
        scores=task.score(items, counting),
        findings=task.audit(items, counting),
    )


def read_items(folder: str | Path) -> pl.DataFrame:
    """Read the items of a run.

    Raises
    ------
    DataError
        If there are none.
    """
    path = Path(folder) / "items.parquet"
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        fix = "run the task to its end: `populace bench run`"
        raise DataError("this run has no items", file=path, fix=fix) from error


def same_version(result: TaskResult) -> Task:
    """Open the task of a run.

    Raises
    ------
    StudyError
        If the run is of another version of it: its items may have another meaning.
    """
    task = open_task(result.task)
    if task.meta.version != result.task_version:
        raise StudyError(
            f"the run of {result.target or result.judge} is of version {result.task_version} of "
            f"{result.task}, and here is {task.meta.version}",
            fix="run it anew, or use that version of populace",
        )
    return task


def _settings(task: Task, bench: Bench) -> dict[str, Any]:
    told = {name: getattr(bench, name) for name in (*_SETTING, "target", "judge")}
    return {
        "task": task.meta.name,
        "version": task.meta.version,
        # As the journal gives them back: a tuple as a list.
        "options": msgspec.json.decode(msgspec.json.encode(dict(bench.options))),
        "files": _files(bench),
        "also": dict(bench.also),
        "personas": content_hash(bench.personas["persona_id"].to_list()),
        "prompts": content_hash(bench.prompts["prompt_id"].to_list()),
        **told,
    }


def _files(bench: Bench) -> dict[str, str]:
    """Hash the files that options name."""
    return {
        name: _file_or_folder(Path(path))
        for name, path in bench.options.items()
        if name in FILES and path and not (name == "codebook" and not Path(path).exists())
    }


def _file_or_folder(path: Path) -> str:
    """Hash a file, or the files of a folder with their names."""
    if not path.is_dir():
        return file_hash(path)
    return content_hash([(each.name, file_hash(each)) for each in sorted(path.iterdir()) if each.is_file()])


def _who(items: pl.DataFrame, *columns: str) -> str:
    """Hash the ids that items have in some columns, in an order of their own.

    Not those of the bench: people whose answers are given come with their answers, and of others some may
    have been drawn. *Nobody*, who has no persona, is no person.
    """
    found = {each for name in columns if name in items.columns for each in items[name].unique().to_list()}
    return content_hash(sorted(each for each in found if each and not each.startswith(NOBODY)))


def _same_run(journal: Journal, settings: Mapping[str, Any], folder: Path) -> None:
    """Refuse to mix two runs in one folder."""
    before = journal.notes(_NOTE).get(_NOTE)
    if before is None:
        journal.note(_NOTE, settings)
        return
    # A setting that did not exist when the folder was made had its empty value.
    other = next((name for name, value in settings.items() if before.get(name, {}) != value), None)
    if other is None:
        return
    if other in _OTHER:
        what, settle = _OTHER[other]
        fix = f"give another --out, or {settle} of that run"
        raise StudyError(f"this folder holds a run with other {what}", file=folder, fix=fix)
    raise StudyError(
        f"this folder holds a run with {other.replace('_', ' ')} {_told(before.get(other))}, "
        f"not {_told(settings[other])}",
        file=folder,
        fix="give another --out, or the settings of that run",
    )


def _told(setting: Any) -> str:
    """Write a setting as somebody gave it: a mapping as NAME=VALUE."""
    if isinstance(setting, Mapping):
        return ", ".join(f"{name}={each}" for name, each in setting.items()) or "none"
    return "none" if setting in (None, "") else str(setting)
