"""A study through batch files: one stage after the other, each submitted when those before it are answered.

Nothing of where a study stands is kept: the stages are gone through, and the first that has calls without an
answer is the one to submit. So batches, live runs and kills may follow one another in any order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from populace.errors import ModelError, StudyError
from populace.models.openai import OpenAI
from populace.run import Budget, Journal
from populace.run.batch import (
    BatchLimits,
    Collected,
    Submission,
    Submitted,
    cancel,
    collect,
    keys_under_way,
    status,
    submissions,
    submit,
)
from populace.study.prepare import prepare

if TYPE_CHECKING:
    from populace.models import Provider
    from populace.study.settings import BudgetSettings
    from populace.study.stages import StudyStage
    from populace.study.study import Study

__all__ = ["Gathered", "Next", "Sent", "batch_status", "cancel_batches", "collect_batches", "submit_batch"]


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """The first stage of a study that has calls without an answer."""

    stage: str
    left: int
    """Calls without an answer."""
    pending: int
    """Of these, calls in open batches."""

    @property
    def free(self) -> int:
        """Calls that can be submitted."""
        return self.left - self.pending


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What `submit_batch` did."""

    next: Next | None
    """Where the study stood before; None where every call was answered."""
    submitted: Submitted | None
    """None where there was nothing to submit."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What `collect_batches` did."""

    collected: dict[str, Collected]
    """By model."""
    next: Next | None
    """Where the study stands now; None where every call is answered."""
    strange: list[Submission]
    """Open batches of models that the study file does not name."""


def submit_batch(
    study: Study,
    *,
    limits: BatchLimits | None = None,
    budget: BudgetSettings | None = None,
    retry_errors: bool = False,
    progress: Callable[[Submission], None] = lambda submission: None,
) -> Sent:
    """Submit the first stage of `study` that has calls without an answer.

    Parameters
    ----------
    limits
        What the service takes; OpenAI's limits by default.
    budget
        Instead of the study file's.

    Raises
    ------
    StudyError
        The stage asks a model that takes no batch files.
    ModelError, BudgetError, JournalError
        As `populace.run.batch.submit`.
    """
    with Journal(study.folder / "journal") as journal:
        found = _current(study, _models(study), journal, retry_errors)
        if found is None:
            return Sent(next=None, submitted=None)
        stage, following = found
        submitted = asyncio.run(
            submit(
                stage.requests(),
                _taker(stage),
                journal,
                stage=stage.name,
                limits=limits,
                budget=Budget(**(budget or study.settings.budget).model_dump()),
                retry_errors=retry_errors,
                progress=progress,
            )
        )
    return Sent(next=following, submitted=submitted)


def batch_status(study: Study) -> list[Submission]:
    """Ask the service how far the batches of `study` are."""
    with _started(study) as journal:
        models = _batched(_models(study))
        return [known for model in models for known in asyncio.run(status(model, journal))]


def cancel_batches(study: Study) -> list[Submission]:
    """Stop the open batches of `study`, so that the rest can be asked live or submitted anew."""
    with _started(study) as journal:
        return [known for model in _batched(_models(study)) for known in asyncio.run(cancel(model, journal))]


def collect_batches(
    study: Study, *, progress: Callable[[Submission, Collected], None] = lambda submission, collected: None
) -> Gathered:
    """Read the answers of the batches that have ended into the journal of `study`.

    Raises
    ------
    StudyError
        Nothing was submitted here, or no model takes batch files.
    ModelError
        As `populace.run.batch.collect`, for the first model that it concerns; the other's batches were read.
    """
    with _started(study) as journal:
        models = _models(study)
        collected: dict[str, Collected] = {}
        failed: ModelError | None = None
        for model in _batched(models):
            try:
                collected[model.model] = asyncio.run(collect(model, journal, progress=progress))
            except ModelError as error:
                failed = failed or error  # the other model's batches are read first
        if failed:
            raise failed
        names = {model.model for model in models}
        strange = [known for known in submissions(journal) if not known.closed and known.model not in names]
        found = _current(study, models, journal, retry_errors=False)
        return Gathered(collected=collected, next=found and found[1], strange=strange)


def _models(study: Study) -> tuple[Provider, ...]:
    """Open writer and judge, and the second model of cross-model pairs."""
    writer, judge = study.models()
    other = study.other(writer, judge)
    return (writer, judge) if other is None else (writer, judge, other)


def _current(
    study: Study, models: tuple[Provider, ...], journal: Journal, retry_errors: bool
) -> tuple[StudyStage, Next] | None:
    """Find the first stage with calls that have no answer; None where there is none.

    It goes through every stage up to that one, and `submit` through that one again.
    """
    writer, judge, *other = models
    stages = study.stages(prepare(study.settings, study.base), writer, judge, journal, *other)
    for stage in stages:
        left = {
            request.key for request in stage.requests() if _unanswered(journal, request.key, retry_errors)
        }
        if left:
            pending = left.intersection(keys_under_way(journal, stage.provider.model))
            return stage, Next(stage=stage.name, left=len(left), pending=len(pending))
    return None


def _unanswered(journal: Journal, key: str, retry_errors: bool) -> bool:
    if key in journal:
        return False
    failure = journal.failure(key)
    return failure is None or failure.retryable or retry_errors


def _taker(stage: StudyStage) -> OpenAI:
    """Return the model of a stage that takes batch files."""
    if isinstance(stage.provider, OpenAI):
        return stage.provider
    raise StudyError(
        f"stage {stage.name} asks {stage.provider.model}, which takes no batch files",
        column={"judgements": "judge", "others": "other"}.get(stage.name, "model"),
        fix='name a model with provider = "openai", or ask it live: populace study run',
    )


def _batched(models: tuple[Provider, ...]) -> list[OpenAI]:
    """Return the models, once where two are one, as far as they take batch files."""
    found = [model for model in dict.fromkeys(models) if isinstance(model, OpenAI)]
    if not found:
        raise StudyError(
            "no model of this study takes batch files",
            column="model",
            fix='name a model with provider = "openai"',
        )
    return found


@contextmanager
def _started(study: Study) -> Generator[Journal, None, None]:
    """Open the journal of a study that has one."""
    path = study.folder / "journal"
    if not path.exists():
        raise StudyError(
            "nothing was submitted here",
            file=path,
            fix="populace batch submit STUDY.toml, or give its --folder",
        )
    with Journal(path) as journal:
        yield journal
