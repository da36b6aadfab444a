"""Reading whole columns: each different value once, then all rows at a stroke."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from populace.personas.imports.report import ValueNote
from populace.personas.imports.wording import How, Reading, Vocabulary
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, Attribute, attribute

__all__ = ["SCORES", "different", "read_columns"]

SCORES = {"big_five_scores": BIG_FIVE, "basic_values": BASIC_VALUES}
"""Several attributes in one text: "Openness: Low, Conscientiousness: High, ..."."""


def read_columns(
    raw: pl.DataFrame, columns: Mapping[str, str], book: Vocabulary
) -> tuple[pl.DataFrame, list[ValueNote]]:
    """Turn raw columns into attributes.

    Parameters
    ----------
    raw
        The columns as they are in the file, and `row`: where each line comes from, counted from 1.
    columns
        Column -> attribute, or a key of `SCORES`.
    book
        What the wordings mean.

    Returns
    -------
    tuple
        The attributes, rows as in `raw`, null where nothing is known or nothing was understood; a note for
        every value that is not our own label already.

    Examples
    --------
    >>> from populace.personas.imports.wording import vocabulary
    >>> raw = pl.DataFrame({"row": [1, 2], "sex": ["male", "Male"], "veteran": ["nan", "Non-Veteran"]})
    >>> read, notes = read_columns(raw, {"sex": "sex", "veteran": "veteran_status"}, vocabulary("persona"))
    >>> read.rows()
    [('Male', None), ('Male', 'Never served')]
    >>> [(note.raw, note.how) for note in notes]
    [('male', 'spelling'), ('nan', 'missing'), ('Non-Veteran', 'reading')]
    """
    read: dict[str, pl.Series] = {}
    notes: list[ValueNote] = []
    # Some values are read by sex: it comes first.
    for column, name in sorted(columns.items(), key=lambda each: each[1] != "sex"):
        value = _strings(raw[column])
        if name in SCORES:
            notes += _scores_unread(name, value, raw["row"], book)
            for trait in SCORES[name]:
                part = value.str.extract(_pattern(trait))
                read[trait] = _read(part, attribute(trait), raw["row"], book, read.get("sex"), notes)
        else:
            read[name] = _read(value, attribute(name), raw["row"], book, read.get("sex"), notes)
    return pl.DataFrame([series.alias(name) for name, series in read.items()]), notes


def _strings(column: pl.Series) -> pl.Series:
    """Text of a column; a record with a `label` (as scored traits come) gives that."""
    if isinstance(column.dtype, pl.Struct):
        names = {field.name for field in column.dtype.fields}
        column = column.struct.field("label") if "label" in names else column.struct.json_encode()
    if isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join(", ")
    return column.cast(pl.String)


def _read(
    value: pl.Series,
    each: Attribute,
    rows: pl.Series,
    book: Vocabulary,
    sex: pl.Series | None,
    notes: list[ValueNote],
) -> pl.Series:
    if each.kind == "text":
        return _read_text(value, each, rows, book, notes)
    found = [(raw, count, row, book.read_value(raw, each)) for raw, count, row in different(value, rows)]
    notes += [
        ValueNote(each.name, raw, _shown(reading), reading.how, count, row)
        for raw, count, row, reading in found
        if reading.how != "same"
    ]
    plain = {raw: reading.ours for raw, _, _, reading in found if reading.ours is not None}
    read = value.replace_strict(plain, default=None, return_dtype=each.dtype)
    for raw, _, _, reading in found:
        if reading.by_sex and sex is not None:
            by_sex = sex.replace_strict(reading.by_sex, default=None, return_dtype=pl.String)
            read = read.zip_with((value != raw).fill_null(True), by_sex)
    return read


def _read_text(
    value: pl.Series, each: Attribute, rows: pl.Series, book: Vocabulary, notes: list[ValueNote]
) -> pl.Series:
    """Free text is kept, but for spaces; only what says that nothing is known goes, and is noted."""
    text = value.str.replace_all(r"\s+", " ").str.strip_chars()
    plain = text.str.to_lowercase().str.strip_chars_end(" .;,")
    nothing = plain.is_in([*book.missing, ""])
    for start in book.minor:
        nothing = nothing | plain.str.starts_with(start)
    gone = value.zip_with(nothing.fill_null(False), pl.Series([None], dtype=pl.String))
    notes += [ValueNote(each.name, raw, None, "missing", n, row) for raw, n, row in different(gone, rows)]
    return text.zip_with(~nothing, pl.Series([None], dtype=pl.String))


def different(value: pl.Series, rows: pl.Series) -> list[tuple[str, int, int]]:
    """Different values with their counts and first rows, in the order of these."""
    frame = pl.DataFrame({"value": value, "row": rows}).drop_nulls("value")
    counted = frame.group_by("value").agg(pl.len().alias("count"), pl.col("row").min())
    return counted.sort("row", "value").rows()


def _scores_unread(name: str, value: pl.Series, rows: pl.Series, book: Vocabulary) -> list[ValueNote]:
    """What is left of texts about traits once every trait has been taken out, the first time it is named."""
    left = value
    for trait in SCORES[name]:
        left = left.str.replace(_pattern(trait), "")
    parts = pl.DataFrame({"left": left.str.split(";"), "row": rows}).explode("left")
    parts = parts.with_columns(pl.col("left").str.split(",")).explode("left")
    parts = parts.with_columns(pl.col("left").str.strip_chars()).filter(pl.col("left") != "")
    return [
        ValueNote(name, raw, None, _missing_or_unread(raw, book), count, row)
        for raw, count, row in different(parts["left"], parts["row"])
    ]


def _missing_or_unread(raw: str, book: Vocabulary) -> How:
    return "missing" if book.read_value(raw, attribute(BIG_FIVE[0])).how == "missing" else "unread"


def _pattern(trait: str) -> str:
    """A trait and its level, which is the group; `self_direction` is also Self-Direction."""
    return rf"(?i)\b{trait.replace('_', '[-_ ]')}\s*:\s*([^,;]+)"


def _shown(reading: Reading) -> str | None:
    if reading.by_sex:
        return " / ".join(reading.by_sex.values())
    return None if reading.ours is None else str(reading.ours)
