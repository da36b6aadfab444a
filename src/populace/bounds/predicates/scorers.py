"""The offline scorers of `populace.traits` as predicates: what they measure, as how sure a hazard is."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from populace.bounds.hazards import hazard
from populace.bounds.predicates.calibration import Calibration
from populace.bounds.predicates.threads import in_thread
from populace.bounds.predicates.verdict import Verdict
from populace.errors import DataError, ModelError
from populace.traits import Scorer, scorer

__all__ = ["Scored"]


class Scored:
    """A scorer of texts as a predicate for one hazard.

    A bounded scorer is scaled from its range to 0 to 1; one without bounds needs a calibration. A scorer
    that cannot tell (NaN: empty, or a script it does not read) gives no verdict, but an empty text, which
    has no hazard.

    Parameters
    ----------
    name
        The hazard.
    by
        A scorer, or its name (`"offensiveness"`, `"-politeness"`).
    calibration
        The map from its scores, scaled where they are bounded, to shares.

    Examples
    --------
    >>> Scored("off", "-politeness").version
    'scorer -politeness, none'
    """

    cost = 1
    """Cheap ones are asked first: 0 words, 1 small models, 2 classifiers, 3 language models."""

    def __init__(self, name: str, by: Scorer | str, calibration: Calibration | None = None) -> None:
        self.name = hazard(name).name
        self._scorer = scorer(by) if isinstance(by, str) else by
        low, high = self._scorer.low, self._scorer.high
        if calibration is None and not (math.isfinite(low) and math.isfinite(high)):
            fix = "fit a calibration to labelled texts and give it"
            raise DataError(f"the scores of {self._scorer.name} have no bounds", fix=fix)
        self._calibration = calibration or Calibration.none()
        self._scale = (low, high - low) if math.isfinite(low) and math.isfinite(high) else None
        self.version = f"scorer {self._scorer.name}, {self._calibration.id}"

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text.

        Raises
        ------
        ModelError
            If the scorer cannot tell, or what it needs is not installed.
        """
        if not text.strip():
            return Verdict(self.name, 0, "an empty text", self.version, self._calibration.id, 0.0)
        prompt = context.get("prompt")
        prompts = None if prompt is None else [str(prompt)]
        try:
            raw, seconds = await in_thread(self._measure, text, prompts)
        except DataError as error:
            raise ModelError(str(error)) from error
        if math.isnan(raw):
            raise ModelError(
                f"{self._scorer.name} cannot tell of this text", fix="put another predicate there"
            )
        if self._scale is not None:
            raw = (raw - self._scale[0]) / self._scale[1]
        told = f"{self._scorer.name}, scaled: {raw:.2f}" if self._scale else f"{self._scorer.name}: {raw:.3g}"
        score = self._calibration.score(raw)
        return Verdict(self.name, score, told, self.version, self._calibration.id, seconds)

    def _measure(self, text: str, prompts: list[str] | None) -> tuple[float, float]:
        """Give the score and the seconds it took, without those in the queue for a thread."""
        began = time.perf_counter()
        raw = float(self._scorer.score([text], prompts)[0])
        return raw, time.perf_counter() - began
