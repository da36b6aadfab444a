"""Plan, progress, manifest and tables: what a run says about itself."""

from __future__ import annotations

import io
import json
import math
import re
from itertools import takewhile

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.canonical import content_hash, file_hash
from populace.errors import DataError
from populace.models import Choice, ChooseRequest, Completion, Failure, GenerateRequest, Message, Price, Usage
from populace.models.protocol import Quota
from populace.models.scripted import Scripted
from populace.run import (
    Budget,
    Journal,
    ProgressLine,
    Record,
    RunStats,
    Sample,
    Stage,
    StageEstimate,
    Throughput,
    calls_frame,
    execute,
    format_progress,
    read_manifest,
    summarise,
    write_calls,
    write_manifest,
)
from populace.run import plan as plan_module
from populace.run import progress as progress_module
from populace.run.manifest import note_estimates, timed
from populace.run.progress import budget_share
from populace.run.tables import CALLS_SCHEMA
from populace.run.tokens import Counter, _approximate, _common

MODEL = "scripted@1/exact"


def ask(text: str, max_tokens: int = 10) -> GenerateRequest:
    return GenerateRequest(model=MODEL, messages=(Message("user", text),), max_tokens=max_tokens)


def record(result, stage="s", seconds=1.0, at=1.0, dollars=None) -> Record:
    return Record(stage=stage, result=result, seconds=seconds, at=at, dollars=dollars)


# Plan


def text(characters: int) -> str:
    return "x" * characters


async def test_plan_counts_what_is_left(tmp_path):
    pick = ChooseRequest(model=MODEL, messages=(Message("user", text(330)),), options=(text(33), text(66)))
    plan = [ask(text(100)), ask(text(495)), ask(text(495)), pick]
    model = Scripted(price=Price(input=10.0, output=100.0))
    stages = [
        Stage(name="first", requests=lambda: plan),
        StageEstimate(
            name="second",
            parts=(
                Sample(calls=6, requests=lambda: [ask(text(330))], written=7),
                Sample(calls=2, requests=lambda: [ask(text(165)), ask(text(495))]),
            ),
        ),
    ]
    speed = Throughput(prompt_tokens_per_second=100, completion_tokens_per_second=2)
    with Journal(tmp_path) as journal:
        await execute([plan[0]], model, journal, stage="first")
        await execute([ask(str(i)) for i in range(2)], model, journal, stage="second")
        summary = summarise(stages, model, journal, throughput=speed)
    first, second = summary.stages
    assert (first.calls, first.done, first.left, first.measured) == (3, 1, 2, 2)
    # At 5 bytes a token 495 are 99 and 330 + 33 + 66 are 85.8, at 3.3 they are 150 and 130. The template
    # adds 4 a message and 3 a call, at most 6 and 30. A model that scores text writes nothing to choose.
    assert first.prompt_tokens_low == round(99 + 7 + 85.8 + 7)
    assert first.prompt_tokens_high == 150 + 36 + 130 + 36
    # The long text begins with the 100 characters of the one before, the choice with 330 of its.
    assert first.shared_tokens == 20 + 66
    assert first.completion_tokens_max == 10
    assert first.dollars_low == pytest.approx(198.8 * 10 / 1e6)
    assert first.dollars_high == pytest.approx((352 * 10 + 10 * 100) / 1e6)
    assert first.seconds_low == pytest.approx((198.8 - 86) / 100)
    assert first.seconds_high == pytest.approx(3.52 + 5)
    # Of the sample: 6 * (66 + 7) and 2 * (66 + 7), at most 6 * (100 + 36 + 7) and 2 * (100 + 36).
    # Two of eight calls are done, so three quarters are left.
    assert (second.calls, second.done, second.measured) == (8, 2, 3)
    assert second.prompt_tokens_low == round(0.75 * 8 * 73)
    assert second.prompt_tokens_high == round(0.75 * (6 * 143 + 2 * 136))
    assert second.completion_tokens_max == 60
    # The second of the two sampled requests of the last part begins with 165 characters of the first.
    assert second.shared_tokens == round(0.75 * 2 * 33 / 2)
    total = summary.total
    assert (total.name, total.calls, total.done) == ("total", 11, 3)
    assert total.prompt_tokens_low == first.prompt_tokens_low + second.prompt_tokens_low
    assert total.dollars_high == pytest.approx(first.dollars_high + second.dollars_high)
    assert summary.tokens_by == "3.3 to 5 bytes a token"
    assert summary.rows()[-1][:3] == ("total", "11", "3")


