"""What a memory may tell, keep and undo, where it once told or kept too much."""

from __future__ import annotations

import stat

import numpy as np
import polars as pl
import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from populace.errors import DataError
from populace.memory import Consent, Item, PersonaDB, fitting
from populace.memory.auditing import audit_table
from populace.memory.predicting import Query
from populace.memory.sealing import read_export

OPTIONS = ("Yes", "No")


@pytest.fixture
def db(tmp_path):
    with PersonaDB.open(tmp_path / "people.db") as opened:
        yield opened


def choice(text, response="Yes", **more):
    return Item(text=text, response=response, options=OPTIONS, **more)


def alike(db, count=6, topics=("Trees?", "Trains?")):
    for n in range(count):
        db.add(f"p{n}", [choice(topic) for topic in topics])


# Consent


def test_the_same_import_again_does_not_undo_what_was_withdrawn(db):
    db.add("ada", choice("Trees?"))
    db.allow("ada", Consent((), share=False))
    db.add("ada", choice("Trees?"))
    assert db.export("ada")["items"][0]["purposes"] == []
    db.add("ada", {"text": "Trees?", "response": "Yes", "options": list(OPTIONS), "share": True})
    told = db.export("ada")["items"][0]
    assert (told["purposes"], told["share"]) == ([], True), "the part that is not said stays too"
    db.add("ada", choice("Trees?"), "research")
    assert db.items("ada")[0].consent == Consent(("research",)), "what is said holds"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_no_purpose_is_no_purpose_in_every_file(tmp_path, db, suffix):
    file = tmp_path / f"items{suffix}"
    text = 'text,response,purposes\nTrees?,Yes,""\n'
    if suffix == ".jsonl":
        text = '\ufeff{"text": "Trees?", "response": "Yes", "purposes": ""}\n'
    file.write_text(text, encoding="utf-8")
    db.add("ada", file)
    assert db.items("ada") == []


# What is told of others


def test_choices_of_one_among_people_with_own_words_are_not_told(db):
    for n in range(6):
        db.describe(f"p{n}", {"region": "north"})
        db.add(f"p{n}", {"text": "Why?", "response": f"because {n}"})
    db.add("p5", [choice("Trees?"), choice("Trains?")])
    found = db.retrieve("p0", "Boats?", share=0.5, neighbours=5, way="demographics")
    assert found.neighbours == 0
    assert audit_table(db.store).height == 0


def test_own_words_of_a_neighbour_are_not_told_by_way_of_a_statement(db):
    alike(db)
    db.add("p1", {"response": "I oppose my neighbour Jane Miller"})
    for n in range(1, 6):
        db.add(f"p{n}", {"response": "I support public trams"})
    db.distill()
    found = db.retrieve("p0", "Boats?", 2000, share=0.9, neighbours=5)
    told = " ".join(hit.text.lower() for hit in found)
    assert "jane" not in told
    assert "public trams" in told, "what five of them say is told"
    found = db.retrieve("p0", "Boats?", 2000, share=0.9, neighbours=5, words=True)
    assert any("jane" in hit.text.lower() for hit in found)


def test_the_very_question_in_another_form_is_not_told(db):
    alike(db, topics=("Open the cafe\u0301?", "Trees?"))
    db.add("p0", choice("Boats?"))
    found = db.retrieve("p0", "OPEN the caf\u00e9", 2000, share=0.9, neighbours=5)
    assert [hit.text for hit in found if hit.near is not None] == ["Trees? -> Yes"] * 5
    alone = PersonaDB.open(db.store.name + ".2")
    alike(alone, topics=("Open the cafe\u0301?",))
    assert alone.retrieve("p0", "Open the caf\u00e9?", share=0.9, neighbours=5).neighbours == 0
    alone.close()


def test_somebody_is_found_again_after_one_of_their_items_went(db):
    alike(db)
    assert db.retrieve("p0", "Boats?", share=0.5, neighbours=5).neighbours == 5
    for name in ("p0", "p1"):
        db.forget(name, [db.items(name)[0].item_id])
    assert db.retrieve("p0", "Boats?", share=0.5, neighbours=5).neighbours == 5
    db.allow("p2", "research")
    assert db.retrieve("p0", "Boats?", share=0.5, neighbours=5).neighbours == 5


