"""Oracles, certified search, PALM's grid, sizes and the router: theory, published figures, planted people."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import portfolio as pf
from populace.errors import DataError
from populace.portfolio.corners import corner_weights
from populace.portfolio.palm import grid, grid_size
from populace.portfolio.sizes import _greedy
from populace.portfolio.tables import undominated

FULL = os.environ.get("POPULACE_CHAOS") == "full"


def synthetic(traits: int) -> pf.Pool:
    """The synthetic KL problems of the design: the generator is part of the claim."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(100, 16, traits))
    rewards = 1 / (1 + np.exp(-1.5 * scores))
    return pf.Pool(rewards, rng.dirichlet(3 * np.ones(16), size=100))


def front(count: int, traits: int, rng: np.random.Generator) -> np.ndarray:
    rows = np.abs(rng.normal(size=(count, traits))) ** 0.6
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def finite(points: np.ndarray) -> pf.Oracle:
    """Choose among points; of ties, adversarially, the last."""

    def solve(weights: np.ndarray) -> pf.Solved:
        values = points @ weights
        best = int(np.flatnonzero(values == values.max())[-1])
        return pf.Solved(rewards=tuple(points[best].tolist()), kl=0.0, value=float(values[best]))

    return solve


def test_the_pool_by_hand() -> None:
    # One prompt, two responses with scores (1, 0) and (0, 1), reference one half each, beta = 1, w = (1, 0):
    # Z = (e + 1) / 2, V = ln Z, pi_1 = e / (e + 1) = 0.731..., KL = w.R - V.
    pool = pf.Pool(np.array([[[1.0, 0.0], [0.0, 1.0]]]))
    found = pool.oracle(beta=1.0)(np.array([1.0, 0.0]))
    share = np.e / (np.e + 1)
    assert found.value == pytest.approx(np.log((np.e + 1) / 2))
    assert found.rewards == pytest.approx((share, 1 - share))
    assert found.kl == pytest.approx(share * np.log(2 * share) + (1 - share) * np.log(2 * (1 - share)))
    assert pool.kl(pool.policy([1.0, 0.0], 1.0)) == pytest.approx(found.kl)


def test_best_of_n_by_hand() -> None:
    # Three responses of values 1, 1, 0, drawn alike. Best of two: 0 only if both draws are it, 1/9; the
    # rest is shared.
    pool = pf.Pool(np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]]))
    assert pool.best_of([1.0, 0.0], 2)[0] == pytest.approx([4 / 9, 4 / 9, 1 / 9])
    assert pool.best_of([1.0, 0.0], 1)[0] == pytest.approx([1 / 3] * 3)
    assert pool.policy([1.0, 0.0], 0.0)[0] == pytest.approx([0.5, 0.5, 0.0])


@given(seed=st.integers(0, 10**6), beta=st.sampled_from([0.02, 0.1, 1.0]))
@settings(deadline=None, max_examples=30)
def test_the_gibbs_policy_is_the_best_and_its_loss_is_a_divergence(seed: int, beta: float) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.random((6, 5, 3))
    rewards[0, 3:] = np.nan
    pool = pf.Pool(rewards, rng.dirichlet(np.ones(5), size=6))
    oracle = pool.oracle(beta)
    here, there = rng.dirichlet(np.ones(3), size=2)
    best, other = oracle(here), pool.policy(there, beta)
    worth = float(here @ pool.expected(other)) - beta * pool.kl(other)
    assert worth <= best.value + 1e-12
    # Theorem B: what is lost is beta KL(pi_there || pi_here), at most min(|u|, |u|^2 / (8 beta)).
    mine = pool.policy(here, beta)
    ratio = np.where(other > 0, other / np.where(mine > 0, mine, 1), 1)
    lost = beta * float((other * np.log(ratio)).sum(axis=1).mean())
    assert best.value - worth == pytest.approx(lost, abs=1e-9)
    apart = float(np.abs(here - there).sum())
    assert lost <= min(apart, apart**2 / (8 * beta)) + 1e-12
    # A random policy on the pool is worth no more.
    random = rng.dirichlet(np.ones(5), size=6) * (mine > 0)
    random /= random.sum(axis=1, keepdims=True)
    assert float(here @ pool.expected(random)) - beta * pool.kl(random) <= best.value + 1e-12


