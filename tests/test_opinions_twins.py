"""Twins: association against a naive twin, and what stays of near-duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.opinions import NONE, Item, Opinions, split
from populace.opinions.twins import association, curated, hidden_twins, twins


def made(codes: np.ndarray, sizes: list[int], questions: list[str] | None = None) -> Opinions:
    people = pl.DataFrame({"person_id": [str(i) for i in range(len(codes))]}).with_columns(weight=pl.lit(1.0))
    items = tuple(
        Item(
            name=f"q{place}",
            question="" if questions is None else questions[place],
            options=tuple(f"o{option}" for option in range(size)),
        )
        for place, size in enumerate(sizes)
    )
    return Opinions(people, items, codes.astype(np.int16))


def naive(first: np.ndarray, second: np.ndarray) -> float:
    both = (first != NONE) & (second != NONE)
    rows, columns = np.unique(first[both]), np.unique(second[both])
    table = np.array([[(both & (first == a) & (second == b)).sum() for b in columns] for a in rows])
    n, (r, c) = table.sum(), table.shape
    if min(r, c) < 2:
        return np.nan
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0) / n
    phi = max(0.0, ((table - expected) ** 2 / expected).sum() / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, np.sqrt(phi / least)) if least > 1e-9 else np.nan


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_association_agrees_with_a_naive_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(2, 5, size=4)]
    codes = np.stack([rng.integers(0, size, 40) for size in sizes], axis=1)
    codes[:, 1] = np.minimum(codes[:, 0], sizes[1] - 1)
    codes[rng.random(codes.shape) < 0.2] = NONE
    found = association(made(codes, sizes), fewest=5)
    for one in range(4):
        for two in range(4):
            if one != two:
                wanted = naive(codes[:, one], codes[:, two])
                np.testing.assert_allclose(found[one, two], wanted, atol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-9)


def test_association_by_hand() -> None:
    """Table 30 10 / 10 30: chi-squared is 20, n 80, phi-squared 0.25.

    Corrected: 0.25 - 1/79 = 18.75/79; r is 2 - 1/79, so that V = sqrt(18.75 / 78) = 0.490290.
    """
    codes = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [30, 10, 10, 30], axis=0)
    assert association(made(codes, [2, 2]))[0, 1] == pytest.approx(0.490290, abs=1e-6)


def test_few_or_constant_answers_say_nothing() -> None:
    codes = np.zeros((50, 3))
    codes[:, 1] = np.arange(50) % 2
    codes[:, 2] = np.where(np.arange(50) < 10, codes[:, 1], NONE)
    found = association(made(codes, [2, 2, 2]))
    assert np.isnan(found[0, 1]) and np.isnan(found[1, 2])
    assert not twins(made(codes, [2, 2, 2])).any()


def test_noise_is_no_twin() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, size=(60, 30))
    assert not twins(made(codes, [5] * 30)).any()


def test_curated_keeps_one_of_each_group() -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(0, 4, 100)
    codes = np.stack([base, base // 2, base, rng.integers(0, 2, 100)], axis=1)
    codes[:30, 2] = NONE
    left = curated(made(codes, [4, 2, 4, 2]))
    assert [item.name for item in left.items] == ["q0", "q3"]
    assert not twins(left).any()
    # A worded item stays rather than the one that more people answered.
    worded = curated(made(codes, [4, 2, 4, 2], ["", "", "Which?", ""]))
    assert [item.name for item in worded.items] == ["q2", "q3"]


def test_hidden_twins_tell_nothing() -> None:
    rng = np.random.default_rng(2)
    base = rng.integers(0, 2, 80)
    codes = np.stack([base, base, *rng.integers(0, 2, size=(6, 80))], axis=1)
    opinions = made(codes, [2] * 8)
    parts = split(opinions, test=20, asked=2, seed=3)
    pairs = twins(opinions.take(parts.train))
    known = parts.known(opinions, None, hide=hidden_twins(parts.asked, pairs))
    for row in range(20):
        if parts.asked[row, 0] or parts.asked[row, 1]:
            assert known[row, 0] == known[row, 1] == NONE
        else:
            assert (known[row, :2] != NONE).all()


def test_a_question_asked_twice_is_a_twin_though_its_association_is_not_that_high() -> None:
    """As in the ANES: 77 % the same code, the others mostly beside it. V is 0.6."""
    rng = np.random.default_rng(3)
    first = rng.choice(4, size=600, p=[0.5, 0.25, 0.15, 0.1])
    moved = np.clip(first + rng.choice([-1, 1], size=600), 0, 3)
    second = np.where(rng.random(600) < 0.25, moved, first)
    turned = 3 - first
    codes = np.stack([first, second, turned, rng.integers(0, 4, 600)], axis=1)
    opinions = made(codes, [4] * 4)
    assert association(opinions)[0, 1] < 0.8
    ordinal = tuple(
        Item(name=item.name, options=item.options, ordinal=True, question="?") for item in opinions.items
    )
    # Agreement finds the repeated one, ranks the one that was turned round too.
    found = twins(opinions, threshold=2.0)
    assert np.argwhere(np.triu(found)).tolist() == [[0, 1]]
    ranked = twins(Opinions(opinions.people, ordinal, opinions.answers), threshold=2.0)
    assert np.argwhere(np.triu(ranked)).tolist() == [[0, 1], [0, 2], [1, 2]]
    # Other options: agreement of codes says nothing.
    other = (opinions.items[0], Item(name="q1", options=tuple("abcd")), *opinions.items[2:])
    assert not twins(Opinions(opinions.people, other, opinions.answers), threshold=2.0)[0, 1]


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=15)
def test_kappa_and_ranks_agree_with_scikit_learn_and_scipy(seed: int) -> None:
    """Thresholds are crossed where theirs are, on weights alike."""
    from scipy.stats import spearmanr
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(seed)
    first = rng.integers(0, 3, 80)
    second = np.where(rng.random(80) < rng.random() * 0.5, rng.integers(0, 3, 80), first)
    opinions = made(np.stack([first, second], axis=1), [3, 3])
    kappa = cohen_kappa_score(first, second)
    assert twins(opinions, threshold=2.0)[0, 1] == (kappa > 0.6)
    ordinal = tuple(Item(name=item.name, options=item.options, ordinal=True) for item in opinions.items)
    ranks = abs(spearmanr(first, second).statistic)
    found = twins(Opinions(opinions.people, ordinal, opinions.answers), threshold=2.0)[0, 1]
    assert found == (kappa > 0.6 or ranks > 0.8)


def test_named_twins_are_twins_whatever_the_data_show() -> None:
    rng = np.random.default_rng(0)
    opinions = made(rng.integers(0, 2, size=(60, 3)), [2] * 3)
    items = (
        Item(name="q0", options=("o0", "o1"), twins=("q2", "left out elsewhere")),
        *opinions.items[1:],
    )
    found = twins(Opinions(opinions.people, items, opinions.answers))
    assert found.astype(int).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "sizes", [{"test": 1.5}, {"asked": float("nan")}, {"test": float("nan")}, {"asked": True}]
)
def test_a_split_refuses_what_is_no_share(sizes) -> None:
    opinions = made(np.zeros((30, 4)), [2] * 4)
    with pytest.raises(DataError, match="a whole number or a share"):
        split(opinions, **{"test": 5, "asked": 1} | sizes)


def test_a_split_takes_numbers_of_numpy_for_numbers() -> None:
    opinions = made(np.zeros((30, 4)), [2] * 4)
    parts = split(opinions, test=np.int64(10), asked=np.int64(1))
    assert parts.test.size == 10
    assert (parts.asked.sum(axis=1) == 1).all()
