"""Names of many personas at once: the same bytes and hashes as `Persona.persona_id`, without the records.

A persona's name is the BLAKE2b hash of the JSON of its attributes that are not missing, keys sorted
(`populace.canonical`). Here the JSON of all rows is put together by Polars, a column at a time; only values
that JSON escapes (quotes, backslashes, control characters) are encoded one by one. A row's name depends on
that row alone, so the size of the chunks changes nothing but memory.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from populace.canonical import canonical_bytes, content_hash
from populace.personas.schema import COLUMNS

__all__ = ["persona_ids"]

_CHUNK = 1 << 15
"""Rows whose JSON is held at once: about 1.5 kB each."""
_ESCAPED = r'["\\\x00-\x1f]'


def persona_ids(frame: pl.DataFrame) -> pl.Series:
    """Name every row by what it says.

    Parameters
    ----------
    frame
        Attributes as columns, of the types of the schema; other columns are passed over.

    Returns
    -------
    polars.Series
        `persona_id`, 32 hex digits a row.

    Examples
    --------
    >>> from populace.personas.persona import Persona
    >>> frame = pl.DataFrame({"sex": ["Female", None], "age": [41, None], "religion": [None, 'of "our" own']})
    >>> persona_ids(frame).to_list() == [Persona.from_row(row).persona_id for row in frame.to_dicts()]
    True
    """
    names = sorted(name for name in COLUMNS if name in frame.columns)
    if not names:
        return pl.Series("persona_id", [content_hash({})] * frame.height, dtype=pl.String)
    ids: list[str] = []
    blake2b = hashlib.blake2b
    # Polars puts the next chunk together while Python hashes this one.
    with ThreadPoolExecutor(max_workers=1) as ahead:
        coming = ahead.submit(_json, frame.slice(0, _CHUNK), names)
        for start in range(0, frame.height, _CHUNK):
            texts = coming.result()
            coming = ahead.submit(_json, frame.slice(start + _CHUNK, _CHUNK), names)
            ids += [blake2b(text.encode(), digest_size=16).hexdigest() for text in texts.to_list()]
    return pl.Series("persona_id", ids, dtype=pl.String)


def _json(frame: pl.DataFrame, names: list[str]) -> pl.Series:
    """Canonical JSON of every row."""
    fields = [_field(frame[name]) for name in names]
    inside = pl.concat_str(fields, separator=",", ignore_nulls=True)
    return pl.select(pl.concat_str(pl.lit("{"), inside, pl.lit("}"))).to_series()


def _field(column: pl.Series) -> pl.Expr:
    """`"name":value` of every row, null where the value is missing."""
    start = f'"{column.name}":'
    if column.dtype != pl.String:
        return pl.concat_str(pl.lit(start), pl.lit(column.cast(pl.String)))
    escaped = column.filter(column.str.contains(_ESCAPED)).unique()
    if len(escaped):
        column = column.replace(escaped, [canonical_bytes(text).decode()[1:-1] for text in escaped])
    return pl.concat_str(pl.lit(f'{start}"'), pl.lit(column), pl.lit('"'))
