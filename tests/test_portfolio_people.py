"""People of a portfolio: weights from pairs, who is served, groups not left behind, ways to choose."""

from __future__ import annotations

import itertools
import os

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace import portfolio as pf
from populace.cli import app
from populace.errors import DataError
from populace.portfolio.asking import told_by
from populace.portfolio.choices import people_of_choices
from populace.portfolio.comparing import even_weights, kmeans
from populace.portfolio.learning import learn
from populace.portfolio.people import People, regrets_of
from populace.portfolio.taste import believe, differences, lattice

FULL = os.environ.get("POPULACE_CHAOS") == "full"
TABLE = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]])


def crowd(seed: int, people: int = 20, traits: int = 3, groups: int = 3) -> People:
    rng = np.random.default_rng(seed)
    names = [f"g{place % groups}" for place in range(people)]
    return People.of(rng.dirichlet(np.ones(traits), people), survey=rng.uniform(0.2, 2, people), groups=names)


def test_a_posterior_by_hand():
    # One answer, for the first of two traits, on a lattice of two points: odds are those of the likelihoods.
    points = np.array([[0.25, 0.75], [0.75, 0.25]])
    found = believe(np.array([[1.0, -1.0]]), pf.Prior.even(2), sharpness=2.0, points=points)
    low, high = 1 / (1 + np.exp(1.0)), 1 / (1 + np.exp(-1.0))  # 2 (0.25 - 0.75), 2 (0.75 - 0.25)
    assert found.shares == pytest.approx([low / (low + high), high / (low + high)])
    # Half of the answers a coin's: each likelihood is halfway to one half.
    lapsed = believe(np.array([[1.0, -1.0]]), pf.Prior.even(2), sharpness=2.0, lapse=0.5, points=points)
    ends = np.array([0.25 + low / 2, 0.25 + high / 2])
    assert lapsed.shares == pytest.approx(ends / ends.sum())


def test_a_lattice_has_the_mean_of_the_simplex():
    for traits in (2, 3, 4, 6):
        points = lattice(traits)
        assert points.sum(axis=1) == pytest.approx(1) and points.min() > 0
        assert points.mean(axis=0) == pytest.approx(1 / traits)
    with pytest.raises(DataError, match="one trait"):
        lattice(1)


def test_many_answers_outgrow_the_lattice():
    """With six traits the lattice is coarse: points are drawn about the posterior, which closes in."""
    rng = np.random.default_rng(1)
    truth = np.array([0.45, 0.25, 0.12, 0.08, 0.06, 0.04])
    leads = rng.uniform(-1, 1, (700, 6))
    says = rng.random(700) < 1 / (1 + np.exp(-10 * leads @ truth))
    leads = np.where(says[:, None], leads, -leads)
    found = believe(leads, pf.Prior.even(6), sharpness=10.0)
    assert found.carried_by > 100
    assert found.shares @ found.points == pytest.approx(truth, abs=0.06)
    low, high = found.quantiles(0.99)
    assert sum(a <= w <= b for a, w, b in zip(low, truth, high, strict=True)) >= 5


@pytest.mark.parametrize(("traits", "answers"), [(2, 4), (3, 0), (5, 0), (6, 4), (8, 3), (8, 0)])
def test_intervals_hold_however_many_traits_there_are(traits: int, answers: int):
    """Points of the lattice keep off the border: intervals that ended at points held 0.67 of 0.9 weights."""
    rng = np.random.default_rng(traits + 10 * answers)
    router, people = pf.Router(rng.random((4, traits))), 150 if answers else 1500
    truths, held = rng.dirichlet(np.ones(traits), people), []
    found = router.infer([], sharpness=6.0, level=0.9)
    for truth in truths:
        if answers:
            pairs = rng.random((answers, 2, traits))
            first = rng.random(answers) < 1 / (1 + np.exp(-6 * (pairs[:, 0] - pairs[:, 1]) @ truth))
            said = [tuple(pair if one else pair[::-1]) for pair, one in zip(pairs, first, strict=True)]
            found = router.infer(said, sharpness=6.0, level=0.9)
        held.append(np.mean((np.array(found.low) <= truth) & (truth <= np.array(found.high))))
    error = np.std(held) / np.sqrt(people)
    assert abs(np.mean(held) - 0.9) < 3.5 * error + 0.005


