"""Classifiers of others as predicates: any-guardrail's guardrails, and Hugging Face sequence classifiers.

Both are imported when they are first asked. Their scores are as they come, 0 to 1, until a calibration
is given.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from populace.bounds.hazards import hazard
from populace.bounds.predicates.calibration import Calibration
from populace.bounds.predicates.scorers import Scored
from populace.bounds.predicates.threads import in_thread
from populace.bounds.predicates.verdict import Verdict
from populace.errors import ModelError

__all__ = ["AnyGuardrail", "classifier"]


class AnyGuardrail:
    """A guardrail of any-guardrail (written against 0.7.7), as a predicate for one hazard.

    Its `validate` gives `valid`, and where it has them a `score` (0 to 1, more is worse) and `categories`
    with a name and a score each. With `category` that category's score is read; else the score; else, where
    there is neither, what is not valid is 1 and what is valid 0.

    Parameters
    ----------
    name
        The hazard.
    guardrail
        A guardrail that was made, or the name that `AnyGuardrail.create` knows (`"llama_guard"`).
    category
        Of several categories, the one that is this hazard (`"S4"`).
    settings
        For `AnyGuardrail.create`.
    """

    cost = 2
    """Cheap ones are asked first: 0 words, 1 small models, 2 classifiers, 3 language models."""

    def __init__(
        self,
        name: str,
        guardrail: Any,
        *,
        category: str | None = None,
        settings: Mapping[str, Any] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.name = hazard(name).name
        self._given = guardrail
        self._made = None if isinstance(guardrail, str) else guardrail
        self._category = category
        self._settings = dict(settings or {})
        self._calibration = calibration or Calibration.none()
        self._lock = threading.Lock()
        made_by = guardrail if isinstance(guardrail, str) else type(guardrail).__name__
        model = self._settings.get("model_id", "its own model")
        self.version = f"any-guardrail {made_by} ({model}), {category or 'its score'}, {self._calibration.id}"

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Judge one text.

        Raises
        ------
        ModelError
            If the package or the guardrail is not there, it fails, or it says nothing of the category.
        """
        began = time.perf_counter()
        found = await in_thread(self._validate, text)
        raw, told = self._read(found)
        score = self._calibration.score(raw)
        seconds = time.perf_counter() - began
        return Verdict(self.name, score, told, self.version, self._calibration.id, seconds)

    def _validate(self, text: str) -> Any:
        with self._lock:  # models are loaded once, and are not known to bear two threads
            if self._made is None:
                self._made = _create(self._given, self._settings)
            try:
                return self._made.validate(text)
            except Exception as error:  # what it raises is up to its backend
                kind = type(error).__name__
                raise ModelError(f"the guardrail {self._given} failed ({kind})") from error

    def _read(self, found: Any) -> tuple[float, str]:
        if self._category is None:
            if found.score is not None:
                return _share(found.score), "its score"
            return float(not found.valid), "valid" if found.valid else "not valid"
        for each in found.categories:
            if each.name == self._category:
                if each.score is not None:
                    return _share(each.score), f"category {each.name}"
                if each.triggered is not None:
                    return float(each.triggered), f"category {each.name}, no score"
        # Guardrails that name only what they found: nothing was. Where it names others, this one's name may
        # be wrong, which is no zero.
        if found.valid and not found.categories:
            return 0.0, "valid"
        raise ModelError(f"the guardrail says nothing of the category {self._category!r}")


def _create(name: str, settings: Mapping[str, Any]) -> Any:
    try:
        from any_guardrail import AnyGuardrail as Factory  # type: ignore[import-not-found]
        from any_guardrail import GuardrailName  # type: ignore[import-not-found]
    except ImportError as error:
        raise ModelError(
            "any-guardrail is not installed", fix="pip install 'any-guardrail[huggingface]'"
        ) from error
    try:
        return Factory.create(GuardrailName(name), **settings)
    except Exception as error:  # no such name, no weights, no key: each backend has errors of its own
        kind = type(error).__name__
        raise ModelError(f"the guardrail {name!r} cannot be made ({kind})") from error


def _share(score: float) -> float:
    if not (math.isfinite(score) and -1e-6 <= score <= 1 + 1e-6):
        raise ModelError(f"a guardrail gave the score {score}, not one from 0 to 1")
    return min(max(float(score), 0.0), 1.0)


def classifier(
    name: str,
    model: str | Path | Any,
    label: str | int,
    *,
    tokenizer: Any = None,
    calibration: Calibration | None = None,
    version: str | None = None,
) -> Scored:
    """Make a predicate of a Hugging Face sequence classifier: the probability of one of its labels.

    Parameters
    ----------
    name
        The hazard.
    model, tokenizer
        A folder or a name, or a model that is loaded with its tokenizer.
    label
        Of the model's labels, the one that is this hazard.
    version
        Words for which weights these are, where `model` does not say it; the cache goes by it.
    """
    from populace.traits import transformer

    told = version or (str(model) if isinstance(model, (str, Path)) else type(model).__name__)
    larger = f"more surely {label}"
    scorer = transformer(
        model, name=f"{told} {label}", larger=larger, reads="text", label=label, tokenizer=tokenizer
    )
    return Scored(name, scorer, calibration)
