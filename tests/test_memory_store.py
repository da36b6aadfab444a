"""The store: what may come in and be used for what, who read it, what is given out, which schema it is."""

from __future__ import annotations

import json
import sqlite3
import stat

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from memory_material import derive, items, mark
from populace.errors import DataError, PopulaceError
from populace.memory import Consent, Item, PersonaDB, finding, migrating, sealing, words
from populace.memory import tables as t
from populace.memory.auditing import audit_table, note
from populace.memory.redacting import by_patterns, by_presidio
from populace.memory.sealing import read_export
from populace.memory.sharing import enough, read_shared
from populace.memory.store import Store

pytest_plugins = ["memory_fixtures"]

TEA = {"text": "Tea or coffee?", "response": "Tea", "options": ["Tea", "Coffee"]}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# What comes in


def test_items_come_back_as_they_went_in(db):
    given_items = [
        Item(text="Tea or coffee?", response="Tea", options=("Tea", "Coffee"), ordinal=True, time=3.5),
        Item(response="Good morning", topic="greetings", source="forum"),
        Item(text="Saw a film"),
        Item(text="naïve — 東京 🙂", response="İstanbul"),
    ]
    added = db.add("ada", given_items)
    assert added.new == 4
    kept = db.items("ada")
    assert [each.item for each in kept] == given_items
    assert tuple(each.item_id for each in kept) == added.ids
    assert {each.person_id for each in kept} == {"ada"}


def test_the_same_item_twice_is_one(db):
    first = db.add("ada", [TEA, TEA, {"text": "Why?", "response": "Taste"}])
    again = db.add("ada", [{"text": "Why?", "response": "Taste"}, TEA | {"response": "Coffee"}, TEA])
    assert first.ids == (first.ids[0], first.ids[0], first.ids[2])
    assert (first.new, again.new) == (2, 1)
    assert (again.ids[0], again.ids[2]) == (first.ids[2], first.ids[0])
    assert len(db.items("ada")) == 3
    assert db.add("ada", TEA | {"time": 5}).new == 1, "at another time it is another answer"
    assert db.check() == []


def test_a_text_of_many_is_kept_once(db):
    for name in ("ada", "bob", "eve"):
        db.add(name, TEA)
    with db.store.read() as connection:
        bodies = connection.execute(t.texts.select()).all()
    assert sorted(row.body for row in bodies) == sorted(
        ["ada", "bob", "eve", "Tea or coffee?", "Tea", '[false,["Tea","Coffee"]]']
    )


def test_texts_that_share_a_hash_stay_two(db, monkeypatch):
    for module in (words, finding):
        monkeypatch.setattr(module, "keyed_hash", lambda key, body: 7)
    db.add("ada", [{"text": "one", "response": "two"}, {"text": "three", "response": "one"}])
    assert [(each.item.text, each.item.response) for each in db.items("ada")] == [
        ("one", "two"),
        ("three", "one"),
    ]
    db.add("bob", {"text": "two", "response": "four"})
    db.forget("bob")
    assert db.items("ada")[0].item.response == "two"
    assert db.people() == ["ada"]


