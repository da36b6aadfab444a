"""The memory's edges: odd input is told in a line, all texts are redacted, what is written is closed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from typer.testing import CliRunner

from populace.cli.memory import app
from populace.errors import DataError
from populace.memory import Consent, Item, PersonaDB
from populace.memory.hits import estimated_tokens

OPTIONS = ("Yes", "No")
BAD_TEXT = b"\xff\xfe".decode("utf-8", "surrogateescape")


@pytest.fixture
def db(tmp_path):
    with PersonaDB.open(tmp_path / "people.db", actor="tester") as opened:
        yield opened


def run(*words: object, code: int = 0) -> str:
    shown = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    assert shown.exception is None or isinstance(shown.exception, (SystemExit, DataError)), shown.exception
    assert (shown.exit_code == 0) == (code == 0), shown.output
    return shown.stdout


def crowd(db: PersonaDB, people: int, questions: int) -> None:
    for person in range(people):
        said = [OPTIONS[(person + question // 2) % 2] for question in range(questions)]
        db.add(
            f"p{person}",
            [Item(text=f"More of {n}?", response=each, options=OPTIONS) for n, each in enumerate(said)],
        )


# What comes in


def test_what_is_missing_in_a_table_of_numbers_is_missing(db):
    frame = pl.DataFrame(
        {"text": ["q1", "q2"], "response": [1.0, float("nan")], "time": [float("nan"), 5.0]}, strict=False
    )
    db.add("nan", frame)
    assert [(each.item.response, each.item.time) for each in db.items("nan")] == [("1.0", None), ("", 5.0)]
    with pytest.raises(DataError, match="inf"):
        db.add("nan", {"text": "q3", "response": float("inf")})
    with pytest.raises(DataError, match="whose item"):
        db.add(None, {"text": "q3", "response": "x", "person_id": float("nan")})
    added = db.add("nan", {"text": "q4", "response": "x", "purposes": float("nan"), "share": float("nan")})
    assert added.new == 1 and db.items("nan")[-1].consent == Consent(("research",))


@pytest.mark.parametrize(
    "line",
    ['{"text":' + "[" * 100_000, '{"text": "q", "time": ' + "9" * 400 + "}", '{"text": "q", "options": 3}'],
)
def test_a_line_that_cannot_be_read_is_named(db, tmp_path, line):
    path = tmp_path / "items.jsonl"
    path.write_text('{"text": "q", "response": "a"}\n' + line + "\n")
    with pytest.raises(DataError, match="row 2"):
        db.add("ada", path)
    assert db.people() == []


def test_a_mark_of_the_byte_order_is_no_character_of_the_first_line(db, tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "q", "response": "a"}\n')
    assert db.add("ada", path).new == 1


def test_a_long_cell_is_read_and_no_purposes_are_none(db, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(f'text,response,purposes\nq,"{"a" * 200_000}",research\nq2,b,""\n')
    db.add("ada", path)
    told = db.export("ada")["items"]
    assert [each["purposes"] for each in told] == [["research"], []]
    assert len(told[0]["response"]) == 200_000


# Redaction


def test_what_says_who_somebody_is_is_taken_out_of_every_text(tmp_path):
    mail = "ada@example.org"
    with PersonaDB.open(tmp_path / "people.db", redact="patterns") as db:
        db.add(
            "ada",
            [
                Item(text=f"q {mail}", response=f"a {mail}", topic=f"t {mail}", source=f"s {mail}"),
                Item(text="Which?", response=f"me {mail}", options=("you bob@example.org", f"me {mail}")),
                Item(text="Which one?", response=mail, options=("bob@example.org", mail)),
            ],
        )
        db.describe("ada", {"mail": mail, "gone": None})
        first, second, third = (each.item for each in db.items("ada"))
        assert (first.topic, first.source) == ("t [e-mail]", "s [e-mail]")
        assert second.response == "me [e-mail]" and second.options == ("you [e-mail]", "me [e-mail]")
        assert third.options == ("[e-mail]", "[e-mail] (2)") and third.response == "[e-mail] (2)"
        assert db.attributes("ada") == {"mail": "[e-mail]"}
        again = db.add("ada", Item(text="Which one?", response=mail, options=("bob@example.org", mail)))
        assert again.new == 0
    assert not any(mail.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_options_and_attributes_lose_what_has_a_form_and_no_names(tmp_path):
    with PersonaDB.open(tmp_path / "people.db", redact=lambda text: text.replace("Biden", "<NAME>")) as db:
        item = Item(text="Biden?", response="Biden", options=("Biden", "me@example.org"), topic="of Biden")
        db.add("ada", item)
        db.describe("ada", {"vote": "Biden"})
        found = db.items("ada")[0].item
        assert (found.text, found.topic) == ("<NAME>?", "of <NAME>")
        assert found.response == "Biden" and found.options == ("Biden", "[e-mail]")
        assert db.attributes("ada") == {"vote": "Biden"}


# What is asked


@pytest.mark.parametrize(
    "options", ["Yes", ["Yes", 3], ["Yes", ""], ["Yes"], ["Yes", "Yes"], ["Yes", BAD_TEXT], 3, [["a"], ["b"]]]
)
def test_options_are_texts_that_differ(db, options):
    db.add("ada", Item(text="q", response="a"))
    with pytest.raises(DataError):
        db.predict("ada", "Tea?", options)


@pytest.mark.parametrize("query", [5, None, BAD_TEXT, "a\0b"])
def test_a_query_is_a_text(db, query):
    db.add("ada", Item(text="q", response="a"))
    with pytest.raises(DataError):
        db.retrieve("ada", query)


@pytest.mark.parametrize("number", [True, "1", 1.0, None, 1 << 70])
def test_what_is_no_number_of_an_item_deletes_nothing(db, number):
    db.add("ada", Item(text="q", response="a"))
    for call in (
        lambda: db.forget("ada", [number]),
        lambda: db.allow("ada", "research", [number]),
        lambda: db.forget("ada", 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(DataError):
            call()
    assert len(db.items("ada")) == 1


def test_a_method_that_is_none_is_named_first(db):
    db.add("ada", Item(text="q", response="Yes", options=OPTIONS))
    with pytest.raises(DataError, match="no method is 'bogus'"):
        db.predict("ada", "Tea?", OPTIONS, method="bogus")  # type: ignore[arg-type]


def test_options_of_fewer_than_a_neighbourhood_are_told_to_nobody(db):
    own = ("HIV of Bob Miller", "none")
    db.add("bob", Item(text="Which illness?", response="none", options=own))
    db.add("ada", Item(text="q", response="a"))
    with pytest.raises(DataError, match="give options"):
        db.predict("ada", "Which illness?")
    for person in range(db.least_people):
        db.add(f"p{person}", Item(text="Which illness?", response="none", options=("some", "none")))
    assert db.predict("ada", "Which illness?").options == ("some", "none")
    assert db.predict("bob", "Which illness?").options == own


@pytest.mark.parametrize("questions", [5, 12])
def test_learned_places_of_few_questions_are_read_again(tmp_path, questions):
    with PersonaDB.open(tmp_path / "people.db") as db:
        crowd(db, 30, questions)
        assert db.learn() == 30
        found = db.retrieve("p0", "More of everything?", share=0.5, neighbours=5, way="learned")
    assert found.way == "learned" and found.neighbours >= 5


def test_tokens_of_signs_digits_and_other_letters_are_not_too_few():
    # Beside them what the tokenizer of MiniLM counts.
    for text, counted in (
        ("a b c d e f g h", 8),
        ("-> No | -> A1b2C3d4", 12),
        ("Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144", 10),
        ("\u4f60\u597d" * 5 + "\u3002", 11),
    ):
        assert estimated_tokens(text) >= counted
    assert estimated_tokens("Should the tax on large estates rise again?") == 14


# The shell


def test_odd_words_at_the_shell_are_told_in_a_line(db, tmp_path):
    store = tmp_path / "people.db"
    db.add("ada", Item(text="q", response="Yes", options=OPTIONS))
    run("retrieve", store, "ada", BAD_TEXT, code=1)
    run("allow", store, "ada", "--item", "9" * 20, code=1)
    run("forget", store, "ada", "--yes", "--item", "9" * 20, code=1)
    run("predict", store, "ada", "Tea?", "--option", "Yes", "--option", "No", "--seed", "-1", code=2)


def test_every_command_tells_json(db, tmp_path):
    store = tmp_path / "people.db"
    crowd(db, 20, 6)
    told = {
        "describe": run("describe", store, "p0", "mail=a@b.org", "--redact", "patterns", "--json"),
        "allow": run("allow", store, "p1", "--consent", "research", "--json"),
        "place": run("place", store, "--json"),
        "learn": run("learn", store, "--json"),
        "export": run("export", store, "p0", "--out", tmp_path / "p0.json", "--json"),
        "compact": run("compact", store, "--json"),
    }
    read = {name: json.loads(text) for name, text in told.items()}
    assert read["allow"] == {"items": 6} and read["learn"] == {"people": 20}
    assert read["export"]["items"] == 6 and read["describe"]["attributes"] == 1
    assert db.attributes("p0") == {"mail": "[e-mail]"}


def test_what_is_written_of_somebody_is_open_to_the_owner_alone(db, tmp_path, monkeypatch):
    store = tmp_path / "people.db"
    db.add("ada", Item(text="q", response="a"))
    monkeypatch.setenv("POPULACE_PASSWORD", "secret")
    run("export", store, "ada", "--out", tmp_path / "plain.json")
    run("export", store, "ada", "--encrypt", "--out", tmp_path / "sealed")
    run("read", tmp_path / "sealed", "--out", tmp_path / "again.json")
    run("audit", store, "--out", tmp_path / "audit.csv")
    for name in ("plain.json", "sealed", "again.json", "audit.csv"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("changes", [{"n": 3}, {"n": 1 << 20, "r": 32}, {"nonce": "00"}, {"salt": "00"}])
def test_settings_that_no_export_has_are_refused(db, tmp_path, changes):
    from populace.memory.sealing import read_export

    db.add("ada", Item(text="q", response="a"))
    path = tmp_path / "sealed"
    db.export("ada", path, password="secret")
    magic, head, rest = path.read_bytes().split(b"\n", 2)
    path.write_bytes(b"\n".join([magic, json.dumps(json.loads(head) | changes).encode(), rest]))
    with pytest.raises(DataError, match="no export"):
        read_export(path, "secret")


def test_a_password_that_is_no_text_is_refused(db, tmp_path):
    db.add("ada", Item(text="q", response="a"))
    with pytest.raises(DataError, match="password"):
        db.export("ada", tmp_path / "sealed", password=BAD_TEXT)
    assert not Path(tmp_path / "sealed").exists()
