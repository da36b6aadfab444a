"""Tier 3: what a person chose, in a short form. Closed lists, and words on topics that only the model reads.

No text of a person is ever parsed as policy. A wish has an id of the list `data/form.toml`; what may be
remembered and what a reply must never hold are names of lists too. Topics are free words of letters, digits,
spaces, hyphens and apostrophes; they reach the model quoted and no rule at all.
"""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from populace.atomic import write_atomic
from populace.bounds.hazards import hazards
from populace.errors import DataError

__all__ = ["Form", "Kind", "Trait", "Wish", "form_lists", "read_form", "wish_list"]

MOST_TOPICS = 20
LONGEST_TOPIC = 40
_LARGEST_FILE = 64_000
_TABLES = {
    "traits": None,
    "tone": ("use",),
    "topics": ("more", "avoid"),
    "never": ("hazards",),
    "remember": ("kinds",),
    "pause": ("wishes",),
}


class Trait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something there can be more of or less of."""

    name: str
    title: str
    more: str
    less: str
    more_words: str
    less_words: str


class Tone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manner that can be asked for."""

    name: str
    title: str
    words: str


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of personal data that may be remembered or not."""

    name: str
    title: str
    special: bool
    """Whether it is a special category of data: never remembered unless a person asks for it by name."""


class Wish(msgspec.Struct, frozen=True):
    """One preference: what rules call it, what a person calls it, and what the model is told."""

    id: str
    topic: str
    """What rules of organisations speak of, of a closed list."""
    title: str
    words: str


class Lists(NamedTuple):
    """What can be chosen."""

    traits: Mapping[str, Trait]
    tones: Mapping[str, Tone]
    kinds: Mapping[str, Kind]


class Form(msgspec.Struct, frozen=True):
    """What a person chose.

    Examples
    --------
    >>> form = Form(traits={"brevity": "more"}, tone=("humour",), avoid=("diets",))
    >>> [wish.id for wish in form.wishes()]
    ['trait.brevity.more', 'tone.humour', 'topics.avoid']
    >>> "health" in form.kept_out()
    True
    """

    traits: dict[str, str] = {}
    """Name of a trait: "more" or "less"."""
    tone: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """Topics they like to hear of, in their own words."""
    avoid: tuple[str, ...] = ()
    """Topics not to be brought up, in their own words."""
    never: tuple[str, ...] = ()
    """Hazards that no reply to them may hold, even where others would be given it."""
    remember: tuple[str, ...] = ("preferences",)
    """Kinds of data that may be kept and derived; everything else may not."""
    pause: tuple[str, ...] = ()
    """Ids of wishes that rest for now."""

    def wishes(self) -> tuple[Wish, ...]:
        """Give the wishes, in the order of the lists; paused ones too."""
        every = wish_list()
        ids = [f"trait.{name}.{self.traits[name]}" for name in form_lists().traits if name in self.traits]
        ids += [f"tone.{name}" for name in form_lists().tones if name in self.tone]
        found = [every[each] for each in ids]
        for name, topics in (("topics.more", self.more), ("topics.avoid", self.avoid)):
            if topics:
                wish = every[name]
                quoted = ", ".join(f'"{topic}"' for topic in topics)
                found.append(msgspec.structs.replace(wish, words=f"{wish.words} {quoted}."))
        return tuple(found)

    def kept_out(self) -> tuple[str, ...]:
        """Give the kinds of data that may not be kept or derived."""
        return tuple(name for name in form_lists().kinds if name not in self.remember)

    def toml(self) -> str:
        """Write it as the file that `read_form` reads."""
        lines = ["form = 1", "", "[traits]", *(f'{name} = "{way}"' for name, way in self.traits.items())]
        fields = {"use": self.tone, "more": self.more, "avoid": self.avoid, "hazards": self.never}
        fields |= {"kinds": self.remember, "wishes": self.pause}
        for table, names in list(_TABLES.items())[1:]:
            lines += ["", f"[{table}]", *(f"{name} = {_array(fields[name])}" for name in names or ())]
        return "\n".join(lines) + "\n"


@functools.cache
def form_lists() -> Lists:
    """Read what can be chosen."""
    text = resources.files("populace.bounds").joinpath("data", "form.toml").read_text("utf-8")
    rows = tomllib.loads(text)
    read = {key: msgspec.convert(rows[key], list[type_]) for key, type_ in _ROWS.items()}
    return Lists(*(MappingProxyType({row.name: row for row in read[key]}) for key in _ROWS))


_ROWS: dict[str, Any] = {"trait": Trait, "tone": Tone, "kind": Kind}


@functools.cache
def wish_list() -> Mapping[str, Wish]:
    """Give every wish there can be, by id: what the entities of the engine are made of.

    Examples
    --------
    >>> wish_list()["tone.slang"].topic
    'slang'
    """
    found: list[Wish] = []
    for trait in form_lists().traits.values():
        for way, words in (("more", trait.more_words), ("less", trait.less_words)):
            title = f"{trait.title}: {getattr(trait, way).lower()}"
            found.append(Wish(f"trait.{trait.name}.{way}", trait.name, title, words))
    for tone in form_lists().tones.values():
        found.append(Wish(f"tone.{tone.name}", tone.name, tone.title, tone.words))
    found.append(Wish("topics.more", "topics", "Topics I like", "Topics this person likes, in their words:"))
    found.append(
        Wish("topics.avoid", "topics", "Topics to leave out", "Do not bring up these topics unasked:")
    )
    return MappingProxyType({wish.id: wish for wish in found})


def read_form(path: str | Path) -> Form:
    """Read a person's form.

    Raises
    ------
    DataError
        If it is no TOML, too large, or holds anything that is not in the lists; nothing is left out silently.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"the form cannot be read: {error.strerror}", file=file) from error
    return parse_form(data, file)


