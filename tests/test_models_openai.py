"""The OpenAI-compatible provider against a small server on this machine that behaves well and badly."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from populace.errors import ModelError
from populace.models import ChooseRequest, Completion, Failure, GenerateRequest, Message, Quota, Usage
from populace.models.openai import OpenAI

ASK = GenerateRequest(
    model="m", messages=(Message("system", "Be brief."), Message("user", "Why?")), max_tokens=8
)
PICK = ChooseRequest(
    model="m", messages=(Message("user", "A or B?"),), options=("A", "B"), opening="I prefer"
)
JSON_NAMES = st.sampled_from(["choices", "message", "content", "error", "usage", "code", "logprobs", "x"])


def json_children(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(JSON_NAMES, inner, max_size=4)


USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}


def reply(content="Because.", finish="stop", logprobs=None, **message):
    turn = {"role": "assistant", "content": content, **message}
    return {"choices": [{"message": turn, "finish_reason": finish, "logprobs": logprobs}], "usage": USAGE}


def top(**tokens):
    alternatives = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in tokens.items()]
    return {"content": [{"token": "A", "logprob": -1, "top_logprobs": alternatives}]}


def canned(body: str | bytes | dict, status: int = 200, **headers: str):
    """Answer with these bytes."""

    async def respond() -> web.Response:
        if isinstance(body, dict):
            return web.json_response(body, status=status)
        data = body.encode() if isinstance(body, str) else body
        return web.Response(
            body=data, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return respond


@asynccontextmanager
async def server(answer, **settings):
    """Run a server that answers every call with `answer`: JSON, or a coroutine function that responds."""
    seen: list[tuple[dict, dict]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json(), dict(request.headers)))
        return await answer() if callable(answer) else web.json_response(answer)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    model = OpenAI("m", base_url=f"http://127.0.0.1:{port}/v1/", **settings)
    try:
        yield model, seen
    finally:
        await model.close()
        await runner.cleanup()


async def failure(answer, **settings) -> Failure:
    async with server(answer, **settings) as (model, _):
        results = [(await model.generate([ASK]))[0], (await model.choose([PICK]))[0]]
    assert all(isinstance(result, Failure) for result in results)
    assert [result.key for result in results] == [ASK.key, PICK.key]
    assert results[0].boundary == results[1].boundary
    return results[0]


class TestGenerate:
    async def test_text_usage_and_body(self):
        async with server(reply(), extra_body={"top_k": 5}) as (model, seen):
            (result,) = await model.generate([ASK])
        assert (result.text, result.finish) == ("Because.", "stop")
        usage = result.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (12, 3, 8)
        body, headers = seen[0]
        assert body == {
            "model": "m",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
            "max_tokens": 8,
            "temperature": 0.0,
            "seed": body["seed"],
            "stream": False,
            "top_k": 5,
        }
        assert "Authorization" not in headers

    @pytest.mark.parametrize(
        ("answer", "finish"),
        [
            (reply(finish="length"), "length"),
            (reply(finish="content_filter"), "refusal"),
            (reply(content=None, refusal="I will not."), "refusal"),
            (reply(finish="tool_calls"), "other"),
            (reply(content=None), "stop"),
        ],
    )
    async def test_finish(self, answer, finish):
        async with server(answer) as (model, _):
            (result,) = await model.generate([ASK])
        assert result.finish == finish

    async def test_many_calls_keep_their_order(self):
        async def slow_first():
            await asyncio.sleep(0.05 if not texts else 0)
            texts.append(1)
            return web.json_response(reply())

        texts: list[int] = []
        asks = [GenerateRequest(model="m", messages=ASK.messages, max_tokens=8, sample=i) for i in range(5)]
        async with server(slow_first) as (model, seen):
            results = await model.generate(asks)
        assert [result.key for result in results] == [ask.key for ask in asks]
        assert len({body["seed"] for body, _ in seen}) == 5

    async def test_what_a_server_leaves_null_costs_nothing(self):
        answer = {
            "choices": [{"message": {"content": "Yes.", "refusal": None}, "logprobs": None}],
            "usage": {"prompt_tokens": 7, "completion_tokens": None, "prompt_tokens_details": None},
        }
        async with server(answer) as (model, _):
            (result,) = await model.generate([ASK])
        assert (result.text, result.finish) == ("Yes.", "stop")
        assert result.usage == Usage(prompt_tokens=7)

    async def test_json_schema_is_sent(self):
        schema = '{"type": "object", "properties": {"age": {"type": "integer"}}}'
        ask = GenerateRequest(model="m", messages=ASK.messages, max_tokens=8, json_schema=schema)
        async with server(reply()) as (model, seen):
            await model.generate([ask])
        assert seen[0][0]["response_format"] == {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "schema": {"type": "object", "properties": {"age": {"type": "integer"}}},
                "strict": True,
            },
        }

    @pytest.mark.parametrize("schema", ["{", "[]", "object"])
    def test_a_schema_that_is_no_json_is_said(self, schema):
        ask = GenerateRequest(model="m", messages=ASK.messages, max_tokens=8, json_schema=schema)
        with pytest.raises(ModelError, match="json_schema"):
            OpenAI("m", base_url="http://a/v1").encode(ask)


class TestWithoutAConnection:
    """`encode` and `decode`, as batch files use them, are the live path's own."""

    @pytest.mark.parametrize("request_", [ASK, PICK])
    async def test_the_live_path_sends_what_encode_gives(self, request_):
        answer = reply("A", logprobs=top(A=0.5, B=0.25))
        async with server(answer, prefill=True, extra_body={"top_k": 5}) as (model, seen):
            method = model.generate if request_ is ASK else model.choose
            (live,) = await method([request_])
        assert json.loads(model.encode(request_)) == seen[0][0]
        assert model.decode(request_, 200, {}, json.dumps(answer).encode()) == live

    def test_an_error_is_typed(self):
        model = OpenAI("m", base_url="http://a/v1")
        body = b'{"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}'
        result = model.decode(ASK, 429, {"retry-after": "3"}, body)
        assert (result.key, result.boundary, result.retry_after) == (ASK.key, "rate limit", 3.0)

    @given(st.integers(100, 599), st.binary(max_size=200))
    def test_no_bytes_raise(self, status, content):
        result = OpenAI("m", base_url="http://a/v1").decode(PICK, status, {}, content)
        assert isinstance(result, Failure)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), json_children, max_leaves=8))
    def test_no_json_raises(self, value):
        result = OpenAI("m", base_url="http://a/v1").decode(ASK, 200, {}, json.dumps(value).encode())
        assert isinstance(result, Failure | Completion)