def test_few_responses_that_carry_the_weight_are_told() -> None:
    pool = synthetic(2)
    wide, narrow = (pool.effective_sample_size([0.5, 0.5], beta).mean() for beta in (1.0, 0.01))
    assert narrow < 2 < wide <= 16


@pytest.mark.parametrize(
    ("traits", "beta", "regret", "method", "published"),
    [
        (2, 0.02, 0.01, "corners", 9),
        (2, 0.1, 0.01, "corners", 9),
        (2, 0.02, 0.01, "simplicial", 8),
        (2, 0.1, 0.01, "simplicial", 9),
        (3, 0.5, 0.01, "corners", 13),
        (3, 0.5, 0.01, "simplicial", 18),
        *([(3, 0.1, 0.01, "corners", 33), (4, 0.1, 0.01, "corners", 143)] if FULL else []),
    ],
)
def test_calls_to_a_guarantee_are_no_more_than_published(
    traits: int, beta: float, regret: float, method: str, published: int
) -> None:
    oracle = synthetic(traits).oracle(beta)
    search = pf.Refinement(traits=traits, regret=regret, share=0.9999999, method=method)  # type: ignore[arg-type]
    while weights := search.ask():
        search.tell(weights[0], oracle(weights[0]))
    assert len(search.known.weights) <= published and search.gap <= regret
    # The gap holds: nowhere among weights drawn is the value further above the policies.
    drawn = np.random.default_rng(1).dirichlet(np.ones(traits), 300)
    best = np.array([oracle(each).value for each in drawn])
    assert (best - search.known.floor(drawn)).max() <= search.gap + 1e-12


def test_a_portfolio_is_certified_against_all_policies() -> None:
    oracle = synthetic(2).oracle(0.02)
    found = pf.certified(oracle, traits=2, regret=0.01)
    # Published: 14 calls, 6 members, 0.0080 measured again, 0.0063 sampled.
    assert found.calls <= 14 and len(found) <= 6 and found.reached
    assert found.certificate <= 0.0081
    drawn = np.random.default_rng(0).dirichlet(np.ones(2), 2000)
    points = np.array(
        [
            np.array(one.rewards) + one.value - np.dot(asked, one.rewards)
            for asked, one in zip(found.weights, found.solved, strict=True)
        ]
    )[list(found.members)]
    lost = np.array([oracle(each).value for each in drawn]) - (drawn @ points.T).max(axis=1)
    assert 0.003 < lost.max() <= found.certificate
    # Theorem C2: with KL and two rewards, at most 1 + floor(1 / sqrt(2 regret)) members are ever needed.
    assert len(found) <= 1 + int(1 / np.sqrt(2 * 0.01))


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    oracle, journal = synthetic(2).oracle(0.1), tmp_path / "answers.jsonl"
    whole = pf.certified(oracle, traits=2, regret=0.01)
    asked: list[np.ndarray] = []

    def counted(weights: np.ndarray) -> pf.Solved:
        asked.append(weights)
        return oracle(weights)

    part = pf.certified(counted, traits=2, regret=0.01, max_calls=4, journal=journal)
    assert not part.reached and part.calls == 4 and part.certificate > 0.01
    with journal.open("ab") as handle:
        handle.write(b'{"weights": [0.5')  # cut off by a kill
    found = pf.certified(counted, traits=2, regret=0.01, journal=journal)
    assert found.certificate == pytest.approx(whole.certificate) and found.members == whole.members
    assert len(asked) == whole.calls


