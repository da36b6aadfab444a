"""Four ways to get a distribution out of a model, and how each answer is read.

- `logprobs`: the options are shown with numbers, and the likelihood of each number is read. A number has
  several spellings (" 1", " one"), which exclude each other, so their probabilities add up: logsumexp of
  log-likelihoods. A sum of logits instead would sharpen the distribution, up to as many times as there are
  spellings.
- `verbalised`: the model says how many of 100 people choose each option.
- `sequences`: it writes down the answers of many simulated people in one text.
- `repeated`: it is asked as one person, again and again, at a temperature above 0. An answer that goes on to
  name another option ("1 or 2", a list of the options) is none.

Each question is asked with its options in order and turned round. What cannot be read is `malformed` and
stays so: nothing is guessed from half an answer. Of simulated answers those that are no option's number are
mass that is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from populace.bench.distributions.questions import Cell
from populace.bench.elicit import TEMPLATES
from populace.bench.task import Bench
from populace.models.choice import LEAST_MASS, options_mass
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    GenerateRequest,
    Message,
    Request,
    Result,
)

__all__ = ["WAYS", "Settings", "View", "chosen", "read", "requests_of", "spellings"]

WAYS = ("logprobs", "verbalised", "sequences", "repeated")
_OPENING = "I choose number"
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LINE = re.compile(
    r"^\W*(?:option\s*)?(\d+)\W{1,4}(\d+(?:\.\d+)?)\s*(%|people|of 100)?\s*\.?$", re.IGNORECASE
)
_RUN = re.compile(r"(?<![\w.])\d+(?:[ \t]*[,;\s][ \t]*\d+)+(?![\w]|\.\d)")
_PERSON = re.compile(r"^\W*(?:person\s*)?(\d+)\s*[.:)\-]+\s*(?:option\s*)?(\d+)\W*$", re.IGNORECASE)
_FIRST = re.compile(
    r"^\W*(?:(?:i|my|would|choose|choice|pick|option|number|answer|is|the)\W+)*(\d+)(?!\d|\.\d)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w]|\.\d)")
_ADDS_UP = (90.0, 110.0)
"""Sums of a stated distribution that are 100 but for arithmetic."""


class Settings(NamedTuple):
    """How much is asked."""

    ways: tuple[str, ...] = WAYS
    simulated: int = 30
    """People of a sequence."""
    repeats: int = 30
    """Answers of one person each, over both orders."""
    heat: float = 1.0
    """Temperature of sequences and repeated answers."""


class View(NamedTuple):
    """What a model said in one way and one order of the options."""

    p: tuple[float, ...] | None
    """Probability of each option in the order of the source; adds up to less than 1 where some is missing."""
    outcome: str
    """`answered`, `malformed`, `refused` or `failed`."""
    said: str
    """What it wrote; empty for likelihoods."""
    draws: int
    """Simulated people, or repeats, that were asked for; 0 elsewhere."""
    mass: float
    """Probability of the options together, before it was divided away; 1 elsewhere."""


def spellings(option: int) -> tuple[str, ...]:
    """Give the ways to write the number of an option, from 0, of which none begins with another.

    Examples
    --------
    >>> spellings(0)
    (' 1', ' one')
    """
    return f" {option + 1}", f" {_WORDS[option]}"


def requests_of(bench: Bench, cell: Cell, way: str, order: int, settings: Settings) -> list[Request]:
    """Ask one question in one way and one order: 0 as in the source, 1 turned round."""
    options = cell.options[:: -1 if order else 1]
    listed = "\n".join(f"{place}: {option}" for place, option in enumerate(options, 1))
    whom = cell.group or "a cross-section of the public"
    values = {"whom": whom, "question": cell.text, "options": listed, "count": str(settings.simulated)}
    if way in ("verbalised", "sequences"):
        text = TEMPLATES.render("verbalise" if way == "verbalised" else "simulate", values)
        room = 12 * len(options) if way == "verbalised" else 4 * settings.simulated
        heat = bench.temperature if way == "verbalised" else settings.heat
        return [_written(bench, (Message("user", text),), room + 16, heat, 0)]
    role = Message("system", TEMPLATES.render("polled", values))
    asked = Message("user", TEMPLATES.render("survey", values))
    if way == "repeated":
        # Both orders share the repeats, so that an odd one goes to the first.
        many = (settings.repeats + 1 - order) // 2
        return [_written(bench, (role, asked), 8, settings.heat, sample) for sample in range(many)]
    every = tuple(text for place in range(len(options)) for text in spellings(place))
    return [
        ChooseRequest(
            model=bench.target, messages=(role, asked), options=every, opening=_OPENING, seed=bench.seed
        )
    ]


def read(cell: Cell, way: str, order: int, results: Sequence[Result | None], settings: Settings) -> View:
    """Read what `requests_of` asked, in the order of the source."""
    if way == "logprobs":
        found = _likelihoods(results[0], len(cell.options))
    elif way == "repeated":
        found = _repeated(results, cell.options[:: -1 if order else 1])
    else:
        result = results[0]
        if not isinstance(result, Completion) or result.finish == "refusal":
            return View(None, "refused" if isinstance(result, Completion) else "failed", "", 0, 1.0)
        reader = stated if way == "verbalised" else simulated
        p = reader(result.text, len(cell.options), settings.simulated)
        draws = settings.simulated if way == "sequences" else 0
        found = View(p, "malformed" if p is None else "answered", result.text.strip()[:2000], draws, 1.0)
    return found if found.p is None or not order else found._replace(p=found.p[::-1])


def stated(text: str, options: int, people: int = 0) -> tuple[float, ...] | None:
    r"""Read how many of 100 choose each option; None unless each has one number and they add up to about 100.

    Examples
    --------
    >>> stated("1: 60\n2: 40", 2), stated("1: 60%", 2), stated("1: 60\n2: 60", 2)
    ((0.6, 0.4), None, None)
    """
    found: dict[int, float] = {}
    for line in text.splitlines():
        if match := _LINE.match(line.strip().strip("*-").strip()):
            place = int(match[1])
            if place in found or not 1 <= place <= options:
                return None
            found[place] = float(match[2])
    total = sum(found.values())
    if len(found) < options or not _ADDS_UP[0] <= total <= _ADDS_UP[1]:
        return None
    return tuple(found[place] / total for place in range(1, options + 1))


def simulated(text: str, options: int, people: int) -> tuple[float, ...] | None:
    r"""Count simulated answers; what is no option is missing mass. None with fewer than half of the people.

    Read are the longest run of numbers, or a list of people, each with a number: the number of a person is no
    answer. More numbers than people are cut: a text that goes on for ever is no larger sample.

    Examples
    --------
    >>> simulated("1, 2, 2, 7", 2, 4), simulated("1. 2\n2. 2\n3. 1\n4. 1", 2, 4)
    ((0.25, 0.5), (0.5, 0.5))
    >>> simulated("People differ.", 2, 4) is None
    True
    """
    listed = [match for line in text.splitlines() if (match := _PERSON.match(line.strip()))]
    in_turn = [int(match[1]) for match in listed] == list(range(1, len(listed) + 1))
    runs = [[int(each) for each in re.findall(r"\d+", run)] for run in _RUN.findall(text)]
    numbers = max(runs, key=len, default=[])
    if len(listed) > 1 and in_turn:
        numbers = [int(match[2]) for match in listed]
    numbers = numbers[:people]
    valid = [each for each in numbers if 1 <= each <= options]
    if len(valid) * 2 < people:
        return None
    return tuple(valid.count(place) / len(numbers) for place in range(1, options + 1))


def _written(
    bench: Bench, messages: tuple[Message, ...], tokens: int, heat: float, sample: int
) -> GenerateRequest:
    return GenerateRequest(
        model=bench.target,
        messages=messages,
        max_tokens=tokens,
        temperature=heat,
        sample=sample,
        seed=bench.seed,
    )


def _likelihoods(result: Result | None, options: int) -> View:
    """Add up the spellings of each option, and divide by what all have together."""
    if not isinstance(result, Choice):
        return View(None, "failed", "", 0, math.nan)
    mass = options_mass(result)
    logs = np.array([-np.inf if each is None else each for each in result.log_likelihoods])
    each = np.logaddexp.reduce(logs.reshape(options, -1), axis=1)
    if mass < LEAST_MASS or not np.isfinite(each).any():
        return View(None, "refused", "", 0, mass)
    shares = np.exp(each - each.max())
    return View(tuple((shares / shares.sum()).tolist()), "answered", "", 0, mass)


def chosen(text: str, options: Sequence[str]) -> int | None:
    """Read the number of the one option that an answer names, from 1; None where it names none, or two.

    Parameters
    ----------
    options
        As they were shown: their own words, numbers among them, are no other option.

    Examples
    --------
    >>> kinds = ("under 2", "2 or more")
    >>> chosen("I choose 2.", kinds), chosen("2: 2 or more", kinds), chosen("1 or 2", kinds)
    (2, 2, None)
    """
    match = _FIRST.match(text.strip())
    if not match or not 1 <= int(match[1]) <= len(options):
        return None
    place, rest = int(match[1]), text.strip()[match.end() :]
    words = options[place - 1].strip()
    bare = rest.lstrip(" \t\n.:;,)*-\"'(")
    # A text that was cut may end within the option's words.
    if bare[: len(words)].lower() == words[: len(bare)].lower():
        rest = bare[len(words) :]
    others = {int(each) for each in _NUMBER.findall(rest)} - {place}
    return None if others & set(range(1, len(options) + 1)) else place


def _repeated(results: Sequence[Result | None], options: Sequence[str]) -> View:
    """Count the answers that are one option's number; the others are missing mass. Options as shown."""
    texts = [
        each.text if isinstance(each, Completion) and each.finish != "refusal" else "" for each in results
    ]
    places = [place for text in texts if (place := chosen(text, options)) is not None]
    said = " | ".join(text.strip()[:40] for text in texts)[:2000]
    if not results or all(not isinstance(each, Completion) for each in results):
        return View(None, "failed", said, len(results), 1.0)
    if not places:
        return View(None, "malformed", said, len(results), 1.0)
    shares = tuple(places.count(place) / len(results) for place in range(1, len(options) + 1))
    return View(shares, "answered", said, len(results), 1.0)