class TestQuota:
    async def test_headers_become_the_quota_and_never_widen_the_users(self):
        async def limited() -> web.Response:
            headers = {
                **{"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"},
                **{"x-ratelimit-limit-tokens": "30000", "x-ratelimit-remaining-tokens": "29000"},
                **{"x-ratelimit-reset-requests": "120ms", "x-ratelimit-reset-tokens": "2s"},
            }
            return web.json_response(reply(), headers=headers)

        async with server(limited, requests_per_minute=60) as (model, _):
            before = model.quota
            await model.generate([ASK])
            after = model.quota
        assert before == Quota(requests=60)
        assert (after.requests, after.tokens) == (60, 30000)
        assert (after.requests_left, after.tokens_left) == (499, 29000)

    async def test_a_silent_server_leaves_it(self):
        async with server(reply(), tokens_per_minute=1e5) as (model, _):
            quota = model.quota
            await model.generate([ASK])
            assert model.quota is quota

    async def test_a_refusal_states_it_too(self):
        headers = {"x_ratelimit_limit_requests": "30", "x_ratelimit_remaining_requests": "0"}
        async with server(canned("full", 429, **headers)) as (model, _):
            await model.generate([ASK])
            assert (model.quota.requests, model.quota.requests_left) == (30, 0)

    @pytest.mark.parametrize("limit", [0, -1, float("nan")])
    def test_a_limit_must_be_above_0(self, limit):
        with pytest.raises(ModelError, match="requests_per_minute"):
            OpenAI("m", base_url="http://a/v1", requests_per_minute=limit)


