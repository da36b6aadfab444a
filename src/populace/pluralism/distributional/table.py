"""Distributions of a model and of people beside each other, option by option; nothing is dropped unseen.

Questions have unequal numbers of options: arrays are padded with nan to the widest, or given as a list of one
array a question. What a paper's code does in passing is an argument here: which options are refusals, what
becomes of probability that is missing, in which order the options stand, what an unanswered question counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.distributional.padding import Distributions, ordered, padded, refuse, wide
from populace.stats._arrays import Bools, Floats, Ints, divide

__all__ = ["Distributions", "Missing", "Table", "Unanswered", "aligned"]

Missing: TypeAlias = Literal["refuse", "renormalise", "keep"]
Unanswered: TypeAlias = Literal["refuse", "uniform", "leave_out"]

_SUM = 1e-6
"""How far from 1 the probabilities of a row may add up."""


@dataclass(frozen=True)
class Table:
    """Both sides, ready to be scored.

    Attributes
    ----------
    model, human
        Shape (Q, G, K), each row adding up to 1; 0 beyond a question's options; nan throughout where the
        cell is not scored.
    inside
        Shape (Q, K), the options that count.
    respondents, samples
        Shape (Q, G), people behind a human row and draws behind the model's; nan where not known.
    lost_model, lost_human
        Shape (Q, G), probability that stood on refusals or was missing, before it was divided away.
    unanswered
        Cells that people answered and the model did not.
    grouped
        Whether there was an axis of groups.
    rest
        Whether the last option is no option, but what is missing.
    """

    model: Floats
    human: Floats
    inside: Bools
    respondents: Floats
    samples: Floats
    lost_model: Floats
    lost_human: Floats
    unanswered: int
    grouped: bool
    rest: bool = False

    @property
    def real(self) -> Bools:
        """Options that there were, shape (Q, K): those that count, without what is missing."""
        found = self.inside.copy()
        if self.rest:
            found[:, -1] = False
        return found

    @property
    def sizes(self) -> Ints:
        """Options of each question, shape (Q,)."""
        return self.inside.sum(axis=1)

    @property
    def there(self) -> Bools:
        """Cells that are scored, shape (Q, G)."""
        return np.asarray(~np.isnan(self.model[..., 0] + self.human[..., 0]), dtype=np.bool_)


def aligned(
    model: Distributions,
    human: Distributions,
    *,
    order: Distributions | None = None,
    refusals: npt.ArrayLike | None = None,
    missing: Missing = "refuse",
    unanswered: Unanswered = "refuse",
    counts: bool = False,
    respondents: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
) -> Table:
    """Lay a model's distributions beside people's.

    Parameters
    ----------
    model, human
        See `Distributions`. Where only people have groups, the model says the same to all. A row that is nan
        throughout was not asked (people), or not answered (model).
    order
        Shape (questions, options): the number of the human option that each option of the model's is. None
        where both stand in one order.
    refusals
        Options that are refusals, in the human order: shape (questions, options) of booleans, or numbers of
        options that are refusals in every question. They are left out on both sides. None: every option
        counts.
    missing
        A row that does not add up to 1 is an error (`refuse`), is divided by its sum (`renormalise`), or gets
        an option of its own for what is missing (`keep`): what was said beside the options then counts.
    unanswered
        What the model did not answer is an error, counts as `uniform`, or is left out.
    counts
        Whether `human` holds numbers of people, which are divided by their sum.
    respondents, samples
        Numbers behind each human row, and draws behind each of the model's: one number, shape (questions,) or
        (questions, groups). With `counts` the former is known.

    Raises
    ------
    DataError
        If shapes differ, a mass is negative, a probability is missing beside others, a row does not add up, a
        question has fewer than two options, or nothing can be scored; names the question's row.

    Examples
    --------
    >>> table = aligned([[0.5, 0.5, float("nan")], [0.2, 0.2, 0.6]], [[0.4, 0.6, float("nan")], [1, 0, 0]])
    >>> table.sizes.tolist(), table.model[0, 0].tolist()
    ([2, 3], [0.5, 0.5, 0.0])
    >>> with_refusal = aligned([[0.4, 0.4, 0.2]], [[3, 6, 1]], refusals=[2], counts=True)
    >>> with_refusal.model[0, 0].tolist(), with_refusal.lost_model.round(3).tolist()
    ([0.5, 0.5, 0.0], [[0.2]])
    """
    _known("missing", missing, ("refuse", "renormalise", "keep"))
    _known("unanswered", unanswered, ("refuse", "uniform", "leave_out"))
    said, many = padded("model", model)
    told, grouped = padded("human", human)
    if len(said) != len(told):
        raise DataError(f"the model has {len(said)} questions, people {len(told)}", fix="give the same ones")
    if not len(told):
        raise DataError("there is no question")
    groups = max(said.shape[1], told.shape[1])
    if said.shape[1] not in (1, groups) or told.shape[1] not in (1, groups):
        raise DataError(f"the model has {said.shape[1]} groups, people {told.shape[1]}")
    width = max(said.shape[2], told.shape[2])
    said, told = wide(said, groups, width), wide(told, groups, width)
    if order is not None:
        said = ordered(said, order)
    inside = _options(said, told)
    counted = inside & ~_refusals(refusals, inside)
    said, lost_model = _shares("model", said, inside, counted, missing)
    number = np.nansum(np.where(counted[:, None], told, 0.0), axis=2)
    told, lost_human = _shares("human", told, inside, counted, "renormalise" if counts else missing)
    refuse(
        counted.sum(axis=1) < 2, "a question has fewer than two options", "leave it out: its distance is 0"
    )
    mute = np.isnan(said[..., 0]) & ~np.isnan(told[..., 0]) & ~(lost_model >= 1 - _SUM)
    if missing != "keep":
        mute = np.isnan(said[..., 0]) & ~np.isnan(told[..., 0])
    if unanswered == "refuse":
        fix = 'give unanswered="uniform" (a guess) or "leave_out"'
        refuse(mute.any(axis=1), "the model did not answer what people did", fix)
    elif unanswered == "uniform":
        guess = counted / counted.sum(axis=1, keepdims=True)
        said = np.where(mute[..., None], guess[:, None], said)
        lost_model = np.where(mute, 0.0, lost_model)
    if missing == "keep":
        said, told, counted = _with_rest(said, told, lost_model, lost_human, counted, refusals is not None)
    known = np.where(number > 0, number, np.nan)
    table = Table(
        model=said,
        human=told,
        inside=counted,
        respondents=known if counts else _numbers("respondents", respondents, told.shape[:2]),
        samples=_numbers("samples", samples, told.shape[:2]),
        lost_model=lost_model,
        lost_human=lost_human,
        unanswered=int(mute.sum()),
        grouped=grouped or many,
        rest=missing == "keep",
    )
    if not table.there.any():
        raise DataError("no question has both an answer of the model's and one of people's")
    return table


def _options(said: Floats, told: Floats) -> Bools:
    """Find the options of each question; both sides must have the same, or nothing at all."""
    mine, theirs = (_somewhere(side) for side in (said, told))
    unlike = (mine != theirs).any(axis=1) & mine.any(axis=1) & theirs.any(axis=1)
    fix = "give 0 to an option that nobody chose; nan means that there is none"
    refuse(unlike, "the model and people have other options", fix)
    inside: Bools = np.asarray(mine | theirs, dtype=np.bool_)
    refuse(~inside.any(axis=1), "a question has no options at all", "leave it out")
    for name, side in (("model", said), ("human", told)):
        gaps: Bools = np.asarray(np.isnan(side) & inside[:, None], dtype=np.bool_)
        wrong = gaps.any(axis=2) & (gaps.sum(axis=2) < inside.sum(axis=1)[:, None])
        refuse(wrong.any(axis=1), f"`{name}` lacks a probability beside others", "give 0 where it is none")
    return inside


def _somewhere(side: Floats) -> Bools:
    """Find the options that any group has a number for, shape (Q, K)."""
    return np.asarray(~np.isnan(side).all(axis=1), dtype=np.bool_)


def _refusals(given: npt.ArrayLike | None, inside: Bools) -> Bools:
    found = np.zeros(inside.shape, dtype=np.bool_)
    if given is None:
        return found
    array = np.asarray(given)
    if array.dtype == np.bool_ and array.shape == inside.shape:
        return array
    if array.ndim == 1 and array.dtype.kind in "iu" and ((array >= 0) & (array < inside.shape[1])).all():
        found[:, array] = True
        return found
    raise DataError(
        f"`refusals` must be numbers of options, or booleans of the shape {inside.shape}",
        fix="give [4] where the fifth option of every question is a refusal",
    )


def _shares(
    name: str, values: Floats, inside: Bools, counted: Bools, missing: Missing
) -> tuple[Floats, Floats]:
    """Divide rows by what stands on the options that count; and say what share was lost on the way."""
    there = ~np.isnan(values).all(axis=2)
    filled = np.where(np.isnan(values), 0.0, values)
    total = np.where(inside[:, None], filled, 0.0).sum(axis=2)
    if missing == "refuse":
        fix = 'give missing="renormalise" or "keep"' + ("; counts=True for people" * (name == "human"))
        refuse((there & (np.abs(total - 1) > _SUM)).any(axis=1), f"`{name}` does not add up to 1", fix)
    if missing == "keep":
        fix = 'with missing="keep" only shares make sense, which add up to 1 at most'
        refuse((there & (total > 1 + _SUM)).any(axis=1), f"`{name}` adds up to more than 1", fix)
    kept = np.where(counted[:, None], filled, 0.0)
    mass = kept.sum(axis=2)
    # What adds up to more than 1 is on another scale (percent, people), and lacks nothing.
    lost = np.where(there, np.maximum(1 - mass / np.maximum(total, 1.0), 0.0), np.nan)
    shares = divide(kept, np.broadcast_to(mass[..., None], kept.shape))
    shares[~there] = np.nan
    return shares, lost


def _with_rest(
    said: Floats, told: Floats, lost_model: Floats, lost_human: Floats, counted: Bools, refused: bool
) -> tuple[Floats, Floats, Bools]:
    """Add an option for what is missing."""
    if refused:
        what = 'refusals are left out, and missing mass is kept: missing="keep" would count them again'
        raise DataError(what, fix="do without `refusals`: with keep they are options like others")
    sides: list[Floats] = []
    for side, lost in ((said, lost_model), (told, lost_human)):
        rest = np.where(np.isnan(lost), np.nan, lost)
        silent = (rest >= 1 - _SUM)[..., None]  # nothing but missing mass: all of it is kept
        scaled = np.where(silent, 0.0, side * (1 - rest)[..., None])
        sides.append(np.concatenate([scaled, rest[..., None]], axis=2))
    some = np.nansum(lost_model, axis=1) + np.nansum(lost_human, axis=1) > _SUM
    return sides[0], sides[1], np.concatenate([counted, some[:, None]], axis=1)


def _numbers(name: str, given: npt.ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    if given is None:
        return np.full(shape, np.nan)
    array = np.asarray(given, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    try:
        found = np.array(np.broadcast_to(array, shape))
    except ValueError as error:
        raise DataError(f"`{name}` has the shape {array.shape} and needs {shape}") from error
    refuse((found < 1).any(axis=1), f"`{name}` holds a number below 1", "give numbers of people, or None")
    return found


def _known(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r} and must be one of {', '.join(allowed)}")
