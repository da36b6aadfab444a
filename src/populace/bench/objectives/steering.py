"""How a target is told what to maximise: aims with weights, and the rule that puts them together."""

from __future__ import annotations

from collections.abc import Sequence

from populace.bench.elicit import TEMPLATES
from populace.bench.objectives.given import function_of
from populace.bench.objectives.judged import Judged
from populace.bench.objectives.rules import Rule
from populace.bench.options import listed
from populace.bench.task import Bench
from populace.errors import StudyError
from populace.models.records import GenerateRequest, Message
from populace.pluralism.trade_off import Chebyshev, Linear, SteeringFunction, grid

__all__ = ["FAMILIES", "functions_of", "steered"]

FAMILIES = {
    "linear": "What counts is the weighted sum.",
    "chebyshev": "What counts is the aim that falls short most, by its weight.",
    "geometric": "What counts is the weighted product: an aim at zero makes everything zero.",
}
"""Families of steering functions -> what the target is told of them."""
_DIVISIONS = 4


def functions_of(families: object, divisions: object, objectives: int) -> dict[str, SteeringFunction]:
    """Make the steering functions of a run, by name: a grid of weights for each family.

    Raises
    ------
    StudyError
        If a family is unknown or comes twice, or the divisions are no number of at least 2.

    Examples
    --------
    >>> list(functions_of(None, "2", 2))
    ['linear 0/100', 'linear 50/50', 'linear 100/0']
    """
    names = listed("linear" if families is None else families)
    for name in names:
        if name not in FAMILIES:
            raise StudyError(f"there is no family {name!r}", fix=f"use some of {', '.join(FAMILIES)}")
    if not names or len(set(names)) < len(names):
        raise StudyError(f"families are {', '.join(names) or 'none'}", fix="name each once")
    text = str(_DIVISIONS if divisions is None else divisions)
    if not text.isdecimal() or int(text) < 2:
        raise StudyError(f"divisions is {text!r}, which is no whole number from 2 up")
    found = [function_of(name, weights) for name in names for weights in grid(objectives, int(text))]
    return {function.name: function for function in found}


def steered(
    bench: Bench, prompt: str, objectives: Sequence[Rule | Judged], function: SteeringFunction
) -> GenerateRequest:
    """Ask the target a question, told of the aims and their weights."""
    aims = "\n".join(
        f"- {each.aim}: {100 * weight:.3g} %"
        for each, weight in zip(objectives, function.weights, strict=True)
    )
    values = {"aims": aims, "rule": FAMILIES[_family(function)]}
    return GenerateRequest(
        model=bench.target,
        messages=(Message("system", TEMPLATES.render("steer", values)), Message("user", prompt)),
        max_tokens=bench.answer_tokens,
        temperature=bench.temperature,
        seed=bench.seed,
    )


def _family(function: SteeringFunction) -> str:
    if isinstance(function, Linear):
        return "linear"
    return "chebyshev" if isinstance(function, Chebyshev) else "geometric"
