"""Whose weight may be moved: jurors, or groups, and how each of them compares options."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from populace.errors import DataError
from populace.pluralism.jury.ballots import Ballots
from populace.stats._arrays import Floats

__all__ = ["units_of"]

_MOST = 4_000_000


def units_of(ballots: Ballots, groups: Sequence[object] | None) -> tuple[Floats, Floats]:
    """Give mean preferences, shape (units, options, options), and weights, which sum to 1.

    Raises
    ------
    DataError
        If there are not as many groups as jurors, or too many jurors by pairs of options.
    """
    jurors, options = ballots.utilities.shape
    heard = ballots.weights > 0
    if groups is None:
        if jurors * options**2 > _MOST:
            raise DataError(
                f"a robust lottery of {jurors} jurors and {options} options is too large",
                fix="pass groups, whose shares shift, or fewer options",
            )
        table = ballots.utilities[heard]
        weights = ballots.weights[heard]
        return np.nan_to_num(np.sign(table[:, :, None] - table[:, None, :])), weights / weights.sum()
    if len(groups) != jurors:
        raise DataError(f"`groups` has {len(groups)} entries for {jurors} jurors")
    from populace.pluralism.jury.pairwise import pairwise

    names = list(dict.fromkeys(group for group, kept in zip(groups, heard, strict=True) if kept))
    members = [np.array([each == name for each in groups]) & heard for name in names]
    margins = [pairwise(ballots.utilities[who], ballots.weights[who]).margins for who in members]
    weights = np.array([ballots.weights[who].sum() for who in members])
    return np.stack(margins), weights / weights.sum()
