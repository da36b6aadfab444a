"""Items that say nearly the same.

Surveys hold recodes of one question (party in three and in seven steps) and batteries of almost equal
sentences. A prediction of one from the other shows nothing. Two items are twins where, among training
respondents,

- their association, Cramér's V corrected for its bias, is above 0.7; or
- they are ordinal with the same options, and their rank correlation, weighted, is beyond 0.8 either way; or
- they have the same options, and people choose the same one: Cohen's kappa, weighted, is above 0.6; or
- the codebook says so (`twins` of an item).

The same question asked twice in one interview has a V of 0.6 where it has four options: V alone would miss
it. Twins never tell of each other, and in a curated table one item of each group stays.

References
----------
Bergsma (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical
Society 42. Cohen (1960). A coefficient of agreement for nominal scales. Educational and Psychological
Measurement 20.
"""

from __future__ import annotations

import numpy as np

from populace.opinions.measures import weighted_ranks
from populace.opinions.table import NONE, Opinions

__all__ = ["association", "curated", "hidden_twins", "twins"]

_THRESHOLD = 0.7
_RANKS = 0.8
_KAPPA = 0.6
_FEWEST = 30
"""Respondents who must have answered both items; of fewer nothing is said."""


def association(opinions: Opinions, *, fewest: int = _FEWEST) -> np.ndarray:
    r"""Cramér's V of every pair of items, corrected for bias, unweighted.

    With :math:`\varphi^2 = \chi^2 / n` of the r × c table of those who answered both,
    :math:`\tilde\varphi^2 = \max(0, \varphi^2 - (r-1)(c-1)/(n-1))`, :math:`\tilde r = r - (r-1)^2/(n-1)` and
    :math:`\tilde V = \sqrt{\tilde\varphi^2 / (\min(\tilde r, \tilde c) - 1)}`.
    Options that nobody of those chose are no rows.

    Parameters
    ----------
    opinions
        Training respondents.
    fewest
        Respondents that a pair needs.

    Returns
    -------
    Shape (M, M), 0 to 1; nan for pairs with too few respondents or where one item does not vary; 1 on the
    diagonal.
    """
    hot, there = opinions.one_hot().astype(np.float32), opinions.answered.astype(np.float32)
    starts, sizes = opinions.starts[:-1], opinions.sizes
    both = there.T @ there
    count = len(starts)
    found = np.full((count, count), np.nan)
    totals = hot.T @ there
    # One item's rows at a time keep the table of all pairs of options out of memory.
    for item in range(count):
        first = slice(starts[item], starts[item] + sizes[item])
        joint = (hot[:, first].T @ hot).astype(np.float64)
        found[item] = _one_against_all(joint, totals[first].astype(np.float64), starts, sizes, both[item])
    found[both < fewest] = np.nan
    np.fill_diagonal(found, 1.0)
    return found


def _one_against_all(
    joint: np.ndarray, rows: np.ndarray, starts: np.ndarray, sizes: np.ndarray, both: np.ndarray
) -> np.ndarray:
    """Corrected V of one item with all.

    `joint` (r, K) counts its options beside all options, `rows` (r, M) where each other item was answered.
    """
    columns = joint.sum(axis=0)
    expected = np.repeat(rows, sizes, axis=1) * columns
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(expected > 0, joint**2 / np.where(expected > 0, expected, 1), 0).sum(axis=0)
        phi = np.add.reduceat(parts, starts) - 1.0
        high = (rows > 0).sum(axis=0).astype(np.float64)
        wide = np.add.reduceat((columns > 0).astype(np.float64), starts)
        phi = np.maximum(0, phi - (high - 1) * (wide - 1) / (both - 1))
        least = np.minimum(high - (high - 1) ** 2 / (both - 1), wide - (wide - 1) ** 2 / (both - 1)) - 1
        return np.where(least > 1e-9, np.sqrt(np.minimum(phi / least, 1.0)), np.nan)


