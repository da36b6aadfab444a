"""What a jury's ratings come to: welfare of each arm, and who wins by which rule.

A rating is the probability that the answer suits the juror, 0 where there is no answer; the zero point is 0.
What is no mean of items (geometric mean, minimum, winners) has a bootstrap that draws jurors and questions
both (Owen 2007, doi:10.1214/07-AOAS122): wider than needed where jurors or questions do not matter, and about
no others than such.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.bench.result import Score
from populace.bench.rules import words_in
from populace.bench.scoring import mean_of
from populace.bench.task import Counting
from populace.pluralism.jury import RULES
from populace.pluralism.jury.scoring import drawn_weights, wins_of
from populace.pluralism.jury.welfare import power_mean, worst
from populace.stats import Estimate
from populace.stats.bootstrap import doubted, estimate_from_replicates
from populace.streams import stream

__all__ = ["WON_BY", "rated", "scores_of", "welfare_of"]

Floats = npt.NDArray[np.float64]
WON_BY = (
    "utilitarian",
    "nash",
    "leximin",
    "maximin",
    "gini",
    "borda",
    "plurality",
    "schulze",
    "ranked_pairs",
)
"""Rules by which wins are counted."""
_DRAWS = 400
"""Most resamples: every one holds an election a question and rule."""
_SHUFFLES = 20


def rated(name: str = "rating") -> pl.Expr:
    """Read a rating: the probability that the answer suits, 0 without an answer, null without a verdict."""
    return pl.when(pl.col("answer").is_null()).then(0.0).otherwise(pl.col(f"{name}_p"))


class _Tables:
    """Ratings as arrays, shape (questions, jurors, arms)."""

    def __init__(self, items: pl.DataFrame, counting: Counting) -> None:
        self.arms = items["arm"].unique(maintain_order=True).to_list()
        self.people = items["persona_id"].unique(maintain_order=True).to_list()
        self.prompts = items["prompt_id"].unique(maintain_order=True).to_list()
        self.items, self.counting = items, counting
        shape = len(self.prompts), len(self.people), len(self.arms)
        self.ratings = np.full(shape, np.nan)
        self.words = np.zeros((shape[0], shape[2]))
        at = [{key: n for n, key in enumerate(keys)} for keys in (self.prompts, self.people, self.arms)]
        told = items.select(
            "prompt_id", "persona_id", "arm", rated(), words_in("answer").fill_null(0).alias("w")
        )
        for prompt, person, arm, rating, words in told.iter_rows():
            where = at[0][prompt], at[1][person], at[2][arm]
            self.ratings[where] = np.nan if rating is None else rating
            self.words[where[0], where[2]] = words
        # What nobody rated is no candidate, and who rated nothing no juror, of that question.
        groups = dict(items.select("persona_id", "group").iter_rows())
        self.groups = [groups[who] for who in self.people]
        self.draws = min(counting.draws, _DRAWS)
        rng = stream(counting.seed, "bench.jury.draws")
        self.jurors = drawn_weights(np.ones(shape[1]), self.draws, rng)
        self.questions = drawn_weights(np.ones(shape[0]), self.draws, rng)

    def estimate(self, read: Callable[[Floats, Floats, int], Floats], arms: int = 1) -> list[Estimate]:
        """Estimate means over questions of what is read of each.

        Parameters
        ----------
        read
            Ratings (jurors, arms), weights (draws, jurors) and the question's place -> values
            (draws, `arms`), nan where undefined.
        """
        weights = np.concatenate([np.ones((1, self.jurors.shape[1])), self.jurors])
        each = np.stack(
            [
                _defined(lambda u, w, place=place: read(u, w, place), table, weights, arms)
                for place, table in enumerate(self.ratings)
            ]
        )
        counts = np.concatenate([np.ones((1, len(self.prompts))), self.questions]).T[:, :, None]
        there = ~np.isnan(each)
        total = (np.where(there, each, 0.0) * counts).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = total / (there * counts).sum(axis=0)
        return [self._made(means[:, arm]) for arm in range(arms)]

    def _made(self, means: Floats) -> Estimate:
        few = min(len(self.people), len(self.prompts))
        found = estimate_from_replicates(
            float(means[0]),
            means[1:],
            n=self.items.height,
            clusters=len(self.people) if len(self.prompts) > 1 and few > 1 else 1,
            draws=self.draws,
            seed=self.counting.seed,
            level=self.counting.level,
            unit="two-way (jurors and questions)",
        )
        return doubted(found, 0.0, 1.0) if found.defined and found.clusters > 1 else found


def _defined(read: Callable[[Floats, Floats], Floats], table: Floats, weights: Floats, arms: int) -> Floats:
    """Read a question by those of its jurors who rated anything, if every answer was rated by somebody."""
    heard = ~np.isnan(table).all(axis=1)
    found = np.full((len(weights), arms), np.nan)
    some = weights[:, heard]
    sat = some.sum(axis=1) > 0
    if heard.any() and not np.isnan(table[heard]).all(axis=0).any() and sat.any():
        found[sat] = read(table[heard], some[sat])
    return found


def scores_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score every arm: welfare, worst group, wins by rule; how often rules part; baselines beside."""
    scores = welfare_of(items, counting)
    if not items.select(rated()).to_series().count():
        return scores
    tables = _Tables(items, counting)
    arms = len(tables.arms)
    for measure, p in (("welfare_nash", 0.0), ("welfare_worst", -np.inf)):
        found = tables.estimate(
            lambda u, w, _, p=p: worst(u, w) if p == -np.inf else power_mean(u, w, p), arms
        )
        scores += [
            Score(measure=measure, arm=arm, estimate=each)
            for arm, each in zip(tables.arms, found, strict=True)
        ]
    scores += _worst_groups(tables)
    scores += _wins(tables)
    return scores


