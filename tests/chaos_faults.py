"""What can go wrong in a call of OpenAI's chat completions: families of faults, and the forms each one takes.

`SAID` holds the responses that are errors, in the words of the servers that send them.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FAMILIES", "HARMLESS", "PASSING", "PERMANENT", "SAID", "mix"]

FAMILIES = {
    "429 with headers": ("429 retry-after", "429 x-ratelimit"),
    "429 bare": ("429",),
    "500": ("500",),
    "502": ("502",),
    "503": ("503", "503 retry-after"),
    "timeout": ("hang",),
    "reset": ("reset before", "reset within"),
    "half a body": ("half", "torn chunk"),
    "invalid JSON": ("no json",),
    "invalid UTF-8": ("no utf-8",),
    "missing fields": ("no message", "no choices"),
    "empty choices": ("empty choices",),
    "content filter": ("filtered 200", "filtered 400"),
    "context length": ("long openai", "long vllm", "long vllm new", "long llama.cpp", "long sglang"),
    "slow drip": ("drip", "drip on and on"),
    "duplicate": ("twice", "twice split", "twice late"),
}
"""Each with its forms. A server that vanishes (`ChaosServer.vanishing`) is no single call's fault."""

PERMANENT = frozenset({*FAMILIES["content filter"], *FAMILIES["context length"]})
"""Properties of the request: the same at every try."""
HARMLESS = frozenset({"drip", "twice", "twice split", "twice late"})
"""The answer arrives, oddly."""
PASSING = frozenset(form for forms in FAMILIES.values() for form in forms) - PERMANENT - HARMLESS

_BAD = {"type": "BadRequestError", "param": None, "code": 400}
_LONG = "This model's maximum context length is 4097 tokens. However, "


def _error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


# Status and body of the responses that are errors, in the servers' own words.
SAID: dict[str, tuple[int, Any]] = {
    "429 retry-after": (429, _error("slow down")),
    "429 x-ratelimit": (429, _error("Rate limit reached", code="rate_limit_exceeded")),
    "429": (429, "Too Many Requests"),
    "500": (500, _error("The server had an error", type="server_error")),
    "502": (502, "<html><h1>502 Bad Gateway</h1></html>"),
    "503": (503, "upstream connect error"),
    "503 retry-after": (503, _error("overloaded")),
    "filtered 400": (
        400,
        _error(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy",
            **{"type": None, "param": "prompt", "code": "content_filter", "status": 400},
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
    ),
    "long openai": (
        400,
        _error(
            f"{_LONG}your messages resulted in 4242 tokens. Please reduce the length of the messages.",
            **{"type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"},
        ),
    ),
    "long vllm": (
        400,
        {
            "object": "error",
            "message": f"{_LONG}you requested 4242 tokens (4200 in the messages, ...",
            **_BAD,
        },
    ),
    "long vllm new": (
        400,
        _error("The decoder prompt (length 2100) is longer than the maximum model length of 2048.", **_BAD),
    ),
    "long llama.cpp": (
        400,
        _error(
            "the request exceeds the available context size, try increasing it",
            **{"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 2100, "n_ctx": 2048},
        ),
    ),
    "long sglang": (
        400,
        {
            "message": "The input (2100 tokens) is longer than the model's context length (2048 tokens).",
            **_BAD,
        },
    ),
}


def mix(rate: float, *without: str) -> dict[str, float]:
    """Give every family, but those left out, the same rate, shared by its forms."""
    return {
        form: rate / len(forms) for name, forms in FAMILIES.items() if name not in without for form in forms
    }
