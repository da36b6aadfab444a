"""Ask the stages of a study one after the other, through the engine that was chosen."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from populace.errors import StudyError
from populace.models import Provider
from populace.run import Budget, Journal, Lanes, ProgressLine, RunStats, budget_share, execute, timed
from populace.study.stages import Stages, StudyStage

__all__ = ["Asking", "Engine", "ask"]

Engine: TypeAlias = Literal["local", "ray"]
Spec: TypeAlias = str | Mapping[str, Any]
_SUMMED = (
    *("answered", "reused", "failed", "retries"),
    *("prompt_tokens", "completion_tokens", "cached_tokens", "seconds"),
)


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
            raise StudyError("--ray-address: the local engine has no address", fix="add --engine ray")


async def ask(
    stages: Stages, models: Mapping[Provider, Spec], journal: Journal, asking: Asking
) -> list[RunStats]:
    """Ask every stage, close the models, and return what became of each stage's calls.

    Parameters
    ----------
    models
        What each model was opened from, so that other machines can open it too.
    """
    try:
        if asking.engine == "ray":
            return await _spread(stages, models, journal, asking)
        return await _here(stages, journal, asking)
    finally:
        for model in models:
            await model.close()


async def _here(stages: Stages, journal: Journal, asking: Asking) -> list[RunStats]:
    lanes = Lanes()  # what is learnt of a server's limits is kept from stage to stage
    found: list[RunStats] = []
    for stage in stages:
        with timed(journal, stage.name), _progress(stage, journal, asking) as line:
            stats = await execute(
                stage.requests(),
                stage.provider,
                journal,
                stage=stage.name,
                progress=line,
                budget=asking.budget,
                lanes=lanes,
                retry_errors=asking.retry_errors,
            )
        found.append(stats)
    return found


async def _spread(
    stages: Stages, models: Mapping[Provider, Spec], journal: Journal, asking: Asking
) -> list[RunStats]:
    from populace.run.distributed import distribute

    found: list[RunStats] = []
    with _cluster(asking.ray_address):  # one for all stages
        for stage in stages:
            done = RunStats(stage=stage.name)
            with timed(journal, stage.name), _progress(stage, journal, asking) as line:
                for part in stage.parts:
                    stats = await distribute(
                        part.requests(),
                        _priced(models[stage.provider], stage.provider),
                        stage.provider,
                        journal,
                        stage=stage.name,
                        affinity=part.affinity,
                        progress=line and _after(done, line),
                        budget=asking.budget,
                        retry_errors=asking.retry_errors,
                    )
                    done = _both(done, stats)
            found.append(done)
    return found


@contextmanager
def _cluster(address: str | None) -> Generator[None]:
    """Join the cluster. Ray sets what SIGTERM does; where the program has set it, that is put back."""
    from populace.run.distributed import joined

    chosen = signal.getsignal(signal.SIGTERM)
    with joined(address):
        if callable(chosen) and signal.getsignal(signal.SIGTERM) is not chosen:
            signal.signal(signal.SIGTERM, chosen)
        yield


def _after(done: RunStats, line: ProgressLine) -> Callable[[RunStats], None]:
    """Show a stage's later part together with the parts before it."""
    return lambda stats: line(_both(done, stats))


def _both(done: RunStats, stats: RunStats) -> RunStats:
    """Add the figures of an earlier part of the stage; what is in flight is the later part's."""
    return msgspec.structs.replace(
        stats,
        **{name: getattr(done, name) + getattr(stats, name) for name in _SUMMED},
        errors=dict(Counter(done.errors) + Counter(stats.errors)),
        dollars=None if done.dollars is None or stats.dollars is None else done.dollars + stats.dollars,
    )


def _progress(stage: StudyStage, journal: Journal, asking: Asking) -> ProgressLine | nullcontext[None]:
    if not asking.progress:
        return nullcontext()
    return ProgressLine(stage.calls, spent=lambda: budget_share(asking.budget, journal.totals))


def _priced(spec: Spec, provider: Provider) -> Spec:
    """Add a price that was looked up here, so that every worker counts the same dollars."""
    if provider.price is None or not provider.price.source:
        return spec
    settings = {"provider": spec} if isinstance(spec, str) else spec
    return {**settings, "price": msgspec.to_builtins(provider.price)}
