"""A map of opinions: where people stand by their votes, which groups they form, and whether the groups are
real.

As Polis does it (`projection`, then k-means with the silhouette choosing 2 to 5 groups), and then what Polis
does not say. K-means finds groups in anything, so three questions are asked of each map:

- **Is there structure?** Votes are shuffled among those who voted on a statement: who saw what and how each
  statement fared stay, what goes together is lost. The map's silhouette must beat those of the shuffled
  tables.
- **Are there groups, or one long cloud cut in two?** Everybody keeps their distance from the middle (in units
  of spread along each axis) and gets a new direction: one round cloud of the same width and the same tails.
  Again the silhouette must beat it. A cloud that is cut is still a direction in which people differ, but
  nobody's camp.
- **Would other people have given the same groups?** People are drawn anew, plane and groups found again, and
  everybody placed in them; the adjusted Rand index says how far the two groupings agree.

People with fewer than `least` votes are placed and belong to no group, as in Polis (7 there).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.bridging._table import checked_votes, known
from populace.pluralism.bridging.clusters import adjusted_rand, kmeans, nearest
from populace.pluralism.bridging.nulls import STARTS, clouds, group, shuffled
from populace.pluralism.bridging.projection import Plane, VoteTable
from populace.stats import Estimate
from populace.stats._arrays import Floats, Ints
from populace.streams import stream

__all__ = ["OpinionMap", "opinion_map"]

_BEYOND = 0.05
"""Share of null maps that may be as clear as the real one before a warning is given."""
_STEADY = 0.75
"""Mean agreement of regroupings below which a warning is given. A line of ours, not a law."""


class OpinionMap(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everybody's place, their groups, and what is known of how real both are."""

    places: Floats
    """Shape (people, 2); nan for who cast no vote."""
    groups: Ints
    """Group of each person, the largest 0; -1 for who voted too little."""
    k: int
    """Number of groups."""
    centres: Floats
    """Shape (k, 2)."""
    plane: Plane
    """Mean votes, axes (loadings of statements) and the share of variance that each explains."""
    cast: Ints
    """Votes that each person cast."""
    silhouettes: dict[int, float]
    """Number of groups -> mean silhouette, from -1 to 1."""
    silhouette: Estimate
    """That of the map. It has no interval: what it is to be held against are the two nulls."""
    stability: Estimate
    """Mean adjusted Rand index of groupings by people drawn anew, and where 95 % of them lie."""
    shuffled: tuple[float, ...]
    """Best silhouettes of maps of shuffled votes; -1 where no groups could be made."""
    cloud: tuple[float, ...]
    """Best silhouettes of one round cloud of the same width and tails."""
    settings: dict[str, float]
    """`least`, `resamples`, `nulls`, `seed`."""
    warnings: tuple[str, ...]
    """What makes the groups doubtful."""

    @property
    def coordinates(self) -> Floats:
        """The places."""
        return self.places

    def chance(self, null: str = "shuffled") -> float:
        """Return the share of maps of a null (`shuffled`, `cloud`) as clear as this one, itself counted."""
        known("null", null, ("shuffled", "cloud"))
        drawn = np.array(self.shuffled if null == "shuffled" else self.cloud)
        return (
            (1 + int((drawn >= self.silhouettes[self.k]).sum())) / (1 + len(drawn)) if len(drawn) else np.nan
        )


def opinion_map(
    votes: npt.ArrayLike,
    *,
    groups: int | Sequence[int] = (2, 3, 4, 5),
    least: int = 7,
    resamples: int = 50,
    nulls: int = 50,
    seed: int = 0,
) -> OpinionMap:
    """Map people by their votes, group them, and test the groups.

    Parameters
    ----------
    votes
        Shape (people, statements): 1 agree, -1 disagree, 0 pass, nan no vote.
    groups
        Numbers of groups to choose from by the silhouette, the smaller of equally good ones; Polis tries 2 to
        5. Tried are at most 2 + people / 12, as there.
    least
        Votes to be put in a group; all of them where there are fewer statements.
    resamples, nulls
        People drawn anew, and maps of each null. 0 leaves the question unasked (and the answer undefined).
    seed
        Of the starts of k-means, the resamples and the nulls.

    Raises
    ------
    DataError
        If the table holds anything but votes, all vote alike, or fewer than 4 people voted often enough.

    Notes
    -----
    Silhouettes are of the two coordinates. Axes have no sign of their own; here the largest loading of each
    is positive. Statements without a vote are no part of anything.

    Examples
    --------
    Two camps of twenty on twelve statements, who voted on two thirds of them:

    >>> rng = np.random.default_rng(1)
    >>> camp = np.repeat([1.0, -1.0], 20)[:, None] * np.where(np.arange(12) % 2, 1.0, -1.0)
    >>> votes = np.where(rng.random((40, 12)) < 0.1, -camp, camp)
    >>> votes[rng.random((40, 12)) < 1 / 3] = np.nan
    >>> found = opinion_map(votes, least=5, resamples=20, nulls=20)
    >>> found.k, np.bincount(found.groups[found.groups >= 0]).tolist(), found.warnings
    (2, [19, 19], ())
    """
    table = checked_votes(votes)
    tally = VoteTable(table)
    often = tally.cast >= max(1, min(least, int(tally.seen.any(axis=0).sum())))
    sizes = _sizes(groups, int(often.sum()), least)
    plane = tally.plane()
    places = tally.places(plane)
    points = places[often]
    labels, centres, scores = group(points, sizes, stream(seed, "bridging.kmeans"), 10)
    k = len(centres)
    agreed = _resampled(tally, often, labels, centres, resamples, seed)
    dealt = shuffled(table, often, sizes, nulls, seed)
    turned = clouds(points, sizes, nulls, seed)
    people = len(points)
    found = OpinionMap(
        places=places,
        groups=_spread_out(labels, often),
        k=k,
        centres=centres,
        plane=plane,
        cast=tally.cast.astype(np.int64),
        silhouettes=scores,
        silhouette=Estimate(
            value=scores[k],
            low=np.nan,
            high=np.nan,
            n=people,
            clusters=people,
            method="no interval: see the nulls",
        ),
        stability=_stability(agreed, people, seed),
        shuffled=tuple(dealt.tolist()),
        cloud=tuple(turned.tolist()),
        settings={"least": least, "resamples": resamples, "nulls": nulls, "seed": seed},
        warnings=(),
    )
    return msgspec.structs.replace(found, warnings=_warnings(found, tally, int(np.isnan(agreed).sum())))


