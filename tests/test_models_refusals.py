"""What errors of real servers mean: their bodies as the servers (or their issue trackers) give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.models import Quota
from populace.models.refusals import duration, read_error, refused, retry_after
from populace.models.terms import stated_quota


def typed(status: int, body: dict | str) -> tuple[str, bool]:
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    failure = refused("00", status, {}, read_error(content))
    return failure.boundary, failure.retryable


def said(message: str, **more: object) -> dict:
    return {"error": {"message": message, **more}}


OPENAI = "This model's maximum context length is 4097 tokens. However, your messages resulted in 5000 tokens."
TGI = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3000 and 20"
AZURE = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please"
    " modify your prompt and retry."
)
AZURE_BODY = said(AZURE, code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"})
ROUTER = {"raw": '{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}'}


@pytest.mark.parametrize(
    ("server", "status", "body"),
    [
        ("OpenAI", 400, said(OPENAI, type="invalid_request_error", code="context_length_exceeded")),
        (
            "vLLM before 0.10",
            400,
            {"object": "error", "message": OPENAI, "type": "BadRequestError", "code": 400},
        ),
        (
            "vLLM",
            400,
            said(
                "The decoder prompt (length 5000) is longer than the maximum model length of 4096.", code=400
            ),
        ),
        (
            "SGLang",
            400,
            {
                "object": "error",
                "message": "The input (61709 tokens) is longer than the model's context length (40960).",
                "type": "BadRequestError",
                "code": 400,
            },
        ),
        (
            "SGLang",
            400,
            said("Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens)."),
        ),
        (
            "llama.cpp",
            400,
            said(
                "request (25837 tokens) exceeds the available context size (25088 tokens), try increasing it",
                code=400,
                type="exceed_context_size_error",
            ),
        ),
        ("llama.cpp", 500, said("input is too large to process. increase the physical batch size", code=500)),
        ("TGI", 422, {"error": TGI, "error_type": "validation"}),
        (
            "TGI",
            422,
            {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"},
        ),
        ("Anthropic", 400, said("prompt is too long: 200251 tokens > 200000 maximum")),
        ("Anthropic", 413, said("Request exceeds the maximum size", type="request_too_large")),
        ("OpenRouter", 400, said("Provider returned error", code=400, metadata=ROUTER)),
        (
            "OpenAI, above the limit itself",
            429,
            said("Request too large for gpt-4: Limit 10000, Requested 20000"),
        ),
    ],
)
def test_context_length(server, status, body):
    assert typed(status, body) == ("context length", False), server


@pytest.mark.parametrize(
    ("server", "status", "body"),
    [
        ("Azure", 400, AZURE_BODY),
        ("OpenAI", 400, said("Your request was rejected", code="content_policy_violation")),
        ("OpenAI", 400, said("Invalid prompt: your prompt was flagged as violating our usage policy.")),
        (
            "OpenRouter",
            403,
            said("openai/gpt-4 requires moderation. Your input was flagged for violence", code=403),
        ),
        ("Anthropic", 400, said("Output blocked by content filtering policy")),
        ("DeepSeek", 400, said("Content Exists Risk", type="invalid_request_error")),
    ],
)
def test_content_filter(server, status, body):
    assert typed(status, body) == ("content filter", False), server


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, said("Incorrect API key provided", code="invalid_api_key")),
        (402, said("Insufficient Balance")),
        (403, said("Country, region, or territory not supported")),
        (404, said("The model `x` does not exist or you do not have access to it.", code="model_not_found")),
        (404, {"detail": "Not Found"}),
        (429, said("You exceeded your current quota", code="insufficient_quota", type="insufficient_quota")),
        (400, said("Your credit balance is too low to access the Anthropic API.")),
        (400, said("API key not valid. Please pass a valid API key.", code=400)),
        # A key that is wrong says nothing about the prompt, whatever words come with it.
        (401, said("Your account was flagged; see our usage policy")),
    ],
)
def test_access(status, body):
    assert typed(status, body) == ("access", False)


@pytest.mark.parametrize(
    ("status", "body", "boundary", "retryable"),
    [
        (
            429,
            said("Rate limit reached for gpt-4 on tokens per min", code="rate_limit_exceeded"),
            "rate limit",
            True,
        ),
        # Gemini says this for a plain limit a minute; only the code insufficient_quota means money.
        (429, said("You exceeded your current quota, please check your plan", code=429), "rate limit", True),
        (408, "", "timeout", True),
        (409, "", "server", True),
        (425, "", "server", True),
        (424, {"error": "Request failed during generation", "error_type": "generation"}, "server", True),
        (500, "<h1>oops</h1>", "server", True),
        (503, said("Loading model", code=503, type="unavailable_error"), "overload", True),
        (529, said("Overloaded", type="overloaded_error"), "overload", True),
        # A broken server's words about policy are no verdict on the prompt.
        (502, said("content_filter service is down"), "server", True),
        (501, said("This server does not support chat"), "request", False),
        (400, said("Unsupported parameter: 'max_tokens'", code="unsupported_parameter"), "request", False),
        (
            422,
            {"detail": [{"loc": ["body", "seed"], "msg": "Input should be a valid integer"}]},
            "request",
            False,
        ),
    ],
)
def test_the_rest(status, body, boundary, retryable):
    assert typed(status, body) == (boundary, retryable)


def test_words_are_kept_on_one_line_and_cut():
    failure = refused("00", 500, {}, read_error(b"a\n b\t" + b"c" * 1000))
    assert failure.message == "HTTP 500: a b " + "c" * 296


def test_a_router_quotes_its_provider():
    words = read_error(msgspec.json.encode(said("Provider returned error", code=400, metadata=ROUTER))).words
    assert words.startswith("Provider returned error {") and words.endswith("[400]")


class TestRetryAfter:
    def test_seconds_date_and_milliseconds(self):
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        assert retry_after({"retry-after": "7"}, limited=False) == 7
        assert retry_after({"retry-after": soon}, limited=False) == pytest.approx(30, abs=2)
        assert retry_after({"retry-after-ms": "250", "retry-after": "1"}, limited=False) == 0.25
        assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, limited=False) == 0

    @pytest.mark.parametrize(
        "nonsense", ["", "soon", "-3", "nan", "inf", "1e400", "Foo, 99 Bar 2015", "\u0663"]
    )
    def test_nonsense_is_no_answer(self, nonsense):
        asked = retry_after({"retry-after": nonsense}, limited=True)
        assert asked is None or asked >= 0

    def test_resets_speak_only_for_a_429(self):
        headers = {"x-ratelimit-reset-requests": "1s"}
        assert retry_after(headers, limited=True) == 1
        assert retry_after(headers, limited=False) is None

    def test_the_limit_that_is_used_up_counts(self):
        headers = {
            **{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12s"},
            **{"x-ratelimit-remaining-tokens": "90", "x-ratelimit-reset-tokens": "6m0s"},
        }
        assert retry_after(headers, limited=True) == 12
        assert retry_after(headers | {"x-ratelimit-remaining-tokens": "0"}, limited=True) == 360
        assert retry_after(headers | {"x-ratelimit-remaining-requests": "4"}, limited=True) == 12

    def test_a_failure_that_will_not_pass_asks_for_no_pause(self):
        assert refused("00", 401, {"retry-after": "7"}, read_error(b"no")).retry_after is None

    @given(
        *(st.integers(0, n) for n in (9, 23, 59, 59, 999)),
    )
    def test_durations_add_up(self, days, hours, minutes, seconds, ms):
        text = f"{days}d{hours}h{minutes}m{seconds}s{ms}ms"
        expected = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + ms / 1000
        assert duration(text) == pytest.approx(expected)

    def test_moments(self):
        ahead = datetime.now(UTC) + timedelta(seconds=90)
        for text in (ahead.isoformat(), f"{ahead.timestamp():.0f}", f"{ahead.timestamp() * 1000:.0f}"):
            assert duration(text) == pytest.approx(90, abs=2), text

    @given(st.text(max_size=40))
    def test_no_text_raises(self, text):
        found = duration(text)
        assert found is None or found >= 0


class TestStatedQuota:
    def test_a_reset_beyond_a_minute_is_no_limit_a_minute(self):
        # Groq: 14,400 requests a day under the plain name, tokens a minute.
        headers = {
            **{"x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14370"},
            **{"x-ratelimit-limit-tokens": "18000", "x-ratelimit-remaining-tokens": "17997"},
            **{"x-ratelimit-reset-requests": "2m59.56s", "x-ratelimit-reset-tokens": "7.66s"},
        }
        quota = stated_quota(headers, Quota(requests=30))
        assert (quota.requests, quota.requests_left, quota.tokens) == (30, 14370, 18000)
        assert stated_quota(headers, None).requests is None

    def test_cerebras(self):
        headers = {
            **{"x-ratelimit-limit-requests-day": "14400", "x-ratelimit-remaining-requests-day": "14000"},
            **{"x-ratelimit-limit-tokens-minute": "60000", "x-ratelimit-remaining-tokens-minute": "59000"},
        }
        quota = stated_quota(headers, None)
        assert (quota.requests, quota.requests_left) == (None, 14000)
        assert (quota.tokens, quota.tokens_left) == (60000, 59000)

    @pytest.mark.parametrize("value", ["", "0", "-1", "many", "nan"])
    def test_what_is_no_limit_is_unknown(self, value):
        quota = stated_quota({"x-ratelimit-limit-tokens": value, "x-ratelimit-limit-requests": "5"}, None)
        assert (quota.requests, quota.tokens) == (5, None)
