"""Metrics of published work, each in its paper's convention, with intervals over questions.

Questions are the independent units: a question brings all its groups with it into a resample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from populace.errors import DataError
from populace.opinions.published.gold import OVERALL, Gold, Question
from populace.opinions.published.ledger import Ledger
from populace.opinions.published.predictions import Predictions
from populace.opinions.published.results import Published, PublishedScore
from populace.stats.bootstrap import bootstrap_replicates, estimate_from_replicates
from populace.stats.distances import jensen_shannon_distance, total_variation, wasserstein

__all__ = [
    "global_opinion_similarity",
    "near",
    "representativeness",
    "total_variation_of",
]

_HUMANS = "humans"
_MEAN = "mean of groups"
_WORST = "worst group"


_Distance = Callable[[Question, np.ndarray], np.ndarray]
"""Question and table of shape (G, K) -> shape (G,), against what each group answered."""


def representativeness(
    gold: Gold, predictions: Predictions, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Published:
    r"""Measure how near a model's opinions are to each group's, as OpinionQA does (arXiv 2303.17548).

    The mean over questions of :math:`1 - W_1 / (N - 1)`, on the options' ordinal codes without refusals.
    The released code divides by the distance between the least and greatest *code*, which is N - 1 where
    codes are 1 to N, but 1 for the codes 1, 2, 1.5 (a middle option that was asked last): so does this.

    `humans` are the groups held against everybody: their mean and their worst are the paper's references.

    Parameters
    ----------
    gold
        Of `read_opinion_qa`.
    predictions
        The model's.
    draws, seed, level
        Resamples of questions, their seed, coverage aimed at.
    """

    def closeness(question: Question, table: np.ndarray) -> np.ndarray:
        return near(table, question.shares, question.positions or ())

    names, values, ledger = _values(gold, predictions, closeness)
    for place, question in enumerate(gold.questions):
        if OVERALL not in question.groups:
            continue
        everybody = np.broadcast_to(question.shares[question.groups.index(OVERALL)], question.shares.shape)
        rows = closeness(question, everybody)
        for group, value in zip(question.groups, rows, strict=True):
            if group != OVERALL:
                values[place, names.index(group), _WHO.index(_HUMANS)] = value
    measure = "1 - W1 / (greatest - least ordinal code), mean over questions"
    return _published(gold, predictions, measure, "higher", names, values, ledger, draws, seed, level)


def near(first: np.ndarray, second: np.ndarray, positions: Sequence[float]) -> np.ndarray:
    """Give 1 - W1 over the distance between the extreme positions, along the last axis.

    Positions may repeat or not increase, as ordinal codes do.

    Examples
    --------
    >>> near(np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), (1, 2, 1.5)).item()  # half of the way
    0.5
    >>> near(np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), (1, 2, 3)).item()
    0.0
    """
    places, where = np.unique(np.asarray(positions, dtype=np.float64), return_inverse=True)
    sums = np.eye(len(places))[where]
    if len(places) < 2:
        return np.full(np.broadcast_shapes(first.shape, second.shape)[:-1], np.nan)
    there = np.asarray(~np.isnan(first).any(axis=-1))
    moved = wasserstein(np.where(there[..., None], first, second) @ sums, second @ sums, places)
    return np.where(there, 1 - moved / (places[-1] - places[0]), np.nan)


def global_opinion_similarity(
    gold: Gold,
    predictions: Predictions,
    *,
    base: float,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Published:
    """Measure how near a model's answers are to each country's, as GlobalOpinionQA does (arXiv 2306.16388).

    The mean over the questions that a country was asked of 1 - Jensen-Shannon distance (the root of the
    divergence).

    Parameters
    ----------
    gold
        Of `read_global_opinions`.
    predictions
        The model's.
    base
        Base of the logarithm: 2 (similarities from 0) or e (from 0.167). We have not confirmed which the
        paper took, so say it. Figures of one base are not those of the other.
    draws, seed, level
        Resamples of questions, their seed, coverage aimed at.
    """

    def similarity(question: Question, table: np.ndarray) -> np.ndarray:
        there = ~np.isnan(table).any(axis=1)
        found = np.full(len(table), np.nan)
        found[there] = 1 - jensen_shannon_distance(table[there], question.shares[there], base)
        return found

    names, values, ledger = _values(gold, predictions, similarity)
    measure = f"1 - Jensen-Shannon distance, base {base:g}, mean over questions"
    return _published(gold, predictions, measure, "higher", names, values, ledger, draws, seed, level)


def total_variation_of(
    golds: Sequence[Gold],
    predictions: Predictions,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Published:
    """Measure the total variation of a model's distributions, as Meister et al. do (arXiv 2411.05403).

    The mean over questions x groups of half the sum of absolute differences, refusals being options; data
    sets weigh alike. The paper resamples questions x groups apart. Here a question brings its groups along,
    for they resemble each other.

    Parameters
    ----------
    golds
        Of `read_counts`, a data set each.
    predictions
        The model's.
    draws, seed, level
        Resamples, their seed, coverage aimed at.
    """

    def distance(question: Question, table: np.ndarray) -> np.ndarray:
        there = ~np.isnan(table).any(axis=1)
        found = np.full(len(table), np.nan)
        found[there] = total_variation(table[there], question.shares[there])
        return found

    ledger = Ledger()
    parts = [_values(gold, predictions, distance, ledger)[1] for gold in golds]
    scores: list[PublishedScore] = []
    drawn, means, rows = [], [], np.zeros(len(_WHO))
    for number, (gold, values) in enumerate(zip(golds, parts, strict=True)):
        sums = np.stack([np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1)], axis=-1)
        replicates = bootstrap_replicates(sums, _divided, draws=draws, seed=seed + number)
        mean = _divided(sums.sum(axis=0)[None])[0]
        drawn.append(replicates)
        means.append(mean)
        rows = rows + (count := sums[..., 1].sum(axis=0))
        if len(golds) > 1:
            scores += _lines(gold.name, predictions.name, mean, replicates, count, len(values), seed, level)
    together = np.mean(drawn, axis=0), np.mean(means, axis=0)
    total = sum(len(values) for values in parts)
    scores = (
        _lines("all data sets alike", predictions.name, together[1], together[0], rows, total, seed, level)
        + scores
    )
    notes = [note for gold in golds for note in gold.notes] + ledger.notes(len(predictions.tables))
    if len(golds) != 3:
        notes.append(
            f"{len(golds)} data set(s); the paper averages three, and figures compare within a set only"
        )
    return Published(
        name="Meister et al.", measure="total variation, mean over questions x groups", better="lower",
        questions=total, scores=tuple(scores), notes=tuple(notes),
    )  # fmt: skip


_WHO = ("model", "uniform", "majority", _HUMANS)


def _values(
    gold: Gold, predictions: Predictions, distance: _Distance, ledger: Ledger | None = None
) -> tuple[list[str], np.ndarray, Ledger]:
    """Score every question and group: their names, shape (questions, groups, 4), and what was lost."""
    ledger = ledger or Ledger()
    if not gold.questions:
        raise DataError(f"{gold.name} has no question that can be scored")
    names = list(dict.fromkeys(group for question in gold.questions for group in question.groups))
    at = {name: place for place, name in enumerate(names)}
    values = np.full((len(gold.questions), len(names), len(_WHO)), np.nan)
    for place, question in enumerate(gold.questions):
        columns = [at[group] for group in question.groups]
        size = len(question.options)
        mode = np.eye(size)[question.shares.argmax(axis=1)]
        tables = (predictions.beside(question, ledger), np.full(mode.shape, 1 / size), mode)
        for who, table in enumerate(tables):
            values[place, columns, who] = distance(question, table)
    if not ledger.scored:
        fix = f"name questions and options as the files do, such as {gold.questions[0].key!r}: " + ", ".join(
            map(repr, gold.questions[0].options)
        )
        raise DataError("no prediction matches a question of the files", column="question", fix=fix)
    # Controls are scored where the model is, and nowhere else.
    values[np.isnan(values[:, :, 0])] = np.nan
    return names, values, ledger


def _divided(total: np.ndarray) -> np.ndarray:
    """Divide sums by counts, shape (draws, ..., 2)."""
    top, count = total[..., 0], total[..., 1]
    return np.divide(top, count, out=np.full(top.shape, np.nan), where=count > 0)


def _published(
    gold: Gold,
    predictions: Predictions,
    measure: str,
    better: str,
    names: list[str],
    values: np.ndarray,
    ledger: Ledger,
    draws: int,
    seed: int,
    level: float,
) -> Published:
    sums = np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=-1).astype(np.float64)
    replicates = bootstrap_replicates(sums, _divided, draws=draws, seed=seed)
    means, counts = _divided(sums.sum(axis=0)[None])[0], sums.sum(axis=0)[:, :, 1]
    scores: list[PublishedScore] = []
    some = [place for place, name in enumerate(names) if name != OVERALL]
    total = len(gold.questions)
    if len(some) > 1:
        for name, reduce in ((_MEAN, np.mean), (_WORST, np.min if better == "higher" else np.max)):
            scores += _lines(name, predictions.name, reduce(means[some], axis=0),
                             reduce(replicates[:, some], axis=1), counts[some].sum(axis=0),
                             total, seed, level)  # fmt: skip
    for place, name in enumerate(names):
        lines = _lines(name, predictions.name, means[place], replicates[:, place],
                       counts[place], total, seed, level)  # fmt: skip
        scores = lines + scores if name == OVERALL else scores + lines
    notes = (*gold.notes, *ledger.notes(len(predictions.tables)))
    return Published(
        name=gold.name, measure=measure, better=better, questions=len(gold.questions),
        scores=tuple(scores), notes=notes,
    )  # fmt: skip


def _lines(
    group: str,
    model: str,
    means: np.ndarray,
    replicates: np.ndarray,
    n: np.ndarray,
    questions: int,
    seed: int,
    level: float,
) -> list[PublishedScore]:
    """Give the scores of one group, shapes (4,), (draws, 4) and (4,); who has none is left out."""
    found = []
    for place, who in enumerate(_WHO):
        if who != "model" and np.isnan(means[place]):
            continue
        estimate = estimate_from_replicates(
            float(means[place]), replicates[:, place], n=int(n[place]), clusters=questions,
            draws=len(replicates), seed=seed, level=level, unit="question",
        )  # fmt: skip
        found.append(PublishedScore(group=group, who=model if who == "model" else who, estimate=estimate))
    return found
