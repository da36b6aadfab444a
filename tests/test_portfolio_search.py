"""Certified search: fewer calls than a lattice, bounds that hold, journals, liars; PALM with costs; users."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from populace import portfolio as pf
from populace.errors import DataError
from populace.portfolio.chords import chords
from populace.portfolio.covering import least_size, minimal_rows, search_cover
from populace.portfolio.grids import grid_down
from populace.portfolio.known import Known
from populace.portfolio.programmes import bound_of
from populace.portfolio.searches import Cells
from populace.portfolio.served import spread_weights

FULL = os.environ.get("POPULACE_CHAOS") == "full"


def synthetic(traits: int) -> pf.Pool:
    """The synthetic KL problems of the design: the generator is part of the claim."""
    rng = np.random.default_rng(0)
    rewards = 1 / (1 + np.exp(-1.5 * rng.normal(size=(100, 16, traits))))
    return pf.Pool(rewards, rng.dirichlet(3 * np.ones(16), size=100))


def points_of(found: pf.Refined) -> np.ndarray:
    return np.array(
        [
            np.array(one.rewards) + one.value - np.dot(asked, one.rewards)
            for asked, one in zip(found.weights, found.solved, strict=True)
        ]
    )


def values(pool: pf.Pool, beta: float, weights: np.ndarray) -> np.ndarray:
    """V at many weights, by the definition: beta mean log sum p exp(w . r / beta)."""
    shares = np.full(pool.rewards.shape[:2], 1 / pool.rewards.shape[1])
    odds = np.einsum("xyd,nd->nxy", pool.rewards, weights) / beta + np.log(shares)
    top = odds.max(axis=2, keepdims=True)
    return beta * (np.log(np.exp(odds - top).sum(axis=2)) + top[:, :, 0]).mean(axis=1)


@pytest.mark.parametrize(
    ("traits", "beta", "regret", "least"),
    [
        # The fewest of: linear support and cells as published, and the uniform lattice found in hindsight.
        (2, 0.02, 0.01, 7),
        (2, 0.1, 0.01, 6),
        (2, 0.1, 0.002, 11),
        (3, 0.5, 0.01, 10),
        (3, 0.1, 0.01, 28),
        *([(3, 0.02, 0.01, 44), (3, 0.1, 0.002, 105), (4, 0.1, 0.01, 120)] if FULL else []),
    ],
)
def test_planned_calls_are_no_more_than_anybodys(traits: int, beta: float, regret: float, least: int) -> None:
    oracle = synthetic(traits).oracle(beta)
    search = pf.Refinement(traits=traits, regret=regret, share=0.9999999)
    while weights := search.ask():
        search.tell(weights[0], oracle(weights[0]))
    assert len(search.known.weights) <= least and search.gap <= regret


def test_a_certificate_holds_with_kl_at_random_weights() -> None:
    for seed in range(300 if FULL else 4):
        rng = np.random.default_rng(seed)
        traits = int(rng.integers(2, 5))
        scores = rng.random((3, 4, traits))
        if seed % 3 == 0:
            scores = np.round(scores)  # ties everywhere
            scores[:, 1] = scores[:, 0]
        pool, beta = pf.Pool(scores), float(rng.choice([0.05, 0.3, 1.0]))
        method = ("planned", "corners", "simplicial")[seed % 3]
        found = pf.certified(pool.oracle(beta), traits, regret=0.1, method=method)  # type: ignore[arg-type]
        members = points_of(found)[list(found.members)]
        for _ in range(10 if FULL else 1):
            weights = rng.dirichlet(np.full(traits, rng.choice([0.2, 1.0])), 10_000)
            lost = values(pool, beta, weights) - (weights @ members.T).max(axis=1)
            assert lost.max() <= found.certificate
        assert found.reached


def test_the_static_lattice_is_within_its_regret() -> None:
    # Theorem A: m = ceil(d / 4 tau), tau = max(eps / 2, sqrt(2 beta eps)).
    for traits, beta, regret in ((2, 0.1, 0.02), (3, 0.3, 0.05), (3, 0.02, 0.2)):
        tau = max(regret / 2, math.sqrt(2 * beta * regret))
        size = math.ceil(traits / (4 * tau))
        rng = np.random.default_rng(traits)
        pool = pf.Pool(np.round(rng.random((4, 5, traits)), 1))
        oracle = pool.oracle(beta)
        lattice = spread_weights(traits, math.comb(size + traits - 1, traits - 1))
        assert len(lattice) == math.comb(size + traits - 1, traits - 1)
        answers = [oracle(each) for each in lattice]
        points = np.array(
            [
                np.array(one.rewards) + one.value - each @ np.array(one.rewards)
                for each, one in zip(lattice, answers, strict=True)
            ]
        )
        weights = rng.dirichlet(np.ones(traits), 5000)
        assert (values(pool, beta, weights) - (weights @ points.T).max(axis=1)).max() <= regret


def test_large_batches_take_fewer_rounds() -> None:
    oracle = synthetic(2).oracle(0.1)
    rounds = calls = 0
    search = pf.Refinement(traits=2, regret=0.003, share=0.9999999)
    while weights := search.ask(16):
        rounds += 1
        for each in weights:
            search.tell(each, oracle(each))
            calls += 1
    assert rounds <= 4 and calls <= 17


def test_chords_are_those_of_the_programme() -> None:
    rng = np.random.default_rng(0)
    for traits in (2, 3, 4):
        asked = np.vstack([np.eye(traits), rng.dirichlet(np.ones(traits), 12)])
        slopes = rng.random((6, traits))
        ceilings = (asked @ slopes.T).max(axis=1)
        weights = np.vstack([rng.dirichlet(np.ones(traits), 20), asked])
        told = chords(asked, ceilings, weights, 1.0)
        assert told == pytest.approx([bound_of(asked, ceilings, each).value for each in weights], abs=1e-9)
        # On one plane there is no hull.
        flat = chords(asked, asked @ slopes[0], weights, 1.0)
        assert flat == pytest.approx(weights @ slopes[0], abs=1e-8)


SCRIPT = """
import os, sys, time
import numpy as np
from populace import portfolio as pf