def test_a_neighbours_answer_comes_without_where_and_when_it_was_said(db):
    for n in range(6):
        told = {"topic": "call +44 20 7946 0900", "source": f"https://example.org/p{n}", "time": 1.7e9}
        db.add(f"p{n}", [choice("Trees?", **told), choice("Trains?", **told)])
    found = db.retrieve("p0", "Boats?", share=0.5, neighbours=5)
    assert found.neighbours == 5
    assert {(hit.topic, hit.source, hit.time) for hit in found if hit.near is not None} == {("", "", None)}
    assert {hit.source for hit in found if hit.near is None} == {"https://example.org/p0"}


def test_gains_of_the_very_question_do_not_settle_which_way_predicts(tmp_path):
    """Others answer it against their kind, so that what predicts all else is worst there."""
    words = ("guns", "taxes", "trees", "trains", "boats", "parks", "wages", "bikes")
    with PersonaDB.open(tmp_path / "people.db") as db:
        for n in range(40):
            rows = [choice(f"More {word}?", OPTIONS[n % 2]) for word in words]
            db.add(f"p{n}", [*rows, choice("More roads?", OPTIONS[1 - n % 2])])
        db.add("ada", [choice(f"More {word}?", "No") for word in words])
        told = db.predict("ada", "More roads?", OPTIONS)
        assert "where this question is asked" not in told.why
        ((_, _, routes),) = fitting._HELD[db.store].values()
        column = routes.responses.place(Query("More roads?", OPTIONS))
        gained, best = routes._gained(column)
        assert all(np.isnan(each.items[column]) for each in gained.values())
        assert not np.isnan(gained[best].items).all()


# What is deleted


def test_what_is_weighed_goes_with_who_goes_meanwhile(tmp_path):
    from populace.errors import BudgetError
    from populace.models.scripted import Scripted
    from populace.run import Budget

    topics = tuple(f"More {word}?" for word in ("trees", "trains", "boats", "parks", "farms"))
    with PersonaDB.open(tmp_path / "people.db") as db:
        for n in range(24):
            db.add(f"p{n}", [choice(topic, OPTIONS[n % 2]) for topic in topics])
        gone = []

        def answer(request):
            if not gone:
                gone.append("p1")
                with PersonaDB.open(tmp_path / "people.db") as other:
                    other.forget("p1")
            return (0.5, 0.5)

        with pytest.raises(DataError, match="meanwhile"):
            db.weigh(Scripted(choice=answer), known=3, cells=20)
        assert db.check() == []
        with pytest.raises(BudgetError):
            db.weigh(Scripted(choice=answer), known=3, cells=20, budget=Budget(tokens=500))
        db.weigh(Scripted(choice=answer), known=3, cells=20)
        told = set(audit_table(db.store).filter(pl.col("action") == "weigh by model")["of"].to_list())
        assert told and told <= {f"p{n}" for n in range(24)}


def test_codes_of_who_went_are_blanked_and_nobody_elses_are_read_again(tmp_path, monkeypatch):
    from populace.memory import joining

    with PersonaDB.open(tmp_path / "people.db") as db:
        alike(db, 8)
        monkeypatch.setattr(joining, "_GONE", 0.0)
        assert db.retrieve("p0", "Boats?", share=0.5, neighbours=5).neighbours == 5
        (held,) = joining._LOADED[db.store].values()
        monkeypatch.setattr(joining, "keep_placed", lambda *more: True)
        monkeypatch.setattr("populace.memory.retrieving.keep_placed", lambda *more: True)
        db.forget("p3")
        assert not held.codes._codes[3].any() and held.codes._codes[[2, 4]].any(axis=1).all()
        found = db.retrieve("p0", "Boats?", share=0.5, neighbours=5)
        assert found.neighbours == 5
        assert list(joining._LOADED[db.store].values()) == [held]
        with PersonaDB.open(tmp_path / "people.db") as other:
            other.forget("p4")
        db.retrieve("p0", "Boats?", share=0.5, neighbours=5)
        assert list(joining._LOADED[db.store].values()) != [held], "another process's deletion is seen"


