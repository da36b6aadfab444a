"""The data statement of a set of feedback, and its machine-readable twin in Croissant.

The parts are those of Bender and Friedman (2018, doi:10.1162/tacl_a_00041). What only people can say comes
as facts, from a TOML file; what the table says is counted (`raters`). The same goes into JSON-LD by the
Croissant format 1.0 with its vocabulary for responsible AI (RAI 1.0), where a property fits; what does not
fit stays here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import polars as pl

from populace.bounds.documents.pages import Document, Page, Part, day_of
from populace.bounds.documents.raters import Provenance, provenance, read_feedback
from populace.errors import DataError

__all__ = ["Statement", "StatementFacts", "read_facts", "statement"]


class StatementFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only people can say; the parts of a data statement, and what Croissant wants beside them."""

    name: str = ""
    description: str = ""
    licence: str = ""
    """As a URL or a name of SPDX's list."""
    url: str = ""
    creator: str = ""
    published: str = ""
    """As 2026-11-22."""
    version: str = ""
    cite: str = ""
    curation: str = ""
    """Which texts were chosen, and why."""
    languages: str = ""
    """As BCP 47 has them, with the variety in words: `en-US, as spoken in ...`."""
    speakers: str = ""
    """Who wrote the prompts."""
    annotators: str = ""
    """Who judged."""
    situation: str = ""
    """When, where and how it was written and judged."""
    texts: str = ""
    """Of which kind the texts are."""
    recording: str = ""
    """What was lost between people and table."""
    other: str = ""
    uses: str = ""
    limitations: str = ""
    biases: str = ""
    personal: str = ""
    """Personal and sensitive information in it."""
    impact: str = ""
    maintenance: str = ""


_PARTS = (
    ("Curation rationale", "curation"),
    ("Language variety", "languages"),
    ("Speakers", "speakers"),
    ("Annotators", "annotators"),
    ("Speech situation", "situation"),
    ("Texts", "texts"),
    ("Recording quality", "recording"),
    ("Other", "other"),
)
_USE = (
    ("Uses", "uses"),
    ("Limitations", "limitations"),
    ("Biases", "biases"),
    ("Personal and sensitive information", "personal"),
    ("Social impact", "impact"),
    ("Maintenance", "maintenance"),
)


class Statement(Document, frozen=True, kw_only=True):
    """A data statement."""

    document: ClassVar[str] = "data statement"

    date: str
    facts: StatementFacts
    origin: Provenance
    columns: tuple[tuple[str, str], ...]
    """Names of the table's columns, and their types in Croissant."""
    sha256: str
    encoding: str

    def page(self) -> Page:
        """Lay it out for people."""
        inside = self.origin.page()
        told = (
            ("Name", "name"),
            ("Description", "description"),
            ("Licence", "licence"),
            ("Where", "url"),
            ("By", "creator"),
        )
        more = (("Published", "published"), ("Version", "version"), ("Cite as", "cite"))
        return Page(
            kind="Data statement",
            title=self.facts.name or self.origin.file,
            lead="Whose words and whose judgements these are, so that nobody takes them for everybody's.",
            parts=(
                Part(title="The set", facts=self._said((*told, *more))),
                Part(title="Whose words, whose judgements", facts=self._said(_PARTS)),
                Part(title="What it is for, and what not", facts=self._said(_USE)),
                *inside.parts,
            ),
        )

    def _said(self, names: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((title, getattr(self.facts, name)) for title, name in names)

    def croissant(self) -> dict[str, Any]:
        """Give it as Croissant's JSON-LD: what is not said is left out there.

        Raises
        ------
        DataError
            If the table was not read from a file, or there is no name, description, licence or URL.
        """
        from populace.bounds.documents.croissant import croissant

        return croissant(self)

    def save(self, path: Any) -> None:
        """Write it: `.html`, `.json`, or Croissant as `.jsonld`."""
        place = Path(path)
        if place.suffix != ".jsonld":
            super().save(place)
            return
        from populace.atomic import write_atomic

        write_atomic(place, msgspec.json.format(msgspec.json.encode(self.croissant()), indent=1) + b"\n")


def read_facts(path: str | Path) -> StatementFacts:
    """Read facts from a TOML file.

    Raises
    ------
    DataError
        If it cannot be read, or says what is no part of a statement.
    """
    place = Path(path)
    try:
        return msgspec.convert(tomllib.loads(place.read_text("utf-8")), StatementFacts)
    except OSError as error:
        raise DataError(f"the facts cannot be read ({error.strerror})", file=place) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        fix = f"say some of {', '.join(StatementFacts.__struct_fields__)}"
        raise DataError(f"these are no facts of a statement ({error})", file=place, fix=fix) from error


def statement(
    table: pl.DataFrame | str | Path,
    facts: StatementFacts | Mapping[str, str] | str | Path | None = None,
    *,
    date: str | None = None,
) -> Statement:
    """Make the statement of a table of feedback.

    Parameters
    ----------
    facts
        What only people can say; a TOML file, a mapping, or none, and then nothing is said.

    Raises
    ------
    DataError
        If table or facts cannot be read.
    """
    if isinstance(facts, str | Path):
        facts = read_facts(facts)
    elif not isinstance(facts, StatementFacts):
        try:
            facts = msgspec.convert(dict(facts or {}), StatementFacts)
        except msgspec.ValidationError as error:
            raise DataError(f"these are no facts of a statement ({error})") from error
    frame = table if isinstance(table, pl.DataFrame) else read_feedback(table)
    path = None if isinstance(table, pl.DataFrame) else Path(table)
    return Statement(
        date=day_of(date),
        facts=facts,
        origin=provenance(table, date=date),
        columns=tuple((name, _kind(kind)) for name, kind in frame.schema.items()),
        sha256=_sha256(path) if path else "",
        encoding=_ENCODINGS[path.suffix] if path else "",
    )


_ENCODINGS = {".parquet": "application/x-parquet", ".csv": "text/csv", ".jsonl": "application/jsonlines"}


def _kind(kind: Any) -> str:
    if kind.is_integer():
        return "sc:Integer"
    if kind.is_float():
        return "sc:Float"
    return "sc:Boolean" if kind == pl.Boolean else "sc:Date" if kind.is_temporal() else "sc:Text"


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
