"""Pairs written for nobody: two samples of one model, or the answers of two."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.feedback.pairs import PAIR_SCHEMA, Pairs, Writing
from populace.feedback.sampling import AnswerPairs
from populace.models.records import Completion, Failure

PROMPTS = {"p": "Why?", "q": "How?"}
AUTHORS = pl.DataFrame(
    [("ann", "q", 0, "train"), ("ann", "p", 0, "train"), ("bob", "q", 1, "held_out")],
    schema=["author_id", "prompt_id", "repeat", "split"],
    orient="row",
)
WRITING = Writing(model="m", answer_tokens=9, temperature=0.7, seed=3)
OTHER = Writing(model="o", answer_tokens=9, temperature=0.7, seed=3)


def test_two_samples_a_row_prompt_by_prompt_and_no_persona_shown():
    plan = list(AnswerPairs(AUTHORS, PROMPTS, {}.get, WRITING).answers())
    asked = [(ask.messages[1].content, ask.sample) for ask in plan]
    # Ann's p first, then q: hers with samples 0 and 1, Bob's with 2 and 3.
    assert asked == [("Why?", 0), ("Why?", 1), ("How?", 0), ("How?", 1), ("How?", 2), ("How?", 3)]
    assert len({ask.key for ask in plan}) == 6
    assert {ask.messages[0].content for ask in plan} == {plan[0].messages[0].content}
    assert "person" not in plan[0].messages[0].content


def test_the_first_sample_is_the_answer_that_a_critique_would_be_about():
    # So a study that changes from one kind of pairs to the other pays for it once.
    revised = Pairs(AUTHORS, PROMPTS, {"ann": "", "bob": ""}, {}.get, WRITING)
    sampled = AnswerPairs(AUTHORS, PROMPTS, {}.get, WRITING)
    assert {ask.key for ask in revised.answers()} < {ask.key for ask in sampled.answers()}


def test_across_models_each_writes_one():
    pairs = AnswerPairs(AUTHORS, PROMPTS, {}.get, WRITING, OTHER)
    first, second = list(pairs.answers()), list(pairs.others())
    assert [ask.model for ask in first + second] == ["m"] * 3 + ["o"] * 3
    assert [ask.sample for ask in first] == [ask.sample for ask in second] == [0, 0, 1]
    assert (pairs.calls, pairs.height) == (3, 3)


@settings(deadline=None, max_examples=40)
@given(
    outcomes=st.lists(
        st.sampled_from(["ok", "cut", "blank", "refusal", "failure", None]), min_size=6, max_size=6
    )
)
@pytest.mark.parametrize("other", [None, OTHER])
def test_a_pair_is_whole_or_left_out(other, outcomes):
    found = {}
    pairs = AnswerPairs(AUTHORS, PROMPTS, found.get, WRITING, other)
    plan = [*pairs.answers(), *pairs.others()]
    for place, (ask, outcome) in enumerate(zip(plan, outcomes, strict=True)):
        if outcome == "failure":
            found[ask.key] = Failure(key=ask.key, boundary="server", message="", retryable=True)
        elif outcome:
            finish = {"cut": "length", "refusal": "refusal"}.get(outcome, "stop")
            text = " \n" if outcome == "blank" else f" Two\nwords{place} "
            found[ask.key] = Completion(key=ask.key, text=text, finish=finish)
    # Places in the plan of the two answers to each row of AUTHORS.
    places = [(2, 3), (0, 1), (4, 5)] if other is None else [(1, 4), (0, 3), (2, 5)]
    expected = [
        (
            author,
            prompt,
            split,
            f"Two\nwords{one}",
            f"Two\nwords{two}",
            outcomes[one] == "cut",
            outcomes[two] == "cut",
        )
        for (author, prompt, _, split), (one, two) in zip(AUTHORS.iter_rows(), places, strict=True)
        if {outcomes[one], outcomes[two]} <= {"ok", "cut"}
    ]
    table = pairs.table()
    assert dict(table.schema) == PAIR_SCHEMA
    columns = ("author_id", "prompt_id", "split", "original", "revision", "original_cut", "revision_cut")
    assert table.select(columns).rows() == expected
    for row in table.iter_rows(named=True):
        assert row["prompt"] == PROMPTS[row["prompt_id"]]
        assert (row["original_words"], row["revision_words"], row["critique"]) == (2, 2, None)
        assert (row["model"], row["revision_model"]) == ("m", "o" if other else "m")
        assert (row["original_origin"], row["revision_origin"]) == ("answer", "answer")
        assert row["identical"] is False
    assert table["pair_id"].is_unique().all()
    # Read back in another process, where no key was kept, it is the same table.
    assert AnswerPairs(AUTHORS, PROMPTS, found.get, WRITING, other).table().equals(table)


def test_equal_samples_are_marked():
    pairs = AnswerPairs(AUTHORS, PROMPTS, lambda key: Completion(key=key, text="Same."), WRITING)
    assert pairs.table()["identical"].all()


@pytest.mark.parametrize(
    ("authors", "writing", "other", "message"),
    [
        (AUTHORS.drop("repeat"), WRITING, None, "two pairs would share their answers"),
        (AUTHORS, Writing(model="m"), None, "temperature 0 are one answer"),
        (AUTHORS, WRITING, WRITING, "m is no other model"),
    ],
)
def test_what_cannot_make_two_answers_is_refused(authors, writing, other, message):
    with pytest.raises(DataError, match=message):
        AnswerPairs(authors, PROMPTS, {}.get, writing, other)
