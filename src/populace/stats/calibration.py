"""Do probabilities keep their promise? Brier score, log score, expected calibration error.

All take the probability of an event and whether it happened (0 or 1), one per row. Rows in which
either is missing (nan, None) are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, codes_of_clusters, divide, vector
from populace.stats.bootstrap import cluster_bootstrap, sum_by_cluster, unit_of
from populace.stats.estimate import Estimate
from populace.stats.means import mean

__all__ = ["brier_score", "calibration_error", "log_score"]


def brier_score(
    probabilities: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the Brier score (1950), the mean of (p - outcome)^2: 0 is best, always saying 1/2 gives 0.25.

    Parameters
    ----------
    probabilities, outcomes
        Shape (rows,): from 0 to 1, and 0 or 1.
    clusters
        Cluster of each row, usually the persona; None resamples rows.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ, a probability lies outside 0 to 1, or an outcome is neither 0 nor 1.

    Examples
    --------
    >>> round(brier_score([0.8, 0.4], [1, 0]).value, 3)  # (0.04 + 0.16) / 2
    0.1
    """
    p, outcome = _forecasts(probabilities, outcomes)
    return mean((p - outcome) ** 2, clusters, draws=draws, seed=seed, level=level)


def log_score(
    probabilities: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    floor: float = 1e-6,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean of -log(probability given to what happened), in nats: 0 is best.

    A probability below `floor` counts as `floor`: one certain error would otherwise make the
    mean infinite. Other parameters and errors are those of `brier_score`.

    Examples
    --------
    >>> round(log_score([0.5, 0.5], [1, 0]).value, 4)  # log 2
    0.6931
    """
    p, outcome = _forecasts(probabilities, outcomes)
    given = np.where(outcome == 1, p, 1 - p)
    surprise = np.where(np.isnan(outcome), np.nan, -np.log(np.maximum(given, floor)))
    return mean(surprise, clusters, draws=draws, seed=seed, level=level)


def calibration_error(
    probabilities: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    bins: int = 10,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the expected calibration error over bins of equal width (Naeini et al. 2015).

    The mean, over rows, of |mean probability - share that happened| of the row's bin. It is biased
    upward where bins hold few rows, in resamples more so: read it beside the Brier score.

    `bins` is their number; other parameters and errors are those of `brier_score`.

    Examples
    --------
    >>> round(calibration_error([0.9, 0.9, 0.2], [1, 0, 0]).value, 4)  # (2 * 0.4 + 1 * 0.2) / 3
    0.3333
    """
    if bins < 1:
        raise ValueError(f"bins is {bins} and must be at least 1")
    p, outcome = _forecasts(probabilities, outcomes)
    keep = ~(np.isnan(p) | np.isnan(outcome))
    code, labels = codes_of_clusters(clusters, keep)
    place = np.minimum((p[keep] * bins).astype(np.int64), bins - 1)
    # What the error needs of a bin is the sum of p - outcome; of all bins, the number of rows.
    cells = np.zeros((len(place), bins + 1))
    cells[np.arange(len(place)), place] = (p - outcome)[keep]
    cells[:, bins] = 1
    return cluster_bootstrap(
        sum_by_cluster(cells, code, len(labels)),
        lambda total: divide(np.abs(total[:, :bins]).sum(axis=1), total[:, bins]),
        n=len(place),
        draws=draws,
        seed=seed,
        level=level,
        unit=unit_of(clusters),
    )


def _forecasts(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike) -> tuple[Floats, Floats]:
    p = vector("probabilities", probabilities)
    outcome = vector("outcomes", outcomes, len(p))
    if ((p < 0) | (p > 1)).any():
        raise DataError("a probability lies outside 0 to 1")
    if not np.isin(outcome[~np.isnan(outcome)], (0, 1)).all():
        raise DataError("an outcome is neither 0 nor 1")
    return p, outcome
