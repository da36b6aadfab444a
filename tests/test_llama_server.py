"""The `openai` provider against a real server: llama.cpp's, serving the packaged model over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from llama_server import LlamaServer, cut_model, missing
from populace.errors import ModelError
from populace.models import Choice, ChooseRequest, Completion, Failure, GenerateRequest, Message
from populace.models.openai import OpenAI
from populace.run import Journal, execute, run
from populace.run.order import unique_tokens

pytestmark = [pytest.mark.model, pytest.mark.skipif(bool(missing()), reason=missing() or "there is a server")]

NURSE = Message("system", "You are role-playing one particular person: a nurse of 34 in Ohio.")
FARMER = Message("system", "You are role-playing one particular person: a conservative farmer of 61 in Iowa.")
TAXES = Message("user", "Should taxes on the rich rise? Answer in one sentence.")

CONTEXT = 512


@pytest.fixture(scope="module")
def server():
    with LlamaServer(slots=2, context=CONTEXT) as running:
        yield running


@pytest.fixture(scope="module")
def embedded():
    pytest.importorskip("torch")
    from populace.models.embedded import Embedded

    return Embedded(precision="f32")


def open_provider(server: LlamaServer, **settings) -> OpenAI:
    return OpenAI("smollm2", base_url=server.url, concurrency=2, **settings)


async def generate(server, *requests, **settings):
    provider = open_provider(server, **settings)
    try:
        return await provider.generate(
            [GenerateRequest(model=provider.model, **{"max_tokens": 12, **request}) for request in requests]
        )
    finally:
        await provider.close()


class TestGenerate:
    async def test_temperature_zero_is_deterministic(self, server):
        request = {"messages": (NURSE, TAXES)}
        (first,) = await generate(server, request)
        (again,) = await generate(server, request)
        (other_seed,) = await generate(server, {**request, "sample": 1})
        assert isinstance(first, Completion)
        assert first.text
        assert first.text == again.text == other_seed.text

    async def test_a_sample_is_drawn_with_its_own_seed(self, server):
        request = {"messages": (NURSE, TAXES), "temperature": 1.5}
        drawn = [(await generate(server, {**request, "sample": sample}))[0].text for sample in (0, 1, 2)]
        assert len(set(drawn)) == 3

    async def test_usage_and_a_turn_that_was_cut(self, server):
        (result,) = await generate(server, {"messages": (FARMER, TAXES), "max_tokens": 3})
        turns = [{"role": m.role, "content": m.content} for m in (FARMER, TAXES)]
        assert result.finish == "length"
        assert result.usage.completion_tokens == 3
        assert result.usage.prompt_tokens == len(server.tokens(turns))

    async def test_a_turn_that_ended(self, server):
        question = Message("user", "What is the capital of France? One word.")
        (result,) = await generate(server, {"messages": (question,), "max_tokens": 64})
        assert result.finish == "stop"
        assert result.usage.completion_tokens < 64
        assert "<|im_end|>" not in result.text

    async def test_what_was_cached_is_told(self, server):
        messages = (Message("system", "You are a fisher of 47 in Maine, known for a loud laugh."), TAXES)
        await generate(server, {"messages": messages, "max_tokens": 1})
        (again,) = await generate(server, {"messages": messages, "max_tokens": 1})
        assert again.usage.cached_tokens == again.usage.prompt_tokens - 1

    async def test_an_answer_follows_its_schema(self, server):
        schema = {
            "type": "object",
            "properties": {
                "side": {"type": "string", "enum": ["for", "against"]},
                "weight": {"type": "integer", "minimum": 1, "maximum": 5},
            },
            "required": ["side", "weight"],
            "additionalProperties": False,
        }
        (result,) = await generate(
            server, {"messages": (NURSE, TAXES), "max_tokens": 64, "json_schema": json.dumps(schema)}
        )
        assert isinstance(result, Completion), result
        answer = json.loads(result.text)
        assert set(answer) == {"side", "weight"}
        assert answer["side"] in ("for", "against")
        assert answer["weight"] in range(1, 6)


class TestChoose:
    """The server computes with weights of 4 bits and activations of 8, our decoder with floats of 32.

    The tolerances hold what that leaves (0.11 in a log-likelihood was seen).
    """

    @pytest.mark.parametrize(
        ("prefill", "options", "opening", "reply"),
        [
            (False, ("1", "2"), "", "its number alone: 1 or 2"),
            (True, (" A", " B"), "I prefer Answer", "its letter alone: A or B"),
            (True, (" 1", " 2"), "I prefer Answer", "its number alone: 1 or 2"),
        ],
    )
    async def test_first_tokens_are_the_embedded_model_s(
        self, server, embedded, prefill, options, opening, reply
    ):
        provider = open_provider(server, prefill=prefill)
        names = [option.strip() for option in options]
        texts = ("Yes: they can afford it.", "No: they earned it.")
        odds = []
        for first, second in (texts, texts[::-1]):
            text = (
                f"Question: Should taxes on the rich rise?\n\nAnswer {names[0]}: {first}\n\n"
                f"Answer {names[1]}: {second}\n\nWhich answer do you prefer? Reply with {reply}."
            )
            ours, theirs = [
                (
                    await model.choose(
                        [
                            ChooseRequest(
                                model=model.model,
                                messages=(FARMER, Message("user", text)),
                                options=options,
                                opening=opening,
                            )
                        ]
                    )
                )[0]
                for model in (embedded, provider)
            ]
            assert isinstance(theirs, Choice), theirs
            assert theirs.exact
            if options != (" 1", " 2"):  # here the blank is a token of its own, and only the digit is read
                assert theirs.log_likelihoods == pytest.approx(ours.log_likelihoods, abs=0.3)
            odds.append(theirs.log_likelihoods[1] - theirs.log_likelihoods[0])
            assert odds[-1] == pytest.approx(ours.log_likelihoods[1] - ours.log_likelihoods[0], abs=0.3)
        await provider.close()
        assert odds[0] != odds[1]  # what stands where is seen

    async def test_an_option_that_is_not_among_the_likeliest_is_none(self, server):
        provider = open_provider(server)
        asked = ChooseRequest(model=provider.model, messages=(NURSE, TAXES), options=("Yes", "Zyzzyva"))
        (result,) = await provider.choose([asked])
        await provider.close()
        assert result.log_likelihoods[1] is None


class TestFailures:
    async def test_a_prompt_that_is_too_long(self, server):
        long = Message("user", "word " * 2 * CONTEXT)
        (result,) = await generate(server, {"messages": (long,)})
        assert isinstance(result, Failure)
        assert (result.boundary, result.retryable) == ("context length", False)
        assert str(CONTEXT) in result.message

    async def test_any_name_is_this_server_s_model(self, server):
        # llama.cpp serves one model and answers to every name: that the right one runs is the user's care.
        provider = OpenAI("no-such-model", base_url=server.url)
        (result,) = await provider.generate(
            [GenerateRequest(model=provider.model, messages=(TAXES,), max_tokens=1)]
        )
        await provider.close()
        assert isinstance(result, Completion)

    async def test_a_wrong_address(self, server):
        provider = OpenAI("smollm2", base_url=server.root + "/v7")
        (result,) = await provider.generate(
            [GenerateRequest(model=provider.model, messages=(TAXES,), max_tokens=1)]
        )
        await provider.close()
        assert (result.boundary, result.retryable) == ("access", False)

    async def test_a_call_that_times_out_leaves_its_slot(self, server):
        # Long enough to outlast the time limit, short enough to end soon: this server writes on when a client
        # of a whole answer has hung up.
        long = {"messages": (NURSE, Message("user", "Tell me a very long story.")), "max_tokens": 100}
        start = time.monotonic()
        (result,) = await generate(server, {**long, "temperature": 1.0}, timeout=0.3)
        assert (result.boundary, result.retryable) == ("timeout", True)
        assert time.monotonic() - start < 2
        until = time.monotonic() + 10
        while any(slot["is_processing"] for slot in server.call("/slots")):
            assert time.monotonic() < until, "the slot of a call that nobody waits for stays taken"
            await asyncio.sleep(0.05)

    async def test_a_wrong_key_and_a_server_that_is_killed(self, monkeypatch):
        monkeypatch.setenv("TEST_LLAMA_KEY", "wrong")
        with LlamaServer(settings={"api_keys": ["right"]}) as server:
            (refused,) = await generate(server, {"messages": (TAXES,)}, key_env="TEST_LLAMA_KEY")
            assert (refused.boundary, refused.retryable) == ("access", False)
            monkeypatch.setenv("TEST_LLAMA_KEY", "right")
            pending = asyncio.create_task(
                generate(server, {"messages": (TAXES,), "max_tokens": 900}, key_env="TEST_LLAMA_KEY")
            )
            await asyncio.sleep(0.3)
            assert not pending.done()
            server.kill()
            (lost,) = await pending
            assert (lost.boundary, lost.retryable) == ("connection", True)


class TestRun:
    async def test_two_stages_and_a_resume(self, server, tmp_path):
        provider = open_provider(server)
        writing = [
            GenerateRequest(model=provider.model, messages=(who, TAXES), max_tokens=8, sample=sample)
            for who in (NURSE, FARMER)
            for sample in range(3)
        ]

        def judging(journal):
            for ask in writing:
                text = f"Is this true? {journal.get(ask.key).text}\nAnswer Yes or No."
                messages = (ask.messages[0], Message("user", text))
                yield ChooseRequest(model=provider.model, messages=messages, options=("Yes", "No"))

        with Journal(tmp_path) as journal:
            half = await execute(writing[:3], provider, journal, stage="write")
            assert (half.answered, half.reused) == (3, 0)
        with Journal(tmp_path) as journal:
            written = await execute(writing, provider, journal, stage="write")
            assert (written.answered, written.reused, written.failed) == (3, 3, 0)
            judged = await execute(judging(journal), provider, journal, stage="judge")
            # At temperature 0 the three samples of a person are one text, hence one question.
            assert (judged.answered, judged.reused, judged.failed) == (2, 4, 0)
            assert all(isinstance(journal.get(ask.key), Choice) for ask in judging(journal))
            assert judged.prompt_tokens > 0
        before = server.computed_tokens()
        with Journal(tmp_path) as journal:
            again = await execute(writing, provider, journal, stage="write")
            assert (again.answered, again.reused) == (0, 6)
            again = await execute(judging(journal), provider, journal, stage="judge")
            assert (again.answered, again.reused) == (0, 6)
        assert server.computed_tokens() == before
        await provider.close()


class TestOrder:
    """What each order makes the server compute; the whole measurement is `benchmarks/bench_prefix.py`."""

    def test_streams_come_near_the_prefix_tree(self, tmp_path):
        draws = random.Random(0)
        words = Path(__file__).read_text("utf-8").split()

        def some(count):
            return " ".join(draws.choices(words, k=count))

        plan = []
        for _ in range(8):
            persona = Message("system", "You are role-playing one particular person. " + some(60))
            for _ in range(3):
                question, one, two = some(8), some(20), some(20)
                for a, b in ((one, two), (two, one)):
                    user = Message("user", f"Question: {question}\n\nAnswer 1: {a}\n\nAnswer 2: {b}")
                    plan.append(ChooseRequest(model="m", messages=(persona, user), options=("1", "2")))
        shuffled = draws.sample(plan, len(plan))
        model = cut_model(tmp_path / "cut.gguf", 1)

        def ratio(plan, **settings):
            with LlamaServer(model, slots=4, settings={"cache_ram_mib": 0}) as server:
                bodies = [[{"role": m.role, "content": m.content} for m in ask.messages] for ask in plan]
                fewest = unique_tokens(map(server.tokens, bodies))
                provider = OpenAI("m", base_url=server.url, **settings)
                asks = [msgspec.structs.replace(ask, model=provider.model) for ask in plan]
                with Journal(tempfile.mkdtemp(dir=tmp_path)) as journal:
                    assert run(asks, provider, journal, stage="judge").answered == len(plan)
                return server.computed_tokens() / fewest

        assert ratio(plan, slots=4) <= 1.15
        assert ratio(shuffled, concurrency=4) > 1.4


class TestServer:
    def test_ends_with_the_process_that_started_it(self):
        code = (
            "import time; from llama_server import LlamaServer\n"
            "with LlamaServer() as server: print(server.root, flush=True); time.sleep(60)"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            address = child.stdout.readline().strip() + "/health"
            assert urllib.request.urlopen(address, timeout=5).status == 200
            child.send_signal(signal.SIGKILL)
            child.wait()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(address, timeout=5).close()
            except OSError:
                return
            time.sleep(0.05)
        pytest.fail("the server outlives the process that started it")

    def test_a_server_that_cannot_start_says_so(self, tmp_path):
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF" + bytes(64))
        with pytest.raises(RuntimeError, match="did not start"), LlamaServer(broken):
            pass


def test_why_there_is_no_server(monkeypatch):
    def nowhere():
        raise ModelError("the packaged model is not installed", fix="install it")

    monkeypatch.setattr("llama_server.packaged_model", nowhere)
    assert "not installed" in missing()