def test_cached_input_makes_the_low_end_and_no_other():
    model = Scripted(price=Price(input=10.0, output=100.0, cached_input=1.0))
    plan = [ask(text(500)), ask(text(500) + "y" * 500)]
    stage = summarise([Stage(name="s", requests=lambda: plan)], model).total
    # 500 / 5 + 7 and 1000 / 5 + 7 tokens; of the second, half of its 200 are those of the first.
    assert (stage.prompt_tokens_low, stage.shared_tokens) == (314, 100)
    assert stage.dollars_low == pytest.approx((214 * 10 + 100 * 1) / 1e6)
    assert stage.dollars_high == pytest.approx((1500 / 3.3 + 72) * 10 / 1e6 + 20 * 100 / 1e6)


class Counting(Scripted):
    """Has a tokenizer of its own."""

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def test_plan_asks_nothing_and_uses_the_providers_tokenizer():
    model = Counting()
    summary = summarise([Stage(name="s", requests=lambda: [ask("three short words")])], model)
    # The texts are exact, what the template adds is not.
    assert (summary.total.prompt_tokens_low, summary.total.prompt_tokens_high) == (3 + 4 + 3, 3 + 6 + 30)
    assert summary.tokens_by == "the model's tokenizer"
    assert not model.asked


def test_a_model_that_samples_its_choice_writes_one_token_and_is_not_sent_the_options():
    pick = ChooseRequest(model=MODEL, messages=(Message("user", "one two"),), options=("three", "four"))
    total = summarise([Stage(name="s", requests=lambda: [pick])], Counting(scores_text=False)).total
    assert (total.prompt_tokens_low, total.completion_tokens_max) == (2 + 4 + 3, 1)


def test_time_from_what_the_journal_has_seen(tmp_path):
    stages = [
        StageEstimate(name=name, parts=(Sample(calls=110, requests=lambda: [ask("a")]),)) for name in "ab"
    ]
    results = [Completion(key=content_hash(i), text="", usage=Usage()) for i in range(10)]
    with Journal(tmp_path) as journal:
        before = summarise(stages, Scripted(concurrency=32), journal)
        journal.append([record(result, stage="a", seconds=3.2) for result in results])
        wide = summarise(stages, Scripted(concurrency=32), journal)
        narrow = summarise(stages, Scripted(concurrency=4), journal)
    assert before.total.seconds_low is before.total.seconds_high is None
    a, b = wide.stages
    # 100 calls of 3.2 s are left: 10 s with 32 in flight, 40 s with the 8 that a run starts with.
    assert (a.seconds_low, a.seconds_high) == pytest.approx((10, 40))
    # The other stage has no calls yet; it asks the same model, so its calls are taken to be alike.
    assert (b.seconds_low, b.seconds_high) == pytest.approx((11, 44))
    assert (narrow.stages[0].seconds_low, narrow.stages[0].seconds_high) == pytest.approx((80, 80))


def test_no_run_is_faster_than_its_quota():
    stage = StageEstimate(name="s", parts=(Sample(calls=100, requests=lambda: [ask(text(465))]),))
    # 100 calls at 50 a minute are 2 minutes, 100 * (93 + 7) tokens at 1,000 a minute are 10.
    by_calls = summarise([stage], Scripted(quota=Quota(requests=50))).total
    by_tokens = summarise([stage], Scripted(quota=Quota(requests=50, tokens=1000))).total
    assert (by_calls.seconds_low, by_calls.seconds_high) == (120, None)
    assert by_tokens.seconds_low == pytest.approx(600)
    assert summarise([stage], Scripted(quota=Quota(requests=50))).rows()[1][-1] == "at least 2 min 0 s"
    fast = Throughput(prompt_tokens_per_second=1e9, completion_tokens_per_second=1e9)
    slowed = summarise([stage], Scripted(quota=Quota(requests=50)), throughput=fast).total
    assert slowed.seconds_low == slowed.seconds_high == 120


