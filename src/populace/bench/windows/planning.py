"""What a run of `overton` is to do, read from its options: questions, matcher, rule, threshold, controls."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import polars as pl

from populace.bench.options import known, whole_numbers
from populace.bench.task import Bench
from populace.bench.user_tables import read_table
from populace.bench.windows.builtin import builtin_windows
from populace.bench.windows.matchers import Embedding, Matcher, Nli
from populace.bench.windows.reading import read_windows
from populace.errors import DataError, StudyError
from populace.pluralism.overton import RULES, Rule, Window, elsewhere
from populace.streams import stream

__all__ = ["FLOOR", "JUDGE", "OPTIONS", "QUESTION", "WINDOW", "Plan", "planned"]

OPTIONS = ("windows", "answers", "matcher", "nli", "rule", "threshold", "sentences", "controls", "at")
JUDGE = "judge"
QUESTION, WINDOW = "the question itself", "the window itself"
"""Arms that are controls."""
FLOOR = 0.05
"""Coverage of other questions' windows, and by the question itself, that `threshold=floor` allows."""
_SENTENCES = 20
_CONTROLS = 10
_AT = [1, 3, 5]
_MATCHERS = (JUDGE, "embedding", "nli")


class Plan(NamedTuple):
    """What is asked, and what is a match."""

    windows: list[Window]
    others: list[int]
    """Whose window each answer is held against beside its own; its own place where there is no other."""
    given: dict[str, dict[int, str | None]] | None
    """Answers of a file, by arm and place of the question; None where a model is asked."""
    matcher: Matcher | None
    """None where the judge is asked."""
    rule: Rule
    threshold: float | None
    """None where the floor sets it."""
    sentences: int
    """Sentences of an answer that are matched at most."""
    controls: int
    """Questions that controls and the noise floor are made of."""
    at: list[int]

    @property
    def name(self) -> str:
        """What the matcher is called."""
        return self.matcher.name if self.matcher else JUDGE


def planned(bench: Bench) -> Plan:
    """Read the options.

    Raises
    ------
    StudyError
        If one is unknown, or means nothing.
    DataError
        If a file cannot be read.
    ModelError
        If the matcher is missing.
    """
    told = bench.options
    known("overton", told, OPTIONS)
    every = _windows(told)
    answers = _given(told, {window.question for window in every})
    if answers is not None:
        # Of a question that no row answers nothing is known: that is no silence.
        every = [window for window in every if any(window.question in said for said in answers.values())]
    windows = _drawn(bench, every)
    kind = str(told.get("matcher", JUDGE))
    if kind not in _MATCHERS:
        raise StudyError(f"there is no matcher {kind!r}", fix=f"use one of {', '.join(_MATCHERS)}")
    if (kind == "nli") != bool(told.get("nli")):
        raise StudyError(
            "an NLI matcher and its model go together",
            fix="write --option matcher=nli --option nli=FOLDER, or leave both out",
        )
    rule = str(told.get("rule", "max"))
    if rule not in RULES:
        raise StudyError(f"there is no rule {rule!r}", fix=f"use one of {', '.join(RULES)}")
    matcher = {JUDGE: lambda: None, "embedding": Embedding, "nli": lambda: Nli(str(told["nli"]))}[kind]()
    count = len(windows)
    whole = _CONTROLS if matcher is None else count
    controls = _number("controls", told.get("controls", whole), least=0)
    return Plan(
        windows=windows,
        others=elsewhere(count) if count > 1 else [0],
        given=None if answers is None else _placed(answers, windows),
        matcher=matcher,
        rule=next(each for each in RULES if each == rule),
        threshold=_threshold(bench, told, matcher, min(controls, count)),
        sentences=_number("sentences", told.get("sentences", _SENTENCES), least=1),
        controls=min(controls, count),
        at=whole_numbers("at", told.get("at", _AT)),
    )


