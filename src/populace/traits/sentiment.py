"""Sentiment: how positive the words are, by VADER's lexicon and rules, of English."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from populace.errors import DataError
from populace.traits.scorer import FunctionScorer
from populace.traits.words import mostly_latin

__all__ = ["SENTIMENT"]


@functools.cache
def _analyzer() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise DataError("sentiment needs VADER", fix="pip install 'populace[traits]'") from error
    return SentimentIntensityAnalyzer()


def _measure(texts: list[str], prompts: list[str] | None) -> list[float]:
    analyzer = _analyzer()
    return [analyzer.polarity_scores(text)["compound"] if mostly_latin(text) else np.nan for text in texts]


SENTIMENT = FunctionScorer("sentiment", _measure, -1.0, 1.0, "more positive words")
"""VADER's compound score. It sums over the text, so that long texts end near -1 or 1: made for short ones.

Hutto and Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of social media text.
"""
