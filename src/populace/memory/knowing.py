"""The part of `PersonaDB` that derives and retrieves: layers, neighbours, what is told of a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from populace.errors import DataError
from populace.memory.answering import Answering

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.calls import Told
    from populace.memory.choosing import Choice
    from populace.memory.deriving import Derived
    from populace.memory.joining import Way
    from populace.memory.layers import Statement
    from populace.memory.retrieving import Retrieved
    from populace.memory.spaces import Space
    from populace.memory.store import Store
    from populace.models.protocol import Provider

__all__ = ["Knowing"]


class Knowing(Answering):
    """What `PersonaDB` can do with what it holds."""

    store: Store
    purpose: str
    actor: str

    def distill(
        self,
        model: Provider | str | None = None,
        *,
        people: Iterable[str] | None = None,
        batch: int = 10,
        progress: Told | None = None,
    ) -> Derived:
        """Say in statements what items show of people; only of items that were not read yet.

        Parameters
        ----------
        model
            A provider or its name (`embedded`, ...), asked through the engine; None for rules. What was
            answered before a kill is not asked again.
        people
            Who; None for all.
        batch
            Items that a model is told at a time. A statement rests on all of them, and goes with any.
        progress
            Told how many people are done, and of how many.

        Raises
        ------
        DataError
            If there is nobody of a name, or a batch is of no item.
        ModelError
            If the model cannot be reached.
        """
        from populace.memory.deriving import derive
        from populace.memory.distilling import DISTILLING

        told: dict[str, Any] = {"people": self._numbers(people), "batch": batch, "progress": progress}
        return derive(self.store, DISTILLING, self.purpose, model, actor=self.actor, **told)

    def induce(
        self,
        model: Provider | str | None = None,
        *,
        people: Iterable[str] | None = None,
        batch: int = 10,
        progress: Told | None = None,
    ) -> Derived:
        """Conclude what is likely of people from items and statements; parameters and errors as `distill`."""
        from populace.memory.deriving import derive
        from populace.memory.inducing import INDUCING

        told: dict[str, Any] = {"people": self._numbers(people), "batch": batch, "progress": progress}
        return derive(self.store, INDUCING, self.purpose, model, actor=self.actor, **told)

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

        Tried are neighbours by answers; another way is taken where it is named.

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
