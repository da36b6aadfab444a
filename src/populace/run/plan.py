"""What a run will take, before anything is spent: calls, tokens, dollars, time.

A plan is data: stages of requests, expanded lazily and never run here. A stage whose texts depend on answers
that do not exist yet is given as a `StageEstimate`: how many calls, and requests like them. Calls, and those
done, are exact; tokens of long stages are scaled up from a sample, and say so. Every figure that is not known
is a range, and what is unknown is said to be unknown; it is never 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple

import msgspec
import numpy as np

from populace.models.protocol import Provider
from populace.models.records import Request
from populace.run.journal import Journal
from populace.run.prices import price_of
from populace.run.summary import PlanSummary, StageSummary
from populace.run.tokens import Counter, Size

__all__ = ["Sample", "Stage", "StageEstimate", "Throughput", "summarise"]

MEASURED = 20_000
"""Requests of a stage whose tokens are counted; of a longer stage, about this many or half of them."""
FIRST_IN_FLIGHT = 8
"""Calls in flight with which a run starts (`run/lanes.py`): a slow server may bear no more."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage whose requests are known."""

    name: str
    requests: Callable[[], Iterable[Request]]
    """Expands the requests, in the same order at every call."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that stand for others like them."""

    calls: int
    """How many they stand for."""
    requests: Callable[[], Iterable[Request]]
    """Some of these, in the order of the plan, where answers not yet given are left out or stood in for."""
    written: int = 0
    """Most tokens of such answers in one request."""


class StageEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """A stage whose requests will be made from the answers of an earlier one."""

    name: str
    parts: tuple[Sample, ...]
    """Its requests, by kind."""


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model reads and writes, over all calls in flight together."""

    prompt_tokens_per_second: float
    completion_tokens_per_second: float

    def seconds(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Time for the given numbers of tokens."""
        reading = prompt_tokens / self.prompt_tokens_per_second
        return reading + completion_tokens / self.completion_tokens_per_second


def summarise(
    stages: Iterable[Stage | StageEstimate],
    provider: Provider,
    journal: Journal | None = None,
    *,
    throughput: Throughput | None = None,
) -> PlanSummary:
    """Measure the plan without running it, and say what is left to be done.

    Requests that repeat another of their stage are counted once. The wall time is that of `throughput`;
    without it, that of the calls that the journal already holds of these stages, between `concurrency` of
    them in flight and as few as a run starts with. No run is faster than its quota.

    Parameters
    ----------
    journal
        Answers that exist already; None for a run that has not started.
    throughput
        Speed of the model, for the wall time.

    Examples
    --------
    >>> from populace.models.protocol import Price
    >>> from populace.models.records import GenerateRequest, Message
    >>> from populace.models.scripted import Scripted
    >>> model = Scripted(price=Price(input=1.0, output=10.0))
    >>> ask = GenerateRequest(model=model.model, messages=(Message("user", "x" * 3300),), max_tokens=100)
    >>> plan = [Stage(name="answer", requests=lambda: [ask]),
    ...         StageEstimate(name="judge", parts=(Sample(calls=10, requests=lambda: [ask], written=50),))]
    >>> for row in summarise(plan, model).rows():
    ...     print(" | ".join(row))
    stage | calls | done | prompt tokens | completion tokens | dollars | time
    answer | 1 | 0 | 667 to 1,036 | <= 100 | $0.0007 to $0.0020 | unknown
    judge | 10 | 0 | 6,670 to 11 k | <= 1,000 | $0.0067 to $0.0209 | unknown
    total | 11 | 0 | 7,337 to 12 k | <= 1,100 | $0.0073 to $0.0229 | unknown
    """
    counter = Counter(provider)
    found = [
        _expanded(stage, journal, counter) if isinstance(stage, Stage) else _sampled(stage, journal, counter)
        for stage in stages
    ]
    pace = _Pace(provider, throughput, journal, [each.name for each in found])
    return PlanSummary(
        model=provider.model,
        stages=tuple(_summary(each, provider, pace) for each in found),
        tokens_by=counter.stated,
        price=price_of(provider, prompt_tokens=_longest(each.size for each in found)),
    )


class _Found(NamedTuple):
    name: str
    calls: int
    done: int
    failed: int
    """By their own fault."""
    measured: int
    size: Size
    """Of the calls left."""


