"""Draws of prompts: even over topics, nested, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.prompts import Prompt, load, sample, select, to_frame

TABLE = load("builtin")


def table(*sizes: int) -> pl.DataFrame:
    """One topic for each size; the last topic is not known."""
    names = [f"topic {i}" for i in range(len(sizes) - 1)] + [None]
    return to_frame(
        Prompt(text=f"{name} {i}?", topic=name, source="test", split="train")
        for name, size in zip(names, sizes, strict=True)
        for i in range(size)
    )


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
@settings(max_examples=50)
def test_even_over_topics_until_one_is_used_up(sizes: list[int], seed: int, share: float) -> None:
    frame = table(*sizes)
    n = round(share * frame.height)
    drawn = sample(frame, n, seed)
    assert drawn.columns == frame.columns
    assert drawn["prompt_id"].n_unique() == n
    left = Counter(frame["topic"])
    taken = Counter(drawn["topic"])
    open_topics = [taken[topic] for topic in left if taken[topic] < left[topic]]
    if open_topics:
        # No topic is ahead of one that still has prompts by more than a turn.
        assert max(taken.values(), default=0) - min(open_topics) <= 1


def test_a_larger_draw_begins_with_the_smaller() -> None:
    for by_topic in (True, False):
        small, large = (sample(TABLE, n, 7, by_topic=by_topic) for n in (20, 333))
        assert large.head(20).equals(small)


def test_same_seed_same_draw_whatever_the_row_order() -> None:
    shuffled = TABLE.sample(fraction=1, shuffle=True, seed=3)
    assert sample(shuffled, 50, 1).equals(sample(TABLE, 50, 1))
    assert not sample(TABLE, 50, 2).equals(sample(TABLE, 50, 1))


def test_every_prompt_of_a_topic_is_drawn_first_equally_often() -> None:
    # 600 draws of 1 from 3 topics of 1, 2 and 3 prompts: each topic first 200 times, s.e. 11.5;
    # within the topic of 3 each prompt 67 times, s.e. 7.7. Bounds at 4 s.e.
    frame = table(1, 2, 3)
    first = Counter(sample(frame, 1, seed)["text"].item() for seed in range(600))
    assert all(abs(first[f"None {i}?"] - 600 / 9) < 31 for i in range(3))
    assert abs(first["topic 0 0?"] - 200) < 46


def test_without_topics_a_draw_follows_the_sizes() -> None:
    # 200 of 1,000 prompts, 900 of them in one topic: hypergeometric mean 180, s.d. 3.8; bound at 5 s.d.
    taken = Counter(sample(table(900, 100), 200, 5, by_topic=False)["topic"])
    assert abs(taken["topic 0"] - 180) < 19


def test_too_many_or_too_few() -> None:
    for n in (-1, TABLE.height + 1):
        with pytest.raises(DataError, match="asked for"):
            sample(TABLE, n, 0)
    assert sample(TABLE, 0, 0).height == 0
    assert sample(TABLE, TABLE.height, 0).height == TABLE.height


def test_select() -> None:
    war = select(TABLE, topic="War", split="test")
    assert war["topic"].unique().to_list() == ["War"]
    assert war["split"].unique().to_list() == ["test"]
    assert select(TABLE).equals(TABLE)
    with pytest.raises(DataError, match=r"no topic 'Wars'.*Weather"):
        select(TABLE, topic="Wars")
