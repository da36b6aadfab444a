"""From what was read to personas: rules, marks, names, provenance, report."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

import polars as pl

from populace.errors import DataError
from populace.personas.frames import Personas, complete, named
from populace.personas.imports.files import Source
from populace.personas.imports.report import Defect, ImportReport, RuleNote, ValueNote
from populace.personas.imports.wording import Vocabulary
from populace.personas.rules import RULES, broken_rules, rates
from populace.personas.schema import COLUMNS
from populace.personas.validation import validate

__all__ = ["IMPLAUSIBLE", "defect", "finish"]

IMPLAUSIBLE = "implausible"
"""Column of imported personas: names of all rules, hard or soft, that the persona breaks."""


def defect(
    name: str, description: str, where: pl.Series, rows: pl.Series, of: int | None = None
) -> Iterable[Defect]:
    """Describe a defect, if there is any: `where` is true on the rows that have it."""
    found = rows.filter(where.fill_null(False))
    if len(found):
        yield Defect(name, description, len(found), len(found) / (of or len(rows)), _first(found))


def finish(
    read: pl.DataFrame,
    rows: pl.Series,
    source: Source,
    book: Vocabulary,
    *,
    columns: dict[str, str],
    left: dict[str, int],
    values: list[ValueNote],
    defects: list[Defect],
    notes: tuple[str, ...],
    drop: bool,
) -> tuple[Personas, ImportReport]:
    """Mark what our rules find implausible, name the personas and write the account.

    Parameters
    ----------
    read
        Attributes and `person_id`, one line a person.
    rows
        Row of the file that each line comes from.
    drop
        Remove those who break a hard rule. By default everyone stays, marked.
    """
    frame = validate(complete(read), file=source.path)
    broken = broken_rules(frame)
    marked = frame.with_columns(_marks(broken))
    found = _rules(broken, rows)
    hard = [name for name in broken.columns if RULES[name].kind == "hard"]
    bad = broken.select(pl.any_horizontal(hard)).to_series()
    kept = marked.filter(~bad) if drop else marked
    if kept.is_empty():
        raise DataError("no persona is left", file=source.path, fix="import without removing anyone")
    personas = named(kept)
    order = {name: place for place, name in enumerate(COLUMNS)}
    report = ImportReport(
        source=book.name,
        citation=book.citation,
        licence=book.licence,
        url=book.url,
        file=source.path.name,
        hash=source.hash(),
        rows=source.rows,
        personas=personas.height,
        merged=kept.height - personas.height,
        removed=marked.height - kept.height,
        columns=columns,
        left=left,
        values=tuple(sorted(values, key=lambda each: (order.get(each.attribute, -1), each.row, each.raw))),
        defects=tuple(defects),
        rules=found,
        notes=notes,
    )
    return Personas(personas, _provenance(report, found, bad, drop=drop, people=frame.height)), report


def _provenance(
    report: ImportReport, found: tuple[RuleNote, ...], bad: pl.Series, *, drop: bool, people: int
) -> dict[str, object]:
    """Everything `Personas.provenance` holds; rules remove only where that was asked for."""
    return {
        "populace": importlib.metadata.version("populace"),
        "imported": {
            "source": report.source,
            "citation": report.citation,
            "licence": report.licence,
            "url": report.url,
            "file": report.file,
            "hash": report.hash,
            "rows": report.rows,
            "columns": report.columns,
            "notes": list(report.notes),
        },
        "seed": None,
        "adults": False,
        "people": people,
        "minors_left_out": 0,
        "removed": {"hard-rules": report.removed} if drop else {},
        "broken": {each.name: each.count for each in found},
        "implausible": int(bad.sum()),
        "merged": report.merged,
        "personas": report.personas,
        "sources": {},
        "population": None,
    }


def _rules(broken: pl.DataFrame, rows: pl.Series) -> tuple[RuleNote, ...]:
    real = rates()
    found = []
    for name in broken.columns:
        if count := int(broken[name].sum()):
            rate = real.get(name)
            found.append(
                RuleNote(
                    name,
                    RULES[name].kind,
                    RULES[name].description,
                    count,
                    count / len(rows),
                    None if rate is None else rate.real,
                    _first(rows.filter(broken[name])) or 0,
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.count, each.name)))


def _marks(broken: pl.DataFrame) -> pl.Series:
    """Names of the broken rules, a list a row; lists are made only for the rows that break any."""
    some = broken.select(pl.any_horizontal(pl.all())).to_series()
    names = [pl.when(pl.col(name)).then(pl.lit(name)) for name in broken.columns]
    lists = broken.filter(some).select(pl.concat_list(names).list.drop_nulls().alias(IMPLAUSIBLE)).to_series()
    places = some.cast(pl.Int64).cum_sum() - 1
    marked = lists.gather(places.set(~some, None))
    empty = pl.Series(IMPLAUSIBLE, [[]], dtype=pl.List(pl.String)).new_from_index(0, len(marked))
    return marked.zip_with(some, empty).alias(IMPLAUSIBLE)


def _first(rows: pl.Series) -> int | None:
    first = rows.min()
    return int(first) if isinstance(first, int) else None
