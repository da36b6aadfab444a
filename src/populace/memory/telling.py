"""Say in words what is known of a person."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

__all__ = ["in_words"]

_SHOWN = 5
"""Of each kind; the rest is counted."""


def in_words(told: dict[str, Any]) -> str:
    """Say what an export holds.

    Examples
    --------
    >>> told = {"person_id": "ada", "attributes": [], "items": [], "statements": [], "caches": [],
    ...         "neighbours": [], "models": [], "reads": []}
    >>> print(in_words(told))
    What is known of ada
      attributes: none
      items: none
      statements derived: none
      compared with others: no
      in fitted models: none
      read: never
    """
    parts = (_attributes, _items, _statements, _compared, _models, _reads)
    lines = [f"What is known of {told['person_id']}"]
    for part in parts:
        head, *rest = part(told)
        lines += [f"  {head}", *(f"    {line}" for line in rest)]
    return "\n".join(lines)


def _attributes(told: dict[str, Any]) -> list[str]:
    found = [f"{each['name']}: {each['value']} ({_consent(each)})" for each in told["attributes"]]
    return ["attributes:", *found] if found else ["attributes: none"]


def _items(told: dict[str, Any]) -> list[str]:
    items = told["items"]
    if not items:
        return ["items: none"]
    kinds = Counter((_consent(each), each["source"] or "no source named") for each in items)
    shown = [f"{count} from {source}; {consent}" for (consent, source), count in sorted(kinds.items())]
    for each in items[-_SHOWN:]:
        shown.append(f"[{each['item_id']}] {_cut(each['text'])} -> {_cut(each['response'])}".rstrip(" ->"))
    if len(items) > _SHOWN:
        shown.append(f"(the last {_SHOWN} of {len(items)})")
    return [f"items: {len(items)}", *shown]


def _statements(told: dict[str, Any]) -> list[str]:
    found = told["statements"]
    if not found:
        return ["statements derived: none"]
    shown = []
    for each in found:
        rests = [f"items {', '.join(map(str, each['items']))}"] if each["items"] else []
        rests += [f"{each['items_of_others']} items of others"] if each["items_of_others"] else []
        until = "" if each["until"] is None else f", until {_day(each['until'])}"
        whence = " and ".join(rests) or "nothing"
        shown.append(
            f"{each['layer']}, {each['field']}: {_cut(each['text'])} (from {whence}; "
            f"by {each['model'] or 'rules'}, {_day(each['made'])}{until})"
        )
    return [f"statements derived: {len(found)}", *shown]


def _compared(told: dict[str, Any]) -> list[str]:
    kinds = [f"by {each['kind']}: {_cut(each['text']) or 'a vector'}" for each in told["caches"]]
    kinds += [
        f"{each['way']}: {each['neighbours']} neighbours; in the lists of {each['in_lists_of']} people"
        for each in told["neighbours"]
    ]
    return ["compared with others:", *kinds] if kinds else ["compared with others: no"]


def _models(told: dict[str, Any]) -> list[str]:
    found = [f"{each['kind']} for {each['purpose']}, {_day(each['made'])}" for each in told["models"]]
    return ["in fitted models:", *found] if found else ["in fitted models: none"]


def _reads(told: dict[str, Any]) -> list[str]:
    reads = told["reads"]
    if not reads:
        return ["read: never"]
    counts: dict[tuple[str, ...], list[float]] = {}
    for each in reads:
        whom = "for another person" if each["for_another_person"] else "for themselves or nobody"
        key = (each["action"], each["purpose"] or "no purpose", each["actor"] or "nobody named", whom)
        counts.setdefault(key, []).append(each["time"])
    shown = [
        f"{action} for {purpose}, by {actor}, {whom}: {len(times)} times, last {_day(max(times))}"
        for (action, purpose, actor, whom), times in sorted(counts.items())
    ]
    return [f"read: {len(reads)} times", *shown]


def _consent(each: dict[str, Any]) -> str:
    purposes = " and ".join(each["purposes"]) or "nothing"
    return f"for {purposes}, {'shared' if each['share'] else 'not shared'}"


def _cut(text: str, size: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else text[: size - 1] + "…"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
