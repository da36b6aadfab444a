"""Maps, consensus and bridging by hand, against oracles, and on real conversations."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from populace.errors import DataError
from populace.pluralism import bridging
from populace.pluralism.slate.reading import read_ratings

POLIS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "polis"
NAMES = (
    "15-per-hour-seattle",
    "american-assembly.bowling-green",
    "bg2050-volunteers",
    "football-concussions",
    "vtaiwan.uberx",
)
VOTES = arrays.arrays(
    float, st.tuples(st.integers(4, 9), st.integers(2, 5)), elements=st.sampled_from([1, 0, -1])
)


def conversation(name):
    if not (POLIS / name).is_dir():
        pytest.skip(f"the Polis conversation {name} is not here")
    return bridging.read_conversation(POLIS / name)


def camps(people=60, statements=20, slip=0.15, missing=0.5, seed=0):
    """Two camps that differ on every statement, and slip now and then."""
    rng = np.random.default_rng(seed)
    camp = np.repeat([1.0, -1.0], people // 2)
    votes = camp[:, None] * np.where(np.arange(statements) % 2, 1.0, -1.0)
    votes = np.where(rng.random(votes.shape) < slip, -votes, votes)
    votes[rng.random(votes.shape) < missing] = np.nan
    return votes, (camp < 0).astype(int)


# The plane: principal components of a table with holes.


def test_the_plane_is_that_of_the_filled_table():
    """A naive twin: fill with means, centre, decompose; stretch places by sqrt(statements / votes)."""
    votes, _ = camps()
    means = np.nanmean(votes, axis=0)
    filled = np.where(np.isnan(votes), means, votes) - means
    _, sizes, axes = np.linalg.svd(filled, full_matrices=False)
    plane, places = bridging.plane_of(votes)
    assert np.abs(plane.axes @ axes[:2].T) == pytest.approx(np.eye(2), abs=1e-8)
    assert plane.explained == pytest.approx(sizes[:2] ** 2 / (sizes**2).sum())
    stretched = filled @ plane.axes.T * np.sqrt(votes.shape[1] / (~np.isnan(votes)).sum(axis=1))[:, None]
    assert places == pytest.approx(stretched)
    assert (np.take_along_axis(plane.axes, np.abs(plane.axes).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_a_small_table_has_a_plane_too():
    plane, places = bridging.plane_of(np.array([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]))
    assert plane.explained == pytest.approx([1, 0]) and places[0] == pytest.approx(places[1])
    with pytest.raises(DataError, match="everybody votes alike"):
        bridging.plane_of(np.ones((3, 3)))


# Groups.


def test_groups_of_points_by_hand():
    points = np.array([[0.0, 0], [0, 2], [10, 0], [10, 2], [10, 1]])
    labels, centres = bridging.kmeans(points, 2, np.random.default_rng(1))
    assert labels.tolist() == [1, 1, 0, 0, 0] and centres.tolist() == [[10, 1], [0, 1]]
    with pytest.raises(DataError, match="fewer than 6 different points"):
        bridging.kmeans(points, 6, np.random.default_rng(0))


def test_silhouette_and_rand_match_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    points, labels, others = rng.normal(size=(80, 2)), rng.integers(4, size=80), rng.integers(3, size=80)
    assert bridging.silhouettes(points, [labels, others]) == pytest.approx(
        [metrics.silhouette_score(points, labels), metrics.silhouette_score(points, others)]
    )
    assert bridging.adjusted_rand(labels, others) == pytest.approx(
        metrics.adjusted_rand_score(labels, others)
    )
    assert bridging.adjusted_rand([0, 0], [3, 3]) == 1


def test_kmeans_is_as_good_as_scikit_learn():
    cluster = pytest.importorskip("sklearn.cluster")
    points = np.random.default_rng(3).normal(size=(150, 2))
    for k in (2, 4):
        labels, centres = bridging.kmeans(points, k, np.random.default_rng(0))
        theirs = cluster.KMeans(k, n_init=10, random_state=0).fit(points).inertia_
        assert ((points - centres[labels]) ** 2).sum() <= theirs * 1.001


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.randoms())
def test_rand_knows_no_names_and_no_order(labels, random):
    other = [random.randint(0, 2) for _ in labels]
    value = bridging.adjusted_rand(labels, other)
    assert value == pytest.approx(bridging.adjusted_rand(other, [9 - label for label in labels]))
    assert value <= 1 + 1e-12 and bridging.adjusted_rand(labels, labels) == 1


# Maps.


def test_planted_camps_are_found_and_believed():
    votes, camp = camps()
    found = bridging.opinion_map(votes, resamples=20, nulls=20)
    assert found.k == 2 and found.warnings == ()
    assert bridging.adjusted_rand(found.groups[found.groups >= 0], camp[found.groups >= 0]) > 0.85
    assert found.stability.value > 0.85 and found.chance() == found.chance("cloud") == pytest.approx(1 / 21)
    assert found.stability.low <= found.stability.value <= found.stability.high


def test_noise_has_groups_that_nobody_should_believe():
    votes = np.random.default_rng(0).choice([1.0, 0, -1, np.nan], size=(80, 25))
    found = bridging.opinion_map(votes, resamples=20, nulls=20)
    said = " ".join(found.warnings)
    assert "no more structure than in shuffled votes" in said and "change with the people drawn" in said


def test_one_long_cloud_is_no_two_camps():
    """One direction, everybody somewhere on it: there is structure, and no camp."""
    rng = np.random.default_rng(1)
    lean = rng.normal(size=(200, 1))
    votes = np.where(rng.random((200, 40)) < 1 / (1 + np.exp(-1.5 * lean)), 1.0, -1.0)
    found = bridging.opinion_map(votes, resamples=0, nulls=20)
    assert found.chance() < 0.05 < found.chance("cloud")
    assert any("parts of one cloud" in line for line in found.warnings)


def test_same_seed_same_map_and_who_voted_little_is_in_no_group():
    votes, _ = camps(missing=0.6)
    votes[3, 2:] = np.nan
    one, two = (bridging.opinion_map(votes, resamples=5, nulls=5, seed=4) for _ in range(2))
    assert (one.groups == two.groups).all() and one.shuffled == two.shuffled and one.cloud == two.cloud
    assert np.array_equal(one.coordinates, two.places, equal_nan=True) and one.stability == two.stability
    assert (one.groups[one.cast < 7] == -1).all() and one.groups[3] == -1 and one.cast[3] <= 2
    votes[5] = np.nan
    assert np.isnan(bridging.opinion_map(votes, resamples=0, nulls=0).places[5]).all()


def test_unasked_questions_have_no_answer():
    found = bridging.opinion_map(camps()[0], resamples=0, nulls=0, groups=3)
    assert found.k == 3 and not found.stability.defined and np.isnan(found.chance())
    assert np.isnan(found.silhouette.low) and found.silhouette.value == found.silhouettes[3]


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([1, 0], r"shape \(2,\)"),
        ([[1, 2]], r"row 1, column 1: 2 is no vote"),
        ([["a"]], "not numbers"),
        (np.full((9, 9), 0.5), "0.5 is no vote"),
        (camps(people=4, missing=0.0)[0][:3], "3 people cast 7 votes or more"),
    ],
)
def test_bad_votes(votes, message):
    with pytest.raises(DataError, match=message):
        bridging.opinion_map(votes)


# Consensus.


def test_group_informed_consensus_by_hand():
    """Statement 0: (1+2)/(2+2) and (1+1)/(2+2); statement 1, unseen by group 1: (1+1)/(2+2) and 1/2."""
    votes = [[1, 1], [1, -1], [1, np.nan], [-1, np.nan], [1, 1]]
    groups = [0, 0, 1, 1, -1]
    found = bridging.group_informed_consensus(votes, groups)
    assert found.table["value"].to_list() == pytest.approx([3 / 8, 1 / 4])
    assert np.isnan(found.table["low"].to_list()).tolist() == [False, True]
    assert found.table["fewest"].to_list() == [2, 0] and found.table["votes"].to_list() == [4, 2]
    root = bridging.group_informed_consensus(votes, groups, combine="geometric_mean")
    assert root.table["value"].to_list() == pytest.approx([(3 / 8) ** 0.5, 0.5])
    assert bridging.lowest_group_approval(votes, groups).table["value"].to_list() == [0.5, 0.5]
    against = bridging.group_informed_consensus(votes, groups, vote=-1)
    assert against.table["value"].to_list() == pytest.approx([1 / 4 * 1 / 2, 1 / 4])
    assert found.top(1, fewest=1)["statement"].to_list() == [0]


@given(VOTES, st.data())
def test_consensus_axioms(votes, data):
    """Names of groups, order of people and of groups change nothing; one more to agree never lowers it."""
    groups = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(votes), max_size=len(votes))))
    value = bridging.group_informed_consensus(votes, groups, draws=0).table["value"].to_numpy()
    order = np.random.default_rng(0).permutation(len(votes))
    renamed = bridging.group_informed_consensus(votes[order], 7 - groups[order], draws=0)
    assert renamed.table["value"].to_numpy() == pytest.approx(value)
    kinder = np.where(votes == -1, 1, votes)
    assert (
        bridging.group_informed_consensus(kinder, groups, draws=0).table["value"].to_numpy() >= value
    ).all()
    lowest = bridging.lowest_group_approval(votes, groups, draws=0).table["value"].to_numpy()
    root = bridging.group_informed_consensus(votes, groups, combine="geometric_mean", draws=0)
    assert (lowest <= root.table["value"].to_numpy() + 1e-12).all()


def test_intervals_hold_the_value_and_narrow():
    votes, camp = camps(people=40, missing=0.0)
    many = np.tile(votes, (16, 1))
    one = bridging.group_informed_consensus(votes, camp).table
    more = bridging.group_informed_consensus(many, np.tile(camp, 16)).table
    assert ((one["low"] <= one["value"]) & (one["value"] <= one["high"])).all()
    assert (more["high"] - more["low"]).mean() < 0.4 * (one["high"] - one["low"]).mean()


def test_representativeness_by_hand():
    """9 of 10 against 1 of 10: (10/12)/(2/12) = 5; pooled 12/22, z = (10/11 - 2/11)/sqrt(.2479 x 2/11)."""
    votes = np.array([[1]] * 9 + [[-1]] + [[1]] + [[-1]] * 9)
    table = bridging.representativeness(votes, [0] * 10 + [1] * 10)
    row = table.row(0, named=True)
    assert row["ratio"] == pytest.approx(5) and row["clear"]
    pooled = 12 / 22
    assert row["ratio_z"] == pytest.approx((8 / 11) / np.sqrt(pooled * (1 - pooled) * 2 / 11))
    assert row["share_z"] == pytest.approx(2 * np.sqrt(11) * (10 / 11 - 0.5))
    fewer = bridging.representativeness(votes[5:], [0] * 5 + [1] * 10).row(0, named=True)
    # 4 of 5 against 1 of 10: 5/6 against 2/11, pooled 7/17.
    assert fewer["ratio_z"] == pytest.approx((5 / 6 - 2 / 11) / np.sqrt(7 / 17 * 10 / 17 * (1 / 6 + 1 / 11)))
    best = bridging.representative(votes, [0] * 10 + [1] * 10, least=20)
    assert best.is_empty()


def test_bad_groups():
    votes = [[1], [1]]
    for groups, message in (([0], "shape"), ([0.5, 1], "whole number"), ([-1, -1], "nobody is in a group")):
        with pytest.raises(DataError, match=message):
            bridging.group_informed_consensus(votes, groups)


# Community Notes.


@pytest.mark.parametrize("penalty", ["mean", "rating", "sum"])
def test_intercepts_reach_what_a_general_minimiser_reaches(penalty):
    """The loss written out as it is published, minimised over all parameters by BFGS from many starts."""
    optimize = pytest.importorskip("scipy.optimize")
    votes, _ = camps(people=12, statements=6, missing=0.3, seed=2)
    rows, columns = np.nonzero(~np.isnan(votes))
    ratings = (votes[rows, columns] + 1) / 2
    people, notes = votes.shape

    def loss(x):
        mu, i, n = x[0], x[1 : 1 + people], x[1 + people : 1 + people + notes]
        f, g = x[1 + people + notes : 1 + 2 * people + notes], x[1 + 2 * people + notes :]
        errors = ((ratings - mu - i[rows] - n[columns] - f[rows] * g[columns]) ** 2).sum()
        if penalty == "mean":
            ridge = 0.15 * (mu**2 + (i**2).mean() + (n**2).mean()) + 0.03 * ((f**2).mean() + (g**2).mean())
            return errors + len(rows) * ridge
        if penalty == "rating":
            each = 0.15 * (mu**2 + i[rows] ** 2 + n[columns] ** 2) + 0.03 * (f[rows] ** 2 + g[columns] ** 2)
            return errors + each.sum()
        return errors + 0.15 * (mu**2 + (i**2).sum() + (n**2).sum()) + 0.03 * ((f**2).sum() + (g**2).sum())

    rng = np.random.default_rng(0)
    size = 1 + 2 * (people + notes)
    best = min((optimize.minimize(loss, rng.normal(size=size)) for _ in range(4)), key=lambda fit: fit.fun)
    found = bridging.intercepts(votes, penalty=penalty)
    assert found.converged and found.loss == pytest.approx(best.fun, rel=1e-5)
    assert found.table["intercept"].to_numpy() == pytest.approx(
        best.x[1 + people : 1 + people + notes], abs=5e-3
    )


def test_what_both_camps_like_bridges_and_what_one_likes_does_not():
    rng = np.random.default_rng(0)
    camp = np.repeat([1.0, -1.0], 60)[:, None]
    sides = np.hstack([camp, -camp] * 8)
    votes = np.hstack([sides, np.ones((120, 1)), -np.ones((120, 1))])
    votes = np.where(rng.random(votes.shape) < 0.05, -votes, votes)
    found = bridging.intercepts(votes, draws=10)
    table = found.table
    assert table["status"].to_list()[-2:] == ["helpful", "not helpful"]
    assert set(table["status"].to_list()[:-2]) == {"needs more ratings"}
    assert (table["low"] <= table["intercept"] + 1e-6).all() and (np.abs(table["factor"][:-2]) > 0.5).all()
    assert abs(table["factor"][-2]) < 0.3
    # People stand where what they like stands.
    assert (np.sign(found.raters[:, 1]) == np.sign(table["factor"][0] * camp[:, 0])).mean() > 0.95


def test_where_all_rate_alike_there_are_no_sides_and_few_ratings_are_no_verdict():
    found = bridging.intercepts(np.ones((5, 4)))
    assert (found.table["factor"] == 0).all() and found.table["intercept"].n_unique() == 1
    assert set(bridging.intercepts([[1, -1, 0]]).table["status"]) == {"needs more ratings"}
    camp = np.repeat([[1.0], [-1.0]], 12, axis=0) * np.where(np.arange(10) % 2, 1.0, -1.0)
    assert bridging.opinion_map(camp, resamples=2, nulls=2).k == 2
    assert np.abs(bridging.intercepts(camp).table["intercept"]).max() < 0.2


def test_intercepts_edges():
    with pytest.raises(DataError, match="there is no rating"):
        bridging.intercepts([[0, 0]], passes="missing")
    votes, _ = camps(people=10, statements=5, missing=0.2)
    votes[0], votes[:, 1] = np.nan, np.nan
    found = bridging.intercepts(votes)
    assert np.isnan(found.raters[0]).all() and np.isnan(found.table["intercept"][1])
    turned = bridging.intercepts(votes[:, ::-1].copy())
    assert turned.table["intercept"].to_numpy()[::-1] == pytest.approx(
        found.table["intercept"].to_numpy(), abs=1e-3, nan_ok=True
    )


# Files.


def test_a_table_of_votes(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("person,group,A,B\nann,0,1,\nbo,,-1,0.0\n")
    found = bridging.read_conversation(path)
    assert found.statements == ("A", "B") and found.people == ("ann", "bo")
    assert found.groups is not None and found.groups.tolist() == [0, -1]
    assert np.array_equal(found.votes, [[1, np.nan], [-1, 0]], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,A\nann,2\n", r"row 1, column A: '2' is no vote"),
        ("person,A\nann,yes\n", "'yes' is no vote"),
        ("name,A\nann,1\n", "column person: this column is missing"),
        ("person\nann\n", "there are no votes"),
    ],
)
def test_broken_tables(tmp_path, text, message):
    path = tmp_path / "v.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        bridging.read_conversation(path)
    with pytest.raises(DataError, match="no such file"):
        bridging.read_conversation(tmp_path / "none.csv")


LONG = "person,statement,vote,group,weight\nann,A,1,left,2\nann,B,,left,2\nbo,B,-1,right,1\n"


def test_a_row_a_vote_and_groups_in_words(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text(LONG)
    found = bridging.read_conversation(path)
    assert found.people == ("ann", "bo") and found.statements == ("A", "B")
    assert np.array_equal(found.votes, [[1, np.nan], [np.nan, -1]], equal_nan=True)
    assert found.groups is not None and found.groups.tolist() == [0, 1]
    assert any("0 left, 1 right" in note for note in found.notes)
    assert any("`weight` is not used" in note for note in found.notes)
    ratings = read_ratings(path)
    assert ratings.weights is not None and ratings.weights.tolist() == [2, 1]
    assert "`group` is not used" in ratings.notes[0]
    lines = path.with_suffix(".jsonl")
    lines.write_text(
        '{"juror": "ann", "option": "A", "rating": 1}\n{"juror": "bo", "option": "A", "rating": 0}\n'
    )
    assert bridging.read_conversation(lines).votes.tolist() == [[1], [0]]
    path.write_text("person,group,A\nann,,1\nbo,b,0\ncy,a,0\n")
    assert bridging.read_conversation(path).groups.tolist() == [-1, 1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,A\nann,1\nann,0\n", "row 2, column person: 'ann' has two rows"),
        ("person,A\nann,1\n ,0\n", "row 2, column person: this is empty"),
        ("person,A,A\nann,1,0\n", "two columns are named 'A'"),
        ("person,group,A\nann,inf,1\n", "row 1, column group: 'inf' is no whole number"),
        ("person,group,A\nann,0.5,1\n", "'0.5' is no whole number"),
        ("person,group,A\nann,1e300,1\n", "'1e300' is no whole number"),
        ("person,weight,A\nann,1,1\nbo,,1\n", "row 2, column weight: this is empty"),
        ("person,weight,A\nann,-1,1\n", "row 1, column weight: '-1' is no weight"),
        ("juror,option,rating\nann,A,1\nann,A,0\n", "row 2, column rating: 'ann' has two answers on 'A'"),
        ("juror,option,rating\nann,,1\n", "row 1, column option: this is empty"),
        ("juror,option,rating\nann,A,7\n", "row 1, column rating: '7' is no vote"),
        (LONG + "bo,A,1,left,1\n", "row 4, column group: 'bo' has two: right and left"),
        (LONG + "bo,A,1,right,3\n", "row 4, column weight: 'bo' has two: 1 and 3"),
        ("juror,option,rating,question\nann,A,1,p\nann,B,1,q\n", "there are 2 questions"),
        ("", "cannot be read"),
    ],
)
def test_tables_that_say_two_things_or_nothing(tmp_path, text, message):
    path = tmp_path / "v.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        bridging.read_conversation(path)


def test_columns_of_lists_are_refused(tmp_path):
    path = tmp_path / "v.parquet"
    pl.DataFrame({"person": ["ann"], "A": [[1]]}).write_parquet(path)
    with pytest.raises(DataError, match="column A"):
        bridging.read_conversation(path)


# Real conversations.


def test_consensus_is_that_of_the_export():
    """One export holds Polis' own group-informed consensus, of all statements, in its own groups."""
    folder = POLIS / "bg2050-volunteers"
    conversation("bg2050-volunteers")
    with (folder / "comments.csv").open(encoding="utf-8") as handle:
        theirs = {row["comment-id"]: row["group-informed-consensus"] for row in csv.DictReader(handle)}
    with (folder / "participants-votes.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    ids = [name for name in rows[0] if name.isdigit() and theirs[name]]
    votes = np.array([[float(row[name] or "nan") for name in ids] for row in rows])
    groups = np.array([float(row["group-id"] or "nan") for row in rows])
    ours = bridging.group_informed_consensus(votes, groups, draws=0).table["value"].to_numpy()
    assert len(ids) > 300 and ours == pytest.approx([float(theirs[name]) for name in ids], abs=1e-12)


@pytest.mark.parametrize(("name", "agreement"), [(NAMES[1], 0.7), (NAMES[4], 0.7), (NAMES[0], 0.5)])
def test_groups_are_like_those_of_polis(name, agreement):
    talk = conversation(name)
    found = bridging.opinion_map(talk.votes, resamples=0, nulls=0)
    both = (talk.groups >= 0) & (found.groups >= 0)
    assert found.k == 2 and bridging.adjusted_rand(talk.groups[both], found.groups[both]) > agreement


@settings(max_examples=20)
@given(VOTES)
def test_any_table_is_mapped_or_refused(votes):
    try:
        found = bridging.opinion_map(votes, least=1, resamples=2, nulls=2)
    except DataError:
        return
    assert found.k == int(found.groups.max()) + 1 and np.isfinite(found.places).all()


# What a number must not hide.


@pytest.mark.parametrize(
    ("share", "people", "combine"),
    [(0.9, 15, "product"), (0.98, 10, "geometric_mean"), (0.6, 12, "minimum")],
)
def test_intervals_of_a_consensus_hold_the_truth(share, people, combine):
    """Four groups of one share: 95 % intervals must hold it in 95 of 100 tables, also where all agree."""
    rng = np.random.default_rng(0)
    votes = np.where(rng.random((4 * people, 600)) < share, 1, -1)
    groups = np.repeat(np.arange(4), people)
    found = bridging.group_informed_consensus(votes, groups, combine=combine, draws=400).table
    truth = share**4 if combine == "product" else share
    assert ((found["low"] <= truth) & (truth <= found["high"])).mean() >= 0.94
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()
    assert (found["high"] - found["low"]).min() > 0.01


def test_groups_that_agree_to_the_last_vote_are_not_certain():
    """Ten of ten twice: low is the 2.5 % point of the product of two Beta(10, 1), high is 1."""
    row = bridging.group_informed_consensus(np.ones((20, 1)), [0] * 10 + [1] * 10).table.row(0, named=True)
    assert row["low"] == pytest.approx(0.573, abs=0.02) and row["high"] == 1
    lowest = bridging.lowest_group_approval(np.ones((20, 1)), [0] * 10 + [1] * 10).table.row(0, named=True)
    assert lowest["low"] == pytest.approx(0.025**0.1) and lowest["high"] == 1
    nobody = bridging.lowest_group_approval(-np.ones((20, 1)), [0] * 10 + [1] * 10).table.row(0, named=True)
    assert nobody["low"] == 0 and nobody["high"] == pytest.approx(1 - 0.0125**0.1)


def test_groups_keep_the_names_they_were_given():
    votes = np.array([[1, 1], [1, 1], [1, -1], [-1, 1], [-1, 1], [-1, 1]])
    for names in ([3, 3, 3, 7, 7, 7], [1, 1, 1, 2, 2, 2]):
        expected = {names[0], names[-1]}
        assert set(bridging.representative(votes, names)["group"]) == expected
        assert set(bridging.representativeness(votes, names)["group"]) == expected


@pytest.mark.parametrize("dissenters", [1, 2])
def test_resamples_in_which_all_vote_alike_are_counted(dissenters):
    votes = np.ones((10, 12))
    votes[:dissenters] = -1
    found = bridging.opinion_map(votes, nulls=5)
    assert found.k == 2 and any("resamples of people had no plane" in line for line in found.warnings)
    assert "without groups left out" in found.stability.method


def test_a_silhouette_has_no_interval_of_its_own():
    found = bridging.opinion_map(camps()[0], resamples=5, nulls=5)
    assert np.isnan(found.silhouette.low) and "see the nulls" in found.silhouette.method


def test_intercepts_say_nothing_of_who_was_not_drawn():
    votes = np.ones((6, 3))
    votes[:, 2] = np.nan
    found = bridging.intercepts(votes, draws=10)
    rows = found.table.rows()
    assert np.isnan(rows[0][2:4]).all() and np.isnan(rows[2][1:5]).all()
    assert rows[0][1] == pytest.approx(0.31746, abs=1e-5)
    noisy = np.random.default_rng(0).choice([1.0, -1.0, np.nan], size=(40, 6), p=[0.4, 0.2, 0.4])
    table = bridging.intercepts(noisy, draws=50).table
    assert ((table["low"] < table["intercept"]) & (table["intercept"] < table["high"])).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bridging.group_informed_consensus([[1]], [0], combine="prod"), "`combine` is 'prod'"),
        (lambda: bridging.group_informed_consensus([[1]], [0], vote=2), "`vote` is 2"),
        (lambda: bridging.group_informed_consensus([[1]], [0], level=95), "cannot hold a share of 95"),
        (lambda: bridging.group_informed_consensus([[1], [1]], [0, np.inf]), "row 2: group inf"),
        (lambda: bridging.intercepts([[1, 0]], penalty="mena"), "`penalty` is 'mena'"),
        (lambda: bridging.intercepts([[1, 0]], passes="mising"), "`passes` is 'mising'"),
        (lambda: bridging.intercepts([[1, 0]], intercept_lambda=-1), "`intercept_lambda` is -1"),
        (lambda: bridging.intercepts([[1, 0]], draws=2, level=95), "cannot hold a share of 95"),
        (lambda: bridging.opinion_map(camps()[0], groups=[2.5]), "no numbers of groups"),
        (
            lambda: bridging.opinion_map(camps()[0], resamples=0, nulls=2).chance("shufled"),
            "`null` is 'shufled'",
        ),
    ],
)
def test_words_and_numbers_that_mean_nothing(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_a_number_of_groups_may_be_of_numpy():
    assert bridging.opinion_map(camps()[0], groups=np.int64(3), resamples=0, nulls=0).k == 3
