"""From what a judge answered to a verdict: log-odds, shares of written verdicts, ties, refusals.

Judging by written verdicts (`way = "samples"`) serves providers that give no log-probabilities: the judge is
asked several times at a temperature above 0, and the share of its verdicts is the probability. What it wrote
is read strictly. A judge that explains itself names both numbers, one that apologises names none; guessing
which it meant would put words into its mouth, so neither is a verdict. A judgement says how many it rests on
(`votes`); one that has none in an order is a refusal.
"""

from __future__ import annotations

import math
import re

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.models.records import Choice, Completion, Result

__all__ = ["DECIDED", "log_odds", "main_way", "probabilities", "read_verdict", "told", "verdict", "ways_of"]

DECIDED = ("revision", "original")
"""Verdicts that prefer one of the two answers."""

_FIRST = ("choice", "samples", "likelihood")
"""Ways of judging, from the one that labels the pairs: likelihood, which shows neither answer, comes last."""

_OPENING = re.compile(
    r"\W*(?:i(?:'d|\s+would)?\s+(?:prefer|choose|pick)\s+)?(?:the\s+)?(?:answer|number|option)?\W*([12])\b(?!\.\d)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\b[12]\b(?!\.\d)")
_TIE = re.compile(r"\b(?:both|equal(?:ly)?|neither|tie|either|same)\b", re.IGNORECASE)


def ways_of(judgements: pl.DataFrame) -> list[str]:
    """List the ways of judging in a table; the first labels the pairs.

    Examples
    --------
    >>> ways_of(pl.DataFrame({"way": ["likelihood", "choice", "likelihood"]}))
    ['choice', 'likelihood']
    """
    found = judgements["way"].unique(maintain_order=True).to_list()
    return [*(way for way in _FIRST if way in found), *(way for way in found if way not in _FIRST)]


def main_way(judgements: pl.DataFrame) -> str:
    """Name the way of judging that labels the pairs.

    Raises
    ------
    DataError
        If there are no judgements.
    """
    if not (ways := ways_of(judgements)):
        raise DataError("there are no judgements", fix="judge the pairs first")
    return ways[0]


def read_verdict(text: str) -> float | None:
    """Read which answer a judge prefers.

    Returns
    -------
    float or None
        0 for the first answer, 1 for the second, 0.5 where it says that neither is better; None where it gave
        no verdict, or one that names both.

    Examples
    --------
    >>> [read_verdict(text) for text in ("1", "Answer 2.", "**2**", "I prefer Answer 1", "Both are fine.")]
    [0.0, 1.0, 1.0, 0.0, 0.5]
    >>> [read_verdict(text) for text in ("I cannot choose.", "1 or 2", "12", "")]
    [None, None, None, None]
    """
    numbers = set(_NUMBER.findall(text))
    if len(numbers) == 1 and (_OPENING.match(text) or not _TIE.search(text)):
        return float(numbers == {"2"})
    if _TIE.search(text):
        return 0.5
    return None


def told(result: Result | None) -> tuple[float, bool]:
    """Return the written verdict of a finished call (nan where none can be read), and whether it failed.

    Examples
    --------
    >>> told(Completion(key="k", text="2")), told(Completion(key="k", text="Sorry, no.")), told(None)
    ((1.0, False), (nan, False), (nan, True))
    """
    if not isinstance(result, Completion):
        return math.nan, True
    found = None if result.finish == "refusal" else read_verdict(result.text)
    return (math.nan if found is None else found), False


def log_odds(result: Result | None) -> tuple[float, bool]:
    """Log-odds of the second option over the first (nan where the judge gave neither), and whether it failed.

    Examples
    --------
    >>> log_odds(Choice(key="k", log_likelihoods=(-1.0, -3.0), tokens=(1, 1))), log_odds(None)
    ((-2.0, False), (nan, True))
    """
    if not isinstance(result, Choice):
        return math.nan, True
    first, second = result.log_likelihoods
    if first is None and second is None:
        return math.nan, False
    # An option that a provider did not list is very unlikely but not impossible: a finite stand-in keeps
    # the average over orders defined, and makes opposite one-sided answers a tie.
    floor = -20.0
    return (floor if second is None else second) - (floor if first is None else first), False


def probabilities(odds: np.ndarray) -> np.ndarray:
    """Probabilities of log-odds, nan where these are nan. Numpy's `exp` would differ between processors."""
    values = (
        1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x)) for x in odds.tolist()
    )
    return np.fromiter(values, float, len(odds))


def verdict(tie_margin: float) -> pl.Expr:
    """Name the outcome of a judgement, from columns `p`, `identical` and `failed`.

    Examples
    --------
    >>> rows = pl.DataFrame({"p": [0.8, 0.2, 0.505, None], "identical": False, "failed": False})
    >>> rows.select(verdict(0.01)).to_series().to_list()
    ['revision', 'original', 'tie', 'refused']
    """
    p = pl.col("p")
    return (
        pl.when(p.is_null())
        .then(pl.when("failed").then(pl.lit("failed")).otherwise(pl.lit("refused")))
        .when(pl.col("identical") | ((p - 0.5).abs() <= tie_margin))
        .then(pl.lit("tie"))
        .when(p > 0.5)
        .then(pl.lit("revision"))
        .otherwise(pl.lit("original"))
        .alias("verdict")
    )
