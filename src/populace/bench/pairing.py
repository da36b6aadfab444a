"""Who is asked what: personas and questions drawn apart, each as often as the others."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.bench.task import Bench
from populace.errors import StudyError
from populace.streams import stream

__all__ = ["paired"]


def paired(bench: Bench, *, items: int | None = None) -> pl.DataFrame:
    """Pair personas and questions.

    PERSONA Bench pairs row i with row i, so that the effects of persona and question cannot be told apart.
    Here both are shuffled, and each round of personas meets the questions one step on: no pair comes twice,
    and each persona and each question is used as often as the others, but for one.

    Returns
    -------
    polars.DataFrame
        `item_id`, `persona_id`, `prompt_id`, `prompt`, `topic`; `bench.items` rows, or as many as said.

    Raises
    ------
    StudyError
        If there are fewer pairs than that.
    """
    wanted = bench.items if items is None else items
    people, prompts = bench.personas.height, bench.prompts.height
    if wanted > people * prompts or not wanted:
        raise StudyError(
            f"{wanted:,} items cannot be made of {people:,} personas and {prompts:,} questions",
            fix="ask for fewer items, at least one",
        )
    rng = stream(bench.seed, "bench.pairing")
    who, what = rng.permutation(people), rng.permutation(prompts)
    # The shorter list repeats after lcm(people, prompts) steps; a shift then keeps pairs apart.
    place = np.arange(wanted)
    cycle = int(np.lcm(people, prompts))
    rows = bench.prompts[what[(place + place // cycle) % prompts].tolist()]
    return pl.DataFrame(
        {
            "item_id": pl.Series(range(wanted), dtype=pl.Int64),
            "persona_id": bench.personas["persona_id"][who[place % people].tolist()],
            "prompt_id": rows["prompt_id"],
            "prompt": rows["text"],
            "topic": rows["topic"],
        }
    )