def test_a_long_stage_is_measured_on_a_sample_and_counted_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_module, "MEASURED", 200)
    lengths = np.random.default_rng(5).integers(100, 900, 3000)
    plan = [ask(f"{i} " + text(n)) for i, n in enumerate(lengths)]
    with Journal(tmp_path) as journal:
        journal.append([record(Completion(key=each.key, text="")) for each in plan[:700]])
        stage = summarise([Stage(name="s", requests=lambda: plan + plan[:50])], Scripted(), journal).total
        again = summarise([Stage(name="s", requests=lambda: plan)], Scripted(), journal).total
    assert (stage.calls, stage.done) == (3000, 700)
    assert 100 <= stage.measured <= 200
    truth = sum(len(each.messages[0].content) / 5 + 7 for each in plan[700:])
    # The mean of 100 draws of a length with a coefficient of variation of 0.43 is within 13 % thrice in 1000.
    assert stage.prompt_tokens_low == pytest.approx(truth, rel=0.13)
    assert again == stage


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_common_beginning_is_that_of_a_loop(one, other):
    naive = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    assert _common(one, other) == naive


@given(st.lists(st.text(max_size=40), max_size=5))
def test_a_size_is_ordered_and_adds_up(texts):
    requests = [ask(each) for each in texts]
    counter = Counter(Scripted())
    size = counter.total(requests)
    assert 0 <= size.shared <= size.prompt_low <= size.prompt_high
    assert size.prompt_low == pytest.approx(sum(counter.size(each).prompt_low for each in requests))
    assert size.completion == 10 * len(texts)
    assert size.longest == max((counter.size(each).prompt_high for each in requests), default=0)


def test_bytes_of_other_scripts_count_apart():
    # Four Cyrillic letters are eight bytes: 8 / 9 to 8 / 2 tokens, besides 10 ASCII ones.
    assert _approximate("0123456789" + "мама") == pytest.approx((2 + 8 / 9, 10 / 3.3 + 4))


def test_unknown_is_never_zero_and_free_is_not_unknown():
    stage = StageEstimate(name="s", parts=(Sample(calls=1, requests=lambda: [ask("")]),))
    unknown = summarise([stage], Scripted(price=None))
    assert unknown.total.dollars_low is None and unknown.price is None
    assert [row[5:] for row in unknown.rows()[1:]] == [("unknown", "unknown")] * 2
    free = summarise([stage], Scripted(price=Price(input=0, output=0)))
    assert free.total.dollars_high == 0
    assert free.rows()[1][5:] == ("$0.00", "unknown")


def test_an_empty_plan():
    assert summarise([], Scripted()).rows()[1][:3] == ("total", "0", "0")
    empty = StageEstimate(name="s", parts=(Sample(calls=0, requests=list),))
    assert summarise([empty], Scripted()).total.prompt_tokens_high == 0


def test_a_sample_of_calls_must_hold_one():
    with pytest.raises(ValueError, match="no request"):
        summarise([StageEstimate(name="s", parts=(Sample(calls=3, requests=list),))], Scripted())


# Progress


def test_format_of_the_first_moment_and_the_last():
    assert format_progress(RunStats(stage="s"), 5) == "s: 0/5 (0 %), 0 tokens, $0.000"
    done = RunStats(stage="s", answered=4, reused=1, seconds=2, dollars=None)
    assert format_progress(done, 5) == "s: 5/5 (100 %), 2.0/s, 0 tokens, cost unknown"


def test_reused_answers_do_not_flatter_the_rate():
    # 10 calls in 10 s are 1/s; 80 of 100 are left after 10 reused ones.
    stats = RunStats(stage="s", answered=10, reused=10, seconds=10)
    assert "1.0/s, 1 min 20 s left" in format_progress(stats, 100)


def test_the_cost_at_the_end_counts_only_what_is_left_to_pay():
    # 10 answers cost $1; of 100 requests 60 were reused and 5 failed, so 25 more cost $2.50.
    stats = RunStats(stage="s", answered=10, reused=60, failed=5, seconds=10, dollars=1.0)
    assert "$1.000 of about $3.50" in format_progress(stats, 100)
    assert "of about" not in format_progress(stats, 75)
    assert "of about" not in format_progress(stats)


def test_what_went_wrong_and_what_is_waited_for():
    stats = RunStats(stage="s", failed=3, errors={"timeout": 1, "server": 2}, in_flight=3, limit=1200)
    stats.waiting = "server away"
    line = format_progress(stats, 10)
    assert "3 of 1,200 in flight, waiting: server away" in line
    assert line.endswith("3 failed (2 server; 1 timeout)")


