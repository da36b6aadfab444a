"""Plan, progress, manifest and tables: what a run says about itself."""

from __future__ import annotations

import io
import json
import math
import re

import msgspec
import polars as pl
import pytest

from populace.canonical import content_hash, file_hash
from populace.errors import DataError
from populace.models import Choice, ChooseRequest, Completion, Failure, GenerateRequest, Message, Price, Usage
from populace.models.scripted import Scripted
from populace.run import (
    Journal,
    ProgressLine,
    Record,
    RunStats,
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
from populace.run import progress as progress_module
from populace.run.tables import CALLS_SCHEMA

MODEL = "scripted@1/exact"


def ask(text: str, max_tokens: int = 10) -> GenerateRequest:
    return GenerateRequest(model=MODEL, messages=(Message("user", text),), max_tokens=max_tokens)


def record(result, stage="s", seconds=1.0, at=1.0, dollars=None) -> Record:
    return Record(stage=stage, result=result, seconds=seconds, at=at, dollars=dollars)


# Plan


async def test_plan_counts_what_is_left(tmp_path):
    pick = ChooseRequest(model=MODEL, messages=(Message("user", "x" * 400),), options=("yes!", "no!!!"))
    plan = [ask("a" * 400), ask("b" * 401), ask("b" * 401), pick]
    model = Scripted(price=Price(input=10.0, output=100.0))
    stages = [
        Stage(name="first", requests=lambda: plan),
        StageEstimate(name="second", calls=8, prompt_tokens=800, completion_tokens_max=80),
    ]
    speed = Throughput(prompt_tokens_per_second=100, completion_tokens_per_second=2)
    with Journal(tmp_path) as journal:
        await execute([plan[0]], model, journal, stage="first")
        await execute([ask(str(i)) for i in range(2)], model, journal, stage="second")
        summary = summarise(stages, model, journal, throughput=speed)
    first, second = summary.stages
    assert (first.calls, first.done) == (3, 1)
    # b: 401 characters are 101 tokens. The choice: 100 of message, 1 of "yes!", 2 of "no!!!".
    assert first.prompt_tokens == 101 + 103
    assert first.completion_tokens_max == 10 + 1
    assert first.dollars_low == pytest.approx(204 * 10 / 1e6)
    assert first.dollars_high == pytest.approx((204 * 10 + 11 * 100) / 1e6)
    assert first.seconds_low == pytest.approx(2.04)
    assert first.seconds_high == pytest.approx(2.04 + 5.5)
    # Two of eight are done, so three quarters are left.
    assert (second.calls, second.done, second.prompt_tokens, second.completion_tokens_max) == (8, 2, 600, 60)
    total = summary.total
    assert (total.calls, total.done, total.prompt_tokens) == (11, 3, 804)
    assert total.dollars_high == pytest.approx((804 * 10 + 71 * 100) / 1e6)
    assert summary.tokens_by == "4 characters a token"
    assert summary.rows()[-1][:4] == ("total", "11", "3", "804")


def test_plan_asks_nothing_and_uses_the_providers_tokenizer():
    class Counting(Scripted):
        def count_tokens(self, text: str) -> int:
            return len(text.split())

    model = Counting()
    summary = summarise([Stage(name="s", requests=lambda: [ask("three short words")])], model)
    assert summary.total.prompt_tokens == 3
    assert summary.tokens_by == "the model's tokenizer"
    assert not model.asked


def test_unknown_is_never_zero_and_free_is_not_unknown():
    stage = StageEstimate(name="s", calls=1, prompt_tokens=0, completion_tokens_max=0)
    unknown = summarise([stage], Scripted(price=None))
    assert unknown.total.dollars_low is None
    assert [row[5:] for row in unknown.rows()[1:]] == [("unknown", "unknown")] * 2
    free = summarise([stage], Scripted(price=Price(input=0, output=0)))
    assert free.total.dollars_high == 0
    assert free.rows()[1][5:] == ("$0.00", "unknown")


def test_an_empty_plan():
    assert summarise([], Scripted()).rows()[1][:3] == ("total", "0", "0")


# Progress


def test_format_of_the_first_moment_and_the_last():
    assert format_progress(RunStats(stage="s"), 5) == "s: 0/5 (0 %), 0 tokens, $0.000"
    done = RunStats(stage="s", answered=4, reused=1, seconds=2, dollars=None)
    assert format_progress(done, 5) == "s: 5/5 (100 %), 2.0/s, 0 tokens, cost unknown"


def test_reused_answers_do_not_flatter_the_rate():
    # 10 calls in 10 s are 1/s; 80 of 100 are left after 10 reused ones.
    stats = RunStats(stage="s", answered=10, reused=10, seconds=10)
    assert "1.0/s, 1 min 20 s left" in format_progress(stats, 100)


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
