"""A question that nobody was asked: its factors are borrowed from questions that are worded alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from populace.errors import DataError
from populace.memory.predicting.borrowing import borrowed
from populace.memory.predicting.collaborative import Folded, chosen
from populace.memory.predicting.responses import Query, Responses
from populace.opinions import NONE, Inputs, Item

__all__ = ["Unseen"]


@dataclass
class Unseen:
    """Questions that were added to factors without an answer."""

    responses: Responses
    inputs: Inputs
    folded: Folded
    seed: int
    _made: dict[str, Folded] = field(default_factory=dict)
    _settled: bool = False

    def candidates(self, query: Query) -> tuple[tuple[str, ...], str]:
        """Take the candidates of a free text from the one that is worded most like it.

        Raises
        ------
        DataError
            If no free text was answered by people who differ.
        """
        items = self.responses.opinions.items
        free = [place for place, item in enumerate(items) if item.name in self.responses.texts]
        if not free:
            what = "a free text is asked, and no free text was answered by people who differ"
            raise DataError(what, fix="give options, or responses to a question like it")
        points = self.folded.words.questions.points([query.text, *(items[place].question for place in free)])
        best = free[int((points[1:] @ points[0]).argmax())]
        return items[best].options, f"; candidates are responses to {items[best].question!r}"

    def extended(self, item: Item) -> Folded:
        """Give the factors one more question, that nobody answered: it is the last."""
        if item.name in self._made:
            return self._made[item.name]
        folded = self._settle()
        train = folded.train
        none = np.full((len(train), 1), NONE, dtype=train.answers.dtype)
        more = replace(
            train, items=(*train.items, item), answers=np.hstack([train.answers, none]), retest=None
        )
        factors, rank = folded.whole.factors, folded.whole.factors.rank
        longer = replace(
            factors,
            sizes=more.sizes,
            starts=more.starts,
            mean=np.append(factors.mean, np.full(item.size, 1 / item.size)),
            items=np.vstack([factors.items, np.zeros((item.size, rank))]),
            grams=np.vstack([factors.grams, np.zeros((1, factors.grams.shape[1]), factors.grams.dtype)]),
        )
        there = np.asarray(more.answered.any(axis=0))
        made = replace(folded.whole, factors=borrowed(longer, more.items, there, folded.words, folded.how))
        open_route = replace(folded.route, same_question=True)
        self._made[item.name] = Folded(
            open_route, more, folded.inputs, folded.words, folded.how, made, {-1: made}
        )
        return self._made[item.name]

    def _settle(self) -> Folded:
        """Choose how much is borrowed, where no question was borrowed so far."""
        folded = self.folded
        if not self._settled and folded.route.same_question and folded.train.answered.any(axis=0).all():
            how = chosen(folded.train, self.inputs, folded.whole, folded.words, self.seed)
            self.folded = replace(folded, how=how, fits={})
        self._settled = True
        return self.folded
