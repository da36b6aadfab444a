"""From the items of `steerable` to its scores: the formulas are those of `populace.pluralism.steerable`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from populace.bench.result import Score
from populace.bench.steering.spreads import STEERED, collapses, spreads
from populace.bench.steering.trials import BASES, Trials, read_trials
from populace.bench.task import Counting
from populace.pluralism import steerable as room
from populace.stats import Estimate, holm
from populace.stats.crossed import crossed_mean, crossed_ratio, crossed_test

__all__ = ["STEERED", "over_tests", "scores_of", "values_of"]


def scores_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score the items of a run; the headline is the accuracy of the model steered in the first way."""
    trials = read_trials(items)
    return [
        *_accuracies(trials, counting),
        *_distances(trials, counting),
        *_contexts(trials, counting),
        *_matrices(trials, counting),
        *spreads(trials, counting),
        *collapses(items, counting),
        *_books(items, counting),
    ]


def values_of(items: pl.DataFrame) -> pl.DataFrame:
    """Give, of each test, whether the steered model passed it."""
    trials = read_trials(items)
    rows = trials.gold.select("persona_id", "prompt_id").with_columns(arm=pl.lit(STEERED))
    return rows.with_columns(pl.Series("value", trials.hits(), dtype=pl.Float64))


def over_tests(trials: Trials, values: np.ndarray, counting: Counting, *, least: float = 0.0) -> Estimate:
    """Average something over tests, with attributes and questions as clusters."""
    return crossed_mean(
        values, trials.gold["persona_id"], trials.gold["prompt_id"], within=(least, 1.0), level=counting.level
    )


