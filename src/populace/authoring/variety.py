"""How varied the texts of personas are, field by field, beside our lists or texts that people wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.personas.diversity import beside
from populace.personas.lists import entries
from populace.personas.schema import WRITTEN

__all__ = ["VARIETY_SCHEMA", "Embed", "variety"]

Embed: TypeAlias = Callable[[Sequence[str]], npt.NDArray[np.float64]]
"""Gives the embedding of each text, shape (texts, dimensions): `populace.authoring.embed`, or one's own."""

VARIETY_SCHEMA = {
    "field": pl.String,
    "measure": pl.String,
    "size": pl.Int64,
    **dict.fromkeys(("value", "low", "high", "reference", "reference_low", "reference_high"), pl.Float64),
    "verdict": pl.String,
}
_LEAST = 4


def variety(
    frame: pl.DataFrame,
    fields: Sequence[str] = WRITTEN,
    *,
    reference: Mapping[str, Sequence[str]] | None = None,
    embed: Embed | None = None,
    size: int | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Measure the texts of each field beside a reference, at the same number of personas.

    Parameters
    ----------
    frame
        `persona_id` and the fields as columns.
    fields
        Columns of text; one without a reference is passed over.
    reference
        Field -> texts that people wrote; None, or a field not in it: the entries of our list, each once.
    embed
        Adds the spread of embeddings (`cosine`, `vendi`).
    size, seed, level
        As `populace.personas.diversity.beside`.

    Returns
    -------
    Columns `field`, then those of `beside`; no rows for a field of which fewer than 4 personas have a text.

    Raises
    ------
    DataError
        As `beside`.

    Examples
    --------
    >>> parrots = pl.DataFrame({"persona_id": list("abcdefgh"), "lifestyle": ["a quiet life"] * 8})
    >>> table = variety(parrots, ["lifestyle"])
    >>> table.filter(measure="duplicates")["verdict"].to_list()
    ['less varied']
    """
    tables = [pl.DataFrame(schema=VARIETY_SCHEMA)]
    for name in fields:
        known = _reference(name, reference)
        texts = frame.select("persona_id", name).drop_nulls()
        if texts.n_unique("persona_id") < _LEAST or not known:
            continue
        table = beside(
            texts[name].to_list(),
            known,
            texts["persona_id"].to_list(),
            embeddings=embed(texts[name].to_list()) if embed else None,
            reference_embeddings=embed(known) if embed else None,
            size=size,
            seed=seed,
            level=level,
        )
        tables.append(table.select(pl.lit(name).alias("field"), pl.all()))
    return pl.concat(tables)


def _reference(name: str, given: Mapping[str, Sequence[str]] | None) -> list[str]:
    if given and name in given:
        return list(given[name])
    return [each.text for each in entries(name)] if name in WRITTEN else []
