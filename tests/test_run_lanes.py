"""Lanes: what a window and its buckets do to simulated servers, without a clock."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.models import Completion, Failure, Quota, Usage
from populace.models.scripted import Scripted
from populace.run.lanes import Bucket, Lane, Lanes, Window

KEY = "00" * 16
FINE = Completion(key=KEY, text="", usage=Usage(10, 10))


def failure(boundary, retry_after=None) -> Failure:
    return Failure(key=KEY, boundary=boundary, message=boundary, retryable=True, retry_after=retry_after)


def simulate(serve, *, ceiling=512, seconds=600.0, lane=None, tokens=20.0):
    """Keep a lane as busy as it allows; `serve(now, in_flight)` gives a call's duration and result.

    Returns, a call: when it started, when it landed, the window then, its result.
    """
    lane = lane or Lane(ceiling)
    now, order, flying, done = 0.0, itertools.count(), [], []
    while now < seconds:
        while not lane.full() and lane.wait(tokens, now) <= 1e-9:
            lane.start(tokens, now)
            duration, result = serve(now, lane.in_flight)
            heapq.heappush(flying, (now + duration, next(order), now, result))
        wake = np.inf if lane.full() else now + lane.wait(tokens, now)
        if flying and flying[0][0] <= wake:
            now, _, start, result = heapq.heappop(flying)
            lane.landed([result], tokens, now - start, now)
            done.append((start, now, lane.window.limit, result))
        else:
            now = wake
    return done


def late(done, share=0.5):
    return done[int(len(done) * share) :]


def test_a_server_without_limits_gets_all_that_is_allowed_at_once():
    done = simulate(lambda now, flying: (1.0, FINE), seconds=20)
    # 8, 16, ... 512: six doublings. The first is measured after one second; then a window of calls passes
    # before the next is counted, so each takes two.
    assert next(landed for _, landed, limit, _ in done if limit == 512) == pytest.approx(11.0)
    assert min(limit for _, landed, limit, _ in done if landed > 11) == 512


def test_a_server_that_queues_is_kept_busy_and_not_buried():
    """32 places, the rest wait in line: 32 calls a second on average, whatever is sent."""
    places = [0.0] * 32
    random = np.random.default_rng(3)

    def serve(now, flying):
        end = max(heapq.heappop(places), now) + random.gamma(4, 0.25)
        heapq.heappush(places, end)
        return end - now, FINE

    done = late(simulate(serve))
    limits = [limit for _, _, limit, _ in done]
    assert min(limits) >= 8 and max(limits) <= 2 * 32
    assert len(done) / (done[-1][1] - done[0][1]) > 0.97 * 32


def test_a_wall_of_refusals_is_found_and_kept():
    """A server that refuses whatever is above 20 at once."""

    def serve(now, flying):
        return (1.0, FINE) if flying <= 20 else (0.05, failure("rate limit"))

    done = late(simulate(serve))
    refused = np.mean([isinstance(result, Failure) for *_, result in done])
    limits = [limit for _, _, limit, _ in done]
    # Each refusal comes back at once and another call takes its place: 17 % of the calls, 2 % of the time.
    assert refused < 0.20
    assert 14 <= np.mean(limits) <= 24


@pytest.mark.parametrize("share", [0.05, 0.15])
def test_a_few_faults_by_chance_do_not_starve_a_run(share):
    """Faults that have nothing to do with load: W s / 2 a round lost, one won, so W is about 2 / s."""
    random = np.random.default_rng(7)

    def serve(now, flying):
        return 1.0, failure("overload") if random.random() < share else FINE

    limits = [limit for _, _, limit, _ in late(simulate(serve, seconds=2000))]
    assert 0.5 * 2 / share < np.mean(limits) < 2 * 2 / share


def test_slower_work_does_not_collapse_the_window():
    """After 100 s each call takes 40 times as long, as writing does after judging."""
    done = simulate(lambda now, flying: (0.05 if now < 100 else 2.0, FINE), ceiling=64, seconds=400)
    assert np.mean([limit for _, landed, limit, _ in done if landed > 110]) > 40


@given(
    per_minute=st.integers(1, 6000), amounts=st.lists(st.floats(0.1, 300), max_size=300), gap=st.floats(0, 2)
)
@settings(max_examples=60)
def test_no_minute_sees_more_than_the_bucket_allows(per_minute, amounts, gap):
    bucket, now, taken = Bucket(per_minute), 0.0, []
    for amount in amounts:
        now += gap
        now += bucket.wait(amount, now)
        bucket.take(amount, now)
        taken.append((now, amount))
    for start, _ in taken:
        inside = [(at, amount) for at, amount in taken if start <= at < start + 60]
        # What overfills a bucket by itself is let through and paid back: the last one may stick out.
        assert sum(amount for _, amount in inside[:-1]) <= per_minute * 1.001 + max(1, per_minute / 60)


def test_requests_a_minute_are_kept_and_used():
    lane = Lane(512)
    lane.hear(Quota(requests=600))
    done = simulate(lambda now, flying: (0.5, FINE), lane=lane, seconds=300)
    starts = np.array([start for start, *_ in done])
    busiest = max(np.sum((starts >= at) & (starts < at + 60)) for at in starts)
    assert busiest <= 600
    assert len(done) / 300 > 0.95 * 10


def test_tokens_a_minute_are_kept_and_what_was_reserved_too_much_is_given_back():
    lane = Lane(512)
    lane.hear(Quota(tokens=6000))
    # 40 tokens are reserved a call and 20 used: 5 calls a second, not 2.5.
    done = simulate(lambda now, flying: (0.5, FINE), lane=lane, seconds=300, tokens=40.0)
    assert 0.9 * 5 < len(done) / 300 <= 5.05


def test_the_servers_count_of_what_is_left_empties_a_bucket_and_never_fills_it():
    lane = Lane(512)
    lane.hear(Quota(requests=60))
    assert lane.wait(1, now=0.0) == 0
    lane.hear(Quota(requests=60, requests_left=0))
    # Empty, and filled at 59 / 60 a second: see Bucket.
    assert lane.wait(1, now=0.0) == pytest.approx(60 / 59)
    lane.hear(Quota(requests=60, requests_left=60))
    assert lane.wait(1, now=0.0) == pytest.approx(60 / 59)


def test_one_refusal_holds_up_no_one_else_and_a_row_of_them_does():
    lane = Lane(8)
    for _ in range(4):
        lane.start(1, 0.0)
    lane.landed([failure("rate limit", 7.0)], 1, 0.1, now=0.1)
    assert lane.wait(1, 0.1) == 0
    lane.landed([failure("rate limit", 7.0)], 1, 0.1, now=0.2)
    lane.landed([failure("rate limit", 7.0)], 1, 0.1, now=0.3)
    assert lane.wait(1, 0.3) == pytest.approx(7.0)


def test_a_server_that_vanishes_is_called_by_one_at_a_time():
    lane, now = Lane(64), 0.0
    lane.start(1, now)
    lane.landed([FINE], 1, 1.0, now)
    for _ in range(8):
        lane.start(1, now)
    for _ in range(8):
        lane.landed([failure("connection")], 1, 0.1, now)
    assert lane.away and not lane.lost(now, patience=600)
    pauses = []
    for _ in range(8):
        pauses.append(lane.wait(1, now))
        now += pauses[-1]
        assert not lane.full()
        lane.start(1, now)
        assert lane.full()
        lane.landed([failure("connection")], 1, 0.1, now)
    assert pauses == sorted(pauses) and pauses[-1] == 15.0
    assert lane.lost(now, patience=now - 1) and not lane.lost(now, patience=now + 1)
    lane.start(1, now)
    lane.landed([FINE], 1, 1.0, now)
    assert not lane.away and not lane.full()


def test_an_address_where_nothing_ever_answered_is_given_up_soon():
    lane, now = Lane(64), 0.0
    for _ in range(8):
        lane.start(1, now)
    for _ in range(8):
        lane.landed([failure("connection")], 1, 0.1, now)
    calls = 0
    while not lane.lost(now, patience=600):
        now += lane.wait(1, now)
        lane.start(1, now)
        lane.landed([failure("connection")], 1, 0.1, now)
        calls += 1
    # After 0.5, 1 and 2 s.
    assert calls == 3 and now == pytest.approx(3.5)


def test_providers_of_one_endpoint_share_a_lane():
    lanes = Lanes()
    assert lanes.of(Scripted(model="a@1/x")) is lanes.of(Scripted(model="a@1/x"))
    assert lanes.of(Scripted(model="a@1/x")) is not lanes.of(Scripted(model="b@1/x"))


def test_a_ceiling_is_kept():
    window = Window(3)
    for _ in range(1000):
        window.landed(seconds=1.0, congested=False, full=True)
        assert window.limit <= 3
    for _ in range(1000):
        window.landed(seconds=1.0, congested=True, full=False)
    assert window.limit == 1
