"""Retrieval: likeness, budget, consent, neighbours, the leak switch, the audit, and what deletion leaves."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from memory_material import found, mark
from populace.errors import DataError
from populace.memory import Consent, Item, PersonaDB
from populace.memory import tables as t
from populace.memory.auditing import audit_table
from populace.memory.hits import estimated_tokens
from populace.memory.retrieving import PAPER
from populace.memory.spaces import BITS, HASHED, embedded, hashed, unit
from populace.memory.vectors import Codes, codes_of, likeness, packed, unpacked

pytest_plugins = ["memory_fixtures"]

YES_NO = ("Yes", "No")
TOPICS = ["guns", "taxes", "schools", "trees", "trains", "borders", "doctors", "wages"]


def answers(side, topics=TOPICS, count=2):
    return [
        Item(
            text=f"Should the state do more about {topic}, point {n}?", response=YES_NO[side], options=YES_NO
        )
        for topic in topics
        for n in range(count)
    ]


@pytest.fixture
def camps(db):
    """Ada and five like her, five unlike her."""
    db.add("ada", answers(0))
    for n in range(5):
        db.add(f"like {n}", answers(0))
        db.add(f"unlike {n}", answers(1))
    return db


def ask(db, name="ada", query="More about guns, point 1?", **told):
    return db.retrieve(name, query, **{"share": 0.5, "neighbours": 3, "way": "answers", **told})


# Spaces and codes


def test_hashed_words_see_spelling_and_not_common_words():
    points = HASHED.points(["Raise the tax", "raise taxes", "the of and", "More trees for parks", ""])
    assert points[0] @ points[1] > 0.3
    assert abs(points[0] @ points[3]) < 0.25
    assert not points[4].any()
    assert np.allclose(np.linalg.norm(points[:4], axis=1), 1)
    # Common words are nearly nothing beside one other word.
    both = HASHED.points(["gun", "what will the gun be for you"])
    assert both[0] @ both[1] > 0.85


def test_an_embedding_of_another_width_keeps_its_angles():
    rng = np.random.default_rng(3)
    rows = {str(n): rng.standard_normal(384) for n in range(20)}
    space = embedded("test-1", lambda texts: np.stack([rows[text] for text in texts]))
    points = space.points(list(rows))
    told = np.stack(list(rows.values()))
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    assert points.shape == (20, BITS)
    assert np.abs(points @ points.T - told @ told.T).max() < 5 / np.sqrt(BITS)


def test_a_space_without_a_name_or_with_wrong_rows_is_refused():
    with pytest.raises(DataError, match="names no space"):
        embedded("a b", hashed)
    with pytest.raises(DataError, match="numbers"):
        embedded("odd", lambda texts: np.zeros(3)).points(["a", "b"])
    with pytest.raises(DataError, match="numbers"):
        embedded("nan", lambda texts: np.full((len(texts), 4), np.nan)).points(["a", "b"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_look_ups_are_the_products_with_the_signs(seed, count):
    rng = np.random.default_rng(seed)
    points = unit(rng.standard_normal((count, BITS)).astype(np.float32))
    naive = np.where(points > 0, 1.0, -1.0) @ points[0] * math.sqrt(math.pi / (2 * BITS))
    assert np.allclose(likeness(points[0], codes_of(points)), np.clip(naive, -1, 1), atol=1e-5)


def test_the_estimate_is_right_on_average():
    rng = np.random.default_rng(1)
    point = unit(rng.standard_normal((1, BITS)).astype(np.float32))[0]
    others = rng.standard_normal((4000, BITS)).astype(np.float32)
    others -= np.outer(others @ point, point)
    near = 0.6 * point + 0.8 * unit(others)
    told = likeness(point, codes_of(near))
    # An estimate scatters by at most sqrt(pi / 2 / 512) = 0.055; the mean of 4,000 by 0.001.
    assert told.std() < 0.056
    assert abs(told.mean() - 0.6) < 0.05


def test_points_come_back_as_they_were_packed():
    points = unit(np.random.default_rng(2).standard_normal((7, BITS)).astype(np.float32))
    back = unpacked(packed(points))
    assert np.einsum("ij,ij->i", points, back).min() > 0.999
    assert unpacked([]).shape == (0, BITS)


def test_the_nearest_are_found_with_ties_by_number():
    rng = np.random.default_rng(5)
    points = unit(rng.standard_normal((3000, BITS)).astype(np.float32))
    points[7] = points[2000] = points[11]
    people = np.arange(3000) * 2
    index = Codes(people, codes_of(points))
    assert index.nearest(points[11], 3).tolist() == [14, 22, 4000]
    assert index.nearest(points[5], 5000)[0] == 10
    assert len(Codes(people[:0], codes_of(points[:0])).nearest(points[0], 3)) == 0


def test_the_graph_finds_nearly_what_the_whole_search_finds():
    pytest.importorskip("usearch", reason="usearch is not installed")
    rng = np.random.default_rng(6)
    centres = rng.standard_normal((20, BITS))
    points = unit(
        (centres[rng.integers(20, size=2000)] + rng.standard_normal((2000, BITS))).astype(np.float32)
    )
    people, codes = np.arange(2000), codes_of(points)
    whole, graph = Codes(people, codes), Codes(people, codes, exact=100)
    shares = [len({*whole.nearest(each, 10)} & {*graph.nearest(each, 10)}) / 10 for each in points[:50]]
    assert np.mean(shares) > 0.9


# What is told


def test_own_items_come_by_likeness_with_their_provenance(db):
    db.add("ada", [*answers(0), Item(response="I bought a gun.", source="a talk", time=3.0)])
    hits = db.retrieve("ada", "guns", share=0)
    assert hits[0].text == "I bought a gun." or "guns" in hits[0].text
    assert all("gun" in hit.text for hit in hits[:2])
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    spoken = next(hit for hit in hits if hit.source)
    kept = db.items("ada")[-1]
    assert (spoken.items, spoken.source, spoken.time, spoken.whose) == ((kept.item_id,), "a talk", 3.0, "own")


@pytest.mark.parametrize("tokens", [1, 5, 17, 60, 250, 1000])
def test_all_that_is_told_is_within_the_budget(camps, tokens):
    camps.describe("ada", {"region": "north", "age": "30", "work": "long " * 20})
    hits = ask(camps, tokens=tokens)
    assert hits.tokens == sum(hit.tokens for hit in hits) <= tokens
    assert hits.tokens == sum(estimated_tokens(hit.text + "\n") for hit in hits)
    assert sum(hit.tokens for hit in hits if hit.layer == "attribute") <= tokens / 2
    if tokens >= 250:
        assert {hit.layer for hit in hits} == {"attribute", "history"}
        assert hits.joined and hits.own


def test_the_profile_is_told_whatever_is_asked(db):
    db.add("ada", [Item(response="I work as a nurse."), *answers(0)])
    db.describe("ada", {"region": "north"})
    db.distill()
    for query in ("guns?", "zzz", ""):
        told = [(hit.layer, hit.text, hit.score) for hit in db.retrieve("ada", query)[:2]]
        assert told == [("attribute", "region: north", 1.0), ("distilled", "profession: nurse", 1.0)]
    assert all(hit.layer == "history" for hit in db.retrieve("ada", "guns?", profile=False))


def test_the_papers_numbers(camps):
    camps.add("ada", answers(0, count=5))
    camps.distill()
    hits = ask(camps, tokens=100_000, **{**PAPER, "way": "answers"})
    assert (len(hits.joined), len(hits.own)) == (10, 30)
    hits = ask(camps, tokens=100_000, items=7, share=0.25)
    assert (len(hits.joined), len(hits.own)) == (2, 5)  # ceil(0.25 * 7) = 2


def test_room_that_one_side_does_not_need_is_the_others(camps):
    camps.add("new", answers(0, TOPICS[:1], 1))
    hits = ask(camps, "new", items=20, tokens=100_000)
    assert (len(hits.own), len(hits.joined)) == (1, 19)


def test_neighbours_are_those_who_are_alike(camps):
    hits = ask(camps, tokens=2000)
    assert hits.neighbours == 3
    assert hits.way == "answers"
    assert {hit.text.split(" -> ")[1] for hit in hits.joined} == {"Yes"}
    assert all(hit.near > 0.9 and hit.items == () for hit in hits.joined)


def test_neighbours_by_attributes_by_cache_and_learned(camps):
    for n in range(5):
        camps.describe(f"like {n}", {"region": "north"})
        camps.describe(f"unlike {n}", {"region": "south"})
        camps.add(f"like {n}", Item(response="I work as a nurse."))
        camps.add(f"unlike {n}", Item(response="I work as a miner."))
    camps.describe("ada", {"region": "north"})
    camps.add("ada", Item(response="I work as a nurse."))
    camps.distill()
    for n in range(12):
        camps.add(f"more {n}", answers(n % 2))
    assert camps.learn() == 23
    for way in ("demographics", "cache", "learned"):
        hits = ask(camps, way=way, tokens=2000)
        assert (hits.way, hits.neighbours) == (way, 3)
        assert {hit.text.split(" -> ")[1] for hit in hits.joined if " -> " in hit.text} == {"Yes"}
    assert camps.check() == []


def test_nobody_of_whom_nothing_is_known_is_left_out(camps):
    camps.describe("new", {"region": "north"})
    hits = ask(camps, "new", way="auto")
    assert len(hits) == 1
    assert hits.notes == ("nobody is like this person",)
    camps.describe("like 1", {"region": "north"})
    camps.describe("like 2", {"region": "north"})
    hits = ask(camps, "new", way="auto")
    assert (hits.way, hits.neighbours) == ("demographics", 2)


# Whose may be told


def test_consent_is_in_the_query(camps):
    camps.allow("like 0", Consent(("research",), share=False))
    camps.allow("like 1", "product")
    shared = camps.items("like 2")[0]
    camps.allow("like 2", Consent(("research",), share=False), [shared.item_id])
    own = camps.items("ada")[0]
    camps.allow("ada", Consent(("research",), share=False), [own.item_id])
    hits = ask(camps, tokens=5000, neighbours=5)
    lines = audit_table(camps.store).filter(action="retrieve")
    assert not {"like 0", "like 1"} & set(lines["of"])
    assert dict(lines.select("of", "items").iter_rows())["like 2"] == 15
    assert any(hit.items == (own.item_id,) for hit in hits.own)


def test_a_neighbourhood_that_is_too_small_is_none(where):
    with PersonaDB.open(where, least_people=4) as db:
        for name in ("ada", "bob", "eve", "joe"):
            db.add(name, answers(0))
        hits = ask(db)
        assert (hits.neighbours, hits.joined, hits.share) == (0, (), 0.0)
        assert "fewer than 4 people" in hits.notes[0]
        assert audit_table(db.store).is_empty()
        db.add("liz", answers(0))
        assert ask(db, neighbours=1).neighbours == 4


def test_each_neighbour_gets_a_line_and_a_name_for_one_reader(camps):
    first, second = ask(camps), ask(camps, "like 0")
    again = ask(camps)
    assert {hit.whose for hit in first.joined} == {hit.whose for hit in again.joined}
    assert not {hit.whose for hit in first.joined} & {hit.whose for hit in second.joined}
    assert not any("like" in hit.whose for hit in first)
    lines = audit_table(camps.store).filter(action="retrieve")
    assert lines.height == 9
    assert set(lines["for"]) == {"ada", "like 0"}
    assert set(lines["actor"]) == {"tester"}
    assert ask(camps, share=0).neighbours == 0
    assert audit_table(camps.store).filter(action="retrieve").height == 9


def test_the_answer_to_the_very_question_is_not_told(camps):
    asked = answers(0)[0].text
    for query in (asked, asked.upper().replace(",", " -")):
        assert not any(hit.text.startswith(asked) for hit in ask(camps, query=query, tokens=5000).joined)
    told = ask(camps, query=asked, tokens=5000, same_question=True).joined
    assert sum(hit.text.startswith(asked) for hit in told) == 3
    # Nor what was derived from it.
    for n in range(5):
        camps.add(f"like {n}", Item(text=asked, response="No", options=YES_NO, time=9.0))
    camps.distill()
    assert not any(hit.layer == "distilled" for hit in ask(camps, query=asked, tokens=5000).joined)
    told = ask(camps, query=asked, tokens=5000, same_question=True).joined
    assert any(hit.layer == "distilled" for hit in told)


def test_neighbours_are_not_found_by_the_answer_that_is_asked(db):
    asked, *others = answers(0)
    for name, side in (("ada", 0), ("one", 0), ("two", 1), ("three", 1)):
        db.add(name, [Item(text=asked.text, response=YES_NO[side], options=YES_NO)])
    for name in ("ada", "two", "three"):
        db.add(name, others[:1])
    db.add("one", answers(1)[1:2])
    lines = ask(db, query=asked.text, neighbours=2)
    assert lines.neighbours == 2
    assert set(audit_table(db.store).filter(action="retrieve")["of"]) == {"two", "three"}


def test_others_own_words_are_told_only_when_asked_for(camps):
    for n in range(5):
        camps.add(f"like {n}", Item(text="Guns?", response=f"I like guns {mark(str(n))}"))
    quiet = ask(camps, query="guns", tokens=5000)
    assert not any(mark(str(n)) in quiet.text for n in range(5))
    assert any(mark(str(n)) in ask(camps, query="my guns", tokens=5000, words=True).text for n in range(5))


# What stays


def test_codes_are_made_once_and_added_to(camps):
    def blob():
        with camps.store.read() as connection:
            rows = connection.execute(select(t.caches).where(t.caches.c.kind.startswith("items ")))
            return {row.person: row.blob for row in rows}

    ask(camps)
    before = blob()
    ask(camps)
    assert blob() == before
    camps.add("ada", Item(text="Something new?", response="Yes"))
    ask(camps)
    changed = {person for person, number in blob().items() if before.get(person) != number}
    assert len(changed) == 1
    assert "Something new?" in camps.retrieve("ada", "something new").text
    assert camps.check() == []


def test_items_are_compared_as_their_places_would_be(tmp_path):
    from populace.memory import comparing
    from populace.memory.codes import RESPONSE

    with PersonaDB.open(tmp_path / "people.db") as db:
        told = [
            ("More guns for hunters?", "Yes, more guns", ("Yes, more guns", "No")),
            ("More trees?", "No", ("Yes", "No")),
            ("", "Trees", ("Trees", "Grass")),
            ("What of hunters?", "They need guns", ()),
        ]
        db.add("ada", [Item(text=a, response=b, options=c) for a, b, c in told])
        point = HASHED.points(["guns for hunters"])[0]
        with db.store.write() as writing:
            rows = comparing.rows_of(writing.fetch(f"SELECT {comparing.COLUMNS} FROM memory_items"))
            found = comparing.alike(db.store, writing, rows, point, HASHED)
            again = comparing.alike(db.store, writing, rows[::-1], point, HASHED)
        naive = unit(np.stack([HASHED.points([a])[0] + RESPONSE * HASHED.points([b])[0] for a, b, _ in told]))
        # Estimates from signs scatter by 0.055.
        assert np.abs(found - naive @ point).max() < 0.2
        assert np.array_equal(found, again[::-1])
        (held,) = comparing._HELD[db.store].values()
        assert len(held._texts) == 6
        db.add("bob", Item(text="More trees?", response="Yes", options=("Yes", "No")))
        db.forget("ada")
        # Of hers only the question that Bob was asked is still held, and no code of another.
        assert len(held._texts) == 1 and (held._table.any(axis=1)).sum() == 1


def test_a_forgotten_neighbour_is_found_by_nobody(camps, where):
    with PersonaDB.open(where) as other:
        assert ask(other, neighbours=5).neighbours == 5
        camps.forget("like 0")
        assert ask(other, neighbours=5).neighbours == 5
        assert {hit.text.split(" -> ")[1] for hit in ask(other, neighbours=4, tokens=3000).joined} == {"Yes"}
        lines = audit_table(other.store).filter(action="retrieve")
        assert "like 0" not in set(lines["of"])


def test_no_byte_of_codes_and_places_is_left(tmp_path):
    with PersonaDB.open(tmp_path / "people.db", least_people=2) as db:
        for n in range(6):
            own = mark(str(n))
            db.add(f"{own} person", [*answers(n % 2), Item(response=f"I work as a {own}. I own a {own}.")])
            db.describe(f"{own} person", {"region": f"{own} shire"})
        db.distill()
        db.induce()
        names = db.people()
        for name in names:
            db.retrieve(name, "guns", share=0.5, neighbours=3, words=True)
        db.place()
        with db.store.read() as connection:
            joined = t.caches.join(t.blobs, t.blobs.c.blob == t.caches.c.blob)
            wanted = select(t.blobs.c.data, t.caches.c.kind).select_from(joined)
            blobs = connection.execute(wanted.where(t.caches.c.person == 1)).all()
        assert len(blobs) == 4  # codes of items, three places
        needles = [mark("0").encode(), *(blob[-80:-10] for blob, kind in blobs if "answers" not in kind)]
        assert all(found(tmp_path, [needle]) for needle in needles)
        assert db.forget(names[0]).overwritten
        assert found(tmp_path, needles) == []
        assert db.check() == []
        assert all(
            mark("0") not in db.retrieve(name, "guns", share=0.5, words=True).text for name in names[1:]
        )


# Choosing


def survey(db, people, seed=1):
    """Two camps that differ on every topic, on half of them the other way round: own answers tell little."""
    chance = random.Random(seed)
    for n in range(people):
        items = [
            Item(
                text=f"Should the state do more about {topic} {k}?",
                response=YES_NO[(n + place) % 2 ^ (chance.random() > 0.9)],
                options=YES_NO,
            )
            for place, topic in enumerate(TOPICS)
            for k in range(2)
        ]
        db.add(f"p{n}", items)


def test_auto_takes_own_items_until_something_was_chosen(tmp_path):
    with PersonaDB.open(tmp_path / "people.db", least_people=2) as db:
        survey(db, 100)
        hits = db.retrieve("p0", "guns")
        assert (hits.share, hits.neighbours) == (0.0, 0)
        assert "choose()" in hits.notes[0]
        few, some, many = db.choose()
        assert (few.items, some.items, many.items) == (3, 10, 40)
        for choice in (few, some, many):
            assert (choice.share > 0) == (choice.low is not None and choice.low > 0)
            assert choice.low is None or choice.low <= choice.gain <= choice.high
        assert few.share > 0
        db.add("new", answers(0, TOPICS[:1], 1))
        db.add("new", Item(text="Should the state do more about guns 0?", response="Yes", options=YES_NO))
        hits = db.retrieve("new", "Should the state do more about trains 0?", tokens=1000)
        assert (hits.share, hits.neighbours) == (few.share, few.neighbours)
        # What was chosen rests on people, and goes with the first of them.
        db.forget("p0")
        assert "choose()" in db.retrieve("new", "guns").notes[0]
        assert db.check() == []


def test_auto_falls_back_where_others_do_not_help(tmp_path):
    chance = random.Random(2)
    with PersonaDB.open(tmp_path / "people.db", least_people=2) as db:
        for n in range(50):
            options = [chance.choice(YES_NO) for _ in range(10)]
            db.add(
                f"p{n}",
                [Item(text=f"Coin {k}?", response=each, options=YES_NO) for k, each in enumerate(options)],
            )
        assert [choice.share for choice in db.choose()] == [0.0, 0.0, 0.0]
        assert db.retrieve("p1", "coin").notes == ("own items alone: other people's did not help",)


# Counts with noise


def test_counts_with_noise_are_spent_and_run_out(camps):
    question = answers(0)[0].text
    told = {"epsilon": 2.0, "neighbours": 5}
    # A draw of 0 is no noise: log(1 - 0) = 0.
    counted = camps.count("ada", question, YES_NO, uniform=lambda: 0.0, **told)
    assert (counted.counts, counted.neighbours, counted.epsilon) == ({"Yes": 5, "No": 0}, 5, 2.0)
    assert camps.count("ada", question, YES_NO, **told).neighbours == 5
    # 4 are spent of those five: the next five are asked, then nobody is left.
    third = camps.count("ada", question, YES_NO, most=4.0, uniform=lambda: 0.0, **told)
    assert third.counts == {"Yes": 0, "No": 5}
    assert camps.count("ada", question, YES_NO, most=2.0, **told).counts == {}
    assert audit_table(camps.store).filter(action="count 2").height == 15
    assert camps.check() == []


def test_the_noise_is_geometric():
    from populace.memory.counting import _deviation, _noise

    chance = random.Random(4)
    drawn = np.array([_noise(1.0, chance.random) for _ in range(20_000)])
    a = math.exp(-0.5)
    # P(0) = (1 - a) / (1 + a) = 0.245; its standard error over 20,000 draws is 0.003.
    assert abs((drawn == 0).mean() - (1 - a) / (1 + a)) < 0.012
    assert abs((drawn == 1).mean() - a * (1 - a) / (1 + a)) < 0.012
    assert abs(drawn.std() / _deviation(1.0) - 1) < 0.05


def test_counts_without_a_meaning_are_refused(camps):
    for told in ({"epsilon": 0}, {"epsilon": math.inf}, {"epsilon": 1 / 3}):
        with pytest.raises(DataError, match="epsilon"):
            camps.count("ada", "Guns?", YES_NO, **told)
    with pytest.raises(DataError, match="options"):
        camps.count("ada", "Guns?", ("Yes", "Yes"), epsilon=1.0)


def test_settings_that_mean_nothing_are_refused(camps):
    for told, words in (
        ({"tokens": 0}, "budget"),
        ({"items": -1}, "items"),
        ({"share": 1.5}, "share"),
        ({"share": "much"}, "share"),
        ({"neighbours": 0}, "neighbours"),
        ({"way": "looks"}, "alike"),
    ):
        with pytest.raises(DataError, match=words):
            ask(camps, **told)
    with pytest.raises(DataError, match="nobody here is named bob"):
        ask(camps, "bob")
    with pytest.raises(DataError, match="40 people"):
        camps.choose()


def test_who_was_placed_or_went_elsewhere_is_seen_in_time(camps, where, monkeypatch):
    from populace.memory import joining, pgvector

    monkeypatch.setattr(pgvector, "has_vectors", lambda *_: False)  # codes, as without the extension
    monkeypatch.setattr(joining, "_GONE", 0.0)
    monkeypatch.setattr(joining, "_OTHERS", 0.0)
    with PersonaDB.open(where) as other:
        assert ask(other, neighbours=20).neighbours == 10
        camps.forget("like 0")
        camps.add("late", answers(0))
        camps.place()
        assert ask(other, neighbours=20).neighbours == 10
        held = joining._LOADED[other.store]
        assert [len(each.codes) for each in held.values()] == [11]
        camps.forget("like 1")
        assert ask(other, neighbours=20).neighbours == 9
        assert [len(each.codes) for each in held.values()] == [10]
