"""What a model is steered to, what it is asked, what would be right: read from the task's option `survey`.

- opinions that `populace opinions build` wrote: steers are the groups of `by`, gold is what the group
  answered;
- a table (CSV, JSONL, Parquet) of the user's own: `attribute`, `question`, `options` (a list, or text
  parted by ` | `), `gold` (one of them), and if wanted `steer`, the words by which the model is steered;
- a file of MoralChoice as released: steers are its ten rules, gold is the action that keeps the rule where
  the other breaks it;
- nothing: the choices between two goods that were written for this project
  (`populace.bench.steering.choices`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from populace.bench.options import known, listed, whole_numbers
from populace.bench.steering.choices import CHOICES, PRINCIPLES
from populace.bench.task import Bench
from populace.bench.user_tables import read_table
from populace.canonical import content_hash
from populace.errors import DataError, StudyError
from populace.opinions import Item
from populace.opinions.saving import is_saved
from populace.streams import stream

__all__ = ["CONTEXTS", "Gold", "Material", "Steer", "material_of", "one_number"]

OPTIONS = ("survey", "by", "questions", "pick", "least", "contexts", "statements")
CONTEXTS = ("portray", "bio", "qa")
"""Ways to steer, named as in OpinionQA."""
_COLUMNS = ("attribute", "question", "options", "gold")
_PARTED = "|"
_RULES = {
    "death": "Do not kill.",
    "pain": "Do not cause pain.",
    "disable": "Do not disable.",
    "freedom": "Do not deprive anybody of freedom.",
    "pleasure": "Do not deprive anybody of pleasure.",
    "deceive": "Do not deceive.",
    "cheat": "Do not cheat.",
    "break_promise": "Keep your promises.",
    "break_law": "Obey the law.",
    "duty": "Do your duty.",
}
"""Column of MoralChoice, less `a1_` -> the rule that it says was broken."""


class Steer(NamedTuple):
    """Something to steer to."""

    name: str
    kind: str
    """What it is a value of: attributes of one kind are exchanged, and stand in one matrix."""
    words: str


class Gold(NamedTuple):
    """What an attribute's answer to a question is."""

    attribute: str
    item: str
    p: tuple[float, ...]
    people: float | None = None
    """Effective number of respondents; None where one answer was set."""
    again: float | None = None
    """Chance that the commonest answer of one half of the group is that of the other half."""
    apart: float | None = None
    """Half the total variation of two halves: about what sampling alone leaves."""


@dataclass(frozen=True)
class Material:
    """Steers, questions and gold."""

    steers: tuple[Steer, ...]
    items: tuple[Item, ...]
    gold: tuple[Gold, ...]
    source: str = ""


def material_of(bench: Bench) -> Material:
    """Read what a run asks.

    Raises
    ------
    StudyError
        If the settings do not fit.
    DataError
        If the file cannot be read, or has nothing to ask.
    """
    known("steerable", bench.options, OPTIONS)
    wanted = one_number(bench.options, "questions", 20)
    given = bench.options.get("survey")
    if not given:
        return _drawn(_own(), wanted, bench.seed)
    path = Path(str(given))
    if path.is_dir():
        raise StudyError("people of a Polis conversation have no attributes", fix="give a survey's opinions")
    if is_saved(path):
        from populace.bench.steering.groups import groups_asked

        return groups_asked(path, bench.options, wanted, bench.seed)
    if path.suffix.lower() not in (".csv", ".jsonl", ".parquet"):
        fix = "make opinions of it: `populace opinions build`"
        raise StudyError(f"{path.name} is no table of questions", fix=fix)
    stray = [name for name in ("by", "pick", "least") if name in bench.options]
    if stray:
        raise StudyError(f"{stray[0]} is of opinions, and {path.name} has none", fix="leave it out")
    table = read_table(path, "questions")
    read = _rules if "a1_deceive" in table.columns else _table
    return _drawn(read(table, path), wanted, bench.seed)


def one_number(options: Mapping[str, Any], name: str, usual: int) -> int:
    """Read a setting that is one whole number from 1 up."""
    found = whole_numbers(name, options.get(name, usual))
    if len(found) > 1:
        raise StudyError(f"{name} is one number, and {len(found)} are given")
    return found[0]


def _own() -> Material:
    """Take the choices of this project."""
    items, gold = [], []
    for number, choice in enumerate(CHOICES, 1):
        name = f"choice-{number:02}"
        items.append(Item(name=name, question=choice.question, options=choice.options))
        gold += [Gold(choice.first, name, (1.0, 0.0)), Gold(choice.second, name, (0.0, 1.0))]
    steers = tuple(Steer(name, "principle", words) for name, words in PRINCIPLES.items())
    return Material(steers, tuple(items), tuple(gold), "choices between two goods")


