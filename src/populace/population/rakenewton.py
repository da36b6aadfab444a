"""Newton's method for raking: few steps where margins that resemble one another make sweeps crawl.

Raked weights are old weights times exp(Σ λ of the person's cells), and the λ maximise a concave function
whose gradient is target − sum and whose second derivatives are the joint weights of two cells (Deville and
Särndal, 1992, section 3). A step solves a linear system as large as there are cells; the system is kept as
long as it serves. The limit is that of the sweeps. Elimination is done here, in a fixed order of plain
multiplications, because a linear algebra library gives other last bits on another machine.
"""

from __future__ import annotations

import itertools

import numpy as np

from populace.population.rakecells import Cells, Group
from populace.population.weights import Floats, tally

__all__ = ["LARGEST", "Newton"]

LARGEST = 400
"""Cells, over all margins, up to which a system is solved."""


class Newton:
    """Steps towards the margins, from weights that are near."""

    def __init__(self, cells: list[Cells], groups: list[Group]) -> None:
        self._cells, self._groups = cells, groups
        self._first = np.cumsum([0, *(cell.size for cell in cells)])
        self._wanted = np.concatenate([cell.target for cell in cells])
        self._factors: tuple[Floats, np.ndarray] | None = None

    def misfit(self, sums: Floats) -> float:
        """Largest relative misfit of a cell that shall weigh something."""
        some = self._wanted > 0
        return float((np.abs(sums - self._wanted)[some] / self._wanted[some]).max())

    def sums(self, weights: Floats) -> Floats:
        """Weights of all cells."""
        total = np.empty(int(self._first[-1]))
        for code, size, members in self._groups:
            table = tally(code, weights, size)
            for margin, place in members:
                here = slice(self._first[margin], self._first[margin + 1])
                total[here] = tally(place, table, self._cells[margin].size)
        return total

    def run(self, weights: Floats, tolerance: float, most: int) -> tuple[Floats, int]:
        """Step until the margins hold, or steps no longer help; also give how many were made."""
        sums = self.sums(weights)
        misfit, fresh = self.misfit(sums), False
        for step in range(most):
            if misfit <= tolerance:
                return weights, step
            if self._factors is None:
                self._factors, fresh = _eliminate(self._system(weights, sums)), True
            moved = self._moved(weights, _solve(*self._factors, self._wanted - sums))
            sums_there = self.sums(moved)
            there = self.misfit(sums_there)
            if there > misfit / 4:
                # An old system is made anew from where we are; with a new one, Newton has nothing to give.
                if fresh and there >= misfit:
                    return weights, step
                self._factors = None
            if there < misfit:
                weights, sums, misfit = moved, sums_there, there
            fresh = False
        return weights, most

    def _moved(self, weights: Floats, step: Floats) -> Floats:
        """Multiply by 1 + λ instead of exp(λ): as good near the solution, and the same on every machine."""
        moved = weights
        for code, size, members in self._groups:
            factor = np.ones(size)
            for margin, place in members:
                here = slice(self._first[margin], self._first[margin + 1])
                factor *= np.clip(1 + step[here], 0.5, 2.0)[place]
            moved = moved * np.take(factor, code, mode="clip")
        return moved

    def _system(self, weights: Floats, sums: Floats) -> Floats:
        """Joint weights of every two cells."""
        system = np.diag(sums)
        for code, size, members in self._groups:
            table = tally(code, weights, size)
            for (one, left), (two, right) in itertools.combinations(members, 2):
                self._fill(system, one, two, left, right, table)
        for group, other in itertools.combinations(self._groups, 2):
            # The narrower of the two groups' codes is crossed with each margin of the other.
            small, large = sorted((group, other), key=lambda g: g[1])
            for margin, place in large[2]:
                wide = self._cells[margin].size * small[1]
                if wide > len(weights):
                    for two, right in small[2]:
                        self._fill(system, margin, two, place[large[0]], right[small[0]], weights)
                    continue
                joint = tally(self._cells[margin].code * small[1] + small[0], weights, wide)
                cell, narrow = np.divmod(np.arange(wide), small[1])
                for two, right in small[2]:
                    self._fill(system, margin, two, cell, right[narrow], joint)
        return system

    def _fill(
        self, system: Floats, one: int, two: int, left: np.ndarray, right: np.ndarray, weights: Floats
    ) -> None:
        rows, columns = self._cells[one].size, self._cells[two].size
        block = tally(left * columns + right, weights, rows * columns).reshape(rows, columns)
        first, second = self._first[one], self._first[two]
        system[first : first + rows, second : second + columns] = block
        system[second : second + columns, first : first + rows] = block.T


def _eliminate(system: Floats) -> tuple[Floats, np.ndarray]:
    """Factor a symmetric positive semidefinite system (LDLᵀ), leaving out what depends on the rest."""
    work, size = system.copy(), len(system)
    scale = np.diagonal(system).copy()
    used = np.zeros(size, dtype=bool)
    for k in range(size):
        if work[k, k] <= 1e-10 * scale[k] or scale[k] <= 0:
            continue
        used[k] = True
        column = work[k + 1 :, k] / work[k, k]
        work[k + 1 :, k + 1 :] -= column[:, None] * work[k, k + 1 :][None, :]
        work[k + 1 :, k] = column
    return work, used


def _solve(work: Floats, used: np.ndarray, right: Floats) -> Floats:
    """Solve with the factors; unknowns left out are 0."""
    found = np.where(used, right, 0.0)
    kept = np.flatnonzero(used)
    for k in kept:
        found[k + 1 :] -= np.where(used[k + 1 :], work[k + 1 :, k] * found[k], 0.0)
    found[kept] /= np.diagonal(work)[kept]
    for k in kept[::-1]:
        # Column k of the factor, now as a row; summed in order.
        found[:k] -= np.where(used[:k], work[k, :k] * found[k], 0.0)
    return found
