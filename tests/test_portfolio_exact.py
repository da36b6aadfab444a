"""Certificates and minimum portfolios over finite tables: against brute force, sampled weights and theory."""

from __future__ import annotations

import os
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import portfolio as pf
from populace.errors import DataError
from populace.portfolio.certificate import Game
from populace.portfolio.covering import cover, greedy_cover
from populace.portfolio.minimum import _hit, fewest_columns
from populace.portfolio.served import Serving, spread_weights
from populace.portfolio.tables import points_of, undominated

FULL = os.environ.get("POPULACE_CHAOS") == "full"


def table(seed: int, ties: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.random((int(rng.integers(3, 10)), int(rng.integers(2, 5))))
    if ties:
        found = np.round(found, 1)
        found[-1] = found[0]
    # No trait may be the same for all.
    found[0] += 0.25
    return found


def test_by_hand() -> None:
    # Two specialists serve (1/2, 1/2) with 1/2, the third with 0.6: the regret is 0.1 there and less
    # elsewhere, since 0.6 - max(w, 1 - w) falls on both sides of 1/2.
    found = pf.worst_regret([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]], [0, 1])
    assert found.value == pytest.approx(0.1) and found.weight == pytest.approx((0.5, 0.5))
    # As a ratio: 1 - 0.5 / 0.6.
    found = pf.worst_regret([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]], [0, 1], kind="ratio")
    assert found.value == pytest.approx(1 / 6)
    # A tenth forgiven: 0.9 * 0.6 - 0.5.
    found = pf.worst_regret([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]], [0, 1], kind="mixed", epsilon=0.1)
    assert found.value == pytest.approx(0.04)
    # A cost of 0.2 on the third: it is never better than 0.4.
    found = pf.worst_regret([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]], [0, 1], cost=[0, 0, -0.2])
    assert found.value == found.attained == 0


def test_a_trait_that_no_member_has_loses_everything() -> None:
    found = pf.worst_regret([[1.0, 0.0], [0.0, 0.5]], [0], kind="ratio")
    assert found.value == 1 and found.weight == (0.0, 1.0)


@pytest.mark.parametrize("kind", ["additive", "ratio", "mixed"])
@given(seed=st.integers(0, 10**6), ties=st.booleans())
@settings(deadline=None, max_examples=30)
def test_no_weights_are_worse_than_the_certificate(kind: str, seed: int, ties: bool) -> None:
    rewards = table(seed, ties)
    rng = np.random.default_rng(seed)
    cost = -rng.random(len(rewards)) * 0.3 if kind == "additive" else None
    members = rng.choice(len(rewards), int(rng.integers(1, 4)), replace=False)
    epsilon = 0.05 if kind == "mixed" else 0.0
    found = pf.worst_regret(rewards, members, kind, cost, epsilon=epsilon)  # type: ignore[arg-type]
    points = points_of(rewards, cost)
    weights = rng.dirichlet(np.full(rewards.shape[1], rng.choice([0.1, 1, 3])), 2000)
    weights = np.vstack([weights, np.eye(rewards.shape[1]), [found.weight]])
    told = pf.regret_at(points, members, weights, kind, epsilon)  # type: ignore[arg-type]
    assert told.max() <= found.value + 1e-12
    # What is certified is attained: the bound is no looser than the programmes' tolerance.
    assert told[-1] == pytest.approx(found.attained, abs=1e-12)
    assert found.value - found.attained <= 1e-7


@pytest.mark.slow
def test_certificates_hold_at_a_hundred_thousand_weights() -> None:
    for seed in range(60 if not FULL else 300):
        rewards = table(seed, ties=seed % 3 == 0)
        rng = np.random.default_rng(seed)
        cost = -rng.random(len(rewards)) * 0.3 if seed % 2 else None
        members = rng.choice(len(rewards), int(rng.integers(1, 4)), replace=False)
        found = pf.worst_regret(rewards, members, cost=cost)
        weights = rng.dirichlet(np.full(rewards.shape[1], 0.7), 100_000 if FULL else 20_000)
        assert pf.regret_at(points_of(rewards, cost), members, weights).max() <= found.value + 1e-12


