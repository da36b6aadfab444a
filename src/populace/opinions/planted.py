"""Simulated respondents whose truth is known, to see whether ceiling and share come back.

A world is a set of items with their parameters. A person has a few hidden traits and attributes that hang
together with them; both make the probabilities of each item's options. From these a settled answer is drawn
once. In each of two interviews the person gives the settled answer, or, with the probability `noise`, one
drawn anew from the same probabilities. So with p the probabilities of a person and item, two interviews
agree with probability

    s + (1 - s) sum(p^2),  where s = (1 - noise)^2,

either interview answers as p says, and what any table of predictions is expected to score is known exactly.
Weights hang together with a trait, as where a survey reaches some people more easily.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.opinions.items import Item
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["Planted", "World", "plant_world"]

_PARTIES = ("Democrat", "Independent", "Republican")
_BACKGROUND = 3
"""Columns that attributes are turned into: party left or right, sex, age."""


@dataclass(frozen=True)
class World:
    """Items and what moves people's answers to them.

    Attributes
    ----------
    items
        M questions, every other one ordinal.
    intercepts
        Shape (K,).
    loadings
        Shape (K, traits + 3), of hidden traits and attributes.
    noise
        Probability that an answer is drawn anew in an interview.
    seed
        Of the items.
    """

    items: tuple[Item, ...]
    intercepts: np.ndarray
    loadings: np.ndarray
    noise: float
    seed: int

    def people(
        self, count: int, *, seed: int = 0, missing: float = 0.1, twice: float = 1.0, interviews: bool = True
    ) -> Planted:
        """Draw respondents and interview them twice.

        Parameters
        ----------
        count
            Respondents.
        seed
            Of these people; the world's own seed goes into it.
        missing
            Share of answers that are not given, in each interview.
        twice
            Share of items, the first ones, that are asked again.
        interviews
            Whether anybody is asked at all; without, there is only the truth.

        Examples
        --------
        >>> world = plant_world(40, noise=0.2, seed=1)
        >>> sample = world.people(500, seed=2)
        >>> both = sample.opinions.answered & (sample.opinions.retest != NONE)
        >>> agreed = (sample.opinions.answers == sample.opinions.retest)[both].mean()
        >>> bool(abs(agreed - sample.agreement()[both].mean()) < 0.01)
        True
        """
        rng = stream(self.seed, "opinions.planted.people", seed)
        traits = rng.normal(size=(count, self.loadings.shape[1] - _BACKGROUND))
        party = np.digitize(traits[:, 0] + 0.8 * rng.normal(size=count), (-0.5, 0.5))
        sex = rng.integers(0, 2, size=count)
        age = rng.integers(18, 90, size=count)
        known = np.stack([party - 1.0, sex - 0.5, (age - 54) / 21], axis=1)
        weights = np.exp(0.4 * rng.normal(size=count) + 0.2 * traits[:, 0])
        people = pl.DataFrame(
            {
                "person_id": [f"planted-{seed}-{number}" for number in range(count)],
                "weight": weights / weights.mean(),
                "age": age,
                "sex": np.array(("Female", "Male"))[sex],
                "political_views": np.array(_PARTIES)[party],
            }
        )
        starts = np.concatenate([[0], np.cumsum([item.size for item in self.items])])
        truth = _softmax(self.intercepts + np.concatenate([traits, known], axis=1) @ self.loadings.T, starts)
        if not interviews:
            nobody = np.full((count, len(self.items)), NONE, dtype=np.int16)
            return Planted(Opinions(people, self.items, nobody, citation="simulated"), truth, self.noise)
        settled = _drawn(truth, starts, rng)
        first, second = (self._interview(settled, truth, starts, missing, rng) for _ in range(2))
        second[:, round(twice * len(self.items)) :] = NONE
        return Planted(Opinions(people, self.items, first, second, citation="simulated"), truth, self.noise)

    def _interview(
        self,
        settled: np.ndarray,
        truth: np.ndarray,
        starts: np.ndarray,
        missing: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        anew = rng.random(settled.shape) < self.noise
        codes = np.where(anew, _drawn(truth, starts, rng), settled)
        return np.where(rng.random(settled.shape) < missing, NONE, codes).astype(np.int16)


@dataclass(frozen=True)
class Planted:
    """Respondents and what is true of them.

    Attributes
    ----------
    opinions
        Their two interviews.
    truth
        Shape (N, K), the probabilities that each answer is drawn from.
    noise
        Probability that an answer is drawn anew.
    """

    opinions: Opinions
    truth: np.ndarray
    noise: float

    def model(self, quality: float, *, seed: int = 0) -> np.ndarray:
        """Predict as a model of known quality does: the truth mixed with noise, shape (N, K).

        Parameters
        ----------
        quality
            Share of the truth, from 0 to 1. The rest is a distribution drawn anew for each person and item.
        seed
            Of the noise.

        Examples
        --------
        >>> sample = plant_world(4, seed=1).people(50)
        >>> bool(np.allclose(sample.model(1.0), sample.truth))
        True
        """
        starts, sizes = self.opinions.starts[:-1], self.opinions.sizes
        noise = stream(seed, "opinions.planted.model").exponential(size=self.truth.shape) + 1e-9
        noise /= np.repeat(np.add.reduceat(noise, starts, axis=1), sizes, axis=1)
        return quality * self.truth + (1 - quality) * noise

    def agreement(self) -> np.ndarray:
        """Give the probability that two interviews agree, shape (N, M)."""
        stays = (1 - self.noise) ** 2
        return stays + (1 - stays) * np.add.reduceat(self.truth**2, self.opinions.starts[:-1], axis=1)

    def accuracy(self, table: np.ndarray) -> np.ndarray:
        """Give the probability that each answer is the likeliest option of a table, shape (N, M)."""
        starts, sizes = self.opinions.starts[:-1], self.opinions.sizes
        best = np.repeat(np.maximum.reduceat(table, starts, axis=1), sizes, axis=1)
        among = table >= best - 1e-12
        hit = np.add.reduceat(np.where(among, self.truth, 0.0), starts, axis=1)
        return hit / np.add.reduceat(among.astype(np.float64), starts, axis=1)

    def log_score(self, table: np.ndarray) -> np.ndarray:
        """Give the log score that a table is expected to have, shape (N, M)."""
        return np.add.reduceat(
            self.truth * np.log(np.maximum(table, 1e-6)), self.opinions.starts[:-1], axis=1
        )

    def retest_score(self, table: np.ndarray) -> np.ndarray:
        """Give the log score that a table of changes is expected to have, shape (N, M).

        Parameters
        ----------
        table
            Shape (M, widest, widest), see `populace.opinions.ceiling.Changes`.
        """
        stays = (1 - self.noise) ** 2
        found = np.zeros((len(self.truth), len(self.opinions.items)))
        for item, (start, size) in enumerate(zip(self.opinions.starts, self.opinions.sizes, strict=False)):
            p, logs = self.truth[:, start : start + size], np.log(table[item, :size, :size])
            found[:, item] = stays * p @ np.diag(logs) + (1 - stays) * np.einsum("nr,ra,na->n", p, logs, p)
        return found

    def mean(self, cells: np.ndarray) -> float:
        """Average over items and, by their weights, over respondents."""
        return float(np.average(cells.mean(axis=1), weights=self.opinions.weights))


def plant_world(items: int = 120, *, traits: int = 3, noise: float = 0.2, seed: int = 0) -> World:
    """Draw items.

    Parameters
    ----------
    items
        Number of questions, of 2 to 5 options.
    traits
        Hidden traits of people.
    noise
        Probability that an answer is drawn anew in an interview, from 0 to 1.
    seed
        Of the draw.

    Examples
    --------
    >>> world = plant_world(6, seed=3)
    >>> [item.size for item in world.items], world.items[0].ordinal, world.items[1].ordinal
    ([3, 4, 3, 2, 4, 4], True, False)
    """
    rng = stream(seed, "opinions.planted.items")
    found: list[Item] = []
    intercepts, loadings = [], []
    for number in range(items):
        size, ordinal = int(rng.integers(2, 6)), number % 2 == 0
        options = tuple(f"option {place}" for place in range(size))
        question = f"Question {number}?"
        found.append(Item(name=f"q{number}", question=question, options=options, ordinal=ordinal))
        if ordinal:
            # One slope for the whole scale: whoever leans one way chooses options on that side.
            place = np.arange(size) - (size - 1) / 2
            intercepts.append(rng.normal(0, 0.6) * place - 0.3 * place**2)
            loadings.append(place[:, None] * rng.normal(0, 0.8, size=(1, traits + _BACKGROUND)))
        else:
            intercepts.append(rng.normal(0, 0.8, size=size))
            loadings.append(rng.normal(0, 0.8, size=(size, traits + _BACKGROUND)))
    return World(tuple(found), np.concatenate(intercepts), np.concatenate(loadings), noise, seed)


def _softmax(logits: np.ndarray, starts: np.ndarray) -> np.ndarray:
    sizes = np.diff(starts)
    raised = np.exp(logits - np.repeat(np.maximum.reduceat(logits, starts[:-1], axis=1), sizes, axis=1))
    return raised / np.repeat(np.add.reduceat(raised, starts[:-1], axis=1), sizes, axis=1)


def _drawn(truth: np.ndarray, starts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an option of each item for each person, shape (N, M)."""
    luck = rng.random((len(truth), len(starts) - 1))
    codes = np.zeros(luck.shape, dtype=np.int64)
    for item, (start, end) in enumerate(itertools.pairwise(starts)):
        codes[:, item] = (luck[:, item, None] > np.cumsum(truth[:, start : end - 1], axis=1)).sum(axis=1)
    return codes
