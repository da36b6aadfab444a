"""`Study.run`: ask every stage through an engine, then derive the tables and the manifest."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from populace.errors import StudyError
from populace.feedback.audit import audit
from populace.feedback.export import write_parquet
from populace.models import Provider
from populace.run import Budget, Journal, Lanes, ProgressLine, execute, write_calls, write_manifest
from populace.study.prepare import Prepared, prepare
from populace.study.settings import Budget as BudgetSettings
from populace.study.stages import Stages

if TYPE_CHECKING:
    from populace.study.study import Study

__all__ = ["TABLES", "Asking", "Engine", "run_study"]

Engine: TypeAlias = Literal["local", "ray"]

TABLES = ("people", "personas", "prompts", "pairs", "judgements", "estimates")
"""Tables of a finished run, in the order in which they are written; `calls` comes last."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How the stages of a run are asked."""

    budget: BudgetSettings
    retry_errors: bool
    engine: Engine
    ray_address: str | None
    progress: bool


def run_study(study: Study, asking: Asking) -> dict[str, int]:
    """Run `study` to its end; return how many calls have no answer, by boundary."""
    models = writer, judge = study.models()
    prepared = prepare(study.settings, study.base)
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"the study's folder cannot be made ({error.strerror})",
            file=study.folder,
            fix="give another --folder",
        ) from error
    with Journal(study.folder / "journal") as journal:
        stages = study.stages(prepared, writer, judge, journal)
        asyncio.run(_ask(stages, models, journal, asking))
        _derive(study, prepared, stages, journal)
        write_manifest(
            study.folder / "manifest.json",
            study_hash=study.fingerprint(),
            models=dict.fromkeys((writer.model, judge.model)),
            seeds={"study": study.settings.seed},
            journal=journal,
            tables=[study.folder / f"{name}.parquet" for name in (*TABLES, "calls")],
        )
    return _failures(study)


async def _ask(stages: Stages, models: tuple[Provider, Provider], journal: Journal, asking: Asking) -> None:
    """Ask the stages one after the other; what is learnt of a server's limits is kept between them."""
    lanes, budget = Lanes(), Budget(**asking.budget.model_dump())
    try:
        for stage in stages:
            with ProgressLine(stage.calls) if asking.progress else nullcontext() as line:
                await execute(
                    stage.requests(),
                    stage.provider,
                    journal,
                    stage=stage.name,
                    progress=line,
                    budget=budget,
                    lanes=lanes,
                    retry_errors=asking.retry_errors,
                )
    finally:
        # Writer and judge are one object where they are one model.
        for model in dict.fromkeys(models):
            await model.close()


def _derive(study: Study, prepared: Prepared, stages: Stages, journal: Journal) -> None:
    """Write every table; each follows from the study file and the journal alone."""
    report = study.settings.report
    pairs, judgements = stages.pairs, stages.judgements
    estimates = audit(
        pairs,
        judgements,
        prepared.participants,
        draws=report.draws,
        level=report.level,
        seed=study.settings.seed,
    )
    known = prepared.population.frame, prepared.participants, prepared.prompts
    for name, table in zip(TABLES, (*known, pairs, judgements, estimates), strict=True):
        write_parquet(study.folder / f"{name}.parquet", table)
    write_calls(journal, study.folder / "calls.parquet")


def _failures(study: Study) -> dict[str, int]:
    """Count the calls without an answer, by boundary."""
    calls = pl.scan_parquet(study.folder / "calls.parquet").filter(kind="failure")
    return dict(calls.group_by("status").len().sort("status").collect().iter_rows())
