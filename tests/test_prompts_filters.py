"""The paper's filters, the word-list grade, and both on PRISM's own openings."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.errors import DataError
from populace.prompts import FilterStep, Prompt, filter, load, score, to_frame
from populace.prompts.records import clean

PRISM = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "prism"


def table(*texts: str, controversy: int | None = None) -> pl.DataFrame:
    return to_frame(
        Prompt(text=text, controversy=controversy, source="test", split="train") for text in texts
    )


def prism_openings() -> pl.DataFrame:
    """The five openings nearest the centre of each of PRISM's 23 clusters, with the cluster as topic."""
    file = PRISM / "opening_prompt_cluster_df_original.csv"
    if not file.exists():
        pytest.skip("PRISM's cluster file is not on this machine")
    with file.open(encoding="utf-8") as handle:
        return to_frame(
            Prompt(text=clean(text), topic=row["cluster_id"], source="PRISM", split="train")
            for row in csv.DictReader(handle)
            for text in ast.literal_eval(row["top_texts"])
        )


def test_each_filter_removes_what_it_names() -> None:
    frame = table(
        "Tell me about tax",  # no question mark (and four words: counted once, by the first filter)
        "Why do we pay tax",  # no question mark
        "Why tax?",  # two words
        "Why do we pay ?",  # four words: a lone mark is none
        "Why do we pay tax?",  # passes
        "¿Por qué pagamos tantos impuestos?",  # passes
    )
    kept, report = filter(frame)
    assert kept["text"].to_list() == ["Why do we pay tax?", "¿Por qué pagamos tantos impuestos?"]
    assert report.steps == (FilterStep("question mark", 2), FilterStep("at least 5 words", 2))
    assert (report.total, report.kept, report.scored) == (6, 2, 0)


def test_a_filter_not_asked_for_does_nothing() -> None:
    frame = table("Hello", "Why?")
    kept, report = filter(frame, question=False, min_words=0)
    assert kept.equals(frame)
    assert report.steps == ()
    assert str(report) == "2 of 2 prompts kept; removed: nothing asked"


def test_question_marks_of_other_scripts() -> None:
    assert filter(table("为什么？", "لماذا؟", "Why."), min_words=1)[1].kept == 2


def test_own_grade_wins_over_the_word_list() -> None:
    # The word list calls abortion divisive; a prompt graded 0 is 0 all the same.
    text = "Should abortion be legal everywhere?"
    assert score(pl.Series([text])).to_list() == [3]
    kept, report = filter(table(text, controversy=0), min_controversy=1)
    assert (kept.height, report.scored) == (0, 0)
    kept, report = filter(table(text), min_controversy=3)
    assert (kept.height, report.scored) == (1, 1)


def test_only_what_passed_the_earlier_filters_is_scored() -> None:
    _, report = filter(table("Abortion", "Should abortion be legal everywhere?"), min_controversy=2)
    assert report.scored == 1


@pytest.mark.parametrize(("min_words", "min_controversy"), [(-1, None), (5, 4), (5, -1)])
def test_bounds_out_of_range(min_words: int, min_controversy: int | None) -> None:
    with pytest.raises(DataError):
        filter(table("Why?"), min_words=min_words, min_controversy=min_controversy)


WORDS = st.sampled_from(["why", "should", "abortion", "tax", "?", "¿", "é", "3", "...", "or", "\t", "猫"])


@given(
    texts=st.lists(st.lists(WORDS, min_size=1, max_size=8).map(" ".join).filter(str.strip), max_size=12),
    grade=st.none() | st.integers(0, 3),
    question=st.booleans(),
    min_words=st.integers(0, 8),
    min_controversy=st.none() | st.integers(0, 3),
)
def test_kept_and_removed_make_the_total(
    texts: list[str], grade: int | None, question: bool, min_words: int, min_controversy: int | None
) -> None:
    frame = table(*texts, controversy=grade)
    kept, report = filter(frame, question, min_words, min_controversy)
    assert report.total == frame.height == kept.height + sum(step.removed for step in report.steps)
    assert report.kept == kept.height
    # A naive twin, one text at a time.
    expected = [
        text
        for text in frame["text"]
        if ("?" in text or not question)
        and sum(any(c.isalnum() for c in word) for word in text.split()) >= min_words
        and (
            min_controversy is None
            or (grade if grade is not None else score(pl.Series([text])).item()) >= min_controversy
        )
    ]
    assert kept["text"].to_list() == expected


def test_score_by_hand() -> None:
    # Highest term in the text, one grade less where no judgement is asked; judgement alone is mild.
    expected = {
        "Should guns be sold online?": 3,  # divisive term, judgement
        "Where were guns invented?": 2,  # divisive term, a fact
        "Is it fair to tax bread?": 2,  # contested term, judgement
        "When does congress meet?": 1,  # contested term, a fact
        "Should my boss call me?": 1,  # mild term, judgement
        "Where does my boss live?": 0,  # mild term, a fact
        "Should I?": 1,  # judgement alone
        "Where is Paris?": 0,
        "SHOULD GUNS BE SOLD?": 3,  # capitals count for nothing
        "Shouldn’t guns be sold?": 3,  # nor do typographic apostrophes
        "Where is the begun statue?": 0,  # terms are whole words
    }
    assert score(pl.Series(list(expected))).to_list() == list(expected.values())
    assert score(pl.Series([], dtype=pl.String)).len() == 0


def test_agreement_of_the_word_list_with_our_grades_is_as_documented() -> None:
    from sklearn.metrics import cohen_kappa_score

    # docs/design/prompts.md states these figures; a change of list or questions must change them there.
    frame = load("builtin")
    frame = frame.with_columns(scored=score(frame["text"]))

    def kappa(part: pl.DataFrame) -> float:
        return cohen_kappa_score(part["controversy"], part["scored"], weights="quadratic")

    assert kappa(frame) == pytest.approx(0.52, abs=0.005)
    assert kappa(frame.filter(pl.col("split") == "test")) == pytest.approx(0.54, abs=0.005)
    for bound, documented in ((1, 0.13), (2, 0.45)):
        agreement = cohen_kappa_score(frame["controversy"] >= bound, frame["scored"] >= bound)
        assert agreement == pytest.approx(documented, abs=0.005)
    assert (frame["controversy"] == frame["scored"]).mean() == pytest.approx(0.54, abs=0.005)


def test_filters_on_prisms_openings() -> None:
    frame = prism_openings()
    assert frame.height == 115
    kept, report = filter(frame, min_controversy=1)
    assert [step.removed for step in report.steps] == [45, 3, 20]
    assert (kept.height, report.scored) == (47, 67)


def test_word_list_tells_prisms_contested_clusters_from_its_everyday_ones() -> None:
    from sklearn.metrics import roc_auc_score

    # Abortion, war, Israel-Palestine, death, religion, climate, economy, gender, elections, immigration, race
    # against greetings, holidays, animals, cooking, health, weather, popular culture, travel, jobs.
    contested, everyday = {1, 2, 3, 4, 6, 11, 12, 13, 17, 20, 21}, {0, 5, 7, 8, 9, 10, 14, 16, 18}
    frame = prism_openings()
    cluster = frame["topic"].cast(pl.Int64)
    frame = frame.with_columns(contested=cluster.is_in(contested), scored=score(frame["text"]))
    frame = frame.filter(cluster.is_in(contested | everyday))
    assert frame.height == 100
    assert roc_auc_score(frame["contested"], frame["scored"]) == pytest.approx(0.88, abs=0.005)
