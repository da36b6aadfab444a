"""Deletion reaches every layer, index, cache and other people's joins: proved by the bytes of the files."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from memory_material import derive, found, items, mark, needles
from populace.errors import DataError
from populace.memory import Consent, PersonaDB
from populace.memory import tables as t

pytest_plugins = ["memory_fixtures"]

STAYS = "the one who stays"


def files_of(db, request, tmp_path):
    """The folder of the database's files, all written out; of PostgreSQL its tables and catalogues."""
    if db.store.is_sqlite:
        return tmp_path
    server = request.getfixturevalue("postgres")
    with db.store.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        oid = connection.exec_driver_sql(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).scalar()
        connection.exec_driver_sql("CHECKPOINT")
    return Path(server.pgdata) / "base" / str(oid)


def test_no_byte_of_a_forgotten_person_is_left(db, request, tmp_path):
    names = ["ada", "bob", "eve", STAYS]
    for name in names:
        db.add(name, items(name))
        db.describe(name, {"region": f"{mark(name)} shire", "age": "30"})
    for name in names:
        derive(db, name, [other for other in names if other != name][:2])
    folder = files_of(db, request, tmp_path)
    for name in names[:3]:
        # The model went with the first of them, since all were in it.
        there = [bool(found(folder, [needle])) for needle in needles(name)]
        assert there == [True, True, True, name == "ada"], "or the test could not fail"
        gone = db.forget(name)
        assert gone.overwritten
        assert gone.items == 8
        assert found(files_of(db, request, tmp_path), needles(name)) == []
        assert db.check() == []
    assert all(found(files_of(db, request, tmp_path), [needle]) for needle in needles(STAYS)[:2])
    assert len(db.items(STAYS)) == 8
    assert db.people() == [STAYS]


def test_no_byte_is_left_where_many_come_and_go(tmp_path):
    """Rows of many people side by side in pages that fill, split, shrink and merge."""
    chance = random.Random(7)
    with PersonaDB.open(tmp_path / "people.db") as db:
        here, gone = [], []
        for turn in range(150):
            name = f"person {turn}"
            db.add(name, items(name, chance.randrange(1, 12)))
            here.append(name)
            if turn % 3 == 0:
                derive(db, name, [])
            if turn % 5 == 0:
                name = here.pop(chance.randrange(len(here)))
                rows = chance.sample([each.item_id for each in db.items(name)], 2)
                db.forget(name, rows)
            if turn % 2:
                name = here.pop(chance.randrange(len(here)))
                db.forget(name)
                gone.append(name)
        assert db.check() == []
        # The writes since the last deletion are in the log; no byte of who is gone is in either file.
        data = b"".join(path.read_bytes() for path in tmp_path.glob("people.db*"))
        assert [name for name in gone if any(needle in data for needle in needles(name))] == []
        assert all(needles(name)[0] in data for name in here)
        assert len(gone) == 75


def test_sqlites_own_secure_delete_would_leave_copies(tmp_path):
    """Why words are blanked where they stand: a plain table, deleted from under secure_delete, keeps some."""
    chance = random.Random(7)
    plain = sqlite3.connect(tmp_path / "plain.db", isolation_level=None)
    plain.execute("PRAGMA secure_delete=ON")
    plain.execute("BEGIN")
    plain.execute(
        "CREATE TABLE words (person TEXT, n INTEGER, body TEXT, PRIMARY KEY (person, n)) WITHOUT ROWID"
    )
    here, gone = [], []
    for turn in range(400):
        name = f"{mark(str(turn))}"
        rows = [(name, n, f"{name} said {'so ' * chance.randrange(40)}") for n in range(8)]
        plain.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
        here.append(name)
        if turn % 2:
            name = here.pop(chance.randrange(len(here)))
            plain.execute("DELETE FROM words WHERE person = ?", [name])
            gone.append(name)
    plain.execute("COMMIT")
    plain.close()
    data = (tmp_path / "plain.db").read_bytes()
    assert [name for name in gone if name.encode() in data]


def test_items_go_with_what_rests_on_them_and_no_more(db):
    for name in ("ada", "bob", "eve"):
        db.add(name, items(name))
    derive(db, "ada", ["bob"])
    derive(db, "bob", ["eve"])
    kept = db.items("ada")
    gone = db.forget("ada", [kept[0].item_id])
    # Ada's own model and the joins of Ada with Bob, both ways.
    assert (gone.items, gone.statements, gone.models, gone.neighbours) == (1, 1, 1, 2)
    assert [each.item_id for each in db.items("ada")] == [each.item_id for each in kept[1:]]
    assert db.explain("ada").told["statements"] == []
    assert len(db.explain("bob").told["statements"]) == 1
    assert db.explain("bob").told["neighbours"] == [{"way": "by bob", "neighbours": 1, "in_lists_of": 1}]
    assert db.check() == []


def test_an_item_on_which_nothing_rests_takes_no_statement_along(db):
    db.add("ada", items("ada"))
    derive(db, "ada", [])
    assert db.forget("ada", [db.items("ada")[-1].item_id]).statements == 0
    assert len(db.explain("ada").told["statements"]) == 1


def test_a_statement_about_another_that_rests_on_a_forgotten_person_goes(db):
    from populace.memory.adding import people_named

    for name in ("ada", "bob"):
        db.add(name, items(name))
    derive(db, "bob", [])
    with db.store.write() as writing:
        people = people_named(writing, ["ada", "bob"])
        item = writing.fetch("SELECT min(item) FROM memory_items WHERE person = ?", [people["ada"]])[0][0]
        writing.insert(t.statement_sources, ("statement", "person", "item"), [(1, people["ada"], item)])
    assert db.explain("bob").told["statements"][0]["items_of_others"] == 1
    db.forget("ada")
    told = db.explain("bob").told
    assert told["statements"] == told["caches"] == []
    assert db.check() == []


