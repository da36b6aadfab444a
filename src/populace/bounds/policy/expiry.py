"""Rules that were to end. The engine knows no dates: a rule binds until somebody takes it out of its file."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from populace.bounds.policy.findings import Problem
from populace.bounds.policy.rules import Rule

__all__ = ["past_their_end"]


def past_their_end(rules: Iterable[Rule], day: datetime.date | None = None) -> Iterator[Problem]:
    """Tell of rules whose `@expires` has passed, or is no date.

    Parameters
    ----------
    day
        Today, in UTC, if left out.
    """
    now = day or datetime.datetime.now(datetime.UTC).date()
    for rule in rules:
        told = rule.annotations.get("expires", "")
        if not told:
            continue
        try:
            ends = datetime.date.fromisoformat(told)
        except ValueError:
            said = f"{rule.id} expires on {told[:40]!r}, which is no date: write it as 2026-11-22."
            yield Problem("expired", "error", said, (rule.id,), rule.where)
            continue
        if ends < now:
            said = (
                f"{rule.id} was to end on {told}, and still binds: take it out, or say until when it holds."
            )
            yield Problem("expired", "warning", said, (rule.id,), rule.where)
