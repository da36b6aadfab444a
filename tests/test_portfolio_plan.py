"""Plans of portfolios: never below sampled weights, held-out prompts apart, certificates for new prompts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.portfolio import Pool
from populace.portfolio.held_out import hold_out, lattice_cells, most_lost, upper_means
from populace.portfolio.planning import plan, split_prompts, worths_of
from populace.portfolio.plans import Plan, load_plan
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Range, Scale

REGRET = 0.06
NAMES = ("wit", "tact", "depth")


def scored(prompts: int, responses: int, traits: int, seed: int = 0) -> Rewards:
    """Scores with a trade-off: what is good in one trait is bad in the others."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.full(traits, 0.8), size=prompts * responses)
    frame = pl.DataFrame(
        {"prompt_id": [f"p{n // responses}" for n in range(len(scores))],
         "response_id": [str(n % responses) for n in range(len(scores))]}
    )  # fmt: skip
    columns = [pl.Series(name, scores[:, place]) for place, name in enumerate(NAMES[:traits])]
    return Rewards(frame.with_columns(columns), NAMES[:traits])


def unit(traits: int) -> Scale:
    return Scale(tuple(Range(trait=name, low=0.0, high=1.0, source="stated") for name in NAMES[:traits]))


def sampled_regret(pool: Pool, members: list[tuple[float, ...]], beta: float, draws: int = 150) -> float:
    """The regret at random weights: a bound of the true one from below."""
    oracle = pool.oracle(beta)
    points = [np.array(oracle(each).rewards) - beta * oracle(each).kl for each in members]
    users = np.random.default_rng(5).dirichlet(np.full(pool.traits, 0.7), size=draws)
    return max(oracle(user).value - max(float(user @ point) for point in points) for user in users)


@pytest.fixture(scope="module", params=[(2, 0.1), (3, 0.1), (2, 0.0)], ids=str)
def planned(request) -> tuple[Rewards, Plan]:
    traits, beta = request.param
    rewards = scored(50, 8, traits)
    return rewards, plan(rewards, scale=unit(traits), beta=beta, regret=REGRET, best_of=(2, 8))


def test_the_certificate_is_never_below_sampled_weights(planned: tuple[Rewards, Plan]) -> None:
    rewards, found = planned
    pool = Pool(rewards.rows(found.scale, found.planned).rewards)
    lost = sampled_regret(pool, [each.weights for each in found.members], found.beta)
    assert lost <= found.certificate + 1e-9 <= REGRET + 2e-9
    assert found.lower_bound <= len(found.members)


def test_the_curve_falls_and_stands_above_its_bound(planned: tuple[Rewards, Plan]) -> None:
    _, found = planned
    regrets = [step.regret for step in found.curve]
    assert regrets == sorted(regrets, reverse=True)
    assert all(step.lower_bound <= step.regret + 1e-9 for step in found.curve)
    assert [step.size for step in found.curve] == list(range(1, len(found.curve) + 1))


def test_held_out_prompts_have_no_part_in_the_plan(planned: tuple[Rewards, Plan]) -> None:
    rewards, found = planned
    assert not set(found.planned) & set(found.kept) and len(found.kept) == 15
    held = found.held_out
    assert held is not None and held.prompts == 15
    aside = Pool(rewards.rows(found.scale, found.kept).rewards)
    lost = sampled_regret(aside, [each.weights for each in found.members], found.beta)
    assert lost <= held.regret + 1e-9 <= held.certificate + 2e-9
    # Other scores of the held-out prompts: another certificate, the same plan.
    frame = rewards.frame.with_columns(
        pl.when(pl.col("prompt_id").is_in(found.kept)).then(1 - pl.col("wit")).otherwise("wit").alias("wit")
    )
    again = plan(
        Rewards(frame, rewards.traits), scale=found.scale, beta=found.beta, regret=REGRET, best_of=(2, 8)
    )
    assert again.members == found.members and again.certificate == found.certificate
    assert again.held_out != held


def test_what_is_held_out_is_measured_of_the_members_and_not_of_what_the_search_kept() -> None:
    # Even scores, where the curve ends before the search's own set: 3 members of 5.
    scores = np.random.default_rng(0).random((60 * 8, 3))
    frame = pl.DataFrame({"prompt_id": [f"p{n // 8}" for n in range(480)],
                          "response_id": [str(n % 8) for n in range(480)]})  # fmt: skip
    columns = [pl.Series(name, column) for name, column in zip(NAMES, scores.T, strict=True)]
    rewards = Rewards(frame.with_columns(columns), NAMES)
    found = plan(rewards, scale=unit(3), regret=0.05, best_of=())
    held, own = found.held_out, [each.weights for each in found.members]
    assert held is not None and len(held.rewards) == len(own) == 3
    aside = Pool(rewards.rows(found.scale, found.kept).rewards)
    for weights, told in zip(own, held.rewards, strict=True):
        np.testing.assert_allclose(told, aside.oracle(found.beta)(weights).rewards)
    assert sampled_regret(aside, own, found.beta) <= held.regret + 1e-9


