"""Designs: everybody equally often, no prompt twice for one person, splits that do not leak."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import StudyError
from populace.feedback.dealing import deal
from populace.feedback.policies import assign_panels, assign_splits, slots, with_repeats


def names(kind: str, count: int) -> list[str]:
    return [f"{kind} {i}" for i in range(count)]


@settings(deadline=None)
@given(cards=st.integers(1, 12), hands=st.integers(0, 30), seed=st.integers(0, 99), data=st.data())
def test_a_deal_is_even_after_every_hand_and_no_hand_holds_a_card_twice(cards, hands, seed, data):
    size = data.draw(st.integers(0, cards))
    dealt = deal(cards, hands, size, np.random.default_rng(seed))
    assert dealt.shape == (hands, size)
    times = np.zeros(cards, dtype=int)
    for hand in dealt:
        assert len(set(hand.tolist())) == size
        times[hand] += 1
        assert times.max() - times.min() <= 1


def test_a_hand_larger_than_the_deck_is_refused():
    with pytest.raises(ValueError, match="a deck of as many, not of 2"):
        deal(2, 1, 3, np.random.default_rng(0))


def test_neighbours_of_one_lap_are_not_neighbours_for_ever():
    # Walking round one shuffled circle of 40, every card would meet the same 19 or 20 for ever.
    dealt = deal(40, 60, 20, np.random.default_rng(0))
    met = {other for hand in dealt.tolist() if 0 in hand for other in hand}
    assert len(met) == 40


@settings(deadline=None, max_examples=50)
@given(
    people=st.integers(1, 12),
    counts=st.tuples(*[st.integers(0, 4)] * 3),
    more=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    seed=st.integers(0, 99),
)
def test_splits_by_person_are_even_distinct_and_held_out(people, counts, more, seed):
    train, test, held = counts
    prompts = {"train": names("t", train + test + more[0]), "held_out": names("h", held + more[1])}
    pairs = {"train": train, "test": test, "held_out": held}
    rows = assign_splits(names("p", people), prompts, pairs, np.random.default_rng(seed))
    assert rows.height == people * sum(counts)
    assert rows["author_id"].to_list() == [p for p in names("p", people) for _ in range(sum(counts))]
    # Nobody gets a prompt twice, be it to train or to test on.
    assert not rows.select("author_id", "prompt_id").is_duplicated().any()
    for split, count in pairs.items():
        some = rows.filter(split=split)
        assert some.height == people * count
        known = prompts["held_out" if split == "held_out" else "train"]
        assert set(some["prompt_id"]) <= set(known)
    for kind, known in prompts.items():
        of = rows.filter((pl.col("split") == "held_out") == (kind == "held_out"))
        used = Counter(of["prompt_id"])
        assert max(used.values(), default=0) - min((used.get(p, 0) for p in known), default=0) <= 1


def test_what_is_tested_on_is_trained_on_by_others():
    prompts = {"train": names("t", 30), "held_out": names("h", 10)}
    pairs = {"train": 10, "test": 5, "held_out": 5}
    rows = assign_splits(names("p", 40), prompts, pairs, np.random.default_rng(1))
    trained, tested = (set(rows.filter(split=split)["prompt_id"]) for split in ("train", "test"))
    # 400 pairs to train on over 30 prompts, 200 to test on: each prompt is used both ways.
    assert trained == tested == set(prompts["train"])


def test_too_few_prompts_name_the_setting():
    with pytest.raises(StudyError, match=r"3 pairs a persona need as many training prompts, but there are 2"):
        assign_splits(["a"], {"train": ["p", "q"]}, {"train": 2, "test": 1}, np.random.default_rng(0))
    with pytest.raises(StudyError, match=r"held_out_pairs: 1 pairs a persona"):
        assign_splits(["a"], {"train": ["p"]}, {"held_out": 1}, np.random.default_rng(0))


@settings(deadline=None, max_examples=60)
@given(people=st.integers(1, 12), seed=st.integers(0, 99), data=st.data())
def test_panels_are_balanced_and_their_authors_too(people, seed, data):
    judges = data.draw(st.integers(1, people))
    prompts = names("q", data.draw(st.integers(1, 9)))
    often = data.draw(st.integers(1, judges))
    asked = [prompt for prompt in prompts for _ in range(often)]
    rows = assign_panels(names("p", people), asked, judges, np.random.default_rng(seed))
    assert Counter(rows["prompt_id"]) == Counter(asked)
    assert not rows.select("author_id", "prompt_id").is_duplicated().any()
    seats = Counter()
    for author, strangers in rows.select("author_id", "strangers").iter_rows():
        panel = [author, *strangers]
        assert len(set(panel)) == len(panel) == judges
        seats.update(panel)
    judged = [seats[person] for person in names("p", people)]
    assert max(judged) - min(judged) <= 1
    # Author by author, as prefix caches like it.
    assert rows["author_id"].rle().struct.field("value").is_unique().all()


def test_authorship_is_shared_out():
    rows = assign_panels(names("p", 30), names("q", 300), 10, np.random.default_rng(0))
    wrote = Counter(rows["author_id"])
    assert len(wrote) == 30
    assert max(wrote.values()) - min(wrote.values()) <= 2


@pytest.mark.parametrize("judges", [0, 4])
def test_a_panel_of_nobody_or_of_more_than_there_are_is_refused(judges):
    with pytest.raises(StudyError, match=r"judges_per_pair: .* give 1 to 3"):
        assign_panels(["a", "b", "c"], ["q"], judges, np.random.default_rng(0))


def test_a_prompt_in_more_pairs_than_a_panel_has_people_is_refused():
    with pytest.raises(StudyError, match="stands in 2 pairs needs as many authors"):
        assign_panels(["a", "b"], ["q", "q"], 1, np.random.default_rng(0))


def test_slots_by_hand():
    # 3,000 places over 235 prompts: 12 each and 180 left over.
    counted = slots(names("q", 235), 3000)
    assert Counter(counted.values()) == {13: 180, 12: 55}
    assert slots([], 5) == {}


def test_repeats_go_round_the_slots_of_their_prompt():
    rows = pl.DataFrame({"prompt_id": ["p", "q", "p", "p", "q", "p"]})
    assert with_repeats(rows, {"p": 3, "q": 1})["repeat"].to_list() == [0, 0, 1, 2, 0, 0]
    assert with_repeats(rows, None)["repeat"].to_list() == [0, 0, 1, 2, 1, 3]
