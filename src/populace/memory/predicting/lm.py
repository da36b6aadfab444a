"""A model of language as a route: its requests are data, sent by whoever runs them, and read back here.

Nothing here calls a model. `ModelRoute.requests` builds two requests a cell (both orders of the options),
`read` makes of their results the rows that other routes give, nan where there is no answer. `beside` weighs
such rows with those of other routes, on cells whose answers are known, and `together` mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from populace.errors import DataError
from populace.memory.hits import estimated_tokens
from populace.memory.predicting.asking import choose_requests, read_choice
from populace.memory.predicting.blending import mixed, weighed
from populace.memory.predicting.briefing import RECIPES, Known, Recipe, briefed
from populace.memory.predicting.trials import Trial
from populace.models.records import ChooseRequest, Result
from populace.opinions import Item

__all__ = ["ModelRoute", "beside", "together"]


@dataclass(frozen=True)
class ModelRoute:
    """A model that is told of a person within a budget.

    Parameters
    ----------
    model
        Identity of the model, as `Provider.model` gives it.
    recipe, tokens, count
        See `populace.memory.predicting.briefing.briefed`.
    """

    model: str
    recipe: Recipe = RECIPES["lm"]
    tokens: int = 400
    count: Callable[[str], int] = estimated_tokens
    seed: int = 0
    name: str = "lm"

    def requests(self, known: Sequence[Known], items: Sequence[Item]) -> list[ChooseRequest]:
        """Ask each cell in both orders: what is known of the person, and the question.

        Raises
        ------
        DataError
            If there are not as many questions as people.
        """
        if len(known) != len(items):
            raise DataError(f"{len(known)} people are asked {len(items)} questions", fix="give one a cell")
        found: list[ChooseRequest] = []
        for told, item in zip(known, items, strict=True):
            briefing = briefed(told, self.recipe, self.tokens, self.count)
            found += choose_requests(self.model, briefing, item.question, item.options, seed=self.seed)
        return found

    def read(self, results: Sequence[Result | None], items: Sequence[Item]) -> np.ndarray:
        """Read the results of `requests`, in its order: shape (cells, widest), nan where none can be read.

        Raises
        ------
        DataError
            If there are not two results a cell.

        Examples
        --------
        >>> from populace.models.records import Choice
        >>> one = Choice(key="a", log_likelihoods=(-0.1, -2.5), tokens=(1, 1))
        >>> turned = Choice(key="b", log_likelihoods=(-2.5, -0.1), tokens=(1, 1))
        >>> item = Item(name="q", question="More trees?", options=("Yes", "No"))
        >>> ModelRoute("m").read([one, turned], [item]).round(2).tolist()
        [[0.92, 0.08]]
        """
        if len(results) != 2 * len(items):
            raise DataError(f"{len(results)} results are of {len(items)} cells", fix="give two a cell")
        found = np.full((len(items), max((item.size for item in items), default=1)), np.nan)
        for place, item in enumerate(items):
            answer = read_choice(results[2 * place : 2 * place + 2])
            if answer.p is not None:
                found[place] = 0.0
                found[place, : item.size] = answer.p
        return found


def beside(trial: Trial, p: np.ndarray, *, name: str = "lm") -> tuple[tuple[str, ...], np.ndarray, float]:
    """Weigh a model's predictions with those of the routes of a trial.

    Parameters
    ----------
    trial
        Cells whose answers are known, and what routes said of them.
    p
        Shape (C, widest), what the model says of the same cells; nan rows are left out.
    name
        Of the model among the routes.

    Returns
    -------
    Names, their weights, and the exponent of the mixture (see `populace.memory.predicting.blending`).
    """
    there = ~np.isnan(p).any(axis=1)
    kept = replace(
        trial,
        rows=trial.rows[there],
        columns=trial.columns[there],
        truth=trial.truth[there],
        weights=trial.weights[there],
        p={each: rows[there] for each, rows in trial.p.items()} | {name: p[there]},
    )
    names = tuple(kept.p)
    weights, sharp = weighed(kept, list(names))
    return names, weights, sharp


def together(
    parts: dict[str, np.ndarray], names: Sequence[str], weights: np.ndarray, sharp: float
) -> np.ndarray:
    """Mix routes by weights; where one says nothing (nan) the others stand for it: shape (C, widest)."""
    stacked = np.stack([parts[name] for name in names])
    silent = np.isnan(stacked).any(axis=2)
    heavy = np.where(silent, 0.0, weights[:, None])
    heavy = heavy / np.maximum(heavy.sum(axis=0), 1e-12)
    p = (heavy[:, :, None] * np.nan_to_num(stacked)).sum(axis=0)
    return mixed(p[None], np.ones(1), sharp)
