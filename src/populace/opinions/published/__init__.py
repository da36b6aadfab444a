"""Figures of published work, computed again from the files that their authors released.

Nothing is fetched: the user points to files. Each metric keeps its paper's convention, down to what the
released code divides by, and stands beside two that need no model: `uniform`, and `majority`, which puts all
on the option that most of the group chose (so it is told the answer).
What could not be scored is counted in `Published.notes`; nothing is left out in silence.
"""

from populace.opinions.published.global_opinions import read_global_opinions
from populace.opinions.published.gold import Gold, Question
from populace.opinions.published.meister import Rows, gaps, read_meister, total_variations
from populace.opinions.published.metrics import (
    global_opinion_similarity,
    representativeness,
    total_variation_of,
)
from populace.opinions.published.opinion_qa import read_counts, read_opinion_qa
from populace.opinions.published.predictions import Predictions, predictions_of_run, read_predictions
from populace.opinions.published.results import Published, PublishedScore

__all__ = [
    "Gold",
    "Predictions",
    "Published",
    "PublishedScore",
    "Question",
    "Rows",
    "gaps",
    "global_opinion_similarity",
    "predictions_of_run",
    "read_counts",
    "read_global_opinions",
    "read_meister",
    "read_opinion_qa",
    "read_predictions",
    "representativeness",
    "total_variation_of",
    "total_variations",
]
