"""Grouping points, and maps that have no groups to find: shuffled votes, and one round cloud.

What each null keeps and what it loses is said in `mapping`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.bridging.clusters import kmeans, silhouettes
from populace.pluralism.bridging.projection import VoteTable
from populace.stats._arrays import Floats, Ints
from populace.streams import stream

__all__ = ["STARTS", "clouds", "group", "shuffled"]

STARTS = 3
"""Starts of k-means in a replicate, beside the centres found."""


def group(
    points: Floats, sizes: list[int], rng: np.random.Generator, starts: int
) -> tuple[Ints, Floats, dict[int, float]]:
    """Group points in every number of groups, and choose by the silhouette."""
    different = len(np.unique(points, axis=0))
    sizes = [k for k in sizes if k <= different] or sizes[:1]
    runs = [kmeans(points, k, rng, starts=starts) for k in sizes]
    scores = dict(zip(sizes, silhouettes(points, [labels for labels, _ in runs]), strict=True))
    best = max(sizes, key=lambda k: (scores[k], -k))
    return *runs[sizes.index(best)], scores


def shuffled(table: Floats, often: npt.NDArray[np.bool_], sizes: list[int], draws: int, seed: int) -> Floats:
    """Map votes shuffled among those who voted on each statement."""
    rng = stream(seed, "bridging.shuffled")
    best = np.empty(draws)
    tally = VoteTable(table)
    column = tally.votes.indices
    by_column = np.argsort(column, kind="stable")
    given = tally.votes.data[by_column]
    for n in range(draws):
        # Sorted by statement, and within it at random: a shuffle of every column at once.
        tally.votes.data[by_column] = given[np.argsort(column[by_column] + rng.random(len(given)))]
        points = tally.places(tally.plane())[often]
        best[n] = _clearest(points, sizes, rng)
    return best


def _clearest(points: Floats, sizes: list[int], rng: np.random.Generator) -> float:
    """Return the best silhouette of a null map, the least there is where all stand in one place."""
    try:
        return max(group(points, sizes, rng, STARTS)[2].values())
    except DataError:
        return -1.0


def clouds(points: Floats, sizes: list[int], draws: int, seed: int) -> Floats:
    """Turn everybody round the middle by an angle of their own, in units of spread."""
    rng = stream(seed, "bridging.cloud")
    middle = points.mean(axis=0)
    spread, turn = np.linalg.eigh(np.cov((points - middle).T))
    scale = np.sqrt(np.maximum(spread, 0))
    shape = turn * scale
    white = ((points - middle) @ turn) / np.where(scale > 0, scale, 1)
    radius = np.hypot(white[:, 0], white[:, 1])
    best = np.empty(draws)
    for n in range(draws):
        angle = rng.uniform(0, 2 * np.pi, len(points))
        round_cloud = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        best[n] = _clearest(round_cloud @ shape.T, sizes, rng)
    return best
