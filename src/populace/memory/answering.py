"""The part of `PersonaDB` that says what people will answer, and how people like them did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from populace.errors import DataError

if TYPE_CHECKING:
    from populace.memory.calls import Told
    from populace.memory.counting import Counted
    from populace.memory.predicting import Prediction
    from populace.memory.predicting.prediction import Method
    from populace.memory.store import Store
    from populace.memory.weighing import Weighed
    from populace.models.protocol import Provider
    from populace.run import Budget

__all__ = ["Answering"]


class Answering:
    """What `PersonaDB` expects of people."""

    store: Store
    purpose: str
    actor: str

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
        budget: Budget | None = None,
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
        budget
            The most that the calls may cost (`populace.run.Budget`). What was paid for is kept: with a larger
            one the same call goes on.

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
        told: dict[str, Any] = {"cells": cells, "tokens": tokens, "progress": progress, "budget": budget}
        return weigh(self.store, opened(model), how, **told)

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
