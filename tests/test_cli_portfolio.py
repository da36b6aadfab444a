"""`populace portfolio`: from prompts to served answers by commands, and what bad input is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.errors import DataError, ModelError, PopulaceError, StudyError

CANDIDATES = "model,wit,tact,length\na,9,1,100\nb,1,9,100\nc,6,6,50\nd,5,5,400\ne,,5,400\n"
RANGES = ["--range", "wit=0:10", "--range", "tact=0:10", "--range", "length=0:400", "--less", "length"]


def say(*words: str | Path) -> str:
    """Run a command; its errors are raised."""
    result = CliRunner().invoke(app, ["portfolio", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "models.csv"
    file.write_text(CANDIDATES)
    return file


def test_candidates_certify_minimum_and_size_agree(table: Path, tmp_path: Path) -> None:
    listed = json.loads(say("candidates", table, *RANGES, "--json"))
    assert listed["left_out"] == {"e": "a score is missing"} and listed["warnings"] == []
    best = {row["candidate"] for row in listed["candidates"] if row["best_somewhere"]}
    assert best == {"a", "b", "c"}
    # All weight on tact: b has 0.9, a 0.1; nothing is worse.
    certified = json.loads(say("certify", table, "--members", "a", *RANGES, "--json"))
    assert certified["regret"] == pytest.approx(0.8) and certified["better"] == "b"
    fewest = json.loads(
        say("minimum", table, "--regret", "0.05", *RANGES, "--json", "--out", tmp_path / "m.json")
    )
    assert fewest["members"] == ["a", "b", "c"] and fewest["optimal"]
    assert json.loads((tmp_path / "m.json").read_text()) == fewest
    one = json.loads(say("size", table, "--size", "1", *RANGES, "--json"))
    # c alone loses 0.3 where one trait is all; any other loses more.
    assert one["members"] == ["c"] and one["value"] == pytest.approx(0.3)
    again = json.loads(say("certify", table, "--members", "c", *RANGES, "--json"))
    assert again["regret"] == pytest.approx(one["regret"])


def test_what_is_told_to_a_person(table: Path) -> None:
    told = say("minimum", table, "--regret", "0.4", "--traits", "wit,tact")
    assert "1 of 4 candidates: c" in told and "proved best" in told
    assert "Warning: the range of wit, tact" in told and "Left out: e (a score is missing)" in told
    assert "*" in say("candidates", table, *RANGES)
    assert "Most is lost at tact 1.000" in say("certify", table, "--members", "a", *RANGES)


def test_who_serves_whom_is_drawn_and_bounds_are_rounded_up(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That a chart becomes an SVG is shown elsewhere, and takes a second each.
    monkeypatch.setattr("populace.report.draw.svg", lambda chart: chart.to_json())
    for words in (["certify", table, "--members", "a,b"], ["minimum", table], ["size", table, "--size", "2"]):
        figure = tmp_path / f"{words[0]}.svg"
        say(*words, *RANGES, "--figure", figure)
        assert "Who serves whom" in figure.read_text()
    near = tmp_path / "near.csv"
    near.write_text("model,wit,tact\na,1,0.99998\nb,0,1\n")
    told = say("certify", near, "--members", "a", "--range", "wit=0:1", "--range", "tact=0:1")
    assert "No weights lose more than 0.0001" in told
    near.write_text("model,wit,wit\na,1,0\nb,0,1\n")
    with pytest.raises(DataError, match="two columns have this name"):
        say("candidates", near)


def test_users_of_a_table_have_their_average(table: Path, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text("wit,tact,length\n2,0,0\n1,0,0\n")
    found = json.loads(
        say("size", table, "--size", "1", "--objective", "average", "--weights", users, *RANGES, "--json")
    )
    assert found["members"] == ["a"] and found["value"] == pytest.approx(0)
    users.write_text("wit,tact,length\n1,0,0\n-1,0,0\n")
    with pytest.raises(DataError, match="row 2: weights must be numbers of at least 0"):
        say("size", table, "--objective", "average", "--weights", users, *RANGES)
    with pytest.raises(StudyError, match="--weights"):
        say("size", table, "--objective", "average")


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["certify", "TABLE", "--members", "z"], DataError, "no candidate 'z'"),
        (["minimum", "TABLE", "--range", "wit"], StudyError, "not TRAIT=LOW:HIGH"),
        (["minimum", "TABLE", "--range", "wit=0:5"], DataError, "score 9 is beyond 0 to 5"),
        (["minimum", "TABLE", "--less", "love"], DataError, "no trait 'love'"),
        (["minimum", "TABLE", "--traits", "wit"], DataError, "with one trait"),
        (["minimum", "none.csv"], DataError, "no such file"),
        (["minimum", "TABLE", "--traits", "wit,wit"], DataError, "'wit' is named twice"),
        (["minimum", "TABLE", "--kind", "ratio", "--regret", "1.5"], StudyError, "share below 1"),
        (["minimum", "TABLE", "--traits", "wit,tact", "--figure", "a.svg"], DataError, "three corners"),
        (["certify", "TABLE", "--members", "a", "--figure", "a.gif"], DataError, "as .svg or .png"),
        (["people", "TABLE", "TABLE", "--limit", "wit=-1", "--group", "model"], StudyError, "no regret"),
        (["people", "TABLE", "TABLE", "--limit", "nan", "--group", "model"], StudyError, "no regret"),
        (
            ["sample", "builtin", "--model", "scripted", "--temperature", "0", "--out", "a.parquet"],
            StudyError,
            "at temperature 0 are one",
        ),
        (["score", "TABLE", "--traits", "brevity,brevity", "--out", "r.parquet"], StudyError, "named twice"),
        (["minimum", "TABLE", "--from", "pool"], DataError, "no column 'prompt_id' or 'prompt'"),
        (["plan", "TABLE", "--out", "p.json"], DataError, "no column 'prompt_id' or 'prompt'"),
        (
            ["sample", "builtin", "--model", "scripted", "--out", "a.csv"],
            StudyError,
            "name the file .parquet",
        ),
        (["score", "TABLE", "--out", "r.parquet"], StudyError, "nothing to score by"),
        (["export", "none.json", "TABLE", "--out", "sets"], DataError, "no such plan"),
        (["serving", "none.json", "--out", "s.json"], DataError, "no such plan"),
        (
            ["answer", "none.json", "Why?", "--weight", "wit=1", "--model", "scripted"],
            DataError,
            "no such conf",
        ),
    ],
)
def test_bad_input_is_told(
    table: Path, words: list[str], kind: type[PopulaceError], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(table.parent)
    with pytest.raises(kind, match=message):
        say(*(str(table) if word == "TABLE" else word for word in words))
    assert {file.name for file in table.parent.iterdir()} == {"models.csv"}, "nothing half-made is left"


PROMPTS = "prompt\n" + "".join(f"Question {number}?\n" for number in range(14))


def test_from_prompts_to_an_answer(tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text(PROMPTS)
    responses, rewards, plan = (tmp_path / name for name in ("r.parquet", "s.parquet", "plan.json"))
    told = say("sample", tmp_path / "prompts.csv", "--model", "scripted", "-n", "6", "--out", responses)
    assert "84 responses to 14 prompts, 84 of them now" in told
    again = say("sample", tmp_path / "prompts.csv", "--model", "scripted", "-n", "6", "--out", responses)
    assert "0 of them now" in again
    told = say("score", responses, "--traits", "readability,sentiment", "--out", rewards)
    assert "readability: median" in told
    curve = tmp_path / "curve.svg"
    told = say("plan", rewards, "--out", plan, "--beta", "0.02", "--regret", "0.05", "--figure", curve)
    assert "worst regret" in curve.read_text()
    with pytest.raises(DataError, match=r"as \.svg or \.png"):
        say("plan", rewards, "--out", plan, "--figure", tmp_path / "curve.gif")
    assert "10 prompts to plan on, 4 held out" in told and "readability: 0 to 100 (by definition)" in told
    told = say("export", plan, rewards, "--out", tmp_path / "sets", "--form", "dpo", "--form", "soup")
    assert (tmp_path / "sets" / "member-1" / "dpo.jsonl").is_file() and "4 held-out prompts" in told
    told = say("serving", plan, "--out", tmp_path / "serving.json", "--best-of", "3")
    assert "best of 3" in told
    serving = tmp_path / "serving.json"
    found = json.loads(
        say("answer", serving, "Why?", "--weight", "sentiment=2", "--model", "scripted", "--json")
    )
    assert found["text"] and found["member"].startswith("member-")
    say("serving", plan, "--out", serving, "--trained", "member-1=no-such-model")
    with pytest.raises(PopulaceError, match="no-such-model"):
        for trait in ("sentiment", "readability"):  # one of them is the first member's
            say("answer", serving, "Why?", "--weight", f"{trait}=1", "--model", "scripted")
    with pytest.raises(StudyError, match="no trait 'wit'"):
        say("answer", serving, "Why?", "--weight", "wit=1", "--model", "scripted")
    with pytest.raises(StudyError, match="not all 0"):
        say("answer", serving, "Why?", "--weight", "sentiment=0", "--model", "scripted")


def test_candidates_of_a_pool_and_a_judge(tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text(PROMPTS)
    (tmp_path / "variants.toml").write_text("plain = ''\nkind = 'Be kind.'\n")
    (tmp_path / "statements.toml").write_text("tact = 'It is tactful.'\nwit = 'It is witty.'\n")
    responses, rewards = tmp_path / "r.parquet", tmp_path / "s.parquet"
    sample = ("sample", tmp_path / "prompts.csv", "--model", "scripted", "-n", "2", "--out", responses)
    say(*sample, "--variants", tmp_path / "variants.toml")
    judge = ("--statements", tmp_path / "statements.toml", "--traits", "readability", "--out", rewards)
    with pytest.raises(ModelError, match="wrote responses that it is to judge"):
        say("score", responses, "--judge", "scripted", *judge)
    told = say("score", responses, "--judge", "scripted", "--judge-itself", *judge)
    assert "tact: the two ways of asking are" in told and "56 responses, 3 traits" in told
    found = json.loads(say("candidates", rewards, "--from", "pool", "--json"))
    assert {row["candidate"] for row in found["candidates"]} == {"plain", "kind"} and found["prompts"] == 14
    assert [each["source"] for each in found["scale"]] == ["definition"] * 3
    assert "On other prompts like these 14" in say("size", rewards, "--from", "pool", "--size", "1")


@pytest.mark.slow
def test_sampling_that_was_killed_goes_on(tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text(PROMPTS)
    command = [
        *(sys.executable, "-m", "populace", "portfolio", "sample", str(tmp_path / "prompts.csv"), "-n", "8"),
        *("--model", "scripted", "--set", "latency=0.15", "--set", "concurrency=1"),
        *("--out", str(tmp_path / "r.parquet")),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = tmp_path / "r" / "journal"
    until = time.monotonic() + 60
    while time.monotonic() < until and sum(file.stat().st_size for file in journal.glob("*")) < 2000:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "r.parquet").exists(), "killed before it was done"
    told = say(
        "sample", tmp_path / "prompts.csv", "-n", "8", "--model", "scripted", "--out", tmp_path / "r.parquet"
    )
    now = int(told.split("prompts, ")[1].split(" of them")[0])
    assert "112 responses to 14 prompts" in told and 0 < now < 112