def test_sharpness_is_found_where_it_is_not_stated():
    rng = np.random.default_rng(2)
    for true in (2.0, 16.0):
        leads = rng.uniform(-1, 1, (300, 2))
        says = rng.random(300) < 1 / (1 + np.exp(-true * leads @ [0.7, 0.3]))
        said, points = np.where(says[:, None], leads, -leads), lattice(2, 300)
        found = believe(said, pf.Prior.even(2), sharpness=None, points=points)
        assert true / 2 < found.sharpness < true * 2


def test_a_population_is_learned_and_a_few_answers_then_do():
    rng = np.random.default_rng(3)
    truth = rng.dirichlet([12, 3, 3], 60)

    def answers(weights, count):
        leads = rng.uniform(-1, 1, (count, 3))
        says = rng.random(count) < 1 / (1 + np.exp(-6 * leads @ weights))
        return np.where(says[:, None], leads, -leads)

    said = [answers(weights, 15) for weights in truth]
    prior, means = learn(said, 3)
    assert prior.people == 60 and prior.mean == pytest.approx([12 / 18, 3 / 18, 3 / 18], abs=0.06)
    assert sum(prior.concentration) > 6  # people are alike, and that is seen
    assert np.abs(means - truth).sum(axis=1).mean() < 0.4
    # Few-shot: of new people three answers say more with the prior than without.
    errors = {"prior": [], "even": []}
    for weights in rng.dirichlet([12, 3, 3], 40):
        lead = answers(weights, 3)
        for name, known in (("prior", prior), ("even", pf.Prior.even(3))):
            found = believe(lead, known, sharpness=6.0)
            errors[name].append(np.abs(found.shares @ found.points - weights).sum() / 2)
    gain = np.array(errors["even"]) - errors["prior"]
    assert gain.mean() - 2 * gain.std() / np.sqrt(40) > 0.03
    with pytest.raises(DataError, match="nobody"):
        pf.population_prior([[]], 3)
    assert pf.Prior.of(truth).mean == pytest.approx(truth.mean(axis=0), abs=0.03)


def test_information_by_enumeration():
    """The mutual information with the weights is that of the joint table of weights and answer."""
    rng = np.random.default_rng(4)
    shares, lead = rng.dirichlet(np.ones(5)), rng.normal(size=(5, 3))
    best = np.array([0, 0, 1, 1, 2])
    yes = 1 / (1 + np.exp(-lead))

    def information(labels):
        found = []
        for pair in range(3):
            joint = np.zeros((labels.max() + 1, 2))
            np.add.at(joint[:, 1], labels, shares * yes[:, pair])
            np.add.at(joint[:, 0], labels, shares * (1 - yes[:, pair]))
            apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
            found.append((joint * np.log(joint / apart)).sum())
        return found

    assert told_by(shares[None], lead)[0] == pytest.approx(information(np.arange(5)))
    assert told_by(shares[None], lead, best=best)[0] == pytest.approx(information(best))


def test_active_pairs_beat_pairs_by_lot_and_credible_sets_hold():
    rng = np.random.default_rng(5)
    members = np.eye(3)
    found = pf.rehearse(
        members, rng.random((50, 2, 3)), people=1000 if FULL else 200, questions=6, level=0.9, seed=1
    )
    for policy in ("weights", "member"):
        row = found.at(policy, 6)
        assert row.ahead is not None and row.ahead.low > 0, row
        assert row.error.value < found.at("random", 6).error.value
    for row in found.rows:
        # Planted coverage is 0.9; its interval at 95 % misses it by more than two points seldom.
        assert row.interval.low - 0.03 <= 0.9 <= row.interval.high + 0.03, row
        assert row.asked == 0 or row.region.low - 0.03 <= 0.9 <= row.region.high + 0.03, row
    # Answers are worth something, and before any all policies are one.
    assert found.at("weights", 6).regret.value < found.at("weights", 0).regret.value / 2
    assert found.at("weights", 0).regret == found.at("random", 0).regret


