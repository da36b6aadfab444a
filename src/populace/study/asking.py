"""Ask the stages of a study one after the other, through the engine that was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from populace.errors import StudyError
from populace.models import Provider
from populace.run import Budget, Journal, Lanes, ProgressLine, budget_share, execute, timed
from populace.study.stages import Part, Stages, StudyStage

__all__ = ["Asking", "Engine", "ask"]

Engine: TypeAlias = Literal["local", "ray"]
Spec: TypeAlias = str | Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How the stages of a run are asked."""

    budget: Budget
    retry_errors: bool = False
    """Whether to ask again also what failed by its own fault (content filter, context length)."""
    engine: Engine = "local"
    """`ray` spreads the calls over a Ray cluster."""
    ray_address: str | None = None
    """Of the cluster; None starts one on this machine."""
    progress: bool = True

    def __post_init__(self) -> None:
        """Refuse an address that would not be used."""
        if self.ray_address is not None and self.engine != "ray":
            raise StudyError(
                "the local engine has no address", column="--ray-address", fix="add --engine ray"
            )


async def ask(stages: Stages, models: Mapping[Provider, Spec], journal: Journal, asking: Asking) -> None:
    """Ask every stage, and close the models.

    Parameters
    ----------
    models
        What each model was opened from, so that other machines can open it too.
    """
    try:
        if asking.engine == "ray":
            await _spread(stages, models, journal, asking)
        else:
            await _here(stages, journal, asking)
    finally:
        for model in models:
            await model.close()


async def _here(stages: Stages, journal: Journal, asking: Asking) -> None:
    lanes = Lanes()  # what is learnt of a server's limits is kept from stage to stage
    for stage in stages:
        with timed(journal, stage.name), _progress(stage, journal, asking) as line:
            await execute(
                stage.requests(),
                stage.provider,
                journal,
                stage=stage.name,
                progress=line,
                budget=asking.budget,
                lanes=lanes,
                retry_errors=asking.retry_errors,
            )


async def _spread(stages: Stages, models: Mapping[Provider, Spec], journal: Journal, asking: Asking) -> None:
    from populace.run.distributed import distribute, joined

    with joined(asking.ray_address):  # one cluster for all stages
        for stage, part in ((each, part) for each in stages for part in each.parts):
            with timed(journal, stage.name), _progress(part, journal, asking) as line:
                await distribute(
                    part.requests(),
                    _priced(models[stage.provider], stage.provider),
                    stage.provider,
                    journal,
                    stage=stage.name,
                    affinity=part.affinity,
                    progress=line,
                    budget=asking.budget,
                    retry_errors=asking.retry_errors,
                )


def _progress(asked: StudyStage | Part, journal: Journal, asking: Asking) -> ProgressLine | nullcontext[None]:
    if not asking.progress:
        return nullcontext()
    return ProgressLine(asked.calls, spent=lambda: budget_share(asking.budget, journal.totals))


def _priced(spec: Spec, provider: Provider) -> Spec:
    """Add a price that was looked up here, so that every worker counts the same dollars."""
    if provider.price is None or not provider.price.source:
        return spec
    settings = {"provider": spec} if isinstance(spec, str) else spec
    return {**settings, "price": msgspec.to_builtins(provider.price)}
