"""What all groups agree on, and what sets one group apart: the two lists that Polis shows beside its map.

Shares are smoothed as there, P_v(g) = (1 + votes v of group g) / (2 + all its votes on the statement): a
group that never saw a statement counts 1/2, so look at `fewest` before believing a consensus.

Intervals are of the product (root, minimum) of the groups' true shares, given how many of each voted and how.
People drawn anew would not do: a group that agrees to the last vote agrees in every resample, however few
they are. Instead the groups' Clopper-Pearson intervals are melded (Fay, Proschan and Brittain 2015, for two
samples; as many as there are groups here): the lower end is a quantile of the product of Beta(n, m - n + 1),
the upper one of Beta(n + 1, m - n), of n votes among m. They hold the truth at least as often as they say.

Conventions of group-informed consensus differ. `product`, the product of P_agree(g) over groups, is Polis'
own (`group-aware-consensus`) and that of red-dwarf 0.4.0 as released; it falls with the number of groups, so
two conversations cannot be compared by it. `geometric_mean`, its root, can; it orders one conversation alike.

Groups that were found in these same votes differ on them by construction. The tests below are Polis' own and
know nothing of that, nor of how many statements are tried: they order statements and prove nothing.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.pluralism.bridging._table import checked_groups, checked_level, checked_votes, known
from populace.stats._arrays import Floats, Ints
from populace.streams import stream

__all__ = [
    "Consensus",
    "group_informed_consensus",
    "lowest_group_approval",
    "representative",
    "representativeness",
]

Combine: TypeAlias = Literal["product", "geometric_mean", "minimum"]
_SIGNIFICANT = 1.2816
"""Polis' line: one-sided 90 %."""


