"""From what a judge answered to a verdict: log-odds, shares of written verdicts, ties, refusals.

Judging by written verdicts (`way = "samples"`) serves providers that give no log-probabilities: the judge is
asked several times at a temperature above 0, and the share of its verdicts is the probability. What it wrote
is read strictly: a verdict begins with the number it is for ("1", "Answer 2 is better", "I prefer answer 1")
and denies nothing. A judge that explains itself names both numbers, one that apologises names none, one that
writes "Answer 1 is worse" rejects what it names; guessing which it meant would put words into its mouth, so
none of these is a verdict. A judgement says how many it rests on (`votes`); one that has none in an order is
a refusal.

By choice, a judge that would write something else leaves traces of probability on both numbers; their ratio
is no preference. Where the numbers together have less than `LEAST_MASS`, it is a refusal; a judgement says
how much they had (`mass`, the smaller of both orders).
"""

from __future__ import annotations

import math
import re

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.models.records import Choice, Completion, Result

__all__ = [
    "DECIDED",
    "log_odds",
    "main_way",
    "mass_of",
    "probabilities",
    "read_verdict",
    "told",
    "verdict",
    "ways_of",
]

DECIDED = ("revision", "original")
"""Verdicts that prefer one of the two answers."""

_FIRST = ("choice", "samples", "likelihood")
"""Ways of judging, from the one that labels the pairs: likelihood, which shows neither answer, comes last."""

_MARKS = r"[\s*_`\"'#(\[“‘]*"
_OPENING = re.compile(
    rf"{_MARKS}(?:i(?:['’]d|\s+would)?\s+(?:\w+ly\s+)?(?:prefer|choose|pick|select|go\s+with)\s+)?"
    r"(?:(?:my|the)\s+(?:\w+\s+)?(?:answer|choice|preference|verdict|one)\s+is\s+)?"
    rf"(?:the\s+)?(?:(?:answer|number|option|choice|verdict|preference)\s*:?\s*)?{_MARKS}([12])\b(?![.,]?\d)"
    r"(?=[\s*_`\"')\]”’]*(?:$|[.,:;!)(\n–—-]|(?:for|because|since|as|over|is\s+(?:the\s+)?better|is\s+(?:the\s+)?best"
    r"|is\s+preferable|please)\b))",
    re.IGNORECASE,
)
"""How a verdict begins, and what may follow its number: the end, a mark, a reason, "is better"."""
_NUMBER = re.compile(r"(?<![\d$€£])(?<!\d[.,])\b[12]\b(?![.,]\d)")
_TIE = re.compile(r"\b(?:both|equal(?:ly)?|neither|tie|either|same)\b", re.IGNORECASE)
_REFUSES = re.compile(r"\b(?:cannot|can['’]?t|unable|refuse|won['’]?t|decline|sorry)\b", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:not|never|nor|worse|worst|reject|dislike)\b|n['’]t\b", re.IGNORECASE)
_UNEQUAL = re.compile(
    r"(?:\b(?:not|never)\b|n['’]t)\s+(?:\w+\s+){0,2}(?:equal(?:ly)?|tie|same)\b", re.IGNORECASE
)


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
    >>> [read_verdict(text) for text in ("I cannot choose.", "1 or 2", "12", "Answer 1 is worse", "Not 2")]
    [None, None, None, None, None]
    """
    if _REFUSES.search(text):
        return None
    found, numbers = _OPENING.match(text), set(_NUMBER.findall(text))
    if found and numbers == {found[1]}:
        return None if _DENIES.search(text) else float(found[1] == "2")
    return 0.5 if _TIE.search(text) and not _UNEQUAL.search(text) else None


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


def log_odds(result: Result | None, *, labels: bool = False) -> tuple[float, bool]:
    """Log-odds of the second option over the first, and whether the call failed.

    Parameters
    ----------
    labels
        Whether the options are labels of answers, so that the judge may refuse to write either.

    Returns
    -------
    tuple of float and bool
        nan where the judge gave neither option.

    Examples
    --------
    >>> log_odds(Choice(key="k", log_likelihoods=(-1.0, -3.0), tokens=(1, 1))), log_odds(None)
    ((-2.0, False), (nan, True))
    >>> log_odds(Choice(key="k", log_likelihoods=(-11.5, -14.0), tokens=(1, 1)), labels=True)
    (nan, False)
    """
    if not isinstance(result, Choice):
        return math.nan, True
    both = floored(result)
    if both is None or (labels and options_mass(result) < LEAST_MASS):
        return math.nan, False
    first, second = both
    return second - first, False


def mass_of(result: Result | None) -> float:
    """Probability that a judge by choice writes one of the two numbers; nan where the call failed."""
    return options_mass(result) if isinstance(result, Choice) else math.nan


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
