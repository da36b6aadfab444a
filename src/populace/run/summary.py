"""A plan's figures, and how they are written: ranges, and `unknown` where nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from populace.run.prices import Priced
from populace.run.progress import duration

__all__ = ["HEADER", "PlanSummary", "StageSummary", "cells", "money", "total"]

HEADER = ("stage", "calls", "done", "prompt tokens", "completion tokens", "dollars", "time")


class StageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. Tokens, dollars and seconds are those of the calls still to be made."""

    name: str
    calls: int
    done: int
    """Of `calls`, those whose answer the journal holds."""
    failed: int = 0
    """Of `calls`, those that failed by their own fault: they are asked again only on request."""
    measured: int
    """Requests whose tokens were counted; the rest are taken to be like them."""
    prompt_tokens_low: int
    prompt_tokens_high: int
    shared_tokens: int
    """Of `prompt_tokens_low`, those that a request begins with like the one before it."""
    completion_tokens_max: int
    dollars_low: float | None
    """Every shared prompt token cached, nothing written, at the low price; None where that is unknown."""
    dollars_high: float | None
    """No prompt token cached, as much written as may be, at the high price."""
    seconds_low: float | None
    """None where neither the model's speed nor the server's latency is known."""
    seconds_high: float | None

    @property
    def left(self) -> int:
        """Calls still to be made."""
        return self.calls - self.done - self.failed


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will take. `rows` renders it."""

    model: str
    stages: tuple[StageSummary, ...]
    tokens_by: str
    """How tokens were counted."""
    price: Priced | None
    """At the length of the longest prompt; None where it is unknown."""

    @property
    def total(self) -> StageSummary:
        """Sum of the stages; a sum with an unknown part is unknown."""
        return total(self.stages)

    def rows(self) -> list[tuple[str, ...]]:
        """Render a header, the stages and their total, cell by cell."""
        return [HEADER, *(cells(stage) for stage in (*self.stages, self.total))]


def total(stages: Sequence[StageSummary], name: str = "total") -> StageSummary:
    """Sum stages; a sum with an unknown part is unknown."""
    fields = [field for field in StageSummary.__struct_fields__ if field != "name"]
    sums: dict[str, Any] = {}
    for field in fields:
        values = [getattr(stage, field) for stage in stages]
        sums[field] = None if None in values else sum(values)
    return StageSummary(name=name, **sums)


def cells(stage: StageSummary) -> tuple[str, ...]:
    """Write one stage, cell by cell under `HEADER`."""
    return (
        stage.name,
        f"{stage.calls:,}",
        f"{stage.done:,}",
        _between(stage.prompt_tokens_low, stage.prompt_tokens_high, _tokens),
        f"<= {_tokens(stage.completion_tokens_max)}" if stage.completion_tokens_max else "0",
        _between(stage.dollars_low, stage.dollars_high, money),
        _between(stage.seconds_low, stage.seconds_high, duration),
    )


def _between(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    if low is None:
        return "unknown"
    if high is None:
        return f"at least {write(low)}"
    ends = write(low), write(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _tokens(count: float) -> str:
    """Write a number of tokens, large ones shortened: they are no better known than that.

    Examples
    --------
    >>> _tokens(9_876), _tokens(1_234_567), _tokens(12_345_678)
    ('9,876', '1,235 k', '12 M')
    """
    if count >= 1e7:
        return f"{count / 1e6:,.0f} M"
    return f"{count / 1e3:,.0f} k" if count >= 1e4 else f"{count:,.0f}"


def money(dollars: float) -> str:
    """Write dollars, small amounts with four decimals.

    Examples
    --------
    >>> money(1234.5), money(0.02), money(0)
    ('$1,234.50', '$0.0200', '$0.00')
    """
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"