def _accuracies(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Count how often the likeliest option is the commonest answer."""
    hits = trials.hits()
    yield Score(measure="accuracy", arm=STEERED, estimate=over_tests(trials, hits, counting))
    bases = {arm: trials.base_hits(arm) for arm in BASES}
    for arm, values in bases.items():
        note = "what the other attributes would answer" if arm == "other groups" else ""
        yield Score(measure="accuracy", arm=arm, estimate=over_tests(trials, values, counting), note=note)
    again = trials.gold["again"].to_numpy()
    if not np.isnan(again.astype(np.float64)).all():
        note = "how often one half of a group has the other half's commonest answer"
        yield Score(
            measure="accuracy", arm="half a group", estimate=over_tests(trials, again, counting), note=note
        )
    beaten = {arm: bases[arm] for arm in ("not steered", "another", "other groups")}
    yield from _above(trials, hits, beaten, "accuracy", counting)
    yield from _by_label(trials, counting)
    for (name,), rows in trials.gold.with_columns(hit=pl.Series(hits)).group_by(
        "persona_id", maintain_order=True
    ):
        found = crossed_mean(rows["hit"], rows["prompt_id"], level=counting.level)
        note = "few people: few questions" if rows.height < 10 else ""
        yield Score(measure="accuracy", arm=STEERED, group=str(name), estimate=found, note=note)


def _by_label(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Give balanced accuracy and macro-F1 where all questions have the same options."""
    options: list[tuple[str, ...]] = [tuple(each) for each in trials.gold["options"].to_list()]
    if len(set(map(frozenset, options))) != 1 or len(options) < 2:
        return
    gold = [_label(p, names) for p, names in zip(trials.truths, options, strict=True)]
    said = [None if p is None else _label(p, names) for p, names in zip(trials.said(), options, strict=True)]
    for kind, measure in (("balanced", "balanced accuracy"), ("macro_f1", "macro-F1")):
        found = room.accuracy(
            gold,
            said,
            attributes=trials.gold["persona_id"].to_list(),
            questions=trials.gold["prompt_id"].to_list(),
            kind=kind,  # pyright: ignore[reportArgumentType]
            level=counting.level,
        )
        yield Score(measure=measure, arm=STEERED, estimate=found)


def _label(p: np.ndarray, names: Sequence[str]) -> str | None:
    """Name the likeliest option; None of several."""
    best = np.flatnonzero(p >= p.max() - 1e-9)
    return names[int(best[0])] if len(best) == 1 else None


def _distances(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Say how far distributions are from those of groups."""
    if not trials.graded:
        yield from _probabilities(trials, counting)
        return
    apart = trials.apart()
    yield Score(measure="total variation", arm=STEERED, estimate=over_tests(trials, apart, counting))
    for arm in BASES:
        values = trials.base_apart(arm)
        yield Score(measure="total variation", arm=arm, estimate=over_tests(trials, values, counting))
    left = trials.gold["apart"].to_numpy().astype(np.float64)
    if not np.isnan(left).all():
        note = "about what sampling alone leaves: half of what two halves of a group differ by"
        yield Score(
            measure="total variation",
            arm="half a group",
            estimate=over_tests(trials, left, counting),
            note=note,
        )
    gain = over_tests(trials, trials.base_apart("not steered") - apart, counting, least=-1.0)
    yield Score(measure="total variation, gained by steering", arm=STEERED, estimate=gain)
    even = trials.base_apart("uniform")
    note = "1 is perfect, 0 no better than an even guess (SimBench's, over 100)"
    for group, keep in [("", np.ones(len(even), dtype=bool)), *_groups(trials)]:
        rows = trials.gold.filter(pl.Series(keep))
        skill = crossed_ratio(
            (even - apart)[keep],
            even[keep],
            rows["persona_id"] if not group else rows["prompt_id"],
            rows["prompt_id"] if not group else None,
            level=counting.level,
        )
        yield Score(measure="skill", arm=STEERED, group=group, estimate=skill, note=note)


def _probabilities(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Give what the right option gets: it shows a steer that moves the answer and does not turn it."""
    ours = 1 - trials.apart()
    bases = {arm: 1 - trials.base_apart(arm) for arm in ("not steered", "another")}
    for arm, values in {STEERED: ours, **bases}.items():
        yield Score(
            measure="probability of the right answer", arm=arm, estimate=over_tests(trials, values, counting)
        )
    yield from _above(trials, ours, bases, "probability", counting)


def _above(
    trials: Trials, ours: np.ndarray, bases: dict[str, np.ndarray], measure: str, counting: Counting
) -> Iterator[Score]:
    """Hold the steered model against several, as one family of tests."""
    clusters = trials.gold["persona_id"], trials.gold["prompt_id"]
    tests = [
        crossed_test(ours, values, *clusters, seed=counting.seed, level=counting.level)
        for values in bases.values()
    ]
    adjusted = holm([test.p_value for test in tests])
    for arm, test, p in zip(bases, tests, adjusted.tolist(), strict=True):
        yield Score(
            measure=f"{measure}, above {arm}",
            arm=STEERED,
            estimate=test.estimate,
            p_value=p,
            note=f"p by Holm over {len(tests)}",
        )


def _groups(trials: Trials) -> list[tuple[str, np.ndarray]]:
    who = trials.gold["persona_id"]
    return [(name, (who == name).to_numpy()) for name in who.unique(maintain_order=True)]


def _contexts(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Hold the ways of steering against each other, as OpinionQA does: the best of each attribute."""
    if len(trials.contexts) < 2:
        return
    scores = [trials.hits(way) for way in trials.contexts]
    names = trials.gold["persona_id"].unique(maintain_order=True).to_list()
    questions = trials.gold["prompt_id"].unique(maintain_order=True).to_list()
    table = np.full((len(questions), len(names), len(scores)), np.nan)
    for row, (who, what) in enumerate(trials.gold.select("persona_id", "prompt_id").iter_rows()):
        table[questions.index(what), names.index(who)] = [each[row] for each in scores]
    found = room.best_context(table, contexts=list(trials.contexts), seed=counting.seed, level=counting.level)
    for way, estimate in found.contexts.items():
        yield Score(measure="accuracy, by context", arm=way, estimate=estimate)
    yield Score(measure="accuracy, by context", arm="best of each attribute", estimate=found.published)
    note = "chosen on half of the questions, scored on the others"
    yield Score(measure="accuracy, by context", arm="best, held out", estimate=found.held_out, note=note)


def _matrices(trials: Trials, counting: Counting) -> Iterator[Score]:
    """Rank the diagonal of steered-to by tested-on, for every kind of attribute."""
    several = len(trials.steers) > 1
    for kind, names in trials.steers.items():
        if len(names) < 2:
            continue
        group, matrix = kind if several else "", trials.matrix(kind)
        for ties in ("max", "mean"):
            found = room.ranks(matrix, rows="systems", ties=ties, level=counting.level)
            note = (
                f"chance is {found.chance:.3f}" if ties == "mean" else "ties count as the best, as published"
            )
            for measure, estimate in (
                ("rank among tests", found.among_tests),
                ("rank among systems", found.among_systems),
            ):
                yield Score(measure=measure, arm=f"ties {ties}", group=group, estimate=estimate, note=note)
        margin = room.ranks(matrix, rows="systems", level=counting.level).margin
        yield Score(measure="margin over other steers", arm=STEERED, group=group, estimate=margin)


def _books(items: pl.DataFrame, counting: Counting) -> Iterator[Score]:
    """Count what was refused and what failed, and what the order of options moves."""
    arms = {"not steered": pl.col("steer").is_null(), STEERED: pl.col("steer").is_not_null()}
    for arm, where in arms.items():
        rows = items.filter(where, arm="model")
        for outcome in ("refused", "failed"):
            counted = (rows["outcome"] == outcome).cast(pl.Float64)
            found = crossed_mean(counted, rows["prompt_id"], level=counting.level)
            yield Score(measure=f"answers_{outcome}", arm=arm, estimate=found)
        if rows["between_orders"].count():
            found = crossed_mean(rows["between_orders"], rows["prompt_id"], level=counting.level)
            note = "total variation: 0 where it changes nothing, 1 where it changes all"
            yield Score(measure="between orders", arm=arm, estimate=found, note=note)
