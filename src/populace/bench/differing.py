"""Of every two people who were asked a question: do their answers differ?"""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.bench.wording import ALIKE, shingle_distances

__all__ = ["differing"]

_KEYS = ("persona_id", "other_id", "prompt_id", "arm")


def differing(items: pl.DataFrame) -> pl.DataFrame:
    """Say of every two people who were asked a question whether their answers differ.

    Parameters
    ----------
    items
        `persona_id`, `prompt_id`, `arm`, `answer`; a row each person and question.

    Returns
    -------
    polars.DataFrame
        `persona_id` and `other_id`, in the order of their names, `prompt_id`, `arm`, and `value`: 1 where
        they are no near-duplicates, else 0, as where one of the two got no answer.

    Examples
    --------
    >>> rows = pl.DataFrame({"persona_id": ["bo", "ann", "cy"], "prompt_id": "q", "arm": "persona"})
    >>> differing(rows.with_columns(answer=pl.Series(["I like cats", "No.", None])))["value"].to_list()
    [1.0, 0.0, 0.0]
    """
    frames = [pl.DataFrame(schema=dict.fromkeys(_KEYS, pl.String) | {"value": pl.Float64})]
    for (prompt, arm), asked in items.group_by("prompt_id", "arm", maintain_order=True):
        same = asked.sort("persona_id")
        there = same["answer"].is_not_null().to_numpy()
        unlike = shingle_distances(same["answer"].fill_null("").to_list()) > ALIKE
        one, other = np.triu_indices(same.height, 1)
        found = pl.DataFrame(
            {
                "persona_id": same["persona_id"][one],
                "other_id": same["persona_id"][other],
                "value": (unlike & there & there[:, None])[one, other].astype(np.float64),
            }
        )
        found = found.with_columns(prompt_id=pl.lit(prompt, pl.String), arm=pl.lit(arm, pl.String))
        frames.append(found.select(*_KEYS, "value"))
    return pl.concat(frames)
