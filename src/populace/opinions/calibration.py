"""Calibration of any predictor on training respondents, and how well probabilities keep their promise.

A predictor is fitted on some training respondents and predicts the others, in turns (cross-fitting), so that
the scaling is learned from predictions as honest as those of the tested. A table of a model's predictions
needs no fit: `populace.opinions.scaling.fit_scaling` learns from any respondents whose answers are known.
`individual_scores(..., against=...)` tells what calibration changed, with intervals; `reliability_table` is
what a diagram shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.predictor import Fitted, Inputs, Predictor
from populace.opinions.predictors.masks import masked
from populace.opinions.scaling import Kind, Per, Scaling, fit_scaling
from populace.opinions.splits import Split
from populace.opinions.table import NONE, Opinions
from populace.opinions.twins import hidden_twins
from populace.stats.reliability import reliability
from populace.streams import stream

__all__ = ["Calibrated", "Scaled", "reliability_table"]


@dataclass(frozen=True)
class Calibrated:
    """A predictor whose probabilities are scaled.

    Parameters
    ----------
    predictor
        What is calibrated; it is fitted `folds` + 1 times.
    kind, per
        See `populace.opinions.scaling`.
    folds
        Parts that training respondents are cut into.
    seed
        Of the parts, and of what is told of those left out.
    pairs
        Shape (M, M), items that say nearly the same (`populace.opinions.twins.twins`), where they are hidden
        from each other in the test: then they are in the folds too. None hides nothing.
    """

    predictor: Predictor
    kind: Kind = "temperature"
    per: Per = "pooled"
    folds: int = 5
    seed: int = 0
    pairs: np.ndarray | None = None

    @property
    def name(self) -> str:
        """As tables name it."""
        return f"{self.predictor.name}, {self.kind} ({self.per})"

    def fit(self, train: Opinions, inputs: Inputs) -> Scaled:
        """Learn the scaling by cross-fitting, then the predictor from all.

        Raises
        ------
        DataError
            If there are fewer training respondents than folds, or fewer than two folds.
        """
        if not 2 <= self.folds <= len(train):
            raise DataError(f"{len(train)} training respondents cannot be cut into {self.folds} folds",
                            fix="take 2 folds or more, and more respondents")  # fmt: skip
        rng = stream(self.seed, "opinions.calibration")
        part = rng.permutation(len(train)) % self.folds
        table = np.full((len(train), int(train.starts[-1])), np.nan)
        asked = np.zeros(train.answers.shape, dtype=bool)
        for fold in range(self.folds):
            outer = train.take(part == fold)
            known, ask = masked(outer, inputs.known, rng, asked=0.2 if inputs.known is None else 1.0)
            if self.pairs is not None and inputs.known is None:
                known = np.where(hidden_twins(ask, self.pairs), NONE, known)
            elif self.pairs is not None:
                ask &= ~hidden_twins(known != NONE, self.pairs)
            fitted = self.predictor.fit(train.take(part != fold), inputs)
            table[part == fold], asked[part == fold] = fitted.predict(outer.people, known), ask
        scaling = fit_scaling(train, table, asked, kind=self.kind, per=self.per, rng=rng)
        return Scaled(self.predictor.fit(train, inputs), scaling)


@dataclass(frozen=True)
class Scaled:
    """A fitted predictor and its scaling."""

    fitted: Fitted
    scaling: Scaling

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Predict, and scale."""
        return self.scaling.apply(self.fitted.predict(people, known))


def reliability_table(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    *,
    of: Literal["likeliest", "options"] = "likeliest",
    bins: int = 10,
    level: float = 0.95,
) -> pl.DataFrame:
    """Tabulate what tables say against what happened, for a reliability diagram.

    Parameters
    ----------
    opinions, split
        What was answered, and what of it was asked.
    tables
        Name -> shape (tests, K), nan where nothing was predicted; such cells are left out of that table.
    of
        The `likeliest` option of each answer, as the calibration error has it, or all `options`.
    bins, level
        Bins of equal width; coverage of the intervals, which count a respondent's answers as a cluster.

    Returns
    -------
    A row a table and bin that is not empty: `predictor`, `start`, `end`, `n` (rows), `trials` (what they are
    worth), `said`, `happened`, `low`, `high`, `share` (of all weight).

    Raises
    ------
    DataError
        If a table does not fit.

    Examples
    --------
    >>> from populace.opinions import Item
    >>> people = pl.DataFrame({"person_id": list("abcd"), "weight": [1.0] * 4})
    >>> given = np.array([[0], [0], [1], [0]], dtype=np.int16)
    >>> opinions = Opinions(people, (Item(name="q", options=("Yes", "No")),), given)
    >>> tests = Split(np.arange(0), np.arange(4), np.ones((4, 1), bool), np.full((4, 1), -1))
    >>> rows = reliability_table(opinions, tests, {"mine": np.tile([0.7, 0.3], (4, 1))})
    >>> rows.select("n", "said", "happened").rows()
    [(4, 0.7, 0.75)]
    """
    if of not in ("likeliest", "options"):
        raise DataError(f"of is {of!r}", fix="take likeliest or options")
    truth = opinions.answers[split.test]
    rows, columns = np.nonzero(split.asked & (truth != NONE))
    answers, weights = truth[rows, columns], opinions.weights[split.test][rows]
    found = []
    for name, table in tables.items():
        if table.shape != (len(split.test), int(opinions.starts[-1])):
            raise DataError(f"the table {name} of the shape {table.shape} does not fit people and options")
        wide = opinions.gather(rows, columns, table)
        inside = np.arange(wide.shape[1]) < opinions.sizes[columns][:, None]
        hot = np.arange(wide.shape[1]) == answers[:, None]
        if of == "likeliest":
            best = np.where(np.isnan(wide), -1.0, wide).argmax(axis=1)
            inside &= np.arange(wide.shape[1]) == best[:, None]
        at, option = np.nonzero(inside & ~np.isnan(wide))
        cells = reliability(
            np.clip(wide[at, option], 0.0, 1.0),
            hot[at, option].astype(np.float64),
            rows[at],
            weights=weights[at],
            bins=bins,
            level=level,
        )
        found += [{"predictor": name, **msgspec.structs.asdict(cell)} for cell in cells]
    return pl.DataFrame(found, schema=_SCHEMA)


_SCHEMA = {
    "predictor": pl.String,
    **dict.fromkeys(("start", "end"), pl.Float64),
    "n": pl.Int64,
    **dict.fromkeys(("trials", "said", "happened", "low", "high", "share"), pl.Float64),
}
