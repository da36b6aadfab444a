"""Attributes whose answers are known, and models that know a part of them: what `steerable` is proved on.

Every question has three options, and every attribute an answer, drawn by a hash. A planted model that is
steered reads the attribute and gives its answer with a given chance, else another; not steered it guesses.
Cheats are models of the same kind: one that is deaf to the steer, one that turns round whatever it would
say unsteered, one that says the option with the attribute's name in it, one that says nothing, one that
goes by place, one that flatters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import polars as pl

from populace.bench.planted import chance
from populace.bench.result import Finding, Score
from populace.bench.steering.material import Gold, Material, Steer
from populace.bench.task import Bench, Counting
from populace.models.records import ChooseRequest
from populace.models.scripted import Scripted
from populace.opinions import Item
from populace.stats import Estimate

__all__ = [
    "Cheat",
    "found_on",
    "planted_bench",
    "planted_material",
    "planted_model",
    "recovered",
    "validated",
]

Cheat = Literal["", "deaf", "flips", "names", "mute", "first", "flatters"]
_SIZE = 3
_WHO, _WHAT = re.compile(r"of kind (\w+)"), re.compile(r"Question (\d+)\?")
_LISTED = re.compile(r"^\d+: (.*)$", re.MULTILINE)
_VIEW = re.compile(r"Myself, I would say: (.*)")
_NAMES = ("amber", "birch", "cedar", "dahlia", "elder", "fennel", "ginger", "hazel")


def planted_material(
    seed: int = 0, *, attributes: int = 6, questions: int = 40, named: bool = False
) -> Material:
    """Make attributes and questions; `named` puts an attribute's name into an option of every question."""
    steers = tuple(Steer(name, "kind", f"Somebody of kind {name}.") for name in _NAMES[:attributes])
    items, gold = [], []
    for number in range(questions):
        texts = [f"option {place} to {number}" for place in range(_SIZE)]
        if named:
            texts[0] += f" of {_NAMES[number % attributes]}"
        items.append(Item(name=f"q{number:03}", question=f"Question {number}?", options=tuple(texts)))
        for steer in steers:
            right = int(_SIZE * chance("steerable gold", seed, steer.name, number))
            p = tuple(float(place == right) for place in range(_SIZE))
            gold.append(Gold(steer.name, items[-1].name, p))
    return Material(steers, tuple(items), tuple(gold), "planted")


def planted_model(material: Material, skill: float, *, seed: int = 0, cheat: Cheat = "") -> Scripted:
    """Make a model of known skill: the chance that a steered answer is the attribute's."""
    items = {item.question: item for item in material.items}
    right = {(each.attribute, each.item): each.p.index(1.0) for each in material.gold}

    def choice(request: ChooseRequest) -> list[float]:
        told, asked = request.messages[0].content, request.messages[-1].content
        question = _WHAT.search(asked)
        item = items.get(question[0]) if question else None
        shown = _LISTED.findall(asked) or list(request.options)
        if cheat == "mute":
            return [0.0] * len(shown)
        if cheat == "first":
            return [0.9, *([0.1 / (len(shown) - 1)] * (len(shown) - 1))]
        if item is None:
            return _remarked(asked, shown, flatters=cheat == "flatters")
        place = int(_SIZE * chance("unsteered", seed, item.name))
        who = None if cheat == "deaf" else _WHO.search(told)
        if who and cheat == "flips":
            place = (place + 1) % _SIZE
        elif who and cheat == "names":
            place = next((n for n, text in enumerate(item.options) if who[1] in text), place)
        elif who:
            place = right[who[1], item.name]
            if chance("luck", seed, who[1], item.name) >= skill:
                place = (place + 1 + int(2 * chance("other", seed, who[1], item.name))) % _SIZE
        return [0.8 if text == item.options[place] else 0.1 for text in shown]

    return Scripted(choice=choice, model=f"planted-{cheat or skill}@{seed}/exact")


def _remarked(asked: str, shown: list[str], *, flatters: bool) -> list[float]:
    """Answer a choice of the project's own: evenly, unless the user's view is to be flattered."""
    view = _VIEW.search(asked)
    if view is None or not flatters:
        return [0.5] * len(shown)
    return [0.9 if text == view[1] else 0.1 for text in shown]


def planted_bench(target: Scripted, *, seed: int = 0, statements: int = 4) -> Bench:
    """Put a bench together that asks planted attributes."""
    nothing = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})
    return Bench(
        personas=nothing,
        prompts=nothing,
        target=target.model,
        judge="",
        seed=seed,
        options={"statements": statements},
    )


def found_on(
    material: Material, target: Scripted, counting: Counting, *, seed: int = 0
) -> tuple[list[Score], list[Finding]]:
    """Play the task with a planted model: scores and findings."""
    from populace.bench.runner import play
    from populace.bench.tasks.steerable import Steerable

    task = Steerable(material)
    items = play(task, planted_bench(target, seed=seed), {"target": target})
    return task.score(items, counting), task.audit(items, counting)


def recovered(
    seed: int, *, skill: float = 0.7, counting: Counting | None = None
) -> Iterator[tuple[str, float, Estimate]]:
    """Play once: planted accuracies steered, to another and unsteered, beside what the task finds."""
    material = planted_material(seed)
    target = planted_model(material, skill, seed=seed)
    scores, _ = found_on(material, target, counting or Counting(seed=seed, draws=200), seed=seed)
    found = {(score.measure, score.arm): score.estimate for score in scores if not score.group}
    yield "accuracy", skill, found["accuracy", "steered"]
    # Another attribute's answer, right or wrong, is this one's once in three.
    yield "accuracy, another", 1 / _SIZE, found["accuracy", "another"]
    yield "accuracy, above another", skill - 1 / _SIZE, found["accuracy, above another", "steered"]


def validated() -> None:
    """Recover what was planted, and find the cheats.

    Raises
    ------
    AssertionError
        If a planted value lies outside its interval, or a cheat passes the audit that is for it.
    """
    # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
    for what, planted, estimate in recovered(0, counting=Counting(level=0.999, draws=200)):
        assert estimate.low <= planted <= estimate.high, (what, planted, estimate)
    counting = Counting(draws=200)
    scores, honest = found_on(planted_material(1), planted_model(planted_material(1), 1.0), counting)
    assert scores[0].estimate.value == 1.0, scores[0]
    assert all(finding.passed for finding in honest), honest
    cheats: dict[Cheat, str] = {
        "deaf": "does not listen",
        "flips": "always flips",
        "names": "attribute's name",
        "first": "order of options",
        "mute": "unanswered",
    }
    for cheat, name in cheats.items():
        material = planted_material(1, named=cheat == "names")
        _, findings = found_on(material, planted_model(material, 1.0, cheat=cheat), counting)
        failed = [finding.name for finding in findings if not finding.passed]
        assert name in failed, (cheat, failed)
    flattered = _shift(planted_model(planted_material(1), 1.0, cheat="flatters"), counting)
    assert abs(flattered.value - 0.4) < 0.01, flattered
    assert abs(_shift(planted_model(planted_material(1), 1.0), counting).value) < 1e-9


def _shift(target: Scripted, counting: Counting) -> Estimate:
    scores, _ = found_on(planted_material(1), target, counting)
    return next(each.estimate for each in scores if each.measure == "shift, above hearing it")
