"""Planted people for tasks about what is said: whose answer it is, how answers spread, what a summary keeps.

As in `populace.bench.planted`, all chances are hashes of the request and a seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from populace.bench.planted import LETTERS, chance
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted

__all__ = ["planted_crowd", "planted_deaf", "planted_guesser", "planted_speaker", "planted_summariser"]

Cheat = Literal["longer", "first", "nobody"]
_TASTE = re.compile(r"a life of taste ([a-z])")
_WHOSE = re.compile(
    r"Person 1:\n(.*?)\n\nPerson 2:\n(.*?)\n\nQuestion: .*?\n\nAnswer: (.*)\n\nWhich", re.DOTALL
)
_PAIR = re.compile(r"Answer 1: (.*?)\n\nAnswer 2: (.*?)\n\nWhich", re.DOTALL)
_SAYS = re.compile(r"\[([a-z])\]")
_AGE = re.compile(r"(\d+)-year-old")
_SEX = re.compile(r"-year-old (man|woman)")
_VIEW = re.compile(r"olitically, (?:you are|he is|she is|they are) (\w+)")


def planted_guesser(error: float = 0.0, *, seed: int = 0, cheat: Cheat | None = None) -> Scripted:
    """Make a judge that reads tastes: an answer is the person's whose letter it says, else by a coin.

    Parameters
    ----------
    error
        Chance that it says the opposite, both orders alike.
    cheat
        `longer` takes the longer of what is shown, answers or descriptions; `first` what is shown first;
        `nobody` tosses a coin for the answers, whoever it plays, and gives an answer to either person.
    """

    def choice(request: ChooseRequest) -> tuple[float, float]:
        system, user = (message.content for message in request.messages[:2])
        whose = _WHOSE.search(user)
        if whose:
            sides, said = (whose[1], whose[2]), _letter(whose[3])
            fits = [_taste(side) == said for side in sides]
            about = whose[3]
        else:
            pair = _PAIR.search(user)
            assert pair is not None, "a question of another form"
            sides, about = (pair[1], pair[2]), system
            fits = [_letter(side) == _taste(system) for side in sides]
        if cheat == "nobody":
            fits, about = [False, False], "" if whose is None else about
        elif cheat == "longer":
            sizes = [len(side.split()) for side in sides]
            fits = [size > min(sizes) for size in sizes]
        # A coin for what is asked, the same in both orders: of the two as sorted.
        coin, luck = (chance(part, seed, about, sorted(sides)) for part in ("coin", "error"))
        if cheat == "first":
            return 0.95, 0.05
        wanted = fits.index(True) if fits[0] != fits[1] else int((coin < 0.5) == (sides[0] <= sides[1]))
        return (0.95, 0.05) if (wanted == 0) == (luck >= error) else (0.05, 0.95)

    return Scripted(choice=choice, model=f"planted-guesser-{error}-{seed}@1/exact")


def planted_speaker(
    skill: float, *, seed: int = 0, parrots: bool = False, words: Callable[[float], int] | None = None
) -> Scripted:
    """Make a target that says ten words and its person's letter, with chance `skill`, else another.

    Parameters
    ----------
    parrots
        Whether it repeats the description instead of words of its own.
    words
        Length of an answer, from a number in [0, 1); ten words by default.
    """

    def text(request: GenerateRequest) -> str:
        told = request.messages[0].content
        taste, luck, other = _taste(told), *(chance("speaker", seed, request.key, part) for part in range(2))
        letters = LETTERS.replace(taste or "", "")
        letter = taste if taste and luck < skill else letters[int(other * len(letters))]
        size = words(chance("words", seed, request.key)) if words else 10
        said = [f"w{int(1000 * chance('word', seed, request.key, place))}" for place in range(size)]
        return f"{told.split(chr(10) * 2)[-2:][0] if parrots else ' '.join(said)} [{letter}]"

    return Scripted(text=text, model=f"planted-speaker-{skill}-{parrots}-{seed}@1/exact")


def planted_deaf(seed: int = 0) -> Scripted:
    """Make a target that answers a question alike whoever asks."""
    return Scripted(
        text=lambda request: f"[a] {request.messages[-1].content} It depends on the matter.",
        model=f"planted-deaf-{seed}@1/exact",
    )


def planted_crowd(told: float = 1.0, *, seed: int = 0, own: int = 10) -> Scripted:
    """Make a target some of whose answers begin with ten words of the person's ideology.

    Parameters
    ----------
    told
        Chance, for each answer, that it does; else its first ten words are any of a thousand.
    own
        Words, of a thousand, that every answer has besides.
    """

    def text(request: GenerateRequest) -> str:
        view = _VIEW.search(request.messages[0].content)
        shared = view[1] if view and chance("told", seed, request.key) < told else None
        said = [
            f"{shared}{place}" if shared and place < 10 else f"w{int(word * 1000)}"
            for place in range(10 + own)
            for word in [chance("word", seed, request.key, place)]
        ]
        return " ".join(said)

    return Scripted(text=text, model=f"planted-crowd-{told}-{own}-{seed}@1/exact")


def planted_summariser(keep: Mapping[str, float], *, seed: int = 0) -> Scripted:
    """Make a target that keeps age, sex and ideology in a summary, each with a chance."""

    def text(request: GenerateRequest) -> str:
        told = request.messages[-1].content
        parts = ["What matters here is little"]
        said = {
            "age": (_AGE.search(told), "the age of {}"),
            "sex": (_SEX.search(told), "being a {}"),
            "ideology": (_VIEW.search(told), "{} views"),
        }
        for name, (found, words) in said.items():
            if found and chance("keep", seed, request.key, name) < keep.get(name, 0.0):
                parts.append(words.format(found[1]))
        return ", ".join(parts) + "."

    return Scripted(text=text, model=f"planted-summariser-{sorted(keep.items())}-{seed}@1/exact")


def _taste(text: str) -> str | None:
    found = _TASTE.search(text)
    return found[1] if found else None


def _letter(text: str) -> str | None:
    return (_SAYS.findall(text) or [None])[-1]