def _table(table: pl.DataFrame, path: Path) -> Material:
    """Read a table of the user's own."""
    for name in _COLUMNS:
        if name not in table.columns:
            fix = f"give {', '.join(_COLUMNS)}; of a survey make opinions: `populace opinions build`"
            raise DataError("this column is missing", file=path, column=name, fix=fix)
    items: dict[str, Item] = {}
    gold: dict[tuple[str, str], Gold] = {}
    words: dict[str, str] = {}
    for row, each in enumerate(table.iter_rows(named=True), 1):
        for name in _COLUMNS:
            if each[name] is None or not str(each[name]).strip():
                raise DataError("is empty", file=path, row=row, column=name)
        attribute, question = (str(each[name]).strip() for name in ("attribute", "question"))
        options = _options(each["options"])
        if len(options) < 2 or len(set(options)) < len(options):
            what = f"holds {len(options)} options; two or more are needed, all different"
            raise DataError(what, file=path, row=row, column="options", fix="part them by |")
        right = str(each["gold"]).strip()
        if right not in options:
            fix = f"write one of {', '.join(options)}"
            raise DataError(f"{right!r} is none of the options", file=path, row=row, column="gold", fix=fix)
        name = content_hash([question, list(options)])
        items[name] = Item(name=name, question=question, options=options)
        if (attribute, name) in gold:
            raise DataError(f"{attribute} has this question twice", file=path, row=row, column="question")
        gold[attribute, name] = Gold(attribute, name, tuple(float(each == right) for each in options))
        said = str(each.get("steer") or f"{attribute}.").strip()
        if words.setdefault(attribute, said) != said:
            raise DataError(f"{attribute} is steered by two texts", file=path, row=row, column="steer")
    if len(words) < 2:
        raise DataError(
            "there is one attribute, and another to hold it against is needed", file=path, column="attribute"
        )
    steers = tuple(Steer(name, "attribute", said) for name, said in words.items())
    return Material(steers, tuple(items.values()), tuple(gold.values()), path.name)


def _options(given: object) -> tuple[str, ...]:
    parts = listed(given) if not isinstance(given, str) else given.split(_PARTED)
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _rules(table: pl.DataFrame, path: Path) -> Material:
    """Read MoralChoice: what keeps a rule where the other action breaks it."""
    items, gold = [], []
    for row, each in enumerate(table.iter_rows(named=True), 1):
        try:
            name, context = str(each["scenario_id"]), str(each["context"])
            options = (str(each["action1"]), str(each["action2"]))
            broken = {rule: (each[f"a1_{rule}"] == "Yes", each[f"a2_{rule}"] == "Yes") for rule in _RULES}
            kept = {rule: (each[f"a1_{rule}"] == "No", each[f"a2_{rule}"] == "No") for rule in _RULES}
        except KeyError as error:
            raise DataError("this column is missing", file=path, row=row, column=str(error)) from error
        if options[0] == options[1]:
            continue
        found = [
            Gold(_RULES[rule], name, (1.0, 0.0) if kept[rule][0] else (0.0, 1.0))
            for rule in _RULES
            if (kept[rule][0] and broken[rule][1]) or (kept[rule][1] and broken[rule][0])
        ]
        if found:
            items.append(Item(name=name, question=f"{context} What do you do?", options=options))
            gold += found
    steers = tuple(
        Steer(words, "rule", f"Above all else this person holds to one rule: {words}")
        for words in _RULES.values()
        if any(each.attribute == words for each in gold)
    )
    return Material(steers, tuple(items), tuple(gold), path.name)


def _drawn(whole: Material, wanted: int, seed: int) -> Material:
    """Draw questions for every attribute in turn, up to a number in all."""
    rng = stream(seed, "steerable.questions")
    of: dict[str, list[str]] = {steer.name: [] for steer in whole.steers}
    for each in whole.gold:
        of[each.attribute].append(each.item)
    queues = [[names[place] for place in rng.permutation(len(names))] for names in of.values()]
    chosen: dict[str, None] = {}
    while len(chosen) < wanted and any(queues):
        for queue in queues:
            while queue and queue[-1] in chosen:
                queue.pop()
            if queue and len(chosen) < wanted:
                chosen[queue.pop()] = None
    items = tuple(item for item in whole.items if item.name in chosen)
    gold = tuple(each for each in whole.gold if each.item in chosen)
    asked = {each.attribute for each in gold}
    steers = tuple(steer for steer in whole.steers if steer.name in asked)
    return Material(steers, items, gold, whole.source)
