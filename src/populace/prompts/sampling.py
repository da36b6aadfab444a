"""Choose prompts: by topic and split, or by a draw that is even over topics."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.prompts.records import Split
from populace.streams import stream

__all__ = ["sample", "select"]


def sample(frame: pl.DataFrame, n: int, seed: int, by_topic: bool = True) -> pl.DataFrame:
    """Draw `n` prompts without replacement.

    Prompts are put in one random order and the first `n` are taken, so with one seed the draw of 20 is the
    beginning of the draw of 30: a study that grows keeps every prompt it has paid for. The order does not
    depend on the order of the rows in `frame`.

    Parameters
    ----------
    frame
        Prompts, with the columns `prompt_id` and `topic`.
    n
        Prompts to draw.
    seed
        Seed of the random generator.
    by_topic
        Take one prompt of each topic in turn, so that no two topics differ by more than one until the
        smaller is used up. Prompts without a topic count as one topic.

    Returns
    -------
    pl.DataFrame
        Shape (n, columns of `frame`).

    Raises
    ------
    DataError
        If `n` is negative or larger than the table.

    Examples
    --------
    >>> from populace.prompts import load
    >>> sample(load("builtin"), 46, seed=1)["topic"].value_counts()["count"].unique().to_list()
    [2]
    """
    if not 0 <= n <= frame.height:
        raise DataError(f"asked for {n} of {frame.height} prompts", fix=f"ask for 0 to {frame.height}")
    generator = stream(seed, "prompts.sample")
    shuffled = frame.sort("prompt_id")[generator.permutation(frame.height)]
    if by_topic:
        topic = shuffled["topic"].fill_null("")
        names, which = np.unique(topic.to_numpy(), return_inverse=True)
        turn = generator.permutation(len(names))[which]
        # How many prompts of its topic stand before each prompt: the round in which it is taken.
        lap = topic.to_frame("topic").select(pl.int_range(pl.len()).over("topic")).to_series()
        shuffled = shuffled[np.lexsort((turn, lap.to_numpy()))]
    return shuffled.head(n)


def select(frame: pl.DataFrame, topic: str | None = None, split: Split | None = None) -> pl.DataFrame:
    """Return the prompts of one topic, one split or both; None asks nothing.

    Raises
    ------
    DataError
        If the table has no such topic.

    Examples
    --------
    >>> from populace.prompts import load
    >>> select(load("builtin"), topic="War").height
    17
    """
    if topic is not None:
        known = frame["topic"].drop_nulls().unique().sort()
        if topic not in known:
            raise DataError(
                f"there is no topic {topic!r}", column="topic", fix=f"use one of {', '.join(known) or 'none'}"
            )
        frame = frame.filter(pl.col("topic") == topic)
    return frame if split is None else frame.filter(pl.col("split") == split)
