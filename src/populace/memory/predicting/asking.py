"""A question about a person as a model is asked it, and what is read of its answer.

A choice is asked with numbered options, in their order and turned round; the likelihoods of the numbers are
read and the two orders averaged (geometric mean), which takes off what the model gives to a place. A reply's
sentiment is asked in words, as the paper does, and parsed strictly: what cannot be read is counted as such,
never taken for a class.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from populace.memory.predicting.briefing import TEMPLATES, Briefing
from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.models.records import Choice, ChooseRequest, Completion, GenerateRequest, Message, Result

__all__ = [
    "Answer",
    "Signed",
    "choose_requests",
    "parse_signed",
    "read_choice",
    "read_signed",
    "signed_request",
]

_OPENING = "The person's answer is number"
_POLARITY = re.compile(r"^\W*polarity\W+(negative|neutral|positive)\b", re.IGNORECASE | re.MULTILINE)
_INTENSITY = re.compile(r"^\W*intensity\W+([0-3])\b(?![.,]\d)", re.IGNORECASE | re.MULTILINE)
_SIGN = {"negative": 0, "neutral": 1, "positive": 2}
_TOKENS = 24

Outcome = Literal["answered", "refused", "failed", "unread"]


class Answer(NamedTuple):
    """What a model says of a choice."""

    p: tuple[float, ...] | None
    """Probability of each option; None where there is no answer."""
    outcome: Outcome
    spread: float | None = None
    """Total variation between the two orders."""


class Signed(NamedTuple):
    """What a model says of a reply's sentiment."""

    polarity: int | None
    """0 negative, 1 neutral, 2 positive; None where it could not be read."""
    score: int | None
    """Signed intensity from 0 to 6, 3 for neutral: raw * (polarity - 1) + 3."""
    outcome: Outcome


def choose_requests(
    model: str, briefing: Briefing, question: str, options: Sequence[str], *, seed: int = 0
) -> tuple[ChooseRequest, ChooseRequest]:
    """Ask which option the person chooses, in both orders."""
    numbers = tuple(f" {place}" for place in range(1, len(options) + 1))
    made = []
    for order in (options, options[::-1]):
        listed = "\n".join(f"{place}: {option}" for place, option in enumerate(order, 1))
        text = TEMPLATES.render("choose", {"question": question, "options": listed})
        made.append(
            ChooseRequest(
                model=model,
                messages=(Message("system", briefing.text), Message("user", text)),
                options=numbers,
                opening=_OPENING,
                seed=seed,
            )
        )
    return made[0], made[1]


def read_choice(results: Sequence[Result | None]) -> Answer:
    """Read what `choose_requests` asked.

    Examples
    --------
    >>> one = Choice(key="a", log_likelihoods=(-0.5, -1.5), tokens=(1, 1))
    >>> turned = Choice(key="b", log_likelihoods=(-1.5, -0.5), tokens=(1, 1))
    >>> [round(p, 3) for p in read_choice([one, turned]).p], read_choice([one, None]).outcome
    ([0.731, 0.269], 'failed')
    """
    logs = []
    for result in results:
        if not isinstance(result, Choice):
            return Answer(None, "failed")
        told = floored(result)
        if told is None or options_mass(result) < LEAST_MASS:
            return Answer(None, "refused")
        row = np.array(told)
        logs.append(row - row.max() - np.log(np.exp(row - row.max()).sum()))
    forward, backward = logs[0], logs[1][::-1]
    both = np.exp((forward + backward) / 2)
    spread = float(np.abs(np.exp(forward) - np.exp(backward)).sum() / 2)
    return Answer(tuple((both / both.sum()).tolist()), "answered", spread)


def signed_request(model: str, briefing: Briefing, question: str, *, seed: int = 0) -> GenerateRequest:
    """Ask for polarity and intensity of the person's reply."""
    text = TEMPLATES.render("signed", {"question": question})
    messages = (Message("system", briefing.text), Message("user", text))
    return GenerateRequest(model=model, messages=messages, max_tokens=_TOKENS, seed=seed)


def parse_signed(text: str) -> Signed:
    r"""Read polarity and intensity; both must be there and say no two things.

    Examples
    --------
    >>> parse_signed("Polarity: Negative\nIntensity: 2")
    Signed(polarity=0, score=1, outcome='answered')
    >>> parse_signed("I think the reply is positive.").outcome
    'unread'
    """
    signs = {each.lower() for each in _POLARITY.findall(text)}
    sizes = set(_INTENSITY.findall(text))
    if len(signs) != 1 or len(sizes) != 1:
        return Signed(None, None, "unread")
    polarity = _SIGN[signs.pop()]
    return Signed(polarity, int(sizes.pop()) * (polarity - 1) + 3, "answered")


def read_signed(result: Result | None) -> Signed:
    """Read what `signed_request` asked."""
    if not isinstance(result, Completion):
        return Signed(None, None, "failed")
    if result.finish == "refusal":
        return Signed(None, None, "refused")
    return parse_signed(result.text)