def test_shares_and_regrets_by_hand():
    people = People.of(
        [[1, 0], [0.5, 0.5], [0, 1]], survey=[2, 1, 1], groups=["a", "a", "b"], personas=["x", "y", "z"]
    )
    found = pf.serve(TABLE, [0, 1], people, within=0.05, draws=200)
    # Regrets 0, 0.1 (best is the third, 0.6), 0.
    assert found.regret.value == pytest.approx(0.1 / 4) and found.share.value == pytest.approx(3 / 4)
    assert found.largest == pytest.approx(0.1) and found.certificate.value == pytest.approx(0.1)
    # The middle one is served alike by both: half for each.
    assert [each.share.value for each in found.serves] == pytest.approx([2.5 / 4, 1.5 / 4])
    entropy = -(0.625 * np.log(0.625) + 0.375 * np.log(0.375))
    assert found.diversity.value == pytest.approx(np.exp(entropy))
    assert found.worst_group == "a" and found.groups[0].regret.value == pytest.approx(0.1 / 3)
    assert found.effective == pytest.approx(16 / 6) and found.personas == 3
    assert pf.serve(TABLE, [2], people, kind="ratio").regret.value == pytest.approx((2 * 0.4 + 0 + 0.4) / 4)


def test_the_worst_group_of_one_persona_has_no_interval():
    crowd = People.of([[0.0, 1.0]] + [[0.9, 0.1]] * 59, groups=["a"] + ["b"] * 59)
    worst = pf.serve(TABLE, [0], crowd).worst
    assert worst.value == 1 and np.isnan(worst.low) and np.isnan(worst.high)
    # Nor where such a group is not the worst of the sample: it may be the worst of all.
    other = pf.serve(TABLE, [1], crowd).worst
    assert other.value == pytest.approx(0.8) and np.isnan(other.high)


def test_rows_of_one_persona_are_one():
    weights = np.random.default_rng(0).dirichlet(np.ones(2), 30)
    alone = pf.serve(TABLE, [0], People.of(weights), draws=400)
    twice = np.repeat(weights, 4, axis=0)
    kept = pf.serve(TABLE, [0], People.of(twice, personas=np.repeat(np.arange(30), 4).tolist()), draws=400)
    loose = pf.serve(TABLE, [0], People.of(twice), draws=400)

    def width(found):
        return found.regret.high - found.regret.low

    assert kept.regret.value == pytest.approx(alone.regret.value) and kept.regret.clusters == 30
    assert width(kept) == pytest.approx(width(alone), rel=0.15) and width(loose) < 0.7 * width(kept)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from(["regret", "unserved"]))
def test_fair_portfolios_are_those_of_enumeration(seed, size, measure):
    rng = np.random.default_rng(seed)
    table, people = rng.random((6, 3)), crowd(seed, people=9)
    lost = regrets_of(table, people)
    if measure == "unserved":
        lost = (lost > 0.1 + 1e-12).astype(float)

    def of_groups(members):
        least = lost[:, list(members)].min(axis=1)
        groups = np.array(people.groups)
        return [
            np.average(least[groups == name], weights=people.survey[groups == name])
            for name in ("g0", "g1", "g2")
        ]

    sets = [each for count in range(1, size + 1) for each in itertools.combinations(range(6), count)]
    order = min(sorted(of_groups(each), reverse=True) for each in sets)
    found = pf.leave_nobody_behind(table, people, size, measure=measure, within=0.1)
    assert list(found.groups.values()) == pytest.approx(order, abs=1e-5) and found.optimal
    # The fewest within what this size reaches are no more, and none fewer does.
    limit = found.worst + 1e-6
    few = pf.within_limits(table, people, limit, measure=measure, within=0.1)
    least = min(
        count for count in range(1, 7)
        if any(max(of_groups(each)) <= limit + 1e-9 for each in itertools.combinations(range(6), count))
    )  # fmt: skip
    assert len(few.members) == least and few.optimal and few.worst <= limit + 1e-6
    mean = pf.best_on_average(table, people, size, measure=measure, within=0.1)
    reached = min(np.average(lost[:, list(each)].min(axis=1), weights=people.survey) for each in sets)
    got = np.average(lost[:, list(mean.members)].min(axis=1), weights=people.survey)
    assert got == pytest.approx(reached, abs=1e-6)


