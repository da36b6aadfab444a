"""JOIN for the factors: what neighbours said is told beside what the person said, as if it were the person's.

The paper joins databases and lets a model read the result. Factors read answers, so the joined items are
filled in where the person gave none. The factors know already what people alike have in common; whether a
neighbour's items add anything is measured (`docs/design/response-prediction.md`), not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from populace.memory.predicting.collaborative import Collaborative, Folded
from populace.memory.predicting.likeness import likeness, words
from populace.memory.predicting.neighbours import Neighbours, neighbours
from populace.memory.predicting.route import Cells
from populace.memory.predicting.votes import Join, joined
from populace.opinions import Inputs, Opinions

__all__ = ["JoinedIn"]

_GAMMA = 5.0


@dataclass(frozen=True)
class JoinedIn:
    """Factors that are told neighbours' items too.

    Parameters
    ----------
    route
        The factors.
    join
        How many items of how many neighbours, and how these are found. The answer to the very question is
        never joined: the factors would be told it as the person's own.
    """

    route: Collaborative
    join: Join
    label: str = field(default="collaborative + join")

    @property
    def name(self) -> str:
        """As tables name it."""
        return self.label

    def fit(self, train: Opinions, inputs: Inputs) -> _Told:
        """Fit the factors, and place people among each other."""
        fitted = self.route.fit(train, inputs)
        return _Told.of(fitted, train, inputs, self.join)


@dataclass(frozen=True)
class _Told:
    fitted: Folded
    train: Opinions
    near: np.ndarray
    found: Neighbours
    join: Join

    @classmethod
    def of(cls, fitted: Folded, train: Opinions, inputs: Inputs, join: Join) -> _Told:
        near = likeness(words(train.items, fitted.route.embed), train.items, train.items).questions
        return cls(fitted, train, near, neighbours(train, inputs, join.by, join.seed), join)

    def predict(self, cells: Cells) -> np.ndarray:
        """Fold every cell in with its own joined items."""
        known = joined(self.train, self.found, self.near, cells, self.join)
        rows = np.arange(len(cells))
        return self.fitted.predict(Cells(cells.people[cells.rows], known, rows, cells.columns))