@given(seed=st.integers(0, 10**6), ties=st.booleans())
@settings(deadline=None, max_examples=200 if FULL else 12)
def test_minimum_is_brute_force(seed: int, ties: bool) -> None:
    rewards = table(seed, ties)
    for kind, regret, epsilon in (("additive", 0.05, 0.0), ("ratio", 0.1, 0.0), ("mixed", 0.05, 0.1)):
        found = pf.minimum(rewards, regret, kind, epsilon=epsilon)  # type: ignore[arg-type]
        fewest = next(
            size
            for size in range(1, len(rewards) + 1)
            if any(
                pf.worst_regret(rewards, members, kind, epsilon=epsilon).value  # type: ignore[arg-type]
                <= regret + 1e-8
                for members in combinations(range(len(rewards)), size)
            )
        )
        assert len(found) == fewest and found.optimal and found.lower_bound == fewest
        assert found.certificate.value <= regret + 2e-8


def test_two_traits_by_intervals_are_those_of_the_general_way() -> None:
    for seed in range(40):
        rewards = np.random.default_rng(seed).random((25, 2))
        problem = Serving(points_of(rewards))
        exact, least, _ = fewest_columns(problem, 0.02, 30)
        general, bound, _ = _hit(problem, 0.02, 30)
        assert len(exact) == least == len(general) == bound


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-5, 1.0, 1e12])
def test_a_ratio_has_no_unit(scale: float) -> None:
    table = np.array([[1, 0], [0, 1], [0.7, 0.7]])
    found = pf.minimum(scale * table, regret=0.02, kind="ratio")
    assert found.members == (0, 1, 2) and found.optimal and found.certificate.value <= 0.02
    close = pf.minimum(scale * np.array([[1, 0], [0, 1], [0.9999, 1]]), regret=1e-5, kind="ratio")
    assert close.members == (0, 2) and close.certificate.value <= 1e-5


@pytest.mark.parametrize("members", [[True, False, True], [0.9], ["0"], [None]])
def test_members_are_rows_and_no_mask(members: list[object]) -> None:
    with pytest.raises(DataError, match="whole numbers"):
        pf.worst_regret([[1, 0], [0, 1], [0.6, 0.6]], members)  # type: ignore[arg-type]


def test_a_candidate_that_is_nowhere_best_may_be_the_portfolio() -> None:
    # From the reference: the first two are both needed without the third, which is never optimal.
    rewards = [[0.5, 0.6], [0.6, 0.5], [0.549, 0.549]]
    assert pf.coverage_set(rewards) == (0, 1)
    assert pf.minimum(rewards, 0.052).members == (2,)
    assert len(pf.minimum(rewards, 0.04)) == 2


@given(seed=st.integers(0, 10**6), ties=st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_coverage_set_loses_nothing_and_has_nothing_to_spare(seed: int, ties: bool) -> None:
    rewards = table(seed, ties)
    kept = pf.coverage_set(rewards)
    assert pf.worst_regret(rewards, kept).value <= 1e-9
    for member in kept:
        others = [each for each in kept if each != member]
        assert not others or pf.worst_regret(rewards, others).value > 0


def test_two_vectors_that_are_all_but_equal_do_not_eliminate_each_other() -> None:
    rewards = np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7], [0.7, 0.7 + 3e-10]])
    kept = pf.coverage_set(rewards)
    assert len(kept) == 3 and pf.worst_regret(rewards, kept).value <= 1e-9


def test_theorem_c2_bounds_the_size_with_two_traits() -> None:
    # Arbitrary finite sets with rewards in [0, 1]: at most 1 + floor(1 / sqrt(regret)).
    for seed in range(9):
        rng = np.random.default_rng(seed)
        turns = rng.random(100) * np.pi / 2
        rewards = np.stack([np.cos(turns), np.sin(turns)], axis=1) ** rng.choice([0.6, 1.0, 1.5])
        for regret in (0.05, 0.01, 0.002):
            assert len(pf.minimum(rewards, regret)) <= 1 + int(1 / np.sqrt(regret))


