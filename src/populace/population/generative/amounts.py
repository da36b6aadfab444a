"""Amounts: numbers with many different values, drawn as a wide bracket, a narrow one in it, and inside that.

Inside a bracket, amounts that enough records share are drawn as they are (people report round numbers), the
others by interpolating quantiles of which each step stands for enough records. An amount that often equals an
earlier one (who lives alone has the household's income) has a position that says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

__all__ = ["Amounts", "cut_amounts"]

_SAME = 1
_BRACKETS = 48
_IN_WIDE = 4
_IN_BRACKET = 200
_POINTS = 17
_LAST_QUANTILE = 0.99
_OFTEN = 0.05
_UNITS = (1000, 100, 10, 1)


class Bracket(msgspec.Struct, frozen=True):
    """What is drawn inside one bracket."""

    told: list[float]
    """Amounts that enough records share, ascending."""
    weights: list[float]
    """The weight of each of them."""
    rest: float
    """The weight of all other amounts."""
    knots: list[float]
    """Evenly spaced quantiles of the other amounts; empty where there are none."""
    units: list[float]
    """What the other amounts are multiples of, the coarsest first; 0 for amounts of any size."""
    shares: list[float]
    """Cumulative shares of the units among them."""

    def draw(self, choice: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Draw amounts from two uniform numbers each."""
        below = np.cumsum([*self.weights, self.rest])
        point = choice * below[-1]
        at = np.searchsorted(below, point, side="right")
        # Rounding may reach past the last weight.
        at = np.minimum(at, len(self.told) - (self.rest == 0))
        other = at == len(self.told)
        result = np.empty(len(choice))
        result[~other] = np.array(self.told)[at[~other]] if self.told else 0.0
        if other.any():
            # What is left of the number within the rest is a uniform number of its own.
            rank = (point[other] - (below[-2] if self.told else 0.0)) / self.rest
            result[other] = self._between(rank, inside[other])
        return result

    def _between(self, rank: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Interpolate quantiles, rounded as amounts of the bracket are."""
        place = inside * (len(self.knots) - 1)
        left = np.minimum(place.astype(np.int64), len(self.knots) - 2)
        ends = np.array(self.knots)
        amount = ends[left] + (place - left) * (ends[left + 1] - ends[left])
        at = np.minimum(np.searchsorted(self.shares, rank, side="right"), len(self.units) - 1)
        unit = np.array(self.units)[at]
        step = np.maximum(unit, 1)
        # Rounding does not leave the bracket: of a scale from 0 to 100, nobody gives 101.
        low, high = np.ceil(ends[0] / step) * step, np.floor(ends[-1] / step) * step
        rounded = np.where(low <= high, np.clip(np.round(amount / step) * step, low, high), amount)
        return np.where(unit > 0, rounded, amount)


class Amounts(msgspec.Struct, frozen=True):
    """How the amounts of a variable are cut and drawn."""

    edges: list[float]
    """Lower ends of the brackets but the first, ascending."""
    same_as: str | None = None
    """Earlier amount that this one often equals."""
    inside: list[Bracket] = []
    """What is drawn inside the brackets."""

    @property
    def brackets(self) -> int:
        """Number of brackets."""
        return len(self.edges) + 1

    @property
    def size(self) -> int:
        """Number of positions: null, the same as another amount (where it has one), the brackets."""
        return self.brackets + self.lowest

    def wide(self, positions: np.ndarray) -> np.ndarray:
        """Give the positions that the first tree draws: null, the same, or so many brackets as one."""
        return np.where(
            positions < self.lowest, positions, self.lowest + (positions - self.lowest) // _IN_WIDE
        )

    @property
    def lowest(self) -> int:
        """Position of the lowest bracket."""
        return 1 + (self.same_as is not None)

    @property
    def whole(self) -> bool:
        """Whether every amount is a whole number."""
        numbers = (amount for bracket in self.inside for amount in bracket.told)
        return all(min(b.units, default=1) >= 1 for b in self.inside) and all(n == int(n) for n in numbers)

    def bins(self, amount: np.ndarray) -> np.ndarray:
        """Give the positions that later trees split on: 0 for null (NaN), then the brackets."""
        bracket = np.searchsorted(self.edges, np.nan_to_num(amount), side="right") + 1
        return np.where(np.isnan(amount), 0, bracket).astype(np.uint8)

    def positions(self, amount: np.ndarray, other: np.ndarray | None) -> np.ndarray:
        """Give the positions that a tree draws, beside the amounts they may equal."""
        bracket = np.searchsorted(self.edges, np.nan_to_num(amount), side="right") + self.lowest
        found = np.where(np.isnan(amount), 0, bracket)
        return found if other is None else np.where((amount == other) & (amount != 0), _SAME, found)

    def impossible(self, positions: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Tell where a position says "the same" of an amount that is null (NaN) or nothing."""
        return (positions == _SAME) & ~(np.nan_to_num(other) != 0)

    def fill(self, positions: np.ndarray, amount: np.ndarray, weight: np.ndarray, least: int) -> Amounts:
        """Learn what is drawn inside the brackets; nothing told stands for fewer than `least` records."""
        inside = []
        for number in range(self.brackets):
            here = positions == number + self.lowest
            inside.append(_bracket(amount[here], weight[here], least, last=number == self.brackets - 1))
        return msgspec.structs.replace(self, inside=inside)

    def draw(
        self, positions: np.ndarray, other: np.ndarray | None, choice: np.ndarray, inside: np.ndarray
    ) -> np.ndarray:
        """Draw amounts for positions; NaN where there is none.

        Parameters
        ----------
        positions
            As a tree drew them.
        other
            Amounts of the variable that this one may equal.
        choice, inside
            Two uniform numbers a row.
        """
        result = np.full(len(positions), np.nan)
        if other is not None:
            result[positions == _SAME] = other[positions == _SAME]
        for number, bracket in enumerate(self.inside):
            here = np.flatnonzero(positions == number + self.lowest)
            if len(here):
                result[here] = bracket.draw(choice[here], inside[here])
        return result


def cut_amounts(frame: pl.DataFrame, name: str, weight: np.ndarray, earlier: Sequence[str]) -> Amounts:
    """Cut a column into brackets, and find the earlier amount that it often equals.

    Parameters
    ----------
    frame
        One row a record.
    name
        The column.
    weight
        (records,) weights.
    earlier
        Amounts that are drawn before it.
    """
    column = frame[name].cast(pl.Float64)
    known = column.is_not_null().to_numpy()
    values, mass = column.to_numpy()[known], weight[known]
    same = None
    for other in earlier:
        equal = ((frame[other] == frame[name]) & (frame[name] != 0)).fill_null(False).to_numpy()
        if np.average(equal[known], weights=mass) >= _OFTEN:
            same = other
    return Amounts(edges=_edges(values, mass), same_as=same)


def _edges(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Cut at weighted quantiles; losses, and nothing at all, are brackets of their own."""
    order = np.argsort(values, kind="stable")
    values, share = values[order], np.cumsum(weight[order])
    # Few records make few brackets.
    brackets = min(_BRACKETS, max(1, len(values) // _IN_BRACKET))
    inner = values[np.searchsorted(share / share[-1], np.arange(1, brackets) / brackets)]
    positive = values[values > 0]
    apart = [0.0, float(positive[0])] if len(positive) and (values == 0).any() else []
    return [edge for edge in sorted({*map(float, inner), *apart}) if edge > values[0]]


def _bracket(amount: np.ndarray, weight: np.ndarray, least: int, *, last: bool) -> Bracket:
    unique, place, records = np.unique(amount, return_inverse=True, return_counts=True)
    mass = np.bincount(place, weights=weight, minlength=len(unique))
    often = records >= least
    other = ~often[place]
    if other.sum() < least:
        # Too few to stand by themselves: they are left out.
        other[:] = False
    told, weights = unique[often].tolist(), mass[often].tolist()
    rest, knots = float(weight[other].sum()), _quantiles(amount[other], weight[other], least, last=last)
    if not told and not rest:
        # A bracket of fewer records than anything may stand for: its middle.
        told, weights = [float(np.median(amount))] if len(amount) else [0.0], [1.0]
    return Bracket(told, weights, rest, knots, *_units(amount[other], weight[other], least))


def _quantiles(values: np.ndarray, weight: np.ndarray, least: int, *, last: bool) -> list[float]:
    """Evenly spaced weighted quantiles, each step of at least `least` records; the far tail is cut."""
    if not len(values):
        return []
    points = min(_POINTS, max(2, len(values) // least))
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order])
    # The outer ends, too, have `least` records beyond them: nobody's own amount is a limit.
    trim = min(least / len(values), 0.25)
    high = min(_LAST_QUANTILE, 1 - trim) if last else 1 - trim
    at = np.searchsorted(share / share[-1], np.linspace(trim, high, points)).clip(max=len(values) - 1)
    return values[order][at].tolist()


def _units(values: np.ndarray, weight: np.ndarray, least: int) -> tuple[list[float], list[float]]:
    """Find what amounts are multiples of, with cumulative shares; a rare unit joins the next finer one."""
    units, shares, waiting = [], [], np.zeros(len(values), dtype=bool)
    left = np.ones(len(values), dtype=bool)
    for unit in (*_UNITS, 0):
        waiting |= left & (values % unit == 0) if unit else left
        left &= ~waiting
        if waiting.sum() >= least:
            units.append(float(unit))
            shares.append(float(weight[waiting].sum()))
            waiting[:] = False
    if shares:
        # The few that are finer than all others are rounded like the finest of these.
        shares[-1] += float(weight[waiting].sum())
    return units, (np.cumsum(shares) / max(sum(shares), 1e-300)).tolist()
