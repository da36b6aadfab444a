"""Religion, ideology and party: smoothed conditional tables, drawn one after the other.

Each is a multinomial log-linear model: the log of every value's share is a sum of effects of the person's
groups and of pairs of groups (race by country of birth, ideology by race, ...), fitted with a small ridge
penalty by `scripts/fit_psychographics.py`. Up to the penalty its margins by each group are those of the
survey, and no combination that can exist has probability zero. Plain tables with back-off are too
hungry for the 5,215 records there are: `docs/design/personas.md` compares them.

Agresti, *Categorical Data Analysis* (3rd ed., 2013), chapters 8 and 9.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import numpy as np
import polars as pl

__all__ = ["Term", "ViewModel", "ViewNode", "indicators", "shifts", "view_model"]


class Term(msgspec.Struct, frozen=True):
    """A group or a combination of groups that shifts the shares."""

    columns: list[str]
    cells: list[list[int]]
    """Codes of `columns` that have an effect of their own; rarer combinations have none."""


class ViewNode(msgspec.Struct, frozen=True):
    """One opinion given the columns its terms name."""

    name: str
    terms: list[Term]
    centre: list[float]
    """Mean of each cell's indicator in the survey: where a group is missing, the person counts as average."""
    intercept: list[float]
    effects: list[list[float]]
    """(cells of all terms, values) on the log scale."""

    @property
    def parents(self) -> list[str]:
        """Columns the node depends on, in order of first mention."""
        return list(dict.fromkeys(name for term in self.terms for name in term.columns))

    def distribution(self, evidence: pl.DataFrame) -> np.ndarray:
        """Give the probability of every value for every row of `evidence`.

        Parameters
        ----------
        evidence
            Int64 codes of the parents; null where missing.

        Returns
        -------
        numpy.ndarray
            Shape (rows, values); rows sum to 1.
        """
        logits = shifts(evidence, self.terms, self.centre, self.effects) + self.intercept
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)


