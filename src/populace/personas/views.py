"""Religion, ideology and party: smoothed conditional tables, drawn one after the other.

Each is a multinomial log-linear model: the log of every value's share is a sum of effects of the person's
groups and of pairs of groups (race by country of birth, ideology by race, ...), fitted with a small ridge
penalty by `scripts/fit_psychographics.py`. Up to the penalty its margins by each group are those of the
survey, and no combination that can exist has probability zero. Plain tables with back-off, which the
population uses, are too hungry for the 5,215 records there are: `docs/design/personas.md` compares them.

Agresti, *Categorical Data Analysis* (3rd ed., 2013), chapters 8 and 9.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import numpy as np
import polars as pl

__all__ = ["Term", "ViewModel", "ViewNode", "indicators", "view_model"]


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
        centred = indicators(evidence, self.terms, missing=np.array(self.centre)) - self.centre
        logits = centred @ np.array(self.effects) + self.intercept
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
            Columns of `populace.personas.evidence`.
        rng
            One uniform number per row and node is taken from it.

        Returns
        -------
        polars.DataFrame
            The evidence, then one Int64 column per node: position of the value in the schema's list.
        """
        for node in self.nodes:
            configurations = evidence.select(node.parents).unique(maintain_order=True).with_row_index("row")
            # A null joins a null: to be missing is a configuration like any other.
            row = evidence.select(node.parents).join(
                configurations, on=node.parents, how="left", nulls_equal=True, maintain_order="left"
            )["row"]
            below = node.distribution(configurations).cumsum(axis=1)[row.to_numpy()]
            uniform = rng.random(evidence.height) * below[:, -1]
            # The first value whose cumulative share exceeds the number; the last one if rounding ate it.
            value = (uniform[:, None] >= below[:, :-1]).sum(axis=1)
            evidence = evidence.with_columns(pl.Series(node.name, value, dtype=pl.Int64))
        return evidence


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