def write_form(path: str | Path, form: Form) -> None:
    """Write a person's form, whole or not at all, after it was checked."""
    text = form.toml().encode()
    parse_form(text, Path(path))
    write_atomic(path, text)


def parse_form(data: bytes, file: Path | None = None) -> Form:
    """Read the text of a form; see `read_form`."""
    if len(data) > _LARGEST_FILE:
        raise DataError(f"a form of {len(data):,} bytes is no form", file=file)
    try:
        rows = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"this is not a TOML file: {error}", file=file) from error
    if rows.pop("form", None) != 1:
        raise DataError("this is no form of version 1", file=file, fix="write form = 1 as its first line")
    _known("table", rows, _TABLES, file)
    for name, table in rows.items():
        if not isinstance(table, dict):
            raise DataError("this is a value where a table should be", file=file, column=name)
        if _TABLES[name] is not None:
            _known("field", table, _TABLES[name] or (), file, name)
    lists = form_lists()

    def words(table: str, field: str, known: Any) -> tuple[str, ...]:
        given = rows.get(table, {}).get(field, ())
        column = f"{table}.{field}"
        if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
            raise DataError("this is not a list of texts", file=file, column=column)
        if known is not None:
            _known("entry", given, known, file, column)
        return tuple(dict.fromkeys(given))

    traits = rows.get("traits", {})
    _known("trait", traits, lists.traits, file, "traits")
    for name, way in traits.items():
        _known("value", [way], ("more", "less"), file, f"traits.{name}")
    remember = words("remember", "kinds", lists.kinds) if "remember" in rows else ("preferences",)
    return Form(
        traits=traits,
        tone=words("tone", "use", lists.tones),
        more=_topics(words("topics", "more", None), file, "topics.more"),
        avoid=_topics(words("topics", "avoid", None), file, "topics.avoid"),
        never=words("never", "hazards", hazards()),
        remember=remember,
        pause=words("pause", "wishes", wish_list()),
    )


def _known(what: str, given: Any, known: Any, file: Path | None, column: str | None = None) -> None:
    for each in given:
        if not isinstance(each, str) or each not in known:
            shown = repr(each)[:60]
            fix = f"use one of {', '.join(known)}"
            raise DataError(f"there is no {what} {shown}", file=file, column=column, fix=fix)


def _topics(given: tuple[str, ...], file: Path | None, column: str) -> tuple[str, ...]:
    if len(given) > MOST_TOPICS:
        raise DataError(f"{len(given)} topics are more than {MOST_TOPICS}", file=file, column=column)
    for row, topic in enumerate(given, 1):
        # Letters, their marks, digits: of any script.
        plain = all(unicodedata.category(sign)[0] in "LMN" or sign in " -'" for sign in topic)
        if not topic.strip() or len(topic) > LONGEST_TOPIC or not plain:
            raise DataError(
                f"{topic[:60]!r} is no topic",
                file=file,
                row=row,
                column=column,
                fix=f"write 1 to {LONGEST_TOPIC} letters, digits, spaces, hyphens and apostrophes",
            )
    return tuple(dict.fromkeys(" ".join(topic.split()) for topic in given))


def _array(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