def test_the_budget_is_that_of_all_stages(tmp_path):
    stream = io.StringIO()
    with Journal(tmp_path) as journal:
        for key, stage, dollars in ((1, "a", 1.0), (2, "b", 1.5)):
            done = Completion(key=content_hash(key), text="", usage=Usage(10, 10, 0))
            journal.append([record(done, stage, dollars=dollars)])
        budget = Budget(dollars=10.0, tokens=100)
        spent = lambda: budget_share(budget, journal.totals)  # noqa: E731
        with ProgressLine(5, spent=spent, stream=stream) as progress:
            progress(RunStats(stage="b", answered=1, seconds=1))
    # 40 of 100 tokens are nearer to the end than $2.50 of $10.
    assert "40 % of the budget" in stream.getvalue()


def test_plain_lines_are_few(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    with ProgressLine(100, stream=stream, every=5.0) as progress:
        for i in range(1, 101):
            clock[0] += 0.12
            progress(RunStats(stage="s", answered=i, seconds=clock[0]))
    # 100 steps of 0.12 s are 12 s: lines at about 5 s and 10 s, and one at the end.
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("s: 100/100 (100 %), 8.3/s")


def test_nothing_is_printed_where_nothing_ran():
    stream = io.StringIO()
    with ProgressLine(5, stream=stream):
        pass
    assert not stream.getvalue()


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with ProgressLine(4, stream=stream) as progress:
        progress(RunStats(stage="judge [a]", answered=4, seconds=2))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "━" in text and "judge [a]: 4/4 (100 %), 2.0/s" in text


# Manifest


async def test_manifest_says_what_ran_and_hashes_what_came_out(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        await execute([ask("a")], Scripted(price=Price(input=1e6, output=0)), journal, stage="answer")
        write_calls(journal, tmp_path / "calls.parquet")
        manifest = write_manifest(
            tmp_path / "manifest.json",
            study_hash="abc",
            models=[MODEL],
            seeds={"study": 3},
            journal=journal,
            tables=[tmp_path / "calls.parquet"],
        )
        totals = journal.totals["answer"]
    raw = json.loads((tmp_path / "manifest.json").read_bytes())
    assert raw["tables"] == {"calls.parquet": file_hash(tmp_path / "calls.parquet")}
    assert raw["stages"]["answer"] == msgspec.to_builtins(totals)
    assert raw["stages"]["answer"]["dollars"] == 1.0  # one word of prompt at $1 a token
    assert raw["seeds"] == {"study": 3} and raw["models"] == [MODEL] and raw["study_hash"] == "abc"
    assert raw["packages"]["polars"] == pl.__version__
    assert read_manifest(tmp_path / "manifest.json") == manifest


async def test_the_first_estimate_is_kept_beside_what_it_took(tmp_path):
    model = Scripted(price=Price(input=1e6, output=0))
    plan = [ask("a"), ask("b"), ask("c")]

    async def session(journal, some, model=model):
        note_estimates(journal, summarise([Stage(name="s", requests=lambda: plan)], model, journal))
        with timed(journal, "s"):
            await execute(some, model, journal, stage="s")

    def manifest(journal):
        names = {"study_hash": "abc", "models": [MODEL], "seeds": {}, "hashes": {"templates": "00"}}
        return write_manifest(tmp_path / "manifest.json", journal=journal, **names)

    with Journal(tmp_path) as journal:
        await session(journal, plan[:1])
        first = journal.notes("wall/")["wall/s"]
    with Journal(tmp_path) as journal:
        await session(journal, plan, Scripted(price=Price(input=2e6, output=0)))
        made = manifest(journal)
        noted = len(journal.path.read_bytes())
        await session(journal, plan, Scripted(price=Price(input=2e6, output=0)))
        assert len(journal.path.read_bytes()) == noted  # a session with nothing to ask changes nothing
        assert manifest(journal) == made == read_manifest(tmp_path / "manifest.json")
    # The first estimate was of all three calls: 3 * (1 / 5 + 7) to 3 * (1 / 3.3 + 36) tokens.
    expected = made.estimates["s"]
    assert (expected.left, expected.prompt_tokens_low, expected.prompt_tokens_high) == (3, 22, 109)
    assert made.wall_seconds["s"] >= first >= 0
    assert [price.high.input for price in made.prices[MODEL]] == [1e6, 2e6]
    assert made.hashes == {"templates": "00"}
    # One word of prompt a call: $1 at the first price, $2 and $2 at the second.
    assert made.stages["s"].dollars == 5.0
    header, row = made.comparison()
    assert header[0] == "stage" and row[:3] == ("s", "3 of 3", "3 of 22 to 109")
    assert row[4] == "$5.00 of $21.60 to $108.91"
    assert " of " not in row[5]  # no time was expected


async def test_time_is_kept_also_of_a_stage_that_was_cut_short(tmp_path):
    with Journal(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt), timed(journal, "s"):
            journal.append([record(Completion(key=content_hash(1), text=""), seconds=2.0)])
            raise KeyboardInterrupt
        assert journal.notes("wall/")["wall/s"] >= 0


def test_a_stage_without_an_estimate_is_told_as_it_was(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.append([record(Completion(key=content_hash(1), text="", usage=Usage(1200, 3, 0)))])
        written = write_manifest(
            tmp_path / "manifest.json", study_hash="", models=[], seeds={}, journal=journal
        )
    assert written.comparison()[1] == ("s", "1", "1,200", "3", "unknown", "unknown")


def test_a_missing_or_broken_manifest(tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json: there is no manifest here.*run the study first"):
        read_manifest(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text('{"populace": 1}')
    with pytest.raises(DataError, match="this is no manifest"):
        read_manifest(tmp_path / "manifest.json")


# Tables

RESULTS = [
    ("b", Completion(key=content_hash(1), text="One.", finish="length", usage=Usage(7, 3, 5))),
    ("b", Choice(key=content_hash(2), log_likelihoods=(-0.5, None), tokens=(1, 2), exact=False, text="A")),
    ("a", Failure(key=content_hash(3), boundary="timeout", message="no answer within 9 s", retryable=True)),
]


def test_calls_frame_by_hand(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([record(result, stage) for stage, result in RESULTS])
        frame = calls_frame(journal)
    assert frame.schema == pl.Schema(CALLS_SCHEMA)
    rows = {row["key"]: row for row in frame.iter_rows(named=True)}
    one, two, three = (rows[content_hash(i)] for i in (1, 2, 3))
    assert frame["stage"].to_list() == ["a", "b", "b"]
    assert one == {
        **dict.fromkeys(CALLS_SCHEMA),
        **{"key": content_hash(1), "stage": "b", "kind": "completion", "status": "ok", "text": "One."},
        **{"finish": "length", "prompt_tokens": 7, "completion_tokens": 3},
    }
    assert (two["log_likelihoods"], two["option_tokens"], two["exact"], two["text"]) == (
        [-0.5, None],
        [1, 2],
        False,
        "A",
    )
    assert (three["kind"], three["status"], three["error"]) == ("failure", "timeout", "no answer within 9 s")


def test_same_answers_same_bytes_whatever_the_order_and_the_clock(tmp_path):
    with Journal(tmp_path / "one") as journal:
        journal.append([record(result, stage) for stage, result in RESULTS])
        write_calls(journal, tmp_path / "one.parquet")
    with Journal(tmp_path / "two") as journal:
        for stage, result in reversed(RESULTS):
            journal.append(
                [record(Failure(key=result.key, boundary="server", message="", retryable=True), stage)]
            )
            journal.append([record(result, stage, seconds=math.pi, at=9e9, dollars=1.0)])
        write_calls(journal, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_an_empty_journal_gives_an_empty_table(tmp_path):
    with Journal(tmp_path) as journal:
        write_calls(journal, tmp_path / "calls.parquet")
    assert pl.read_parquet(tmp_path / "calls.parquet").schema == pl.Schema(CALLS_SCHEMA)


def test_chunks_do_not_show(tmp_path, monkeypatch):
    results = [Completion(key=content_hash(i), text=str(i)) for i in range(10)]
    with Journal(tmp_path) as journal:
        journal.append([record(result) for result in results])
        whole = calls_frame(journal)
        monkeypatch.setattr("populace.run.tables._CHUNK", 3)
        assert calls_frame(journal).equals(whole)
    assert whole["text"].to_list() == [r.text for r in sorted(results, key=lambda r: r.key)]