def _windows(told: Mapping[str, Any]) -> list[Window]:
    """Load windows: of files and folders, several by a comma, or our own."""
    given = told.get("windows")
    if not given:
        return list(builtin_windows())
    places = given if isinstance(given, list) else [given]
    found: dict[str, tuple[Window, Any]] = {}
    for place in places:
        for window in read_windows(place):
            if window.question in found:
                what = f"the question {window.question!r} has a window in {found[window.question][1]} too"
                raise DataError(what, file=place, fix="give one window of each question")
            found[window.question] = window, place
    return [window for window, _ in found.values()]


def _drawn(bench: Bench, windows: list[Window]) -> list[Window]:
    """Take as many questions as items are asked for, in their order."""
    if bench.items >= len(windows):
        return windows
    order = stream(bench.seed, "bench.overton.questions").permutation(len(windows))
    return [windows[place] for place in sorted(order[: bench.items].tolist())]


def _threshold(bench: Bench, told: Mapping[str, Any], matcher: Matcher | None, controls: int) -> float | None:
    """Read the threshold: of the matcher if nothing is said."""
    if matcher is None:
        if "threshold" in told:
            what = "a judge says whether a sentence expresses a view, and has no threshold"
            raise StudyError(what, fix="leave threshold out")
        # A tie is no match.
        return 0.5 + bench.tie_margin
    said = told.get("threshold", matcher.threshold)
    if said == "floor":
        if controls < 2:
            raise StudyError("a threshold by the floor needs other questions", fix="give two or more")
        return None
    try:
        value = float(said)
    except (TypeError, ValueError):
        value = float("nan")
    if not -1 < value <= 1:
        raise StudyError(f"the threshold is {said!r}", fix="give a number up to 1, or `floor`")
    return value


def _given(told: Mapping[str, Any], known: Set[str]) -> dict[str, dict[str, str | None]] | None:
    """Read answers of a file: `question`, `answer` and, where there are several ways, `arm`.

    An empty answer is silence. A question without a row is missing, and counts nowhere.
    """
    path = told.get("answers")
    if not path:
        return None
    table = read_table(path, "answers")
    for name in ("question", "answer"):
        if name not in table.columns:
            raise DataError("this column is missing", file=path, column=name, fix="give question and answer")
    if "arm" not in table.columns:
        table = table.with_columns(arm=pl.lit("given"))
    for name in ("question", "answer", "arm"):
        if table[name].dtype.is_nested():
            raise DataError("a cell holds a list", file=path, column=name, fix="give text")
    rows = table.select(pl.col("question", "answer", "arm").cast(pl.String)).rows()
    found: dict[str, dict[str, str | None]] = {}
    for row, (question, text, arm) in enumerate(rows, 1):
        asked, way = (question or "").strip(), (arm or "").strip()
        if not way or way in (QUESTION, WINDOW):
            what = f"an arm is called {way!r}, as a control is" if way else "an arm has no name"
            raise DataError(what, file=path, row=row, column="arm", fix="give another name")
        if asked not in known:
            fix = "write questions as the windows have them"
            what = f"no window is of the question {asked!r}"
            raise DataError(what, file=path, row=row, column="question", fix=fix)
        if asked in found.setdefault(way, {}):
            raise DataError("a question is answered twice in one arm", file=path, row=row)
        found[way][asked] = (text or "").strip() or None
    if not found:
        raise DataError("there is no answer", file=path, fix="write a row of each question")
    return found


def _placed(
    answers: Mapping[str, Mapping[str, str | None]], windows: list[Window]
) -> dict[str, dict[int, str | None]]:
    """Give the answers to the questions that were drawn, by their places."""
    return {
        arm: {place: said[window.question] for place, window in enumerate(windows) if window.question in said}
        for arm, said in answers.items()
    }


def _number(name: str, value: Any, *, least: int) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < least:
        raise StudyError(f"{name} is {value!r}", fix=f"give a whole number from {least} up")
    return int(text)
