"""A controversy grade for a text that nobody graded, from a word list and without a model.

A stopgap, and a weak one: it knows the words of American public quarrels and a few ways to ask for a
judgement. It does not understand a sentence, knows no quarrel that has no word in the list, and takes
every language but English for small talk. Its agreement with people's grades stands in
docs/design/prompts.md; grade your prompts, or have them graded, where the grade matters.

The list is `data/controversy.toml`. A term counts in full where the text asks for a judgement
(`should`, `fair`, `wrong`, `or`, ...) and one grade less elsewhere; asking for a judgement alone is mild.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

from populace.prompts.records import GRADES

__all__ = ["score"]


def score(texts: pl.Series) -> pl.Series:
    """Grade texts: 0 none, 1 mild, 2 contested, 3 divisive.

    Parameters
    ----------
    texts
        Strings, length n.

    Returns
    -------
    pl.Series
        Int64, length n, no nulls where `texts` has none.

    Examples
    --------
    >>> texts = ["Should abortion be legal?", "What is abortion?", "Is it fair?", "Hi there"]
    >>> score(pl.Series(texts)).to_list()
    [3, 2, 1, 0]
    """
    patterns = _patterns()
    # Typographic apostrophes and capitals carry no controversy.
    text = pl.col("text").str.to_lowercase().str.replace_all("’", "'")
    asks = text.str.contains(patterns["judgement"]).cast(pl.Int64)
    grade = pl.max_horizontal(
        pl.when(text.str.contains(patterns[name])).then(level).otherwise(0)
        for level, name in enumerate(GRADES)
        if level
    )
    graded = pl.max_horizontal(grade.cast(pl.Int64) - 1 + asks, asks)
    return texts.to_frame("text").select(graded.alias("controversy")).to_series()


@cache
def _patterns() -> dict[str, str]:
    """Read the list as one regular expression a section; a trailing `*` stands for any ending."""
    listed = files("populace.prompts").joinpath("data", "controversy.toml").read_text(encoding="utf-8")
    return {
        name: r"\b(?:" + "|".join(term.replace("*", r"\w*") for term in terms) + r")\b"
        for name, terms in tomllib.loads(listed).items()
    }
