"""Learning the chain from weighted records: one variable after the other, each given those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.generative.cells import tell
from populace.population.generative.growth import MOST_NOMINAL, Feature, grow
from populace.population.generative.kinship import kin
from populace.population.generative.steps import Step
from populace.population.generative.structure import Structure
from populace.population.generative.variables import Variable

__all__ = ["Learner", "checked_weights", "unreleased"]

# The structure is learned from so many records, with leaves of at least so many; cells are counted on all.
_STRUCTURE_RECORDS = 500_000
_STRUCTURE_LEAF = 60
_BLOCK = 1 << 15


class Learner:
    """Learns one variable after the other, remembering what the trees may split on.

    Parameters
    ----------
    frame
        One row a record.
    weight
        (records,) weights.
    withheld
        For a variable, the groups in which it was not released.
    released_by
        Column of those groups.
    least
        Fewest records that anything stored stands for.
    rng
        Chooses the records that the structure is learned from.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        weight: np.ndarray,
        withheld: Mapping[str, Sequence[int | str]],
        released_by: str | None,
        least: int,
        rng: np.random.Generator,
    ) -> None:
        self._frame, self._weight, self._least, self._rng = frame, weight, least, rng
        self._withheld, self._released_by = withheld, released_by
        self._known: list[Feature] = []
        # Groups as numbers, for the sample that the structure is learned from.
        self._groups = (
            None
            if released_by is None
            else frame[released_by].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        )

    def learn(self, variable: Variable, towards: Variable | None = None) -> tuple[Variable, list[Step]]:
        """Learn the steps of a variable, and let later ones split on it.

        Values in groups are also put together by what they mean `towards` a later variable in groups.
        There are no steps where no value was given by enough people.
        """
        rows = self._rows(variable.name)
        if variable.amounts is not None:
            variable, positions, codes = self._amounts(variable, rows)
        else:
            positions = variable.encode(self._frame[variable.name])
            codes = variable.grouped(positions).astype(np.uint8) if variable.splits else 0 * positions
        # What is never drawn shall not have its group drawn either.
        rows = rows[np.bincount(positions[rows], minlength=variable.whole)[positions[rows]] >= self._least]
        if not len(rows):
            return variable, []
        groups = variable.grouped(positions)
        steps = [self._step(variable.name, groups, variable.size, rows)]
        if variable.staged:
            steps.append(
                self._step(variable.name, positions, variable.whole, rows, start=groups, roots=variable.size)
            )
        self._known.append(Feature(codes.astype(np.uint8), max(variable.splits, 1), variable.ordered))
        if variable.groups and towards is not None:
            sets = self._sets(positions, variable, towards, rows)
            variable = msgspec.structs.replace(variable, kin=sets)
            gathered = variable.gathered(positions).astype(np.uint8)
            self._known.append(Feature(gathered, max(sets) + 1, ordered=False))
        return variable, steps

    def _sets(
        self, positions: np.ndarray, variable: Variable, towards: Variable, rows: np.ndarray
    ) -> list[int]:
        """Put values together that are alike towards a later variable; rare ones do not count."""
        rows = np.intersect1d(rows, self._rows(towards.name))
        later = towards.encode(self._frame[towards.name])[rows]
        key = positions[rows] * towards.whole + later
        shape = (variable.whole, towards.whole)
        counts = np.bincount(key, self._weight[rows], variable.whole * towards.whole).reshape(shape)
        records = np.bincount(positions[rows], minlength=variable.whole)
        counts[records < self._least] = 0.0
        return (kin(counts[1:], MOST_NOMINAL - 1) + 1).tolist()

    def _rows(self, name: str) -> np.ndarray:
        """Records that count for a variable."""
        counts = self._weight > 0
        if self._released_by and name in self._withheld:
            away = self._frame[self._released_by].is_in(list(self._withheld[name]))
            counts = counts & ~away.fill_null(False).to_numpy()
        return np.flatnonzero(counts)

    def _numbers(self, name: str) -> np.ndarray:
        return self._frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def _amounts(self, variable: Variable, rows: np.ndarray) -> tuple[Variable, np.ndarray, np.ndarray]:
        amounts = variable.amounts
        assert amounts is not None
        numbers = self._numbers(variable.name)
        other = self._numbers(amounts.same_as) if amounts.same_as else None
        positions = amounts.positions(numbers, other)
        filled = amounts.fill(positions[rows], numbers[rows], self._weight[rows], self._least)
        return msgspec.structs.replace(variable, amounts=filled), positions, amounts.bins(numbers)

    def _step(
        self,
        name: str,
        target: np.ndarray,
        size: int,
        rows: np.ndarray,
        *,
        start: np.ndarray | None = None,
        roots: int = 1,
    ) -> Step:
        """Learn the structure from some of the records, and count all of them."""
        begin = np.zeros(len(target), dtype=np.intp) if start is None else start.astype(np.intp)
        some = self._some(rows)
        structure = grow(
            [Feature(known.codes[some], known.size, known.ordered) for known in self._known],
            target[some],
            size,
            self._weight[some],
            start=begin[some],
            roots=roots,
            min_records=max(_STRUCTURE_LEAF, self._least),
        )
        leaf = np.concatenate(list(self._leaves(structure, rows, begin)))
        cells = tell(structure, leaf, target[rows], size, self._weight[rows], self._least)
        return Step(name, size, structure, cells)

    def _some(self, rows: np.ndarray) -> np.ndarray:
        """Choose the records that a structure is learned from.

        Groups (states) get shares in proportion to the root of their size, so that what is particular to a
        small one is learned too; what the leaves hold is counted with the weights of all.
        """
        if len(rows) <= _STRUCTURE_RECORDS:
            return rows
        group = np.zeros(len(rows), dtype=np.int64) if self._groups is None else self._groups[rows]
        sizes = np.bincount(group)
        wanted = _STRUCTURE_RECORDS * np.sqrt(sizes) / np.sqrt(sizes).sum()
        chance = wanted / np.maximum(sizes, 1)
        return rows[self._rng.random(len(rows)) < chance[group]]

    def _leaves(self, structure: Structure, rows: np.ndarray, start: np.ndarray) -> Iterator[np.ndarray]:
        for first in range(0, len(rows), _BLOCK):
            part = rows[first : first + _BLOCK]
            codes = np.array([known.codes[part] for known in self._known], dtype=np.uint8)
            yield structure.leaves(codes, start[part])


def checked_weights(frame: pl.DataFrame, weight: str | None) -> np.ndarray:
    """Give the weights as floats; 1 for every record without a column of them.

    Raises
    ------
    DataError
        At a weight that is missing, below zero, or not finite.
    """
    if weight is None:
        return np.ones(frame.height)
    column = frame[weight].cast(pl.Float64)
    bad = (~(column.is_finite() & (column >= 0))).fill_null(True).arg_true()
    if len(bad):
        what = f"{column[bad[0]]} is not a weight from 0 up"
        raise DataError(what, row=bad[0] + 1, column=weight, fix="remove the row")
    return column.to_numpy()


def unreleased(frame: pl.DataFrame, names: Sequence[str], by: str | None) -> dict[str, list[int | str]]:
    """Find, for every variable, the groups in which it is null throughout though others have it."""
    if by is None or by not in frame.columns:
        return {}
    seen = frame.group_by(by).agg(pl.col(name).is_not_null().any() for name in names if name != by)
    found = {name: seen.filter(~pl.col(name))[by].sort().to_list() for name in seen.columns if name != by}
    return {name: groups for name, groups in found.items() if 0 < len(groups) < seen.height}