def _sizes(groups: int | Sequence[int], people: int, least: int) -> list[int]:
    if people < 4:
        raise DataError(
            f"{people} people cast {least} votes or more", fix="ask for fewer votes, or collect more of them"
        )
    given: list[object] = list(groups) if isinstance(groups, Iterable) else [groups]
    asked = sorted({int(k) for k in given if isinstance(k, Integral)})
    if not all(isinstance(k, Integral) for k in given):
        raise DataError(f"{groups!r} are no numbers of groups", fix="give whole numbers, such as (2, 3)")
    if not asked or asked[0] < 2:
        raise DataError("a map has two groups or more", fix="ask for 2 to 5 groups")
    most = min(2 + people // 12, people - 1)
    return [k for k in asked if k <= most] or asked[:1]


def _resampled(
    tally: VoteTable, often: npt.NDArray[np.bool_], labels: Ints, centres: Floats, draws: int, seed: int
) -> Floats:
    """Find plane and groups of people drawn anew, and put everybody in them; nan where there are none."""
    rng = stream(seed, "bridging.resample")
    people = tally.votes.shape[0]
    agreed = np.full(draws, np.nan)
    for n in range(draws):
        weights = rng.multinomial(people, np.full(people, 1 / people)).astype(np.float64)
        try:
            places = tally.places(tally.plane(weights))[often]
        except DataError:
            continue  # those drawn vote alike on everything
        drawn = np.repeat(places, weights[often].astype(np.int64), axis=0)
        if len(np.unique(drawn, axis=0)) < len(centres):
            continue
        _, middles = kmeans(drawn, len(centres), rng, starts=STARTS)
        agreed[n] = adjusted_rand(labels, nearest(places, middles))
    return agreed


def _spread_out(labels: Ints, often: npt.NDArray[np.bool_]) -> Ints:
    groups = np.full(len(often), -1, dtype=np.int64)
    groups[often] = labels
    return groups


def _stability(drawn: Floats, people: int, seed: int) -> Estimate:
    """Give the mean of the agreements, and the middle 95 % of them."""
    kept = drawn[~np.isnan(drawn)]
    if not len(kept):
        why = "no resample had groups" if len(drawn) else "nobody was drawn anew"
        method = f"no interval: {why}"
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=people, clusters=people, method=method)
    low, high = np.quantile(kept, [0.025, 0.975])
    method = (
        f"adjusted Rand index with the groups of the map: {len(kept)} resamples of people, middle 95 % of "
        f"them{f', {len(drawn) - len(kept)} without groups left out' if len(kept) < len(drawn) else ''}"
    )
    return Estimate(
        value=float(kept.mean()),
        low=float(low),
        high=float(high),
        n=people,
        clusters=people,
        method=method,
        seed=seed,
    )


def _warnings(found: OpinionMap, tally: VoteTable, lost: int) -> tuple[str, ...]:
    said: list[str] = []
    if lost:
        said.append(
            f"{lost:,} of {found.settings['resamples']:,} resamples of people had no plane or too few "
            "different votes, and say nothing of stability"
        )
    if found.shuffled and found.chance("shuffled") > _BEYOND:
        said.append(
            f"no more structure than in shuffled votes: {found.chance('shuffled'):.0%} of shuffled tables "
            f"give groups as clear (silhouette {found.silhouettes[found.k]:.2f})"
        )
    if found.cloud and found.chance("cloud") > _BEYOND:
        said.append(
            f"groups are parts of one cloud: cutting a round cloud of this width gives a silhouette as high "
            f"in {found.chance('cloud'):.0%} of draws, so read the axes and not the camps"
        )
    if found.stability.value < _STEADY:
        said.append(
            f"groups change with the people drawn: adjusted Rand index {found.stability.value:.2f} "
            f"({found.stability.low:.2f} to {found.stability.high:.2f})"
        )
    small = np.bincount(found.groups[found.groups >= 0], minlength=found.k)
    if small.min() < 0.05 * small.sum():
        said.append(
            f"the smallest group holds {small.min():,} of {small.sum():,} people: outliers may make it"
        )
    dead = int((~tally.seen.any(axis=0)).sum())
    if dead:
        said.append(f"{dead:,} statements have no vote and are no part of the map")
    return tuple(said)
