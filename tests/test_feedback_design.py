"""Who writes about what, and who judges whom."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import StudyError
from populace.feedback.design import assign_authors, assign_judges


@settings(deadline=None)
@given(
    people=st.integers(2, 20), prompts=st.integers(1, 20), each=st.integers(1, 5), seed=st.integers(0, 2**32)
)
def test_authors_meet_each_prompt_once_and_prompts_are_used_evenly(people, prompts, each, seed):
    persona_ids = [f"persona {i}" for i in range(people)]
    prompt_ids = [f"prompt {i}" for i in range(prompts)]
    rng = np.random.default_rng(seed)
    if each > prompts:
        with pytest.raises(StudyError, match="as many prompts"):
            assign_authors(persona_ids, prompt_ids, each, rng)
        return
    authors = assign_authors(persona_ids, prompt_ids, each, rng)
    assert authors.unique().height == authors.height == people * each
    uses = Counter(authors["prompt_id"])
    assert max(uses.values()) - min(uses.get(p, 0) for p in prompt_ids) <= 1


@settings(deadline=None)
@given(people=st.integers(3, 15), each=st.integers(1, 3), data=st.data())
def test_judges_are_strangers_and_everyone_judges_equally_often(people, each, data):
    strangers = data.draw(st.integers(1, people - 1))
    persona_ids = [f"persona {i}" for i in range(people)]
    author_ids = [persona for persona in persona_ids for _ in range(each)]
    judges = assign_judges(author_ids, persona_ids, strangers, np.random.default_rng(0))
    for author, chosen in zip(author_ids, judges, strict=True):
        assert author not in chosen
        assert len(set(chosen)) == strangers
    assert set(Counter(name for chosen in judges for name in chosen).values()) == {strangers * each}


def test_too_many_strangers_is_an_error_that_says_what_to_change():
    with pytest.raises(StudyError, match=r"feedback\.strangers"):
        assign_judges(["a", "b"], ["a", "b"], 2, np.random.default_rng(0))
