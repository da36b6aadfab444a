"""Diversity: hand-derived values, naive twins, and that a collapse is seen at every size."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.personas.diversity import beside, diversity, vendi_score, words
from populace.personas.lists import entries

TEXTS = st.lists(st.text(alphabet="ab ", min_size=1, max_size=9), min_size=4, max_size=12)


def test_values_by_hand():
    # Four texts, taken whole (size 4): words a b | a b | a c | d e f.
    found = diversity(["a b", "A, b!", "a c", "d e f"], size=4, draws=3)
    # Words: a b a b a c d e f = 9, of which a b c d e f = 6 differ.
    assert found["distinct-1"].value == pytest.approx(6 / 9)
    # Bigrams: ab ab ac de ef = 5, 4 differ; entropy: ab has 2/5, three have 1/5.
    assert found["distinct-2"].value == pytest.approx(4 / 5)
    assert found["entropy-2"].value == pytest.approx(-(0.4 * math.log2(0.4) + 3 * 0.2 * math.log2(0.2)))
    # One trigram: d e f.
    assert found["distinct-3"].value == 1
    # "A, b!" repeats "a b": one of four.
    assert found["duplicates"].value == pytest.approx(0.25)
    # All subsets are the whole: nothing varies.
    for each in found.values():
        assert (each.low, each.high) == pytest.approx((each.value, each.value))
    assert found["duplicates"].n == found["duplicates"].clusters == 4


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_the_whole_set_agrees_with_naive_counting(texts):
    tokens = [words(text) for text in texts if words(text)]
    if len(tokens) < 4:
        with pytest.raises(DataError):
            diversity(texts)
        return
    found = diversity(texts, size=len(tokens), draws=1)
    for n in (1, 2, 3):
        grams = [tuple(t[i : i + n]) for t in tokens for i in range(len(t) - n + 1)]
        expected = len(set(grams)) / len(grams) if grams else math.nan
        assert found[f"distinct-{n}"].value == pytest.approx(expected, nan_ok=True)
    assert found["duplicates"].value == pytest.approx(1 - len(set(map(tuple, tokens))) / len(tokens))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 8), st.integers(2, 5), st.integers(0, 1000))
def test_cosine_and_vendi_agree_with_naive_twins(rows, dimensions, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions))
    found = diversity([f"t{i}" for i in range(rows)], embeddings=vectors, size=rows, draws=1)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [float(unit[i] @ unit[j]) for i, j in itertools.combinations(range(rows), 2)]
    assert found["cosine"].value == pytest.approx(np.mean(pairs))
    eigenvalues = np.linalg.eigvalsh(unit @ unit.T / rows)
    entropy = -sum(x * math.log(x) for x in eigenvalues if x > 1e-12)
    assert found["vendi"].value == pytest.approx(math.exp(entropy))


def test_vendi_counts_clusters():
    # Three directions, ten texts in each: three different things.
    assert vendi_score(np.repeat(np.eye(3), 10, axis=0)) == pytest.approx(3)


def test_distinct_n_falls_with_size_and_is_compared_at_one_size():
    texts = [entry.text for entry in entries("personal_time")]
    small, large = diversity(texts, size=20)["distinct-1"], diversity(texts, size=200)["distinct-1"]
    assert small.value > large.high
    # Thirty of the list beside the whole list: the same variety, once the size is matched.
    some = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:60]]
    table = beside(some, texts)
    assert set(table["size"]) == {30}
    assert set(table["verdict"]) == {"no different"}


def test_a_collapse_is_seen_and_so_is_its_absence():
    texts = [entry.text for entry in entries("defining_quirks")]
    five = [texts[i % 5] for i in range(len(texts))]
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(5, 16))
    theirs = rng.normal(size=(len(texts), 16))
    collapsed = directions[np.arange(len(texts)) % 5]
    table = beside(five, texts, embeddings=collapsed, reference_embeddings=theirs)
    assert table.height == 7
    # Five directions of sixteen dimensions may by chance have any mean cosine: the number of them tells.
    verdicts = dict(zip(table["measure"], table["verdict"], strict=True))
    assert {verdicts[name] for name in verdicts if name != "cosine"} == {"less varied"}
    turned = beside(texts, five)
    assert set(turned["verdict"]) == {"more varied"}


def test_personas_are_drawn_whole():
    # Each persona says its own word ten times: within a persona nothing differs, between them all does.
    texts = [f"word{who}" for who in range(8) for _ in range(10)]
    owners = [who for who in range(8) for _ in range(10)]
    found = diversity(texts, owners, size=4)
    # 4 personas, 40 words, 4 distinct, in every subset.
    assert (found["distinct-1"].value, found["distinct-1"].low) == pytest.approx((0.1, 0.1))
    assert (found["distinct-1"].n, found["distinct-1"].clusters) == (80, 8)


def test_the_same_seed_gives_the_same_numbers():
    texts = [entry.text for entry in entries("lifestyle")]
    assert diversity(texts, seed=3) == diversity(texts, seed=3)
    assert diversity(texts, seed=3) != diversity(texts, seed=4)


def test_bad_input_is_named():
    with pytest.raises(DataError, match="2 personas have a text"):
        diversity(["a", None, "", "  ", "b"])
    with pytest.raises(DataError, match="4 texts, 3 clusters"):
        diversity(["a"] * 4, [1, 2, 3])
    with pytest.raises(DataError, match="from 2 to 4"):
        diversity(["a"] * 4, size=9)
    with pytest.raises(DataError, match="zero or not finite"):
        diversity(["a"] * 4, embeddings=np.zeros((4, 2)))
    with pytest.raises(DataError, match="one side only"):
        beside(["a"] * 4, ["b"] * 4, embeddings=np.ones((4, 2)))
