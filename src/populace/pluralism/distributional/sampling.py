"""What few answers do to a distance: it is never below zero, so the noise of both samples only adds to it.

Three corrections, none of which fits all metrics, and the floors that no model can be below.

- `analytic`: the second term of a Taylor series, for the Jensen-Shannon family. For the divergence f of p
from
  n answers and q from m draws the plug-in lies too high by (1/2) sum_i p_i (1 - p_i) f''_i / n and the same
  of q, which is (K - 1) / 8 (1/n + 1/m) nats where p = q (as Miller 1955 has it for the entropy).
- `jackknife` (Quenouille 1956): from what leaving one answer out changes. For any metric that is smooth where
  it is measured; total variation and W1 have a kink where p = q, and there it takes off too little.
- `noise`: the mean is taken for the root of a square and that of the noise (`populace.opinions.denoising`).
For
  distances, near p = q too; of the mean over questions only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.pluralism.distributional.conventions import Convention
from populace.pluralism.distributional.table import Table
from populace.stats._arrays import Bools, Floats

__all__ = ["Correct", "bias_of", "corrected", "expected_tv", "plug_in_bias", "sampled"]

Correct: TypeAlias = Literal["none", "analytic", "jackknife", "noise"]
Measure: TypeAlias = Callable[[Floats, Floats], Floats]
"""Model and human, shape (Q, G, K) -> (Q, G)."""


def plug_in_bias(options: int, respondents: float, draws: float = math.inf, base: float = math.e) -> float:
    """Give how far the Jensen-Shannon divergence of two samples of one distribution lies above 0.

    (K - 1) / 8 (1/n + 1/m) nats, to the first order in 1/n and 1/m.

    Examples
    --------
    >>> round(plug_in_bias(5, 100, 30), 5)  # 4 / 8 * (1/100 + 1/30)
    0.02167
    """
    return (options - 1) / 8 * (1 / respondents + 1 / draws) / math.log(base)


def expected_tv(p: Floats, draws: Floats) -> Floats:
    """Give the mean total variation of a distribution and so many draws of it, exactly.

    Half the sum of mean deviations of binomial shares, which de Moivre (1730) summed: with k = floor(np) + 1,
    E|X - np| = 2 k C(n, k) p^k (1 - p)^(n - k + 1).

    Parameters
    ----------
    p
        Shape (..., K).
    draws
        Shape (...), whole numbers from 1; nan gives nan.

    Examples
    --------
    One draw of a fair coin is always one half away.

    >>> expected_tv(np.array([0.5, 0.5]), np.array(1.0)).item()
    0.5
    """
    special: Any = import_module("scipy.special")
    gammaln, xlogy, xlog1py = special.gammaln, special.xlogy, special.xlog1py
    n = np.asarray(draws, dtype=np.float64)[..., None]
    k = np.minimum(np.floor(n * p) + 1, n)
    inner = (p > 0) & (p < 1)
    safe = np.where(inner, p, 0.5)
    logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, safe) + xlog1py(n - k + 1, -safe)
    spread = np.where(inner, 2 * k * np.exp(logs) / n, 0.0 * n)
    return np.asarray(spread.sum(axis=-1) / 2, dtype=np.float64)


def bias_of(how: Convention, correct: Correct, table: Table, measure: Measure) -> Floats:
    """Estimate by how much each cell lies too high, shape (Q, G); 0 for `none` and `noise`.

    Raises
    ------
    DataError
        If the correction does not fit the metric, or numbers of answers are not known.
    """
    if correct in ("none", "noise"):
        return np.zeros(table.model.shape[:2])
    if (np.isnan(table.respondents) & np.isnan(table.samples))[table.there].any():
        raise DataError(
            f"{correct} needs to know how many answers stand behind the shares",
            fix="give respondents=N (or counts=True), and samples=M where the model was sampled",
        )
    if correct == "analytic":
        if how.metric not in ("js_distance", "js_divergence", "js_similarity") or how.smoothing:
            raise DataError(
                f"there is no analytic correction of {how.name}", fix='take "jackknife" or "noise"'
            )
        return _taylor(table) / math.log(how.base or math.e)
    return _jackknife(table, measure)


def corrected(how: Convention, values: Floats, bias: Floats, correct: Correct) -> Floats:
    """Take the bias off: of a distance that is a root, off its square, which may not fall below 0."""
    if correct != "analytic" or how.metric == "js_divergence":
        return values - bias
    root = 1 - values if how.metric == "js_similarity" else values
    less = np.sqrt(np.maximum(root**2 - bias, 0.0))
    return 1 - less if how.metric == "js_similarity" else less


def sampled(rng: np.random.Generator, p: Floats, number: Floats) -> Floats:
    """Draw so many answers of each distribution, as shares; where the number is not known, p itself.

    Parameters
    ----------
    p
        Shape (Q, G, K), rows adding up to 1, or nan.
    number
        Shape (Q, G).
    """
    known = ~np.isnan(number) & ~np.isnan(p[..., 0])
    found = p.copy()
    if known.any():
        rows = p[known]
        n = np.maximum(np.rint(number[known]), 1).astype(np.int64)
        found[known] = rng.multinomial(n, rows / rows.sum(axis=1, keepdims=True)) / n[:, None]
    return found


def _taylor(table: Table) -> Floats:
    """Second-order bias of the Jensen-Shannon divergence, in nats."""
    middle = (table.model + table.human) / 2
    found = np.zeros(table.model.shape[:2])
    for side, number in ((table.human, table.respondents), (table.model, table.samples)):
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of options that nobody chose nothing is known: they count nothing, as in Miller and Madow.
            bent = np.where(side > 0, (1 - side) * (0.5 - side / (4 * middle)), 0.0)
        found += np.where(np.isnan(number), 0.0, bent.sum(axis=-1) / 2 / number)
    return np.where(table.there, found, np.nan)


def _jackknife(table: Table, measure: Measure) -> Floats:
    """Sum what both samples add: each answer of an option left out in turn, as often as it was given."""
    whole = measure(table.model, table.human)
    found = np.zeros(whole.shape)
    for model_side, number in ((False, table.respondents), (True, table.samples)):
        known: Bools = np.asarray(~np.isnan(number) & (number > 1), dtype=np.bool_)
        if not known.any():
            continue
        side = table.model if model_side else table.human
        n = np.where(known, number, 2.0)
        mean = np.zeros(whole.shape)
        for option in range(side.shape[2]):
            less = side * n[..., None]
            less[..., option] -= 1
            given = (side[..., option] * n >= 1 - 1e-9) & known
            left = np.where(given[..., None], np.maximum(less, 0.0) / (n - 1)[..., None], side)
            pair = (left, table.human) if model_side else (table.model, left)
            mean += np.where(given, side[..., option] * measure(*pair), 0.0)
            # A share of less than one answer (weights) is left as it is.
            mean += np.where(given, 0.0, side[..., option] * whole)
        found += np.where(known, (n - 1) * (mean - whole), 0.0)
    return np.where(table.there, found, np.nan)
