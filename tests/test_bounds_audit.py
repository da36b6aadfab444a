"""The audit: what it holds, what a reading of it finds, and what kills and forgetting do to it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bounds.audit import Audit, Entry, Seal
from populace.errors import DataError

rfc8785 = pytest.importorskip("rfc8785", reason="needs the extra bounds")
FULL = os.environ.get("POPULACE_CHAOS") == "full"


def filled(folder: Path, count: int = 6) -> Audit:
    audit = Audit(folder)
    for n in range(count):
        who = ("ann", "bob")[n % 2]
        audit.append(
            "decision", subject=who, text=f"A secret of {who}, number {n // 2}.", action="generate",
            allowed=n % 3 != 0, tier=1 if n % 3 == 0 else None, rule="t1.cse" if n % 3 == 0 else "",
            rules=("t1.cse", "t2.tutor.no_slang") if n % 3 == 0 else (), bundle="ab" * 16,
        )  # fmt: skip
    return audit


def test_anybody_can_read_the_chain_again(tmp_path):
    """As the module says it: by RFC 8785 and SHA-256 alone."""
    audit = filled(tmp_path)
    before = "0" * 64
    for number, line in enumerate(audit.path.read_bytes().splitlines(), 1):
        told = json.loads(line)
        assert line == rfc8785.dumps(told) and told["n"] == number and told["prev"] == before
        before = told.pop("hash")
        assert hashlib.sha256(rfc8785.dumps(told)).hexdigest() == before
    assert audit.seal() == Seal(n=6, hash=before) and audit.verify(audit.seal()).seals == 1


def test_it_holds_no_text_and_no_name(tmp_path):
    audit = filled(tmp_path)
    audit.forget("bob")
    every = b"".join(each.read_bytes() + str(each).encode() for each in tmp_path.rglob("*") if each.is_file())
    assert (
        b"secret" not in every
        and b"ann" not in every.replace(str(tmp_path).encode(), b"")
        and b"bob" not in every
    )
    first, _, third = list(audit)[:3]
    assert first.subject == third.subject and first.text != third.text
    wrong: tuple[dict[str, Any], ...] = (
        {"rule": "a text of several words"},
        {"rules": ("t1.cse", "Ann said")},
        {"words": "x"},
        {"n": 1},
    )
    for fields in wrong:
        with pytest.raises(DataError):
            audit.append("decision", **fields)
    assert audit.verify().records == 7


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("weird words here", {}),
        ("decision", {"rules": [["x y"]]}),
        ("decision", {"rules": ({"a": "x y"},)}),
        ("decision", {"duties": {"a b": 1}}),
        ("decision", {"action": b"x y"}),
        ("decision", {"tier": "harm"}),
        ("decision", {"rule": None}),
        ("decision", {"allowed": "x y"}),
        ("decision", {"head": "gone"}),
        ("decision", {"x y": 1}),
    ],
)
def test_what_is_of_another_kind_is_not_written(tmp_path, event, fields):
    audit = filled(tmp_path)
    with pytest.raises(DataError) as caught:
        audit.append(event, **fields)
    assert "x y" not in str(caught.value) and "weird" not in str(caught.value)
    assert audit.verify().records == 6 and audit.frame().height == 6


def lines_of(audit: Audit) -> list[bytes]:
    return audit.path.read_bytes().splitlines(keepends=True)


def moved(line: bytes) -> bytes:
    """The record with its hash in another place."""
    told = json.loads(line)
    own = f'"hash":"{told["hash"]}",'.encode()
    return line.replace(own, b"").replace(b"{", b"{" + own, 1)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b":true", b":no"), *lines[3:]], "this is no record"),
        (lambda lines: [*lines[:2], lines[2].replace(b"true", b"null"), *lines[3:]], "record 3 was changed"),
        (lambda lines: [*lines[:2], lines[2].replace(b",", b", ", 1), *lines[3:]], "record 3 was changed"),
        (lambda lines: [*lines[:2], *lines[3:]], "record 3 is gone before record 4"),
        (lambda lines: [*lines[:1], *lines[4:]], "records 2 to 4 are gone before record 5"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "record 2 follows record 3"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "record 3 follows record 3"),
        (lambda lines: [*lines[:2], moved(lines[2]), *lines[3:]], "record 3 was changed"),
        (lambda lines: [*lines[:2], lines[2].replace(b"{", b'{"aaa":"some words",', 1), *lines[3:]],
         "this is no record"),
        (lambda lines: lines[:4], "its head names record 6, and it ends at record 4: records are gone"),
        (lambda lines: [], "its head names record 6, and it ends at record 0"),
        (lambda lines: [*lines[:3], b"what is this\n", *lines[3:]], "this is no record"),
    ],
)  # fmt: skip
def test_every_kind_of_harm_is_named(tmp_path, harm, said):
    audit = filled(tmp_path)
    assert audit.verify()
    audit.path.write_bytes(b"".join(harm(lines_of(audit))))
    found = audit.verify()
    assert not found and said in str(found)


def again(line: bytes, prev: str, **changed) -> bytes:
    """A line as somebody who may write to the folder would forge it."""
    told = json.loads(line) | changed | {"prev": prev}
    told.pop("hash")
    told["hash"] = hashlib.sha256(rfc8785.dumps(told)).hexdigest()
    return rfc8785.dumps(told) + b"\n"


def test_what_truncation_can_and_cannot_be_seen(tmp_path):
    audit = filled(tmp_path)
    seal = audit.seal()
    whole = lines_of(audit)
    # Chain and head cut alike: the chain alone cannot tell, a seal can.
    audit.path.write_bytes(b"".join(whole[:4]))
    (tmp_path / "head.json").write_bytes(Seal(n=4, hash=json.loads(whole[3])["hash"]).written())
    assert audit.verify() and not audit.verify(seal)
    assert "records are gone" in str(audit.verify(seal))
    # Written anew from the second record on, to the same length.
    forged = whole[:1]
    for line in whole[1:]:
        forged.append(again(line, json.loads(forged[-1])["hash"], action="infer"))
    audit.path.write_bytes(b"".join(forged))
    (tmp_path / "head.json").write_bytes(Seal(n=6, hash=json.loads(forged[-1])["hash"]).written())
    assert audit.verify() and "written anew" in str(audit.verify(seal))
    # What came after the last seal and was cut with its head, nobody sees. It is said.
    assert audit.verify().seals == 0 and "no seal was held against it" in str(audit.verify())
    (tmp_path / "head.json").unlink()
    assert "whether the end is gone cannot be told" in str(audit.verify())


def test_records_that_were_cut_are_never_forgotten(tmp_path):
    audit = filled(tmp_path)
    audit.path.write_bytes(b"".join(lines_of(audit)[:4]))
    entry = audit.append("decision", subject="ann", allowed=True)
    assert entry.n == 6 and list(audit)[4].event == "mended" and list(audit)[4].lost == 2
    assert "before record 5, 2 records were gone" in str(audit.verify())


def rewritten(lines: list[bytes], start: int) -> list[bytes]:
    """The chain with other records from a place on, their hashes made anew."""
    told = lines[:start]
    for line in lines[start:]:
        told.append(again(line, json.loads(told[-1])["hash"], action="infer"))
    return told


@pytest.mark.parametrize("head", [None, b"", b"junk", b'{"hash":"ab","n":"-3"}'])
@pytest.mark.parametrize("stop", [1, 2])
def test_an_honest_append_does_not_cover_what_a_lost_head_left_open(tmp_path, head, stop):
    audit = filled(tmp_path)
    audit.close()
    audit.path.write_bytes(b"".join(lines_of(audit)[:stop]))
    (tmp_path / "head.json").unlink()
    if head is not None:
        (tmp_path / "head.json").write_bytes(head)
    for turn in range(2):
        Audit(tmp_path).append("decision", allowed=True)
        found = audit.verify()
        assert not found and f"before record {stop + 1}, the head was gone" in str(found), (turn, str(found))
    assert [entry.head for entry in audit if entry.event == "mended"] == ["gone"]


@pytest.mark.parametrize("start", [2, 4, 5])
@pytest.mark.parametrize("held", [True, False])
def test_an_honest_append_does_not_cover_what_was_written_anew(tmp_path, start, held):
    audit = filled(tmp_path)
    if not held:
        audit.close()
    audit.path.write_bytes(b"".join(rewritten(lines_of(audit), start)))
    assert "names another record 6" in str(audit.verify())
    writer = audit if held else Audit(tmp_path)
    for _ in range(2):
        writer.append("decision", allowed=True)
        found = writer.verify()
        assert not found and "before record 7, the head named another record" in str(found)
    assert [entry.head for entry in audit if entry.event == "mended"] == ["other"]


def test_a_head_that_is_behind_is_no_harm(tmp_path):
    """A kill between a record and its head, and a power cut that kept the records and not the head."""
    for behind in (1, 5, 299):
        audit = Audit(tmp_path / str(behind))
        for _ in range(300):
            last = audit.append("load", bundle="ab" * 60)
        audit.close()
        named = list(audit)[-1 - behind]
        (audit.folder / "head.json").write_bytes(Seal(n=named.n, hash=named.hash).written())
        assert audit.verify() and Audit(audit.folder).append("load").n == 301 and audit.verify()
        assert last.n == 300
    # Killed within the first record of all.
    first = Audit(tmp_path / "first")
    first.append("load")
    first.close()
    (first.folder / "head.json").write_bytes(Seal(n=0, hash="0" * 64).written())
    assert first.verify() and Audit(first.folder).append("load").n == 2 and first.verify()


def test_a_key_that_another_process_destroyed_is_used_no_more(tmp_path):
    audit, other = Audit(tmp_path), Audit(tmp_path)
    before = audit.append("decision", subject="ann", text="x", allowed=True)
    other.forget("ann")
    new = other.append("decision", subject="ann", allowed=True)
    after = audit.append("decision", subject="ann", text="x", allowed=True)
    assert after.subject == new.subject != before.subject and after.text != before.text
    assert [entry.n for entry in audit.of("ann")] == [entry.n for entry in other.of("ann")] == [3, 4]
    # Overwritten, and killed before it was removed: nobody is known, and nothing is made by asking.
    held = {each: each.read_bytes() for each in (tmp_path / "keys").iterdir() if each.name != "own"}
    for each in held:
        each.write_bytes(bytes(32))
    assert audit.of("ann") == [] and all(not any(each.read_bytes()) for each in held)
    assert audit.append("decision", subject="ann", allowed=True).subject != after.subject


@pytest.fixture(scope="module")
def whole_audit(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("whole"))


@settings(max_examples=2000 if FULL else 100, deadline=None)
@given(place=st.integers(0, 5000), change=st.integers(1, 255))
def test_no_change_of_a_byte_passes(whole_audit, place, change):
    whole = whole_audit.path.read_bytes()
    raw = bytearray(whole)
    raw[place % len(raw)] ^= change
    whole_audit.path.write_bytes(bytes(raw))
    try:
        # The last line without its end is a torn one: its record is missed by the head.
        assert not whole_audit.verify()
    finally:
        whole_audit.path.write_bytes(whole)


def test_a_torn_line_is_cut_at_every_byte_and_said(tmp_path):
    audit = filled(tmp_path, 3)
    whole = audit.path.read_bytes()
    start = whole.rfind(b"\n", 0, -1) + 1
    two = Seal(n=2, hash=json.loads(whole.splitlines()[1])["hash"]).written()
    for stop in range(start + 1, len(whole), 1 if FULL else 29):
        # A process that was killed within the write: the line is torn, and its head not yet written.
        audit.path.write_bytes(whole[:stop])
        (tmp_path / "head.json").write_bytes(two)
        found = audit.verify()
        assert found and found.torn == stop - start
        entry = audit.append("decision", allowed=True)
        assert entry.n == 4 and list(audit)[2].bytes_cut == stop - start and audit.verify()


CHILD = """
import sys
from populace.bounds.audit import Audit
audit = Audit(sys.argv[1])
n = 0
while True:
    n += 1
    who = f"{sys.argv[2]}{n % 5}"
    entry = audit.append("decision", subject=who, text="x" * (n % 7), allowed=True, rule="t1.cse")
    print(entry.n, entry.hash, flush=True)
