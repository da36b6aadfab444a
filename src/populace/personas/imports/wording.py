"""Reading one value of an outside file: what it is in our schema, and by how much of a stretch.

Tables in TOML say what a source's wordings mean (`persona.toml`, `nemotron.toml`); numbers, brackets and
long code lists are read by rule. Nothing is guessed: a value that no table and no rule covers stays unread,
and the report says so.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import Any, Literal

import msgspec

from populace.personas.schema import Attribute
from populace.population.codebook import load_codebook

__all__ = ["How", "Reading", "Vocabulary", "normal", "number", "vocabulary"]

How = Literal["same", "spelling", "wording", "reading", "missing", "unread"]
"""`same`: our own label. `spelling`: but for case, spaces, or a number's form. `wording`: the source's name
of the same category. `reading`: our interpretation. `missing`: it says that nothing is known. `unread`: it
was not understood."""

_CODE_LISTS = {
    "ancestry": ("ANC1P",),
    "industry_category": ("INDP",),
    "occupation_category": ("OCCP",),
    "place_of_birth": ("POBP", "CIT.birthplace"),
}
_NUMBER = re.compile(r"(-?)\s*(\d+(?:\.\d+)?)\s*(k?)")
_BETWEEN = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\s*(k?)")
_OVER = re.compile(
    r"(?:over|more than|at least)\s*(\d+(?:\.\d+)?)\s*(k?)|(\d+(?:\.\d+)?)\s*(k?)\s*(?:\+|or more|and over)"
)


class Reading(msgspec.Struct, frozen=True):
    """What one raw value became."""

    ours: str | int | None
    how: How
    by_sex: dict[str, str] | None = None
    """Values by the person's sex, where only that decides; `ours` is then None."""


class Vocabulary(msgspec.Struct, frozen=True):
    """One source: where it comes from, its keys and its wordings."""

    name: str
    citation: str
    licence: str
    url: str
    missing: tuple[str, ...]
    minor: tuple[str, ...]
    keys: dict[str, str]
    same: dict[str, dict[str, str]] = {}
    read: dict[str, dict[str, str | dict[str, str]]] = {}
    derive: dict[str, dict[str, dict[str, str]]] = {}
    """Attribute -> column of the file -> its value -> ours: what one column says about another attribute."""

    def read_value(self, raw: str, attribute: Attribute) -> Reading:
        """Read one value of an attribute that is no free text.

        Examples
        --------
        >>> from populace.personas.schema import attribute
        >>> vocabulary("persona").read_value("Democratic", attribute("political_views"))
        Reading(ours='Democrat', how='reading', by_sex=None)
        >>> vocabulary("persona").read_value("62000.0", attribute("income")).ours
        62000
        >>> vocabulary("persona").read_value("Has children", attribute("fertility")).how
        'unread'
        """
        key = normal(raw)
        same, read = _tables(self, attribute.name)
        if key in same:
            return Reading(same[key] or None, "wording" if same[key] else "missing")
        if key in read:
            found = read[key]
            if isinstance(found, dict):
                return Reading(None, "reading", found)
            return Reading(found or None, "reading")
        if not key or key in self.missing or any(key.startswith(start) for start in self.minor):
            return Reading(None, "missing")
        return number(raw, attribute) if attribute.kind != "category" else _label(raw, key, attribute)


def normal(text: str) -> str:
    """Bring a wording into the form in which wordings are compared.

    Examples
    --------
    >>> normal("  Non-Veteran. "), normal("married_present"), normal("Associate’s degree")
    ('non-veteran', 'married present', "associate's degree")
    """
    text = text.replace("’", "'").replace("_", " ").casefold()
    return " ".join(text.split()).rstrip(" .;,")


def number(raw: str, attribute: Attribute) -> Reading:
    """Read a whole number, an amount of dollars or a bracket.

    A bracket becomes its middle, an open one its lower end, an age over 99 the census's top code.

    Examples
    --------
    >>> from populace.personas.schema import attribute
    >>> [number(text, attribute("income")).ours for text in ("$62,000", "20000-30000", "200k+", "plenty")]
    [62000, 25000, 200000, None]
    >>> number("103", attribute("age"))
    Reading(ours=99, how='reading', by_sex=None)
    """
    text = (
        normal(raw)
        .replace(",", "")
        .replace("$", "")
        .removesuffix("per year")
        .removesuffix("years old")
        .strip()
    )
    if found := _NUMBER.fullmatch(text):
        value = float(found[1] + found[2]) * (1000 if found[3] else 1)
        plain = value.is_integer()
    elif found := _BETWEEN.fullmatch(text):
        scale = 1000 if found[3] else 1
        low, high = float(found[1]) * scale, float(found[2]) * scale
        value, plain = (low + high) / 2, False
        if low > high:
            return Reading(None, "unread")
    elif found := _OVER.fullmatch(text):
        value, plain = float(found[1] or found[3]) * (1000 if found[2] or found[4] else 1), False
    else:
        return Reading(None, "unread")
    whole = int(value + 0.5) if value >= 0 else -int(0.5 - value)
    if attribute.name == "age" and attribute.high is not None and attribute.high < whole <= 125:
        return Reading(attribute.high, "reading")
    if not (attribute.low or 0) <= whole <= (attribute.high or whole):
        return Reading(None, "unread")
    return Reading(whole, ("same" if str(whole) == raw else "spelling") if plain else "reading")


