"""How far apart two personas are, and pairs of them drawn near, in the middle and far.

The distance is Gower's (1971, Biometrics 27, doi:10.2307/2528823) over the attributes that both have: 0 or 1
for categories, the steps between two levels over the steps there are for ordered ones, the difference of
ranks over the largest one for numbers. Written texts are left out: two of them nearly always differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import StudyError
from populace.personas.schema import ATTRIBUTES
from populace.streams import stream

__all__ = ["GROUPS", "apart", "pairs_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
GROUPS = {"near": (0.0, 0.1), "middle": (0.45, 0.55), "far": (0.9, 1.0)}
"""Group -> share of all pairs, from the nearest to the farthest, between which its pairs lie."""
_MOST = 1_000_000
"""Pairs looked at; of more, so many are drawn."""


def apart(people: pl.DataFrame, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Give the distance of each pair, from 0 to 1; nan where nothing is known of both.

    Parameters
    ----------
    people
        Columns of the schema; those that are absent are left out.
    first, second
        Rows of the two people of each pair.

    Examples
    --------
    >>> three = pl.DataFrame({"sex": ["Male", "Male", "Female"], "openness": ["Low", "High", None]})
    >>> apart(three, [0, 0], [1, 2]).tolist()  # half of four steps of openness, and no difference of sex
    [0.25, 1.0]
    """
    one, other = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    total, known = np.zeros(len(one)), np.zeros(len(one))
    for values, ordered in _coordinates(people):
        step = np.abs(values[one] - values[other])
        both = ~np.isnan(step)
        known += both
        total[both] += step[both] if ordered else step[both] != 0
    return np.divide(total, known, out=np.full(len(one), np.nan), where=known > 0)


def pairs_of(
    people: pl.DataFrame, count: int, seed: int, candidates: tuple[Ints, Ints] | None = None
) -> pl.DataFrame:
    """Draw pairs of people from each group of distances, using everybody as evenly as the group allows.

    Parameters
    ----------
    candidates
        Rows of the two people of each pair that may be drawn; all pairs by default.

    Returns
    -------
    `first`, `second` (rows of `people`), `distance`, `group`, `candidate` (its number); `count` rows, as even
    over groups as can be.

    Raises
    ------
    StudyError
        If there are fewer than three people, or a group has fewer pairs than wanted.
    """
    if people.height < 3:
        raise StudyError(f"no pairs can be drawn from {people.height} personas", fix="give at least three")
    rng = stream(seed, "bench.apart")
    one, other = _every_pair(people.height, rng) if candidates is None else candidates
    distance = apart(people, one, other)
    # Of pairs equally far apart, chance decides which are nearer; those at no known distance are last.
    order = np.lexsort((rng.permutation(len(distance)), distance))
    order = order[: len(distance) - np.isnan(distance).sum()]
    parts = []
    for place, (group, (low, high)) in enumerate(GROUPS.items()):
        wanted = count // len(GROUPS) + (place < count % len(GROUPS))
        band = order[int(low * len(order)) : max(int(np.ceil(high * len(order))), 1)]
        chosen = np.array([*islice(_evenly(rng.permutation(band), one, other), wanted)], dtype=np.int64)
        if len(chosen) < wanted:
            raise StudyError(
                f"{wanted} {group} pairs are wanted, and {people.height} personas have {len(band)}",
                fix="ask for fewer items, or give more personas",
            )
        # Whose answer is asked about first is no matter of the order of rows.
        turned = rng.random(wanted) < 0.5
        parts.append(
            pl.DataFrame(
                {
                    "first": np.where(turned, other[chosen], one[chosen]),
                    "second": np.where(turned, one[chosen], other[chosen]),
                    "distance": distance[chosen],
                    "group": pl.Series([group] * wanted, dtype=pl.String),
                    "candidate": chosen,
                }
            )
        )
    return pl.concat(parts)


def _coordinates(people: pl.DataFrame) -> Iterator[tuple[Floats, bool]]:
    """Each attribute as numbers, nan where missing, and whether their differences mean something."""
    for each in ATTRIBUTES:
        if each.kind == "text" or each.name not in people.columns:
            continue
        column = people[each.name]
        if column.null_count() == len(column):
            continue
        if each.ordered:
            levels = {value: step / (len(each.values) - 1) for step, value in enumerate(each.values)}
            yield column.replace_strict(levels, return_dtype=pl.Float64).to_numpy(), True
        elif each.kind == "category":
            codes = column.rank("dense").cast(pl.Float64)
            yield codes.to_numpy(), False
        else:
            ranks = column.rank("average").cast(pl.Float64)
            span = (len(column) - column.null_count() - 1) or 1
            yield (ranks / span).to_numpy(), True


def _every_pair(people: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    if people * (people - 1) // 2 <= _MOST:
        one, other = np.triu_indices(people, 1)
        return one.astype(np.int64), other.astype(np.int64)
    drawn = rng.integers(0, people, (_MOST, 2))
    drawn = np.unique(np.sort(drawn[drawn[:, 0] != drawn[:, 1]], axis=1), axis=0)
    return drawn[:, 0], drawn[:, 1]


def _evenly(band: Ints, one: Ints, other: Ints) -> Iterator[int]:
    """Pass over the pairs again and again, each time allowing everybody one pair more."""
    used: dict[int, int] = {}
    left, most = band.tolist(), 1
    while left:
        later = []
        for pair in left:
            ends = int(one[pair]), int(other[pair])
            if all(used.get(end, 0) < most for end in ends):
                used |= {end: used.get(end, 0) + 1 for end in ends}
                yield pair
            else:
                later.append(pair)
        left, most = later, most + 1
