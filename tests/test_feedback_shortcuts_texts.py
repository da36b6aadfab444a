"""Audits of texts: words, runs and duplicates against naive twins; leaks and parroting by hand."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from populace.feedback.shortcuts.answers import Vocabulary, read_answers, strangers_to
from populace.feedback.shortcuts.duplicates import jaccard, near_duplicates, repeated
from populace.feedback.shortcuts.grams import grams, lookup, words
from populace.feedback.shortcuts.leakage import NAMES, attribute_leakage, named_values
from populace.feedback.shortcuts.parroting import attribute_parroting, described
from populace.feedback.shortcuts.verdicts import Draws
from populace.personas.schema import COLUMNS, attribute

SOME = Draws(draws=100)
TEXTS = st.lists(st.text("abAB 1.,\n\u00e9\u4e2d", max_size=30), max_size=8)


def naive(text):
    """Words of a text as `grams` defines them: ASCII capitals lowered, all beyond ASCII letters."""
    lowered = "".join(each.lower() if each.isascii() else each for each in text)
    return re.findall(r"[0-9a-z\u0080-\U0010ffff]+", lowered)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example([])
@example(["", "", "a"])
def test_words_and_runs_are_those_of_a_regular_expression(texts):
    found, expected = words(texts), [naive(text) for text in texts]
    assert found.counts.tolist() == [len(each) for each in expected]
    # The same word has the same number, another another.
    flat = [word for each in expected for word in each]
    assert len(set(zip(flat, found.codes.tolist(), strict=True))) == len(set(flat))
    assert len(set(found.codes.tolist())) == len(set(flat))
    for n in (2, 3):
        runs = grams(found, n)
        twins = [list(zip(*(each[at:] for at in range(n)), strict=False)) for each in expected]
        assert runs.counts.tolist() == [len(each) for each in twins]
        flat_runs = [run for each in twins for run in each]
        assert len(set(zip(flat_runs, runs.codes.tolist(), strict=True))) == len(set(flat_runs))


def test_numbers_of_words_are_the_same_on_every_machine():
    assert [hex(code) for code in words(["Why not?"]).codes.tolist()] == WHY_NOT


WHY_NOT = ["0x14dd767bca6b7e2c", "0xc63c742ad1f6bf89"]


def test_texts_longer_than_a_chunk_and_words_longer_than_the_powers():
    long = " ".join(f"word{n}" for n in range(200_000))
    found = words([long, "tail", "x" * 500, "x" * 499 + "y"])
    assert found.counts.tolist() == [200_000, 1, 1, 1]
    assert len(np.unique(found.codes)) == 200_003


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc ", max_size=14), min_size=1, max_size=6))
def test_jaccard_is_that_of_sets(texts):
    found = words(texts)
    one, two = (each.ravel() for each in np.indices((len(texts), len(texts))))
    sets = [set(naive(text)) for text in texts]
    expected = [
        len(sets[i] & sets[j]) / len(sets[i] | sets[j]) if sets[i] | sets[j] else 1.0
        for i, j in zip(one, two, strict=True)
    ]
    assert jaccard(found, found, one, two).tolist() == pytest.approx(expected)


def test_repeated_finds_what_a_loop_over_couples_finds():
    rng = np.random.default_rng(0)
    texts = [rng.integers(5_000, size=60) for _ in range(300)]
    for at in range(0, 100, 2):  # change some words of a text of another: from nearly the same to not at all
        copy = texts[at].copy()
        copy[rng.choice(60, size=at // 10, replace=False)] = 1
        texts[at + 1] = copy
    runs = grams(words([" ".join(map(str, text)) for text in texts]), 3)
    one, two = np.triu_indices(300, 1)
    alike = jaccard(runs, runs, one, two) >= 0.8
    expected = np.zeros(300, dtype=bool)
    expected[one[alike]] = expected[two[alike]] = True
    assert 10 < expected.sum() < 100
    assert repeated(runs).tolist() == expected.tolist()


def test_many_copies_of_a_text_are_all_found():
    rng = np.random.default_rng(1)
    base = [str(word) for word in rng.integers(10_000, size=100)]
    texts = [" ".join([*base, f"end{n}"]) for n in range(500)]
    runs = grams(words([*texts, "nothing of the kind here"]), 3)
    assert repeated(runs).tolist() == [True] * 500 + [False]


def table(prompt, original, revision, authors):
    return pl.DataFrame(
        {"prompt": prompt, "original": original, "revision": revision, "author_id": authors},
        schema=dict.fromkeys(("prompt", "original", "revision", "author_id"), pl.String),
    )


def test_duplicates_in_a_pair_and_across_pairs():
    base = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    pairs = table(
        ["p", "q", "r", "s"],
        ["alpha beta gamma", base + " sixteen", "hm", ""],
        ["quite another text", base, base, ""],
        ["a", "b", "c", "d"],
    )
    found = near_duplicates(read_answers(pairs), np.arange(4), SOME, 0.15)
    shares = {arm: each.value for _, arm, each in found.rows}
    # The second pair's answers share 13 of 14 runs; the last pair's are both empty. The second and third
    # revision are one text.
    assert shares == {"the two answers of a pair": 0.5, "second answers of other pairs": 0.5}
    assert found.tested.value == 0.75
    assert found.passed is False


def test_a_hit_is_in_neither_the_prompt_nor_the_other_answer():
    people = pl.DataFrame({"religion": ["Catholic", "Jewish"], "state": ["Ohio", "Iowa"]})
    (vocabulary,) = named_values(people)
    pairs = table(
        ["As a Catholic, why?", "Why?", "Why?", "Why?"],
        ["I see.", "Ohio says so.", "I see.", "I see."],
        ["A catholic view.", "Ohio it is.", "In OHIO, Catholic!", "In Ohioan style"],
        list("abcd"),
    )
    pair, _ = read_answers(pairs).hits(vocabulary, "revision")
    assert sorted(pair.tolist()) == [2, 2]


def test_leaks_are_counted_beside_somebody_elses():
    people = pl.DataFrame({"religion": ["Catholic", "Jewish"], "state": ["New York", "Ohio"]})
    pairs = table(
        ["Why?"] * 4,
        ["No."] * 4,
        ["As a Catholic I agree.", "In New York.", "I am from Ohio.", "Nothing."],
        ["a", "a", "b", "b"],
    )
    authors = np.array([0, 0, 1, 1])
    found = attribute_leakage(read_answers(pairs), authors, named_values(people), 2, SOME, 0.15)
    # Three of four name a value of the author's, none one of the other person's.
    assert (found.estimate.value, found.beside.value, found.tested.value) == (0.75, 0.0, 0.75)
    turned = attribute_leakage(read_answers(pairs), 1 - authors, named_values(people), 2, SOME, 0.15)
    assert (turned.estimate.value, turned.beside.value, turned.tested.value) == (0.0, 0.75, -0.75)


def test_what_all_descriptions_share_is_no_parroting():
    people = pl.DataFrame({"persona_id": ["a", "b"]})
    profiles = {"a": "You are a person living in Ohio.", "b": "You are a person living in Iowa."}
    vocabulary = described(people, profiles)
    pairs = table(
        ["Why?"] * 3,
        ["No."] * 3,
        ["You are a person.", "A person living in Ohio says so.", "Quite."],
        ["a", "a", "b"],
    )
    found = attribute_parroting(read_answers(pairs), np.array([0, 0, 1]), vocabulary, 2, SOME, 0.15)
    # The first revision repeats what both descriptions say, the second one run more of Ann's: 1 of 3.
    assert found.tested.value == pytest.approx(1 / 3)
    assert (found.estimate.value, found.beside.value) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_strangers_are_never_oneself():
    authors = np.repeat(np.arange(7), 50)
    drawn = strangers_to(authors, 7, 3)
    assert (drawn != authors).all()
    assert set(drawn.tolist()) == set(range(7))


def test_names_are_of_attributes_and_every_closed_value_has_words_or_none():
    assert set(NAMES) <= set(COLUMNS)
    for name, spoken in NAMES.items():
        for value in attribute(name).values:
            assert all(text.strip() for text in spoken(value)), (name, value)
    assert NAMES["religion"]("Other") == ()
    assert NAMES["race"]("White alone") == ("white",)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9))),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9))),
)
def test_lookup_is_membership(asked, held):
    owners, codes = (np.array([row[at] for row in asked], dtype=np.int64) for at in (0, 1))
    of, them = (np.array([row[at] for row in held], dtype=np.int64) for at in (0, 1))
    found = lookup(owners, codes.astype(np.uint64), of, them.astype(np.uint64))
    assert found.tolist() == [row in held for row in asked]


def test_an_empty_vocabulary_has_no_hits():
    pairs = table(["Why?"], ["No."], ["Yes."], ["a"])
    nothing = Vocabulary(1, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64))
    assert read_answers(pairs).hits(nothing, "revision")[0].tolist() == []