FORMATS = {
    "a.jsonl": '{"person_id": "ada", "text": "Q", "response": 5, "time": "2024-05-01"}\n\n'
    '{"person_id": "bob", "text": "Tea?", "response": "Yes", "options": ["Yes", "No"], "share": false}\n',
    "a.csv": "person_id,text,response,time,options,share\nada,Q,5,2024-05-01,,\nbob,Tea?,Yes,,Yes|No,false\n",
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_files_of_three_kinds_say_the_same(db, tmp_path, name):
    if name == "a.parquet":
        rows = {
            "person_id": ["ada", "bob"],
            "text": ["Q", "Tea?"],
            "response": ["5", "Yes"],
            "time": [1714521600, None],
            "options": [None, ["Yes", "No"]],
            "share": [None, False],
        }
        pl.DataFrame(rows).write_parquet(tmp_path / name)
    else:
        write(tmp_path / name, FORMATS[name])
    assert db.add(None, tmp_path / name).new == 2
    assert db.items("ada")[0].item == Item(text="Q", response="5", time=1714521600.0)
    (bob,) = db.items("bob")
    assert bob.item == Item(text="Tea?", response="Yes", options=("Yes", "No"))
    assert bob.consent == Consent(("research",), share=False)


GOOD = '{"text": "Q", "response": "A"}\n'


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", GOOD + "{broken\n", r"a\.jsonl, row 2: no JSON"),
        ("a.jsonl", GOOD + "[1]\n", r"a\.jsonl, row 2: list is no item"),
        ("a.jsonl", GOOD + "\n" + '{"text": "Q", "respons": "A"}\n', "row 3, column respons: unknown field"),
        ("a.jsonl", GOOD + '{"topic": "T"}\n', "row 2, column text: neither a text nor a response"),
        ("a.jsonl", GOOD + '{"text": "Q", "response": {"a": 1}}\n', "row 2, column response: .* is no text"),
        (
            "a.jsonl",
            GOOD + '{"text": "Q", "time": "yesterday"}\n',
            "row 2, column time: 'yesterday' is no time",
        ),
        ("a.jsonl", GOOD + '{"text": "Q", "time": true}\n', "row 2, column time"),
        ("a.jsonl", GOOD + '{"text": "Q", "time": 1e999}\n', "row 2"),
        ("a.jsonl", GOOD + '{"text": "Q\\u0000"}\n', "row 2, column text: holds the character zero"),
        (
            "a.jsonl",
            GOOD + '{"text": "Q", "response": "C", "options": ["A", "B"]}\n',
            "row 2, column response",
        ),
        (
            "a.jsonl",
            GOOD + '{"text": "Q", "response": "A", "options": ["A", "A"]}\n',
            "row 2, column options",
        ),
        ("a.jsonl", GOOD + '{"text": "Q", "share": "maybe"}\n', "row 2, column share"),
        ("a.jsonl", GOOD + '{"text": "Q", "purposes": [""]}\n', "row 2, column consent"),
        ("a.jsonl", GOOD + '{"text": "Q", "person_id": "bob"}\n', "the item of bob is added to ada"),
        ("a.csv", "text,response\nQ,A\nQ\n", r"a\.csv, row 2: 1 values under 2 columns"),
        ("a.csv", 'text,response\nQ,A\nQ,"A\n', r"a\.csv: broken in line 3"),
        ("a.csv", "text,answer\nQ,A\n", r"a\.csv: unknown columns \(answer\)"),
        ("a.csv", "", r"a\.csv: the file is empty"),
        ("a.txt", "Q", "no kind of file"),
    ],
)
def test_a_malformed_row_is_refused_with_its_place_and_nothing_is_written(tmp_path, name, text, told):
    with PersonaDB.open(tmp_path / "people.db") as db:
        db.add("eve", TEA)
        with pytest.raises(DataError, match=told):
            db.add("ada", write(tmp_path / name, text))
        assert db.people() == ["eve"]
        assert db.check() == []


def test_a_malformed_row_far_down_undoes_what_was_written_before(tmp_path, monkeypatch):
    monkeypatch.setattr("populace.memory.adding._CHUNK", 10)
    lines = [json.dumps({"person_id": f"p{n}", "text": f"Q{n}"}) for n in range(100)]
    path = write(tmp_path / "a.jsonl", "\n".join([*lines, '{"text": 3}']))
    with PersonaDB.open(tmp_path / "people.db") as db:
        with pytest.raises(DataError, match="row 101, column person_id: nothing says whose"):
            db.add(None, path)
        assert db.people() == []
        with sqlite3.connect(tmp_path / "people.db") as plain:
            assert plain.execute("SELECT count(*) FROM memory_texts").fetchone() == (0,)