def test_whatever_the_time_nobody_is_left_without_a_portfolio():
    people, table = crowd(4, people=60, groups=3), np.random.default_rng(4).random((30, 3))
    hasty = pf.leave_nobody_behind(table, people, 3, seconds=1e-3)
    whole = pf.leave_nobody_behind(table, people, 3)
    assert len(hasty.members) == 3 and not hasty.optimal and whole.optimal
    assert hasty.bound <= whole.worst <= hasty.worst
    limit = np.int64(1)
    assert len(pf.within_limits(table, people, limit).members) == 1


def test_ways_beside_each_other():
    rng = np.random.default_rng(7)
    table = rng.dirichlet(np.ones(3), 15) ** 0.5
    found = pf.compare_ways(table, crowd(1, 40), 3, held_out=crowd(2, 40), draws=100, lots=9)
    assert found.held_out and found.of("random").lots == tuple(sorted(found.of("random").lots))
    worst = {way.name: way.served.certificate.value for way in found.ways if len(way.served.members) <= 3}
    assert min(worst, key=worst.__getitem__) == "worst"
    same = pf.compare_ways(table, crowd(1, 40), 3, draws=100, lots=9)
    assert not same.held_out
    small = [way for way in same.ways if len(way.served.members) <= 3]
    assert min(way.served.regret.value for way in small) == same.of("average").served.regret.value
    assert min(way.served.worst.value for way in small) == pytest.approx(
        same.of("leximin").served.worst.value
    )
    assert same.of("one model a user").served.regret.value == 0
    frame = same.frame()
    assert frame.height == 9 and frame["worst_regret"].null_count() == 0
    with pytest.raises(DataError, match="no way 'luck'"):
        same.of("luck")


def test_clusters_and_even_weights():
    weights = np.array([[1, 0], [0.98, 0.02], [0, 1], [0.02, 0.98]])
    centres, place = kmeans(weights, np.array([1, 1, 3, 1.0]), 2, np.random.default_rng(0))
    assert place[0] == place[1] != place[2] == place[3]
    assert sorted(centres[:, 0]) == pytest.approx([0.005, 0.99])
    assert len(kmeans(np.tile([[0.5, 0.5]], (4, 1)), np.ones(4), 3, np.random.default_rng(0))[0]) == 1
    spread = even_weights(3, 4)
    assert {tuple(each) for each in spread[1:].round(6)} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_people_who_chose_between_candidates():
    rng = np.random.default_rng(8)
    rewards, rows = np.eye(3), []
    for person, likes in (("ann", 0), ("bo", 1), ("cy", 2)):
        for other in [place for place in range(3) if place != likes] * 6:
            rows.append((person, "abc"[likes], "abc"[other], "old" if likes else "young", rng.uniform(1, 2)))
    frame = pl.DataFrame(rows, schema=["person", "preferred", "other", "age", "stands"], orient="row")
    found = people_of_choices(frame, list("abc"), rewards, survey="stands", group="age")
    assert found.names == ("ann", "bo", "cy") and found.groups == ("young", "old", "old")
    assert (found.weights.argmax(axis=1) == [0, 1, 2]).all()
    broken = frame.with_columns(other=pl.when(pl.col("person") == "cy").then(pl.lit("z")).otherwise("other"))
    with pytest.raises(DataError, match=r"row 25, column other.*'z'"):
        people_of_choices(broken, list("abc"), rewards)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: People.of([[0.5, 0.6]]), "row 1: weights"),
        (lambda: People.of([[0.5, float("nan")]]), "row 1: weights"),
        (lambda: People.of([[1.0]]), "two traits"),
        (lambda: People.of([["a", "b"]]), "table of numbers"),
        (lambda: People.of([[1, 0]], survey=[0]), "survey"),
        (lambda: People.of([[1, 0], [0, 1]], groups=["a"]), "1 groups and 2 people"),
        (lambda: People.of([[1, 0], [0, 1]], groups=["a", None]), "row 2: a person has no group"),
        (lambda: pf.serve(TABLE, [5], crowd(0, traits=2)), "rows of the table"),
        (lambda: pf.serve(TABLE, [0], crowd(0)), "weigh 3"),
        (lambda: pf.within_limits(TABLE, crowd(0, traits=2), {"nobody": 0.1}), "no group 'nobody'"),
        (lambda: pf.Prior(concentration=(1.0,)), "two traits"),
        (lambda: pf.Prior(concentration=(1.0, 0.0)), "above 0"),
        (lambda: pf.Prior(concentration=(1.0, 1.0), sharpness=(1.0,), shares=(0.4,)), "sum to 1"),
        (lambda: pf.Router(np.eye(2)).infer([], prior=pf.Prior.even(3)), "3 traits"),
        (lambda: pf.Router([[1.0]]), "two traits"),
        (lambda: pf.Router(np.eye(2)).ask_next([], [[[0, np.inf], [0, 1]]]), "row 1"),
        (lambda: pf.rehearse(np.eye(2), np.zeros((2, 2, 2)), questions=3), "2 pairs are too few"),
        (lambda: differences([((1, 2), (3, 4, 5))], 2), "pairs of scores"),
    ],
)
def test_bad_input_is_refused_where_it_is(act, said):
    with pytest.raises(DataError, match=said):
        act()


