"""Can a classifier tell drawn people from real ones? Gradient boosting, judged on rows it has not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

from fidelity.coding import KEPT_BACK, coded
from populace.stats import Estimate

__all__ = ["Setting", "Told", "area", "columns_of", "tell"]

NUMBERS = ("AGEP", "NP", "HINCP", "PINCP", "OCCP", "INDP", "PINCB", "HINCB")
_TRAIN = 2 / 3


@dataclass(frozen=True)
class Setting:
    """Size of the classifier and of its data."""

    rows: int
    """Rows of each kind; a third of them is held out."""
    trees: int
    leaves: int
    rate: float = 0.1


@dataclass(frozen=True)
class Told:
    """What a classifier made of it."""

    auc: Estimate
    trees: int
    uses: list[tuple[str, float]]
    """Columns and how much the AUC falls when they are permuted, the largest first."""


def columns_of(people: pl.DataFrame, *, complete: bool) -> pl.DataFrame:
    """Give what the classifier sees: codes, whole dollars; NaN where California and Texas have nothing."""
    codes = coded(people, complete=complete).drop("AGE5", "PINCB", "HINCB")
    dollars = people.select(pl.col("HINCP", "PINCP").cast(pl.Float64))
    seen = codes.hstack(dollars).with_columns(pl.exclude("HINCP", "PINCP").cast(pl.Float32))
    kept_back = [name for name in _unreleased() if name in seen.columns]
    away = pl.col("STATE").cast(pl.Int32).is_in(KEPT_BACK)
    return seen.with_columns(pl.when(~away).then(pl.col(name)).alias(name) for name in kept_back)


def _unreleased() -> tuple[str, ...]:
    return (
        *("MAR", "ESR", "COW", "OCCP", "INDP", "OCCM", "INDM", "LANG", "HICOV", "DEAR", "DEYE", "DREM"),
        *("DPHY", "MIL", "FER", "PINCP"),
    )


def tell(real: pl.DataFrame, drawn: pl.DataFrame, setting: Setting, seed: int, *, uses: int = 0) -> Told:
    """Train on two thirds, judge on the rest.

    Parameters
    ----------
    real, drawn
        The same columns as numbers, as many rows of each.
    uses
        Rows by which the columns' importance is judged; 0 leaves it out.
    """
    names = real.columns
    rows = np.vstack([real.to_numpy(), drawn.select(names).to_numpy()]).astype(np.float32)
    truth = np.repeat([1, 0], [real.height, drawn.height])
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(truth))
    cut = int(len(truth) * _TRAIN)
    train, test = order[:cut], order[cut:]
    nominal = [
        place
        for place, name in enumerate(names)
        if name not in NUMBERS and np.nanmax(rows[:, place], initial=0) < 255
    ]
    model = HistGradientBoostingClassifier(
        max_iter=setting.trees,
        learning_rate=setting.rate,
        max_leaf_nodes=setting.leaves,
        categorical_features=nominal,
        early_stopping=True,
        random_state=seed,
    ).fit(rows[train], truth[train])
    estimate = area(model.predict_proba(rows[test])[:, 1], truth[test] == 1)
    importance: list[tuple[str, float]] = []
    if uses:
        some = test[:uses]
        whole = area(model.predict_proba(rows[some])[:, 1], truth[some] == 1).value
        for place, name in enumerate(names):
            mixed = rows[some].copy()
            mixed[:, place] = rng.permutation(mixed[:, place])
            importance.append((name, whole - area(model.predict_proba(mixed)[:, 1], truth[some] == 1).value))
        importance.sort(key=lambda pair: -pair[1])
    return Told(estimate, int(model.n_iter_), importance)


def area(score: np.ndarray, real: np.ndarray) -> Estimate:
    """Area under the ROC curve with DeLong's interval (DeLong et al., 1988, Biometrics 44, 837-845).

    Computed from midranks (Sun and Xu, 2014, doi:10.1109/LSP.2014.2337313).
    """
    hits, misses = score[real], score[~real]
    m, n = len(hits), len(misses)
    both = _midranks(np.concatenate([hits, misses]))
    value = float((both[:m].sum() - m * (m + 1) / 2) / (m * n))
    above = (both[:m] - _midranks(hits)) / n
    below = 1 - (both[m:] - _midranks(misses)) / m
    spread = 1.959964 * math.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return Estimate(
        value=value,
        low=value - spread,
        high=min(1.0, value + spread),
        n=m + n,
        clusters=m + n,
        method="DeLong, by person, held-out rows",
    )


def _midranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
