"""The public PERSONA release, and its sister with one column an attribute.

`SynthLabsAI/PERSONA` repeats each persona, a text of `key: value` lines, on 200 consecutive rows beside the
feedback pairs; a key that is absent is missing. `Synthetic-Personas` has one row a persona. Both are gated:
give the file that you downloaded. Only the personas are read here, not the pairs.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import polars as pl

from populace.errors import DataError
from populace.personas.frames import Personas
from populace.personas.imports.files import Source, open_source
from populace.personas.imports.finishing import defect, finish
from populace.personas.imports.reading import SCORES, read_columns
from populace.personas.imports.report import Defect, ImportReport, ValueNote
from populace.personas.imports.wording import normal, vocabulary
from populace.personas.schema import ATTRIBUTES, BIG_FIVE, EMPLOYED

__all__ = ["import_persona", "parse_persona"]

_LINE = re.compile(r"\s*([A-Za-z][A-Za-z0-9 _/()-]{0,40}?)\s*:\s*(.*)")
_FEW = 5
"""A table with fewer columns of ours than this is no table of personas."""
_BLOCK = 200
"""Rows of each persona in the public release."""
_SURVEYS = ("traits.json", "views.json", "values.json")


def import_persona(path: str | Path, *, drop: bool = False) -> tuple[Personas, ImportReport]:
    """Read the personas of the PERSONA release (CC-BY-NC-SA-4.0) into our schema.

    Parameters
    ----------
    path
        `.parquet`, `.csv`, `.jsonl` or `.json`, with a column `persona` of `key: value` texts or a column an
        attribute; or a JSON list of such texts.
    drop
        Remove personas that break a hard rule. By default all stay; the column `implausible` names the rules
        that each breaks.

    Returns
    -------
    tuple
        The personas, each of weight 1, with ids `persona-1`, `persona-2`, ... in the order of the file; and
        the report of all that was read otherwise than written, or not at all.

    Raises
    ------
    DataError
        If the file is missing, broken or holds no such personas.
    """
    source, book = open_source(path), vocabulary("persona")
    keys = _keys()
    text = next((name for name in source.columns if normal(name) == "persona"), None)
    raw, layout = _from_texts(source, text, keys) if text else _from_columns(source, keys)
    columns = {name: keys[name] for name in raw.columns if name in keys}
    read, notes = read_columns(raw, columns, book)
    width = len(str(raw.height))
    ids = pl.format("persona-{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(width))
    left = {
        name: raw.height - raw[name].null_count()
        for name in raw.columns
        if name not in keys and name not in ("row", "rows", "runs", "twice")
    }
    defects = [*_defects(raw, read, notes, columns), *layout]
    return finish(
        read.with_columns(ids.alias("person_id")),
        raw["row"],
        source,
        book,
        columns=columns,
        left=left,
        values=notes,
        defects=defects,
        notes=(),
        drop=drop,
    )


def parse_persona(text: str) -> dict[str, list[str]]:
    r"""Take a persona's text apart: every key, in the form in which keys are compared, with its values.

    A line without a key goes on with the line before.

    Examples
    --------
    >>> parse_persona("age: 30\nlifestyle: calm\nand quiet\nbig five scores: Openness: Low")
    {'age': ['30'], 'lifestyle': ['calm and quiet'], 'big five scores': ['Openness: Low']}
    """
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            last = found.setdefault(normal(match[1]), [])
            last.append(match[2].strip())
        elif line.strip() and last is not None:
            last[-1] = f"{last[-1]} {line.strip()}".strip()
    return found


def _before_keys(text: str) -> bool:
    """Tell whether a text begins with words that belong to no key."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return bool(first) and not _LINE.fullmatch(first)


def _keys() -> dict[str, str]:
    """Key of the file in the form in which keys are compared -> attribute."""
    keys = {normal(each.title): each.name for each in ATTRIBUTES}
    keys |= {normal(each.name): each.name for each in ATTRIBUTES}
    keys |= {normal(key): name for key, name in vocabulary("persona").keys.items()}
    return keys | {normal(name): name for name in SCORES}


def _from_texts(source: Source, column: str, keys: dict[str, str]) -> tuple[pl.DataFrame, list[Defect]]:
    """One line a different text, in the order of the file; a column a key."""
    frame = source.read([column]).rename({column: "text"})
    blank = frame.filter(pl.col("text").fill_null("").str.strip_chars() == "")
    filled = frame.filter(pl.col("text").fill_null("").str.strip_chars() != "")
    runs = filled.with_columns(new=pl.col("text") != pl.col("text").shift(1).fill_null(""))
    texts = (
        runs.group_by("text", maintain_order=True)
        .agg(pl.col("row").min(), pl.len().alias("rows"), pl.col("new").sum().alias("runs"))
        .sort("row")
    )
    parsed = [parse_persona(text) for text in texts["text"]]
    names = list(dict.fromkeys(key for each in parsed for key in each))
    if not any(name in keys for name in names):
        what = "no line of any persona is an attribute"
        raise DataError(what, file=source.path, column=column, fix="texts of `age: 41` lines are wanted")
    cells = {name: [each[name][0] if name in each else None for each in parsed] for name in names}
    raw = pl.DataFrame({name: pl.Series(cells[name], dtype=pl.String) for name in names})
    raw = raw.rename({name: f"key {name}" for name in names if name in ("row", "rows", "runs", "twice")})
    twice = pl.Series([any(len(values) > 1 for values in each.values()) for each in parsed], dtype=pl.Boolean)
    none = pl.Series([not any(key in keys for key in each) for each in parsed], dtype=pl.Boolean)
    before = pl.Series([_before_keys(text) for text in texts["text"]], dtype=pl.Boolean)
    rows = texts["row"]
    blocks = "holds another number of rows than 200, or is not in one block"
    found = [
        *defect("key-twice", "a key comes more than once; the first value counts", twice, rows),
        *defect("no-attribute", "no line is an attribute", none, rows),
        *defect("text-before-keys", "words before the first key, which are not read", before, rows),
        *defect("empty-text", "rows without a persona", blank["row"] > 0, blank["row"], source.rows),
    ]
    if source.rows > texts.height:
        uneven = (texts["rows"] != _BLOCK) | (texts["runs"] > 1)
        found += defect("uneven-blocks", blocks, uneven, rows)
    return raw.with_columns(rows), found


