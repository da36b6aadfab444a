"""A language model as a predicate: asked by a template whether a text breaks a rule, through the engine.

The score is the probability it gives to "yes", the mean of both orders of the two answers, which takes out a
liking for the first letter. What the model was told is journalled like any call: in a folder that goes when
the answer is read, or in one that the user names and then has to guard, for the text is in it.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from populace.bounds.hazards import hazard
from populace.bounds.predicates.calibration import Calibration
from populace.bounds.predicates.verdict import Verdict
from populace.canonical import content_hash
from populace.errors import ModelError
from populace.models.protocol import Provider
from populace.models.records import Choice, ChooseRequest, Message
from populace.run import Journal, execute
from populace.templating import Templates

__all__ = ["Judge"]

TEMPLATES = Templates("populace.bounds.predicates")
_LETTERS = ("A", "B")
_ANSWERS = ("Yes", "No")


class Judge:
    """A model that is asked about one hazard.

    Parameters
    ----------
    name
        The hazard.
    model
        A provider, or the words that open one (`"embedded"`, `"openai:NAME"`).
    policy
        Words of your own for the rule, beside the hazard's meaning: what counts here and what does not.
    calibration
        The map from the probability of "yes" to a share.
    journal
        A folder that keeps the calls, with the texts. Without it nothing of them stays.

    Raises
    ------
    ModelError
        If the model cannot be opened.
    """

    cost = 3
    """Cheap ones are asked first: 0 words, 1 small models, 2 classifiers, 3 language models."""

    def __init__(
        self,
        name: str,
        model: Provider | str,
        *,
        policy: str = "",
        calibration: Calibration | None = None,
        journal: str | Path | None = None,
    ) -> None:
        self._hazard = hazard(name)
        self.name = self._hazard.name
        if isinstance(model, str):
            from populace.models.registry import open_model

            model = open_model(model)
        self._provider = model
        self._policy = " ".join(policy.split())
        self._journal = journal
        self._calibration = calibration or Calibration.none()
        asked = content_hash(
            [TEMPLATES.hash("judge"), self._hazard.title, self._hazard.meaning, self._policy], size=4
        )
        self.version = f"judge {model.model}, prompt {asked}, {self._calibration.id}"

    def requests(self, text: str) -> list[ChooseRequest]:
        """Give the two questions, which differ in the order of the answers."""
        # A fence that the text cannot close: it depends on the text.
        fence = f"===== {content_hash(text, size=6)} ====="
        policy = f"The house adds: {self._policy}" if self._policy else ""
        values = {"title": self._hazard.title, "meaning": self._hazard.meaning, "policy": policy}
        found = []
        for first, second in (_ANSWERS, _ANSWERS[::-1]):
            told = TEMPLATES.render(
                "judge", values | {"text": text, "fence": fence, "first": first, "second": second}
            )
            found.append(
                ChooseRequest(model=self._provider.model, messages=(Message("user", told),), options=_LETTERS)
            )
        return found

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text.

        Raises
        ------
        ModelError
            If a call failed, or neither answer was offered.
        """
        began = time.perf_counter()
        asked = self.requests(text)
        answers = await self._answers(asked)
        shares = [_share(answer, place) for place, answer in enumerate(answers)]
        raw = sum(shares) / 2
        told = f"yes: {shares[0]:.2f} and {shares[1]:.2f} in the two orders"
        score = self._calibration.score(raw)
        seconds = time.perf_counter() - began
        return Verdict(self.name, score, told, self.version, self._calibration.id, seconds)

    async def _answers(self, asked: Sequence[ChooseRequest]) -> list[Choice]:
        with ExitStack() as stack:
            folder = self._journal or stack.enter_context(tempfile.TemporaryDirectory(prefix="populace-"))
            journal = stack.enter_context(Journal(folder))
            await execute(asked, self._provider, journal, stage=f"bounds {self.name}")
            found = [journal.get(request.key) for request in asked]
        for each in found:
            if not isinstance(each, Choice):
                # The boundary and not the message, in which a server may quote what it was sent.
                told = getattr(each, "boundary", "no answer")
                raise ModelError(f"the judge of {self.name} did not answer ({told})")
        return [each for each in found if isinstance(each, Choice)]


def _share(answer: Choice, yes: int) -> float:
    """Give the probability of "yes" among the two letters; one that was not offered counts as 0."""
    given = [-math.inf if each is None else each for each in answer.log_likelihoods]
    most = max(given)
    if most == -math.inf:
        raise ModelError("the judge offered neither answer", fix="give a model that chooses among letters")
    weights = [math.exp(each - most) for each in given]
    return weights[yes] / sum(weights)