def test_a_text_stays_as_long_as_anybody_said_it(db):
    db.add("ada", {"text": "Shared?", "response": "word for word"})
    db.add("bob", {"text": "Shared?", "response": "word for word"})
    assert db.forget("ada").texts == 1  # her name
    assert db.items("bob")[0].item.response == "word for word"
    assert db.forget("bob").texts == 3


def test_forgetting_nobody_or_no_item_says_so_and_deletes_nothing(db):
    db.add("ada", items("ada"))
    with pytest.raises(DataError, match="nobody here is named bob"):
        db.forget("bob")
    with pytest.raises(DataError, match="no item 999"):
        db.forget("ada", [db.items("ada")[0].item_id, 999])
    assert len(db.items("ada")) == 8


def test_numbers_of_the_forgotten_are_never_given_again(db):
    first = db.add("ada", items("ada")).ids
    db.forget("ada")
    assert min(db.add("ada", items("ada")).ids) > max(first)


def test_lines_about_the_forgotten_go_and_what_they_read_stays_without_them(db):
    from populace.memory.auditing import note

    for name in ("ada", "bob", "eve"):
        db.add(name, items(name))
    with db.store.write() as writing:
        note(writing, "retrieve", "research", [(2, 3), (3, 3)], actor="tester", reader=1)
    db.forget("ada")
    reads = db.explain("bob").told["reads"]
    assert [(each["action"], each["for_another_person"]) for each in reads] == [("retrieve", False)]
    db.forget("bob")
    with db.store.read() as connection:
        lines = connection.execute(t.audit.select().order_by(t.audit.c.line)).all()
    assert [(line.action, line.reader, line.items) for line in lines if line.subject is None] == [
        ("forget", None, 8),
        ("forget", None, 8),
    ]
    assert db.check() == []


def test_a_reader_in_the_way_is_said_and_the_bytes_go_later(tmp_path):
    path = tmp_path / "people.db"
    with PersonaDB.open(path) as db:
        db.add("ada", items("ada"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT * FROM memory_items").fetchall()
        gone = db.forget("ada", patience=0.2)
        assert not gone.overwritten
        assert db.people() == []
        assert found(tmp_path, needles("ada"))
        other.close()
    with PersonaDB.open(path) as db:
        assert db.store.setting("owed") == 0
        assert found(tmp_path, needles("ada")) == []


def test_a_fitted_model_goes_with_the_first_who_was_in_it(db):
    from populace.memory.fitted import keep_fit, latest_fit

    for name in ("ada", "bob", "eve"):
        db.add(name, items(name))
    with db.store.write() as writing:
        keep_fit(writing, "factors", "research", [1, 2], b"old", items=16)
        keep_fit(writing, "factors", "research", [1, 2], b"new", items=16, actor="me")
        keep_fit(writing, "factors", "product", [3], b"other", items=8)
    with db.store.read() as connection:
        assert latest_fit(connection, "factors", "research").data == b"new"
    reads = db.explain("ada").told["reads"]
    told = [(each["action"], each["actor"], each["items"]) for each in reads]
    assert told == [("fit", "", 16), ("fit", "me", 16)], "the older model is gone, and it was read for it"
    assert [each["action"] for each in db.explain("eve").told["reads"]] == ["fit"]
    assert db.check() == []
    assert db.forget("bob").models == 1
    with db.store.read() as connection:
        assert latest_fit(connection, "factors", "research") is None
        assert latest_fit(connection, "factors", "product").data == b"other"
    assert db.check() == []


def test_bytes_can_be_left_for_later(db, request, tmp_path):
    from populace.memory.scrubbing import compact

    db.add("ada", items("ada"))
    assert not db.forget("ada", patience=None).overwritten
    assert db.store.setting("owed") == 1
    assert compact(db.store)
    assert db.store.setting("owed") == 0
    assert found(files_of(db, request, tmp_path), needles("ada")) == []


def test_old_attributes_are_gone_too(db, request, tmp_path):
    db.describe("ada", {"region": f"{mark('old')} shire"})
    db.describe("ada", {"region": f"{mark('new')} shire"})
    if db.store.is_sqlite:
        assert found(tmp_path, [mark("old").encode()]) == []
    assert db.attributes("ada") == {"region": f"{mark('new')} shire"}
    db.describe("ada", {"region": None})
    assert db.attributes("ada") == {}
    assert db.check() == []


def test_what_was_made_under_a_consent_goes_with_it(db):
    db.add("ada", items("ada"))
    derive(db, "ada", [])
    assert db.allow("ada", "product") == 8
    assert db.items("ada") == []
    assert db.explain("ada").told["statements"] == []
    assert db.allow("ada", Consent(("product", "research"), share=False)) == 8
    assert len(db.items("ada")) == 8
    assert db.check() == []


def test_room_is_given_back_when_asked(tmp_path):
    from populace.memory.scrubbing import compact

    with PersonaDB.open(tmp_path / "people.db") as db:
        for n in range(50):
            db.add(f"p{n}", items(f"p{n}"))
        for n in range(49):
            db.forget(f"p{n}")
        before = (tmp_path / "people.db").stat().st_size
        assert compact(db.store)
        assert (tmp_path / "people.db").stat().st_size < before / 3
        assert db.check() == []
        assert len(db.items("p49")) == 8