def test_a_journal_of_another_oracle_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "answers.jsonl"
    pf.certified(synthetic(2).oracle(0.1), traits=2, regret=0.02, journal=journal)
    other = pf.Pool(np.random.default_rng(5).random((20, 8, 2)))
    for oracle in (other.oracle(0.1), synthetic(2).oracle(0.2)):
        with pytest.raises(DataError, match="answers of another oracle"):
            pf.certified(oracle, traits=2, regret=0.02, journal=journal)
    # A run of one's own is named; a journal cut off after its first line is still its own.
    named = tmp_path / "named.jsonl"
    pf.certified(other.oracle(0.1), 2, 0.02, journal=named, name="run 7", max_calls=2)
    assert named.read_bytes().startswith(b'{"oracle":"run 7"}\n')
    with pytest.raises(DataError, match="run 7, and this is run 8"):
        pf.Refinement(traits=2, journal=named, oracle="run 8")
    assert len(pf.Refinement(traits=2, journal=named, oracle="run 7").known.weights) == 2


def test_a_search_that_is_stopped_tells_what_its_last_answer_brought(tmp_path: Path) -> None:
    oracle, journal = synthetic(3).oracle(0.1), tmp_path / "new" / "answers.jsonl"
    found = pf.certified(oracle, traits=3, regret=0.001, max_calls=7, journal=journal)
    again = pf.certified(oracle, traits=3, regret=0.001, max_calls=8)
    assert found.calls == 7 and journal.is_file()
    assert found.history[-1] == (7, found.gap) == again.history[-2]
    with pytest.raises(ValueError, match="max_calls"):
        pf.certified(oracle, traits=3, max_calls=0)
    with pytest.raises(DataError, match="no journal can be kept"):
        pf.certified(oracle, traits=3, journal=journal / "in-a-file.jsonl")


def test_batches_are_spread() -> None:
    oracle = synthetic(3).oracle(0.1)
    search = pf.Refinement(traits=3, regret=0.05)
    while weights := search.ask(4):
        assert len({each.tobytes() for each in weights}) == len(weights)
        for each in weights:
            search.tell(each, oracle(each))
    assert search.portfolio().reached


def test_an_oracle_that_lies_is_told_so_or_allowed_for() -> None:
    honest = synthetic(2).oracle(0.1)

    def lazy(weights: np.ndarray) -> pf.Solved:
        """Answer the middle with the policy of the middle, made worse."""
        found = honest(weights)
        if 0.2 < weights[0] < 0.8:
            rewards = tuple(each - worse for each in found.rewards)
            return pf.Solved(rewards=rewards, kl=found.kl, value=found.value - worse)
        return found

    worse = 0.2
    with pytest.raises(DataError, match="not the best one"):
        pf.certified(lazy, traits=2, regret=0.01)
    worse = 0.004
    found = pf.certified(lazy, traits=2, regret=0.05, eta=0.004, max_calls=40)
    drawn = np.random.default_rng(0).dirichlet(np.ones(2), 1000)
    points = np.array(
        [
            np.array(one.rewards) + one.value - np.dot(asked, one.rewards)
            for asked, one in zip(found.weights, found.solved, strict=True)
        ]
    )[list(found.members)]
    lost = np.array([honest(each).value for each in drawn]) - (drawn @ points.T).max(axis=1)
    assert lost.max() <= found.certificate
    with pytest.raises(ValueError, match="cannot be reached"):
        pf.certified(lazy, traits=2, regret=0.01, eta=0.004)


def test_what_an_oracle_may_not_answer() -> None:
    def told(solved: pf.Solved) -> pf.Oracle:
        return lambda _: solved

    for solved, what in (
        (pf.Solved(rewards=(1.0,), kl=0, value=1.0), "2 finite rewards"),
        (pf.Solved(rewards=(1.0, float("nan")), kl=0, value=1.0), "2 finite rewards"),
        (pf.Solved(rewards=(0.1, 0.1), kl=0, value=1.0), "cannot be a gain"),
    ):
        with pytest.raises(DataError, match=what):
            pf.certified(told(solved), traits=2)


def test_corners_do_not_vanish_at_small_scales() -> None:
    # From the reference: rounding values to four decimals lost all inner corners of such a table.
    points = np.array([[1.0, 0.0], [0.9, 0.4], [0.0, 1.0]])
    for scale in (1.0, 1e-5, 1e5):
        assert len(corner_weights(points * scale)) == 4


