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
from populace.pluralism.overton.effects import adjusted, told
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.bootstrap import bootstrap_replicates

__all__ = ["ModelCoverage", "RatedCoverage", "coverage"]


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
    """By adjusted coverage, highest first; by their own where that is not defined."""
    threshold: float
    weighted: bool
    connected: bool
    """Whether shared questions link all models; else no adjusted value is defined."""
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
    linked = all(each.adjusted.defined for each in found)
    found.sort(key=lambda each: _last(each, by_adjusted=linked))
    return RatedCoverage(
        models=tuple(found),
        threshold=threshold,
        weighted=weighted,
        connected=linked,
        cells=cells,
        table=table,
    )


def _plain(scores: Floats, *, draws: int, seed: int, level: float) -> list[Estimate]:
    """Average each model's own questions."""
    found: list[Estimate] = []
    for column in scores.T:
        known = ~np.isnan(column)
        counts = np.stack([np.where(known, column, 0.0), known.astype(np.float64)], axis=1)

        def mean(total: Floats) -> Floats:
            return np.divide(total[:, 0], total[:, 1], out=np.full(len(total), np.nan), where=total[:, 1] > 0)

        own = counts[known]
        value = float(mean(own.sum(axis=0)[None])[0])
        drawn = bootstrap_replicates(own, mean, draws=draws, seed=seed) if len(own) > 1 else np.empty(0)
        found.append(told(value, drawn, column, len(own), draws, seed, level))
    return found


def _last(each: ModelCoverage, *, by_adjusted: bool) -> tuple[float, str]:
    value = (each.adjusted if by_adjusted else each.coverage).value
    return (np.inf if np.isnan(value) else -value, each.model)


def _wide(table: pl.DataFrame, names: list[str]) -> Floats:
    wide = table.pivot("model", index="question", values="value").sort("question")
    return np.stack(
        [
            wide[name].to_numpy().astype(np.float64) if name in wide.columns else np.full(len(wide), np.nan)
            for name in names
        ],
        axis=1,
    )
