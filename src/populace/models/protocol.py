"""What a model must offer: one small protocol, answered in batches of wire records.

A provider turns requests into results and nothing more. Retries, caching, budgets and journals belong
to the `run` room, so that they are the same for every model. A provider therefore never raises for
one bad request: it answers with a `Failure` in that request's place. It raises
`populace.errors.ModelError` only where no request could ever be answered (no such file, no such model).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from populace.models.records import Choice, ChooseRequest, Completion, Failure, GenerateRequest

__all__ = ["Price", "Provider", "Quota"]


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model costs, in US dollars per million tokens.

    Examples
    --------
    >>> Price(input=0.5, output=1.5).dollars(prompt_tokens=2_000_000, completion_tokens=1_000_000)
    2.5
    >>> Price(input=0.5, output=1.5, cached_input=0.1).dollars(
    ...     prompt_tokens=2_000_000, completion_tokens=0, cached_tokens=1_000_000)
    0.6
    """

    input: float
    output: float
    cached_input: float | None = None
    """Of prompt tokens that the server had in its cache; None: as any other."""
    source: str = ""
    """Where the price is from; empty for one that was given with the model."""

    def dollars(self, *, prompt_tokens: float, completion_tokens: float, cached_tokens: float = 0) -> float:
        """Price of the given numbers of tokens, in US dollars; cached ones are part of the prompt's."""
        cached = self.input if self.cached_input is None else self.cached_input
        prompt = self.input * (prompt_tokens - cached_tokens) + cached * cached_tokens
        return (prompt + self.output * completion_tokens) / 1_000_000


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a server allows a minute, as the user or its last response said. None where unknown."""

    requests: float | None = None
    """Requests a minute."""
    tokens: float | None = None
    """Tokens a minute, prompt and completion together."""
    requests_left: float | None = None
    """Requests that may still be made now."""
    tokens_left: float | None = None


@runtime_checkable
class Provider(Protocol):
    """A model that writes and chooses."""

    model: str
    """Identity that enters request keys: everything that may change an answer (name@revision/precision)."""
    batch_size: int
    """1: calls are independent and may run side by side. Above 1: the arithmetic depends on who else is
    in the batch, so the caller hands groups of this size, cut the same way in every run."""
    concurrency: int
    """Most calls (groups, where `batch_size` is above 1) that may be in flight at once. A run starts with
    fewer and finds out how many the server bears."""
    caches: int
    """Prompt caches of the endpoint that share nothing: 1, but llama.cpp's server has one a slot."""
    endpoint: str
    """Where the calls go (URL and model's name): providers of one endpoint share its limits."""
    quota: Quota | None
    """Limits a minute: None where none are known. Replaced, never changed, at a response that states them."""
    scores_text: bool
    """Whether `choose` can give the likelihood of options of any length, not only of one forced token."""
    price: Price | None
    """None where unknown; a model on this machine costs 0."""

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request, in the order of the requests."""
        ...

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Give the log-likelihood of each option of each request, in the order of the requests."""
        ...

    async def close(self) -> None:
        """Release what the provider holds (connections, weights). A closed provider is not used again."""
        ...
