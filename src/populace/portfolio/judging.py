"""A language model as the judge of traits: a rating of each response, by the probabilities of the numbers.

Each rating is asked twice, once with 5 for the most and once with 1 for the most, and the two are averaged
(`both`): a judge that likes the number 5, or the last number, then says nothing. The judge is never the model
whose responses are judged, unless that is asked for. Ratings are journalled as all calls are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError, ModelError
from populace.models import Choice, ChooseRequest, Message, Provider, distribution
from populace.models.choice import LEAST_MASS, options_mass
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Range
from populace.run import Journal, run
from populace.templating import Templates

__all__ = ["Judged", "judge_responses"]

_NUMBERS = ("1", "2", "3", "4", "5")
_ENDS = {
    False: "1 means not at all, 5 means completely",
    True: "1 means completely, 5 means not at all",
}
_TEMPLATES = Templates("populace.portfolio")


class Judged(msgspec.Struct, frozen=True):
    """Ratings, and what went wrong."""

    rewards: Rewards
    refused: int
    """Calls that failed, or in which no number was likely: the response has no score."""
    swayed: Mapping[str, float]
    """By trait, how far the two ways of asking were apart on average, of 1; 0 where one way was asked."""


def judge_responses(
    responses: pl.DataFrame,
    statements: Mapping[str, str],
    judge: Provider,
    folder: str | Path,
    *,
    both: bool = True,
    itself: bool = False,
    **settings: Any,
) -> Judged:
    """Have a model rate responses, trait by trait.

    Parameters
    ----------
    responses
        Columns `prompt_id`, `prompt`, `response_id`, `response`, and `model` where it is known.
    statements
        Trait to what is said of the answer: `{"tact": "It is tactful."}`.
    judge
        Gives the likelihood of options.
    folder
        Holds the journal.
    both
        Whether the scale is also asked the other way round.
    itself
        Whether a model may judge its own responses.
    **settings
        Of the engine: `progress`, `budget`, `retry_errors`.

    Returns
    -------
    Judged
        Its rewards have a column a trait, the expected rating from 0 to 1.

    Raises
    ------
    DataError
        If a column or a statement is missing.
    ModelError
        If the judge wrote the responses, or gave no rating at all.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.scripted import Scripted
    >>> frame = pl.DataFrame({"prompt_id": ["p"], "prompt": ["Why?"], "response_id": ["0"],
    ...     "response": ["No."], "model": ["m"]})
    >>> fond_of_five = Scripted(choice=lambda request: (0, 0, 0, 0, 1))
    >>> found = judge_responses(frame, {"wit": "It is witty.", "tact": "It is tactful."}, fond_of_five,
    ...     tempfile.mkdtemp())
    >>> found.rewards.frame["wit"].to_list(), found.swayed["wit"]
    ([0.5], 1.0)
    """
    _check(responses, statements, judge, itself)
    ways = (False, True) if both else (False,)
    with Journal(Path(folder) / "journal") as journal:
        run(
            (request for _, request in _requests(responses, statements, judge.model, ways)),
            judge, journal, stage="rate", **settings,
        )  # fmt: skip
        found = np.full((len(ways), len(statements), responses.height), np.nan)
        for place, request in _requests(responses, statements, judge.model, ways):
            found[place] = _rating(journal.get(request.key))
    asked = int((responses["response"].str.strip_chars() != "").sum()) * found.shape[0] * found.shape[1]
    refused = asked - int((~np.isnan(found)).sum())
    if refused == asked:
        raise ModelError(f"{judge.model} gave no rating", fix="take a judge that answers with numbers")
    turned = found.copy()
    if both:
        turned[1] = 1 - found[1]
    means = turned.mean(axis=0)  # NaN unless both ways were answered
    apart = np.abs(turned[0] - turned[-1])
    columns = [pl.Series(name, means[place], nan_to_null=True) for place, name in enumerate(statements)]
    swayed = {
        name: float(np.nanmean(apart[place])) if not np.isnan(apart[place]).all() else float("nan")
        for place, name in enumerate(statements)
    }
    ranges = {
        name: Range(trait=name, low=0.0, high=1.0, source="definition", larger=statement)
        for name, statement in statements.items()
    }
    rewards = Rewards(responses.with_columns(columns), tuple(statements), ranges)
    return Judged(rewards, refused, swayed)


def _check(responses: pl.DataFrame, statements: Mapping[str, str], judge: Provider, itself: bool) -> None:
    for name in ("prompt_id", "prompt", "response_id", "response"):
        if name not in responses.columns:
            raise DataError(f"there is no column {name!r}", fix="give responses as they were sampled")
    if not responses.height:
        raise DataError("there is no response to judge")
    for name, statement in statements.items():
        if not name.strip() or not statement.strip():
            raise DataError("a trait needs a name, and what is said of the answer", column=name)
        if name in responses.columns:
            raise DataError("the table has a column of this name already", column=name)
    if not itself and "model" in responses.columns and judge.model in set(responses["model"]):
        what = f"{judge.model} wrote responses that it is to judge"
        raise ModelError(what, fix="take another judge, or say that it may judge itself")


def _requests(
    responses: pl.DataFrame, statements: Mapping[str, str], model: str, ways: tuple[bool, ...]
) -> Iterator[tuple[tuple[int, int, int], ChooseRequest]]:
    """Yield requests with their place (way, trait, response): those of one response stand together."""
    texts = zip(responses["prompt"].to_list(), responses["response"].to_list(), strict=True)
    for row, (prompt, response) in enumerate(texts):
        if not response.strip():
            continue
        for column, statement in enumerate(statements.values()):
            for way, turned in enumerate(ways):
                said = {
                    "prompt": prompt,
                    "response": response,
                    "statement": statement,
                    "scale": _ENDS[turned],
                }
                message = Message("user", _TEMPLATES.render("rate", said))
                request = ChooseRequest(model=model, messages=(message,), options=_NUMBERS)
                yield (way, column, row), request


def _rating(result: Any) -> float:
    """Give the expected rating from 0 to 1; NaN where none is likely."""
    if not isinstance(result, Choice) or options_mass(result) < LEAST_MASS:
        return float("nan")
    shares = distribution(result)
    return float("nan") if shares is None else float(np.dot(shares, np.linspace(0, 1, len(_NUMBERS))))