@functools.cache
def vocabulary(source: Literal["persona", "nemotron"]) -> Vocabulary:
    """Load the tables of one source."""
    text = resources.files("populace.personas.imports").joinpath(f"{source}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Vocabulary)


@functools.cache
def _cached_tables(source: str, attribute: str) -> tuple[dict[str, str], dict[str, Any]]:
    book = vocabulary(source)  # pyright: ignore[reportArgumentType]
    same = {normal(raw): ours for raw, ours in book.same.get(attribute, {}).items()}
    return same, {normal(raw): ours for raw, ours in book.read.get(attribute, {}).items()}


def _tables(book: Vocabulary, attribute: str) -> tuple[dict[str, str], dict[str, Any]]:
    return _cached_tables("nemotron" if book.name.startswith("Nemotron") else "persona", attribute)


def _label(raw: str, key: str, attribute: Attribute) -> Reading:
    """Read a category by its own label, or by that of a long code list."""
    if (ours := _own_labels(attribute).get(key)) is not None:
        return Reading(ours, "same" if ours == raw else "spelling")
    variables = _CODE_LISTS.get(attribute.name)
    if variables is None:
        return Reading(None, "unread")
    exact, loose = _code_list(variables)
    group, bare = _bare(raw)
    if (ours := exact.get(tokens(bare))) is not None:
        return Reading(ours, "same" if ours == raw else "wording")
    if (ours := loose.get(tokens(bare))) is not None:
        return Reading(ours, "reading")
    ours = _group_label(variables[0], group)
    return Reading(ours, "reading" if ours else "unread")


@functools.cache
def _own_labels(attribute: Attribute) -> dict[str, str]:
    return {normal(label): label for label in attribute.values}


def _bare(raw: str) -> tuple[str, str]:
    """Take PERSONA's `MED-` from the front, and `/TX` from the end."""
    found = re.fullmatch(r"(?:([A-Z]{3})\s*-\s*)?(.*?)(?:/[A-Z]{2})?", raw.strip(), flags=re.DOTALL)
    return (found[1] or "", found[2]) if found else ("", raw)


def tokens(text: str) -> tuple[str, ...]:
    """Words in the singular, without "and" and "or": codes name one worker, the census many.

    Examples
    --------
    >>> tokens("Secretaries And Administrative Assistants") == tokens("secretary_or_administrative_assistant")
    True
    """
    words = re.findall(r"[a-z0-9]+", normal(text).replace("'", ""))
    return tuple(_singular(word) for word in words if word not in ("and", "or", "the"))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(ss|x|ch|sh)es$", word):
        return word[:-2]
    if word.endswith("men"):
        return word[:-3] + "man"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


@functools.cache
def _code_list(variables: tuple[str, ...]) -> tuple[dict[tuple[str, ...], str], dict[tuple[str, ...], str]]:
    """Labels of a long code list by their words; and by fewer words, where those name one code alone."""
    books = [load_codebook("acs_pums").variables[variable] for variable in variables]
    labels = [label for book in books for label in book.labels.values()]
    labels += [group.label for book in books for group in book.groups]
    exact = {tokens(label): label for label in reversed(labels)}
    loose: dict[tuple[str, ...], set[str]] = {}
    for label in labels:
        for form in _shorter(label):
            if (key := tokens(form)) and key not in exact:
                loose.setdefault(key, set()).add(label)
    return exact, {key: next(iter(found)) for key, found in loose.items() if len(found) == 1}


def _shorter(label: str) -> set[str]:
    """Forms of a label without what only sets it apart from its neighbours."""
    plain = re.sub(r"(?i),?\s*\(?(?:except|including|n\.?e\.?c\.?)\b.*$", "", label)
    plain = re.sub(r"(?i),?\s*all other$", "", plain)
    return {plain, re.sub(r"(?i)^(?:other|miscellaneous|all other)\s+", "", plain)}


def _group_label(variable: str, code: str) -> str | None:
    groups = load_codebook("acs_pums").variables[variable].groups
    return next((group.label for group in groups if group.code == code), None)