def _from_columns(source: Source, keys: dict[str, str]) -> tuple[pl.DataFrame, list[Defect]]:
    """One row a persona, one column an attribute."""
    counted = Counter(normal(name) for name in source.columns)
    known = [name for name in source.columns if normal(name) in keys]
    if len({keys[normal(name)] for name in known}) < _FEW:
        what = f"this is no file of PERSONA's: its columns are {', '.join(source.columns)}"
        fix = "a column `persona`, or a column an attribute, is wanted"
        raise DataError(what, file=source.path, fix=fix)
    for name, count in counted.items():
        if count > 1 and name in keys:
            what = f"{count} columns are '{name}'"
            raise DataError(what, file=source.path, column=name, fix="leave all but one out")
    frame = source.read(list(source.columns))
    names = {name: normal(name) for name in source.columns if counted[normal(name)] == 1 and name != "row"}
    return frame.rename(names), []


def _defects(
    raw: pl.DataFrame, read: pl.DataFrame, notes: list[ValueNote], columns: dict[str, str]
) -> list[Defect]:
    """What is wrong with the personas themselves; see `docs/design/imports.md`."""
    rows = raw["row"]
    texts = [pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase() for name in columns]
    nan = raw.select(pl.any_horizontal(text == "nan" for text in texts)).to_series()
    values = sum(raw.height - raw[name].null_count() for name in columns)
    census = {each.name for each in ATTRIBUTES if each.kind == "category" and each.source not in _SURVEYS}
    overwritten = [note for note in notes if note.how in ("unread", "reading") and note.attribute in census]
    return [
        *defect("literal-nan", "a value is the text nan", nan, rows),
        *_counted(
            "census-overwritten", "values of census attributes that are no census label", overwritten, values
        ),
        *_counted("not-understood", "values now missing", [n for n in notes if n.how == "unread"], values),
        *_spellings(read, notes, values),
        *_by_age(read, rows),
    ]


def _counted(name: str, what: str, notes: list[ValueNote], values: int) -> list[Defect]:
    if not notes:
        return []
    count, first = sum(note.count for note in notes), min(note.row for note in notes)
    return [Defect(name, f"{what} (share of values)", count, count / max(values, 1), first)]


def _by_age(read: pl.DataFrame, rows: pl.Series) -> list[Defect]:
    """What the census does not ask at an age, and no survey asks minors; work without work."""
    found: list[Defect] = []
    checks = {
        "employment-under-16": ("an employment status under 16", 16, ("employment_status",)),
        "views-under-18": ("an ideology or a party under 18", 18, ("ideology", "political_views")),
        "religion-under-18": ("a religion under 18", 18, ("religion",)),
        "traits-under-18": ("scored traits under 18", 18, BIG_FIVE),
    }
    for name, (what, limit, attributes) in checks.items():
        have = [pl.col(each).is_not_null() for each in attributes if each in read.columns]
        if have and "age" in read.columns:
            young = read.select((pl.col("age") < limit) & pl.any_horizontal(have)).to_series()
            found += defect(name, what, young, rows)
    if {"employment_status", "detailed_job_description"} <= set(read.columns):
        idle = ~read["employment_status"].is_in(EMPLOYED) & read["detailed_job_description"].is_not_null()
        found += defect("job-without-work", "a job description without employment", idle, rows)
    return found


def _spellings(read: pl.DataFrame, notes: list[ValueNote], values: int) -> list[Defect]:
    """Categories that come under two or more writings: strata by equality of text would split them."""
    under: dict[tuple[str, str], list[ValueNote]] = {}
    for note in notes:
        if note.ours is not None and note.attribute not in ("age", "income"):
            under.setdefault((note.attribute, note.ours), []).append(note)
    several: list[ValueNote] = []
    named: list[str] = []
    for (name, ours), found in under.items():
        own = [ours] if int((read[name] == ours).sum() or 0) > sum(note.count for note in found) else []
        if len(found) + len(own) > 1:
            several += found
            named.append(f"{name}: {' / '.join([*own, *(note.raw for note in found)])}")
    return _counted(
        "several-spellings", f"one category in several writings: {'; '.join(named)}", several, values
    )
