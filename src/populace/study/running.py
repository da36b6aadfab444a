"""`Study.run`: ask every stage, then derive the tables and the manifest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from populace.errors import StudyError
from populace.feedback.audit import audit
from populace.feedback.export import write_parquet
from populace.feedback.templating import templates_hash
from populace.run import Journal, settle_price, write_calls, write_manifest
from populace.run.batch import submissions
from populace.study.asking import Asking, ask
from populace.study.finished import MANIFEST, TABLES
from populace.study.planning import keep_estimates, plan
from populace.study.prepare import Prepared, prepare
from populace.study.stages import Stages

if TYPE_CHECKING:
    from populace.study.study import Study

__all__ = ["TABLES", "run_study"]


def run_study(study: Study, asking: Asking) -> dict[str, int]:
    """Run `study` to its end; return how many calls of its plan have no answer, by boundary."""
    models = writer, judge = study.models()
    other = study.other(writer, judge)
    opened = dict(zip(models, study.specs(), strict=True))
    if other is not None:
        opened.setdefault(other, study.other_spec())
    for model in opened:
        settle_price(model)
        asking.budget.check(model)  # before the first call, not before the judge's first
    prepared = prepare(study.settings, study.base)
    _make_folder(study.folder)
    with Journal(study.folder / "journal") as journal:
        _refuse_open_batches(journal, {model.model for model in opened})
        settings = study.writing(writer), study.judging(judge)
        keep_estimates(plan(prepared, *settings, models, journal, other), journal)
        stages = study.stages(prepared, writer, judge, journal, other)
        asked = asyncio.run(ask(stages, opened, journal, asking))
        _derive(study, prepared, stages, journal)
        write_manifest(
            study.folder / MANIFEST,
            study_hash=study.fingerprint(),
            models=dict.fromkeys(each.model for each in (writer, other, judge) if each),
            seeds={"study": study.settings.seed},
            journal=journal,
            hashes={"templates": templates_hash()},
            tables=[study.folder / f"{name}.parquet" for name in (*TABLES, "calls")],
        )
    failures: Counter[str] = Counter()
    for stats in asked:
        failures.update(stats.errors)
    return dict(sorted(failures.items()))


def _make_folder(folder: Path) -> None:
    """Make the study's folder, and see that its files can be written once the calls are paid for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"the study's folder cannot be made ({error.strerror})", file=folder, fix="give another --folder"
        ) from error
    for name in (*(f"{table}.parquet" for table in (*TABLES, "calls")), MANIFEST):
        if (folder / name).is_dir():
            raise StudyError(
                "a folder is where the run writes a file", file=folder / name, fix="move the folder away"
            )


def _refuse_open_batches(journal: Journal, models: set[str]) -> None:
    """Stop before calls are paid for twice: once in a batch that is or may be under way, once live.

    Batches of models that the study no longer names hold none of its calls.
    """
    sent = [known for known in submissions(journal) if known.under_way and known.model in models]
    if sent:
        calls = sum(known.size.requests for known in sent)
        unsure = sum(known.batch is None for known in sent)
        noun = "batch" if len(sent) == 1 else "batches"
        raise StudyError(
            f"{calls:,} calls are in {len(sent)} open {noun}, and would be paid for twice"
            + (f" ({unsure} may not have been created: populace batch status finds out)" if unsure else ""),
            fix="populace batch collect, or populace batch cancel and then collect, and run again",
        )


def _derive(study: Study, prepared: Prepared, stages: Stages, journal: Journal) -> None:
    """Write every table; each follows from the study file and the journal alone.

    Until the manifest stands again nothing says that they belong together: a kill between two leaves none.
    """
    (study.folder / MANIFEST).unlink(missing_ok=True)
    for name, table in _tables(study, prepared, stages):
        write_parquet(study.folder / f"{name}.parquet", table)
    write_calls(journal, study.folder / "calls.parquet")


def _tables(study: Study, prepared: Prepared, stages: Stages) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each table before the next is made: at 317,200 pairs, writing one takes a tenth of the memory."""
    yield "people", prepared.population.frame
    yield "personas", prepared.participants
    yield "prompts", prepared.prompts
    yield "pairs", stages.pairs
    judgements = stages.judgements
    yield "judgements", judgements
    report = study.settings.report
    estimates = audit(
        stages.pairs,
        judgements,
        prepared.participants,
        draws=report.draws,
        level=report.level,
        seed=study.settings.seed,
    )
    yield "estimates", estimates
