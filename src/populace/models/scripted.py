"""A model that says what it is told: the first-class mock behind tests, demonstrations and dry runs."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from populace.canonical import content_hash
from populace.errors import ModelError
from populace.models.protocol import Price, Quota
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Request,
    Usage,
)

__all__ = ["Scripted"]

R = TypeVar("R")
A = TypeVar("A")
Text = str | Completion | Failure
Pick = Sequence[float] | Choice | Failure

_VOCABULARY = (
    *("people", "often", "disagree", "here", "because", "their", "values", "differ", "and", "each", "view"),
    *("has", "reasons", "worth", "hearing", "about", "family", "work", "faith", "freedom", "care", "law"),
)


class Scripted:
    """Answer from a function, a list, or (by default) from a hash of the request.

    The default answers depend only on the request, so two runs agree byte for byte. The default
    likelihood of an option depends on the messages, the opening and the option's own text, never on
    the other options, as a real model's does.

    Parameters
    ----------
    text
        What `generate` writes: a function of the request, one text for all, or a list given out in the order
        asked.
    choice
        What `choose` answers: a function of the request, or a list. A sequence of numbers is read as the
        options' probabilities (they need not sum to 1); 0 means that the option was not offered.
    fail
        Called with a request and the number of times it was asked before; a `Failure` it returns is the
        answer, None lets the request through.
    latency
        Seconds each call takes.

    Examples
    --------
    >>> import asyncio
    >>> from populace.models.records import Message
    >>> judge = Scripted(choice=lambda request: (0.2, 0.8))
    >>> request = ChooseRequest(model=judge.model, messages=(Message("user", "A or B?"),), options=("A", "B"))
    >>> [round(x, 2) for x in asyncio.run(judge.choose([request]))[0].log_likelihoods]
    [-1.61, -0.22]
    """

    def __init__(
        self,
        text: Callable[[GenerateRequest], Text] | Sequence[Text] | None = None,
        choice: Callable[[ChooseRequest], Pick] | Sequence[Pick] | None = None,
        *,
        fail: Callable[[Request, int], Failure | None] | None = None,
        latency: float = 0.0,
        model: str = "scripted@1/exact",
        batch_size: int = 1,
        concurrency: int = 64,
        caches: int = 1,
        scores_text: bool = True,
        price: Price | None = None,
        quota: Quota | None = None,
    ) -> None:
        self.model = self.endpoint = model
        self.batch_size = batch_size
        self.caches = caches
        self.concurrency = concurrency
        self.scores_text = scores_text
        self.price = price
        self.quota = quota
        self.asked: Counter[str] = Counter()
        """How many times each request key was asked."""
        self._text = _source((lambda request: text) if isinstance(text, str) else text, _words)
        self._choice = _source(choice, _hashed_probabilities)
        self._fail = fail
        self._latency = latency

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request."""
        await asyncio.sleep(self._latency)
        return [self._failure(request) or _completion(request, self._text(request)) for request in requests]

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Give the log-likelihood of each option of each request."""
        await asyncio.sleep(self._latency)
        return [self._failure(request) or _chosen(request, self._choice(request)) for request in requests]

    async def close(self) -> None:
        """Nothing is held."""

    def _failure(self, request: Request) -> Failure | None:
        before = self.asked[request.key]
        self.asked[request.key] += 1
        return self._fail(request, before) if self._fail else None


def _source(given: Callable[[R], A] | Sequence[A] | None, default: Callable[[R], A]) -> Callable[[R], A]:
    if given is None:
        return default
    if callable(given):
        return given
    answers = iter(given)

    def following(request: R) -> A:
        for answer in answers:
            return answer
        raise ModelError("the script has no answer left", fix="give as many as there are requests")

    return following


def _completion(request: GenerateRequest, answer: Text) -> Completion | Failure:
    if not isinstance(answer, str):
        return answer
    usage = Usage(prompt_tokens=_count(request), completion_tokens=len(answer.split()))
    return Completion(key=request.key, text=answer, usage=usage)


def _chosen(request: ChooseRequest, answer: Pick) -> Choice | Failure:
    if isinstance(answer, Choice | Failure):
        return answer
    logs = tuple(math.log(p) if p > 0 else None for p in answer)
    tokens = tuple(max(len(option.split()), 1) for option in request.options)
    return Choice(
        key=request.key, log_likelihoods=logs, tokens=tokens, usage=Usage(prompt_tokens=_count(request))
    )


def _count(request: Request) -> int:
    """Count words: the mock's tokens."""
    return sum(len(message.content.split()) for message in request.messages)


def _words(request: GenerateRequest) -> str:
    digest = bytes.fromhex(request.key)[: request.max_tokens]
    words = [_VOCABULARY[byte % len(_VOCABULARY)] for byte in digest]
    return " ".join(words).capitalize() + "."


def _hashed_probabilities(request: ChooseRequest) -> list[float]:
    context = (request.model, request.messages, request.opening, request.sample, request.seed)
    hashes = (int(content_hash((context, option), size=4), 16) for option in request.options)
    return [(1 + value) / 2**33 for value in hashes]
