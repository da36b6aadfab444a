"""Offensiveness: how surely a text would be called offensive, by a small linear model, of English."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from populace.errors import DataError
from populace.traits.scorer import FunctionScorer
from populace.traits.words import mostly_latin

__all__ = ["OFFENSIVENESS"]


def _measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
    predict = _model()
    found = np.full(len(texts), np.nan)
    read = [place for place, text in enumerate(texts) if mostly_latin(text)]
    if read:
        found[read] = predict([texts[place] for place in read])
    return found


def _model() -> Any:
    try:
        with warnings.catch_warnings():
            # The model was saved under another scikit-learn than is installed, and says so at every start.
            warnings.simplefilter("ignore")
            from profanity_check import predict_prob
    except ImportError as error:
        fix = "pip install 'populace[traits]'"
        raise DataError("offensiveness needs alt-profanity-check", fix=fix) from error
    return predict_prob


OFFENSIVENESS = FunctionScorer("offensiveness", _measure, 0.0, 1.0, "more surely offensive")
"""The probability that alt-profanity-check gives: a linear model of words. It knows rude words; it does not
know who is insulted, and misses what is offensive in clean words."""
