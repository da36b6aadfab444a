"""How much nearer to a group does steering bring a distribution, and which way of steering does it best?"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats import Estimate, total_variation
from populace.stats._arrays import Floats
from populace.stats.crossed import crossed_mean
from populace.streams import stream

__all__ = ["BestContext", "best_context", "gain"]


class BestContext(msgspec.Struct, frozen=True, kw_only=True):
    """The best of several ways to steer, for every group."""

    published: Estimate
    """Mean over groups of the best context's score, chosen and scored on the same questions."""
    held_out: Estimate
    """The same, chosen on one half of the questions and scored on the other, both ways."""
    contexts: dict[str, Estimate]
    """Each context by itself."""
    chosen: tuple[str, ...]
    """Of every group: its best context; of several that tie, all, joined by ` = `."""


def gain(
    human: npt.ArrayLike,
    steered: npt.ArrayLike,
    unsteered: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    questions: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate by how much steering lowers the total variation from a group's answers.

    Parameters
    ----------
    human, steered, unsteered
        Shape (rows, options), counts or shares of a group at a question; options that a question does not
        have are 0. Rows in which one has no mass are left out.
    groups, questions
        Clusters of the interval; rows if both are None.
    level
        Of the interval.

    Raises
    ------
    DataError
        If shapes differ, or a number is missing or below zero.

    Examples
    --------
    >>> gain([[0.8, 0.2]], [[0.7, 0.3]], [[0.5, 0.5]]).value.__round__(3)  # 0.3 apart before, 0.1 after
    0.2
    """
    before, after = total_variation(human, unsteered), total_variation(human, steered)
    first = np.arange(len(before)) if groups is None and questions is None else groups
    second = questions
    if first is None:
        first, second = questions, None
    assert first is not None
    return crossed_mean(before - after, first, second, within=(-1.0, 1.0), level=level)


def best_context(
    scores: npt.ArrayLike,
    *,
    contexts: list[str] | None = None,
    halves: int = 20,
    seed: int = 0,
    level: float = 0.95,
) -> BestContext:
    """Score steering by the best of several contexts, as OpinionQA does.

    Its code averages a group's score over questions, then takes the best of its contexts. The best of three
    noisy means is too high, so the choice is also made on half of the questions and scored on the others.

    Parameters
    ----------
    scores
        Shape (questions, groups, contexts), higher is better, such as 1 - W1 / (N - 1), from 0 to 1; nan
        where missing.
    contexts
        Their names, such as QA, BIO and PORTRAY; numbers if None.
    halves
        Times that questions are halved.
    seed
        Of the halves.
    level
        Of the intervals, which take questions and groups as clusters.

    Raises
    ------
    DataError
        If there are not three axes, or names do not fit.

    References
    ----------
    Santurkar et al. (2023), Whose Opinions Do Language Models Reflect?, arXiv 2303.17548,
    `steerability.ipynb`.

    Examples
    --------
    >>> scores = np.array([[[0.7, 0.9]], [[0.5, 0.9]], [[0.6, 0.9]], [[0.8, 0.9]]])
    >>> found = best_context(scores, contexts=["QA", "BIO"])
    >>> found.chosen, round(found.published.value, 2), round(found.held_out.value, 2)
    (('BIO',), 0.9, 0.9)
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 3:
        raise DataError(f"scores have {table.ndim} axes and need 3: questions, groups, contexts")
    names = contexts if contexts is not None else [str(number) for number in range(table.shape[2])]
    if len(names) != table.shape[2]:
        raise DataError(f"{len(names)} names for {table.shape[2]} contexts")
    question, group = np.indices(table.shape[:2])
    rows = question.ravel(), group.ravel()

    def mean(values: Floats) -> Estimate:
        return crossed_mean(values.ravel(), rows[1], rows[0], level=level)

    best = _best(table)
    picked = np.where(best, table, np.nan)
    rng = stream(seed, "steerable.contexts")
    parts = [_held_out(table, rng.permutation(len(table))) for _ in range(halves)]
    return BestContext(
        published=mean(_average(picked)),
        held_out=mean(np.mean(parts, axis=0)),
        contexts={name: mean(table[:, :, place]) for place, name in enumerate(names)},
        chosen=tuple(" = ".join(name for name, hit in zip(names, row, strict=True) if hit) for row in best),
    )


def _best(table: Floats) -> npt.NDArray[np.bool_]:
    """Find the best context of every group, shape (groups, contexts); several where they tie."""
    known = ~np.isnan(table)
    sums, rows = np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), -np.inf)
    return (means >= means.max(axis=1, keepdims=True) - 1e-12) & (rows > 0)


def _average(table: Floats) -> Floats:
    """Average over contexts those that are there."""
    known = ~np.isnan(table)
    rows = known.sum(axis=2)
    sums = np.where(known, table, 0.0).sum(axis=2)
    return np.where(rows > 0, sums / np.maximum(rows, 1), np.nan)


def _held_out(table: Floats, order: npt.NDArray[np.int64]) -> Floats:
    """Score every question by the context that is best on the half that it is not in."""
    found = np.full(table.shape[:2], np.nan)
    parts = order[: len(order) // 2], order[len(order) // 2 :]
    for mine, other in (parts, parts[::-1]):
        best = _best(table[other])
        found[mine] = _average(np.where(best, table[mine], np.nan))
    return found