"""


def test_killed_at_any_moment_no_record_is_lost_and_two_write_at_once(tmp_path):
    audit, told = Audit(tmp_path), {}
    for turn in range(20 if FULL else 3):
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CHILD, str(tmp_path), who], stdout=subprocess.PIPE, text=True
            )
            for who in "ab"
        ]
        for child in children:
            assert child.stdout
            for _ in range(20 + 7 * turn):
                n, own = child.stdout.readline().split()
                told[int(n)] = own
        for child in children:
            child.send_signal(signal.SIGKILL)
        for child in children:
            out, _ = child.communicate()
            told |= {
                int(line.split()[0]): line.split()[1] for line in out.splitlines() if len(line.split()) == 2
            }
        found = audit.verify()
        assert found, str(found)
        audit.append("decision", allowed=False)
    held = {entry.n: entry.hash for entry in audit}
    assert audit.verify() and len(held) >= len(told) >= 100
    assert all(held.get(n) == own for n, own in told.items() if len(own) == 64)
    assert len({entry.subject for entry in audit if entry.subject}) == 10


def test_a_forked_child_and_its_parent_write_at_once(tmp_path):
    audit = Audit(tmp_path)
    audit.append("load", bundle="ab" * 16)
    children = [
        multiprocessing.get_context("fork").Process(target=_go_on, args=(audit, 40)) for _ in range(3)
    ]
    for child in children:
        child.start()
    _go_on(audit, 40)
    for child in children:
        child.join()
    assert audit.verify() and audit.verify().records == 161


def _go_on(audit: Audit, count: int) -> None:
    for _ in range(count):
        audit.append("decision", subject="ann", allowed=True)


def test_forgetting_destroys_the_key_and_leaves_the_chain(tmp_path):
    audit, other = filled(tmp_path), Audit(tmp_path)
    assert len(audit.of("ann")) == 3 and len(other.of("ann")) == 3
    seal, keys = audit.seal(), {each.read_bytes() for each in (tmp_path / "keys").iterdir()}
    entry = audit.forget("ann")
    assert entry is not None and entry.event == "forget" and entry.subject == ""
    assert audit.forget("ann") is None and audit.forget("nobody") is None
    assert audit.of("ann") == other.of("ann") == [] and len(audit.of("bob")) == 3
    assert audit.verify(seal) and audit.verify(seal).records == 7
    gone = keys - {each.read_bytes() for each in (tmp_path / "keys").iterdir()}
    (key,) = gone
    assert all(key not in each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    # Who comes back is somebody else; a process that held the key in memory does not bring it back.
    assert other.append("decision", subject="ann", allowed=True).subject not in {
        e.subject for e in audit if e.n < 8
    }
    assert len(audit.of("ann")) == 1


def test_export(tmp_path):
    audit = filled(tmp_path / "audit")
    assert [audit.export(tmp_path / f"a{end}") for end in (".parquet", ".csv", ".jsonl")] == [6, 6, 6]
    frame = pl.read_parquet(tmp_path / "a.parquet")
    assert frame["n"].to_list() == [1, 2, 3, 4, 5, 6] and frame["allowed"].sum() == 4
    assert frame["rules"].to_list()[0] == ["t1.cse", "t2.tutor.no_slang"]
    assert pl.read_csv(tmp_path / "a.csv")["rules"][0] == "t1.cse t2.tutor.no_slang"
    assert (tmp_path / "a.jsonl").read_bytes() == audit.path.read_bytes()
    with pytest.raises(DataError, match="kind of table"):
        audit.export(tmp_path / "a.xlsx")


def test_bad_places_are_told(tmp_path):
    empty = Audit(tmp_path / "none")
    assert empty.verify() and empty.verify().records == 0 and list(empty) == [] and empty.seal().n == 0
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be opened"):
        Audit(tmp_path / "file").append("load")
    audit = filled(tmp_path / "a")
    with audit.path.open("ab") as chain:
        chain.write(b"not a record\n")
    with pytest.raises(DataError, match="no record"):
        audit.append("load")
    with pytest.raises(DataError, match="row 7"):
        list(audit)
    (tmp_path / "seal").write_text("nothing")
    with pytest.raises(DataError, match="no seal"):
        Seal.load(tmp_path / "seal")


def test_it_is_forced_to_the_disk_as_often_as_asked(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        "populace.bounds.audit.os.fsync", lambda handle: (synced.append(handle), real(handle))
    )
    with Audit(tmp_path / "a", sync_records=4, sync_seconds=60) as audit:
        for _ in range(7):
            audit.append("load")
        count = len([each for each in synced if each == audit._chain.handle])
    assert count == 1 and len(synced) >= 4  # once at the fourth, once when closed; chain and head each
    with Audit(tmp_path / "b", sync_records=1) as audit:
        synced.clear()
        audit.append("load")
        audit.append("load")
        assert len([each for each in synced if each == audit._chain.handle]) == 2


def test_a_record_has_no_field_for_words():
    words = {"at", "prev", "hash", "subject", "text", "action", "rule", "bundle", "event", "n"}
    counts = {"allowed", "tier", "rules", "duties", "needed", "errors", "bytes_cut", "lost"}
    words |= {"head"}  # of three words, which the type names
    assert set(Entry.__struct_fields__) == words | counts


def test_times_go_on(tmp_path):
    audit = Audit(tmp_path)
    one = audit.append("load")
    time.sleep(0.001)
    assert one.at < audit.append("load").at and one.at.endswith("Z")


def test_a_chain_that_is_removed_while_open_is_missed(tmp_path):
    audit = filled(tmp_path)
    audit.path.unlink()
    assert audit.seal().n == 0 and "names record 6" in str(audit.verify())
    audit.append("decision", allowed=True)
    assert [entry.event for entry in audit] == ["mended", "decision"] and next(iter(audit)).lost == 6


def test_whatever_is_asked_for_a_decision_can_be_written(tmp_path):
    from populace.bounds.decision import Decision

    audit = Audit(tmp_path)
    told = Decision(allowed=False, action="say what I want", tier=1, rule="base.request", user="\ud800 odd")
    entry = audit.decision(told, text="\udfff odd")
    assert entry.action == "unknown" and len(audit.of("\ud800 odd")) == 1 and audit.verify()
