"""How many calls an endpoint bears: at once, a minute, and just now.

A `Lane` belongs to one endpoint (URL and model) and outlives the stages of a run. It answers one question,
when may the next call go, from three things it learns by watching calls land:

- **A window** of calls in flight. It doubles while that brings markedly more throughput (slow start). Where
  it does not, the knee is found: the window goes back there and grows by one call a round, to twice the
  knee at most, as the server only queues beyond. A round with a share s of congested calls (rate limit,
  overload, time-out) shrinks it by s / 2, which is gentle with a few faults and halves it at a wall (DCTCP,
  Alizadeh et al. 2010, section 3.1). Now and then the knee is looked for again from below, so that a server
  that got slower, or faster, is not held to its past (as BBR does, Cardwell et al. 2016).
- **Buckets** of requests and tokens a minute, filled evenly. The server's own count of what is left
  (`Quota`) empties them further, never fills them.
- **Whether the server is there.** When nothing but failures to connect comes back, the lane closes and lets
  one call through at a time until one is answered. When nothing but refusals that ask for a pause comes
  back, the lane closes for that long.

All times are in seconds of a monotonic clock and are passed in, so that tests can simulate servers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from populace.models.protocol import Provider, Quota
from populace.models.records import Failure, Result

__all__ = ["START", "Bucket", "Lane", "Lanes", "Window"]

START = 8
"""Calls in flight at first."""
_GAIN = 1.4
"""Throughput that a window twice as large must bring, times the former one."""
_SLOW = 3.0
"""A round this many times slower than at the knee is congested."""
_AFRESH = 64
"""Rounds after which the knee is looked for again."""
_IN_A_ROW = 3
"""Fewest failures of one kind in a row that close a lane; calls that find out whether there is a server."""
_PROBE, _PROBE_CAP = 0.5, 15.0
"""First and longest pause between calls to a server that is away."""


class Window:
    """How many calls may be in flight: additive increase, proportional decrease.

    Parameters
    ----------
    ceiling
        The most it may grow to.

    Examples
    --------
    >>> window = Window(64)
    >>> for _ in range(8):  # the first round: all answered
    ...     window.landed(seconds=1.0, congested=False, full=True)
    >>> window.limit
    16
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = max(ceiling, 1)
        self._size = float(min(START, self.ceiling))
        self.forget()

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._size)

    def forget(self) -> None:
        """Forget how fast the server was, as when other work follows. The size is kept."""
        self._starting = True
        self._best, self._knee, self._knee_seconds = 0.0, math.inf, math.inf
        self._rounds = self._passing = 0
        self._next_round()

    def landed(self, *, seconds: float, congested: bool, full: bool) -> None:
        """Count a call that came back after `seconds`; `full` says whether the window was in use whole."""
        if self._passing:  # sent off under the window before: it says nothing of this one
            self._passing -= 1
            return
        self._landed += 1
        self._seconds += seconds
        self._congested += congested
        self._full |= full
        if self._landed >= self.limit:
            self._judge()

    def _judge(self) -> None:
        """End a round: shrink, grow or stay."""
        share = self._congested / self._landed
        mean = self._seconds / self._landed
        self._starting &= not share
        if self._starting and self._full:
            self._look_for_knee(mean)
        elif not self._starting:
            self._size = self._size * (1 - share / 2) + self._full
            if mean > _SLOW * self._knee_seconds:
                # Congestion may have come before any knee was found.
                self._size = max(0.9 * self._size, min(self._knee, self._size))
            self._size = min(self._size, 2 * self._knee)
        self._rounds += 1
        if self._rounds == _AFRESH:
            passing, start = self.limit, min(self._size, self._knee) / 2
            self.forget()
            self._size, self._passing = start, passing
        self._size = min(max(self._size, 1.0), float(self.ceiling))
        self._next_round()

    def _look_for_knee(self, mean: float) -> None:
        """Double the window, or go back where the last doubling brought little."""
        throughput = self._size / max(mean, 1e-9)  # Little's law
        if throughput >= _GAIN * self._best:
            self._best, self._knee_seconds = throughput, mean
            if 2 * self._size >= self.ceiling:
                self._starting, self._knee = False, self._size
            self._size = min(2 * self._size, float(self.ceiling))
            self._passing = self.limit
        else:
            self._starting = False
            self._size /= 2
            self._knee = self._size

    def _next_round(self) -> None:
        self._landed = self._congested = 0
        self._seconds = 0.0
        self._full = False


class Bucket:
    """At most `per_minute` in any minute, spread evenly.

    It holds one second's worth, so a minute never sees more than the limit; an amount larger than that
    waits for a full bucket and leaves a debt.

    Examples
    --------
    >>> bucket = Bucket(60)
    >>> bucket.wait(1, now=0.0)
    0.0
    >>> bucket.take(1, now=0.0)
    >>> round(bucket.wait(1, now=0.0), 2)
    1.02
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._capacity = max(per_minute / 60, 1.0)
        self._rate = max(per_minute - self._capacity, per_minute / 2) / 60
        self._level, self._at = self._capacity, None

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken."""
        self._fill(now)
        return max(min(amount, self._capacity) - self._level, 0.0) / self._rate

    def take(self, amount: float, now: float) -> None:
        """Take `amount`; what was taken too much is given back by a negative one."""
        self._fill(now)
        self._level = min(self._level - amount, self._capacity)

    def hear(self, left: float) -> None:
        """Take the server's word for how much is left, where it is less."""
        self._level = min(self._level, left)

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self._level + (now - self._at) * self._rate, self._capacity)
        self._at = now


