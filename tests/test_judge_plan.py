"""Settings, material and the plan of a judging study."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")

from judge_material import options, write_material
from populace.errors import DataError, PopulaceError, StudyError
from populace.serve.judging.keys import Keys
from populace.serve.judging.machines import read_machines
from populace.serve.judging.material import read_material, read_survey, source_kind
from populace.serve.judging.plan import FORWARD, draw_orders, make_plan
from populace.serve.judging.settings import load_settings, make_settings
from populace.streams import stream


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 9), st.integers(0, 12), st.integers(0, 1000))
def test_orders_are_balanced_over_raters_and_within_each(seats, items, seed):
    orders = draw_orders(seats, items, stream(seed, "tests.orders"))
    by_item, by_seat = orders.sum(axis=0), orders.sum(axis=1)
    assert (abs(2 * by_item - seats) <= seats % 2).all()
    assert (abs(2 * by_seat - items) <= items % 2).all()


def test_the_preset_is_the_papers_design(tmp_path):
    write_material(tmp_path, personas=23, questions=11)
    made = make_settings(options(tmp_path, preset="persona"))
    plan = make_plan(made, read_material(made))
    pairs = [item for item in plan.items if item.kind == "pair"]
    assert (len({item.persona_id for item in pairs}), len(pairs), len(plan.seats)) == (20, 200, 80)
    for seat in plan.seats:
        kinds = [plan.items[item].kind for item, _ in seat.tasks]
        assert kinds.count("pair") == 10
        assert kinds.count("pair check") == 2
        assert kinds[0] == "pair"  # a check never comes first
        assert all(plan.items[i].persona_id in (None, seat.persona_id) for i, _ in seat.tasks)
    # Every pair is shown either way to two of its four raters.
    for number, item in enumerate(plan.items):
        if item.kind == "pair":
            shown = [order for seat in plan.seats for i, order in seat.tasks if i == number]
            assert (len(shown), shown.count(FORWARD)) == (4, 2)
    assert [seat.rank for seat in plan.seats] == sorted(seat.rank for seat in plan.seats)


def test_the_same_seed_draws_the_same_study_and_another_does_not(tmp_path):
    write_material(tmp_path, personas=8, questions=12)
    plans = []
    for seed in (1, 1, 2):
        made = make_settings(options(tmp_path, people=4, seed=seed))
        plans.append(make_plan(made, read_material(made)))
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_survey_comes_first_and_alone_has_checks_of_its_own(tmp_path):
    write_material(tmp_path)
    both = make_settings(options(tmp_path, survey=tmp_path / "survey.toml"))
    plan = make_plan(both, read_material(both))
    for seat in plan.seats:
        kinds = [plan.items[item].kind for item, _ in seat.tasks]
        assert kinds[:2] == ["survey", "survey"]
        assert "survey check" not in kinds
    alone = make_settings({"survey": tmp_path / "survey.toml", "raters": 6, "checks": 3})
    plan = make_plan(alone, read_material(alone))
    assert [seat.persona_id for seat in plan.seats] == [None] * 6
    assert all(len(seat.tasks) == 5 for seat in plan.seats)
    for item in plan.items:
        if item.kind == "survey check":
            assert f"“{item.options[int(item.expected)]}”" in item.text


def test_too_few_personas_with_enough_pairs(tmp_path):
    write_material(tmp_path, personas=4, questions=6)
    made = make_settings(options(tmp_path, questions=7))
    with pytest.raises(StudyError, match="0 have them"):
        make_plan(made, read_material(made))
    made = make_settings(options(tmp_path, people=5))
    with pytest.raises(StudyError, match="4 have them"):
        make_plan(made, read_material(made))


def test_pairs_of_a_study_become_the_benchs_and_twins_are_left_out(tmp_path):
    write_material(tmp_path)
    names = ["pair_id", "author_id", "prompt_id", "prompt", "original", "revision"]
    rows = [("1", "p0", "q0", "Why?", "old", "new"), ("2", "p0", "q1", "How?", "same", "same ")]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "pairs.parquet")
    made = make_settings(options(tmp_path))
    found = read_material(made)
    assert found.pairs.rows() == [("p0", "q0", "Why?", "new", "old")]
    assert found.identical == 1
    assert source_kind(tmp_path / "pairs.parquet") == "pairs"


def test_machines_are_read_from_the_bench_and_from_a_study(tmp_path):
    bench = {
        "persona_id": ["p0", "p0"], "prompt_id": ["q0", "q1"],
        "by:m": ["first", "tie"], "by:m_p": [0.9, 0.5], "by:people": ["second", "second"],
    }  # fmt: skip
    pl.DataFrame(bench).write_parquet(tmp_path / "items.parquet")
    assert read_machines(tmp_path / "items.parquet").rows() == [("p0", "q0", "m", "first")]
    judged = {
        "persona_id": ["p0", None, "p1"], "prompt_id": ["q0", "q0", "q1"], "way": ["choice"] * 3,
        "judge": ["j"] * 3, "verdict": ["original", "revision", "refused"],
    }  # fmt: skip
    pl.DataFrame(judged).write_parquet(tmp_path / "judgements.parquet")
    assert read_machines(tmp_path / "judgements.parquet").rows() == [("p0", "q0", "j, choice", "second")]
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="no verdicts of models"):
        read_machines(tmp_path / "other.parquet")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no item"),
        ('[[items]]\noptions = ["a", "b"]', "question is missing"),
        ('[[items]]\nquestion = "Q"\noptions = ["a"]', "2 to 30 options"),
        ('[[items]]\nquestion = "Q"\noptions = ["a", "a"]', "comes twice"),
        ('[[items]]\nid="x"\nquestion="Q"\noptions=["a","b"]\n' * 2, "the item 'x' comes twice"),
        ("[[items", "no TOML"),
        ("items = 5", "items is no list"),
        ('[items]\nquestion = "Q"', "items is no list"),
        ('items = ["a"]', "this item is no table"),
        ('[[items]]\nquestion = "Q"\noptions = 5', "2 to 30 options"),
    ],
)
def test_broken_surveys_are_refused(tmp_path, text, what):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(DataError, match=what):
        read_survey(tmp_path / "s.toml")


def test_an_id_of_a_survey_item_may_be_nought(tmp_path):
    (tmp_path / "s.csv").write_text("item_id,question,options\n0,A?,a|b\n1,B?,a|b\n,C?,a|b\n")
    assert [item.item_id for item in read_survey(tmp_path / "s.csv")] == ["0", "1", "item-3"]


def test_a_survey_as_csv(tmp_path):
    (tmp_path / "s.csv").write_text("item_id,question,options\na,Why?,yes|no| maybe\n")
    (item,) = read_survey(tmp_path / "s.csv")
    assert (item.item_id, item.options) == ("a", ("yes", "no", "maybe"))
    assert source_kind(tmp_path / "s.csv") == "survey"


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({}, "nothing to judge"),
        ({"pairs": "a", "study": "b"}, "not both"),
        ({"pairs": "a", "ratters": 4}, "did you mean raters"),
        ({"pairs": "a", "raters": 0}, "greater than or equal to 1"),
        ({"pairs": "a", "completion_url": "javascript:alert(1)"}, "no address"),
        ({"pairs": "a", "completion_code": "<b>"}, "match pattern"),
        ({"pairs": "a", "lang": '"><script>'}, "match pattern"),
    ],
)
def test_settings_that_cannot_be(values, what):
    with pytest.raises(StudyError, match=what):
        make_settings(values)


def test_a_settings_file_and_options_beside_it(tmp_path):
    (tmp_path / "judging.toml").write_text('[judging]\npairs = "pairs.parquet"\nraters = 5\ntitle = "T"\n')
    made = load_settings(tmp_path / "judging.toml", raters=7)
    assert (made.pairs, made.raters_each, made.title) == (tmp_path / "pairs.parquet", 7, "T")
    assert source_kind(tmp_path / "judging.toml") == "settings"
    (tmp_path / "bad.toml").write_text("[other]\n")
    with pytest.raises(StudyError, match=r"one table, \[judging\]"):
        load_settings(tmp_path / "bad.toml")


def test_personas_must_be_known(tmp_path):
    write_material(tmp_path)
    without = options(tmp_path) | {"personas": None}
    with pytest.raises(DataError, match="--personas"):
        read_material(make_settings(without))
    pl.DataFrame({"persona_id": ["p0"], "text": ["x"]}).write_parquet(tmp_path / "personas.parquet")
    with pytest.raises(DataError, match="3 personas of the pairs are not described"):
        read_material(make_settings(options(tmp_path)))


def test_ids_may_be_numbers_in_every_file(tmp_path):
    write_material(tmp_path)
    for name in ("pairs", "personas"):
        table = pl.read_parquet(tmp_path / f"{name}.parquet")
        number = pl.col("persona_id").str.slice(1).cast(pl.Int64)
        table.with_columns(number).write_parquet(tmp_path / f"{name}.parquet")
    judged = {"persona_id": [0], "prompt_id": [7], "way": ["choice"], "judge": ["j"], "verdict": ["revision"]}
    pl.DataFrame(judged).write_parquet(tmp_path / "judgements.parquet")
    machine = {"persona_id": [0], "prompt_id": [7], "machine": ["m"], "verdict": ["first"]}
    pl.DataFrame(machine).write_parquet(tmp_path / "m.parquet")
    files = [tmp_path / "judgements.parquet", tmp_path / "m.parquet"]
    found = read_material(make_settings(options(tmp_path, machines=files)))
    assert found.personas["0"].startswith("Meet person 0")
    assert set(found.pairs["persona_id"]) == {"0", "1", "2", "3"}
    assert found.machines.rows() == [("0", "7", "j, choice", "first"), ("0", "7", "m", "first")]


def test_a_personas_text_must_be_there(tmp_path):
    write_material(tmp_path)
    people = pl.read_parquet(tmp_path / "personas.parquet")
    for empty in (None, "  "):
        text = pl.when(pl.col("persona_id") != "p2").then("text").otherwise(pl.lit(empty)).alias("text")
        people.with_columns(text).write_parquet(tmp_path / "personas.parquet")
        with pytest.raises(DataError, match="persona p2 has no text"):
            read_material(make_settings(options(tmp_path)))


def test_strangers_verdicts_are_no_verdicts_on_a_persons_own_pair(tmp_path):
    judged = {
        "persona_id": ["p0", "p0"], "prompt_id": ["q0", "q0"], "role": ["stranger", "author"],
        "way": ["choice"] * 2, "judge": ["j"] * 2, "verdict": ["original", "revision"],
    }  # fmt: skip
    pl.DataFrame(judged).write_parquet(tmp_path / "judgements.parquet")
    assert read_machines(tmp_path / "judgements.parquet").rows() == [("p0", "q0", "j, choice", "first")]


def test_verdicts_of_models_without_an_id_or_a_name_are_left_out(tmp_path):
    rows = [("p0", "q0", "m", "first"), (None, "q0", "m", "first"), ("p0", "q0", None, "first")]
    names = ["persona_id", "prompt_id", "machine", "verdict"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "m.parquet")
    assert read_machines(tmp_path / "m.parquet").rows() == rows[:1]


def test_the_files_of_machines_are_a_list_of_names():
    assert len(make_settings({"pairs": "p", "machines": "mn.parquet"}).machines) == 1
    for odd in (3, [3], {"a": "b"}):
        with pytest.raises(StudyError, match="names no file"):
            make_settings({"pairs": "p", "machines": odd})


def test_keys_are_private_kept_and_needed(tmp_path):
    path = tmp_path / "k.keys"
    keys = Keys.open(path, create=True)
    assert path.stat().st_mode & 0o077 == 0
    again = Keys.open(path, create=True)
    assert again.token_of("pid") == keys.token_of("pid")
    assert again.admin == keys.admin
    other = Keys.open(tmp_path / "other.keys", create=True)
    assert not other.ours(keys.new_token())
    assert len({keys.new_token() for _ in range(50)}) == 50
    for bad in ("", "x", "é", "a" * 28, keys.new_token() + "=", keys.new_token()[:-1]):
        assert not keys.ours(bad)
    with pytest.raises(DataError, match="missing"):
        Keys.open(tmp_path / "none.keys", create=False)
    path.write_text("{}")
    with pytest.raises(PopulaceError, match="no file of keys"):
        Keys.open(path, create=False)
