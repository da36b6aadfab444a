"""Every cheat is found by its audit, in every task; the honest fail none. One table says which is which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from populace.bench import TASKS, Counting, Finding, open_task, play
from populace.bench.objectives.planting import planted_steered
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.planted_words import (
    planted_crowd,
    planted_deaf,
    planted_guesser,
    planted_speaker,
    planted_summariser,
)
from populace.bench.portfolios.planting import planted_chooser, planted_styles
from populace.models.records import GenerateRequest
from populace.models.scripted import Scripted

COUNTING = Counting(draws=300)
KEPT = {"age": 0.3, "sex": 0.6, "ideology": 0.9}

FAILS: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "main": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"shuffled persona", "baseline", "nobody"}),
        "first": ({"position rule"}, {"baseline"}),
        "nobody": ({"shuffled persona", "nobody"}, {"baseline"}),
        "pleased": ({"shuffled persona", "nobody"}, {"baseline"}),
        "deaf": ({"baseline"}, set()),
        # Of a thought it repeats what it was told, and never comes to an answer.
        "parrot": ({"copies of the description"}, {"baseline", "unanswered"}),
    },
    "jury": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"shuffled persona", "nobody"}),
        # All its verdicts are ties, and one who is always pleased has none of the other kind: nothing is left
        # to hold the other rules against, and what was not held does not pass.
        "first": ({"position rule"}, {"length rule", "shuffled persona", "nobody"}),
        "nobody": ({"shuffled persona"}, {"nobody"}),
        "pleased": ({"shuffled persona", "nobody"}, {"length rule"}),
    },
    "leave-one-out": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"same persona twice"}),
        "first": ({"position rule"}, {"same persona twice"}),
        "nobody": ({"same persona twice"}, set()),
        "pleased": ({"same persona twice"}, set()),
        "deaf": ({"same persona twice"}, set()),
        "parrot": ({"copies of the description"}, set()),
    },
    "pass-at-k": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"nobody"}),
        "first": ({"judge's error"}, {"nobody"}),
        "nobody": ({"nobody"}, set()),
        "pleased": ({"nobody"}, set()),
        "deaf": ({"nobody"}, set()),
        "parrot": ({"copies of the description"}, set()),
    },
    "intersectionality": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"nobody", "no persona"}),
        "first": ({"position rule"}, set()),
        "nobody": ({"nobody"}, {"no persona"}),
        "pleased": ({"nobody"}, {"no persona"}),
        "parrot": ({"copies of the description"}, set()),
    },
    "agreement": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"no persona", "shuffled persona", "constant judge"}),
        "first": ({"position rule"}, set()),
        "nobody": ({"no persona", "shuffled persona"}, {"constant judge"}),
        "parrot": ({"copies of the description"}, set()),
    },
    "comparison": {
        "honest": (set(), set()),
        "longer": ({"length rule"}, {"shuffled persona", "chance"}),
        "first": ({"position rule"}, {"chance"}),
        "nobody": ({"shuffled persona"}, {"chance"}),
        # Of one answer shown twice no place can be told.
        "deaf": ({"one answer for all"}, {"chance", "position rule"}),
        "babbler": ({"chance"}, set()),
        "parrot": ({"copying rule"}, set()),
    },
    "diversity": {
        "honest": (set(), set()),
        "deaf": ({"one answer for all"}, {"asked again"}),
        "babbler": ({"asked again"}, set()),
        "parrot": ({"copies of the description"}, set()),
    },
    "multi-objective": {
        "honest": (set(), set()),
        # The planted target's words have nothing to do with the style: only who is told is served better.
        "deaf": ({"arms alike"}, set()),
        "longer": ({"length rule"}, {"nobody", "arms alike"}),
        "first": ({"position rule"}, {"arms alike"}),
        "nobody": ({"nobody"}, {"arms alike"}),
        "pleased": ({"nobody"}, {"arms alike"}),
        "parrot": ({"copies of the description"}, set()),
    },
    "trade-off": {
        "honest": (set(), set()),
        # Whose ends are one is between them nowhere.
        "deaf": ({"ignores the weights"}, {"only the ends"}),
        "contrary": ({"ignores the weights"}, set()),
        "extreme": ({"only the ends"}, set()),
    },
    "portfolio": {
        "honest": (set(), set()),
        # In whatever style it writes as it likes: no arm is anybody's, and nobody's choice tells a weight.
        "deaf": ({"arms alike"}, {"one model", "shuffled weights", "length rule"}),
        # Of people who all want the same one arm serves everybody, and anybody's weights do.
        "longer": ({"length rule"}, {"one model", "shuffled weights"}),
        "first": ({"position rule"}, {"one model", "shuffled weights", "length rule"}),
        "nobody": ({"shuffled weights"}, {"one model", "length rule"}),
    },
    "phrases": {
        "honest": (set(), set()),
        "deaf": ({"another's attributes"}, set()),
        "parrot": ({"copies"}, set()),
    },
}
"""Task -> cheat -> the audit that is to find it, and those that its fault may make fail as well.

