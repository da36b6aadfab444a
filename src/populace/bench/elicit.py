"""How a verdict is asked for and read: the one way of all tasks.

A question to the judge has two options and is asked twice, so that no constant preference of the judge can
decide it:

- by `choice`, both options are shown with numbers, in both orders; the log-odds are averaged;
- by `likelihood`, neither is shown: the option itself is scored as the next turn, with the persona and
  without, and the difference of log-likelihoods, the pointwise mutual information of option and persona,
  decides (Holtzman et al., 2021, arXiv 2104.08315, eq. 3). It needs a provider that scores given text, and
  is what a small model can do. Nobody cannot be asked so, there being nothing to contrast nobody with.

A judge that would write neither number has not answered: where both numbers together have less than a tenth
of the probability, in either order, the verdict is a refusal, whatever the ratio of what is left.

Who judges plays the person and is told *you are*; who answers the person reads about them in the third
person (`populace.bench.task.Described`).

Ties, refusals and failed calls are verdicts of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from populace.bench.task import Bench, Described
from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    GenerateRequest,
    Message,
    Request,
    Result,
)
from populace.templating import Templates

__all__ = [
    "SATISFIED",
    "TEMPLATES",
    "UNASKED",
    "Question",
    "Verdict",
    "answer",
    "contrasted",
    "needs_revision",
    "prefer",
    "questions",
    "role",
    "shown",
    "text_of",
    "verdict_of",
    "verdicts",
    "wished",
]

TEMPLATES = Templates("populace.bench")
SATISFIED = ("This answer suits me as it is.", "This answer should be revised to suit me.")
"""The two options about a single answer."""
_OPENING = "I choose number"
_OPTIONS = (" 1", " 2")

Outcome = Literal["first", "second", "tie", "refused", "failed", "unasked"]


class Question(NamedTuple):
    """Two requests that decide between two options."""

    one: ChooseRequest
    other: ChooseRequest


class Verdict(NamedTuple):
    """What became of a question."""

    p: float | None
    """Probability of the first option; None where nothing was decided."""
    outcome: Outcome
    orders: tuple[float | None, float | None]
    """Probability of the first option when shown first, and when shown second; alike by likelihood."""


UNASKED = Verdict(None, "unasked", (None, None))
"""Of a question that could not be asked: the answer it is about failed."""


def answer(
    bench: Bench,
    prompt: str,
    *,
    profile: str | None = None,
    style: str = "Answer the question directly, in a few plain sentences.",
    sample: int = 0,
    temperature: float | None = None,
) -> GenerateRequest:
    """Ask the target a question, with or without a description of who asks, in the third person."""
    values = {"style": style}
    system = (
        TEMPLATES.render("answer", values)
        if profile is None
        else TEMPLATES.render("assist", values | {"profile": profile})
    )
    return GenerateRequest(
        model=bench.target,
        messages=(Message("system", system), Message("user", prompt)),
        max_tokens=bench.answer_tokens,
        temperature=bench.temperature if temperature is None else temperature,
        sample=sample,
        seed=bench.seed,
    )


def text_of(result: Result | None) -> str | None:
    """Give what was written; None where the call failed, was refused, or nothing was written."""
    if not isinstance(result, Completion) or result.finish == "refusal":
        return None
    return result.text.strip() or None


def prefer(
    bench: Bench,
    profile: str | None,
    prompt: str,
    first: str | None,
    second: str | None,
    *,
    own: bool = False,
    sample: int = 0,
) -> Question | None:
    """Ask a persona (nobody where the profile is None) which of two answers it prefers.

    None without both answers, and for nobody by likelihood. By likelihood the persona writes the answer that
    it would like to get; or, where answers are people's `own`, answers the question itself.
    """
    if first is None or second is None:
        return None
    if bench.way == "likelihood":
        if profile is None:
            return None
        asked = prompt if own else wished(prompt)
        return contrasted(bench, (role(profile), role(None)), asked, (first, second), sample=sample)
    return shown(bench, role(profile), "prefer", {"prompt": prompt}, (first, second), sample=sample)


def wished(prompt: str) -> str:
    """Ask whoever asked a question for the answer that they would like to get."""
    return TEMPLATES.render("wished", {"prompt": prompt})


def needs_revision(
    bench: Bench, profile: str | None, prompt: str, answer: str | None, *, sample: int = 0
) -> Question | None:
    """Ask a persona (nobody where the profile is None) whether an answer suits it, the first option, or not.

    None without an answer, and for nobody by likelihood.
    """
    if answer is None:
        return None
    values = {"prompt": prompt, "answer": answer}
    if bench.way == "likelihood":
        if profile is None:
            return None
        asked = TEMPLATES.render("answered", values)
        return contrasted(bench, (role(profile), role(None)), asked, SATISFIED, sample=sample)
    return shown(bench, role(profile), "needs_revision", values, SATISFIED, sample=sample)


def questions(asked: Iterable[Question | None]) -> list[Request | None]:
    """List the requests of questions, two by two, as a stage wants them."""
    return [request for question in asked for request in (question or (None, None))]


def verdicts(
    bench: Bench, asked: Iterable[Question | None], results: Sequence[Result | None]
) -> list[Verdict]:
    """Read the results of `questions`; what could not be asked is `unasked`."""
    return [
        UNASKED if question is None else verdict_of(bench, one, other)
        for question, one, other in zip(asked, results[::2], results[1::2], strict=True)
    ]


def verdict_of(bench: Bench, one: Result | None, other: Result | None) -> Verdict:
    """Read the two results of a question.

    Examples
    --------
    >>> import polars as pl
    >>> bench = Bench(personas=pl.DataFrame(), prompts=pl.DataFrame(), target="t", judge="j")
    >>> likely = Choice(key="a", log_likelihoods=(-0.1, -3.0), tokens=(1, 1))
    >>> verdict_of(bench, likely, likely).outcome  # it says number 1 in both orders
    'tie'
    >>> other = Choice(key="b", log_likelihoods=(-12.0, -9.0), tokens=(1, 1))  # it would say something else
    >>> verdict_of(bench, likely, other).outcome
    'refused'
    """
    odds: list[float] = []
    for result in (one, other):
        if not isinstance(result, Choice):
            return Verdict(None, "failed", (None, None))
        told = floored(result)
        if told is None or (bench.way == "choice" and options_mass(result) < LEAST_MASS):
            return Verdict(None, "refused", (None, None))
        odds.append(told[0] - told[1])
    if bench.way == "likelihood":
        told = odds[0] - odds[1]
        orders = (_sigmoid(told), _sigmoid(told))
        p = orders[0]
    else:
        orders = (_sigmoid(odds[0]), _sigmoid(-odds[1]))
        p = _sigmoid((odds[0] - odds[1]) / 2)
    if abs(p - 0.5) <= bench.tie_margin:
        return Verdict(p, "tie", orders)
    return Verdict(p, "first" if p > 0.5 else "second", orders)


def shown(
    bench: Bench,
    system: Message,
    template: str,
    values: Mapping[str, str],
    options: tuple[str, str],
    *,
    sample: int = 0,
) -> Question:
    """Show two options with numbers, in both orders, and ask for a number.

    Parameters
    ----------
    system
        Who the judge is.
    template
        Of the question, a name of `TEMPLATES`: it is given `values`, and the options as `first` and `second`.
    """
    one, other = (
        ChooseRequest(
            model=bench.judge,
            messages=(
                system,
                Message("user", TEMPLATES.render(template, {**values, "first": a, "second": b})),
            ),
            options=_OPTIONS,
            opening=_OPENING,
            sample=sample,
            seed=bench.seed,
        )
        for a, b in (options, options[::-1])
    )
    return Question(one, other)


def contrasted(
    bench: Bench, systems: tuple[Message, Message], asked: str, options: tuple[str, str], *, sample: int = 0
) -> Question:
    """Score two options as the next turn, as each of two who might speak."""
    one, other = (
        ChooseRequest(
            model=bench.judge,
            messages=(system, Message("user", asked)),
            options=options,
            sample=sample,
            seed=bench.seed,
        )
        for system in systems
    )
    return Question(one, other)


def role(profile: str | None) -> Message:
    """Say who the judge is: a persona, in the second person where there is one, or nobody."""
    if profile is None:
        return Message("system", TEMPLATES.render("nobody"))
    played = profile.role if isinstance(profile, Described) else profile
    return Message("system", TEMPLATES.render("role", {"profile": played}))


def _sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))
