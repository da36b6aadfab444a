"""GlobalOpinionQA (Durmus et al. 2023, arXiv 2306.16388), read as it was released.

A CSV of `question`, `selections` (a dictionary printed as text, country -> shares in the order of the
options), `options` and `source`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.published.gold import Gold, Question
from populace.opinions.published.parsing import add, literal, read_csv

__all__ = ["read_global_opinions"]


def read_global_opinions(path: str | Path) -> Gold:
    """Read GlobalOpinionQA.

    A question is named by its text, and by the number of its row, from 1; texts that come twice by
    `TEXT (row N)`. Shares are divided by their sum; how far sums lie from 1 (or 100) stands in the notes.

    Raises
    ------
    DataError
        If the file is missing or laid out otherwise; names the row and column.
    """
    file = Path(path)
    frame = read_csv(file, ("question", "selections", "options"))
    twice = frame.filter(pl.col("question").is_duplicated())["question"].unique()
    questions: list[Question] = []
    notes: dict[str, int] = {}
    furthest = 0.0
    for row, (text, selections, given) in enumerate(
        frame.select("question", "selections", "options").iter_rows(), start=1
    ):
        options = tuple(str(option) for option in literal(given, list, file, row, "options"))
        if len(set(options)) < len(options) or len(options) < 2:
            add(notes, "question(s) with fewer than two options, or one there twice, left out")
            continue
        tables = {}
        for country, shares in literal(selections, dict, file, row, "selections").items():
            numbers = _shares(shares, file, row, str(country))
            if len(numbers) != len(options):
                add(notes, "country(s) x question with other than one share an option, left out")
                continue
            if numbers.sum() <= 0:
                add(notes, "country(s) x question that nobody answered, left out")
                continue
            total = numbers.sum() / (100 if numbers.sum() > 2 else 1)
            furthest = max(furthest, abs(float(total) - 1))
            tables[str(country)] = numbers / numbers.sum()
        if tables:
            name = f"{text} (row {row})" if text in twice else str(text)
            table = np.stack(list(tables.values()))
            questions.append(Question(name, options, tuple(tables), table, aliases=(str(row),)))
    told = [f"{count:,} {what}" for what, count in notes.items()]
    told.append(
        f"shares of a country add up to 1 within {furthest:.3f} at worst, and were divided by their sum"
    )
    return Gold("GlobalOpinionQA", tuple(questions), tuple(told))


def _shares(shares: Any, file: Path, row: int, country: str) -> np.ndarray:
    try:
        numbers = np.asarray(shares, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise DataError(
            f"a share of {country} is no number from 0 up", file=file, row=row, column="selections"
        )
    return numbers
