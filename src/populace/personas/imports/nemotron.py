"""Nemotron-Personas-USA: demographics and hobbies; the written portraits are left.

The data set has a row a person, `uuid`, six to eight portraits by a language model, and ten columns of
demographics: `sex, age, marital_status, education_level, bachelors_field, occupation, city, state, zipcode,
country`. There is no race, income, household, religion or opinion in it. Files are read a column at a time
and each different value once, so that a million people take seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.personas.frames import Personas
from populace.personas.imports.files import Source, open_source
from populace.personas.imports.finishing import defect, finish
from populace.personas.imports.reading import different, read_columns
from populace.personas.imports.report import Defect, ImportReport, ValueNote
from populace.personas.imports.wording import Vocabulary, normal, vocabulary
from populace.personas.schema import COLUMNS, attribute
from populace.streams import stream

__all__ = ["import_nemotron"]

_NEEDED = ("sex", "age", "education_level", "occupation", "state")
_LIST = "hobbies_and_interests_list"
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_NOTES = ("an occupation is the current or the last one: whether the person works is not in the data",)
_HERE = ("usa", "us", "u.s", "u.s.a", "united states", "united states of america")


def import_nemotron(
    path: str | Path, *, texts: bool = True, drop: bool = False, sample: int | None = None, seed: int = 0
) -> tuple[Personas, ImportReport]:
    """Read Nemotron-Personas-USA (CC BY 4.0) into our schema.

    Parameters
    ----------
    path
        A Parquet file, or a folder of its shards; CSV and JSON lines of the same columns work, too.
    texts
        Take the list of hobbies as `personal_time`. Without it a persona is its demographics, and people who
        share these become one persona with the sum of their weights.
    drop
        Remove personas that break a hard rule. By default all stay; the column `implausible` names the rules
        that each breaks.
    sample, seed
        Rows to draw, each as likely as any other and at most once, and the seed of the draw. By default all.

    Returns
    -------
    tuple
        The personas, each of weight 1 (or as many as were equal), with `uuid` as person id; and the report of
        all that was read otherwise than written, or not at all.

    Raises
    ------
    DataError
        If the file is missing, broken, of another country or of another layout.
    """
    source, book = open_source(path), vocabulary("nemotron")
    absent = [name for name in _NEEDED if name not in source.columns]
    if absent:
        what = f"this is no Nemotron-Personas-USA file: it has the columns {', '.join(source.columns)}"
        raise DataError(what, file=path, column=absent[0], fix="give a file of nvidia/Nemotron-Personas-USA")
    columns = _taken(source, book, texts=texts)
    extra = [name for name in ("uuid", "country") if name in source.columns]
    raw = source.read([*columns, *extra], _drawn(source, sample, seed))
    _check_country(raw, source)
    unquoted: list[ValueNote] = []
    if _LIST in columns:
        unquoted = _unquoted(raw[_LIST], raw["row"], columns[_LIST])
        raw = raw.with_columns(_joined(raw[_LIST]))
    read, notes = read_columns(raw, columns, book)
    notes += unquoted
    read = _derived(raw, read, book)
    uuid = pl.col("uuid").cast(pl.String) if "uuid" in raw.columns else pl.lit(None, pl.String)
    ids = raw.select(pl.coalesce(uuid, pl.format("nemotron-{}", "row")).alias("person_id")).to_series()
    left = {name: raw.height for name in source.columns if name not in columns and name not in extra}
    again = "a uuid that an earlier row has"
    defects = [
        *defect("uuid-twice", again, ~ids.is_first_distinct(), raw["row"]),
        *_top_coded(notes, raw.height),
    ]
    return finish(
        read.with_columns(ids),
        raw["row"],
        source,
        book,
        columns=columns,
        left=left,
        values=notes,
        defects=defects,
        notes=_NOTES if sample is None else (*_NOTES, f"{raw.height:,} rows drawn with seed {seed}"),
        drop=drop,
    )


def _taken(source: Source, book: Vocabulary, *, texts: bool) -> dict[str, str]:
    """Column -> attribute, in the order of the file."""
    names = {**{name: name for name in COLUMNS if attribute(name).kind != "text"}, **book.keys}
    if not texts:
        names.pop(_LIST)
    return {name: names[name] for name in source.columns if name in names}


def _drawn(source: Source, sample: int | None, seed: int) -> list[int] | None:
    """Numbers of the rows to read, in the order of the file."""
    if sample is None:
        return None
    if not 1 <= sample <= source.rows:
        what = f"cannot draw {sample:,} of {source.rows:,} rows"
        raise DataError(what, file=source.path, fix=f"give a number from 1 to {source.rows:,}")
    drawn = stream(seed, "personas.imports.nemotron").choice(source.rows, sample, replace=False)
    return (np.sort(drawn) + 1).tolist()


def _joined(lists: pl.Series) -> pl.Series:
    r"""Make "on hiking, chess" of a list, or of the text of a Python list, as the files have it.

    >>> _joined(pl.Series(_LIST, ["['hiking', \"bird's eye views\"]", "chess", "[]"])).to_list()
    ["on hiking, bird's eye views", 'on chess', None]
    """
    if isinstance(lists.dtype, pl.List):
        items = lists.cast(pl.List(pl.String))
    else:
        text = lists.cast(pl.String).str.strip_chars()
        quoted = text.str.extract_all(_QUOTED).list.eval(
            pl.element().str.slice(1, pl.element().str.len_chars() - 2).str.replace_all(r"\\(.)", "$1")
        )
        plain = pl.DataFrame({"text": text}).select(pl.concat_list("text")).to_series()
        items = quoted.zip_with(text.str.starts_with("["), plain)
    joined = items.list.drop_nulls().list.join(", ")
    frame = pl.DataFrame({"joined": joined})
    some = pl.when(pl.col("joined") != "").then(pl.format("on {}", "joined"))
    return frame.select(some.alias(lists.name)).to_series()


def _unquoted(lists: pl.Series, rows: pl.Series, name: str) -> list[ValueNote]:
    r"""Note what is in the text of a list, but not in quotes, and so is not read.

    >>> [note.raw for note in _unquoted(pl.Series(["['hiking', chess]", "['a, b']"]), pl.Series([1, 2]), "x")]
    ['chess']
    """
    if isinstance(lists.dtype, pl.List):
        return []
    frame = pl.DataFrame({"left": lists.cast(pl.String).str.strip_chars(), "row": rows})
    frame = frame.filter(pl.col("left").str.starts_with("["))
    frame = frame.with_columns(pl.col("left").str.replace_all(_QUOTED, "").str.split(",")).explode("left")
    frame = frame.with_columns(pl.col("left").str.strip_chars("[] \t\r\n")).filter(pl.col("left") != "")
    return [
        ValueNote(name, raw, None, "missing" if raw in ("None", "nan") else "unread", count, row)
        for raw, count, row in different(frame["left"], frame["row"])
    ]


def _derived(raw: pl.DataFrame, read: pl.DataFrame, book: Vocabulary) -> pl.DataFrame:
    """Fill attributes that a column of another attribute speaks of, where they are not given themselves."""
    for name, sources in book.derive.items():
        for column, table in sources.items():
            if column in raw.columns:
                key = raw[column].cast(pl.String).unique().drop_nulls()
                meant = {text: table[found] for text in key if (found := _key(text, table)) is not None}
                value = (
                    raw[column].cast(pl.String).replace_strict(meant, default=None, return_dtype=pl.String)
                )
                given = pl.col(name) if name in read.columns else pl.lit(None, pl.String)
                read = read.with_columns(pl.coalesce(given, value).alias(name))
    return read


def _key(text: str, table: dict[str, str]) -> str | None:
    return next((key for key in table if normal(key) == normal(text)), None)


def _check_country(raw: pl.DataFrame, source: Source) -> None:
    if "country" not in raw.columns:
        return
    named = raw["country"].cast(pl.String)
    abroad = [text for text in named.unique().drop_nulls() if normal(text) not in _HERE]
    if abroad:
        first = int(raw["row"].filter(named.is_in(abroad)).min())  # pyright: ignore[reportArgumentType]
        what = f"the people are of {sorted(abroad)[0]!r}, and our schema is that of the United States"
        raise DataError(what, file=source.path, row=first, column="country", fix="give the USA edition")


def _top_coded(notes: list[ValueNote], people: int) -> list[Defect]:
    over = [note for note in notes if note.attribute == "age" and note.how == "reading"]
    if not over:
        return []
    count, first = sum(note.count for note in over), min(note.row for note in over)
    what = "an age beyond the census's top code; read as 99"
    return [Defect("age-over-99", what, count, count / people, first)]
