"""The engine: every request answered once, in the same groups whatever was done before."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.canonical import content_hash
from populace.errors import BudgetError, JournalError, ModelError
from populace.models import Choice, ChooseRequest, Completion, Failure, GenerateRequest, Message, Price, Usage
from populace.models.scripted import Scripted
from populace.run import Budget, Journal, Lanes, Record, Retries, RunStats, execute, run
from populace.run.engine import cut

MODEL = "scripted@1/exact"
AT_ONCE = Retries(attempts=3, base=0.0)


def ask(name: object, model: str = MODEL) -> GenerateRequest:
    return GenerateRequest(model=model, messages=(Message("user", str(name)),), max_tokens=4)


def pick(name: object) -> ChooseRequest:
    return ChooseRequest(model=MODEL, messages=(Message("user", str(name)),), options=("A", "B"))


def down(request, boundary="connection", message="http://localhost:1 refused", retryable=True) -> Failure:
    return Failure(key=request.key, boundary=boundary, message=message, retryable=retryable)


class Batched(Scripted):
    """A provider whose answers depend on who else is in the batch, as floating-point sums on a GPU do."""

    def __init__(self, batch_size: int, concurrency: int = 1, fail: set[str] | None = None) -> None:
        super().__init__(batch_size=batch_size, concurrency=concurrency)
        self.groups: list[list[str]] = []
        self.failing = fail or set()

    async def generate(self, requests):
        return await self._together(requests, lambda r, h: Completion(key=r.key, text=h))

    async def choose(self, requests):
        return await self._together(
            requests, lambda r, h: Choice(key=r.key, log_likelihoods=(None,), tokens=(1,), text=h)
        )

    async def _together(self, requests, make):
        keys = [request.key for request in requests]
        self.groups.append(keys)
        await asyncio.sleep(0)
        return [
            down(r, "server") if r.key in self.failing else make(r, content_hash([r.key, keys]))
            for r in requests
        ]


# Groups


def test_cut_by_kind_and_size_without_repeats():
    plan = [ask(1), ask(1), ask(2), ask(3), pick(1), pick(2), ask(1)]
    groups = [[(type(r), r.messages[0].content) for r in group.values()] for group in cut(plan, 2)]
    g, c = GenerateRequest, ChooseRequest
    assert groups == [[(g, "1"), (g, "2")], [(g, "3")], [(c, "1"), (c, "2")], [(g, "1")]]


def test_cut_is_lazy():
    pulled = []
    groups = cut((pulled.append(i) or ask(i) for i in range(1000)), 4)
    next(groups)
    assert len(pulled) == 4


async def test_a_group_with_one_key_missing_is_handed_over_whole(tmp_path):
    plan = [ask(i) for i in range(6)]
    with Journal(tmp_path) as journal:
        done = [plan[i].key for i in (0, 1, 2, 4)]
        journal.append(
            [Record(stage="s", result=Completion(key=k, text="old"), seconds=0, at=0) for k in done]
        )
        model = Batched(2)
        stats = await execute(plan, model, journal, stage="s")
        assert model.groups == [[plan[2].key, plan[3].key], [plan[4].key, plan[5].key]]
        assert (stats.answered, stats.reused) == (2, 4)
        # Only what was missing is journalled: what was there stays.
        assert [journal.get(request.key).text == "old" for request in plan] == [
            True,
            True,
            True,
            False,
            True,
            False,
        ]


requests = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=14)


@settings(max_examples=120, deadline=None)
@given(
    requests,
    st.integers(1, 4),
    st.integers(1, 3),
    st.sets(st.integers(0, 13)),
    st.lists(st.sets(st.integers(0, 13)), max_size=2),
)
def test_any_history_gives_the_results_of_an_uninterrupted_run(
    tmp_path_factory, names, size, side_by_side, done, failing
):
    """Whatever was answered before, whatever failed in sessions between: the end is the same."""
    plan = [(ask if kind else pick)(name) for kind, name in names]
    keys = [request.key for request in plan]

    with Journal(tmp_path_factory.mktemp("whole")) as whole:
        asyncio.run(execute(plan, Batched(size), whole, stage="s"))
        expected = {key: whole.get(key) for key in keys}

    with Journal(tmp_path_factory.mktemp("stopped")) as journal:
        chosen = dict.fromkeys(keys[i] for i in done if i < len(keys))
        journal.append([Record(stage="s", result=expected[key], seconds=0, at=0) for key in chosen])
        for positions in [*failing, set()]:
            before = {key for key in keys if key in journal}
            model = Batched(size, side_by_side, {keys[i] for i in positions if i < len(keys)})
            stats = asyncio.run(execute(plan, model, journal, stage="s", retries=Retries(attempts=1)))
            assert all(not before.issuperset(group) for group in model.groups)
            assert stats.answered + stats.failed + len(before) == len(set(keys))
        assert {key: journal.get(key) for key in keys} == expected
        assert journal.totals["s"].answered == len(set(keys))


# Single calls


async def test_never_more_in_flight_than_allowed_and_the_plan_is_pulled_as_needed(tmp_path):
    pulled, flying, most = 0, 0, 0

    def plan():
        nonlocal pulled
        for i in range(200):
            pulled += 1
            assert (
                pulled - landed() <= 2 * 8 + 1
            )  # in flight, landed in this turn of the loop, and one held ready
            yield ask(i)

    class Slow(Scripted):
        async def generate(self, requests):
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.0005)
            flying -= 1
            return await super().generate(requests)

    with Journal(tmp_path) as journal:

        def landed():
            return len(journal)

        stats = await execute(plan(), Slow(concurrency=8), journal, stage="s")
    assert most == 8
    assert stats.answered == 200


@pytest.mark.parametrize(("caches", "together"), [(1, 1), (2, 2), (3, 3)])
async def test_calls_in_flight_begin_differently_where_each_has_a_cache_of_its_own(
    tmp_path, caches, together
):
    flying, openings = [], []

    class Slow(Scripted):
        async def generate(self, requests):
            flying.append(requests[0].messages[0].content)
            await asyncio.sleep(0.001)
            openings.append(len(set(flying)) if len(flying) == caches else None)
            flying.remove(requests[0].messages[0].content)
            return await super().generate(requests)

    plan = [
        GenerateRequest(model=MODEL, messages=(Message("system", who), Message("user", what)), max_tokens=4)
        for who in "ABCDEF"
        for what in "123456789"
    ]
    with Journal(tmp_path) as journal:
        # Some are answered already: streams must hear of those passed over too.
        await execute(plan[3:8] + plan[20:30], Scripted(), journal, stage="s")
        model = Slow(caches=caches, concurrency=caches)
        stats = await execute(plan, model, journal, stage="s")
    assert (stats.answered, stats.reused) == (39, 15)
    counted = [number for number in openings[:-12] if number]
    assert set(counted) == {together}


async def test_repeats_of_a_key_in_flight_are_computed_once(tmp_path):
    model = Scripted(latency=0.005)
    with Journal(tmp_path) as journal:
        stats = await execute([ask("same")] * 20 + [ask("other")], model, journal, stage="s")
    assert model.asked == {ask("same").key: 1, ask("other").key: 1}
    assert (stats.answered, stats.reused, stats.seen) == (2, 19, 21)


async def test_a_second_run_asks_nothing(tmp_path):
    plan = [ask(i) for i in range(600)]
    with Journal(tmp_path) as journal:
        await execute(plan, Scripted(), journal, stage="s")
        model = Scripted()
        stats = await execute(plan, model, journal, stage="s")
    assert not model.asked
    assert (stats.answered, stats.reused) == (0, 600)


def test_run_needs_no_loop_and_closes_the_provider(tmp_path):
    closed = []

    class Closing(Scripted):
        async def close(self):
            closed.append(True)

    with Journal(tmp_path) as journal:
        assert run([ask(1)], Closing(), journal, stage="s").answered == 1
    assert closed == [True]


async def test_an_empty_plan(tmp_path):
    with Journal(tmp_path) as journal:
        stats = await execute([], Scripted(), journal, stage="s")
    assert stats.seen == 0


async def test_usage_and_dollars_are_summed(tmp_path):
    model = Scripted(
        text=lambda r: Completion(key=r.key, text="", usage=Usage(1000, 100, 10)),
        price=Price(input=2.0, output=10.0),
    )
    with Journal(tmp_path) as journal:
        stats = await execute([ask(1), ask(2)], model, journal, stage="s")
        # 2 * (1000 * $2 + 100 * $10) / 1e6 = $0.006
        assert stats.dollars == pytest.approx(0.006)
        assert journal.totals["s"].dollars == pytest.approx(0.006)
        assert (stats.prompt_tokens, stats.completion_tokens, stats.cached_tokens) == (2000, 200, 20)
        unpriced = await execute([ask(3)], Scripted(), journal, stage="s")
        assert unpriced.dollars is None
        assert journal.totals["s"].dollars is None


async def test_progress_sees_every_step(tmp_path):
    seen = []
    with Journal(tmp_path) as journal:
        await execute([ask(1)], Scripted(), journal, stage="s")
        plan = [ask(1), ask(2), ask(3)]
        await execute(
            plan, Scripted(concurrency=1), journal, stage="s", progress=lambda s: seen.append(s.seen)
        )
    assert seen == sorted(seen) and seen[-1] == 3


# Faults


async def test_a_passing_fault_is_retried_and_leaves_no_row(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "server") if before < 2 else None)
    with Journal(tmp_path) as journal:
        stats = await execute([ask(i) for i in range(5)], model, journal, stage="s", retries=AT_ONCE)
        assert len(list(journal)) == 5
    assert (stats.answered, stats.failed, stats.retries) == (5, 0, 10)


async def test_a_lasting_fault_becomes_a_row_and_the_next_run_tries_again(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "server"))
    with Journal(tmp_path) as journal:
        stats = await execute([ask(1), ask(1)], model, journal, stage="s", retries=AT_ONCE)
        assert (stats.failed, stats.reused, model.asked[ask(1).key]) == (1, 1, 3)
        assert journal.get(ask(1).key).boundary == "server"
        stats = await execute([ask(1)], Scripted(), journal, stage="s")
        assert (stats.answered, journal.totals["s"].failed) == (1, 0)


async def test_a_permanent_fault_is_not_retried(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "request", retryable=False))
    with Journal(tmp_path) as journal:
        stats = await execute([ask(1)], model, journal, stage="s", retries=AT_ONCE)
    assert (stats.failed, model.asked[ask(1).key]) == (1, 1)


async def test_in_a_group_a_retry_changes_only_what_failed(tmp_path):
    class Flaky(Batched):
        async def generate(self, requests):
            # First the second request fails, then the first: both were answered once.
            self.failing = {requests[1 - len(self.groups)].key}
            return await super().generate(requests)

    plan = [ask(i) for i in range(3)]
    with Journal(tmp_path / "flaky") as journal, Journal(tmp_path / "calm") as calm:
        model = Flaky(3)
        await execute(plan, model, journal, stage="s", retries=AT_ONCE)
        await execute(plan, Batched(3), calm, stage="s")
        assert model.groups == [[request.key for request in plan]] * 2
        assert [journal.get(r.key) for r in plan] == [calm.get(r.key) for r in plan]


def test_pauses_grow_are_capped_and_honour_the_server():
    def busy(retry_after=None):
        message = "429"
        return Failure(
            key="00" * 16, boundary="rate limit", message=message, retryable=True, retry_after=retry_after
        )

    retries = Retries(attempts=9, base=1.0, cap=4.0, patience=100)
    for tried, most in ((1, 1), (2, 2), (3, 4), (4, 4), (8, 4)):
        pauses = [retries.pause(tried, [busy()]) for _ in range(200)]
        # 200 uniform draws: all within [0, most], and the largest above 0.8 most but for 1 in 10^19.
        assert min(pauses) >= 0 and 0.8 * most < max(pauses) <= most
    assert retries.pause(9, [busy()]) is None
    assert retries.pause(1, [down(ask(1), "request", "400", retryable=False)]) is None
    assert retries.pause(1, []) is None
    for _ in range(50):  # never before the server wants, and not all at the same moment
        assert 20 <= retries.pause(1, [busy(7.5), busy(20)]) <= 21
    assert retries.pause(1, [busy(101)]) is None


async def test_a_slow_call_times_out(tmp_path):
    with Journal(tmp_path) as journal:
        await execute(
            [ask(1)], Scripted(latency=5), journal, stage="s", timeout=0.01, retries=Retries(attempts=1)
        )
        result = journal.get(ask(1).key)
    assert (result.boundary, result.message, result.retryable) == ("timeout", "no answer within 0.01 s", True)


async def test_an_unreachable_model_stops_the_run_early(tmp_path):
    model = Scripted(fail=lambda request, before: down(request), concurrency=1)
    with (
        Journal(tmp_path) as journal,
        pytest.raises(
            ModelError,
            match=r"scripted@1/exact cannot be reached: http://localhost:1 refused.*check the address",
        ),
    ):
        await execute(
            [ask(i) for i in range(100)], model, journal, stage="s", retries=Retries(attempts=6, base=0)
        )
    assert sum(model.asked.values()) <= 6


async def test_an_unreachable_model_is_named_even_for_one_call(tmp_path):
    model = Scripted(fail=lambda request, before: down(request))
    with Journal(tmp_path) as journal, pytest.raises(ModelError, match="cannot be reached"):
        await execute([ask(1)], model, journal, stage="s", retries=AT_ONCE)


async def test_a_server_that_comes_back_is_waited_for(tmp_path):
    asked = 0

    def fail(request, before):
        nonlocal asked
        asked += 1
        return down(request) if 20 < asked <= 26 else None

    with Journal(tmp_path) as journal:
        model = Scripted(fail=fail, concurrency=2)
        stats = await execute([ask(i) for i in range(60)], model, journal, stage="s")
    assert (stats.answered, stats.failed) == (60, 0)
    # 6 misses with 2 in flight: three close the lane, and then one call at a time finds out.
    assert stats.retries == 6


async def test_a_server_that_stays_away_ends_the_run_and_fails_nothing(tmp_path):
    def fail(request, before):
        return None if int(request.messages[0].content) < 5 else down(request)

    with Journal(tmp_path) as journal:
        model = Scripted(fail=fail, concurrency=4)
        with pytest.raises(ModelError, match=r"has gone away: http://localhost:1 refused"):
            await execute(
                [ask(i) for i in range(100)], model, journal, stage="s", retries=Retries(patience=0.6)
            )
        assert journal.totals["s"].answered == 5 and journal.totals["s"].failed == 0
        assert (await execute([ask(i) for i in range(9)], Scripted(), journal, stage="s")).answered == 4


async def test_a_call_that_breaks_every_connection_is_a_row_of_its_own(tmp_path):
    def fail(request, before):
        return down(request) if request.messages[0].content == "3" else None

    with Journal(tmp_path) as journal:
        model = Scripted(fail=fail, concurrency=2, latency=0.001)
        plan = [ask(i) for i in range(300)]
        stats = await execute(plan, model, journal, stage="s", retries=Retries(attempts=3, base=0))
        assert (stats.answered, stats.errors) == (299, {"connection": 1})


async def test_a_wrong_key_ends_the_run_and_is_no_row(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "access", "HTTP 401: no such key", False))
    with Journal(tmp_path) as journal:
        with pytest.raises(ModelError, match=r"refuses every call: HTTP 401: no such key.*mend the key"):
            await execute([ask(i) for i in range(100)], model, journal, stage="s")
        assert len(journal) == 0 and len(model.asked) <= 8


async def test_errors_of_a_requests_own_are_kept_until_asked_for(tmp_path):
    def fail(request, before):
        return down(request, "context length", "too long", False) if request == ask(1) else None

    plan = [ask(i) for i in range(3)]
    with Journal(tmp_path) as journal:
        stats = await execute(plan, Scripted(fail=fail), journal, stage="s")
        assert (stats.answered, stats.errors) == (2, {"context length": 1})
        again = Scripted()
        stats = await execute(plan, again, journal, stage="s")
        assert (stats.reused, stats.failed, stats.errors) == (2, 1, {"context length": 1})
        assert not again.asked
        stats = await execute(plan, again, journal, stage="s", retry_errors=True)
        assert (stats.answered, stats.reused, stats.failed) == (1, 2, 0)
        assert journal.totals["s"].failed == 0


async def test_text_that_is_no_unicode_is_a_failure_and_not_the_end_of_the_run(tmp_path):
    def text(request):
        odd = "half an emoji \ud83d"
        return {"1": odd, "2": down(request, "request", odd, False)}.get(request.messages[0].content, "fine")

    with Journal(tmp_path) as journal:
        plan = [ask(1), ask(2), ask(3)]
        stats = await execute(plan, Scripted(text=text), journal, stage="s", retries=AT_ONCE)
        assert (stats.answered, stats.failed) == (1, 2)
        assert journal.get(ask(1).key).boundary == "answer"
        assert journal.get(ask(2).key).message == r"'half an emoji \ud83d'"


async def test_a_provider_that_mixes_up_answers_is_found_out(tmp_path):
    class Mixed(Scripted):
        async def generate(self, requests):
            return list(reversed(await super().generate(requests)))

    with Journal(tmp_path) as journal, pytest.raises(ModelError, match="in their order"):
        await execute([ask(1), ask(2)], Mixed(batch_size=2), journal, stage="s")
    assert len(journal) == 0


async def test_a_plan_for_another_model_is_refused(tmp_path):
    with (
        Journal(tmp_path) as journal,
        pytest.raises(ModelError, match="is for other@1, not scripted@1/exact"),
    ):
        await execute([ask(1, model="other@1")], Scripted(), journal, stage="s")


async def test_an_error_in_the_plan_comes_through_and_what_landed_is_kept(tmp_path):
    def plan():
        yield ask(1)
        yield ask(2)
        raise ZeroDivisionError

    with Journal(tmp_path) as journal, pytest.raises(ZeroDivisionError):
        await execute(plan(), Scripted(concurrency=1), journal, stage="s")
    assert ask(1).key in journal


async def test_a_full_disk_stops_the_run(tmp_path, monkeypatch):
    with Journal(tmp_path) as journal:
        await execute([ask(1)], Scripted(), journal, stage="s")

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("populace.run.journal.os.pwrite", full)
            with pytest.raises(JournalError, match="the disk is full"):
                await execute([ask(i) for i in range(9)], Scripted(), journal, stage="s")
    with Journal(tmp_path) as journal:
        assert len(journal) == 1
        assert (await execute([ask(i) for i in range(9)], Scripted(), journal, stage="s")).answered == 8


# Budget


def costly(name) -> GenerateRequest:
    """A prompt of 32 characters (8 tokens) and at most 4 tokens of answer, 2 of which are used."""
    return ask(f"{name:032d}")


def spending(request):
    return Completion(key=request.key, text="", usage=Usage(prompt_tokens=8, completion_tokens=2))


async def test_a_budget_is_never_passed(tmp_path):
    plan = [costly(i) for i in range(100)]
    with Journal(tmp_path) as journal:
        # A call may take 12 tokens and takes 10. 35 have room for two at once; when both have landed 20 are
        # spent and a third may start; then 30 are spent and a fourth might take 42.
        model = Scripted(text=spending, concurrency=4, latency=0.002)
        with pytest.raises(
            BudgetError, match=r"30 of 35 tokens are spent, and .*'s' are left.*raise the budget"
        ):
            await execute(plan, model, journal, stage="s", budget=Budget(tokens=35))
        assert len(journal) == sum(model.asked.values()) == 3
        # Reached in one session is reached in the next: nothing is asked.
        again = Scripted(text=spending)
        with pytest.raises(BudgetError):
            await execute(plan, again, journal, stage="s", budget=Budget(tokens=35))
        assert not again.asked
        # With a larger one the run goes on.
        stats = await execute(plan, again, journal, stage="s", budget=Budget(tokens=1002))
        assert stats.answered == 100 - stats.reused
        # And a run with nothing left to pay for is not stopped by a budget that is used up.
        stats = await execute(plan, again, journal, stage="s", budget=Budget(tokens=35))
        assert stats.reused == 100


@given(tokens=st.integers(0, 500), at_once=st.integers(1, 9), latency=st.sampled_from([0.0, 0.001]))
@settings(max_examples=30, deadline=None)
def test_a_budget_is_never_passed_and_never_left_unused(tmp_path_factory, tokens, at_once, latency):
    model = Scripted(text=spending, concurrency=at_once, latency=latency)
    with Journal(tmp_path_factory.mktemp("run")) as journal:
        try:
            run([costly(i) for i in range(40)], model, journal, stage="s", budget=Budget(tokens=tokens))
        except BudgetError:
            assert tokens - 12 < journal.totals["s"].tokens if "s" in journal.totals else tokens < 12
        assert sum(totals.tokens for totals in journal.totals.values()) <= tokens


async def test_a_budget_in_dollars(tmp_path):
    # $0.50 a token of answer: a call may take $2 and takes $1.
    model = Scripted(text=spending, price=Price(input=0.0, output=500_000))
    with Journal(tmp_path) as journal, pytest.raises(BudgetError, match=r"\$3\.00 of \$4\.50 are spent"):
        await execute([costly(i) for i in range(9)], model, journal, stage="s", budget=Budget(dollars=4.5))
    assert len(journal) == 3


async def test_a_budget_in_dollars_needs_a_price(tmp_path):
    model = Scripted()
    with (
        Journal(tmp_path) as journal,
        pytest.raises(BudgetError, match=r"price of scripted@1/exact is unknown"),
    ):
        await execute([ask(1)], model, journal, stage="s", budget=Budget(dollars=1))
    assert not model.asked


# Stopping


async def test_a_cancelled_run_leaves_the_journal_whole(tmp_path):
    plan = [ask(i) for i in range(50)]
    model = Scripted(latency=0.002, concurrency=2)
    with Journal(tmp_path) as journal:
        task = asyncio.create_task(execute(plan, model, journal, stage="s"))
        while len(journal) < 10:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        landed = len(journal)
        await asyncio.sleep(0.01)
        assert len(journal) == landed < 50  # no worker goes on behind our back
    with Journal(tmp_path) as journal:
        stats = await execute(plan, model, journal, stage="s")
        assert (stats.reused, stats.answered) == (landed, 50 - landed)
    assert max(Counter(model.asked).values()) <= 2
    assert sum(model.asked.values()) <= 50 + model.concurrency


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c(tmp_path):
    plan = [ask(i) for i in range(1000)]

    def interrupt(stats: RunStats) -> None:
        if stats.answered == 20:
            signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path) as journal:
        run(plan, Scripted(concurrency=2), journal, stage="s", progress=interrupt)
    with Journal(tmp_path) as journal:
        landed = len(journal)
        assert 20 <= landed <= 22
        assert run(plan, Scripted(), journal, stage="s").reused == landed


# What a cold review found


async def test_calls_without_a_price_do_not_lift_a_budget_in_dollars(tmp_path):
    plan = [costly(i) for i in range(30)]
    with Journal(tmp_path) as journal:
        await execute(plan[:10], Scripted(text=spending), journal, stage="s")
        assert journal.totals["s"].dollars is None
        priced = Scripted(text=spending, price=Price(input=0.0, output=500_000))
        with pytest.raises(BudgetError, match=r"\$3\.00 of \$4\.50"):
            await execute(plan, priced, journal, stage="s", budget=Budget(dollars=4.5))
        assert journal.totals["s"].known_dollars == 3


async def test_one_prompt_that_is_refused_is_a_row_and_holds_nothing_up(tmp_path):
    def fail(request, before):
        return down(request, "access", "HTTP 403: blocked", False) if request == ask(7) else None

    plan = [ask(i) for i in range(50)]
    with Journal(tmp_path) as journal:
        stats = await execute(plan, Scripted(fail=fail, latency=0.001), journal, stage="s")
        assert (stats.answered, stats.errors) == (49, {"access": 1})
        again = Scripted()
        assert (await execute(plan, again, journal, stage="s")).failed == 1 and not again.asked
        assert (await execute(plan, again, journal, stage="s", retry_errors=True)).answered == 1


async def test_a_key_that_expires_half_way_ends_the_run_and_leaves_no_rows(tmp_path):
    asked = 0

    def fail(request, before):
        nonlocal asked
        asked += 1
        return down(request, "access", "HTTP 401: expired", False) if asked > 100 else None

    with Journal(tmp_path) as journal:
        with pytest.raises(ModelError, match="refuses every call: HTTP 401: expired"):
            await execute([ask(i) for i in range(500)], Scripted(fail=fail), journal, stage="s")
        assert (journal.totals["s"].answered, journal.totals["s"].failed) == (100, 0)


async def test_an_answer_that_cannot_be_used_is_paid_for_and_counts(tmp_path):
    used = Usage(prompt_tokens=8, completion_tokens=2)

    def fail(request, before):
        useless = Failure(key=request.key, boundary="answer", message="{", retryable=True, usage=used)
        return useless if before < 2 else None

    plan = [costly(i) for i in range(3)]
    with Journal(tmp_path) as journal:
        model = Scripted(text=spending, fail=fail, price=Price(input=0.0, output=500_000))
        stats = await execute(plan, model, journal, stage="s", retries=AT_ONCE)
        # Three tries of 10 tokens and $1 each, for three calls; the last of each was answered.
        assert (stats.answered, stats.failed, stats.prompt_tokens + stats.completion_tokens) == (3, 0, 90)
        assert stats.dollars == pytest.approx(9)
    with Journal(tmp_path) as journal:
        totals = journal.totals["s"]
        assert (totals.answered, totals.failed, totals.tokens) == (3, 0, 90)
        assert totals.dollars == pytest.approx(9)


async def test_a_server_that_never_gives_a_usable_answer_ends_the_run(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "answer", "<html>log in</html>"))
    with Journal(tmp_path) as journal, pytest.raises(ModelError, match="no usable answer: <html>log in"):
        await execute([ask(i) for i in range(1000)], model, journal, stage="s")
    assert sum(model.asked.values()) < 60


async def test_a_server_that_wants_to_be_left_alone_for_a_day_ends_the_run(tmp_path):
    def fail(request, before):
        day = Failure(key=request.key, boundary="rate limit", message="HTTP 429: come back tomorrow",
                      retryable=True, retry_after=86_400)  # fmt: skip
        return day if int(request.messages[0].content) >= 20 else None

    with Journal(tmp_path) as journal:
        with pytest.raises(ModelError, match="wants to be left alone for long: HTTP 429: come back"):
            await asyncio.wait_for(
                execute([ask(i) for i in range(500)], Scripted(fail=fail), journal, stage="s"), timeout=10
            )
        stats = await execute([ask(i) for i in range(500)], Scripted(), journal, stage="s")
        assert stats.reused == 20 and stats.answered == 480


async def test_two_runs_on_one_lane_both_end(tmp_path):
    lanes, asked = Lanes(), 0

    def fail(request, before):
        nonlocal asked
        asked += 1
        return down(request) if 30 < asked < 36 else None

    model = Scripted(fail=fail, latency=0.001, concurrency=3)
    with Journal(tmp_path / "a") as one, Journal(tmp_path / "b") as two:
        runs = (
            execute([ask(f"{name}{i}") for i in range(40)], model, journal, stage="s", lanes=lanes,
                    retries=Retries(base=0.01))
            for name, journal in (("a", one), ("b", two))
        )  # fmt: skip
        both = await asyncio.wait_for(asyncio.gather(*runs), timeout=60)
    assert [stats.answered for stats in both] == [40, 40]


async def test_what_a_group_answered_is_kept_when_the_run_is_cancelled(tmp_path):
    class Stuck(Batched):
        async def generate(self, requests):
            if self.groups:
                await asyncio.sleep(60)
            self.failing = {requests[0].key}
            return await super().generate(requests)

    plan = [ask(i) for i in range(4)]
    with Journal(tmp_path) as journal:
        task = asyncio.create_task(execute(plan, Stuck(4), journal, stage="s", retries=AT_ONCE))
        await asyncio.sleep(0.1)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(journal) == 3


async def test_an_outage_is_shown(tmp_path):
    asked, shown = 0, []

    def fail(request, before):
        nonlocal asked
        asked += 1
        return down(request) if 20 < asked <= 25 else None

    with Journal(tmp_path) as journal:
        plan = [ask(i) for i in range(60)]
        model = Scripted(fail=fail, concurrency=2)
        await execute(plan, model, journal, stage="s", progress=lambda stats: shown.append(stats.waiting))
    assert "server away" in shown and shown[-1] == ""


async def test_a_key_that_failed_counts_once_however_often_it_stands_in_the_plan(tmp_path):
    model = Scripted(fail=lambda request, before: down(request, "request", retryable=False))
    with Journal(tmp_path) as journal:
        for _ in range(2):
            stats = await execute([ask(1)] * 3, model, journal, stage="s")
            assert (stats.failed, stats.reused) == (1, 2)


def test_the_garbage_collector_is_left_as_it_was(tmp_path):
    before = gc.get_threshold()

    async def both():
        with Journal(tmp_path / "a") as one, Journal(tmp_path / "b") as two:
            slow, fast = Scripted(latency=0.02), Scripted(latency=0.01)
            await asyncio.gather(
                execute([ask(1)], slow, one, stage="s"), execute([ask(1)], fast, two, stage="s")
            )

    asyncio.run(both())
    assert gc.get_threshold() == before
