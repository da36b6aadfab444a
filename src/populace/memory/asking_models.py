"""What a model is asked to derive of a person, and what is read of its answer.

Answers are written down 32 people at a time; until then they stand in the engine's journal (`calls`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from populace.errors import DataError
from populace.memory.item import Kept
from populace.memory.stating import Draft
from populace.templating import Templates

if TYPE_CHECKING:
    from populace.models.protocol import Provider
    from populace.models.records import GenerateRequest

__all__ = ["Batch", "Recipe", "checked_batch", "opened", "read_answer", "recipe_of", "requests_of"]

TEMPLATES = Templates("populace.memory")
_MOST_TOKENS = 600
_SAID = 800
"""Characters of one text that a model is told."""
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_LONGEST = 300


class Batch(NamedTuple):
    """What a model is told at a time."""

    person: int
    items: tuple[Kept, ...]
    known: tuple[tuple[str, tuple[int, ...]], ...]
    """Statements, and the items they rest on."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """All items that an answer rests on."""
        told = {each.item_id for each in self.items} | {item for _, items in self.known for item in items}
        return tuple(sorted(told))

    @property
    def time(self) -> float | None:
        """When the last of it was said."""
        return max((each.item.time for each in self.items if each.item.time is not None), default=None)


class Recipe(NamedTuple):
    """What derives a layer."""

    name: str
    """Model, prompt and purpose: what was read by one recipe is read again by another."""
    template: str
    model: str
    prompt: str
    """Hash of the template."""
    provider: Provider | None


def opened(model: Provider | str) -> Provider:
    """Open a model that is named."""
    if not isinstance(model, str):
        return model
    from populace.models.registry import open_model

    return open_model(model)


def recipe_of(model: Provider | str | None, template: str, rules: str, purpose: str) -> Recipe:
    """Open a model, or take the rules."""
    if model is None:
        return Recipe(f"{rules} for {purpose}", "", rules, "", None)
    model = opened(model)
    prompt = TEMPLATES.hash(template)
    return Recipe(f"{model.model} {prompt} for {purpose}", template, model.model, prompt, model)


def requests_of(recipe: Recipe, batches: Sequence[Batch], fields: Mapping[str, str]) -> list[GenerateRequest]:
    """Ask a model about each batch."""
    from populace.models.records import GenerateRequest, Message

    listed = "\n".join(f"- {name}: {what}" for name, what in fields.items())
    requests = []
    for batch in batches:
        values = {"fields": listed, "history": "\n".join(_line(each) for each in batch.items)}
        values["known"] = "\n".join(f"- {text}" for text, _ in batch.known) or "- nothing"
        message = Message("user", TEMPLATES.render(recipe.template, values))
        requests.append(GenerateRequest(model=recipe.model, messages=(message,), max_tokens=_MOST_TOKENS))
    return requests


def _line(each: Kept) -> str:
    parts = [" ".join(part.split())[:_SAID] for part in (each.item.text, each.item.response) if part]
    return "- " + " -> ".join(parts)


class _Said(msgspec.Struct):
    field: str
    says: str
    about: str = ""
    confidence: float = 0.5


def read_answer(
    text: str, fields: Mapping[str, Any], items: tuple[int, ...], said: float | None
) -> list[Draft] | None:
    """Read statements of an answer; None if there is no JSON of statements in it.

    A statement of another field, or without words, is left out: the others still count.

    Examples
    --------
    >>> answer = 'Here: {"statements": [{"field": "roles", "says": "mother"}, {"field": "odd", "says": "x"}]}'
    >>> read_answer(answer, {"roles": ""}, (4,), None)
    [Draft(field='roles', about='', says='mother', items=(4,), confidence=0.5, time=None)]
    >>> read_answer("I cannot say.", {"roles": ""}, (4,), None) is None
    True
    """
    found = _OBJECT.search(text)
    try:
        rows = msgspec.json.decode(found[0].encode())["statements"] if found else None
    except (msgspec.DecodeError, UnicodeEncodeError, KeyError, TypeError):
        return None
    if not isinstance(rows, list):
        return None
    drafts = []
    for row in rows:
        try:
            told = msgspec.convert(row, _Said)
        except msgspec.ValidationError:
            continue
        about, says = (_clean(part) for part in (told.about, told.says))
        if told.field in fields and says and 0 <= told.confidence <= 1:
            about = about.replace(": ", " ").rstrip(":")
            drafts.append(Draft(told.field, about, says, items, told.confidence, said))
    return drafts


def _clean(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:_LONGEST]


def checked_batch(batch: int) -> int:
    """Give a number of items back if a model can be told so many."""
    if batch < 1:
        raise DataError(f"a model cannot be told {batch} items at a time", fix="give 1 or more")
    return batch