def test_chunks_are_one_call(tmp_path, monkeypatch):
    monkeypatch.setattr("populace.memory.adding._CHUNK", 7)
    monkeypatch.setattr("populace.memory.words._KNOWN", 10)
    rows = [{"person_id": f"p{n % 5}", "text": f"Q{n % 11}", "response": f"A{n % 3}"} for n in range(165)]
    with PersonaDB.open(tmp_path / "people.db") as db:
        added = db.add(None, rows * 2)
        assert (added.new, added.given) == (165, 330)
        assert added.ids[:165] == added.ids[165:]
        assert db.check() == []


@pytest.mark.parametrize("name", ["", "  ", 5, "x" * 501, "a\0b", "\ud800"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with PersonaDB.open(tmp_path / "people.db") as db, pytest.raises(DataError, match="person_id"):
        db.add(name, TEA)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ada", "bob", "eve"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=12,
    ),
    st.sampled_from(["ada", "bob", "eve"]),
)
def test_what_is_stored_is_what_a_dictionary_would_hold(tmp_path_factory, rows, gone):
    """A naive twin: a list a person, without what is there already; forgetting empties one."""
    twin: dict[str, list[Item]] = {}
    with PersonaDB.open(tmp_path_factory.mktemp("twin") / "people.db") as db:
        for name, text, response, time in rows:
            item = Item(text=text, response=response, time=time)
            db.add(name, item)
            if item not in twin.setdefault(name, []):
                twin[name].append(item)
        if gone in twin:
            assert db.forget(gone).items == len(twin.pop(gone))
        assert {name: [each.item for each in db.items(name)] for name in db.people()} == twin
        assert db.check() == []


# What it may be used for


def test_an_item_without_the_purpose_is_in_no_result(where):
    with PersonaDB.open(where) as db:
        db.add("ada", TEA, "product")
        db.add("ada", {"text": "Why?", "response": "Taste"}, ["product", "research"])
        db.add("ada", {"text": "When?", "response": "Noon"}, Consent(()))
        db.describe("ada", {"age": "30"}, "product")
        assert [each.item.text for each in db.items("ada")] == ["Why?"]
        assert db.attributes("ada") == {}
    with PersonaDB.open(where, "product") as db:
        assert len(db.items("ada")) == 2
        assert db.attributes("ada") == {"age": "30"}
        assert len(db.export("ada")["items"]) == 3, "a person is given all that is theirs"


def test_what_is_not_shared_is_read_for_nobody_else(db):
    for name, consent in (
        ("ada", "research"),
        ("bob", Consent(("research",), share=False)),
        ("eve", "research"),
    ):
        db.add(name, [TEA, {"text": "Why?", "response": f"{name} says"}], consent)
    db.add("eve", {"text": "Secret?", "response": "Yes"}, Consent(("research",), share=False))
    db.add("dan", {"text": "When?", "response": "Noon"})
    with db.store.write() as writing:
        rows = read_shared(writing, [1, 2, 3], "research", choices=False)
    assert rows[:, :2].tolist() == [[1, 1], [1, 2], [3, 5], [3, 6]]
    assert len(db.items("bob")) == 2, "for themselves it is used"


def test_the_very_question_can_be_left_out(db):
    for name in ("ada", "bob", "eve"):
        db.add(name, [TEA, {"text": "Why?", "response": f"{name} says"}])
    with db.store.write() as writing:
        text = writing.words.find(["Tea or coffee?"])["Tea or coffee?"]
        rows = read_shared(writing, [1, 2], "research", but_text=text, choices=False)
    assert text not in rows[:, 2]
    assert len(rows) == 2


def test_a_neighbourhood_that_is_too_small_is_not_read(where):
    with PersonaDB.open(where, least_people=3) as db:
        for name in ("ada", "bob", "eve"):
            db.add(name, TEA)
        with db.store.write() as writing:
            assert len(enough(writing, read_shared(writing, [2, 3], "research"))) == 0
            assert len(enough(writing, read_shared(writing, [1, 2, 3], "research"))) == 3
        assert db.retrieve("ada", "When?", share=0.5, neighbours=2).neighbours == 0
        assert audit_table(db.store).height == 0
        with pytest.raises(DataError, match="0 people are no neighbourhood"):
            db.store.set_least_people(0)
    with PersonaDB.open(where) as db:
        assert db.least_people == 3


