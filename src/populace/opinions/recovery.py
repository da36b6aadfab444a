"""Do ceiling and share come back? One round with planted respondents, and what is true of it.

A round plants a world, asks a sample of people twice, fits the baselines on some of them and scores the
others, as a real study does. What is true is known from the probabilities that the answers were drawn from:
for a large sample of people and the items that were asked, or, where so few are asked that the interval is
one over items too, for items not asked as well: then the truth is that of many worlds, which the caller
takes (`Recovered.of_items`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from populace.opinions.attainable import attained
from populace.opinions.ceiling import Changes, Retest, carry_over, repeated
from populace.opinions.planted import Planted, plant_world
from populace.opinions.predictor import Inputs
from populace.opinions.predictors import Population, Uniform
from populace.opinions.scores import FEW_ITEMS, individual_scores
from populace.opinions.splits import Split, split
from populace.opinions.table import NONE, Opinions
from populace.stats.estimate import Estimate

__all__ = ["Recovered", "recover"]


class Recovered(NamedTuple):
    """A quantity, what is true of it, and its estimate."""

    label: str
    top: float
    bottom: float
    """The truth is `top / bottom`; of a mean, `bottom` is 1."""
    estimate: Estimate
    of_items: bool
    """Whether the interval is one over items too: the truth is then that of many worlds, the sum of `top`
    over that of `bottom`."""

    @property
    def truth(self) -> float:
        """What is true of this world."""
        return self.top / self.bottom


def recover(
    seed: int,
    *,
    items: int = 120,
    people: int = 900,
    tested: int = 300,
    noise: float = 0.25,
    quality: float = 0.5,
    crowd: int = 2500,
) -> Iterator[Recovered]:
    """Play one round.

    Parameters
    ----------
    seed
        Of everything.
    items, people, tested
        Sizes of the study.
    noise
        Of an interview; see `populace.opinions.planted`.
    quality
        Of the model: the share of the truth in what it says.
    crowd
        People over whom the truth is averaged.

    Examples
    --------
    >>> for found in recover(0, items=20, people=150, tested=50, crowd=500):
    ...     print(found.label, "near" if abs(found.truth - found.estimate.value) < 0.3 else "far")
    model, accuracy near
    ceiling, accuracy near
    range, accuracy near
    share, accuracy near
    model, log score near
    ceiling, log score near
    range, log score near
    share, log score near
    ceiling, carried over near
    """
    world = plant_world(items, noise=noise, seed=seed)
    sample, everybody = world.people(people, seed=1), world.people(crowd, seed=2, interviews=False)
    parts = split(sample.opinions, test=tested, asked=0.2, seed=seed)
    train = sample.opinions.take(parts.train)
    changes = Retest().fit(train)
    tables, crowds = _tables(sample, parts, train, changes, quality, seed), _baselines(train, everybody)
    crowds["model"] = everybody.model(quality, seed=seed + 1)
    few = items < FEW_ITEMS
    for measure, ceiling, expected, top in (
        ("accuracy", "same again", everybody.accuracy, everybody.agreement()),
        ("log score", "retest", everybody.log_score, everybody.retest_score(changes.table)),
    ):
        scores = {name: everybody.mean(expected(table)) for name, table in crowds.items()}
        best, most = max(scores["uniform"], scores["population"]), everybody.mean(top)
        settings = {
            "baselines": ("uniform", "population"),
            "ceiling": ceiling,
            "measure": measure,
            "seed": seed,
        }
        made = attained(sample.opinions, parts, tables, model="model", **settings)
        for name, planted in (("model", scores["model"]), (ceiling, most)):
            label = "model" if name == "model" else "ceiling"
            estimate = _score(sample, parts, tables[name], measure, seed)
            yield Recovered(f"{label}, {measure}", planted, 1.0, estimate, few)
        yield Recovered(f"range, {measure}", most - best, 1.0, made.range, few)
        yield Recovered(f"share, {measure}", scores["model"] - best, most - best, made.share, few)
    yield _carried(sample, everybody, train)


def _baselines(train: Opinions, people: Planted) -> dict[str, np.ndarray]:
    """Predict people from training respondents, knowing nothing of them."""
    known = np.full(people.opinions.answers.shape, NONE)
    ways = (Uniform(), Population())
    return {way.name: way.fit(train, Inputs()).predict(people.opinions.people, known) for way in ways}


def _tables(
    sample: Planted, parts: Split, train: Opinions, changes: Changes, quality: float, seed: int
) -> dict[str, np.ndarray]:
    """Predict the tested in every way."""
    opinions = sample.opinions
    assert opinions.retest is not None
    again = opinions.retest[parts.test]
    found = {name: table[parts.test] for name, table in _baselines(train, sample).items()}
    found["model"] = sample.model(quality, seed=seed)[parts.test]
    return {**found, "same again": repeated(opinions, again), "retest": changes.predict(again)}


def _score(sample: Planted, parts: Split, table: np.ndarray, measure: str, seed: int) -> Estimate:
    """Score one table, as a study would print it."""
    scores = individual_scores(
        sample.opinions, parts, {"one": table}, measures=(measure,), draws=2000, seed=seed
    )
    return Estimate(**{name: scores[name][0] for name in Estimate.__struct_fields__})


def _carried(sample: Planted, everybody: Planted, train: Opinions) -> Recovered:
    """Carry the ceiling of half of the items over to the other half, as if those were never asked twice."""
    names = [item.name for item in sample.opinions.items]
    half = len(names) // 2
    line = carry_over(train.only(names[:half]))
    truth = everybody.mean(everybody.agreement()[:, half:])
    return Recovered("ceiling, carried over", truth, 1.0, line.mean(train.only(names[half:])), of_items=False)
