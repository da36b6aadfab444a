"""Candidates and people whose trade-offs are known: what the task `portfolio` is proved on.

A planted target writes, in every style, texts of a known length, politeness and simplicity. A planted judge
weighs the traits by the taste of its persona, and chooses by the scores of the two answers it is shown.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Literal

import numpy as np

from populace.bench.planted import LETTERS, chance
from populace.bench.portfolios.candidates import STYLES, scaled
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted
from populace.traits import scorer

__all__ = ["TASTES", "expected_scores", "planted_chooser", "planted_styles"]

_TASTE = re.compile(r"a life of taste ([a-z])")
_PAIR = re.compile(r"Answer 1: (.*?)\n\nAnswer 2: (.*?)\n\nWhich", re.DOTALL)
TASTES = dict(
    zip(LETTERS, ((0.9, 0.05, 0.05), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9), (0.1, 0.45, 0.45)), strict=True)
)
"""Taste of a planted person -> the weights of brevity, readability and politeness."""
_WRITES = {
    "plain": (40, "considerable", ""),
    "brief": (4, "organization", ""),
    "detailed": (300, "considerable", ""),
    "courteous": (45, "considerable", "Thank you for asking, please know that I appreciate it very much. "),
    "simple": (200, "cat", ""),
}
"""Arm -> number of words, the word, and what stands before."""
_SPREAD = 0.4
_TRAITS = ("brevity", "readability", "politeness")
Cheat = Literal["", "longer", "first", "nobody"]


def written(arm: str, luck: float) -> str:
    """Write the answer of an arm, its length by luck."""
    count, word, before = _WRITES[arm]
    size = max(1, round(count * (1 + _SPREAD * (luck - 0.5))))
    # Six words a sentence: readability goes by sentences too.
    sentences = [" ".join([word] * min(6, size - start)) for start in range(0, size, 6)]
    return before + ". ".join(each.capitalize() for each in sentences) + "."


def expected_scores(traits: tuple[str, ...] = _TRAITS) -> np.ndarray:
    """Give the expected scores of the planted arms, (arms, traits), over lengths even in their range."""
    lucks = np.linspace(0.001, 0.999, 300)
    found = []
    for arm in _WRITES:
        texts = [written(arm, luck) for luck in lucks]
        found.append([np.mean(np.array(scaled(scorer(name), texts, texts), float)) for name in traits])
    return np.array(found)


@functools.cache
def _scores(text: str) -> np.ndarray:
    return np.array([scaled(scorer(name), [text], [text])[0] for name in _TRAITS], dtype=np.float64)


def planted_styles(*, seed: int = 0, deaf: bool = False) -> Scripted:
    """Make a target that writes as it is told; deaf, it writes in any style by lot."""
    told = {said: arm for arm, said in STYLES.items() if arm in _WRITES}

    def text(request: GenerateRequest) -> str:
        system = request.messages[0].content
        arm = next((arm for said, arm in told.items() if said in system), "plain")
        if deaf:
            arm = list(_WRITES)[int(chance("deaf", seed, request.key) * len(_WRITES))]
        return written(arm, chance("length", seed, request.key))

    return Scripted(text=text, model=f"planted-styles-{'deaf' if deaf else 'honest'}-{seed}@1/exact")


def planted_chooser(cheat: Cheat = "", *, seed: int = 0, sharpness: float = 12.0) -> Scripted:
    """Make a judge that chooses by the weights of its persona's taste, the surer the larger the lead.

    Parameters
    ----------
    cheat
        `longer` prefers the longer answer, `first` what is shown first, `nobody` looks at no persona.
    """

    def choice(request: ChooseRequest) -> tuple[float, float]:
        system, user = (message.content for message in request.messages[:2])
        shown = _PAIR.search(user)
        assert shown is not None, "a question of another form"
        pair = shown[1], shown[2]
        taste = _TASTE.search(system)
        letter = taste[1] if taste and cheat != "nobody" else ""
        # Nobody's taste is that of all.
        weights = np.array(TASTES[letter] if letter else (1 / 3, 1 / 3, 1 / 3))
        likely = 1 / (1 + math.exp(-sharpness * float(weights @ (_scores(pair[0]) - _scores(pair[1])))))
        ordered = tuple(sorted(pair))
        # One luck a question, whichever is shown first.
        luck = chance("chooser", seed, system if letter else "", ordered, user.splitlines()[0])
        first = (luck < likely) if pair == ordered else (1 - luck < likely)
        if cheat == "longer":
            first = len(pair[0]) > len(pair[1])
        return (0.95, 0.05) if first or cheat == "first" else (0.05, 0.95)

    return Scripted(choice=choice, model=f"planted-chooser-{cheat or 'honest'}-{seed}@1/exact")
