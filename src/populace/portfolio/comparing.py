"""Ways to choose members, side by side at one size and one budget, on the same people.

Each way sees the rewards and the people it chooses for, and is scored on people it did not see where such are
given. What a way costs is the number of weights that it has solved: for a table of candidates nothing, for
policies that must be trained first a training run each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.fairness import best_on_average, leave_nobody_behind
from populace.portfolio.minimum import spread_weights
from populace.portfolio.people import People, regrets_of, same_traits
from populace.portfolio.records import Kind
from populace.portfolio.service import Served, serve
from populace.portfolio.sizes import best_of_size
from populace.portfolio.tables import points_of
from populace.streams import stream

__all__ = ["CEILING", "Comparison", "Way", "compare_ways", "kmeans"]

CEILING = "one model a user"
_STARTS, _STEPS = 8, 60


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to choose, and what came of it."""

    name: str
    solved: int
    """Weights that were solved for it; 0 where it chose from the whole table."""
    served: Served
    """Of ways by lot, the draw whose mean regret is the median of all."""
    lots: tuple[float, ...] = ()
    """Of ways by lot: the mean regret of each draw, increasing."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Several ways to choose, at one size."""

    ways: tuple[Way, ...]
    size: int
    within: float
    held_out: bool
    """Whether people were scored that no way had seen."""

    def of(self, name: str) -> Way:
        """Give one way.

        Raises
        ------
        DataError
            If there is none of that name.
        """
        for way in self.ways:
            if way.name == name:
                return way
        raise DataError(
            f"there is no way {name!r}", fix=f"use one of {', '.join(each.name for each in self.ways)}"
        )

    def frame(self) -> Any:
        """Lay it out as a Polars table, a row a way."""
        import polars as pl

        rows = []
        for way in self.ways:
            found = way.served
            rows.append(
                {"way": way.name, "members": len(found.members), "solved": way.solved}
                | {"worst_regret": found.certificate.value}
                | {f"regret{end}": getattr(found.regret, at) for at, end in _ENDS}
                | {f"served{end}": getattr(found.share, at) for at, end in _ENDS}
                | {"worst_group": found.worst_group or None}
                | {
                    f"worst_group_regret{end}": getattr(found.worst, at) if found.worst else None
                    for at, end in _ENDS
                }
                | {f"diversity{end}": getattr(found.diversity, at) for at, end in _ENDS}
            )
        return pl.DataFrame(rows)


_ENDS = (("value", ""), ("low", "_low"), ("high", "_high"))


