"""Gradient boosting: trees on attributes and known answers, one model an item.

Inputs are the attributes (numbers as they are, texts numbered) and the known answers as codes; what is
missing is missing, which the trees handle. Where own answers may be told, respondents stand there a few
times as in `logistic`. The number of rounds of an item is chosen by early stopping on respondents left out;
an item on which no round helps keeps the population's shares. Needs LightGBM (`pip install
'populace[baselines]'`); one thread, deterministic.

References
----------
Ke et al. (2017). LightGBM: A Highly Efficient Gradient Boosting Decision Tree. NIPS 30.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.predictor import Inputs
from populace.opinions.predictors.masks import masked
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["Boosting"]

_FEWEST = 60
"""Respondents that an item needs; with fewer it keeps the population's shares."""
_MOST_ROUNDS = 80
_PATIENCE = 8
_FOLD = 0.25


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees by item.

    Parameters
    ----------
    only
        Names of items to learn; all others get the population's shares. Empty for all: about 0.1 s an item.
    """

    only: tuple[str, ...] = ()
    copies: int = 2
    leaves: int = 7
    rate: float = 0.1
    seed: int = 0
    name: str = field(default="boosting")

    def fit(self, train: Opinions, inputs: Inputs) -> Boosted:
        """Learn every item, with as many rounds as help respondents left out."""
        trees = _lightgbm()
        rng = stream(self.seed, "opinions.boosting")
        told = inputs.known is None or inputs.known > 0
        words = _words(train.people, inputs.attributes)
        parts = []
        for _ in range(self.copies if told else 1):
            known, asked = np.full_like(train.answers, NONE), train.answered
            if told:
                known, asked = masked(train, inputs.known, rng, asked=0.2 if inputs.known is None else 1.0)
            parts.append((_columns(words, train.people, known, told), asked))
        asked = np.concatenate([part for _, part in parts])
        inside = np.concatenate([columns for columns, _ in parts])
        codes = np.tile(train.answers, (len(parts), 1))
        weights = np.tile(train.weights / (train.weights.mean() or 1.0), len(parts)) / len(parts)
        apart = np.tile(rng.random(len(train)) < _FOLD, len(parts))
        # One binning of the inputs serves all items.
        data = trees.Dataset(inside, params=self._settings(2), free_raw_data=False).construct()
        models: dict[int, Any] = {}
        names = set(self.only) or {item.name for item in train.items}
        for place, item in enumerate(train.items):
            there = asked[:, place] & (weights > 0)
            if item.name in names and there.sum() >= _FEWEST:
                model = self._item(trees, data, codes[:, place], weights, there, apart, item.size)
                if model is not None:
                    models[place] = model
        return Boosted(train.starts, train.shares(prior=1.0), words, told, models)

    def _item(
        self,
        trees: Any,
        data: Any,
        codes: np.ndarray,
        weights: np.ndarray,
        there: np.ndarray,
        apart: np.ndarray,
        size: int,
    ) -> Any:
        """Choose the rounds of one item, then learn it from everybody; None where no round helps."""
        seen = np.bincount(codes[there & ~apart], minlength=size)
        if (seen > 0).sum() < 2 or not (there & apart).any():
            return None
        settings = self._settings(size)

        def part(mask: np.ndarray) -> Any:
            rows = np.flatnonzero(mask)
            chosen = data.subset(rows, params=settings)
            chosen.construct()
            chosen.set_label(codes[rows].astype(np.float32))
            chosen.set_weight(weights[rows].astype(np.float32))
            return chosen

        inner, outer = part(there & ~apart), part(there & apart)
        marks: dict[str, dict[str, list[float]]] = {}
        callbacks = [
            trees.early_stopping(_PATIENCE, verbose=False),
            trees.record_evaluation(marks),
        ]
        first = trees.train(settings, inner, _MOST_ROUNDS, valid_sets=[outer], callbacks=callbacks)
        share = np.bincount(codes[there & ~apart], weights[there & ~apart], minlength=size) + 1e-9
        share /= share.sum()
        rows = there & apart
        without = -np.average(np.log(np.maximum(share[codes[rows]], 1e-3)), weights=weights[rows])
        if marks["valid_0"]["multi_logloss"][first.best_iteration - 1] >= without:
            return None
        return trees.train(settings, part(there), first.best_iteration)

    def _settings(self, size: int) -> dict[str, Any]:
        return {
            "objective": "multiclass",
            "num_class": size,
            "num_leaves": self.leaves,
            "learning_rate": self.rate,
            "min_data_in_leaf": 20,
            "lambda_l2": 5.0,
            "feature_fraction": 0.5,
            "max_bin": 31,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "seed": self.seed % 2**31,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class Boosted:
    """Trees of the items that could be learned."""

    starts: np.ndarray
    everybody: np.ndarray
    words: dict[str, dict[str, int]]
    told: bool
    models: dict[int, Any]

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Give probabilities from attributes and known answers."""
        table = np.tile(self.everybody, (people.height, 1))
        if not people.height:
            return table
        inside = _columns(self.words, people, known, self.told)
        for place, model in self.models.items():
            found = np.maximum(model.predict(inside, num_threads=1), 1e-4)
            table[:, self.starts[place] : self.starts[place + 1]] = found / found.sum(axis=1, keepdims=True)
        return table


def _lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:
        raise DataError(
            f"gradient boosting needs LightGBM: {error}", fix="pip install 'populace[baselines]'"
        ) from error


def _words(people: pl.DataFrame, attributes: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Number the values of texts, commonest first; numbers have no list."""
    found: dict[str, dict[str, int]] = {}
    for name in attributes:
        column = people[name]
        found[name] = {}
        if not column.dtype.is_numeric():
            counts = column.drop_nulls().cast(pl.String).value_counts()
            counts = counts.sort("count", name, descending=[True, False])
            found[name] = {value: place for place, value in enumerate(counts[name].to_list())}
    return found


def _columns(
    words: dict[str, dict[str, int]], people: pl.DataFrame, known: np.ndarray, told: bool
) -> np.ndarray:
    """Give the inputs (n, F), nan where something is missing."""
    parts = []
    for name, values in words.items():
        column = people[name]
        if not column.dtype.is_numeric():
            text = column.cast(pl.String)
            column = text.replace_strict(values, default=None, return_dtype=pl.Float64)
        parts.append(column.cast(pl.Float64).to_numpy().astype(np.float64))
    found = np.stack(parts, axis=1) if parts else np.zeros((people.height, 0))
    if told:
        found = np.concatenate([found, np.where(known == NONE, np.nan, known)], axis=1)
    # LightGBM refuses a table without a column.
    return found if found.shape[1] else np.zeros((people.height, 1))
