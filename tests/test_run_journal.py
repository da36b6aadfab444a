"""The journal: what was appended is found again, whatever stopped the writer."""

from __future__ import annotations

import errno
import logging
import os
import resource
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.canonical import content_hash
from populace.errors import JournalError
from populace.models.records import Choice, Completion, Failure, Usage
from populace.run import Journal, Record, Totals, journal_file
from populace.run import journal as journal_module
from populace.run.index import Index
from populace.run.journal_file import frame


def key(name: object) -> str:
    return content_hash(name)


def answer(name: object, text: str = "Yes.", stage: str = "s", dollars: float | None = 0.5) -> Record:
    result = Completion(key=key(name), text=text, usage=Usage(10, 2, 1))
    return Record(stage=stage, result=result, seconds=1.5, at=2.0, dollars=dollars)


def failure(name: object, stage: str = "s") -> Record:
    result = Failure(key=key(name), boundary="server", message="500", retryable=True)
    return Record(stage=stage, result=result, seconds=1.0, at=2.0, dollars=0.0)


def test_line_is_checksum_space_json(tmp_path):
    # CRC-32 of b"123456789" is cbf43926, the check value of the CRC catalogue.
    assert frame(b"123456789") == b"cbf43926 123456789\n"
    with Journal(tmp_path) as journal:
        journal.append([answer("a")])
    line = (tmp_path / "journal.log").read_bytes()
    assert msgspec.json.decode(line[9:], type=Record) == answer("a")


def test_everything_comes_back(tmp_path):
    choice = Choice(key=key("c"), log_likelihoods=(-0.5, None), tokens=(1, 2), exact=False, text="A")
    records = [answer("a", "two\nlines é\u2028"), Record(stage="t", result=choice, seconds=0.25, at=3.0)]
    with Journal(tmp_path) as journal:
        journal.append(records)
        assert list(journal) == records
    with Journal(tmp_path) as journal:
        assert list(journal) == records
        assert journal.get(key("c")) == choice
        assert journal.get(key("never asked")) is None
        assert key("a") in journal and key("never asked") not in journal
        assert len(journal) == 2


