"""Conditional tables with back-off: a small generative model fitted from coded survey records.

The joint distribution is a chain of nodes, `p(x) = Π p(xᵢ | parentsᵢ)`, and every factor is a table of
weighted counts. The parents of a node are ordered, the most telling one first. A table exists for every
prefix of that order, and a record is described by the longest prefix that was seen often enough:

- a cell (parents' values, node's value) from fewer than `min_records` records is never stored;
- the weight of such cells stays with their parents' values as a *remainder*. It is spread like all the
  weight that the next shorter prefix holds and no longer one stores, so that what is drawn keeps every
  margin that was counted (Kneser & Ney, 1995, ICASSP, 181-184, doi:10.1109/ICASSP.1995.479394);
- a remainder itself stands for at least `min_records` records: where the suppressed cells hold fewer, the
  smallest stored cells join them, as in complementary cell suppression (Cox, 1980, JASA 75, 377-385).

Null means *not observed*: in fitting, the record does not count for the tables that need the value; in
drawing, the parents from there on are summed out. *Not applicable*
is a value like any other and needs a code of its own. `Node.keep` parents are never backed off from, which
makes structural zeros exact (nobody under 16 has an employment status).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.errors import DataError
from populace.population.levels import Distributions, Level, count, expand, find, pack, restored, stored

__all__ = ["Node", "Recode", "TableModel"]

_METADATA_KEY = "populace.tables"


class Node(msgspec.Struct, frozen=True):
    """A variable to draw, with the columns it depends on."""

    name: str
    parents: tuple[str, ...] = ()
    """Columns or recodes, the most telling first; back-off drops the last one first."""
    keep: int = 0
    """How many leading parents are never dropped."""


class Recode(msgspec.Struct, frozen=True):
    """A coarser reading of a column, usable as a parent: for example ages in groups."""

    name: str
    source: str
    codes: dict[int, int]
    """Code of `source` -> code of the recode; a code left out counts as not observed."""


class _Coder:
    """Maps raw codes to positions 0..size-1; `size` itself stands for anything else, null included."""

    def __init__(self, source: str, codes: np.ndarray, positions: np.ndarray) -> None:
        self.source = source
        self.size = int(positions.max()) + 1 if len(positions) else 0
        self.first = int(codes.min()) if len(codes) else 0
        # One place past the last code catches everything unknown.
        span = int(codes.max()) - self.first + 1 if len(codes) else 0
        self.lookup = np.full(span + 1, self.size, dtype=np.int64)
        self.lookup[codes - self.first] = positions

    def __call__(self, frame: pl.DataFrame) -> np.ndarray:
        column = frame[self.source]
        if not column.dtype.is_integer():
            raise DataError(
                f"the tables need integer codes, not {column.dtype}",
                column=self.source,
                fix="code the column",
            )
        outside = self.first + len(self.lookup) - 1
        offset = column.cast(pl.Int64).fill_null(outside).to_numpy() - self.first
        offset = np.where((offset < 0) | (offset >= len(self.lookup)), len(self.lookup) - 1, offset)
        return self.lookup[offset]


class TableModel:
    """Conditional tables that can be fitted, asked for a distribution, drawn from, and stored.

    Examples
    --------
    Rain depends on the season; in the 4 winter records it is certain, in summer it is even.

    >>> frame = pl.DataFrame({"season": [0, 0, 0, 0, 1, 1, 1, 1], "rain": [1, 1, 1, 1, 0, 1, 0, 1]})
    >>> model = TableModel.fit(frame, [Node("season"), Node("rain", ("season",))], min_records=2)
    >>> model.distribution("rain", pl.DataFrame({"season": [0, 1]})).round(3).tolist()
    [[0.0, 1.0], [0.5, 0.5]]
    >>> model.draw(3, np.random.default_rng(0)).columns
    ['season', 'rain']
    >>> model.draw(pl.DataFrame({"season": [0, 0]}), np.random.default_rng(0))["rain"].to_list()
    [1, 1]
    """

    def __init__(
        self,
        *,
        nodes: Sequence[Node],
        recodes: Sequence[Recode],
        categories: Mapping[str, np.ndarray],
        levels: Mapping[str, Sequence[Level]],
        min_records: int,
        info: Mapping[str, str] | None = None,
    ) -> None:
        self.nodes = tuple(nodes)
        self.recodes = tuple(recodes)
        self.categories = dict(categories)
        """Codes of every node, and of every column that a node without a recode depends on, ascending."""
        self.min_records = min_records
        self.info = dict(info or {})
        """Where the tables come from: source, citation, record counts, script."""
        self._levels = {name: tuple(tables) for name, tables in levels.items()}
        self._node = {node.name: node for node in self.nodes}
        self._coders = _coders(self.nodes, self.recodes, self.categories)
        self._expanded: dict[str, list[Distributions]] = {}

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        nodes: Sequence[Node],
        *,
        weight: str | None = None,
        min_records: int = 20,
        recodes: Sequence[Recode] = (),
        info: Mapping[str, str] | None = None,
    ) -> Self:
        """Count the tables of `nodes` in `frame`.

        Parameters
        ----------
        frame
            One row a record; integer codes, null where not observed.
        nodes
            In drawing order. A parent is an earlier node, a recode, or a column that will be given as
            evidence.
        weight
            Column of non-negative weights; every record counts 1 without it.
        min_records
            Fewest records (not weight) a stored cell may stand for.
        recodes
            Coarser readings of columns, usable as parents.
        info
            Free text kept with the tables.

        Raises
        ------
        DataError
            If a column is missing or not integer, a weight is negative, or a kept configuration is too
            rare to be stored.
        """
        source = {recode.name: recode.source for recode in recodes}
        names = list(dict.fromkeys(name for node in nodes for name in (*node.parents, node.name)))
        for column in [weight, *(source.get(name, name) for name in names)]:
            if column is not None and column not in frame.columns:
                raise DataError("this column is missing", column=column, fix="add it, or drop the node")
        categories = {name: _categories(frame[name]) for name in names if name not in source}
        coders = _coders(nodes, recodes, categories)
        positions = pl.DataFrame({name: coders[name](frame) for name in names})
        positions = positions.with_columns(_weights(frame, weight))
        levels = {node.name: _fit_node(node, positions, coders, min_records) for node in nodes}
        return cls(
            nodes=nodes,
            recodes=recodes,
            categories=categories,
            levels=levels,
            min_records=min_records,
            info=info,
        )

    def distribution(self, name: str, evidence: pl.DataFrame) -> np.ndarray:
        """Give the probability of every category of node `name` for every row of `evidence`.

        Parameters
        ----------
        name
            A node.
        evidence
            Columns its parents are read from; a null or unseen value backs off from there.

        Returns
        -------
        numpy.ndarray
            Shape (rows, categories); columns in the order of `categories[name]`, rows sum to 1.
        """
        result = np.empty((evidence.height, len(self.categories[name])))
        for rows, at, below in self._located(name, evidence):
            result[rows] = np.diff(below, prepend=0.0)[at]
        return result

    def draw(self, given: int | pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """Draw every node that is not given, in order.

        Parameters
        ----------
        given
            How many rows to draw, or a frame of evidence, one row each. Nodes among its columns are
            taken as they are.
        rng
            The only source of randomness: one uniform number per row and drawn node.

        Returns
        -------
        polars.DataFrame
            The evidence columns, then the drawn nodes as Int64 codes.
        """
        frame = pl.DataFrame({"_": np.zeros(given, dtype=np.int8)}) if isinstance(given, int) else given
        for node in self.nodes:
            if node.name not in frame.columns:
                codes = self._invert(node.name, frame, rng.random(frame.height))
                frame = frame.with_columns(pl.Series(node.name, codes))
        return frame.drop("_") if isinstance(given, int) else frame

    def cells(self, name: str, depth: int) -> pl.DataFrame:
        """List the stored cells of a node given its first `depth` parents, with codes and weights."""
        node = self._node[name]
        level = self._levels[name][depth - node.keep]
        keys = np.repeat(level.keys, np.diff(level.starts))
        columns: dict[str, np.ndarray] = {}
        for parent in reversed(node.parents[:depth]):
            size = self._coders[parent].size
            columns[parent] = self._codes_of(parent)[keys % size]
            keys = keys // size
        # The remainder has no code of its own.
        codes = pl.Series([*self.categories[name].tolist(), None], dtype=pl.Int64)[level.values]
        frame = pl.DataFrame({**columns, name: codes, "weight": level.weights})
        return frame.select(*node.parents[:depth], name, "weight").drop_nulls(name)

    def save(self, path: str | Path) -> None:
        """Write the tables as one Parquet file: whole or not at all, the same bytes for the same tables."""
        tables = [
            (i, depth, level)
            for i, node in enumerate(self.nodes)
            for depth, level in enumerate(self._levels[node.name])
        ]
        rows = pl.concat([stored(i, depth, level) for i, depth, level in tables])
        header = {
            "nodes": self.nodes,
            "recodes": [{**msgspec.to_builtins(r), "codes": sorted(r.codes.items())} for r in self.recodes],
            "categories": {name: codes.tolist() for name, codes in sorted(self.categories.items())},
            "min_records": self.min_records,
            "info": self.info,
        }
        metadata = {_METADATA_KEY: msgspec.json.encode(header, order="sorted").decode()}
        with atomic_path(path) as temporary:
            rows.write_parquet(temporary, compression="zstd", compression_level=19, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read tables written by `save`.

        Raises
        ------
        DataError
            If the file is missing or holds no tables.
        """
        fix = "make it again with the script that fitted it"
        try:
            header = pl.read_parquet_metadata(path)[_METADATA_KEY]
            rows = pl.read_parquet(path)
        except (FileNotFoundError, KeyError, pl.exceptions.PolarsError) as error:
            raise DataError("not a file of fitted tables", file=path, fix=fix) from error
        fields = msgspec.json.decode(header)
        nodes = msgspec.convert(fields["nodes"], list[Node])
        parts = rows.partition_by("node", "depth", as_dict=True, include_key=False, maintain_order=True)
        return cls(
            nodes=nodes,
            recodes=[Recode(r["name"], r["source"], dict(r["codes"])) for r in fields["recodes"]],
            categories={name: np.array(codes) for name, codes in fields["categories"].items()},
            levels={
                node.name: [
                    restored(parts.get((i, depth), rows.clear()))
                    for depth in range(len(node.parents) - node.keep + 1)
                ]
                for i, node in enumerate(nodes)
            },
            min_records=fields["min_records"],
            info=fields["info"],
        )

    def _codes_of(self, name: str) -> np.ndarray:
        recode = next((r for r in self.recodes if r.name == name), None)
        return self.categories[name] if recode is None else np.array(sorted(set(recode.codes.values())))

    def _configurations(self, name: str, evidence: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """List the parents' distinct positions, shape (configurations, parents), and each row's."""
        coders = [self._coders[parent] for parent in self._node[name].parents]
        key = np.zeros(evidence.height, dtype=np.int64)
        for coder in coders:
            if coder.source not in evidence.columns:
                raise DataError(f"{name} depends on {coder.source}, which is not given", column=coder.source)
            key = key * (coder.size + 1) + coder(evidence)
        keys, row = np.unique(key, return_inverse=True)
        columns = np.zeros((len(keys), len(coders)), dtype=np.int64)
        for at in reversed(range(len(coders))):
            keys, columns[:, at] = np.divmod(keys, coders[at].size + 1)
        return columns, row

    def _located(
        self, name: str, evidence: pl.DataFrame
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Find each row's longest stored prefix, and with it the distributions that serve the row."""
        node, levels = self._node[name], self._levels[name]
        sizes = [self._coders[parent].size for parent in node.parents]
        configurations, row = self._configurations(name, evidence)
        observed = configurations < np.array(sizes, dtype=np.int64)
        level_of, at = np.full((2, len(configurations)), -1)
        for index, level in enumerate(levels):
            depth = node.keep + index
            found = find(level, pack(configurations[:, :depth], sizes[:depth]))
            hit = (found >= 0) & observed[:, :depth].all(axis=1)
            level_of[hit], at[hit] = index, found[hit]
        if (level_of < 0).any():
            kept = ", ".join(node.parents[: node.keep])
            raise DataError(f"no record was seen with the given {kept}", column=name)
        # A next parent that is known but not stored is a rare one; one that is not known could be any.
        further = np.column_stack([observed, np.ones(len(observed), dtype=bool)])
        rare = np.take_along_axis(further, level_of[:, None] + node.keep, axis=1)[:, 0]
        for index, level in enumerate(self._distributions(name)):
            for flag, below in ((True, level.rest), (False, level.whole)):
                rows = np.flatnonzero(((level_of == index) & (rare == flag))[row])
                yield rows, at[row[rows]], below

    def _distributions(self, name: str) -> list[Distributions]:
        """Complete the tables of a node, on first use."""
        if name not in self._expanded:
            node = self._node[name]
            sizes = [self._coders[parent].size for parent in node.parents[node.keep :]]
            self._expanded[name] = expand(self._levels[name], sizes, len(self.categories[name]))
        return self._expanded[name]

    def _invert(self, name: str, evidence: pl.DataFrame, uniform: np.ndarray) -> np.ndarray:
        """Draw by inverse distribution function, one uniform number in [0, 1) a row."""
        codes = np.empty(evidence.height, dtype=np.int64)
        for rows, at, below in self._located(name, evidence):
            used = np.bincount(at, minlength=len(below)) > 0
            nth = (np.cumsum(used) - 1)[at]
            flat = (below[used] + np.arange(used.sum())[:, None]).reshape(-1)
            # Rounding nth + uniform must not reach the next configuration.
            place = np.searchsorted(flat, nth + np.minimum(uniform[rows], 1 - 2**-24), side="right")
            codes[rows] = self.categories[name][place - nth * below.shape[1]]
        return codes


def _coders(
    nodes: Sequence[Node], recodes: Sequence[Recode], categories: Mapping[str, np.ndarray]
) -> dict[str, _Coder]:
    coders = {name: _Coder(name, codes, np.arange(len(codes))) for name, codes in categories.items()}
    for recode in recodes:
        codes, targets = np.array(list(recode.codes)), np.array(list(recode.codes.values()))
        coders[recode.name] = _Coder(recode.source, codes, np.unique(targets, return_inverse=True)[1])
    for node in nodes:
        if unknown := [name for name in (node.name, *node.parents) if name not in coders]:
            raise DataError(f"{node.name} depends on {unknown[0]}, which is neither column nor recode")
    return coders


def _categories(column: pl.Series) -> np.ndarray:
    return column.drop_nulls().unique().sort().to_numpy().astype(np.int64)


def _weights(frame: pl.DataFrame, weight: str | None) -> pl.Series:
    if weight is None:
        return pl.Series("w", np.ones(frame.height))
    column = frame[weight].cast(pl.Float64)
    bad = (~(column >= 0)).fill_null(True).arg_true()
    if len(bad):
        raise DataError(
            f"{column[bad[0]]} is not a weight from 0 up", row=bad[0] + 1, column=weight, fix="remove the row"
        )
    return column.alias("w")


def _fit_node(
    node: Node, positions: pl.DataFrame, coders: Mapping[str, _Coder], min_records: int
) -> list[Level]:
    """Count the tables of one node, from its kept parents to all of them."""
    names = (*node.parents, node.name)
    cells = (
        positions.lazy()
        .select(*(pl.col(name).alias(f"{i}") for i, name in enumerate(names)), "w")
        .filter(pl.col(f"{len(node.parents)}") < coders[node.name].size)
        .group_by([f"{i}" for i in range(len(names))])
        .agg(pl.len().alias("n"), pl.col("w").sum())
        # A fixed order, so that sums of fractional weights do not depend on the number of threads.
        .sort([f"{i}" for i in range(len(names))])
        .collect()
    )
    sizes = [coders[name].size for name in names]
    levels = [
        count(cells, sizes, depth, min_records, base=depth == node.keep)
        for depth in range(node.keep, len(names))
    ]
    kept = cells.select(f"{i}" for i in range(node.keep)).filter(
        pl.all_horizontal(pl.lit(True), *(pl.col(f"{i}") < sizes[i] for i in range(node.keep)))
    )
    if len(levels[0].keys) < (kept.n_unique() if node.keep else 1):
        raise DataError(
            f"too few records to store any value of {node.name} given {node.parents[: node.keep]}",
            column=node.name,
            fix="keep fewer parents, merge rare codes, or lower min_records",
        )
    return levels
