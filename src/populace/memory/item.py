"""Items: what somebody responded to, and how; the layer *History* of a person."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from populace.errors import DataError
from populace.memory.consent import Consent

__all__ = ["LONGEST", "Item", "Kept", "checked_name", "checked_text", "order_said", "plain"]

LONGEST = 1_000_000
"""Characters that one text may have."""
_LONGEST_NAME = 500
_SPACE = re.compile(r"[\W_]+")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One response of one person.

    Examples
    --------
    >>> item = Item(text="Should marijuana be legal?", response="Legal", options=("Legal", "Not legal"))
    >>> item.response
    'Legal'
    >>> Item(text="Legal?", response="Maybe", options=("Yes", "No"))
    Traceback (most recent call last):
    populace.errors.DataError: column response: 'Maybe' is none of the options ('Yes', 'No'). To mend it: ...
    """

    text: str = ""
    """What was responded to: a question, a headline, a message. Empty where somebody spoke unasked."""
    response: str = ""
    """What they said or chose. Empty where they did or saw something without a word (`text` says what)."""
    options: tuple[str, ...] = ()
    """What could be chosen; empty where the response is free text."""
    ordinal: bool = False
    """Whether the order of the options means something."""
    topic: str = ""
    time: float | None = None
    """Seconds since 1970, UTC."""
    source: str = ""
    """Where it comes from: a survey, a conversation, a file."""

    def __post_init__(self) -> None:
        """Refuse what is no item.

        Raises
        ------
        DataError
            If it says nothing, a text cannot be stored, the response is no option, or the time no number.
        """
        if not self.text and not self.response:
            raise DataError("neither a text nor a response", column="text", fix="give at least one of them")
        checked_text(self.text, "text")
        checked_text(self.response, "response")
        checked_text(self.topic, "topic")
        checked_text(self.source, "source")
        if self.options:
            self._check_options()
        elif self.ordinal:
            raise DataError("an order, but no options", column="ordinal", fix="give the options")
        if self.time is not None and not _is_time(self.time):
            raise DataError("this is no time", column="time", fix="give seconds since 1970, UTC")

    def _check_options(self) -> None:
        options = self.options
        if not isinstance(options, tuple):
            raise DataError("the options are no tuple", column="options", fix="give a tuple of texts")
        _checked_options(options)
        if self.response not in options:
            raise DataError(
                f"{self.response!r} is none of the options {options!r}",
                column="response",
                fix="correct the response, or leave the options out",
            )


@lru_cache(maxsize=4096)  # the same few stand on millions of items
def _checked_options(options: tuple[str, ...]) -> None:
    for option in options:
        checked_text(option, "options")
    if len(options) < 2 or len(set(options)) < len(options) or not all(options):
        raise DataError(
            f"{options!r} are no options", column="options", fix="give at least two, all different"
        )


class Kept(NamedTuple):
    """An item as it stands in a store."""

    item_id: int
    person_id: str
    item: Item
    consent: Consent


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def plain(text: str) -> str:
    """Write a text as it is compared: two that differ in case, signs or Unicode form are the same.

    Examples
    --------
    >>> plain("Open the cafe\u0301?") == plain("open the CAF\u00c9")
    True
    """
    if text.isascii():
        return _SPACE.sub(" ", text.lower()).strip()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _SPACE.sub(" ", folded).strip()


def order_said(time: float | None, item: int) -> tuple[float, int]:
    """Order what was said by time; what has none comes by the order it was added in, after what has."""
    return (time if time is not None else math.inf, item)


def checked_text(value: Any, column: str, longest: int = LONGEST) -> str:
    """Give a text back if both databases can keep it.

    Raises
    ------
    DataError
        If it is no text, too long, holds the character zero, or half of a surrogate pair.
    """
    if type(value) is str and len(value) <= longest and value.isascii() and "\0" not in value:
        return value
    if not isinstance(value, str):
        raise DataError(f"{value!r} is no text", column=column, fix="give a text")
    if len(value) > longest:
        raise DataError(f"longer than {longest:,} characters", column=column, fix="cut it into several")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                "holds half of a surrogate pair", column=column, fix="repair the text's encoding"
            ) from error
    if "\0" in value:
        raise DataError("holds the character zero", column=column, fix="remove it")
    return value


def checked_name(person_id: Any) -> str:
    """Give the name of a person back if it is one.

    Raises
    ------
    DataError
        If it is no text, empty, or too long.
    """
    name = checked_text(person_id, "person_id", _LONGEST_NAME)
    if not name.strip():
        raise DataError("a person without a name", column="person_id", fix="give an id")
    return name
