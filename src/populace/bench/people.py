"""Who takes part in a run: so many of the personas, adults unless all ages are asked for.

A newborn neither asks questions nor prefers answers, and what a model makes of a child's views is no
measure of it (PERSONA's release has them: `docs/persona.md`). People of unknown age are not left out.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from populace.errors import DataError
from populace.personas.enrich import ADULT_AGE
from populace.streams import stream

__all__ = ["TakingPart", "draw_people"]


class TakingPart(NamedTuple):
    """Those drawn, and those who could not be."""

    personas: pl.DataFrame
    """In the order of the file."""
    of: int
    """From how many they were drawn."""
    minors: int
    """People under 18 who were left out."""

    @property
    def told(self) -> str:
        """Say how many take part, and who does not.

        Examples
        --------
        >>> print(draw_people(pl.DataFrame({"age": [30, 5, None, 40]}), 2, 0).told)
        2 of 3 people take part; 1 under 18 left out (--all-ages takes them too)
        """
        text = f"{self.personas.height:,} of {self.of:,} people take part"
        return (
            text + f"; {self.minors:,} under {ADULT_AGE} left out (--all-ages takes them too)"
            if self.minors
            else text
        )


def draw_people(personas: pl.DataFrame, count: int, seed: int, *, all_ages: bool = False) -> TakingPart:
    """Draw people, all if there are fewer.

    Raises
    ------
    DataError
        If there is nobody, or nobody but minors.
    """
    if personas.is_empty():
        raise DataError("there is nobody in it", fix="give personas, at least two")
    young = (pl.col("age") < ADULT_AGE).fill_null(False)
    grown = personas if all_ages else personas.filter(~young)
    if grown.is_empty():
        raise DataError(
            f"all {personas.height:,} personas are under {ADULT_AGE}", fix="take all ages: --all-ages"
        )
    rows = stream(seed, "bench.people").permutation(grown.height)[:count]
    return TakingPart(grown[sorted(rows.tolist())], grown.height, personas.height - grown.height)
