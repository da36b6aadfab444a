r"""From the items of `response-prediction` to its scores: every arm on the same cells, compared in pairs.

A cell without an answer (refused, failed, or written so that it cannot be read) is a miss: its accuracy is 0,
its log score that of every option alike, its signed score the mean of what the arm says elsewhere, which
correlates with nothing. What cannot be read is counted, and is never a class of its own.

Of replies with a sentiment, `accuracy` is that of the polarity (micro F1), beside macro F1; `spearman` and
`pearson` are those of the signed score. All intervals know people and questions (`stats.crossed`); those of
F1 and correlations rest on what each cell moves them by (jackknife). People count alike, whatever their
weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from populace.bench.responding.moving import jackknifed, macro_f1, pearson, spearman
from populace.bench.responding.planning import FREQUENT, LURKERS
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.stats import Estimate, holm
from populace.stats.crossed import crossed_difference, crossed_estimate, crossed_mean, crossed_test
from populace.stats.proper import hits, log_scores

__all__ = ["above", "arms_of", "hits_of", "label", "scores_of"]

_ABLATED = ("lm, no join", "lm, no induced", "lm, no distilled", "lm, recency", "lm, retrieval only",
            "lm, full history", "lm, summary")  # fmt: skip
_JOINS = (
    ("join", "own"),
    ("collaborative + join", "collaborative"),
    ("lm", "lm, no join"),
    ("join, strict", "own, strict"),
)
"""Arms with and without neighbours' items."""


def label(arm: str, known: str) -> str:
    """Name an arm with its design."""
    return f"{arm}, {known}"