class TestChoose:
    async def test_logprobs(self):
        # A is offered as "A" and " A": 0.6 + 0.1; B as "B.": 0.2.
        answer = reply("A", logprobs=top(**{"A": 0.6, " A": 0.1, "B.": 0.2, "I": 0.05}))
        async with server(answer) as (model, seen):
            (result,) = await model.choose([PICK])
        assert result.log_likelihoods == pytest.approx((math.log(0.7), math.log(0.2)))
        assert (result.exact, result.tokens, result.text) == (True, (1, 1), "A")
        body, _ = seen[0]
        assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)
        assert body["messages"] == [{"role": "user", "content": "A or B?"}]

    async def test_without_logprobs_the_text_is_matched(self):
        async with server(reply(" B")) as (model, _):
            (result,) = await model.choose([PICK])
        assert (result.log_likelihoods, result.exact) == ((None, 0.0), False)

    async def test_a_refusal_is_kept(self):
        async with server(reply("Neither")) as (model, _):
            (result,) = await model.choose([PICK])
        assert (result.log_likelihoods, result.text) == ((None, None), "Neither")

    async def test_settings_shape_the_body(self):
        async with server(reply("A"), logprobs=False, prefill=True) as (model, seen):
            await model.choose([PICK])
        body, _ = seen[0]
        assert "logprobs" not in body
        assert body["messages"][-1] == {"role": "assistant", "content": "I prefer"}
        assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)


class TestFailures:
    async def test_rate_limit_keeps_the_wait(self):
        result = await failure(canned("slow down", 429, Retry_After="7"))
        assert (result.boundary, result.retryable, result.retry_after) == ("rate limit", True, 7.0)
        assert result.message == "HTTP 429: slow down"

    async def test_no_money_is_not_worth_a_retry(self):
        error = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
        result = await failure(canned(error, 429))
        assert (result.boundary, result.retryable) == ("access", False)

    async def test_server_error(self):
        result = await failure(canned("<h1>down</h1>", 503))
        assert (result.boundary, result.retryable) == ("overload", True)

    async def test_bad_request(self):
        result = await failure(canned({"error": {"message": "too long"}}, 400))
        assert (result.boundary, result.retryable, result.message) == ("request", False, "HTTP 400: too long")

    @pytest.mark.parametrize(
        "text",
        [
            *(
                b"",
                b"{",
                b"null",
                b"[]",
                b"{}",
                b"<html>",
                b"\xff",
                b'{"choices": [{"message": {"content": "\xff"}}]}',
            ),
            *(
                b'{"choices": []}',
                b'{"choices": [{}]}',
                b'{"choices": null}',
                b'{"choices": [{"message": null}]}',
            ),
            *(
                b'{"choices": {}}',
                b'{"choices": [{"message": {"content": "half"}, "finish_reason": "error"}]}',
            ),
        ],
    )
    async def test_garbage(self, text):
        result = await failure(canned(text))
        assert (result.boundary, result.retryable) == ("answer", True)

    @pytest.mark.parametrize(
        ("error", "boundary", "retryable"),
        [
            # OpenRouter's form, by number; llama.cpp once sent its errors under 200; old vLLM had no wrapper.
            ({"error": {"code": 429, "message": "Provider returned error"}}, "rate limit", True),
            ({"error": {"code": 502, "message": "upstream"}}, "server", True),
            ({"error": {"code": 402, "message": "credits"}}, "access", False),
            (
                {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}},
                "context length",
                False,
            ),
            ({"object": "error", "message": "temperature must be positive", "code": 400}, "request", False),
            ({"error": {"message": "broke", "type": "server_error"}, "choices": []}, "server", True),
            ({"error": "overloaded"}, "server", True),
            (
                {"choices": [{"error": {"code": 429, "message": "x"}, "message": {"content": "ha"}}]},
                "rate limit",
                True,
            ),
        ],
    )
    async def test_an_error_under_status_200_is_typed_by_its_code(self, error, boundary, retryable):
        result = await failure(canned(error))
        assert (result.boundary, result.retryable) == (boundary, retryable)

    async def test_timeout(self):
        async def never():
            await asyncio.sleep(0.5)
            return web.Response()

        result = await failure(never, timeout=0.05)
        assert (result.boundary, result.retryable) == ("timeout", True)

    async def test_refused_connection(self, unused_tcp_port):
        model = OpenAI("m", base_url=f"http://127.0.0.1:{unused_tcp_port}/v1")
        (result,) = await model.generate([ASK])
        await model.close()
        assert (result.boundary, result.retryable) == ("connection", True)