def welfare_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Give mean ratings; the headline is the arm that is told to answer for everybody, or the last."""
    items = items.with_columns(_rated=rated(), _nobody=rated("nobody"))
    arms = items["arm"].unique(maintain_order=True).to_list()
    first = "everyone" if "everyone" in arms else arms[-1]
    scores: list[Score] = []
    for arm in [first, *(each for each in arms if each != first)]:
        rows = items.filter(arm=arm)
        scores.append(Score(measure="welfare", arm=arm, estimate=mean_of(rows, "_rated", counting)))
        nobody = mean_of(rows, "_nobody", counting)
        scores.append(Score(measure="welfare_nobody", arm=arm, estimate=nobody, note="baseline: no persona"))
    return scores


def _worst_groups(tables: _Tables) -> list[Score]:
    """Give the mean of the group worst served, beside that of groups drawn by lot."""
    names = sorted({group for group in tables.groups if group is not None})
    if len(names) < 2:
        return []
    member = np.array([[group == name for group in tables.groups] for name in names], dtype=np.float64)
    rng = stream(tables.counting.seed, "bench.jury.shuffled")
    lots = [member[:, rng.permutation(member.shape[1])] for _ in range(_SHUFFLES)]
    scores: list[Score] = []
    for place, arm in enumerate(tables.arms):
        own = _least_of_groups(tables, member, place)
        drawn = [_least_of_groups(tables, lot, place)[0] for lot in lots]
        scores.append(
            Score(measure="worst_group", arm=arm, estimate=tables._made(own), note=f"of {len(names)} groups")
        )
        shuffled = np.array([sum(drawn) / len(drawn), *drawn], dtype=np.float64)
        found = estimate_from_replicates(
            float(shuffled[0]), shuffled[1:], n=tables.items.height, clusters=len(tables.people),
            draws=_SHUFFLES, seed=tables.counting.seed, level=tables.counting.level, unit="shuffled groups,",
        )  # fmt: skip
        note = "baseline: people dealt to groups of the same sizes by lot; the spread of the deals"
        scores.append(Score(measure="worst_group_shuffled", arm=arm, estimate=found, note=note))
    return scores


def _least_of_groups(tables: _Tables, member: Floats, place: int) -> Floats:
    """Give the least of the groups' means over jurors and questions, shape (1 + draws,)."""
    table = tables.ratings[:, :, place]
    known = np.where(np.isnan(table), 0.0, table)
    jurors = np.concatenate([np.ones((1, table.shape[1])), tables.jurors])
    questions = np.concatenate([np.ones((1, table.shape[0])), tables.questions])
    with np.errstate(invalid="ignore", divide="ignore"):
        top = np.einsum("dq,qj,dj,gj->dg", questions, known, jurors, member, optimize=True)
        mass = np.einsum(
            "dq,qj,dj,gj->dg", questions, (~np.isnan(table)).astype(np.float64), jurors, member, optimize=True
        )
        means = top / mass
    # A group that was not drawn is not the worst.
    least: Floats = np.asarray(np.where(np.isnan(means), np.inf, means).min(axis=1), dtype=np.float64)
    return least


def _wins(tables: _Tables) -> list[Score]:
    arms = len(tables.arms)
    scores: list[Score] = []
    for rule in WON_BY:
        found = tables.estimate(lambda u, w, _, rule=rule: wins_of(u, w, RULES[rule], {}), arms)
        scores += [
            Score(measure=f"wins, {rule}", arm=arm, estimate=each)
            for arm, each in zip(tables.arms, found, strict=True)
        ]
    nan, even = float("nan"), 1 / arms
    rows, people, level = tables.items.height, len(tables.people), tables.counting.level
    by_lot = Estimate(
        value=even, low=nan, high=nan, n=rows, clusters=people, level=level, method="no interval: by design"
    )
    note = "baseline: one of the answers by lot"
    scores.append(Score(measure="wins", arm="random option", estimate=by_lot, note=note))
    longest = tables.words == tables.words.max(axis=1, keepdims=True)
    # Answers of one length share the place of the longest: of all alike it is an answer by lot.
    shares = longest / longest.sum(axis=1, keepdims=True)

    def longest_wins(u: Floats, w: Floats, place: int) -> Floats:
        return (wins_of(u, w, RULES["utilitarian"], {}) * shares[place]).sum(axis=1, keepdims=True)

    if not np.isnan(tables.ratings).any():
        found = tables.estimate(longest_wins)[0]
        scores.append(
            Score(
                measure="wins",
                arm="longest answer",
                estimate=found,
                note="how often the longest wins, or one by lot of the longest",
            )
        )
    for other in ("maximin", "leximin", "schulze", "borda"):
        found = tables.estimate(lambda u, w, _, other=other: _apart(u, w, "utilitarian", other))[0]
        note = "share of questions where no winner by the mean wins by this"
        scores.append(Score(measure="parts_from_mean", arm=other, estimate=found, note=note))
    return scores


def _apart(utilities: Floats, weights: Floats, one: str, other: str) -> Floats:
    """Say where two rules have no winner in common."""
    ours, theirs = (wins_of(utilities, weights, RULES[name], {}) > 0 for name in (one, other))
    shared = (ours & theirs).any(axis=1)
    return np.where(shared, 0.0, 1.0)[:, None]
