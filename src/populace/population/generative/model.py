"""A generative model of people: a chain of trees, `p(x) = Π p(xᵢ | x₁ … xᵢ₋₁)`, learned from records.

Every variable is drawn given those before it, from the leaf of a tree that these lead to. Which of them
matter, and where they split, is learned from a part of the records (`populace.population.generative.growth`);
what the leaves hold is counted on all of them, and no count stands for fewer than `min_records` records
(`populace.population.generative.cells`).

Records in which a variable was *not released* (null throughout their state, as most columns of California and
Texas in some extracts) do not count for its tree; variables that every state releases come first, so that
people of such a state get the others from people like them elsewhere.

Drawing works on blocks of rows, each with a random stream of its own: the same seed gives the same bytes
whatever the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.errors import DataError
from populace.population.codebook import Codebook
from populace.population.generative.amounts import Amounts
from populace.population.generative.learning import Learner, checked_weights, unreleased
from populace.population.generative.steps import Sampler, Step
from populace.population.generative.variables import Variable, describe
from populace.streams import stream

__all__ = ["GenerativeModel"]

_METADATA_KEY = "populace.generative"
_BLOCK = 1 << 15
_TRIES = 20
_LEADS = 2

Where = Mapping[str, Sequence[int | str]]
"""For a leading variable, the values to keep to."""


class GenerativeModel:
    """Trees that can be fitted, drawn from and stored.

    Examples
    --------
    Rain depends on the season; in winter it is certain, in summer it is even.

    >>> frame = pl.DataFrame({"season": ["w", "w", "s", "s"] * 50, "rain": [1, 1, 0, 1] * 50})
    >>> model = GenerativeModel.fit(frame, ["season", "rain"], min_records=20)
    >>> drawn = model.draw(1000, seed=1)
    >>> drawn.filter(pl.col("season") == "w")["rain"].mean(), drawn.columns
    (1.0, ['season', 'rain'])
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        steps: Sequence[Step],
        *,
        min_records: int,
        info: Mapping[str, str] | None = None,
        unreleased: Mapping[str, Sequence[int | str]] | None = None,
    ) -> None:
        self.variables = tuple(variables)
        self.steps = tuple(steps)
        self.min_records = min_records
        self.info = dict(info or {})
        """Where the records come from: source, citation, licence, number of records."""
        self.unreleased = {name: list(groups) for name, groups in (unreleased or {}).items()}
        """For a variable, the groups (states) in which it was not released."""
        self._samplers: list[Sampler] = []

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        names: Sequence[str],
        *,
        weight: str | None = None,
        book: Codebook | None = None,
        released_by: str | None = None,
        min_records: int = 20,
        info: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn structure and counts.

        Parameters
        ----------
        frame
            One row a record.
        names
            Columns to model, in drawing order; those not released everywhere are moved behind the others.
        weight
            Column of non-negative weights; every record counts 1 without it.
        book
            Codebook of the columns, where they hold codes.
        released_by
            Column (a state) by whose values a variable is released or not.
        min_records
            Fewest records (not weight) that anything stored stands for.
        info
            Free text kept with the model.
        seed
            Chooses the records that the structure is learned from.

        Raises
        ------
        DataError
            If a column is missing or of no use, a weight is bad, or there are too few records. A later
            column of which no value was given by `min_records` people is left out instead.
        """
        weights = checked_weights(frame, weight)
        if int((weights > 0).sum()) < 2 * min_records:
            what = f"{int((weights > 0).sum())} records are too few for a model"
            raise DataError(what, fix=f"give {2 * min_records} or more")
        withheld = unreleased(frame, names, released_by)
        names = sorted(names, key=lambda name: len(withheld.get(name, ())))
        rng = np.random.default_rng(seed)
        learner = Learner(frame, weights, withheld, released_by, min_records, rng)
        variables, steps = [], []
        described = describe(frame, weights, names, book, min_records)
        for place, variable in enumerate(described):
            towards = next((later for later in described[place + 1 :] if later.groups), None)
            learned, found = learner.learn(variable, towards)
            if not found and (place < _LEADS or variable.amounts):
                what = f"no value was given by {min_records} people, so that none may be told"
                raise DataError(what, column=variable.name, fix="give more people, or lower min_records")
            if found:
                variables.append(learned)
                steps += found
        told = {variable.name for variable in variables}
        withheld = {name: groups for name, groups in withheld.items() if name in told}
        return cls(variables, steps, min_records=min_records, info=info, unreleased=withheld)

    def draw(self, size: int, *, seed: int, where: Where | None = None) -> pl.DataFrame:
        """Draw people.

        The first two variables are spread over the sample systematically, in proportion to their joint
        distribution; everything else is drawn given them. Rows come in random order, so that the first k
        people are a sample of their own.

        Parameters
        ----------
        size
            Rows to draw.
        seed
            Of the random generator.
        where
            Values of the first two variables to keep to.

        Returns
        -------
        polars.DataFrame
            The variables in drawing order; Int32 codes, Int64 amounts or texts, null where not applicable.
        """
        rng = stream(seed, "population.generative")
        lead = self._spread(size, rng, where or {})
        parts = [slice(first, first + _BLOCK) for first in range(0, max(size, 1), _BLOCK)]
        if not self._samplers:
            self._samplers = [Sampler(step) for step in self.steps]

        def block(part: slice, own: np.random.Generator) -> pl.DataFrame:
            return self._block({name: positions[part] for name, positions in lead.items()}, own)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return pl.concat(pool.map(block, parts, rng.spawn(len(parts))))

    def share(self, where: Where) -> float:
        """Give the share of all people that have the given values of the first two variables."""
        return float(self._joint(where).sum() / self._joint({}).sum())

    def save(self, path: str | Path) -> None:
        """Write one Parquet file, a row a node: whole or not at all, the same bytes for the same model."""
        header = {
            "variables": self.variables,
            "steps": [step.head() for step in self.steps],
            "min_records": self.min_records,
            "info": self.info,
            "unreleased": self.unreleased,
        }
        metadata = {_METADATA_KEY: msgspec.json.encode(header, order="sorted").decode()}
        rows = pl.concat(step.rows(number) for number, step in enumerate(self.steps))
        with atomic_path(path) as temporary:
            rows.write_parquet(temporary, compression="zstd", compression_level=19, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model written by `save`.

        Raises
        ------
        DataError
            If the file is missing or holds no model.
        """
        try:
            header = msgspec.json.decode(pl.read_parquet_metadata(path)[_METADATA_KEY])
            parts = pl.read_parquet(path).partition_by("step", maintain_order=True)
            steps = [Step.restore(head, part) for head, part in zip(header["steps"], parts, strict=True)]
            variables = msgspec.convert(header["variables"], list[Variable])
        except (KeyError, ValueError, OSError, msgspec.MsgspecError, pl.exceptions.PolarsError) as error:
            fix = "make it with `populace population fit`"
            raise DataError("not a generative model", file=path, fix=fix) from error
        return cls(
            variables,
            steps,
            min_records=header["min_records"],
            info=header["info"],
            unreleased=header["unreleased"],
        )

    def _leads(self) -> list[Variable]:
        """Give the variables that a sample is spread over: the first two, or one, if they are plain lists."""
        leads = []
        for variable in self.variables[:_LEADS]:
            if variable.amounts is not None or variable.groups or not variable.splits:
                break
            leads.append(variable)
        return leads

    def _joint(self, where: Where) -> np.ndarray:
        """Joint weight of the leading variables, (values, values); zero for values that are not kept."""
        leads = self._leads()
        if unknown := set(where) - {variable.name for variable in leads}:
            raise DataError(
                "people can be chosen by the first two variables only",
                column=min(unknown),
                fix=f"choose by {' or '.join(v.name for v in leads)}, or draw more people and filter them",
            )
        joint = np.ones((1, 1))
        if leads:
            joint = self.steps[0].shares()[0][:, None]
        if len(leads) == 2:
            codes = np.arange(len(joint), dtype=np.uint8)[None, :]
            leaf = self.steps[1].structure.leaves(codes, np.zeros(len(joint), dtype=np.intp))
            joint = joint * self.steps[1].shares()[leaf]
        for axis, variable in enumerate(leads):
            if variable.name in where:
                kept = set(where[variable.name])
                out = np.array([value not in kept for value in (None, *variable.values)])
                joint[out if axis == 0 else np.s_[:, out]] = 0.0
        return joint

    def _spread(self, size: int, rng: np.random.Generator, where: Where) -> dict[str, np.ndarray]:
        """Spread the leading variables over the rows, in random order."""
        joint = self._joint(where)
        edges = np.cumsum(joint.reshape(-1))
        if not edges[-1] > 0:
            raise DataError("the model holds nobody like that", column=next(iter(where), None))
        points = (np.arange(size) + rng.random()) / max(size, 1)
        cell = np.searchsorted(edges, np.minimum(points, 1 - 2**-40) * edges[-1], side="right")
        cell = rng.permutation(np.minimum(cell, int(np.flatnonzero(joint.reshape(-1)).max())))
        places = np.divmod(cell, joint.shape[1])
        if self._leads():
            return {variable.name: place for variable, place in zip(self._leads(), places, strict=False)}
        return {"": cell}

    def _block(self, lead: Mapping[str, np.ndarray], rng: np.random.Generator) -> pl.DataFrame:
        """Draw the rows of one block."""
        size = len(next(iter(lead.values())))
        root = np.zeros(size, dtype=np.intp)
        codes = np.zeros((sum(variable.features for variable in self.variables), size), dtype=np.uint8)
        amounts: dict[str, np.ndarray] = {}
        columns: list[pl.Series] = []
        samplers = iter(self._samplers)
        place = 0
        for variable in self.variables:
            sampler, known = next(samplers), codes[:place]
            positions = lead.get(variable.name)
            if positions is None:
                positions = sampler.draw(known, root, rng.random(size))
            other = None
            if variable.amounts is not None and variable.amounts.same_as:
                other = amounts[variable.amounts.same_as]
                positions = _possible(variable.amounts, positions, other, sampler, known, rng)
            if variable.splits and variable.amounts is None:
                codes[place] = positions
            if variable.staged:
                positions = next(samplers).draw(known, positions, rng.random(size))
            if variable.kin:
                codes[place + 1] = variable.gathered(positions)
            if variable.amounts is not None:
                drawn = variable.amounts.draw(positions, other, *rng.random((2, size)))
                amounts[variable.name], codes[place] = drawn, variable.amounts.bins(drawn)
                column = pl.Series(variable.name, drawn).fill_nan(None)
                columns.append(column.cast(pl.Int64) if variable.amounts.whole else column)
            else:
                columns.append(variable.decode(positions))
            place += variable.features
        return pl.DataFrame(columns)


def _possible(
    amounts: Amounts,
    positions: np.ndarray,
    other: np.ndarray,
    sampler: Sampler,
    known: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw again who would have the same amount as a variable that does not apply to them."""
    for _ in range(_TRIES):
        wrong = np.flatnonzero(amounts.impossible(positions, other))
        if not len(wrong):
            return positions
        root = np.zeros(len(wrong), dtype=np.intp)
        positions[wrong] = sampler.draw(known[:, wrong], root, rng.random(len(wrong)))
    return np.where(amounts.impossible(positions, other), amounts.lowest, positions)
