"""Items at a glance: how many answered, how common the commonest answer is, how many people repeat theirs."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.opinions.table import NONE, Opinions
from populace.opinions.twins import twins

__all__ = ["item_table"]


def item_table(opinions: Opinions) -> pl.DataFrame:
    """Describe every item.

    Parameters
    ----------
    opinions
        What people answered.

    Returns
    -------
    A row an item, in the order of the survey: `item`, `question`, `options` (their number), `ordinal`,
    `wordings` (other wordings), `answers` (respondents), `mode`, `mode_share` (weighted share of the
    commonest option among those who answered; null where nobody did), `again` (respondents with both
    answers), `repeated` (weighted share of those who gave the same answer twice; null where nobody was asked
    twice), `twins` (items that say nearly the same).

    Examples
    --------
    >>> from populace.opinions.items import Item
    >>> items = (Item(name="grass", question="Legal?", options=("Yes", "No")),)
    >>> people = pl.DataFrame({"person_id": ["a", "b", "c"], "weight": [1.0, 1.0, 2.0]})
    >>> opinions = Opinions(people, items, np.array([[0], [0], [1]]), np.array([[0], [-1], [0]]))
    >>> row = item_table(opinions).row(0, named=True)
    >>> row["mode"], row["mode_share"], row["again"], round(row["repeated"], 3)
    ('Yes', 0.5, 2, 0.333)
    """
    weights, given = opinions.weights, opinions.answered
    totals = weights @ given
    shares = opinions.shares()
    starts = opinions.starts
    modes = [int(shares[starts[m] : starts[m + 1]].argmax()) for m in range(len(opinions.items))]
    tops = shares[starts[:-1] + np.array(modes, dtype=np.int64)]
    again, repeated = _repeated(opinions, weights)
    pairs = twins(opinions)
    names = np.array([item.name for item in opinions.items])
    rows = {
        "item": names.tolist(),
        "question": [item.question for item in opinions.items],
        "options": opinions.sizes.tolist(),
        "ordinal": [item.ordinal for item in opinions.items],
        "wordings": [len(item.wordings) for item in opinions.items],
        "answers": given.sum(axis=0).tolist(),
        "mode": [item.options[mode] for item, mode in zip(opinions.items, modes, strict=True)],
        "mode_share": [top if total > 0 else None for top, total in zip(tops.tolist(), totals, strict=True)],
        "again": again.tolist(),
        "repeated": [None if np.isnan(share) else share for share in repeated.tolist()],
        "twins": [names[row].tolist() for row in pairs],
    }
    kinds = {"mode_share": pl.Float64, "repeated": pl.Float64, "twins": pl.List(pl.String)}
    return pl.DataFrame(rows, schema_overrides=kinds)


def _repeated(opinions: Opinions, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count who has both answers, and the weighted share of those who gave the same; nan where nobody did."""
    if opinions.retest is None:
        return np.zeros(len(opinions.items), dtype=np.int64), np.full(len(opinions.items), np.nan)
    both = opinions.answered & (opinions.retest != NONE)
    totals, same = weights @ both, weights @ (both & (opinions.answers == opinions.retest))
    return both.sum(axis=0), np.where(totals > 0, same / np.where(totals > 0, totals, 1), np.nan)
