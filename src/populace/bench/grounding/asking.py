"""A survey's question as a model is asked it, and the distribution over its options that comes of it.

By `choice` the options are shown with numbers, in the survey's order and turned round, and the likelihoods of
the numbers are read. What a model gives to a place is taken off by the geometric mean of both orders. By
`likelihood` no option is shown: each is scored as the next turn, and the same question put to nobody in
particular is taken off (`populace.bench.elicit`). Other wordings of a question are asked alike, and their
distributions are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from populace.bench.elicit import TEMPLATES, role
from populace.bench.task import Bench
from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.models.records import Choice, ChooseRequest, Message, Result
from populace.opinions import Item

__all__ = ["Told", "View", "read_view", "survey_requests"]

_OPENING = "I choose number"


class Told(NamedTuple):
    """What a model is told of a respondent."""

    profile: str = ""
    """Description; empty for nobody in particular."""
    known: tuple[tuple[str, str], ...] = ()
    """Questions and answers of the respondent's own."""


class View(NamedTuple):
    """What a model says of one question in one wording."""

    p: tuple[float, ...] | None
    """Probability of each option; None where a call failed or was refused."""
    outcome: str
    """`answered`, `refused` or `failed`."""
    spread: float | None
    """Total variation between the two orders; None by likelihood."""


def survey_requests(bench: Bench, item: Item, wording: str, told: Told) -> tuple[ChooseRequest, ...]:
    """Ask a question in one wording: in both orders by choice, once by likelihood."""
    system = Message("system", _whom(told))
    if bench.way == "likelihood":
        asked = [(item.options, wording, "")]
    else:
        numbers = tuple(f" {place}" for place in range(1, item.size + 1))
        asked = [
            (numbers, TEMPLATES.render("survey", {"question": wording, "options": _listed(order)}), _OPENING)
            for order in (item.options, item.options[::-1])
        ]
    return tuple(
        ChooseRequest(
            model=bench.target,
            messages=(system, Message("user", text)),
            options=options,
            opening=opening,
            seed=bench.seed,
        )
        for options, text, opening in asked
    )


def read_view(results: Sequence[Result | None], bare: Sequence[Result | None] = ()) -> View:
    """Read what `survey_requests` asked.

    Parameters
    ----------
    results
        In both orders by choice, one by likelihood.
    bare
        By likelihood, the same question put to nobody; empty by choice, and where nobody is who was asked:
        then the likelihoods are taken by the token, so that a long option does not lose by its length.

    Examples
    --------
    >>> one = Choice(key="a", log_likelihoods=(-1.0, -2.0), tokens=(1, 1))
    >>> turned = Choice(key="b", log_likelihoods=(-1.0, -2.0), tokens=(1, 1))
    >>> [round(p, 3) for p in read_view([one, turned]).p]  # it likes the first place, whatever stands there
    [0.5, 0.5]
    >>> mute = Choice(key="c", log_likelihoods=(-9.0, -8.0), tokens=(1, 1))  # it would say something else
    >>> read_view([one, mute]).outcome
    'refused'
    """
    logs = []
    for result in (*results, *bare):
        if not isinstance(result, Choice):
            return View(None, "failed", None)
        told = floored(result)
        if told is None or (len(results) > 1 and options_mass(result) < LEAST_MASS):
            return View(None, "refused", None)
        logs.append(np.array(told))
    if bare:
        return View(_softmax(logs[0] - logs[1]), "answered", None)
    if len(logs) == 1:
        tokens = np.array(next(result.tokens for result in results if isinstance(result, Choice)))
        return View(_softmax(logs[0] / np.maximum(tokens, 1)), "answered", None)
    one, other = logs[0], logs[1][::-1]
    forward, backward = (np.array(_softmax(each)) for each in (one, other))
    spread = float(np.abs(forward - backward).sum() / 2)
    mean = (_log_softmax(one) + _log_softmax(other)) / 2
    return View(_softmax(mean), "answered", spread)


def _whom(told: Told) -> str:
    """Say who is asked: a person, and what this person answered already."""
    whom = role(told.profile).content if told.profile else TEMPLATES.render("surveyed")
    if not told.known:
        return whom
    answers = "\n".join(f"- {question} You answered: {answer}" for question, answer in told.known)
    return TEMPLATES.render("known", {"whom": whom, "answers": answers})


def _listed(options: Sequence[str]) -> str:
    return "\n".join(f"{place}: {option}" for place, option in enumerate(options, 1))


def _log_softmax(logs: np.ndarray) -> np.ndarray:
    top = logs - logs.max()
    return top - np.log(np.exp(top).sum())


def _softmax(logs: np.ndarray) -> tuple[float, ...]:
    return tuple(np.exp(_log_softmax(logs)).tolist())
