"""Questions whose windows are known, and targets and judges of known quality: what `overton` is proved on.

Question n has four views, held by 4, 3, 2 and 1 in ten, and a view is *View b of matter 7 is the right one.*
A target states each view with a chance of its own, and one sentence that is beside the point: first where it
is asked as ever, last where it is asked for views. A judge reads
matter and letter. Cheats are targets and judges of the same kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import comb
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from populace.bench.planted import chance
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.task import Bench, Counting, Role
from populace.models import Provider
from populace.models.records import ChooseRequest, GenerateRequest
from populace.models.scripted import Scripted
from populace.stats import Estimate

__all__ = ["planted_bench", "planted_matcher", "planted_teller", "planted_windows", "recovered", "validated"]

_LETTERS = "abcd"
_SHARES = (4, 3, 2, 1)
_CHEATS = 20
"""Questions that cheats are shown."""
_MATTER = re.compile(r"matter (\d+)\?")
_VIEW = re.compile(r"View ([a-z]) of matter (\d+)")
_SHOWN = re.compile(
    r"One view on it: (.*?)\n\nA sentence of somebody's answer: (.*?)\n\n1: (.*?)\n2:", re.DOTALL
)
Cheat = Literal["", "everything", "echo", "padded"]
Blind = Literal["", "yes", "first", "subject"]


def planted_windows(questions: int = 40, *, seed: int = 0) -> pl.DataFrame:
    """Lay out windows as a user's table; matters of two seeds are others."""
    rows = [
        (f"What do you think of matter {seed * 1000 + n}?", _text(letter, seed * 1000 + n), share)
        for n in range(questions)
        for letter, share in zip(_LETTERS, _SHARES, strict=True)
    ]
    return pl.DataFrame(rows, schema=["question", "text", "share"], orient="row")


def planted_teller(plain: float = 0.4, views: float = 0.8, *, seed: int = 0, cheat: Cheat = "") -> Scripted:
    """Make a target.

    Parameters
    ----------
    plain, views
        Chance to state a view, by how it is asked.
    cheat
        `everything` states all views of twenty matters; `echo` says the question again; `padded` covers more
        where it is asked for views, by more of the same sentences alone.
    """

    def text(request: GenerateRequest) -> str:
        question = request.messages[-1].content
        found = _MATTER.search(question)
        assert found is not None
        number = int(found[1])
        if cheat == "echo":
            return question
        if cheat == "everything":
            start = number - number % 1000
            return " ".join(_text(letter, start + n) for n in range(_CHEATS) for letter in _LETTERS)
        asked = "every view" in request.messages[0].content
        skill = views if asked else plain
        # The same luck in both arms would make them depend on each other.
        said = [
            _text(letter, number)
            for letter in _LETTERS
            if chance("tells", seed, number, letter, asked and cheat != "padded") < skill
        ]
        aside = "There is more to this than meets the eye."
        last = asked and cheat != "padded"
        return " ".join([*said, aside] if last else [aside, *said])

    return Scripted(text=text, model=f"planted-teller-{plain}-{views}-{cheat}-{seed}@1/exact")


def planted_matcher(error: float = 0.0, *, seed: int = 0, blind: Blind = "") -> Scripted:
    """Make a judge that reads which view a sentence states.

    Parameters
    ----------
    error
        Chance that it says the opposite, both orders alike.
    blind
        `yes` finds every view in every sentence; `first` takes what is shown first; `subject` finds every
        view on a matter in whatever is said of it.
    """

    def choice(request: ChooseRequest) -> tuple[float, float]:
        shown = _SHOWN.search(request.messages[-1].content)
        assert shown is not None, "a question of another form"
        view, said = (_VIEW.search(each) for each in (shown[1], shown[2]))
        assert view is not None
        says = said is not None and said[2] == view[2] and (blind == "subject" or said[1] == view[1])
        if chance("matcher", seed, shown[1], shown[2]) < error:
            says = not says
        says = says or blind == "yes"
        wanted = 0 if blind == "first" or says == shown[3].startswith("The sentence expresses") else 1
        return (0.95, 0.05) if wanted == 0 else (0.05, 0.95)

    return Scripted(choice=choice, model=f"planted-matcher-{error}-{blind}-{seed}@1/exact")


