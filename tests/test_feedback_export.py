"""Exports: preference rows, rows for trainers, folders for people to judge from, the dataset and its card."""

from __future__ import annotations

import json
import math
from unittest.mock import MagicMock
from xml.etree import ElementTree

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.feedback import annotation, dataset
from populace.feedback.annotation import write_argilla, write_label_studio
from populace.feedback.card import audits_table
from populace.feedback.export import (
    Feedback,
    dataset_card,
    preferences,
    trl_rows,
    write,
    write_hf,
    write_trl,
)
from populace.feedback.forms import Written

PAIRS = pl.DataFrame(
    {
        "pair_id": ["x", "y"],
        "prompt_id": ["p", "q"],
        "author_id": ["ann", "bob"],
        "prompt": ["Why?", "How?"],
        "original": ["Original x.", "Original y."],
        "critique": ["c", "c"],
        "revision": ["Revision x.", "Revision y."],
        "original_words": [2, 2],
        "revision_words": [2, 2],
        "identical": [False, False],
        "model": ["m", "m"],
    }
)
JUDGEMENTS = pl.DataFrame(
    {
        "pair_id": ["x", "x", "y", "y", "x"],
        "prompt_id": ["p", "p", "q", "q", "p"],
        "persona_id": ["ann", "bob", "bob", "ann", None],
        "role": ["author", "stranger", "author", "stranger", "nobody"],
        "way": ["choice"] * 5,
        "p_original_first": [0.8, 0.2, 0.5, None, 0.9],
        "p_revision_first": [0.8, 0.2, 0.5, None, 0.9],
        "p": [0.8, 0.2, 0.5, None, 0.9],
        "verdict": ["revision", "original", "tie", "refused", "revision"],
        "judge": ["j"] * 5,
    }
)
PROFILES = {"ann": "I am Ann.", "bob": "I am Bob."}


def test_two_people_may_want_opposite_answers_and_ties_stay():
    table = preferences(PAIRS, JUDGEMENTS)
    assert table.height == 4  # nobody's judgement is no persona's preference
    ann, bob, tie, refused = table.iter_rows(named=True)
    assert (ann["chosen"], ann["rejected"]) == ("Revision x.", "Original x.")
    assert (bob["chosen"], bob["rejected"]) == ("Original x.", "Revision x.")
    # Bob prefers the original with probability 1 - 0.2, log-odds ln(0.8 / 0.2) = ln 4.
    assert bob["probability"] == pytest.approx(0.8)
    assert bob["margin"] == pytest.approx(math.log(4))
    assert (tie["chosen"], tie["rejected"], tie["probability"], tie["margin"]) == (None, None, 0.5, 0.0)
    assert (refused["verdict"], refused["probability"]) == ("refused", None)


