"""Respondents whose truth is known, and models that know a part of it: what `grounded` is proved on.

A planted model reads in a description who is meant, and says a mixture of that person's true probabilities
and noise (`populace.opinions.planted`). Told of nobody it says what people say on average. Cheats are models
of the same kind: one that looks at nobody, one that answers by place, one that refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from populace.bench.result import Finding, Score
from populace.bench.task import Bench, Counting
from populace.models.records import ChooseRequest
from populace.models.scripted import Scripted
from populace.opinions import Inputs
from populace.opinions.planted import Planted, plant_world
from populace.opinions.predictors import Population, Uniform
from populace.opinions.table import NONE
from populace.stats import Estimate

__all__ = ["check_planted", "planted_bench", "planted_model", "planted_survey", "recovered", "validated"]

_WHO, _WHAT = re.compile(r"number (\d+) of many"), re.compile(r"Question (\d+)\?")
_LISTED = re.compile(r"^\d+: option (\d+)$", re.MULTILINE)
Cheat = Literal["", "deaf", "first", "mute"]


def planted_survey(seed: int = 0, *, items: int = 40, people: int = 400, noise: float = 0.25) -> Planted:
    """Ask planted respondents twice; each has a description that no other has."""
    sample = plant_world(items, noise=noise, seed=seed).people(people, seed=1)
    named = sample.opinions.people.with_columns(
        lifestyle=pl.format("number {} of many", pl.int_range(pl.len()))
    )
    return replace(sample, opinions=replace(sample.opinions, people=named))


def planted_model(sample: Planted, quality: float, *, seed: int = 0, cheat: Cheat = "") -> Scripted:
    """Make a model of known quality.

    Parameters
    ----------
    sample
        Whose truth it knows.
    quality
        Share of the truth in what it says of a person, from 0 to 1.
    seed
        Of the rest, which is noise.
    cheat
        `deaf` takes everybody for nobody; `first` likes what stands first, nine times in ten; `mute` offers
        no option.
    """
    table, opinions = sample.model(quality, seed=seed), sample.opinions
    average = sample.truth.mean(axis=0)

    def choice(request: ChooseRequest) -> list[float]:
        system, asked = request.messages[0].content, request.messages[-1].content
        item = int(_WHAT.findall(asked)[0])
        # By likelihood no option is listed: they stand in the survey's order.
        order = [int(each) for each in _LISTED.findall(asked)] or list(range(opinions.sizes[item]))
        if cheat == "mute":
            return [0.0] * len(order)
        if cheat == "first":
            return [0.9, *([0.1 / (len(order) - 1)] * (len(order) - 1))]
        who = _WHO.findall(system)
        row = table[int(who[0])] if who and cheat != "deaf" else average
        return [float(row[opinions.starts[item] + option]) for option in order]

    return Scripted(choice=choice, model=f"planted-{cheat or quality}@{seed}/exact")


def planted_bench(
    target: Scripted, *, seed: int = 0, people: int = 80, asked: int = 6, statistics: str = "own group"
) -> Bench:
    """Put a bench together that asks planted respondents."""
    nothing = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})
    return Bench(
        personas=nothing,
        prompts=nothing,
        target=target.model,
        judge="",
        seed=seed,
        options={"respondents": people, "asked": asked, "known": 3, "statistics": statistics},
    )


def found_on(
    sample: Planted, target: Scripted, counting: Counting, *, seed: int = 0
) -> tuple[list[Score], list[Finding]]:
    """Play the task with a planted model: scores and findings."""
    from populace.bench.runner import play
    from populace.bench.tasks.grounded import Grounded

    task = Grounded(sample.opinions)
    items = play(task, planted_bench(target, seed=seed), {"target": target})
    return task.score(items, counting), task.audit(items, counting)


def recovered(
    seed: int, *, quality: float = 0.6, counting: Counting | None = None
) -> Iterator[tuple[str, float, Estimate]]:
    """Play once: planted accuracy, log score, ceiling and share of the range, beside what the task finds."""
    sample = planted_survey(seed)
    target = planted_model(sample, quality, seed=seed)
    scores, _ = found_on(sample, target, counting or Counting(seed=seed), seed=seed)
    found = {(score.measure, score.arm): score.estimate for score in scores if not score.group}
    table, arm = sample.model(quality, seed=seed), "political + 3"
    crowd, nothing = sample.opinions, np.full(sample.opinions.answers.shape, NONE)
    accuracy = {"model": sample.mean(sample.accuracy(table))}
    for way in (Uniform(), Population()):
        row = way.fit(crowd, Inputs()).predict(crowd.people, nothing)
        accuracy[way.name] = sample.mean(sample.accuracy(row))
    base, ceiling = max(accuracy["uniform"], accuracy["population"]), sample.mean(sample.agreement())
    yield "accuracy", accuracy["model"], found["accuracy", arm]
    yield "log score", sample.mean(sample.log_score(table)), found["log score", arm]
    yield "ceiling", ceiling, found["accuracy", "same again"]
    share = (accuracy["model"] - base) / (ceiling - base)
    yield "share of the range", share, found["share of the range, accuracy", arm]


def validated() -> None:
    """Recover what was planted, and find the cheats.

    Raises
    ------
    AssertionError
        If a planted value lies outside its interval, or a cheat passes the audit that is for it.
    """
    sample, counting = planted_survey(1), Counting()
    check_planted(
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        recovered(0, counting=Counting(level=0.999)),
        lambda cheat: found_on(sample, planted_model(sample, 1.0, cheat=cheat), counting)[1],
    )


def check_planted(
    recovered: Iterable[tuple[str, float, Estimate]], audited: Callable[[Cheat], list[Finding]]
) -> None:
    """Hold planted values against what was found, and see that each cheat fails the audit that is for it.

    Parameters
    ----------
    recovered
        What, planted, found.
    audited
        Plays a perfect model, or one with a cheat, and gives the findings.

    Raises
    ------
    AssertionError
        If a planted value lies outside its interval, an honest model fails, or a cheat passes.
    """
    for what, planted, estimate in recovered:
        assert estimate.low <= planted <= estimate.high, (what, planted, estimate)
    honest = audited("")
    assert all(finding.passed for finding in honest), honest
    cheats: dict[Cheat, str] = {"deaf": "as a stranger", "first": "order of options", "mute": "unanswered"}
    for cheat, name in cheats.items():
        failed = [finding.name for finding in audited(cheat) if not finding.passed]
        assert name in failed, (cheat, failed)