def test_a_read_that_fails_leaves_no_line_and_none_is_read_without_one(db, monkeypatch):
    from populace.memory import candidates

    def failing(*more):
        raise RuntimeError

    for n in range(6):
        db.add(f"p{n}", TEA)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(candidates, "_pseudonym", failing)
        db.retrieve("p0", "When?", share=0.5, neighbours=5)
    assert audit_table(db.store).height == 0
    assert db.retrieve("p0", "When?", share=0.5, neighbours=5).neighbours == 5
    told = audit_table(db.store).select("action", "for", "of", "items").rows()
    assert told == [("retrieve", "p0", f"p{n}", 1) for n in range(1, 6)]


def test_consent_said_again_is_what_counts(db):
    db.add("ada", items("ada"))
    derive(db, "ada", [])
    db.add("ada", items("ada"), "product")
    assert db.items("ada") == []
    assert db.export("ada")["statements"] == []
    assert {tuple(each["purposes"]) for each in db.export("ada")["items"]} == {("product",)}
    assert db.check() == []


@pytest.mark.parametrize("wrong", ["", " ", "x" * 61, 5, ["research", None], "a\nb"])
def test_what_is_no_purpose_is_refused(tmp_path, wrong):
    with PersonaDB.open(tmp_path / "people.db") as db, pytest.raises(DataError):
        db.add("ada", TEA, wrong)


# What is given out


def test_an_export_holds_everything(db):
    db.add("ada", items("ada", 2))
    db.add("bob", items("bob", 2))
    db.describe("ada", {"age": "30"})
    derive(db, "ada", ["bob"])
    with db.store.write() as writing:
        note(writing, "retrieve", "research", [(1, 4)], reader=2)
    told = json.loads(json.dumps(db.export("ada")))
    assert told["attributes"] == [{"name": "age", "value": "30", "purposes": ["research"], "share": True}]
    assert [each["response"] for each in told["items"]][-1] == "Tea"
    (statement,) = told["statements"]
    assert (statement["text"], statement["items"]) == (f"{mark('ada')} likes tea", [1, 2])
    assert (statement["model"], statement["prompt"], statement["confidence"]) == ("rules", "prompt", 0.5)
    assert [each["text"] for each in told["caches"]] == ["", f"{mark('ada')} cache"]
    assert told["neighbours"] == [{"way": "by ada", "neighbours": 1, "in_lists_of": 1}]
    assert [each["kind"] for each in told["models"]] == ["factors ada"]
    fit, read = told["reads"]
    assert (fit["action"], fit["items"]) == ("fit", 4)
    assert (read["action"], read["for_another_person"], read["items"]) == ("retrieve", True, 4)
    assert mark("bob") not in json.dumps(told)
    assert '"bob"' not in json.dumps(told)


def test_an_export_under_a_password_opens_with_it_alone(db, tmp_path, monkeypatch):
    monkeypatch.setitem(sealing._COST, "n", 1 << 10)  # else it takes its time, which is its purpose
    db.add("ada", items("ada"))
    path = tmp_path / "ada.bin"
    told = db.export("ada", path, password="correct horse")
    assert mark("ada").encode() not in path.read_bytes()
    assert read_export(path, "correct horse") == told
    for password in ("wrong", None):
        with pytest.raises(DataError, match="password"):
            read_export(path, password)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), data.replace(b'"r":8', b'"r":7')):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="damaged"):
            read_export(path, "correct horse")
    with pytest.raises(DataError, match="the password is empty"):
        db.export("ada", path, password="")


def test_an_explanation_says_it_in_words(db):
    db.add("ada", items("ada"))
    derive(db, "ada", [])
    told = str(db.explain("ada"))
    assert told.startswith("What is known of ada")
    assert f"distilled, topics: {mark('ada')} likes tea (from items 1, 2; by rules, 1970-01-01)" in told
    assert "items: 8" in told
    assert "in fitted models:" in told
    assert "explain for research, by tester" in str(db.explain("ada"))