def twins(opinions: Opinions, *, threshold: float = _THRESHOLD, fewest: int = _FEWEST) -> np.ndarray:
    """Find the pairs of items that say nearly the same.

    Parameters
    ----------
    opinions
        Training respondents.
    threshold
        Association above which two items are twins; those of ranks and kappa stand fast.
    fewest
        Respondents that a pair needs.

    Returns
    -------
    Shape (M, M), true for twins; an item is not its own.

    Examples
    --------
    >>> import polars as pl
    >>> from populace.opinions.items import Item
    >>> items = tuple(Item(name=name, options=("Yes", "No")) for name in ("a", "not a", "b"))
    >>> codes = np.array([[0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]] * 10, dtype=np.int16)
    >>> people = pl.DataFrame({"person_id": [str(i) for i in range(40)]}).with_columns(weight=pl.lit(1.0))
    >>> twins(Opinions(people, items, codes)).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    found = association(opinions, fewest=fewest) > threshold
    places = {item.name: place for place, item in enumerate(opinions.items)}
    same: dict[tuple[str, ...], list[int]] = {}
    for place, item in enumerate(opinions.items):
        same.setdefault(item.options, []).append(place)
        for name in item.twins:
            if name in places:
                found[place, places[name]] = True
    for group in same.values():
        if len(group) > 1:
            found[np.ix_(group, group)] |= _alike(opinions, np.array(group), fewest)
    np.fill_diagonal(found, False)
    return found | found.T


def _alike(opinions: Opinions, group: np.ndarray, fewest: int) -> np.ndarray:
    """Find the pairs, among items with the same options, that agree or are ranked alike: shape (g, g)."""
    codes, w = opinions.answers[:, group], opinions.weights
    there = (codes != NONE).astype(np.float64)
    heavy = w[:, None] * there
    both = heavy.T @ there
    agreed, chance = np.zeros_like(both), np.zeros_like(both)
    for option in range(opinions.items[group[0]].size):
        chose = (codes == option).astype(np.float64)
        agreed += (w[:, None] * chose).T @ chose
        beside = (w[:, None] * chose).T @ there
        chance += beside * beside.T
    with np.errstate(divide="ignore", invalid="ignore"):
        chance /= both**2
        found = (agreed / both - chance) / (1 - chance) > _KAPPA
    ordinal = np.array([opinions.items[place].ordinal for place in group], dtype=bool)
    if ordinal.any():
        found |= (np.abs(_rank_correlation(codes, heavy)) > _RANKS) & ordinal & ordinal[:, None]
    return found & (there.T @ there >= fewest)


def _rank_correlation(codes: np.ndarray, heavy: np.ndarray) -> np.ndarray:
    """Correlate weighted ranks of those who answered both items: shape (g, g); nan for constants."""
    ranks = np.zeros(codes.shape)
    for place in range(codes.shape[1]):
        alone = np.zeros(len(codes), dtype=np.int64)
        ranks[:, place] = weighted_ranks(codes[:, place].astype(np.float64), alone, heavy[:, place])
    there = (codes != NONE).astype(np.float64)
    ranks *= there
    mass, first = heavy.T @ there, (heavy * ranks).T @ there
    square = (heavy * ranks**2).T @ there
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = (heavy * ranks).T @ ranks / mass - first * first.T / mass**2
        spread = np.maximum(square / mass - (first / mass) ** 2, 0)
        return cross / np.sqrt(spread * spread.T)


def hidden_twins(asked: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mark the items that are twins of one that a person is asked; for `Split.known(hide=...)`.

    Parameters
    ----------
    asked
        Shape (tests, M).
    pairs
        Shape (M, M), from `twins`.

    Returns
    -------
    Shape (tests, M).
    """
    return (asked.astype(np.float32) @ pairs.astype(np.float32)) > 0


def curated(
    opinions: Opinions, *, among: Opinions | None = None, threshold: float = _THRESHOLD, fewest: int = _FEWEST
) -> Opinions:
    """Drop items until no two are twins.

    The item that most people answered stays; items with a question before those without, then the first of
    the survey.

    Parameters
    ----------
    opinions
        What people answered.
    among
        Respondents on whom the association is measured; `opinions` by default. Give training respondents
        where what stays must not depend on those tested.
    threshold, fewest
        See `twins`.

    Returns
    -------
    The same respondents with fewer items, in the order of the survey.
    """
    pairs = twins(opinions if among is None else among, threshold=threshold, fewest=fewest)
    given = opinions.answered.sum(axis=0)
    order = sorted(
        range(len(given)), key=lambda item: (not opinions.items[item].question, -given[item], item)
    )
    kept: list[int] = []
    for item in order:
        if not pairs[item, kept].any():
            kept.append(item)
    return opinions.only([opinions.items[item].name for item in sorted(kept)])
