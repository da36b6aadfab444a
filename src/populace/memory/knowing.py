"""The part of `PersonaDB` that derives and retrieves: layers, neighbours, what is told of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from populace.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.calls import Told
    from populace.memory.choosing import Choice
    from populace.memory.counting import Counted
    from populace.memory.deriving import Derived
    from populace.memory.joining import Way
    from populace.memory.layers import Statement
    from populace.memory.predicting import Prediction
    from populace.memory.predicting.prediction import Method
    from populace.memory.retrieving import Retrieved
    from populace.memory.spaces import Space
    from populace.memory.store import Store
    from populace.memory.weighing import Weighed
    from populace.models.protocol import Provider

__all__ = ["Knowing"]


class Knowing:
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
        person_id: str | None,
        question: str,
        options: Sequence[str] | None = None,
        method: Method = "auto",
        *,
        ordinal: bool = False,
        attributes: Mapping[str, str] | None = None,
        model: Provider | str | None = None,
        tokens: int = 400,
        same_question: bool = False,
        words: bool = False,
        evidence: int = 5,
        seed: int = 0,
        **settings: Any,
    ) -> Prediction:
        """Predict what a person will answer: probabilities, why, the person's own items, what it is worth.

        The first call fits routes on answers that others share, which takes a while; it is done again when
        one of these people goes, or a consent changes.

        Parameters
        ----------
        person_id
            Somebody in the store; None: somebody of whom `attributes` alone are known.
        question, options, ordinal
            What is asked, and whether the options have an order. It need not have been asked before. Options
            that are left out are those under which it was asked.
        method
            `auto`: what does best on people left out, and the population where nothing is shown to beat it;
            or `mode`, `own`, `join`, `collaborative`, `blend`, and with a model `model`, or `blend` of both.
        attributes
            What the person is (age, region), beside what the store says, or instead.
        model
            A provider or its name, asked through the engine for `model`, `blend`, and for `auto` where
            `weigh` found that it helps.
        tokens
            What a model is told of the person at most: profile, own and joined items, headings.
        same_question
            Whether others' answers to this very question may be used.
        words
            Whether others' own words may be used: as candidates of a question without options.
        evidence
            Own items to name at most.
        seed
            Of all draws.
        **settings
            `share`, `neighbours`, `way` and others of `retrieve`, for what a model is told.

        Raises
        ------
        DataError
            If there is nobody of this name, a setting is out of range, a method is asked for and fewer than
            20 people share answers, or a question has no options and `words` is off.
        ModelError
            If the model cannot be reached.
        """
        from populace.memory.deciding import decide
        from populace.memory.foretelling import whom

        asked = whom(
            self.store, person_id, question, options, ordinal=ordinal, attributes=attributes,
            purpose=self.purpose,
        )  # fmt: skip
        return decide(
            self.store, asked, purpose=self.purpose, actor=self.actor, method=method, model=model,
            tokens=tokens, same_question=same_question, words=words, evidence=evidence, seed=seed, **settings,
        )  # fmt: skip

    def weigh(
        self,
        model: Provider | str,
        *,
        known: int | None = 10,
        cells: int = 100,
        tokens: int = 400,
        same_question: bool = False,
        seed: int = 0,
        progress: Told | None = None,
    ) -> Weighed:
        """Measure what a model is worth in `predict`, alone and beside the routes, on people left out.

        Parameters
        ----------
        model
            A provider or its name, asked `2 * cells` times through the engine; a kill costs no call twice.
        known
            Own answers that it is told: 0, 3, 10, or None for all. It counts for people of whom as much is
            known.
        cells
            Answers that are asked for.
        tokens, same_question, seed
            As in `predict`, for which it counts.
        progress
            Told how many calls are done, and of how many.

        Raises
        ------
        DataError
            If fewer than 20 people share answers, fewer than 20 answers can be read, or `known` is another.
        ModelError
            If the model cannot be reached.
        """
        from populace.memory.asking_models import opened
        from populace.memory.fitting import SIZES, Fitting
        from populace.memory.weighing import weigh

        if known is not None and known not in SIZES:
            raise DataError(f"a model is not weighed for {known} answers", fix="give 0, 3, 10 or None")
        how = Fitting(self.purpose, self.actor, known, same_question, seed=seed)
        return weigh(self.store, opened(model), how, cells=cells, tokens=tokens, progress=progress)

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
