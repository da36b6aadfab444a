"""OvertonBench: an answer covers the groups of people who feel represented by it.

People write and vote on each other's statements, are clustered by their votes question by question, and rate
how well each model's answer represents them (1 to 5). A cluster is covered where its mean rating is at least
4. Questions differ in how hard they are and models need not answer the same ones, so models are compared with
question fixed effects.

What a threshold on a mean of few ratings does is not corrected: whether a small cluster is covered is more a
matter of luck than whether a large one is. `populace.pluralism.overton.split_half` says how much.
"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.overton.cells import Unrated, cells_of, joined
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.bootstrap import Statistic, bootstrap_replicates, doubted, estimate_from_replicates

__all__ = ["ModelCoverage", "RatedCoverage", "adjusted", "coverage"]

_RANK = 1e-9
"""Eigenvalue, beside the largest, that is rounding and no connection between models."""


class ModelCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one model reaches."""

    model: str
    coverage: Estimate
    """Mean over its questions of the share of clusters (or of people) covered."""
    adjusted: Estimate
    """The same, had it answered every question: least squares with question fixed effects."""
    questions: int
    clusters: int
    """Clusters that rated it."""
    unrated: int
    """Clusters of its questions none of whose members rated it."""


class RatedCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage of every model, from one table of ratings."""

    models: tuple[ModelCoverage, ...]
    """By adjusted coverage, highest first."""
    threshold: float
    weighted: bool
    connected: bool
    """Whether shared questions link all models; else adjusted values of some are undefined."""
    cells: pl.DataFrame
    """`question`, `cluster`, `model`, `size`, `ratings`, `mean`, `covered`."""
    table: pl.DataFrame
    """`question`, `model`, `value`: what the means are of."""

    def of(self, model: str) -> ModelCoverage:
        """Give the result of one model.

        Raises
        ------
        DataError
            If it was not rated.
        """
        for each in self.models:
            if each.model == model:
                return each
        names = ", ".join(each.model for each in self.models)
        raise DataError(f"nobody rated {model!r}", fix=f"take one of {names}")


def coverage(
    ratings: pl.DataFrame,
    clusters: pl.DataFrame,
    threshold: float = 4.0,
    weighted: bool = False,
    *,
    unrated: Unrated = "left_out",
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> RatedCoverage:
    """Score models by the groups of people whom their answers represent.

    Of question x with clusters V_x, model m covers v where the mean rating of its members is at least the
    threshold; then

        OvertonScore(m, x) = 1 / |V_x| * sum_v 1[covered],  weighted: sum_v n_v 1[covered] / sum_v n_v,

    with n_v the people of v. The adjusted score of m is a_m + mean_x b_x of the least-squares fit
    score(m, x) = a_m + b_x: what it would reach on all questions, if models and questions do not interact.

    Parameters
    ----------
    ratings
        A row a rating: `rater`, `question`, `model`, `rating`. What was not rated has no row.
    clusters
        `rater`, `question`, `cluster`: where people stand on each question. Those who rated nothing count in
        n_v. Without `question` people are in one cluster throughout.
    threshold
        Least mean rating; 4 on a scale of 1 to 5 is the paper's.
    weighted
        Whether clusters count by their people.
    unrated
        `left_out`: a cluster without a rating of a model does not count for that model; `uncovered`: it
        counts against it.
    draws, seed, level
        Bootstrap over questions (the paper draws 1,000), its seed, and the level of the intervals.

    Raises
    ------
    DataError
        If tables do not fit (`populace.pluralism.overton.cells`), or there is no rating.

    References
    ----------
    OvertonBench, ICLR 2026, arXiv 2512.01351.

    Examples
    --------
    Two people like the first answer and two the second; one model gives either to all, another pleases all.

    >>> rows = [(r, q, m, 5 if m == "both" or (r in "ab") == (m == "left") else 2)
    ...         for q in ("x", "y", "z") for r in "abcd" for m in ("left", "both")]
    >>> told = pl.DataFrame(rows, schema=["rater", "question", "model", "rating"], orient="row")
    >>> groups = pl.DataFrame({"rater": list("abcd"), "cluster": [0, 0, 1, 1]})
    >>> [(each.model, each.coverage.value) for each in coverage(told, groups).models]
    [('both', 1.0), ('left', 0.5)]
    """
    rated = joined(ratings, clusters)
    if rated.is_empty():
        raise DataError("there is no rating", fix="give at least one")
    cells = cells_of(rated, clusters, threshold, unrated)
    weight = pl.col("size").cast(pl.Float64) if weighted else pl.lit(1.0)
    there = cells.filter(pl.col("covered").is_not_null()).with_columns(weight=weight)
    table = (
        there.group_by("question", "model")
        .agg(value=(pl.col("weight") * pl.col("covered")).sum() / pl.col("weight").sum())
        .sort("question", "model")
    )
    names = rated["model"].unique().sort().to_list()
    scores = _wide(table, names)
    plain = _plain(scores, draws=draws, seed=seed, level=level)
    fair = adjusted(scores, draws=draws, seed=seed, level=level)
    found: list[ModelCoverage] = []
    for place, name in enumerate(names):
        own = cells.filter(pl.col("model") == name)
        found.append(
            ModelCoverage(
                model=name,
                coverage=plain[place],
                adjusted=fair[place],
                questions=int((~np.isnan(scores[:, place])).sum()),
                clusters=own.filter(pl.col("ratings") > 0).height,
                unrated=own.filter(pl.col("ratings") == 0).height,
            )
        )
    found.sort(key=lambda each: (-np.nan_to_num(each.adjusted.value, nan=-1.0), each.model))
    return RatedCoverage(
        models=tuple(found),
        threshold=threshold,
        weighted=weighted,
        connected=all(each.adjusted.defined for each in found),
        cells=cells,
        table=table,
    )


def adjusted(scores: Floats, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> list[Estimate]:
    """Adjust scores for questions: what each model would reach on all of them.

    Parameters
    ----------
    scores
        Shape (questions, models), from 0 to 1; nan where there is none.
    draws, seed, level
        Bootstrap over questions.

    Returns
    -------
    An estimate a model; undefined where shared questions do not link all models.

    Examples
    --------
    The second model answered only the hard question, and was better at it by 0.2:

    >>> import numpy as np
    >>> [round(each.value, 3) for each in adjusted(np.array([[0.9, np.nan], [0.1, 0.3]]))]
    [0.5, 0.7]
    """
    counts, size = _normal_equations(scores), scores.shape[1]
    return [
        _estimated(
            counts, lambda total, at=place: _fitted(total, size)[:, at], scores[:, place], draws, seed, level
        )
        for place in range(size)
    ]


def _plain(scores: Floats, *, draws: int, seed: int, level: float) -> list[Estimate]:
    """Average each model's own questions."""
    found: list[Estimate] = []
    for column in scores.T:
        known = ~np.isnan(column)
        counts = np.stack([np.where(known, column, 0.0), known.astype(np.float64)], axis=1)

        def mean(total: Floats) -> Floats:
            return np.divide(total[:, 0], total[:, 1], out=np.full(len(total), np.nan), where=total[:, 1] > 0)

        found.append(_estimated(counts[known], mean, column, draws, seed, level))
    return found


