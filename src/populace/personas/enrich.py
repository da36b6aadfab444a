"""What no census asks: drawn from survey tables given who the person is, and from written lists.

Religion, ideology and party come from the General Social Survey (`views.json`), the Big Five from the
bfi items (`traits.json`), both fitted by `scripts/fit_psychographics.py`. Party is drawn given the drawn
ideology and religion, ideology given the drawn religion, so that opinions hang together as they do among
people. Whoever is under 18 gets none of them: no survey asked minors. Free text comes from lists
(`populace.personas.lists`, `populace.personas.jobs`) and fits what was drawn before it.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.personas.evidence import AGE_EDGES, evidence
from populace.personas.jobs import draw_job
from populace.personas.lists import draw_text
from populace.personas.schema import WRITTEN, attribute
from populace.personas.traits import draw_traits
from populace.personas.views import view_model

__all__ = ["ADULT_AGE", "enrich"]

ADULT_AGE = AGE_EDGES[0]
_VIEWS = {"religion": "religion", "ideology": "ideology", "political_views": "party"}


def enrich(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw everything the census does not give.

    Parameters
    ----------
    frame
        Every attribute as a column; the enriched ones are replaced.
    seed
        Each group of attributes draws from its own stream of it, so that a longer list of quirks moves
        nobody's religion.

    Returns
    -------
    polars.DataFrame
        The same rows and columns, enriched.
    """
    views_rng, traits_rng, job_rng, *text_rngs = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3 + len(WRITTEN))
    )
    known = evidence(frame)
    drawn = view_model().draw(known, views_rng)
    adult = (frame["age"] >= ADULT_AGE).fill_null(False)
    labels = (_label(drawn[node], adult, column) for column, node in _VIEWS.items())
    frame = frame.with_columns(*labels, *draw_traits(known, frame["age"], traits_rng))
    frame = frame.with_columns(draw_job(frame, job_rng))
    texts = [draw_text(frame, name, rng) for name, rng in zip(WRITTEN, text_rngs, strict=True)]
    return frame.with_columns(texts)


def _label(codes: pl.Series, adult: pl.Series, column: str) -> pl.Series:
    """Turn codes into the labels of an attribute, for adults."""
    labels = pl.Series(attribute(column).values)[codes]
    return pl.select(pl.when(adult).then(labels)).to_series().alias(column)