`longer`, `first`, `nobody` and `pleased` (always satisfied) are judges; `deaf` ignores who asks, `babbler`
says anything, `parrot` repeats the description: targets. A cheat that is not listed has no place in the task:
nobody judges in `diversity` and `phrases`, verdicts are between two answers in `agreement` and `comparison`,
and what the target knows is no matter of `agreement`, nor of `intersectionality`, which is of one arm. In
`trade-off`, where nobody judges either, `contrary` does the opposite of its weights, and `extreme` knows two
ways.
"""
CASES = [(task, cheat) for task, cheats in FAILS.items() for cheat in cheats]


def models_of(task: str, cheat: str, seed: int) -> tuple[Scripted, Scripted]:
    """A target and a judge, of which at most one is no honest one."""
    if task in ("diversity", "phrases"):
        return written(task, cheat, seed), planted_judge()
    if task == "portfolio":
        kind: Any = cheat if cheat in ("longer", "first", "nobody") else ""
        return planted_styles(seed=seed, deaf=cheat == "deaf"), planted_chooser(kind, seed=seed)
    if task == "trade-off":
        return planted_steered({"honest": ""}.get(cheat, cheat), seed=seed), planted_judge()  # pyright: ignore[reportArgumentType]
    if task == "comparison":
        speakers = {
            "deaf": planted_deaf(seed),
            "babbler": planted_speaker(0.25, seed=seed),
            "parrot": planted_speaker(0.7, seed=seed, parrots=True),
            "longer": planted_speaker(0.7, seed=seed, words=lambda luck: int(40 * luck)),
        }
        judged = cheat if cheat in ("longer", "first", "nobody") else None
        return speakers.get(cheat, planted_speaker(0.7, seed=seed)), planted_guesser(seed=seed, cheat=judged)
    # One in four is what who knows nobody serves. Lengths differ, so that they can be chosen by.
    target = planted_target(0.25 if cheat == "deaf" else 0.6, seed=seed, words=lambda luck: int(40 * luck))
    if cheat == "parrot":
        target = planted_speaker(0.6, seed=seed, parrots=True)
    kind = {"longer": "long"}.get(cheat, cheat if cheat in ("first", "nobody", "pleased") else None)
    return target, planted_judge(0.0 if kind else 0.05, seed=seed, cheat=kind)


def written(task: str, cheat: str, seed: int) -> Scripted:
    """A target of a task without a judge."""
    if task == "diversity":
        if cheat == "deaf":
            return planted_deaf(seed)
        if cheat == "parrot":
            return planted_speaker(0.8, seed=seed, parrots=True)
        return planted_crowd(0.0 if cheat == "babbler" else 0.7, seed=seed)
    if cheat == "deaf":
        return Scripted(text="What matters is that this is one of many.", model=f"deaf-{seed}@1/exact")
    if cheat == "parrot":
        return Scripted(text=described, model=f"parrot-{seed}@1/exact")
    return planted_summariser(KEPT, seed=seed)


def described(request: GenerateRequest) -> str:
    return "\n\n".join(request.messages[-1].content.split("\n\n")[1:-2])


def findings(task: str, cheat: str, seed: int) -> list[Finding]:
    target, judge = models_of(task, cheat, seed)
    people = 120 if task == "comparison" else 60
    # A jury's items are jurors by questions: of a dozen each no interval is narrow enough.
    # Weights are told by a dozen choices a person.
    items = {"jury": 1600, "portfolio": 720}.get(task, 120)
    bench, models = planted_bench(target, judge, people=people, prompts=60, items=items, seed=seed)
    bench = replace(
        bench,
        temperature=0.7 if task in ("pass-at-k", "diversity") else 0.0,
        options={
            "leave-one-out": {"leave_out": "sex"},
            "pass-at-k": {"k": [1, 2]},
            "diversity": {"questions": 2},
            "jury": {"jurors": 40, "arms": ["plain", "everyone"]},
            "portfolio": {"questions": 24},
        }.get(task, {}),
    )
    if task == "agreement":
        other = planted_judge(0.1, seed=seed + 1000)
        bench, models = replace(bench, also={"judge 2": other.model}), {**models, "judge 2": other}
    opened = open_task(task)
    return opened.audit(play(opened, bench, models), COUNTING)


def failed(found: list[Finding]) -> set[str]:
    """Names of the audits that failed; what stands behind a comma is whom, or what, they are about."""
    return {each.name.split(",")[0] for each in found if not each.passed}


def test_the_table_has_every_task():
    # Those who bring their own people are held against cheats of their own.
    assert set(FAILS) == {name for name in TASKS if not open_task(name).meta.own_people}


@pytest.mark.parametrize(("task", "cheat"), CASES)
def test_a_cheat_is_found_by_its_audit_and_by_no_other(task, cheat):
    found = findings(task, cheat, seed=1)
    right, implied = FAILS[task][cheat]
    assert failed(found) <= right | implied, failed(found)
    assert right <= failed(found), failed(found)


@pytest.mark.parametrize("cheat", ["longer", "first", "nobody"])
def test_the_judge_who_cheats_is_named_and_the_other_is_not(cheat):
    _, judge = models_of("agreement", cheat, 1)
    named = {
        each.name for each in findings("agreement", cheat, 1) if not each.passed and "×" not in each.name
    }
    assert named and all(name.endswith(judge.model) for name in named), named
