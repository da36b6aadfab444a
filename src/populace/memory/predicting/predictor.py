"""One prediction for one person: probabilities, how they were made, and what of the person's they rest on.

`ResponsePredictor.fit` learns from a table of responses (see `responses`); nothing here knows a database.
Responses that come later are folded in (`add`), which takes a moment and fits nothing again; who is taken
out (`without`) is no longer told, but what was fitted on them must be fitted anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.memory.predicting import trials
from populace.memory.predicting.blending import Blended, mixed, weighed
from populace.memory.predicting.borrowing import borrowed
from populace.memory.predicting.collaborative import Collaborative, Folded, chosen
from populace.memory.predicting.evidence import contributions
from populace.memory.predicting.responses import Query, Responses, read_responses
from populace.memory.predicting.route import Cells, FittedRoute, Route
from populace.memory.predicting.trials import Gains, Trial, gains, tried
from populace.memory.predicting.votes import Join
from populace.memory.predicting.words import Embed, Remembering, hashed
from populace.opinions import NONE, Inputs, Item, inputs_of

__all__ = ["METHODS", "Evidence", "Method", "Prediction", "ResponsePredictor"]

Method = Literal["auto", "mode", "own", "join", "collaborative", "blend"]
METHODS: tuple[Method, ...] = ("auto", "mode", "own", "join", "collaborative", "blend")
_FEWEST = 20
"""People that a trial of routes needs; of fewer nobody can say whether a route beats the population."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One of the person's own items, and what it did to the prediction."""

    text: str
    response: str
    contribution: float
    """Nats by which the likeliest option is likelier with it than without; below 0 it speaks against it."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is expected to respond."""

    person_id: str
    text: str
    options: tuple[str, ...]
    """Of a free text, what people wrote who stand for the others."""
    probabilities: tuple[float, ...]
    method: str
    """The route; `population` where it abstained."""
    population: tuple[float, ...]
    """What is expected of nobody in particular."""
    abstained: bool
    why: str
    """What the choice of the method rests on, in a sentence."""
    known: int
    """Own responses that were told."""
    same_question: bool
    """Whether other people's answers to the very question were used."""
    said: str = ""
    """What the person answered to the very question before; it is not used."""
    evidence: tuple[Evidence, ...] = ()
    """Own items by what they do to the factors' prediction, the strongest first, whatever the method."""

    @property
    def likeliest(self) -> str:
        """The likeliest option; of equals the first."""
        return self.options[int(np.argmax(self.probabilities))]