class Lane:
    """One endpoint's window, buckets and state. `Lanes.of` makes it."""

    def __init__(self, ceiling: int) -> None:
        self.window = Window(ceiling)
        self.in_flight = 0
        self.alive = False
        """Whether any call was ever answered."""
        self.complaint = ""
        """What the last failure said for which the lane was closed."""
        self._quota: Quota | None = None
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self._misses = self._refusals = self._probes = 0
        self._away_since: float | None = None
        self._opens = 0.0

    @property
    def away(self) -> bool:
        """Whether the server has stopped answering."""
        return self._away_since is not None

    def full(self) -> bool:
        """Whether no further call may be in flight now."""
        return self.in_flight >= (1 if self.away else self.window.limit)

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a call of about so many tokens may start, were the window open."""
        waits = [self._opens - now]
        if self._requests:
            waits.append(self._requests.wait(1, now))
        if self._tokens:
            waits.append(self._tokens.wait(tokens, now))
        return max(*waits, 0.0)

    def start(self, tokens: float, now: float) -> None:
        """Count a call that starts."""
        self.in_flight += 1
        if self._requests:
            self._requests.take(1, now)
        if self._tokens:
            self._tokens.take(tokens, now)

    def landed(self, results: Iterable[Result], tokens: float, seconds: float, now: float) -> None:
        """Learn from a call (or group) that came back; `tokens` is what `start` was told."""
        full = self.full()
        self.in_flight -= 1
        failures = [result for result in results if isinstance(result, Failure)]
        congested = any(_congested(failure) for failure in failures)
        self.window.landed(seconds=seconds, congested=congested, full=full)
        if failures:
            self._troubled(failures, now)
        else:
            self.alive = True
            self._misses = self._refusals = self._probes = 0
            self._away_since = None
        if self._tokens:
            used = sum(result.usage.prompt_tokens + result.usage.completion_tokens for result in results
                       if not isinstance(result, Failure))  # fmt: skip
            if used:
                self._tokens.take(used - tokens, now)

    def dropped(self) -> None:
        """Count a call of which nothing was learnt: it was cancelled, or the provider raised."""
        self.in_flight -= 1

    def hear(self, quota: Quota | None) -> None:
        """Take in what the server, or the user, says of its limits."""
        if quota is None or quota is self._quota:
            return
        self._quota = quota
        self._requests = _refit(self._requests, quota.requests, quota.requests_left)
        self._tokens = _refit(self._tokens, quota.tokens, quota.tokens_left)

    def lost(self, now: float, patience: float) -> bool:
        """Whether the server is away, or wants to be left alone, for longer than `patience`.

        Soon where it never answered.
        """
        if self._opens - now > patience:
            return True
        if not self.alive:
            return self._probes > _IN_A_ROW
        return self._away_since is not None and now - self._away_since > patience

    def _troubled(self, failures: list[Failure], now: float) -> None:
        """Close the lane when one kind of failure is all that comes back."""
        boundaries = {failure.boundary for failure in failures}
        enough = max(_IN_A_ROW, self.in_flight)
        asked = max((failure.retry_after or 0.0 for failure in failures), default=0.0)
        if boundaries == {"connection"}:
            self._misses += 1
            self.complaint = failures[0].message
            if self._misses >= enough:
                self._away_since = self._away_since or now
            if self.away and not self.in_flight:
                self._opens = now + min(_PROBE * 2**self._probes, _PROBE_CAP)
                self._probes += 1
            return
        self._misses = self._probes = 0
        self._away_since = None
        self.alive = True
        self._refusals = self._refusals + 1 if asked else 0
        if self._refusals >= enough:
            self._opens = max(self._opens, now + asked)
            self.complaint = failures[0].message


class Lanes:
    """The lanes of a run, one an endpoint. Keep one object over all stages.

    Examples
    --------
    >>> from populace.models.scripted import Scripted
    >>> lanes = Lanes()
    >>> lanes.of(Scripted(concurrency=4)) is lanes.of(Scripted(concurrency=4))
    True
    """

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def of(self, provider: Provider) -> Lane:
        """Return the lane of the provider's endpoint."""
        lane = self._lanes.get(provider.endpoint)
        if lane is None:
            lane = self._lanes[provider.endpoint] = Lane(provider.concurrency)
        lane.hear(provider.quota)
        return lane


def _congested(failure: Failure) -> bool:
    return failure.boundary in ("rate limit", "overload", "timeout")


def _refit(bucket: Bucket | None, per_minute: float | None, left: float | None) -> Bucket | None:
    """Make a bucket of the stated size, or keep the one there is, and take in what is left."""
    if per_minute is not None and (bucket is None or bucket.per_minute != per_minute):
        bucket = Bucket(per_minute)
    if bucket is not None and left is not None:
        bucket.hear(left)
    return bucket