def test_trl_rows_carry_the_person_and_leave_ties_out(tmp_path):
    rows = list(trl_rows(preferences(PAIRS, JUDGEMENTS), PROFILES))
    assert [row["persona_id"] for row in rows] == ["ann", "bob"]
    assert [turn["role"] for turn in rows[0]["prompt"]] == ["system", "user"]
    assert "I am Ann." in rows[0]["prompt"][0]["content"]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "Revision x."}]
    written = write_trl(tmp_path / "trl.jsonl", preferences(PAIRS, JUDGEMENTS), PROFILES)
    assert written == Written(2, {"refused": 1, "tie": 1}, way="choice")
    assert str(written) == "2 rows, labelled by choice; left out: 1 refused, 1 tie"
    lines = (tmp_path / "trl.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_a_way_that_was_not_used_is_an_error():
    with pytest.raises(DataError, match="likelihood"):
        preferences(PAIRS, JUDGEMENTS, way="likelihood")


PERSONAS = pl.DataFrame(
    {
        "persona_id": ["ann", "bob", "cy"],
        "person_id": ["1", "2", "3"],
        "age": [40, None, 20],
        "sex": ["Female", "Male", "Male"],
        "lifestyle": ["calm", "loud", "odd"],
    }
)
FACTS = {
    "licence_id": "apache-2.0",
    "title": "A test: with a colon",
    "people": "Two.",
    "questions": "Two.",
    "writer": "m",
    "judge": "j",
    "trust": "Not at all.",
    "privacy": "Nobody.",
    "scores": "| a | b |",
    "sources": "None.",
}
SPLITS = {"p": "train", "q": "test"}


def feedback(**changed):
    given = {"table": preferences(PAIRS, JUDGEMENTS), "profiles": PROFILES, "personas": PERSONAS}
    return Feedback(**{**given, "splits": SPLITS, "facts": FACTS, **changed})


def header(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---")[1])


def test_kto_rows_are_both_answers_of_each_decided_judgement(tmp_path):
    written = write("trl-kto", tmp_path / "kto.jsonl", feedback())
    assert written == Written(4, {"refused": 1, "tie": 1}, {"train": 4}, "choice")
    rows = [json.loads(line) for line in (tmp_path / "kto.jsonl").read_text().splitlines()]
    assert [(row["persona_id"], row["completion"][0]["content"], row["label"]) for row in rows] == [
        ("ann", "Revision x.", True),
        ("ann", "Original x.", False),
        ("bob", "Original x.", True),  # who wants the opposite of Ann
        ("bob", "Revision x.", False),
    ]
    assert {row["completion"][0]["role"] for row in rows} == {"assistant"}
    assert (rows[0]["age"], rows[0]["sex"], rows[0]["split"]) == (40, "Female", "train")
    assert "lifestyle" not in rows[0] and "person_id" not in rows[0]
    assert rows[2]["age"] is None
    assert "I am Bob." in rows[2]["prompt"][0]["content"]


def test_prompts_alone_leave_nothing_out_and_come_once(tmp_path):
    again = pl.concat([JUDGEMENTS, JUDGEMENTS.head(1).with_columns(pair_id=pl.lit("z"))])
    pairs = pl.concat([PAIRS, PAIRS.head(1).with_columns(pair_id=pl.lit("z"))])
    written = write("trl-prompts", tmp_path / "p.jsonl", feedback(table=preferences(pairs, again)))
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert written == Written(4, {}, {"train": 2, "test": 2})  # Ann was asked p twice, in two pairs
    assert [(row["persona_id"], row["prompt_id"]) for row in rows] == [
        *(("ann", "p"), ("bob", "p"), ("bob", "q"), ("ann", "q"))
    ]
    assert not {"completion", "chosen", "pair_id", "judge", "margin"} & set(rows[0])


@pytest.mark.parametrize("form", ["trl", "trl-kto", "trl-prompts"])
def test_rows_are_the_same_in_parquet_with_types_fixed(tmp_path, form):
    write(form, tmp_path / "rows.jsonl", feedback())
    write(form, tmp_path / "rows.parquet", feedback())
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    table = pl.read_parquet(tmp_path / "rows.parquet")
    assert table.to_dicts() == lines
    assert table.schema["age"] == pl.Int64
    assert table.schema["prompt"] == pl.List(pl.Struct({"role": pl.String, "content": pl.String}))


def test_one_split_alone_and_what_is_in_the_file_is_said(tmp_path):
    rows = JUDGEMENTS.with_columns(verdict=pl.col("verdict").replace("tie", "revision"))
    both = feedback(table=preferences(PAIRS, rows))
    whole = write("trl", tmp_path / "trl.jsonl", both)
    assert whole.splits == {"train": 2, "test": 1}
    assert str(whole) == "3 rows (2 train, 1 test), labelled by choice; left out: 1 refused"
    for split, count in whole.splits.items():
        part = write("trl", tmp_path / "part.jsonl", feedback(table=both.table, only=split))
        read = [json.loads(line) for line in (tmp_path / "part.jsonl").read_text().splitlines()]
        assert (part.rows, part.splits) == (count, {split: count})
        assert {row["split"] for row in read} == {split}
    with pytest.raises(DataError, match=r"no row is of the split 'held_out'.*use test or train"):
        write("trl", tmp_path / "none.jsonl", feedback(only="held_out"))
    with pytest.raises(DataError, match="has every split in its place"):
        write("hf", tmp_path / "hf", feedback(only="train"))


def test_where_personas_are_split_each_row_says_of_which_its_persona_is(tmp_path):
    people = PERSONAS.with_columns(split=pl.Series(["train", "test", "test"]))
    for name in ("rows.jsonl", "rows.parquet"):
        write("trl", tmp_path / name, feedback(personas=people))
    read = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(row["persona_id"], row["split"], row["persona_split"]) for row in read] == [
        ("ann", "train", "train"),
        ("bob", "train", "test"),  # a training question of a persona that is to stay unseen
    ]
    assert pl.read_parquet(tmp_path / "rows.parquet")["persona_split"].to_list() == ["train", "test"]
    write("parquet", tmp_path / "all.parquet", feedback(personas=people))
    assert pl.read_parquet(tmp_path / "all.parquet")["persona_split"].to_list() == [
        *("train", "test", "test", "train")
    ]
    write("argilla", tmp_path / "a", feedback(personas=people))
    assert "persona_split" in (tmp_path / "a" / ".argilla" / "settings.json").read_text()
    write("hf", tmp_path / "hf", feedback(personas=people))
    assert "persona_split" in (tmp_path / "hf" / "README.md").read_text()


def test_pairs_that_were_not_finished_are_counted_and_prompts_need_none(tmp_path):
    asked = pl.DataFrame(
        {"persona_id": ["ann", "bob", "cy"], "prompt_id": ["p", "q", "p"], "prompt": ["Why?", "How?", "Why?"]}
    )
    given = feedback(unfinished=14, asked=asked, profiles=PROFILES | {"cy": "I am Cy."})
    assert str(write("trl", tmp_path / "t.jsonl", given)).endswith(
        "1 refused, 1 tie, 14 pairs that were not finished"
    )
    assert write("hf", tmp_path / "h", given).left_out == {"pairs that were not finished": 14}
    prompts = write("trl-prompts", tmp_path / "p.jsonl", given)
    assert prompts == Written(3, {}, {"train": 2, "test": 1})
    assert '"I am Cy' not in (tmp_path / "t.jsonl").read_text()
    assert "I am Cy." in (tmp_path / "p.jsonl").read_text()


def test_tables_of_different_runs_are_refused():
    with pytest.raises(DataError, match="1 judged pairs have no answers, the first y"):
        preferences(PAIRS.head(1), JUDGEMENTS)


@pytest.mark.parametrize(("form", "name"), [("trl", "x.csv"), ("trl-kto", "x.arrow"), ("parquet", "x.csv")])
def test_a_name_that_says_another_kind_of_file_is_refused(tmp_path, form, name):
    with pytest.raises(DataError, match="name it"):
        write(form, tmp_path / name, feedback())
    assert not list(tmp_path.iterdir())


def test_nothing_to_train_on_is_an_error_and_leaves_the_file(tmp_path):
    (tmp_path / "trl.jsonl").write_text("before")
    table = preferences(PAIRS, JUDGEMENTS).filter(pl.col("verdict") == "tie")
    for form in ("trl", "trl-kto"):
        with pytest.raises(DataError, match="nothing to train on"):
            write(form, tmp_path / "trl.jsonl", feedback(table=table))
    with pytest.raises(DataError, match="bob judged, but has no description"):
        write("trl", tmp_path / "trl.jsonl", feedback(profiles={"ann": "I am Ann."}))
    with pytest.raises(DataError, match="bob judged, but has no description"):
        write("trl", tmp_path / "trl.parquet", feedback(profiles={"ann": "I am Ann."}))
    with pytest.raises(DataError, match="there is no export 'csv'"):
        write("csv", tmp_path / "trl.jsonl", feedback())
    assert (tmp_path / "trl.jsonl").read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["trl.jsonl"]


def shown_first(record):
    """Which answer a record shows first, by its text."""
    return "original" if record["answer_1"].startswith("Original") else "revision"


def test_argilla_gets_every_judgement_and_sees_no_verdict(tmp_path):
    assert write("argilla", tmp_path / "a", feedback()) == Written(4, {})
    records = json.loads((tmp_path / "a" / "records.json").read_text())
    settings = json.loads((tmp_path / "a" / ".argilla" / "settings.json").read_text())
    assert {r["metadata"]["verdict"] for r in records} == {"revision", "original", "tie", "refused"}
    for record in records:
        assert set(record["fields"]) == {field["name"] for field in settings["fields"]}
        assert set(record["metadata"]) <= {each["name"] for each in settings["metadata"]}
        assert None not in record["metadata"].values()
        assert record["metadata"]["first"] == shown_first(record["fields"])
        assert record["suggestions"] == {}
    visible = {each["name"] for each in settings["metadata"] if each["visible_for_annotators"]}
    assert visible == {"age", "sex"}
    kinds = {each["name"]: each["settings"]["type"] for each in settings["metadata"]}
    assert (kinds["age"], kinds["sex"], kinds["probability"]) == ("integer", "terms", "float")
    assert len({record["id"] for record in records}) == 4


def test_argilla_suggestions_name_the_answer_where_it_is_shown(tmp_path):
    for seed in range(6):  # both orders come up
        write_argilla(
            tmp_path / str(seed), preferences(PAIRS, JUDGEMENTS), PROFILES, PERSONAS, seed=seed, suggest=True
        )
        records = json.loads((tmp_path / str(seed) / "records.json").read_text())
        ann, bob, tie, refused = records
        for record, answer, p in ((ann, "Revision x.", 0.8), (bob, "Original x.", 0.8)):
            said = record["suggestions"]["preference"]
            assert record["fields"][f"answer_{said['value']}"] == answer
            assert said["score"] == pytest.approx(p)
        assert tie["suggestions"]["preference"]["value"] == "tie"
        assert refused["suggestions"] == {}


def test_which_answer_stands_first_is_drawn_evenly_and_stays(tmp_path):
    n = 2000
    pairs = pl.concat([PAIRS.head(1)] * n).with_columns(pair_id=pl.int_range(n).cast(pl.String))
    judged = pl.concat([JUDGEMENTS.head(1)] * n).with_columns(pair_id=pl.int_range(n).cast(pl.String))
    table = preferences(pairs, judged)
    write_label_studio(tmp_path / "a", table, PROFILES, seed=1)
    write_label_studio(tmp_path / "b", table.reverse(), PROFILES, seed=1)
    read = [json.loads((tmp_path / name / "tasks-00000-of-00001.json").read_text()) for name in "ab"]
    first = [{task["data"]["pair_id"]: task["meta"]["first"] for task in tasks} for tasks in read]
    assert first[0] == first[1]  # whatever the order of the table
    # 2,000 fair coins: standard error 22; within 5 of them of 1,000.
    assert abs(sum(each == "original" for each in first[0].values()) - 1000) < 112


def test_label_studio_tasks_hold_what_the_interface_asks_for(tmp_path, monkeypatch):
    monkeypatch.setattr(annotation, "_TASKS", 3)
    assert write("label-studio", tmp_path / "l", feedback()) == Written(4, {})
    assert sorted(p.name for p in (tmp_path / "l").iterdir()) == [
        *("config.xml", "tasks-00000-of-00002.json", "tasks-00001-of-00002.json")
    ]
    interface = ElementTree.parse(tmp_path / "l" / "config.xml")
    wanted = {e.get("value", "")[1:] for e in interface.iter() if e.get("value", "").startswith("$")}
    names = {e.get("name") for e in interface.iter()}
    for control in interface.iter():
        assert set((control.get("toName") or "prompt").split(",")) <= names
    tasks = [
        *json.loads((tmp_path / "l" / "tasks-00000-of-00002.json").read_text()),
        *json.loads((tmp_path / "l" / "tasks-00001-of-00002.json").read_text()),
    ]
    assert wanted == {"persona", "prompt", "answer_1", "answer_2"}
    for task in tasks:
        assert wanted <= set(task["data"])
        assert task["meta"]["first"] == shown_first(task["data"])
        assert "predictions" not in task
        # Each key of `data` is a column that annotators see: nothing there says what the machine thought.
        assert not {"verdict", "probability", "first", "margin"} & set(task["data"])
    assert [task["meta"]["verdict"] for task in tasks] == ["revision", "original", "tie", "refused"]
    # A second, smaller export leaves no task of the first.
    monkeypatch.setattr(annotation, "_TASKS", 10)
    (tmp_path / "l" / "notes.txt").write_text("mine")
    write("label-studio", tmp_path / "l", feedback())
    assert sorted(p.name for p in (tmp_path / "l").iterdir()) == [
        *("config.xml", "notes.txt", "tasks-00000-of-00001.json")
    ]


def test_the_interface_is_accepted_by_label_studio_itself(tmp_path):
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is absent")
    write("label-studio", tmp_path, feedback())
    read = interface.LabelInterface((tmp_path / "config.xml").read_text())
    read.validate()
    for task in json.loads((tmp_path / "tasks-00000-of-00001.json").read_text()):
        assert read.validate_task(task)


def test_the_folder_is_read_by_argilla_itself(tmp_path, monkeypatch):
    argilla = pytest.importorskip("argilla", reason="argilla is absent")
    from argilla.records import _io

    # Its settings want a client to exist, and ask it nothing while they are read.
    monkeypatch.setattr(argilla.Argilla, "_get_default", classmethod(lambda cls: MagicMock()))
    write_argilla(tmp_path, preferences(PAIRS, JUDGEMENTS), PROFILES, PERSONAS, suggest=True)
    settings = argilla.Settings.from_json(tmp_path / ".argilla" / "settings.json")
    settings.validate()
    assert [question.name for question in settings.questions] == ["preference", "reason"]
    records = _io.JsonIO._records_from_json(tmp_path / "records.json")
    assert [record.metadata["verdict"] for record in records] == ["revision", "original", "tie", "refused"]
    assert records[0].api_model().fields["persona"] == "I am Ann."


def test_the_dataset_folder_has_splits_and_a_filled_card(tmp_path):
    write_hf(tmp_path, preferences(PAIRS, JUDGEMENTS), PERSONAS, SPLITS, FACTS)
    assert pl.read_parquet(tmp_path / "data" / "train-*.parquet").height == 2
    test = pl.read_parquet(tmp_path / "data" / "test-*.parquet")
    assert test["pair_id"].unique().to_list() == ["y"]
    # On a tie neither answer is chosen, and both can still be read.
    assert test.select("verdict", "chosen", "original", "revision").rows() == [
        ("tie", None, "Original y.", "Revision y."),
        ("refused", None, "Original y.", "Revision y."),
    ]
    assert pl.read_parquet(tmp_path / "personas" / "*.parquet")["persona_id"].to_list() == ["ann", "bob"]
    assert "person_id" not in pl.read_parquet(tmp_path / "personas" / "*.parquet").columns
    read = header(tmp_path)
    assert (read["license"], read["pretty_name"]) == ("apache-2.0", "A test: with a colon")
    assert read["size_categories"] == ["n<1K"]
    assert read["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train-*.parquet"},
        {"split": "test", "path": "data/test-*.parquet"},
    ]
    card = (tmp_path / "README.md").read_text()
    assert "{{" not in card and "{%" not in card
    for line in ("| tie | 1 |", "| refused | 1 |", "| `margin` | number | log-odds", "@article{castricato"):
        assert line in card
    sections = [line for line in card.splitlines() if line.startswith("## ")]
    assert [*map(str.strip, sections)] == [
        *("## What a row is", "## How it was made", "## How far to trust it", "## Limitations"),
        *("## Personal data", "## Sources and licences", "## Citation"),
    ]


