"""The parts of OpenAI's chat-completions JSON that are sent and read; everything else is ignored.

What is read may be absent or null wherever some server leaves it out, so that a reply is judged by what it
holds (`answer`) and not by its shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from populace.errors import ModelError
from populace.models.matching import match_alternatives, match_text
from populace.models.records import (
    Choice,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Request,
    Result,
    Usage,
)

__all__ = ["TOP_LOGPROBS", "Body", "Reply", "answer", "call_seed", "schema_format"]

TOP_LOGPROBS = 20
"""First tokens whose likelihood is asked for: the most that OpenAI's form allows."""


class Body(msgspec.Struct):
    """Body of a call."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    seed: int
    stream: bool = False
    logprobs: bool | UnsetType = UNSET
    top_logprobs: int | UnsetType = UNSET
    add_generation_prompt: bool | UnsetType = UNSET
    continue_final_message: bool | UnsetType = UNSET
    response_format: msgspec.Raw | UnsetType = UNSET


class _Alternative(msgspec.Struct):
    token: str
    logprob: float


class _Position(msgspec.Struct):
    token: str = ""
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Position] | None = None


class _Part(msgspec.Struct):
    text: str = ""


class _Turn(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Answer(msgspec.Struct):
    message: _Turn | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    error: Any = None


_MOST_TOKENS = 1 << 40
"""What no call takes, and any table holds."""


class _Details(msgspec.Struct):
    cached_tokens: float | None = None


class _Usage(msgspec.Struct):
    # Some servers count in floating point.
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    prompt_tokens_details: _Details | None = None


class Reply(msgspec.Struct):
    """A chat completion, or the error that some servers send in its place."""

    choices: list[_Answer] | None = None
    usage: _Usage | None = None

    @property
    def error(self) -> dict[str, Any] | None:
        """The error that a router puts beside an answer it could not finish."""
        found = self.choices[0].error if self.choices else None
        return found if isinstance(found, dict) else None


def answer(request: Request, key: str, reply: Reply) -> Result:
    """Read the answer to `request` off a reply; a reply without one is a failure that may pass."""
    if not reply.choices:
        return _unusable(key, "the reply holds no choice", reply)
    first = reply.choices[0]
    turn = first.message
    if turn is None:
        return _unusable(key, "the reply's choice holds no message", reply)
    if first.finish_reason == "error":
        return _unusable(key, "the server broke the answer off", reply)
    # What was written, or the words of a refusal.
    said = (
        turn.content if isinstance(turn.content, str) else "".join(part.text for part in turn.content or ())
    )
    text = said or turn.refusal or ""
    if isinstance(request, GenerateRequest):
        return Completion(key=key, text=text, finish=_finish(first, turn), usage=_usage(reply))
    positions = (first.logprobs.content if first.logprobs else None) or []
    # Where the vocabulary has " 1" as two tokens, a blank one comes first.
    if len(positions) > 1 and not positions[0].token.strip():
        positions = positions[1:]
    if positions and positions[0].top_logprobs:
        alternatives = [(item.token, item.logprob) for item in positions[0].top_logprobs]
        found, exact = match_alternatives(alternatives, request.options), True
    else:
        picked = match_text(text, request.options)
        found, exact = tuple(0.0 if i == picked else None for i in range(len(request.options))), False
    return Choice(
        key=key,
        log_likelihoods=found,
        tokens=(1,) * len(request.options),
        exact=exact,
        text=text,
        usage=_usage(reply),
    )


def call_seed(key: str) -> int:
    """Seed of a call: the same request always gets the same, another sample of it another."""
    return int(key[:8], 16) >> 1


@lru_cache(maxsize=64)
def schema_format(schema: str) -> msgspec.Raw:
    """Field of a body that holds the answer to a JSON Schema.

    Raises
    ------
    ModelError
        `schema` is not the text of a JSON object.

    Examples
    --------
    >>> bytes(schema_format('{"type": "object"}')).decode()
    '{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}'
    """
    try:
        parsed = msgspec.json.decode(schema, type=dict)
    except msgspec.DecodeError as error:
        raise ModelError(
            f"json_schema is no JSON object: {error}", fix="give a schema as JSON text"
        ) from error
    holder = {"name": "answer", "schema": parsed, "strict": True}
    return msgspec.Raw(msgspec.json.encode({"type": "json_schema", "json_schema": holder}))


def _unusable(key: str, message: str, reply: Reply) -> Failure:
    return Failure(key=key, boundary="answer", message=message, retryable=True, usage=_usage(reply))


def _finish(first: _Answer, turn: _Turn) -> Literal["stop", "length", "refusal", "other"]:
    """Why the turn ended, in the words of `Completion.finish`."""
    if turn.refusal or first.finish_reason == "content_filter":
        return "refusal"
    match first.finish_reason:
        case "stop" | None:
            return "stop"
        case "length":
            return "length"
        case _:
            return "other"


def _usage(reply: Reply) -> Usage:
    """What the server says the call took; zeros where it says nothing."""
    said = reply.usage
    if said is None:
        return Usage()
    details = said.prompt_tokens_details
    counts = said.prompt_tokens, said.completion_tokens, details.cached_tokens if details else None
    return Usage(*(min(max(int(count or 0), 0), _MOST_TOKENS) for count in counts))
