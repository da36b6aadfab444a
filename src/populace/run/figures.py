"""The figures of a stage while it runs, and what a call costs."""

from __future__ import annotations

import msgspec

from populace.models.protocol import Price
from populace.models.records import Failure, Usage

__all__ = ["RunStats", "dollars"]


class RunStats(msgspec.Struct, kw_only=True):
    """What one call of `execute` did. Sums over sessions are in `Journal.totals`."""

    stage: str
    answered: int = 0
    """Answers journalled."""
    reused: int = 0
    """Requests whose answer the journal already held, or that repeat another request of the plan."""
    failed: int = 0
    """Requests that failed for good: those journalled by this run, and those of earlier runs that were not
    asked again."""
    errors: dict[str, int] = {}
    """`failed` by boundary."""
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    dollars: float | None = 0.0
    """Cost of the answers; None where the provider's price is unknown."""
    seconds: float = 0.0
    """Wall time so far."""
    in_flight: int = 0
    limit: int = 0
    """Calls that may be in flight now, as the endpoint's lane has found out."""
    waiting: str = ""
    """Why nothing is started just now: `rate limit`, `server away`, `budget`; empty where something is."""

    @property
    def seen(self) -> int:
        """Requests of the plan dealt with so far."""
        return self.answered + self.reused + self.failed

    def add(self, usage: Usage, price: Price | None) -> None:
        """Add what a call took."""
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cached_tokens += usage.cached_tokens
        cost = dollars(usage, price)
        if self.dollars is not None and cost is not None:
            self.dollars += cost

    def fail(self, failure: Failure) -> None:
        """Count a request that failed for good."""
        self.failed += 1
        self.errors[failure.boundary] = self.errors.get(failure.boundary, 0) + 1


def dollars(usage: Usage, price: Price | None) -> float | None:
    """Cost of what a call took; None where the price is unknown.

    Examples
    --------
    >>> dollars(Usage(1000, 100), Price(input=1.0, output=10.0))
    0.002
    """
    return price and price.dollars(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
    )