def _expanded(stage: Stage, journal: Journal | None, counter: Counter) -> _Found:
    """Expand every request for its key, and measure those whose keys are in a sample.

    The sample is the keys that a growing power of two divides: keys are hashes, so it is random, the same
    in every run, and needs neither the length of the plan nor memory for it.
    """
    names, done, failed = array("Q"), array("Q"), array("Q")
    sample: dict[int, Size] = {}
    divisor, before = 1, None
    for request in stage.requests():
        key = request.key
        name = int(key[:16], 16)
        names.append(name)
        if journal is not None and key in journal:
            done.append(name)
        elif journal is not None and (failure := journal.failure(key)) and not failure.retryable:
            failed.append(name)
        elif name % divisor == 0 and name not in sample:
            sample[name] = counter.size(request, before)
            if len(sample) > MEASURED:
                divisor *= 2
                sample = {name: size for name, size in sample.items() if name % divisor == 0}
        before = request
    calls, finished, lost = (_distinct(found) for found in (names, done, failed))
    size = reduce(Size.plus, sample.values(), Size())
    left = (calls - finished - lost) / len(sample) if sample else 0.0
    return _Found(stage.name, calls, finished, lost, len(sample), size.times(left))


def _sampled(stage: StageEstimate, journal: Journal | None, counter: Counter) -> _Found:
    """Measure each part's requests, and take all its calls to be like them."""
    totals = journal.totals.get(stage.name) if journal is not None else None
    calls = sum(part.calls for part in stage.parts)
    done = min(totals.answered, calls) if totals else 0
    own = (each for each in journal.failures(stage.name) if not each.retryable) if journal else ()
    failed = min(sum(1 for _ in own), calls - done)
    size, measured = Size(), 0
    for part in stage.parts:
        some = counter.total(part.requests())
        if part.calls and not some.requests:
            raise ValueError(f"the sample of {part.calls} calls of stage {stage.name!r} holds no request")
        measured += round(some.requests)
        # An answer that is not there yet may turn out as short as nothing or as long as it may be.
        written = part.written * some.requests
        some = some._replace(prompt_high=some.prompt_high + written, longest=some.longest + part.written)
        size = size.plus(some.times(part.calls / some.requests) if some.requests else Size())
    left = (calls - done - failed) / calls if calls else 0.0
    return _Found(stage.name, calls, done, failed, measured, size.times(left))


def _distinct(names: array[int]) -> int:
    """Count distinct keys by their first 8 bytes: among a million, two agree once in 10^7 plans."""
    return int(np.unique(np.frombuffer(names, np.uint64)).size) if names else 0


class _Pace:
    """How long calls take: by the model's speed, else by what the journal has seen of it."""

    def __init__(
        self, provider: Provider, throughput: Throughput | None, journal: Journal | None, stages: list[str]
    ) -> None:
        self._throughput, self._quota = throughput, provider.quota
        self._most = max(provider.concurrency, 1)
        self._seen = {name: t for name in stages if journal is not None and (t := journal.totals.get(name))}

    def seconds(self, stage: str, size: Size) -> tuple[float | None, float | None]:
        """Shortest and longest wall time of these requests; None where it is not known."""
        low = high = None
        if self._throughput is not None:
            low = self._throughput.seconds(size.prompt_low - size.shared, 0)
            high = self._throughput.seconds(size.prompt_high, size.completion)
        elif (latency := self._latency(stage)) is not None:
            low = size.requests * latency / self._most
            high = size.requests * latency / min(self._most, FIRST_IN_FLIGHT)
        if self._quota is None or not size.requests:
            return low, high
        pairs = ((size.requests, self._quota.requests), (size.prompt_low, self._quota.tokens))
        allowed = [60 * amount / a_minute for amount, a_minute in pairs if a_minute]
        low = max([*allowed, low or 0.0]) if allowed else low
        return low, high if high is None or low is None else max(low, high)

    def _latency(self, stage: str) -> float | None:
        """Mean seconds of a call of the stage, else of the model's other stages, retries included."""
        seen = [self._seen[stage]] if stage in self._seen else list(self._seen.values())
        calls = sum(totals.answered + totals.failed for totals in seen)
        return sum(totals.seconds for totals in seen) / calls if calls else None


def _summary(found: _Found, provider: Provider, pace: _Pace) -> StageSummary:
    size = found.size
    price = price_of(provider, prompt_tokens=_longest([size]))
    low, high = pace.seconds(found.name, size)
    return StageSummary(
        name=found.name,
        calls=found.calls,
        done=found.done,
        failed=found.failed,
        measured=found.measured,
        prompt_tokens_low=round(size.prompt_low),
        prompt_tokens_high=round(size.prompt_high),
        shared_tokens=round(size.shared),
        completion_tokens_max=round(size.completion),
        dollars_low=price
        and price.low.dollars(prompt_tokens=size.prompt_low, completion_tokens=0, cached_tokens=size.shared),
        dollars_high=price
        and price.high.dollars(prompt_tokens=size.prompt_high, completion_tokens=size.completion),
        seconds_low=low,
        seconds_high=high,
    )


def _longest(sizes: Iterable[Size]) -> int:
    return round(max((size.longest for size in sizes), default=0))
