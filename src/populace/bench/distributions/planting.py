"""Questions whose answers are known, and models that know them in part: what `distributional` is proved on.

A planted model mixes people's true shares with even ones. By likelihood and in words it says the mixture; of
simulated people it gives as many of each answer as round off best; as one person it draws. Cheats: `deaf`
says the same of every question, `first` likes what stands first, `mute` writes nothing that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import numpy as np
import polars as pl

from populace.bench.distributions.questions import Cell
from populace.bench.planted import chance
from populace.bench.result import Finding, Score
from populace.bench.task import Bench, Counting
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["planted_bench", "planted_cells", "planted_model", "recovered", "validated"]

Cheat = Literal["", "deaf", "first", "mute"]
_LISTED = re.compile(r"^(\d+): option (\d+)$", re.MULTILINE)
_ASKED = re.compile(r"Matter (\d+)\?")
_LOST = 0.2
"""Share of the probability that a planted model puts on no option."""


def planted_cells(count: int = 30, seed: int = 0, people: int = 4000) -> list[Cell]:
    """Make questions of three to five options, and what people answered."""
    rng = stream(seed, "bench.distributions.planted")
    found = []
    for number in range(count):
        size = int(rng.integers(3, 6))
        shares = rng.multinomial(people, rng.dirichlet(np.full(size, 1.0))) / people
        found.append(
            Cell(
                name=f"q{number:03}",
                text=f"Matter {number}?",
                options=tuple(f"option {place}" for place in range(size)),
                gold=tuple(shares.tolist()),
                people=float(people),
                source="people",
            )
        )
    return found


def planted_model(cells: list[Cell], quality: float, *, seed: int = 0, cheat: Cheat = "") -> Scripted:
    """Make a model that knows so much of people's shares, from 0 to 1."""
    by_number = {int(cell.text[7:-1]): cell for cell in cells}

    def shares(asked: str) -> tuple[np.ndarray, int]:
        order = [int(option) for _, option in _LISTED.findall(asked)]
        size = len(order)
        if cheat == "first":
            return np.array([0.9] + [0.1 / (size - 1)] * (size - 1)), size
        known = _ASKED.search(asked)
        assert known is not None, "a question of another form"
        gold = np.array(by_number[int(known[1])].gold)
        said = np.full(size, 1 / size) if cheat == "deaf" else quality * gold + (1 - quality) / size
        return said[order], size

    def choice(request: ChooseRequest) -> list[float]:
        p, size = shares(request.messages[-1].content)
        if cheat == "mute":
            return [0.001] * len(request.options)
        # Three quarters of each option stand on the figure, a quarter on the word.
        return [float(p[place] * (1 - _LOST) * part) for place in range(size) for part in (0.75, 0.25)]

    def text(request: GenerateRequest) -> str:
        asked = request.messages[-1].content
        if cheat == "mute":
            return "It depends on the people."
        p, _ = shares(asked)
        if "Of 100 of them" in asked:
            return "\n".join(f"{place}: {100 * each:.4f}" for place, each in enumerate(p, 1))
        count = re.search(r"Simulate the answers of (\d+)", asked)
        if count:
            ends = np.rint(np.cumsum(p) * int(count[1])).astype(int)
            many = np.diff(ends, prepend=0)
            return ", ".join(str(place) for place, each in enumerate(many, 1) for _ in range(each))
        luck = chance("repeated", seed, request.key)
        return str(int(np.searchsorted(np.cumsum(p), luck)) + 1)

    return Scripted(text=text, choice=choice, model=f"planted-{cheat or quality}@{seed}/exact")


def planted_bench(target: Scripted, *, seed: int = 0, questions: int = 30, repeats: int = 20) -> Bench:
    """Put a bench together that asks the planted questions."""
    nothing = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})
    return Bench(
        personas=nothing,
        prompts=nothing,
        target=target.model,
        judge="",
        seed=seed,
        options={"questions": questions, "repeats": repeats},
    )


def found_on(
    cells: list[Cell], target: Scripted, counting: Counting, seed: int = 0
) -> tuple[list[Score], list[Finding]]:
    """Play the task with a planted model: scores and findings."""
    from populace.bench.runner import play
    from populace.bench.tasks.distributional import Distributional

    task = Distributional(cells)
    items = play(task, planted_bench(target, seed=seed, questions=len(cells)), {"target": target})
    return task.score(items, counting), task.audit(items, counting)


def recovered(
    seed: int, *, quality: float = 0.6, counting: Counting | None = None
) -> Iterator[tuple[str, float, Estimate]]:
    """Play once: planted distances of the world's questions, beside what the task finds of 30 of them."""
    # The interval is for other questions of the kind: the truth is their mean over many.
    world = [_off(cell) for cell in planted_cells(3000, seed=10_000)]
    cells = planted_cells(30, seed)
    target = planted_model(cells, quality, seed=seed)
    scores, _ = found_on(cells, target, counting or Counting(seed=seed), seed)
    found = {(score.measure, score.arm): score.estimate for score in scores}
    planted = (1 - quality) * float(np.mean(world))
    yield "tv, logprobs", planted, found["tv", "logprobs"]
    yield "tv, verbalised", planted, found["tv", "verbalised"]
    yield "mass", 1 - _LOST, found["mass on the options", "logprobs"]


def _off(cell: Cell) -> float:
    """Total variation of people's shares from even ones."""
    gold = np.array(cell.gold)
    return float(np.abs(gold - 1 / len(gold)).sum() / 2)


def validated() -> None:
    """Recover what was planted, and find the cheats.

    Raises
    ------
    AssertionError
        If a planted value lies outside its interval, or a cheat passes the audit that is for it.
    """
    # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
    counting = Counting(level=0.999, draws=1000)
    for what, planted, estimate in recovered(0, counting=counting):
        assert estimate.low - 1e-9 <= planted <= estimate.high + 1e-9, (what, planted, estimate)
    cells, counting = planted_cells(30, 1), Counting(draws=300)
    _, honest = found_on(cells, planted_model(cells, 0.9), counting)
    assert all(finding.passed for finding in honest), [each for each in honest if not each.passed]
    cheats: dict[Cheat, str] = {"deaf": "uniform", "first": "order of options", "mute": "unanswered"}
    for cheat, name in cheats.items():
        _, findings = found_on(cells, planted_model(cells, 1.0, cheat=cheat), counting)
        failed = {finding.name for finding in findings if not finding.passed}
        for way in ("logprobs", "verbalised", "sequences", "repeated"):
            assert f"{name}, {way}" in failed, (cheat, way, failed)
