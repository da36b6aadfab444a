"""The any-llm provider against servers on this machine that speak OpenAI's and Anthropic's protocols."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from populace.errors import ModelError
from populace.models import ChooseRequest, Failure, GenerateRequest, Message, Quota, Usage, open_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("any_llm") is None, reason="the package any-llm-sdk is not installed"
)
needs_anthropic = pytest.mark.skipif(
    importlib.util.find_spec("anthropic") is None, reason="the package anthropic is not installed"
)

ASK = GenerateRequest(
    model="m",
    messages=(Message("system", "Be brief."), Message("user", "Why?")),
    max_tokens=8,
    temperature=0.5,
)
PICK = ChooseRequest(model="m", messages=(Message("user", "A or B?"),), options=("A", "B"))
SCHEMA = GenerateRequest(model="m", messages=ASK.messages, max_tokens=8, json_schema='{"type": "object"}')


def completion(content="Because.", finish="stop", logprobs=None, **message):
    turn = {"role": "assistant", "content": content, **message}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": turn, "finish_reason": finish, "logprobs": logprobs}],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 3,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }


def first_token(**tokens):
    alternatives = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in tokens.items()]
    return {"content": [{"token": "A", "logprob": -1, "bytes": None, "top_logprobs": alternatives}]}


@asynccontextmanager
async def server(body, status=200, vendor="llamafile", base="/v1", wait=0.0, headers=None, **settings):
    """Answer every call alike: JSON, or bytes."""
    seen: list[tuple[dict, dict]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((await request.json(), dict(request.headers)))
        await asyncio.sleep(wait)
        if isinstance(body, bytes):
            return web.Response(body=body, status=status, headers=headers, content_type="application/json")
        return web.json_response(body, status=status, headers=headers)

    app = web.Application()
    app.router.add_post("/v1/{rest:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}{base}"
    model = open_model({"provider": f"any-llm:{vendor}:m", "api_base": address, **settings})
    try:
        yield model, seen
    finally:
        await model.close()
        await runner.cleanup()


async def failure(body, status=200, **settings) -> Failure:
    async with server(body, status, **settings) as (model, seen):
        results = [(await model.generate([ASK]))[0], (await model.choose([PICK]))[0]]
    assert all(isinstance(result, Failure) for result in results)
    assert [result.key for result in results] == [ASK.key, PICK.key]
    assert len(seen) == 2, "the package must not try again by itself"
    return results[0]


class TestGenerate:
    async def test_text_usage_and_body(self):
        async with server(completion()) as (model, seen):
            (result,) = await model.generate([ASK])
        assert (result.key, result.text, result.finish) == (ASK.key, "Because.", "stop")
        assert result.usage == Usage(12, 3, 8)
        body, _ = seen[0]
        assert body["model"] == "m"
        assert body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ]
        assert (body["temperature"], body["max_completion_tokens"]) == (0.5, 8)
        assert body["seed"] == int(ASK.key[:8], 16) >> 1

    @pytest.mark.parametrize(
        ("answer", "finish", "text"),
        [
            (completion(finish="length"), "length", "Because."),
            (completion(finish="content_filter"), "refusal", "Because."),
            (completion(content=None, refusal="I will not."), "refusal", "I will not."),
        ],
    )
    async def test_finish(self, answer, finish, text):
        async with server(answer) as (model, _):
            (result,) = await model.generate([ASK])
        assert (result.finish, result.text) == (finish, text)

    async def test_json_schema(self):
        async with server(completion("{}"), vendor="openai") as (model, seen):
            (result,) = await model.generate([SCHEMA])
        assert result.text == "{}"
        held = {"name": "answer", "schema": {"type": "object"}, "strict": True}
        assert seen[0][0]["response_format"] == {"type": "json_schema", "json_schema": held}

    async def test_a_vendor_without_schemas_says_so(self):
        async with server(completion("{}")) as (model, seen):
            (result,) = await model.generate([SCHEMA])
        assert (result.boundary, result.retryable, seen) == ("request", False, [])
        assert "response_format" in result.message


class TestChoose:
    async def test_logprobs(self):
        # A is offered as "A" and " A": 0.6 + 0.1; B as "B.": 0.2.
        answer = completion("A", logprobs=first_token(**{"A": 0.6, " A": 0.1, "B.": 0.2, "I": 0.05}))
        async with server(answer) as (model, seen):
            (result,) = await model.choose([PICK])
        assert result.log_likelihoods == pytest.approx((math.log(0.7), math.log(0.2)))
        assert result.exact
        body, _ = seen[0]
        assert (body["logprobs"], body["top_logprobs"], body["max_completion_tokens"]) == (True, 20, 1)

    async def test_without_logprobs_the_text_is_matched(self):
        async with server(completion(" B"), logprobs=False) as (model, seen):
            (result,) = await model.choose([PICK])
        assert (result.log_likelihoods, result.exact, result.text) == ((None, 0.0), False, " B")
        assert "logprobs" not in seen[0][0]


class TestFailures:
    async def test_rate_limit(self):
        error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
        result = await failure(error, 429, headers={"Retry-After": "7"})
        assert (result.boundary, result.retryable, result.retry_after) == ("rate limit", True, 7.0)
        assert result.message == "HTTP 429: slow down [rate_limit_exceeded]"

    @pytest.mark.parametrize(
        ("status", "error", "boundary", "retryable"),
        [
            (429, {"message": "x", "code": "insufficient_quota"}, "access", False),
            (401, {"message": "wrong key"}, "access", False),
            (404, {"message": "The model `m` does not exist", "code": "model_not_found"}, "access", False),
            (400, {"message": "This model's maximum context length is 4096 tokens"}, "context length", False),
            (400, {"message": "the token limit was reached"}, "context length", False),
            (400, {"message": "filtered", "code": "content_filter"}, "content filter", False),
            (400, {"message": "harmful content"}, "content filter", False),
            # Words like "auth" make any-llm call this an authentication error; the status says otherwise.
            (400, {"message": "the author field is unknown"}, "request", False),
            (408, {"message": "slow"}, "timeout", True),
            (500, {"message": "oops"}, "server", True),
            (503, {"message": "overloaded"}, "overload", True),
        ],
    )
    async def test_errors_are_typed(self, status, error, boundary, retryable):
        result = await failure({"error": error}, status)
        assert (result.boundary, result.retryable) == (boundary, retryable)
        assert result.message.startswith(f"HTTP {status}: {error['message']}")

    @pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"choices": null}', b'{"choices": []}', b"{}"])
    async def test_garbage(self, body):
        result = await failure(body)
        assert (result.boundary, result.retryable) == ("answer", True)

    async def test_timeout(self):
        result = await failure(completion(), wait=0.5, timeout=0.1)
        assert (result.boundary, result.retryable) == ("timeout", True)

    async def test_refused_connection(self, unused_tcp_port):
        model = open_model(
            {"provider": "any-llm:llamafile:m", "api_base": f"http://127.0.0.1:{unused_tcp_port}/v1"}
        )
        (result,) = await model.generate([ASK])
        await model.close()
        assert (result.boundary, result.retryable) == ("connection", True)

    async def test_a_vendor_without_chat_is_named_with_what_to_do(self, monkeypatch):
        async with server(completion()) as (model, _):

            class Chatless:
                async def acompletion(self, *args, **settings):
                    raise NotImplementedError("This provider does not support completions")

            monkeypatch.setattr(model, "_open", Chatless)
            with pytest.raises(ModelError, match=r"llamafile offers no chat.*name a vendor that does"):
                await model.generate([ASK])


class TestKey:
    async def test_is_sent_and_shown_nowhere(self, monkeypatch):
        monkeypatch.setenv("MY_KEY", "sk-secret-123")
        error = {"error": {"message": "wrong key sk-secret-123"}}
        async with server(error, 401, vendor="openai", key_env="MY_KEY") as (model, seen):
            (result,) = await model.generate([ASK])
            shown = f"{model!r} {vars(model)} {result}"
        assert seen[0][1]["Authorization"] == "Bearer sk-secret-123"
        assert "sk-secret" not in shown
        assert "[key]" in result.message

    async def test_the_usual_key_does_not_go_over_plain_http(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
        async with server(completion(), vendor="openai") as (model, seen):
            await model.generate([ASK])
        assert "sk-secret" not in str(seen[0][1])

    @pytest.mark.parametrize("settings", [{}, {"key_env": "MY_KEY"}])
    async def test_missing_key_is_said_before_anything_is_sent(self, monkeypatch, settings):
        for variable in ("OPENAI_API_KEY", "MY_KEY"):
            monkeypatch.delenv(variable, raising=False)
        model = open_model({"provider": "any-llm:openai:m", **settings})
        with pytest.raises(ModelError, match=f"export {settings.get('key_env', 'OPENAI_API_KEY')}"):
            await model.generate([ASK])


ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "B"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 3},
}


@needs_anthropic
class TestAnotherProtocol:
    """Anthropic's messages: system apart, no seed, no log-probabilities."""

    async def test_what_the_package_does_not_know_is_left_out(self, monkeypatch):
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret-123")
        async with server(ANSWER, vendor="anthropic", base="") as (model, seen):
            (text,) = await model.generate([ASK])
            (choice,) = await model.choose([PICK])
        assert (text.text, text.finish, text.usage) == ("B", "stop", Usage(12, 3))
        assert (choice.log_likelihoods, choice.exact) == ((None, 0.0), False)
        body, headers = seen[0]
        assert (body["system"], body["max_tokens"], body["temperature"]) == ("Be brief.", 8, 0.5)
        assert "seed" not in body
        assert "sk-secret" not in str(headers)

    async def test_errors(self):
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        result = await failure(error, 529, vendor="anthropic", base="", headers={"retry-after": "3"})
        assert (result.boundary, result.retryable, result.retry_after) == ("overload", True, 3.0)
        assert result.message == "HTTP 529: Overloaded"


