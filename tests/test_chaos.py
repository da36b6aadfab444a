"""A server that misbehaves in every way at once: no answer lost, none doubled, none swapped, failures typed.

The sizes here are for every push; `POPULACE_CHAOS=full` (`make chaos`) runs the sizes of the issue.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator

import msgspec
import pytest

from chaos_faults import FAMILIES, HARMLESS, PASSING, PERMANENT, mix
from chaos_server import ChaosServer, expected
from populace.errors import ModelError
from populace.models import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Price,
    Request,
    Result,
    Usage,
)
from populace.models.openai import OpenAI
from populace.models.scripted import Scripted
from populace.run import Journal, Retries, run
from populace.run.lanes import Lane, Window

FULL = os.environ.get("POPULACE_CHAOS") == "full"
CALLS = 20_000 if FULL else 1_500
AWAY = 60.0 if FULL else 2.0
FEW = Retries(attempts=10, base=0.01, cap=0.05)
PRICE = Price(input=1.0, output=10.0)


def model_of(server: ChaosServer, concurrency: int = 64) -> OpenAI:
    return OpenAI("m", base_url=server.url, timeout=server.timeout, concurrency=concurrency, price=PRICE)


def plan(model: OpenAI | Scripted, calls: int) -> Iterator[Request]:
    """Every fifth request chooses, the others write."""
    for i in range(calls):
        messages = (Message("system", "Be brief."), Message("user", f"question {i}"))
        if i % 5 == 4:
            yield ChooseRequest(model=model.model, messages=messages, options=("A", "B"))
        else:
            yield GenerateRequest(model=model.model, messages=messages, max_tokens=64)


def right(request: Request) -> Result:
    """The one true answer to a request."""
    answer = expected([{"role": m.role, "content": m.content} for m in request.messages])
    usage = Usage(answer.prompt_tokens, answer.completion_tokens)
    if isinstance(request, GenerateRequest):
        return Completion(key=request.key, text=answer.text, usage=usage)
    choice = Choice(key=request.key, log_likelihoods=answer.logprobs, tokens=(1, 1), text="A", usage=usage)
    return rounded(choice)


def rounded(result: Result | None) -> Result | None:
    """Sums of probabilities differ in the last bits from the numbers that were sent."""
    if not isinstance(result, Choice):
        return result
    found = tuple(value and round(value, 9) for value in result.log_likelihoods)
    return msgspec.structs.replace(result, log_likelihoods=found)


BILLED = {"empty choices", "no message"}
"""Replies that hold no answer and say what they took: they are paid for."""


def check(journal: Journal, requests: Iterable[Request], model: OpenAI, server: ChaosServer) -> None:
    """Hold every row to the answer that belongs to it, and the sums to what the server billed for them."""
    answered = prompt = completion = keys = wasted = 0
    for request in requests:
        keys += 1
        found = journal.get(request.key)
        body = model.encode(request)
        tries = range(server.ledger.asked[request.messages[-1].content])
        useless = sum(server.fault_of(body, time) in BILLED for time in tries)
        wasted += useless * (right(request).usage.prompt_tokens + right(request).usage.completion_tokens)
        fault = server.fault_of(body, 0)
        if fault in PERMANENT:
            assert refused(found) == fault.partition(" ")[0], (fault, found)
            if isinstance(found, Failure):
                continue
        else:
            assert rounded(found) == right(request)
            # The server, too, says that it sent this answer to this question.
            sent = server.ledger.served[request.messages[-1].content]
            assert sent == expected([{"role": m.role, "content": m.content} for m in request.messages])
        answered += 1
        prompt += right(request).usage.prompt_tokens
        completion += right(request).usage.completion_tokens
    totals = journal.totals["s"]
    # `answered` counts records: a key answered twice would show here.
    assert (totals.answered, totals.failed, len(journal)) == (answered, keys - answered, keys)
    # A useless reply may itself be lost behind a late copy of another answer.
    assert prompt + completion <= totals.tokens <= prompt + completion + wasted
    assert totals.dollars == pytest.approx((totals.prompt_tokens + 10 * totals.completion_tokens) / 1e6)


def refused(result: Result | None) -> str | None:
    """The kind of a permanent refusal, as the names of the faults begin."""
    if isinstance(result, Completion):
        return "filtered" if result.finish == "refusal" else None
    if isinstance(result, Choice):
        return "filtered" if not any(result.log_likelihoods) and not result.exact else None
    if result is None or result.retryable:
        return None
    return {"content filter": "filtered", "context length": "long"}.get(result.boundary)


def test_every_fault_at_five_percent(tmp_path):
    with ChaosServer(mix(0.05), seed=3) as server:
        model = model_of(server)
        for _ in range(3):
            with Journal(tmp_path) as journal:
                run(plan(model, CALLS), model, journal, stage="s", retries=FEW)
                left = sum(
                    isinstance(record.result, Failure) and record.result.retryable for record in journal
                )
            if not left:
                break
        assert not left
        # Nothing was left out: the faults came, each at about its rate among the calls that can meet it.
        met = server.ledger.met
        assert {form for form in server.faults if not met[form]} == set()
        share = sum(met[form] for form in PASSING) / sum(met[form] for form in PASSING | HARMLESS | {""})
        assert share == pytest.approx(0.625, abs=0.05)
        with Journal(tmp_path) as journal:
            check(journal, plan(model, CALLS), model, server)


def test_a_server_that_vanishes_and_comes_back_fails_nothing(tmp_path):
    with ChaosServer(latency=0.005, timeout=5) as server, Journal(tmp_path) as journal:
        model = model_of(server, 16)
        with server.vanishing(after=200, seconds=AWAY):
            stats = run(plan(model, 600), model, journal, stage="s")
        assert (stats.answered, stats.failed) == (600, 0)
        assert stats.seconds > AWAY
        check(journal, plan(model, 600), model, server)


def test_a_server_that_never_comes_back_ends_the_run_and_keeps_what_was_answered(tmp_path):
    impatient = Retries(attempts=3, base=0.01, patience=2.0)
    with ChaosServer(latency=0.005, timeout=5) as server:
        model = model_of(server, 16)
        with (
            server.vanishing(after=200, seconds=None),
            Journal(tmp_path) as journal,
            pytest.raises(ModelError, match=r"run the same command again"),
        ):
            run(plan(model, 600), model, journal, stage="s", retries=impatient)
        with Journal(tmp_path) as journal:
            answers = {record.result.key: record.result for record in journal if record.result.key in journal}
        assert 150 < len(answers) <= 200
        true = {request.key: right(request) for request in plan(model, 600)}
        assert all(true[key] == rounded(answer) for key, answer in answers.items())
    with ChaosServer() as server, Journal(tmp_path) as journal:
        model = model_of(server, 16)
        stats = run(plan(model, 600), model, journal, stage="s")
        assert (stats.answered, stats.reused) == (600 - len(answers), len(answers))
        assert server.ledger.asked.total() == stats.answered


# One fault at a time

BOUNDARIES = {
    "429 with headers": "rate limit",
    "429 bare": "rate limit",
    "500": "server",
    "502": "server",
    "503": "overload",
    "timeout": "timeout",
    "reset": "connection",
    "half a body": "connection",
    "invalid JSON": "answer",
    "invalid UTF-8": "answer",
    "missing fields": "answer",
    "empty choices": "answer",
    "content filter": "content filter",
    "context length": "context length",
    "slow drip": "timeout",
}
FORMS = [(form, BOUNDARIES[name]) for name in BOUNDARIES for form in FAMILIES[name] if form not in HARMLESS]


@pytest.mark.parametrize(("form", "boundary"), FORMS)
async def test_each_fault_has_its_boundary(form, boundary):
    with ChaosServer(first=form, timeout=0.1) as server:
        model = model_of(server)
        write, choose = list(plan(model, 5))[3:]
        results = [(await model.generate([write]))[0], (await model.choose([choose]))[0]]
        await model.close()
    for result in results:
        if form == "filtered 200" and not isinstance(result, Failure):
            assert refused(result) == "filtered"
            continue
        assert isinstance(result, Failure)
        assert (result.boundary, result.retryable) == (boundary, form in PASSING)
        assert result.message


@pytest.mark.parametrize("form", sorted(PASSING | HARMLESS))
def test_each_passing_fault_is_got_over_by_one_more_try(tmp_path, form):
    with ChaosServer(first=form, timeout=0.2) as server, Journal(tmp_path) as journal:
        model = model_of(server, 4)
        run(plan(model, 10), model, journal, stage="s", retries=Retries(base=0.01))
        check(journal, plan(model, 10), model, server)
        if form in PASSING:
            assert set(server.ledger.asked.values()) == {2}


@pytest.mark.parametrize("form", sorted(PERMANENT))
def test_a_permanent_fault_is_asked_once(tmp_path, form):
    with ChaosServer({form: 1.0}) as server, Journal(tmp_path) as journal:
        model = model_of(server, 4)
        run(plan(model, 5), model, journal, stage="s")
        check(journal, plan(model, 5), model, server)
        assert set(server.ledger.asked.values()) == {1}


@pytest.mark.parametrize("form", ["429 retry-after", "503 retry-after"])
def test_retry_after_is_honoured(tmp_path, form):
    with ChaosServer(first=form, wait=1, timeout=5) as server, Journal(tmp_path) as journal:
        model = model_of(server, 4)
        run(plan(model, 4), model, journal, stage="s", retries=Retries(base=0.01))
        check(journal, plan(model, 4), model, server)
        waits = [second - first for first, second in server.ledger.at.values()]
    assert min(waits) >= 1.0
    assert max(waits) < 3.0


# Duplicate delivery: a stale copy must not be read as the answer to the next question.


@pytest.mark.parametrize("form", FAMILIES["duplicate"])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_every_answer_delivered_twice(tmp_path, form, concurrency):
    with ChaosServer({form: 1.0}, latency=0.001) as server, Journal(tmp_path) as journal:
        model = model_of(server, concurrency)
        stats = run(plan(model, 200), model, journal, stage="s", retries=Retries(attempts=30, base=0.001))
        check(journal, plan(model, 200), model, server)
        assert stats.failed == 0


async def test_a_copy_that_comes_while_the_connection_is_idle(tmp_path):
    with ChaosServer({"twice late": 1.0}) as server:
        model = model_of(server, 1)
        for request in plan(model, 8):
            ask = model.generate if isinstance(request, GenerateRequest) else model.choose
            assert rounded((await ask([request]))[0]) == right(request)
            await asyncio.sleep(0.03)
        await model.close()


async def test_equal_answers_of_a_server_with_constant_ids_are_believed():
    """Where ids repeat, a repeated reply proves nothing: one call at most pays for the doubt."""
    content = b'{"id": "x", "choices": [{"message": {"content": "Yes."}}]}'

    async def handle(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readuntil(b"false}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    model = OpenAI("m", base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    results = [(await model.generate([request]))[0] for request in list(plan(model, 4)) * 5]
    await model.close()
    server.close()
    assert sum(isinstance(result, Failure) for result in results) <= 1


# What the faults once did to the engine itself


def test_congestion_before_any_knee_is_found_does_not_open_the_window():
    window = Window(64)
    for _ in range(8):
        window.landed(seconds=1.0, congested=False, full=True)  # slow start: 8 becomes 16
    for call in range(32):  # 16 of the old window pass; then a round of 16, slow and with one congested
        window.landed(seconds=4.0, congested=call == 20, full=True)
    assert window.limit == 16


def test_an_error_in_the_engine_ends_the_run_and_is_raised(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(Lane, "landed", broken)
    model = Scripted(concurrency=4)
    with Journal(tmp_path) as journal, pytest.raises(ZeroDivisionError):
        run(plan(model, 100), model, journal, stage="s")
    assert model.asked.total() <= 8
