"""Twins: association against a naive twin, and what stays of near-duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
