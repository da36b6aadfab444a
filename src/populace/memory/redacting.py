"""Take out of a text what says who somebody is, before it is stored.

A redactor is a function of a text. `patterns` finds e-mail addresses, web addresses, payment cards (with a
right check digit) and telephone numbers by their form, in no language's words; it finds no names and no
places. `presidio` uses Microsoft Presidio with the language model that it needs, where these are installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from populace.errors import DataError, PopulaceError

if TYPE_CHECKING:
    from populace.memory.item import Item

__all__ = ["by_patterns", "by_presidio", "redacted", "redactor"]

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])")
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+\d|\(\d|0\d|\d{3}[ .-]\d)[\d ()./-]{5,17}\d(?![\w])")
_LEAST_DIGITS, _MOST_DIGITS = 8, 15


def redactor(name: str) -> Callable[[str], str]:
    """Give a redactor by name.

    Raises
    ------
    DataError
        If there is none of this name.
    PopulaceError
        If it needs a package that is not installed.
    """
    if name == "patterns":
        return by_patterns
    kind, _, model = name.partition(":")
    if kind == "presidio":
        return by_presidio(model or None)
    raise DataError(
        f"no redactor is named {name}",
        fix="take patterns, presidio, presidio:MODEL (of spaCy), or a function of a text",
    )


def redacted(item: Item, redact: Callable[[str], str]) -> Item:
    """Take out of all texts of an item what says who somebody is; the response stays one of the options.

    Of options only what has a plain form: they are the words of who asked, the same for everybody, and a
    redactor of names would leave nothing of a question about politicians. Those of which the same is left are
    numbered, since a response must say which it was.
    """
    from msgspec.structs import replace

    options: list[str] = []
    for number, option in enumerate(item.options, 1):
        left = by_patterns(option)
        options.append(f"{left} ({number})" if left in options else left)
    said = options[item.options.index(item.response)] if options else redact(item.response)
    return replace(
        item,
        text=redact(item.text),
        response=said,
        options=tuple(options),
        topic=redact(item.topic),
        source=redact(item.source),
    )


def by_patterns(text: str) -> str:
    """Take out e-mail and web addresses, card numbers and telephone numbers.

    Examples
    --------
    >>> by_patterns("Write to ada@example.org, or call +44 20 7946 0958.")
    'Write to [e-mail], or call [phone].'
    >>> by_patterns("Card 4111 1111 1111 1111, order 4111 1111 1111 1112, born 1990-05-17, 12,000 people")
    'Card [card], order 4111 1111 1111 1112, born 1990-05-17, 12,000 people'
    """
    if (
        not any(map(str.isdigit, text))
        and "@" not in text
        and "www" not in text.lower()
        and "://" not in text
    ):
        return text
    text = _URL.sub("[url]", _EMAIL.sub("[e-mail]", text))
    text = _CARD.sub(lambda found: "[card]" if _is_card(found[0]) else found[0], text)
    return _PHONE.sub(lambda found: "[phone]" if _is_phone(found[0]) else found[0], text)


def _is_card(text: str) -> bool:
    """Check the last digit as ISO/IEC 7812-1 does (Luhn)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return 13 <= len(digits) <= 19 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    return _LEAST_DIGITS <= digits <= _MOST_DIGITS and re.match(r"\d{4}-\d\d-\d\d", text) is None


def by_presidio(model: str | None = None, language: str = "en", least: float = 0.4) -> Callable[[str], str]:
    """Give a redactor by Microsoft Presidio; what it finds is replaced by its kind, as in `<PERSON>`.

    Nothing is downloaded: the model must be installed. What has a plain form is taken out by patterns first.

    Parameters
    ----------
    model
        Of spaCy; by default the largest of `en_core_web_lg`, `_md` and `_sm` that is installed.
    language
        Of the texts, and of the model.
    least
        Confidence from which on something is taken out.

    Raises
    ------
    PopulaceError
        If `presidio-analyzer` or `presidio-anonymizer` is not installed, or the model is not.
    """
    try:
        from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]
        from presidio_analyzer.nlp_engine import NlpEngineProvider  # type: ignore[import-not-found]
        from presidio_anonymizer import AnonymizerEngine  # type: ignore[import-not-found]
    except ImportError as error:
        fix = "pip install 'populace[presidio]', or take `patterns`"
        raise PopulaceError(f"redacting by presidio needs {error.name}", fix=fix) from error
    named = [model] if model else [f"{language}_core_web_{size}" for size in ("lg", "md", "sm")]
    there = next((each for each in named if "." not in each and find_spec(each) is not None), None)
    if there is None:
        raise PopulaceError(
            f"presidio has no model for {language}: {' or '.join(named)} is not installed",
            fix=f"python -m spacy download {named[-1]}, or take `patterns`",
        )
    told = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": there}]}
    engine = NlpEngineProvider(nlp_configuration=told).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=[language])
    anonymizer = AnonymizerEngine()

    def redact(text: str) -> str:
        text = by_patterns(text)
        if not text:
            return text
        found = analyzer.analyze(text=text, language=language, score_threshold=least)
        return anonymizer.anonymize(text=text, analyzer_results=found).text

    return redact
