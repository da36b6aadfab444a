"""What would explain the accuracy of a steered model: that it does not listen, and cheap rules."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.result import Finding
from populace.bench.silence import MOST
from populace.bench.steering.scoring import STEERED, over_tests
from populace.bench.steering.trials import Trials, hit, read_trials
from populace.bench.task import Counting
from populace.stats.crossed import crossed_difference, crossed_mean

__all__ = ["findings_of"]

_ALIKE = 0.9
"""Share of answers that are a rule's above which the rule is what answers."""


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Hold the steered model against itself steered to another, and against rules that know nothing."""
    trials = read_trials(items)
    found: list[Finding] = []
    if trials.gold.height:
        found += [
            _against(
                trials, "another", "does not listen", "the model steered to another attribute", counting
            ),
            _against(trials, "not steered", "not steered", "the model that is not steered", counting),
            *_rules(trials, counting),
            *_orders(items, trials, counting),
        ]
    return [*found, _unanswered(items, counting)]


def _against(trials: Trials, arm: str, name: str, what: str, counting: Counting) -> Finding:
    hits, theirs = trials.hits(), trials.base_hits(arm)
    clusters = trials.gold["persona_id"], trials.gold["prompt_id"]
    difference = crossed_difference(hits, theirs, *clusters, level=counting.level)
    return Finding(
        name=name,
        what=f"what {what} gets",
        shortcut=over_tests(trials, theirs, counting),
        beside=over_tests(trials, hits, counting),
        passed=difference.low > 0,
        why=f"fails unless the accuracy is higher for sure; the difference is {difference}",
    )


def _rules(trials: Trials, counting: Counting) -> Iterator[Finding]:
    """Hold the answers against two rules: name the attribute, and turn round what is said unsteered."""
    said = trials.said()
    unsteered = [ps[0] for ps in trials.base("not steered")]
    rules = {
        "attribute's name": (
            "chooses the option that has most of the attribute's words",
            [np.array(p) for p in trials.gold["named"].to_list()],
        ),
        "always flips": (
            "says the reverse of what the model says unsteered",
            [p.max() - p for p in unsteered],
        ),
    }
    for name, (what, ps) in rules.items():
        # Where a rule has no opinion it cannot be what answers.
        speaks = np.array([p.max() - p.min() > 1e-9 for p in ps])
        rows = trials.gold.filter(pl.Series(speaks))
        pairs = [(p, rule) for p, rule, there in zip(said, ps, speaks, strict=True) if there]
        alike = np.array([0.0 if p is None else hit(p, rule) for p, rule in pairs])
        same = crossed_mean(alike, rows["persona_id"], rows["prompt_id"], level=counting.level)
        reached = np.array([hit(p, truth) for p, truth in zip(ps, trials.truths, strict=True)])
        yield Finding(
            name=name,
            what=what,
            shortcut=over_tests(trials, reached, counting),
            beside=over_tests(trials, trials.hits(), counting),
            passed=not (same.defined and same.value >= _ALIKE and len(alike) > 1),
            why=f"fails where {_ALIKE:.0%} of the answers are the rule's, where it has one; they are {same}",
        )


def _orders(items: pl.DataFrame, trials: Trials, counting: Counting) -> Iterator[Finding]:
    """Hold what the order of options changes against what another steer changes."""
    rows = items.filter(pl.col("steer").is_not_null(), arm="model", context=trials.contexts[0])
    rows = rows.drop_nulls("between_orders")
    if rows.is_empty():
        return
    kinds = {name: kind for kind, names in trials.steers.items() for name in names}
    moved: list[float] = []
    for steer, what, p in rows.select("steer", "prompt_id", "p").iter_rows():
        others = [
            trials.answers.get((o, what, trials.contexts[0])) for o in trials.others(steer, kinds[steer])
        ]
        apart = [float(np.abs(np.array(p) - q).sum() / 2) for q in others if q is not None]
        moved.append(float(np.mean(apart)) if apart else math.nan)
    clusters = rows["steer"], rows["prompt_id"]
    order = crossed_mean(rows["between_orders"], *clusters, level=counting.level)
    other = crossed_mean(moved, *clusters, level=counting.level)
    yield Finding(
        name="order of options",
        what="how far the distribution moves when the options are turned round (total variation)",
        shortcut=order,
        beside=other,
        passed=not order.value > other.value,
        why="fails where the order of the options moves the answers more than another steer does; "
        "the mean over both orders is scored",
    )


def _unanswered(items: pl.DataFrame, counting: Counting) -> Finding:
    rows = items.filter(pl.col("arm") != "gold").with_columns(
        silent=(pl.col("outcome") != "answered").cast(pl.Float64), steered=pl.col("steer").is_not_null()
    )
    shares = rows.group_by("steered", maintain_order=True).agg(pl.col("silent").mean())
    most = shares.sort("silent", descending=True, maintain_order=True)["steered"].to_list()[:1]
    worst = rows.filter(pl.col("steered").is_in(most))
    share = crossed_mean(worst["silent"], worst["prompt_id"], level=counting.level)
    return Finding(
        name="unanswered",
        what=f"questions that were refused, or whose call failed ({STEERED} or not, whichever are more)",
        shortcut=share,
        passed=share.defined and not share.value > MOST,
        why="fails where they are more than one in twenty",
    )
