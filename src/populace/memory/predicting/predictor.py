"""One prediction for one person: probabilities, how they were made, and what of the person's they rest on.

`ResponsePredictor.fit` learns from a table of responses (see `responses`); nothing here knows a database.
Responses that come later are folded in (`add`), which takes a moment and fits nothing again; who is taken
out (`without`) is no longer told, but what was fitted on them must be fitted anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.memory.predicting import trials
from populace.memory.predicting.blending import Blended, mixed, weighed
from populace.memory.predicting.collaborative import Collaborative, Folded
from populace.memory.predicting.evidence import named
from populace.memory.predicting.people import described, like
from populace.memory.predicting.prediction import METHODS, Calibration, Method, Prediction
from populace.memory.predicting.responses import Query, Responses, read_responses
from populace.memory.predicting.route import Cells, FittedRoute, Route
from populace.memory.predicting.trials import Gains, Trial, gains, tried
from populace.memory.predicting.unseen import Unseen
from populace.memory.predicting.votes import Join
from populace.memory.predicting.words import Embed, Remembering, hashed
from populace.opinions import NONE, Inputs, Item, inputs_of

__all__ = ["ResponsePredictor"]


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
    unseen: Unseen
    _calibrated: dict[str, Calibration] = field(default_factory=dict)
    _without: dict[int, dict[str, Gains]] = field(default_factory=dict)
    """Column -> gains measured on all other questions."""

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
        least: int = 1,
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
        least
            People whose free texts a candidate must stand for.
        seed
            Of all draws.

        Raises
        ------
        DataError
            If the table cannot be read.
        """
        embed = Remembering(embed)
        responses = read_responses(frame, attributes, embed=embed, least=least)
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
        if len(train) >= trials.FEWEST:
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
        unseen = Unseen(responses, inputs, folded, seed)
        return cls(
            responses, inputs, folded, fitted, trial, gained, best, train.people, told, same_question, seed,
            unseen,
        )  # fmt: skip

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
            before = self.told.get(who, self.nothing)
            self.told[who] = np.where(row != NONE, row, before).astype(np.int16)
        if attributes is not None:
            self.people = pl.concat(
                [self.people, like(self.people, attributes)], how="vertical_relaxed"
            ).unique("person_id", keep="last", maintain_order=True)
        return strange

    def without(self, person_id: str) -> bool:
        """Forget what is told of a person; say whether the fit saw the person, and must be dropped."""
        self.told.pop(person_id, None)
        seen = person_id in set(self.responses.opinions.people["person_id"])
        self.people = self.people.filter(pl.col("person_id") != person_id)
        return seen

    @property
    def nothing(self) -> np.ndarray:
        """What is known of a stranger: shape (M,)."""
        return np.full(len(self.responses.opinions.items), NONE, dtype=np.int16)

    def predict(
        self, person_id: str, query: Query, *, method: Method = "auto", evidence: int = 5
    ) -> Prediction:
        """Predict one response of somebody by what was told of them (`fit`, `add`).

        Parameters
        ----------
        person_id
            Anybody; of a stranger nothing is known, and the population is predicted.
        query, method, evidence
            As in `foretold`.
        """
        known = self.told.get(person_id, self.nothing)
        found = self.people.filter(pl.col("person_id") == person_id)
        person = found.head(1) if found.height else described(self.people, {}, person_id)
        return self.foretold(known, person, query, method=method, evidence=evidence)

    def foretold(
        self,
        known: np.ndarray,
        person: pl.DataFrame,
        query: Query,
        *,
        method: Method = "auto",
        evidence: int = 5,
    ) -> Prediction:
        """Predict one response of somebody of whom this is known.

        Parameters
        ----------
        known
            Shape (M,), codes of own answers, `NONE` where nothing is known.
        person
            One row, as those of `people`.
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
        if method not in METHODS or method == "model":
            names = (each for each in METHODS if each != "model")
            raise DataError(f"no method is {method!r}", fix=f"take one of {', '.join(names)}")
        column = self.responses.place(query)
        if column is None:
            return self._unasked(known, person, query, method, evidence)
        item = self.responses.opinions.items[column]
        cells = Cells(person, known[None], np.zeros(1, dtype=np.int64), np.array([column]))
        population = self.fitted["mode"].predict(cells)[0, : item.size]
        gained, best = self._gained(column)
        name, why, silent = trials.settled(method, best, gained, cells.columns)
        asked = not silent and name in self.fitted
        p = self.fitted[name].predict(cells)[0, : item.size] if asked else population
        told = known.copy()
        told[column] = NONE
        return Prediction(
            person_id=person["person_id"][0],
            text=query.text,
            options=item.options,
            probabilities=tuple(p.tolist()),
            method="population" if silent else name,
            population=tuple(population.tolist()),
            abstained=silent,
            why=why,
            known=int((told != NONE).sum()),
            same_question=self.same_question,
            ordinal=item.ordinal,
            said=item.options[known[column]] if known[column] != NONE else "",
            evidence=() if silent else named(self.folded, person, told, column, p, evidence),
            calibration=None if silent else self.calibration(name),
        )

    def _gained(self, column: int) -> tuple[dict[str, Gains], str]:
        """Give gains of routes, and the best; not of the very question where its answers may not count."""
        if self.same_question or self.trial is None:
            return self.gained, self.best
        if column not in self._without:
            trial = trials.without(self.trial, column)
            found = {name: gains(trial, name, "mode") for name in self.gained} if len(trial.truth) else {}
            self._without[column] = found
        found = self._without[column]
        return found, max(found, key=lambda name: found[name].overall.value, default="mode")

    def calibration(self, name: str) -> Calibration | None:
        """Measure a route on people left out; None where there were too few people for a trial."""
        if self.trial is None or name not in self.gained:
            return None
        if name not in self._calibrated:
            self._calibrated[name] = trials.calibrated(
                self.trial, name, self.gained[name].overall, self.inputs.known, self.seed
            )
        return self._calibrated[name]

    def _unasked(
        self, known: np.ndarray, person: pl.DataFrame, query: Query, method: Method, evidence: int
    ) -> Prediction:
        """Predict the response to a question that nobody was asked."""
        options, lent = query.options, ""
        if not options:
            options, lent = self.unseen.candidates(query)
        item = Item(name=query.name, question=query.text, options=options, ordinal=query.ordinal)
        folded = self.unseen.extended(item)
        column = len(folded.train.items) - 1
        known = np.append(known, np.int16(NONE))
        prior = folded.fit_of(-1).prior(person)
        start, size = folded.train.starts[column], item.size
        population = folded.fit_of(-1).factors.mean[start : start + size]
        personal = method != "mode"
        p = folded.told(known[None], prior, column)[0] if personal else population
        return Prediction(
            person_id=person["person_id"][0],
            text=query.text,
            options=options,
            probabilities=tuple(p.tolist()),
            method="collaborative, borrowed" if personal else "mode, borrowed",
            population=tuple(population.tolist()),
            abstained=bool(np.allclose(p, population)),
            why=f"nobody was asked this: borrowed from questions worded alike{lent}",
            known=int((known != NONE).sum()),
            same_question=False,
            ordinal=query.ordinal,
            evidence=named(folded, person, known, column, p, evidence) if personal else (),
        )