class TestSettings:
    def test_identity(self):
        plain = open_model("any-llm:openai:gpt")
        assert plain.model == "openai:gpt@unpinned/any-llm"
        assert open_model({"provider": "any-llm:openai:gpt", "timeout": 1.0}).model == plain.model
        assert open_model({"provider": "any-llm:openai:gpt", "logprobs": False}).model != plain.model

    def test_limits_of_the_user(self):
        model = open_model({"provider": "any-llm:openai:gpt", "requests_per_minute": 30})
        assert model.quota == Quota(requests=30)

    @pytest.mark.parametrize("name", ["gpt", ":gpt", "openai:"])
    def test_a_name_without_a_vendor(self, name):
        with pytest.raises(ModelError, match="VENDOR:MODEL"):
            open_model({"provider": "any-llm", "name": name})

    async def test_a_misspelt_vendor(self):
        with pytest.raises(ModelError, match="use anthropic"):
            await open_model("any-llm:antropic:claude").generate([ASK])

    async def test_a_vendor_whose_package_is_missing(self, monkeypatch):
        import any_llm

        def lacking(*args, **settings):
            raise ImportError("boto3 required")

        monkeypatch.setattr(any_llm.AnyLLM, "create", lacking)
        with pytest.raises(ModelError, match=r"any-llm-sdk\[bedrock\]"):
            await open_model("any-llm:bedrock:m").generate([ASK])

    def test_without_the_package(self, monkeypatch):
        real = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *more: None if name == "any_llm" else real(name, *more)
        )
        with pytest.raises(ModelError, match=r"pip install 'populace\[any-llm\]'"):
            open_model("any-llm:openai:gpt")


def test_one_provider_serves_several_event_loops():
    async def once() -> str:
        (result,) = await model.generate([ASK])
        return result.boundary

    model = open_model({"provider": "any-llm:llamafile:m", "api_base": "http://127.0.0.1:9/v1"})
    assert [asyncio.run(once()) for _ in range(2)] == ["connection", "connection"]