def test_an_empty_append_writes_nothing(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([])
        assert journal.path.stat().st_size == 0


def test_a_failure_is_a_row_but_not_an_answer_and_the_newest_record_wins(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([failure("a"), failure("b")])
        assert key("a") not in journal
        assert journal.get(key("a")) == failure("a").result
        journal.append([answer("a")])
    with Journal(tmp_path) as journal:
        assert key("a") in journal and key("b") not in journal
        assert list(journal) == [failure("b"), answer("a")]


def test_totals_sum_what_was_paid_and_count_current_failures(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([failure("a"), failure("b"), answer("c", stage="t", dollars=None)])
        journal.append([answer("a"), answer("d")])
        # Stage s: a and d answered (10 + 2 tokens, $0.5 each), b still failed; seconds 1 + 1 + 1.5 + 1.5.
        expected = {
            "s": Totals(
                answered=2,
                failed=1,
                prompt_tokens=20,
                completion_tokens=4,
                cached_tokens=2,
                seconds=5.0,
                dollars=1.0,
                known_dollars=1.0,
            ),
            "t": Totals(
                answered=1, prompt_tokens=10, completion_tokens=2, cached_tokens=1, seconds=1.5, dollars=None
            ),
        }
        assert journal.totals == expected
    with Journal(tmp_path) as journal:
        assert journal.totals == expected


def test_a_tail_torn_at_any_byte_is_cut_and_the_rest_kept(tmp_path, caplog):
    with Journal(tmp_path) as journal:
        journal.append([answer("a"), answer("b")])
        intact = journal.path.stat().st_size
        journal.append([answer("c")])
        path = journal.path
    whole = path.read_bytes()
    for length in range(intact, len(whole)):
        path.write_bytes(whole[:length])
        caplog.clear()
        with Journal(tmp_path) as journal, caplog.at_level(logging.WARNING):
            assert key("a") in journal and key("b") in journal and key("c") not in journal
            assert path.stat().st_size == intact
            journal.append([answer("c")])
        assert path.read_bytes() == whole
        assert bool(caplog.messages) == (length > intact)
    assert f"cut {len(whole) - 1 - intact} bytes" in caplog.text


def test_a_last_record_damaged_at_any_byte_is_cut(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([answer("a")])
        intact = journal.path.stat().st_size
        journal.append([answer("b")])
        path = journal.path
    whole = path.read_bytes()
    for position in range(intact, len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        with Journal(tmp_path) as journal:
            assert [record.result.key for record in journal] == [key("a")]


def test_damage_at_any_byte_before_intact_lines_is_an_error_and_changes_nothing(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([answer("a")])
        first = journal.path.stat().st_size
        journal.append([answer("b")])
        second = journal.path.stat().st_size
        journal.append([answer("c")])
        path = journal.path
    whole = path.read_bytes()
    for position in range(first, second):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        if position == second - 1:
            # Without its newline, b runs into c: one damaged line at the end, cut as a tail.
            with Journal(tmp_path) as journal:
                assert [record.result.key for record in journal] == [key("a")]
            continue
        with pytest.raises(
            JournalError, match=rf"journal\.log: line 2 \(byte {first}\) is damaged.*sed -i 2d"
        ):
            Journal(tmp_path)
        assert path.read_bytes() == damaged


def test_the_advice_for_a_damaged_line_works(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([answer("a"), answer("b"), answer("c")])
        path = journal.path
    path.write_bytes(path.read_bytes().replace(b"Yes", b"No!", 1))
    with pytest.raises(JournalError, match="sed -i 1d"):
        Journal(tmp_path)
    subprocess.run(["sed", "-i", "1d", str(path)], check=True)
    with Journal(tmp_path) as journal:
        assert [record.result.key for record in journal] == [key("b"), key("c")]


def test_a_second_opening_is_refused_and_the_holder_named(tmp_path):
    with (
        Journal(tmp_path),
        pytest.raises(JournalError, match=rf"held by process {os.getpid()}\..*close that"),
    ):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_another_process_is_refused_until_the_holder_dies(tmp_path):
    code = (
        "import sys; from populace.run import Journal\n"
        "journal = Journal(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], **pipes) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(JournalError, match=f"held by process {holder.pid}"):
            Journal(tmp_path)
        holder.kill()
    Journal(tmp_path).close()


def test_closing_twice_is_allowed(tmp_path):
    journal = Journal(tmp_path)
    journal.close()
    journal.close()


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be opened \(Not a directory\)"):
        Journal(tmp_path / "file" / "run")


def test_a_full_disk_leaves_the_journal_whole_and_usable(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path) as journal:
        journal.append([answer("a")])
        size = journal.path.stat().st_size
        # The kernel now accepts the first half of the next write and refuses the rest, as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
        try:
            with pytest.raises(JournalError, match=r"the disk is full.*free some space"):
                journal.append([answer("b"), answer("c")])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert journal.path.stat().st_size == size
        assert key("b") not in journal
        journal.append([answer("b")])
    with Journal(tmp_path) as journal:
        assert [record.result.key for record in journal] == [key("a"), key("b")]


def test_a_full_disk_found_at_fsync(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(tmp_path, sync_records=1)
    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "fsync", full)
        with pytest.raises(JournalError, match="the disk is full"):
            journal.append([answer("a")])
        with pytest.raises(JournalError, match="the disk is full"):
            journal.close()
    with Journal(tmp_path) as reopened:
        assert key("a") in reopened


def test_fsync_is_grouped_by_count_and_by_age(tmp_path, monkeypatch):
    calls = []
    clock = [100.0]
    monkeypatch.setattr(journal_file.os, "fsync", calls.append)
    monkeypatch.setattr(journal_module.time, "monotonic", lambda: clock[0])
    with Journal(tmp_path, sync_records=3, sync_seconds=5.0) as journal:
        journal.append([answer(1)])
        journal.append([answer(2)])
        assert len(calls) == 0
        journal.append([answer(3)])
        assert len(calls) == 1  # three wait
        journal.append([answer(4)])
        clock[0] += 5.0
        journal.append([answer(5)])
        assert len(calls) == 2  # the fourth has waited 5 s
        journal.append([answer(6)])
    assert len(calls) == 3  # closing
    journal.close()
    assert len(calls) == 3


@settings(max_examples=40, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.text(max_size=5)), max_size=4), max_size=6
    ),
    reopen=st.sets(st.integers(0, 5)),
)
def test_equals_a_dictionary(tmp_path_factory, batches, reopen):
    """Naive twin: a dictionary from key to the newest record, whenever the file was reopened."""
    folder = tmp_path_factory.mktemp("journal")
    twin: dict[str, Record] = {}
    journal = Journal(folder)
    for position, batch in enumerate(batches):
        records = [answer(name, text) if good else failure(name) for name, good, text in batch]
        journal.append(records)
        for record in records:
            before = twin.get(record.result.key)
            if before and isinstance(record.result, Failure) and not isinstance(before.result, Failure):
                continue
            twin.pop(record.result.key, None)
            twin[record.result.key] = record
        if position in reopen:
            journal.close()
            journal = Journal(folder)
    assert list(journal) == list(twin.values())
    for name in range(7):
        record = twin.get(key(name))
        assert journal.get(key(name)) == (record and record.result)
        assert (key(name) in journal) == (record is not None and isinstance(record.result, Completion))
    failed = sum(isinstance(record.result, Failure) for record in twin.values())
    assert sum(total.failed for total in journal.totals.values()) == failed
    journal.close()


def test_notes_are_kept_beside_the_calls(tmp_path):
    with Journal(tmp_path) as journal:
        journal.note("batch/1", {"id": None})
        journal.append([answer("a")])
        journal.note("batch/1", {"id": "b-17"})
        journal.note("estimate/answers", [1, 2.5])
    with Journal(tmp_path) as journal:
        assert journal.notes("batch/") == {"batch/1": {"id": "b-17"}}
        assert journal.notes() == {"batch/1": {"id": "b-17"}, "estimate/answers": [1, 2.5]}
        assert len(journal) == 1 and list(journal) == [answer("a")]
        assert list(journal.totals) == ["s"]


def test_a_note_is_on_the_disk_at_once(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(journal_file.os, "fsync", synced.append)
    with Journal(tmp_path) as journal:
        journal.note("batch/1", "intent")
        assert len(synced) == 1


def test_shards_are_written_alone_and_read_together(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([answer("a"), failure("b"), failure("c")])
        with Journal(tmp_path, shard="0001") as one, Journal(tmp_path, shard="0002") as two:
            assert key("a") not in one  # a worker knows its own part alone
            one.append([answer("b"), answer("d")])
            two.append([failure("a"), failure("e")])
            assert key("b") not in journal
            with pytest.raises(JournalError, match=rf"held by process {os.getpid()}\."):
                journal.refresh()
        journal.refresh()
        assert [key(name) in journal for name in "abcde"] == [True, True, False, True, False]
        assert journal.get(key("a")) == answer("a").result  # an answer beats a later failure
        # a, b and d answered; c and e failed; every call counts its time.
        assert journal.totals["s"] == Totals(
            answered=3,
            failed=2,
            prompt_tokens=30,
            completion_tokens=6,
            cached_tokens=3,
            seconds=1.5 * 3 + 1.0 * 4,
            dollars=1.5,
            known_dollars=1.5,
        )
    with Journal(tmp_path) as journal:
        assert {r.result.key for r in journal} == {key(name) for name in "abcde"}


def test_a_torn_tail_of_a_shard_is_left_to_its_worker(tmp_path):
    with Journal(tmp_path, shard="7") as shard:
        shard.append([answer("a"), answer("b")])
    path = tmp_path / "journal-7.log"
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(tmp_path) as journal:
        assert key("a") in journal and key("b") not in journal
    with Journal(tmp_path, shard="7") as shard:
        shard.append([answer("c")])
    with Journal(tmp_path) as journal:
        assert [r.result.key for r in journal] == [key("a"), key("c")]


def test_a_record_longer_than_the_usual_read(tmp_path):
    texts = ["x" * n for n in (4000, 4096, 5000, 40_000, 300_000)]
    with Journal(tmp_path) as journal:
        journal.append([answer(n, text) for n, text in enumerate(texts)])
        assert [journal.get(key(n)).text for n in range(len(texts))] == texts


HEX = st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}")
CLOSE = st.integers(0, 30).map(lambda n: f"{7:016x}{n:016x}")
"""Keys that share their upper half."""


@given(st.lists(st.tuples(HEX | CLOSE, st.integers(0, 2**64 - 1))), st.integers(1, 6), st.lists(HEX | CLOSE))
def test_index_equals_a_dictionary(entries, recent, others):
    index, expected = Index(recent=recent), {}
    for name, place in entries:
        index.set(name, place)
        expected[name] = place
    assert len(index) == len(expected)
    assert [index.get(name) for name in (*expected, *others)] == [
        expected.get(name) for name in (*expected, *others)
    ]
    assert index.places().tolist() == sorted(expected.values())


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "journal.log"
    path.write_text("2026-11-21 server started\n" * 100)
    with pytest.raises(JournalError, match=r"this is no journal.*move it away"):
        Journal(tmp_path)
    assert path.read_text().count("\n") == 100


def test_a_line_of_another_version_is_not_taken_for_a_torn_one(tmp_path):
    path = tmp_path / "journal.log"
    line = frame(b'{"stage":"s","result":{"kind":"completion","key":"00","usage":"many"},"seconds":1,"at":2}')
    path.write_bytes(line)
    with pytest.raises(JournalError, match="another version wrote the line at byte 0"):
        Journal(tmp_path)
    assert path.read_bytes() == line
