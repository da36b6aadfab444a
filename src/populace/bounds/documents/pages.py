"""How a document looks and is kept: a page of parts for people, JSON for machines, from one record.

Everything is escaped, the style stands in the page, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from populace.atomic import write_atomic
from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["NOT_SAID", "Document", "Page", "Part", "Table", "day_of", "is_day"]

NOT_SAID = "not said"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a page."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    """Columns that hold numbers."""
    code: frozenset[int] = frozenset()
    """Columns that hold code."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page."""

    title: str
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Names and what is said of them; empty where nothing is."""
    tables: tuple[Table, ...] = ()
    warning: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page, before it is written."""

    kind: str
    title: str
    lead: str
    parts: tuple[Part, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document. Subclasses hold what it says, and say how it reads."""

    document: ClassVar[str] = ""
    format: ClassVar[int] = 1

    def page(self) -> Page:
        """Lay it out for people."""
        raise NotImplementedError

    def data(self) -> dict[str, Any]:
        """Give it for machines: the record, with what kind it is and a hash of what it says."""
        told = msgspec.to_builtins(self, order="sorted", enc_hook=str)
        head = {"document": self.document, "format": self.format, "hash": content_hash(told)}
        return {**head, "populace": importlib.metadata.version("populace"), **told}

    def json(self) -> bytes:
        """Give it as JSON; equal documents give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self.data()), indent=1) + b"\n"

    def html(self) -> str:
        """Give it as a page that needs nothing beside itself."""
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        environment = Environment(
            loader=PackageLoader("populace.bounds.documents"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = resources.files("populace.bounds.documents").joinpath("templates", "document.css")
        data = self.data()
        return environment.get_template("document.html.jinja").render(
            page=self.page(),
            style=Markup(style.read_text("utf-8")),
            not_said=NOT_SAID,
            hash=data["hash"],
            version=data["populace"],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it: `.html` for people, `.json` for machines.

        Raises
        ------
        DataError
            If the ending is another.
        """
        place = Path(path)
        if place.suffix == ".html":
            write_atomic(place, self.html().encode())
        elif place.suffix == ".json":
            write_atomic(place, self.json())
        else:
            raise DataError("a document is a page or JSON", file=place, fix="use .html or .json")


def day_of(given: str | None) -> str:
    """Give the date of a document: the one given, else today's, in UTC.

    Raises
    ------
    DataError
        If it is no date.
    """
    if given is None:
        return datetime.datetime.now(datetime.UTC).date().isoformat()
    if not is_day(given):
        raise DataError(f"{given[:40]!r} is no date", fix="write it as 2026-11-22")
    return given


def is_day(given: str) -> bool:
    """Say whether words are a date as 2026-11-22: as such, dates compare as words do."""
    try:
        return datetime.date.fromisoformat(given).isoformat() == given
    except ValueError:
        return False