@pytest.mark.parametrize(
    "act",
    [
        lambda: pf.serve(TABLE, [0], crowd(0, traits=2), within=-1),
        lambda: pf.serve(TABLE, [0], crowd(0, traits=2), kind="mixed"),
        lambda: pf.leave_nobody_behind(TABLE, crowd(0, traits=2), 0),
        lambda: pf.within_limits(TABLE, crowd(0, traits=2), -0.1),
        lambda: pf.compare_ways(TABLE, crowd(0, traits=2), 0),
        lambda: pf.Router(np.eye(2)).infer([], sharpness=0),
        lambda: pf.Router(np.eye(2)).infer([], lapse=1.0),
        lambda: pf.Router(np.eye(2)).infer([], level=1.0),
        lambda: pf.rehearse(np.eye(2), np.zeros((9, 2, 2)), policies=["luck"]),
    ],
)
def test_settings_out_of_range_are_refused(act):
    with pytest.raises(ValueError):
        act()


def test_the_command(tmp_path):
    (tmp_path / "models.csv").write_text("candidate,brief,kind\na,1,0\nb,0,1\nc,0.6,0.6\n")
    weights = [(0.9, 0.1, "x"), (0.1, 0.9, "y"), (0.5, 0.5, "y"), (0.2, 0.8, "y")]
    rows = "".join(f"p{n},{w[0]},{w[1]},{w[2]}\n" for n, w in enumerate(weights))
    (tmp_path / "people.csv").write_text("person,brief,kind,age\n" + rows)
    base = ["portfolio", "people", str(tmp_path / "models.csv"), str(tmp_path / "people.csv")]

    def run(*more):
        return CliRunner().invoke(app, [*base, *more])

    told = run("--members", "a,b", "--group", "age", "--draws", "200", "--compare")
    assert told.exit_code and "--size" in told.output + str(told.exception)
    told = run("--size", "2", "--group", "age", "--draws", "200", "--compare")
    assert told.exit_code == 0, told.output
    assert "Members: a, b" in told.output and "leximin" in told.output and "Worst off: y" in told.output
    fewest = run("--limit", "y=0.01", "--group", "age", "--draws", "200", "--json")
    assert fewest.exit_code == 0 and '"b",' in fewest.output and '"worst_group": "' in fewest.output
    choices = "person,preferred,other\n" + "ann,a,b\n" * 6 + "bo,b,a\n" * 6
    (tmp_path / "people.csv").write_text(choices)
    told = run("--members", "a", "--draws", "200")
    assert told.exit_code == 0 and "2 people" in told.output
    (tmp_path / "people.csv").write_text("person,brief,kind,age\np,0.9,0.1,x\n")
    told = run("--members", "a", "--group", "age")
    assert told.exit_code == 0 and "100 % (no interval)" in told.output and "nan" not in told.output
    (tmp_path / "people.csv").write_text("person,brief,kind\np,0.9,x\n")
    told = run("--members", "a")
    assert told.exit_code != 0 and "row 1, column kind" in told.output + str(told.exception)