def test_every_column_of_the_table_is_explained_in_the_card(tmp_path):
    write_hf(tmp_path, preferences(PAIRS, JUDGEMENTS), PERSONAS, SPLITS, FACTS)
    card = (tmp_path / "README.md").read_text()
    rows = [line.split("|") for line in card.splitlines() if line.startswith("| `")]
    assert [row[1].strip(" `") for row in rows] == preferences(PAIRS, JUDGEMENTS).columns
    assert all(row[3].strip() for row in rows)


def test_a_pairs_own_split_comes_before_its_prompts(tmp_path):
    pairs = PAIRS.with_columns(split=pl.Series(["held_out", None], dtype=pl.String))
    write_hf(tmp_path, preferences(pairs, JUDGEMENTS), PERSONAS, SPLITS, FACTS)
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [
        *("held_out-00000-of-00001.parquet", "test-00000-of-00001.parquet")
    ]
    odd = PAIRS.with_columns(split=pl.lit("validation"))
    with pytest.raises(DataError, match="'validation' is no split"):
        write_hf(tmp_path, preferences(odd, JUDGEMENTS), PERSONAS, SPLITS, FACTS)


def test_a_card_with_a_hole_stops_the_export_and_what_was_there_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 1)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref")
    write("hf", tmp_path, feedback())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert tmp_path / "data" / "train-00001-of-00002.parquet" in before
    for name in FACTS:
        with pytest.raises(DataError, match=f"column {name}: the card wants this fact"):
            write("hf", tmp_path, feedback(facts={**FACTS, name: " "}))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    # A smaller export leaves no shard of the larger one, and what is not ours alone.
    monkeypatch.setattr(dataset, "SHARD", 10)
    write("hf", tmp_path, feedback())
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [
        *("test-00000-of-00001.parquet", "train-00000-of-00001.parquet")
    ]
    assert (tmp_path / ".git" / "HEAD").read_text() == "ref"
    assert not [p for p in tmp_path.parent.iterdir() if p.name.startswith(f".{tmp_path.name}.")]


