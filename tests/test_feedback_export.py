"""Exports: preference rows, TRL rows, the dataset folder and its card."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest
import yaml

from populace.errors import DataError
from populace.feedback.export import preferences, trl_rows, write_hf, write_trl

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
    assert write_trl(tmp_path / "trl.jsonl", preferences(PAIRS, JUDGEMENTS), PROFILES) == 2
    lines = (tmp_path / "trl.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_a_way_that_was_not_used_is_an_error():
    with pytest.raises(DataError, match="likelihood"):
        preferences(PAIRS, JUDGEMENTS, way="likelihood")


def test_the_dataset_folder_has_splits_and_a_filled_card(tmp_path):
    facts = {
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
    personas = pl.DataFrame({"persona_id": ["ann", "bob", "cy"], "person_id": ["1", "2", "3"]})
    write_hf(tmp_path, preferences(PAIRS, JUDGEMENTS), personas, {"p": "train", "q": "test"}, facts)
    assert pl.read_parquet(tmp_path / "data" / "train-*.parquet").height == 2
    assert pl.read_parquet(tmp_path / "data" / "test-*.parquet")["pair_id"].unique().to_list() == ["y"]
    assert pl.read_parquet(tmp_path / "personas" / "*.parquet")["persona_id"].to_list() == ["ann", "bob"]
    card = (tmp_path / "README.md").read_text()
    header = card.split("---")[1]
    assert "license: apache-2.0" in header
    assert yaml.safe_load(header)["pretty_name"] == "A test: with a colon"
    assert "person_id" not in pl.read_parquet(tmp_path / "personas" / "*.parquet").columns
    assert "path: data/test-*.parquet" in header
    assert "{{" not in card
    assert "n<1K" in header
