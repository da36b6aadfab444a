"""The items of `steerable`: a row for every answer of the model, and for every right answer.

`arm` says what a row is: `gold` (what attribute `persona_id` would answer), `model` (steered to `steer`, or
not at all where that is null), `remark` (after the user said something). Scores need nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from populace.bench.grounding.asking import read_view
from populace.bench.steering.asking import Remark
from populace.bench.steering.material import Material, Steer
from populace.models.records import Result
from populace.opinions import Item

__all__ = ["FRAME", "NOBODY", "answer_row", "gold_rows", "named_by"]

NOBODY = "nobody in particular"
FRAME = {
    "persona_id": pl.String,
    "prompt_id": pl.String,
    "arm": pl.String,
    "kind": pl.String,
    "steer": pl.String,
    "context": pl.String,
    "view": pl.Int64,
    "options": pl.List(pl.String),
    "p": pl.List(pl.Float64),
    "outcome": pl.String,
    "between_orders": pl.Float64,
    "people": pl.Float64,
    "again": pl.Float64,
    "apart": pl.Float64,
    "named": pl.List(pl.Float64),
}
_SHORT = 4
"""Letters that a word needs to count as the attribute's."""


def answer_row(
    item: Item,
    results: Sequence[Result | None],
    *,
    steer: Steer | None = None,
    context: str = "",
    remark: Remark | None = None,
) -> dict[str, Any]:
    """Lay out what the model said to a question."""
    view = read_view(results)
    return {
        **dict.fromkeys(FRAME),
        "persona_id": steer.name if steer else NOBODY,
        "prompt_id": item.name,
        "arm": "remark" if remark else "model",
        "kind": steer.kind if steer else None,
        "steer": steer.name if steer else None,
        "context": remark.kind if remark else context,
        "view": remark.view if remark else None,
        "options": list(item.options),
        "p": list(view.p) if view.p else None,
        "outcome": view.outcome,
        "between_orders": view.spread,
    }


def gold_rows(material: Material) -> list[dict[str, Any]]:
    """Lay out what would be right."""
    steers = {each.name: each for each in material.steers}
    items = {each.name: each for each in material.items}
    return [
        {
            **dict.fromkeys(FRAME),
            "persona_id": each.attribute,
            "prompt_id": each.item,
            "arm": "gold",
            "kind": steers[each.attribute].kind,
            "options": list(items[each.item].options),
            "p": list(each.p),
            "people": each.people,
            "again": each.again,
            "apart": each.apart,
            "named": named_by(steers[each.attribute].words, items[each.item].options),
        }
        for each in material.gold
    ]


def named_by(words: str, options: Sequence[str]) -> list[float]:
    """Share one out among the options that have most words of a steer; among all, if none has any.

    Examples
    --------
    >>> named_by("Political views: Democrat.", ["A Democrat", "A Republican"])
    [1.0, 0.0]
    """
    mine = _words(words)
    counts = [len(mine & _words(option)) for option in options]
    best = [float(count == max(counts)) for count in counts]
    return [each / sum(best) for each in best]


def _words(text: str) -> set[str]:
    parts = "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()
    return {part for part in parts if len(part) >= _SHORT}
