"""Votes of a Polis conversation, against a reading by hand and real exports."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from populace.errors import DataError
from populace.opinions import NONE
from populace.opinions.polis import read_polis

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "polis"

COMMENTS = """timestamp,comment-id,author-id,agrees,disagrees,moderated,comment-body
1,2,7,1,1,1,"More ""green""
 trees"
2,0,7,1,1,0,Less noise
3,1,8,0,2,-1,spam
4,3,8,0,0,1,
"""
VOTES = """participant,group-id,n-votes,n-agree,n-disagree,0,1,2,3
11,0,3,1,2,1,-1,-1,
12,,2,1,1,,-1,1,
13,1,1,0,0,0,,,
14,1,2,0,0,,0,,0
"""


def folder_of(tmp_path: Path, votes: str = VOTES, comments: str = COMMENTS) -> Path:
    (tmp_path / "participants-votes.csv").write_text(votes, encoding="utf-8")
    (tmp_path / "comments.csv").write_text(comments, encoding="utf-8")
    return tmp_path


def test_a_small_export(tmp_path):
    """Rejected 1 and empty 3 are no items; 13 cast one vote; 14's two votes are on statements left out."""
    opinions = read_polis(folder_of(tmp_path), least=2)
    assert [item.name for item in opinions.items] == ["s0", "s2"]
    assert opinions.items[1].question == "Do you agree with this statement: \"More 'green' trees\"?"
    assert opinions.items[0].options == ("Agree", "Disagree", "Pass") and not opinions.items[0].ordinal
    assert opinions.people.rows() == [("polis-11", 1.0), ("polis-12", 1.0), ("polis-14", 1.0)]
    assert opinions.answers.tolist() == [[0, 1], [NONE, 0], [NONE, NONE]]
    assert opinions.retest is None and opinions.licence == "CC BY 4.0"
    assert "2 statements are left out: rejected by moderators, or empty" in opinions.notes
    assert "1 participants with fewer than 2 votes are left out" in opinions.notes
    assert len(read_polis(tmp_path, least=0)) == 4


def test_the_conversation_is_cited(tmp_path):
    (tmp_path / "summary.csv").write_text("topic,Noise\nurl,https://pol.is/1\nviews,3\n")
    assert read_polis(folder_of(tmp_path), least=2).citation.startswith("Noise, https://pol.is/1. Data")
    (tmp_path / "summary.csv").write_bytes(b"topic,\xff\xfe\n")
    assert read_polis(tmp_path, least=2).citation.startswith("Data gathered using the Polis software")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("11,0,3,1,2,1,", "11,0,3,1,2,2,", r"votes\.csv, row 1, column 0: '2' is no vote: 1 agree"),
        ("13,1,1,0,0,0,", "13,1,1,1,0,0,", r"row 3, column n-agree: 1 are counted and 0 votes are there"),
        ("12,,2", "11,,2", r"row 1, column participant: a participant is there twice"),
        ("12,,2", ",,2", r"row 2, column participant: a participant has no number"),
        (",0,1,2,3\n", ",0,1,2,9\n", r"column 9: the votes are on a statement that comments\.csv does not"),
        (",0,1,2,3\n", ",a,b,c,d\n", r"no column is a statement's number"),
        ("participant,", "person,", r"column participant: this column is missing"),
    ],
)
def test_broken_votes(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        read_polis(folder_of(tmp_path, VOTES.replace(old, new)), least=1)


def test_an_export_with_its_signs_turned_round_is_refused(tmp_path):
    rows = list(csv.reader(VOTES.splitlines()))
    turned = [row[:5] + [{"1": "-1", "-1": "1"}.get(code, code) for code in row[5:]] for row in rows[1:]]
    text = "\n".join(",".join(row) for row in [rows[0], *turned]) + "\n"
    with pytest.raises(DataError, match=r"row 1, column n-agree: .* turn them back"):
        read_polis(folder_of(tmp_path, text), least=1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3,1,8,0,2,-1", "3,1,8,0,2,maybe", r"comments\.csv, row 3, column moderated: 'maybe' is none of"),
        ("2,0,7", "2,2,7", r"row 2, column comment-id: the statement 2 is there twice"),
        ("2,0,7", "2,x,7", r"row 2, column comment-id: 'x' is no number of a statement"),
        ("comment-body", "body", r"column comment-body: this column is missing"),
    ],
)
def test_broken_statements(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        read_polis(folder_of(tmp_path, comments=COMMENTS.replace(old, new)), least=1)


def test_what_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match=r"comments\.csv: there is no such file.*folder of a Polis export"):
        read_polis(tmp_path)
    with pytest.raises(DataError, match="nobody cast 20 votes"):
        read_polis(folder_of(tmp_path))
    rejected = COMMENTS.replace(",1,1,1,", ",1,1,-1,").replace(",1,1,0,", ",1,1,-1,")
    with pytest.raises(DataError, match="moderators rejected every statement"):
        read_polis(folder_of(tmp_path, comments=rejected), least=1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        # 1,386 people and 607 statements: the counts that others report of Bowling Green by the same rule.
        ("american-assembly.bowling-green", (1386, 607)),
        ("15-per-hour-seattle", (51, 31)),
        ("bg2050-volunteers", (91, 316)),
    ],
)
def test_real_conversations(name, shape):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip("the Polis exports are not here")
    opinions = read_polis(folder)
    assert opinions.answers.shape == shape
    with (folder / "comments.csv").open(encoding="utf-8", newline="") as handle:
        kept = {row["comment-id"] for row in csv.DictReader(handle) if row["moderated"] != "-1"}
    with (folder / "participants-votes.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if int(row["n-votes"]) >= 20]
    numbers = [item.name[1:] for item in opinions.items]
    assert set(numbers) == kept
    codes = {"1": 0, "-1": 1, "0": 2, "": NONE}
    expected = [[codes[row[number]] for number in numbers] for row in rows]
    assert np.array_equal(opinions.answers, expected)
    assert opinions.people["person_id"].to_list() == [f"polis-{row['participant']}" for row in rows]
