"""The part of `PersonaDB` that derives and retrieves: layers, neighbours, what is told of a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from populace.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.choosing import Choice
    from populace.memory.counting import Counted
    from populace.memory.distilling import Derived
    from populace.memory.joining import Way
    from populace.memory.layers import Statement
    from populace.memory.predicting import Prediction
    from populace.memory.predicting.predictor import Method
    from populace.memory.retrieving import Retrieved
    from populace.memory.spaces import Space
    from populace.memory.store import Store
    from populace.models.protocol import Provider

__all__ = ["Knowing"]


class Knowing:
    """What `PersonaDB` can do with what it holds."""

    store: Store
    purpose: str
    actor: str

    def distill(
        self, model: Provider | str | None = None, *, people: Iterable[str] | None = None, batch: int = 10
    ) -> Derived:
        """Say in statements what items show of people; only of items that were not read yet.

        Parameters
        ----------
        model
            A provider or its name (`embedded`, ...), asked through the engine; None for rules.
        people
            Who; None for all.
        batch
            Items that a model is told at a time. A statement rests on all of them, and goes with any.
        """
        from populace.memory.distilling import distill

        return distill(self.store, self.purpose, model, people=self._numbers(people), batch=batch)

    def induce(
        self, model: Provider | str | None = None, *, people: Iterable[str] | None = None, batch: int = 10
    ) -> Derived:
        """Conclude what is likely of people from items and statements; parameters as in `distill`."""
        from populace.memory.inducing import induce

        return induce(self.store, self.purpose, model, people=self._numbers(people), batch=batch)

    def statements(self, person_id: str, *, past: bool = False) -> list[Statement]:
        """Give what was derived of a person, for this purpose; with `past` what was contradicted since too.

        Raises
        ------
        DataError
            If there is nobody of this name.
        """
        from populace.memory.layers import statements_of

        with self.store.read() as connection:
            person = self._number(connection, person_id)
            return statements_of(connection, [person], self.purpose, past=past)[person]

    def place(
        self, ways: Iterable[Way] = ("answers", "cache", "demographics"), *, space: Space | None = None
    ) -> int:
        """Place people among each other, whom something changed about; of up to 2,000 `retrieve` does it.

        Returns how many places were made.
        """
        from populace.memory.joining import place
        from populace.memory.spaces import HASHED

        return place(self.store, self.purpose, ways=ways, space=space or HASHED)

    def learn(self, *, seed: int = 0) -> int:
        """Fit where people stand by their answers, for `retrieve(..., way="learned")`; gives how many do.

        Raises
        ------
        DataError
            If fewer than 20 people share answers.
        """
        from populace.memory.learning import learn

        return learn(self.store, self.purpose, actor=self.actor, seed=seed)

    def choose(self, *, seed: int = 0) -> list[Choice]:
        """Choose by cross-validation what `auto` means in `retrieve`: how much of how many others.

        Raises
        ------
        DataError
            If fewer than 40 people share answers.
        """
        from populace.memory.choosing import choose

        return choose(self.store, self.purpose, actor=self.actor, seed=seed)

    def retrieve(
        self,
        person_id: str,
        query: str,
        tokens: int = 400,
        share: float | Literal["auto"] = "auto",
        neighbours: int | Literal["auto"] = "auto",
        **settings: Any,
    ) -> Retrieved:
        """Gather what may be told of a person when something is asked: own items, and those of people alike.

        Parameters
        ----------
        person_id, query
            Who is asked what.
        tokens
            Budget, the always-on profile included.
        share, neighbours
            Of the rest, what is of neighbours, and of how many; `auto` as `choose` found, own items without.
        **settings
            `items`, `way`, `same_question`, `words`, `profile`, `space`, `count` of `retrieving.retrieve`;
            `**retrieving.PAPER` is the paper's.

        Raises
        ------
        DataError
            If there is nobody of this name, or a setting is out of range.
        """
        from populace.memory.retrieving import retrieve

        asked: dict[str, Any] = {"tokens": tokens, "share": share, "neighbours": neighbours, **settings}
        return retrieve(self.store, person_id, query, purpose=self.purpose, actor=self.actor, **asked)

    def predict(
        self,
        person_id: str,
        question: str,
        options: Sequence[str],
        method: Method = "auto",
        *,
        ordinal: bool = False,
        same_question: bool = False,
        evidence: int = 5,
        seed: int = 0,
    ) -> Prediction:
        """Predict what a person will answer, without any model: probabilities, why, and the person's own
        items.

        The first call fits routes on answers that others share, which takes a while; it is done again when
        one of these people goes.

        Parameters
        ----------
        person_id
            Somebody in the store.
        question, options, ordinal
            What is asked, and whether the options have an order. It need not have been asked before.
        method
            `auto`: the route that does best on people left out, and the population where none is shown to
            beat it; or `mode`, `own`, `join`, `collaborative`, `blend`.
        same_question
            Whether others' answers to this very question may be used.
        evidence
            Own items to name at most.
        seed
            Of all draws.

        Raises
        ------
        DataError
            If there is nobody of this name, or fewer than 20 people share answers.
        """
        from populace.memory.foretelling import foretell
        from populace.memory.predicting import Query

        return foretell(
            self.store, person_id, Query(question, tuple(options), ordinal), purpose=self.purpose,
            actor=self.actor, method=method, same_question=same_question, evidence=evidence, seed=seed,
        )  # fmt: skip

    def count(
        self, person_id: str, question: str, options: Sequence[str], *, epsilon: float, **settings: Any
    ) -> Counted:
        """Count how people like a person answered, with noise that hides each answer (`counting`).

        Parameters
        ----------
        person_id, question, options
            Like whom, and what was asked.
        epsilon
            What the count spends of each neighbour's privacy; the audit adds it up.
        **settings
            `neighbours`, `way`, `most`, `space` of `counting.count_answers`.

        Raises
        ------
        DataError
            If there is nobody of this name, or a setting is out of range.
        """
        from populace.memory.counting import count_answers

        told: dict[str, Any] = {"epsilon": epsilon, "purpose": self.purpose, "actor": self.actor, **settings}
        return count_answers(self.store, person_id, question, options, **told)

    def _numbers(self, people: Iterable[str] | None) -> list[int] | None:
        if people is None:
            return None
        with self.store.read() as connection:
            return [self._number(connection, name) for name in people]

    def _number(self, connection: Connection, person_id: str) -> int:
        from populace.memory.finding import person_of

        person = person_of(connection, person_id)
        if person is None:
            raise DataError(f"nobody here is named {person_id}", file=self.store.name, column="person_id")
        return person