def test_who_deletes_themselves_leaves_no_name(tmp_path):
    path = tmp_path / "people.db"
    with PersonaDB.open(path, actor="ada-of-the-unique-name") as db:
        db.add("ada-of-the-unique-name", choice("Trees?"))
        db.add("bob", choice("Trees?"))
        db.explain("bob")
        assert db.forget("ada-of-the-unique-name").overwritten
        assert db.check() == []
        assert audit_table(db.store)["actor"].to_list() == ["", ""]
    assert b"unique-name" not in path.read_bytes()


def test_a_statement_holds_again_when_what_contradicted_it_went(db):
    db.add("ada", {"response": "I support gun control", "time": 1.0})
    last = db.add("ada", {"response": "I oppose gun control", "time": 2.0}).ids
    db.distill()
    assert [each.until for each in db.statements("ada", past=True) if each.about] == [2.0, None]
    db.forget("ada", last)
    db.distill()
    told = [(each.text, each.until) for each in db.statements("ada", past=True) if each.about]
    assert len(told) == 1 and told[0][1] is None


# What is latest


def test_the_latest_answer_is_the_last_in_time(db):
    for n in range(8):
        db.add(f"p{n}", [choice("Trees?"), choice("Trains?", "Yes", time=2e9)])
        db.add(f"p{n}", choice("Trains?", "No", time=1e9))
    counted = db.count("p0", "Trains?", OPTIONS, epsilon=100.0, most=1000.0)
    assert counted.counts["Yes"] > counted.counts["No"]


# What others write meanwhile


def test_what_is_added_during_a_fit_is_no_reason_to_fail(tmp_path, monkeypatch):
    from populace.memory import learning
    from populace.memory.predicting import read_responses

    topics = tuple(f"More {word}?" for word in ("trees", "trains", "boats", "parks", "farms", "wolves"))
    with PersonaDB.open(tmp_path / "people.db") as db:
        alike(db, 24, topics)

        def meanwhile(frame):
            with PersonaDB.open(tmp_path / "people.db") as other:
                act(other)
            return read_responses(frame)

        monkeypatch.setattr("populace.memory.predicting.read_responses", meanwhile)
        act = lambda other: other.add("new", [choice(topic) for topic in topics])  # noqa: E731
        assert learning.learn(db.store, "research") == 24
        act = lambda other: other.forget("p3")  # noqa: E731
        with pytest.raises(DataError, match="went"):
            learning.learn(db.store, "research")
        assert db.check() == []


# Files


def test_exports_are_for_their_owner_alone(db, tmp_path):
    db.add("ada", choice("Trees?"))
    for password in (None, "secret"):
        db.export("ada", tmp_path / "out.json", password=password)
        assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"n":65536', b'"n":65537'), (b'"n":65536', b'"n":1048576'), (b'"nonce":"', b'"nonce":"00')],
)
def test_a_foreign_export_is_refused_and_takes_no_room(db, tmp_path, old, new):
    file = tmp_path / "out.json"
    db.add("ada", choice("Trees?"))
    db.export("ada", file, password="secret")
    file.write_bytes(file.read_bytes().replace(old, new).replace(b'"r":8', b'"r":32'))
    with pytest.raises(DataError, match="no export"):
        read_export(file, "secret")


def test_a_password_that_is_no_text_is_refused(db, tmp_path):
    db.add("ada", choice("Trees?"))
    with pytest.raises(DataError, match="UTF-8"):
        db.export("ada", tmp_path / "out.json", password="\udcff")


def test_what_is_no_item_is_refused_in_one_line(db, tmp_path):
    file = tmp_path / "items.jsonl"
    for text in ('{"text":' + "[" * 100_000, '{"text": "a", "time": ' + "9" * 400 + "}"):
        file.write_text(text)
        with pytest.raises(DataError):
            db.add("ada", file)
    db.add("ada", choice("Trees?"))
    with pytest.raises(DataError, match="no item"):
        db.forget("ada", [10**20])
