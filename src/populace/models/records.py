"""The wire records between a plan, a model and the journal: frozen, typed, keyed by content.

A request says everything that may change the answer and nothing that may not (no URL, timeout,
retry count, path or row order). Its key is the BLAKE2b hash of its canonical bytes, so the same
request is never paid for twice, whatever ran in between.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from populace.canonical import content_hash

__all__ = [
    "Boundary",
    "Choice",
    "ChooseRequest",
    "Completion",
    "Failure",
    "GenerateRequest",
    "Message",
    "Request",
    "Result",
    "Usage",
]


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class GenerateRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag="generate", tag_field="kind"
):
    """Ask a model to write.

    Examples
    --------
    >>> request = GenerateRequest(model="m", messages=(Message("user", "Why?"),), max_tokens=8)
    >>> request.key == GenerateRequest(model="m", messages=(Message("user", "Why?"),), max_tokens=8).key
    True
    """

    model: str
    """Identity of the model (name, revision, precision), as `Provider.model` gives it."""
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    json_schema: str = ""
    """JSON Schema, as JSON text, that the answer must follow; empty for free text."""
    sample: int = 0
    """Index of an independent repeat: two samples of one request have two keys."""
    seed: int = 0

    @cached_property
    def key(self) -> str:
        """Content hash (32 hex digits) by which journal and tables know this request."""
        return content_hash(self)


class ChooseRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag="choose", tag_field="kind"
):
    """Ask a model how likely each of the given options is as its next turn."""

    model: str
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    """Texts to score as the assistant's turn, in the order of the answer's arrays."""
    opening: str = ""
    """Text the assistant's turn already starts with, for example `I prefer answer`."""
    sample: int = 0
    seed: int = 0

    @cached_property
    def key(self) -> str:
        """Content hash (32 hex digits) by which journal and tables know this request."""
        return content_hash(self)


Request = GenerateRequest | ChooseRequest


class Usage(msgspec.Struct, frozen=True):
    """Tokens a call took: as the provider counted them, else estimated by it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of `prompt_tokens`, those whose computation was shared with another request."""


class Completion(msgspec.Struct, frozen=True, kw_only=True, tag="completion", tag_field="kind"):
    """What a model wrote. `text` is raw: nothing is parsed before it is journalled."""

    key: str
    text: str
    finish: Literal["stop", "length", "refusal", "other"] = "stop"
    usage: Usage = Usage()


class Choice(msgspec.Struct, frozen=True, kw_only=True, tag="choice", tag_field="kind"):
    """Log-likelihood of each option of a `ChooseRequest`.

    Where a provider offers only the tokens it sampled, an option it did not offer is None,
    and `exact` is false.
    """

    key: str
    log_likelihoods: tuple[float | None, ...]
    """Natural log of p(option | messages, opening), summed over the option's tokens; None = not offered."""
    tokens: tuple[int, ...]
    """Tokens of each option, so that a caller can normalise by length."""
    exact: bool = True
    """Whether the likelihoods are the model's own and not read off a sampled answer."""
    text: str = ""
    """What the model wrote, where the provider had to sample."""
    usage: Usage = Usage()


Boundary = Literal[
    "connection",
    "rate limit",
    "timeout",
    "overload",
    "server",
    "answer",
    "request",
    "content filter",
    "context length",
    "access",
]
"""Where a call failed. The first six may pass; `request`, `content filter` and `context length` are the
request's own; `access` (a wrong key, no right to the model, no credit) holds for every call."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="failure", tag_field="kind"):
    """A call that did not give an answer, kept as data and attributed to one boundary."""

    key: str
    boundary: Boundary
    message: str
    retryable: bool
    retry_after: float | None = None
    """Seconds that the server asked to be left alone for."""
    usage: Usage = Usage()
    """What a call took that was answered with nothing usable; it is paid for."""


Result = Completion | Choice | Failure
