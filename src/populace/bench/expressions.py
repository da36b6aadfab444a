"""Expressions over the attributes of a persona, as a user writes them.

An expression compares attributes of the schema with values: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [...]`,
`not in [...]`, joined by `and`, `or`, `not` and brackets. It is parsed into a Polars expression, never run
as code. An attribute or a value that does not exist is an error that names the nearest one: a misspelt value
would otherwise make an empty group without a word.

Missing is missing, by three-valued logic: a person whose age is unknown is neither young nor not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import polars as pl

from populace.errors import StudyError
from populace.personas.schema import COLUMNS, Attribute, attribute

__all__ = ["expression", "no_attribute"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<sign>==|!=|<=|>=|[<>()\[\],])|(?P<word>[A-Za-z_]\w*))"
)
_KEYWORDS = ("and", "or", "not", "in")
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")


def expression(text: str, *, name: str | None = None) -> pl.Expr:
    """Read a Boolean expression over attributes.

    Raises
    ------
    StudyError
        If an attribute, a value or the form is wrong; `name` is the group it speaks of.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [25, 40, None], "sex": ["Female", "Female", "Male"]})
    >>> people.select(expression("age < 30 and sex == 'Female'")).to_series().to_list()
    [True, False, False]
    >>> people.select(expression("not (age >= 30)")).to_series().to_list()
    [True, False, None]
    """
    return _Parser(text, name or text).whole()


class _Parser:
    """Recursive descent: `or` over `and` over `not` over comparisons."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.tokens = [*self._tokens(text), ("end", "the end")]
        self.place = 0

    def whole(self) -> pl.Expr:
        found = self._or()
        if self.tokens[self.place][0] != "end":
            self._expected("`and`, `or` or the end")
        return found

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        found, place = [], 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                rest = text[place:].strip()
                fix = "put values in quotes, and write == for equal" if rest[0] in "'\"=" else None
                raise StudyError(f"group {self.name!r}: cannot read {rest[:20]!r}", fix=fix)
            kind = str(match.lastgroup)
            found.append(("sign" if match[kind] in _KEYWORDS else kind, match[kind]))
            place = match.end()
        return found

    def _or(self) -> pl.Expr:
        found = self._and()
        while self._taken("or"):
            found = found | self._and()
        return found

    def _and(self) -> pl.Expr:
        found = self._not()
        while self._taken("and"):
            found = found & self._not()
        return found

    def _not(self) -> pl.Expr:
        # A chain of `not` is walked, not descended: a long one must not exhaust the stack.
        turns = 0
        while self._taken("not"):
            turns += 1
        if self._taken("("):
            self._deeper()
            found = self._or()
            self._need(")")
        else:
            found = self._comparison()
        return ~found if turns % 2 else found

    def _deeper(self) -> None:
        opened = sum(1 if text == "(" else -1 if text == ")" else 0 for _, text in self.tokens[: self.place])
        if opened > 50:
            raise StudyError(f"group {self.name!r}: brackets are nested more than 50 deep")

    def _comparison(self) -> pl.Expr:
        kind, word = self.tokens[self.place]
        if kind != "word":
            self._expected("an attribute")
        if word not in COLUMNS:
            no_attribute(word, self.name, COLUMNS)
        self.place += 1
        found = attribute(word)
        column = pl.col(word)
        if self._taken("not"):
            self._need("in")
            return ~column.is_in(self._values(found))
        if self._taken("in"):
            return column.is_in(self._values(found))
        for sign in _COMPARE:
            if self._taken(sign):
                return self._compared(found, sign)
        return self._expected(f"a comparison after {word}: one of {' '.join(_COMPARE)}, in, not in")

    def _compared(self, found: Attribute, sign: str) -> pl.Expr:
        value, column = self._value(found), pl.col(found.name)
        if sign in ("==", "!="):
            return column == value if sign == "==" else column != value
        if found.values:
            if not found.ordered:
                raise StudyError(
                    f"group {self.name!r}: the values of {found.name} have no order",
                    fix="compare them with ==, != or in",
                )
            # Ordered labels are compared by their place in the schema, not by their letters.
            place = {label: index for index, label in enumerate(found.values)}
            column = column.replace_strict(place, default=None, return_dtype=pl.Int64)
            value = place[value]
        elif isinstance(value, str):
            raise StudyError(
                f"group {self.name!r}: {found.name} is text, which has no order", fix="use == or in"
            )
        return {"<": column < value, "<=": column <= value, ">": column > value, ">=": column >= value}[sign]

    def _values(self, found: Attribute) -> list[Any]:
        self._need("[")
        values = [self._value(found)]
        while self._taken(","):
            values.append(self._value(found))
        self._need("]")
        return values

    def _value(self, found: Attribute) -> Any:
        kind, text = self.tokens[self.place]
        if kind not in ("number", "text"):
            fix = f" (a word in quotes, as in '{text}')" if kind == "word" else ""
            self._expected(f"a value of {found.name}{fix}")
        self.place += 1
        numeric = found.kind in ("integer", "dollars")
        if numeric != (kind == "number"):
            needs = "a number without quotes" if numeric else "a value in quotes"
            raise StudyError(
                f"group {self.name!r}: {found.name} is compared with {text}", fix=f"give {needs}"
            )
        if numeric:
            return float(text) if "." in text else int(text)
        value = re.sub(r"\\(.)", r"\1", text[1:-1])
        if found.values and value not in found.values:
            fix = f"use one of {', '.join(found.values)}"
            near = _nearest(value, found.values)
            if near is not None:
                fix = f"write '{near}'"
            raise StudyError(f"group {self.name!r}: {found.name} has no value {value!r}", fix=fix)
        return value

    def _taken(self, text: str) -> bool:
        kind, word = self.tokens[self.place]
        if kind == "sign" and word == text:
            self.place += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._taken(text):
            self._expected(f"`{text}`")

    def _expected(self, what: str) -> NoReturn:
        raise StudyError(f"group {self.name!r}: expected {what}, found {self.tokens[self.place][1]}")


def no_attribute(name: str, group: str, known: Iterable[str]) -> NoReturn:
    """Say that there is no such attribute, and which is the nearest of those known."""
    known = tuple(known)
    near = _nearest(name, known)
    fix = f"write '{near}'" if near else f"use one of {', '.join(known)}"
    raise StudyError(f"group {group!r}: there is no attribute {name!r}", fix=fix)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the nearest name, in whatever case it was written."""
    lower = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), lower, n=1)
    return lower[near[0]] if near else None
