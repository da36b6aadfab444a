"""Limits on a run: how often a call is tried again, and what all calls together may cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from populace.errors import BudgetError
from populace.models.protocol import Provider
from populace.models.records import Failure
from populace.run.journal import Totals

__all__ = ["Budget", "Retries"]

_RETRY_AFTER = re.compile(r"retry[-_ ]after['\"]?[:= ]+['\"]?(\d+(?:\.\d+)?)", re.IGNORECASE)
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

    attempts: int = 6
    """Tries in all, the first included."""
    base: float = 1.0
    """Seconds."""
    cap: float = 60.0
    """Longest random pause, in seconds."""
    patience: float = 600.0
    """A server that asks for a longer pause than this is not waited for: the failure is recorded."""

    def pause(self, tried: int, failures: Iterable[Failure]) -> float | None:
        """Seconds to wait after `tried` tries that left these failures; None where trying again is no use.

        Examples
        --------
        >>> busy = Failure(key="00", boundary="rate limit", message="429, Retry-After: 7", retryable=True)
        >>> Retries(cap=0).pause(1, [busy])
        7.0
        >>> Retries(attempts=3).pause(3, [busy]) is None
        True
        """
        messages = [failure.message for failure in failures if failure.retryable]
        if not messages or tried >= self.attempts:
            return None
        asked = max((float(found[1]) for m in messages if (found := _RETRY_AFTER.search(m))), default=0.0)
        if asked > self.patience:
            return None
        return max(asked, float(_jitter.uniform(0, min(self.cap, self.base * 2.0 ** (tried - 1)))))


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most a journal's calls may cost together, over all sessions and stages.

    No call is started once the budget is reached; those already in flight land, so it can be
    overshot by at most `Provider.concurrency` calls (or groups, where a provider takes groups).
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

    def reached(self, totals: Mapping[str, Totals]) -> str | None:
        """Say which limit the stages' totals have reached; None while there is room.

        Examples
        --------
        >>> Budget(tokens=100).reached({"answer": Totals(prompt_tokens=60, completion_tokens=50)})
        '110 of 100 tokens are spent'
        """
        tokens = sum(stage.tokens for stage in totals.values())
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens:,} of {self.tokens:,} tokens are spent"
        dollars = sum(stage.dollars or 0.0 for stage in totals.values())
        if self.dollars is not None and dollars >= self.dollars:
            return f"${dollars:,.2f} of ${self.dollars:,.2f} are spent"
        return None
