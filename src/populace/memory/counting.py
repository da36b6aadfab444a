r"""How people alike answered a question, as counts with noise: no answer of anybody can be told from them.

To each option's count noise :math:`P(k) \propto e^{-\varepsilon |k| / 2}` is added (the geometric mechanism:
Ghosh, Roughgarden, Sundararajan 2012, doi 10.1137/09076828X). Somebody with another answer changes two counts
by one each, so the counts are :math:`\varepsilon`-differentially private with respect to the answer to this
question, among the people who were asked. Who they are is not hidden by it: they are found by other data.

Each count spends :math:`\varepsilon` of every person in the neighbourhood, and the audit adds it up. Whoever
has no more to spend is passed over, whatever they answered; too small a neighbourhood counts nothing.
The noise is of the operating system's, and no seed repeats it: noise that can be repeated can be taken off.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import SystemRandom
from typing import TYPE_CHECKING

import msgspec

from populace.errors import DataError
from populace.memory.asking import ask_of
from populace.memory.auditing import note
from populace.memory.joining import Way, checked_way, keep_placed, nearest
from populace.memory.spaces import HASHED, Space

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["Counted", "count_answers", "spent"]

_ACTION = "count "


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of options, with noise; they may be below 0."""

    counts: dict[str, int]
    epsilon: float
    """What this count spent of each."""
    neighbours: int
    """People who were asked; 0: nothing was counted."""
    deviation: float
    """Standard deviation of the noise of a count."""


def count_answers(
    store: Store,
    person_id: str,
    question: str,
    options: Sequence[str],
    *,
    purpose: str,
    epsilon: float,
    actor: str = "",
    neighbours: int = 50,
    way: Way = "answers",
    most: float = 5.0,
    space: Space = HASHED,
    uniform: Callable[[], float] | None = None,
) -> Counted:
    """Count how people like a person answered a question.

    Parameters
    ----------
    store
        Where people are.
    person_id
        Like whom.
    question, options
        What was asked, word for word.
    purpose, actor
        What for, and who runs it.
    epsilon
        Of this count; smaller is more private.
    neighbours, way, space
        Who is asked; found without their answers to the question being told.
    most
        What all counts together may spend of a person.
    uniform
        Draws from 0 up to, not including, 1; for tests.

    Raises
    ------
    DataError
        If there is nobody of this name, epsilon is out of range, or there are fewer than two options.
    """
    if not (1e-4 <= epsilon <= 100 and float(f"{epsilon:g}") == epsilon):
        raise DataError(f"epsilon is {epsilon}", fix="give a number from 0.0001 to 100 of at most 6 figures")
    if len(set(options)) < 2 or len(set(options)) < len(options):
        raise DataError(f"{tuple(options)} are no options", fix="give at least two, all different")
    checked_way(way)
    keep_placed(store, purpose, space)
    draw = uniform or SystemRandom().random
    with store.write() as writing:
        numbers = writing.words.find([person_id, question, *options])
        rows = writing.fetch("SELECT person FROM memory_people WHERE name = ?", [numbers.get(person_id, -1)])
        if not rows:
            raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
        person, text = rows[0][0], numbers.get(question, -1)
        near = nearest(store, writing, person, way, 4 * neighbours, purpose, space, but_text=text) or []
        gone = spent(writing, [each.person for each in near])
        people = [each.person for each in near if gone.get(each.person, 0.0) + epsilon <= most + 1e-9]
        people = people[:neighbours]
        if len(people) < writing.least_people:
            return Counted(counts={}, epsilon=0.0, neighbours=0, deviation=_deviation(epsilon))
        answers = _answers(writing, people, text, purpose)
        action, counts = f"{_ACTION}{epsilon:g}", [(each, 1) for each in people]
        note(writing, action, purpose, counts, actor=actor, reader=person)
    told = Counter(answers.values())
    noisy = {option: told[numbers.get(option, -1)] + _noise(epsilon, draw) for option in options}
    return Counted(counts=noisy, epsilon=epsilon, neighbours=len(people), deviation=_deviation(epsilon))


def spent(writing: Writing, people: Sequence[int]) -> dict[int, float]:
    """Give what counts spent of people so far, by the lines of the audit."""
    if not people:
        return {}
    rows = ask_of(
        writing.connection,
        "SELECT subject, action FROM memory_audit WHERE subject IN ({}) AND substr(action, 1, 6) = ?",
        people,
        [_ACTION],
    )
    found: dict[int, float] = {}
    for person, action in rows:
        found[person] = found.get(person, 0.0) + float(action[len(_ACTION) :])
    return found


def _answers(writing: Writing, people: Sequence[int], text: int, purpose: str) -> dict[int, int]:
    """Give the latest answer that each shares to a question."""
    rows = ask_of(
        writing.connection,
        "SELECT person, response FROM memory_items WHERE person IN ({}) AND text = ? AND consent IN "
        "(SELECT p.consent FROM memory_purposes p JOIN memory_consents c "
        "ON c.consent = p.consent AND c.share WHERE p.purpose = ?) ORDER BY time IS NULL, time, item",
        people,
        [text, purpose],
    )
    return dict(rows)


def _noise(epsilon: float, draw: Callable[[], float]) -> int:
    """Draw the difference of two geometric numbers."""
    scale = -2.0 / epsilon
    return math.floor(scale * math.log(1.0 - draw())) - math.floor(scale * math.log(1.0 - draw()))


def _deviation(epsilon: float) -> float:
    r"""Give :math:`\sqrt{2 a} / (1 - a)` with :math:`a = e^{-\varepsilon / 2}`."""
    a = math.exp(-epsilon / 2)
    return math.sqrt(2 * a) / (1 - a)