class Consensus(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """How far all groups agree on each statement."""

    table: pl.DataFrame
    """A row a statement, in its order: `statement`, `value`, `low`, `high`, the smoothed share of each group
    (`group 0`, ...), `fewest` (votes of the group that voted least) and `votes`."""
    convention: str
    """How the shares of groups are put together."""
    vote: int
    """1: consensus to agree; -1: to disagree."""
    method: str
    """How the intervals were made."""
    seed: int

    def top(self, most: int = 5, fewest: int = 1) -> pl.DataFrame:
        """Return the statements of highest value that every group cast `fewest` votes on."""
        kept = self.table.filter(pl.col("fewest") >= fewest)
        return kept.sort("value", descending=True, maintain_order=True).head(most)


def group_informed_consensus(
    votes: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    combine: Combine = "product",
    vote: Literal[1, -1] = 1,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Consensus:
    """Return how far all groups agree on each statement (Small et al. 2021).

    Parameters
    ----------
    votes
        Shape (people, statements): 1 agree, -1 disagree, 0 pass, nan no vote.
    groups
        Group of each person, -1 or nan in none; shape (people,).
    combine
        `product` (Polis), `geometric_mean`, or `minimum`, the share of the group that agrees least.
    vote
        Consensus to agree (1) or to disagree (-1).
    draws, level, seed
        Of the intervals (see the module). Of the `minimum` no draws are needed: it reaches from the lowest
        lower end of the groups to their lowest upper end, this with the error shared out among them
        (Bonferroni), since which group is lowest was found in the same votes. Groups are taken as given: what
        the grouping itself leaves open is not in the interval. A statement that a group never voted on has
        none.

    Raises
    ------
    DataError
        If votes or groups are none.

    Examples
    --------
    Group 0 agrees 2 of 2 times, (1 + 2) / (2 + 2); group 1 once in 3, (1 + 1) / (2 + 3).

    >>> found = group_informed_consensus([[1], [1], [1], [-1], [0]], [0, 0, 1, 1, 1])
    >>> round(found.table["value"][0], 6)
    0.3
    """
    known("combine", combine, get_args(Combine))
    known("vote", vote, (1, -1))
    table = checked_votes(votes)
    coded, labels = checked_groups(groups, len(table))
    parts = [table[coded == group] for group in range(len(labels))]
    chosen = np.stack([(part == vote).sum(axis=0) for part in parts])
    cast = np.stack([_voted(part) for part in parts])
    shares = _smoothed(chosen, cast)
    value = _combine(shares, combine)
    low, high = _interval(chosen, cast, combine, draws, checked_level(level), seed)
    # A group that never voted has no share to be sure of.
    low, high = (np.where(cast.min(axis=0) > 0, end, np.nan) for end in (low, high))
    columns: dict[str, object] = {"statement": np.arange(table.shape[1])}
    columns |= {"value": value, "low": low, "high": high}
    columns |= {f"group {label}": share for label, share in zip(labels.tolist(), shares, strict=True)}
    frame = pl.DataFrame(columns | {"fewest": cast.min(axis=0), "votes": cast.sum(axis=0)})
    how = "lowest ends, Bonferroni" if combine == "minimum" else f"melded, {draws} draws"
    method = f"Clopper-Pearson intervals of groups, {how}; groups taken as given"
    if draws < 1:
        method = "no interval"
    return Consensus(table=frame, convention=combine, vote=vote, method=method, seed=seed)


def lowest_group_approval(
    votes: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Consensus:
    """Return the smoothed share of the group that agrees least with each statement.

    Examples
    --------
    >>> found = lowest_group_approval([[1], [1], [1], [-1], [0]], [0, 0, 1, 1, 1])
    >>> found.table["value"][0]
    0.4
    """
    return group_informed_consensus(votes, groups, combine="minimum", draws=draws, level=level, seed=seed)


def representativeness(votes: npt.ArrayLike, groups: npt.ArrayLike) -> pl.DataFrame:
    """Compare each group's votes on each statement with those of everybody in another group.

    A row a group, statement and vote: `group`, `statement`, `vote` (1, -1), `n` of `of` votes, `share`
    P_v(g), `elsewhere` P_v of the others, `ratio` of the two, `share_z` and `ratio_z` (Polis' tests of the
    share against 1/2 and against the others, every count raised by one), and `clear`, where both z exceed
    1.2816.

    Raises
    ------
    DataError
        If votes or groups are none.

    Examples
    --------
    2 of 2 against 1 of 3: (3/4) / (2/5); and z = (3/3 - 2/4) / sqrt(5/7 (1 - 5/7) (1/3 + 1/4)).

    >>> table = representativeness([[1], [1], [1], [-1], [0]], [0, 0, 1, 1, 1])
    >>> row = table.row(0, named=True)
    >>> row["n"], row["of"], round(row["ratio"], 4), round(row["ratio_z"], 4)
    (2, 2, 1.875, 1.4491)
    """
    table = checked_votes(votes)
    coded, labels = checked_groups(groups, len(table))
    frames: list[pl.DataFrame] = []
    for place, label in enumerate(labels):
        inside, outside = table[coded == place], table[(coded >= 0) & (coded != place)]
        frames += [
            _compared(inside, outside, vote).with_columns(group=pl.lit(int(label), dtype=pl.Int64))
            for vote in (1, -1)
        ]
    order = ["group", "statement", "vote", "n", "of", "share", "elsewhere", "ratio", "share_z", "ratio_z"]
    return (
        pl.concat(frames)
        .with_columns(clear=(pl.col("share_z") > _SIGNIFICANT) & (pl.col("ratio_z") > _SIGNIFICANT))
        .select(*order, "clear")
    )


def representative(
    votes: npt.ArrayLike, groups: npt.ArrayLike, *, most: int = 5, least: int = 1
) -> pl.DataFrame:
    """Return the statements that most set each group apart, with the vote that does.

    Ordered, as in Polis, by ratio x ratio_z x share x share_z among those that are `clear`; a group without
    any gets the one of highest ratio_z, marked by `clear` false. Of a statement the vote of higher ratio_z
    counts.

    Parameters
    ----------
    most
        Statements a group.
    least
        Votes on a statement in the group and among the others, for it to be listed.

    Examples
    --------
    >>> votes = np.array([[1, 1], [1, 1], [1, -1], [-1, 1], [-1, 1], [-1, 1]])
    >>> representative(votes, [0, 0, 0, 1, 1, 1]).select("group", "statement", "vote").rows()
    [(0, 0, 1), (1, 0, -1)]
    """
    table = checked_votes(votes)
    coded, labels = checked_groups(groups, len(table))
    seen = ~np.isnan(table) & (coded >= 0)[:, None]
    everywhere = pl.DataFrame({"all": seen.sum(axis=0, dtype=np.int64)}).with_row_index("statement")
    everywhere = everywhere.cast({"statement": pl.Int64})
    found = (
        representativeness(table, np.where(coded >= 0, labels[coded], -1))
        .join(everywhere, on="statement")
        .filter((pl.col("of") >= least) & (pl.col("all") - pl.col("of") >= least))
        .filter(pl.col("ratio_z") == pl.col("ratio_z").max().over("group", "statement"))
        .unique(["group", "statement"], keep="first", maintain_order=True)
        .with_columns(weight=pl.col("ratio") * pl.col("ratio_z") * pl.col("share") * pl.col("share_z"))
    )
    clear = found.filter("clear").sort(["group", "weight"], descending=[False, True], maintain_order=True)
    lacking = found.join(clear, on="group", how="anti").sort("ratio_z", descending=True, maintain_order=True)
    first = lacking.group_by("group", maintain_order=True).head(1)
    kept = clear.group_by("group", maintain_order=True).head(most)
    return pl.concat([kept, first.select(kept.columns)]).sort("group", maintain_order=True).drop("all")


def _voted(part: Floats) -> Ints:
    return (~np.isnan(part)).sum(axis=0)


def _smoothed(count: npt.ArrayLike, of: npt.ArrayLike) -> Floats:
    return (1 + np.asarray(count, dtype=np.float64)) / (2 + np.asarray(of, dtype=np.float64))


def _combine(shares: Floats, how: Combine) -> Floats:
    """Put the shares of groups, along the first axis, together."""
    if how == "minimum":
        return shares.min(axis=0)
    product = shares.prod(axis=0)
    return product if how == "product" else product ** (1 / len(shares))


def _interval(
    chosen: Ints, cast: Ints, combine: Combine, draws: int, level: float, seed: int
) -> tuple[Floats, Floats]:
    """Meld the Clopper-Pearson intervals of groups; counts by group and statement."""
    if draws < 1:
        empty = np.full(chosen.shape[1], np.nan)
        return empty, empty
    tail = (1 - level) / 2
    if combine == "minimum":
        special: Any = importlib.import_module("scipy.special")
        low = special.betaincinv(np.maximum(chosen, 1), cast - chosen + 1, tail)
        high = special.betaincinv(chosen + 1, np.maximum(cast - chosen, 1), 1 - tail / len(chosen))
        return np.where(chosen > 0, low, 0).min(axis=0), np.where(chosen < cast, high, 1).min(axis=0)
    ends: list[Floats] = []
    for lower in (True, False):
        drawn = np.ones((draws, chosen.shape[1]))
        for place, (n, rest) in enumerate(zip(chosen, cast - chosen, strict=True)):
            rng = stream(seed, "bridging.consensus", place)
            if lower:
                drawn *= np.where(n > 0, rng.beta(np.maximum(n, 1), rest + 1, drawn.shape), 0.0)
            else:
                drawn *= np.where(rest > 0, rng.beta(n + 1, np.maximum(rest, 1), drawn.shape), 1.0)
        ends.append(np.quantile(drawn, tail if lower else 1 - tail, axis=0))
    root = 1 / len(chosen) if combine == "geometric_mean" else 1.0
    return ends[0] ** root, ends[1] ** root


def _compared(inside: Floats, outside: Floats, vote: int) -> pl.DataFrame:
    n, of, n_out, of_out = (
        each.astype(np.float64)
        for part in (inside, outside)
        for each in ((part == vote).sum(axis=0), _voted(part))
    )
    share, elsewhere = _smoothed(n, of), _smoothed(n_out, of_out)
    # As Polis tests them, each count and each size raised by one.
    pooled = (n + n_out + 2) / (of + of_out + 2)
    error = np.sqrt(pooled * (1 - pooled) * (1 / (of + 1) + 1 / (of_out + 1)))
    difference = (n + 1) / (of + 1) - (n_out + 1) / (of_out + 1)
    ratio_z = np.divide(difference, error, out=np.zeros(len(n)), where=error > 0)
    return pl.DataFrame(
        {
            "statement": np.arange(len(n)),
            "vote": np.full(len(n), vote),
            "n": n.astype(np.int64),
            "of": of.astype(np.int64),
            "share": share,
            "elsewhere": elsewhere,
            "ratio": share / elsewhere,
            "share_z": 2 * np.sqrt(of + 1) * ((n + 1) / (of + 1) - 0.5),
            "ratio_z": ratio_z,
        }
    )
