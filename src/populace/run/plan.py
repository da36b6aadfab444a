"""What a run will take, before anything is spent: calls, tokens, dollars, time.

A plan is data: stages of requests, expanded lazily and never run here. A stage whose texts depend on
answers that do not exist yet is given as a `StageEstimate`. What is not known is said to be unknown;
it is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from populace.models.protocol import Price, Provider
from populace.models.records import GenerateRequest, Request
from populace.run.journal import Journal
from populace.run.progress import duration

__all__ = ["PlanSummary", "Stage", "StageEstimate", "StageSummary", "Throughput", "summarise"]

CHARACTERS_PER_TOKEN = 4
"""The approximation where a provider cannot count tokens: right within a third or so for English."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage whose requests are known."""

    name: str
    requests: Callable[[], Iterable[Request]]
    """Expands the requests, in the same order at every call."""


class StageEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """A stage whose requests will be made from the answers of an earlier one."""

    name: str
    calls: int
    prompt_tokens: int
    """Expected tokens of all prompts together."""
    completion_tokens_max: int
    """Most tokens that the model may write, all calls together."""


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model reads and writes, over all calls in flight together."""

    prompt_tokens_per_second: float
    completion_tokens_per_second: float

    def seconds(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Time for the given numbers of tokens."""
        reading = prompt_tokens / self.prompt_tokens_per_second
        return reading + completion_tokens / self.completion_tokens_per_second


class StageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. Tokens, dollars and seconds are those of the calls still to be made."""

    name: str
    calls: int
    done: int
    """Of `calls`, those whose answer the journal holds."""
    prompt_tokens: int
    completion_tokens_max: int
    dollars_low: float | None
    """Were the model to write nothing; None where its price is unknown."""
    dollars_high: float | None
    """Were it to write as much as it may."""
    seconds_low: float | None
    """None where no throughput is stated."""
    seconds_high: float | None


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will take. `rows` renders it."""

    model: str
    stages: tuple[StageSummary, ...]
    tokens_by: str
    """How tokens were counted."""

    @property
    def total(self) -> StageSummary:
        """Sum of the stages; a sum with an unknown part is unknown."""
        return StageSummary(
            name="total",
            calls=sum(stage.calls for stage in self.stages),
            done=sum(stage.done for stage in self.stages),
            prompt_tokens=sum(stage.prompt_tokens for stage in self.stages),
            completion_tokens_max=sum(stage.completion_tokens_max for stage in self.stages),
            dollars_low=_sum(stage.dollars_low for stage in self.stages),
            dollars_high=_sum(stage.dollars_high for stage in self.stages),
            seconds_low=_sum(stage.seconds_low for stage in self.stages),
            seconds_high=_sum(stage.seconds_high for stage in self.stages),
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Render a header, the stages and their total, cell by cell."""
        header = ("stage", "calls", "done", "prompt tokens", "completion tokens", "dollars", "time")
        return [header, *(_cells(stage) for stage in (*self.stages, self.total))]


def summarise(
    stages: Iterable[Stage | StageEstimate],
    provider: Provider,
    journal: Journal | None = None,
    *,
    throughput: Throughput | None = None,
) -> PlanSummary:
    """Expand the plan without running it, and say what is left to be done.

    Tokens are counted by the provider's `count_tokens(text)` where it has one, else as a quarter of the
    characters; what a chat template adds is not counted. Requests that repeat another of their stage
    are counted once.

    Parameters
    ----------
    journal
        Answers that exist already; None for a run that has not started.
    throughput
        Speed of the model, for the wall time.

    Examples
    --------
    >>> from populace.models.protocol import Price
    >>> from populace.models.records import Message
    >>> from populace.models.scripted import Scripted
    >>> model = Scripted(price=Price(input=1.0, output=10.0))
    >>> ask = GenerateRequest(model=model.model, messages=(Message("user", "x" * 4000),), max_tokens=100)
    >>> plan = [Stage(name="answer", requests=lambda: [ask]),
    ...         StageEstimate(name="judge", calls=10, prompt_tokens=20_000, completion_tokens_max=10)]
    >>> for row in summarise(plan, model).rows():
    ...     print(" | ".join(row))
    stage | calls | done | prompt tokens | completion tokens | dollars | time
    answer | 1 | 0 | 1,000 | <= 100 | $0.0010 to $0.0020 | unknown
    judge | 10 | 0 | 20,000 | <= 10 | $0.0200 to $0.0201 | unknown
    total | 11 | 0 | 21,000 | <= 110 | $0.0210 to $0.0221 | unknown
    """
    counter: Callable[[str], int] | None = getattr(provider, "count_tokens", None)
    tokens_by = "the model's tokenizer" if counter else f"{CHARACTERS_PER_TOKEN} characters a token"
    summaries = []
    for stage in stages:
        if isinstance(stage, Stage):
            size = _measure(stage, journal, counter or _approximate)
        else:
            size = _scale(stage, journal)
        summaries.append(_summary(stage.name, size, provider.price, throughput))
    return PlanSummary(model=provider.model, stages=tuple(summaries), tokens_by=tokens_by)


class _Size(NamedTuple):
    calls: int
    done: int
    prompt_tokens: int
    """Of the calls not done, as are the completion tokens."""
    completion_tokens: int


def _measure(stage: Stage, journal: Journal | None, count: Callable[[str], int]) -> _Size:
    seen: set[bytes] = set()
    done = prompt = completion = 0
    for request in stage.requests():
        key = request.key
        if (name := bytes.fromhex(key)) in seen:
            continue
        seen.add(name)
        if journal is not None and key in journal:
            done += 1
            continue
        prompt += sum(count(message.content) for message in request.messages)
        if isinstance(request, GenerateRequest):
            completion += request.max_tokens
        else:
            # Reading a likelihood takes the options as prompt; where it is sampled instead, one token.
            prompt += sum(count(option) for option in request.options)
            completion += 1
    return _Size(len(seen), done, prompt, completion)


def _scale(stage: StageEstimate, journal: Journal | None) -> _Size:
    """Reduce an estimate by the share of its calls that the journal holds."""
    totals = journal.totals.get(stage.name) if journal is not None else None
    done = min(totals.answered, stage.calls) if totals else 0
    left = (stage.calls - done) / stage.calls if stage.calls else 0.0
    return _Size(
        calls=stage.calls,
        done=done,
        prompt_tokens=round(stage.prompt_tokens * left),
        completion_tokens=round(stage.completion_tokens_max * left),
    )


def _summary(name: str, size: _Size, price: Price | None, throughput: Throughput | None) -> StageSummary:
    calls, done, prompt, completion = size
    return StageSummary(
        name=name,
        calls=calls,
        done=done,
        prompt_tokens=prompt,
        completion_tokens_max=completion,
        dollars_low=price and price.dollars(prompt_tokens=prompt, completion_tokens=0),
        dollars_high=price and price.dollars(prompt_tokens=prompt, completion_tokens=completion),
        seconds_low=throughput and throughput.seconds(prompt, 0),
        seconds_high=throughput and throughput.seconds(prompt, completion),
    )


def _approximate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if any(value is None for value in known) else sum(value for value in known if value)


def _cells(stage: StageSummary) -> tuple[str, ...]:
    return (
        stage.name,
        f"{stage.calls:,}",
        f"{stage.done:,}",
        f"{stage.prompt_tokens:,}",
        f"<= {stage.completion_tokens_max:,}",
        _range(stage.dollars_low, stage.dollars_high, _money),
        _range(stage.seconds_low, stage.seconds_high, duration),
    )


def _range(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    if low is None or high is None:
        return "unknown"
    ends = write(low), write(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"