@pytest.mark.parametrize("ask", ["items", "attributes", "export", "explain", "forget"])
def test_asking_about_nobody_says_so(db, ask):
    with pytest.raises(DataError, match="nobody here is named bob"):
        getattr(db, ask)("bob")


# Who somebody is


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mail ada.lovelace+x@mail.example.co.uk!", "mail [e-mail]!"),
        ("see https://example.org/a?b=c and www.example.org.", "see [url] and [url]"),
        ("+1 (555) 010-9999 or 020 7946 0958", "[phone] or [phone]"),
        ("0171/1234567", "[phone]"),
        ("4111-1111-1111-1111", "[card]"),
        ("4111-1111-1111-1112", "4111-1111-1111-1112"),
        ("on 2024-05-01 at 10:30, 1,000,000 people, 3.14159265, 1990 2000", None),
        ("In 2016, 62984828 votes", None),
        ("no digits, no at", None),
    ],
)
def test_patterns_find_what_has_a_form(text, told):
    assert by_patterns(text) == (text if told is None else told)


def test_nothing_of_what_is_taken_out_reaches_the_files(tmp_path):
    with PersonaDB.open(tmp_path / "people.db", redact="patterns") as db:
        db.add("ada", {"text": "Where?", "response": "at ada@example.org"})
        assert db.items("ada")[0].item.response == "at [e-mail]"
    assert not any(b"ada@example" in path.read_bytes() for path in tmp_path.iterdir())
    with PersonaDB.open(tmp_path / "own.db", redact=str.upper) as db:
        db.add("ada", [TEA, {"text": "Where?", "response": "here"}])
        # Options are the words of who asks: of them only what has a form is taken out.
        assert [each.item.response for each in db.items("ada")] == ["Tea", "HERE"]
    with pytest.raises(DataError, match="no redactor is named magic"):
        PersonaDB.open(tmp_path / "none.db", redact="magic")


def test_presidio_that_is_not_here_is_said():
    try:
        import presidio_analyzer  # noqa: F401
    except ImportError:
        with pytest.raises(PopulaceError, match="presidio_analyzer"):
            by_presidio()
    else:
        pytest.skip("presidio is installed")


# Which schema it is


@pytest.mark.filterwarnings("ignore:Did not recognize type")
def test_revisions_make_the_tables_that_are_described(db):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with db.store.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrating.VERSION_TABLE})
        found = compare_metadata(context, t.metadata)
    # pgvector's table is an index that only some servers can have; what makes it stands in two places.
    found = [each for each in found if "memory_vectors" not in str(each)]
    assert [each for each in found if "constraint" not in str(each[0])] == []


def test_both_ways_to_make_the_vectors_make_the_same():
    from importlib import import_module

    from populace.memory import pgvector

    assert import_module("populace.memory.migrations.versions.r0002_vectors")._VECTORS == pgvector._MADE


def test_a_store_of_a_later_version_is_refused(where):
    with PersonaDB.open(where) as db, db.store.turn() as connection:
        connection.exec_driver_sql("UPDATE memory_version SET version_num = '9999'")
    with pytest.raises(DataError, match="later version \\(revision 9999\\)"):
        PersonaDB.open(where)


LATER = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None
def upgrade():
    op.add_column("memory_people", sa.Column("extra", sa.Integer))
    {then}
