"""Planted people: scripted targets and judges whose true scores are known.

Every persona has a taste, a letter that its description tells (in `lifestyle`), and an answer serves a
persona if it says that letter. A target that reads the taste serves it with a given chance, and says a random
letter otherwise. A judge reads the taste too, and errs with a given chance. Cheats are judges and targets of
the same kind. All chances are hashes of the request and a seed: a run repeats byte for byte, and two seeds
are independent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import polars as pl

from populace.bench.task import Bench, Role
from populace.canonical import content_hash
from populace.models import Provider
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted
from populace.personas.frames import complete, named
from populace.streams import stream

__all__ = [
    "LETTERS",
    "chance",
    "planted_bench",
    "planted_judge",
    "planted_people",
    "planted_prompts",
    "planted_target",
]

LETTERS = "abcd"
"""Tastes there are: a target that does not know the person serves one in four."""
_LONG = 20
"""Words above which a judge who likes them finds an answer suitable."""
Cheat = Literal["longer", "long", "first", "nobody", "pleased"]
_SAYS = re.compile(r"\[([a-z])\]")
_TASTE = re.compile(r"a life of taste ([a-z])")
_PAIR = re.compile(r"Answer 1: (.*?)\n\nAnswer 2: (.*?)\n\nWhich", re.DOTALL)
_SINGLE = re.compile(r"You were answered: (.*?)\n\n1: (.*?)\n2: ", re.DOTALL)


def chance(*parts: object) -> float:
    """Give a number in [0, 1) that is a hash of what it is for.

    Examples
    --------
    >>> chance("a", 1) == chance("a", 1), chance("a", 1) == chance("a", 2)
    (True, False)
    """
    return int(content_hash([str(part) for part in parts], size=6), 16) / 2**48


def planted_people(count: int, seed: int = 0) -> pl.DataFrame:
    """Make people of every taste, with ages, sexes and ideologies that tell nothing about it."""
    rng = stream(seed, "bench.planted")
    letters = rng.integers(0, len(LETTERS), count)
    people = pl.DataFrame(
        {
            "person_id": [f"planted-{seed}-{n}" for n in range(count)],
            "age": rng.integers(18, 90, count),
            "sex": pl.Series(["Female", "Male"])[rng.integers(0, 2, count).tolist()],
            "ideology": pl.Series(["Liberal", "Moderate", "Conservative"])[
                rng.integers(0, 3, count).tolist()
            ],
            "lifestyle": [
                f"a life of taste {LETTERS[letter]}, number {n}" for n, letter in enumerate(letters)
            ],
        }
    )
    return named(complete(people))


def planted_prompts(count: int) -> pl.DataFrame:
    """Make questions that mean nothing."""
    numbers = range(count)
    return pl.DataFrame(
        {
            "prompt_id": [f"q{n:04}" for n in numbers],
            "text": [f"What do you think of matter {n}?" for n in numbers],
            "topic": [f"topic {n % 5}" for n in numbers],
        }
    )


def planted_bench(
    target: Scripted, judge: Scripted, *, people: int = 60, prompts: int = 40, items: int = 240, seed: int = 0
) -> tuple[Bench, dict[Role, Provider]]:
    """Put a bench of planted people together, and the models to play it with."""
    bench = Bench(
        personas=planted_people(people, seed),
        prompts=planted_prompts(prompts),
        target=target.model,
        judge=judge.model,
        items=items,
        seed=seed,
    )
    return bench, {"target": target, "judge": judge}


def planted_target(
    skill: float = 0.8, *, seed: int = 0, parrots: bool = False, words: Callable[[float], int] | None = None
) -> Scripted:
    """Make a target: of a taste that it reads it says the letter with chance `skill`, else a random other.

    Parameters
    ----------
    skill
        Chance to serve a persona whose taste the target was told.
    seed
        Of the chances.
    parrots
        Whether it repeats the description that it was given.
    words
        Length of an answer, from a number in [0, 1); ten words by default.
    """

    def text(request: GenerateRequest) -> str:
        told = "\n".join(message.content for message in request.messages)
        taste = _TASTE.search(told)
        luck, other = (chance("target", seed, request.key, part) for part in range(2))
        if taste and luck < skill:
            letter = taste[1]
        else:
            letters = LETTERS.replace(taste[1], "") if taste else LETTERS
            letter = letters[int(other * len(letters))]
        size = words(chance("words", seed, request.key)) if words else 10
        said = f"[{letter}] " + " ".join(f"word{n}" for n in range(size))
        if "what about this person matters" in told and taste:
            return f"What matters here is a life of taste {taste[1]}."
        said = f"{request.messages[0].content} {said}" if parrots else said
        return f"It is a matter of taste.\nAnswer: {said}" if "'Answer:'" in told else said

    return Scripted(text=text, model=f"planted-target-{skill}-{seed}@1/exact")


def planted_judge(
    error: float = 0.0,
    *,
    seed: int = 0,
    cheat: Cheat | None = None,
    first: float = 0.0,
    fickle: float = 0.0,
) -> Scripted:
    """Make a judge: it wants the letter of its persona's taste.

    Parameters
    ----------
    error
        Chance that it says the opposite of what it wants, a question at a time (both orders alike).
    seed
        Of the chances.
    cheat
        `longer` prefers the longer answer, `first` what is shown first, `nobody` looks at no persona; `long`
        prefers the longer too, and finds an answer suitable if it has more than twenty words; `pleased`
        finds every answer suitable.
    first
        Log-odds added for the option shown first.
    fickle
        Chance that it says the opposite, an order at a time: what asking it twice shows.
    """

    def choice(request: ChooseRequest) -> tuple[float, float]:
        system, user = (message.content for message in request.messages[:2])
        taste = None if cheat == "nobody" else _TASTE.search(system)
        pair, single = _PAIR.search(user), _SINGLE.search(user)
        if pair:
            answers = pair[1], pair[2]
            wanted = _wanted(answers, taste[1] if taste else None, seed)
        else:
            assert single is not None, "a question of another form"
            answers = single[1], ""
            serves = bool(taste and taste[1] == _said(single[1]))
            if taste is None:
                serves = chance("nobody", seed, single[1]) < 1 / len(LETTERS)
            if cheat == "long":
                serves = len(single[1].split()) > _LONG
            elif cheat == "pleased":
                serves = True
            # The first option shown is the one that it suits, or the other way round.
            wanted = 0 if serves == single[2].startswith("This answer suits") else 1
        if cheat in ("longer", "long") and pair:
            wanted = 0 if len(answers[0]) > len(answers[1]) else 1
        if cheat == "first":
            wanted = 0
        elif chance("judge", seed, system, sorted(answers), user.splitlines()[0], request.sample) < error:
            wanted = 1 - wanted
        if chance("fickle", seed, request.key) < fickle:
            wanted = 1 - wanted
        return _probabilities(wanted, first)

    return Scripted(choice=choice, model=f"planted-judge-{error}-{seed}@1/exact")


def _wanted(answers: tuple[str, str], taste: str | None, seed: int) -> int:
    """Say which of two answers a taste wants; a coin for the pair where it wants both or neither."""
    serves = [taste is not None and _said(text) == taste for text in answers]
    if serves[0] != serves[1]:
        return serves.index(True)
    coin = chance("coin", seed, taste, sorted(answers)) < 0.5
    return int(coin == (answers[0] <= answers[1]))


def _said(text: str) -> str:
    """Read the letter that an answer says last."""
    return (_SAYS.findall(text) or [""])[-1]


def _probabilities(wanted: int, first: float) -> tuple[float, float]:
    """Turn a wish into probabilities: log-odds of three, and the bias towards the first."""
    odds = 2.718281828 ** ((3.0 if wanted == 0 else -3.0) + first)
    return odds / (1 + odds), 1 / (1 + odds)