def test_time_that_runs_out_leaves_an_honest_gap() -> None:
    rng = np.random.default_rng(0)
    rewards = np.abs(rng.normal(size=(40, 4)))
    rewards /= np.linalg.norm(rewards, axis=1, keepdims=True)
    found = pf.minimum(rewards, 0.02, seconds=0.2)
    assert found.lower_bound <= len(found) and found.optimal == (found.lower_bound == len(found))
    assert found.certificate.value <= 0.02 + 1e-7
    assert found.optimal or "stopped" in found.method


def test_the_cover_is_the_least() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        covers = rng.random((12, 8)) < 0.3
        covers[:, 0] |= ~covers.any(axis=1)
        found, least = cover(covers, 10)
        fewest = next(
            size
            for size in range(1, 9)
            if any(covers[:, list(chosen)].any(axis=1).all() for chosen in combinations(range(8), size))
        )
        assert len(found) == least == fewest
        assert covers[:, greedy_cover(covers)].any(axis=1).all()


def test_a_lattice_has_the_corners_and_sums_to_one() -> None:
    for traits in (2, 3, 5):
        weights = spread_weights(traits, 64)
        assert len(weights) <= 64 and np.allclose(weights.sum(axis=1), 1)
        assert all((weights == corner).all(axis=1).any() for corner in np.eye(traits))


def test_of_rows_that_dominate_one_another_the_best_stay() -> None:
    rewards = np.array([[0.5, 0.5], [0.5, 0.6], [0.6, 0.5], [0.5, 0.6]])
    assert undominated(rewards).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("rewards", "told"),
    [
        ([[1.0, float("nan")], [0.0, 1.0]], "row 1, column trait 2"),
        ([[1.0, float("inf")], [0.0, 1.0]], "row 1, column trait 2"),
        ([[1.0, 0.5], [0.0, 0.5]], "column trait 2"),
        ([[1e308, -1e308], [0.0, 1.0]], "more than a number can hold"),
        ([[1.0], [0.0]], "nothing to weigh"),
        ([], "shape"),
        ([["a", "b"]], "numbers"),
    ],
)
def test_broken_tables_are_refused(rewards: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        pf.worst_regret(rewards, [0])


def test_settings_that_mean_nothing_are_refused() -> None:
    rewards = [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(DataError, match="ratio"):
        pf.worst_regret([[1.0, -0.1], [0.0, 1.0]], [0], kind="ratio")
    with pytest.raises(DataError, match="ratio"):
        pf.worst_regret(rewards, [0], kind="ratio", cost=[-0.1, 0])
    with pytest.raises(DataError, match="above 0"):
        pf.worst_regret(rewards, [0], cost=[0.1, 0])
    with pytest.raises(DataError, match="rows of the table"):
        pf.worst_regret(rewards, [2])
    with pytest.raises(DataError, match="rows of the table"):
        pf.worst_regret(rewards, [])
    with pytest.raises(ValueError, match="kind"):
        pf.worst_regret(rewards, [0], kind="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="epsilon"):
        pf.worst_regret(rewards, [0], epsilon=0.1)
    with pytest.raises(ValueError, match="regret"):
        pf.minimum(rewards, -0.1)
    with pytest.raises(ValueError, match="regret"):
        pf.minimum(rewards, 1.0, kind="ratio")


def test_a_bound_by_one_mixture_holds_for_all() -> None:
    # Weak duality is what the certificate rests on: any mixture of members bounds every candidate's regret.
    rng = np.random.default_rng(3)
    points = rng.random((40, 3))
    game = Game(points, points[:4])
    for mixture in rng.dirichlet(np.ones(4), 50) @ points[:4]:
        game._bound(mixture, 4)
    weights = rng.dirichlet(np.ones(3), 5000)
    assert (weights @ points.T - (weights @ points[:4].T).max(axis=1)[:, None] <= game._bounds + 1e-12).all()
