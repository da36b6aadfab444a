"""A call on its way: a group of requests, over all its tries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from populace.models.protocol import Provider
from populace.models.records import Failure, GenerateRequest, Request, Result
from populace.run.limits import Cost
from populace.run.order import Group

__all__ = ["Call", "may_change", "method", "storable"]


@dataclass(eq=False, slots=True)
class Call:
    """A group on its way, over all its tries."""

    group: Group
    own: set[str]
    """The keys that this call has to journal."""
    most: Cost
    """What it may take."""
    settled: dict[str, Result] = field(default_factory=dict)
    tried: int = 0
    seconds: float = 0.0
    """Time in flight, over all tries."""

    def answers(self) -> list[Result]:
        """Return what has been answered of it."""
        return [result for result in self.settled.values() if not isinstance(result, Failure)]


def method(provider: Provider, request: Request) -> Callable[[Sequence[Any]], Awaitable[Sequence[Result]]]:
    """Return what of the provider answers requests of this kind."""
    return provider.generate if isinstance(request, GenerateRequest) else provider.choose


def may_change(result: Result) -> bool:
    """Whether another try may give another result."""
    return isinstance(result, Failure) and result.retryable


def storable(result: Result) -> Result:
    """Keep text that is no Unicode (a lone surrogate, half of a cut emoji) from ending the run."""
    text = result.message if isinstance(result, Failure) else result.text
    try:
        text.encode()
    except UnicodeEncodeError:
        if isinstance(result, Failure):
            return msgspec.structs.replace(result, message=ascii(text))
        message = "the answer is not valid Unicode"
        return Failure(key=result.key, boundary="answer", message=message, retryable=True, usage=result.usage)
    return result
