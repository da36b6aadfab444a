"""Which traits go together: among the responses of a prompt, where a policy chooses between them."""

from __future__ import annotations

from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from populace.stats import Estimate, cluster_bootstrap

__all__ = ["HIGH", "Correlated", "correlations"]

HIGH = 0.9
"""Correlation from which two traits are called one: the weight between them then hardly matters."""


class Correlated(msgspec.Struct, frozen=True, kw_only=True):
    """Two traits, and how far they go together."""

    one: str
    other: str
    correlation: Estimate

    def __str__(self) -> str:
        return f"{self.one} and {self.other}: {self.correlation}"


def correlations(
    rewards: npt.ArrayLike, traits: tuple[str, ...], *, draws: int = 500, seed: int = 0
) -> list[Correlated]:
    """Give Pearson's correlation of each two traits within prompts, with intervals over prompts.

    What differs between prompts is taken out: no policy can choose its prompts.

    Parameters
    ----------
    rewards
        Shape (prompts, responses, traits), NaN where there is no response.

    Examples
    --------
    >>> same = np.random.default_rng(0).random((30, 5, 1)).repeat(2, axis=2)
    >>> print(correlations(same, ("wit", "tact"))[0])
    wit and tact: 1.000 [1.000, 1.000] (95 %, n=150, 30 clusters)
    """
    table = np.asarray(rewards, dtype=np.float64)
    there = ~np.isnan(table[:, :, 0])
    counts = there.sum(axis=1)[:, None, None]
    filled = np.where(there[:, :, None], table, 0.0)
    centred = np.where(there[:, :, None], filled - filled.sum(axis=1, keepdims=True) / counts, 0.0)
    products = np.einsum("prj,prk->pjk", centred, centred)
    found = []
    for one, other in combinations(range(len(traits)), 2):
        sums = np.stack([products[:, one, one], products[:, other, other], products[:, one, other]], axis=1)
        estimate = cluster_bootstrap(
            sums, _pearson, n=int(there.sum()), draws=draws, seed=seed, unit="prompt"
        )
        found.append(Correlated(one=traits[one], other=traits[other], correlation=estimate))
    return found


def _pearson(sums: np.ndarray) -> np.ndarray:
    size = np.sqrt(sums[:, 0] * sums[:, 1])
    return np.divide(sums[:, 2], size, out=np.full(len(sums), np.nan), where=size > 0)
