"""What no census asks: drawn from survey models given who the person is, and from written lists.

Religion, ideology and party (`views.json`) and the ten basic values (`values.json`) come from the General
Social Survey, the Big Five from the bfi items (`traits.json`), all fitted by
`scripts/fit_psychographics.py`. Party is drawn given ideology and religion, ideology given religion, values
given all three, so that opinions hang together as they do among people. What a person already has, because
a survey asked them, stays, and the rest is drawn given it. Whoever is under 18 is drawn none of them: no
survey asked minors. Free text comes from lists (`populace.personas.lists`, `populace.personas.jobs`) and
fits what was drawn before it.
"""

from __future__ import annotations

import polars as pl

from populace.personas.evidence import AGE_EDGES, evidence
from populace.personas.jobs import draw_job
from populace.personas.lists import draw_texts
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, WRITTEN, attribute
from populace.personas.traits import draw_traits
from populace.personas.values import draw_values
from populace.personas.views import view_model
from populace.streams import stream

__all__ = ["ADULT_AGE", "enrich"]

ADULT_AGE = AGE_EDGES[0]
_VIEWS = {"religion": "religion", "ideology": "ideology", "political_views": "party"}


def enrich(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw everything the census does not give.

    Parameters
    ----------
    frame
        Every attribute as a column. Only nulls are drawn.
    seed
        Each group of attributes draws from its own stream of it, so that a longer list of quirks moves
        nobody's religion.

    Returns
    -------
    polars.DataFrame
        The same rows and columns, enriched.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> people = complete(pl.DataFrame({"age": [40, 40], "religion": ["Hindu", None]}))
    >>> enrich(people, seed=1)["religion"][0]
    'Hindu'
    """
    known = evidence(frame)
    adult = (frame["age"] >= ADULT_AGE).fill_null(False)
    given = [_codes(frame, column).alias(node) for column, node in _VIEWS.items()]
    views = view_model().draw(known.with_columns(given), stream(seed, "personas.enrich.views"))
    labels = [
        pl.select(pl.when(adult).then(pl.Series(attribute(column).values)[views[node]]))
        .to_series()
        .alias(column)
        for column, node in _VIEWS.items()
    ]
    traits = draw_traits(known, frame["age"], stream(seed, "personas.enrich.traits"), frame.select(BIG_FIVE))
    values = draw_values(views, adult, stream(seed, "personas.enrich.values"), frame.select(BASIC_VALUES))
    frame = _fill(frame, *labels, *traits, *values)
    frame = _fill(frame, draw_job(frame, stream(seed, "personas.enrich.job")))
    texts = draw_texts(frame, {name: stream(seed, f"personas.enrich.{name}") for name in WRITTEN})
    return _fill(frame, *texts)


def _codes(frame: pl.DataFrame, column: str) -> pl.Series:
    """Turn the labels of an attribute into positions in its list."""
    codes = {label: at for at, label in enumerate(attribute(column).values)}
    return frame[column].replace_strict(codes, return_dtype=pl.Int64)


def _fill(frame: pl.DataFrame, *drawn: pl.Series) -> pl.DataFrame:
    """Put what was drawn where nothing was given."""
    return frame.with_columns(pl.coalesce(pl.col(each.name), each) for each in drawn)