def test_a_licence_that_is_none_of_the_hubs_has_a_name():
    read = yaml.safe_load(dataset_card([("train", 1)], {**FACTS, "licence_id": "other"}).split("---")[1])
    assert (read["license"], read["license_name"]) == ("other", "see-sources-and-licences")


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None, max_examples=50)
def test_any_title_gives_valid_yaml(title):
    card = dataset_card([("train", 1)], {**FACTS, "title": title})
    assert yaml.safe_load(card[4 : card.index("\n---\n")])["pretty_name"] == title


def test_the_audits_table_says_what_is_not_defined():
    nan = math.nan
    row = {"attribute": None, "level": 0.9, "n": 3, "clusters": 2, "method": "a|b"}
    rows = [
        {**row, "measure": "kappa", "arm": "x", "value": nan, "low": nan, "high": nan},
        {**row, "measure": "ties", "arm": "y", "value": 0.5, "low": 0.25, "high": 0.75},
        {**row, "attribute": "sex", "measure": "ties", "arm": "y", "value": 0.5, "low": 0.25, "high": 0.75},
    ]
    assert audits_table(pl.DataFrame(rows)).splitlines()[2:] == [
        "| kappa | x | not defined | none | 3 | 2 | a/b |",
        "| ties | y | 0.500 | 0.250 to 0.750 (90 %) | 3 | 2 | a/b |",
    ]


def test_the_hub_and_its_library_read_the_folder(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the package datasets is absent")
    pairs = PAIRS.with_columns(split=pl.Series(["held_out", "train"]))
    write("hf", tmp_path / "d", feedback(table=preferences(pairs, JUDGEMENTS)))
    loaded = datasets.load_dataset(str(tmp_path / "d"), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 2, "held_out": 2}
    people = datasets.load_dataset(str(tmp_path / "d"), "personas", cache_dir=str(tmp_path / "cache"))
    assert people["train"]["persona_id"][:] == ["ann", "bob"]
    for name in ("kto.jsonl", "kto.parquet"):
        write("trl-kto", tmp_path / name, feedback())
        kind = "parquet" if name.endswith("parquet") else "json"
        rows = datasets.load_dataset(kind, data_files=str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
        assert rows["train"]["label"][:] == [True, False, True, False]


def test_the_cards_header_is_one_the_hub_knows(tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is absent")
    write("hf", tmp_path, feedback())
    read = hub.DatasetCard.load(tmp_path / "README.md")
    assert (read.data.license, read.data.pretty_name) == ("apache-2.0", "A test: with a colon")
    assert read.data.to_dict()["configs"][1]["config_name"] == "personas"