def test_theorem_g_holds_for_adversarial_ties() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        traits = 2 + seed % 2
        points = np.round(rng.random((12, traits)), 1 if seed % 3 == 0 else 6)
        epsilon = delta = 0.2
        oracle = finite(points)
        solved = np.array([oracle(each).rewards for each in grid(traits, epsilon, delta)])
        drawn = rng.dirichlet(np.ones(traits), 2000)
        best, own = (drawn @ points.T).max(axis=1), (drawn @ solved.T).max(axis=1)
        assert (own >= (1 - epsilon) * (best - delta) - 1e-12).all()


def test_lazy_palm_asks_no_more_than_published() -> None:
    rng = np.random.default_rng(0)
    flat, deep = front(2000, 2, rng), front(3000, 3, rng)
    half = 1 - np.sqrt(1 - 0.05)
    found = pf.palm(finite(flat), 2, epsilon=float(half), delta=0.05, skip=float(half))
    assert grid_size(2, 0.05, 0.05) == 119 and found.size_bound == 235
    assert found.calls <= 9
    drawn = np.random.default_rng(1).dirichlet(np.ones(2), 2000)
    members = np.array([found.solved[each].rewards for each in found.members])
    best, own = (drawn @ flat.T).max(axis=1), (drawn @ members.T).max(axis=1)
    assert (own >= (1 - half) ** 3 * (best - 0.05) - 1e-12).all()
    half = 1 - np.sqrt(1 - 0.1)
    assert grid_size(3, 0.1, 0.1) == 2611
    if FULL:
        assert pf.palm(finite(deep), 3, epsilon=float(half), delta=0.1, skip=float(half)).calls <= 23


def test_the_grid_has_the_size_it_is_said_to_have() -> None:
    for traits, epsilon, delta in ((2, 0.1, 0.1), (3, 0.2, 0.3), (4, 0.4, 0.5)):
        weights = grid(traits, epsilon, delta)
        assert len(weights) == grid_size(traits, epsilon, delta)
        assert (weights.max(axis=1) == 1).all() and weights.min() == pytest.approx(delta / (traits - 1))
        assert (weights[0] == 1).all()
    with pytest.raises(DataError, match="has 7"):
        grid(4, 0.01, 0.01)


def test_palm_refuses_what_its_proof_does_not_cover() -> None:
    with pytest.raises(DataError, match="no cost"):
        pf.palm(synthetic(2).oracle(0.1), 2)
    with pytest.raises(DataError, match="at least 0"):
        pf.palm(finite(np.array([[1.0, -0.1], [0.0, 1.0]])), 2)
    # Theorem G is of rewards up to 1: beyond, a weight of eta outweighs what a whole weight gives.
    with pytest.raises(DataError, match="say most="):
        pf.palm(finite(np.array([[1.0, 0.0], [0.0, 1000.0]])), 2)
    table = np.array([[1.0, 0.0], [0.0, 1000.0]])
    assert "- 47.5000" in pf.palm(finite(table), 2, most=1000.0).promised
    with pytest.raises(ValueError, match="between"):
        pf.palm(finite(np.eye(2)), 2, epsilon=0.0)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=50 if FULL else 4)
def test_best_of_size_is_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.random((7, 3))
    users = rng.dirichlet(np.ones(3), 9)
    for size in (1, 2, 3):
        found = pf.best_of_size(rewards, size)
        sets = list(combinations(range(7), size))
        least = min(pf.worst_regret(rewards, members).value for members in sets)
        assert found.value == pytest.approx(least, abs=1e-6) and found.lower_bound <= found.value
        assert found.optimal and found.certificate.value == pytest.approx(found.value, abs=1e-9)
        found = pf.best_of_size(rewards, size, "average", weights=users)
        values = users @ rewards.T
        lost = [(values.max(axis=1) - values[:, list(members)].max(axis=1)).mean() for members in sets]
        assert found.value == pytest.approx(min(lost), abs=1e-9) and found.optimal