def test_a_plan_that_falls_short_certifies_the_members_it_gives() -> None:
    rewards = scored(20, 6, 3, seed=3)
    found = plan(rewards, scale=unit(3), regret=1e-4, held=0, max_calls=5, best_of=())
    pool = Pool(rewards.rows(found.scale).rewards)
    assert found.certificate == found.curve[-1].regret > 1e-4
    assert sampled_regret(pool, [each.weights for each in found.members], found.beta) <= found.certificate


def test_members_say_what_the_closed_form_gives(planned: tuple[Rewards, Plan]) -> None:
    rewards, found = planned
    pool = Pool(rewards.rows(found.scale, found.planned).rewards)
    for each in found.members:
        solved = pool.oracle(found.beta)(np.array(each.weights))
        np.testing.assert_allclose(each.rewards, solved.rewards)
        effective = pool.effective_sample_size(each.weights, found.beta)
        assert each.effective == np.median(effective) and each.thin == (effective < 2).mean()


def test_a_plan_is_kept_as_it_is_and_told(planned: tuple[Rewards, Plan], tmp_path: Path) -> None:
    rewards, found = planned
    found.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again.members == found.members and again.curve == found.curve and again.scale == found.scale
    told = "\n".join(found.lines())
    for part in ("wit: 0 to 1 (as stated)", "held-out prompts", "member-1", "Correlation of wit and tact"):
        assert part in told
    same = plan(rewards, scale=found.scale, beta=found.beta, regret=REGRET, best_of=(2, 8))
    same.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "plan.json").read_bytes()


@pytest.mark.parametrize(("slope", "beta"), [(1.0, 0.1), (1.0, 0.0), (0.5, 0.0)])
def test_where_one_policy_is_best_for_everybody_one_is_trained(slope: float, beta: float) -> None:
    rewards = scored(20, 4, 2)
    alike = Rewards(
        rewards.frame.with_columns(tact=slope * pl.col("wit") + 0.1 * (1 - slope)), rewards.traits
    )
    found = plan(alike, scale=unit(2), beta=beta, best_of=())
    assert len(found.members) == 1 and found.certificate < 1e-6 and len(found.curve) == 1


def test_a_plan_of_few_responses_is_read_again(tmp_path: Path) -> None:
    found = plan(scored(20, 3, 2), scale=unit(2), regret=REGRET, best_of=())
    found.save(tmp_path / "plan.json")
    assert found.growth is None and load_plan(tmp_path / "plan.json") == found


def test_a_file_that_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such plan"):
        load_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text('{"beta": 1}')
    with pytest.raises(DataError, match="this is no plan"):
        load_plan(tmp_path / "plan.json")


def test_worths_by_hand() -> None:
    # One prompt, responses worth 1, 0 and 0.5 for the first trait.
    pool = Pool(np.array([[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]]))
    found = {each.policy: each for each in worths_of(pool, [(1.0, 0.0)], betas=(0.0, 0.5), best_of=(1, 2, 9))}
    assert set(found) == {"reference", "beta 0", "beta 0.5", "best of 2"}, "9 is more than there are"
    assert found["reference"].worth == pytest.approx(0.5) and found["reference"].kl == 0
    # The best of two draws with replacement: 1 with 5/9, 0.5 with 3/9, 0 with 1/9.
    assert found["best of 2"].worth == pytest.approx(5 / 9 + 0.5 * 3 / 9)
    odds = np.exp(np.array([1.0, 0.0, 0.5]) / 0.5)
    assert found["beta 0.5"].worth == pytest.approx((odds / odds.sum()) @ [1.0, 0.0, 0.5])
    assert found["beta 0"].worth == 1.0 and found["beta 0"].kl == pytest.approx(math.log(3))