"""


@pytest.mark.parametrize("then", ["pass", "raise RuntimeError('broken half-way')"])
def test_an_older_store_is_brought_up_to_date_whole_or_not_at_all(where, tmp_path, monkeypatch, then):
    import shutil

    with PersonaDB.open(where) as db:
        db.add("ada", TEA)
    folder = tmp_path / "migrations"
    shutil.copytree(migrating._FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    write(folder / "versions" / "r0003_later.py", LATER.format(then=then))
    monkeypatch.setattr(migrating, "_FOLDER", folder)
    monkeypatch.setattr(migrating, "HEAD", "0003")
    if then != "pass":
        with pytest.raises(RuntimeError):
            Store.open(where)
    else:
        Store.open(where).close()
    monkeypatch.undo()
    engine = migrating_engine(where)
    with engine.connect() as connection:
        from sqlalchemy import inspect

        columns = {column["name"] for column in inspect(connection).get_columns("memory_people")}
        version = connection.exec_driver_sql("SELECT version_num FROM memory_version").scalar()
    engine.dispose()
    assert ("extra" in columns, version) == ((True, "0003") if then == "pass" else (False, "0002"))


def migrating_engine(where):
    from populace.databases import connect

    return connect(where)


def test_a_file_that_is_no_database_is_said(tmp_path):
    with pytest.raises(DataError, match="file is not a database"):
        PersonaDB.open(write(tmp_path / "people.db", "no database, but long enough to be read as one" * 50))
    with pytest.raises(DataError, match="there is no memory here"):
        PersonaDB.open(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(DataError, match="mysql is no database"):
        PersonaDB.open("mysql://host/db")
    with pytest.raises(DataError):
        PersonaDB.open("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")


def test_a_memory_lives_beside_other_tables(tmp_path):
    with sqlite3.connect(tmp_path / "people.db") as plain:
        plain.execute("CREATE TABLE others (a)")
    with PersonaDB.open(tmp_path / "people.db") as db:
        db.add("ada", TEA)
        assert db.check() == []


def test_the_file_is_its_owners_alone(tmp_path):
    with PersonaDB.open(tmp_path / "q?a#b%20.db") as db:
        db.add("ada", TEA)
        for path in tmp_path.iterdir():
            assert path.name.startswith("q?a#b%20.db")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_an_error_of_the_database_tells_nobodys_words(tmp_path):
    with PersonaDB.open(tmp_path / "people.db") as db:
        with db.store.turn() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE INSERT ON memory_texts BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        with pytest.raises(DataError, match="disk full") as caught:
            db.add("ada", {"text": "my neighbour Ottokar"})
        assert "Ottokar" not in str(caught.value)


def test_check_finds_what_is_wrong(tmp_path):
    with PersonaDB.open(tmp_path / "people.db") as db:
        db.add("ada", items("ada"))
        derive(db, "ada", [])
        with db.store.turn() as connection:
            for change in (
                "UPDATE memory_text_index SET uses = uses + 1 WHERE text = 1",
                "DELETE FROM memory_items WHERE item = 1",
                "INSERT INTO memory_caches VALUES (99, 'x', 0, 77, 0)",
                "UPDATE memory_texts SET body = 'other' WHERE text = 2",
            ):
                connection.exec_driver_sql(change)
        told = "\n".join(db.check())
    for part in ("text 1 is used", "rest on no item", "blob 77 is missing", "caches of nobody", "hash says"):
        assert part in told


# The command line


def test_the_life_of_a_person_on_the_command_line(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from populace.cli.memory import app

    store, rows = str(tmp_path / "people.db"), write(tmp_path / "a.jsonl", FORMATS["a.jsonl"])

    def run(*words, code=0):
        shown = CliRunner().invoke(app, [str(word) for word in words])
        assert shown.exit_code == code, shown.output
        return shown

    assert "2 items added, 0 were there" in run("add", store, rows).output
    assert "0 items added, 2 were there" in run("add", store, rows).output
    monkeypatch.setenv("POPULACE_PASSWORD", "secret")
    run("export", store, "ada", "--out", tmp_path / "ada.bin", "--encrypt")
    assert '"person_id": "ada"' in run("read", tmp_path / "ada.bin").output
    assert "What is known of ada" in run("explain", store, "ada").output
    assert "export" in run("audit", store, "ada").output
    run("audit", store, "--out", tmp_path / "lines.csv")
    assert pl.read_csv(tmp_path / "lines.csv")["action"].to_list() == ["export", "explain"]
    assert "bytes are overwritten" in run("forget", store, "ada", "--yes").output
    assert isinstance(run("explain", store, "ada", code=1).exception, DataError)
    assert "whole; 1 people" in run("check", store).output
    assert "written anew" in run("compact", store).output
    run("forget", store, "bob", code=1)
    assert "whole; 1 people" in run("check", store).output
