"""Ask predicates about a text: those needed, side by side, each within its time; what failed is said.

A predicate that fails or is too late gives no verdict. It never gives a zero: who asked treats a verdict
that is lacking as one that could be anything. Where several judge one hazard, the highest score stands.

What a predicate says in words, of a failure or as evidence, goes on to decisions and pages. It is looked at
first: words that stand in the text too are left out, whoever wrote the predicate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from populace.bounds.predicates.verdict import Predicate, Verdict
from populace.errors import PopulaceError

__all__ = ["Asked", "ask", "needed_of", "repeats"]

_LONGEST = 300
_RUN = 12


class Asked(NamedTuple):
    """What came of it."""

    verdicts: dict[str, Verdict]
    """By hazard: of those whose every predicate answered."""
    lacking: dict[str, str]
    """By hazard: why there is no verdict. Never words of the text."""


async def ask(
    predicates: Sequence[Predicate],
    text: str,
    needed: Iterable[str],
    context: Mapping[str, Any] | None = None,
    *,
    seconds: float = 5.0,
) -> Asked:
    """Ask for verdicts on a text.

    Parameters
    ----------
    predicates
        Those there are.
    needed
        Hazards that a verdict is needed of.
    context
        What the predicates may look at besides, such as `prompt`.
    seconds
        For each predicate; they run side by side.

    Examples
    --------
    >>> from populace.bounds.predicates.rules import word_rules
    >>> found = asyncio.run(ask([word_rules()["off"]], "You idiot.", ["off", "cse"]))
    >>> found.verdicts["off"].score, found.lacking
    (60, {'cse': 'no predicate judges it'})
    """
    told = context or {}
    wanted = list(dict.fromkeys(needed))
    chosen = [each for each in predicates if each.name in wanted]
    answers = await asyncio.gather(*(_one(each, text, told, seconds) for each in chosen))
    verdicts: dict[str, Verdict] = {}
    lacking = dict.fromkeys(wanted, "no predicate judges it")
    for predicate, answer in zip(chosen, answers, strict=True):
        name = predicate.name
        if isinstance(answer, str):
            lacking[name] = answer
            verdicts.pop(name, None)
        elif lacking.get(name) in (None, "no predicate judges it"):
            lacking.pop(name, None)
            if name not in verdicts or verdicts[name].score < answer.score:
                verdicts[name] = answer
    return Asked(verdicts, lacking)


def needed_of(predicates: Iterable[Predicate]) -> tuple[str, ...]:
    """Give the hazards that predicates judge, each once."""
    return tuple(dict.fromkeys(each.name for each in predicates))


async def _one(  # noqa: PLR0911 (a case each)
    predicate: Predicate, text: str, context: Mapping[str, Any], seconds: float
) -> Verdict | str:
    """Give a verdict, or why there is none."""
    late = f"no answer within {seconds:g} seconds"
    begun = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            found = await predicate.judge(text, context)
    except TimeoutError:
        return late
    except asyncio.CancelledError:
        # A predicate's own client may be cancelled; whoever cancels the question itself is obeyed.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return "it failed (CancelledError)"
    except PopulaceError as error:
        told = str(error)
        return f"it failed ({type(error).__name__})" if repeats(told, text) else told[:_LONGEST]
    except Exception as error:
        # Whatever it raises, it gave no verdict. Its words are left out: they may quote the text.
        return f"it failed ({type(error).__name__})"
    if time.monotonic() - begun > seconds:
        # It never gave the loop back, so that no clock could stop it: what comes too late is no verdict.
        return late
    if not isinstance(found, Verdict) or found.name != predicate.name:
        return "what it gave is no verdict of its hazard"
    if len(found.evidence) > _LONGEST or repeats(found.evidence, text):
        return msgspec.structs.replace(found, evidence="left out: it repeats words of the text, or is long")
    return found


def repeats(told: str, text: str) -> bool:
    """Say whether words repeat a text: all of it, or a run of it.

    Examples
    --------
    >>> repeats("cannot parse 'kill the lights'", "How do I kill the lights at home?")
    True
    >>> repeats("the model is not there", "How do I kill the lights at home?")
    False
    """
    # A run of 16 characters holds one of 12 that begins at a multiple of 4.
    told, text = (" ".join(each.lower().split()) for each in (told[: 2 * _LONGEST], text))
    return (3 < len(text) <= _RUN and text in told) or any(
        told[start : start + _RUN] in text for start in range(0, len(told) - _RUN + 1, 4)
    )
