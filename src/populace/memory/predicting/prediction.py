"""What a prediction is: probabilities, how they were made, what they rest on, and what the way is worth."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from populace.memory.hits import Hit
from populace.stats import Estimate

__all__ = ["METHODS", "Calibration", "Evidence", "Method", "Prediction"]

Method = Literal["auto", "mode", "own", "join", "collaborative", "blend", "model"]
METHODS: tuple[Method, ...] = ("auto", "mode", "own", "join", "collaborative", "blend", "model")


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One of the person's own items, and what it did to the prediction."""

    text: str
    response: str
    contribution: float
    """Nats by which the likeliest option is likelier with it than without; below 0 it speaks against it."""
    item: int | None = None
    """Its number in the store; None where it stands in none."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a route was worth for people left out, of whom as much was known.

    Intervals of accuracy and gain know people and questions; that of the error knows people.
    """

    route: str
    known: int | None
    """Own answers that were told of each; None: all but those asked."""
    accuracy: Estimate
    """Share of answers that were the likeliest option."""
    gain: Estimate
    """Log score above the population's, nats an answer."""
    error: Estimate
    """Expected calibration error of the likeliest option, over ten bins: biased upward."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is expected to respond."""

    person_id: str
    """Empty: somebody of whom only attributes are told."""
    text: str
    options: tuple[str, ...]
    """Of a free text, what people wrote who stand for the others."""
    probabilities: tuple[float, ...]
    method: str
    """The route; `population` where it abstained."""
    population: tuple[float, ...]
    """What is expected of nobody in particular."""
    abstained: bool
    why: str
    """What the choice of the method rests on, in a sentence."""
    known: int
    """Own responses that were told."""
    same_question: bool
    """Whether other people's answers to the very question were used."""
    ordinal: bool = False
    """Whether the options have an order."""
    said: str = ""
    """What the person answered to the very question before; it is not used."""
    attributes: tuple[str, ...] = ()
    """Names of the attributes of the person that were used."""
    evidence: tuple[Evidence, ...] = ()
    """Own items by what they do to the factors' prediction, the strongest first, whatever the method."""
    calibration: Calibration | None = None
    """None where nothing was measured: the population's shares, and questions that nobody was asked."""
    hits: tuple[Hit, ...] = ()
    """What a model was told, each with its provenance; empty where none was asked."""
    model: str = ""
    """Which model was asked."""
    tokens: int = 0
    """Of all that the model was told of the person."""
    notes: tuple[str, ...] = ()
    """What was not done, and why."""

    @property
    def likeliest(self) -> str:
        """The likeliest option; of equals the first."""
        return self.options[int(np.argmax(self.probabilities))]

    @property
    def expected(self) -> float | None:
        """Mean place among ordered options, from 1; None where they have no order.

        Examples
        --------
        >>> told = Prediction(person_id="a", text="How often?", options=("never", "at times", "often"),
        ...                   probabilities=(0.2, 0.3, 0.5), method="mode", population=(0.2, 0.3, 0.5),
        ...                   abstained=False, why="", known=0, same_question=False, ordinal=True)
        >>> told.expected, told.middle
        (2.3, 'at times')
        """
        if not self.ordinal:
            return None
        return float(np.dot(self.probabilities, np.arange(1, len(self.options) + 1)))

    @property
    def middle(self) -> str | None:
        """The median option; None where they have no order."""
        if not self.ordinal:
            return None
        half = np.cumsum(self.probabilities) >= 0.5 - 1e-12
        return self.options[int(half.argmax())]
