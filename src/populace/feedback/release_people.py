"""Who the personas of the release are: one author a different text, whatever the text is read as."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.personas import Personas
from populace.personas.imports import ImportReport, import_persona, parse_persona

__all__ = ["BLOCK", "Blocks", "Run", "blocks", "import_texts"]

BLOCK = 200
"""Rows of each persona in the public release."""


class Run(NamedTuple):
    """Rows one after the other with the same persona text."""

    text: int
    """Number of the text, in the order of first appearance."""
    row: int
    rows: int


class Blocks(NamedTuple):
    """How the runs of persona texts fit blocks of 200 rows."""

    whole: int
    """Runs of exactly 200 rows."""
    changing: list[Run]
    """Second and later runs of shorter ones that make 200 rows together: a text that changes in its block."""
    uneven: list[Run]
    """Runs that fit no block."""
    returning: list[Run]
    """Runs of a text that had a run before."""


def blocks(runs: Sequence[Run], size: int = BLOCK) -> Blocks:
    """Fit runs into blocks, from the first row on.

    Examples
    --------
    >>> found = blocks([Run(0, 1, 200), Run(1, 201, 150), Run(2, 351, 50), Run(0, 401, 7)])
    >>> found.whole, found.changing, found.uneven, found.returning
    (1, [Run(text=2, row=351, rows=50)], [Run(text=0, row=401, rows=7)], [Run(text=0, row=401, rows=7)])
    """
    whole, changing, uneven = 0, [], []
    open_: list[Run] = []
    seen: set[int] = set()
    returning: list[Run] = []
    for run in runs:
        if run.text in seen:
            returning.append(run)
        seen.add(run.text)
        if run.rows == size:
            whole += 1
            uneven += open_
            open_ = []
            continue
        open_.append(run)
        total = sum(each.rows for each in open_)
        if total == size:
            changing += open_[1:]
        elif total > size:
            uneven += open_
        if total >= size:
            open_ = []
    return Blocks(whole, changing, uneven + open_, returning)


def import_texts(
    texts: Sequence[str], rows: Sequence[int], file: Path, hash_: str
) -> tuple[Personas, ImportReport, list[str]]:
    """Read the persona texts into our schema.

    Parameters
    ----------
    texts
        Different texts, in the order of their first rows.
    rows
        First row of each in the release; the report names these.
    file, hash_
        What the report calls the source.

    Returns
    -------
    tuple
        The personas, the report, and the `persona_id` of every text: two texts that are read alike are one
        persona.

    Raises
    ------
    DataError
        If no text holds an attribute.
    """
    try:
        personas, report = _read(texts)
    except DataError as error:
        raise DataError(error.what, file=file, column="persona", fix=error.fix) from error
    report = msgspec.structs.replace(
        report,
        file=file.name,
        hash=hash_,
        rows=len(texts),
        values=tuple(msgspec.structs.replace(each, row=rows[each.row - 1]) for each in report.values),
        defects=tuple(
            msgspec.structs.replace(each, row=rows[each.row - 1]) if each.row else each
            for each in report.defects
        ),
        rules=tuple(
            msgspec.structs.replace(each, row=rows[each.row - 1]) if each.row else each
            for each in report.rules
        ),
    )
    provenance = dict(personas.provenance)
    provenance["imported"] = {**provenance["imported"], "file": file.name, "hash": hash_, "rows": len(texts)}
    return Personas(personas.frame, provenance), report, _ids(texts, personas, report)


def _ids(texts: Sequence[str], personas: Personas, report: ImportReport) -> list[str]:
    """Name every text. Texts read like an earlier one were merged with it, and are read again apart."""
    ids: list[str | None] = [None] * len(texts)
    for place, persona_id in _places(personas):
        ids[place] = persona_id
    # Whatever else is read again, one text with attributes must stand before it.
    anchor = next(i for i, text in enumerate(texts) if any(k in report.columns for k in parse_persona(text)))
    while missing := [place for place, found in enumerate(ids) if found is None]:
        again, _ = _read([texts[anchor], *(texts[place] for place in missing)])
        for place, persona_id in _places(again):
            if place:
                ids[missing[place - 1]] = persona_id
        # The first after the anchor has no other to be merged with.
        if ids[missing[0]] is None:
            ids[missing[0]] = again.frame["persona_id"][0]
    return [found or "" for found in ids]


def _places(personas: Personas) -> list[tuple[int, str]]:
    """Place of each persona's first text, and its id."""
    named = personas.frame.select("person_id", "persona_id").iter_rows()
    return [(int(person.rpartition("-")[2]) - 1, persona_id) for person, persona_id in named]


def _read(texts: Sequence[str]) -> tuple[Personas, ImportReport]:
    with tempfile.TemporaryDirectory(prefix="populace-") as folder:
        listed = Path(folder) / "personas.json"
        listed.write_bytes(canonical_bytes(list(texts)))
        return import_persona(listed)