rng = np.random.default_rng(0)
honest = pf.Pool(rng.random((10, 6, 2))).oracle(0.05)

def oracle(weights):
    answer = honest(weights)
    with open(sys.argv[2], "a") as handle:
        handle.write(repr(weights.tolist()) + "\\n")
    time.sleep(float(sys.argv[3]))
    return answer

found = pf.certified(oracle, traits=2, regret=0.004, journal=sys.argv[1])
print(found.calls, found.certificate, found.reached)
"""


def test_a_search_killed_by_the_system_asks_nothing_twice(tmp_path: Path) -> None:
    script, journal, log = tmp_path / "search.py", tmp_path / "answers.jsonl", tmp_path / "asked"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(journal), str(log)]
    running = subprocess.Popen([*command, "0.15"])
    until = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 4) and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = journal.read_bytes().count(b"\n")
    asked = log.read_text().splitlines()
    done = subprocess.run([*command, "0"], capture_output=True, text=True, check=True)
    calls, _, reached = done.stdout.split()
    later = log.read_text().splitlines()[len(asked) :]
    assert kept >= 4 and reached == "True"
    # Only the answer that was under way when it was killed may be asked for again.
    assert len(set(asked[:kept]) & set(later)) == 0 and kept + len(later) == int(calls)


def test_a_lie_in_the_journal_is_found_again(tmp_path: Path) -> None:
    honest, journal = synthetic(2).oracle(0.1), tmp_path / "answers.jsonl"

    def liar(weights: np.ndarray) -> pf.Solved:
        found = honest(weights)
        worse = 0.2 if 0.2 < weights[0] < 0.8 else 0.0
        return pf.Solved(
            rewards=tuple(each - worse for each in found.rewards), kl=found.kl, value=found.value - worse
        )

    for _ in range(2):  # the second time it comes from the file
        with pytest.raises(DataError, match="not the best one"):
            pf.certified(liar, traits=2, regret=0.01, journal=journal)


def test_samples_noise_counts_twice() -> None:
    # Values are measured up to 0.003: what is certified must hold for the true ones.
    honest, rng = synthetic(2).oracle(0.1), np.random.default_rng(0)

    def measured(weights: np.ndarray) -> pf.Solved:
        found, off = honest(weights), rng.uniform(-0.003, 0.003)
        rewards = tuple(each + off for each in found.rewards)
        return pf.Solved(rewards=rewards, kl=found.kl, value=found.value + off)

    found = pf.certified(measured, traits=2, regret=0.05, noise=0.003)
    plain = pf.certified(honest, traits=2, regret=0.05)
    assert found.reached and found.noise == 0.003 and found.certificate >= 0.006
    assert found.gap >= 0.006 > plain.gap - 0.05
    true = np.array(
        [
            np.array(one.rewards) + one.value - np.dot(w, one.rewards)
            for w, one in ((w, honest(np.array(w))) for w in found.weights)
        ]
    )[list(found.members)]
    drawn = np.random.default_rng(1).dirichlet(np.ones(2), 500)
    lost = np.array([honest(each).value for each in drawn]) - (drawn @ true.T).max(axis=1)
    assert lost.max() <= found.certificate
    with pytest.raises(ValueError, match="cannot be reached"):
        pf.Refinement(traits=2, regret=0.01, noise=0.002)


def test_a_better_policy_raises_the_gap_of_cells_that_were_done() -> None:
    # With eta, an answer that beats an older one by less raises what may exist at the older weights.
    known = Known(2, eta=0.5)

    def told(first: float, rewards: tuple[float, float]) -> None:
        value = first * rewards[0] + (1 - first) * rewards[1]
        known.tell(np.array([first, 1 - first]), pf.Solved(rewards=rewards, kl=0.0, value=value))

    told(1.0, (0.5, 0.0))
    told(0.0, (0.0, 0.5))
    told(0.5, (0.3, 0.3))
    search = Cells(known)
    before, _ = search.top(1)
    told(0.25, (0.9, 0.45))
    after, _ = search.top(1)
    fresh, _ = Cells(known).top(1)
    assert after == pytest.approx(fresh) and before > 0


def test_a_trait_that_all_policies_have_alike_is_no_error_of_an_oracle() -> None:
    table = np.array([[0.5, 0.2, 0.3], [0.1, 0.9, 0.3]])

    def oracle(weights: np.ndarray) -> pf.Solved:
        best = int(np.argmax(table @ weights))
        return pf.Solved(rewards=tuple(table[best]), kl=0.0, value=float(table[best] @ weights))

    found = pf.certified(oracle, traits=3, regret=0.01)
    assert found.reached and len(found) == 2
    assert pf.palm(oracle, 3, 0.3, 0.3).certificate.value <= 1


def test_what_memory_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="memory"):
        pf.Refinement(traits=12, method="corners")
    with pytest.raises(ValueError, match="method"):
        pf.Refinement(traits=2, method="best")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="grid has"):
        pf.palm(synthetic(2).oracle(0), 9, 0.1, 0.1)
    with pytest.raises(DataError, match="grid has"):
        grid_down(6, 0.05, 0.05)
    with pytest.raises(ValueError, match="at least 2"):
        pf.certified(synthetic(2).oracle(0.1), traits=1)
    with pytest.raises(DataError, match="below 0"):
        pf.certified(lambda w: pf.Solved(rewards=(1.0, 1.0), kl=-1.0, value=1.0), traits=2)


def test_time_ends_a_search_with_what_was_reached() -> None:
    honest = synthetic(3).oracle(0.1)
    found = pf.certified(honest, traits=3, regret=0.001, seconds=0.0)
    assert found.calls == 3 and not found.reached and found.certificate > 0.001


def test_palm_with_costs_keeps_its_promise() -> None:
    for traits, beta, lazy in ((2, 0.1, True), (2, 0.3, False), (3, 0.3, True)):
        rng = np.random.default_rng(traits)
        pool = pf.Pool(rng.random((5, 4, traits)))
        epsilon = 0.1 if traits == 2 else 0.3
        found = pf.palm(pool.oracle(beta), traits, epsilon, epsilon, lazy, costs=True)
        assert found.calls <= found.size_bound == len(grid_down(traits, epsilon, epsilon))
        points = np.array(
            [
                np.array(one.rewards) + one.value - np.dot(asked, one.rewards)
                for asked, one in zip(found.weights, found.solved, strict=True)
            ]
        )[list(found.members)]
        drawn = rng.dirichlet(np.full(traits, 0.5), 5000)
        lost = (values(pool, beta, drawn) - (drawn @ points.T).max(axis=1)).max()
        promised = float(found.promised.split()[2])
        assert lost <= promised == pytest.approx((4 if lazy else 3) * epsilon)
    with pytest.raises(DataError, match="most="):
        pf.palm(pf.Pool(3 * rng.random((5, 4, 2))).oracle(0.1), 2, costs=True)


def test_every_weight_rounds_down_into_the_grid() -> None:
    rng = np.random.default_rng(0)
    for traits, epsilon, delta in ((2, 0.1, 0.1), (3, 0.3, 0.4)):
        weights = {tuple(np.round(each, 9)) for each in grid_down(traits, epsilon, delta)}
        rise = 1 / (1 - epsilon)
        least = rise * delta / traits
        for each in rng.dirichlet(np.full(traits, 0.5), 300):
            steps = np.floor(np.log(np.maximum(each, 1e-300) / least) / np.log(rise) + 1e-12)
            rounded = np.where(each < least, 0.0, least * rise**steps)
            assert tuple(np.round(rounded, 9)) in weights


def test_palm_finds_lies() -> None:
    points = np.array([[1.0, 0.1], [0.1, 1.0], [0.7, 0.7]])

    def liar(weights: np.ndarray) -> pf.Solved:
        best = 0 if weights[0] == weights[1] else int(np.argmax(points @ weights))
        return pf.Solved(rewards=tuple(points[best]), kl=0.0, value=float(points[best] @ weights))

    with pytest.raises(DataError, match="not the best one"):
        pf.palm(liar, 2, 0.2, 0.2, lazy=False)
    with pytest.raises(DataError, match="that of its rewards"):
        pf.palm(lambda w: pf.Solved(rewards=(1.0, 1.0), kl=0.0, value=0.5), 2)


def test_scale_and_offset_change_nothing() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((12, 3))
    plain, worst = pf.minimum(table, 0.05), pf.worst_regret(table, [0, 1])
    for scale, offset in ((1e-8, 0.0), (1e6, 0.0), (1.0, 1e5), (1e-3, -7.0)):
        moved = pf.minimum(table * scale + offset, 0.05 * scale)
        assert moved.members == plain.members and moved.optimal
        again = pf.worst_regret(table * scale + offset, [0, 1])
        assert again.value / scale == pytest.approx(worst.value, rel=1e-6)
        assert again.value - again.attained <= 1e-8 * scale + 1e-12 * abs(offset)


def test_a_certificate_is_rounded_outward() -> None:
    # In exact arithmetic the regret of one member is the largest difference; the certificate is not below.
    from fractions import Fraction

    rng = np.random.default_rng(5)
    for _ in range(50):
        table = rng.random((4, 2))
        found = pf.worst_regret(table, [0, 1])
        weight = [Fraction(share) for share in found.weight]
        total = sum(weight)
        own = [sum(w * Fraction(x) for w, x in zip(weight, row, strict=True)) / total for row in table]
        assert Fraction(found.value) >= max(own) - max(own[:2])
    again = pf.worst_regret([[1.0, 0.2], [0.1, 0.9], [1.0, 0.2]], [0, 1])
    assert again.value == 0  # a duplicate of a member, and nothing else to lose


def test_rows_that_matter_and_sets_that_cover() -> None:
    rng = np.random.default_rng(0)
    covers = rng.random((700, 12)) < 0.25
    covers[:, 0] |= ~covers.any(axis=1)
    kept = minimal_rows(covers)
    matters = covers[kept]
    for row in covers:
        assert (matters <= row).all(axis=1).any()
    for place, row in enumerate(matters):
        others = np.delete(matters, place, axis=0)
        assert not (others <= row).all(axis=1).any()
    fewest = next(
        size
        for size in range(1, 13)
        if any(covers[:, list(chosen)].any(axis=1).all() for chosen in combinations(range(12), size))
    )
    found = search_cover(matters, fewest, 5000)
    assert found is not None and len(found) == fewest and covers[:, found].any(axis=1).all()
    assert search_cover(matters, fewest - 1, 300) is None
    assert least_size(matters) <= fewest


@pytest.mark.slow
def test_two_hundred_on_the_sphere_are_solved_to_the_end() -> None:
    if not FULL:
        pytest.skip("takes up to a minute; POPULACE_CHAOS=full")
    rows = np.abs(np.random.default_rng(3).normal(size=(200, 4)))
    found = pf.minimum(rows / np.linalg.norm(rows, axis=1, keepdims=True), 0.02, seconds=240)
    assert found.optimal and found.certificate.value <= 0.02 + 1e-7


def test_users_are_served_and_everybody_within_the_limit() -> None:
    for seed in range(200 if FULL else 6):
        rng = np.random.default_rng(seed)
        rewards, users = rng.random((7, 3)), rng.dirichlet(np.ones(3), 10)
        lost = (users @ rewards.T).max(axis=1, keepdims=True) - users @ rewards.T
        for share, limit in ((1.0, 0.2), (0.7, 0.3), (0.5, None)):
            found = pf.serve_users(rewards, users, 0.03, limit, share=share)

            def good(members: tuple[int, ...], share: float = share, limit: float | None = limit) -> bool:
                served = (lost[:, list(members)].min(axis=1) <= 0.03 + 1e-8).mean()  # noqa: B023
                worst = 0.0 if limit is None else pf.worst_regret(rewards, members).value  # noqa: B023
                return bool(served >= share - 1e-9 and worst <= (limit or 0) + 2e-8)

            fewest = next(
                size for size in range(1, 8) if any(good(each) for each in combinations(range(7), size))
            )
            assert good(found.members) and len(found) == fewest == found.lower_bound and found.optimal


@pytest.mark.parametrize(
    ("weights", "settings", "told"),
    [
        ([[0.5, 0.6]], {}, "sum to 1"),
        ([[0.5, float("nan")]], {}, "sum to 1"),
        ([["a", "b"]], {}, "numbers"),
        ([[1.0]], {}, "shape"),
        ([[0.5, 0.5]], {"regret": -1.0}, "at least 0"),
        ([[0.5, 0.5]], {"limit": -1.0}, "at least 0"),
        ([[0.5, 0.5]], {"share": 0.0}, "share"),
    ],
)
def test_users_that_mean_nothing_are_refused(weights: object, settings: dict[str, float], told: str) -> None:
    with pytest.raises((DataError, ValueError), match=told):
        pf.serve_users(np.eye(2), weights, **settings)  # type: ignore[arg-type]
