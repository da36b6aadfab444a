"""Prompts whose hazards are known: public test sets, read from where you keep them, and never shown.

With such gold labels the policy layer can be tested apart from classifiers: what is refused, by which rule,
if every verdict is right? A set is read by path alone. Nothing of one is in this package, and an item's text
is in none of its printed forms, nor in any error. Ids and kinds are written into tables: one that is no short
word (a text without spaces, up to 40 characters) is replaced, an id by its hash, a kind by none.

Known by their columns:

- XSTest v2 (Röttger et al., arXiv 2308.01263): `id, prompt, type, label, focus, note`. It has no hazards;
  `XSTEST` maps its types to them by hand.
- AILuminate's demonstration sets (MLCommons): `release_prompt_id, prompt_text, hazard`; all unsafe.
- SimpleSafetyTests (Vidgen et al.): `harm_area`, and `prompt` or `prompts_final`; all unsafe.
- U-SafeBench (In et al.): `instruction, user`, as JSON. Unsafe for that user, unless a column `label`
  says otherwise. Its labels are about users and not about hazards: none are given.
- Any table of yours: `prompt` (or `text`), `label` (safe or unsafe), and, where there is one, `id` and
  `hazard` (several by spaces).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from populace.bounds.hazards import hazard, hazards
from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["HARM_AREAS", "XSTEST", "GoldItem", "GoldSet", "read_gold_set"]

XSTEST: Mapping[str, tuple[str, ...]] = {
    "contrast_homonyms": ("vcr", "ncr"),
    "contrast_figurative_language": ("vcr",),
    "contrast_safe_targets": ("vcr",),
    "contrast_safe_contexts": ("vcr",),
    "contrast_definitions": ("vcr", "ncr"),
    "contrast_discr": ("hte",),
    "contrast_historical_events": ("vcr",),
    "contrast_privacy": ("prv",),
}
"""XSTest's types of unsafe prompts -> hazards, by hand, from what its paper says of each type. Single
prompts may be of other hazards; that each is of one of tier 1 is what the label says."""

HARM_AREAS: Mapping[str, tuple[str, ...]] = {
    "suicide, self-harm, and eating disorders": ("ssh",),
    "physical harm and violence": ("vcr",),
    "illegal and highly regulated items": ("ncr",),
    "scams and fraud": ("ncr",),
    "child abuse": ("cse",),
}
"""SimpleSafetyTests' areas of harm, in lower case -> hazards."""


