"""A model's file of answers beside people's: matched by the names of questions, options and groups."""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.distributional.reading import EVERYBODY, Answers
from populace.stats._arrays import Floats

__all__ = ["side_by_side", "strangers"]


def side_by_side(model: Answers, human: Answers) -> tuple[Floats, Answers]:
    """Lay a model's answers beside people's by the names of questions, options and groups.

    Every question of people's is kept: one that the model leaves out is one that it did not answer, nan
    throughout, of which `unanswered` of `aligned` says what it counts. What the model says of questions and
    groups that people's file lacks is of no use here; `strangers` lists it.

    Returns
    -------
    The model's values in the human order, shape (questions, groups, options), and people's.

    Raises
    ------
    DataError
        If no question is in both, the model names an option that people's question lacks, or a group is
        missing on the model's side.

    Examples
    --------
    >>> nothing = dict(texts=("q",), groups=("everybody",), counts=False)
    >>> people = Answers(("q",), options=(("yes", "no"),), values=np.array([[[0.7, 0.3]]]), **nothing)
    >>> model = Answers(("q",), options=(("no", "yes"),), values=np.array([[[0.1, 0.9]]]), **nothing)
    >>> side_by_side(model, people)[0].tolist()
    [[[0.9, 0.1]]]
    """
    mine = {name: at for at, name in enumerate(model.questions)}
    if not mine.keys() & set(human.questions):
        raise DataError("no question is in both files", fix="give them the same names in `question`")
    alike = model.groups == (EVERYBODY,)
    absent = [name for name in human.groups if name not in model.groups]
    if absent and not alike:
        raise DataError(
            f"the model has no group {absent[0]!r}", fix="give it, or leave out the column `group`"
        )
    found = np.full(human.values.shape, np.nan)
    for place, name in enumerate(human.questions):
        if name not in mine:
            continue
        at = mine[name]
        to = {option: number for number, option in enumerate(human.options[place])}
        strange = [option for option in model.options[at] if option not in to]
        if strange:
            raise DataError(
                f"the model answers {strange[0]!r} to {name!r}, which is no option of people's",
                column="option",
                fix=f"name the options as people's file does: {', '.join(map(repr, to))}",
            )
        for number, group in enumerate(human.groups):
            values = model.values[at, 0 if alike else model.groups.index(group)]
            if np.isnan(values).all():
                continue
            found[place, number, : len(to)] = 0.0
            for option, value in zip(model.options[at], values, strict=False):
                found[place, number, to[option]] = value
    return found, human


def strangers(model: Answers, human: Answers) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the questions and the groups of the model's that people's file lacks.

    Examples
    --------
    >>> alike = dict(options=(("yes", "no"),), groups=("old",), values=np.ones((1, 1, 2)), counts=False)
    >>> strangers(Answers(("r",), ("r",), **alike), Answers(("q",), ("q",), **alike))
    (('r',), ())
    """
    questions = tuple(name for name in model.questions if name not in human.questions)
    alike = model.groups == (EVERYBODY,)
    groups = () if alike else tuple(name for name in model.groups if name not in human.groups)
    return questions, groups