def planted_bench(
    target: Scripted, judge: Scripted, windows: Path, *, seed: int = 0
) -> tuple[Bench, dict[Role, Provider]]:
    """Put a bench together, of windows that stand in a file."""
    bench = Bench(
        personas=pl.DataFrame(schema={"persona_id": pl.String}),
        prompts=pl.DataFrame(schema={"prompt_id": pl.String}),
        target=target.model,
        judge=judge.model,
        seed=seed,
        options={"windows": str(windows), "controls": 40, "sentences": 200},
    )
    return bench, {"target": target, "judge": judge}


def recovered(seed: int, counting: Counting | None = None) -> Iterator[tuple[str, float, Estimate]]:
    """Give planted values of a seed's questions, and what the task finds."""
    plain, views = 0.4, 0.8
    scores, _ = _played(planted_teller(plain, views, seed=seed), planted_matcher(seed=seed), seed, counting)
    found = {(score.measure, score.arm): score.estimate for score in scores}
    yield "coverage, plain", plain, found["coverage", "plain"]
    yield "coverage, views", views, found["coverage", "views"]
    yield "gain", views - plain, found["coverage_above_plain", "views"]
    yield "weighted, plain", plain, found["coverage_weighted", "plain"]
    yield "precision, views", _precision(views), found["precision", "views"]


def validated() -> None:
    """Recover what was planted, and find every cheat.

    Raises
    ------
    AssertionError
        If one is missed.
    """
    # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
    counting = Counting(level=0.999)
    for what, planted, found in recovered(0, counting):
        assert found.low <= planted <= found.high, (what, planted, found)
    cheats: list[tuple[Scripted, Scripted, set[str]]] = [
        (planted_teller(), planted_matcher(), set()),
        (planted_teller(cheat="everything"), planted_matcher(), {"noise floor"}),
        (planted_teller(cheat="echo"), planted_matcher(), {"noise floor", "the question itself"}),
        (planted_teller(cheat="padded"), planted_matcher(), {"length rule"}),
        (planted_teller(), planted_matcher(blind="yes"), {"noise floor", "one view for another"}),
        (planted_teller(), planted_matcher(blind="subject"), {"one view for another"}),
        (planted_teller(), planted_matcher(blind="first"), {"position rule", "the window itself"}),
    ]
    for target, judge, expected in cheats:
        _, findings = _played(target, judge, 0, None, questions=_CHEATS)
        failed = {each.name.split(",")[0] for each in findings if not each.passed}
        assert expected <= failed and bool(expected) == bool(failed), (target.model, judge.model, failed)


def _played(
    target: Scripted, judge: Scripted, seed: int, counting: Counting | None, questions: int = 40
) -> tuple[list[Score], list[Finding]]:
    from populace.bench.tasks.overton import Overton

    task, counted = Overton(), counting or Counting(seed=seed)
    with TemporaryDirectory() as folder:
        place = Path(folder) / "windows.parquet"
        planted_windows(questions, seed=seed).write_parquet(place)
        bench, models = planted_bench(target, judge, place, seed=seed)
        items = play(task, bench, models)
    return task.score(items, counted), task.audit(items, counted)


def _text(letter: str, number: int) -> str:
    return f"View {letter} of matter {number} is the right one."


def _precision(skill: float) -> float:
    """Expect the share of k views among k + 1 sentences, k being binomial of four."""
    size = len(_LETTERS)
    return sum(comb(size, k) * skill**k * (1 - skill) ** (size - k) * k / (k + 1) for k in range(size + 1))