def compare_ways(
    rewards: Any,
    people: People,
    size: int,
    *,
    held_out: People | None = None,
    within: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    lots: int = 21,
    seconds: float = 30.0,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Choose members in every way, and count whom they serve.

    `one model` is the best single one for these people. `k-means`, `random` and `uniform` solve so many
    weights (centres of people, weights by lot, a lattice) and keep what is best at each, which may be fewer
    members. `greedy` adds members for the average; `average` is exact. `worst` has the least regret over all
    weights and sees no people. `leximin` is best for the group that is worst off (only with groups).
    `one model a user` is the ceiling: everybody's best candidate.

    Parameters
    ----------
    rewards
        Shape (candidates, traits).
    people
        For whom members are chosen, by survey weights.
    size
        Most members of each way, and weights that it may solve.
    held_out
        People on whom all ways are scored; those chosen for if None, which flatters ways that see people.
    lots
        How often the way by lot is drawn.

    Raises
    ------
    DataError
        If a table is broken, or people have other traits.
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> people = People.of([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9]])
    >>> found = compare_ways([[1, 0], [0, 1], [0.6, 0.6]], people, size=2, draws=200)
    >>> round(found.of("worst").served.certificate.value, 6), found.of("one model").served.members
    (0.1, (2,))
    """
    if size < 1 or lots < 1:
        raise ValueError("size and lots must be at least 1")
    points = points_of(rewards, cost, kind=kind)
    scored = people if held_out is None else held_out
    same_traits(points, people)
    same_traits(points, scored)
    settings = {"within": within, "kind": kind, "draws": draws, "level": level, "seed": seed}

    def told(name: str, members: Sequence[int], solved: int = 0, by: Sequence[float] = ()) -> Way:
        found = serve(points, members, scored, **settings)
        return Way(name=name, solved=solved, served=found, lots=tuple(by))

    regrets = regrets_of(points, people, kind)
    stand = people.survey / people.survey.sum()
    ways = [told("one model", _greedy(regrets, stand, 1))]
    for name, weights in _weights(people, size, seed).items():
        ways.append(told(name, best_at(points, weights), len(weights)))
    ways.append(_by_lot(points, scored, size, lots, kind, seed, told))
    ways.append(told("greedy", _greedy(regrets, stand, size)))
    average = best_on_average(points, people, size, kind=kind, seconds=seconds)
    ways.append(told("average", average.members))
    ways.append(told("worst", best_of_size(points, size, "worst", kind=kind, seconds=seconds).members))
    if people.groups:
        fair = leave_nobody_behind(points, people, size, kind=kind, seconds=seconds)
        ways.append(told("leximin", fair.members))
    ceiling = sorted(set(regrets_of(points, scored, kind).argmin(axis=1).tolist()))
    ways.append(told(CEILING, ceiling, len(scored)))
    return Comparison(ways=tuple(ways), size=size, within=within, held_out=held_out is not None)


def best_at(points: np.ndarray, weights: np.ndarray) -> list[int]:
    """Give the best candidate at each of some weights, each once, in the order of rows."""
    return sorted(set((weights @ points.T).argmax(axis=1).tolist()))


def kmeans(
    weights: np.ndarray, stand: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster people by their weights (Lloyd, from k-means++ starts): centres, and the cluster of each.

    Parameters
    ----------
    weights, stand
        Shapes (people, traits) and (people,), survey weights.

    Examples
    --------
    >>> table = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> kmeans(table, np.ones(3), 2, np.random.default_rng(0))[1].tolist() in ([0, 0, 1], [1, 1, 0])
    True
    """
    size = min(size, len(np.unique(weights[stand > 0], axis=0)))
    best, found = np.inf, (weights[:1], np.zeros(len(weights), dtype=np.int64))
    for _ in range(_STARTS):
        centres = weights[[rng.choice(len(weights), p=stand / stand.sum())]]
        while len(centres) < size:
            far = np.square(weights[:, None] - centres).sum(axis=2).min(axis=1) * stand
            centres = np.vstack([centres, weights[rng.choice(len(weights), p=far / far.sum())]])
        place = np.zeros(len(weights), dtype=np.int64)
        for _ in range(_STEPS):
            place = np.square(weights[:, None] - centres).sum(axis=2).argmin(axis=1)
            mass = np.bincount(place, stand, len(centres))
            sums = np.stack(
                [np.bincount(place, stand * column, len(centres)) for column in weights.T], axis=1
            )
            moved = np.divide(sums, mass[:, None], out=centres.copy(), where=mass[:, None] > 0)
            if np.array_equal(moved, centres):
                break
            centres = moved
        spread = float(stand @ np.square(weights - centres[place]).sum(axis=1))
        if spread < best - 1e-12:
            best, found = spread, (centres, place)
    return found


def _weights(people: People, size: int, seed: int) -> Mapping[str, np.ndarray]:
    """Give the weights that ways without a search solve."""
    centres, _ = kmeans(people.weights, people.survey, size, stream(seed, "portfolio.kmeans"))
    return {"k-means": centres, "uniform": even_weights(people.weights.shape[1], size)}


def even_weights(traits: int, count: int) -> np.ndarray:
    """Spread so many weights over the simplex: of a fine lattice, those farthest from each other.

    The first is the middle, then each time the one farthest from all so far; of equal ones the first.

    Examples
    --------
    >>> even_weights(2, 3).tolist()
    [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]
    """
    lattice = spread_weights(traits, 400)
    found = [np.full(traits, 1 / traits)]
    far = np.abs(lattice - found[0]).sum(axis=1)
    while len(found) < count:
        place = int(np.argmax(np.round(far, 12)))
        found.append(lattice[place])
        far = np.minimum(far, np.abs(lattice - lattice[place]).sum(axis=1))
    return np.array(found)


def _by_lot(
    points: np.ndarray,
    scored: People,
    size: int,
    lots: int,
    kind: Kind,
    seed: int,
    told: Callable[..., Way],
) -> Way:
    rng = stream(seed, "portfolio.random")
    regrets = regrets_of(points, scored, kind)
    stand = scored.survey / scored.survey.sum()
    drawn = [best_at(points, rng.dirichlet(np.ones(points.shape[1]), size)) for _ in range(lots)]
    means = [float(stand @ regrets[:, members].min(axis=1)) for members in drawn]
    middle = int(np.argsort(means, kind="stable")[(lots - 1) // 2])
    return told("random", drawn[middle], size, sorted(means))


def _greedy(regrets: np.ndarray, stand: np.ndarray, size: int) -> list[int]:
    """Add candidates that lower the mean regret most; of equal ones the first."""
    found: list[int] = []
    now = np.full(len(regrets), np.inf)
    for _ in range(min(size, regrets.shape[1])):
        means = stand @ np.minimum(now[:, None], regrets)
        column = int(np.argmin(means))
        if found and means[column] >= stand @ now - 1e-15:
            break
        found.append(column)
        now = np.minimum(now, regrets[:, column])
    return found
