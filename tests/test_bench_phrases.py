"""What a summary keeps: the lexicon by value, and shares beside chance."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from populace.bench import Counting, open_task, run_task
from populace.bench.lexicon import LEXICON, tells
from populace.bench.planted import planted_bench, planted_judge
from populace.bench.planted_words import planted_summariser
from populace.bench.runner import play
from populace.errors import StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.personas import Persona, render
from populace.personas.frames import complete, named
from populace.personas.presets import preset
from populace.personas.schema import attribute

COUNTING = Counting(draws=200)


@pytest.mark.parametrize(
    ("name", "value", "told", "silent"),
    [
        ("age", 74, "She is in her seventies.", "She is in her sixties."),
        ("age", 74, "an older person", "a 47-year-old"),
        ("age", 9, "This child", "This adult"),
        ("sex", "Male", "As a man, he", "As a woman, she and the human"),
        ("sex", "Female", "her views", "his views; heritage"),
        ("ideology", "Very liberal", "progressive politics", "a neoliberal order"),
        ("ideology", "Moderate", "centrist", "a conservative"),
        ("political_views", "Independent", "a political independent", "an independent spirit"),
        ("self_direction", "High", "an independent spirit", "a political independent in Ohio"),
        ("self_direction", "Low", "independence matters less", "politically independent"),
        ("self_direction", "High", "values freedom", "an independent voter, independent of either party"),
        ("income", 61_480, "about $61,000 a year", "about $161,000 a year"),
        ("income", 25_000, "a tight budget", "a wealthy home"),
        ("income", 0, "without income", "with an income"),
        ("education", "Bachelor's degree", "college-educated", "a high school diploma"),
        ("marital_status", "Never married or under 15", "a single man", "a married man"),
        ("employment_status", "Not in labor force", "being retired", "being busy"),
        ("religion", "Catholic", "her faith", "her family"),
        ("religion", "Unaffiliated", "not religious", "religious"),
        ("openness", "Low", "a conventional person", "a curious person"),
        ("openness", "Extremely High", "curious", "conventional"),
        ("conscientiousness", "High", "organized", "disorganized"),
        ("state", "Ohio", "life in Ohio", "life in Iowa"),
        ("vision_difficulty", "Yes", "difficulty hearing and seeing", "seeing friends"),
        ("lifestyle", "a quiet life of gardening and books", "gardens, books and quiet", "a life of music"),
    ],
)
def test_words_tell_a_value(name, value, told, silent):
    assert tells(told, {name: value}) == {name: True}
    assert tells(silent, {name: value}) == {name: False}


def test_values_without_words_are_no_question():
    assert tells("anything", {"openness": "Average", "disability": "Without a disability", "age": None}) == {}
    for name, words in LEXICON.items():
        assert set(words) <= set(attribute(name).values), name


def test_the_lexicon_finds_what_our_descriptions_tell():
    rows = preset("persona-1586").frame.head(300)
    found: dict[str, list[bool]] = {}
    for row in rows.iter_rows(named=True):
        persona = Persona.from_row(row)
        for name, told in tells(render(persona), persona.attributes()).items():
            found.setdefault(name, []).append(told)
    always = ("age", "sex", "state", "income", "religion", "ideology", "political_views", "education", "race")
    assert {name: all(found[name]) for name in always} == dict.fromkeys(always, True)
    assert all(all(found[name]) for name in ("lifestyle", "mannerisms", "openness", "neuroticism"))


def test_shares_by_hand():
    """Two people, a man of 30 and a woman of 30; every summary says `a man of 30`."""
    people = named(
        complete(
            pl.DataFrame({"age": [30, 30], "sex": ["Male", "Female"], "ideology": ["Liberal", "Liberal"]})
        )
    )
    target = Scripted(text="This matters to a man of 30.", model="man@1/exact")
    bench, models = planted_bench(target, planted_judge(), prompts=3, items=6)
    items = play(open_task("phrases"), replace(bench, personas=people), models)
    assert items.height == 6 * 3
    scores = {
        (each.measure, each.arm): each.estimate.value for each in open_task("phrases").score(items, COUNTING)
    }
    # Him: age and sex of three; her: the age alone. The other's age is the same, the other's sex is not.
    assert scores["kept", ""] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert (scores["kept", "age"], scores["kept", "sex"], scores["kept", "ideology"]) == (1, 0.5, 0)
    assert (scores["kept_by_chance", "age"], scores["kept_by_chance", "sex"]) == (1, 0.5)
    assert scores["kept_above_chance", ""] == pytest.approx(0, abs=1e-12)
    # Cut to the summary's 28 characters, the descriptions tell age and sex: "You are a 30-year-old woman."
    assert scores["kept_by_cut", ""] == pytest.approx(2 / 3)
    assert [scores["kept_by_cut", name] for name in ("age", "sex", "ideology")] == [1, 1, 0]
    his = dict(people.select("persona_id", "sex").iter_rows())
    for who, kept, chance in items.filter(arm="sex").select("persona_id", "kept", "chance").iter_rows():
        assert (kept, chance) == ((1, 0) if his[who] == "Male" else (0, 1))


def test_keeping_is_found_above_chance_and_adjusted():
    bench, models = planted_bench(planted_summariser({"sex": 1.0}), planted_judge(), items=120)
    task = open_task("phrases")
    scores = {(each.measure, each.arm): each for each in task.score(play(task, bench, models), COUNTING)}
    assert scores["kept", "sex"].estimate.value == 1
    # About half of others are of the same sex, and their value is found too.
    assert 0.4 < scores["kept_by_chance", "sex"].estimate.value < 0.6
    above = scores["kept_above_chance", "sex"]
    assert above.p_value == pytest.approx(4 * 0.0001) and "Holm" in above.note
    assert scores["kept_above_chance", "age"].p_value == 1
    assert scores["kept", "sex"].note == "60 personas have it"


def test_summaries_that_failed_are_counted(tmp_path):
    target = Scripted(
        text=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    bench, models = planted_bench(target, planted_judge(), people=5, items=6)
    result = run_task(open_task("phrases"), bench, models, tmp_path, counting=COUNTING)
    assert result.judge is None and result.headline.estimate.value == 0.0 and not result.passed
    assert next(each for each in result.scores if each.measure == "summary_failed").estimate.value == 1
    assert not result.passed


def test_options_there_are_none():
    bench, models = planted_bench(planted_summariser({}), planted_judge())
    with pytest.raises(StudyError, match="phrases has no setting 'gold'"):
        play(open_task("phrases"), replace(bench, options={"gold": "x"}), models)