def scores_of(items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score the items of a run; the headline is the accuracy of the paper's method with all that is known."""
    arms = arms_of(items)
    signed = items["polarity"].null_count() < len(items)
    first = label("lm", "all")
    order = [first, *(name for name in arms if name != first)]
    found = [
        Score(measure="accuracy", arm=name, estimate=_mean(arms[name], hits_of(arms[name]), counting))
        for name in order
    ]
    found += list(_ranked(arms, order, counting) if signed else _logs(arms, order, counting))
    found += list(_grouped(arms, order, counting))
    found += list(_differences(arms, counting))
    return [*found, *_books(arms, counting)]


def hits_of(rows: pl.DataFrame) -> np.ndarray:
    """Tell whether each response was predicted, 0 where nothing was said: shape (rows,)."""
    if rows["polarity"].count():
        said, polarity = _said(rows), rows["polarity"].to_numpy()
        return ((said >= 0) & (said == polarity)).astype(np.float64)
    p, there = _padded(rows)
    found = np.zeros(len(rows))
    truth, sizes = (rows[name].to_numpy()[there] for name in ("truth", "options"))
    if there.any():
        found[there] = hits(p[there], truth, sizes=sizes)
    return found


def _padded(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities, shape (rows, widest), and where there are any."""
    there = rows["p"].is_not_null().to_numpy()
    widest = int(rows["options"].max() or 1)  # type: ignore[arg-type]
    found = np.zeros((len(rows), widest))
    for place, p in enumerate(rows["p"].to_list()):
        if p is not None:
            found[place, : len(p)] = p
    return found, there


def _said(rows: pl.DataFrame) -> np.ndarray:
    """Give the polarity that each cell is given, -1 for none: shape (rows,)."""
    return np.array(
        [
            _polarity(p) if p is not None else -1 if said is None else said
            for p, said in rows.select("p", "said").iter_rows()
        ]
    )


def _polarity(p: Sequence[float]) -> int:
    """Say the likeliest polarity of a distribution over signed scores; of equals the more neutral."""
    middle = len(p) // 2
    sums = [sum(p[:middle]), p[middle], sum(p[middle + 1 :])]
    return max((1, 0, 2), key=lambda place: sums[place])


def arms_of(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Take the arms apart, in the order of the run; cells in the same order."""
    return {
        label(str(arm), str(known)): rows.sort("item_id")
        for (arm, known), rows in items.group_by("arm", "known", maintain_order=True)
    }


def _mean(rows: pl.DataFrame, values: np.ndarray, counting: Counting) -> Estimate:
    return crossed_mean(values, rows["persona_id"], rows["prompt_id"], level=counting.level)


def logs_of(rows: pl.DataFrame) -> np.ndarray:
    """Log score of each cell; every option alike where nothing was said."""
    p, there = _padded(rows)
    sizes = rows["options"].to_numpy()
    found = -np.log(sizes.astype(np.float64))
    if there.any():
        found[there] = log_scores(p[there], rows["truth"].to_numpy()[there], sizes=sizes[there])
    return found


def _logs(arms: dict[str, pl.DataFrame], order: Sequence[str], counting: Counting) -> Iterator[Score]:
    for name in order:
        rows = arms[name]
        if rows["kind"][0] != "ceiling":  # What was said again is sure of itself.
            people, questions = rows["persona_id"], rows["prompt_id"]
            made = crossed_mean(logs_of(rows), people, questions, within=None, level=counting.level)
            yield Score(measure="log score", arm=name, estimate=made)


def signed_of(rows: pl.DataFrame) -> np.ndarray:
    """Signed score that each cell is given: an expectation, or what was said; the mean where nothing was."""
    found = np.full(len(rows), np.nan)
    for place, (p, score) in enumerate(rows.select("p", "score").iter_rows()):
        if p is not None:
            found[place] = float(np.dot(p, np.arange(len(p))))
        elif score is not None:
            found[place] = score
    there = ~np.isnan(found)
    return np.where(there, found, found[there].mean() if there.any() else 0.0)


def _ranked(arms: dict[str, pl.DataFrame], order: Sequence[str], counting: Counting) -> Iterator[Score]:
    """Score replies: correlations of the signed score, macro F1 of the polarity."""
    for measure, statistic in (("spearman", spearman), ("pearson", pearson), ("macro f1", macro_f1)):
        for name in order:
            rows = arms[name]
            value, moved = _moved(measure, statistic, rows)
            bounds = (0.0, 1.0) if measure == "macro f1" else (-1.0, 1.0)
            made = _crossed(value, moved, rows, bounds, counting)
            yield Score(measure=measure, arm=name, estimate=made)
        base = arms.get(label("lm", "all"))
        if base is None:
            continue
        value, moved = _moved(measure, statistic, base)
        for name in (label(each, "all") for each in _ABLATED):
            if name in arms:
                less, other = _moved(measure, statistic, arms[name])
                made = _crossed(value - less, moved - other, base, (-2.0, 2.0), counting)
                yield Score(measure=f"{measure}, above {name}", arm=label("lm", "all"), estimate=made)


def _crossed(
    value: float, moved: np.ndarray, rows: pl.DataFrame, bounds: tuple[float, float], counting: Counting
) -> Estimate:
    people, questions = rows["persona_id"], rows["prompt_id"]
    return crossed_estimate(value, moved, people, questions, within=bounds, level=counting.level)


def _moved(
    measure: str, statistic: Callable[[np.ndarray, np.ndarray], float], rows: pl.DataFrame
) -> tuple[float, np.ndarray]:
    """Give a statistic, and what each cell moves it by: left out in turn."""
    if measure == "macro f1":
        truth = rows["polarity"].to_numpy().astype(float)
        said = _said(rows).astype(float)
    else:
        truth, said = rows["truth"].to_numpy().astype(float), signed_of(rows)
    return jackknifed(statistic, truth, said)


def _grouped(arms: dict[str, pl.DataFrame], order: Sequence[str], counting: Counting) -> Iterator[Score]:
    """Score lurkers and frequent users apart."""
    for group in (LURKERS, FREQUENT):
        for name in order:
            rows = arms[name].filter(group=group)
            if len(rows):
                made = _mean(rows, hits_of(rows), counting)
                yield Score(measure="accuracy", arm=name, group=group, estimate=made)


def _differences(arms: dict[str, pl.DataFrame], counting: Counting) -> Iterator[Score]:
    """Compare in pairs: the method with its ablations and with who knows less, routes with the mode, JOIN."""
    lm, mode = label("lm", "all"), label("mode", "all")
    ablated = [label(each, "all") for each in _ABLATED if label(each, "all") in arms]
    others = [each for each in (label("lm, nobody", "0"), label("lm, stranger", "all"), mode) if each in arms]
    yield from _family(arms, lm, ablated, counting)
    yield from _family(arms, lm, others, counting)
    if mode in arms:
        for name in arms:
            if arms[name]["kind"][0] == "baseline" and name != mode:
                yield _pair(arms, name, mode, counting)
    both = label("lm + collaborative", "all")
    if both in arms:
        alone = [name for each in ("lm", "collaborative") if (name := label(each, "all")) in arms]
        yield from _family(arms, both, alone, counting)
    for ours, theirs in _JOINS:
        for known in dict.fromkeys(rows["known"][0] for rows in arms.values()):
            one, other = label(ours, known), label(theirs, known)
            if one in arms and other in arms:
                score = _pair(arms, one, other, counting)
                yield Score(
                    measure="accuracy, effect of JOIN",
                    arm=one,
                    estimate=score.estimate,
                    p_value=score.p_value,
                    note=score.note,
                )


def _family(
    arms: dict[str, pl.DataFrame], ours: str, theirs: Sequence[str], counting: Counting
) -> Iterator[Score]:
    """Compare one arm with several; p-values are adjusted by Holm over them."""
    if ours not in arms:
        return
    found = [_pair(arms, ours, each, counting) for each in theirs]
    adjusted = holm([score.p_value if score.p_value is not None else np.nan for score in found])
    for score, p in zip(found, adjusted, strict=True):
        note = score.note + (f"; p by Holm over {len(found)}" if len(found) > 1 else "")
        p_value = None if score.p_value is None else float(p)
        yield Score(measure=score.measure, arm=ours, estimate=score.estimate, p_value=p_value, note=note)


def _pair(arms: dict[str, pl.DataFrame], ours: str, theirs: str, counting: Counting) -> Score:
    rows, one, other = arms[ours], hits_of(arms[ours]), hits_of(arms[theirs])
    test = crossed_test(
        one, other, rows["persona_id"], rows["prompt_id"], seed=counting.seed, level=counting.level
    )
    won, lost = int((one > other).sum()), int((one < other).sum())
    return Score(
        measure=f"accuracy, above {theirs}",
        arm=ours,
        estimate=test.estimate,
        p_value=test.p_value if np.isfinite(test.estimate.low) else None,
        note=f"discordant {won} : {lost} of {len(one)}",
    )


def _books(arms: dict[str, pl.DataFrame], counting: Counting) -> Iterator[Score]:
    """Count what was not answered, by why, and what was told."""
    for name, rows in arms.items():
        if rows["kind"][0] != "model":
            continue
        for outcome in ("refused", "failed", "unread"):
            made = _mean(rows, (rows["outcome"] == outcome).to_numpy().astype(float), counting)
            yield Score(measure=f"answers_{outcome}", arm=name, estimate=made)
        people, questions = rows["persona_id"], rows["prompt_id"]
        named = {"tokens": "tokens told", "told": "own items told", "joined": "joined items told"}
        for column, measure in named.items():
            made = crossed_mean(
                rows[column].cast(pl.Float64), people, questions, within=None, level=counting.level
            )
            yield Score(measure=measure, arm=name, estimate=made)
        moved = rows["between_orders"]
        if moved.count():
            made = crossed_mean(moved, people, questions, level=counting.level)
            yield Score(measure="between orders", arm=name, estimate=made)


def above(arms: dict[str, pl.DataFrame], ours: str, theirs: str, counting: Counting) -> Estimate:
    """Give how much more often one arm is right, on the same cells."""
    rows = arms[ours]
    return crossed_difference(
        hits_of(rows), hits_of(arms[theirs]), rows["persona_id"], rows["prompt_id"], level=counting.level
    )
