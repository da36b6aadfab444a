"""pass@k: the chance that at least one of k independent tries succeeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats
from populace.stats.estimate import Estimate
from populace.stats.means import mean

__all__ = ["estimate_pass_at_k", "pass_at_k"]


def pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, k: npt.ArrayLike) -> Floats:
    """Return the unbiased estimate of pass@k from n tries of which c succeeded.

    1 - C(n - c, k) / C(n, k), as a product (Chen et al. 2021, arXiv:2107.03374, equation 1), so that no
    binomial overflows. The plug-in 1 - (1 - c/n)^k is biased downward.

    Parameters
    ----------
    n, c, k
        Tries, successes (0 to n) and tries allowed (1 to n): whole numbers of any shapes that
        broadcast. Give `k` an axis of its own for a curve.

    Returns
    -------
    Shape of the broadcast.

    Raises
    ------
    DataError
        If a number is not whole or out of range. An item with fewer than k tries is
        incomplete: report it, do not score it.

    Examples
    --------
    >>> pass_at_k(5, 2, 3).item()  # 1 - C(3,3)/C(5,3) = 1 - 1/10
    0.9
    >>> pass_at_k([4, 4], [0, 1], [[1], [2]]).tolist()
    [[0.0, 0.25], [0.0, 0.5]]
    """
    tries, successes, allowed = np.broadcast_arrays(_whole("n", n), _whole("c", c), _whole("k", k))
    if (allowed < 1).any() or (allowed > tries).any():
        raise DataError("`k` must lie between 1 and `n`", fix="leave out items with fewer than k tries")
    if (successes < 0).any() or (successes > tries).any():
        raise DataError("`c` must lie between 0 and `n`")
    misses = np.ones(tries.shape)
    for drawn in range(int(allowed.max(initial=0))):
        going_on = drawn < allowed
        # Where failures run out before the k tries do, one factor is zero, and so the product.
        misses *= np.where(going_on, (tries - successes - drawn) / np.where(going_on, tries - drawn, 1), 1)
    return 1 - misses


def estimate_pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    k: int,
    clusters: npt.ArrayLike | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate mean pass@k over items; `n` of the estimate counts items, not tries.

    Parameters
    ----------
    n, c
        Tries and successes of each item, shape (items,); `n` may be one number for all.
    k
        Tries allowed.
    clusters
        Cluster of each item, usually the persona; None resamples items.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        As `pass_at_k`, or if lengths differ.

    Examples
    --------
    >>> estimate_pass_at_k(4, [0, 1, 4], 2).value  # (0 + 1/2 + 1) / 3
    0.5
    """
    return mean(pass_at_k(n, c, k), clusters, draws=draws, seed=seed, level=level)


def _whole(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all() or (array != np.floor(array)).any():
        raise DataError(f"`{name}` must be whole numbers")
    return array.astype(np.int64)