class ViewModel(msgspec.Struct, frozen=True):
    """What `views.json` holds: the nodes in drawing order, and where they come from."""

    info: dict[str, str]
    nodes: list[ViewNode]

    def draw(self, evidence: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """Draw every node, each given the evidence and the nodes before it.

        Parameters
        ----------
        evidence
            Columns of `populace.personas.evidence`. A column named as a node holds what is given: codes are
            kept, nulls are drawn given everything else about the person, later nodes included (Bayes).
        rng
            One uniform number per row and node is taken from it, used or not.

        Returns
        -------
        polars.DataFrame
            The evidence, then one Int64 column per node: position of the value in the schema's list.
        """
        names = [node.name for node in self.nodes]
        uniform = pl.DataFrame({f"{name} u": rng.random(evidence.height) for name in names})
        absent = [pl.lit(None, dtype=pl.Int64).alias(name) for name in names if name not in evidence.columns]
        people = evidence.with_columns(absent).hstack(uniform).with_row_index("row")
        # People of whom the same opinions are given are drawn together.
        parts = [self._draw_alike(part) for part in _by_pattern(people, names)]
        drawn = parts[0] if len(parts) == 1 else pl.concat(parts).sort("row")
        return drawn.select(*(name for name in evidence.columns if name not in names), *names)

    def _draw_alike(self, people: pl.DataFrame) -> pl.DataFrame:
        """Draw for people of whom the same nodes are given."""
        given = {node.name for node in self.nodes if people[node.name].null_count() == 0}
        for at, node in enumerate(self.nodes):
            if node.name in given or people.is_empty():
                continue
            later = [other for other in self.nodes[at + 1 :] if other.name in given]
            columns = dict.fromkeys(node.parents)
            if later:
                ahead = self.nodes[at + 1 :]
                columns |= dict.fromkeys(name for other in ahead for name in (*other.parents, other.name))
                undrawn = {other.name for other in self.nodes[at:]} - given
                columns = {name: None for name in columns if name not in undrawn}
            parents = list(columns)
            configurations = people.select(parents).unique(maintain_order=True).with_row_index("at")
            # A null joins a null: to be missing is a configuration like any other.
            row = people.select(parents).join(
                configurations, on=parents, how="left", nulls_equal=True, maintain_order="left"
            )["at"]
            below = self._shares(at, configurations, given).cumsum(axis=1)[row.to_numpy()]
            uniform = people[f"{node.name} u"].to_numpy() * below[:, -1]
            # The first value whose cumulative share exceeds the number; the last one if rounding ate it.
            value = (uniform[:, None] >= below[:, :-1]).sum(axis=1)
            people = people.with_columns(pl.Series(node.name, value, dtype=pl.Int64))
        return people

    def _shares(self, at: int, people: pl.DataFrame, given: set[str]) -> np.ndarray:
        """Weigh the values of a node by the chance of the later nodes that are given."""
        shares, name = self.nodes[at].distribution(people), self.nodes[at].name
        for value in range(shares.shape[1]):
            supposed = people.with_columns(pl.lit(value, dtype=pl.Int64).alias(name))
            shares[:, value] *= self._chance(at + 1, supposed, given)
        return shares

    def _chance(self, at: int, people: pl.DataFrame, given: set[str]) -> np.ndarray | float:
        """Probability of the given nodes from `at` on, summed over those not given."""
        if not any(node.name in given for node in self.nodes[at:]):
            return 1.0
        node = self.nodes[at]
        if node.name not in given:
            return self._shares(at, people, given).sum(axis=1)
        told = people[node.name].to_numpy()
        shares = node.distribution(people)[np.arange(people.height), told]
        return shares * self._chance(at + 1, people, given)


def _by_pattern(people: pl.DataFrame, names: list[str]) -> list[pl.DataFrame]:
    """Split people by which of the columns are null; one frame at least."""
    pattern = sum((people[name].is_null().cast(pl.Int64) * 2**at for at, name in enumerate(names)), start=0)
    kinds = np.unique(pattern)
    return [people.filter(pattern == each) for each in kinds] if len(kinds) > 1 else [people]


def shifts(
    evidence: pl.DataFrame, terms: list[Term], centre: list[float], effects: list[list[float]]
) -> np.ndarray:
    """Sum the effects of the cells every row belongs to, centred: `(indicators - centre) @ effects`.

    Parameters
    ----------
    evidence
        Int64 codes from 0; null where missing, which counts as average.
    terms, centre, effects
        As in `ViewNode`.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns of `effects`).

    Examples
    --------
    >>> people = pl.DataFrame({"sex": [0, 1, None]})
    >>> shifts(people, [Term(["sex"], [[1]])], [0.5], [[2.0]]).tolist()
    [[-1.0], [1.0], [0.0]]
    """
    table, total, start = np.array(effects), np.zeros((evidence.height, len(effects[0]))), 0
    for term in terms:
        block, means = (
            table[start : start + len(term.cells)],
            np.array(centre[start : start + len(term.cells)]),
        )
        start += len(term.cells)
        cells = np.array(term.cells)
        # One code more than there are cells for: a group without an effect of its own.
        sizes = tuple(cells.max(axis=0) + 2)
        lookup = np.tile(-(means @ block), (int(np.prod(sizes)) + 1, 1))
        lookup[np.ravel_multi_index(tuple(cells.T), sizes)] += block
        lookup[-1] = 0.0
        codes = evidence.select(pl.col(name).fill_null(-1) for name in term.columns).to_numpy()
        index = np.ravel_multi_index(tuple(codes.clip(0).T), sizes, mode="clip")
        total += lookup[np.where((codes < 0).any(axis=1), len(lookup) - 1, index)]
    return total


def indicators(evidence: pl.DataFrame, terms: list[Term], missing: np.ndarray | None = None) -> np.ndarray:
    """Mark which cells every row belongs to.

    Parameters
    ----------
    evidence
        Int64 codes.
    terms
        In the order of the result's columns.
    missing
        (cells,) what stands in a term's columns where one of its codes is null; 0 by default.

    Returns
    -------
    numpy.ndarray
        Shape (rows, cells of all terms).

    Examples
    --------
    >>> people = pl.DataFrame({"sex": [0, 1, None]})
    >>> indicators(people, [Term(["sex"], [[0], [1]])], missing=np.array([0.4, 0.6])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.4, 0.6]]
    """
    columns = []
    for term in terms:
        codes = evidence.select(pl.col(name).fill_null(-1) for name in term.columns).to_numpy()
        unknown = (codes < 0).any(axis=1)
        for cell in term.cells:
            fill = 0.0 if missing is None else missing[len(columns)]
            columns.append(np.where(unknown, fill, (codes == cell).all(axis=1)))
    return np.column_stack(columns).astype(float)


@functools.cache
def view_model() -> ViewModel:
    """Load the fitted model from the package."""
    data = resources.files("populace.personas").joinpath("data", "views.json").read_bytes()
    return msgspec.json.decode(data, type=ViewModel)
