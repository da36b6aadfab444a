"""Attribute parroting: answers that repeat the description of whom they are for, and judges who like that.

Two audits of runs of four words that an answer shares with a persona's description (and with neither the
prompt nor the other answer).

- `attribute-parroting` is about texts: how much more often a revision repeats its author's description
  than that of another persona, drawn at random. Both use the same template, so what is common to all says
  nothing.
- `parroting-only` is about verdicts: the rule that the author prefers the answer that repeats more of the
  author's description. Tested is what it knows beyond which side repeats more on the whole: if every
  revision repeats the description, it is no other rule than `source-only`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.feedback.shortcuts.answers import Answers, Vocabulary, count, strangers_to
from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.grams import grams, words
from populace.feedback.shortcuts.rules import ruled
from populace.feedback.shortcuts.verdicts import Draws, Ints, Seats, share, signed_mean

__all__ = ["attribute_parroting", "described", "parroting_only"]

SIZE = 4
"""Words of a run that counts as repeated."""


def described(personas: pl.DataFrame, profiles: Mapping[str, str]) -> Vocabulary:
    """Read the runs of words of each persona's description, in the order of the personas table.

    Raises
    ------
    DataError
        If a persona has none: taken for empty, an answer that copies it would pass.
    """
    lost = [each for each in personas["persona_id"] if each not in profiles]
    if lost:
        what = f"{len(lost)} of {personas.height} personas have no description, the first {lost[0]}"
        raise DataError(what, column="persona_id", fix="give the descriptions that the judge was given")
    texts = [profiles[persona_id] for persona_id in personas["persona_id"]]
    found = grams(words(texts), SIZE)
    return Vocabulary(SIZE, found.texts, found.codes)


def attribute_parroting(
    answers: Answers, authors: Ints, vocabulary: Vocabulary, people: int, settings: Draws, limit: float
) -> Finding:
    """Audit the revisions; `authors` is each pair's row of the personas table."""
    return more_of_ones_own(
        "attribute-parroting",
        "revisions repeat runs of words of their author's description",
        [answers.hits(vocabulary, "revision")],
        [vocabulary],
        authors,
        people,
        settings,
        limit,
    )


def more_of_ones_own(
    name: str,
    what: str,
    hits: list[tuple[Ints, np.ndarray]],
    vocabularies: list[Vocabulary],
    authors: Ints,
    people: int,
    settings: Draws,
    limit: float,
) -> Finding:
    """Audit whether answers have more hits in their author's vocabulary than in another persona's."""
    known = authors >= 0
    if people < 2 or not known.any():
        return not_run(name, what, limit, "there is no author and other persona to compare")
    if not vocabularies:
        return not_run(name, what, limit, "the personas have no value that could be named")
    others = strangers_to(authors, people, settings.seed)
    own, theirs = (
        np.sum(
            [count(*each, who, words)[known] for each, words in zip(hits, vocabularies, strict=True)], axis=0
        )
        for who in (authors, others)
    )
    authors = authors[known]
    score, beside = (share((many > 0).astype(float), authors, settings) for many in (own, theirs))
    more = np.sign(own - theirs).astype(float)
    # Where nothing is repeated anywhere no draw differs: the exact bound of a share bounds the excess too.
    tested = signed_mean(more, authors, settings) if more.any() else share(more, authors, settings)
    return decide(name, what, score, beside, tested, limit)


def parroting_only(
    answers: Answers, seats: Seats, authors: Ints, vocabulary: Vocabulary, settings: Draws, limit: float
) -> Finding:
    """Audit the rule that the author prefers the answer with more of the author's description."""
    revision, original = (
        count(*answers.hits(vocabulary, side), authors, vocabulary) for side in ("revision", "original")
    )
    rule = np.sign(revision - original).astype(float)
    own = seats.take(seats.own)
    what = "the answer that repeats more of the author's description"
    return ruled("parroting-only", what, rule[own.pair], own, settings, limit, centred=True)
