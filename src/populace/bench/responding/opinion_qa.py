"""Single people's answers in the form of OpinionQA (Santurkar et al., arXiv 2303.17548).

A folder has `info.csv` (`key`, `question`, `references`: the options, refusals last, `option_ordinal`) and
`responses.csv`, a row a person: a column a key with the option's text, `QKEY` (the person), and attributes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions import NONE, Item, Opinions
from populace.opinions.published.parsing import literal, read_csv

__all__ = ["read_people"]

_ATTRIBUTES = {
    "SEX": "sex",
    "AGE": "age",
    "RACE": "race",
    "EDUCATION": "education",
    "CREGION": "region",
    "MARITAL": "marital_status",
    "RELIG": "religion",
    "RELIGATTEND": "attendance",
    "INCOME": "income",
    "CITIZEN": "citizenship",
    "POLPARTY": "political_views",
    "POLIDEOLOGY": "ideology",
}
_NO = ("Refused", "")


def read_people(folder: str | Path) -> Opinions:
    """Read who answered what.

    Parameters
    ----------
    folder
        With `info.csv` and `responses.csv`.

    Returns
    -------
    A person's weight is 1: the scores of `response-prediction` count people alike.

    Raises
    ------
    DataError
        If a file or column is missing, or no question of `info.csv` is among the columns.
    """
    folder = Path(folder)
    info = read_csv(folder / "info.csv", ("key", "references", "option_ordinal"))
    table = read_csv(folder / "responses.csv", ())
    texts = info["question"] if "question" in info.columns else info["key"]
    items, codes = [], []
    cells = zip(info["key"], texts, info["references"], info["option_ordinal"], strict=True)
    for row, (key, text, references, ordinal) in enumerate(cells, 1):
        if key not in table.columns:
            continue
        options = [str(each) for each in literal(references, list, folder / "info.csv", row, "references")]
        counted = literal(ordinal, list, folder / "info.csv", row, "option_ordinal")
        options = [each for each in options[: len(counted)] if each not in _NO]
        if len(options) < 2:
            continue
        places = {option: place for place, option in enumerate(options)}
        said = table[key].cast(pl.String).str.strip_chars()
        items.append(Item(name=key, question=text or key, options=tuple(options), ordinal=True))
        codes.append(said.replace_strict(places, default=NONE, return_dtype=pl.Int16).fill_null(NONE))
    if not items:
        raise DataError("no question of info.csv is a column", file=folder / "responses.csv")
    ids = table["QKEY"] if "QKEY" in table.columns else pl.Series(range(table.height))
    people = pl.DataFrame({"person_id": ids.cast(pl.String)}).with_columns(
        pl.lit(1.0).alias("weight"),
        *(table[old].cast(pl.String).alias(new) for old, new in _ATTRIBUTES.items() if old in table.columns),
    )
    found = Opinions(people, tuple(items), np.stack([each.to_numpy() for each in codes], axis=1))
    return found.take(np.flatnonzero(found.answered.any(axis=1)))
