"""The built-in questions: how many, how spread, how different, and that they stay what they are."""

from __future__ import annotations

import ast
import csv
import itertools
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from populace.canonical import content_hash
from populace.prompts import GRADES, SCHEMA, Prompt, filter, load, split_of, to_frame, topics
from populace.prompts.records import TEST_SHARE, clean

PRISM = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "prism"
TABLE = load("builtin")
TEXTS = TABLE["text"].to_list()


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def test_columns_are_the_contract() -> None:
    assert TABLE.schema == SCHEMA
    assert TABLE["source"].unique().to_list() == ["populace"]
    assert TABLE["licence"].unique().to_list() == ["Apache-2.0"]
    assert TABLE.null_count().sum_horizontal().item() == 0


def test_every_topic_has_at_least_twelve_questions() -> None:
    counts = Counter(TABLE["topic"])
    assert counts.keys() == topics().keys()
    assert len(counts) == 23
    assert min(counts.values()) >= 12
    assert TABLE.height >= 330


def test_topics_answer_to_prism_clusters() -> None:
    # PRISM numbers its clusters 0 to 21 and its outliers -1.
    assert sorted(topics().values()) == list(range(-1, 22))


def test_topic_names_share_a_word_stem_with_prisms_clusters() -> None:
    file = PRISM / "opening_prompt_cluster_df_original.csv"
    if not file.exists():
        pytest.skip("PRISM's cluster file is not on this machine")

    def stems(text: str) -> set[str]:
        return {word[:6] for word in words(text) - {"and"}}

    with file.open(encoding="utf-8") as handle:
        told = {
            int(row["cluster_id"]): stems(row["gpt_description"] + row["top_words"])
            for row in csv.DictReader(handle)
        }
    assert all(stems(name) & told[cluster] for name, cluster in topics().items() if cluster >= 0)


def test_all_pass_the_papers_filters_on_form() -> None:
    kept, report = filter(TABLE)
    assert kept.equals(TABLE)
    assert sum(step.removed for step in report.steps) == 0
    assert all(text.endswith("?") and text.count("?") == 1 for text in TEXTS)
    assert max(len(text.split()) for text in TEXTS) <= 40
    assert all(text == clean(text) and "  " not in text for text in TEXTS)


def test_no_two_questions_are_near_duplicates() -> None:
    tokens = [words(text) for text in TEXTS]
    close = [
        (TEXTS[i], TEXTS[j])
        for (i, a), (j, b) in itertools.combinations(enumerate(tokens), 2)
        if jaccard(a, b) >= 0.6
    ]
    assert not close


def test_openings_vary() -> None:
    first = Counter(text.split()[0] for text in TEXTS)
    assert first.most_common(1)[0][1] / len(TEXTS) < 0.25
    assert len(first) >= 30


def test_every_grade_is_used() -> None:
    counts = Counter(TABLE["controversy"])
    assert all(counts[grade] > 0.1 * TABLE.height for grade in range(len(GRADES))), counts


def test_split_shares() -> None:
    # 94 of 400; binomial standard error at 22.4 % is 2.1 points.
    share = TABLE["split"].eq("test").mean()
    assert isinstance(share, float)
    assert abs(share - TEST_SHARE) < 0.03
    counts = Counter(zip(TABLE["topic"], TABLE["split"], strict=True))
    assert all(2 <= counts[topic, "test"] <= 6 for topic in topics())


def test_design_note_counts_are_those_of_the_data() -> None:
    note = Path(__file__).resolve().parents[1] / "docs" / "design" / "prompts.md"
    rows = re.findall(
        r"^\| ([A-Z][^|]+) \|((?: *-?\d+ \|){7})$", note.read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name: [int(cell) for cell in cells.split("|")[:-1]] for name, cells in rows}
    counted = {
        name: [
            cluster,
            *(TABLE.filter(topic=name, controversy=grade).height for grade in range(4)),
            *(TABLE.filter(topic=name, split=split).height for split in ("train", "test")),
        ]
        for name, cluster in topics().items()
    }
    assert told == counted


@pytest.mark.parametrize(
    ("text", "prompt_id", "split"),
    [
        ("Is a lie ever kind?", "23352f27445340d9bc6f8b915b10bdf5", "train"),
        (
            "Should we build more nuclear plants to bring emissions down?",
            "73bdbe28a0500369a12d2d8de0cd72b9",
            "test",
        ),
        (
            "Am I being cheap if I leave nothing for the hotel housekeeper?",
            "7d1607aeb54e87e20dae47da9878ba5a",
            "train",
        ),
    ],
)
def test_ids_and_splits_never_move(text: str, prompt_id: str, split: str) -> None:
    row = TABLE.filter(TABLE["text"] == text).row(0, named=True)
    assert (row["prompt_id"], row["split"]) == (prompt_id, split)


def test_ids_are_distinct_and_come_from_the_text_alone() -> None:
    assert TABLE["prompt_id"].n_unique() == TABLE.height
    assert TABLE["prompt_id"].to_list() == [content_hash(text) for text in TEXTS]
    assert TABLE["split"].to_list() == [split_of(text) for text in TEXTS]


def test_none_is_close_to_a_prism_opening() -> None:
    file = PRISM / "opening_prompt_cluster_df_original.csv"
    if not file.exists():
        pytest.skip("PRISM's cluster file is not on this machine")
    with file.open(encoding="utf-8") as handle:
        theirs = [
            words(text) for row in csv.DictReader(handle) for text in ast.literal_eval(row["top_texts"])
        ]
    assert max(jaccard(words(text), other) for text in TEXTS for other in theirs) < 0.5


def test_a_prompt_is_frozen_and_a_repeated_text_is_one_prompt() -> None:
    prompt = Prompt(text="Who pays?", source="a", split="test")
    with pytest.raises(AttributeError):
        prompt.text = "Who?"  # pyright: ignore[reportAttributeAccessIssue]
    later = msgspec.structs.replace(prompt, source="b", split="train")
    assert to_frame([prompt, later])["source"].to_list() == ["a"]
