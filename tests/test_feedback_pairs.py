"""Pairs: three stages, each built from the answers before it; what failed is left out and nothing else."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.feedback.pairs import Pairs, Writing
from populace.feedback.templating import render
from populace.models.records import Completion, Failure

PROMPTS = {"p": "Why?", "q": "How?", "r": "Who?"}
PROFILES = {"ann": "I am Ann.", "bob": "I am {{ Bob }}."}
AUTHORS = pl.DataFrame(
    [("ann", "p"), ("ann", "q"), ("bob", "q"), ("bob", "r")], schema=["author_id", "prompt_id"], orient="row"
)
WRITING = Writing(model="m", answer_tokens=9, critique_tokens=5, temperature=0.7, seed=3)
OUTCOMES = ("ok", "cut", "refusal", "blank", "failure", None)


def result(key, outcome):
    """A finished call of one kind; its text is told by its key."""
    if outcome == "failure":
        return Failure(key=key, boundary="server", message="", retryable=True)
    finish = {"cut": "length", "refusal": "refusal"}.get(outcome, "stop")
    return Completion(key=key, text="  \n" if outcome == "blank" else f" Text {key[:4]}. ", finish=finish)


@settings(deadline=None)
@given(st.data())
def test_a_pair_is_whole_or_left_out(data):
    found = {}
    pairs = Pairs(AUTHORS, PROMPTS, PROFILES, found.get, WRITING)

    def answer(stage):
        """Answer a stage, each request with a drawn outcome; return its keys that came back as text."""
        plan = list(stage())
        for request in plan:
            outcome = data.draw(st.sampled_from(OUTCOMES))
            if outcome is not None:
                found[request.key] = result(request.key, outcome)
        assert [request.key for request in stage()] == [request.key for request in plan]
        return [r for r in plan if getattr(found.get(r.key), "finish", "refusal") != "refusal" and text(r)]

    def text(request):
        return found[request.key].text.strip()

    answered = {request.messages[1].content: text(request) for request in answer(pairs.answers)}
    expected = [(a, p) for a, p in AUTHORS.iter_rows() if PROMPTS[p] in answered]
    assert len(list(pairs.critiques())) == len(expected)
    asked = dict(zip((r.key for r in pairs.critiques()), expected, strict=True))
    critiques = {asked[r.key]: text(r) for r in answer(pairs.critiques)}
    asked = dict(
        zip((r.key for r in pairs.revisions()), (e for e in expected if e in critiques), strict=True)
    )
    revisions = {asked[r.key]: r for r in answer(pairs.revisions)}
    table = pairs.table()
    assert table.select("author_id", "prompt_id").rows() == [e for e in expected if e in revisions]
    for row in table.iter_rows(named=True):
        of = row["author_id"], row["prompt_id"]
        assert (row["original"], row["critique"]) == (answered[PROMPTS[of[1]]], critiques[of])
        assert row["revision"] == text(revisions[of])
        assert row["revision_cut"] == (found[revisions[of].key].finish == "length")
    # Read back in another process, where no key was kept, it is the same table.
    assert Pairs(AUTHORS, PROMPTS, PROFILES, found.get, WRITING).table().equals(table)


def test_requests_by_hand():
    found = {}
    pairs = Pairs(AUTHORS, PROMPTS, PROFILES, found.get, WRITING)
    answers = list(pairs.answers())
    assert [r.messages[1].content for r in answers] == ["Why?", "How?", "Who?"]
    assert {(r.max_tokens, r.temperature, r.seed, r.model) for r in answers} == {(9, 0.7, 3, "m")}
    found |= {r.key: Completion(key=r.key, text="Braces {{ prompt }} stay.") for r in answers}
    critiques = list(pairs.critiques())
    assert [("Ann" in r.messages[0].content) for r in critiques] == [True, True, False, False]
    # What a model or a profile says is data: nothing in it is filled in.
    assert "I am {{ Bob }}." in critiques[2].messages[0].content
    assert (
        critiques[2]
        .messages[1]
        .content.startswith("Question: How?\n\nDraft answer: Braces {{ prompt }} stay.")
    )
    assert {r.max_tokens for r in critiques} == {5}


def test_a_template_with_a_value_missing_is_an_error():
    with pytest.raises(KeyError, match="second"):
        render("judge", {"prompt": "Why?", "first": "A."})