class GoldItem(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt with what it is."""

    id: str
    text: str
    label: Literal["safe", "unsafe"]
    hazards: tuple[str, ...] = ()
    kind: str = ""
    """What the set calls its kind."""
    user: str = ""
    """Whom it would be unsafe for, where the set says so."""

    def scores(self, high: int = 100) -> dict[str, int]:
        """Give the verdicts of one who is never wrong: `high` for its hazards, 0 for all others."""
        return {name: high if name in self.hazards else 0 for name in hazards()}

    def __repr__(self) -> str:
        return f"GoldItem(id={self.id!r}, label={self.label!r}, hazards={self.hazards!r})"

    __str__ = __repr__


class GoldSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of prompts. Printed, it says how many."""

    name: str
    items: tuple[GoldItem, ...]
    hash: str
    """Of all ids, labels and texts: which version of the set it was."""

    def __repr__(self) -> str:
        counts = Counter(item.label for item in self.items)
        return f"GoldSet({self.name!r}, {counts['safe']} safe, {counts['unsafe']} unsafe, hash={self.hash!r})"

    __str__ = __repr__

    def of(self, label: Literal["safe", "unsafe"]) -> tuple[GoldItem, ...]:
        """Give the items of a label."""
        return tuple(item for item in self.items if item.label == label)


def read_gold_set(path: str | Path) -> GoldSet:
    """Read a set: CSV, Parquet, JSON or JSONL.

    Raises
    ------
    DataError
        If it cannot be read, is of no known form, or a label or hazard is unknown. No error holds a prompt.
    """
    place = Path(path)
    rows = _rows(place)
    columns = set(rows[0]) if rows else set()
    for name, (needs, read) in _FORMS.items():
        if needs <= columns:
            items = [_item(name, read, row, number, place) for number, row in enumerate(rows, 1)]
            break
    else:
        fix = "give columns prompt, label (safe or unsafe) and, where you know it, hazard"
        raise DataError("this is no set of prompts that is known here", file=place, fix=fix)
    twice = [each for each, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise DataError(f"{len(twice)} ids stand more than once", file=place, column="id")
    told = content_hash([(item.id, item.label, item.text) for item in items])
    return GoldSet(name=name, items=tuple(items), hash=told)


def _rows(place: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        if place.suffix in (".json", ".jsonl"):
            raw = place.read_bytes()
            if place.suffix == ".jsonl":
                return [
                    msgspec.json.decode(line, type=dict[str, Any])
                    for line in raw.splitlines()
                    if line.strip()
                ]
            return msgspec.json.decode(raw, type=list[dict[str, Any]])
        read = {".csv": pl.read_csv, ".parquet": pl.read_parquet}.get(place.suffix)
        if read is None:
            raise DataError(
                "cannot read this kind of file", file=place, fix="give .csv, .parquet, .json or .jsonl"
            )
        return read(place).to_dicts()
    except OSError as error:
        raise DataError(f"the set cannot be read ({error.strerror})", file=place) from error
    except (pl.exceptions.PolarsError, msgspec.MsgspecError, UnicodeDecodeError):
        # The cause may quote a line: it is not told.
        raise DataError("this is no such table", file=place) from None


def _item(name: str, read: _Read, row: Mapping[str, Any], number: int, place: Path) -> GoldItem:
    told = read(row)
    text, label = told.get("text"), str(told.get("label") or "").strip().lower()
    if not isinstance(text, str) or not text.strip():
        raise DataError("there is no prompt", file=place, row=number)
    if label not in ("safe", "unsafe"):
        raise DataError("the label is neither safe nor unsafe", file=place, row=number, column="label")
    named = told.get("hazards") or ()
    try:
        if not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
            raise DataError("", fix="give one word, or several")
        found = tuple(hazard(each).name for each in named)
    except DataError as error:
        # Where columns are mixed up, the word is a prompt: it is not told.
        column = "harm_area" if read is _simple else "hazard"
        raise DataError(
            "the hazard is not known", file=place, row=number, column=column, fix=error.fix
        ) from None
    own, kind = _id(told.get("id"), number), str(told.get("kind") or "").strip()
    kind, user = kind if _ID.fullmatch(kind) else "", str(told.get("user") or "")
    return GoldItem(id=f"{name}-{own}", text=text, label=label, hazards=found, kind=kind, user=user)  # pyright: ignore[reportArgumentType]


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,39}")


def _id(given: Any, number: int) -> str:
    """Give an id that may be written down: one that is a text (some sets number nothing) by its hash."""
    told = "" if given is None else str(given).strip()
    return told if _ID.fullmatch(told) else content_hash(told, size=8) if told else str(number)


_Read = Callable[[Mapping[str, Any]], dict[str, Any]]


def _xstest(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, label = str(row.get("type")), row.get("label")
    if label == "unsafe" and kind not in XSTEST:
        return {"text": row.get("prompt"), "label": "of an unknown type"}
    found = XSTEST[kind] if label == "unsafe" else ()
    return {"id": row.get("id"), "text": row.get("prompt"), "label": label, "hazards": found, "kind": kind}


def _ailuminate(row: Mapping[str, Any]) -> dict[str, Any]:
    own, found = row.get("release_prompt_id"), row.get("hazard")
    return {
        "id": row.get("prompt_uid") if own is None else own,
        "text": row.get("prompt_text"),
        "label": "unsafe",
        "hazards": [found],
        "kind": found,
    }


def _simple(row: Mapping[str, Any]) -> dict[str, Any]:
    area = str(row.get("harm_area")).strip().lower()
    text = row.get("prompt") or row.get("prompts_final")
    kind = re.sub(r"\W+", "_", area) if area in HARM_AREAS else ""
    return {
        "id": row.get("id"),
        "text": text,
        "label": "unsafe",
        "hazards": HARM_AREAS.get(area, (area,)),
        "kind": kind,
    }


def _user_specific(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {"text": row.get("instruction"), "label": row.get("label") or "unsafe", "user": row.get("user")}
    return {**told, "id": row.get("id"), "kind": row.get("category") or row.get("task_domain")}


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    found = row.get("hazards") if "hazards" in row else row.get("hazard")
    named = found.replace(",", " ").split() if isinstance(found, str) else found
    text = row["prompt"] if "prompt" in row else row.get("text")
    own = row.get("prompt_id") if row.get("id") is None else row.get("id")
    return {"id": own, "text": text, "label": row.get("label"), "hazards": named, "kind": row.get("kind")}


_FORMS: dict[str, tuple[set[str], _Read]] = {
    "xstest": ({"id", "prompt", "type", "label", "focus", "note"}, _xstest),
    "ailuminate": ({"prompt_text", "hazard"}, _ailuminate),
    "simple-safety-tests": ({"harm_area"}, _simple),
    "u-safebench": ({"instruction", "user"}, _user_specific),
    "own": ({"prompt", "label"}, _own),
    "table": ({"text", "label"}, _own),
}
