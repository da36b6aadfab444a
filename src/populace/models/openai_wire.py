"""The parts of OpenAI's chat-completions JSON that are sent and read; everything else is ignored."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from populace.errors import ModelError
from populace.models.records import Message, Usage

__all__ = ["Body", "Reply", "schema_format", "server_message"]

_SHOWN = 300
"""Characters of a server's error message that are kept."""


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


@lru_cache(maxsize=64)
def schema_format(schema: str) -> msgspec.Raw:
    """Field that holds an answer to a JSON Schema.

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
            f"json_schema is no JSON object: {error}", fix="give the text of a schema"
        ) from error
    holder = {"name": "answer", "schema": parsed, "strict": True}
    return msgspec.Raw(msgspec.json.encode({"type": "json_schema", "json_schema": holder}))


class _Alternative(msgspec.Struct):
    token: str
    logprob: float


class _Position(msgspec.Struct):
    top_logprobs: list[_Alternative] = []


class _Logprobs(msgspec.Struct):
    content: list[_Position] | None = None


class _Turn(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Answer(msgspec.Struct):
    message: _Turn
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    @property
    def finish(self) -> Literal["stop", "length", "refusal", "other"]:
        """Why the turn ended, in the words of `Completion.finish`."""
        if self.message.refusal or self.finish_reason == "content_filter":
            return "refusal"
        match self.finish_reason:
            case "stop" | None:
                return "stop"
            case "length":
                return "length"
            case _:
                return "other"

    @property
    def text(self) -> str:
        """What was written, or the words of a refusal."""
        return self.message.content or self.message.refusal or ""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class Reply(msgspec.Struct):
    """A chat completion."""

    choices: list[_Answer]
    usage: _Usage | None = None

    @property
    def tokens(self) -> Usage:
        """What the server says the call took; zeros where it says nothing."""
        if self.usage is None:
            return Usage()
        details = self.usage.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or 0
        return Usage(self.usage.prompt_tokens, self.usage.completion_tokens, cached)


def server_message(content: bytes) -> str:
    """Give the server's own words, whether in OpenAI's form, another's, or plain text."""
    try:
        said = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    error = said.get("error", said) if isinstance(said, dict) else None
    if isinstance(error, dict) and "message" in error:
        code = error.get("code")
        error = f"{error['message']} [{code}]" if code else error["message"]
    text = error if isinstance(error, str) else content.decode(errors="replace")
    return " ".join(text.split())[:_SHOWN]
