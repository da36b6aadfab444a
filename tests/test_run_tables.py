"""`calls.parquet`: sorted, complete, the same bytes in any order, and written with little memory."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from populace.canonical import content_hash
from populace.models.records import Choice, Completion, Failure
from populace.run import Journal, Record, calls_frame, write_calls

LISTS = ("key", "log_likelihoods", "option_tokens")


def result(number: int):
    """One of three kinds, by number."""
    key = content_hash(number)
    if number % 3 == 0:
        return Completion(key=key, text=f"Text {number}")
    if number % 3 == 1:
        sizes = (0, 3, 2, 2, 2, 2, 2)  # mostly two options, as judges are asked
        options = sizes[number % len(sizes)]
        return Choice(key=key, log_likelihoods=(-1.5, None, 0.1)[:options], tokens=(number, 2, 3)[:options])
    return Failure(key=key, boundary="server", message="no", retryable=True)


def fill(folder, numbers):
    with Journal(folder) as journal:
        for number in numbers:
            stage = ("judgements", "answers")[number % 2]
            journal.append([Record(stage=stage, result=result(number), seconds=0.1, at=float(number))])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 40), unique=True), chunk=st.integers(1, 9), seed=st.randoms())
def test_any_order_and_any_chunk_give_the_same_bytes(tmp_path_factory, numbers, chunk, seed):
    folder = tmp_path_factory.mktemp("tables")
    shuffled = list(numbers)
    seed.shuffle(shuffled)
    fill(folder / "one", numbers)
    fill(folder / "two", shuffled)
    with Journal(folder / "one") as journal:
        write_calls(journal, folder / "one.parquet")
    with Journal(folder / "two") as journal, _chunked(chunk):
        write_calls(journal, folder / "two.parquet")
        frame = calls_frame(journal)
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()
    # Whole, sorted by stage and key as text, and read back as it was made.
    assert pl.read_parquet(folder / "one.parquet").equals(frame)
    named = [(("judgements", "answers")[number % 2], content_hash(number)) for number in numbers]
    assert frame.select("stage", "key").rows() == sorted(named)
    lists = {key: (likelihoods, tokens) for key, likelihoods, tokens in frame.select(LISTS).iter_rows()}
    for number in numbers:
        given = result(number)
        scores = (given.log_likelihoods, given.tokens) if isinstance(given, Choice) else (None, None)
        assert lists[given.key] == tuple(score if score is None else list(score) for score in scores)


class _chunked:  # noqa: N801
    """Set the rows held at a time."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __enter__(self) -> None:
        from populace.run import tables

        self.before, tables._CHUNK = tables._CHUNK, self.rows

    def __exit__(self, *_: object) -> None:
        from populace.run import tables

        tables._CHUNK = self.before


def test_a_write_that_fails_leaves_the_table_that_stood_there(tmp_path, monkeypatch):
    fill(tmp_path / "journal", range(30))
    (tmp_path / "calls.parquet").write_bytes(b"before")
    with Journal(tmp_path / "journal") as journal:
        monkeypatch.setattr(journal, "get", lambda key: 1 / 0)
        try:
            write_calls(journal, tmp_path / "calls.parquet")
        except Exception as error:
            assert "ZeroDivisionError" in f"{type(error).__name__} {error}"
        else:
            raise AssertionError("the broken journal went unnoticed")
    assert (tmp_path / "calls.parquet").read_bytes() == b"before"
    assert [path.name for path in tmp_path.glob("*parquet*")] == ["calls.parquet"]


MEMORY = """
import resource, sys
from populace.run import Journal, Record, write_calls
from populace.canonical import content_hash
from populace.models.records import Completion

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

rows = int(sys.argv[2])
with Journal(sys.argv[1]) as journal:
    for start in range(0, rows, 1000):
        journal.append([
            Record(stage="s", result=Completion(key=content_hash(i), text=f"{i} " * 250), seconds=0.0, at=0.0)
            for i in range(start, start + 1000)
        ])
    before = peak()
    write_calls(journal, sys.argv[1] + "/calls.parquet")
    print(peak() - before)
"""


def test_memory_does_not_grow_with_the_table(tmp_path):
    # 100,000 rows of some 1,500 characters are 150 MB of text; a table made in one piece took 436 MB. A row
    # group of 20,000 is 30 MB, and a few of them are under way in the writer.
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path), "100000"], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 220, done.stdout