def test_what_is_doubtful_is_warned_of() -> None:
    rewards = scored(20, 6, 2)
    found = plan(rewards, beta=0.01, regret=0.05, held=0.0)
    told = "\n".join(found.warnings)
    assert "the range of wit, tact is the least and greatest" in told
    assert "rests on few responses" in told
    assert "no prompt was held out" in told and found.held_out is None and found.kept == ()
    twin = rewards.frame.with_columns((pl.col("wit") * 0.99 + 0.001).alias("depth"))
    alike = plan(Rewards(twin, NAMES), regret=0.1)
    assert any("wit and depth are nearly one trait (correlation 1.00)" in each for each in alike.warnings)
    assert any("held-out prompts certify" in each for each in alike.warnings)
    stopped = plan(rewards, beta=0.02, regret=0.001, max_calls=3)
    assert any("was not reached in 3 solved weights" in each for each in stopped.warnings)


def test_bad_settings_are_refused() -> None:
    rewards = scored(4, 4, 2)
    with pytest.raises(DataError, match=r"of 4 prompts a share of 0\.1 cannot be held out"):
        plan(rewards, held=0.1)
    with pytest.raises(DataError, match="the scale is of wit, tact, depth"):
        plan(rewards, scale=unit(3))
    for wrong in ({"beta": -1.0}, {"regret": 0.0}, {"held": 1.0}, {"confidence": 1.0}):
        with pytest.raises(ValueError):
            plan(rewards, scale=unit(2), **wrong)
    with pytest.raises(DataError, match="beyond 0 to 1"):
        plan(Rewards(rewards.frame.with_columns(pl.col("wit") * 2), rewards.traits), scale=unit(2))


def test_the_split_is_the_seed_s_alone() -> None:
    prompts = [f"p{n}" for n in range(40)]
    one, other = split_prompts(prompts, 0.3, 7), split_prompts(prompts, 0.3, 8)
    assert one == split_prompts(prompts, 0.3, 7) and one != other
    assert sorted(one[0] + one[1]) == sorted(prompts) and len(one[1]) == 12


@pytest.mark.parametrize(("traits", "resolution"), [(2, 5), (3, 4), (4, 3), (5, 2)])
def test_cells_cut_the_whole_simplex(traits: int, resolution: int) -> None:
    weights, cells = lattice_cells(traits, resolution)
    assert len(weights) == math.comb(resolution + traits - 1, traits - 1)
    assert len(cells) == resolution ** (traits - 1)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    # Equal volumes that sum to the simplex's, 1 / (traits - 1)! in its first coordinates.
    edges = weights[cells][:, 1:, :-1] - weights[cells][:, :1, :-1]
    volumes = np.abs(np.linalg.det(edges))
    np.testing.assert_allclose(volumes, 1 / len(cells))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.1, 1.0]), st.integers(2, 4))
def test_no_prompt_loses_more_than_its_bound(seed: int, beta: float, traits: int) -> None:
    rng = np.random.default_rng(seed)
    pool = Pool(rng.random((1, 6, traits)))
    w, v = rng.dirichlet(np.full(traits, 0.5), size=2)
    oracle = pool.oracle(beta)
    member = oracle(v)
    lost = oracle(w).value - (w @ np.array(member.rewards) - beta * member.kl)
    assert -1e-12 <= lost <= most_lost((w - v)[None], beta)[0] + 1e-12


@given(st.floats(0, 1), st.floats(0.001, 3))
def test_the_bound_of_a_mean_is_where_the_divergence_is(share: float, radius: float) -> None:
    found = float(upper_means(np.array([share]), np.array([1.0]), radius)[0])
    assert share - 1e-12 <= found <= 1
    assert found <= share + math.sqrt(radius / 2) + 1e-9, "never worse than Hoeffding's simple bound"


def test_the_certificate_holds_on_prompts_that_nobody_saw() -> None:
    """Of 20 draws of 40 held-out prompts, at least 19 must certify what 2,000 prompts lose."""
    rng = np.random.default_rng(3)
    many = rng.dirichlet(np.full(2, 0.6), size=(2000, 6))
    people = Pool(many)
    own = [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    true = sampled_regret(people, own, 0.1, draws=50)
    planned = Pool(many[:60])
    held = 0
    for _ in range(20):
        some = Pool(many[rng.integers(2000, size=40)])
        found = hold_out(planned, some, own, [0, 1, 2], 0.1, regret=0.02)
        held += found.certificate >= true
        assert found.certificate < 0.3, "and says something"
    assert held >= 19


def test_enough_prompts_are_enough() -> None:
    rewards = scored(40, 6, 2)
    found = plan(rewards, scale=unit(2), regret=0.03)
    assert found.held_out is not None and found.held_out.needed > found.held_out.prompts
    more = scored(int(found.held_out.needed / 0.9), 6, 2, seed=1)
    again = plan(more, scale=unit(2), regret=0.03, held=0.9).held_out
    assert again is not None and again.slack < 0.05 < found.held_out.slack
