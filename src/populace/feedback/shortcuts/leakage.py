"""Attribute leakage: answers that name a value of whom they are for.

An answer that says "as a Catholic" tells a reward model whose label it is looking at. A value counts where
the revision names it and neither the prompt nor the original does; that answers speak of values that are not
the author's is measured by another persona's values, drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from populace.feedback.shortcuts.answers import Answers, Vocabulary
from populace.feedback.shortcuts.finding import Finding
from populace.feedback.shortcuts.grams import grams, words
from populace.feedback.shortcuts.parroting import more_of_ones_own
from populace.feedback.shortcuts.verdicts import Draws, Ints
from populace.personas import words as said

__all__ = ["NAMES", "attribute_leakage", "named_values"]


def _word_for(names: Mapping[str, str | None]) -> Callable[[str], tuple[str, ...]]:
    return lambda value: (name,) if (name := names.get(value, value)) else ()


def _religion(value: str) -> tuple[str, ...]:
    return {"Jewish": ("Jewish", "Jew"), "Unaffiliated": ("atheist", "agnostic"), "Other": ()}.get(
        value, (value.removeprefix("Other "),)
    )


def _politics(value: str) -> tuple[str, ...]:
    return () if value == "Other" else (f"{value}s", f"a {value}", f"an {value}", f"as {value}")


def _age(value: str) -> tuple[str, ...]:
    return f"{value} year old", f"{value} years old", f"at {value}", f"age {value}"


def _sex(value: str) -> tuple[str, ...]:
    man = {"Male": ("man", "husband", "father"), "Female": ("woman", "wife", "mother")}.get(value, ())
    return tuple(f"{before} {word}" for word in man for before in ("as a", "i am a", "i m a"))


def _marital(value: str) -> tuple[str, ...]:
    return (value,) if value in ("Married", "Widowed", "Divorced", "Separated") else ()


def _itself(value: str) -> tuple[str, ...]:
    return (value,)


NAMES: dict[str, Callable[[str], tuple[str, ...]]] = {
    "age": _age,
    "sex": _sex,
    "race": _word_for({**said.RACE, "Some Other Race alone": None}),
    "hispanic_origin": _word_for({**said.ORIGIN, "Not Hispanic": None}),
    "state": _itself,
    "ancestry": _itself,
    "place_of_birth": _itself,
    "household_language": _word_for({"English only": None, "Other": None}),
    "marital_status": _marital,
    "veteran_status": lambda value: ("veteran",) if value == "Veteran" else (),
    "disability": lambda value: ("my disability",) if value == "With a disability" else (),
    "ideology": lambda value: (f"{value}s", f"a {value}", f"as {value}"),
    "political_views": _politics,
    "religion": _religion,
}
"""Attribute -> the words by which an answer would name a value of it.

Words that often say something else (*moderate*, *white*) are as frequent for the other persona: the audit is
of the excess.
"""
LONGEST = 4
"""Words of a name; longer labels are no one's words."""


def named_values(personas: pl.DataFrame) -> list[Vocabulary]:
    """Give the names of each persona's values, by their number of words.

    Examples
    --------
    >>> people = pl.DataFrame({"religion": ["Catholic", None], "state": ["New York", "Ohio"]})
    >>> [(each.size, each.persona.tolist()) for each in named_values(people)]
    [(1, [1, 0]), (2, [0])]
    """
    persona: list[int] = []
    texts: list[str] = []
    for column, name in NAMES.items():
        if column in personas.columns:
            for at, value in enumerate(personas[column].cast(pl.String)):
                names = name(value) if value is not None else ()
                texts += names
                persona += [at] * len(names)
    found, owner = words(texts), np.array(persona, dtype=np.int64)
    vocabularies = []
    for size in range(1, LONGEST + 1):
        whole = found.counts == size
        if whole.any():
            runs = grams(found, size)
            vocabularies.append(Vocabulary(size, owner[whole], runs.codes[runs.ends[whole] - 1]))
    return vocabularies


def attribute_leakage(
    answers: Answers,
    authors: Ints,
    vocabularies: list[Vocabulary],
    people: int,
    settings: Draws,
    limit: float,
) -> Finding:
    """Audit the revisions; `authors` is each pair's row of the personas table."""
    return more_of_ones_own(
        "attribute-leakage",
        "revisions name values of their author's attributes",
        [answers.hits(each, "revision") for each in vocabularies],
        vocabularies,
        authors,
        people,
        settings,
        limit,
    )
