"""Serve a portfolio without training: who serves which weights, and how, in a file that a gateway reads.

A member is served by the best of n samples for its weights (`best_of`), under a system prompt (`system`), or
by a model that was trained (`model`). The file is JSON and holds all that is needed: the scale, the members
and their points, so that the router is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from populace.atomic import write_atomic
from populace.canonical import content_hash
from populace.errors import DataError, ModelError
from populace.models import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Price,
    Provider,
    Quota,
    Usage,
)
from populace.portfolio.loading import check_members, check_scale
from populace.portfolio.plans import Plan
from populace.portfolio.router import Router
from populace.portfolio.scaling import Scale
from populace.traits import Scorer

__all__ = ["BestOf", "Member", "Serving", "load_serving", "serving_of"]


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One member, and how it is served."""

    name: str
    weights: tuple[float, ...]
    point: tuple[float, ...]
    """Rewards expected, costs included: w . point is what the member is worth for w."""
    model: str = ""
    """Name of the model that answers; empty: the one that the gateway has."""
    system: str = ""
    """System prompt; empty for none."""
    best_of: int = 1
    """Samples of which the best for `weights` is given."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """A portfolio as a gateway reads it."""

    scale: Scale
    members: tuple[Member, ...]
    certificate: float
    """No weights lose more, where it was measured."""
    version: int = 1

    def route(self, weights: npt.ArrayLike) -> Member:
        """Give the member that serves some weights, shape (traits,).

        Raises
        ------
        DataError
            If weights are no numbers of at least 0, one a trait.
        """
        return self.members[Router([each.point for each in self.members]).route(weights).member]

    def save(self, path: str | Path) -> None:
        """Write the configuration as JSON, whole or not at all."""
        write_atomic(path, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def serving_of(
    plan: Plan,
    *,
    best_of: int = 1,
    models: Mapping[str, str] | None = None,
    systems: Mapping[str, str] | None = None,
    points: Mapping[str, Sequence[float]] | None = None,
) -> Serving:
    """Make the configuration of a plan's members.

    Parameters
    ----------
    best_of
        Samples a request, where a member is not trained.
    models, systems
        Member to the model that was trained for it, or to its system prompt.
    points
        Member to its rewards as measured, costs included; what the plan expects by default.

    Raises
    ------
    DataError
        If there is no such member.
    """
    if best_of < 1:
        raise ValueError(f"best_of is {best_of} and must be at least 1")
    names = [each.name for each in plan.members]
    for given in (models, systems, points):
        for name in given or ():
            if name not in names:
                raise DataError(f"there is no member {name!r}", fix=f"use {', '.join(names)}")
    members = []
    for each in plan.members:
        model = (models or {}).get(each.name, "")
        members.append(
            Member(
                name=each.name,
                weights=each.weights,
                point=tuple((points or {}).get(each.name, each.point)),
                model=model,
                system=(systems or {}).get(each.name, ""),
                best_of=1 if model else best_of,
            )
        )
    return Serving(scale=plan.scale, members=tuple(members), certificate=plan.certificate)


def load_serving(path: str | Path) -> Serving:
    """Read a configuration.

    Raises
    ------
    DataError
        If the file is missing or is none.
    """
    place = Path(path)
    if not place.is_file():
        raise DataError(
            "there is no such configuration", file=path, fix="make one: populace portfolio serving"
        )
    try:
        found = msgspec.json.decode(place.read_bytes(), type=Serving)
    except msgspec.MsgspecError as error:
        raise DataError(f"this is no configuration of a portfolio ({error})", file=path) from error
    rows = ((each.name, (each.weights, each.point)) for each in found.members)
    check_members(rows, len(found.scale.ranges), path)
    check_scale(found.scale, path)
    return found


class BestOf:
    """A member as a model: it writes n samples and gives the best for its weights.

    It is a provider like any other, so that the engine runs it and journals what it gives.

    Parameters
    ----------
    inner
        The model that writes.
    member
        Whose weights, system prompt and number of samples are used.
    scale
        Of the configuration.
    scorers
        Of all its traits, in any order.

    Raises
    ------
    ModelError
        If a trait has no scorer.

    Examples
    --------
    >>> import asyncio
    >>> from populace import traits
    >>> from populace.models import Message
    >>> from populace.models.scripted import Scripted
    >>> from populace.portfolio.scaling import Range
    >>> model = Scripted(text=lambda request: "no " * (3 - request.sample))
    >>> scale = Scale(tuple(Range(trait=name, low=low, high=1, source="definition")
    ...     for name, low in (("brevity", 0), ("politeness", -1))))
    >>> member = Member(name="short", weights=(1.0, 0.0), point=(0.9, 0.5), best_of=3)
    >>> served = BestOf(model, member, scale, [traits.scorer("brevity"), traits.scorer("politeness")])
    >>> ask = GenerateRequest(model=served.model, messages=(Message("user", "May I?"),), max_tokens=9)
    >>> asyncio.run(served.generate([ask]))[0].text
    'no '
    """

    def __init__(self, inner: Provider, member: Member, scale: Scale, scorers: Sequence[Scorer]) -> None:
        named = {each.name: each for each in scorers}
        lost = [name for name in scale.traits if name not in named]
        if lost:
            raise ModelError(f"nothing scores {', '.join(lost)}", fix="give a scorer of every trait")
        self._inner, self._member, self._scale = inner, member, scale
        self._scorers = [named[name] for name in scale.traits]
        shares = ",".join(f"{share:.6g}" for share in member.weights)
        # All that its answers depend on: members must not read one another's answers in a journal.
        settings = (member.weights, member.system, scale.ranges, [each.name for each in self._scorers])
        told = content_hash(msgspec.to_builtins(settings), size=6)
        self.model = f"{inner.model}|best of {member.best_of} for {shares}|{told}"
        self.batch_size, self.concurrency, self.caches = inner.batch_size, inner.concurrency, inner.caches
        self.endpoint, self.scores_text = inner.endpoint, inner.scores_text
        one = inner.price
        self.price: Price | None = one

    @property
    def quota(self) -> Quota | None:
        """Limits of the model that writes."""
        return self._inner.quota

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write the best of n for each request; the tokens are those of all n."""
        n = self._member.best_of
        drawn = [self._drawn(request, place) for request in requests for place in range(n)]
        written = await self._inner.generate(drawn)
        return [
            self._best(request, written[number * n : (number + 1) * n])
            for number, request in enumerate(requests)
        ]

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Choose as the model that writes does: there is nothing to take the best of."""
        asked = [msgspec.structs.replace(request, model=self._inner.model) for request in requests]
        found = await self._inner.choose(asked)
        return [
            msgspec.structs.replace(result, key=request.key)
            for request, result in zip(requests, found, strict=True)
        ]

    async def close(self) -> None:
        """Close the model that writes."""
        await self._inner.close()

    def _drawn(self, request: GenerateRequest, place: int) -> GenerateRequest:
        system = self._member.system
        messages = request.messages
        if system and messages and messages[0].role != "system":
            from populace.models import Message

            messages = (Message("system", system), *messages)
        return msgspec.structs.replace(
            request,
            model=self._inner.model,
            messages=messages,
            # Several samples at temperature 0 would be one.
            temperature=request.temperature or (1.0 if self._member.best_of > 1 else 0.0),
            sample=request.sample * self._member.best_of + place,
        )

    def _best(
        self, request: GenerateRequest, written: Sequence[Completion | Failure]
    ) -> Completion | Failure:
        done = [each for each in written if isinstance(each, Completion)]
        if not done:
            return msgspec.structs.replace(written[0], key=request.key)
        asked = next((each.content for each in reversed(request.messages) if each.role == "user"), "")
        texts = [each.text for each in done]
        raw = np.stack([scorer.score(texts, [asked] * len(texts)) for scorer in self._scorers], axis=1)
        # A new response may lie beyond the range of the pool: it counts as the end of it.
        values = self._scale.apply(raw, clip=True) @ np.asarray(self._member.weights)
        # A response that cannot be scored is given only where there is no other.
        best = int(np.argmax(np.where(np.isnan(values), -np.inf, values)))
        tokens = [each.usage for each in written]
        usage = Usage(
            sum(each.prompt_tokens for each in tokens),
            sum(each.completion_tokens for each in tokens),
            sum(each.cached_tokens for each in tokens),
        )
        return msgspec.structs.replace(done[best], key=request.key, usage=usage)
