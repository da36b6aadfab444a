"""Responses to news, as RFPN has them (Sun et al., arXiv 2305.16470): who replied what to which headline.

A folder holds `train`, `dev` and `test` as `.json` (a list of records) or `.jsonl`. A record has `author_id`,
`conversation_id` (the headline), `text` (the headline's words), `predicted` (polarity: 0 negative, 1 neutral,
2 positive) and `predicted_intensity` (0 to 6, signed already: 3 is neutral); `tweet_id` and other fields are
not used. The names of the last two suggest that labels were made by a model. The data themselves are not
public: what is read here are files that follow the fields of the released code.

A reply's signed score is raw * (polarity - 1) + 3 with a raw intensity of 0 to 3: a record whose polarity and
score point in opposite directions is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions import NONE, Item, Opinions

__all__ = ["SIGNED", "Replies", "read_rfpn"]

SIGNED = (
    "very negative",
    "negative",
    "slightly negative",
    "neutral",
    "slightly positive",
    "positive",
    "very positive",
)
"""The signed scores 0 to 6 in words."""
_PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class Replies:
    """Who replied what.

    Attributes
    ----------
    opinions
        People by headlines; an answer is a signed score, the number of one of `SIGNED`.
    polarity
        Shape (N, M), 0, 1, 2, `NONE` where there is no reply.
    asked
        Shape (N, M), the replies of the test part.
    order
        Shape (N, M), the place of each reply in the files: the newest last; -1 where there is none.
    """

    opinions: Opinions
    polarity: np.ndarray
    asked: np.ndarray
    order: np.ndarray


class _Row(msgspec.Struct):
    author_id: str | int
    conversation_id: str | int
    text: str
    predicted: int
    predicted_intensity: int


def read_rfpn(folder: str | Path) -> Replies:
    """Read a folder of RFPN's form.

    Raises
    ------
    DataError
        If a part is missing or broken, a value is out of range, polarity and score contradict each other, or
        a headline has two texts; with file and row. A person's second reply to a headline replaces the first.
    """
    folder, rows = Path(folder), []
    for part in _PARTS:
        path = next((p for end in ("json", "jsonl") if (p := folder / f"{part}.{end}").is_file()), None)
        if path is None and part == "dev":
            continue
        if path is None:
            fix = "give a folder with train.json and test.json"
            raise DataError("there is no such file", file=folder / f"{part}.json", fix=fix)
        rows += [(path, row) for row in _records(path)]
    if not rows:
        raise DataError("no part holds a reply", file=folder, fix="give records in train and test")
    texts: dict[str, str] = {}
    people: dict[str, int] = {}
    for path, row in rows:
        if texts.setdefault(str(row.conversation_id), row.text) != row.text:
            what = f"the headline {row.conversation_id} has two texts"
            raise DataError(what, file=path, column="text", fix="give it one id a text")
        people.setdefault(str(row.author_id), len(people))
    place = {name: at for at, name in enumerate(texts)}
    shape = (len(people), len(texts))
    answers, polarity = np.full(shape, NONE, dtype=np.int16), np.full(shape, NONE, dtype=np.int16)
    asked, order = np.zeros(shape, dtype=bool), np.full(shape, -1)
    for at, (path, row) in enumerate(rows):
        cell = people[str(row.author_id)], place[str(row.conversation_id)]
        answers[cell], polarity[cell] = row.predicted_intensity, row.predicted
        asked[cell], order[cell] = path.stem == "test", at
    items = tuple(Item(name=n, question=t, options=SIGNED, ordinal=True) for n, t in texts.items())
    frame = pl.DataFrame({"person_id": list(people)}).with_columns(weight=pl.lit(1.0))
    return Replies(Opinions(frame, items, answers), polarity, asked, order)


def _records(path: Path) -> list[_Row]:
    """Read and check the records of a part."""
    try:
        data = path.read_bytes()
        raw: Any = (
            [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else msgspec.json.decode(data)
        )
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"this is no JSON ({error})", file=path) from error
    if not isinstance(raw, list):
        raise DataError("this is no list of replies", file=path, fix="give a list of records")
    found = []
    for number, each in enumerate(raw, 1):
        try:
            row = msgspec.convert(each, _Row, strict=False)
        except msgspec.ValidationError as error:
            raise DataError(f"this is no reply ({error})", file=path, row=number) from error
        if row.predicted not in (0, 1, 2) or not 0 <= row.predicted_intensity <= 6:
            what = f"polarity {row.predicted} and score {row.predicted_intensity}"
            fix = "polarity is 0, 1 or 2, the score 0 to 6"
            raise DataError(what, file=path, row=number, column="predicted", fix=fix)
        if (row.predicted - 1) * (row.predicted_intensity - 3) < 0 or (
            row.predicted == 1 and row.predicted_intensity != 3
        ):
            what = f"polarity {row.predicted} and the signed score {row.predicted_intensity} contradict"
            fix = "3 is neutral, less is negative, more is positive"
            raise DataError(what, file=path, row=number, column="predicted_intensity", fix=fix)
        found.append(row)
    return found
