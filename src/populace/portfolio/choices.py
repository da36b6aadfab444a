"""People's weights from a table of what they preferred: a row a choice between two candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from populace.errors import DataError
from populace.portfolio.learning import learn
from populace.portfolio.people import People

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["people_of_choices"]


def people_of_choices(
    frame: pl.DataFrame,
    names: Sequence[str],
    rewards: np.ndarray,
    *,
    sharpness: float | None = None,
    survey: str | None = None,
    group: str | None = None,
    file: object = None,
) -> People:
    """Infer the weights of people from the candidates that they preferred, with the prior of all of them.

    Parameters
    ----------
    frame
        `person`, and the candidates `preferred` and `other`; survey weight and group of a person are those of
        their first row.
    names, rewards
        Of the candidates; shape (candidates, traits).
    sharpness
        Of all people, where it is known.

    Raises
    ------
    DataError
        If a column is missing, or a candidate is not known, with its row.

    Examples
    --------
    >>> import polars as pl
    >>> said = pl.DataFrame({"person": ["ann"] * 9 + ["bo"] * 9, "preferred": ["a"] * 9 + ["b"] * 9})
    >>> said = said.with_columns(other=pl.Series(["b"] * 9 + ["a"] * 9))
    >>> found = people_of_choices(said, ["a", "b"], np.eye(2))
    >>> found.names, bool(found.weights[0, 0] > 0.6)
    (('ann', 'bo'), True)
    """
    for name in ("person", "preferred", "other", survey, group):
        if name is not None and name not in frame.columns:
            raise DataError(
                f"there is no column {name!r}", file=file, fix=f"there are {', '.join(frame.columns)}"
            )
    place = {name: row for row, name in enumerate(names)}
    sides = []
    for column in ("preferred", "other"):
        said = [None if each is None else str(each) for each in frame[column]]
        bad = next((row for row, each in enumerate(said) if each not in place), None)
        if bad is not None:
            what = "there is no name" if said[bad] is None else f"there is no candidate {said[bad]!r}"
            raise DataError(what, file=file, row=bad + 1, column=column, fix="name a candidate of the table")
        sides.append(np.array([place[str(each)] for each in said]))
    persons = [None if each is None else str(each) for each in frame["person"]]
    if None in persons:
        raise DataError("nobody is named", file=file, row=persons.index(None) + 1, column="person")
    who = list(dict.fromkeys(str(each) for each in persons))
    leads = rewards[sides[0]] - rewards[sides[1]]
    whose = np.array(persons)
    first = [persons.index(name) for name in who]
    weights = learn([leads[whose == name] for name in who], rewards.shape[1], sharpness=sharpness)[1]
    try:
        stand = None if survey is None else [float(frame[survey][row]) for row in first]
    except (TypeError, ValueError) as error:
        raise DataError("a survey weight is no number", file=file, column=survey) from error
    groups = None if group is None else [frame[group][row] for row in first]
    return People.of(weights, survey=stand, groups=groups, names=who)
