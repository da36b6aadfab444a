"""What a model's answer says: the texts that were asked for, or why there are none. Nothing else is read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from populace.authoring.claims import Violation, normalised, violations
from populace.models import Completion, Result
from populace.personas.persona import Persona

__all__ = ["Answer", "answer_schema", "read_answer", "read_text"]


class Answer(msgspec.Struct, frozen=True):
    """What a completion says: the texts, or why there are none."""

    texts: dict[str, str] = {}
    wrong: list[Violation] = []
    raw: str | None = None


def read_answer(result: Result | None, fields: Sequence[str]) -> Answer:
    """Read the fields out of an answer; whatever else it holds is dropped."""
    if not isinstance(result, Completion) or result.finish == "refusal":
        return _without_text(result)
    text = result.text.strip()
    start, end = text.find("{"), text.rfind("}")
    try:
        found = msgspec.json.decode(text[start : end + 1].encode()) if start >= 0 else None
    except (msgspec.DecodeError, UnicodeEncodeError):
        found = None
    if not isinstance(found, dict):
        rule = "cut" if result.finish == "length" else "json"
        declined = [each for each in violations(Persona(), "", text) if each.rule == "refusal"]
        return Answer(wrong=declined or [Violation(rule, "no JSON object")], raw=text)
    texts = {name: normalised(value) for name in fields if isinstance(value := found.get(name), str)}
    return Answer(texts=texts, raw=text)


def read_text(result: Result | None, field: str, stem: str) -> Answer:
    """Read one field: the first line of an answer, without the sentence it was to complete."""
    if not isinstance(result, Completion) or result.finish == "refusal":
        return _without_text(result)
    raw = result.text.strip()
    text = normalised(raw.splitlines()[0]) if raw else ""
    tail = stem.removeprefix("This person ").removeprefix("is ")
    for said in (stem, tail, f"is {tail}"):
        if text.lower().startswith(f"{said.lower()} "):
            text = normalised(text[len(said) :])
    if result.finish == "length" and "\n" not in raw:
        return Answer(wrong=[Violation("cut", "longer than was allowed")], raw=raw)
    return Answer(texts={field: text}, raw=raw)


def _without_text(result: Result | None) -> Answer:
    if isinstance(result, Completion):
        return Answer(wrong=[Violation("refusal", "by the provider")], raw=result.text.strip())
    return Answer(wrong=[Violation("failed", getattr(result, "boundary", "not asked"))])


def answer_schema(fields: Sequence[str]) -> str:
    """JSON Schema of an object with these fields as text, and no others."""
    text = {"type": "string"}
    schema = {
        "type": "object",
        "properties": dict.fromkeys(fields, text),
        "required": list(fields),
        "additionalProperties": False,
    }
    return msgspec.json.encode(schema).decode()