def _estimated(
    counts: Floats, statistic: Statistic, column: Floats, draws: int, seed: int, level: float
) -> Estimate:
    n = int((~np.isnan(column)).sum())
    value = float(np.asarray(statistic(counts.sum(axis=0)[None]))[0]) if len(counts) else float("nan")
    replicates = np.empty(0)
    if not np.isnan(value) and len(counts) > 1:
        replicates = bootstrap_replicates(counts, statistic, draws=draws, seed=seed)
    found = estimate_from_replicates(
        value, replicates, n=n, clusters=len(counts), draws=draws, seed=seed, level=level, unit="question"
    )
    return doubted(found, 0.0, 1.0) if found.defined and len(counts) > 1 else found


def _wide(table: pl.DataFrame, names: list[str]) -> Floats:
    wide = table.pivot("model", index="question", values="value").sort("question")
    return np.stack(
        [
            wide[name].to_numpy().astype(np.float64) if name in wide.columns else np.full(len(wide), np.nan)
            for name in names
        ],
        axis=1,
    )


def _normal_equations(scores: Floats) -> Floats:
    """Sum up what a fit with question effects needs of each question, so that a resample is a sum.

    Swept of its question, a row of known models S is diag(1_S) - 1_S 1_S' / |S|; beside it stand the swept
    scores, the question's mean, who is in it, and 1.
    """
    known = ~np.isnan(scores)
    questions, models = scores.shape
    there = known.sum(axis=1).astype(np.float64)
    share = known / there[:, None]
    mean = np.where(known, scores, 0.0).sum(axis=1) / there
    swept = known[:, :, None] * np.eye(models) - known[:, :, None] * share[:, None, :]
    right = np.where(known, scores - mean[:, None], 0.0)
    one = np.ones((questions, 1))
    return np.concatenate([swept.reshape(questions, -1), right, share, mean[:, None], one], axis=1)


def _fitted(total: Floats, models: int) -> Floats:
    """Solve the normal equations: a_m plus the mean question effect, shape (draws, models)."""
    square = total[:, : models * models].reshape(-1, models, models)
    right, share, mean, count = np.split(
        total[:, models * models :], [models, 2 * models, 2 * models + 1], axis=1
    )
    values, vectors = np.linalg.eigh((square + square.transpose(0, 2, 1)) / 2)
    # One direction is free, since effects of models and questions share a constant.
    kept = values > _RANK * np.maximum(values[:, -1:], 1.0)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    inner = np.einsum("dij,di->dj", vectors, right) * inverse
    effect = np.einsum("dij,dj->di", vectors, inner)
    constant = (mean[:, 0] - (share * effect).sum(axis=1)) / count[:, 0]
    linked = kept.sum(axis=1) == models - 1
    return np.where(linked[:, None], effect + constant[:, None], np.nan)
