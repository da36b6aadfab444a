"""Limits on a run: how often a call is tried again, and what all calls together may cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from populace.errors import BudgetError
from populace.models.protocol import Price, Provider
from populace.models.records import Failure, GenerateRequest, Request, Result
from populace.run.journal import Totals

__all__ = ["Budget", "Cost", "Meter", "Retries"]

CHARACTERS_PER_TOKEN = 4
"""The approximation where tokens are not counted yet: right within a third or so for English."""
# Pauses never reach an answer, so they need no recorded seed; processes must not pause in step.
_jitter = np.random.default_rng()


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """Try a failed call again after a random pause that grows (exponential backoff with full jitter).

    The pause before try n + 1 is uniform between 0 and min(`cap`, `base` * 2**(n - 1)) seconds, and at
    least what the server asked for by `Retry-After`.

    References
    ----------
    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 10
    """Tries in all, the first included."""
    base: float = 1.0
    """Seconds."""
    cap: float = 60.0
    """Longest random pause, in seconds."""
    patience: float = 600.0
    """A server that asks for a longer pause than this, or is away for longer, is not waited for."""

    def pause(self, tried: int, failures: Iterable[Failure]) -> float | None:
        """Seconds to wait after `tried` tries that left these failures; None where trying again is no use.

        Examples
        --------
        >>> busy = Failure(key="00", boundary="rate limit", message="", retryable=True, retry_after=7.0)
        >>> Retries(cap=0).pause(1, [busy])
        7.0
        >>> Retries(attempts=3).pause(3, [busy]) is None
        True
        """
        waits = [failure.retry_after or 0.0 for failure in failures if failure.retryable]
        if not waits or tried >= self.attempts:
            return None
        asked = max(waits)
        if asked > self.patience:
            return None
        jitter = float(_jitter.uniform(0, min(self.cap, self.base * 2.0 ** (tried - 1))))
        # Calls that were asked to wait equally long should not come back at once.
        return asked + jitter if asked else jitter


class Cost(msgspec.Struct, frozen=True):
    """The most that something may take."""

    tokens: float = 0.0
    dollars: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Take both."""
        return Cost(self.tokens + other.tokens, self.dollars + other.dollars)

    def __sub__(self, other: Cost) -> Cost:
        """Take the other no more."""
        return Cost(self.tokens - other.tokens, self.dollars - other.dollars)


_NOTHING = Cost()


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most a journal's calls may cost together, over all sessions and stages.

    No call is started unless the budget has room for all it may take, besides what the calls in flight
    may take. What a call may take is its `max_tokens` and an estimate of its prompt's tokens, which
    learns from the calls that have landed; the budget can be overshot by as much as that estimate is
    too low for the calls in flight, and by what a server charges for calls that it never answered. Calls
    that were made without a price count for nothing in dollars.
    """

    tokens: int | None = None
    """Prompt and completion tokens."""
    dollars: float | None = None

    def check(self, provider: Provider) -> None:
        """Raise `BudgetError` for a budget in dollars where the provider has no price."""
        if self.dollars is not None and provider.price is None:
            raise BudgetError(
                f"a budget in dollars cannot be kept: the price of {provider.model} is unknown",
                fix="give the model's price, or a budget in tokens",
            )

    def reached(self, totals: Mapping[str, Totals], more: Cost = _NOTHING) -> str | None:
        """Say which limit the stages' totals and `more` would pass; None while there is room.

        Examples
        --------
        >>> spent = {"answer": Totals(prompt_tokens=60, completion_tokens=30)}
        >>> Budget(tokens=100).reached(spent, Cost(tokens=20))
        '90 of 100 tokens are spent'
        >>> Budget(tokens=110).reached(spent, Cost(tokens=20)) is None
        True
        """
        tokens = sum(stage.tokens for stage in totals.values())
        if self.tokens is not None and tokens + max(more.tokens, 1) > self.tokens:
            return f"{tokens:,} of {self.tokens:,} tokens are spent"
        dollars = sum(stage.known_dollars for stage in totals.values())
        if self.dollars is not None and (dollars >= self.dollars or dollars + more.dollars > self.dollars):
            return f"{_money(dollars)} of {_money(self.dollars)} are spent"
        return None


class Meter:
    """What a call may take, before it is made; learns a prompt's tokens a character from those that landed.

    Examples
    --------
    >>> from populace.models.records import Message
    >>> ask = GenerateRequest(model="m", messages=(Message("user", "x" * 400),), max_tokens=20)
    >>> Meter(Price(input=1.0, output=10.0)).most([ask])
    Cost(tokens=120.0, dollars=0.0003)
    """

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self._characters = 400.0
        self._tokens = self._characters / CHARACTERS_PER_TOKEN

    def most(self, requests: Iterable[Request]) -> Cost:
        """Return the most that these requests may take together."""
        rate = self._tokens / self._characters
        prompt, completion = 0.0, 0
        for request in requests:
            prompt += rate * _characters(request)
            completion += request.max_tokens if isinstance(request, GenerateRequest) else 1
        price = self._price
        dollars = price.dollars(prompt_tokens=prompt, completion_tokens=completion) if price else 0.0
        return Cost(prompt + completion, dollars)

    def learn(self, request: Request, result: Result) -> None:
        """Compare what a prompt took with its characters."""
        if not isinstance(result, Failure) and result.usage.prompt_tokens:
            self._characters += _characters(request)
            self._tokens += result.usage.prompt_tokens


def _characters(request: Request) -> int:
    count = 0
    for message in request.messages:
        count += len(message.content)
    if not isinstance(request, GenerateRequest):
        for option in request.options:
            count += len(option)
    return count


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 0.01 or not dollars else f"${dollars:.2g}"
