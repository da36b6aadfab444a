"""Scores of forecasts over several options, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from populace.errors import DataError
from populace.stats.proper import brier_scores, hits, log_scores, ranked_scores, refused

NAN = float("nan")
ALL = (hits, log_scores, brier_scores, ranked_scores)


def forecasts(seed: int, rows: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw rows of 2 to 5 options, padded to 5."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, size=rows)
    p = np.where(np.arange(5) < sizes[:, None], rng.gamma(0.7, size=(rows, 5)) + 1e-3, 0.0)
    return p / p.sum(axis=1, keepdims=True), rng.integers(0, sizes), sizes


def test_by_hand() -> None:
    p = [[0.1, 0.2, 0.7]]
    assert hits(p, [2]).tolist() == [1.0]
    assert hits(p, [0]).tolist() == [0.0]
    assert log_scores(p, [1]) == pytest.approx([np.log(0.2)])
    assert brier_scores(p, [1]) == pytest.approx([0.01 + 0.64 + 0.49])
    # cumulative 0.1, 0.3, 1 against 0, 1, 1: (0.01 + 0.49) / 2
    assert ranked_scores(p, [1]) == pytest.approx([0.25])


def test_guesses_among_the_likeliest_count_their_share() -> None:
    assert hits([[0.25, 0.25, 0.25, 0.25]], [3]).tolist() == [0.25]
    assert hits([[0.4, 0.4, 0.2, 0.0]], [2]).tolist() == [0.0]


def test_padding_says_nothing() -> None:
    p, truth, sizes = forecasts(1)
    padded = np.concatenate([p, np.full((len(p), 2), NAN)], axis=1)
    for score in ALL:
        apart = [score(row[None, :n], [y])[0] for row, y, n in zip(p, truth, sizes, strict=True)]
        assert score(padded, truth, sizes=sizes) == pytest.approx(apart)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_twins(seed: int) -> None:
    p, truth, sizes = forecasts(seed)
    brier = [sum((q[k] - (k == y)) ** 2 for k in range(n)) for q, y, n in zip(p, truth, sizes, strict=True)]
    ranked = [
        sum((sum(q[: k + 1]) - (y <= k)) ** 2 for k in range(n - 1)) / (n - 1)
        for q, y, n in zip(p, truth, sizes, strict=True)
    ]
    assert brier_scores(p, truth, sizes=sizes) == pytest.approx(brier)
    assert ranked_scores(p, truth, sizes=sizes) == pytest.approx(ranked)
    assert hits(p, truth, sizes=sizes).tolist() == (p.argmax(axis=1) == truth).tolist()


def test_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(4), size=300)
    truth = rng.integers(0, 4, size=300)
    assert -log_scores(p, truth).mean() == pytest.approx(log_loss(truth, p, labels=range(4)))
    two = np.stack([1 - p[:, 0], p[:, 0]], axis=1)
    happened = truth % 2
    assert brier_scores(two, happened).mean() == pytest.approx(2 * brier_score_loss(happened, p[:, 0]))
    assert ranked_scores(two, happened) == pytest.approx(brier_scores(two, happened) / 2)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_proper(seed: int) -> None:
    """Whoever says what is true expects the best score."""
    rng = np.random.default_rng(seed)
    truth, said = rng.dirichlet(np.ones(4), size=2)
    options = np.arange(4)

    def expected(score, q: np.ndarray) -> float:
        return float(truth @ score(np.tile(q, (4, 1)), options))

    assert expected(log_scores, truth) >= expected(log_scores, said) - 1e-12
    assert expected(brier_scores, truth) <= expected(brier_scores, said) + 1e-12
    assert expected(ranked_scores, truth) <= expected(ranked_scores, said) + 1e-12
    assert expected(hits, truth) >= expected(hits, said) - 1e-12


def test_refusals_are_nan_or_uniform_and_counted() -> None:
    p = np.array([[0.5, 0.5, 0.0], [NAN, NAN, NAN], [NAN, NAN, 0.0]])
    sizes = np.array([2, 3, 2])
    assert refused(p, sizes).tolist() == [False, True, True]
    for score in ALL:
        assert np.isnan(score(p, [0, 1, 1], sizes=sizes)).tolist() == [False, True, True]
    kept = {"sizes": sizes, "refusals": "uniform"}
    assert hits(p, [0, 1, 1], **kept) == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert log_scores(p, [0, 1, 1], **kept) == pytest.approx(-np.log([2, 3, 2]))
    assert brier_scores(p, [0, 1, 1], **kept) == pytest.approx([0.5, 2 / 3, 0.5])
    assert ranked_scores(p, [0, 1, 1], **kept) == pytest.approx([0.25, 1 / 9, 0.25])


def test_a_certain_error_costs_no_more_than_the_floor() -> None:
    assert log_scores([[1.0, 0.0]], [1], floor=0.01).tolist() == [np.log(0.01)]


@pytest.mark.parametrize(
    ("p", "truth", "sizes", "said"),
    [
        ([[0.5, 0.4]], [0], None, "row 1: the probabilities do not add up to 1"),
        ([[0.5, 0.5], [-0.1, 1.1]], [0, 0], None, "row 2: a probability lies outside 0 to 1"),
        ([[NAN, 0.5]], [0], None, "row 1: a probability is missing beside others"),
        ([[0.5, 0.5]], [2], None, "row 1: what happened is no option of its row"),
        ([[0.5, 0.5, 0.0]], [2], [2], "row 1: what happened is no option of its row"),
        ([[0.5, 0.5]], [0.0], None, "`truth` must be 1 whole numbers, one a row"),
        ([[0.5, 0.5]], [0], [3], "row 1: `sizes` names more options"),
        ([0.5, 0.5], [0], None, "`probabilities` has 1 dimensions and needs 2"),
        ([[float("inf"), 0.5]], [0], None, "row 1: a probability lies outside 0 to 1"),
    ],
)
def test_broken_forecasts_are_named(p: list, truth: list, sizes: list | None, said: str) -> None:
    for score in ALL:
        with pytest.raises(DataError, match=said):
            score(p, truth, sizes=sizes)


def test_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match="refusals is 'drop'"):
        hits([[0.5, 0.5]], [0], refusals="drop")  # pyright: ignore[reportArgumentType]


def test_no_rows() -> None:
    for score in ALL:
        assert score(np.zeros((0, 3)), np.zeros(0, dtype=int)).shape == (0,)
