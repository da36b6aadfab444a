"""What target and judge are told and asked, and what is read as an answer."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bench import Ask, Bench, Counting, Described, open_task, play
from populace.bench.elicit import answer, needs_revision, prefer, role, verdict_of
from populace.bench.modes import MODES, kept, request, summary
from populace.bench.planted import planted_bench, planted_judge, planted_people, planted_prompts
from populace.models.records import Choice, GenerateRequest
from populace.models.scripted import Scripted

GENERATED = ("main", "intersectionality", "leave-one-out", "pass-at-k", "agreement", "comparison", "phrases")


def bench(**changes: object) -> Bench:
    people = {"personas": planted_people(6), "prompts": planted_prompts(4), "target": "t", "judge": "j"}
    return Bench(**(people | changes))  # pyright: ignore[reportArgumentType]


def told(requests) -> list[str]:
    return ["\n".join(message.content for message in each.messages) for each in requests if each]


class TestWhoIsWho:
    @pytest.mark.parametrize("name", [*GENERATED, "diversity"])
    def test_the_target_reads_about_a_person_and_the_judge_plays_one(self, name):
        seen: dict[str, list[str]] = {"target": [], "judge": []}

        def text(asked: GenerateRequest) -> str:
            seen["target"] += told([asked])
            return "Answer: [a] it is so"

        def choice(asked) -> tuple[float, float]:
            seen["judge"] += told([asked])
            return 0.6, 0.4

        target, judge = Scripted(text=text, model="t@1/exact"), Scripted(choice=choice, model="j@1/exact")
        made, models = planted_bench(target, judge, people=30, prompts=5, items=6)
        if name == "diversity":
            made = replace(made, items=12)
        if name == "agreement":
            made, models = replace(made, also={"judge 2": "k@1/exact"}), models | {"judge 2": judge}
        play(open_task(name), replace(made, temperature=0.7), models)
        # The target's own instructions may say *you*, a description of the person may not.
        described = [each for each in seen["target"] if "a life of taste" in each]
        assert described and not [each for each in described if re.search(r"You (are an? \d+|lead)", each)]
        assert all(re.search(r"(?:She|He|They) leads? a life of taste", each) for each in described)
        # Two people side by side are described to a judge who plays nobody.
        playing = [each for each in seen["judge"] if "role-playing" in each]
        assert all(re.search(r"You are an? \d+-year-old", each) for each in playing)
        assert bool(playing) == open_task(name).meta.judged

    def test_other_templates_are_for_both(self):
        for template in ("story", "interview", "release"):
            for each in bench(template=template).profiles().values():
                assert each.role == each
        profile = next(iter(bench().profiles(leave_out=["sex"]).values()))
        assert "person" in profile and profile.role.startswith("You are a") and "woman" not in profile.role

    def test_a_description_of_ones_own_is_played_as_it_stands(self):
        assert "me" in role("me").content and role(Described("him", "you")).content.endswith("you")
        assert "him" in answer(bench(), "Why?", profile=Described("him", "you")).messages[0].content
        assert "him" in summary(bench(), Described("him", "you"), "Why?").messages[0].content


def choice(first: float | None, second: float | None) -> Choice:
    return Choice(key="k", log_likelihoods=(first, second), tokens=(1, 1))


class TestVerdicts:
    def test_numbers_that_would_not_be_written_are_a_refusal(self):
        # e^-13 + e^-15 is all that is on either number: the ratio of the two says nothing.
        assert verdict_of(bench(), choice(-13.0, -15.0), choice(-13.0, -15.0)).outcome == "refused"
        assert verdict_of(bench(), choice(-0.1, -3.0), choice(-3.0, -2.6)).outcome != "refused"  # 0.124
        assert verdict_of(bench(), choice(-0.1, -3.0), choice(-3.0, -3.2)).outcome == "refused"  # 0.091
        # Given texts are improbable, each of them; there only the contrast counts.
        assert verdict_of(bench(way="likelihood"), choice(-90.0, -95.0), choice(-92, -95)).outcome == "first"

    def test_what_was_not_listed_never_wins(self):
        # The first option in both orders, however unlikely: what is not listed is less so.
        far = bench(way="likelihood")
        assert verdict_of(far, choice(-22.0, None), choice(-3.0, -3.0)).outcome == "first"
        assert verdict_of(bench(), choice(-1.0, None), choice(None, -1.0)).outcome == "first"
        assert verdict_of(bench(), choice(None, None), choice(-1, -2)).outcome == "refused"

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.floats(-40, 0), min_size=4, max_size=4))
    def test_a_refusal_is_what_has_no_mass(self, logs):
        one, other = choice(*logs[:2]), choice(*logs[2:])
        little = min(sum(math.exp(each) for each in both) for both in (logs[:2], logs[2:])) < 0.1
        assert (verdict_of(bench(), one, other).outcome == "refused") == little


class TestByLikelihood:
    def test_nobody_cannot_be_asked(self):
        made = bench(way="likelihood")
        assert (
            needs_revision(made, None, "Why?", "So.") is None and prefer(made, None, "Why?", "A", "B") is None
        )
        asked = needs_revision(made, "me", "Why?", "So.")
        assert asked is not None and asked.one.key != asked.other.key
        made, models = planted_bench(
            Scripted(text="So."), Scripted(choice=lambda asked: (0.6, 0.4)), people=6, prompts=4, items=8
        )
        items = play(open_task("intersectionality"), replace(made, way="likelihood"), models)
        assert set(items["nobody"]) == {"unasked"} and set(items["nobody_p"]) == {None}

    def test_a_gap_that_nobody_could_be_asked_about_is_not_audited(self):
        """Men are answered badly, whoever judges: by likelihood nobody can say that it is so."""

        def text(asked: GenerateRequest) -> str:
            return "BAD" if re.search(r"\bman\b", asked.messages[0].content) else "good"

        def choice(asked) -> tuple[float, float]:
            bad = "BAD" in asked.messages[-1].content
            if asked.options[0] == " 1":
                return (
                    (0.9, 0.1)
                    if bad != ("1: This answer suits" in asked.messages[-1].content)
                    else (0.1, 0.9)
                )
            if "role-playing" not in asked.messages[0].content:
                return 0.5, 0.5
            return (0.1, 0.9) if bad else (0.9, 0.1)

        made, models = planted_bench(Scripted(text=text), Scripted(choice=choice), people=60, items=120)
        task = open_task("intersectionality")
        for way, says in (("choice", "for nobody (p "), ("likelihood", "cannot be audited")):
            found = task.audit(play(task, replace(made, way=way), models), Counting(draws=50))
            rule = next(each for each in found if each.name.startswith("no persona, "))
            assert not rule.passed and says in rule.why, rule

    def test_who_asked_is_the_one_who_speaks(self):
        asked = needs_revision(bench(way="likelihood"), "me", "Why?", "So.")
        assert asked is not None
        assert asked.one.messages[-1].role == "user" and asked.one.options[0].startswith(
            "This answer suits me"
        )
        assert asked.one.messages[-1].content.startswith("You asked: Why?\n\nYou were answered: So.")

    def test_an_answer_is_wished_for_and_ones_own_is_said(self, tmp_path):
        made = bench(way="likelihood")
        asked = prefer(made, "me", "Why?", "A", "B"), prefer(made, "me", "Why?", "A", "B", own=True)
        texts = [each.one.messages[-1].content for each in asked if each]
        assert texts == ["You asked: Why?\n\nWrite the answer that you would like to get.", "Why?"]
        # What was written for people is wished for; what people said is said.
        seen: set[str] = set()

        def choice(request) -> tuple[float, float]:
            seen.add(re.sub(r"matter \d+", "", request.messages[-1].content))
            return 0.6, 0.4

        judge = Scripted(choice=choice, model="j@1/exact")
        made, models = planted_bench(Scripted(text="So."), judge, people=12, prompts=5, items=6)
        made = replace(made, way="likelihood")
        play(open_task("comparison"), made, models)
        assert len(seen) == 1 and "You asked: " in seen.pop()
        gold = made.personas.select("persona_id", question=pl.lit("Why?"), answer="lifestyle")
        gold.write_parquet(tmp_path / "gold.parquet")
        play(open_task("comparison"), replace(made, options={"gold": str(tmp_path / "gold.parquet")}), models)
        assert seen == {"Why?"}


class TestThoughts:
    @pytest.mark.parametrize(
        ("said", "is_kept"),
        [
            ("This person is a 10-year-old girl of Mexican origin who likes", None),
            ("I think...\n**Answer:** Yes.", "Yes."),
            ("I think.\n**Answer: Yes.**", "Yes."),
            ("Answer: Yes. A short Answer: no.", "Yes. A short Answer: no."),
            ("She would like that.\n\n## Answer:\n\nYes, **do** it.", "Yes, **do** it."),
            ("She is old. Answer: Yes.", "Yes."),
            ("She is old.\n### Final answer: Yes.", "Yes."),
            ("I am to begin a new line with 'Answer:' and answer there", None),
            ("A thought.\nanswer : yes\nAnswer: no", "yes\nAnswer: no"),
            ("A thought.\nAnswer:", None),
            ("The answering of this:", None),
        ],
    )
    def test_what_is_kept_of_a_thought(self, said, is_kept):
        assert kept("chain_of_thought", said) == is_kept
        assert kept("output_only", said) == said and kept("chain_of_thought", None) is None

    def test_thinking_has_tokens_of_its_own(self):
        made = bench(answer_tokens=100)
        limits = {mode: each.max_tokens for mode in MODES if (each := request(made, mode, "p", "q", "s"))}
        assert limits == {mode: 300 if mode == "chain_of_thought" else 100 for mode in MODES}

    def test_a_cut_thought_is_no_answer_of_main(self):
        cut = Scripted(text=lambda asked: "She is a woman who", model="t@1/exact")
        made, models = planted_bench(cut, planted_judge(), people=6, prompts=4, items=8)
        items = play(open_task("main"), made, models)
        answers = dict(items.group_by("arm").agg(pl.col("answer").null_count()).rows())
        assert answers == {mode: 8 if mode == "chain_of_thought" else 0 for mode in MODES}
        assert set(items.filter(arm="chain_of_thought")["critic"]) == {"unasked"}


def test_stages_are_asks():
    assert isinstance(next(open_task("main").play(bench(items=4))), Ask)