class TestKey:
    async def test_is_sent_and_shown_nowhere(self, monkeypatch):
        monkeypatch.setenv("MY_KEY", "sk-secret-123")
        error = {"error": {"message": "wrong key sk-secret-123"}}
        async with server(canned(error, 401), key_env="MY_KEY") as (model, seen):
            (result,) = await model.generate([ASK])
            shown = f"{model!r} {vars(model)} {result} {model.model}"
        assert seen[0][1]["Authorization"] == "Bearer sk-secret-123"
        assert "sk-secret" not in shown
        assert "[key]" in result.message

    async def test_default_key_does_not_go_over_plain_http(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
        async with server(reply()) as (model, seen):
            await model.generate([ASK])
        assert "Authorization" not in seen[0][1]

    async def test_missing_key_is_said_before_anything_is_sent(self, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(ModelError, match="export OPENAI_API_KEY"):
            await OpenAI("m").generate([ASK])


def test_one_provider_serves_several_event_loops():
    async def once() -> Completion | Failure:
        return (await model.generate([ASK]))[0]

    model = OpenAI("m", base_url="http://127.0.0.1:9/v1")
    assert [asyncio.run(once()).boundary for _ in range(2)] == ["connection", "connection"]


class TestWhatAReviewFound:
    @pytest.mark.parametrize(
        "body",
        [
            b"[" * 100_000,
            b'{"choices": ' + b"[" * 100_000,
            b'{"error": {"message": "x", "code": "' + b"9" * 5000 + b'"}}',
            b'{"error": {"message": "x", "code": ' + b"9" * 5000 + b"}}",
        ],
    )
    @pytest.mark.parametrize("status", [200, 500])
    def test_bodies_that_break_parsers_are_failures(self, body, status):
        result = OpenAI("m", base_url="http://a/v1").decode(ASK, status, {}, body)
        assert isinstance(result, Failure)

    def test_content_in_parts_and_counts_in_floating_point(self):
        body = reply() | {"usage": {"prompt_tokens": 7.0, "completion_tokens": -3}}
        body["choices"][0]["message"]["content"] = [
            {"type": "text", "text": "Yes"},
            {"type": "text", "text": "."},
        ]
        result = OpenAI("m", base_url="http://a/v1").decode(ASK, 200, {}, json.dumps(body).encode())
        assert isinstance(result, Completion)
        assert (result.text, result.usage) == ("Yes.", Usage(7, 0))

    def test_what_an_unusable_answer_took_is_kept(self):
        body = b'{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}'
        result = OpenAI("m", base_url="http://a/v1").decode(ASK, 200, {}, body)
        assert (result.boundary, result.usage) == ("answer", Usage(7, 3))

    def test_a_secret_in_the_address_is_refused_and_not_repeated(self):
        with pytest.raises(ModelError, match="key_env") as raised:
            OpenAI("m", base_url="http://user:hunter2@host/v1")
        assert "hunter2" not in str(raised.value)
