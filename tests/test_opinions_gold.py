"""Respondents' answers as gold, items at a glance, and `populace opinions` on the command line."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench.couples import answered
from populace.bench.gold import read_gold
from populace.bench.planted import planted_bench
from populace.bench.planted_words import planted_deaf, planted_guesser
from populace.cli import app
from populace.errors import DataError, StudyError
from populace.opinions import NONE, Item, Opinions
from populace.opinions.gold import gold_rows, sentence
from populace.opinions.saving import load, save
from populace.opinions.summary import item_table

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def asked(people: int = 40, *, twice: bool = True, seed: int = 0) -> Opinions:
    rng = np.random.default_rng(seed)
    items = (
        Item(name="tax", question="Cut taxes?", options=("yes", "no", "not sure")),
        Item(name="party", question="Which party?", options=("A", "B"), same_as=("political_views",)),
        Item(name="bare", options=("1", "2")),
        Item(name="war", question="Will there be war?", options=("Yes.", "No.")),
    )
    codes = np.stack([rng.integers(-1, item.size, people) for item in items], axis=1).astype(np.int16)
    again = np.where(rng.random(codes.shape) < 0.7, codes, NONE).astype(np.int16)
    frame = pl.DataFrame(
        {
            "person_id": [f"p{row:02}" for row in range(people)],
            "weight": rng.random(people) + 0.5,
            "age": rng.integers(18, 90, people),
            "sex": rng.choice(["Male", "Female"], people),
            "political_views": rng.choice(["Democrat", "Republican"], people),
        }
    )
    return Opinions(frame, items, codes, again if twice else None)


def test_sentences():
    item = Item(name="x", question="?", options=("too little", "3: agree with both", "Why?", "好。"))
    assert [sentence(item, code) for code in range(4)] == [
        "Too little.",
        "3: agree with both.",
        "Why?",
        "好。",
    ]


@pytest.mark.parametrize("repeated", [False, True])
def test_rows_and_pairs_are_the_naive_ones(repeated):
    opinions = asked()
    found = gold_rows(opinions, people=None, repeated=repeated)
    expected = []
    for row, person in enumerate(opinions.people.iter_rows(named=True)):
        for column in (0, 3):  # the party is told by an attribute, `bare` has no question
            code = opinions.answers[row, column]
            if code == NONE or (repeated and opinions.retest[row, column] != code):
                continue
            item = opinions.items[column]
            expected.append((person["person_id"], item.question, sentence(item, code)))
    assert found.rows.select("person_id", "question", "answer").rows() == expected
    assert found.rows.columns == ["person_id", "age", "sex", "political_views", "question", "answer"]
    pairs = [(a, b) for a, b in combinations(expected, 2) if a[1] == b[1]]
    assert found.differ == sum(a[2] != b[2] for a, b in pairs)
    assert found.same == sum(a[2] == b[2] for a, b in pairs)
    assert found.people == len({row[0] for row in expected}) and found.questions == 2


def test_draws_are_seeded():
    opinions = asked()
    found = gold_rows(opinions, people=10, questions=1, seed=3)
    assert found.people <= 10 and found.questions == 1
    assert found.rows.equals(gold_rows(opinions, people=10, questions=1, seed=3).rows)
    assert not found.rows.equals(gold_rows(opinions, people=10, questions=1, seed=4).rows)


def test_what_is_no_gold():
    opinions = asked()
    with pytest.raises(DataError, match="nothing is known of these people"):
        gold_rows(Opinions(opinions.people.select("person_id", "weight"), opinions.items, opinions.answers))
    with pytest.raises(DataError, match=r"41 people are wanted, and \d+ can be used"):
        gold_rows(opinions, people=41)
    with pytest.raises(DataError, match="3 questions are wanted, and 2 can be used"):
        gold_rows(opinions, people=10, questions=3)
    with pytest.raises(DataError, match="nobody was asked twice"):
        gold_rows(asked(twice=False), repeated=True)
    with pytest.raises(DataError, match="no item has a question"):
        gold_rows(opinions.only(["bare"]))
    alike = Opinions(opinions.people, opinions.items, np.zeros_like(opinions.answers))
    with pytest.raises(DataError, match="no two people answered a question differently"):
        gold_rows(alike, people=None)


def test_comparison_leaves_out_pairs_with_the_same_answer(tmp_path):
    opinions = asked()
    path = tmp_path / "gold.parquet"
    found = gold_rows(opinions, people=None)
    found.rows.write_parquet(path)
    bench, _ = planted_bench(planted_deaf(), planted_guesser(), people=20, items=60)
    gold = read_gold(path, bench)
    pairs = answered(_with(bench, gold.personas), gold)
    assert pairs.height == 120 and pairs["prompt"].n_unique() == 2
    rivals = pairs["answer"].to_numpy().reshape(-1, 2)
    assert (rivals[:, 0] != rivals[:, 1]).all()
    gold = gold._replace(answers=gold.answers.with_columns(pl.lit("Yes.").alias("answer")))
    with pytest.raises(StudyError, match="no two people answered a question differently"):
        answered(_with(bench, gold.personas), gold)


def test_many_people_take_no_more_pairs_than_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr("populace.bench.couples._MOST", 100)
    path = tmp_path / "gold.parquet"
    gold_rows(asked(400), people=None).rows.write_parquet(path)
    bench, _ = planted_bench(planted_deaf(), planted_guesser(), people=20, items=12)
    gold = read_gold(path, bench)
    first = answered(_with(bench, gold.personas), gold)
    assert first.height == 24 and first.equals(answered(_with(bench, gold.personas), gold))


def _with(bench, personas):
    from dataclasses import replace

    return replace(bench, personas=personas)


def test_items_at_a_glance_are_the_naive_ones():
    opinions = asked()
    table = item_table(opinions)
    weights = opinions.people["weight"].to_list()
    for place, row in enumerate(table.iter_rows(named=True)):
        item = opinions.items[place]
        said = [(opinions.answers[n, place], opinions.retest[n, place], w) for n, w in enumerate(weights)]
        given = [each for each in said if each[0] != NONE]
        by_option = [sum(w for code, _, w in given if code == option) for option in range(item.size)]
        both = [each for each in given if each[1] != NONE]
        assert row["answers"] == len(given) and row["again"] == len(both) and row["options"] == item.size
        assert row["mode"] == item.options[int(np.argmax(by_option))]
        assert row["mode_share"] == pytest.approx(max(by_option) / sum(by_option))
        # Here the later answer is the same or none.
        assert row["repeated"] == pytest.approx(1.0)
    alone = item_table(asked(twice=False))
    assert alone["repeated"].null_count() == 4 and alone["again"].sum() == 0
    nobody = Opinions(opinions.people, opinions.items, np.full_like(opinions.answers, NONE))
    assert item_table(nobody)["mode_share"].null_count() == 4


def run(*arguments: object):
    return CliRunner().invoke(app, ["opinions", *map(str, arguments)])


def test_the_command_builds_lists_and_writes_gold(tmp_path):
    (tmp_path / "votes").mkdir()
    (tmp_path / "votes" / "comments.csv").write_text(
        "comment-id,moderated,comment-body\n0,1,Trees\n1,1,Cars\n"
    )
    votes = "participant,0,1\n" + "".join(f"{n},{1 - n % 3},{n % 2}\n" for n in range(40))
    (tmp_path / "votes" / "participants-votes.csv").write_text(votes)
    out = tmp_path / "o.parquet"
    told = run("build", tmp_path / "votes", "--out", out, "--least", 2)
    assert told.exit_code == 0 and "40 people, 2 items (2 with a question), 100% answered" in told.output
    assert load(out).answers.shape == (40, 2)
    told = run("items", out)
    assert told.exit_code == 0 and "2 items, 2 with a question" in told.output and "s1" in told.output
    told = run("items", out, "--out", tmp_path / "items.csv")
    table = pl.read_csv(tmp_path / "items.csv")
    assert table["item"].to_list() == ["s0", "s1"] and table["answers"].to_list() == [40, 40]
    assert isinstance(run("gold", out, "--out", tmp_path / "g.parquet").exception, DataError)
    assert not (tmp_path / "g.parquet").exists()
    save(asked(), out)
    told = run("gold", out, "--out", tmp_path / "g.parquet", "--people", 20)
    assert told.exit_code == 0 and "with the same answer are no test" in told.output
    assert "- bare" in run("items", out).output and "- bare" not in run("items", out, "--worded").output
    for arguments, message in (
        ((tmp_path / "votes", "--codebook", "gss"), "a Polis export has no codebook"),
        ((tmp_path / "votes" / "comments.csv",), "nothing says how the survey is to be read"),
    ):
        error = run("build", *arguments, "--out", tmp_path / "no.parquet").exception
        assert isinstance(error, StudyError) and message in str(error)


def test_a_survey_of_which_the_description_tells_no_answer(tmp_path):
    survey = SHARED / "fivethirtyeight" / "nonvoters_data.csv"
    if not survey.is_file():
        pytest.skip("the survey of non-voters is not here")
    out = tmp_path / "o.parquet"
    told = run("build", survey, "--codebook", "fivethirtyeight_nonvoters", "--out", out, "--unworded")
    assert told.exit_code == 0 and "5,836 people, 72 items (72 with a question)" in told.output
    found = gold_rows(load(out), people=30)
    assert found.questions == 69 and not found.rows["question"].str.contains("closer to the Republican").any()
    assert found.rows["answer"].str.ends_with(".").all()
