"""Numbers to try the figures on: verdicts drawn at rates that are given, counted as the tasks count.

Nobody was asked anything: every verdict is a draw with a rate that stands in this file, so nothing that is
drawn from it says anything about a model. The gallery and the examples of the figures use it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace import stats
from populace.bench import Counting, Score, TaskResult, open_task
from populace.bench.compare import Board, Run, compare
from populace.streams import stream

__all__ = [
    "agreement_items",
    "agreement_result",
    "board",
    "cells_result",
    "feedback",
    "leave_one_out_result",
    "main_items",
    "main_result",
    "models",
    "passk_result",
    "phrases_result",
    "population",
]

_MODES = ("baseline", "output_only", "chain_of_thought", "demographic_summary")
_RATES = {
    "model small": (0.06, 0.31, 0.24, 0.38),
    "model medium": (0.05, 0.42, 0.40, 0.51),
    "model large": (0.07, 0.55, 0.60, 0.66),
}
_FALLS = {
    "ideology": 0.16, "religion": 0.11, "age": 0.09, "family": 0.07, "work": 0.06, "lifestyle": 0.05,
    "education": 0.03, "health": 0.02, "sex": 0.01, "state": 0.0, "origin": 0.0, "marital status": -0.01,
}  # fmt: skip
_KEPT = {
    "age": (0.22, 0.10), "sex": (0.41, 0.30), "education": (0.48, 0.17), "income": (0.35, 0.12),
    "religion": (0.72, 0.15), "ideology": (0.85, 0.22), "political_views": (0.77, 0.20),
    "lifestyle": (0.16, 0.09), "marital_status": (0.38, 0.33), "occupation_category": (0.61, 0.08),
    "state": (0.19, 0.04), "disability": (0.55, 0.02),
}  # fmt: skip
_CUT = {"age": 1.0, "sex": 1.0, "marital_status": 0.8, "education": 0.6, "state": 0.35, "income": 0.1}
"""What a description that is cut off keeps: what it says first."""
_GROUPS = {
    "age": ["18-34", "35-49", "50-64", "65 and over"],
    "sex": ["Female", "Male"],
    "ideology": ["liberal", "moderate", "conservative"],
    "religion": ["Protestant", "Catholic", "Unaffiliated", "Muslim"],
}
_SETTINGS: dict[str, Any] = {"draws": 500, "seed": 0}


def _people(items: int, people: int) -> dict[str, Any]:
    return {
        "item_id": np.arange(items),
        "persona_id": [f"p{n:03}" for n in np.arange(items) % people],
        "prompt_id": [f"q{n:04}" for n in range(items)],
    }


def _words(right: npt.NDArray[np.bool_]) -> list[str]:
    return np.where(right, "first", "second").tolist()


def _result(task: str, scores: list[Score], target: str, judge: str | None = "judge A") -> TaskResult:
    meta = open_task(task).meta
    return TaskResult(
        task=task, task_version=meta.version, populace="demonstration", target=target, judge=judge,
        way="choice", settings={"seed": 0}, personas="", prompts="", templates="", items=0,
        main_measure=meta.main_measure, higher_is_better=meta.higher_is_better, scores=scores,
    )  # fmt: skip


def models() -> Sequence[str]:
    """Name the models of `main`."""
    return list(_RATES)


@functools.cache
def main_items(target: str = "model large", items: int = 400, people: int = 100) -> pl.DataFrame:
    """Items of `main`, with the columns that its figures read."""
    rng, frames = stream(0, f"figures.main.{target}"), []
    taste = rng.normal(0, 0.08, people)[np.arange(items) % people]
    for mode, rate in zip(_MODES, _RATES[target], strict=True):
        columns = {"arm": [mode] * items, "critic": _words(rng.random(items) < rate + taste)}
        frames.append(pl.DataFrame(_people(items, people) | columns))
    return pl.concat(frames)


@functools.cache
def main_result(target: str = "model large") -> TaskResult:
    """Result of `main`."""
    scores = []
    for (mode,), rows in main_items(target).group_by("arm", maintain_order=True):
        found = stats.proportion(rows["critic"] == "first", rows["persona_id"], **_SETTINGS)
        scores.append(Score(measure="satisfied", arm=str(mode), estimate=found))
    return _result("main", scores, target)


@functools.cache
def leave_one_out_result() -> TaskResult:
    """Result of `leave-one-out`."""
    rng, items, people = stream(0, "figures.loo"), 600, 150
    who = _people(items, people)["persona_id"]
    taste = rng.random(items)

    def satisfied(fall: float) -> npt.NDArray[np.float64]:
        return (np.clip(taste + rng.normal(0, 0.08, items), 0, 1) < 0.68 - fall).astype(float)

    arms = {"nobody": 0.36} | {f"without {name}": fall for name, fall in _FALLS.items()} | {"again": 0.0}
    full = satisfied(0)
    tests = {}
    for arm, fall in arms.items():
        # Not everybody has what is left out.
        has = rng.random(items) < (0.9 if arm.startswith("without") else 1)
        tests[arm] = stats.paired_test(full, np.where(has, satisfied(fall), np.nan), who, **_SETTINGS)
    family = [arm for arm in tests if arm.startswith("without")]
    holm = dict(zip(family, stats.holm([tests[arm].p_value for arm in family]).tolist(), strict=True))
    scores = [
        Score(measure="fall", arm=arm, estimate=test.estimate, p_value=holm.get(arm, test.p_value))
        for arm, test in tests.items()
    ]
    return _result("leave-one-out", scores, "model large")


@functools.cache
def passk_result(target: str = "model large") -> TaskResult:
    """Result of `pass-at-k`."""
    skill = {"model small": 0.12, "model large": 0.2}[target]
    rng, items, people, scores = stream(0, f"figures.passk.{target}"), 150, 75, []
    who = _people(items, people)["persona_id"]
    for end, mean in (("", skill), ("_nobody", 0.06)):
        suits = rng.random((items, 16)) < rng.beta(12 * mean, 12 * (1 - mean), items)[:, None]
        first, second = (suits ^ (rng.random((items, 16)) < 0.04) for _ in range(2))
        both = np.stack([first & second, first ^ second, ~first & ~second], axis=2).sum(axis=1)
        judged, tries = np.where(first == second, first, rng.random((items, 16)) < 0.5), np.full(items, 16)
        for k in (16, 8, 4, 2, 1):
            noisy = stats.estimate_noisy_pass_at_k(tries, first.sum(axis=1), k, both, who)
            taken = stats.estimate_pass_at_k(tries, judged.sum(axis=1), k, who, **_SETTINGS)
            scores.append(Score(measure=f"passes{end}", arm=f"k={k}", estimate=noisy.corrected))
            scores.append(Score(measure=f"passes_judged{end}", arm=f"k={k}", estimate=taken))
    return _result("pass-at-k", scores, target)


@functools.cache
def agreement_items(items: int = 900, people: int = 90) -> pl.DataFrame:
    """Items of `agreement`: four judges, and three people a pair."""
    rng = stream(0, "figures.agreement")
    columns, who = _people(items, people), np.arange(items) % people
    truth = rng.random(items) < 0.62
    hard = rng.beta(2, 9, people)[who]
    for judge, error in {"judge A": 0.02, "judge B": 0.05, "judge C": 0.11, "judge D": 0.3}.items():
        said = truth ^ (rng.random(items) < np.clip(error + hard, 0, 0.5))
        columns |= {f"by:{judge}": _words(said), f"by:{judge}_p": np.where(said, 0.8, 0.2)}
    votes = truth[:, None] ^ (rng.random((items, 3)) < (0.1 + hard)[:, None])
    columns["people"] = [_words(row) for row in votes]
    columns["by:people"] = _words(votes.sum(axis=1) > 1)
    for name, values in _GROUPS.items():
        share = [0.4, 0.3, 0.25, 0.05] if len(values) == 4 else None
        columns[f"group:{name}"] = [values[n] for n in rng.choice(len(values), people, p=share)[who]]
    return pl.DataFrame(columns)


@functools.cache
def agreement_result() -> TaskResult:
    """Result of `agreement`."""
    items, scores = agreement_items(), []
    raters = [name[3:] for name in items.columns if name.startswith("by:") and not name.endswith("_p")]
    ratings = items.select(f"by:{name}" for name in raters).to_numpy()
    for name in ("", *(f"group:{name}" for name in _GROUPS)):
        found = stats.agreement_matrix(
            ratings, items["persona_id"], raters=raters, groups=items[name] if name else None, **_SETTINGS
        )
        for pair in found.pairs:
            group = f"{name.removeprefix('group:')} = {pair.group}" if name else ""
            arm = f"{pair.a} × {pair.b}"
            scores.append(Score(measure="kappa", arm=arm, group=group, estimate=pair.kappa))
            scores.append(Score(measure="ac1", arm=arm, group=group, estimate=pair.gwet))
    votes = np.array(items["people"].to_list(), dtype=object)
    alpha = stats.krippendorff_alpha(votes, clusters=items["persona_id"], **_SETTINGS)
    scores.append(Score(measure="alpha", arm="people", estimate=alpha))
    # One of three beside the two others, where those are of one mind.
    alike = votes[:, 1] == votes[:, 2]
    one = stats.cohen_kappa(votes[alike, 0], votes[alike, 1], items["persona_id"].filter(alike), **_SETTINGS)
    scores.append(Score(measure="kappa", arm="one person × the others", estimate=one))
    return _result("agreement", scores, "model large")


@functools.cache
def cells_result() -> TaskResult:
    """Result of `intersectionality`."""
    rng, people, family = stream(0, "figures.cells"), 160, "ideology,age"
    weights = {"liberal": 0.35, "moderate": 0.4, "conservative": 0.25}
    ages = {"18-34": 0.4, "35-64": 0.5, "65 and over": 0.1}
    names = [f"ideology={side}, age={age}" for side in weights for age in ages]
    share = np.array([one * other for one in weights.values() for other in ages.values()])
    size = np.bincount(rng.choice(len(names), people, p=share / share.sum()), minlength=len(names))
    rates = 0.45 + 0.2 * rng.random(len(names)) - np.where(np.arange(len(names)) == 6, 0.2, 0)
    right = rng.binomial(4 * size, rates)
    found = stats.shrunken_rates(right, 4 * size, names=names, clusters=size)
    everybody = stats.proportion(np.arange(4 * people) < right.sum(), np.arange(4 * people) // 4, **_SETTINGS)
    scores = [Score(measure="satisfied", estimate=everybody)] + [
        Score(measure="satisfied", arm=family, group=cell.name, estimate=cell.estimate,
              raw=cell.raw,
              note=f"raw {cell.raw:.3f}, shrunk: {cell.own:.0%} its own")
        for cell in found.cells
    ]  # fmt: skip
    return _result("intersectionality", scores, "model large")


@functools.cache
def phrases_result() -> TaskResult:
    """Result of `phrases`."""
    rng, scores = stream(0, "figures.phrases"), []
    who = _people(240, 120)["persona_id"]
    for name, (kept, chance) in _KEPT.items():
        told, others = (rng.random(240) < kept).astype(float), rng.binomial(20, chance, 240) / 20
        cut = (rng.random(240) < _CUT.get(name, 0.0)).astype(float)
        test = stats.paired_test(told, others, who, **_SETTINGS)
        found = {
            "kept": stats.proportion(told, who, **_SETTINGS),
            "kept_by_chance": stats.mean(others, who, **_SETTINGS),
            "kept_by_cut": stats.proportion(cut, who, **_SETTINGS),
            "kept_above_chance": test.estimate,
        }
        scores += [Score(measure=each, arm=name, estimate=estimate) for each, estimate in found.items()]
    return _result("phrases", scores, "model large", None)


@functools.cache
def board() -> Board:
    """Rank five models on `main`."""
    rng, base = stream(0, "figures.board"), _people(400, 100)
    taste = rng.random(400)
    runs = []
    rates = {"model A": 0.7, "model B": 0.68, "model C": 0.62, "model D": 0.6, "model E": 0.44}
    for name, rate in rates.items():
        right = np.clip(taste + rng.normal(0, 0.2, 400), 0, 1) < rate
        values = pl.DataFrame(
            {key: base[key] for key in ("persona_id", "prompt_id")}
            | {"arm": ["demographic_summary"] * 400, "value": right.astype(float)}
        )
        result = msgspec.structs.replace(main_result("model large"), target=name)
        runs.append(Run(name=name, folder=name, result=result, values=values))
    return compare(runs, counting=Counting(**_SETTINGS))


@functools.cache
def feedback(pairs: int = 600) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs and judgements of a feedback set."""
    rng = stream(0, "figures.feedback")
    identical = rng.random(pairs) < 0.04
    made = pl.DataFrame(
        {
            "pair_id": [f"r{n:04}" for n in range(pairs)],
            "author_id": [f"p{n % 120:03}" for n in range(pairs)],
            "identical": identical,
        }
    )
    judged = []
    for role, count in (("author", 1), ("stranger", 2), ("nobody", 1)):
        for turn in range(count):
            taste = rng.random(pairs)
            first, second = (np.clip(0.62 - 0.3 * taste + rng.normal(0, 0.15, pairs), 0, 1) for _ in "ab")
            both = (first + second) / 2
            said = np.where(both > 0.5, "revision", "original")
            said = np.where(identical, "tie", np.where(rng.random(pairs) < 0.03, "refused", said))
            judged.append(
                pl.DataFrame(
                    {
                        "pair_id": made["pair_id"],
                        "persona_id": None if role == "nobody" else [f"{role}{turn}"] * pairs,
                        "role": [role] * pairs,
                        "way": ["choice"] * pairs,
                        "p_original_first": first,
                        "p_revision_first": second,
                        "verdict": said.tolist(),
                    },
                    schema_overrides={"persona_id": pl.String},
                )
            )
    return made, pl.concat(judged)


@functools.cache
def population(people: int = 1000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """People of weight one, and weighted people to hold them against."""

    def drawn(name: str, count: int, weight: Any) -> pl.DataFrame:
        rng = stream(0, f"figures.people.{name}")
        age = np.clip(rng.gamma(4.2, 11.5, count), 18, 95).astype(int)
        return pl.DataFrame(
            {
                "age": age,
                "income": np.round(rng.lognormal(11.1, 0.8, count), -2).astype(int),
                "sex": np.where(rng.random(count) < 0.51, "Female", "Male").tolist(),
                "weight": weight(rng, count),
            }
        )

    ours = drawn("drawn", people, lambda rng, count: np.ones(count))
    return ours, drawn("reference", 40 * people, lambda rng, count: rng.gamma(4, 25, count))