@dataclass
class ResponsePredictor:
    """Routes that have learned from responses.

    Attributes
    ----------
    responses
        What they learned from.
    told
        Person -> known codes, shape (M,); those that were added included.
    best
        The route with the best log score in trials.
    """

    responses: Responses
    inputs: Inputs
    folded: Folded
    fitted: dict[str, FittedRoute]
    trial: Trial | None
    gained: dict[str, Gains]
    best: str
    people: pl.DataFrame
    told: dict[str, np.ndarray]
    same_question: bool
    seed: int
    unknown: dict[str, Folded] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        attributes: pl.DataFrame | None = None,
        *,
        same_question: bool = False,
        known: int | None = None,
        embed: Embed = hashed,
        join: Join | None = None,
        seed: int = 0,
    ) -> ResponsePredictor:
        """Learn from responses.

        Parameters
        ----------
        frame, attributes
            See `populace.memory.predicting.responses.read_responses`.
        same_question
            Whether other people's answers to the very question may be used.
        known
            Own responses of those who will be predicted, for which routes are weighed; None for all.
        embed
            Of texts.
        join
            How neighbours' items are joined; the paper's preset by default.
        seed
            Of all draws.

        Raises
        ------
        DataError
            If the table cannot be read.
        """
        embed = Remembering(embed)
        responses = read_responses(frame, attributes, embed=embed)
        train = responses.opinions
        inputs = inputs_of(train.people, known=known)
        preset = join or Join()
        routes: list[Route] = [
            Collaborative(same_question=same_question, embed=embed, personal=False, seed=seed),
            Join(share=0.0, items=preset.items, same_question=same_question, embed=embed, seed=seed),
            replace(preset, same_question=same_question, embed=embed, seed=seed),
            Collaborative(same_question=same_question, embed=embed, seed=seed),
        ]
        fitted = trials.fitted(routes, train, inputs)
        trial, gained, best = None, {}, "mode"
        if len(train) >= _FEWEST:
            trial = tried(train, inputs, routes, seed=seed)
            names = [route.name for route in routes]
            weights, sharp = weighed(trial, names)
            fitted["blend"] = Blended(
                tuple(names), tuple(fitted[name] for name in names), weights, sharp, trial
            )
            trial.p["blend"] = mixed(np.stack([trial.p[name] for name in names]), weights, sharp)
            gained = {name: gains(trial, name, "mode") for name in (*names[1:], "blend")}
            best = max(gained, key=lambda name: gained[name].overall.value)
        folded = fitted["collaborative"]
        assert isinstance(folded, Folded)
        told = dict(zip(train.people["person_id"], train.answers, strict=True))
        return cls(
            responses, inputs, folded, fitted, trial, gained, best, train.people, told, same_question, seed
        )

    def add(self, frame: pl.DataFrame, attributes: pl.DataFrame | None = None) -> int:
        """Tell further responses, of people who are known or new; nothing is fitted again.

        Parameters
        ----------
        frame
            As for `fit`. Responses to questions that were not there are not used until the next fit.
        attributes
            Of new people.

        Returns
        -------
        Number of responses that were not used.
        """
        ids, codes, strange = self.responses.codes(frame)
        for who, row in zip(ids["person_id"], codes, strict=True):
            before = self.told.get(who, np.full(len(row), NONE, dtype=np.int16))
            self.told[who] = np.where(row != NONE, row, before).astype(np.int16)
        if attributes is not None:
            self.people = pl.concat(
                [self.people, _like(self.people, attributes)], how="vertical_relaxed"
            ).unique("person_id", keep="last", maintain_order=True)
        return strange

    def without(self, person_id: str) -> bool:
        """Forget what is told of a person; say whether the fit saw the person, and must be dropped."""
        self.told.pop(person_id, None)
        seen = person_id in set(self.responses.opinions.people["person_id"])
        self.people = self.people.filter(pl.col("person_id") != person_id)
        return seen

    def predict(
        self, person_id: str, query: Query, *, method: Method = "auto", evidence: int = 5
    ) -> Prediction:
        """Predict one response.

        Parameters
        ----------
        person_id
            Anybody; of a stranger nothing is known, and the population is predicted.
        query
            The question. One that nobody was asked is borrowed from questions that are worded alike; a free
            text that nobody was asked takes its candidates from the free text most like it.
        method
            A route; `auto` takes the one with the best log score in trials, and abstains where that has not
            shown to beat the population.
        evidence
            Own items to name at most.

        Raises
        ------
        DataError
            If the method is unknown, or a free text is asked and none was ever answered.
        """
        if method not in METHODS:
            raise DataError(f"no method is {method!r}", fix=f"take one of {', '.join(METHODS)}")
        column = self.responses.place(query)
        known = self._known(person_id)
        person = self._person(person_id)
        if column is None:
            return self._unseen(person_id, person, known, query, method, evidence)
        item = self.responses.opinions.items[column]
        cells = Cells(person, known[None], np.zeros(1, dtype=np.int64), np.array([column]))
        population = self.fitted["mode"].predict(cells)[0, : item.size]
        name, why, silent = self._chosen(method, cells.columns)
        p = (
            population
            if silent or name not in self.fitted
            else self.fitted[name].predict(cells)[0, : item.size]
        )
        said = item.options[known[column]] if known[column] != NONE else ""
        told = known.copy()
        told[column] = NONE
        return Prediction(
            person_id=person_id,
            text=query.text,
            options=item.options,
            probabilities=tuple(p.tolist()),
            method="population" if silent else name,
            population=tuple(population.tolist()),
            abstained=silent,
            why=why,
            known=int((told != NONE).sum()),
            same_question=self.same_question,
            said=said,
            evidence=() if silent else self._evidence(self.folded, person, told, column, p, evidence),
        )

    def _chosen(self, method: Method, columns: np.ndarray) -> tuple[str, str, bool]:
        """Choose a route: its name, why, and whether it abstains."""
        if method not in ("auto", "blend"):
            return method, "the caller chose it", False
        if not self.gained:
            return (
                "mode",
                f"fewer than {_FEWEST} people: nothing shows that a route beats the population",
                True,
            )
        name = self.best if method == "auto" else "blend"
        found = self.gained[name]
        why = f"log score above the population's by {found.overall} nats an answer, on people left out"
        if method == "blend" or not found.abstains(columns)[0]:
            return name, why, False
        doubt = "not for sure" if not found.overall.low > 0 else "not where this question is asked"
        return name, f"{why}: {doubt}", True

    def _unseen(
        self,
        person_id: str,
        person: pl.DataFrame,
        known: np.ndarray,
        query: Query,
        method: Method,
        evidence: int,
    ) -> Prediction:
        """Predict the response to a question that nobody was asked."""
        options, lent = query.options, ""
        if not options:
            options, lent = self._candidates(query)
        item = Item(name=query.name, question=query.text, options=options, ordinal=query.ordinal)
        folded = self._extended(item)
        column = len(folded.train.items) - 1
        known = np.append(known, np.int16(NONE))
        prior = folded.fit_of(-1).prior(person)
        start, size = folded.train.starts[column], item.size
        population = folded.fit_of(-1).factors.mean[start : start + size]
        personal = method != "mode"
        p = folded.told(known[None], prior, column)[0] if personal else population
        why = f"nobody was asked this: borrowed from questions worded alike{lent}"
        return Prediction(
            person_id=person_id,
            text=query.text,
            options=options,
            probabilities=tuple(p.tolist()),
            method="collaborative, borrowed" if personal else "mode, borrowed",
            population=tuple(population.tolist()),
            abstained=bool(np.allclose(p, population)),
            why=why,
            known=int((known != NONE).sum()),
            same_question=False,
            evidence=self._evidence(folded, person, known, column, p, evidence) if personal else (),
        )

    def _candidates(self, query: Query) -> tuple[tuple[str, ...], str]:
        """Take the candidates of a free text from the one that is worded most like it."""
        items = self.responses.opinions.items
        free = [place for place, item in enumerate(items) if item.name in self.responses.texts]
        if not free:
            what = "a free text is asked, and no free text was answered by people who differ"
            raise DataError(what, fix="give options, or responses to a question like it")
        points = self.folded.words.questions.points([query.text, *(items[place].question for place in free)])
        best = free[int((points[1:] @ points[0]).argmax())]
        return items[best].options, f"; candidates are responses to {items[best].question!r}"

    def _extended(self, item: Item) -> Folded:
        """Give the factors one more question, that nobody answered."""
        if item.name in self.unknown:
            return self.unknown[item.name]
        folded, train = self.folded, self.folded.train
        if folded.route.same_question and train.answered.any(axis=0).all():
            # No question was borrowed so far, so how much is to be borrowed was never chosen.
            how = chosen(train, self.inputs, folded.whole, folded.words, self.seed)
            folded = self.folded = replace(folded, how=how, fits={})
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
        self.unknown[item.name] = Folded(
            open_route, more, folded.inputs, folded.words, folded.how, made, {-1: made}
        )
        return self.unknown[item.name]

    def _evidence(
        self, folded: Folded, person: pl.DataFrame, known: np.ndarray, column: int, p: np.ndarray, most: int
    ) -> tuple[Evidence, ...]:
        if most < 1:
            return ()
        items = folded.train.items
        moved = contributions(folded, person, known, column, int(p.argmax()))[:most]
        return tuple(
            Evidence(
                text=items[place].question, response=items[place].options[known[place]], contribution=moves
            )
            for place, moves in moved
        )

    def _known(self, person_id: str) -> np.ndarray:
        empty = np.full(len(self.responses.opinions.items), NONE, dtype=np.int16)
        return self.told.get(person_id, empty)

    def _person(self, person_id: str) -> pl.DataFrame:
        found = self.people.filter(pl.col("person_id") == person_id)
        if found.height:
            return found.head(1)
        bare = pl.DataFrame({"person_id": [person_id], "weight": [1.0]})
        return _like(self.people, bare)


def _like(people: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    """Give people the columns that others have, empty where nothing is known."""
    if "weight" not in some.columns:
        some = some.with_columns(weight=pl.lit(1.0))
    missing = [
        pl.lit(None, dtype=people[name].dtype).alias(name) for name in people.columns if name not in some
    ]
    return some.with_columns(missing).select(people.columns).cast(people.schema)
