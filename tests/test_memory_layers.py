"""Layers: derived by rules or a model, incremental, contradictions dated, gone with their sources."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from populace.memory import Consent, Item, PersonaDB
from populace.memory.asking_models import read_answer
from populace.memory.layers import CACHE, DISTILLED, FAILED, INDUCED, MORALS, PROFILE, SHARED, VALUES
from populace.models.records import Failure
from populace.models.scripted import Scripted

pytest_plugins = ["memory_fixtures"]


def texts(db, name="ada", **settings):
    return [f"{each.field}: {each.text}" for each in db.statements(name, **settings)]


def answer(*statements):
    return json.dumps(
        {"statements": [dict(zip(("field", "about", "says"), each, strict=True)) for each in statements]}
    )


def test_the_dictionary_is_the_papers():
    assert len(DISTILLED) == 13
    assert len(VALUES) == len(MORALS) == 10
    assert set(INDUCED) == {"issues", "entities", "analysis", "notes"}
    assert set(CACHE) == {"values", "ideologies", "topics", "profession", "possessions", "roles"}
    assert set(PROFILE) | set(SHARED) == set(DISTILLED)
    assert not set(PROFILE) & set(SHARED)


def test_rules_read_plain_words_and_no_others(db):
    said = [
        "I work as a carpenter, and I own a red bicycle.",
        "As a single mother I am a staunch Democrat? No: I am a liberal.",
        "I strongly support gun control because of my children.",
        "He supports nothing, and I think nothing.",
    ]
    db.add("ada", [Item(response=each, time=float(n)) for n, each in enumerate(said)])
    done = db.distill()
    assert texts(db) == [
        "profession: carpenter",
        "possessions: red bicycle",
        "roles: single mother",
        "ideologies: liberal",
        "issues: gun control: is for it",
    ]
    assert (done.people, done.statements, done.calls) == (1, 5, 0)
    first = db.statements("ada")[0]
    assert first.items == (db.items("ada")[0].item_id,)
    assert (first.model, first.prompt, first.until) == ("rules-1", "", None)
    assert db.check() == []


def test_a_contradiction_closes_the_earlier_and_keeps_it(db):
    db.add("ada", Item(response="I support the new tax.", time=10.0))
    db.distill()
    db.add("ada", Item(response="I oppose the new tax.", time=20.0))
    assert db.distill().closed == 1
    assert texts(db) == ["issues: the new tax: is against it"]
    old, new = db.statements("ada", past=True)
    assert (old.text, old.until) == ("the new tax: is for it", 20.0)
    assert new.until is None


def test_what_is_added_late_does_not_close_what_was_said_later(db):
    db.add("ada", Item(response="I oppose the new tax.", time=20.0))
    db.distill()
    db.add("ada", Item(response="I support the new tax.", time=10.0))
    db.distill()
    assert texts(db) == ["issues: the new tax: is against it"]
    assert [each.until for each in db.statements("ada", past=True)] == [None, 20.0]


def test_of_a_question_answered_twice_the_later_answer_holds(db):
    for time, response in ((5.0, "Legal"), (9.0, "Not legal")):
        db.add("ada", Item(text="Marijuana?", response=response, options=("Legal", "Not legal"), time=time))
        db.distill()
    assert texts(db) == ["issues: Marijuana?: Not legal"]
    assert [each.until for each in db.statements("ada", past=True)] == [9.0, None]


def test_one_more_item_redoes_no_person(db):
    for name in ("ada", "bob"):
        db.add(name, Item(response="I work as a nurse."))
    db.distill()
    before = db.statements("ada") + db.statements("bob")
    assert db.distill().people == 0
    db.add("ada", Item(response="I own a boat."))
    assert db.distill()[:2] == (1, 1)
    assert db.statements("ada")[:1] + db.statements("bob") == before


def test_a_model_derives_through_the_engine(db):
    model = Scripted(
        text=answer(("roles", "", "a mother"), ("issues", "taxes", "thinks them too high"), ("odd", "", "x"))
    )
    db.add("ada", [Item(text=f"Question {n}?", response=f"Answer {n}") for n in range(3)])
    done = db.distill(model, batch=2)
    assert (done.people, done.statements, done.calls, done.failed, done.unreadable) == (1, 2, 2, 0, 0)
    mother, taxes = db.statements("ada")
    assert (taxes.text, taxes.about) == ("taxes: thinks them too high", "taxes")
    # It rests on all that the model was told, not on what the model would say it rests on.
    assert mother.items == tuple(each.item_id for each in db.items("ada")[:2])
    assert mother.model == model.model
    assert len(mother.prompt) > 8
    assert db.distill(model).calls == 0
    assert db.check() == []


def test_a_model_is_told_new_items_only(db):
    asked = []
    model = Scripted(text=lambda request: asked.append(request.messages[0].content) or answer())
    db.add("ada", Item(text="First?", response="Yes"))
    db.distill(model)
    db.add("ada", Item(text="Second?", response="No"))
    db.distill(model)
    assert len(asked) == 2
    assert "First?" not in asked[1]
    assert "- Second? -> No" in asked[1]


def test_an_answer_that_cannot_be_read_is_kept_and_counted_and_goes_with_its_items(db):
    db.add("ada", Item(text="Question?", response="Yes"))
    assert db.distill(Scripted(text="I would rather not say."))[3:] == (1, 0, 1)
    assert texts(db) == []
    told = db.explain("ada").told["statements"]
    assert [(each["layer"], each["text"]) for each in told] == [(FAILED, "I would rather not say.")]
    assert db.forget("ada", [db.items("ada")[0].item_id]).statements == 1
    assert db.check() == []


def test_a_call_that_failed_is_made_again(db):
    db.add("ada", Item(text="Question?", response="Yes"))
    broken = Scripted(
        fail=lambda request, before: Failure(
            key=request.key, boundary="server", message="no", retryable=False
        )
    )
    assert db.distill(broken)[:5] == (1, 0, 0, 1, 1)
    done = db.distill(Scripted(text=answer(("notes", "", "says yes"))))
    assert (done.statements, done.failed) == (1, 0)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('```json\n{"statements": [{"field": "roles", "says": "mother"}]}\n```', 1),
        ('{"statements": []}', 0),
        ('{"statements": [{"field": "roles"}, 3, {"field": "roles", "says": "x", "confidence": 7}]}', 0),
        ('{"statements": {}}', None),
        ("[]", None),
        ("{", None),
        ("", None),
        ('{"statements": [{"field": "roles", "says": "\\u0000 \\ud800"}]}', None),
    ],
)
def test_answers_are_read_or_refused_whole(text, count):
    found = read_answer(text, DISTILLED, (1,), None)
    assert (None if found is None else len(found)) == count


def test_nothing_derived_outlives_its_source(db):
    db.add("ada", [Item(response="I work as a nurse."), Item(response="I own a boat.")])
    db.distill()
    db.distill(Scripted(text=answer(("notes", "", "of the sea"))))
    first = db.items("ada")[0].item_id
    assert db.forget("ada", [first]).statements == 2
    assert texts(db) == ["possessions: boat"]
    # The model is asked again about what is left, once; the rules find what they found.
    done = db.distill(Scripted(text=answer(("notes", "", "of the sea"))))
    assert (done.calls, texts(db)) == (1, ["possessions: boat", "notes: of the sea"])
    assert db.distill().statements == 0
    assert db.check() == []


def test_only_what_may_be_used_is_read_and_shown(where):
    with PersonaDB.open(where) as db:
        db.add("ada", Item(response="I work as a nurse."), consent="product")
        db.add("ada", Item(response="I own a boat."))
        db.distill()
        assert texts(db) == ["possessions: boat"]
    with PersonaDB.open(where, "product") as db:
        db.distill()
        assert texts(db) == ["profession: nurse"]
        db.allow("ada", Consent(("research",)))
        assert texts(db) == []


def test_conclusions_hold_as_long_as_they_hold(db):
    def asked(first, last, response):
        return [
            Item(text=f"Tax {n}?", response=response, options=("Yes", "No"), topic="taxes")
            for n in range(first, last)
        ]

    db.add("ada", asked(0, 5, "No"))
    assert db.induce().statements == 1
    assert texts(db) == ["analysis: taxes: usually answers No"]
    # Wilson's lower end of 5 of 5: 5 / (5 + 1.96^2)
    assert db.statements("ada")[0].confidence == pytest.approx(5 / (5 + 1.96**2))
    db.add("ada", asked(5, 10, "Yes"))
    assert db.induce().closed == 1
    assert texts(db) == []
    assert len(db.statements("ada", past=True)) == 1


def test_what_a_model_concludes_rests_on_statements_items_too(db):
    db.add("ada", Item(response="I work as a nurse."))
    db.distill()
    model = Scripted(text=answer(("issues", "health", "likely wants more staff")))
    db.add("ada", Item(text="Tea?", response="Yes"))
    db.induce(model)
    found = [each for each in db.statements("ada") if each.layer == "induced"]
    assert found[0].items == tuple(each.item_id for each in db.items("ada"))
    db.forget("ada", [db.items("ada")[0].item_id])
    assert db.statements("ada") == []