def test_greedy_is_within_its_guarantee_where_it_is_not_exact() -> None:
    rng = np.random.default_rng(0)
    rewards, users = front(300, 4, rng), rng.dirichlet(np.ones(4), 400)
    found = pf.best_of_size(rewards, 4, "average", weights=users)
    assert "greedy" in found.method and 0 <= found.lower_bound <= found.value
    values = users @ rewards.T
    best = values.max(axis=1).mean()
    one = values.mean(axis=0).max()
    assert best - found.value >= one
    # With somebody there anyway: of what any set gains over them, greedy has at least 1 - 1/e.
    for seed in range(4):
        rewards, users = rng.random((9, 3)), rng.dirichlet(np.ones(3), 30)
        values = users @ rewards.T
        columns, top = undominated(rewards), values.max(axis=1)
        lost = np.minimum(top[:, None] - values[:, columns], (top - values[:, seed])[:, None])
        greedy = _greedy(lost, 3)
        alone = (top - values[:, seed]).mean()
        sets = combinations(range(len(columns)), min(3, len(columns)))
        best = min(lost[:, list(chosen)].min(axis=1).mean() for chosen in sets)
        assert alone - lost[:, greedy].min(axis=1).mean() >= (1 - 1 / np.e) * (alone - best) - 1e-12
        found = pf.best_of_size(rewards, 3, "average", weights=users, baseline=seed)
        assert seed in found.members and found.value == pytest.approx(best, abs=1e-9) and found.optimal


def test_sizes_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        pf.best_of_size(np.eye(2), 0)
    with pytest.raises(ValueError, match="average"):
        pf.best_of_size(np.eye(2), 1, "average")
    with pytest.raises(ValueError, match="objective"):
        pf.best_of_size(np.eye(2), 1, "wrst")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="row 2"):
        pf.best_of_size(np.eye(2), 1, "average", weights=[[0.5, 0.5], [0.7, 0.7]])


def test_weights_are_recovered_from_what_was_preferred() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        truth = rng.dirichlet(np.ones(3))
        pairs = rng.random((40, 2, 3))
        first = rng.random(40) < 1 / (1 + np.exp(-6 * ((pairs[:, 0] - pairs[:, 1]) @ truth)))
        feedback = [
            (one, other) if is_first else (other, one)
            for (one, other), is_first in zip(pairs, first, strict=True)
        ]
        found = pf.Router(np.eye(3)).infer(feedback, sharpness=6.0)
        held += found.low[0] <= truth[0] <= found.high[0]
    # 95 of 100 are expected; fewer than 88 would be one chance in a thousand.
    assert held >= 88


def test_the_pair_to_ask_next_is_one_that_tells() -> None:
    router = pf.Router(np.eye(2))
    pairs = [[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.5], [0.5, 0.5]]]
    assert router.ask_next([], pairs) == 1
    with pytest.raises(DataError, match="shape"):
        router.ask_next([], [[0.1, 0.2]])


def test_a_router_refuses_what_it_cannot_read() -> None:
    router = pf.Router([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(DataError, match="weights"):
        router.route([0.5])
    with pytest.raises(DataError, match="row 1"):
        router.infer([((float("nan"), 0.0), (0.0, 1.0))])
    with pytest.raises(DataError, match="pairs"):
        router.infer([(0.1, 0.2)])
    with pytest.raises(DataError, match="members"):
        pf.Router(np.eye(2), members=(1,))
    with pytest.raises(DataError, match="all weights are 0"):
        router.route([0.0, 0.0])
    with pytest.raises(ValueError, match="goal"):
        router.ask_next([], [[[1, 0], [0, 1]]], goal="membr")  # type: ignore[arg-type]
    assert router.route([0.5, 0.5]).lead == 0


@pytest.mark.parametrize(
    ("rewards", "reference", "told"),
    [
        (np.zeros((2, 3)), None, "shape"),
        (np.full((1, 2, 2), np.inf), None, "infinite"),
        (np.array([[[1.0, np.nan], [0.0, 1.0]]]), None, "some of its scores"),
        (np.full((1, 2, 2), np.nan), None, "no response"),
        (np.zeros((1, 2, 2)), [[0.0, 0.0]], "no probability"),
        (np.zeros((1, 2, 2)), [[-1.0, 2.0]], "negative"),
        (np.zeros((1, 2, 2)), [[1.0]], "shape"),
    ],
)
def test_broken_pools_are_refused(rewards: np.ndarray, reference: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        pf.Pool(rewards, reference)  # type: ignore[arg-type]
